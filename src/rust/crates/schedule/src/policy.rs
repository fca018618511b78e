//! Schedules, and the layout of one job: which unit holds which tasks, and which
//! units a worker starts with.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;

/// The rule from tasks to chunks and workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One contiguous block per worker; lengths differ by at most one.
    Static,
    /// Worker `w` of `p` has tasks `w`, `w + p`, `w + 2p`, ...
    Cyclic,
    /// Chunks of `chunk` tasks, handed out in index order on request.
    Dynamic {
        /// Tasks in a chunk; the last one may be shorter.
        chunk: NonZeroU32,
    },
    /// Shrinking chunks: a fraction `1 / workers` of what is left, rounded up, and at
    /// least `min` (guided self-scheduling: Polychronopoulos & Kuck 1987, IEEE
    /// Transactions on Computers C-36, 1425-1439).
    Guided {
        /// Tasks in the smallest chunk; the last one may be shorter.
        min: NonZeroU32,
    },
    /// Blocks as in `Static`; a worker without units takes the back half of the
    /// largest block left (work stealing after Blumofe & Leiserson 1999, Journal of
    /// the ACM 46, 720-748, with the largest block in place of a random one: one
    /// look at each cell is cheap beside a task, and halves the largest remainder).
    Stealing,
}

impl Schedule {
    /// The schedule that R and the documentation call `name`, with `chunk` tasks in a
    /// chunk of [`Schedule::Dynamic`] and in the smallest of [`Schedule::Guided`].
    #[must_use]
    pub fn named(name: &str, chunk: NonZeroU32) -> Option<Schedule> {
        Some(match name {
            "static" => Schedule::Static,
            "cyclic" => Schedule::Cyclic,
            "dynamic" => Schedule::Dynamic { chunk },
            "guided" => Schedule::Guided { min: chunk },
            "stealing" => Schedule::Stealing,
            _ => return None,
        })
    }
}

/// Why a list of chunks or an order of tasks is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// Chunk `chunk` (from 0) ends before the one in front of it.
    ChunkEndsFall {
        /// Index of the chunk.
        chunk: usize,
    },
    /// The chunks end at position `end`, not after the last of `tasks` tasks.
    ChunksEndElsewhere {
        /// End of the last chunk; 0 when there is none.
        end: u32,
        /// Number of tasks.
        tasks: u32,
    },
    /// More than 4294967295 chunks.
    TooManyChunks,
    /// The order has `len` entries for `tasks` tasks.
    OrderLength {
        /// Length of the order.
        len: usize,
        /// Number of tasks.
        tasks: u32,
    },
    /// Entry `position` (from 0) of the order is `task`, which is no task, or stands
    /// at an earlier position too.
    OrderEntry {
        /// Index into the order.
        position: usize,
        /// What stands there.
        task: u32,
    },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChunkEndsFall { chunk } => {
                write!(f, "chunk {chunk} ends before the chunk in front of it")
            }
            Self::ChunksEndElsewhere { end, tasks } => {
                write!(f, "the chunks end at {end}, but there are {tasks} tasks")
            }
            Self::TooManyChunks => write!(f, "there are more than {} chunks", u32::MAX),
            Self::OrderLength { len, tasks } => {
                write!(f, "the order has {len} entries for {tasks} tasks")
            }
            Self::OrderEntry { position, task } => write!(
                f,
                "entry {position} of the order, {task}, is not a task, or is there twice"
            ),
        }
    }
}

impl std::error::Error for LayoutError {}

/// How units are handed out.
#[derive(Clone, Debug)]
enum Rule {
    Schedule(Schedule),
    /// Ends of the chunks, in positions; never falling, the last one `tasks`.
    Chunks(Vec<u32>),
    /// Ends of the blocks of the workers, in positions, as above; nothing is stolen.
    Blocks(Vec<u32>),
}

/// Where a worker takes its units from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the front of its own block; when that is empty and `steals`, of another.
    Block { steals: bool },
    /// From the queue of all workers.
    Queue,
}

