//! The first workers of a job: is another one worth its price?

use std::time::{Duration, Instant};

use super::Supervisor;
use crate::clock::now_ns;
use crate::crew::{Assignment, Crew, Started};
use crate::limits::{EVALUATION, FIRST_TASK, GLANCE, START_PRICE, WARM_UP, WORTH};

impl<C: Crew> Supervisor<C> {
    /// Starts the workers of the job.
    ///
    /// Unless `eager`, one after another, and none when the tasks that are left will be
    /// finished before it could begin: a tiny job pays for one worker. If the system
    /// refuses, the job goes on with those that started, and [`Supervisor::advance`]
    /// tries again.
    ///
    /// Returns the assignment where this process has become a worker ([`Started::Here`]),
    /// else `None`.
    pub fn launch(&mut self) -> Option<Assignment> {
        let here = self.launch_first();
        here.or_else(|| self.launch_rest())
    }

    /// The same, but for those workers that may not be worth their price: they are for
    /// [`Supervisor::launch_rest`]. What is done in between is done while the first comes up.
    pub fn launch_first(&mut self) -> Option<Assignment> {
        let now = now_ns();
        self.launched = now;
        for status in self.memory.status() {
            status.count_from(now);
        }
        self.start_certain()
    }

    /// See [`Supervisor::launch_first`]. Does nothing if all is decided.
    pub fn launch_rest(&mut self) -> Option<Assignment> {
        while let Some(price) = self.unclear.take() {
            if !self.pays_another(self.undecided.start, price) {
                self.undecided = 0..0;
                return None;
            }
            if let Some(here) = self.start_certain() {
                return Some(here);
            }
        }
        None
    }

    /// Starts one worker, and others as long as they are certain to be worth their price.
    fn start_certain(&mut self) -> Option<Assignment> {
        for seat in self.undecided.clone() {
            let before = Instant::now();
            let assignment = Assignment {
                seat,
                redo: Vec::new(),
            };
            match self.crew.start(&assignment) {
                Ok(Started::Here) => return Some(assignment),
                Ok(Started::Elsewhere) => self.starts += 1,
                Ok(Started::Later) => return None,
                // `advance` starts those that are undecided.
                Err(_) => return None,
            }
            self.undecided.start = seat + 1;
            let price = self.crew.price();
            // Read while the worker comes up, when we have nothing else to do. One that stood by may
            // be done before that is read: there it is read when we would sleep.
            if price.is_none() {
                self.note_oom();
            }
            // Workers that stand by cost each other nothing: once one more is worth it, all are.
            let many = EVALUATION * self.memory.layout.tasks();
            let certain = price.is_some_and(|price| seat > 0 || many > price * 2);
            let decided = self.settings.eager || certain;
            let price = price.unwrap_or_else(|| before.elapsed().max(START_PRICE));
            if !decided {
                self.unclear = Some(price);
                return None;
            }
        }
        self.undecided = 0..0;
        None
    }

    /// Would one more worker, at the price of a start, shorten the job? Waits for the
    /// first task to begin, then until the answer is clear.
    fn pays_another(&mut self, started: usize, price: Duration) -> bool {
        if started == self.seats().end {
            return false;
        }
        let known = self.crew.price().is_some();
        let price = price * 2;
        let table = self.memory.table();
        let total = u64::from(self.memory.layout.tasks());
        let begun = Instant::now();
        // When the first task began.
        let mut first: Option<Instant> = None;
        let mut pace = Pace::new(begun);
        loop {
            let rest = table.unclaimed_tasks();
            if rest == 0 {
                return false;
            }
            let now = Instant::now();
            if first.is_none() && (rest < total || self.memory.status()[0].phase().is_over()) {
                first = Some(now);
                pace.moved = now;
            }
            // Where no pace is measured, the words that workers write at every task are left to them.
            let done = if known {
                total.saturating_sub(rest)
            } else {
                self.done()
            };
            pace.see(done, now);
            let slow = pace.left(rest, now) > WORTH * price.as_secs_f64();
            let clear = match first {
                None => now - begun > FIRST_TASK,
                // A task that takes longer than a start is worth one. Where the price is known,
                // tasks together are that are not done by then: no pace has to be measured.
                Some(began) => {
                    let since = if known { began } else { pace.moved };
                    slow || now - since > price
                }
            };
            if clear {
                return true;
            }
            if !self.has_cores() || !self.gaze.rest(rest) {
                std::thread::sleep(GLANCE);
            }
        }
    }
}

/// How fast tasks are done, as it is seen from outside.
struct Pace {
    /// So many were seen done, and when there was last one more.
    done: u64,
    moved: Instant,
    /// When tasks were first seen done, and how many: these copied the pages of a
    /// fresh process, and say nothing of the others.
    warm: Option<(Instant, u64)>,
}

impl Pace {
    fn new(now: Instant) -> Pace {
        Pace {
            done: 0,
            moved: now,
            warm: None,
        }
    }

    /// A look at tasks while they are claimed: one that is being stolen may look done, and is not
    /// at the next look.
    fn see(&mut self, done: u64, now: Instant) {
        if done > self.done {
            (self.done, self.moved) = (done, now);
            self.warm = self.warm.or(Some((now, done)));
        }
    }

    /// Seconds that `rest` tasks will take; none before a pace is known.
    fn left(&self, rest: u64, now: Instant) -> f64 {
        match self.warm {
            Some((since, before)) if self.done > before && now - since > WARM_UP => {
                let pace = (now - since).as_secs_f64() / (self.done - before) as f64;
                pace * rest as f64
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_of_tasks_is_told_after_the_first() {
        let start = Instant::now();
        let after = |k: u32| start + WARM_UP * 2 * k;
        let mut pace = Pace::new(start);
        assert_eq!(pace.left(10, after(1)), 0.0);
        pace.see(3, after(1));
        assert_eq!(pace.left(10, after(2)), 0.0);
        pace.see(5, after(2));
        // Two tasks in two of WARM_UP.
        let expected = 10.0 * WARM_UP.as_secs_f64();
        assert!((pace.left(10, after(2)) - expected).abs() < 1e-9);
    }

    #[test]
    fn tasks_that_looked_done_and_are_not_change_nothing() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.see(5, start + WARM_UP);
        pace.see(3, start + WARM_UP * 4);
        assert_eq!((pace.done, pace.moved), (5, start + WARM_UP));
        assert_eq!(pace.left(10, start + WARM_UP * 4), 0.0);
    }
}
