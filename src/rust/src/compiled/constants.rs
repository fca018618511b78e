//! Values other than numbers that are known when code is compiled.

use extendr_api::prelude::*;

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
