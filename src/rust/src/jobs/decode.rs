//! Bytes to R objects: the other side of `encode.rs`.
//!
//! Large vectors come back allocated and unfilled; [`decode`] appends where
//! their data goes, in the order in which it will arrive.

use std::ffi::{c_int, c_void};

use rustle_shared::{AGAIN, KEEP, NONE};

use super::attributes::{usual_names, Known};
use super::encode::{BULK_BYTES, INSTEAD, SERIALIZED};
use crate::ffi::{self, Sexp};

/// Where bulk goes: address and bytes.
pub(crate) type Destinations = Vec<(*mut u8, usize)>;

/// Vectors of this size are backed by huge pages: for them, page faults cost
/// more than the copy.
const HUGE_BYTES: usize = 4 << 20;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    into: &'a mut Destinations,
    known: &'a mut Known,
    /// The values of what is known.
    list: Sexp,
}

/// Decodes one object. The result is not protected.
///
/// # Safety
///
/// `bytes` were written by an `Encoder` of the same build, and `known` and its `list` are those
/// of all that it has sent before; main thread. R may longjmp out (no memory): callers' frames own
/// nothing.
pub(super) unsafe fn decode(
    bytes: &[u8],
    into: &mut Destinations,
    known: &mut Known,
    list: Sexp,
) -> Sexp {
    into.clear();
    known.place = 0;
    // SAFETY: by the caller's promise.
    unsafe {
        if bytes.first() == Some(&SERIALIZED) {
            return unserialize(&bytes[1..]);
        }
        let bytes = &bytes[usize::from(is_instead(bytes))..];
        let mut reader = Reader {
            bytes,
            at: 0,
            into,
            known,
            list,
        };
        reader.object(true)
    }
}

/// Is this what was sent in place of an object that cannot travel?
pub(crate) fn is_instead(bytes: &[u8]) -> bool {
    bytes.first() == Some(&INSTEAD)
}

impl Reader<'_> {
    fn take(&mut self, n: usize) -> &[u8] {
        let from = self.at;
        self.at += n;
        &self.bytes[from..self.at]
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn i32(&mut self) -> i32 {
        let mut b = [0; 4];
        b.copy_from_slice(self.take(4));
        i32::from_ne_bytes(b)
    }

    fn u64(&mut self) -> u64 {
        let mut b = [0; 8];
        b.copy_from_slice(self.take(8));
        u64::from_ne_bytes(b)
    }

    unsafe fn object(&mut self, may_bulk: bool) -> Sexp {
        let kind = c_int::from(self.u8());
        let attributes = self.u8();
        let len = self.u64() as usize;
        if kind == ffi::NILSXP {
            return ffi::nil();
        }
        // SAFETY: `x` is protected while its parts are made.
        unsafe {
            let x = ffi::Rf_protect(ffi::Rf_allocVector(kind as u32, len as isize));
            if let Some(size) = ffi::element_bytes(kind) {
                self.atomic(x, kind, len * size, may_bulk);
            } else if kind == ffi::STRSXP {
                for i in 0..len {
                    ffi::SET_STRING_ELT(x, i as isize, self.string());
                }
            } else {
                for i in 0..len {
                    let element = self.object(may_bulk);
                    ffi::SET_VECTOR_ELT(x, i as isize, element);
                }
            }
            if attributes != NONE {
                self.attributes(x, attributes, may_bulk);
            }
            ffi::Rf_unprotect(1);
            x
        }
    }

    /// Gives `x` its attributes, which come as `how` says; `counted`: are they not within
    /// attributes?
    unsafe fn attributes(&mut self, x: Sexp, how: u8, counted: bool) {
        let place = self.known.place;
        self.known.place += usize::from(counted);
        // SAFETY: `x` is protected by the caller; so is what is made while it is in no other
        // object.
        unsafe {
            if how == AGAIN {
                return self.known.give(self.list, place, x);
            }
            let count = self.i32();
            if how != KEEP {
                for _ in 0..count {
                    let name = self.name();
                    let value = ffi::Rf_protect(self.object(false));
                    ffi::Rf_setAttrib(x, name, value);
                    ffi::Rf_unprotect(1);
                }
                return;
            }
            let values = ffi::Rf_allocVector(ffi::VECSXP as u32, count as isize);
            self.known.keep(self.list, place, values);
            for at in 0..count as isize {
                let name = self.name();
                self.known.name(place, name);
                let value = self.object(false);
                ffi::SET_VECTOR_ELT(values, at, value);
                ffi::Rf_setAttrib(x, name, value);
            }
        }
    }

    /// The name of an attribute.
    unsafe fn name(&mut self) -> Sexp {
        match self.u8() {
            // SAFETY: symbols are never collected, the string is protected until there is one.
            0 => unsafe {
                let name = ffi::Rf_installTrChar(ffi::Rf_protect(self.string()));
                ffi::Rf_unprotect(1);
                name
            },
            number => usual_names()[usize::from(number) - 1],
        }
    }

    unsafe fn atomic(&mut self, x: Sexp, kind: c_int, bytes: usize, may_bulk: bool) {
        if bytes == 0 {
            return;
        }
        // SAFETY: `x` is a fresh vector of this type with `bytes` bytes.
        unsafe {
            let to: *mut u8 = match kind {
                ffi::LGLSXP => ffi::LOGICAL(x).cast(),
                ffi::INTSXP => ffi::INTEGER(x).cast(),
                ffi::REALSXP => ffi::REAL(x).cast(),
                ffi::CPLXSXP => ffi::COMPLEX(x).cast(),
                _ => ffi::RAW(x),
            };
            if may_bulk && bytes >= BULK_BYTES {
                advise_huge(to, bytes);
                self.into.push((to, bytes));
            } else {
                let from = self.take(bytes).as_ptr();
                std::ptr::copy_nonoverlapping(from, to, bytes);
            }
        }
    }

    unsafe fn string(&mut self) -> Sexp {
        let len = self.i32();
        // SAFETY: the bytes are those of a CHARSXP with this encoding.
        unsafe {
            if len < 0 {
                return ffi::R_NaString;
            }
            let encoding = c_int::from(self.u8());
            let bytes = self.take(len as usize).as_ptr();
            ffi::Rf_mkCharLenCE(bytes.cast(), len, encoding)
        }
    }
}

