//! From the fork to the end of a worker process.
//!
//! The first workers of a job are forked from within `main`, the R function that
//! workers run: the session has entered its handlers before (`evaluate()`), so no
//! worker has to, which would cost each a copy of every page that R touches on the
//! way. Replacements are forked later and enter them on their own.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

use rustle_workers::memory::JobMemory;
use rustle_workers::process::{fork, Child, Fork};
use rustle_workers::supervisor::Order;
use rustle_workers::{blas, child};

use crate::evaluate::{self, Context, Duty};
use crate::ffi::{self, Sexp};
use crate::spec::Switches;

/// Status of a worker in which a task called `quit()`.
pub(crate) const EXIT_QUIT: i32 = 17;
/// Status of a worker in which a task jumped out of the loop (`invokeRestart("abort")`).
pub(crate) const EXIT_ABANDONED: i32 = 18;
/// Status of a worker in which our own code panicked.
const EXIT_PANIC: i32 = 70;

/// What every worker of a job is told.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) duty: Duty,
    /// The R function that a worker runs.
    pub(crate) main: Sexp,
    pub(crate) wake: OwnedFd,
    pub(crate) switches: Switches,
}

/// Forks one of the first workers of a job; returns in both processes.
pub(crate) fn fork_first() -> Result<Fork, i32> {
    // SAFETY: R's main thread; our own pool is keyed by process id and holds no
    // lock; the child returns to `raw::rs_worker_begin`, which settles it, and
    // ends in `leave`.
    unsafe { fork() }
}

/// Forks a replacement for a worker of the job in `memory`. Never returns in the
/// child.
pub(crate) fn replace(
    standing: &Standing,
    memory: &Rc<JobMemory>,
    order: Order,
) -> Result<Child, i32> {
    let parent = std::process::id() as i32;
    // SAFETY: as above; the child settles at once.
    match unsafe { fork() }? {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                become_worker(standing, memory, order, parent);
                live(standing.main, false)
            }));
            child::leave(EXIT_PANIC)
        }
    }
}

/// Makes this fresh process a worker.
pub(crate) fn become_worker(
    standing: &Standing,
    memory: &Rc<JobMemory>,
    order: Order,
    parent: i32,
) {
    child::settle(parent);
    blas::limit(standing.switches.threads);
    if standing.switches.silent {
        child::silence();
    }
    WORKER.store(std::process::id(), Ordering::Relaxed);
    let (duty, wake) = (standing.duty.clone(), standing.wake.as_raw_fd());
    // SAFETY: a fresh child, on R's main thread.
    unsafe { Context::install(duty, order, Rc::clone(memory), wake, parent) };
}

/// The life of a worker from where it is outside of `main`: a jump out of one
/// evaluation ends it; the next (`again`) says what it was, and goes on with the
/// task after it.
pub(crate) fn live(main: Sexp, mut again: bool) -> ! {
    loop {
        let whole = evaluate(main, again);
        leave_if_over(whole);
        again = true;
    }
}

/// Ends a worker that has left `main` and has nothing to do any more, or that
/// returned (`whole`) with tasks left: it gives up.
pub(crate) fn leave_if_over(whole: bool) {
    if evaluate::has_finished() {
        child::leave(0);
    }
    if whole {
        child::leave(EXIT_ABANDONED);
    }
}

/// Evaluates `main(again)` at top level; `false` when it was left by a jump.
pub(crate) fn evaluate(main: Sexp, again: bool) -> bool {
    let mut entry = (main, again);
    // SAFETY: `evaluate_main` reads `entry` only; jumps out of it end here.
    unsafe { ffi::R_ToplevelExec(evaluate_main, (&raw mut entry).cast()) != 0 }
}

unsafe extern "C-unwind" fn evaluate_main(data: *mut c_void) {
    // SAFETY: `data` is the address of a live closure and a flag; see `work`.
    unsafe {
        let (main, again) = *data.cast::<(Sexp, bool)>();
        let again = ffi::Rf_protect(ffi::Rf_ScalarLogical(again.into()));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(again, ffi::nil()));
        let call = ffi::Rf_protect(ffi::Rf_lcons(main, arguments));
        ffi::Rf_eval(call, ffi::R_GlobalEnv);
        ffi::Rf_unprotect(3);
    }
}

/// The process that is a worker of ours: what a task forks inherits this, and is none.
static WORKER: AtomicU32 = AtomicU32::new(0);

/// Prepares this process for forking workers; once per process.
///
/// A worker in which a task calls `quit()` must leave before R deletes the
/// temporary directory, which is its parent's. Exit finalizers run before that,
/// so one of ours ends the process; in other processes it does nothing. It is
/// registered here because that costs more in a fresh worker.
pub(crate) fn prepare() {
    unsafe extern "C-unwind" fn leave(_: Sexp) {
        if WORKER.load(Ordering::Relaxed) == std::process::id() {
            child::leave(EXIT_QUIT)
        }
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        blas::look_up();
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
