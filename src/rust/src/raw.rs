//! Routines that R calls without extendr's conversion around them, because R may
//! longjmp out of them, or because they are on a hot path.
//!
//! They are registered like the others: extendr's module macro asks a function
//! `meta__<name>` for each routine, and these are written here by hand. Those of forked
//! workers are in jobs/entries.rs.

use std::ffi::c_int;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::ffi::{self, Sexp};
use crate::here::{self, Here};
use crate::lists::named_list;
use crate::report;

/// Runs `f`; a panic (a bug of ours) becomes an R error after all is unwound.
pub(crate) fn guard(f: impl FnOnce() -> Sexp) -> Sexp {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => value,
        Err(payload) => {
            let said = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied());
            let text = format!(
                "This is a fault of rustle, not of your code; please report it: {}",
                said.unwrap_or("a panic in Rust")
            );
            // throw_r_error() jumps, so the payload of the panic is never freed.
            std::mem::forget(payload);
            extendr_api::throw_r_error(text)
        }
    }
}

/// # Safety
///
/// `x` is a live numeric scalar (checked by R code).
pub(crate) unsafe fn number(x: Sexp) -> f64 {
    // SAFETY: by the caller's promise.
    unsafe {
        match ffi::TYPEOF(x) {
            ffi::REALSXP => *ffi::REAL_RO(x),
            _ => f64::from(*ffi::INTEGER_RO(x)),
        }
    }
}

/// Evaluates all tasks in this process; see `here::run_here`.
unsafe extern "C-unwind" fn rs_run_here(
    call: Sexp,
    rho: Sexp,
    values: Sexp,
    order: Sexp,
    here: Sexp,
    check: Sexp,
) -> Sexp {
    // SAFETY: R code passes protected objects of these types; the pointer `here` owns what
    // changes, so a jump out of the loop leaks nothing.
    unsafe {
        let order = (ffi::TYPEOF(order) == ffi::INTSXP).then(|| {
            match ffi::Rf_xlength(order) as usize {
                // R gives an empty vector the address 1.
                0 => &[],
                len => std::slice::from_raw_parts(ffi::INTEGER_RO(order), len),
            }
        });
        let here = ffi::R_ExternalPtrAddr(here).cast();
        here::run_here(call, rho, values, order, here, check);
    }
    ffi::nil()
}

/// `list(busy, spans)` of tasks that have run here: seconds that they took, and their spans
/// as bytes or `NULL`.
unsafe extern "C-unwind" fn rs_here_report(here: Sexp) -> Sexp {
    // SAFETY: R code passes the pointer that [`here_handle`] has made; `out` is protected, and
    // everything else that is allocated is stored in it at once.
    unsafe {
        let here = ffi::R_ExternalPtrAddr(here).cast::<Here>();
        let timer = &(*here).timer;
        let out = ffi::Rf_protect(named_list(&["busy", "spans"]));
        ffi::SET_VECTOR_ELT(out, 0, ffi::Rf_ScalarReal(timer.busy()));
        if !timer.spans().is_empty() {
            let spans = timer.spans();
            ffi::SET_VECTOR_ELT(out, 1, report::write(spans.len(), spans.iter().copied()));
        }
        ffi::Rf_unprotect(1);
        out
    }
}

/// Puts `value` under an external pointer that owns it and keeps `kept` alive: it is dropped
/// when R forgets the pointer, or by [`drop_owned`].
///
/// # Safety
///
/// R's main thread; `kept` is a live R object.
pub(crate) unsafe fn owned_handle<T>(value: T, kept: Sexp) -> Sexp {
    let address = Box::into_raw(Box::new(value)).cast();
    // SAFETY: by the caller's promise; the pointer owns the box from here on.
    unsafe {
        let handle = ffi::Rf_protect(ffi::R_MakeExternalPtr(address, ffi::nil(), kept));
        ffi::R_RegisterCFinalizerEx(handle, drop_owned::<T>, 0);
        ffi::Rf_unprotect(1);
        handle
    }
}

/// Takes out what an external pointer owns; `None` when it is empty by now.
///
/// # Safety
///
/// A live external pointer, which is empty or owns a box of a `T`, of which nobody has a
/// reference.
pub(crate) unsafe fn take_owned<T>(handle: Sexp) -> Option<Box<T>> {
    // SAFETY: by the caller's promise; it is cleared, so that the box has one owner.
    unsafe {
        let address = ffi::R_ExternalPtrAddr(handle).cast::<T>();
        ffi::R_ClearExternalPtr(handle);
        (!address.is_null()).then(|| Box::from_raw(address))
    }
}

/// Drops what an external pointer owns: its finalizer.
///
/// # Safety
///
/// As [`take_owned`].
pub(crate) unsafe extern "C-unwind" fn drop_owned<T>(handle: Sexp) {
    // SAFETY: by the caller's promise.
    drop(unsafe { take_owned::<T>(handle) });
}

/// Puts what is told of tasks here under an external pointer, which keeps the list of
/// their seeds alive.
pub(crate) fn here_handle(here: Here) -> Sexp {
    let list = here.seeds.list;
    // SAFETY: main thread; the caller has the list.
    unsafe { owned_handle(here, list) }
}

unsafe extern "C-unwind" fn rs_check_interrupt() -> Sexp {
    // SAFETY: main thread; this frame owns nothing.
    unsafe { ffi::rustle_check_interrupt() }
}

/// A new double matrix whose elements are not set. R jumps away when there is no
/// memory: so allocated outside of code that owns anything.
unsafe extern "C-unwind" fn rs_matrix(nrow: Sexp, ncol: Sexp) -> Sexp {
    // SAFETY: R code passes two numbers; this frame owns nothing.
    unsafe {
        ffi::Rf_allocMatrix(
            ffi::REALSXP as u32,
            number(nrow) as c_int,
            number(ncol) as c_int,
        )
    }
}

macro_rules! routines {
    ($($meta:ident $name:literal $c_name:literal ($($arg:literal),*) => $function:expr;)*) => {$(
        #[allow(non_snake_case)]
        pub(crate) fn $meta(functions: &mut Vec<extendr_api::metadata::Func>) {
            functions.push(extendr_api::metadata::Func {
                doc: "@noRd",
                rust_name: $name,
                mod_name: $name,
                r_name: $name,
                c_name: $c_name,
                args: vec![$(extendr_api::metadata::Arg { name: $arg, arg_type: "Robj", default: None }),*],
                return_type: "Robj",
                func_ptr: $function as *const u8,
                hidden: false,
                invisible: None,
            });
        }
    )*};
}
pub(crate) use routines;

routines! {
    meta__rs_run_here "rs_run_here" "wrap__rs_run_here" ("call", "rho", "values", "order", "here", "check")
        => rs_run_here;
    meta__rs_here_report "rs_here_report" "wrap__rs_here_report" ("here") => rs_here_report;
    meta__rs_check_interrupt "rs_check_interrupt" "wrap__rs_check_interrupt" ()
        => rs_check_interrupt;
    meta__rs_matrix "rs_matrix" "wrap__rs_matrix" ("nrow", "ncol") => rs_matrix;
}