/// How the tasks of one job are laid out. Immutable: every process holds a copy,
/// and all copies say the same.
///
/// A *unit* is what is claimed: one position, or one chunk of an explicit list. A
/// *position* is a place in the line of tasks, and holds exactly one task.
#[derive(Clone, Debug)]
pub struct Layout {
    rule: Rule,
    tasks: u32,
    workers: NonZeroU32,
    /// A permutation of the tasks, or empty for the identity.
    order: Vec<u32>,
}

impl Layout {
    /// The layout of `tasks` tasks on `workers` workers under `schedule`.
    #[must_use]
    pub fn new(schedule: Schedule, tasks: u32, workers: NonZeroU32) -> Self {
        Self {
            rule: Rule::Schedule(schedule),
            tasks,
            workers,
            order: Vec::new(),
        }
    }

    /// Chunks given by their ends: chunk `k` holds the positions
    /// `ends[k - 1]..ends[k]`, and may be empty. They are handed out on request, one
    /// at a time, in the order of the list.
    ///
    /// # Errors
    ///
    /// Fails when an end is below the one before it, or the last one is not `tasks`.
    pub fn from_chunks(
        tasks: u32,
        workers: NonZeroU32,
        ends: Vec<u32>,
    ) -> Result<Self, LayoutError> {
        check_ends(tasks, &ends)?;
        Ok(Self {
            rule: Rule::Chunks(ends),
            tasks,
            workers,
            order: Vec::new(),
        })
    }

    /// The block of each worker given by its end: worker `w` has the positions
    /// `ends[w - 1]..ends[w]`, as under [`Schedule::Static`], and a worker that is not in
    /// the list has none.
    ///
    /// # Errors
    ///
    /// As [`Layout::from_chunks`], and when there are more blocks than workers.
    pub fn from_blocks(
        tasks: u32,
        workers: NonZeroU32,
        ends: Vec<u32>,
    ) -> Result<Self, LayoutError> {
        check_ends(tasks, &ends)?;
        if ends.len() > workers.get() as usize {
            return Err(LayoutError::TooManyChunks);
        }
        Ok(Self {
            rule: Rule::Blocks(ends),
            tasks,
            workers,
            order: Vec::new(),
        })
    }

    /// Puts task `order[i]` where task `i` was.
    ///
    /// # Errors
    ///
    /// Fails when `order` is not a permutation of `0..tasks`.
    pub fn with_order(self, order: Vec<u32>) -> Result<Self, LayoutError> {
        let tasks = self.tasks;
        if order.len() != tasks as usize {
            let len = order.len();
            return Err(LayoutError::OrderLength { len, tasks });
        }
        let mut seen = vec![0u64; order.len().div_ceil(64)];
        for (position, &task) in order.iter().enumerate() {
            let bit = 1 << (task % 64);
            if task >= tasks || seen[(task / 64) as usize] & bit != 0 {
                return Err(LayoutError::OrderEntry { position, task });
            }
            seen[(task / 64) as usize] |= bit;
        }
        Ok(Self { order, ..self })
    }

