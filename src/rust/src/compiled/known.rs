//! What is known of a call is seen at once: may it be one of a function that was refused before? To see that in R takes
//! as long as much of what is done for a job of one task (R/compiled-known.R, `refused_before()`).

use std::fmt::Write;

use extendr_api::prelude::*;

use super::meaning::look_up;
use crate::ffi::{self, Sexp};
use crate::needs::{add_code, home, is_function, Text};
use crate::raw::{guard, routines};

/// What `key_of_call()` says where the frame is that of calls `FUN(X[[i]], ...)` for a vector of numbers or
/// logical values without a class; `NULL` where it is another, or that cannot be told without
/// evaluating something.
unsafe extern "C-unwind" fn rs_call_key(frame: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R protects the arguments of a call; symbols are never collected, and `X` and `FUN`
        // live as long as they are bound. `...length()` fails only without `...`; this frame owns
        // nothing.
        unsafe {
            if ffi::TYPEOF(frame) != ffi::ENVSXP {
                return ffi::nil();
            }
            let bound = |name: &std::ffi::CStr| {
                let x = ffi::rustle_bound(ffi::Rf_install(name.as_ptr()), frame);
                (!x.is_null() && x != ffi::R_MissingArg).then_some(x)
            };
            let several = ffi::Rf_install(c"several".as_ptr());
            let dots = ffi::Rf_install(c"...".as_ptr());
            if ffi::R_existsVarInFrame(frame, several) != 0
                || ffi::R_existsVarInFrame(frame, dots) == 0
            {
                return ffi::nil();
            }
            let (Some(x), Some(fun)) = (bound(c"X"), bound(c"FUN")) else {
                return ffi::nil();
            };
            let numbers = matches!(ffi::TYPEOF(x), ffi::REALSXP | ffi::INTSXP | ffi::LGLSXP);
            if !numbers || ffi::Rf_isObject(x) != 0 || ffi::TYPEOF(fun) != ffi::CLOSXP {
                return ffi::nil();
            }
            let ask = |what: &std::ffi::CStr| {
                let name = ffi::Rf_install(what.as_ptr());
                let call = ffi::Rf_protect(ffi::Rf_lcons(name, ffi::nil()));
                let told = ffi::Rf_eval(call, frame);
                ffi::Rf_unprotect(1);
                told
            };
            let count = ask(c"...length");
            if ffi::TYPEOF(count) != ffi::INTSXP {
                return ffi::nil();
            }
            let count = *ffi::INTEGER_RO(count);
            let mut key = Text::new();
            let mut whole = add_code(&mut key, fun).is_ok();
            if count > 0 {
                whole &= write!(key, " {count}").is_ok();
                let names = ffi::Rf_protect(ask(c"...names"));
                if ffi::TYPEOF(names) == ffi::STRSXP {
                    for k in 0..ffi::Rf_xlength(names) {
                        let name = ffi::R_CHAR(ffi::STRING_ELT(names, k));
                        whole &= key.push(b" ").is_ok();
                        whole &= key.push(std::ffi::CStr::from_ptr(name).to_bytes()).is_ok();
                    }
                }
                ffi::Rf_unprotect(1);
            }
            if whole {
                key.string()
            } else {
                ffi::nil()
            }
        }
    })
}

/// Does a name, where it is called in the code of a closure, mean this very function? `FALSE`, too, where
/// that cannot be told without evaluating something.
unsafe extern "C-unwind" fn rs_means(fun: Sexp, name: Sexp, value: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a closure, a string and a function, and protects them; nothing is evaluated.
        unsafe {
            let symbol = ffi::Rf_installTrChar(ffi::STRING_ELT(name, 0));
            let found = look_up(symbol, home(fun), is_function);
            ffi::Rf_ScalarLogical(matches!(found, Ok(Some(x)) if x == value).into())
        }
    })
}

/// Is one of these options `TRUE`?
unsafe extern "C-unwind" fn rs_set_options(names: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a character vector and protects it; symbols are never collected.
        unsafe {
            let mut set = false;
            for k in 0..ffi::Rf_xlength(names) {
                let value = ffi::Rf_GetOption1(ffi::Rf_installTrChar(ffi::STRING_ELT(names, k)));
                set |= ffi::TYPEOF(value) == ffi::LGLSXP
                    && ffi::Rf_xlength(value) == 1
                    && *ffi::LOGICAL_RO(value) == 1;
            }
            ffi::Rf_ScalarLogical(set.into())
        }
    })
}

routines! {
    meta__rs_call_key "rs_call_key" "wrap__rs_call_key" ("frame") => rs_call_key;
    meta__rs_means "rs_means" "wrap__rs_means" ("fun", "name", "value") => rs_means;
    meta__rs_set_options "rs_set_options" "wrap__rs_set_options" ("names") => rs_set_options;
}

extendr_module! {
    mod known;
    fn rs_call_key;
    fn rs_means;
    fn rs_set_options;
}
