//! Memory that a session and its workers share.
//!
//! Three things live in it: result [`Slot`]s, one per task; a byte [`Ring`] per
//! worker, through which everything travels that does not fit into a slot; and
//! whatever atomics other crates lay out with [`Mapping::view`]. All unsafe code
//! about memory is in this crate; `system` is the one place for what Linux does otherwise
//! than the rest of POSIX. Nothing here knows R, starts a thread or forks.
//!
//! A mapping is made before the workers are forked, so every process sees it at
//! the same address; its pages cost nothing until somebody touches them.

mod file;
mod frame;
mod mapping;
mod ring;
mod slot;
mod system;
mod told;

pub use file::MemoryFile;
pub use frame::{send, Content, FrameHeader, FrameSink, Receiver};
pub use mapping::{Mapping, MappingError};
pub use ring::{Backpressure, Record, Ring, RingFull, RingHead};
pub use slot::{Slot, Slots, State};
#[cfg(unix)]
pub use system::is_address_space_limited;
pub use system::{descriptors_most, wait_for_change, wake_waiter};
pub use told::{Told, AGAIN, FOLLOW, KEEP, NONE, PLACES};

#[cfg(test)]
mod tests;
