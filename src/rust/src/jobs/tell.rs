//! A worker tells the session which calls it is in.
//!
//! The session writes a question into shared memory ([`rustle_workers::board`]). The worker
//! looks for one where R itself looks for interrupts and events, which it does while it
//! evaluates and while it sleeps: there R code may run, as the callbacks of tcltk do. No signal
//! and no interrupt is involved, so a task notices nothing, whatever handlers it has. Who is in
//! compiled code that does not look for interrupts, or waits for another process, does not
//! answer.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use extendr_api::prelude::*;

use super::evaluate;
use crate::ffi::{self, Sexp};

/// R's handler of events before ours.
static BEFORE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// The calls are being gathered.
static TELLING: AtomicBool = AtomicBool::new(false);

/// R looks this often at least while it waits for time or input, in microseconds.
#[cfg(unix)]
const PAUSE: std::ffi::c_int = 100_000;

/// From now on this worker looks for questions.
#[cfg(unix)]
pub(super) fn listen() {
    // SAFETY: R's main thread, which alone reads and writes these variables of R.
    unsafe {
        let now = std::ptr::replace(&raw mut ffi::R_PolledEvents, Some(on_events));
        let own: unsafe extern "C" fn() = on_events;
        if let Some(before) = now.filter(|before| *before as usize != own as usize) {
            BEFORE.store(before as *mut c_void, Ordering::Relaxed);
        }
        if ffi::R_wait_usec == 0 || ffi::R_wait_usec > PAUSE {
            ffi::R_wait_usec = PAUSE;
        }
    }
}

#[cfg(not(unix))]
pub(super) fn listen() {}

unsafe extern "C" fn on_events() {
    let before = BEFORE.load(Ordering::Relaxed);
    if !before.is_null() {
        // SAFETY: it was R's handler, a function of this type.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn()>(before)() };
    }
    let Some(question) = evaluate::question() else {
        return;
    };
    // Gathering the calls lets R look for events as well.
    if TELLING.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut calls = String::new();
    // SAFETY: R's main thread, where R lets handlers of events evaluate R code; `calls` lives
    // until the call returns, and jumps out of `gather` end here.
    unsafe { ffi::R_ToplevelExec(gather, (&raw mut calls).cast()) };
    evaluate::answer(question, &calls);
    TELLING.store(false, Ordering::Relaxed);
}

/// Evaluates `rustle:::told_calls()`, a string.
unsafe extern "C-unwind" fn gather(calls: *mut c_void) {
    // SAFETY: `calls` is the string of `on_events`, which is waiting; what is allocated is
    // protected; nothing is owned while R may jump.
    unsafe {
        let symbol = |name: &std::ffi::CStr| ffi::Rf_install(name.as_ptr());
        let name = ffi::Rf_protect(ffi::Rf_lcons(symbol(c"told_calls"), ffi::nil()));
        let home = ffi::Rf_protect(ffi::Rf_lcons(symbol(c"rustle"), name));
        let found = ffi::Rf_protect(ffi::Rf_lcons(symbol(c":::"), home));
        let call = ffi::Rf_protect(ffi::Rf_lcons(found, ffi::nil()));
        let told: Sexp = ffi::Rf_protect(ffi::Rf_eval(call, ffi::R_BaseEnv));
        if ffi::TYPEOF(told) == ffi::STRSXP && ffi::Rf_xlength(told) == 1 {
            let text = ffi::STRING_ELT(told, 0);
            let bytes = std::slice::from_raw_parts(
                ffi::R_CHAR(text).cast::<u8>(),
                ffi::Rf_xlength(text) as usize,
            );
            *calls.cast::<String>() = String::from_utf8_lossy(bytes).into_owned();
        }
        ffi::Rf_unprotect(5);
    }
}

/// Opens the log of this worker: output and the lines of `rs_worker_log()` go there. `FALSE`
/// where it cannot be opened.
/// @noRd
#[extendr]
fn rs_worker_log_to(path: &str) -> bool {
    evaluate::open_log(path)
}

/// A line for the log of this worker, if it has one.
/// @noRd
#[extendr]
fn rs_worker_log(line: &str) {
    evaluate::log(line);
}

extendr_module! {
    mod tell;
    fn rs_worker_log_to;
    fn rs_worker_log;
}
