//! Workers that stand by: they outlive a job and wait for the next one.
//!
//! The [`Pool`] of a session has a [`Server`] of which its workers are copies, so a new one
//! costs milliseconds and a lost one is replaced at once. [`Standing`] is the crew of one
//! job, whose workers come from the pool and go back to it.

use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::process::Signal;
use rustle_shared::MemoryFile;

use crate::crew::{Assignment, Crew, Started};
use crate::limits::{
    FAREWELL, GLANCE, INTERRUPT_GRACE, ORDER_PRICE, REDO_IN_LETTER, START_ATTEMPTS,
};
use crate::memory::{JobMemory, Phase};
use crate::post::{timespec, Letter, Post};
use crate::process::Exit;
use crate::server::Server;

/// A worker leaves with this status when it has stood by for too long, or cannot be used
/// again: nothing is lost.
pub const RETIRED: i32 = 19;

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
    on_duty: bool,
    /// Tasks that it has finished, and how long it was at jobs; without the job it is at.
    tasks: u64,
    busy: Duration,
    stint: Option<Stint>,
    pidfd: Option<Rc<OwnedFd>>,
    post: Post,
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

    fn set_on_duty(&mut self, memory: &Rc<JobMemory>, seat: usize) {
        self.on_duty = true;
        self.jobs += 1;
        self.stint = Some(Stint {
            memory: Rc::clone(memory),
            seat,
            begun: Instant::now(),
            before: memory.status()[seat].done.load(Ordering::Relaxed),
        });
    }

    fn set_off_duty(&mut self) {
        self.tasks = self.tasks();
        self.busy = self.busy();
        self.on_duty = false;
        self.stint = None;
    }
}

/// The workers of a session, and the server that makes them.
#[derive(Debug)]
pub struct Pool {
    command: Command,
    server: Option<Server>,
    members: Vec<Member>,
    /// Workers beyond so many leave after their job.
    size: usize,
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
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let wake = rustix::pipe::pipe_with(flags).map_err(|e| e.raw_os_error())?;
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
        })
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

    fn at(&self, pid: i32) -> Option<usize> {
        self.members.iter().position(|m| m.pid == pid)
    }

    fn has_ended(&self, member: &Member) -> bool {
        match (&member.pidfd, &self.server) {
            (Some(pidfd), _) => is_readable(pidfd),
            (None, Some(server)) => server.is_gone(member.pid),
            (None, None) => true,
        }
    }

    /// Takes a worker out of the pool: how had it ended?
    fn bury(&mut self, at: usize) -> Exit {
        let member = self.members.swap_remove(at);
        self.replaced += 1;
        let exit = self.server.as_ref().map(|server| server.bury(member.pid));
        let exit = exit.unwrap_or(Exit::Unknown);
        if exit == Exit::Unknown {
            clear_group(&member);
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
    fn retire(&mut self, at: usize) {
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
            signal_group(member, Signal::KILL);
            clear_group(member);
        }
        self.members.retain(|m| m.on_duty);
    }

    /// A worker for a seat: the one with its number, or another that stands by, or a new one.
    /// `Ok(None)`: there will be one later.
    fn recruit(&mut self, seat: usize) -> Result<Option<usize>, i32> {
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
        self.members.push(Member {
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
        });
        Ok(Some(self.members.len() - 1))
    }
}

fn is_readable(fd: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(fd, PollFlags::IN)];
    matches!(poll(&mut watched, Some(&timespec(Duration::ZERO))), Ok(n) if n > 0)
}

