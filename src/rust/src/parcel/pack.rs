//! An R object becomes a parcel.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr::null_mut;

use rustle_parcels::{Packing, Parcel, Store};
use rustle_shared::MappingError;

use super::gather::Gather;
use super::mapped::{CLASSES, PACKAGE};
use super::with_store;
use crate::ffi::{self, Sexp};

/// Where the object is in the list that travels, behind the symbols.
pub(super) const OBJECT_AT: isize = CLASSES.len() as isize + 1;

/// Packs `object`; large vectors that the session's store has are not copied.
///
/// # Errors
///
/// When the system has no memory or no descriptor left.
///
/// # Safety
///
/// `object` is protected; main thread. R code may run and R may jump out (a method of an
/// ALTREP class fails): the caller's frame owns nothing.
pub(crate) unsafe fn pack(object: Sexp, threads: NonZeroUsize) -> Result<Parcel, MappingError> {
    // SAFETY: by the caller's promise. What grows belongs to an external pointer as long
    // as R may jump.
    unsafe {
        let payload = ffi::Rf_protect(payload(object));
        let keeper = ffi::R_MakeExternalPtr(null_mut(), ffi::nil(), ffi::nil());
        let keeper = ffi::Rf_protect(keeper);
        ffi::R_RegisterCFinalizerEx(keeper, forget, 0);
        let gather = Box::into_raw(Box::new(Gather::new(Packing::new(threads))));
        ffi::R_SetExternalPtrAddr(keeper, gather.cast());
        let mut stream = MaybeUninit::<ffi::OutStream>::zeroed();
        // Version 3 writes ALTREP items.
        ffi::R_InitOutPStream(
            stream.as_mut_ptr(),
            gather.cast(),
            ffi::BINARY_FORMAT,
            3,
            Some(take_byte),
            Some(take_bytes),
            None,
            ffi::nil(),
        );
        ffi::R_Serialize(payload, stream.as_mut_ptr());
        (*gather).end();
        ffi::R_ClearExternalPtr(keeper);
        ffi::Rf_unprotect(2);
        let gather = *Box::from_raw(gather);
        // Large data for which there was no memory is in the stream; if that finds none
        // either, the error says so.
        with_store(|store| gather.packing.finish(store, &gather.stream))
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
    unsafe {
        let gather = ffi::R_ExternalPtrAddr(keeper).cast::<Gather>();
        ffi::R_ClearExternalPtr(keeper);
        if !gather.is_null() {
            // R has jumped out of writing it.
            drop(Box::from_raw(gather));
            with_store(Store::end_parcel);
        }
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
