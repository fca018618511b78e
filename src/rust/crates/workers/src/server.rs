//! A clean process of which workers are copies, and its orders.
//!
//! ```text
//! session                         server                          worker
//!   spawn  ---- an end of a post, by its number ---->
//!          <--- 'G' greeting -----  next()
//!   hire   ---- 'F' [post, wake]->  fork()  ------------------->  Call::Worker
//!          <--- 'P' pid [pidfd] --
//!   bury   ---- 'B' pid --------->  ends its group, reaps
//!          <--- 'X' how ----------
//!   end of the session            ->  ends all workers, Call::End
//! ```
//!
//! A worker that has ended is reaped when the session asks for it and not before: until
//! then its number is its own, so the session may send signals to it.
//!
//! Every question has a number, which its answer repeats: an answer that comes after the
//! session has given up is not taken for that of the next question.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{getppid, Pid, Signal};
use rustle_shared::MemoryFile;

use crate::child;
use crate::limits::{BLIND_SLEEP, BLIND_WATCH, SERVER_ANSWER};
use crate::post::{timespec, Letter, Post};
use crate::process::{self, Child, Exit, Fork};
use crate::system;

/// The variable of the environment in which a server finds the number of its descriptor.
pub const VARIABLE: &str = "RUSTLE_SERVER";

/// The server, as the session sees it.
#[derive(Debug)]
pub struct Server {
    post: Post,
    child: Option<Child>,
    /// What it has printed before its greeting.
    log: MemoryFile,
    greeting: Option<Vec<u8>>,
    /// The number of the last question.
    asked: Cell<u32>,
    /// It has not answered in time: it is given up.
    mute: Cell<bool>,
}

/// How much a server that cannot start may print.
const LOG_BYTES: usize = 16 << 10;

impl Server {
    /// Starts `command` as a server; [`Server::greeting`] says when it is up.
    ///
    /// # Errors
    ///
    /// The system's error, as when there is no such program.
    pub fn spawn(command: &mut Command) -> std::io::Result<Server> {
        let (ours, theirs) = Post::pair()?;
        let log =
            MemoryFile::new(LOG_BYTES).map_err(|e| std::io::Error::from_raw_os_error(e.errno))?;
        let printed = || log.as_fd().try_clone_to_owned().map(Stdio::from);
        command
            .env(VARIABLE, word_of_descriptors(theirs.as_fd().as_raw_fd()))
            .stdin(Stdio::null())
            .stdout(printed()?)
            .stderr(printed()?);
        // No R starts in a directory that has been removed.
        if std::env::current_dir().is_err() {
            command.current_dir("/");
        }
        // The terminal's Ctrl-C is for the session alone.
        std::os::unix::process::CommandExt::process_group(command, 0);
        rustix::io::fcntl_setfd(&theirs, rustix::io::FdFlags::empty())?;
        let spawned = command.spawn()?;
        drop(theirs);
        let child = Child::adopt(spawned.id() as i32);
        Ok(Server {
            post: ours,
            child,
            log,
            greeting: None,
            asked: Cell::new(0),
            mute: Cell::new(false),
        })
    }

    /// What the server has said of itself, once it is up; waits for it, at most `limit`.
    /// `Err`: it has ended, and this is what it had printed.
    ///
    /// # Errors
    ///
    /// See above.
    pub fn greeting(&mut self, limit: Duration) -> Result<Option<&[u8]>, String> {
        if self.greeting.is_none() && self.post.is_readable(limit) {
            match self.post.receive() {
                Ok(Some(letter)) if letter.bytes.first() == Some(&b'G') => {
                    self.greeting = Some(letter.bytes[1..].to_vec());
                    // What its workers print from now on goes where the session prints.
                    let (out, error) = (rustix::stdio::stdout(), rustix::stdio::stderr());
                    let _ = self.post.send(b"\0\0\0\0O", &[out, error]);
                }
                Err(Errno::INTR) => {}
                _ => return Err(self.printed()),
            }
        }
        Ok(self.greeting.as_deref())
    }

    /// Is it up?
    pub fn is_up(&self) -> bool {
        self.greeting.is_some()
    }

