//! Objects that travel to workers which share no memory with the session.
//!
//! R serializes an object in its binary format; `gather.rs` takes the bytes and leaves the
//! data of large atomic vectors out, for they have a place in a file of their own
//! (rustle_parcels). In the stream such a vector becomes an ALTREP item of a class of ours
//! (`mapped.rs`), so that reading the stream maps the data where they are needed: in data
//! frames, lists, attributes and environments alike.

pub(crate) mod entries;
mod gather;
mod mapped;
mod pack;
pub(crate) mod unpack;
pub(crate) mod watch;

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use extendr_api::prelude::*;
use rustle_parcels::Store;

use entries::*;

/// What is kept before a plan says how much.
const KEPT_BYTES: usize = 1 << 30;
/// Descriptors are few: no more than this, and no more than a quarter of the process'.
const KEPT_FILES: usize = 200;

fn kept_files() -> usize {
    rustle_shared::descriptors_most().map_or(KEPT_FILES, |most| KEPT_FILES.min(most as usize / 4))
}

static STORE: Mutex<Option<Store>> = Mutex::new(None);

/// Does something with the store of this session. No R code may run in `f`: it could come
/// back here.
pub(crate) fn with_store<R>(f: impl FnOnce(&mut Store) -> R) -> R {
    let mut store: MutexGuard<'_, Option<Store>> =
        STORE.lock().unwrap_or_else(PoisonError::into_inner);
    f(store.get_or_insert_with(|| Store::new(KEPT_BYTES, kept_files())))
}

/// Sets how many bytes of large vectors are kept for later parcels; 0 forgets them.
/// @noRd
#[extendr]
fn rs_parcel_keep(bytes: f64) {
    with_store(|store| store.set_limits(bytes as usize, kept_files()));
}

/// `list(bytes, files)`: what is kept for later parcels.
/// @noRd
#[extendr]
fn rs_parcel_kept() -> List {
    with_store(|store| list!(bytes = store.bytes() as f64, files = store.files() as f64))
}

/// A number of threads as R code says it.
fn threads(n: f64) -> NonZeroUsize {
    NonZeroUsize::new(n as usize).unwrap_or(NonZeroUsize::MIN)
}

extendr_module! {
    mod parcel;
    use watch;
    fn rs_parcel_keep;
    fn rs_parcel_kept;
    fn rs_parcel_pack;
    fn rs_parcel_pack_light;
    fn rs_parcel_pack_with;
    fn rs_parcel_arrivals;
    fn rs_parcel_unpack_here;
    fn rs_parcel_sizes;
    fn rs_parcel_close;
}
