//! The simulator, and how well workers were used, for R.

use extendr_api::prelude::*;
use rustle_schedule::{efficiency, imbalance, Costs, Layout, Simulation};
use rustle_threads::simulations;

use crate::fields::{at_least_one, schedule, threads as count};
use crate::refusal::{into_r, Parsed, Refusal};

fn one(simulation: &Simulation) -> List {
    let workers = simulation.worker.iter().map(|w| *w as i32 + 1);
    list!(
        makespan = simulation.makespan,
        busy = simulation.busy.clone(),
        idle = simulation.idle.clone(),
        imbalance = simulation.imbalance(),
        efficiency = simulation.efficiency(),
        claims = simulation.claims as f64,
        worker = workers.collect::<Vec<i32>>(),
        start = simulation.start.clone()
    )
}

/// How well workers were used that were busy for these seconds until the last task
/// ended after `makespan` seconds.
/// @noRd
#[extendr]
fn rs_utilization(busy: &[f64], makespan: f64) -> List {
    list!(
        imbalance = imbalance(busy),
        efficiency = efficiency(busy, makespan)
    )
}

/// Simulates every combination of schedule, chunk and workers (three vectors of
/// one length) on the same task times.
/// @noRd
#[extendr]
fn rs_simulate(
    times: &[f64],
    schedules: Vec<String>,
    chunks: &[f64],
    workers: &[f64],
    start_up: f64,
    claim: f64,
    threads: i32,
) -> List {
    into_r(simulate_all(
        times,
        &schedules,
        chunks,
        workers,
        Costs { start_up, claim },
        threads,
    ))
}

fn simulate_all(
    times: &[f64],
    schedules: &[String],
    chunks: &[f64],
    workers: &[f64],
    costs: Costs,
    threads: i32,
) -> Parsed<Robj> {
    let mut layouts = Vec::with_capacity(schedules.len());
    for ((name, chunk), workers) in schedules.iter().zip(chunks).zip(workers) {
        let (schedule, tasks) = (schedule(name, *chunk)?, times.len() as u32);
        layouts.push(Layout::new(schedule, tasks, at_least_one(*workers)));
    }
    let threads = count(f64::from(threads));
    let results =
        simulations::simulate_all(times, &layouts, costs, threads).map_err(Refusal::threads)?;
    let mut out = Vec::with_capacity(results.len());
    for result in results {
        out.push(one(&result.map_err(|e| Refusal::new("argument", e))?));
    }
    Ok(List::from_values(out).into())
}

extendr_module! {
    mod simulation;
    fn rs_simulate;
    fn rs_utilization;
}
