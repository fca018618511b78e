//! The routines of parcels; see raw.rs.

use rustle_parcels::Parcel;
use rustle_shared::MappingError;
use rustle_workers::part::Part;

use super::pack::{pack, Instead, Packed};
use super::{threads, unpack};
use crate::ffi::{self, Sexp};
use crate::lists::{named_list, string};
use crate::raw::{drop_owned, guard, number, owned_handle, routines};

/// The parcel behind a handle; `None` when there is none.
///
/// # Safety
///
/// `handle` is a live external pointer made by [`rs_parcel_pack`]; the parcel lives as
/// long as it.
pub(crate) unsafe fn parcel<'a>(handle: Sexp) -> Option<&'a Parcel> {
    // SAFETY: by the caller's promise.
    unsafe { packed(handle) }.map(|packed| &packed.parcel)
}

unsafe fn packed<'a>(handle: Sexp) -> Option<&'a Packed> {
    // SAFETY: as above.
    unsafe { ffi::R_ExternalPtrAddr(handle).cast::<Packed>().as_ref() }
}

/// Packs an object: a handle, which holds the files as long as R holds it. Large vectors
/// are hashed by so many threads. A string when memory or descriptors are short.
unsafe extern "C-unwind" fn rs_parcel_pack(object: Sexp, n: Sexp) -> Sexp {
    let (table, keys, names) = (ffi::nil(), ffi::nil(), ffi::nil());
    // SAFETY: R protects the arguments of a call.
    guard(|| unsafe { handle_of(object, n, Instead { table, keys, names }, false) })
}

/// The same of an object that is sent once: if it is small it needs no file.
unsafe extern "C-unwind" fn rs_parcel_pack_light(object: Sexp, n: Sexp) -> Sexp {
    let (table, keys, names) = (ffi::nil(), ffi::nil(), ffi::nil());
    // SAFETY: as above.
    guard(|| unsafe { handle_of(object, n, Instead { table, keys, names }, true) })
}

/// The same; the environments and pointers in the list `keys` are written as `names` (a
/// list of strings, their numbers), and the reader has for them what it makes of `table`.
unsafe extern "C-unwind" fn rs_parcel_pack_with(
    object: Sexp,
    n: Sexp,
    table: Sexp,
    keys: Sexp,
    names: Sexp,
) -> Sexp {
    // SAFETY: as above.
    guard(|| unsafe { handle_of(object, n, Instead { table, keys, names }, false) })
}

/// # Safety
///
/// As [`pack`].
unsafe fn handle_of(object: Sexp, n: Sexp, instead: Instead, may_be_light: bool) -> Sexp {
    // SAFETY: by the caller's promise; this frame owns nothing when R may jump.
    unsafe {
        match pack(object, threads(number(n)), instead, may_be_light) {
            Ok(packed) => owned_handle(packed, ffi::nil()),
            Err(error) => refuse(error),
        }
    }
}

/// Closes a parcel: R collects its handle whenever it likes, and descriptors are few.
unsafe extern "C-unwind" fn rs_parcel_close(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle.
        unsafe { drop_owned::<Packed>(handle) };
        ffi::nil()
    })
}

/// What R code makes an error of.
fn refuse(error: MappingError) -> Sexp {
    // Leaked, as R may jump out of making the string.
    let text = format!("What a job needs cannot be sent to workers: {error}.").leak();
    // SAFETY: R's main thread.
    unsafe { string(text) }
}

/// The object in a parcel, read as a worker reads it.
unsafe extern "C-unwind" fn rs_parcel_unpack_here(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; the files belong to unpack() before R may jump.
        unsafe {
            let Some(parcel) = parcel(handle) else {
                return ffi::nil();
            };
            if let Some(bytes) = parcel.light() {
                return unpack::unpack(Part::Bytes(bytes.to_vec()));
            }
            match parcel.files().iter().map(|file| file.copy()).collect() {
                Some(files) => unpack::unpack(Part::Files(files)),
                None => extendr_api::throw_r_error("This process has no descriptor left."),
            }
        }
    })
}

/// `list(sent, small, files, bytes, found, pointers, classes)`: bytes that were copied,
/// those of them that are not large vectors, the number of files, of each large vector its
/// size in bytes and whether it was there; whether there are pointers that will be dead in
/// a worker, and whether there may be objects of the classes that are looked for.
unsafe extern "C-unwind" fn rs_parcel_sizes(handle: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a handle; `out` is protected, and everything else that is
        // allocated is stored in it at once.
        unsafe {
            let Some(packed) = packed(handle) else {
                return ffi::nil();
            };
            let parcel = &packed.parcel;
            let names = [
                "sent", "small", "files", "bytes", "found", "pointers", "classes",
            ];
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
            put(5, ffi::Rf_ScalarLogical(packed.pointers.into()));
            put(6, ffi::Rf_ScalarLogical(packed.classes.into()));
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
    meta__rs_parcel_pack_light "rs_parcel_pack_light" "wrap__rs_parcel_pack_light" ("object", "threads")
        => rs_parcel_pack_light;
    meta__rs_parcel_pack_with "rs_parcel_pack_with" "wrap__rs_parcel_pack_with"
        ("object", "threads", "table", "keys", "names") => rs_parcel_pack_with;
    meta__rs_parcel_arrivals "rs_parcel_arrivals" "wrap__rs_parcel_arrivals" ("functions")
        => unpack::set_functions;
    meta__rs_parcel_unpack_here "rs_parcel_unpack_here" "wrap__rs_parcel_unpack_here"
        ("handle") => rs_parcel_unpack_here;
    meta__rs_parcel_close "rs_parcel_close" "wrap__rs_parcel_close" ("handle")
        => rs_parcel_close;
    meta__rs_parcel_sizes "rs_parcel_sizes" "wrap__rs_parcel_sizes" ("handle")
        => rs_parcel_sizes;
}
