//! The claim table. PROTOCOL.md, beside this crate, says what holds and why.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::policy::{Layout, Source};
use crate::word::{self, Word};

/// How often a worker looks again when it found no units but saw a steal under way:
/// the thief's new block appears a few instructions later. Bounded, because a thief
/// that was killed or put to sleep there must not hold up the others.
const LOOKS: u32 = 3;

/// The words of one worker. All zero is an idle worker without units.
#[derive(Debug, Default)]
#[repr(C)]
struct Line<W> {
    /// Unclaimed units, `start:32 | end:32`. The start moves by the owner only, the
    /// end by thieves; once empty it is changed by the owner only.
    block: W,
    /// Units being run, `start:32 | len:31 | confirmed:1`. Written by the owner.
    claim: W,
    /// 1 + the worker that the owner is about to steal from. Written by the owner.
    victim: W,
    /// The units it means to take; empty when no steal is under way.
    loot: W,
}

/// The part of a claim table that belongs to one worker, on cache lines of its own.
///
/// Zeroed memory is a valid cell: idle, without units.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Cell<W = AtomicU64> {
    line: CachePadded<Line<W>>,
}

/// The unclaimed units of a job that hands them out in one line.
///
/// Zeroed memory is a valid queue: an empty one.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Queue<W = AtomicU64> {
    rest: CachePadded<W>,
}

/// The claim table of one job: the layout, and the words in memory that all workers
/// share, whether they are processes or threads. Every worker makes its own `Table`
/// over the same memory.
///
/// No call waits for another worker: where two meet, one of them has made progress.
pub struct Table<'a, W = AtomicU64> {
    layout: &'a Layout,
    queue: &'a Queue<W>,
    cells: &'a [Cell<W>],
}

impl<W> Clone for Table<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Table<'_, W> {}

impl<W: fmt::Debug> fmt::Debug for Table<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("layout", &self.layout)
            .field("queue", &self.queue)
            .field("cells", &self.cells)
            .finish()
    }
}

impl<'a, W: Word> Table<'a, W> {
    /// A table over `queue` and `cells`, which stay as they are.
    ///
    /// # Panics
    ///
    /// If there is not one cell for each worker of the layout.
    #[inline]
    #[must_use]
    pub fn new(layout: &'a Layout, queue: &'a Queue<W>, cells: &'a [Cell<W>]) -> Self {
        assert_eq!(cells.len(), layout.workers() as usize);
        Self {
            layout,
            queue,
            cells,
        }
    }

    /// How the tasks of the job are laid out.
    #[inline]
    #[must_use]
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Lays out all units as unclaimed. Must end before any worker starts.
    pub fn reset(&self) {
        let queued = match self.layout.source() {
            Source::Queue => 0..self.layout.units(),
            Source::Block { .. } => 0..0,
        };
        self.queue.rest.store(word::pack(queued), Ordering::Release);
        for (worker, cell) in self.cells.iter().enumerate() {
            let share = self.layout.share(worker as u32);
            cell.line.block.store(word::pack(share), Ordering::Release);
            self.forget(cell);
        }
    }

    /// Claims the next units for worker `me`, in a job with blocks up to `grain` of
    /// them (0 counts as 1); of its own block, or, where the schedule steals, of
    /// half of another's. `None`: no unclaimed units were found. Units that moved to
    /// a thief during the look may have escaped it; that thief runs them.
    ///
    /// `me` must be run by one process or thread at a time, and have released its
    /// last claim. The units are confirmed as its own before this returns.
    ///
    /// # Panics
    ///
    /// If there is no worker `me`.
    #[must_use]
    pub fn claim(&self, me: usize, grain: u32) -> Option<Range<u32>> {
        self.claim_or_steal(me, grain).map(|(units, _)| units)
    }

