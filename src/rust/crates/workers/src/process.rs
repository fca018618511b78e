//! Forking a worker and watching it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{
    kill_process, kill_process_group, waitid, waitpid, Pid, Signal, WaitId, WaitIdOptions,
    WaitOptions,
};

use crate::limits::{DEPARTURE, FAREWELL};
use crate::post::timespec;
use crate::system::process_descriptor;

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It left with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
    /// Somebody else collected its status.
    Unknown,
}

/// A worker process of ours. Must be reaped: dropping one does not end it.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// Readable when the process has ended (Linux 5.3 and later).
    pidfd: Option<OwnedFd>,
}

/// What `fork` returned.
#[derive(Debug)]
pub enum Fork {
    /// In the parent.
    Parent(Child),
    /// In the new process.
    Child,
}

/// Forks this process.
///
/// All signals are blocked in the child until it has called [`crate::child::isolate`]:
/// the handlers that it inherits belong to the parent, and would delete its files.
///
/// # Errors
///
/// The system's error number, when it has no memory or processes left.
///
/// # Safety
///
/// * The calling thread is the main thread, and no other thread of this process holds a
///   lock that the child will need.
/// * In the child the caller calls [`crate::child::isolate`] before anything else. It may
///   then return through its own frames, but the process ends by
///   [`crate::child::leave`], not by the end of the program.
pub unsafe fn fork() -> Result<Fork, i32> {
    // SAFETY: flushing all output streams, so that no buffered bytes are
    // written twice.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    let before = block_signals();
    // SAFETY: the caller's promise.
    let forked = unsafe { libc::fork() };
    let errno = std::io::Error::last_os_error().raw_os_error();
    if forked != 0 {
        restore_signals(&before);
    }
    match forked {
        -1 => Err(errno.unwrap_or(libc::EAGAIN)),
        0 => Ok(Fork::Child),
        raw => {
            let Some(pid) = Pid::from_raw(raw) else {
                return Err(libc::EAGAIN);
            };
            let pidfd = process_descriptor(pid);
            Ok(Fork::Parent(Child { pid, pidfd }))
        }
    }
}

impl Child {
    /// A process that was started by other means; `None` when the number is none.
    pub fn adopt(pid: i32) -> Option<Child> {
        let pid = Pid::from_raw(pid)?;
        let pidfd = process_descriptor(pid);
        Some(Child { pid, pidfd })
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// What to poll for its end, where the system has such a thing.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Has the worker ended? Its status is not collected, so its numbers still
    /// belong to it.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(
            waitid(WaitId::Pid(self.pid), options),
            Ok(None) | Err(Errno::INTR)
        )
    }

    /// Waits until the worker has ended, at most to `deadline`; its status is not collected.
    fn await_end(&self, deadline: Instant) {
        while !self.has_ended() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            match self.pidfd() {
                // An interrupted look is followed by another.
                Some(fd) => {
                    let mut watched = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
                    let _ = poll(&mut watched, Some(&timespec(left)));
                }
                None => std::thread::sleep(FAREWELL.min(left)),
            }
        }
    }

    /// Collects the status if the worker has ended.
    pub fn try_reap(&self) -> Option<Exit> {
        self.wait(WaitOptions::NOHANG)
    }

    /// Waits until the worker has ended and collects its status.
    pub fn reap(&self) -> Exit {
        self.wait(WaitOptions::empty()).unwrap_or(Exit::Unknown)
    }

    fn wait(&self, options: WaitOptions) -> Option<Exit> {
        loop {
            return match waitpid(Some(self.pid), options) {
                Ok(None) => None,
                Ok(Some((_, status))) => {
                    if let Some(code) = status.exit_status() {
                        Some(Exit::Status(code))
                    } else {
                        status.terminating_signal().map(Exit::Signal)
                    }
                }
                Err(Errno::INTR) => continue,
                Err(_) => Some(Exit::Unknown),
            };
        }
    }

    /// Sends `signal` to the worker and to everything that it started. Not after
    /// it was reaped: its numbers may then be somebody else's.
    pub fn signal_group(&self, signal: Signal) {
        // A child that has just been forked may not lead its group yet. Both
        // calls fail when everybody is gone, which is what was wanted.
        if kill_process_group(self.pid, signal).is_err() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Ends what the worker has left behind, and collects its status.
    pub fn clear_away(&self) -> Exit {
        self.signal_group(Signal::KILL);
        self.reap()
    }
}

/// Ends `children` and all that they started: first `polite` (unless it is
/// SIGKILL), after `grace` SIGKILL; every one is reaped.
pub fn end_all(children: &[Child], polite: Signal, grace: Duration) {
    for child in children {
        child.signal_group(polite);
    }
    let deadline = Instant::now() + grace;
    while !children.iter().all(Child::has_ended) && Instant::now() < deadline {
        std::thread::sleep(FAREWELL);
    }
    for child in children {
        child.clear_away();
    }
}

