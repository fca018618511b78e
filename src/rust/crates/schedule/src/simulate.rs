//! A simulator of discrete events that runs the claim table itself.

use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::fmt;
use std::time::Duration;

use crate::grain::Grain;
use crate::policy::Layout;
use crate::table::{Cell, Queue, Table};

/// The most workers that are simulated: every steal looks at all of them.
pub const MAX_WORKERS: u32 = 10_000;

/// What scheduling costs, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Time to start a worker. They are started one after another: worker `w`
    /// (from 0) makes its first claim at `(w + 1) * start_up`.
    pub start_up: f64,
    /// Time of a claim, a steal before it included. It is spent after the units are
    /// taken and before the first of them starts.
    pub claim: f64,
}

/// What happened in a simulated job. Times in seconds since its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// When the last task ended; 0 without tasks.
    pub makespan: f64,
    /// Per worker, the sum of the times of its tasks.
    pub busy: Vec<f64>,
    /// Per worker, `makespan - busy`: waiting, starting and claiming.
    pub idle: Vec<f64>,
    /// Number of claims that got units.
    pub claims: u64,
    /// Number of those that had to steal first.
    pub steals: u64,
    /// Per task, the worker that ran it.
    pub worker: Vec<u32>,
    /// Per task, when it started.
    pub start: Vec<f64>,
}

impl Simulation {
    /// Load imbalance, see [`imbalance`].
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        imbalance(&self.busy)
    }

    /// Efficiency, see [`efficiency`].
    #[must_use]
    pub fn efficiency(&self) -> f64 {
        efficiency(&self.busy, self.makespan)
    }
}

/// Load imbalance of workers that were busy for these times: (busiest worker's time -
/// mean) / mean. 0 when no worker was busy at all.
#[must_use]
pub fn imbalance(busy: &[f64]) -> f64 {
    let mean = busy.iter().sum::<f64>() / busy.len() as f64;
    let most = busy.iter().copied().fold(0.0, f64::max);
    if mean > 0.0 {
        (most - mean) / mean
    } else {
        0.0
    }
}

/// The fraction of the workers' time until the last task ended, `makespan`, in which they
/// were busy. 1 when there was no time.
#[must_use]
pub fn efficiency(busy: &[f64], makespan: f64) -> f64 {
    let all = busy.len() as f64 * makespan;
    if all > 0.0 {
        busy.iter().sum::<f64>() / all
    } else {
        1.0
    }
}

/// Why a job cannot be simulated.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SimulateError {
    /// `times` times were given for `tasks` tasks.
    Length {
        /// Number of times.
        times: usize,
        /// Number of tasks of the layout.
        tasks: u32,
    },
    /// The time of `task` is negative or not finite.
    Time {
        /// Index of the task, from 0.
        task: usize,
        /// Its time in seconds.
        time: f64,
    },
    /// A cost is negative or not finite.
    Cost {
        /// The cost in seconds.
        cost: f64,
    },
    /// The layout has more than [`MAX_WORKERS`] workers.
    TooManyWorkers {
        /// Their number.
        workers: u32,
    },
}

impl fmt::Display for SimulateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { times, tasks } => write!(f, "there are {times} times for {tasks} tasks"),
            Self::Time { task, time } => {
                write!(
                    f,
                    "the time of task {task} is {time}, not seconds of at least 0"
                )
            }
            Self::Cost { cost } => write!(f, "a cost is {cost}, not seconds of at least 0"),
            Self::TooManyWorkers { workers } => {
                write!(f, "{workers} workers; at most {MAX_WORKERS} are simulated")
            }
        }
    }
}

impl std::error::Error for SimulateError {}

/// A worker that is about to claim. Earlier is greater, as the heap wants it; among
/// equal times the lower worker, so that a simulation is the same every time.
#[derive(Clone, Copy, Debug)]
struct Ready {
    at: f64,
    worker: u32,
}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |ready: &Self| Reverse(ready.worker);
        other
            .at
            .total_cmp(&self.at)
            .then_with(|| key(self).cmp(&key(other)))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ready {}

