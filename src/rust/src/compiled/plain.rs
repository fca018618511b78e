//! Vectors and matrices of R as data of the machine.

use extendr_api::prelude::*;
use rustle_compiled::machine::Data;
use rustle_compiled::tree::Type;

/// The elements of a vector of R for as long as a handle keeps it.
///
/// # Safety
///
/// The vector is under the handle of whoever reads the slice; R changes no vector that
/// somebody else keeps, too.
pub(super) unsafe fn kept<T>(x: &[T]) -> &'static [T] {
    if x.is_empty() {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(x.as_ptr(), x.len()) }
}

/// Logical values of R are integers.
pub(super) fn as_integers(x: &[Rbool]) -> &[i32] {
    if x.is_empty() {
        return &[];
    }
    // SAFETY: a logical value is a transparent integer.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

/// The shape of a matrix without other attributes than names; `None` of what is a vector. `true`: it
/// has names.
fn shape(value: &Robj) -> std::result::Result<(Option<[usize; 2]>, bool), String> {
    let mut count = 0;
    // SAFETY: a live object on R's main thread.
    unsafe {
        let sexp = value.get().cast();
        if !crate::ffi::has_attributes(sexp) {
            return Ok((None, false));
        }
        crate::ffi::each_attribute(sexp, |_, _| {
            count += 1;
            true
        });
    }
    // SAFETY: as above. Sides may have names of their own.
    let plain = |dim: &Robj| !unsafe { crate::ffi::has_attributes(dim.get().cast()) };
    let dim = value.get_attrib("dim").filter(plain);
    let dim = dim.as_ref().and_then(Robj::as_integer_slice);
    let has = |name: &str| value.get_attrib(name).is_some();
    match dim {
        Some([nrow, ncol]) if count == 1 || count == 2 && has("dimnames") => {
            Ok((Some([*nrow as usize, *ncol as usize]), count == 2))
        }
        None if count == 1 && has("names") => Ok((None, true)),
        _ => Err("has attributes".into()),
    }
}

/// A vector or matrix of R, or why it cannot be used. Its type is that of one element
/// where it has one and no names. `true`: it has names.
pub(super) fn bare(value: &Robj) -> std::result::Result<(Type, Data<'static>, bool), String> {
    let (shape, named) = shape(value)?;
    let (ty, data) = if named && shape.is_none() {
        bare_vector(value)?
    } else {
        shaped(value, shape)?
    };
    Ok((ty, data, named))
}

fn shaped(
    value: &Robj,
    shape: Option<[usize; 2]>,
) -> std::result::Result<(Type, Data<'static>), String> {
    if let Some(x) = value.as_real_slice() {
        if let Some(shape) = shape {
            // SAFETY: it is part of the data of the handle.
            let data = Data::DoubleMatrix(unsafe { kept(x) }, shape);
            return Ok((Type::DoubleMatrix, data));
        }
        return Ok(match x {
            [one] => (Type::Double, Data::Double(*one)),
            // SAFETY: it is part of the data of the handle.
            _ => (Type::Doubles, Data::Doubles(unsafe { kept(x) })),
        });
    }
    let (x, one) = if let Some(x) = value.as_integer_slice() {
        (x, Type::Integer)
    } else if let Some(x) = value.as_logical_slice() {
        (as_integers(x), Type::Logical)
    } else {
        return Err("is not a vector of numbers or logical values".into());
    };
    if x.contains(&i32::MIN) {
        return Err("has missing values".into());
    }
    if let Some(shape) = shape {
        // SAFETY: it is part of the data of the handle.
        let data = Data::IntegerMatrix(unsafe { kept(x) }, shape);
        return Ok((one.matrix(), data));
    }
    Ok(match x {
        [value] => (one, Data::Integer(*value)),
        // SAFETY: it is part of the data of the handle.
        _ => (one.vector(), Data::Integers(unsafe { kept(x) })),
    })
}

/// The names of a vector that has no other attribute: they are plain text, and it has elements.
pub(super) fn only_names(value: &Robj) -> Option<Vec<String>> {
    let mut count = 0;
    // SAFETY: a live object on R's main thread.
    unsafe {
        let sexp = value.get().cast();
        if !crate::ffi::has_attributes(sexp) {
            return None;
        }
        crate::ffi::each_attribute(sexp, |_, _| {
            count += 1;
            true
        });
    }
    let names = value.get_attrib("names").filter(|_| count == 1)?;
    // SAFETY: as above.
    let plain = !unsafe { crate::ffi::has_attributes(names.get().cast()) };
    let names = names.as_str_iter().filter(|_| plain && value.len() > 0)?;
    names
        .map(|name| (!name.is_na() && name.is_ascii()).then(|| name.to_owned()))
        .collect()
}

/// A vector of R without its attributes, or why it cannot be used.
pub(super) fn bare_vector(value: &Robj) -> std::result::Result<(Type, Data<'static>), String> {
    if let Some(x) = value.as_real_slice() {
        // SAFETY: it is part of the data of the handle.
        return Ok((Type::Doubles, Data::Doubles(unsafe { kept(x) })));
    }
    let (x, ty) = if let Some(x) = value.as_integer_slice() {
        (x, Type::Integers)
    } else if let Some(x) = value.as_logical_slice() {
        (as_integers(x), Type::Logicals)
    } else {
        return Err("is not a vector of numbers or logical values".into());
    };
    if x.contains(&i32::MIN) {
        return Err("has missing values".into());
    }
    // SAFETY: it is part of the data of the handle.
    Ok((ty, Data::Integers(unsafe { kept(x) })))
}

/// The same data as a vector, where other elements are no single numbers.
pub(super) fn as_vector(data: Data<'static>, value: &Robj) -> Data<'static> {
    let logical = || value.as_logical_slice().map(as_integers);
    // SAFETY: they are part of the data of the handle.
    let found = unsafe {
        match data {
            Data::Double(_) => value.as_real_slice().map(|x| Data::Doubles(kept(x))),
            Data::Integer(_) => {
                let x = value.as_integer_slice().or_else(logical);
                x.map(|x| Data::Integers(kept(x)))
            }
            _ => None,
        }
    };
    found.unwrap_or(data)
}
