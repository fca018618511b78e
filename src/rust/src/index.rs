//! The variable `i` of the frame in which tasks are evaluated.

use std::ffi::c_int;

use crate::ffi::{self, Sexp};

/// Its name.
pub(crate) fn symbol_i() -> Sexp {
    // SAFETY: main thread; the name is terminated; symbols are never collected.
    unsafe { ffi::Rf_install(c"i".as_ptr()) }
}

/// The variable `i` of the frame of a call. Tasks see a scalar of their own, for FUN
/// may keep or rebind it; one that only the frame refers to is used again.
pub(crate) struct Index {
    symbol: Sexp,
    rho: Sexp,
    scalar: Sexp,
    /// Where `scalar` is protected.
    at: c_int,
}

impl Index {
    /// Leaves one object on the protection stack.
    ///
    /// # Safety
    ///
    /// `rho` is a live environment; main thread.
    pub(crate) unsafe fn new(symbol: Sexp, rho: Sexp) -> Index {
        let mut index = Index {
            symbol,
            rho,
            scalar: ffi::nil(),
            at: 0,
        };
        // SAFETY: `at` lives; the caller unprotects.
        unsafe { ffi::R_ProtectWithIndex(index.scalar, &mut index.at) };
        index
    }

    /// # Safety
    ///
    /// As [`Index::new`], with its protection still in place. R may jump out (no
    /// memory).
    pub(crate) unsafe fn bind(&mut self, task: u32) {
        // SAFETY: by the caller's promise. A scalar that has one reference is that
        // of the frame, so nobody sees it change.
        unsafe {
            let number = task.saturating_add(1);
            let own = ffi::TYPEOF(self.scalar) == ffi::INTSXP
                && ffi::rustle_has_one_reference(self.scalar) != 0;
            match c_int::try_from(number) {
                Ok(number) if own => return ffi::INTEGER(self.scalar).write(number),
                Ok(number) => self.scalar = ffi::Rf_ScalarInteger(number),
                Err(_) => self.scalar = ffi::Rf_ScalarReal(f64::from(number)),
            }
            ffi::R_Reprotect(self.scalar, self.at);
            ffi::Rf_defineVar(self.symbol, self.scalar, self.rho);
        }
    }
}
