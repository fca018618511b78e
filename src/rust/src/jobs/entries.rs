//! The routines of forked workers and of the session that waits for them; see raw.rs.

use std::ffi::{c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustle_workers::child;
use rustle_workers::clock::now_ns;
use rustle_workers::memory::{Part, Phase};
use rustle_workers::process::Exit;
use rustle_workers::spans::Entry;
use rustle_workers::supervisor::{Failure, Verdict};

use super::job::{Job, Origin};
use super::{evaluate, exits, stand};
use crate::ffi::{self, Sexp};
use crate::lists::{named_list, set_names, string};
use crate::raw::{guard, number, routines};

/// Runs what a worker does. A panic (a bug of ours) ends the worker: there is no session
/// here that could be told. R may jump over this frame, which owns nothing.
fn as_worker(f: impl FnOnce() -> Sexp) -> Sexp {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| child::leave(exits::PANIC))
}

unsafe extern "C-unwind" fn rs_worker_run() -> Sexp {
    // SAFETY: R calls its routines on its main thread.
    as_worker(|| unsafe { evaluate::run() })
}

unsafe extern "C-unwind" fn rs_worker_fail(condition: Sexp) -> Sexp {
    // SAFETY: as above; R protects the arguments of a call.
    as_worker(|| unsafe { evaluate::fail(condition) })
}

unsafe extern "C-unwind" fn rs_worker_signal(condition: Sexp) -> Sexp {
    // SAFETY: as above.
    as_worker(|| unsafe { evaluate::signal(condition) })
}

/// Never returns. A panic ends the worker, as above.
unsafe extern "C-unwind" fn rs_worker_stand(main: Sexp, after: Sexp) -> Sexp {
    // Both functions are arguments of a call that never ends, so R protects them.
    as_worker(|| stand::stand(main, after))
}

unsafe extern "C-unwind" fn rs_server_next() -> Sexp {
    // SAFETY: R calls its routines on its main thread.
    as_worker(|| unsafe { stand::server_next() })
}

/// The job behind a handle; `None` when it is closed or belongs to the parent.
///
/// # Safety
///
/// `handle` is a live external pointer made by [`handle_of`].
unsafe fn job<'a>(handle: Sexp) -> Option<&'a mut Job> {
    // SAFETY: the pointer is a leaked box or null; R's main thread is the only
    // user, and no entry keeps a reference beyond its call.
    unsafe { ffi::R_ExternalPtrAddr(handle).cast::<Job>().as_mut() }
}

/// Puts a job under an external pointer that closes it when R forgets it, and keeps the
/// objects of its code alive.
///
/// # Safety
///
/// `code` is a live R object; main thread.
pub(crate) unsafe fn handle_of(job: Box<Job>, code: Sexp) -> Sexp {
    // SAFETY: by the caller's promise; the pointer protects `code` and owns the box from
    // here on.
    unsafe {
        let address = Box::into_raw(job).cast::<c_void>();
        let handle = ffi::Rf_protect(ffi::R_MakeExternalPtr(address, ffi::nil(), code));
        ffi::R_RegisterCFinalizerEx(handle, forget, 0);
        ffi::Rf_unprotect(1);
        handle
    }
}

unsafe extern "C-unwind" fn forget(handle: Sexp) {
    // SAFETY: R passes the handle that the finalizer was registered for.
    unsafe { close(handle, libc::SIGKILL, Duration::ZERO) };
}

/// # Safety
///
/// As [`job`].
unsafe fn close(handle: Sexp, signal: c_int, grace: Duration) {
    // SAFETY: taken out of the pointer first, so it is closed once; a worker
    // that inherited the handle leaves its parent's processes alone.
    unsafe {
        let Some(job) = job(handle) else { return };
        ffi::R_ClearExternalPtr(handle);
        if job.pid == std::process::id() {
            job.close(signal, grace);
            drop(Box::from_raw(job));
        }
    }
}

unsafe extern "C-unwind" fn rs_job_start(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle.
        let whole = unsafe { job(handle) }.is_some_and(Job::start);
        // SAFETY: R calls its routines on its main thread; nothing is owned here.
        unsafe { ffi::Rf_ScalarLogical(whole.into()) }
    })
}

/// Where the loop of a job begins: in a session that starts a job, forks its
/// workers. `NA` in that session, `TRUE` in a process that has just become a worker,
/// `FALSE` in a worker that was here before.
unsafe extern "C-unwind" fn rs_worker_begin() -> Sexp {
    guard(|| {
        let fresh = match Job::fork_starting() {
            Some(Origin::Session) => ffi::NA_LOGICAL,
            Some(Origin::Worker) => {
                evaluate::is_fresh();
                1
            }
            None => evaluate::is_fresh().into(),
        };
        // SAFETY: R calls its routines on its main thread; nothing is owned here.
        unsafe { ffi::Rf_ScalarLogical(fresh) }
    })
}

