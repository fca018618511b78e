//! Attributes are sent once where the results that follow have the same: names, classes and
//! row names of many small lists or data frames.
//!
//! The sender decides what ([`rustle_shared::Told`]); here is the side of the receiver. Sets
//! of attributes are counted but for those within attributes.

use rustle_shared::PLACES;

use crate::ffi::{self, Sexp};

/// Names of attributes that are sent as numbers, from 1; 0: the name follows.
pub(super) fn usual_names() -> [Sexp; 6] {
    // SAFETY: symbols that R has made at its start and never changes.
    unsafe {
        [
            ffi::R_NamesSymbol,
            ffi::R_ClassSymbol,
            ffi::R_RowNamesSymbol,
            ffi::R_DimSymbol,
            ffi::R_DimNamesSymbol,
            ffi::R_LevelsSymbol,
        ]
    }
}

/// What the receiver has kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: Vec<Vec<Sexp>>,
    pub(super) place: usize,
}

impl Known {
    /// Keeps the set in `place`: its `values`, in `list`; names follow.
    ///
    /// # Safety
    ///
    /// Main thread; `list` is a live one of [`Known::list`].
    pub(super) unsafe fn keep(&mut self, list: Sexp, place: usize, values: Sexp) {
        while self.names.len() <= place {
            self.names.push(Vec::new());
        }
        self.names[place].clear();
        // SAFETY: by the caller's promise; senders keep no set in a place beyond the list.
        unsafe { ffi::SET_VECTOR_ELT(list, place as isize, values) };
    }

    /// The next name of the set in `place`.
    pub(super) fn name(&mut self, place: usize, name: Sexp) {
        if let Some(names) = self.names.get_mut(place) {
            names.push(name);
        }
    }

    /// Gives `x` the attributes that were kept in `place`.
    ///
    /// # Safety
    ///
    /// As [`Known::keep`]; `x` is protected.
    pub(super) unsafe fn give(&self, list: Sexp, place: usize, x: Sexp) {
        let Some(names) = self.names.get(place) else {
            return;
        };
        // SAFETY: by the caller's promise; symbols are never collected. Values have several
        // owners from now on, and R copies such before it changes them.
        unsafe {
            let values = ffi::VECTOR_ELT(list, place as isize);
            for (at, name) in (0..).zip(names) {
                ffi::Rf_setAttrib(x, *name, ffi::VECTOR_ELT(values, at));
            }
        }
    }

    /// A list with a place for each set.
    ///
    /// # Safety
    ///
    /// Main thread. The result is not protected.
    pub(super) unsafe fn list() -> Sexp {
        // SAFETY: by the caller's promise.
        unsafe { ffi::Rf_allocVector(ffi::VECSXP as u32, PLACES as isize) }
    }
}
