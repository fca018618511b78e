//! The workers of a session that stand by: they outlive a job and wait for the next one.
//!
//! The [`Pool`] has a [`Server`] of which its workers are copies, so a new one costs
//! milliseconds and a lost one is replaced at once.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use rustle_shared::MemoryFile;

use crate::limits::START_ATTEMPTS;
use crate::memory::Kept;
use crate::order;
use crate::post::Post;
use crate::process::Exit;
use crate::server::Server;
use crate::supervisor::is_sparing;
use crate::system;

mod member;

pub use member::Member;

/// A worker leaves with this status when it has stood by for too long, or cannot be used
/// again: nothing is lost.
pub const RETIRED: i32 = 19;

/// The workers of a session, and the server that makes them.
#[derive(Debug)]
pub struct Pool {
    command: Command,
    server: Option<Server>,
    pub(crate) members: Vec<Member>,
    /// Workers beyond so many leave after their job.
    pub(crate) size: usize,
    /// By a byte in the second of these workers wake the session. They hold the first too:
    /// who writes into a pipe that nobody reads is sent a signal.
    wake: (OwnedFd, OwnedFd),
    owner: u32,
    /// How often a server has ended before it was up, since one was.
    failures: u32,
    /// Workers that were lost or had retired.
    replaced: u64,
    /// Workers that were lost, by their number.
    losses: Vec<u64>,
    /// The memory of the last job, if another one can be laid there.
    kept: Option<(Kept, Arc<MemoryFile>)>,
}

/// Why there are no workers.
#[derive(Clone, Debug)]
pub enum NoServer {
    /// The system has refused to start it.
    Refused(i32),
    /// It has ended before it was up, and this is what it had printed.
    Ended(String),
}

impl Pool {
    /// A pool of `size` workers whose server is started by `command`, when it is needed.
    ///
    /// # Errors
    ///
    /// The system's error number.
    pub fn new(command: Command, size: usize) -> Result<Pool, i32> {
        let wake = system::pipe().map_err(|e| e.raw_os_error())?;
        Ok(Pool {
            command,
            server: None,
            members: Vec::new(),
            size,
            wake,
            owner: std::process::id(),
            failures: 0,
            replaced: 0,
            losses: Vec::new(),
            kept: None,
        })
    }

    /// The reading end of the pipe by which workers wake the session.
    ///
    /// # Errors
    ///
    /// The system's error number.
    pub fn wake(&self) -> Result<OwnedFd, i32> {
        let copy = self.wake.0.try_clone();
        copy.map_err(|e| e.raw_os_error().unwrap_or(libc::EMFILE))
    }

    /// Is this a copy of a pool, in a process that its session has forked? Its workers are
    /// not for that process.
    pub fn is_foreign(&self) -> bool {
        self.owner != std::process::id()
    }

    /// From now on the pool keeps so many workers.
    pub fn resize(&mut self, size: usize) {
        self.size = size;
        let mut at = 0;
        while at < self.members.len() {
            if self.members[at].number >= size && !self.members[at].on_duty {
                self.retire(at);
            } else {
                at += 1;
            }
        }
    }

    /// The server, started if there is none; `true` once it is up, for which it waits at
    /// most `limit`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn prepare(&mut self, limit: Duration) -> Result<bool, NoServer> {
        if self
            .server
            .as_ref()
            .is_some_and(|s| s.is_up() && s.has_ended())
        {
            self.forget_server();
        }
        let server = match &mut self.server {
            Some(server) => server,
            None => {
                let spawned = Server::spawn(&mut self.command);
                let errno = |e: std::io::Error| e.raw_os_error().unwrap_or(libc::EAGAIN);
                self.server
                    .insert(spawned.map_err(|e| NoServer::Refused(errno(e)))?)
            }
        };
        match server.greeting(limit) {
            Ok(Some(_)) => {
                self.failures = 0;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(printed) => {
                self.server = None;
                self.failures += 1;
                Err(NoServer::Ended(printed))
            }
        }
    }

    /// What the server has said of itself; `None` while it is not up.
    pub fn greeting(&mut self) -> Option<Vec<u8>> {
        let server = self.server.as_mut()?;
        server.greeting(Duration::ZERO).ok()?.map(<[u8]>::to_vec)
    }

    /// Memory in which the next job can be laid; who has it is the only one.
    pub fn take_kept(&mut self) -> Option<(Kept, Arc<MemoryFile>)> {
        self.kept.take()
    }

    /// The memory of a job that is over: all its workers have said that they are done with it.
    pub fn leave_kept(&mut self, kept: Option<(Kept, Arc<MemoryFile>)>) {
        self.kept = kept;
    }

