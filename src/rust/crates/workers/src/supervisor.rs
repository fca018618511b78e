//! Who works on a job, who was lost, and where the job stands.
//!
//! The supervisor lives in the session. A job has one seat per worker of its layout; a
//! seat is taken by one worker at a time, and by another one after a loss. Who the
//! workers are is the affair of the [`Crew`].

mod gaze;
mod launch;
mod watch;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::crew::{Assignment, Crew, Started};
use crate::limits::{START_ATTEMPTS, START_PAUSE};
use crate::memory::JobMemory;
use crate::process::Exit;
use crate::recovery::{Death, Lost, Recovery, Sweep, Unit};
use crate::system;
pub(crate) use gaze::is_sparing;
use gaze::Gaze;

/// How a job treats its workers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often a task may be lost and run again.
    pub retries: u32,
    /// Longest evaluation of one task.
    pub timeout: Option<Duration>,
    /// What runs again after a loss.
    pub unit: Unit,
    /// Start all workers at once, whether tasks remain or not.
    pub eager: bool,
}

/// Why a job ended without all results.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Tasks were lost more often than `retries` allows.
    Lost {
        /// The tasks, and how the last worker that ran them ended.
        lost: Lost,
        /// The kernel has killed processes for want of memory since the job began.
        memory: bool,
        /// What is known of the last worker that ran them.
        last: LastWords,
    },
    /// No worker could be started. The system's error number.
    CannotStart(i32),
}

/// What a worker has left behind.
#[derive(Clone, Debug, Default)]
pub struct LastWords {
    /// Bytes of its memory when it was looked at last; 0: it was not.
    pub memory: u64,
    /// What its task had printed last.
    pub printed: String,
}

/// What a worker was seen to do.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The task, from 1; 0: none.
    pub task: u64,
    /// When it was first seen to run it.
    pub since: Instant,
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
    /// This process has become a worker; see [`Started::Here`].
    Here(Assignment),
}

/// What a job has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Workers that were started.
    pub starts: u64,
    /// Claims of tasks.
    pub claims: u64,
    /// Claims that were stolen from another worker.
    pub steals: u64,
    /// Workers that were lost.
    pub losses: u64,
    /// Bytes that came through rings: results, conditions and output.
    pub bytes: u64,
}

/// See the page of this module.
#[derive(Debug)]
pub struct Supervisor<C> {
    /// The shared memory of the job.
    pub memory: Rc<JobMemory>,
    settings: Settings,
    crew: C,
    recovery: Recovery,
    /// Seats for which [`Supervisor::launch`] has not decided yet.
    undecided: std::ops::Range<usize>,
    /// The price of the next of them, if it is to be found out whether it is worth that.
    unclear: Option<Duration>,
    /// Workers that were started so far.
    starts: u64,
    /// How often in a row the system has refused a worker.
    refused: u32,
    /// The reading end of the pipe by which workers wake us.
    wake: OwnedFd,
    oom_before: Option<u64>,
    /// When [`Supervisor::launch`] began, in ns of the monotonic clock.
    launched: u64,
    /// What was seen of each seat, and when somebody looked.
    seen: Vec<Seen>,
    looked: Instant,
    /// Of the last worker that was lost.
    last_words: LastWords,
    /// Questions to workers whose time is over: the task, from 0, the number of the question, and
    /// when it was asked.
    questions: Vec<Option<(u32, u32, Instant)>>,
    /// Cores that processes of this machine may use.
    cores: usize,
    gaze: Gaze,
}

impl<C: Crew> Supervisor<C> {
    /// A supervisor whose crew has not started. `wake` is the reading end of the pipe
    /// into which workers write.
    pub fn new(memory: Rc<JobMemory>, settings: Settings, crew: C, wake: OwnedFd) -> Self {
        let seats = memory.layout.workers() as usize;
        Supervisor {
            memory,
            settings,
            gaze: Gaze::new(crew.price().is_some()),
            crew,
            recovery: Recovery::new(settings.unit, settings.retries, seats),
            undecided: 0..seats,
            unclear: None,
            starts: 0,
            refused: 0,
            wake,
            oom_before: None,
            launched: 0,
            seen: vec![
                Seen {
                    task: 0,
                    since: Instant::now()
                };
                seats
            ],
            looked: Instant::now(),
            last_words: LastWords::default(),
            questions: vec![None; seats],
            cores: system::core_count(),
        }
    }

    fn seats(&self) -> std::ops::Range<usize> {
        0..self.memory.layout.workers() as usize
    }

    /// Tasks finished, over all workers.
    pub fn done(&self) -> u64 {
        let done = |s: &crate::memory::WorkerStatus| s.done.load(Ordering::Relaxed);
        self.memory.status().iter().map(done).sum()
    }

    /// Workers that are evaluating a task now.
    pub fn busy(&self) -> usize {
        let status = self.memory.status().iter();
        status
            .filter(|s| s.running.load(Ordering::Relaxed) != 0)
            .count()
    }