/// `list(state, events, prefix, done, busy, failure, unclaimed)`: state is "running", "done"
/// or "failed"; see R/engine-attend.R.
unsafe extern "C-unwind" fn rs_job_wait(handle: Sexp, seconds: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle and a number; `out` is protected, and
        // everything else that is allocated is stored in it at once.
        unsafe {
            let Some(job) = job(handle) else {
                return ffi::nil();
            };
            let limit = Duration::from_secs_f64(number(seconds).max(0.0));
            let (verdict, prefix) = job.wait(limit);
            let names = [
                "state",
                "events",
                "prefix",
                "done",
                "busy",
                "failure",
                "unclaimed",
            ];
            let out = ffi::Rf_protect(named_list(&names));
            let put = |i, x| ffi::SET_VECTOR_ELT(out, i, x);
            put(
                0,
                string(match &verdict {
                    Verdict::Running | Verdict::Here(_) => "running",
                    Verdict::Done => "done",
                    Verdict::Failed(_) => "failed",
                }),
            );
            put(1, job.take_events());
            put(2, ffi::Rf_ScalarReal(f64::from(prefix)));
            let (done, busy) = job.job.progress();
            put(3, ffi::Rf_ScalarReal(done as f64));
            put(4, ffi::Rf_ScalarInteger(busy as c_int));
            if let Verdict::Failed(failure) = &verdict {
                put(5, describe(failure));
            }
            let unclaimed = job.job.memory().table().unclaimed();
            put(6, ffi::Rf_ScalarReal(unclaimed as f64));
            ffi::Rf_unprotect(1);
            out
        }
    })
}

/// `list(tasks, cause, number, memory, reason, used, printed)`: tasks from 1; number is what belongs to
/// the cause: an exit "status", a "signal", nothing ("unknown"), or the error with which
/// the system "refused" a process, whose words are `reason`. Of the last worker that was lost,
/// `used` are bytes of its memory, 0 where nobody has looked, and `printed` its last output.
unsafe fn describe(failure: &Failure) -> Sexp {
    let (tasks, cause, number, memory): (&[u32], &str, c_int, bool) = match failure {
        Failure::CannotStart(errno) => (&[], "refused", *errno, false),
        Failure::Lost { lost, memory, .. } => match lost.exit {
            Exit::Status(status) => (&lost.tasks, "status", status, *memory),
            Exit::Signal(signal) => (&lost.tasks, "signal", signal, *memory),
            Exit::Unknown => (&lost.tasks, "unknown", 0, *memory),
        },
    };
    // SAFETY: main thread; `out` is protected, and everything else that is allocated
    // is stored in it at once.
    unsafe {
        let out = ffi::Rf_protect(named_list(&[
            "tasks", "cause", "number", "memory", "reason", "used", "printed",
        ]));
        let numbers = ffi::Rf_allocVector(ffi::INTSXP as u32, tasks.len() as isize);
        ffi::SET_VECTOR_ELT(out, 0, numbers);
        for (i, task) in tasks.iter().enumerate() {
            ffi::INTEGER(numbers).add(i).write(*task as c_int + 1);
        }
        ffi::SET_VECTOR_ELT(out, 1, string(cause));
        ffi::SET_VECTOR_ELT(out, 2, ffi::Rf_ScalarInteger(number));
        ffi::SET_VECTOR_ELT(out, 3, ffi::Rf_ScalarLogical(memory.into()));
        if let Failure::Lost { last, .. } = failure {
            ffi::SET_VECTOR_ELT(out, 5, ffi::Rf_ScalarReal(last.memory as f64));
            ffi::SET_VECTOR_ELT(out, 6, string(&last.printed));
        }
        if let Failure::CannotStart(errno) = failure {
            // The system's own memory: nothing to free when R jumps away.
            let words = std::ffi::CStr::from_ptr(libc::strerror(*errno));
            ffi::SET_VECTOR_ELT(out, 4, string(words.to_str().unwrap_or("unknown error")));
        }
        ffi::Rf_unprotect(1);
        out
    }
}

/// `list(values, failed, vector, first)`; see [`Job::collect`].
unsafe extern "C-unwind" fn rs_job_collect(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; what is collected is protected while it
        // gets its names.
        unsafe {
            let Some(job) = job(handle) else {
                return ffi::nil();
            };
            let out = ffi::Rf_protect(job.collect());
            set_names(out, &["values", "failed", "vector", "first"]);
            ffi::Rf_unprotect(1);
            out
        }
    })
}

