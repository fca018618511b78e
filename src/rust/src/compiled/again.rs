//! The short way of a repeated call: a function whose program is here, and which means what it meant
//! when it was compiled, is run at the very beginning of the call. R/compiled-again.R says which calls
//! come here, and tells afterwards what there is to tell of the last of them.

use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use rustle_schedule::Schedule;
use rustle_streams::{Numbering, TaskSeeds};
use rustle_threads::blocks::Slice;

use super::job::Job;
use super::meaning::Meaning;
use super::{opened, told, values};
use crate::ffi::{self, Sexp};
use crate::fields::{schedule, slice, threads, Fields};
use crate::needs::{formals, R_ClosureExpr};
use crate::raw::{guard, routines};
use crate::refusal::{into_r, Parsed};
use crate::seeds::base_seed;

/// More functions are not known at a time.
const MOST: usize = 64;
/// After so many calls with tasks that were given up a function's calls go the long way.
const BAILS: u32 = 3;
/// A job that is expected to take less runs on this thread alone: to wake others takes as long.
const ALONE: f64 = 60e-6;
/// How long it does so if it takes longer after all.
const FIRST: Duration = Duration::from_micros(150);
/// After that time R looks for interrupts.
const LOOK: Duration = Duration::from_millis(25);

/// What is known of a function of numbers of one type.
#[derive(Debug)]
struct Record {
    meaning: Meaning,
    /// The type of the numbers.
    kind: c_int,
    /// The program.
    handle: Sexp,
    /// Does it draw random numbers?
    draws: bool,
    /// What the handle keeps when it does not run.
    rest: Sexp,
    plan: Sexp,
    /// The list that keeps all of this.
    kept: Sexp,
    schedule: Schedule,
    threads: f64,
    /// Of a task.
    seconds: f64,
    /// How often a task was given up.
    bails: u32,
    /// How many calls in a row have gone the long way and could have been noted.
    misses: u32,
}

impl Record {
    /// # Safety
    ///
    /// Live objects, `fun` a closure; main thread.
    unsafe fn is_of(&self, fun: Sexp, x: Sexp) -> bool {
        // SAFETY: by the caller's promise.
        unsafe {
            self.kind == ffi::TYPEOF(x) && self.meaning.is_of(R_ClosureExpr(fun), formals(fun))
        }
    }
}

struct State {
    /// Of the process that has made it.
    pid: u32,
    records: Vec<Record>,
}

/// Leaked, as a jump of R over a guard would leave a lock locked.
static STATE: AtomicPtr<State> = AtomicPtr::new(std::ptr::null_mut());

/// # Safety
///
/// R's main thread, and no other reference is in use: none is held while R allocates or evaluates.
unsafe fn state<'a>() -> Option<&'a mut State> {
    // SAFETY: null or a leaked box; by the caller's promise.
    let state = unsafe { STATE.load(Ordering::Relaxed).as_mut() }?;
    (state.pid == std::process::id()).then_some(state)
}

/// Notes the program of a function and what it rests on, if that is what the function means now.
/// @noRd
#[extendr]
fn rs_again_note(fun: Robj, x: Robj, spec: Robj) -> List {
    into_r(note(&fun, &x, &spec).map(Robj::from))
}

fn note(fun: &Robj, x: &Robj, spec: &Robj) -> Parsed<bool> {
    let fields = Fields::new(spec)?;
    let meaning = Meaning::read(&fields)?;
    // SAFETY: only addresses are read.
    let address = |name: &str| fields.get(name).map(|x| unsafe { x.get() }.cast());
    // SAFETY: as above.
    let (fun, x): (Sexp, Sexp) = unsafe { (fun.get().cast(), x.get().cast()) };
    // SAFETY: main thread; nothing is evaluated, and the list is kept as long as the record.
    unsafe {
        if !meaning.holds(fun) {
            return Ok(false);
        }
        let record = Record {
            meaning,
            kind: ffi::TYPEOF(x),
            handle: address("program")?,
            draws: fields.flag("draws")?,
            rest: address("rest")?,
            plan: address("plan")?,
            kept: spec.get().cast(),
            schedule: schedule(&fields.text("schedule")?, fields.number("chunk")?)?,
            threads: fields.number("threads")?,
            seconds: fields.number("seconds")?,
            bails: 0,
            misses: 0,
        };
        if state().is_none() {
            if !told::is_open() {
                return Ok(false);
            }
            let state = State {
                pid: std::process::id(),
                records: Vec::new(),
            };
            STATE.store(Box::into_raw(Box::new(state)), Ordering::Relaxed);
        }
        // It allocates, and a finalizer may come here: before the list is looked at.
        ffi::R_PreserveObject(record.kept);
        let Some(state) = state() else {
            ffi::R_ReleaseObject(record.kept);
            return Ok(false);
        };
        let known = state.records.iter_mut().find(|r| r.is_of(fun, x));
        match known {
            Some(known) => {
                let (misses, bails) = (known.misses, known.bails);
                let before = std::mem::replace(known, record);
                (known.misses, known.bails) = (misses, bails);
                ffi::R_ReleaseObject(before.kept);
            }
            None => {
                if state.records.len() >= MOST {
                    for before in state.records.drain(..) {
                        ffi::R_ReleaseObject(before.kept);
                    }
                }
                state.records.push(record);
            }
        }
    }
    Ok(true)
}