/// A worker leads its group, and keeps its number until the server has reaped it.
fn signal_group(member: &Member, signal: Signal) {
    let Some(pid) = rustix::process::Pid::from_raw(member.pid) else {
        return;
    };
    if let Some(pidfd) = &member.pidfd {
        if is_readable(pidfd) {
            return;
        }
    }
    if rustix::process::kill_process_group(pid, signal).is_err() {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Ends what a worker has left behind that the server, which has ended, could not clear away.
/// Its number may be somebody else's by now. It is not while the worker is not reaped, nor
/// while there is no process but a group of this number.
fn clear_group(member: &Member) {
    let Some(pid) = rustix::process::Pid::from_raw(member.pid) else {
        return;
    };
    let unreaped = member.pidfd.as_ref().is_some_and(|fd| is_unreaped(fd));
    if unreaped || rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
fn is_unreaped(pidfd: &OwnedFd) -> bool {
    let (fd, none) = (pidfd.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: signal 0 is not sent; it asks whether the process is there.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, 0, none, 0) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_unreaped(_: &OwnedFd) -> bool {
    false
}

/// What a worker is told to do, as it receives it.
#[derive(Debug)]
pub struct Order {
    /// Seat and tasks.
    pub assignment: Assignment,
    /// The memory of the job.
    pub memory: MemoryFile,
    /// What the job is, in parts.
    pub parts: Vec<Vec<MemoryFile>>,
    /// How long it stands by afterwards.
    pub patience: Duration,
}

impl Order {
    /// Reads an order; `None` when the letter is something else.
    pub fn read(letter: Letter) -> Option<Order> {
        let word = |at: usize| {
            let bytes = letter.bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_ne_bytes(bytes))
        };
        if word(0)? != ORDER {
            return None;
        }
        let (seat, patience, redo, apart) = (word(4)?, word(8)?, word(12)?, word(16)? == 1);
        let count = word(20)? as usize;
        let lengths: Option<Vec<usize>> = (0..count)
            .map(|k| Some(word(24 + 4 * k)? as usize))
            .collect();
        let redo_at = 24 + 4 * count;
        let mut files = letter.files.into_iter().map(MemoryFile::received);
        let memory = files.next()?.ok()?;
        let redo = if apart {
            let file = files.next()?.ok()?;
            let map = file.map_shared().ok()?;
            words(map.bytes(0, redo as usize * 4))
        } else {
            words(letter.bytes.get(redo_at..redo_at + redo as usize * 4)?)
        };
        let mut part = |len: usize| (0..len).map(|_| files.next()?.ok()).collect();
        let parts: Option<Vec<Vec<MemoryFile>>> = lengths?.into_iter().map(&mut part).collect();
        Some(Order {
            assignment: Assignment {
                seat: seat as usize,
                redo,
            },
            memory,
            parts: parts?,
            patience: Duration::from_secs(patience.into()),
        })
    }
}

/// The first word of an order.
const ORDER: u32 = 0x4f52_4431;

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |b: &[u8]| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(4).map(word).collect()
}

/// What all workers of a job are told.
#[derive(Debug)]
pub struct Terms {
    /// The memory of the job, as a file.
    pub memory: Arc<MemoryFile>,
    /// What the job is: files that workers know how to read, in parts.
    pub parts: Vec<Vec<Arc<MemoryFile>>>,
    /// How long workers stand by afterwards.
    pub patience: Duration,
}

/// A worker in a seat.
#[derive(Debug)]
struct Duty {
    pid: i32,
    pidfd: Option<Rc<OwnedFd>>,
    /// When it is ended by force, because it was interrupted, and the task, from 1, in which
    /// it is then.
    ultimatum: Option<(Instant, u64)>,
}

/// The crew of one job whose workers stand by between jobs.
#[derive(Debug)]
pub struct Standing {
    pool: Rc<RefCell<Pool>>,
    memory: Rc<JobMemory>,
    terms: Terms,
    seats: Vec<Option<Duty>>,
}

impl Standing {
    /// A crew for the job of `memory`, all seats free.
    pub fn new(pool: Rc<RefCell<Pool>>, memory: Rc<JobMemory>, terms: Terms) -> Standing {
        let seats = memory.layout.workers() as usize;
        Standing {
            pool,
            memory,
            terms,
            seats: (0..seats).map(|_| None).collect(),
        }
    }

    /// The reading end of the pipe by which the workers of this crew wake the session.
    ///
    /// # Errors
    ///
    /// The system's error number.
    pub fn wake(pool: &Rc<RefCell<Pool>>) -> Result<OwnedFd, i32> {
        let pool = pool.borrow();
        let copy = pool.wake.0.try_clone();
        copy.map_err(|e| e.raw_os_error().unwrap_or(libc::EMFILE))
    }

    fn letter(&self, assignment: &Assignment) -> Result<(Vec<u8>, Option<MemoryFile>), i32> {
        let redo = &assignment.redo;
        let apart = redo.len() > REDO_IN_LETTER;
        let patience = self.terms.patience.as_secs().min(u64::from(u32::MAX)) as u32;
        let mut head = vec![
            ORDER,
            assignment.seat as u32,
            patience,
            redo.len() as u32,
            u32::from(apart),
            self.terms.parts.len() as u32,
        ];
        head.extend(self.terms.parts.iter().map(|part| part.len() as u32));
        let bytes_of =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_ne_bytes()).collect() };
        let mut bytes = bytes_of(&head);
        if !apart {
            bytes.extend(bytes_of(redo));
            return Ok((bytes, None));
        }
        let file = MemoryFile::new(redo.len() * 4).map_err(|e| e.errno)?;
        file.write_at(0, &bytes_of(redo)).map_err(|e| e.errno)?;
        Ok((bytes, Some(file)))
    }

    /// Has the order delivered; `None` when there will be a worker later.
    fn send(&self, pool: &mut Pool, assignment: &Assignment) -> Result<Option<Duty>, i32> {
        let (bytes, apart) = self.letter(assignment)?;
        let files = || {
            let parcel = self.terms.parts.iter().flatten().map(|file| file.as_fd());
            let memory = std::iter::once(self.terms.memory.as_fd());
            let apart = apart.as_ref().map(AsFd::as_fd);
            memory.chain(apart).chain(parcel).collect::<Vec<_>>()
        };
        loop {
            let Some(at) = pool.recruit(assignment.seat)? else {
                return Ok(None);
            };
            match pool.members[at].post.send(&bytes, &files()) {
                Ok(()) => {
                    let member = &mut pool.members[at];
                    member.set_on_duty(&self.memory, assignment.seat);
                    return Ok(Some(Duty {
                        pid: member.pid,
                        pidfd: member.pidfd.clone(),
                        ultimatum: None,
                    }));
                }
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => {
                    pool.bury(at);
                }
                Err(errno) => return Err(errno.raw_os_error()),
            }
        }
    }

    /// Frees a seat whose worker stands by again.
    fn release(&mut self, seat: usize) {
        let Some(duty) = self.seats[seat].take() else {
            return;
        };
        let mut pool = self.pool.borrow_mut();
        if let Some(at) = pool.at(duty.pid) {
            pool.members[at].set_off_duty();
            if pool.members[at].number >= pool.size {
                pool.retire(at);
            }
        }
    }
}

