//! Compiled closures, for R. Conversion only; R/compiled-closure.R finds out what code means
//! where it was written, and has checked it.

mod again;
mod code;
mod constants;
mod job;
mod known;
mod lists;
mod meaning;
mod plain;
mod read;
mod told;
mod values;
mod watched;
mod words;

use std::borrow::Cow;

use extendr_api::prelude::*;
use rustle_compiled::tree::Type;
use rustle_compiled::{compile, Program};

use crate::ffi::{self, Sexp};
use crate::fields::{schedule, slice, Fields};
use crate::raw::{guard, owned_handle, routines, take_owned};
use crate::refusal::{into_r, Parsed, Refusal};
use crate::robj;
use code::Code;
use job::Job;
use read::Read;

/// A compiled closure with its data, and the job that runs it.
struct Opened {
    program: Program,
    read: Read,
    job: Option<Job>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

/// Puts it under an external pointer, which keeps `data`, the list whose vectors it reads.
fn handle(opened: Opened, data: &Robj) -> Robj {
    // SAFETY: main thread; `data` is live.
    robj(unsafe { owned_handle(opened, data.get().cast()) })
}

/// # Safety
///
/// R's main thread; the handle is one that [`handle`] has made, and nobody else has what it
/// points to now.
unsafe fn opened<'a>(handle: Sexp) -> Parsed<&'a mut Opened> {
    // SAFETY: by the caller's promise; the address is a leaked box or null, as in a session
    // that was restored.
    let opened = unsafe { ffi::R_ExternalPtrAddr(handle).cast::<Opened>().as_mut() };
    opened.ok_or_else(|| Refusal::internal("the handle is of another process"))
}

fn words(types: &[Type]) -> String {
    let words: Vec<&str> = types.iter().map(|ty| ty.words()).collect();
    words.join(", then ")
}

/// Compiles a closure: `list(program, types, draws)`, or `list(path, why)` where it cannot be;
/// `path` leads to the expression in the body. See R/compiled-closure.R.
/// @noRd
#[extendr]
fn rs_compiled_open(spec: Robj) -> List {
    into_r((|| {
        let fields = Fields::new(&spec)?;
        let mut places = Vec::new();
        let body = read::tree(fields.get("body")?, &mut places);
        let mut read = Read::new(&fields, &mut places)?;
        let closure = read.closure(&fields, body, &mut places)?;
        match compile(&closure, &mut read) {
            Err(refused) => {
                let path = places
                    .get(refused.place as usize)
                    .cloned()
                    .unwrap_or_default();
                Ok(list!(path = path, why = refused.why).into())
            }
            Ok(program) => {
                let (names, types): (Vec<String>, Vec<String>) = program
                    .types
                    .iter()
                    .map(|(name, types)| (name.clone(), words(types)))
                    .unzip();
                let draws = program.draws;
                let mut types: Robj = types.into();
                types.set_names(names).map_err(Refusal::internal)?;
                let opened = Opened {
                    program,
                    read,
                    job: None,
                };
                let program = handle(opened, fields.get("data")?);
                Ok(list!(program = program, types = types, draws = draws).into())
            }
        }
    })())
}

/// Other elements for what is compiled, the first of `data`, which the handle keeps instead of what
/// it had: `FALSE` where their type is another one, and nothing has changed.
/// @noRd
#[extendr]
fn rs_compiled_again(handle: Robj, data: List) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        let Ok(items) = data.elt(0) else {
            return Err(Refusal::internal("there are no elements"));
        };
        // One that runs is another call's: see again.rs.
        if opened.job.is_some() || !opened.read.take(&items)? {
            return Ok(false.into());
        }
        // SAFETY: both are live.
        unsafe { ffi::R_SetExternalPtrProtected(handle.get().cast(), data.get().cast()) };
        Ok(true.into())
    })())
}

/// Lets go of the elements and of what the tasks have left: what is compiled may wait for others. The
/// handle keeps `data` instead.
/// @noRd
#[extendr]
fn rs_compiled_rest(handle: Robj, data: List) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        opened.read.rest();
        opened.job = None;
        // SAFETY: both are live.
        unsafe { ffi::R_SetExternalPtrProtected(handle.get().cast(), data.get().cast()) };
        Ok(().into())
    })())
}

/// Ends what is compiled, and lets go of all that it had of R.
/// @noRd
#[extendr]
fn rs_compiled_close(handle: Robj) {
    // SAFETY: main thread; R code passes the handle, of which nobody has a reference now.
    unsafe {
        drop(take_owned::<Opened>(handle.get().cast()));
        ffi::R_SetExternalPtrProtected(handle.get().cast(), ffi::nil());
    }
}

/// Moves the element of the list `from` to place `at` (from 1) of the list `to`. R counts who has an object,
/// and forgets to count down when a list is collected: what was in one is copied when it is
/// changed next, however large it is. So elements are taken out of lists by hand.
/// @noRd
#[extendr]
fn rs_move_value(to: Robj, at: i32, from: Robj) {
    if !to.is_list() || !from.is_list() || at < 1 || at as usize > to.len() || from.len() != 1 {
        return;
    }
    // SAFETY: main thread; R code made both lists for this, and the places are there.
    unsafe {
        let (to, from): (Sexp, Sexp) = (to.get().cast(), from.get().cast());
        ffi::SET_VECTOR_ELT(to, at as isize - 1, ffi::VECTOR_ELT(from, 0));
        ffi::SET_VECTOR_ELT(from, 0, ffi::nil());
    }
}

