//! Tasks in this process, in order: what every other way is compared with.

use std::ffi::c_int;

use crate::ffi::{self, Sexp};
use crate::index::{symbol_i, Index};
use crate::report::Timer;
use crate::seeds::Seeds;
use crate::shape::{is_like, Shape};

/// What this process is told of its tasks, apart from R objects.
#[derive(Debug)]
pub(crate) struct Here {
    pub(crate) seeds: Seeds,
    pub(crate) shape: Shape,
    /// How many arguments of the call are forced before it is made.
    pub(crate) forced: c_int,
    pub(crate) timer: Timer,
}

/// Calls `check(value, task)`, where R may jump out of.
///
/// # Safety
///
/// `check` is a live function and `value` is protected; main thread.
pub(crate) unsafe fn check(check: Sexp, value: Sexp, task: u32) {
    // SAFETY: by the caller's promise. A value that is code must not be evaluated.
    unsafe {
        let quote = ffi::Rf_install(c"quote".as_ptr());
        let quoted = ffi::Rf_protect(ffi::Rf_lcons(value, ffi::nil()));
        let quoted = ffi::Rf_protect(ffi::Rf_lcons(quote, quoted));
        let number = ffi::Rf_protect(ffi::Rf_ScalarReal(f64::from(task) + 1.0));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(number, ffi::nil()));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(quoted, arguments));
        let call = ffi::Rf_protect(ffi::Rf_lcons(check, arguments));
        ffi::Rf_eval(call, ffi::R_BaseEnv);
        ffi::Rf_unprotect(6);
    }
}

/// Evaluates tasks `order` (some, or all; by default all in order) in this process into `values`; `checker`
/// (or `NULL`) looks at those that are not like the template.
///
/// # Safety
///
/// All arguments are protected; `here` is live and nobody else uses it; main thread. R may
/// jump out at any task.
pub(crate) unsafe fn run_here(
    call: Sexp,
    rho: Sexp,
    values: Sexp,
    order: Option<&[c_int]>,
    here: *mut Here,
    checker: Sexp,
) {
    // SAFETY: by the caller's promise; every task number is below the length of
    // `values`.
    unsafe {
        let tasks = order.map_or(ffi::Rf_xlength(values) as usize, <[c_int]>::len) as u32;
        let (forced, template) = ((*here).forced, (*here).shape.template());
        let (seeds, timer) = (&raw mut (*here).seeds, &raw mut (*here).timer);
        (*timer).expect(tasks);
        let mut index = Index::new(symbol_i(), rho);
        for position in 0..tasks {
            let task = order.map_or(position, |o| o[position as usize] as u32 - 1);
            (*seeds).enter_task(task);
            index.bind(task);
            (*timer).begin(task);
            let value = ffi::R_forceAndCall(call, forced, rho);
            // It is on no list that protects it yet: this allocates nothing of R.
            (*timer).end();
            ffi::SET_VECTOR_ELT(values, task as isize, value);
            if checker != ffi::nil() && !template.is_some_and(|t| is_like(t, value)) {
                check(checker, value, task);
            }
        }
        (*timer).finish();
        ffi::Rf_unprotect(1);
    }
}