/// A pipe of which neither end waits: for reading and for writing.
///
/// # Errors
///
/// When the system has no descriptors left.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    crate::system::pipe()
}

/// Processes that a thread waits for.
#[derive(Debug)]
struct Departing {
    pids: Vec<libc::pid_t>,
    gone: AtomicBool,
}

// Boxed: a thread holds the address of an entry.
#[allow(clippy::vec_box)]
static DEPARTING: Mutex<Vec<Box<Departing>>> = Mutex::new(Vec::new());

/// Reaps `children`, which have left or are about to, without waiting for them:
/// taking a large address space apart takes the kernel milliseconds. What is not
/// gone yet is waited for by a thread that ends with the last of them. It blocks
/// all signals, which are for R's main thread, holds no lock, so a fork meanwhile
/// is harmless, and allocates nothing: glibc would give it an arena of its own.
///
/// A process with a handler for SIGCHLD (parallel installs one, and processx) waits here
/// after all. The signal would end what it does next early, and parallel's `parLapplyLB()`
/// does not survive that: `socketSelect()` then names no node, the first is taken for it,
/// and R waits for good for an answer that nobody owes.
pub fn reap_soon(mut children: Vec<Child>) {
    if hears_of_children() {
        let deadline = Instant::now() + DEPARTURE;
        children.iter().for_each(|child| child.await_end(deadline));
    }
    children.retain(|child| child.try_reap().is_none());
    let Ok(mut departing) = DEPARTING.lock() else {
        return wait_for(&children.iter().map(Child::pid).collect::<Vec<_>>());
    };
    departing.retain(|d| !d.gone.load(Ordering::Acquire));
    if children.is_empty() {
        return;
    }
    let pids = children.iter().map(Child::pid).collect();
    let entry = Box::new(Departing {
        pids,
        gone: AtomicBool::new(false),
    });
    let theirs: *const Departing = &*entry;
    if start_detached(wait_for_departing, theirs.cast_mut().cast()) {
        departing.push(entry);
    } else {
        wait_for(&entry.pids);
    }
}

/// Has this process a handler for the end of its children?
fn hears_of_children() -> bool {
    // SAFETY: asks for the action of a signal, which is written into a zeroed one.
    let handler = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut action);
        action.sa_sigaction
    };
    handler != libc::SIG_DFL && handler != libc::SIG_IGN
}

extern "C" fn wait_for_departing(data: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the entry stays in DEPARTING until `gone` is set below.
    let departing = unsafe { &*data.cast::<Departing>() };
    wait_for(&departing.pids);
    departing.gone.store(true, Ordering::Release);
    std::ptr::null_mut()
}

fn wait_for(pids: &[libc::pid_t]) {
    for &pid in pids {
        // SAFETY: waits for a child of ours whose status nobody wants.
        while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } == -1
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
        {}
    }
}

/// Starts a detached thread with a small stack, which blocks all signals; `false` when the system
/// refuses. What `data` points to outlives the thread.
pub(crate) fn start_detached(
    run: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void,
    data: *mut libc::c_void,
) -> bool {
    // SAFETY: the attributes are initialized before they are used and destroyed
    // once; `data` outlives the thread by the caller's promise.
    with_signals_blocked(|| unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_attr_init(&mut attributes) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(&mut attributes, libc::PTHREAD_CREATE_DETACHED);
        // Thread-local data of loaded libraries is in the stack: BLAS has much.
        libc::pthread_attr_setstacksize(&mut attributes, 512 << 10);
        let mut thread: libc::pthread_t = std::mem::zeroed();
        let refused = libc::pthread_create(&mut thread, &attributes, run, data);
        libc::pthread_attr_destroy(&mut attributes);
        refused == 0
    })
}

/// Runs `f`; threads that it starts inherit the blocked signals.
fn with_signals_blocked<T>(f: impl FnOnce() -> T) -> T {
    let before = block_signals();
    let out = f();
    restore_signals(&before);
    out
}

/// Blocks all signals for this thread; returns those that were blocked before.
fn block_signals() -> libc::sigset_t {
    // SAFETY: both sets are initialized before they are read: a zeroed set is one.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        before
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: `before` is a set that the system has filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

/// Workers that were left to finish on their own, with the process that forked them.
static ABANDONED: Mutex<Vec<(u32, Child)>> = Mutex::new(Vec::new());

/// Leaves a worker to itself; it is reaped by [`reap_abandoned`].
pub fn abandon(child: Child) {
    if let Ok(mut list) = ABANDONED.lock() {
        list.push((std::process::id(), child));
    }
}

/// Collects the status of abandoned workers that have ended meanwhile.
pub fn reap_abandoned() {
    if let Ok(mut list) = ABANDONED.lock() {
        let me = std::process::id();
        list.retain(|(parent, child)| *parent == me && child.try_reap().is_none());
    }
}