/// What a job has cost: numbers of finished tasks, of workers that were started
/// (`forks`), of claims, of those that were stolen (`steals`), of workers that were lost
/// (`losses`), of bytes that came from workers, and of seconds that it took to receive
/// them (`receiving`); when the first worker was about to be started (`launched`); `seats`,
/// see [`seats`]; and `spans`, raw, see [`rs_span_columns`](crate::report). Moments are seconds of
/// the monotonic clock. See R/engine-report.R.
unsafe extern "C-unwind" fn rs_job_report(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; `out` is protected, and everything else that
        // is allocated is stored in it at once.
        unsafe {
            let Some(job) = job(handle) else {
                return ffi::nil();
            };
            let ((done, _), (costs, receiving)) = (job.job.progress(), job.job.costs());
            let numbers = [
                done as f64,
                costs.starts as f64,
                costs.claims as f64,
                costs.steals as f64,
                costs.losses as f64,
                costs.bytes as f64,
                receiving.as_secs_f64(),
                job.job.supervisor().launched() as f64 * 1e-9,
            ];
            let out = ffi::Rf_protect(named_list(&[
                "done",
                "forks",
                "claims",
                "steals",
                "losses",
                "bytes",
                "receiving",
                "launched",
                "seats",
                "spans",
            ]));
            for (i, number) in (0..).zip(numbers) {
                ffi::SET_VECTOR_ELT(out, i, ffi::Rf_ScalarReal(number));
            }
            let now = now_ns();
            ffi::SET_VECTOR_ELT(out, numbers.len() as isize, seats(job, now));
            ffi::SET_VECTOR_ELT(out, numbers.len() as isize + 1, spans(job, now));
            ffi::Rf_unprotect(1);
            out
        }
    })
}

/// The parts of the time of a seat, in the order of [`SEAT_PARTS`].
const PARTS: [Part; 6] = [
    Part::Starting,
    Part::First,
    Part::Claims,
    Part::Tasks,
    Part::Moving,
    Part::Lost,
];

/// What [`seats`] tells of each.
const SEAT_PARTS: [&str; 9] = [
    "starting", "first", "claims", "tasks", "moving", "lost", "mark", "peak", "base",
];

/// The part that a seat is in whose worker has not said that it is done; `None` when it has, or
/// when there is no worker.
fn unfinished(job: &Job, seat: usize) -> Option<Part> {
    if !job.job.is_taken(seat) {
        return None;
    }
    let status = &job.job.memory().status()[seat];
    match status.phase() {
        Phase::Started if status.running.load(Ordering::Relaxed) > 0 => Some(Part::Tasks),
        Phase::Started => Some(Part::Claims),
        Phase::Silent if status.part(Part::Starting) == 0 => Some(Part::Starting),
        Phase::Silent => Some(Part::First),
        _ => None,
    }
}

/// A list of vectors with an element per worker: seconds of each part of its time; up to when
/// they account for it (`mark`); and its memory in bytes, the most that it has had at the end
/// (`peak`; 0 if it has not said) and when it took its seat (`base`).
///
/// # Safety
///
/// R's main thread; the caller protects the result.
unsafe fn seats(job: &Job, now: u64) -> Sexp {
    let status = job.job.memory().status();
    // SAFETY: main thread; `out` is protected, and the columns, which have an element per
    // seat, are stored in it at once.
    unsafe {
        let out = ffi::Rf_protect(named_list(&SEAT_PARTS));
        for column in 0..SEAT_PARTS.len() {
            let numbers = ffi::Rf_allocVector(ffi::REALSXP as u32, status.len() as isize);
            ffi::SET_VECTOR_ELT(out, column as isize, numbers);
        }
        let put = |column, row, number: f64| {
            ffi::REAL(ffi::VECTOR_ELT(out, column))
                .add(row)
                .write(number);
        };
        for (row, seat) in status.iter().enumerate() {
            let mut mark = seat.mark();
            let mut parts = PARTS.map(|part| seat.part(part));
            if let Some(part) = unfinished(job, row) {
                parts[part as usize] += now.saturating_sub(mark);
                mark = now;
            }
            for (column, ns) in (0..).zip(parts) {
                put(column, row, ns as f64 * 1e-9);
            }
            put(6, row, mark as f64 * 1e-9);
            put(7, row, seat.peak.load(Ordering::Relaxed) as f64 * 1024.0);
            put(8, row, seat.base.load(Ordering::Relaxed) as f64 * 1024.0);
        }
        ffi::Rf_unprotect(1);
        out
    }
}