    /// As [`Table::claim`]; says also whether the units were stolen.
    pub(crate) fn claim_or_steal(&self, me: usize, grain: u32) -> Option<(Range<u32>, bool)> {
        let own = &self.cells[me].line.block;
        let taken = match self.layout.source() {
            Source::Queue => self.take(me, &self.queue.rest, |rest| self.layout.portion(rest)),
            Source::Block { steals: false } => self.take(me, own, |_| grain),
            Source::Block { steals: true } => {
                return self
                    .take(me, own, |rest| before_thieves(rest, grain))
                    .map(|units| (units, false))
                    .or_else(|| self.steal(me, grain).map(|units| (units, true)));
            }
        };
        taken.map(|units| (units, false))
    }

    /// Says that worker `me` has finished all tasks of its claim. What it wrote
    /// before is seen by whoever sees the claim gone.
    ///
    /// # Panics
    ///
    /// If there is no worker `me`.
    pub fn release(&self, me: usize) {
        self.cells[me]
            .line
            .claim
            .store(word::IDLE, Ordering::Release);
    }

    /// Gives the units of the claim of worker `me` from `from` on, none of whose tasks
    /// has started, back to its block, where thieves find them. True if they were given
    /// back: `me` must not run them. False, and nothing changes, if there are none, or
    /// the units came from a queue.
    ///
    /// For a claim that takes longer than expected ([`Grain::is_long`]), so that
    /// slow tasks behind quick ones do not pile up at one worker.
    ///
    /// [`Grain::is_long`]: crate::Grain::is_long
    ///
    /// # Panics
    ///
    /// If there is no worker `me`.
    #[must_use]
    pub fn give_back(&self, me: usize, from: u32) -> bool {
        let Source::Block { .. } = self.layout.source() else {
            return false;
        };
        let line = &self.cells[me].line;
        let Some(units) = self.claimed(me).filter(|units| units.contains(&from)) else {
            return false;
        };
        // First out of the claim: a death in between must not leave units in two places.
        let kept = units.start..from;
        let kept = match kept.is_empty() {
            true => word::IDLE,
            false => word::confirmed(&kept),
        };
        line.claim.store(kept, Ordering::Release);
        let mut seen = line.block.load(Ordering::Acquire);
        loop {
            let rest = word::unpack(seen);
            // The claim was the front of this block, and only `me` moves the front.
            debug_assert_eq!(rest.start, units.end);
            let after = word::pack(from..rest.end);
            match line
                .block
                .compare_exchange(seen, after, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// The units that `worker` is running, if any: what it has claimed and not yet
    /// released.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[must_use]
    pub fn claimed(&self, worker: usize) -> Option<Range<u32>> {
        word::confirmed_units(self.cells[worker].line.claim.load(Ordering::Acquire))
    }

    /// Number of units that nobody has claimed. While workers run this is a moment's
    /// view, and units that are being stolen may be missing from it.
    #[must_use]
    pub fn unclaimed(&self) -> u64 {
        let rest = |word: &W| word::unpack(word.load(Ordering::Acquire)).len() as u64;
        match self.layout.source() {
            Source::Queue => rest(&self.queue.rest),
            Source::Block { .. } => self.cells.iter().map(|cell| rest(&cell.line.block)).sum(),
        }
    }

    /// Number of tasks in units that nobody has claimed; a moment's view, as
    /// [`Table::unclaimed`].
    #[must_use]
    pub fn unclaimed_tasks(&self) -> u64 {
        match self.layout.source() {
            Source::Queue => {
                let rest = word::unpack(self.queue.rest.load(Ordering::Acquire));
                self.layout.positions(rest).len() as u64
            }
            // There units are positions.
            Source::Block { .. } => self.unclaimed(),
        }
    }

    /// Clears the claim of worker `dead` and returns its units if they were
    /// confirmed: those of their tasks that are not done were lost, and nobody else
    /// has them. Its block stays, for thieves and for a replacement that runs as
    /// the same worker.
    ///
    /// For the supervisor, once it is known that the worker has stopped, and
    /// before its replacement starts.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    pub fn bury(&self, dead: usize) -> Option<Range<u32>> {
        let lost = self.claimed(dead);
        self.forget(&self.cells[dead]);
        lost
    }

    /// Whether worker `me` has unclaimed units of its own, and need not steal.
    pub(crate) fn stocked(&self, me: usize) -> bool {
        !word::unpack(self.cells[me].line.block.load(Ordering::Acquire)).is_empty()
    }

    fn forget(&self, cell: &Cell<W>) {
        cell.line.claim.store(word::IDLE, Ordering::Release);
        self.disavow(cell);
    }

    /// Takes `size(units left)` units, but at least one, from the front of `word`.
    fn take(&self, me: usize, word: &W, size: impl Fn(u32) -> u32) -> Option<Range<u32>> {
        let claim = &self.cells[me].line.claim;
        let mut tried = false;
        let mut seen = word.load(Ordering::Acquire);
        loop {
            let rest = word::unpack(seen);
            if rest.is_empty() {
                if tried {
                    claim.store(word::IDLE, Ordering::Release);
                }
                return None;
            }
            let left = rest.end - rest.start;
            let len = size(left).clamp(1, left.min(word::MOST));
            let units = rest.start..rest.start + len;
            claim.store(word::tentative(&units), Ordering::Release);
            tried = true;
            let after = word::pack(units.end..rest.end);
            match word.compare_exchange(seen, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    claim.store(word::confirmed(&units), Ordering::Release);
                    return Some(units);
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Takes the back half of the largest block of another worker: claims its first
    /// units, and makes the others the block of `me`, which must be empty.
    ///
    /// Thieves see the loot only when its first units are claimed: otherwise two of
    /// them could take the last unit from each other for ever, and never run it.
    fn steal(&self, me: usize, grain: u32) -> Option<Range<u32>> {
        let own = &self.cells[me].line;
        while let Some((victim, seen)) = self.largest(me) {
            let rest = word::unpack(seen);
            // Rounded up, so that a block of one is taken whole: its owner may be
            // dead, or not yet started.
            let len = (rest.end - rest.start).div_ceil(2);
            let mid = rest.end - len;
            own.victim.store(victim as u64 + 1, Ordering::Release);
            own.loot.store(word::pack(mid..rest.end), Ordering::Release);
            let stolen = self.cells[victim].line.block.compare_exchange(
                seen,
                word::pack(rest.start..mid),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if stolen.is_err() {
                self.disavow(&self.cells[me]);
                continue;
            }
            let units = mid..mid + before_thieves(len, grain);
            own.claim.store(word::confirmed(&units), Ordering::Release);
            // Even when nothing is left: the block starts where the claim ends.
            let block = word::pack(units.end..rest.end);
            own.block.store(block, Ordering::Release);
            self.disavow(&self.cells[me]);
            return Some(units);
        }
        None
    }

    fn disavow(&self, cell: &Cell<W>) {
        cell.line.loot.store(0, Ordering::Release);
        cell.line.victim.store(0, Ordering::Release);
    }

    /// The worker with the most unclaimed units, other than `me`, and the word of
    /// its block. Among equals the next one after `me`, so that idle workers spread.
    fn largest(&self, me: usize) -> Option<(usize, u64)> {
        for _ in 0..LOOKS {
            let mut best = None;
            let mut most = 0;
            let mut moving = false;
            for worker in (me + 1..self.cells.len()).chain(0..me) {
                let line = &self.cells[worker].line;
                let block = line.block.load(Ordering::Acquire);
                let len = word::unpack(block).len();
                if len > most {
                    most = len;
                    best = Some((worker, block));
                } else if most == 0 && !moving {
                    moving = line.loot.load(Ordering::Acquire) != 0;
                }
            }
            if best.is_some() || !moving {
                return best;
            }
            std::hint::spin_loop();
        }
        None
    }
}

/// How many of `rest` units, at least one, to claim where others could steal them:
/// half of them stay within reach, for the grain was measured on the units before.
fn before_thieves(rest: u32, grain: u32) -> u32 {
    grain.clamp(1, rest.div_ceil(2))
}

#[cfg(test)]
mod tests;
