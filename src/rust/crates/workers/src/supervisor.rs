//! Who works, who died, and what runs again.
//!
//! The supervisor lives in the parent and owns the worker processes of one job.
//! A job has one seat per worker of its layout; a seat is taken by one process
//! at a time, and by a replacement after a death. What is unfinished is read
//! from the slots, never guessed: a task whose slot is empty has no result.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use rustle_shared::State;

use crate::clock::now_ns;
use crate::memory::{JobMemory, Phase, WorkerStatus};
use crate::process::{self, end_all, Child, Exit, Fork};

/// What is run again when a worker dies: the unit of randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Every task has a stream of its own: the unfinished tasks of the worker.
    Task,
    /// A worker's share has one stream: all tasks of the share, finished or not.
    Share,
}

/// How a job treats its workers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often a task may be lost and run again.
    pub retries: u32,
    /// Longest evaluation of one task.
    pub timeout: Option<Duration>,
    /// What runs again.
    pub recovery: Recovery,
    /// Start all workers at once, whether tasks remain or not.
    pub eager: bool,
}

/// What a process is started for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The seat it takes.
    pub seat: usize,
    /// Tasks to run first; the seat's claims follow.
    pub redo: Vec<u32>,
}

/// A worker that ended before its work was done.
#[derive(Clone, Debug)]
pub struct Death {
    /// The task that it was running, from 0.
    pub in_flight: Option<u32>,
    /// The task in flight was stopped by us, for its time was over.
    pub timed_out: bool,
    /// Tasks whose results are void, because their share runs again as a whole.
    pub void: Vec<u32>,
}

/// Why a job ended without all results.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Tasks were lost more often than `retries` allows.
    Lost {
        /// The tasks, from 0.
        tasks: Vec<u32>,
        /// How the last worker that ran them ended.
        exit: Exit,
        /// The kernel has killed processes for want of memory since the job began.
        memory: bool,
    },
    /// No worker could be started. The system's error number.
    CannotFork(i32),
}

/// Where a job stands.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Workers are at work.
    Running,
    /// Every task that has to run has a result.
    Done,
    /// It cannot be completed.
    Failed(Failure),
}

/// Starts a process for an order; in the child it never returns.
pub type Spawn<'a> = &'a mut dyn FnMut(Order) -> Result<Child, i32>;

#[derive(Debug)]
struct Seat {
    child: Option<Child>,
    /// What the current process was told to redo.
    redo: Vec<u32>,
    /// The task for which we ended the process, its time being over.
    timed_out: Option<u32>,
    /// Deaths between tasks, where no task is to blame.
    idle_deaths: u32,
}

/// See the page of this module.
#[derive(Debug)]
pub struct Supervisor {
    /// The shared memory of the job.
    pub memory: Rc<JobMemory>,
    settings: Settings,
    seats: Vec<Seat>,
    /// Processes that have finished their work and will be gone in a moment.
    leaving: Vec<Child>,
    /// Processes to start as soon as possible.
    ready: VecDeque<Order>,
    /// Processes to start one at a time, when nobody else works: their
    /// predecessors were killed by somebody else, most likely for memory.
    alone: VecDeque<Order>,
    losses: HashMap<u32, u32>,
    /// Losses exceed the retries.
    gave_up: bool,
    /// The tasks to blame for that, if any.
    lost: Vec<u32>,
    /// How the last lost worker ended.
    lost_exit: Exit,
    /// Tasks whose time was over.
    timed_out: HashSet<u32>,
    sweeps: u32,
    refused: u32,
    wake: OwnedFd,
    oom_before: Option<u64>,
}

const SWEEPS_MAX: u32 = 8;
/// How long the first worker is watched before its pace is believed.
const WARM_UP: Duration = Duration::from_micros(200);
const FORK_ATTEMPTS: u32 = 50;

impl Supervisor {
    /// A supervisor without processes. `wake` is the reading end of the pipe
    /// into which workers write.
    pub fn new(memory: JobMemory, settings: Settings, wake: OwnedFd) -> Supervisor {
        let seats = (0..memory.layout.workers())
            .map(|_| Seat {
                child: None,
                redo: Vec::new(),
                timed_out: None,
                idle_deaths: 0,
            })
            .collect();
        Supervisor {
            memory: Rc::new(memory),
            settings,
            seats,
            leaving: Vec::new(),
            ready: VecDeque::new(),
            alone: VecDeque::new(),
            losses: HashMap::new(),
            gave_up: false,
            lost: Vec::new(),
            timed_out: HashSet::new(),
            lost_exit: Exit::Unknown,
            sweeps: 0,
            refused: 0,
            wake,
            oom_before: None,
        }
    }

