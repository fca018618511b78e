//! The binding: the only crate that knows R.
//!
//! It converts, evaluates R code and hands bytes over; schedules, memory,
//! processes and streams are the work of the crates below it. `raw.rs` and
//! `jobs/entries.rs` list the routines that R may longjmp out of; the others are
//! extendr's. What needs workers of ours is in `jobs`, for which Windows has
//! `without_workers.rs`; what else differs between systems is in `system`.

// extendr's macros write items without documentation.
#![allow(non_snake_case, missing_docs)]
// What workers need is not used where there are none.
#![cfg_attr(windows, allow(dead_code))]

mod blas;
mod bootstrap;
mod compiled;
mod desk;
mod ffi;
mod fields;
mod here;
mod host;
mod index;
#[cfg(unix)]
mod jobs;
#[cfg(windows)]
#[path = "without_workers.rs"]
mod jobs;
mod journal;
mod linalg;
mod lists;
mod needs;
mod nodes;
mod parcel;
mod permutation;
mod primitives;
mod raw;
mod refusal;
mod report;
mod resamples;
mod seeds;
mod shape;
mod simulation;
mod system;
mod wild;

use extendr_api::prelude::*;
use rustle_streams::{Numbering, TaskSeeds};

use fields::Fields;
use here::Here;
use needs::*;
use raw::*;
use refusal::into_r;
use seeds::{base_seed, Seeds, Streams};
use shape::Shape;

fn robj(x: ffi::Sexp) -> Robj {
    // SAFETY: callers pass an object that was just made, on R's main thread; it is
    // protected by the Robj before anything else is allocated.
    unsafe { Robj::from_sexp(x.cast()) }
}

/// What a job that runs in this process is told of its tasks; see R/engine-sequential.R.
/// @noRd
#[extendr]
fn rs_here_open(spec: Robj) -> List {
    let here = Fields::new(&spec).and_then(|spec| {
        let seeds = Seeds {
            streams: Streams::read(&spec)?,
            inherited: ffi::nil(),
            // SAFETY: `spec` protects the list here, and the handle from then on.
            list: unsafe { spec.get("seed")?.get() }.cast(),
        };
        Ok(robj(here_handle(Here {
            seeds,
            shape: Shape::read(&spec)?,
            forced: spec.number("forced")? as i32,
            timer: here_timer(&spec)?,
        })))
    });
    into_r(here)
}

fn here_timer(spec: &Fields) -> refusal::Parsed<report::Timer> {
    let terms = report::terms(spec)?;
    Ok(report::Timer::new(terms.keep, terms.memory))
}

/// `.Random.seed` of tasks `tasks` (from 1), as a list; `numbering` is
/// "substream" or "stream".
/// @noRd
#[extendr]
fn rs_task_seeds(seed: &[i32], tasks: &[f64], numbering: &str) -> List {
    let numbering = if numbering == "stream" {
        Numbering::Stream
    } else {
        Numbering::Substream
    };
    into_r(base_seed(seed).map(|(kind, base)| {
        let mut seeds = TaskSeeds::new(base, numbering);
        let words = tasks.iter().map(|task| {
            let mut all = vec![kind];
            all.extend(seeds.seed(*task as u64 - 1).words());
            all
        });
        List::from_values(words.collect::<Vec<Vec<i32>>>()).into()
    }))
}

/// `list(physical, logical)`: cores.
/// @noRd
#[extendr]
fn rs_cores() -> List {
    let cores = rustle_threads::cores::cores();
    list!(
        physical = cores.physical.get() as i32,
        logical = cores.logical.get() as i32
    )
}

extendr_module! {
    mod rustle;
    use blas;
    use bootstrap;
    use compiled;
    use desk;
    use jobs;
    use journal;
    use linalg;
    use nodes;
    use parcel;
    use permutation;
    use primitives;
    use report;
    use resamples;
    use simulation;
    use wild;
    fn rs_here_open;
    fn rs_task_seeds;
    fn rs_cores;
    fn rs_run_here;
    fn rs_here_report;
    fn rs_check_interrupt;
    fn rs_matrix;
    fn rs_code_key;
    fn rs_locate;
    fn rs_waiting;
    fn rs_holds_code;
    fn rs_holds_environment;
    fn rs_named_among;
    fn rs_is_plain;
}
