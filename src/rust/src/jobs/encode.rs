//! R objects to bytes: the common shapes directly, everything else by
//! `R_Serialize`.
//!
//! Format, machine byte order: a byte for the type, a byte that says how
//! attributes follow ([`Told`]), the length (u64), the data; then the number
//! of attributes (u32) and, for each, its name (a number, see `usual_names()`, or 0
//! and a string) and value. Atomic vectors of [`BULK_BYTES`] or more (outside of
//! attributes) leave their data out: it follows in bulk.
//!
//! Ordinary vectors are read without allocating R objects, so a worker that
//! returns small lists does not grow its heap. `R_Serialize` and ALTREP vectors
//! may run R code; an encoder is therefore never entered from within itself (see
//! evaluate.rs). All state is in [`Encoder`], which lives outside of the stack: R
//! may longjmp over these frames.

use std::ffi::{c_int, c_void};

use rustle_shared::{Told, AGAIN, FOLLOW, NONE};

use super::attributes::usual_names;
use crate::ffi::{self, Sexp};
use crate::parcel::unpack::instead_of;
use crate::parcel::watch::{is_watched, is_watching, on_writing, Watch};

/// Vectors of this size travel without a copy of their own.
pub(crate) const BULK_BYTES: usize = 64 << 10;
/// Tag of an object that R serialized.
pub(crate) const SERIALIZED: u8 = 255;
/// Tag before an object that is sent in place of one that cannot travel.
pub(crate) const INSTEAD: u8 = 254;
/// Deeper lists go to `R_Serialize`, which guards R's stack.
const DEPTH_MAX: u32 = 50;

/// An encoded object.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    pub(crate) skeleton: Vec<u8>,
    /// Data left out of the skeleton, valid while the object is protected.
    pub(crate) bulk: Vec<(*const u8, usize)>,
    told: Told,
    /// The object that is sent in place of the one that was to be encoded, preserved.
    instead: Option<Sexp>,
    /// What is noticed while R serializes, and the pointer to it that R has, preserved.
    watch: Option<(Box<Watch>, Sexp)>,
}

/// # Safety
///
/// `x` is an atomic vector of type `kind`, not character; main thread.
unsafe fn data(x: Sexp, kind: c_int) -> *const u8 {
    // SAFETY: by the caller's promise.
    unsafe {
        match kind {
            ffi::LGLSXP => ffi::LOGICAL_RO(x).cast(),
            ffi::INTSXP => ffi::INTEGER_RO(x).cast(),
            ffi::REALSXP => ffi::REAL_RO(x).cast(),
            ffi::CPLXSXP => ffi::COMPLEX_RO(x).cast(),
            _ => ffi::RAW_RO(x),
        }
    }
}

impl Encoder {
    /// Encodes `x`, replacing what was encoded before.
    ///
    /// # Safety
    ///
    /// `x` is protected, and stays so until the bulk has been sent; main thread;
    /// `self` does not live in a frame that R may jump over. What was encoded is sent
    /// to one receiver, in order.
    pub(crate) unsafe fn encode(&mut self, x: Sexp) {
        self.clear();
        self.told.begin();
        // SAFETY: by the caller's promise. Who is sent instead is preserved until the next
        // object is encoded.
        unsafe {
            if self.object(x, 0, true) {
                self.told.end();
                return;
            }
            // What was told of it is not sent: the next one begins anew.
            self.clear();
            if !self.serialize(x) {
                return;
            }
            let instead = instead_of(x);
            if instead == ffi::nil() {
                return;
            }
            ffi::R_PreserveObject(instead);
            self.clear();
            self.instead = Some(instead);
            self.put(&[INSTEAD]);
            self.told.begin();
            if self.object(instead, 0, true) {
                self.told.end();
            }
        }
    }

    fn clear(&mut self) {
        self.skeleton.clear();
        self.bulk.clear();
        if let Some(object) = self.instead.take() {
            // SAFETY: preserved when it was put here; encoders live on R's main thread.
            unsafe { ffi::R_ReleaseObject(object) };
        }
    }