    /// Starts the workers.
    ///
    /// Unless `eager`, one after another, and none when the tasks that are left
    /// will be finished before it could begin: a tiny job pays one fork. If the
    /// system refuses, the job goes on with those that started, and
    /// [`Supervisor::advance`] tries again.
    ///
    /// Returns in each process: `None` in this one, its order in a worker.
    pub fn start(&mut self, fork: &mut dyn FnMut() -> Result<Fork, i32>) -> Option<Order> {
        for seat in 0..self.seats.len() {
            let before = Instant::now();
            match fork() {
                Ok(Fork::Parent(child)) => self.seats[seat].child = Some(child),
                Ok(Fork::Child) => {
                    return Some(Order {
                        seat,
                        redo: Vec::new(),
                    })
                }
                Err(_) => {
                    let rest = seat..self.seats.len();
                    self.ready.extend(rest.map(|seat| Order {
                        seat,
                        redo: Vec::new(),
                    }));
                    break;
                }
            }
            // Read while the worker comes up, when we have nothing else to do.
            self.oom_before = self.oom_before.or_else(oom_kills);
            if !self.settings.eager && !self.pays_another(seat + 1, before.elapsed()) {
                break;
            }
        }
        None
    }

    /// Would one more worker, at the price of a fork, shorten the job? Waits for
    /// the first task to begin, then until the answer is clear.
    fn pays_another(&self, started: usize, fork: Duration) -> bool {
        if started == self.seats.len() {
            return false;
        }
        let price = fork.max(Duration::from_micros(500)) * 2;
        let table = self.memory.table();
        let total = u64::from(self.memory.layout.units());
        let begun = Instant::now();
        let mut first: Option<Instant> = None;
        loop {
            let rest = table.unclaimed();
            if rest == 0 {
                return false;
            }
            let now = Instant::now();
            if first.is_none() && (rest < total || self.has_ended(0)) {
                first = Some(now);
            }
            let since = first.map(|f| now - f);
            let done = self.done();
            let clear = match since {
                // The first worker does not come up: do not wait for it.
                None => now - begun > Duration::from_millis(20),
                Some(elapsed) if done > 0 => {
                    // The first tasks of a fresh process copy pages: they say little.
                    elapsed > price
                        || elapsed > WARM_UP
                            && elapsed.as_secs_f64() / done as f64 * rest as f64
                                > 3.0 * price.as_secs_f64()
                }
                Some(elapsed) => elapsed > price,
            };
            if clear {
                return true;
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    fn has_ended(&self, seat: usize) -> bool {
        self.memory.status[seat].phase.load(Ordering::Acquire) == Phase::Finished as u32
    }

    /// Tasks finished, over all workers.
    pub fn done(&self) -> u64 {
        self.memory
            .status
            .iter()
            .map(|s| s.done.load(Ordering::Relaxed))
            .sum()
    }

    /// Workers that are evaluating a task now.
    pub fn busy(&self) -> usize {
        self.memory
            .status
            .iter()
            .filter(|s| s.running.load(Ordering::Relaxed) != 0)
            .count()
    }

    /// Processes that have not been reaped.
    pub fn alive(&self) -> usize {
        self.seats.iter().filter(|s| s.child.is_some()).count()
    }

    /// Seats whose process has ended, or is about to because nothing was left
    /// to do; nobody waits for the latter, they are reaped at the end of the job.
    pub fn reap(&mut self) -> Vec<(usize, Exit)> {
        let mut ended = Vec::new();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let finished = self.memory.status[index].phase.load(Ordering::Acquire);
            if seat.child.is_some() && finished == Phase::Finished as u32 {
                self.leaving.extend(seat.child.take());
                ended.push((index, Exit::Status(0)));
            } else if let Some(child) = seat.child.take_if(|c| c.has_ended()) {
                ended.push((index, child.clear_away()));
            }
        }
        ended
    }

    /// Settles what happens after the process of a seat has ended. The caller
    /// has received everything that was whole in its ring.
    ///
    /// `None` when it left because nothing was left to do.
    pub fn bury(&mut self, seat: usize, exit: Exit) -> Option<Death> {
        let ours = self.seats[seat].timed_out.take();
        let status = &self.memory.status[seat];
        let last = self.memory.header.last_needed();
        let in_flight = match status.running.swap(0, Ordering::AcqRel) {
            0 => None,
            task => Some((task - 1) as u32).filter(|&t| self.is_empty(t)),
        };
        status.since.store(0, Ordering::Relaxed);
        let finished = status.phase.swap(Phase::Silent as u32, Ordering::AcqRel);
        let claim = self.memory.table().bury(seat);
        if finished == Phase::Finished as u32 && in_flight.is_none() {
            return None;
        }
        self.lost_exit = exit;
        // It may have begun another task, or none, between our look and our kill.
        let timed_out = ours.is_some() && ours == in_flight;
        if let (true, Some(task)) = (timed_out, in_flight) {
            self.memory.slots[task as usize].commit(State::Failed, 0, seat as u32);
            self.timed_out.insert(task);
        }
        let void = match self.settings.recovery {
            Recovery::Task => Vec::new(),
            Recovery::Share => self.void_share(seat),
        };
        let mut redo = match self.settings.recovery {
            Recovery::Share => void.clone(),
            Recovery::Task => {
                let claimed = claim.map(|units| self.memory.layout.positions(units));
                let claimed = claimed.unwrap_or(0..0).map(|p| self.memory.layout.task(p));
                std::mem::take(&mut self.seats[seat].redo)
                    .into_iter()
                    .chain(claimed)
                    .collect()
            }
        };
        redo.retain(|&t| self.is_empty(t) && u64::from(t) <= last);
        redo.dedup();
        // A task that need not run is no loss, and neither is what we ended.
        let needed = in_flight.filter(|&t| u64::from(t) <= last && !timed_out);
        let loss = if in_flight.is_some() {
            needed.is_some()
        } else {
            ours.is_none()
        };
        if loss && self.count_loss(seat, needed) {
            self.gave_up = true;
            self.lost.extend(needed);
        } else {
            let order = Order { seat, redo };
            let killed = exit == Exit::Signal(libc::SIGKILL) && ours.is_none();
            if killed {
                &mut self.alone
            } else {
                &mut self.ready
            }
            .push_back(order);
        }
        Some(Death {
            in_flight,
            timed_out,
            void,
        })
    }

    fn is_empty(&self, task: u32) -> bool {
        self.memory.slots[task as usize].state() == State::Empty
    }

    /// Empties the slots of a share and names its tasks. One whose time was over
    /// keeps its result: it would exceed its time again.
    fn void_share(&self, seat: usize) -> Vec<u32> {
        let share = self
            .memory
            .layout
            .positions(self.memory.layout.share(seat as u32));
        let tasks: Vec<u32> = share
            .map(|p| self.memory.layout.task(p))
            .filter(|t| !self.timed_out.contains(t))
            .collect();
        for &task in &tasks {
            self.memory.slots[task as usize].clear();
        }
        self.memory.status[seat].done.store(0, Ordering::Relaxed);
        tasks
    }

    fn count_loss(&mut self, seat: usize, in_flight: Option<u32>) -> bool {
        let losses = match in_flight {
            Some(task) if self.settings.recovery == Recovery::Task => {
                self.losses.entry(task).or_default()
            }
            _ => &mut self.seats[seat].idle_deaths,
        };
        *losses += 1;
        *losses > self.settings.retries
    }

    /// Starts what has to be started and says where the job stands.
    pub fn advance(&mut self, spawn: Spawn) -> Verdict {
        // Those that are gone no longer count against a limit of processes.
        self.leaving.retain(|child| child.try_reap().is_none());
        if self.gave_up {
            let mut tasks = std::mem::take(&mut self.lost);
            tasks.sort_unstable();
            return self.lost(if tasks.is_empty() {
                self.unfinished()
            } else {
                tasks
            });
        }
        if self.alive() == 0 && self.ready.is_empty() && self.alone.is_empty() {
            match self.sweep() {
                Some(verdict) => return verdict,
                None => self.sweeps += 1,
            }
        }
        while let Some(order) = self.ready.pop_front() {
            if let Err((order, errno)) = self.seat(order, spawn) {
                self.ready.push_front(order);
                return self.wait_or_fail(errno);
            }
        }
        if self.alive() == 0 {
            if let Some(order) = self.alone.pop_front() {
                if let Err((order, errno)) = self.seat(order, spawn) {
                    self.alone.push_front(order);
                    return self.wait_or_fail(errno);
                }
            }
        }
        Verdict::Running
    }

    fn seat(&mut self, order: Order, spawn: Spawn) -> Result<(), (Order, i32)> {
        match spawn(order.clone()) {
            Ok(child) => {
                self.refused = 0;
                let seat = &mut self.seats[order.seat];
                seat.child = Some(child);
                seat.redo = order.redo;
                Ok(())
            }
            Err(errno) => Err((order, errno)),
        }
    }

    fn lost(&self, tasks: Vec<u32>) -> Verdict {
        let killed = self.lost_exit == Exit::Signal(libc::SIGKILL);
        let now = oom_kills();
        let memory = killed && self.oom_before.is_some() && now > self.oom_before;
        Verdict::Failed(Failure::Lost {
            tasks,
            exit: self.lost_exit,
            memory,
        })
    }

    /// Tasks that have to run and have no result.
    fn unfinished(&self) -> Vec<u32> {
        let last = self.memory.header.last_needed();
        (0..self.memory.layout.tasks())
            .filter(|&t| u64::from(t) <= last && self.is_empty(t))
            .collect()
    }

    /// The system refuses processes: go on with the workers alive, or try again.
    fn wait_or_fail(&mut self, errno: i32) -> Verdict {
        if self.alive() > 0 {
            return Verdict::Running;
        }
        self.refused += 1;
        if self.refused > FORK_ATTEMPTS {
            return Verdict::Failed(Failure::CannotFork(errno));
        }
        std::thread::sleep(Duration::from_millis(10));
        Verdict::Running
    }

    /// With every worker at rest, an empty slot belongs to nobody: it was in a
    /// claim that was being made, or a steal that was under way, when its worker
    /// died, or in the share of a worker that could not be started.
    fn sweep(&mut self) -> Option<Verdict> {
        let rest = self.unfinished();
        if rest.is_empty() {
            return Some(Verdict::Done);
        }
        if self.sweeps >= SWEEPS_MAX {
            return Some(self.lost(rest));
        }
        match self.settings.recovery {
            Recovery::Task => self.ready.push_back(Order {
                seat: 0,
                redo: rest,
            }),
            Recovery::Share => {
                for seat in 0..self.seats.len() {
                    let share = self
                        .memory
                        .layout
                        .positions(self.memory.layout.share(seat as u32));
                    if share
                        .clone()
                        .any(|p| self.is_empty(self.memory.layout.task(p)))
                    {
                        let redo = self.void_share(seat);
                        self.ready.push_back(Order { seat, redo });
                    }
                }
            }
        }
        None
    }

    /// Ends workers whose task has run for longer than the timeout.
    pub fn enforce_timeout(&mut self) {
        let Some(timeout) = self.settings.timeout else {
            return;
        };
        let now = now_ns();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let status = &self.memory.status[index];
            let task = status.running.load(Ordering::Acquire);
            let since = status.since.load(Ordering::Acquire);
            let over = since != 0 && u128::from(now.saturating_sub(since)) > timeout.as_nanos();
            let same = task != 0 && status.running.load(Ordering::Acquire) == task;
            if let (true, None, Some(child)) = (over && same, seat.timed_out, &seat.child) {
                seat.timed_out = Some((task - 1) as u32);
                child.signal_group(Signal::KILL);
            }
        }
    }

    /// Sleeps until a worker wakes us or ends, at most `limit`; a signal to this
    /// process ends the sleep too.
    pub fn sleep(&self, limit: Duration) {
        self.memory.header.asleep.store(1, Ordering::SeqCst);
        let mut watched = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let mut blind = false;
        let pidfds: Vec<_> = self
            .seats
            .iter()
            .filter_map(|s| s.child.as_ref())
            .map(Child::pidfd)
            .collect();
        for pidfd in &pidfds {
            match pidfd {
                Some(fd) => watched.push(PollFd::from_borrowed_fd(*fd, PollFlags::IN)),
                None => blind = true,
            }
        }
        let limit = if blind {
            limit.min(Duration::from_millis(10))
        } else {
            limit
        };
        let timeout = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: limit.subsec_nanos().into(),
        };
        // What came before `asleep` was set did not wake us.
        let finished = |s: &WorkerStatus| s.phase.load(Ordering::SeqCst) == Phase::Finished as u32;
        let already = self.memory.rings.iter().any(|r| r.used() > 0)
            || self.memory.status.iter().any(finished);
        if !already {
            let _ = poll(&mut watched, Some(&timeout));
        }
        self.memory.header.asleep.store(0, Ordering::SeqCst);
        let mut bytes = [0u8; 64];
        while matches!(rustix::io::read(&self.wake, &mut bytes), Ok(n) if n == bytes.len()) {}
    }

    /// Lets every worker finish its tasks, until its ring is full; they are reaped
    /// when the next job opens.
    pub fn abandon(&mut self) {
        self.memory.header.abandoned.store(1, Ordering::Release);
        self.seats
            .iter_mut()
            .filter_map(|seat| seat.child.take())
            .for_each(process::abandon);
        self.leaving.drain(..).for_each(process::abandon);
    }

    /// Ends every worker and all that they started, and reaps them.
    pub fn end(&mut self, polite: Signal, grace: Duration) {
        let children: Vec<Child> = self
            .seats
            .iter_mut()
            .filter_map(|seat| seat.child.take())
            .collect();
        end_all(&children, polite, grace);
        process::reap_soon(std::mem::take(&mut self.leaving));
        self.ready.clear();
        self.alone.clear();
    }
}

/// How often the kernel has killed for memory, where it says so.
fn oom_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}