/// Asks for huge pages inside a fresh vector, before it is touched.
fn advise_huge(to: *mut u8, bytes: usize) {
    if bytes >= HUGE_BYTES {
        // SAFETY: the vector is ours.
        unsafe { crate::system::advise_huge(to, bytes) };
    }
}

pub(crate) unsafe fn unserialize(bytes: &[u8]) -> Sexp {
    unsafe extern "C-unwind" fn byte(stream: *mut ffi::InStream) -> c_int {
        // SAFETY: `data` is the slice below; R reads no more than was written.
        unsafe {
            let rest = &mut *(*stream).data.cast::<&[u8]>();
            let (first, tail) = rest.split_first().unwrap_or((&0, &[]));
            *rest = tail;
            c_int::from(*first)
        }
    }
    unsafe extern "C-unwind" fn chunk(stream: *mut ffi::InStream, to: *mut c_void, n: c_int) {
        // SAFETY: as above; R gives room for n bytes.
        unsafe {
            let rest = &mut *(*stream).data.cast::<&[u8]>();
            let n = (n as usize).min(rest.len());
            std::ptr::copy_nonoverlapping(rest.as_ptr(), to.cast(), n);
            *rest = &rest[n..];
        }
    }
    let mut rest = bytes;
    let mut stream = std::mem::MaybeUninit::<ffi::InStream>::zeroed();
    // SAFETY: R fills the stream before using it; `rest` outlives the call.
    unsafe {
        ffi::R_InitInPStream(
            stream.as_mut_ptr(),
            (&raw mut rest).cast(),
            ffi::BINARY_FORMAT,
            Some(byte),
            Some(chunk),
            None,
            ffi::nil(),
        );
        ffi::R_Unserialize(stream.as_mut_ptr())
    }
}

/// Bytes that a task wrote, as an R string in the native encoding.
///
/// # Safety
///
/// Main thread; the result is not protected.
pub(crate) unsafe fn text(bytes: &[u8]) -> Sexp {
    const NATIVE: c_int = 0;
    // SAFETY: R copies the bytes; a string may not hold NUL, so it ends there.
    unsafe {
        let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        let string = ffi::Rf_protect(ffi::Rf_allocVector(ffi::STRSXP as u32, 1));
        let chars = ffi::Rf_mkCharLenCE(bytes.as_ptr().cast(), len as c_int, NATIVE);
        ffi::SET_STRING_ELT(string, 0, chars);
        ffi::Rf_unprotect(1);
        string
    }
}