    /// The pieces of the bulk.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> + Clone {
        // SAFETY: pointers and lengths come from live vectors (see `encode`).
        self.bulk
            .iter()
            .map(|&(p, n)| unsafe { std::slice::from_raw_parts(p, n) })
    }

    fn put(&mut self, bytes: &[u8]) {
        self.skeleton.extend_from_slice(bytes);
    }

    fn head(&mut self, kind: c_int, attributes: u8, len: usize) {
        let mut head = [0; 10];
        (head[0], head[1]) = (kind as u8, attributes);
        head[2..].copy_from_slice(&(len as u64).to_ne_bytes());
        self.put(&head);
    }

    /// Appends `x`; `false` when it has a part that only R can serialize.
    unsafe fn object(&mut self, x: Sexp, depth: u32, may_bulk: bool) -> bool {
        // SAFETY: `x` is protected by the object that it is part of.
        unsafe {
            let kind = ffi::TYPEOF(x);
            if kind == ffi::NILSXP {
                self.head(kind, NONE, 0);
                return true;
            }
            let attributes = ffi::has_attributes(x);
            if depth > DEPTH_MAX || ffi::Rf_isS4(x) != 0 {
                return false;
            }
            let len = match kind {
                ffi::LGLSXP
                | ffi::INTSXP
                | ffi::REALSXP
                | ffi::CPLXSXP
                | ffi::RAWSXP
                | ffi::STRSXP
                | ffi::VECSXP => ffi::Rf_xlength(x) as usize,
                _ => return false,
            };
            let head = self.skeleton.len();
            self.head(kind, u8::from(attributes), len);
            let whole = if let Some(size) = ffi::element_bytes(kind) {
                self.atomic(x, kind, len * size, may_bulk)
            } else if kind == ffi::STRSXP {
                self.strings(x, len);
                true
            } else {
                (0..len).all(|i| self.object(ffi::VECTOR_ELT(x, i as isize), depth + 1, may_bulk))
            };
            whole && (!attributes || self.attributes(x, kind, depth, may_bulk.then_some(head)))
        }
    }

    unsafe fn atomic(&mut self, x: Sexp, kind: c_int, bytes: usize, may_bulk: bool) -> bool {
        // SAFETY: `x` is a live atomic vector with `bytes` bytes of data.
        unsafe {
            if bytes >= BULK_BYTES {
                // A compact sequence stays compact in R's own format.
                if ffi::DATAPTR_OR_NULL(x).is_null() {
                    return false;
                }
                if may_bulk {
                    self.bulk.push((data(x, kind), bytes));
                    return true;
                }
            }
            if bytes > 0 {
                let from = std::slice::from_raw_parts(data(x, kind), bytes);
                self.put(from);
            }
        }
        true
    }

    unsafe fn strings(&mut self, x: Sexp, len: usize) {
        for i in 0..len {
            // SAFETY: i is inside the live character vector x.
            unsafe {
                let s = ffi::STRING_ELT(x, i as isize);
                if s == ffi::R_NaString {
                    self.put(&(-1i32).to_ne_bytes());
                } else {
                    self.string(s);
                }
            }
        }
    }

    unsafe fn string(&mut self, s: Sexp) {
        // SAFETY: `s` is a live CHARSXP; its length excludes the final NUL.
        unsafe {
            let len = ffi::Rf_xlength(s) as usize;
            self.put(&(len as i32).to_ne_bytes());
            self.put(&[ffi::Rf_getCharCE(s) as u8]);
            self.put(std::slice::from_raw_parts(ffi::R_CHAR(s).cast(), len));
        }
    }

    /// Appends the attributes of `x`. `head`: where the head of `x` is, if it is not within
    /// attributes.
    unsafe fn attributes(&mut self, x: Sexp, kind: c_int, depth: u32, head: Option<usize>) -> bool {
        let place = head.map(|_| self.told.next());
        let from = self.skeleton.len();
        let (mut count, mut factor) = (0u32, false);
        self.put(&count.to_ne_bytes());
        let usual = usual_names();
        // SAFETY: `x` is live and encoding does not change attributes; symbols
        // are never collected.
        let whole = unsafe {
            ffi::each_attribute(x, |name, value| {
                count += 1;
                match usual.iter().position(|&known| known == name) {
                    Some(at) => self.put(&[at as u8 + 1]),
                    None => {
                        self.put(&[0]);
                        self.string(ffi::PRINTNAME(name));
                    }
                }
                let is_class = name == ffi::R_ClassSymbol;
                // R refuses to give class "factor" to anything but integers.
                factor |=
                    is_class && kind != ffi::INTSXP && ffi::Rf_inherits(x, c"factor".as_ptr()) != 0;
                self.object(value, depth + 1, false)
                    && !(is_class && is_watching() && names_watched(value))
            })
        };
        self.skeleton[from..from + 4].copy_from_slice(&count.to_ne_bytes());
        if !whole || factor {
            return false;
        }
        if let (Some(head), Some(place)) = (head, place) {
            let how = self.told.tell(place, &self.skeleton[from..]);
            if how == AGAIN {
                self.skeleton.truncate(from);
            }
            if how != FOLLOW {
                self.skeleton[head + 1] = how;
            }
        }
        true
    }

    /// Lets R serialize `x`; `true` when there may be something that cannot travel.
    ///
    /// # Safety
    ///
    /// As [`Encoder::encode`].
    unsafe fn serialize(&mut self, x: Sexp) -> bool {
        unsafe extern "C-unwind" fn byte(stream: *mut ffi::OutStream, c: c_int) {
            // SAFETY: `data` is an encoder that outlives the call.
            unsafe { (*(*stream).data.cast::<Encoder>()).skeleton.push(c as u8) };
        }
        unsafe extern "C-unwind" fn bytes(
            stream: *mut ffi::OutStream,
            from: *mut c_void,
            n: c_int,
        ) {
            // SAFETY: as above; R passes n readable bytes.
            unsafe {
                let encoder = &mut *(*stream).data.cast::<Encoder>();
                let from = std::slice::from_raw_parts(from.cast::<u8>(), n as usize);
                if let Some((watch, _)) = &mut encoder.watch {
                    watch.look(&encoder.skeleton, from);
                }
                encoder.skeleton.extend_from_slice(from);
            }
        }
        self.put(&[SERIALIZED]);
        let mut stream = std::mem::MaybeUninit::<ffi::OutStream>::zeroed();
        // SAFETY: R fills the stream before using it; version 3 keeps compact
        // sequences compact. Watch and pointer live as long as the encoder.
        unsafe {
            let watching = self.watching();
            ffi::R_InitOutPStream(
                stream.as_mut_ptr(),
                (&raw mut *self).cast(),
                ffi::BINARY_FORMAT,
                3,
                Some(byte),
                Some(bytes),
                Some(on_writing),
                watching,
            );
            ffi::R_Serialize(x, stream.as_mut_ptr());
        }
        let watch = self.watch.as_ref();
        watch.is_some_and(|(watch, _)| watch.pointers || watch.classes)
    }

    /// The pointer to a watch that has not noticed anything.
    ///
    /// # Safety
    ///
    /// Main thread.
    unsafe fn watching(&mut self) -> Sexp {
        if let Some((watch, pointer)) = &mut self.watch {
            (watch.pointers, watch.classes) = (false, false);
            return *pointer;
        }
        // SAFETY: by the caller's promise; what is allocated is preserved at once.
        unsafe {
            let mut watch = Box::new(Watch::new(ffi::nil(), ffi::nil()));
            let address = (&raw mut *watch).cast();
            let pointer = ffi::R_MakeExternalPtr(address, ffi::nil(), ffi::nil());
            let pointer = ffi::Rf_protect(pointer);
            ffi::R_PreserveObject(pointer);
            ffi::Rf_unprotect(1);
            self.watch = Some((watch, pointer));
            pointer
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.clear();
        if let Some((_, pointer)) = self.watch.take() {
            // SAFETY: preserved by `watching`; encoders live on R's main thread.
            unsafe { ffi::R_ReleaseObject(pointer) };
        }
    }
}

/// Is one of the strings the name of a class that is looked for?
unsafe fn names_watched(names: Sexp) -> bool {
    // SAFETY: `names` is a live object; indices are inside it.
    unsafe {
        ffi::TYPEOF(names) == ffi::STRSXP
            && (0..ffi::Rf_xlength(names)).any(|i| {
                let s = ffi::STRING_ELT(names, i);
                let len = ffi::Rf_xlength(s) as usize;
                is_watched(std::slice::from_raw_parts(ffi::R_CHAR(s).cast(), len))
            })
    }
}