/// Is it worth the time to note a program of the function, which has gone the long way? Not each time
/// where it means something else at each call, nor where tasks were given up. `later`: it will be asked
/// once more if the answer is yes.
unsafe extern "C-unwind" fn rs_again_wants(fun: Sexp, x: Sexp, later: Sexp) -> Sexp {
    // SAFETY: R protects the arguments of a call, of which the last is a flag; nothing is evaluated.
    unsafe {
        let later = *ffi::LOGICAL_RO(later) != 0;
        let wanted = ffi::TYPEOF(fun) == ffi::CLOSXP
            && told::is_open()
            && state().is_none_or(|state| {
                let known = state.records.iter_mut().find(|r| r.is_of(fun, x));
                known.is_none_or(|r| {
                    let misses = r.misses.saturating_add(1);
                    let wanted = r.bails < BAILS && (misses < 4 || misses.is_power_of_two());
                    if !(wanted && later) {
                        r.misses = misses;
                    }
                    wanted
                })
            });
        ffi::Rf_ScalarLogical(wanted.into())
    }
}

/// May calls of the function with such data go the short way?
unsafe extern "C-unwind" fn rs_again_knows(fun: Sexp, x: Sexp) -> Sexp {
    // SAFETY: R protects the arguments of a call; nothing is evaluated.
    unsafe {
        let known = ffi::TYPEOF(fun) == ffi::CLOSXP
            && state().is_some_and(|state| {
                let known = state.records.iter().find(|r| r.is_of(fun, x));
                known.is_some_and(|r| r.bails < BAILS)
            });
        ffi::Rf_ScalarLogical(known.into())
    }
}

/// A call as R code hands it over; see [`rs_again`].
#[derive(Clone, Copy)]
struct Given {
    fun: Sexp,
    x: Sexp,
    call: Sexp,
    schedule: Sexp,
    seed: Sexp,
}

/// The streams of tasks from a seed, of which R code has seen that the kinds are R's defaults.
///
/// # Safety
///
/// A live object; main thread.
unsafe fn streams(seed: Sexp) -> Option<TaskSeeds> {
    // SAFETY: by the caller's promise.
    unsafe {
        if ffi::TYPEOF(seed) != ffi::INTSXP {
            return None;
        }
        let length = ffi::Rf_xlength(seed) as usize;
        let words = std::slice::from_raw_parts(ffi::INTEGER_RO(seed), length);
        let (_, base) = base_seed(words).ok()?;
        Some(TaskSeeds::new(base, Numbering::Substream))
    }
}

