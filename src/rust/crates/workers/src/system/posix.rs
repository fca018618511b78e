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

/// Nothing is cheaper here than the clock itself.
pub(crate) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Where the descriptors of this process are listed.
pub(crate) const DESCRIPTORS: &str = "/dev/fd";

/// Nobody ends this process with its parent: it looks for that by itself.
pub(crate) fn end_with_parent() {}

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

/// A program that another thread starts meanwhile may get copies of both ends.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reading, writing) = rustix::pipe::pipe()?;
    for end in [&reading, &writing] {
        fcntl_setfd(end, FdFlags::CLOEXEC)?;
        fcntl_setfl(end, OFlags::NONBLOCK)?;
    }
    Ok((reading, writing))
}

/// Fails where the system has no such sockets, as macOS: no worker stands by there.
pub(crate) fn letter_sockets() -> Result<(OwnedFd, OwnedFd), Errno> {
    let kind = SocketType::SEQPACKET;
    let (a, b) = socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None)?;
    for end in [&a, &b] {
        fcntl_setfd(end, FdFlags::CLOEXEC)?;
    }
    Ok((a, b))
}

/// macOS has neither flag. It has no letters either: see [`letter_sockets`].
#[cfg(target_vendor = "apple")]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::empty(), RecvFlags::empty());
#[cfg(not(target_vendor = "apple"))]
const FLAGS: (SendFlags, RecvFlags) = (SendFlags::NOSIGNAL, RecvFlags::CMSG_CLOEXEC);

/// Raises no signal when nobody has the other end.
pub(crate) fn send_letter(
    to: BorrowedFd<'_>,
    bytes: &[u8],
    extra: &mut SendAncillaryBuffer<'_, '_, '_>,
) -> Result<usize, Errno> {
    sendmsg(to, &[IoSlice::new(bytes)], extra, FLAGS.0)
}

/// Programs that are started do not get its descriptors.
pub(crate) fn receive_letter(
    from: BorrowedFd<'_>,
    bytes: &mut [u8],
    extra: &mut RecvAncillaryBuffer<'_>,
) -> Result<usize, Errno> {
    recvmsg(from, &mut [IoSliceMut::new(bytes)], extra, FLAGS.1).map(|got| got.bytes)
}

/// Nobody says so.
pub(crate) fn peer(_: BorrowedFd<'_>) -> Option<Pid> {
    None
}

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
