//! What runs again after a worker was lost.
//!
//! What is unfinished is read from the slots, never guessed: a task whose slot is empty
//! has no result.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::Ordering;

use rustle_shared::State;

use crate::clock::now_ns;
use crate::crew::Assignment;
use crate::limits::SWEEPS;
use crate::memory::{JobMemory, Part, Phase};
use crate::pool::RETIRED;
use crate::process::Exit;
use crate::spans::{Entry, Pen};

/// What is run again when a worker is lost: the unit of randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Every task has a stream of its own: the unfinished tasks of the worker.
    Task,
    /// A worker's share has one stream: all tasks of the share, finished or not.
    Share,
}

/// A worker that ended before its work was done.
#[derive(Clone, Debug)]
pub struct Death {
    /// The task that it was running, from 0.
    pub in_flight: Option<u32>,
    /// The calls that it was in when its time was over, if it has told them.
    pub calls: String,
    /// The task in flight was stopped by us, for its time was over.
    pub timed_out: bool,
    /// Tasks whose results are void, because their share runs again as a whole.
    pub void: Vec<u32>,
}

/// Tasks that were lost for good.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The tasks, from 0.
    pub tasks: Vec<u32>,
    /// How the last worker that ran them ended.
    pub exit: Exit,
}

/// What is known of the worker in a seat.
#[derive(Debug, Default)]
struct Record {
    /// What it was told to run first.
    redo: Vec<u32>,
    /// The task for which we ended it, its time being over.
    timed_out: Option<u32>,
    /// Workers of this seat that were lost between tasks, where no task is to blame.
    idle_losses: u32,
}

/// The losses of a job, and the assignments that make up for them.
#[derive(Debug)]
pub struct Recovery {
    unit: Unit,
    /// How often a task may be lost and run again.
    retries: u32,
    seats: Vec<Record>,
    /// To be started as soon as possible.
    ready: VecDeque<Assignment>,
    /// To be started one at a time, when nobody else is at work: the workers before were
    /// killed by somebody else, most likely for memory.
    alone: VecDeque<Assignment>,
    losses: HashMap<u32, u32>,
    /// Workers that were lost so far; those that we ended are not.
    total: u64,
    /// Losses exceed the retries.
    gave_up: bool,
    /// The tasks to blame for that, if any.
    blamed: Vec<u32>,
    /// How the last lost worker ended.
    exit: Exit,
    /// Tasks whose time was over.
    timed_out: HashSet<u32>,
    sweeps: u32,
    /// Notes when tasks ran that were in flight.
    pen: Pen,
}

/// What was found by a sweep over a job while no worker was at work.
#[derive(Clone, Debug)]
pub enum Sweep {
    /// Every task that has to run has a result.
    Complete,
    /// Tasks were lost; they are assigned again.
    Assigned,
    /// Tasks were lost again and again.
    Hopeless(Lost),
}

impl Recovery {
    /// Nothing is lost yet in a job of `seats` seats.
    pub fn new(unit: Unit, retries: u32, seats: usize) -> Recovery {
        Recovery {
            unit,
            retries,
            seats: (0..seats).map(|_| Record::default()).collect(),
            ready: VecDeque::new(),
            alone: VecDeque::new(),
            losses: HashMap::new(),
            total: 0,
            gave_up: false,
            blamed: Vec::new(),
            exit: Exit::Unknown,
            timed_out: HashSet::new(),
            sweeps: 0,
            pen: Pen::default(),
        }
    }

    /// Workers that were lost so far; those that we ended, and those that ran what need
    /// not run any more, are none.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Has an assignment started as soon as that can be.
    pub fn assign(&mut self, assignment: Assignment) {
        self.ready.push_back(assignment);
    }

    /// The next assignment to start; those that shall work alone wait until nobody is
    /// `at_work`.
    pub fn next(&mut self, at_work: bool) -> Option<Assignment> {
        if let Some(assignment) = self.ready.pop_front() {
            return Some(assignment);
        }
        if at_work {
            return None;
        }
        self.alone.pop_front()
    }