/// The handle of the program of a function, if it means what it meant, and can run these data; the call
/// has begun then. It is protected.
///
/// # Safety
///
/// Live objects; main thread. Whoever calls this owns nothing: numbers that R has not made yet are
/// made here, and there may be no memory for them.
unsafe fn begin(given: Given) -> Option<Sexp> {
    let Given { fun, x, .. } = given;
    // SAFETY: by the caller's promise; no reference to the state is held where R allocates, and the
    // handle is protected before.
    unsafe {
        let kind = ffi::TYPEOF(x);
        let numbers = matches!(kind, ffi::REALSXP | ffi::INTSXP | ffi::LGLSXP);
        if ffi::TYPEOF(fun) != ffi::CLOSXP || !numbers || ffi::Rf_xlength(x) == 0 {
            return None;
        }
        if ffi::has_attributes(x) && !ffi::each_attribute(x, |name, _| name == ffi::R_NamesSymbol) {
            return None;
        }
        let record = state()?.records.iter_mut().find(|r| r.is_of(fun, x))?;
        if record.bails >= BAILS || record.draws && given.seed == ffi::nil() {
            return None;
        }
        let handle = ffi::Rf_protect(record.handle);
        // Numbers that are made when they are asked for.
        match kind {
            ffi::REALSXP => ffi::REAL_RO(x).cast::<u8>(),
            ffi::INTSXP => ffi::INTEGER_RO(x).cast(),
            _ => ffi::LOGICAL_RO(x).cast(),
        };
        if begin_with(handle, given).is_none() {
            ffi::Rf_unprotect(1);
            return None;
        }
        Some(handle)
    }
}

/// # Safety
///
/// As of [`begin`]; numbers in memory.
unsafe fn begin_with(handle: Sexp, given: Given) -> Option<()> {
    let Given { fun, x, .. } = given;
    // SAFETY: by the caller's promise; nothing of R's is allocated here.
    unsafe {
        let record = record_of(handle)?;
        // What it was made of may be gone with a program that is.
        opened(handle).ok()?;
        if !record.meaning.holds(fun) {
            return None;
        }
        let seeds = match given.seed == ffi::nil() {
            true => None,
            false => Some(streams(given.seed)?),
        };
        let opened = opened(handle).ok()?;
        // It may be running: a handler of an interrupt has made this call.
        if opened.job.is_some() || !opened.read.take_one(x) {
            return None;
        }
        record.misses = 0;
        let n = opened.read.tasks();
        let threads = record.threads.min(n as f64) as usize;
        opened.job = Some(Job::new(0..n, seeds, record.schedule, threads, false));
        let plan = record.plan;
        told::begin([fun, x, given.call, given.schedule, given.seed, plan]);
        Some(())
    }
}

/// Runs tasks; `true` when all have ended, or one was given up.
///
/// # Safety
///
/// Main thread; a handle of [`begin`]; nothing of R's is called.
unsafe fn advance(handle: Sexp, first: bool) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let Ok(super::Opened { program, read, job }) = opened(handle) else {
            return true;
        };
        let (Some(job), Some(state)) = (job.as_mut(), state()) else {
            return true;
        };
        let Some(record) = state.records.iter().find(|r| r.handle == handle) else {
            return true;
        };
        if !first {
            return job.advance(program, &read.data, slice(record.threads)) || job.has_bailed();
        }
        let begun = Instant::now();
        if record.seconds * (read.tasks() as f64) < ALONE {
            let alone = Slice {
                threads: threads(1.0),
                until: begun + FIRST,
            };
            if job.advance(program, &read.data, alone) || job.has_bailed() {
                return true;
            }
        }
        let all = Slice {
            threads: threads(record.threads),
            until: begun + LOOK,
        };
        job.advance(program, &read.data, all) || job.has_bailed()
    }
}

/// The values of tasks that have ended; `NULL` where one was given up. The call is over.
///
/// # Safety
///
/// Main thread; a handle of [`begin`]; `x` and the handle are protected. R may jump out.
unsafe fn end(handle: Sexp, x: Sexp, simple: bool) -> Sexp {
    // SAFETY: by the caller's promise. What is running is not changed by other calls, and no
    // reference to the state is held where R allocates.
    unsafe {
        let Ok(opened) = opened(handle) else {
            return ffi::nil();
        };
        let Some(job) = &opened.job else {
            return ffi::nil();
        };
        if !job.has_ended() {
            let bailed = job.has_bailed();
            leave(handle);
            if let Some(record) = record_of(handle).filter(|_| bailed) {
                record.bails += 1;
            }
            return ffi::nil();
        }
        let seconds = job.seconds() / job.tasks().len() as f64;
        let out = ffi::Rf_protect(values::all(job, &opened.program.names, simple));
        if ffi::has_attributes(x) {
            ffi::Rf_setAttrib(
                out,
                ffi::R_NamesSymbol,
                ffi::Rf_getAttrib(x, ffi::R_NamesSymbol),
            );
        }
        leave(handle);
        if let Some(record) = record_of(handle) {
            record.seconds = seconds;
        }
        told::end();
        ffi::Rf_unprotect(1);
        out
    }
}

