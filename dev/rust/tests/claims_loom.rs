//! Claims and steals of a few workers under every ordering that the memory model
//! allows, up to a bound on preemptions.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;

use loom::sync::atomic::{AtomicU32, AtomicU64};
use loom::sync::Arc;
use rustle_schedule::{Cell, Layout, Queue, Schedule, Table, Word};

#[derive(Debug, Default)]
struct LoomWord(AtomicU64);

impl Word for LoomWord {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }
}

struct Job {
    layout: Layout,
    queue: Queue<LoomWord>,
    cells: Vec<Cell<LoomWord>>,
    /// How often each unit was run; relaxed, so that it orders nothing itself.
    runs: Vec<AtomicU32>,
}

impl Job {
    fn table(&self) -> Table<'_, LoomWord> {
        Table::new(&self.layout, &self.queue, &self.cells)
    }

    fn run(&self, unit: u32) {
        self.runs[unit as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `worker` as workers `0..workers` in every way; all units must run once.
fn explore(
    schedule: Schedule,
    units: u32,
    workers: u32,
    preemptions: usize,
    worker: impl Fn(&Job, usize) + Copy + Send + Sync + 'static,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || {
        let job = Arc::new(Job {
            layout: Layout::new(schedule, units, NonZeroU32::new(workers).unwrap()),
            queue: Queue::default(),
            cells: (0..workers).map(|_| Cell::default()).collect(),
            runs: (0..units).map(|_| AtomicU32::new(0)).collect(),
        });
        job.table().reset();
        let threads: Vec<_> = (1..workers as usize)
            .map(|me| {
                let job = Arc::clone(&job);
                loom::thread::spawn(move || worker(&job, me))
            })
            .collect();
        worker(&job, 0);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(job.table().unclaimed(), 0);
        for runs in &job.runs {
            assert_eq!(runs.load(Ordering::Relaxed), 1);
        }
    });
}

fn work(job: &Job, me: usize, grain: u32) {
    let table = job.table();
    while let Some(units) = table.claim(me, grain) {
        units.for_each(|unit| job.run(unit));
        table.release(me);
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

#[test]
fn two_workers_steal_from_each_other() {
    explore(Schedule::Stealing, 3, 2, 5, |job, me| work(job, me, 1));
}

#[test]
fn three_workers_steal_from_each_other() {
    explore(Schedule::Stealing, 2, 3, 1, |job, me| work(job, me, 1));
}

#[test]
fn what_is_given_back_is_run_once() {
    // A block of three: less could not give two at once.
    explore(Schedule::Stealing, 5, 2, 4, |job, me| {
        let table = job.table();
        while let Some(units) = table.claim(me, 2) {
            job.run(units.start);
            if units.len() == 2 && !table.give_back(me, units.start + 1) {
                job.run(units.start + 1);
            }
            table.release(me);
        }
    });
}

#[test]
fn two_workers_share_a_queue() {
    explore(Schedule::Dynamic { chunk: one() }, 3, 2, 5, |job, me| {
        work(job, me, 1)
    });
    explore(Schedule::Guided { min: one() }, 4, 2, 4, |job, me| {
        work(job, me, 1)
    });
}

#[test]
fn three_workers_share_a_queue() {
    explore(Schedule::Dynamic { chunk: one() }, 3, 3, 2, |job, me| {
        work(job, me, 1)
    });
}
