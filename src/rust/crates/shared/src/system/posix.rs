//! Every other system: what POSIX has. The functions are those of `linux.rs`, which says what
//! each is for.

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;

/// There is no other kind.
pub(crate) fn anonymous() -> Result<(OwnedFd, bool), Errno> {
    super::named().map(|fd| (fd, true))
}

/// Takes the memory for `len` bytes of a file, where the system has files for which it may run out.
/// macOS has not: what `shm_open()` makes is memory of the process.
pub(crate) fn reserve(_fd: &OwnedFd, _offset: usize, _len: usize) -> Result<(), Errno> {
    #[cfg(not(target_vendor = "apple"))]
    rustix::fs::fallocate(
        _fd,
        rustix::fs::FallocateFlags::empty(),
        _offset as u64,
        _len as u64,
    )?;
    Ok(())
}

/// Whole pages: macOS says so of a file when it is asked for its size.
pub(crate) fn file_len(len: usize) -> usize {
    // SAFETY: it asks for a number and has no other effect.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).unwrap_or(4096).max(1);
    len.checked_next_multiple_of(page).unwrap_or(len)
}

/// Writes all of `bytes`, by a map: macOS lets nobody write to such a file otherwise.
pub(crate) fn write(fd: &OwnedFd, offset: usize, bytes: &[u8]) -> Result<usize, i32> {
    const STEP: usize = 64 << 10;
    let skipped = offset % STEP;
    let len = skipped + bytes.len();
    // Beyond the end of the file there is nothing to write to.
    let size = rustix::fs::fstat(fd).map_err(Errno::raw_os_error)?.st_size;
    if (offset + bytes.len()) as u64 > size as u64 {
        return Err(Errno::NOSPC.raw_os_error());
    }
    reserve(fd, offset, bytes.len()).map_err(Errno::raw_os_error)?;
    let to = super::map(fd, offset - skipped, len, true)?;
    // SAFETY: a fresh map of that many bytes of the file, which is given back at once.
    unsafe {
        let at = to.as_ptr().add(skipped);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
        super::unmap(to, len);
    }
    Ok(bytes.len())
}

/// There are no seals.
pub(crate) fn seal_size(_: &OwnedFd) {}

/// There are no seals.
pub(crate) fn seal_bytes(_: &OwnedFd) {}

/// Sleeps a little: there is no wait on memory between processes here.
pub fn wait_for_change(_word: &AtomicU32, _expected: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_micros(200)));
}

/// Nothing to wake: waiters look again by themselves.
pub fn wake_waiter(_word: &AtomicU32) {}
