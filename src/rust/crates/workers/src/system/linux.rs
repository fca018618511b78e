//! Linux.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    recvmsg, sendmsg, socketpair, sockopt, AddressFamily, RecvAncillaryBuffer, RecvFlags,
    SendAncillaryBuffer, SendFlags, SocketFlags, SocketType,
};
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::{pidfd_open, set_parent_process_death_signal, Pid, PidfdFlags, Signal};
use rustix::thread::CpuSet;

/// The clock of the kernel's ticks.
pub(crate) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;

/// Where the descriptors of this process are listed.
pub(crate) const DESCRIPTORS: &str = "/proc/self/fd";

/// Has this process ended by the kernel when its parent ends. It may have ended before.
pub(crate) fn end_with_parent(_parent: i32) {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// Makes this process the kernel's first choice when memory is short. Refused in some
/// containers; the order of killing is then the kernel's.
pub(crate) fn go_first() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Has the kernel forget how much memory this process has had at most.
pub(crate) fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// How often the kernel has killed for memory, where it says so: in the control group of this
/// process if there is one, else on this machine.
pub(crate) fn oom_kills() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut files: Vec<String> = oom_counters(&group).collect();
    files.push("/proc/vmstat".to_owned());
    files.iter().find_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("oom_kill "))?;
        line.trim().parse().ok()
    })
}

/// The files in which a control group of version 2, or of version 1, counts these. A group of
/// version 1 that is the root has no limit and counts none.
fn oom_counters(group: &str) -> impl Iterator<Item = String> + '_ {
    group.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}/memory.events")),
            _ if path != "/" && controllers.split(',').any(|c| c == "memory") => {
                Some(format!("/sys/fs/cgroup/memory{path}/memory.oom_control"))
            }
            _ => None,
        }
    })
}

/// Bytes of memory that a process has, without the pages of files.
pub(crate) fn memory_of(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: Vec<u64> = text
        .split(' ')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    // SAFETY: it asks for a number and has no other effect.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages.get(1)?.saturating_sub(*pages.get(2)?) * u64::try_from(page).ok()?)
}

/// Takes the pending signals of a set, which are blocked.
pub(crate) fn take_pending(set: &libc::sigset_t) {
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both live; nothing is written where a null pointer is passed. A limit of zero
    // takes what is pending and does not wait.
    while unsafe { libc::sigtimedwait(set, std::ptr::null_mut(), &now) } > 0 {}
}

/// Readable when the process has ended; `None` before Linux 5.3.
pub(crate) fn process_descriptor(pid: Pid) -> Option<OwnedFd> {
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Does the process of this descriptor still have its number?
pub(crate) fn is_unreaped(process: &OwnedFd) -> bool {
    let (fd, none) = (process.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: signal 0 is not sent; it asks whether the process is there.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, 0, none, 0) == 0 }
}

/// Readable again and again, `period` after [`take_tick`] at the latest.
pub fn ticks(period: Duration) -> Option<OwnedFd> {
    let every = libc::timespec {
        tv_sec: libc::time_t::try_from(period.as_secs()).ok()?,
        tv_nsec: period.subsec_nanos().into(),
    };
    let times = libc::itimerspec {
        it_interval: every,
        it_value: every,
    };
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: a descriptor that was just made has no other owner; `times` lives, and nothing is
    // written where a null pointer is passed.
    unsafe {
        let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);
        let timer = (fd >= 0).then(|| OwnedFd::from_raw_fd(fd))?;
        (libc::timerfd_settime(fd, 0, &times, std::ptr::null_mut()) == 0).then_some(timer)
    }
}

/// Takes what has made [`ticks`] readable.
pub fn take_tick(ticks: BorrowedFd<'_>) {
    let _ = rustix::io::read(ticks, &mut [0u8; 8]);
}

/// A pipe of which neither end waits: for reading and for writing.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
}

/// A pair of sockets between which letters arrive whole, and which say when the other end is
/// closed.
pub(crate) fn letter_sockets() -> Result<(OwnedFd, OwnedFd), Errno> {
    let kind = SocketType::SEQPACKET;
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// Sends a letter; raises no signal when nobody has the other end.
pub(crate) fn send_letter(
    to: BorrowedFd<'_>,
    bytes: &[u8],
    extra: &mut SendAncillaryBuffer<'_, '_, '_>,
) -> Result<usize, Errno> {
    sendmsg(to, &[IoSlice::new(bytes)], extra, SendFlags::NOSIGNAL)
}

/// Receives a letter; programs that are started do not get its descriptors.
pub(crate) fn receive_letter(
    from: BorrowedFd<'_>,
    bytes: &mut [u8],
    extra: &mut RecvAncillaryBuffer<'_>,
) -> Result<usize, Errno> {
    let flags = RecvFlags::CMSG_CLOEXEC;
    recvmsg(from, &mut [IoSliceMut::new(bytes)], extra, flags).map(|got| got.bytes)
}

/// Has programs that are started not get a descriptor that was received: it came so.
pub(crate) fn keep_to_this_process(_fd: &OwnedFd) {}

/// The process that made the other end of a socket.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> Option<Pid> {
    sockopt::socket_peercred(socket).ok().map(|who| who.pid)
}

/// The CPUs on which this process may run, to be put back by [`unpin`].
pub fn cpus() -> Option<CpuSet> {
    rustix::thread::sched_getaffinity(None).ok()
}

/// How many cores this process may use.
pub(crate) fn core_count() -> usize {
    cpus().map_or(1, |set| set.count() as usize)
}

/// Undoes [`pin`].
pub fn unpin(before: &CpuSet) {
    let _ = rustix::thread::sched_setaffinity(None, before);
}

/// Pins this process to the given CPUs, numbered from 0; `false` when refused.
pub fn pin(cpus: &[usize]) -> bool {
    let mut set = CpuSet::new();
    for &cpu in cpus.iter().filter(|&&c| c < CpuSet::MAX_CPU) {
        set.set(cpu);
    }
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}
