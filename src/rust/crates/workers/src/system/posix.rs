//! Every other system: what POSIX has. The functions are those of `linux.rs`, which says what
//! each is for.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{fcntl_setfl, OFlags};
use rustix::io::{fcntl_setfd, Errno, FdFlags};
use rustix::net::{
    recvmsg, sendmsg, socketpair, AddressFamily, RecvAncillaryBuffer, RecvFlags,
    SendAncillaryBuffer, SendFlags, SocketFlags, SocketType,
};
use rustix::process::Pid;

use crate::process;

/// Nothing is cheaper here than the clock itself.
pub(crate) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Where the descriptors of this process are listed.
pub(crate) const DESCRIPTORS: &str = "/dev/fd";

/// Nobody ends this process with its parent: a thread looks for that. Without one (the system
/// refuses) the worker looks between two tasks, and when it stands by to the end.
pub(crate) fn end_with_parent(parent: i32) {
    extern "C" fn watch(parent: *mut libc::c_void) -> *mut libc::c_void {
        let pause = libc::timespec {
            tv_sec: 0,
            tv_nsec: 200_000_000,
        };
        // The thread allocates nothing and holds no lock: a fork meanwhile is harmless.
        // SAFETY: sleeps, asks and sends a signal to this process.
        unsafe {
            while libc::getppid() as usize == parent as usize {
                libc::nanosleep(&pause, std::ptr::null_mut());
            }
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
        std::ptr::null_mut()
    }
    // The number of the parent, not an address.
    process::start_detached(watch, parent as usize as *mut libc::c_void);
}

/// Nobody can be told.
pub(crate) fn go_first() {}

/// Nobody says so.
pub(crate) fn oom_kills() -> Option<u64> {
    None
}

/// Not told.
pub(crate) fn memory_of(_pid: i32) -> Option<u64> {
    None
}

/// Takes the pending interrupt, if the set has one. There is one at most: they are not
/// queued.
pub(crate) fn take_pending(set: &libc::sigset_t) {
    // SAFETY: a set is filled before it is read; a pending signal of the set is there, so
    // `sigwait` returns at once.
    unsafe {
        let mut pending: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&mut pending);
        if libc::sigismember(&pending, libc::SIGINT) == 1 {
            let mut which = 0;
            libc::sigwait(set, &mut which);
        }
    }
}

/// Processes have no descriptors.
pub(crate) fn process_descriptor(_: Pid) -> Option<OwnedFd> {
    None
}

/// Nobody knows.
pub(crate) fn is_unreaped(_: &OwnedFd) -> bool {
    false
}

/// A timer of the kernel's queue of events.
#[cfg(any(target_os = "macos", target_os = "freebsd"))]
pub fn ticks(period: std::time::Duration) -> Option<OwnedFd> {
    use std::os::fd::FromRawFd;
    let none = std::ptr::null();
    // SAFETY: zeros are a valid event; a descriptor that was just made has no other owner; `timer`
    // lives, and nothing is read or written where a null pointer is passed.
    unsafe {
        let mut timer: libc::kevent = std::mem::zeroed();
        timer.filter = libc::EVFILT_TIMER;
        timer.flags = libc::EV_ADD;
        timer.data = period.as_millis() as _;
        let fd = libc::kqueue();
        let queue = (fd >= 0).then(|| OwnedFd::from_raw_fd(fd))?;
        fcntl_setfd(&queue, FdFlags::CLOEXEC).ok()?;
        let added = libc::kevent(fd, &timer, 1, std::ptr::null_mut(), 0, none);
        (added == 0).then_some(queue)
    }
}

/// None: tasks that wait are not asked.
#[cfg(not(any(target_os = "macos", target_os = "freebsd")))]
pub fn ticks(_: std::time::Duration) -> Option<OwnedFd> {
    None
}

/// Takes what has made [`ticks`] readable.
#[cfg(any(target_os = "macos", target_os = "freebsd"))]
pub fn take_tick(ticks: BorrowedFd<'_>) {
    use std::os::fd::AsRawFd;
    // SAFETY: `event` lives and has room for one; a limit of zero does not wait.
    unsafe {
        let mut event: libc::kevent = std::mem::zeroed();
        let now: libc::timespec = std::mem::zeroed();
        libc::kevent(ticks.as_raw_fd(), std::ptr::null(), 0, &mut event, 1, &now);
    }
}

