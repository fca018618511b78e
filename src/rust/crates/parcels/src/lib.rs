//! What travels to workers that share no memory with the session.
//!
//! An object becomes a [`Parcel`]: a few files in memory, which a worker maps. File 0 has
//! what is small. Large contents (the data of a vector) stand in files of a [`Store`],
//! where they are found by a hash of their bytes: what has been sent once is not copied
//! again, wherever it stands in the object and at whatever address. All files are sealed,
//! so nobody changes what another reads.
//!
//! Nothing here knows R; the binding cuts objects into what is small and what is large.

mod content;
mod packing;
mod store;

pub use content::Digest;
pub use packing::{Large, Packing, Parcel, Spot};
pub use store::{Place, Store};

/// Contents of at least this many bytes have a place of their own. A mapping costs tens of
/// microseconds and a fault per 16 pages: below 1 MB a copy is cheaper.
pub const LARGE_BYTES: usize = 1 << 20;
/// Where a content begins in a file: at a page of any machine that we know.
pub const ALIGNMENT: usize = 64 << 10;