    /// Tells the worker that will have the first order of the next job that it comes soon, so
    /// that it is awake by then. Not where those who look without sleeping wait in vain.
    pub fn rouse(&self) {
        let idle = |m: &&Member| !m.on_duty;
        let mut members = self.members.iter().filter(idle);
        let first = members.clone().find(|m| m.number == 0);
        if let (Some(member), false) = (first.or_else(|| members.next()), is_sparing()) {
            // Whether it has ended is found when it is recruited.
            let _ = member.post.send(&order::rouse(), &[]);
        }
    }

    /// The workers that there are.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Is this worker at a job?
    pub fn is_on_duty(&self, member: &Member) -> bool {
        member.on_duty
    }

    /// Workers that were replaced since the pool began.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Workers of this number that were lost since the pool began.
    pub fn losses(&self, number: usize) -> u64 {
        self.losses.get(number).copied().unwrap_or(0)
    }

    /// The process id of the server.
    pub fn server_pid(&self) -> Option<i32> {
        self.server.as_ref().and_then(Server::pid)
    }

    /// Removes the workers that have ended while they stood by.
    pub fn tidy(&mut self) {
        let mut at = 0;
        while at < self.members.len() {
            let member = &self.members[at];
            if !member.on_duty && self.has_ended(member) {
                self.bury(at);
            } else {
                at += 1;
            }
        }
    }

    /// Lets go of all workers that stand by; new ones are made when they are needed.
    pub fn dismiss_all(&mut self) {
        while let Some(at) = self.members.iter().position(|m| !m.on_duty) {
            self.retire(at);
        }
    }

    /// Where in `members` the worker with this process id is.
    pub(crate) fn at(&self, pid: i32) -> Option<usize> {
        self.members.iter().position(|m| m.pid == pid)
    }

    /// Has this worker ended?
    pub(crate) fn has_ended(&self, member: &Member) -> bool {
        match (member.has_ended(), &self.server) {
            (Some(ended), _) => ended,
            (None, Some(server)) => server.is_gone(member.pid),
            (None, None) => true,
        }
    }

    /// Takes a worker out of the pool: how had it ended?
    pub(crate) fn bury(&mut self, at: usize) -> Exit {
        let member = self.members.swap_remove(at);
        self.replaced += 1;
        let exit = self.server.as_ref().map(|server| server.bury(member.pid));
        let exit = exit.unwrap_or(Exit::Unknown);
        if exit == Exit::Unknown {
            member.clear_group();
        }
        if exit != Exit::Status(RETIRED) {
            if self.losses.len() <= member.number {
                self.losses.resize(member.number + 1, 0);
            }
            self.losses[member.number] += 1;
        }
        exit
    }

    /// Lets go of a worker: when it has done what it does, it finds its post closed, and
    /// leaves.
    pub(crate) fn retire(&mut self, at: usize) {
        let member = self.members.swap_remove(at);
        if let Some(server) = &self.server {
            server.release(member.pid);
        }
    }

    /// The workers of a server that has ended have ended too.
    fn forget_server(&mut self) {
        self.server = None;
        self.replaced += self.members.len() as u64;
        for member in &self.members {
            member.signal_group(Signal::KILL);
            member.clear_group();
        }
        self.members.retain(|m| m.on_duty);
    }

    /// A worker for a seat: the one with its number, or another that stands by, or a new one.
    /// `Ok(None)`: there will be one later.
    pub(crate) fn recruit(&mut self, seat: usize) -> Result<Option<usize>, i32> {
        // Its workers are about to end, or have: an order would be lost with them.
        if self
            .server
            .as_ref()
            .is_some_and(|s| s.is_up() && s.has_ended())
        {
            self.forget_server();
        }
        let idle = |m: &Member| !m.on_duty;
        let own = self
            .members
            .iter()
            .position(|m| idle(m) && m.number == seat);
        if let Some(at) = own.or_else(|| self.members.iter().position(idle)) {
            return Ok(Some(at));
        }
        match self.prepare(Duration::ZERO) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(NoServer::Refused(errno)) => return Err(errno),
            Err(NoServer::Ended(_)) if self.failures > START_ATTEMPTS / 10 => {
                return Err(libc::ECHILD);
            }
            Err(NoServer::Ended(_)) => return Ok(None),
        }
        let Some(server) = &self.server else {
            return Ok(None);
        };
        let (post, theirs) = Post::pair().map_err(|e| e.raw_os_error())?;
        let files = [theirs.as_fd(), self.wake.1.as_fd(), self.wake.0.as_fd()];
        let (pid, pidfd) = match server.fork(&files) {
            Ok(made) => made,
            // It has just ended: the next look starts another.
            Err(_) if server.has_ended() => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let taken = |n: &usize| !self.members.iter().any(|m| m.number == *n);
        let number = std::iter::once(seat).chain(0..).find(taken).unwrap_or(seat);
        self.members.push(Member::new(number, pid, pidfd, post));
        Ok(Some(self.members.len() - 1))
    }
}
