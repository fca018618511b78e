//! What R says about a job, as Rust types. Conversion only: R has checked it.

use std::collections::HashMap;
use std::ffi::c_int;
use std::num::NonZeroU32;
use std::time::Duration;

use extendr_api::prelude::*;
use rustle_schedule::{Layout, Schedule};
use rustle_streams::{Numbering, Seed, TaskSeeds};
use rustle_workers::supervisor::{Recovery, Settings};

use crate::ffi::Sexp;
use crate::seeds::Seeds;
use crate::shape::{Kind, Shape};

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

/// The fields of a job's specification.
pub(crate) struct Spec(HashMap<&'static str, Robj>);

impl Spec {
    pub(crate) fn new(list: &List) -> Spec {
        Spec(list.iter().collect())
    }

    fn field(&self, name: &str) -> Parsed<&Robj> {
        self.0
            .get(name)
            .ok_or_else(|| Refusal::new("internal", format!("field `{name}` is missing")))
    }

    /// The field `name`, as `convert` reads it.
    fn read<T>(&self, name: &str, convert: impl Fn(&Robj) -> Option<T>) -> Parsed<T> {
        convert(self.field(name)?)
            .ok_or_else(|| Refusal::new("internal", format!("field `{name}` has the wrong type")))
    }

    fn number(&self, name: &str) -> Parsed<f64> {
        self.read(name, |x| {
            x.as_real().or_else(|| x.as_integer().map(f64::from))
        })
    }

    fn flag(&self, name: &str) -> Parsed<bool> {
        self.read(name, |x| x.as_bool())
    }

    fn text(&self, name: &str) -> Parsed<String> {
        self.read(name, |x| x.as_str().map(str::to_owned))
    }

    fn integers(&self, name: &str) -> Parsed<Option<Vec<i32>>> {
        self.read(name, |x| {
            if x.is_null() {
                Some(None)
            } else {
                x.as_integer_vector().map(Some)
            }
        })
    }
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
pub(crate) fn layout(spec: &Spec) -> Parsed<(Layout, Order)> {
    let tasks = spec.number("tasks")? as u32;
    let workers = at_least_one(spec.number("workers")?);
    let refused = |e| Refusal::new("internal", e);
    let mut layout = match spec.integers("ends")? {
        Some(ends) => {
            let ends = ends.into_iter().map(|e| e as u32).collect();
            Layout::from_chunks(tasks, workers, ends).map_err(|e| refused(e.to_string()))?
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
            .map_err(|e| refused(e.to_string()))?;
    }
    Ok((layout, order))
}

/// How workers are treated.
pub(crate) fn settings(spec: &Spec) -> Parsed<Settings> {
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
pub(crate) fn seeds(spec: &Spec) -> Parsed<Seeds> {
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
        "list" => Seeds::List(unsafe { spec.field("seed")?.get() }.cast()),
        other => {
            return Err(Refusal::new(
                "internal",
                format!("unknown streams '{other}'"),
            ))
        }
    })
}

/// What is known of the values: `NULL`, a string, or `c(type, length)`.
pub(crate) fn shape(spec: &Spec) -> Parsed<Shape> {
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
pub(crate) fn check(spec: &Spec) -> Parsed<Sexp> {
    // SAFETY: only the pointer is kept; R keeps the function while the job lives.
    Ok(unsafe { spec.field("check")?.get() }.cast())
}

/// CPUs of each task, from 0.
pub(crate) fn affinity(spec: &Spec) -> Parsed<Option<Vec<Vec<usize>>>> {
    let value = spec.field("affinity")?;
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
    /// How many arguments of the call are forced before it is made.
    pub(crate) forced: c_int,
}

pub(crate) fn switches(spec: &Spec) -> Parsed<Switches> {
    Ok(Switches {
        check_rng: spec.flag("check_rng")?,
        stop_on_error: spec.flag("stop_on_error")?,
        timings: spec.flag("timings")?,
        silent: spec.flag("silent")?,
        threads: spec.number("threads")? as usize,
        forced: spec.number("forced")? as c_int,
    })
}