impl Crew for Standing {
    fn start(&mut self, assignment: &Assignment) -> Result<Started, i32> {
        let pool = Rc::clone(&self.pool);
        let sent = self.send(&mut pool.borrow_mut(), assignment)?;
        let started = sent.is_some();
        self.seats[assignment.seat] = sent;
        Ok(if started {
            Started::Elsewhere
        } else {
            Started::Later
        })
    }

    fn price(&self) -> Option<Duration> {
        Some(ORDER_PRICE)
    }

    fn is_taken(&self, seat: usize) -> bool {
        self.seats[seat].is_some()
    }

    fn dismiss(&mut self, seat: usize) {
        self.release(seat);
    }

    fn ended(&mut self, seat: usize) -> Option<Exit> {
        let duty = self.seats[seat].as_ref()?;
        let pool = Rc::clone(&self.pool);
        let mut pool = pool.borrow_mut();
        let exit = match pool.at(duty.pid) {
            Some(at) => {
                let member = &pool.members[at];
                if !pool.has_ended(member) {
                    return None;
                }
                pool.bury(at)
            }
            None => Exit::Unknown,
        };
        self.seats[seat] = None;
        Some(exit)
    }

    fn kill(&mut self, seat: usize, task: u32) {
        // Interrupted first: what the task has left to be done at its end is done.
        let pool = self.pool.borrow();
        if let Some(duty) = &mut self.seats[seat] {
            if let Some(at) = pool.at(duty.pid) {
                let status = &self.memory.status()[seat];
                let word = u64::from(task) + 1;
                status.called_off.store(word, Ordering::Release);
                signal_group(&pool.members[at], Signal::INT);
                duty.ultimatum = Some((Instant::now() + INTERRUPT_GRACE, word));
            }
        }
    }

