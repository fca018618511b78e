//! What differs between systems: the rest of this crate calls it here and asks for no system.
//!
//! Linux has files of memory without a name, which can be sealed, and waits on memory between
//! processes. `posix.rs` does without; the feature `posix` builds it on Linux too, where it is
//! tested. `mapped.rs` is what both have in common. On Windows files of memory are sections of
//! the paging file.

#[cfg(all(target_os = "linux", not(feature = "posix")))]
#[path = "system/linux.rs"]
mod chosen;
#[cfg(all(unix, any(not(target_os = "linux"), feature = "posix")))]
#[path = "system/posix.rs"]
mod chosen;
#[cfg(windows)]
#[path = "system/windows.rs"]
mod chosen;

#[cfg(unix)]
mod mapped;

pub use chosen::*;
#[cfg(unix)]
pub use mapped::*;
