//! What differs between systems: the rest of this crate calls it here and asks for no system.
//!
//! Linux says when a process ends (pidfd), ends workers with their parent, and can be told who
//! is to go first when memory is short. Elsewhere POSIX has to do: the session looks more often
//! ([`crate::limits::BLIND_SLEEP`]), workers look for their parent themselves
//! ([`crate::child::is_orphan`]), and what cannot be had says so by `None` or `false`. Both
//! files have the same functions; those of `posix.rs` are built nowhere but there.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod posix;

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use posix::*;