    /// Is there a worker in this seat that has not ended?
    pub fn is_taken(&self, seat: usize) -> bool {
        self.crew.is_taken(seat)
    }

    /// Workers that have not ended.
    pub fn at_work(&self) -> usize {
        self.seats()
            .filter(|&seat| self.crew.is_taken(seat))
            .count()
    }

    /// What the job has cost so far.
    pub fn costs(&self) -> Costs {
        let mut costs = Costs {
            starts: self.starts,
            losses: self.recovery.total(),
            bytes: self.memory.rings().iter().map(|ring| ring.total()).sum(),
            ..Costs::default()
        };
        for status in self.memory.status() {
            costs.claims += status.claims.load(Ordering::Relaxed);
            costs.steals += status.steals.load(Ordering::Relaxed);
        }
        costs
    }

    /// When the first worker was about to be started, in ns of the monotonic clock; 0: never.
    pub fn launched(&self) -> u64 {
        self.launched
    }

    /// How the worker of a seat has ended, if it has, or has nothing left to do: nobody
    /// waits for the latter. The seat is free then.
    pub fn ended(&mut self, seat: usize) -> Option<Exit> {
        if self.crew.is_taken(seat) && self.memory.status()[seat].phase().is_over() {
            self.crew.dismiss(seat);
            return Some(Exit::Status(0));
        }
        self.crew.ended(seat)
    }

    /// Decides what happens after the worker of a seat has ended; see
    /// [`Recovery::bury`].
    pub fn bury(&mut self, seat: usize, exit: Exit) -> Option<Death> {
        let board = &self.memory.boards()[seat];
        if self.memory.status()[seat].running.load(Ordering::Acquire) != 0 {
            self.last_words = LastWords {
                memory: board.memory(),
                printed: board.last_printed(),
            };
        }
        let question = self.questions[seat].take();
        let mut death = self.recovery.bury(&self.memory, seat, exit);
        if let (Some(death), Some((_, number, _))) = (&mut death, question) {
            death.calls = board.answer_to(number).unwrap_or_default();
        }
        board.reset();
        death
    }

    /// Starts what has to be started and says where the job stands.
    pub fn advance(&mut self) -> Verdict {
        self.crew.tidy();
        // A launch that was broken off has left them.
        for seat in std::mem::take(&mut self.undecided) {
            self.recovery.assign(Assignment {
                seat,
                redo: Vec::new(),
            });
        }
        if let Some(lost) = self.recovery.lost(&self.memory) {
            return self.failed(lost);
        }
        if self.at_work() == 0 && self.recovery.is_idle() {
            match self.recovery.sweep(&self.memory) {
                Sweep::Complete => return Verdict::Done,
                Sweep::Hopeless(lost) => return self.failed(lost),
                Sweep::Assigned => {}
            }
        }
        while let Some(assignment) = self.recovery.next(self.at_work() > 0) {
            match self.crew.start(&assignment) {
                Ok(Started::Here) => return Verdict::Here(assignment),
                Ok(Started::Elsewhere) => {
                    self.starts += 1;
                    self.refused = 0;
                    self.recovery.begun(assignment);
                }
                Ok(Started::Later) => {
                    self.recovery.put_back(assignment);
                    return Verdict::Running;
                }
                Err(errno) => {
                    self.recovery.put_back(assignment);
                    return self.wait_or_fail(errno);
                }
            }
        }
        Verdict::Running
    }

    /// Notes how often the kernel has killed for memory before any of our workers was lost.
    fn note_oom(&mut self) {
        self.oom_before = self.oom_before.or_else(system::oom_kills);
    }

    fn failed(&self, lost: Lost) -> Verdict {
        let killed = lost.exit == Exit::Signal(libc::SIGKILL);
        let memory = killed && self.oom_before.is_some() && system::oom_kills() > self.oom_before;
        let last = self.last_words.clone();
        Verdict::Failed(Failure::Lost { lost, memory, last })
    }

    /// The system has no worker for us: go on with those at work, or try again.
    fn wait_or_fail(&mut self, errno: i32) -> Verdict {
        if self.at_work() > 0 {
            return Verdict::Running;
        }
        self.refused += 1;
        if self.refused > START_ATTEMPTS {
            return Verdict::Failed(Failure::CannotStart(errno));
        }
        std::thread::sleep(START_PAUSE);
        Verdict::Running
    }

    /// Lets every worker finish its tasks, until its ring is full.
    pub fn abandon(&mut self) {
        let header = self.memory.header();
        header.abandoned.store(1, Ordering::Release);
        self.crew.abandon();
    }

    /// Ends every worker and all that they started.
    pub fn end(&mut self, polite: Signal, grace: Duration) {
        self.recovery.stop();
        self.crew.end(polite, grace);
    }
}
