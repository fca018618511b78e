//! Constants of code, and values that are known when it is compiled.

use extendr_api::prelude::*;
use rustle_compiled::tree::Kind;

/// One element, as a constant of code or a variable.
pub(super) fn constant(value: &Robj) -> Kind {
    if value.is_null() {
        return Kind::Null;
    }
    // SAFETY: a live object on R's main thread.
    if value.len() != 1 || unsafe { crate::ffi::has_attributes(value.get().cast()) } {
        return Kind::Other("what is no single number, string or logical value".into());
    }
    if let Some(x) = value.as_real_slice() {
        return Kind::Double(x[0]);
    }
    if let Some(x) = value.as_integer_slice() {
        return if x[0] == i32::MIN {
            Kind::Other("a missing value".into())
        } else {
            Kind::Integer(x[0])
        };
    }
    if let Some(x) = value.as_logical_slice() {
        return if x[0].is_na() {
            Kind::Na
        } else {
            Kind::Logical(x[0].is_true())
        };
    }
    match value.as_str_iter().and_then(|mut texts| texts.next()) {
        Some(text) if text.is_na() => Kind::Other("a missing value".into()),
        Some(text) => Kind::Text(text.to_owned()),
        None => Kind::Other("a value that is not numeric".into()),
    }
}

/// More strings are not taken as known ones.
const MOST_TEXTS: usize = 64;

/// Strings that may be known when the code is compiled.
pub(super) fn texts(value: &Robj) -> Option<Vec<String>> {
    // SAFETY: a live object on R's main thread.
    let plain = value.is_string() && !unsafe { crate::ffi::has_attributes(value.get().cast()) };
    if !plain || !(1..=MOST_TEXTS).contains(&value.len()) {
        return None;
    }
    let one = |text: &str| (!text.is_na() && text.is_ascii()).then(|| text.to_owned());
    value.as_str_iter()?.map(one).collect()
}

/// The names of the rows and columns of a matrix, where these are few and plain text.
pub(super) fn known_sides(value: &Robj) -> Option<[Option<Vec<String>>; 2]> {
    let sides = value.get_attrib("dimnames")?;
    // Sides may have names of their own.
    // SAFETY: a live object on R's main thread.
    let plain = !unsafe { crate::ffi::has_attributes(sides.get().cast()) };
    let sides: Vec<Robj> = sides.as_list().filter(|_| plain)?.values().collect();
    let one = |side: &Robj| {
        if side.is_null() {
            Some(None)
        } else {
            texts(side).map(Some)
        }
    };
    match sides.as_slice() {
        [rows, columns] => Some([one(rows)?, one(columns)?]),
        _ => None,
    }
}
