//! When tasks ran, and how often that is looked at.
//!
//! To read the clock twice costs a task some 50 ns. So quick tasks are timed together, in
//! batches ([`Stopwatch`]), and a job of very many tasks keeps fewer spans than tasks
//! ([`Keep`]).

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[cfg(unix)]
use rustle_schedule::Layout;

use crate::system;

/// Spans that a worker takes at a time, so that workers do not wait for each other's.
const BLOCK: usize = 32;
/// A job keeps about this many spans at most.
const MOST: u32 = 100_000;
/// A task that takes at least this (in ns) is timed by itself: 1 % of it pays for that.
const SLOW: u64 = 5_000;
/// Quicker ones are timed together, for about this long.
const BATCH: u64 = 50_000;
/// No batch has more tasks than this: a slow one among them could not be told.
const BATCH_MOST: u64 = 4_096;

/// Which spans a job keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// None; the sums of each worker are kept all the same.
    #[default]
    Nothing,
    /// Those of tasks, or of batches of quick ones; of a job with more than 100,000 tasks, of
    /// as many together as it takes to have no more spans than that.
    Batches,
    /// One per task, whatever it costs.
    Tasks,
}

impl Keep {
    /// The fewest tasks that a span covers, but for the last of a worker.
    pub fn least(self, tasks: u32) -> u32 {
        match self {
            Keep::Batches => tasks.div_ceil(MOST),
            _ => 1,
        }
    }

    #[cfg(unix)]
    /// How many spans there is room for. Every worker may leave a block unfilled, and so may
    /// those that were lost; tasks that run again have another span.
    pub(crate) fn capacity(self, layout: &Layout) -> usize {
        let (tasks, workers) = (layout.tasks() as usize, layout.workers() as usize);
        match self {
            Keep::Nothing => 0,
            _ => {
                let spans = tasks / self.least(layout.tasks()) as usize;
                (spans + spans / 8).next_multiple_of(BLOCK) + (3 * workers + 4) * BLOCK
            }
        }
    }
}

/// Tasks that were timed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Nanoseconds of the monotonic clock.
    pub start: u64,
    /// Of the last of them.
    pub end: u64,
    /// The first of them.
    pub task: u32,
    /// How many.
    pub count: u32,
    /// Who ran them.
    pub seat: u32,
    /// By how many KiB they have raised the most memory that the worker had; 0 if not measured;
    /// [`Entry::LOST`] of a task that was in flight when its worker was lost.
    pub growth: u32,
    /// The first of them comes from a claim that was stolen from another worker's block.
    pub stolen: bool,
}

impl Entry {
    /// In the word of the seat: see `stolen`.
    const STOLEN: u32 = 1 << 31;

    fn seat_word(&self) -> u32 {
        self.seat | if self.stolen { Entry::STOLEN } else { 0 }
    }

    /// Its size as bytes.
    pub const BYTES: usize = 32;
    /// See `growth`.
    pub const LOST: u32 = u32::MAX;

    /// As bytes.
    pub fn to_bytes(self) -> [u8; Entry::BYTES] {
        let mut out = [0; Entry::BYTES];
        out[..8].copy_from_slice(&self.start.to_ne_bytes());
        out[8..16].copy_from_slice(&self.end.to_ne_bytes());
        let words = [self.task, self.count, self.seat_word(), self.growth];
        for (at, word) in out[16..].chunks_exact_mut(4).zip(words) {
            at.copy_from_slice(&word.to_ne_bytes());
        }
        out
    }

    /// From the bytes that [`Entry::to_bytes`] has made; missing ones are 0.
    pub fn of_bytes(bytes: &[u8]) -> Entry {
        let long = |at: usize| {
            let mut word = [0; 8];
            if let Some(from) = bytes.get(at..at + 8) {
                word.copy_from_slice(from);
            }
            u64::from_ne_bytes(word)
        };
        let short = |at: usize| {
            let mut word = [0; 4];
            if let Some(from) = bytes.get(at..at + 4) {
                word.copy_from_slice(from);
            }
            u32::from_ne_bytes(word)
        };
        Entry {
            start: long(0),
            end: long(8),
            task: short(16),
            count: short(20),
            seat: short(24) & !Entry::STOLEN,
            growth: short(28),
            stolen: short(24) & Entry::STOLEN != 0,
        }
    }
}

/// An [`Entry`] in shared memory; zeroed memory says that it is not written.
#[derive(Debug)]
#[repr(C)]
pub struct Span {
    start: AtomicU64,
    end: AtomicU64,
    task: AtomicU32,
    count: AtomicU32,
    seat: AtomicU32,
    growth: AtomicU32,
}

impl Span {
    /// What is written here, if anything is.
    pub fn read(&self) -> Option<Entry> {
        let end = self.end.load(Ordering::Acquire);
        let seat = self.seat.load(Ordering::Relaxed);
        let entry = Entry {
            end,
            start: self.start.load(Ordering::Relaxed),
            task: self.task.load(Ordering::Relaxed),
            count: self.count.load(Ordering::Relaxed),
            seat: seat & !Entry::STOLEN,
            growth: self.growth.load(Ordering::Relaxed),
            stolen: seat & Entry::STOLEN != 0,
        };
        (entry.end != 0).then_some(entry)
    }

    fn write(&self, entry: &Entry) {
        self.start.store(entry.start, Ordering::Relaxed);
        self.task.store(entry.task, Ordering::Relaxed);
        self.count.store(entry.count, Ordering::Relaxed);
        self.seat.store(entry.seat_word(), Ordering::Relaxed);
        self.growth.store(entry.growth, Ordering::Relaxed);
        self.end.store(entry.end, Ordering::Release);
    }
}

