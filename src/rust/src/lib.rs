//! The binding: the only crate that knows R.
//!
//! It converts, evaluates R code and hands bytes over; schedules, memory,
//! processes and streams are the work of the crates below it. `raw.rs` lists the
//! routines that R may longjmp out of; the others are extendr's.

// extendr's macros write items without documentation.
#![allow(non_snake_case, missing_docs)]

mod arrivals;
mod bootstrap;
mod decode;
mod encode;
mod evaluate;
mod ffi;
mod fields;
mod index;
mod job;
mod linalg;
mod permutation;
mod raw;
mod refusal;
mod seeds;
mod shape;
mod simulation;
mod spec;
mod worker;

use extendr_api::prelude::*;
use rustle_streams::{Numbering, TaskSeeds};

use fields::Fields;
use raw::*;
use refusal::into_r;
use spec::base_seed;

fn robj(x: ffi::Sexp) -> Robj {
    // SAFETY: a live object on R's main thread, protected by the Robj from here.
    unsafe { Robj::from_sexp(x.cast()) }
}

/// Opens a job; see R/engine-job.R for the fields of `spec`.
/// @noRd
#[extendr]
fn rs_job_open(spec: Robj) -> List {
    into_r(job::Job::open(&spec).map(|job| robj(handle_of(job))))
}

/// The seeds of a job that runs in this process.
/// @noRd
#[extendr]
fn rs_seeds_open(spec: Robj) -> List {
    let seeds = Fields::new(&spec).and_then(|spec| spec::seeds(&spec));
    into_r(seeds.map(|seeds| robj(seeds_handle(seeds))))
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

/// Physical and logical cores.
/// @noRd
#[extendr]
fn rs_cores() -> Vec<i32> {
    let cores = rustle_threads::cores::cores();
    vec![cores.physical.get() as i32, cores.logical.get() as i32]
}

/// Exit statuses of workers that have a meaning.
/// @noRd
#[extendr]
fn rs_exit_statuses() -> List {
    let (names, values): (Vec<&str>, Vec<i32>) = STATUSES.into_iter().unzip();
    List::from_names_and_values(names, values).unwrap_or_default()
}

extendr_module! {
    mod rustle;
    use bootstrap;
    use linalg;
    use permutation;
    use simulation;
    fn rs_job_open;
    fn rs_seeds_open;
    fn rs_task_seeds;
    fn rs_cores;
    fn rs_exit_statuses;
    fn rs_worker_begin;
    fn rs_worker_run;
    fn rs_worker_fail;
    fn rs_worker_signal;
    fn rs_worker_task;
    fn rs_job_start;
    fn rs_job_wait;
    fn rs_job_collect;
    fn rs_job_timings;
    fn rs_job_close;
    fn rs_run_here;
    fn rs_check_interrupt;
    fn rs_matrix;
    fn rs_output_connection;
}