    fn printed(&self) -> String {
        let Ok(map) = self.log.map_shared() else {
            return String::new();
        };
        let bytes = map.bytes(0, LOG_BYTES);
        let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..len]).trim().to_owned()
    }

    /// Has it ended, or is it given up?
    pub fn has_ended(&self) -> bool {
        self.mute.get() || self.child.as_ref().is_none_or(Child::has_ended)
    }

    /// Its process id.
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().map(Child::pid)
    }

    /// A new worker, which gets these descriptors: its number, and what to poll for its end.
    ///
    /// # Errors
    ///
    /// The system's error number.
    pub fn fork(&self, files: &[BorrowedFd<'_>]) -> Result<(i32, Option<OwnedFd>), i32> {
        let mut letter = self.ask(b"F", files)?;
        let number = |bytes: &[u8]| bytes.try_into().map(i32::from_ne_bytes);
        match (letter.bytes.first(), letter.bytes.get(1..).map(number)) {
            (Some(b'P'), Some(Ok(pid))) => Ok((pid, letter.files.pop())),
            (Some(b'E'), Some(Ok(errno))) => Err(errno),
            _ => Err(libc::EPROTO),
        }
    }

    /// Ends what is left of a worker and all that it had started: how had it ended?
    pub fn bury(&self, pid: i32) -> Exit {
        let mut bytes = vec![b'B'];
        bytes.extend_from_slice(&pid.to_ne_bytes());
        let Ok(letter) = self.ask(&bytes, &[]) else {
            return Exit::Unknown;
        };
        let code = letter.bytes.get(2..6).and_then(|b| b.try_into().ok());
        let code = code.map(i32::from_ne_bytes);
        match (letter.bytes.get(..2), code) {
            (Some(b"XS"), Some(status)) => Exit::Status(status),
            (Some(b"XK"), Some(signal)) => Exit::Signal(signal),
            _ => Exit::Unknown,
        }
    }

    /// Nobody will ask for this worker any more: the server reaps it when it has ended.
    pub fn release(&self, pid: i32) {
        let mut bytes = vec![b'L'];
        bytes.extend_from_slice(&pid.to_ne_bytes());
        // A server that does not hear it ends its workers.
        let _ = self.post.send(&[&[0; 4], &bytes[..]].concat(), &[]);
    }

    /// Has this worker ended? For systems that have no descriptor of a process.
    pub fn is_gone(&self, pid: i32) -> bool {
        let mut bytes = vec![b'?'];
        bytes.extend_from_slice(&pid.to_ne_bytes());
        self.ask(&bytes, &[])
            .map_or(true, |letter| letter.bytes.get(1) == Some(&1))
    }

    fn ask(&self, bytes: &[u8], files: &[BorrowedFd<'_>]) -> Result<Letter, i32> {
        // Its first letter is its greeting, which is no answer.
        if !self.is_up() {
            return Err(libc::ENOTCONN);
        }
        let deadline = Instant::now() + SERVER_ANSWER;
        let number = self.asked.get().wrapping_add(1);
        self.asked.set(number);
        let mut question = number.to_ne_bytes().to_vec();
        question.extend_from_slice(bytes);
        self.post
            .send(&question, files)
            .map_err(Errno::raw_os_error)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.mute.set(true);
                return Err(libc::ETIMEDOUT);
            }
            // A signal to this process ends the wait early, and the next look says so.
            if !self.post.is_readable(left) {
                continue;
            }
            match self.post.receive() {
                Ok(Some(mut letter)) if letter.bytes.starts_with(&number.to_ne_bytes()) => {
                    letter.bytes.drain(..4);
                    return Ok(letter);
                }
                Ok(Some(_)) => {}
                Ok(None) => return Err(libc::EPIPE),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.raw_os_error()),
            }
        }
    }
}

impl Drop for Server {
    /// The server ends when it finds our end of its post closed; who waits for that is a
    /// thread. A program that has never answered, or does not any more, is ended by force.
    fn drop(&mut self) {
        if let (Some(child), true) = (&self.child, self.mute.get() || !self.is_up()) {
            child.signal_group(Signal::KILL);
        }
        let (mut last, _) = match Post::pair() {
            Ok(pair) => pair,
            Err(_) => return,
        };
        std::mem::swap(&mut last, &mut self.post);
        drop(last);
        process::reap_soon(self.child.take().into_iter().collect());
    }
}