/// Runs tasks that take `times` seconds under `layout`, without running them.
///
/// The workers call [`Table::claim`] in the order of simulated time, each with a
/// [`Grain`] that observes simulated time, and give back what is left of a long claim
/// that they may be robbed of. A worker that finds no units retires, so
/// that the looks for something to steal stay few. One million tasks on 10,000
/// workers take seconds, whatever the schedule.
///
/// # Errors
///
/// Fails when there is not one time for each task, when a time or cost is negative
/// or not finite, and when there are more than [`MAX_WORKERS`] workers.
pub fn simulate(times: &[f64], layout: &Layout, costs: Costs) -> Result<Simulation, SimulateError> {
    check(times, layout, costs)?;
    let workers = layout.workers();
    let queue: Queue = Queue::default();
    let cells: Vec<Cell> = (0..workers).map(|_| Cell::default()).collect();
    let table = Table::new(layout, &queue, &cells);
    table.reset();

    // The first unit that a worker gives back when its turn comes again.
    let mut left: Vec<Option<u32>> = vec![None; cells.len()];
    let mut grains = vec![Grain::new(); cells.len()];
    let mut outcome = Simulation {
        makespan: 0.0,
        busy: vec![0.0; cells.len()],
        idle: Vec::new(),
        claims: 0,
        steals: 0,
        worker: vec![0; times.len()],
        start: vec![0.0; times.len()],
    };
    let mut line: BinaryHeap<Ready> = (0..workers)
        .map(|worker| Ready {
            at: f64::from(worker + 1) * costs.start_up,
            worker,
        })
        .collect();
    while let Some(mut ready) = line.peek_mut() {
        let me = ready.worker as usize;
        if let Some(from) = left[me].take() {
            let _ = table.give_back(me, from);
        }
        table.release(me);
        let steals = layout.steals() && !table.stocked(me);
        let Some(units) = table.claim(me, grains[me].size()) else {
            PeekMut::pop(ready);
            continue;
        };
        outcome.claims += 1;
        outcome.steals += u64::from(steals);
        let begun = ready.at + costs.claim;
        let mut now = begun;
        let mut run = 0;
        for position in layout.positions(units) {
            if layout.steals() && Grain::is_long(seconds(now - begun)) {
                left[me] = Some(position);
                break;
            }
            let task = layout.task(position) as usize;
            outcome.worker[task] = ready.worker;
            outcome.start[task] = now;
            outcome.busy[me] += times[task];
            now += times[task];
            outcome.makespan = outcome.makespan.max(now);
            run += 1;
        }
        grains[me].observe(run, seconds(now - begun));
        ready.at = now;
    }
    let makespan = outcome.makespan;
    outcome.idle = outcome.busy.iter().map(|busy| makespan - busy).collect();
    Ok(outcome)
}

fn seconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX)
}

fn check(times: &[f64], layout: &Layout, costs: Costs) -> Result<(), SimulateError> {
    let valid = |time: f64| time.is_finite() && time >= 0.0;
    if times.len() != layout.tasks() as usize {
        return Err(SimulateError::Length {
            times: times.len(),
            tasks: layout.tasks(),
        });
    }
    if let Some(task) = times.iter().position(|&time| !valid(time)) {
        let time = times[task];
        return Err(SimulateError::Time { task, time });
    }
    if let Some(cost) = [costs.start_up, costs.claim]
        .into_iter()
        .find(|&cost| !valid(cost))
    {
        return Err(SimulateError::Cost { cost });
    }
    match layout.workers() {
        0..=MAX_WORKERS => Ok(()),
        workers => Err(SimulateError::TooManyWorkers { workers }),
    }
}

#[cfg(test)]
mod tests;
