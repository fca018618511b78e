//! An R object becomes a parcel.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr::null_mut;

use rustle_parcels::{Packing, Parcel, Store};
use rustle_shared::MappingError;

use super::gather::Gather;
use super::mapped::{CLASSES, PACKAGE};
use super::watch::{on_writing, Watch};
use super::with_store;
use crate::ffi::{self, Sexp};
use crate::raw::take_owned;

/// Before the streams stands the length of the first.
pub(super) const LENGTH_BYTES: usize = 8;
/// Where the object is in the list that travels, behind the symbols.
pub(super) const OBJECT_AT: isize = CLASSES.len() as isize + 1;

/// A parcel, and what R code must know of it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) parcel: Parcel,
    /// Pointers were there that will be dead in a worker.
    pub(crate) pointers: bool,
    /// Objects of classes may be there that have a way of their own.
    pub(crate) classes: bool,
}

/// What stands for objects that have a way of their own: `table`, which the reader makes
/// something of, and the objects (`keys`) that are written as `names`. All `NULL` otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instead {
    pub(crate) table: Sexp,
    pub(crate) keys: Sexp,
    pub(crate) names: Sexp,
}

/// Packs `object`; large vectors that the session's store has are not copied. See
/// [`Packing::finish`] for `may_be_light`.
///
/// File 0 has two streams of R, behind the length (u64) of the first, which is empty or has
/// the table.
///
/// # Errors
///
/// When the system has no memory or no descriptor left.
///
/// # Safety
///
/// `object` and `instead` are protected; main thread. R code may run and R may jump out (a
/// method of an ALTREP class fails): the caller's frame owns nothing.
pub(crate) unsafe fn pack(
    object: Sexp,
    threads: NonZeroUsize,
    instead: Instead,
    may_be_light: bool,
) -> Result<Packed, MappingError> {
    // SAFETY: by the caller's promise. What grows belongs to an external pointer as long
    // as R may jump.
    unsafe {
        let keeper = ffi::R_MakeExternalPtr(null_mut(), ffi::nil(), ffi::nil());
        let keeper = ffi::Rf_protect(keeper);
        ffi::R_RegisterCFinalizerEx(keeper, forget, 0);
        let watching = ffi::R_MakeExternalPtr(null_mut(), ffi::nil(), ffi::nil());
        let watching = ffi::Rf_protect(watching);
        let watch = Watch::new(instead.keys, instead.names);
        let gather = Box::into_raw(Box::new(Gather::new(Packing::new(threads), watch)));
        ffi::R_SetExternalPtrAddr(keeper, gather.cast());
        ffi::R_SetExternalPtrAddr(watching, (&raw mut (*gather).watch).cast());
        (*gather).stream.extend_from_slice(&[0; LENGTH_BYTES]);
        if instead.table != ffi::nil() {
            write(instead.table, gather, ffi::nil());
            let len = ((*gather).stream.len() - LENGTH_BYTES) as u64;
            (&mut (*gather).stream)[..LENGTH_BYTES].copy_from_slice(&len.to_ne_bytes());
        }
        write(object, gather, watching);
        ffi::R_ClearExternalPtr(keeper);
        ffi::R_ClearExternalPtr(watching);
        ffi::Rf_unprotect(2);
        let Gather {
            stream,
            packing,
            watch,
            ..
        } = *Box::from_raw(gather);
        // Large data for which there was no memory is in the stream; if that finds none
        // either, the error says so.
        let parcel = with_store(|store| packing.finish(store, stream, may_be_light))?;
        Ok(Packed {
            parcel,
            pointers: watch.pointers,
            classes: watch.classes,
        })
    }
}

/// Writes an object behind what is in the stream. `watching`: `NULL`, or a pointer to the
/// gather's watch.
unsafe fn write(object: Sexp, gather: *mut Gather, watching: Sexp) {
    // SAFETY: the gather outlives the call; see `pack`.
    unsafe {
        let payload = ffi::Rf_protect(payload(object));
        let watched = watching != ffi::nil();
        let mut stream = MaybeUninit::<ffi::OutStream>::zeroed();
        // Version 3 writes ALTREP items.
        ffi::R_InitOutPStream(
            stream.as_mut_ptr(),
            gather.cast(),
            ffi::BINARY_FORMAT,
            3,
            Some(take_byte),
            Some(take_bytes),
            if watched { Some(on_writing) } else { None },
            watching,
        );
        ffi::R_Serialize(payload, stream.as_mut_ptr());
        (*gather).end();
        ffi::Rf_unprotect(1);
    }
}

/// The list that travels: first the symbols that name our classes, so that they have the
/// first numbers by which a stream refers to what it has mentioned.
unsafe fn payload(object: Sexp) -> Sexp {
    // SAFETY: main thread; `object` is protected; symbols are never collected.
    unsafe {
        let list = ffi::Rf_allocVector(ffi::VECSXP as u32, OBJECT_AT + 1);
        let list = ffi::Rf_protect(list);
        let names = CLASSES.iter().map(|class| class.name).chain([PACKAGE]);
        for (at, name) in (0..).zip(names) {
            ffi::SET_VECTOR_ELT(list, at, ffi::Rf_install(name.as_ptr()));
        }
        ffi::SET_VECTOR_ELT(list, OBJECT_AT, object);
        ffi::Rf_unprotect(1);
        list
    }
}

unsafe extern "C-unwind" fn forget(keeper: Sexp) {
    // SAFETY: R passes the pointer made above.
    if unsafe { take_owned::<Gather>(keeper) }.is_some() {
        // R has jumped out of writing it.
        with_store(Store::end_parcel);
    }
}

unsafe extern "C-unwind" fn take_byte(stream: *mut ffi::OutStream, c: c_int) {
    // SAFETY: the stream's data is a Gather that outlives the call.
    unsafe { (*(*stream).data.cast::<Gather>()).take([c as u8].as_ptr(), 1) };
}

unsafe extern "C-unwind" fn take_bytes(stream: *mut ffi::OutStream, from: *mut c_void, n: c_int) {
    // SAFETY: as above; R passes n readable bytes.
    unsafe { (*(*stream).data.cast::<Gather>()).take(from.cast(), n as usize) };
}
