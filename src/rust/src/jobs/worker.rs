//! From the fork to the end of a worker process.
//!
//! The first workers of a job are forked from within `main`, the R function that
//! workers run: the session has entered its handlers before (`evaluate()`), so no
//! worker has to, which would cost each a copy of every page that R touches on the
//! way. Replacements are forked later and enter them on their own.

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

use rustle_workers::crew::Assignment;
use rustle_workers::memory::JobMemory;
use rustle_workers::seat::{Link, Seat};
use rustle_workers::{blas, child, heap};

use super::evaluate::{self, Context};
use super::exits;
use super::rules::{Code, Rules};
use crate::ffi::{self, Sexp};

/// What every worker of a job is told.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) rules: Rules,
    pub(crate) code: Code,
    pub(crate) link: Link,
}

/// Makes this process, which has just been forked, a worker.
pub(crate) fn become_worker(orders: &Orders, memory: &Rc<JobMemory>, assignment: Assignment) {
    child::isolate(orders.link.session, &[]);
    heap::settle();
    blas::limit(orders.rules.threads);
    if orders.rules.silent {
        child::silence();
    }
    WORKER.store(std::process::id(), Ordering::Relaxed);
    let memory = Rc::clone(memory);
    let seat = Seat::take(
        memory,
        assignment,
        orders.link,
        orders.rules.timed,
        orders.rules.terms,
    );
    Context::install(seat, orders.rules.clone(), orders.code, false);
}

/// The whole life of a process that was forked outside of `main`.
pub(crate) fn replace(orders: &Orders, memory: &Rc<JobMemory>, assignment: Assignment) -> ! {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        become_worker(orders, memory, assignment);
        live(orders.code.main, false)
    }));
    child::leave(exits::PANIC)
}

/// The life of a worker from where it is outside of `main`. When a jump ends one evaluation
/// of `main`, the next one (`again`) finds out what it was, and goes on with the next task.
pub(crate) fn live(main: Sexp, mut again: bool) -> ! {
    loop {
        let whole = evaluate(main, again);
        leave_if_over(whole);
        again = true;
    }
}

/// Ends a worker that has left `main` and has nothing to do any more, or that has returned
/// from it (`whole`) although tasks are left, which means that it gave up.
pub(crate) fn leave_if_over(whole: bool) {
    if evaluate::has_finished() {
        child::leave(0);
    }
    if whole {
        child::leave(exits::ABANDONED);
    }
}

/// Evaluates `main(again)` at top level; `false` when it was left by a jump.
pub(crate) fn evaluate(main: Sexp, again: bool) -> bool {
    let mut entry = (main, again);
    // SAFETY: R's main thread; `entry` lives until the call returns, and `evaluate_main`
    // only reads it; jumps out of it end here.
    unsafe { ffi::R_ToplevelExec(evaluate_main, (&raw mut entry).cast()) != 0 }
}

unsafe extern "C-unwind" fn evaluate_main(data: *mut c_void) {
    // SAFETY: `data` is the address of the pair in `evaluate`, which is waiting for us;
    // its function is kept alive by the handle of the job.
    unsafe {
        let (main, again) = *data.cast::<(Sexp, bool)>();
        let again = ffi::Rf_protect(ffi::Rf_ScalarLogical(again.into()));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(again, ffi::nil()));
        let call = ffi::Rf_protect(ffi::Rf_lcons(main, arguments));
        ffi::Rf_eval(call, ffi::R_GlobalEnv);
        ffi::Rf_unprotect(3);
    }
}

/// The process id of this worker. A process that a task forks inherits the value but has
/// another id, so it does not count as a worker.
pub(super) static WORKER: AtomicU32 = AtomicU32::new(0);

/// Prepares this process for forking workers; once per process.
///
/// A worker in which a task calls `quit()` must leave before R deletes the
/// temporary directory, which is its parent's. Exit finalizers run before that,
/// so one of ours ends the process; in other processes it does nothing. It is
/// registered here because that costs more in a fresh worker.
pub(crate) fn prepare() {
    unsafe extern "C-unwind" fn leave(_: Sexp) {
        if WORKER.load(Ordering::Relaxed) == std::process::id() {
            child::leave(exits::QUIT)
        }
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        blas::look_up();
        heap::look_up();
        // SAFETY: main thread; the pointer is never followed and kept for good.
        unsafe {
            let address = std::ptr::dangling_mut::<u8>().cast();
            let guard = ffi::Rf_protect(ffi::R_MakeExternalPtr(address, ffi::nil(), ffi::nil()));
            ffi::R_RegisterCFinalizerEx(guard, leave, 1);
            ffi::R_PreserveObject(guard);
            ffi::Rf_unprotect(1);
        }
    });
}
