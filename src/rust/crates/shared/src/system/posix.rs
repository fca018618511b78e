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
