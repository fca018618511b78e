//! What one worker has claimed, and what it runs next.

use std::ops::Range;
use std::time::Duration;

use crate::grain::Grain;
use crate::table::Table;
use crate::word::Word;

/// How a worker reads the time.
pub trait Clock {
    /// Nanoseconds since some fixed moment.
    fn now(&self) -> u64;

    /// Is `since` far enough in the past for [`Clock::now`] to be worth its price? Asked
    /// before every task; for clocks that can tell more cheaply than they are read.
    fn is_worth_reading(&self, _since: u64) -> bool {
        true
    }
}

/// The claims of one worker of a job: which task it runs next, how many it claims at a
/// time, and when it gives a slow claim back so that others can steal what is left of it.
///
/// A worker is a thread or a process; this knows neither. It must be the only user of
/// its number in the [`Table`].
#[derive(Debug)]
pub struct Claims {
    me: usize,
    /// Tasks to run before anything is claimed.
    redo: std::vec::IntoIter<u32>,
    /// Positions that are claimed and not begun.
    ahead: Range<u32>,
    /// Positions whose time runs since `since`; 0 when nothing is claimed.
    measured: u32,
    since: u64,
    grain: Grain,
    /// Claims so far, and how many of them were stolen.
    made: u64,
    stolen: u64,
}

impl Claims {
    /// Worker `me`, who has claimed nothing. It runs the tasks `redo` first: they
    /// belonged to a worker that was lost, and are in no claim.
    #[must_use]
    pub fn new(me: usize, redo: Vec<u32>) -> Claims {
        Claims {
            me,
            redo: redo.into_iter(),
            ahead: 0..0,
            measured: 0,
            since: 0,
            grain: Grain::new(),
            made: 0,
            stolen: 0,
        }
    }

    /// The next task, from what is claimed or by a new claim. By asking for it the
    /// worker says that all tasks before are done. `None`: nothing is left to claim.
    #[inline]
    pub fn next<W: Word>(&mut self, table: &Table<'_, W>, clock: &impl Clock) -> Option<u32> {
        if let Some(task) = self.redo.next() {
            return Some(task);
        }
        self.give_back_if_slow(table, clock);
        loop {
            if let Some(position) = self.ahead.next() {
                return Some(table.layout().task(position));
            }
            self.claim(table, clock)?;
        }
    }

    /// Stops the clock: what comes until [`Claims::resume`] is not the time of tasks.
    /// As [`Claims::next`], it says that all tasks before are done.
    pub fn pause<W: Word>(&mut self, table: &Table<'_, W>, clock: &impl Clock) {
        let left = self.ahead.len() as u32;
        let took = Duration::from_nanos(clock.now() - self.since);
        self.grain.observe(self.measured - left, took);
        if left == 0 && self.measured > 0 {
            table.release(self.me);
        }
        self.measured = left;
    }

    /// Starts the clock again.
    pub fn resume(&mut self, clock: &impl Clock) {
        self.since = clock.now();
    }

    /// Has everything that was claimed been begun?
    #[inline]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ahead.is_empty() && self.redo.as_slice().is_empty()
    }

    /// How often units were claimed so far.
    #[inline]
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// How many of these claims were stolen from another worker's block.
    #[inline]
    #[must_use]
    pub fn stolen(&self) -> u64 {
        self.stolen
    }

    fn claim<W: Word>(&mut self, table: &Table<'_, W>, clock: &impl Clock) -> Option<()> {
        let now = clock.now();
        if self.measured > 0 {
            let took = Duration::from_nanos(now - self.since);
            self.grain.observe(self.measured, took);
            self.measured = 0;
            table.release(self.me);
        }
        let (units, stolen) = table.claim_or_steal(self.me, self.grain.size())?;
        self.made += 1;
        self.stolen += u64::from(stolen);
        self.ahead = table.layout().positions(units);
        self.measured = self.ahead.len() as u32;
        self.since = now;
        Some(())
    }

    /// Gives the rest of a claim back that takes longer than it should, so that slow
    /// tasks behind quick ones can be stolen. In layouts that steal, units are positions.
    #[inline]
    fn give_back_if_slow<W: Word>(&mut self, table: &Table<'_, W>, clock: &impl Clock) {
        if !table.layout().steals() || self.ahead.is_empty() {
            return;
        }
        if !clock.is_worth_reading(self.since) {
            return;
        }
        let begun = self.measured - self.ahead.len() as u32;
        let elapsed = Duration::from_nanos(clock.now() - self.since);
        if begun > 0 && Grain::is_long(elapsed) && table.give_back(self.me, self.ahead.start) {
            self.measured = begun;
            self.ahead = 0..0;
        }
    }
}

#[cfg(test)]
mod tests;
