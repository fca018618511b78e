//! What tasks have returned, as R's values.

use rustle_compiled::machine::Value;

use super::job::{Fate, Job};
use crate::ffi::{self, Sexp};
use crate::lists::{named_list, word};

/// The type that all values have if they are single numbers.
fn common(fates: &[Fate]) -> Option<u32> {
    let mut found = None;
    for fate in fates {
        let kind = match fate {
            Fate::Done(Value::Double(_)) => ffi::REALSXP,
            Fate::Done(Value::Integer(_)) => ffi::INTSXP,
            Fate::Done(Value::Logical(_)) => ffi::LGLSXP,
            _ => return None,
        };
        if *found.get_or_insert(kind) != kind {
            return None;
        }
    }
    found.map(|kind| kind as u32)
}

/// # Safety
///
/// R's main thread. The result is protected before anything else is allocated. R may jump
/// out: the frame owns nothing but the lock, which nobody waits for. Vectors are let go as soon as R has
/// them: they are asked for once.
pub(super) unsafe fn to_r(job: &Job, names: &[Vec<String>], simple: bool) -> Sexp {
    let mut guard = std::mem::ManuallyDrop::new(job.fates());
    let fates: &mut [Fate] = &mut guard;
    // SAFETY: main thread; `out` is protected, and everything else is stored in it, or
    // protected, before the next allocation; indices are below the lengths.
    let out = unsafe {
        let out = ffi::Rf_protect(named_list(&["values", "vector", "bailed", "reasons"]));
        let labels = ffi::Rf_protect(labels_of(names));
        if let Some(kind) = common(fates).filter(|_| simple) {
            ffi::SET_VECTOR_ELT(out, 1, vector(fates, kind));
        } else {
            ffi::SET_VECTOR_ELT(out, 0, list(fates, labels));
        }
        let fates: &[Fate] = fates;
        let bailed = || {
            fates.iter().enumerate().filter_map(|(k, fate)| match fate {
                Fate::Bailed(bail) => Some((k, bail.0)),
                // A task that has not ended is R's, too; run_compiled() in R knows it by this reason.
                Fate::Waiting => Some((k, "the end of the call")),
                Fate::Done(_) => None,
            })
        };
        let count = bailed().count() as isize;
        let numbers = ffi::Rf_allocVector(ffi::INTSXP as u32, count);
        ffi::SET_VECTOR_ELT(out, 2, numbers);
        let reasons = ffi::Rf_allocVector(ffi::STRSXP as u32, count);
        ffi::SET_VECTOR_ELT(out, 3, reasons);
        let first = job.tasks().start;
        for (i, (k, reason)) in bailed().enumerate() {
            ffi::INTEGER(numbers).add(i).write((first + k) as i32 + 1);
            ffi::SET_STRING_ELT(reasons, i as isize, word(reason));
        }
        ffi::Rf_unprotect(2);
        out
    };
    drop(std::mem::ManuallyDrop::into_inner(guard));
    out
}

/// The values of tasks that have all returned: a list, or with `simple` one vector where all are
/// single numbers of one type.
///
/// # Safety
///
/// As of [`to_r`].
pub(super) unsafe fn all(job: &Job, names: &[Vec<String>], simple: bool) -> Sexp {
    let mut guard = std::mem::ManuallyDrop::new(job.fates());
    // SAFETY: as of `to_r`.
    let out = unsafe {
        match common(&guard).filter(|_| simple) {
            Some(kind) => vector(&guard, kind),
            None => {
                let labels = ffi::Rf_protect(labels_of(names));
                let out = list(&mut guard, labels);
                ffi::Rf_unprotect(1);
                out
            }
        }
    };
    drop(std::mem::ManuallyDrop::into_inner(guard));
    out
}

/// Names that values have, as a list of character vectors.
///
/// # Safety
///
/// As of [`to_r`].
unsafe fn labels_of(names: &[Vec<String>]) -> Sexp {
    // SAFETY: as of `to_r`.
    unsafe {
        let kind = ffi::VECSXP as u32;
        let labels = ffi::Rf_protect(ffi::Rf_allocVector(kind, names.len() as isize));
        for (k, row) in names.iter().enumerate() {
            let words = ffi::Rf_allocVector(ffi::STRSXP as u32, row.len() as isize);
            ffi::SET_VECTOR_ELT(labels, k as isize, words);
            for (i, name) in row.iter().enumerate() {
                // Names of code are in the encoding in which they were read, UTF-8.
                let name = ffi::Rf_mkCharLenCE(name.as_ptr().cast(), name.len() as i32, 1);
                ffi::SET_STRING_ELT(words, i as isize, name);
            }
        }
        ffi::Rf_unprotect(1);
        labels
    }
}

/// Single numbers of one type as a vector.
///
/// # Safety
///
/// As of [`to_r`].
unsafe fn vector(fates: &[Fate], kind: u32) -> Sexp {
    // SAFETY: as of `to_r`; it has as many elements.
    unsafe {
        let vector = ffi::Rf_allocVector(kind, fates.len() as isize);
        for (k, fate) in fates.iter().enumerate() {
            match fate {
                Fate::Done(Value::Double(x)) => ffi::REAL(vector).add(k).write(*x),
                Fate::Done(Value::Integer(x)) => ffi::INTEGER(vector).add(k).write(*x),
                Fate::Done(Value::Logical(x)) => ffi::LOGICAL(vector).add(k).write(*x),
                _ => {}
            }
        }
        vector
    }
}