    /// Is there nothing to start?
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.alone.is_empty()
    }

    /// An assignment could not be started: it is the next again.
    pub fn put_back(&mut self, assignment: Assignment) {
        self.ready.push_front(assignment);
    }

    /// A worker has begun with this assignment.
    pub fn begun(&mut self, assignment: Assignment) {
        self.seats[assignment.seat].redo = assignment.redo;
    }

    /// Nothing is started any more.
    pub fn stop(&mut self) {
        self.ready.clear();
        self.alone.clear();
    }

    /// We are about to end the worker of a seat, for the time of its task is over.
    pub fn time_out(&mut self, seat: usize, task: u32) {
        self.seats[seat].timed_out = Some(task);
    }

    /// Have we ended the worker of this seat for the time of this task?
    pub fn is_timed_out(&self, seat: usize, task: u32) -> bool {
        self.seats[seat].timed_out == Some(task)
    }

    /// Decides what happens after the worker of a seat has ended. Everything that was
    /// whole in its ring has been received.
    ///
    /// `None` when it left because nothing was left to do.
    pub fn bury(&mut self, memory: &JobMemory, seat: usize, exit: Exit) -> Option<Death> {
        let ours = self.seats[seat].timed_out.take();
        let status = &memory.status()[seat];
        let in_flight = match status.running.swap(0, Ordering::AcqRel) {
            0 => None,
            task => Some((task - 1) as u32).filter(|&t| !is_finished(memory, t)),
        };
        status.since.store(0, Ordering::Relaxed);
        status.called_off.store(0, Ordering::Relaxed);
        let phase = status.enter(Phase::Silent);
        let claim = memory.table().bury(seat);
        if phase.is_over() && in_flight.is_none() {
            return None;
        }
        self.exit = exit;
        let now = now_ns();
        if let Some(task) = in_flight {
            let entry = Entry {
                start: status.mark(),
                end: now,
                task,
                count: 1,
                seat: seat as u32,
                growth: Entry::LOST,
                stolen: false,
            };
            memory.note(&mut self.pen, &entry);
        }
        status.pass(Part::Lost, now);
        // Between our look and our kill the worker may have finished that task and begun
        // another, or none.
        let timed_out = ours.is_some() && ours == in_flight;
        if let (true, Some(task)) = (timed_out, in_flight) {
            memory.slots().of(task as usize).commit(State::Failed, 0);
            self.timed_out.insert(task);
        }
        let void = match self.unit {
            Unit::Task => Vec::new(),
            Unit::Share => self.void_share(memory, seat),
        };
        let mut redo = match self.unit {
            Unit::Share => void.clone(),
            Unit::Task => {
                let claimed = claim.map_or(0..0, |units| memory.layout.positions(units));
                let claimed = claimed.map(|p| memory.layout.task(p));
                let before = std::mem::take(&mut self.seats[seat].redo);
                before.into_iter().chain(claimed).collect()
            }
        };
        let last = memory.header().last_needed();
        redo.retain(|&t| !is_finished(memory, t) && u64::from(t) <= last);
        redo.dedup();
        // A task that need not run is no loss, and neither is what we ended.
        let blamed = in_flight.filter(|&t| u64::from(t) <= last && !timed_out);
        let is_loss = match in_flight {
            Some(_) => blamed.is_some(),
            // It may have left before it had read what it was to do.
            None => ours.is_none() && (exit, phase) != (Exit::Status(RETIRED), Phase::Silent),
        };
        self.total += u64::from(is_loss);
        if is_loss && self.exceeds_retries(seat, blamed) {
            self.gave_up = true;
            self.blamed.extend(blamed);
        } else {
            let assignment = Assignment { seat, redo };
            let killed = exit == Exit::Signal(libc::SIGKILL) && ours.is_none();
            let queue = if killed {
                &mut self.alone
            } else {
                &mut self.ready
            };
            queue.push_back(assignment);
        }
        Some(Death {
            in_flight,
            calls: String::new(),
            timed_out,
            void,
        })
    }

    /// The tasks for which the job is given up, once it is.
    pub fn lost(&mut self, memory: &JobMemory) -> Option<Lost> {
        if !self.gave_up {
            return None;
        }
        let mut tasks = std::mem::take(&mut self.blamed);
        tasks.sort_unstable();
        if tasks.is_empty() {
            tasks = unfinished(memory);
        }
        if tasks.is_empty() {
            // The worker had done the last task, and had not said so yet.
            self.gave_up = false;
            return None;
        }
        let exit = self.exit;
        Some(Lost { tasks, exit })
    }

    /// With nobody at work, an empty slot belongs to nobody: it was in a claim that was
    /// being made, or a steal that was under way, when its worker was lost, or in the
    /// share of a worker that could not be started.
    pub fn sweep(&mut self, memory: &JobMemory) -> Sweep {
        let tasks = unfinished(memory);
        if tasks.is_empty() {
            return Sweep::Complete;
        }
        if self.sweeps >= SWEEPS {
            let exit = self.exit;
            return Sweep::Hopeless(Lost { tasks, exit });
        }
        self.sweeps += 1;
        match self.unit {
            Unit::Task => self.assign(Assignment {
                seat: 0,
                redo: tasks,
            }),
            Unit::Share => {
                for seat in 0..self.seats.len() {
                    if share(memory, seat).any(|t| !is_finished(memory, t)) {
                        let redo = self.void_share(memory, seat);
                        self.assign(Assignment { seat, redo });
                    }
                }
            }
        }
        Sweep::Assigned
    }

    /// Empties the slots of a share and names its tasks. One whose time was over keeps
    /// its result: it would exceed its time again.
    fn void_share(&self, memory: &JobMemory, seat: usize) -> Vec<u32> {
        let void = |task: &u32| !self.timed_out.contains(task);
        let tasks: Vec<u32> = share(memory, seat).filter(void).collect();
        for &task in &tasks {
            memory.slots().of(task as usize).clear();
        }
        let done = &memory.status()[seat].done;
        done.store(0, Ordering::Relaxed);
        tasks
    }

    fn exceeds_retries(&mut self, seat: usize, blamed: Option<u32>) -> bool {
        let losses = match blamed {
            Some(task) if self.unit == Unit::Task => self.losses.entry(task).or_default(),
            _ => &mut self.seats[seat].idle_losses,
        };
        *losses += 1;
        *losses > self.retries
    }
}

fn is_finished(memory: &JobMemory, task: u32) -> bool {
    memory.slots().of(task as usize).is_finished()
}

/// The tasks of the share that belongs to a seat.
fn share(memory: &JobMemory, seat: usize) -> impl Iterator<Item = u32> + '_ {
    let layout = &memory.layout;
    let positions = layout.positions(layout.share(seat as u32));
    positions.map(|position| layout.task(position))
}

/// Tasks that have to run and have no result.
fn unfinished(memory: &JobMemory) -> Vec<u32> {
    let (slots, last) = (memory.slots(), memory.header().last_needed());
    let end = slots
        .len()
        .min(usize::try_from(last).map_or(usize::MAX, |last| last.saturating_add(1)));
    let first = slots.first_open(0, end, false);
    let tasks = first as u32..end as u32;
    tasks.filter(|&task| !is_finished(memory, task)).collect()
}
