//! One worker of a pool: what it has done, and signals to its group.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{kill_process, kill_process_group, test_kill_process, Pid, Signal};

use crate::memory::JobMemory;
use crate::post::{timespec, Post};
use crate::system::is_unreaped;

/// One worker of a pool.
#[derive(Debug)]
pub struct Member {
    /// Its number in the pool, from 0. A replacement has the number of the one before.
    pub number: usize,
    /// Its process id.
    pub pid: i32,
    /// When it was made.
    pub born: Instant,
    /// Jobs that it has taken part in.
    pub jobs: u64,
    pub(crate) on_duty: bool,
    /// Tasks that it has finished, and how long it was at jobs; without the job it is at.
    tasks: u64,
    busy: Duration,
    stint: Option<Stint>,
    pub(crate) pidfd: Option<Rc<OwnedFd>>,
    pub(crate) post: Post,
}

/// The job that a worker is at.
#[derive(Debug)]
struct Stint {
    memory: Rc<JobMemory>,
    seat: usize,
    begun: Instant,
    /// Tasks that were finished in this seat before.
    before: u64,
}

impl Stint {
    fn tasks(&self) -> u64 {
        let done = self.memory.status()[self.seat].done.load(Ordering::Relaxed);
        done.saturating_sub(self.before)
    }
}

impl Member {
    /// A worker that has just been made, and stands by.
    pub(super) fn new(number: usize, pid: i32, pidfd: Option<OwnedFd>, post: Post) -> Member {
        Member {
            number,
            pid,
            born: Instant::now(),
            jobs: 0,
            on_duty: false,
            tasks: 0,
            busy: Duration::ZERO,
            stint: None,
            pidfd: pidfd.map(Rc::new),
            post,
        }
    }

    /// Tasks that it has finished.
    pub fn tasks(&self) -> u64 {
        self.tasks + self.stint.as_ref().map_or(0, Stint::tasks)
    }

    /// How long it was at jobs.
    pub fn busy(&self) -> Duration {
        self.busy
            + self
                .stint
                .as_ref()
                .map_or(Duration::ZERO, |s| s.begun.elapsed())
    }

    /// The task that it runs, from 1; 0: none.
    pub fn task(&self) -> u64 {
        self.stint.as_ref().map_or(0, |stint| {
            let status = &stint.memory.status()[stint.seat];
            status.running.load(Ordering::Relaxed)
        })
    }

    /// Asks which calls it is in. Returns the number of the question; `None` when it runs no task.
    pub fn ask(&self) -> Option<u32> {
        let stint = self.stint.as_ref()?;
        (self.task() != 0).then(|| stint.memory.boards()[stint.seat].ask())
    }

    /// The answer to that, if there is one.
    pub fn answer(&self, question: u32) -> Option<String> {
        let stint = self.stint.as_ref()?;
        stint.memory.boards()[stint.seat].answer_to(question)
    }

    /// It has taken a seat in the job of `memory`.
    pub(crate) fn set_on_duty(&mut self, memory: &Rc<JobMemory>, seat: usize) {
        self.on_duty = true;
        self.jobs += 1;
        self.stint = Some(Stint {
            memory: Rc::clone(memory),
            seat,
            begun: Instant::now(),
            before: memory.status()[seat].done.load(Ordering::Relaxed),
        });
    }

    /// It is at no job any more.
    pub(crate) fn set_off_duty(&mut self) {
        self.tasks = self.tasks();
        self.busy = self.busy();
        self.on_duty = false;
        self.stint = None;
    }
    /// Has it ended? `None` where the system has no descriptor of a process.
    pub(super) fn has_ended(&self) -> Option<bool> {
        self.pidfd.as_deref().map(is_readable)
    }

    /// Sends a signal to it and to what it has started. It leads its group, and keeps its
    /// number until the server has reaped it.
    pub(crate) fn signal_group(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        if self.has_ended() == Some(true) {
            return;
        }
        if kill_process_group(pid, signal).is_err() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends what it has left behind that the server, which has ended, could not clear away.
    /// Its number may be somebody else's by now. It is not while the worker is not reaped,
    /// nor while there is no process but a group of this number.
    pub(super) fn clear_group(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        let unreaped = self.pidfd.as_deref().is_some_and(is_unreaped);
        if unreaped || test_kill_process(pid) == Err(Errno::SRCH) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

fn is_readable(fd: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(fd, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&timespec(Duration::ZERO))), Ok(n) if n > 0)
}
