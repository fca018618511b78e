//! Linux.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::fs::{fallocate, fcntl_add_seals, memfd_create, FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::{pwrite, Errno};

/// A file without a name, in memory. By memfd; where that is refused a file of shared memory,
/// and then `true`: containers give it little room.
pub(crate) fn anonymous() -> Result<(OwnedFd, bool), Errno> {
    match memfd_create("rustle", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING) {
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => super::named().map(|fd| (fd, true)),
        made => made.map(|fd| (fd, false)),
    }
}

/// Takes the memory for `len` bytes of a file from `offset` on: it may be refused now.
pub(crate) fn reserve(fd: &OwnedFd, offset: usize, len: usize) -> Result<(), Errno> {
    fallocate(fd, FallocateFlags::empty(), offset as u64, len as u64)
}

/// The size of a file that is to have `len` bytes.
pub(crate) fn file_len(len: usize) -> usize {
    len
}

/// Writes some of `bytes` at `offset`, one at least; how many.
pub(crate) fn write(fd: &OwnedFd, offset: usize, bytes: &[u8]) -> Result<usize, i32> {
    loop {
        match pwrite(fd, bytes, offset as u64) {
            Ok(0) => return Err(Errno::NOSPC.raw_os_error()),
            Err(Errno::INTR) => {}
            done => return done.map_err(Errno::raw_os_error),
        }
    }
}

/// From now on the file keeps its size. Files of shared memory have no seals.
pub(crate) fn seal_size(fd: &OwnedFd) {
    let _ = fcntl_add_seals(fd, SealFlags::SHRINK | SealFlags::GROW);
}

/// From now on nobody can write to the file.
pub(crate) fn seal_bytes(fd: &OwnedFd) {
    let _ = fcntl_add_seals(fd, SealFlags::WRITE | SealFlags::SEAL);
}

/// Sleeps until `word` is woken, at most `limit`, unless it is no longer
/// `expected`. Spurious returns are allowed: the caller looks again.
pub fn wait_for_change(word: &AtomicU32, expected: u32, limit: Duration) {
    let timeout = rustix::thread::Timespec {
        tv_sec: limit.as_secs() as i64,
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    // Every outcome (woken, changed, timed out, interrupted) means: look again.
    let _ = rustix::thread::futex::wait(
        word,
        rustix::thread::futex::Flags::empty(),
        expected,
        Some(&timeout),
    );
}

/// Wakes who sleeps in [`wait_for_change`] on `word`, in whatever process.
pub fn wake_waiter(word: &AtomicU32) {
    let _ = rustix::thread::futex::wake(word, rustix::thread::futex::Flags::empty(), 1);
}
