//! Loops under a schedule: threads claim units from the table that processes use.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Instant;

use rustle_schedule::{Cell, Claims, Clock, Layout, Queue, Schedule, Table};

use crate::blocks::Slice;
use crate::pool::on_threads;
use crate::vector::clean_after;

/// A loop over units of work, run in slices of time.
///
/// Which thread runs a unit is left to the schedule and to chance: what a unit does
/// must not depend on it. Between slices a worker keeps the units that it has claimed.
#[derive(Debug)]
pub struct Loop {
    layout: Layout,
    queue: Queue,
    cells: Vec<Cell>,
    /// The claims of each worker, kept from one slice to the next.
    workers: Vec<Mutex<Claims>>,
    clock: Stopwatch,
}

/// The time since the loop was made.
#[derive(Debug)]
struct Stopwatch(Instant);

impl Clock for Stopwatch {
    fn now(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

impl Loop {
    /// A loop over `units` units on at most `threads` threads.
    ///
    /// # Panics
    ///
    /// When there are more than 4294967295 units.
    pub fn new(schedule: Schedule, units: usize, threads: usize) -> Loop {
        let units = u32::try_from(units).expect("units have 32 bits");
        let workers = u32::try_from(threads).unwrap_or(u32::MAX).min(units);
        let workers = NonZeroU32::new(workers).unwrap_or(NonZeroU32::MIN);
        let layout = Layout::new(schedule, units, workers);
        let queue = Queue::default();
        let cells: Vec<Cell> = (0..workers.get()).map(|_| Cell::default()).collect();
        Table::new(&layout, &queue, &cells).reset();
        Loop {
            layout,
            queue,
            cells,
            workers: (0..workers.get() as usize)
                .map(|me| Mutex::new(Claims::new(me, Vec::new())))
                .collect(),
            clock: Stopwatch(Instant::now()),
        }
    }

    /// Runs `op(scratch, unit)` for units that have not run yet, until the slice is
    /// over; `true` when all have run. Every thread that runs anything has a `scratch`
    /// of its own. Where threads cannot be started the calling thread does all.
    pub fn advance<T>(
        &self,
        slice: Slice,
        scratch: impl Fn() -> T + Sync,
        op: impl Fn(&mut T, usize) + Sync,
    ) -> bool {
        let table = Table::new(&self.layout, &self.queue, &self.cells);
        let work = |me: usize| clean_after(|| self.work(table, me, slice, &scratch, &op));
        let workers = self.workers.len();
        // If there are fewer threads than at the start, some work for two workers.
        let threads = slice.threads.get().min(workers);
        let shared = on_threads(slice.threads, workers, |thread| {
            (thread..workers).step_by(threads).for_each(work);
        });
        if shared.is_err() {
            (0..workers).for_each(work);
        }
        let idle = |worker: &Mutex<Claims>| worker.lock().is_ok_and(|claims| claims.is_idle());
        table.unclaimed() == 0 && self.workers.iter().all(idle)
    }

    fn work<T>(
        &self,
        table: Table<'_>,
        me: usize,
        slice: Slice,
        scratch: &impl Fn() -> T,
        op: &impl Fn(&mut T, usize),
    ) {
        let Ok(mut claims) = self.workers[me].lock() else {
            return;
        };
        claims.resume(&self.clock);
        let mut own = None;
        while let Some(unit) = claims.next(&table, &self.clock) {
            op(own.get_or_insert_with(scratch), unit as usize);
            if slice.over() {
                break;
            }
        }
        claims.pause(&table, &self.clock);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    fn schedules() -> [Schedule; 5] {
        let one = NonZeroU32::MIN;
        [
            Schedule::Static,
            Schedule::Cyclic,
            Schedule::Dynamic { chunk: one },
            Schedule::Guided { min: one },
            Schedule::Stealing,
        ]
    }

    #[test]
    fn every_unit_runs_once_whatever_the_schedule_the_slices_and_the_threads() {
        for schedule in schedules() {
            for (units, threads) in [(0, 2), (1, 3), (7, 1), (300, 2), (301, 3)] {
                let ran: Vec<AtomicU32> = (0..units).map(|_| AtomicU32::new(0)).collect();
                let job = Loop::new(schedule, units, threads);
                let mut slices = 0;
                loop {
                    slices += 1;
                    let slice = Slice {
                        threads: NonZeroUsize::new(threads).unwrap(),
                        until: Instant::now() + Duration::from_micros(200),
                    };
                    let complete = job.advance(slice, Vec::new, |seen, unit| {
                        seen.push(unit);
                        ran[unit].fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_micros(20));
                    });
                    if complete {
                        break;
                    }
                }
                assert!(ran.iter().all(|n| n.load(Ordering::Relaxed) == 1));
                assert!(units < 300 || slices > 2, "the slices were not cut");
            }
        }
    }
}
