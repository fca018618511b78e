//! What R says about a job, as Rust types. Conversion only: R has checked it.

use std::ffi::c_int;
use std::time::Duration;

use extendr_api::GetSexp;
use rustle_schedule::Layout;
use rustle_workers::recovery::Unit;
use rustle_workers::spans::Measured;
use rustle_workers::supervisor::Settings;

use crate::ffi::Sexp;
use crate::fields::{at_least_one, schedule, Fields};
use crate::refusal::{Parsed, Refusal};
use crate::report::terms;
use crate::seeds::Streams;
use crate::shape::Shape;

/// What a worker is told, as plain data: it could cross a socket.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How many arguments of the call are forced before it is made.
    pub(crate) forced: c_int,
    pub(crate) shape: Shape,
    pub(crate) streams: Streams,
    /// Report tasks that draw random numbers without a stream.
    pub(crate) check_rng: bool,
    /// The first error makes all later tasks unnecessary.
    pub(crate) stop_on_error: bool,
    /// What is measured.
    pub(crate) terms: Measured,
    /// Keep the start of each task, for its timeout.
    pub(crate) timed: bool,
    /// Standard output goes nowhere.
    pub(crate) silent: bool,
    /// BLAS and OpenMP threads.
    pub(crate) threads: usize,
    /// CPUs of each task, from 0.
    pub(crate) affinity: Option<Vec<Vec<usize>>>,
}

/// What a worker evaluates: R objects, which a forked worker inherits. The handle of the
/// job keeps them alive. Absent ones are `NULL`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code {
    /// A task: the call and the frame in which it is evaluated.
    pub(crate) call: Sexp,
    pub(crate) frame: Sexp,
    /// The R function that a worker runs, around the loop over its tasks.
    pub(crate) main: Sexp,
    /// A function of value and task that refuses values by an error.
    pub(crate) check: Sexp,
    /// The session's random state.
    pub(crate) inherited: Sexp,
    /// The seed of each task.
    pub(crate) seeds: Sexp,
}

impl Rules {
    pub(crate) fn read(spec: &Fields) -> Parsed<Rules> {
        Ok(Rules {
            forced: spec.number("forced")? as c_int,
            shape: Shape::read(spec)?,
            streams: Streams::read(spec)?,
            check_rng: spec.flag("check_rng")?,
            stop_on_error: spec.flag("stop_on_error")?,
            terms: terms(spec)?,
            timed: spec.number("timeout")?.is_finite(),
            silent: spec.flag("silent")?,
            threads: spec.number("threads")? as usize,
            affinity: affinity(spec)?,
        })
    }
}

impl Code {
    /// # Safety
    ///
    /// Whoever keeps the result keeps the list alive of which `code` has the fields.
    pub(crate) unsafe fn read(code: &Fields) -> Parsed<Code> {
        // SAFETY: only pointers are kept, which live by the caller's promise.
        let object = |name| Ok(unsafe { code.get(name)?.get() }.cast());
        Ok(Code {
            call: object("call")?,
            frame: object("frame")?,
            main: object("main")?,
            check: object("check")?,
            inherited: object("inherited")?,
            seeds: object("seeds")?,
        })
    }
}

/// Positions in relay order, from 0; `None` is task order.
pub(crate) type RelayOrder = Option<Vec<u32>>;

/// The layout of a job, and the order in which its tasks are relayed.
pub(crate) fn layout(spec: &Fields) -> Parsed<(Layout, RelayOrder)> {
    let tasks = spec.number("tasks")? as u32;
    let workers = at_least_one(spec.number("workers")?);
    let mut layout = match spec.integers("ends")? {
        Some(ends) => {
            let ends = ends.into_iter().map(|e| e as u32).collect();
            let cut = match spec.text("schedule")?.as_str() {
                "static" => Layout::from_blocks(tasks, workers, ends),
                _ => Layout::from_chunks(tasks, workers, ends),
            };
            cut.map_err(Refusal::internal)?
        }
        None => Layout::new(
            schedule(&spec.text("schedule")?, spec.number("chunk")?)?,
            tasks,
            workers,
        ),
    };
    let order: RelayOrder = spec
        .integers("order")?
        .map(|o| o.into_iter().map(|i| (i - 1) as u32).collect());
    if let Some(order) = &order {
        layout = layout
            .with_order(order.clone())
            .map_err(Refusal::internal)?;
    }
    Ok((layout, order))
}

/// How workers are treated.
pub(crate) fn settings(spec: &Fields) -> Parsed<Settings> {
    let timeout = spec.number("timeout")?;
    Ok(Settings {
        retries: spec.number("retries")? as u32,
        timeout: timeout
            .is_finite()
            .then(|| Duration::from_secs_f64(timeout)),
        unit: if spec.flag("shares")? {
            Unit::Share
        } else {
            Unit::Task
        },
        eager: spec.flag("eager")?,
    })
}

/// CPUs of each task, from 0.
pub(crate) fn affinity(spec: &Fields) -> Parsed<Option<Vec<Vec<usize>>>> {
    if spec.optional("affinity")?.is_none() {
        return Ok(None);
    }
    let from_zero = |cpus: Vec<u32>| cpus.into_iter().map(|c| c as usize).collect();
    let cpus = spec.groups("affinity")?;
    Ok(Some(cpus.into_iter().map(from_zero).collect()))
}