/// The spans of a job as bytes, `NULL` where none are kept. A task that still runs, in a job
/// that does not wait for it, ends now.
///
/// # Safety
///
/// R's main thread; the caller protects the result.
unsafe fn spans(job: &Job, now: u64) -> Sexp {
    let memory = job.job.memory();
    let running = |seat: usize| {
        let status = &memory.status()[seat];
        let task = status.running.load(Ordering::Relaxed);
        (task > 0).then(|| Entry {
            start: status.mark(),
            end: now,
            task: task as u32 - 1,
            count: 1,
            seat: seat as u32,
            growth: 0,
            stolen: false,
        })
    };
    let all = || {
        let running = (0..memory.status().len()).filter_map(running);
        memory.spans().chain(running)
    };
    // Workers that were not waited for may write one more in between.
    let len = all().count();
    if len == 0 || !memory.keeps_spans() {
        return ffi::nil();
    }
    // SAFETY: main thread; the vector has room for `len` entries.
    unsafe { crate::report::write(len, all()) }
}

/// What each worker does, a list of columns: `pid` (0: nobody is there), `task` from 1 (0: none),
/// `seconds` since it was first seen to run it, `memory` in bytes (0: not known). What is told
/// is at most a quarter of a second old.
unsafe extern "C-unwind" fn rs_job_seen(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; `out` is protected, and the columns, which have an
        // element per seat, are stored in it at once.
        unsafe {
            let Some(job) = job(handle) else {
                return ffi::nil();
            };
            let seats = job.job.memory().layout.workers() as isize;
            let out = ffi::Rf_protect(named_list(&["pid", "task", "seconds", "memory"]));
            for column in 0..4 {
                let numbers = ffi::Rf_allocVector(ffi::REALSXP as u32, seats);
                ffi::SET_VECTOR_ELT(out, column, numbers);
            }
            for (row, (seen, pid, memory)) in (0..).zip(job.job.seen()) {
                let put = |column, x: f64| {
                    ffi::REAL(ffi::VECTOR_ELT(out, column)).add(row).write(x);
                };
                put(0, f64::from(pid.unwrap_or(0)));
                put(1, seen.task as f64);
                put(2, seen.since.elapsed().as_secs_f64());
                put(3, memory as f64);
            }
            ffi::Rf_unprotect(1);
            out
        }
    })
}

unsafe extern "C-unwind" fn rs_job_close(handle: Sexp, signal: Sexp, grace: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle and two numbers.
        unsafe {
            close(
                handle,
                number(signal) as c_int,
                Duration::from_secs_f64(number(grace)),
            );
        }
        ffi::nil()
    })
}

unsafe extern "C-unwind" fn rs_output_connection() -> Sexp {
    // SAFETY: main thread; this frame owns nothing.
    unsafe { ffi::rustle_output_connection() }
}

routines! {
    meta__rs_worker_begin "rs_worker_begin" "wrap__rs_worker_begin" () => rs_worker_begin;
    meta__rs_worker_run "rs_worker_run" "wrap__rs_worker_run" () => rs_worker_run;
    meta__rs_worker_fail "rs_worker_fail" "wrap__rs_worker_fail" ("condition") => rs_worker_fail;
    meta__rs_worker_order "rs_worker_order" "wrap__rs_worker_order" ("part")
        => stand::order;
    meta__rs_worker_stand "rs_worker_stand" "wrap__rs_worker_stand" ("main", "after")
        => rs_worker_stand;
    meta__rs_worker_called_off "rs_worker_called_off" "wrap__rs_worker_called_off" ()
        => evaluate::called_off;
    meta__rs_worker_break_off "rs_worker_break_off" "wrap__rs_worker_break_off" ()
        => evaluate::break_off;
    meta__rs_server_next "rs_server_next" "wrap__rs_server_next" () => rs_server_next;
    meta__rs_worker_task "rs_worker_task" "wrap__rs_worker_task" () => evaluate::task;
    meta__rs_worker_seat "rs_worker_seat" "wrap__rs_worker_seat" () => evaluate::seat;
    meta__rs_worker_signal "rs_worker_signal" "wrap__rs_worker_signal" ("condition")
        => rs_worker_signal;
    meta__rs_job_start "rs_job_start" "wrap__rs_job_start"
        ("handle") => rs_job_start;
    meta__rs_job_wait "rs_job_wait" "wrap__rs_job_wait" ("handle", "seconds")
        => rs_job_wait;
    meta__rs_job_collect "rs_job_collect" "wrap__rs_job_collect" ("handle")
        => rs_job_collect;
    meta__rs_job_report "rs_job_report" "wrap__rs_job_report" ("handle") => rs_job_report;
    meta__rs_job_seen "rs_job_seen" "wrap__rs_job_seen" ("handle") => rs_job_seen;
    meta__rs_job_close "rs_job_close" "wrap__rs_job_close" ("handle", "signal", "grace")
        => rs_job_close;
    meta__rs_output_connection "rs_output_connection" "wrap__rs_output_connection" ()
        => rs_output_connection;
}
