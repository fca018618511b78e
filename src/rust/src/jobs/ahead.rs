//! Values that their slots hold become objects while workers are at work, not after it: to
//! make those of 100,000 quick tasks takes a tenth of their time.

use std::time::Duration;

use rustle_workers::memory::JobMemory;

use super::values;
use crate::ffi::{self, Sexp};
use crate::shape::Shape;

/// Jobs of fewer tasks are over before that would gain anything.
const TASKS_LEAST: usize = 10_000;
/// Between two looks, where many tasks are found done at each; fewer are found less often.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MOST: Duration = Duration::from_millis(100);
/// So many make a look worth it.
const MANY: usize = 500;
/// The most for one look, after which something else may be told: some milliseconds.
const MOST: usize = 50_000;

/// The tasks whose values have been made: of each of some blocks that cover all tasks, those
/// before `next`.
#[derive(Debug)]
pub(super) struct Ahead {
    blocks: Vec<Block>,
    pause: Duration,
}

#[derive(Debug)]
struct Block {
    start: usize,
    next: usize,
    end: usize,
}

impl Ahead {
    /// Nothing is made yet of `tasks` tasks; each worker begins somewhere else.
    pub(super) fn new(workers: usize, tasks: usize) -> Ahead {
        let workers = if tasks < TASKS_LEAST { 0 } else { workers };
        let start = |block: usize| block * tasks / workers.max(1);
        let blocks = (0..workers).map(|block| Block {
            start: start(block),
            next: start(block),
            end: start(block + 1),
        });
        Ahead {
            blocks: blocks.collect(),
            pause: PAUSE,
        }
    }

    /// Is that done at all?
    pub(super) fn is_wanted(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// The tasks whose values are not made, if this does it at all.
    pub(super) fn left(&self) -> impl Iterator<Item = usize> + '_ {
        self.blocks.iter().flat_map(|block| block.next..block.end)
    }

    /// Tasks run again: all is made anew.
    pub(super) fn forget(&mut self) {
        for block in &mut self.blocks {
            block.next = block.start;
        }
    }

    /// Makes what can be made. Returns when to look again.
    ///
    /// # Safety
    ///
    /// Main thread; `into` is a live list with an element per task. R may jump out.
    pub(super) unsafe fn make(&mut self, memory: &JobMemory, into: Sexp) -> Duration {
        let (mut made, slots) = (0, memory.slots());
        for block in &mut self.blocks {
            while block.next < block.end && made < MOST && slots.of(block.next).is_finished() {
                // SAFETY: by the caller's promise.
                unsafe {
                    if let Some(value) = values::as_object(Shape::Unknown, memory, block.next) {
                        ffi::SET_VECTOR_ELT(into, block.next as isize, value);
                    }
                }
                block.next += 1;
                made += 1;
            }
        }
        self.pause = if made >= MANY {
            PAUSE
        } else {
            (self.pause * 2).min(PAUSE_MOST)
        };
        self.pause
    }
}