/// Takes all elements out of a list that nobody needs any more, or the argument out of a call of one; see
/// [`rs_move_value`].
/// @noRd
#[extendr]
fn rs_release(list: Robj) {
    if list.is_language() && list.len() == 2 {
        // SAFETY: main thread; the place is there, and R code has made the call.
        unsafe { ffi::SETCADR(list.get().cast(), ffi::nil()) };
    }
    if !list.is_list() {
        return;
    }
    for at in 0..list.len() {
        // SAFETY: main thread; the place is there.
        unsafe { ffi::SET_VECTOR_ELT(list.get().cast(), at as isize, ffi::nil()) };
    }
}

/// The seconds that the tasks have taken on all threads.
/// @noRd
#[extendr]
fn rs_compiled_seconds(handle: Robj) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        Ok(opened.job.as_ref().map_or(0.0, Job::seconds).into())
    })())
}

/// How many tasks have ended, and how many of these were given up.
/// @noRd
#[extendr]
fn rs_compiled_counts(handle: Robj) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        let counts = opened.job.as_ref().map_or([0.0; 2], Job::counts);
        Ok(counts.to_vec().into())
    })())
}

/// Ends the job before all tasks have ended: the others count as given up at the end of the call.
/// @noRd
#[extendr]
fn rs_compiled_stop(handle: Robj) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        if let Some(job) = &mut opened.job {
            job.stop();
        }
        Ok(().into())
    })())
}

/// `list(functions, variables, free)`: the functions that pieces of code call, the other names in
/// it, and of these those that may be read where they have not been assigned.
/// @noRd
#[extendr]
fn rs_compiled_names(code: List) -> List {
    let pieces: Vec<Robj> = code.values().collect();
    let mut words = words::Words::default();
    for piece in &pieces {
        words.add(Code::of(piece));
    }
    let texts =
        |names: &[Cow<'_, str>]| Robj::from(names.iter().map(Cow::as_ref).collect::<Vec<&str>>());
    list!(
        functions = texts(&words.functions),
        variables = texts(&words.variables),
        free = texts(&words.free)
    )
}

/// Begins tasks `from` (from 0) to `to`; see R/compiled-run.R. `spec`: streams, seed, schedule,
/// chunk, threads, bail (every task is given up), behind (values are those of the tasks before, too).
/// @noRd
#[extendr]
fn rs_compiled_begin(handle: Robj, from: f64, to: f64, spec: Robj) -> List {
    into_r((|| {
        let fields = Fields::new(&spec)?;
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let opened = unsafe { opened(handle.get().cast()) }?;
        let seeds = read::seeds(&fields)?;
        let schedule = schedule(&fields.text("schedule")?, fields.number("chunk")?)?;
        let threads = fields.number("threads")? as usize;
        let tasks = from as usize..to as usize;
        if tasks.start > tasks.end || tasks.end > opened.read.tasks() {
            return Err(Refusal::internal("there are not so many tasks"));
        }
        let (bail, behind) = (fields.flag("bail")?, fields.flag("behind")?);
        opened.job = Some(match opened.job.take() {
            Some(before) if behind && before.tasks().end == tasks.start => {
                Job::behind(before, tasks.end, seeds, schedule, threads, bail)
            }
            _ => Job::new(tasks, seeds, schedule, threads, bail),
        });
        Ok(().into())
    })())
}

/// Runs tasks for a slice of time; `TRUE` when all have ended.
/// @noRd
#[extendr]
fn rs_compiled_step(handle: Robj, threads: f64) -> List {
    into_r((|| {
        // SAFETY: main thread; R code passes the handle, and the reference ends here.
        let Opened { program, read, job } = unsafe { opened(handle.get().cast()) }?;
        let job = job
            .as_mut()
            .ok_or_else(|| Refusal::internal("no tasks were begun"))?;
        Ok(job.advance(program, &read.data, slice(threads)).into())
    })())
}

/// Are the functions at the same places of two lists the same, and nobody is watching them?
/// @noRd
#[extendr]
fn rs_compiled_same(x: List, y: List) -> Vec<bool> {
    // SAFETY: live objects, whose addresses are compared.
    let same = |(x, y): (Robj, Robj)| unsafe {
        x.get() == y.get() && !watched::is_watched(x.get().cast())
    };
    x.values().zip(y.values()).map(same).collect()
}

/// `list(values, vector, bailed, reasons)` of the tasks that have run: a list with their values, or one vector
/// where all are single numbers of one type (and `simple` is true); the numbers of those that were given up, and on what.
unsafe extern "C-unwind" fn rs_compiled_values(handle: Sexp, simple: Sexp) -> Sexp {
    // SAFETY: R code passes the handle and a logical value. What the handle points to owns
    // everything that is read, so a jump out of here leaks nothing.
    guard(|| unsafe {
        let Ok(opened) = opened(handle) else {
            return ffi::nil();
        };
        let Some(job) = &opened.job else {
            return ffi::nil();
        };
        values::to_r(job, &opened.program.names, *ffi::LOGICAL_RO(simple) != 0)
    })
}

routines! {
    meta__rs_compiled_values "rs_compiled_values" "wrap__rs_compiled_values" ("handle", "simple")
        => rs_compiled_values;
}

extendr_module! {
    mod compiled;
    use again;
    use known;
    use told;
    use watched;
    fn rs_compiled_open;
    fn rs_compiled_again;
    fn rs_compiled_names;
    fn rs_compiled_rest;
    fn rs_compiled_seconds;
    fn rs_compiled_counts;
    fn rs_compiled_close;
    fn rs_move_value;
    fn rs_release;
    fn rs_compiled_stop;
    fn rs_compiled_begin;
    fn rs_compiled_step;
    fn rs_compiled_same;
    fn rs_compiled_values;
}