/// Who writes spans: the ones that it has taken and not filled.
#[derive(Debug, Default)]
pub struct Pen(Range<usize>);

impl Pen {
    /// Writes an entry, in a block of `taken` of `spans` that nobody else has. When all are
    /// full it is dropped: tasks ran again more often than there is room for.
    pub fn write(&mut self, spans: &[Span], taken: &AtomicU64, entry: &Entry) {
        if self.0.is_empty() && !spans.is_empty() {
            let first = taken.fetch_add(BLOCK as u64, Ordering::Relaxed) as usize;
            self.0 = first..first.saturating_add(BLOCK);
        }
        if let Some(span) = self.0.next().and_then(|at| spans.get(at)) {
            span.write(entry);
        }
    }
}

/// Says when the clock is worth reading.
#[derive(Debug)]
pub struct Stopwatch {
    keep: Keep,
    /// Tasks that are timed together.
    size: u32,
    /// Tasks that have begun since the clock was read, and the first of them.
    count: u32,
    first: u32,
}

impl Stopwatch {
    /// Where no spans are kept, the clock is only read when a claim is done.
    pub fn new(keep: Keep) -> Stopwatch {
        Stopwatch {
            keep,
            size: if keep == Keep::Nothing { u32::MAX } else { 1 },
            count: 0,
            first: 0,
        }
    }

    /// A task begins; `true` when the clock must be read for it.
    #[inline]
    pub fn begin(&mut self, task: u32) -> bool {
        self.count += 1;
        if self.count == 1 {
            self.first = task;
        }
        self.count == 1
    }

    /// A task has ended; `true` when the clock must be read.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.count >= self.size
    }

    /// Have tasks begun whose time was not taken?
    #[inline]
    pub fn is_open(&self) -> bool {
        self.count > 0
    }

    /// The tasks that have begun took so many ns together: the first of them, and how many.
    pub fn close(&mut self, took: u64) -> (u32, u32) {
        let count = std::mem::take(&mut self.count);
        let each = took / u64::from(count.max(1));
        self.size = match self.keep {
            Keep::Nothing => u32::MAX,
            Keep::Tasks => 1,
            Keep::Batches if each >= SLOW => 1,
            Keep::Batches => {
                let wanted = BATCH / each.max(1);
                wanted.min(u64::from(self.size) * 2).clamp(2, BATCH_MOST) as u32
            }
        };
        (self.first, count)
    }
}

/// What a worker measures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The spans that are kept.
    pub keep: Keep,
    /// Measure by how much each task raises the most memory that the worker has had.
    pub memory: bool,
}

/// Forgets how much memory this process has had at most, where the system can.
pub fn reset_peak() {
    system::reset_peak();
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
pub fn peak_kib() -> u64 {
    system::peak_kib()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use rustle_schedule::Schedule;

    #[cfg(unix)]
    fn layout(tasks: u32, workers: u32) -> Layout {
        Layout::new(Schedule::Stealing, tasks, workers.try_into().unwrap())
    }

    #[test]
    fn slow_tasks_are_timed_each_and_quick_ones_together() {
        let mut watch = Stopwatch::new(Keep::Batches);
        for task in 0..5 {
            assert!(watch.begin(task) && watch.is_due());
            assert_eq!(watch.close(SLOW), (task, 1));
        }
        let (mut read, mut begun) = (0, 0);
        for task in 0..10_000 {
            if watch.begin(task) {
                read += 1;
            }
            begun += 1;
            if watch.is_due() {
                let (first, count) = watch.close(begun * 500);
                assert_eq!((u64::from(count), first), (begun, task + 1 - count));
                begun = 0;
            }
        }
        assert!(read < 120, "{read}");
        // A slow one is found, and those after it are timed each.
        while !watch.is_due() {
            watch.begin(0);
        }
        watch.close(1_000_000_000);
        assert!(watch.begin(7) && watch.is_due());
    }

    #[test]
    fn every_task_is_timed_where_that_is_asked_for() {
        let mut watch = Stopwatch::new(Keep::Tasks);
        for task in 0..100 {
            assert!(watch.begin(task) && watch.is_due());
            assert_eq!(watch.close(1), (task, 1));
        }
    }

    #[cfg(unix)]
    #[test]
    fn there_is_room_for_every_task_or_for_as_many_as_are_kept() {
        for (tasks, workers) in [(1, 1), (7, 64), (100_000, 64)] {
            assert!(Keep::Batches.capacity(&layout(tasks, workers)) >= tasks as usize);
            assert_eq!(Keep::Batches.least(tasks), 1);
        }
        assert_eq!(Keep::Nothing.capacity(&layout(5, 2)), 0);
        let many = layout(10_000_000, 2);
        assert_eq!(Keep::Batches.least(many.tasks()), 100);
        assert!(Keep::Batches.capacity(&many) < 120_000);
        assert!(Keep::Tasks.capacity(&many) > 10_000_000);
    }

    #[test]
    fn an_entry_survives_its_bytes() {
        let entry = Entry {
            start: 1,
            end: u64::MAX,
            task: 3,
            count: 4,
            seat: 5,
            growth: u32::MAX,
            stolen: true,
        };
        for stolen in [true, false] {
            let entry = Entry { stolen, ..entry };
            assert_eq!(Entry::of_bytes(&entry.to_bytes()), entry);
        }
    }

    #[test]
    fn this_process_has_memory() {
        assert!(peak_kib() > 100);
    }
}