/// What the process that serves has to do next.
#[derive(Debug)]
pub enum Call {
    /// This process is a copy of the server: it is a worker, with these descriptors.
    Worker(Vec<OwnedFd>),
    /// The session is gone.
    End,
}

/// The server, from its inside.
#[derive(Debug)]
pub struct Serving {
    post: Post,
    /// Readable when the session has ended: another process may hold a copy of its end of
    /// the post.
    session: Option<OwnedFd>,
    /// The parent of this process at its start, which is looked at where there is no such thing.
    parent: Option<Pid>,
    workers: Vec<Child>,
    /// Those of whom nobody wants to hear any more.
    released: Vec<Child>,
    /// The number of the question that is being answered.
    question: [u8; 4],
}

impl Serving {
    /// Serves who has the other end of `post`.
    pub fn new(post: Post) -> Serving {
        let session = system::peer(post.as_fd()).and_then(system::process_descriptor);
        Serving {
            post,
            session,
            parent: getppid(),
            workers: Vec::new(),
            released: Vec::new(),
            question: [0; 4],
        }
    }

    /// Says that this server is up, and what it is.
    ///
    /// # Errors
    ///
    /// When the session is gone.
    pub fn greet(&self, words: &[u8]) -> Result<(), Errno> {
        let mut bytes = vec![b'G'];
        bytes.extend_from_slice(words);
        self.post.send(&bytes, &[])
    }

    fn tell(&self, words: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        self.post.send(&[&self.question[..], words].concat(), files)
    }

    /// Carries out orders until there is something to do for whoever drives the server.
    ///
    /// # Safety
    ///
    /// As [`process::fork`]: in a process that [`Call::Worker`] is told,
    /// [`crate::child::isolate`] comes first.
    pub unsafe fn next(&mut self) -> Call {
        loop {
            let ended = self.session_has_ended();
            self.clear_released();
            let mut letter = match self.post.receive() {
                Ok(Some(letter)) if !ended => letter,
                Ok(_) => {
                    let all: Vec<Child> = self
                        .workers
                        .drain(..)
                        .chain(self.released.drain(..))
                        .collect();
                    process::end_all(&all, Signal::KILL, Duration::ZERO);
                    return Call::End;
                }
                Err(_) => continue,
            };
            let Some(question) = letter.bytes.first_chunk() else {
                continue;
            };
            self.question = *question;
            letter.bytes.drain(..4);
            let pid = letter.bytes.get(1..5).and_then(|b| b.try_into().ok());
            let pid = pid.map(i32::from_ne_bytes);
            let told = match (letter.bytes.first(), pid) {
                (Some(b'F'), _) => {
                    // SAFETY: by the caller's promise.
                    match unsafe { process::fork() } {
                        Ok(Fork::Child) => {
                            self.workers.clear();
                            self.released.clear();
                            return Call::Worker(letter.files);
                        }
                        Ok(Fork::Parent(child)) => self.introduce(child),
                        Err(errno) => self.reply(b"E", errno),
                    }
                }
                (Some(b'B'), Some(pid)) => self.bury(pid),
                (Some(b'L'), Some(pid)) => {
                    if let Some(at) = self.workers.iter().position(|w| w.pid() == pid) {
                        self.released.push(self.workers.swap_remove(at));
                    }
                    Ok(())
                }
                (Some(b'?'), Some(pid)) => {
                    let worker = self.workers.iter().find(|w| w.pid() == pid);
                    let gone = worker.is_none_or(Child::has_ended);
                    self.tell(&[b'!', u8::from(gone)], &[])
                }
                (Some(b'O'), _) => {
                    for (file, to) in letter.files.iter().zip([1, 2]) {
                        // SAFETY: standard output and error of this process.
                        unsafe { libc::dup2(file.as_raw_fd(), to) };
                    }
                    Ok(())
                }
                _ => Ok(()),
            };
            // Who does not take our answer is gone: the next look says so.
            let _ = told;
        }
    }

