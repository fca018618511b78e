//! What R cannot send as it is, noticed while it serializes: pointers, which are dead in
//! another process, and objects of classes that have a way of their own
//! (R/engine-references.R). Plain objects pay nothing: R asks about environments, external
//! pointers and weak references only.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use extendr_api::prelude::*;

use crate::ffi::{self, Sexp};

extern "C-unwind" {
    fn R_ExternalPtrProtected(x: Sexp) -> Sexp;
}

/// The classes that are looked for, by name.
static CLASSES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// The length of the longest of their names; 0 when there are none.
static LONGEST: AtomicUsize = AtomicUsize::new(0);

/// Names of classes of which the objects are noticed when they are sent.
/// @noRd
#[extendr]
fn rs_watch_classes(names: Vec<String>) {
    LONGEST.store(
        names.iter().map(String::len).max().unwrap_or(0),
        Ordering::Relaxed,
    );
    *CLASSES.lock().unwrap_or_else(PoisonError::into_inner) = names;
}

/// Are there classes that are looked for?
pub(crate) fn is_watching() -> bool {
    LONGEST.load(Ordering::Relaxed) != 0
}

/// Is this the name of a class that is looked for?
pub(crate) fn is_watched(name: &[u8]) -> bool {
    let longest = LONGEST.load(Ordering::Relaxed);
    if name.is_empty() || name.len() > longest {
        return false;
    }
    let classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    classes.iter().any(|class| class.as_bytes() == name)
}

/// Does an external pointer lead to something that is in this process only? data.table
/// marks its tables by pointers to NULL, which protect one to the table.
unsafe fn leads_somewhere(x: Sexp) -> bool {
    // SAFETY: `x` is a live external pointer.
    let address = unsafe { ffi::R_ExternalPtrAddr(x) };
    !address.is_null() && address != ffi::nil()
}

/// Is it a pointer to something in this process?
/// @noRd
#[extendr]
fn rs_pointer_lives(x: Robj) -> bool {
    // SAFETY: `x` is protected; the type is looked at.
    unsafe {
        let x: Sexp = x.get().cast();
        ffi::TYPEOF(x) == ffi::EXTPTRSXP && leads_somewhere(x)
    }
}

/// What was noticed, and the objects that are written as names: the reader has something
/// else for them.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The number of each object, by address.
    numbers: HashMap<usize, isize>,
    /// R list with the name of each, a string vector.
    names: Sexp,
    /// A pointer of a mark that protects nothing of interest.
    harmless: Sexp,
    /// A pointer was there that will be dead.
    pub(crate) pointers: bool,
    /// The name of a class that is looked for was there.
    pub(crate) classes: bool,
}

impl Watch {
    /// `keys`: NULL, or a list of environments and external pointers; `names`: their names.
    ///
    /// # Safety
    ///
    /// Both are protected as long as the watch is used; main thread.
    pub(crate) unsafe fn new(keys: Sexp, names: Sexp) -> Watch {
        // SAFETY: by the caller's promise.
        let numbers = unsafe {
            let n = if keys == ffi::nil() {
                0
            } else {
                ffi::Rf_xlength(keys)
            };
            (0..n)
                .map(|i| (ffi::VECTOR_ELT(keys, i) as usize, i))
                .collect()
        };
        Watch {
            numbers,
            names,
            harmless: ffi::nil(),
            pointers: false,
            classes: false,
        }
    }

    /// Looks at bytes that R writes behind `stream`.
    pub(crate) fn look(&mut self, stream: &[u8], bytes: &[u8]) {
        if !self.classes && is_watched(bytes) {
            // Flags and length of its text stand before a string; before these, in code, the
            // flags of a symbol. (A vector of strings has its own flags, and 1 if it has one.)
            let word = |back: usize| {
                let at = stream.len().checked_sub(4 * back)?;
                Some(u32::from_ne_bytes(stream[at..at + 4].try_into().ok()?))
            };
            let symbol = word(3) == Some(ffi::SYMSXP as u32)
                && word(4).is_none_or(|flags| flags & 0xFF != ffi::STRSXP as u32);
            self.classes = !symbol;
        }
    }

    /// What R asks about an environment, external pointer or weak reference: the name that
    /// is written in its place, or NULL.
    unsafe fn answer(&mut self, x: Sexp) -> Sexp {
        // SAFETY: R passes a live object.
        unsafe {
            if let Some(&number) = self.numbers.get(&(x as usize)) {
                return ffi::VECTOR_ELT(self.names, number);
            }
            match ffi::TYPEOF(x) {
                ffi::EXTPTRSXP => {
                    if ffi::R_ExternalPtrAddr(x) == ffi::nil() {
                        self.harmless = R_ExternalPtrProtected(x);
                    } else if x != self.harmless && leads_somewhere(x) {
                        self.pointers = true;
                    }
                }
                ffi::WEAKREFSXP => self.pointers = true,
                _ => {}
            }
        }
        ffi::nil()
    }
}

/// The hook of a stream that R writes. `data` is an external pointer to a [`Watch`], behind
/// a pointer that does not change.
pub(crate) unsafe extern "C-unwind" fn on_writing(x: Sexp, data: Sexp) -> Sexp {
    // SAFETY: the watch outlives the call, and nobody else holds a reference to it then.
    unsafe { (*ffi::R_ExternalPtrAddr(data).cast::<Watch>()).answer(x) }
}

/// The hook of a stream that R reads: `made` has what the names stand for.
pub(super) unsafe extern "C-unwind" fn on_reading(name: Sexp, made: Sexp) -> Sexp {
    // SAFETY: R passes a string vector; the number is looked at.
    unsafe {
        let text = std::ffi::CStr::from_ptr(ffi::R_CHAR(ffi::STRING_ELT(name, 0)));
        let number = text
            .to_str()
            .ok()
            .and_then(|text| text.parse::<c_int>().ok());
        match number {
            Some(n) if n >= 1 && (n as isize) <= ffi::Rf_xlength(made) => {
                ffi::VECTOR_ELT(made, n as isize - 1)
            }
            _ => ffi::nil(),
        }
    }
}

extendr_module! {
    mod watch;
    fn rs_watch_classes;
    fn rs_pointer_lives;
}
