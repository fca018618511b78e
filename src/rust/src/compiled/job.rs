//! Tasks of a compiled closure on threads, in slices of time.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustle_compiled::machine::{Machine, Outcome, Value};
use rustle_compiled::{Bail, Generator, Program};
use rustle_schedule::Schedule;
use rustle_streams::{Mrg, Seed, TaskSeeds};
use rustle_threads::blocks::{run_each, Slice};
use rustle_threads::scheduled::Loop;

use super::read::Shared;
use crate::host::HOST;

/// Units of the schedule are blocks of tasks, this many for each thread at least where there
/// are tasks enough.
const BLOCKS: usize = 64;
/// A block has no more tasks.
const LARGEST: usize = 256;
/// Between so many short tasks the time is looked at.
const GLANCE: usize = 16;
/// So long a job is on the calling thread alone. To wake others takes as long as many a job does,
/// and far longer where the cores are busy.
const ALONE: Duration = Duration::from_micros(100);

/// What has become of a task.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Waiting,
    Done(Value),
    Bailed(Bail),
}

/// A block that was left when the time was over.
struct Left {
    block: usize,
    next: usize,
    fates: Vec<Fate>,
    /// So many of the fates were counted.
    counted: usize,
    /// The task before `next` is in the middle.
    machine: Option<Box<Machine<'static>>>,
    seeds: Option<TaskSeeds>,
}

/// Tasks of one closure.
pub(super) struct Job {
    tasks: Range<usize>,
    /// So many tasks before these have been run by another job, whose fates are here, too.
    ahead: usize,
    size: usize,
    seeds: Option<TaskSeeds>,
    schedule: Loop,
    left: Mutex<Vec<Left>>,
    fates: Mutex<Vec<Fate>>,
    bail: bool,
    begun: bool,
    /// Nanoseconds that blocks have taken.
    busy: AtomicU64,
    /// Tasks that have ended, and of these those that were given up, as of the last slice.
    ended: AtomicU64,
    given_up: AtomicU64,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

impl Job {
    pub(super) fn new(
        tasks: Range<usize>,
        seeds: Option<TaskSeeds>,
        schedule: Schedule,
        threads: usize,
        bail: bool,
    ) -> Job {
        Job::with(Vec::new(), tasks, seeds, schedule, threads, bail)
    }

    /// A job of the tasks behind those of one that has ended: what has become of these is told with
    /// theirs.
    pub(super) fn behind(
        before: Job,
        end: usize,
        seeds: Option<TaskSeeds>,
        schedule: Schedule,
        threads: usize,
        bail: bool,
    ) -> Job {
        let start = before.tasks.end;
        let fates = before
            .fates
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Job {
            busy: before.busy,
            ended: before.ended,
            given_up: before.given_up,
            ..Job::with(fates, start..end, seeds, schedule, threads, bail)
        }
    }

    fn with(
        mut fates: Vec<Fate>,
        tasks: Range<usize>,
        seeds: Option<TaskSeeds>,
        schedule: Schedule,
        threads: usize,
        bail: bool,
    ) -> Job {
        let n = tasks.len();
        let size = (n / (threads.max(1) * BLOCKS)).clamp(1, LARGEST);
        let ahead = fates.len();
        fates.resize(ahead + n, Fate::Waiting);
        Job {
            size,
            ahead,
            seeds,
            schedule: Loop::new(schedule, n.div_ceil(size), threads),
            left: Mutex::new(Vec::new()),
            fates: Mutex::new(fates),
            tasks,
            bail,
            begun: false,
            busy: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        }
    }

    /// The tasks whose fates are told.
    pub(super) fn tasks(&self) -> Range<usize> {
        self.tasks.start - self.ahead..self.tasks.end
    }

