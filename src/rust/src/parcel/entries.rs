//! The routines of parcels; see raw.rs.

use std::os::fd::AsFd;

use rustle_parcels::Parcel;
use rustle_shared::{MappingError, MemoryFile};

use super::{pack, threads, unpack};
use crate::ffi::{self, Sexp};
use crate::lists::named_list;
use crate::raw::{guard, number, routines};

/// The parcel behind a handle; `None` when there is none.
///
/// # Safety
///
/// `handle` is a live external pointer made by [`rs_parcel_pack`]; the parcel lives as
/// long as it.
pub(crate) unsafe fn parcel<'a>(handle: Sexp) -> Option<&'a Parcel> {
    // SAFETY: by the caller's promise.
    unsafe { ffi::R_ExternalPtrAddr(handle).cast::<Parcel>().as_ref() }
}

unsafe extern "C-unwind" fn forget(handle: Sexp) {
    // SAFETY: R passes the pointer made below.
    unsafe {
        let parcel = ffi::R_ExternalPtrAddr(handle).cast::<Parcel>();
        ffi::R_ClearExternalPtr(handle);
        if !parcel.is_null() {
            drop(Box::from_raw(parcel));
        }
    }
}

/// Packs an object: a handle, which holds the files as long as R holds it. Large vectors
/// are hashed by so many threads.
unsafe extern "C-unwind" fn rs_parcel_pack(object: Sexp, n: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R protects the arguments of a call; this frame owns nothing when R may
        // jump.
        unsafe {
            match pack::pack(object, threads(number(n))) {
                Ok(parcel) => {
                    let address = Box::into_raw(Box::new(parcel)).cast();
                    let handle = ffi::R_MakeExternalPtr(address, ffi::nil(), ffi::nil());
                    let handle = ffi::Rf_protect(handle);
                    ffi::R_RegisterCFinalizerEx(handle, forget, 0);
                    ffi::Rf_unprotect(1);
                    handle
                }
                Err(error) => refuse(error),
            }
        }
    })
}

/// Closes a parcel: R collects its handle whenever it likes, and descriptors are few.
unsafe extern "C-unwind" fn rs_parcel_close(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle.
        unsafe { forget(handle) };
        ffi::nil()
    })
}

fn refuse(error: MappingError) -> Sexp {
    // The text is leaked: R jumps away with it.
    extendr_api::throw_r_error(format!(
        "What a job needs cannot be sent to workers: {error}."
    ))
}

/// The object in a parcel, read as a worker reads it.
unsafe extern "C-unwind" fn rs_parcel_unpack_here(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; the files belong to unpack() before R may jump.
        unsafe {
            let Some(parcel) = parcel(handle) else {
                return ffi::nil();
            };
            let copy = |file: &std::sync::Arc<MemoryFile>| {
                let fd = file.as_fd().try_clone_to_owned().ok()?;
                MemoryFile::received(fd).ok()
            };
            match parcel.files().iter().map(copy).collect() {
                Some(files) => unpack::unpack(files),
                None => extendr_api::throw_r_error("This process has no descriptor left."),
            }
        }
    })
}

/// `list(sent, small, files, bytes, found)`: bytes that were copied, those of them that are
/// not large vectors, the number of files, and of each large vector its size in bytes and
/// whether it was there.
unsafe extern "C-unwind" fn rs_parcel_sizes(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; `out` is protected, and everything else that is
        // allocated is stored in it at once.
        unsafe {
            let Some(parcel) = parcel(handle) else {
                return ffi::nil();
            };
            let names = ["sent", "small", "files", "bytes", "found"];
            let out = ffi::Rf_protect(named_list(&names));
            let put = |i, x| ffi::SET_VECTOR_ELT(out, i, x);
            put(0, ffi::Rf_ScalarReal(parcel.sent_bytes() as f64));
            put(1, ffi::Rf_ScalarReal(parcel.small_bytes() as f64));
            put(2, ffi::Rf_ScalarInteger(parcel.files().len() as i32));
            let large = parcel.large();
            let bytes = ffi::Rf_allocVector(ffi::REALSXP as u32, large.len() as isize);
            put(3, bytes);
            let found = ffi::Rf_allocVector(ffi::LGLSXP as u32, large.len() as isize);
            put(4, found);
            for (i, one) in large.iter().enumerate() {
                ffi::REAL(bytes).add(i).write(one.bytes as f64);
                ffi::LOGICAL(found).add(i).write(one.found.into());
            }
            ffi::Rf_unprotect(1);
            out
        }
    })
}

routines! {
    meta__rs_parcel_pack "rs_parcel_pack" "wrap__rs_parcel_pack" ("object", "threads")
        => rs_parcel_pack;
    meta__rs_parcel_unpack_here "rs_parcel_unpack_here" "wrap__rs_parcel_unpack_here"
        ("handle") => rs_parcel_unpack_here;
    meta__rs_parcel_close "rs_parcel_close" "wrap__rs_parcel_close" ("handle")
        => rs_parcel_close;
    meta__rs_parcel_sizes "rs_parcel_sizes" "wrap__rs_parcel_sizes" ("handle")
        => rs_parcel_sizes;
}
