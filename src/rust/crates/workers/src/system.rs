//! What differs between systems: the rest of this crate calls it here and asks for no system.
//!
//! Linux says when a process ends (pidfd), ends workers with their parent, and can be told who
//! is to go first when memory is short. Elsewhere POSIX has to do: the session looks more often
//! ([`crate::limits::BLIND_SLEEP`]), workers look for their parent themselves
//! ([`crate::child::is_orphan`]), letters are cut out of a stream, and what cannot be had says so
//! by `None` or `false`. Both files have the same functions; the feature `posix` builds
//! `posix.rs` on Linux too, where it is tested. The heap is that of the GNU C library, or left alone. On Windows there are no workers yet, but the clock
//! and the memory of this process.

#[cfg(all(target_os = "linux", not(feature = "posix")))]
#[path = "system/linux.rs"]
mod chosen;
#[cfg(all(unix, any(not(target_os = "linux"), feature = "posix")))]
#[path = "system/posix.rs"]
mod chosen;
#[cfg(windows)]
mod windows;

#[cfg(all(target_os = "linux", target_env = "gnu", not(feature = "posix")))]
#[path = "system/glibc.rs"]
mod heap;
#[cfg(all(
    unix,
    any(not(target_os = "linux"), not(target_env = "gnu"), feature = "posix")
))]
#[path = "system/no_heap.rs"]
mod heap;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use chosen::*;
#[cfg(unix)]
pub(crate) use heap::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;