    /// The seconds that the tasks have taken on all threads.
    pub(super) fn seconds(&self) -> f64 {
        self.busy.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// How many tasks have ended, and how many of these were given up. Exact between slices.
    pub(super) fn counts(&self) -> [f64; 2] {
        [&self.ended, &self.given_up].map(|count| count.load(Ordering::Relaxed) as f64)
    }

    /// Ends the job: what has not ended waits for good, and values of blocks in the middle count.
    /// Only between slices.
    pub(super) fn stop(&mut self) {
        let left = std::mem::take(
            self.left
                .get_mut()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for left in left {
            self.settle(left);
        }
    }

    /// What has become of the tasks. Only between slices.
    pub(super) fn fates(&self) -> std::sync::MutexGuard<'_, Vec<Fate>> {
        // Nobody panics who holds it.
        self.fates
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Was a task given up? Only between slices.
    pub(super) fn has_bailed(&self) -> bool {
        let fates = self.fates();
        fates.iter().any(|fate| matches!(fate, Fate::Bailed(_)))
    }

    /// Have all tasks returned? Only between slices.
    pub(super) fn has_ended(&self) -> bool {
        let fates = self.fates();
        fates.iter().all(|fate| matches!(fate, Fate::Done(_)))
    }

    /// Runs tasks until the slice is over; `true` when all have ended.
    pub(super) fn advance(&mut self, program: &Program, data: &Shared, slice: Slice) -> bool {
        if !std::mem::replace(&mut self.begun, true) && slice.threads.get() > 1 {
            let alone = Slice {
                threads: NonZeroUsize::MIN,
                until: Instant::now() + ALONE,
            };
            if self.turn(program, data, alone) {
                return true;
            }
        }
        self.turn(program, data, slice)
    }

    fn turn(&mut self, program: &Program, data: &Shared, slice: Slice) -> bool {
        let stop = || slice.over();
        // Blocks that were left in the middle go on first.
        let mut waiting = std::mem::take(
            self.left
                .get_mut()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let taken = run_each(
            slice,
            waiting.iter_mut(),
            || None,
            |own, left| {
                let left = std::mem::replace(
                    left,
                    Left {
                        block: 0,
                        next: 0,
                        fates: Vec::new(),
                        counted: 0,
                        machine: None,
                        seeds: None,
                    },
                );
                self.block(left, own, program, data, &stop);
            },
        );
        let rest = waiting.split_off(taken);
        let all = if rest.is_empty() && !slice.over() {
            self.schedule.advance(
                slice,
                || None,
                |own, block| {
                    let first = self.tasks.start + block * self.size;
                    let seeds = if program.draws {
                        self.seeds.clone()
                    } else {
                        None
                    };
                    let left = Left {
                        block,
                        next: first,
                        fates: Vec::new(),
                        counted: 0,
                        machine: None,
                        seeds,
                    };
                    self.block(left, own, program, data, &stop);
                },
            )
        } else {
            false
        };
        let mut left = self
            .left
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        left.extend(rest);
        all && left.is_empty()
    }

    /// Runs what is left of a block; `own` is the machine of the thread.
    fn block(
        &self,
        left: Left,
        own: &mut Option<Box<Machine<'static>>>,
        program: &Program,
        data: &Shared,
        stop: &impl Fn() -> bool,
    ) {
        let begun = Instant::now();
        self.tasks_of(left, own, program, data, stop);
        let taken = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy.fetch_add(taken, Ordering::Relaxed);
    }

    fn tasks_of(
        &self,
        mut left: Left,
        own: &mut Option<Box<Machine<'static>>>,
        program: &Program,
        data: &Shared,
        stop: &impl Fn() -> bool,
    ) {
        let end = (self.tasks.start + (left.block + 1) * self.size).min(self.tasks.end);
        let mut resumed = left.machine.is_some();
        if resumed {
            *own = left.machine.take();
        }
        let mut arguments = Vec::with_capacity(1 + data.constants.len());
        loop {
            if !resumed {
                if left.next >= end {
                    break;
                }
                let task = left.next;
                if left.fates.len() % GLANCE == GLANCE - 1 && stop() {
                    self.keep(left);
                    return;
                }
                left.next += 1;
                arguments.clear();
                if self.bail || !data.arguments(task, &mut arguments) {
                    left.fates.push(Fate::Bailed(Bail(if self.bail {
                        "what was wanted"
                    } else {
                        "an element that is missing or of another type"
                    })));
                    continue;
                }
                let state = left
                    .seeds
                    .as_mut()
                    .map(|seeds| Generator::from(Mrg::new(seeds.seed(task as u64))));
                own.get_or_insert_with(|| own_machine(program, data))
                    .start(program, &arguments, state);
            }
            resumed = false;
            let Some(machine) = own.as_mut() else {
                break;
            };
            let ran = catch_unwind(AssertUnwindSafe(|| machine.run(program, &HOST, stop)));
            left.fates.push(match ran {
                Ok(Outcome::Paused) => {
                    left.machine = own.take();
                    self.keep(left);
                    return;
                }
                Ok(Outcome::Done(value)) => Fate::Done(value),
                Ok(Outcome::Bailed(bail)) => Fate::Bailed(bail),
                Err(_) => {
                    // The machine may be broken.
                    *own = None;
                    Fate::Bailed(Bail("a fault of the compiler"))
                }
            });
        }
        self.settle(left);
    }

    /// Takes the fates of a block.
    fn settle(&self, left: Left) {
        self.count(&left);
        let at = self.ahead + left.block * self.size;
        let mut fates = self.fates();
        for (to, fate) in fates[at..].iter_mut().zip(left.fates) {
            *to = fate;
        }
    }

    /// Counts those tasks of a block that were not counted before.
    fn count(&self, left: &Left) {
        let new = &left.fates[left.counted..];
        let given_up = new.iter().filter(|fate| matches!(fate, Fate::Bailed(_)));
        self.ended.fetch_add(new.len() as u64, Ordering::Relaxed);
        self.given_up
            .fetch_add(given_up.count() as u64, Ordering::Relaxed);
    }

    fn keep(&self, mut left: Left) {
        self.count(&left);
        left.counted = left.fates.len();
        self.left
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(left);
    }
}

fn own_machine(program: &Program, data: &Shared) -> Box<Machine<'static>> {
    Box::new(Machine::new(program, &data.captured, idle()).with_rows(&data.rows))
}

/// The state of a machine that draws no numbers.
fn idle() -> Generator {
    // The seed of the package L'Ecuyer published, which is valid.
    match Seed::from_words(&[12345; 6]) {
        Ok(seed) => Generator::from(Mrg::new(seed)),
        Err(_) => unreachable!("the words are below their moduli and not 0"),
    }
}
