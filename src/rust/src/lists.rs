//! Named lists and words: what crosses the border to R has names, not positions,
//! and words, not numbers whose meaning is kept by hand on both sides.
//!
//! Every function returns an object that the caller protects, or stores in one that
//! is protected, before anything else is allocated. R may jump out of all of them.

use crate::ffi::{self, Sexp};

/// `CE_NATIVE`: our words are plain ASCII, those of the system are in its own encoding.
const NATIVE: std::ffi::c_int = 0;

/// A word as an element of a character vector.
///
/// # Safety
///
/// R's main thread.
pub(crate) unsafe fn word(text: &str) -> Sexp {
    // SAFETY: R copies that many bytes.
    unsafe { ffi::Rf_mkCharLenCE(text.as_ptr().cast(), text.len() as i32, NATIVE) }
}

/// A character vector of length 1.
///
/// # Safety
///
/// R's main thread.
pub(crate) unsafe fn string(text: &str) -> Sexp {
    // SAFETY: main thread; the vector is protected while the word is made.
    unsafe {
        let out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::STRSXP as u32, 1));
        ffi::SET_STRING_ELT(out, 0, word(text));
        ffi::Rf_unprotect(1);
        out
    }
}

/// Gives the elements of `list` their names.
///
/// # Safety
///
/// R's main thread; `list` is protected and has as many elements as there are names.
pub(crate) unsafe fn set_names(list: Sexp, names: &[&str]) {
    // SAFETY: main thread; the names are protected while they are made and set.
    unsafe {
        let words = ffi::Rf_protect(ffi::Rf_allocVector(
            ffi::STRSXP as u32,
            names.len() as isize,
        ));
        for (i, name) in names.iter().enumerate() {
            ffi::SET_STRING_ELT(words, i as isize, word(name));
        }
        ffi::Rf_setAttrib(list, ffi::Rf_install(c"names".as_ptr()), words);
        ffi::Rf_unprotect(1);
    }
}

/// A list of `NULL`s with these names.
///
/// # Safety
///
/// R's main thread.
pub(crate) unsafe fn named_list(names: &[&str]) -> Sexp {
    // SAFETY: main thread; the list is protected while it gets its names.
    unsafe {
        let out = ffi::Rf_protect(ffi::Rf_allocVector(
            ffi::VECSXP as u32,
            names.len() as isize,
        ));
        set_names(out, names);
        ffi::Rf_unprotect(1);
        out
    }
}