    fn tidy(&mut self) {
        let pool = self.pool.borrow();
        let now = Instant::now();
        for (seat, duty) in self.seats.iter_mut().enumerate() {
            let Some(duty) = duty else {
                continue;
            };
            let Some((_, word)) = duty.ultimatum.take_if(|(at, _)| *at <= now) else {
                continue;
            };
            // If the task had just ended, the worker has gone on, and may.
            let running = self.memory.status()[seat].running.load(Ordering::Acquire);
            if let (Some(at), true) = (pool.at(duty.pid), running == word) {
                signal_group(&pool.members[at], Signal::KILL);
            }
        }
    }

    fn watched(&self, seat: usize) -> Option<BorrowedFd<'_>> {
        let duty = self.seats[seat].as_ref()?;
        duty.pidfd.as_ref().map(|pidfd| pidfd.as_fd())
    }

    fn abandon(&mut self) {
        let mut pool = self.pool.borrow_mut();
        for (seat, duty) in self.seats.iter_mut().enumerate() {
            let Some(at) = duty.take().and_then(|duty| pool.at(duty.pid)) else {
                continue;
            };
            if self.memory.status()[seat].phase().is_over() {
                pool.members[at].set_off_duty();
            } else {
                pool.retire(at);
            }
        }
    }

    fn end(&mut self, _polite: Signal, grace: Duration) {
        let header = self.memory.header();
        header.abandoned.store(1, Ordering::Release);
        header.stopped.store(1, Ordering::Release);
        let begun = Instant::now();
        let mut interrupted = vec![false; self.seats.len()];
        loop {
            for seat in 0..self.seats.len() {
                // Who has not reached its tasks finds that there are none, and stands by.
                let phase = self.memory.status()[seat].phase();
                if self.seats[seat].is_some() && phase != Phase::Started {
                    self.release(seat);
                }
            }
            let pool = self.pool.borrow();
            let late = begun.elapsed() >= grace;
            let mut waiting = false;
            for (seat, duty) in self.seats.iter().enumerate() {
                let at = duty.as_ref().and_then(|duty| pool.at(duty.pid));
                let Some(member) = at.map(|at| &pool.members[at]) else {
                    continue;
                };
                if pool.has_ended(member) {
                    continue;
                }
                waiting = true;
                // Who is between two tasks sees the word, without a signal.
                let running = self.memory.status()[seat].running.load(Ordering::Acquire) != 0;
                if late {
                    signal_group(member, Signal::KILL);
                } else if !interrupted[seat] && (running || begun.elapsed() > FAREWELL * 10) {
                    interrupted[seat] = true;
                    signal_group(member, Signal::INT);
                }
            }
            if late || !waiting {
                break;
            }
            drop(pool);
            std::thread::sleep(if begun.elapsed() < FAREWELL {
                GLANCE
            } else {
                FAREWELL
            });
        }
        for seat in 0..self.seats.len() {
            let Some(duty) = self.seats[seat].take() else {
                continue;
            };
            let mut pool = self.pool.borrow_mut();
            if let Some(at) = pool.at(duty.pid) {
                pool.bury(at);
            }
        }
    }
}
