//! What a worker does to be on its own, right after the fork and at its end.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::process::{getppid, setsid, Pid};

use crate::system;

pub use crate::system::{cpus, pin, take_tick, ticks, unpin};

/// Makes the fresh child a well-behaved worker.
///
/// * It leads its own session and process group: the terminal's Ctrl-C reaches
///   the parent alone, reading the console cannot stop it, and ending the group
///   ends everything that a task started.
/// * Signals whose handlers belong to the parent's R are back at their defaults:
///   R's handler of a segmentation fault deletes the parent's temporary
///   directory, that of SIGUSR1 saves its workspace. They were blocked over the fork
///   ([`crate::process::fork`]), so that none could reach these handlers here.
/// * SIGUSR1 and SIGUSR2 do nothing: batch systems send them to every process of a
///   job to announce its end.
/// * Standard input is the null device.
/// * Inherited sockets, but those in `keep`, are replaced by a dead one, not closed: a closed number
///   would be given to the next file, and somebody would write into it.
/// * It dies with its parent and is the kernel's first choice when memory is
///   short.
pub fn isolate(parent: i32, keep: &[RawFd]) {
    let _ = setsid();
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        libc::SIGTERM,
        libc::SIGHUP,
        libc::SIGINT,
    ] {
        // SAFETY: the default disposition is valid for each of these signals.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    for signal in [libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: `disregard` touches nothing, so it may run at any instruction.
        unsafe { libc::signal(signal, disregard as *const () as libc::sighandler_t) };
    }
    unblock_signals();
    replace_stdin();
    replace_sockets(keep);
    die_with(parent);
    system::go_first();
}

/// [`isolate`] for a worker that stands by: an interrupt reaches the handler of before, once
/// [`let_interrupts`] allows it.
pub fn isolate_standing(parent: i32, keep: &[RawFd]) {
    // SAFETY: a zeroed action is filled before it is installed again; the handler that it
    // names was there before.
    unsafe {
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGINT, std::ptr::null(), &mut before);
        isolate(parent, keep);
        let_interrupts(false);
        libc::sigaction(libc::SIGINT, &before, std::ptr::null_mut());
    }
}

/// May an interrupt reach this process? While it may not, none is kept for later: it was
/// meant for what is over.
pub fn let_interrupts(may: bool) {
    // SAFETY: sets are initialized before they are used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGINT);
        if may {
            system::take_pending(&set);
        }
        let how = if may {
            libc::SIG_UNBLOCK
        } else {
            libc::SIG_BLOCK
        };
        libc::pthread_sigmask(how, &set, std::ptr::null_mut());
    }
}

/// Puts standard output back after [`silence`]; what that returned is `before`.
pub fn speak_again(before: OwnedFd) {
    // SAFETY: two descriptors of this process.
    unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&before), 1) };
}

/// What standard output is now, to be put back by [`speak_again`].
pub fn voice() -> Option<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).ok()
}

/// A handler that does nothing. SIG_IGN would be inherited by programs that a task starts.
extern "C" fn disregard(_: libc::c_int) {}

/// Ends this process at once: no finalizers, no exit handlers, no flushing of
/// what belongs to the parent.
pub fn leave(status: i32) -> ! {
    // SAFETY: _exit never returns and touches no memory.
    unsafe { libc::_exit(status) }
}

/// Has the process that forked us ended? For systems that send no signal then.
pub fn is_orphan(parent: i32) -> bool {
    getppid().map(Pid::as_raw_pid) != Some(parent)
}

fn unblock_signals() {
    // SAFETY: an empty set is initialized before it is installed.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

fn replace_stdin() {
    replace_by_null(0, libc::O_RDONLY);
}

/// Makes standard output the null device.
pub fn silence() {
    replace_by_null(1, libc::O_WRONLY);
}

fn replace_by_null(fd: RawFd, mode: i32) {
    // SAFETY: plain system calls on a fresh descriptor.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), mode | libc::O_CLOEXEC);
        if null >= 0 {
            libc::dup2(null, fd);
            if null > 2 {
                libc::close(null);
            }
        }
    }
}

/// Device and inode of what a descriptor stands for: another one has others.
pub fn identity(fd: RawFd) -> Option<(u64, u64)> {
    // SAFETY: fstat fills the zeroed struct or fails.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd, &mut stat) == 0).then_some((stat.st_dev as u64, stat.st_ino as u64))
    }
}

fn is_socket(fd: RawFd) -> bool {
    // SAFETY: fstat fills the zeroed struct or fails.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFSOCK
    }
}

/// The descriptors of this process.
pub(crate) fn open_descriptors() -> Vec<RawFd> {
    let Ok(entries) = std::fs::read_dir(system::DESCRIPTORS) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect()
}

fn replace_sockets(keep: &[RawFd]) {
    let sockets: Vec<RawFd> = open_descriptors()
        .into_iter()
        .filter(|&fd| fd > 2 && !keep.contains(&fd) && is_socket(fd))
        .collect();
    if sockets.is_empty() {
        return;
    }
    let mut pair = [-1; 2];
    // SAFETY: `pair` has room for two descriptors; those it holds are ours.
    unsafe {
        if libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) != 0 {
            return;
        }
        let dead = OwnedFd::from_raw_fd(pair[0]);
        libc::close(pair[1]);
        for fd in sockets {
            let flags = libc::fcntl(fd, libc::F_GETFD);
            libc::dup2(pair[0], fd);
            if flags >= 0 {
                libc::fcntl(fd, libc::F_SETFD, flags);
            }
        }
        drop(dead);
    }
}

fn die_with(parent: i32) {
    system::end_with_parent(parent);
    // The parent may have died before the line above.
    if is_orphan(parent) {
        leave(1);
    }
}