    /// Waits for a letter: `true` when the session has ended instead.
    fn session_has_ended(&mut self) -> bool {
        loop {
            self.clear_released();
            let mut watched = vec![PollFd::new(&self.post, PollFlags::IN)];
            watched.extend(
                self.session
                    .as_ref()
                    .map(|fd| PollFd::new(fd, PollFlags::IN)),
            );
            let others = watched.len();
            let leaving = self.released.iter().filter_map(Child::pidfd);
            watched.extend(leaving.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            // What says nothing is looked at.
            let blind = self.released.iter().any(|worker| worker.pidfd().is_none());
            let limit = match &self.session {
                _ if blind => Some(timespec(BLIND_SLEEP)),
                None => Some(timespec(BLIND_WATCH)),
                Some(_) => None,
            };
            if poll(&mut watched, limit.as_ref()).is_err() {
                continue;
            }
            if self.session.is_none() && getppid() != self.parent {
                return true;
            }
            let heard = |at: usize| !watched[at].revents().is_empty();
            if others == 2 && heard(1) {
                return true;
            }
            if heard(0) {
                return false;
            }
        }
    }

    /// Reaps released workers that have left, and ends what they had started.
    fn clear_released(&mut self) {
        self.released.retain(|worker| {
            let gone = worker.has_ended();
            if gone {
                worker.clear_away();
            }
            !gone
        });
    }

    fn introduce(&mut self, child: Child) -> Result<(), Errno> {
        let mut bytes = vec![b'P'];
        bytes.extend_from_slice(&child.pid().to_ne_bytes());
        let files: Vec<BorrowedFd<'_>> = child.pidfd().into_iter().collect();
        let told = self.tell(&bytes, &files);
        drop(files);
        self.workers.push(child);
        told
    }

    fn bury(&mut self, pid: i32) -> Result<(), Errno> {
        let Some(at) = self.workers.iter().position(|w| w.pid() == pid) else {
            return self.reply(b"XU", 0);
        };
        match self.workers.swap_remove(at).clear_away() {
            Exit::Status(status) => self.reply(b"XS", status),
            Exit::Signal(signal) => self.reply(b"XK", signal),
            Exit::Unknown => self.reply(b"XU", 0),
        }
    }

    fn reply(&self, what: &[u8], number: i32) -> Result<(), Errno> {
        let mut bytes = what.to_vec();
        bytes.extend_from_slice(&number.to_ne_bytes());
        self.tell(&bytes, &[])
    }
}

/// What [`post_of`] reads: the number of the server's descriptor, then those that the session
/// leaves open for every program that it starts, each with what it is. They are none of the
/// server's: a pipe whose writing end it held would never come to its end.
fn word_of_descriptors(own: RawFd) -> String {
    let mut word = own.to_string();
    for fd in child::open_descriptors() {
        // SAFETY: asks for the flags of a number; one that is closed has none.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if fd > 2 && fd != own && flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            if let Some((device, inode)) = child::identity(fd) {
                word.push_str(&format!(" {fd}:{device}:{inode}"));
            }
        }
    }
    word
}

/// The post of a server, from the [`VARIABLE`] of its environment; closes what it has
/// inherited besides. `None` when no session has started this process.
///
/// # Safety
///
/// The numbers in `word` are those of descriptors that this process has inherited and of
/// which nobody here knows.
pub unsafe fn post_of(word: &str) -> Option<Post> {
    let mut numbers = word.split(' ');
    let own: RawFd = numbers.next()?.parse().ok().filter(|&fd| fd > 2)?;
    // SAFETY: sets a flag of a number.
    if unsafe { libc::fcntl(own, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return None;
    }
    for other in numbers {
        let mut parts = other.split(':').map(str::parse::<u64>);
        if let (Some(Ok(fd)), Some(Ok(device)), Some(Ok(inode))) =
            (parts.next(), parts.next(), parts.next())
        {
            // A script on the way may have closed it, and R may have opened another.
            if child::identity(fd as RawFd) == Some((device, inode)) {
                // SAFETY: by the caller's promise.
                unsafe { libc::close(fd as RawFd) };
            }
        }
    }
    // SAFETY: by the caller's promise; the number is open, for it has just been given a flag.
    Some(Post::received(unsafe { OwnedFd::from_raw_fd(own) }))
}