/// Values as a list; `NULL` where there is none.
///
/// # Safety
///
/// As of [`to_r`]; `labels` is protected.
unsafe fn list(fates: &mut [Fate], labels: Sexp) -> Sexp {
    // SAFETY: as of `to_r`.
    unsafe {
        let kind = ffi::VECSXP as u32;
        let list = ffi::Rf_protect(ffi::Rf_allocVector(kind, fates.len() as isize));
        for (k, fate) in fates.iter_mut().enumerate() {
            if let Fate::Done(value) = fate {
                ffi::SET_VECTOR_ELT(list, k as isize, one(value, labels));
                *value = Value::Null;
            }
        }
        ffi::Rf_unprotect(1);
        list
    }
}

/// A list of values, without its names.
///
/// # Safety
///
/// As of [`to_r`]; `labels` is protected.
unsafe fn list_of(parts: &[Value], labels: Sexp) -> Sexp {
    // SAFETY: as of `to_r`.
    unsafe {
        let kind = ffi::VECSXP as u32;
        let to = ffi::Rf_protect(ffi::Rf_allocVector(kind, parts.len() as isize));
        for (k, part) in parts.iter().enumerate() {
            ffi::SET_VECTOR_ELT(to, k as isize, one(part, labels));
        }
        ffi::Rf_unprotect(1);
        to
    }
}

/// # Safety
///
/// As of [`to_r`]; `labels` is protected.
unsafe fn one(value: &Value, labels: Sexp) -> Sexp {
    // SAFETY: as of `to_r`; vectors are filled before anything else is allocated, or
    // protected.
    unsafe {
        match value {
            Value::Null => ffi::nil(),
            Value::Double(x) => ffi::Rf_ScalarReal(*x),
            Value::Integer(x) => ffi::Rf_ScalarInteger(*x),
            Value::Logical(x) => ffi::Rf_ScalarLogical(*x),
            Value::Doubles(x) => {
                let to = ffi::Rf_allocVector(ffi::REALSXP as u32, x.len() as isize);
                if !x.is_empty() {
                    std::ptr::copy_nonoverlapping(x.as_ptr(), ffi::REAL(to), x.len());
                }
                to
            }
            Value::Integers(x) => {
                let to = ffi::Rf_allocVector(ffi::INTSXP as u32, x.len() as isize);
                if !x.is_empty() {
                    std::ptr::copy_nonoverlapping(x.as_ptr(), ffi::INTEGER(to), x.len());
                }
                to
            }
            Value::Logicals(x) => {
                let to = ffi::Rf_allocVector(ffi::LGLSXP as u32, x.len() as isize);
                if !x.is_empty() {
                    std::ptr::copy_nonoverlapping(x.as_ptr(), ffi::LOGICAL(to), x.len());
                }
                to
            }
            Value::Matrix(values, shape) => {
                let to = ffi::Rf_protect(one(values, labels));
                let dim = ffi::Rf_protect(ffi::Rf_allocVector(ffi::INTSXP as u32, 2));
                for (k, n) in shape.iter().enumerate() {
                    ffi::INTEGER(dim).add(k).write(*n as i32);
                }
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"dim".as_ptr()), dim);
                ffi::Rf_unprotect(2);
                to
            }
            Value::Named(value, names) => {
                let to = ffi::Rf_protect(one(value, labels));
                let names = ffi::VECTOR_ELT(labels, *names as isize);
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"names".as_ptr()), names);
                ffi::Rf_unprotect(1);
                to
            }
            Value::Sided(value, rows, columns) => {
                let to = ffi::Rf_protect(one(value, labels));
                let sides = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, 2));
                for (k, names) in [rows, columns].into_iter().enumerate() {
                    if let Some(names) = names {
                        let names = ffi::VECTOR_ELT(labels, *names as isize);
                        ffi::SET_VECTOR_ELT(sides, k as isize, names);
                    }
                }
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"dimnames".as_ptr()), sides);
                ffi::Rf_unprotect(2);
                to
            }
            Value::Text(row) => ffi::VECTOR_ELT(labels, *row as isize),
            Value::Frame(parts, names) => {
                let to = ffi::Rf_protect(list_of(parts, labels));
                let nrow = if parts.is_empty() {
                    0
                } else {
                    ffi::Rf_xlength(ffi::VECTOR_ELT(to, 0))
                };
                let names = ffi::VECTOR_ELT(labels, *names as isize);
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"names".as_ptr()), names);
                let class = ffi::Rf_protect(ffi::Rf_allocVector(ffi::STRSXP as u32, 1));
                ffi::SET_STRING_ELT(class, 0, word("data.frame"));
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"class".as_ptr()), class);
                // R's short form of the numbers of rows.
                let rows = ffi::Rf_protect(ffi::Rf_allocVector(ffi::INTSXP as u32, 2));
                ffi::INTEGER(rows).write(i32::MIN);
                ffi::INTEGER(rows).add(1).write(-(nrow as i32));
                ffi::Rf_setAttrib(to, ffi::Rf_install(c"row.names".as_ptr()), rows);
                ffi::Rf_unprotect(3);
                to
            }
            Value::List(parts, names) => {
                let to = ffi::Rf_protect(list_of(parts, labels));
                if let Some(names) = names {
                    let names = ffi::VECTOR_ELT(labels, *names as isize);
                    ffi::Rf_setAttrib(to, ffi::Rf_install(c"names".as_ptr()), names);
                }
                ffi::Rf_unprotect(1);
                to
            }
        }
    }
}