/// # Safety
///
/// As of [`state`].
unsafe fn record_of<'a>(handle: Sexp) -> Option<&'a mut Record> {
    // SAFETY: by the caller's promise.
    let state = unsafe { state() }?;
    state.records.iter_mut().find(|r| r.handle == handle)
}

/// Lets go of the data: the program waits for the next call.
///
/// # Safety
///
/// Main thread; a handle of [`begin`].
unsafe fn leave(handle: Sexp) {
    // SAFETY: by the caller's promise.
    unsafe {
        if let Ok(opened) = opened(handle) {
            opened.read.rest();
            opened.job = None;
        }
        // R does not count less of what a cell has that is gone: `x` would be copied at its next change.
        let kept = ffi::R_ExternalPtrProtected(handle);
        if ffi::TYPEOF(kept) == ffi::LISTSXP {
            ffi::SETCAR(kept, ffi::nil());
        }
        // Without a record nobody asks for this program again.
        if let Some(record) = record_of(handle) {
            ffi::R_SetExternalPtrProtected(handle, record.rest);
        }
    }
}

/// The values of a call that can go the short way: a list, or with `simple` one vector where they are
/// single numbers of one type; with the names of the data. `NULL` where it cannot; the handle of its
/// program where it has begun and takes longer. `schedule`: what is told of it, `NULL` for the plan's own;
/// `seed`: of the streams of tasks, or `NULL`.
unsafe extern "C-unwind" fn rs_again(
    fun: Sexp,
    x: Sexp,
    call: Sexp,
    simple: Sexp,
    schedule: Sexp,
    seed: Sexp,
) -> Sexp {
    let given = Given {
        fun,
        x,
        call,
        schedule,
        seed,
    };
    // SAFETY: R protects the arguments of a call; the handle is protected as records may be let go of
    // while values are made. What is owned is under the handle, so a jump leaks nothing.
    guard(|| unsafe {
        let Some(handle) = begin(given) else {
            return ffi::nil();
        };
        let out = if advance(handle, true) {
            end(handle, x, *ffi::LOGICAL_RO(simple) != 0)
        } else {
            if let Some(record) = record_of(handle) {
                let rest = record.rest;
                ffi::R_SetExternalPtrProtected(handle, ffi::Rf_cons(x, rest));
            }
            handle
        };
        ffi::Rf_unprotect(1);
        out
    })
}

/// Runs more tasks of such a call, for a slice of time; `TRUE` when it is over.
unsafe extern "C-unwind" fn rs_again_step(handle: Sexp) -> Sexp {
    // SAFETY: R code passes the handle.
    guard(|| unsafe { ffi::Rf_ScalarLogical(advance(handle, false).into()) })
}

/// Its values, as [`rs_again`] returns them.
unsafe extern "C-unwind" fn rs_again_end(handle: Sexp, x: Sexp, simple: Sexp) -> Sexp {
    // SAFETY: R code passes the handle, the data and a flag, and protects them.
    guard(|| unsafe { end(handle, x, *ffi::LOGICAL_RO(simple) != 0) })
}

/// The call was ended by an interrupt or a time limit.
unsafe extern "C-unwind" fn rs_again_leave(handle: Sexp) -> Sexp {
    // SAFETY: R code passes the handle.
    unsafe { leave(handle) };
    ffi::nil()
}

routines! {
    meta__rs_again "rs_again" "wrap__rs_again" ("fun", "x", "call", "simple", "schedule", "seed")
        => rs_again;
    meta__rs_again_knows "rs_again_knows" "wrap__rs_again_knows" ("fun", "x") => rs_again_knows;
    meta__rs_again_step "rs_again_step" "wrap__rs_again_step" ("handle") => rs_again_step;
    meta__rs_again_end "rs_again_end" "wrap__rs_again_end" ("handle", "x", "simple") => rs_again_end;
    meta__rs_again_leave "rs_again_leave" "wrap__rs_again_leave" ("handle") => rs_again_leave;
    meta__rs_again_wants "rs_again_wants" "wrap__rs_again_wants" ("fun", "x", "later") => rs_again_wants;
}

extendr_module! {
    mod again;
    fn rs_again_note;
    fn rs_again;
    fn rs_again_step;
    fn rs_again_end;
    fn rs_again_leave;
    fn rs_again_wants;
    fn rs_again_knows;
}