/// There is none.
#[cfg(not(any(target_os = "macos", target_os = "freebsd")))]
pub fn take_tick(_: BorrowedFd<'_>) {}

/// A program that another thread starts meanwhile may get copies of both ends.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reading, writing) = rustix::pipe::pipe()?;
    for end in [&reading, &writing] {
        fcntl_setfd(end, FdFlags::CLOEXEC)?;
        fcntl_setfl(end, OFlags::NONBLOCK)?;
    }
    Ok((reading, writing))
}

/// A stream: macOS has no sockets between which letters arrive whole. A letter is the number of its
/// bytes, and they; its descriptors travel with the number.
pub(crate) fn letter_sockets() -> Result<(OwnedFd, OwnedFd), Errno> {
    let kind = SocketType::STREAM;
    let (a, b) = socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None)?;
    for end in [&a, &b] {
        fcntl_setfd(end, FdFlags::CLOEXEC)?;
        #[cfg(target_vendor = "apple")]
        rustix::net::sockopt::set_socket_nosigpipe(end, true)?;
    }
    Ok((a, b))
}

/// macOS has neither flag: it is told of each socket, and of each descriptor.
#[cfg(target_vendor = "apple")]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::empty(), RecvFlags::empty());
#[cfg(not(target_vendor = "apple"))]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::NOSIGNAL, RecvFlags::CMSG_CLOEXEC);

/// Raises no signal when nobody has the other end. An interruption before the first byte is an
/// error, a later one is not.
pub(crate) fn send_letter(
    to: BorrowedFd<'_>,
    bytes: &[u8],
    extra: &mut SendAncillaryBuffer<'_, '_, '_>,
) -> Result<usize, Errno> {
    let head = (bytes.len() as u32).to_ne_bytes();
    let both = [IoSlice::new(&head), IoSlice::new(bytes)];
    let mut sent = sendmsg(to, &both, extra, FLAGS.0)?;
    let all = head.len() + bytes.len();
    while sent < all {
        let rest = if sent < head.len() {
            &head[sent..]
        } else {
            &bytes[sent - head.len()..]
        };
        let mut none = SendAncillaryBuffer::default();
        match sendmsg(to, &[IoSlice::new(rest)], &mut none, FLAGS.0) {
            Err(Errno::INTR) => {}
            more => sent += more?,
        }
    }
    Ok(bytes.len())
}

/// Programs that are started do not get its descriptors. 0 when nobody has the other end, be it in
/// the middle of a letter; an interruption before the first byte is an error.
pub(crate) fn receive_letter(
    from: BorrowedFd<'_>,
    bytes: &mut [u8],
    extra: &mut RecvAncillaryBuffer<'_>,
) -> Result<usize, Errno> {
    let mut head = [0; 4];
    let first = recvmsg(from, &mut [IoSliceMut::new(&mut head)], extra, FLAGS.1)?.bytes;
    if first == 0 || !receive_rest(from, &mut head[first..])? {
        return Ok(0);
    }
    let len = u32::from_ne_bytes(head) as usize;
    let bytes = bytes.get_mut(..len).ok_or(Errno::MSGSIZE)?;
    Ok(if receive_rest(from, bytes)? { len } else { 0 })
}

/// Fills `bytes`; `false` when the stream ends before.
fn receive_rest(from: BorrowedFd<'_>, mut bytes: &mut [u8]) -> Result<bool, Errno> {
    while !bytes.is_empty() {
        match rustix::io::read(from, &mut *bytes) {
            Ok(0) => return Ok(false),
            Ok(got) => bytes = &mut bytes[got..],
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

/// Has programs that are started not get a descriptor that was received.
pub(crate) fn keep_to_this_process(_fd: &OwnedFd) {
    #[cfg(target_vendor = "apple")]
    let _ = fcntl_setfd(_fd, FdFlags::CLOEXEC);
}

/// Nobody says so.
pub(crate) fn peer(_: BorrowedFd<'_>) -> Option<Pid> {
    None
}

/// The system remembers for good.
pub(crate) fn reset_peak() {}

/// There is no pinning on this system.
#[derive(Clone, Copy, Debug)]
pub struct CpuSet;

/// There is no pinning on this system.
pub fn cpus() -> Option<CpuSet> {
    None
}

/// How many cores this process may use; looked up once, for that reads files elsewhere.
pub(crate) fn core_count() -> usize {
    static COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// There is no pinning on this system.
pub fn unpin(_before: &CpuSet) {}

/// There is no pinning on this system.
pub fn pin(_cpus: &[usize]) -> bool {
    false
}
