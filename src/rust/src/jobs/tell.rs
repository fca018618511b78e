//! A worker tells the session which calls it is in.
//!
//! The session writes a question into shared memory ([`rustle_workers::board`]). The worker
//! looks for one after each garbage collection, by a finalizer that makes the next one, and, while
//! R waits for time or input, at every tick of a clock: in both cases where R lets R code run. No
//! signal and no interrupt is involved, so a task notices nothing, whatever handlers it has. Who
//! is in compiled code, waits for another process or computes without allocating anything does
//! not answer. (R's own place for this, `R_PolledEvents`, is not for packages.)

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use extendr_api::prelude::*;
use rustle_workers::child;

use super::evaluate;
use crate::ffi::{self, Sexp};

/// The calls are being gathered.
static TELLING: AtomicBool = AtomicBool::new(false);

/// R looks this often while it waits for time or input.
const PAUSE: Duration = Duration::from_millis(100);
/// What R's list of handlers calls ours.
const ACTIVITY: std::ffi::c_int = 61;
/// And that of standard input.
const STDIN: std::ffi::c_int = 2;

/// From now on this worker looks for questions.
pub(super) fn listen() {
    static LISTENING: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id();
    // A copy of a process that listened does not.
    if LISTENING.swap(own, Ordering::Relaxed) == own {
        return;
    }
    unsafe extern "C-unwind" fn begin(_: *mut c_void) {
        look_after_collection();
        look_while_waiting();
    }
    // SAFETY: R's main thread; jumps for want of memory end here, and nothing is told then.
    unsafe { ffi::R_ToplevelExec(begin, std::ptr::null_mut()) };
}

/// Has R look for a question after its next collection.
fn look_after_collection() {
    unsafe extern "C-unwind" fn after(of: Sexp) {
        // SAFETY: R's main thread; the address is a number, which is not followed.
        let whose = unsafe { ffi::R_ExternalPtrAddr(of) }.addr();
        // In what this process has forked it ends.
        if whose == std::process::id() as usize {
            look();
            look_after_collection();
        }
    }
    let whose = std::ptr::without_provenance_mut(std::process::id() as usize);
    // SAFETY: R's main thread; what is allocated is protected until it has its finalizer, and
    // garbage from then on.
    unsafe {
        let nobody = ffi::Rf_protect(ffi::R_MakeExternalPtr(whose, ffi::nil(), ffi::nil()));
        ffi::R_RegisterCFinalizerEx(nobody, after, 0);
        ffi::Rf_unprotect(1);
    }
}

/// Has R look for questions while it waits. Handlers of before are those of the process that this
/// one was forked from: what they read is read there.
fn look_while_waiting() {
    static CLOCK: AtomicI32 = AtomicI32::new(-1);
    unsafe extern "C-unwind" fn on_tick(_: *mut c_void) {
        // SAFETY: a descriptor that is never closed.
        child::take_tick(unsafe { BorrowedFd::borrow_raw(CLOCK.load(Ordering::Relaxed)) });
        look();
    }
    // R waits by select(), which knows no larger numbers.
    let clock = child::ticks(PAUSE).filter(|clock| clock.as_raw_fd() < 1024);
    if let Some(clock) = clock {
        let fd = clock.into_raw_fd();
        CLOCK.store(fd, Ordering::Relaxed);
        // SAFETY: R's main thread; null for the handlers of before is what R allows. Of these R
        // itself needs the one for standard input, which has no function.
        unsafe {
            let list = ffi::addInputHandler(std::ptr::null_mut(), fd, Some(on_tick), ACTIVITY);
            ffi::addInputHandler(list, 0, None, STDIN);
        }
    }
}

/// Answers the question of the session, if there is one.
pub(super) fn look() {
    let Some(question) = evaluate::question() else {
        return;
    };
    // Gathering the calls collects garbage as well.
    if TELLING.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut calls = String::new();
    // SAFETY: R's main thread, where R lets finalizers and handlers of input evaluate R code;
    // `calls` lives until the call returns, and jumps out of `gather` end here.
    unsafe { ffi::R_ToplevelExec(gather, (&raw mut calls).cast()) };
    evaluate::answer(question, &calls);
    TELLING.store(false, Ordering::Relaxed);
}

/// Evaluates `rustle:::told_calls()`, a string.
unsafe extern "C-unwind" fn gather(calls: *mut c_void) {
    // SAFETY: `calls` is the string of `look`, which is waiting; what is allocated is
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