    /// Number of tasks.
    #[inline]
    #[must_use]
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// Number of workers; also the number of cells that a table needs.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers.get()
    }

    /// The schedule, or `None` for an explicit list of chunks.
    #[must_use]
    pub fn schedule(&self) -> Option<Schedule> {
        match self.rule {
            Rule::Schedule(schedule) => Some(schedule),
            Rule::Blocks(_) => Some(Schedule::Static),
            Rule::Chunks(_) => None,
        }
    }

    /// Whether a worker without units takes some of another's.
    #[inline]
    #[must_use]
    pub fn steals(&self) -> bool {
        self.source() == Source::Block { steals: true }
    }

    /// Number of units: of chunks where they were listed, else of tasks.
    #[must_use]
    pub fn units(&self) -> u32 {
        match &self.rule {
            Rule::Schedule(_) | Rule::Blocks(_) => self.tasks,
            Rule::Chunks(ends) => ends.len() as u32,
        }
    }

    /// The positions that `units` hold, in the order in which they are run.
    ///
    /// # Panics
    ///
    /// If `units` is not within `0..self.units()`.
    #[inline]
    #[must_use]
    pub fn positions(&self, units: Range<u32>) -> Range<u32> {
        assert!(units.start <= units.end && units.end <= self.units());
        match &self.rule {
            Rule::Schedule(_) | Rule::Blocks(_) => units,
            Rule::Chunks(ends) => {
                let end_of = |units: u32| match units {
                    0 => 0,
                    k => ends[k as usize - 1],
                };
                end_of(units.start)..end_of(units.end)
            }
        }
    }

    /// The task at `position`. Over `0..self.tasks()` this is a permutation.
    ///
    /// # Panics
    ///
    /// May panic if `position >= self.tasks()`.
    #[inline]
    #[must_use]
    pub fn task(&self, position: u32) -> u32 {
        let task = match self.rule {
            Rule::Schedule(Schedule::Cyclic) => self.dealt(position),
            _ => position,
        };
        match self.order.get(task as usize) {
            Some(&task) => task,
            None => task,
        }
    }

    /// The units that `worker` starts with; together those of all workers are all
    /// units, or none where a queue hands them out.
    #[must_use]
    pub fn share(&self, worker: u32) -> Range<u32> {
        if self.source() == Source::Queue || worker >= self.workers() {
            return 0..0;
        }
        if let Rule::Blocks(ends) = &self.rule {
            let end = |blocks: u32| match blocks.min(ends.len() as u32) {
                0 => 0,
                k => ends[k as usize - 1],
            };
            return end(worker)..end(worker + 1);
        }
        let (len, longer) = self.cut();
        let start = |worker: u32| worker * len + worker.min(longer);
        start(worker)..start(worker + 1)
    }

    #[inline]
    pub(crate) fn source(&self) -> Source {
        match self.rule {
            Rule::Schedule(Schedule::Static | Schedule::Cyclic) | Rule::Blocks(_) => {
                Source::Block { steals: false }
            }
            Rule::Schedule(Schedule::Stealing) => Source::Block { steals: true },
            _ => Source::Queue,
        }
    }

    /// How many of `rest` units the queue hands out at once; at least 1.
    pub(crate) fn portion(&self, rest: u32) -> u32 {
        match self.rule {
            Rule::Schedule(Schedule::Dynamic { chunk }) => chunk.get(),
            Rule::Schedule(Schedule::Guided { min }) => {
                rest.div_ceil(self.workers()).max(min.get())
            }
            _ => 1,
        }
    }

    /// Length of the shorter shares, and how many (the first ones) have one more.
    fn cut(&self) -> (u32, u32) {
        (self.tasks / self.workers, self.tasks % self.workers)
    }

    /// The task at `position` when shares are dealt like cards: the share of worker
    /// `w`, a contiguous range of positions, holds the tasks `w`, `w + p`, ...
    fn dealt(&self, position: u32) -> u32 {
        let (len, longer) = self.cut();
        let long = longer * (len + 1);
        let (worker, row) = if position < long {
            (position / (len + 1), position % (len + 1))
        } else {
            let rest = position - long;
            (longer + rest / len, rest % len)
        };
        worker + row * self.workers()
    }
}

/// Do these ends cut `tasks` tasks into chunks?
fn check_ends(tasks: u32, ends: &[u32]) -> Result<(), LayoutError> {
    if u32::try_from(ends.len()).is_err() {
        return Err(LayoutError::TooManyChunks);
    }
    if let Some(k) = ends.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(LayoutError::ChunkEndsFall { chunk: k + 1 });
    }
    match ends.last().copied().unwrap_or(0) {
        end if end != tasks => Err(LayoutError::ChunksEndElsewhere { end, tasks }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
