//! What R says about a job, as Rust types. Conversion only: R has checked it.

use std::num::NonZeroU32;
use std::time::Duration;

use extendr_api::prelude::*;
use rustle_schedule::{Layout, Schedule};
use rustle_streams::{Numbering, Seed, TaskSeeds};
use rustle_workers::supervisor::{Recovery, Settings};

use crate::seeds::Seeds;

/// An error that becomes a classed condition in R.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The part after `rustle_error_`.
    pub(crate) class: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(class: &'static str, message: impl std::fmt::Display) -> Refusal {
        Refusal {
            class,
            message: message.to_string(),
        }
    }
}

/// `list(ok = , err = )` for R's side to unpack.
pub(crate) fn into_r(result: std::result::Result<Robj, Refusal>) -> List {
    match result {
        Ok(value) => list!(ok = value, err = ()),
        Err(r) => list!(ok = (), err = list!(class = r.class, message = r.message)),
    }
}

type Parsed<T> = std::result::Result<T, Refusal>;

fn field(spec: &List, name: &str) -> Parsed<Robj> {
    spec.dollar(name)
        .map_err(|_| Refusal::new("internal", format!("field `{name}` is missing")))
}

fn wrong(name: &str) -> Refusal {
    Refusal::new("internal", format!("field `{name}` has the wrong type"))
}

fn number(spec: &List, name: &str) -> Parsed<f64> {
    field(spec, name)?
        .as_real()
        .or(field(spec, name)?.as_integer().map(f64::from))
        .ok_or(wrong(name))
}

fn flag(spec: &List, name: &str) -> Parsed<bool> {
    field(spec, name)?.as_bool().ok_or(wrong(name))
}

fn text(spec: &List, name: &str) -> Parsed<String> {
    field(spec, name)?
        .as_str()
        .map(str::to_owned)
        .ok_or(wrong(name))
}

fn integers(spec: &List, name: &str) -> Parsed<Option<Vec<i32>>> {
    let value = field(spec, name)?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_integer_vector().map(Some).ok_or(wrong(name))
}

fn at_least_one(n: f64) -> NonZeroU32 {
    NonZeroU32::new(n as u32).unwrap_or(NonZeroU32::MIN)
}

/// From the words of DESIGN.md's table to a schedule.
pub(crate) fn schedule(name: &str, chunk: f64) -> Parsed<Schedule> {
    Ok(match name {
        "static" => Schedule::Static,
        "cyclic" => Schedule::Cyclic,
        "dynamic" => Schedule::Dynamic {
            chunk: at_least_one(chunk),
        },
        "guided" => Schedule::Guided {
            min: at_least_one(chunk),
        },
        "stealing" => Schedule::Stealing,
        other => {
            return Err(Refusal::new(
                "internal",
                format!("unknown schedule '{other}'"),
            ))
        }
    })
}

/// Positions in relay order, from 0; `None` is task order.
pub(crate) type Order = Option<Vec<u32>>;

/// The layout of a job, and the order in which its tasks are relayed.
pub(crate) fn layout(spec: &List) -> Parsed<(Layout, Order)> {
    let tasks = number(spec, "tasks")? as u32;
    let workers = at_least_one(number(spec, "workers")?);
    let refused = |e| Refusal::new("internal", e);
    let mut layout = match integers(spec, "ends")? {
        Some(ends) => {
            let ends = ends.into_iter().map(|e| e as u32).collect();
            Layout::from_chunks(tasks, workers, ends).map_err(|e| refused(e.to_string()))?
        }
        None => Layout::new(
            schedule(&text(spec, "schedule")?, number(spec, "chunk")?)?,
            tasks,
            workers,
        ),
    };
    let order: Order =
        integers(spec, "order")?.map(|o| o.into_iter().map(|i| (i - 1) as u32).collect());
    if let Some(order) = &order {
        layout = layout
            .with_order(order.clone())
            .map_err(|e| refused(e.to_string()))?;
    }
    Ok((layout, order))
}

/// How workers are treated.
pub(crate) fn settings(spec: &List) -> Parsed<Settings> {
    let timeout = number(spec, "timeout")?;
    Ok(Settings {
        retries: number(spec, "retries")? as u32,
        timeout: timeout
            .is_finite()
            .then(|| Duration::from_secs_f64(timeout)),
        recovery: if flag(spec, "shares")? {
            Recovery::Share
        } else {
            Recovery::Task
        },
        eager: flag(spec, "eager")?,
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
pub(crate) fn seeds(spec: &List) -> Parsed<Seeds> {
    let base = || base_seed(&integers(spec, "seed")?.unwrap_or_default());
    let tasks = |numbering| base().map(|(k, s)| Seeds::Task(k, TaskSeeds::new(s, numbering)));
    Ok(match text(spec, "streams")?.as_str() {
        "clear" => Seeds::Clear,
        "keep" => Seeds::Keep,
        "same" => Seeds::Same,
        "substream" => tasks(Numbering::Substream)?,
        "stream" => tasks(Numbering::Stream)?,
        "share" => base().map(|(k, s)| Seeds::Share(k, s))?,
        // SAFETY: only the pointer is kept; R keeps the list while the job lives.
        "list" => Seeds::List(unsafe { field(spec, "seed")?.get() }.cast()),
        other => {
            return Err(Refusal::new(
                "internal",
                format!("unknown streams '{other}'"),
            ))
        }
    })
}

/// CPUs of each task, from 0.
pub(crate) fn affinity(spec: &List) -> Parsed<Option<Vec<Vec<usize>>>> {
    let value = field(spec, "affinity")?;
    let Some(list) = value.as_list() else {
        return Ok(None);
    };
    let cpus = |v: Robj| v.as_integer_vector().unwrap_or_default();
    Ok(Some(
        list.values()
            .map(|v| cpus(v).into_iter().map(|c| (c - 1) as usize).collect())
            .collect(),
    ))
}

/// Other switches of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    pub(crate) check_rng: bool,
    pub(crate) stop_on_error: bool,
    pub(crate) timings: bool,
    pub(crate) silent: bool,
    pub(crate) threads: usize,
}

pub(crate) fn switches(spec: &List) -> Parsed<Switches> {
    Ok(Switches {
        check_rng: flag(spec, "check_rng")?,
        stop_on_error: flag(spec, "stop_on_error")?,
        timings: flag(spec, "timings")?,
        silent: flag(spec, "silent")?,
        threads: number(spec, "threads")? as usize,
    })
}
