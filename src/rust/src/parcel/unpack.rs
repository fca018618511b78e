//! A parcel becomes an R object again, in a worker.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustle_shared::{Mapping, MemoryFile};
use rustle_workers::part::Part;

use super::pack::{LENGTH_BYTES, OBJECT_AT};
use super::watch::on_reading;
use crate::ffi::{self, Sexp};
use crate::raw::take_owned;

/// A parcel that is being read.
#[derive(Debug)]
struct Reading {
    files: Vec<MemoryFile>,
    stream: Stream,
    at: usize,
}

/// What R reads.
#[derive(Debug)]
enum Stream {
    Mapped(Mapping),
    Own(Vec<u8>),
}

impl Stream {
    fn bytes(&self) -> &[u8] {
        match self {
            Stream::Mapped(mapping) => mapping.bytes(0, mapping.len()),
            Stream::Own(bytes) => bytes,
        }
    }
}

/// The parcel that is being read in this process, from which [`map`] maps.
static CURRENT: AtomicPtr<Reading> = AtomicPtr::new(null_mut());

/// Part of a file of the parcel that is being read.
pub(super) fn map(file: usize, offset: usize, bytes: usize) -> Option<Mapping> {
    // SAFETY: null or a box that its keeper owns: whoever drops it takes it out first.
    let reading = unsafe { CURRENT.load(Ordering::Relaxed).as_ref() }?;
    reading.files.get(file)?.map_private(offset, bytes).ok()
}

/// The object in a parcel. Its large vectors keep their parts of the files mapped;
/// the descriptors are closed.
///
/// # Safety
///
/// The parcel is one of `pack()` of the same build; main thread. R code may run (packages
/// are loaded) and R may jump out: the caller's frame owns nothing. The result is not
/// protected.
pub(crate) unsafe fn unpack(parcel: Part<MemoryFile>) -> Sexp {
    // SAFETY: by the caller's promise. `files` belongs to the keeper before R may jump.
    unsafe {
        let (files, stream) = match parcel {
            Part::Bytes(bytes) => (Vec::new(), Stream::Own(bytes)),
            Part::Files(files) => {
                let Some(stream) = files
                    .first()
                    .and_then(|file| file.map_private(0, file.len()).ok())
                else {
                    drop(files);
                    extendr_api::throw_r_error(
                        "The data of a job cannot be mapped: no address space.",
                    )
                };
                (files, Stream::Mapped(stream))
            }
        };
        let reading = Box::into_raw(Box::new(Reading {
            files,
            stream,
            at: 0,
        }));
        let keeper = ffi::R_MakeExternalPtr(reading.cast(), ffi::nil(), ffi::nil());
        let keeper = ffi::Rf_protect(keeper);
        ffi::R_RegisterCFinalizerEx(keeper, forget, 0);
        let outer = CURRENT.swap(reading, Ordering::Relaxed);
        let mut len = [0; LENGTH_BYTES];
        let stream = &(*reading).stream;
        len.copy_from_slice(&stream.bytes()[..LENGTH_BYTES]);
        (*reading).at = LENGTH_BYTES;
        let object = if u64::from_ne_bytes(len) == 0 {
            read(reading, None, ffi::nil())
        } else {
            let table = ffi::Rf_protect(read(reading, None, ffi::nil()));
            let made = ffi::Rf_protect(call(0, table, ffi::nil()));
            let object = ffi::Rf_protect(read(reading, Some(on_reading), made));
            let object = call(1, object, made);
            ffi::Rf_unprotect(3);
            object
        };
        let object = ffi::Rf_protect(object);
        CURRENT.store(outer, Ordering::Relaxed);
        forget(keeper);
        ffi::Rf_unprotect(2);
        object
    }
}

/// Reads the next object of the stream. The result is not protected.
unsafe fn read(
    reading: *mut Reading,
    hook: Option<unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp>,
    data: Sexp,
) -> Sexp {
    let mut stream = MaybeUninit::<ffi::InStream>::zeroed();
    // SAFETY: R fills the stream before using it; `reading` outlives the call.
    unsafe {
        ffi::R_InitInPStream(
            stream.as_mut_ptr(),
            reading.cast(),
            ffi::BINARY_FORMAT,
            Some(give_byte),
            Some(give_bytes),
            hook,
            data,
        );
        ffi::VECTOR_ELT(ffi::R_Unserialize(stream.as_mut_ptr()), OBJECT_AT)
    }
}

/// R functions (R/engine-references.R), in a list that is preserved: one makes something of
/// a table, one finishes what was read with it, one says what travels in place of a value.
static FUNCTIONS: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Sets these functions when the package is loaded.
pub(super) unsafe extern "C-unwind" fn set_functions(functions: Sexp) -> Sexp {
    // SAFETY: R code passes a list of functions.
    unsafe { ffi::R_PreserveObject(functions) };
    FUNCTIONS.store(functions, Ordering::Relaxed);
    ffi::nil()
}

/// What travels in place of a value that a task returned, or `NULL`. The result is not
/// protected.
///
/// # Safety
///
/// `x` is protected; main thread. R code runs.
pub(crate) unsafe fn instead_of(x: Sexp) -> Sexp {
    // SAFETY: by the caller's promise. In a list, for `x` may be language.
    unsafe {
        let list = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, 1));
        ffi::SET_VECTOR_ELT(list, 0, x);
        let value = call(2, list, ffi::nil());
        ffi::Rf_unprotect(1);
        value
    }
}

/// Calls one of them. The result is not protected.
unsafe fn call(which: isize, first: Sexp, second: Sexp) -> Sexp {
    // SAFETY: the list is preserved; both arguments are protected, data and no code.
    unsafe {
        let f = ffi::VECTOR_ELT(FUNCTIONS.load(Ordering::Relaxed), which);
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(second, ffi::nil()));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(first, arguments));
        let call = ffi::Rf_protect(ffi::Rf_lcons(f, arguments));
        let value = ffi::Rf_eval(call, ffi::R_BaseEnv);
        ffi::Rf_unprotect(3);
        value
    }
}

unsafe extern "C-unwind" fn forget(keeper: Sexp) {
    // SAFETY: R passes the pointer made above.
    if let Some(mut reading) = unsafe { take_owned::<Reading>(keeper) } {
        // R has jumped out of reading it.
        let address = &raw mut *reading;
        let _ = CURRENT.compare_exchange(address, null_mut(), Ordering::Relaxed, Ordering::Relaxed);
    }
}

unsafe extern "C-unwind" fn give_byte(stream: *mut ffi::InStream) -> c_int {
    let mut byte = 0u8;
    // SAFETY: as below.
    unsafe { give_bytes(stream, (&raw mut byte).cast(), 1) };
    c_int::from(byte)
}

unsafe extern "C-unwind" fn give_bytes(stream: *mut ffi::InStream, to: *mut c_void, n: c_int) {
    // SAFETY: the stream's data is a Reading that outlives the call; R gives room for n
    // bytes, and the range is looked at.
    unsafe {
        let reading = (*stream).data.cast::<Reading>();
        let (at, n) = ((*reading).at, n as usize);
        let stream = &(*reading).stream;
        let Some(from) = stream.bytes().get(at..at + n) else {
            extendr_api::throw_r_error("The data of a job ends too early.");
        };
        std::ptr::copy_nonoverlapping(from.as_ptr(), to.cast(), n);
        (*reading).at += n;
    }
}
