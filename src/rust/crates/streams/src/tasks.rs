//! The seeds of the tasks of a job.

use crate::seed::Seed;

/// Which stream belongs to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// As future.apply: task `i` (from 0) has the first substream of the stream `i`
    /// jumps after the base.
    Substream,
    /// As `parallel`: task `i` (from 0) has the stream `i + 1` jumps after the base.
    Stream,
}

/// The seeds of the tasks of a job, in any order. A task right after the last one
/// costs one jump; any other costs as many as its distance has binary ones, or its
/// number if it lies before.
#[derive(Clone, Debug)]
pub struct TaskSeeds {
    /// The seed of task 0.
    first: Seed,
    /// The seed of task `at`.
    here: Seed,
    at: u64,
}

impl TaskSeeds {
    /// The seeds of tasks under `numbering`, from `base`.
    #[must_use]
    pub fn new(base: Seed, numbering: Numbering) -> Self {
        let first = match numbering {
            // Jumps are powers of one matrix: the one to the substream may come first.
            Numbering::Substream => base.next_substream(),
            Numbering::Stream => base.next_stream(),
        };
        Self {
            first,
            here: first,
            at: 0,
        }
    }

    /// The seed of `task`, counted from 0.
    #[must_use]
    pub fn seed(&mut self, task: u64) -> Seed {
        self.here = match task.checked_sub(self.at) {
            Some(distance) => self.here.jump_streams(distance),
            None => self.first.jump_streams(task),
        };
        self.at = task;
        self.here
    }
}

#[cfg(test)]
mod tests;
