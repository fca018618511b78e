//! What R says about a job, as Rust types. Conversion only: R has checked it.

use std::ffi::c_int;
use std::time::Duration;

use extendr_api::prelude::*;
use rustle_schedule::Layout;
use rustle_streams::{Numbering, Seed, TaskSeeds};
use rustle_workers::supervisor::{Recovery, Settings};

use crate::ffi::Sexp;
use crate::fields::{at_least_one, schedule, Fields};
use crate::refusal::{Parsed, Refusal};
use crate::seeds::Seeds;
use crate::shape::{Kind, Shape};

/// Positions in relay order, from 0; `None` is task order.
pub(crate) type Order = Option<Vec<u32>>;

/// The layout of a job, and the order in which its tasks are relayed.
pub(crate) fn layout(spec: &Fields) -> Parsed<(Layout, Order)> {
    let tasks = spec.number("tasks")? as u32;
    let workers = at_least_one(spec.number("workers")?);
    let mut layout = match spec.integers("ends")? {
        Some(ends) => {
            let ends = ends.into_iter().map(|e| e as u32).collect();
            Layout::from_chunks(tasks, workers, ends).map_err(Refusal::internal)?
        }
        None => Layout::new(
            schedule(&spec.text("schedule")?, spec.number("chunk")?)?,
            tasks,
            workers,
        ),
    };
    let order: Order = spec
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
        recovery: if spec.flag("shares")? {
            Recovery::Share
        } else {
            Recovery::Task
        },
        eager: spec.flag("eager")?,
    })
}

/// The seven integers of a L'Ecuyer seed: R's kind code and the state.
pub(crate) fn base_seed(words: &[i32]) -> Parsed<(i32, Seed)> {
    let (kind, state) = words
        .split_first()
        .ok_or_else(|| Refusal::new("argument", "the seed is empty"))?;
    let seed = Seed::from_words(state).map_err(|e| Refusal::new("argument", e))?;
    Ok((*kind, seed))
}

/// Which random numbers tasks find.
pub(crate) fn seeds(spec: &Fields) -> Parsed<Seeds> {
    let base = || base_seed(&spec.integers("seed")?.unwrap_or_default());
    let tasks = |numbering| base().map(|(k, s)| Seeds::Task(k, TaskSeeds::new(s, numbering)));
    Ok(match spec.text("streams")?.as_str() {
        "clear" => Seeds::Clear,
        "keep" => Seeds::Keep,
        "same" => Seeds::Same,
        "substream" => tasks(Numbering::Substream)?,
        "stream" => tasks(Numbering::Stream)?,
        "share" => base().map(|(k, s)| Seeds::Share(k, s))?,
        // SAFETY: only the pointer is kept; R keeps the list while the job lives.
        "list" => Seeds::List(unsafe { spec.get("seed")?.get() }.cast()),
        other => {
            let unknown = format!("unknown streams '{other}'");
            return Err(Refusal::internal(unknown));
        }
    })
}

/// What is known of the values: `NULL`, a string, or `c(type, length)`.
pub(crate) fn shape(spec: &Fields) -> Parsed<Shape> {
    let template = |x: &Robj| {
        let [kind, len] = x.as_integer_slice()? else {
            return None;
        };
        let (kind, len) = (Kind::from_type(*kind)?, *len as usize);
        Some(Shape::Template { kind, len })
    };
    spec.read("shape", |x| {
        if x.is_null() {
            Some(Shape::Unknown)
        } else if x.is_string() {
            Some(Shape::Scalar)
        } else {
            template(x)
        }
    })
}

/// The function that refuses values, or `NULL`.
pub(crate) fn check(spec: &Fields) -> Parsed<Sexp> {
    // SAFETY: only the pointer is kept; R keeps the function while the job lives.
    Ok(unsafe { spec.get("check")?.get() }.cast())
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

/// Other switches of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    pub(crate) check_rng: bool,
    pub(crate) stop_on_error: bool,
    pub(crate) timings: bool,
    pub(crate) silent: bool,
    pub(crate) threads: usize,
    /// How many arguments of the call are forced before it is made.
    pub(crate) forced: c_int,
}

pub(crate) fn switches(spec: &Fields) -> Parsed<Switches> {
    Ok(Switches {
        check_rng: spec.flag("check_rng")?,
        stop_on_error: spec.flag("stop_on_error")?,
        timings: spec.flag("timings")?,
        silent: spec.flag("silent")?,
        threads: spec.number("threads")? as usize,
        forced: spec.number("forced")? as c_int,
    })
}
