//! What differs between systems: the rest of this crate calls it here and asks for no system.
//!
//! Linux has files of memory without a name, which can be sealed, and waits on memory between
//! processes. `posix.rs` does without, and is built nowhere but on other systems.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod posix;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::*;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use posix::*;

/// A file of shared memory whose name is gone before anybody else can use it.
pub(crate) fn named() -> Result<OwnedFd, Errno> {
    use rustix::fs::Mode;
    use rustix::shm::{open, unlink, OFlags};
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..100 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("/rustle-{}-{number}", std::process::id());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        match open(&name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => {
                unlink(&name)?;
                return Ok(fd);
            }
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
    }
    Err(Errno::EXIST)
}
