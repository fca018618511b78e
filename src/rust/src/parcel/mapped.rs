//! Vectors whose data is mapped from a file of a parcel, privately and writable: C code
//! may write into them, pays the pages that it writes, and nobody else sees that. They
//! serialize and duplicate as ordinary vectors.

use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustle_shared::Mapping;

use super::unpack;
use crate::ffi::{self, Length, Sexp};
use crate::raw::drop_owned;

/// `R_altrep_class_t`.
#[repr(C)]
#[derive(Clone, Copy)]
struct AltClass {
    ptr: Sexp,
}

type Method<T> = unsafe extern "C-unwind" fn(Sexp) -> T;
type Element<T> = unsafe extern "C-unwind" fn(Sexp, Length) -> T;
type Data = unsafe extern "C-unwind" fn(Sexp, c_int) -> *mut c_void;
type Inspect = unsafe extern "C-unwind" fn(Sexp, c_int, c_int, c_int, *const c_void) -> c_int;
type Maker = unsafe extern "C-unwind" fn(*const c_char, *const c_char, *mut c_void) -> AltClass;

/// `Rcomplex`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Complex {
    re: f64,
    im: f64,
}

extern "C-unwind" {
    fn R_make_altlogical_class(c: *const c_char, p: *const c_char, dll: *mut c_void) -> AltClass;
    fn R_make_altinteger_class(c: *const c_char, p: *const c_char, dll: *mut c_void) -> AltClass;
    fn R_make_altreal_class(c: *const c_char, p: *const c_char, dll: *mut c_void) -> AltClass;
    fn R_make_altcomplex_class(c: *const c_char, p: *const c_char, dll: *mut c_void) -> AltClass;
    fn R_make_altraw_class(c: *const c_char, p: *const c_char, dll: *mut c_void) -> AltClass;
    fn R_set_altrep_Length_method(class: AltClass, f: Method<Length>);
    fn R_set_altrep_Unserialize_method(
        class: AltClass,
        f: unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp,
    );
    fn R_set_altrep_Inspect_method(class: AltClass, f: Inspect);
    fn R_set_altvec_Dataptr_method(class: AltClass, f: Data);
    fn R_set_altvec_Dataptr_or_null_method(class: AltClass, f: Method<*const c_void>);
    fn R_set_altlogical_Elt_method(class: AltClass, f: Element<c_int>);
    fn R_set_altinteger_Elt_method(class: AltClass, f: Element<c_int>);
    fn R_set_altreal_Elt_method(class: AltClass, f: Element<f64>);
    fn R_set_altcomplex_Elt_method(class: AltClass, f: Element<Complex>);
    fn R_set_altraw_Elt_method(class: AltClass, f: Element<u8>);
    fn Rprintf(format: *const c_char, ...);
    fn R_new_altrep(class: AltClass, data1: Sexp, data2: Sexp) -> Sexp;
    fn R_altrep_data1(x: Sexp) -> Sexp;
}

/// What a vector of ours holds: where its data are, in `_map`, and how many.
struct Mapped {
    data: *mut c_void,
    len: Length,
    _map: Mapping,
}

/// One of our classes: a kind of vector.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) kind: c_int,
    pub(super) name: &'static CStr,
    element_bytes: usize,
    made: AtomicPtr<c_void>,
    maker: Maker,
    unserialize: unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp,
}

pub(super) const PACKAGE: &CStr = c"rustle";

macro_rules! class {
    ($at:literal $kind:ident $name:literal $bytes:literal $maker:ident) => {{
        unsafe extern "C-unwind" fn unserialize(_: Sexp, state: Sexp) -> Sexp {
            // SAFETY: R passes the state of an item, on its main thread.
            unsafe { CLASSES[$at].read(state) }
        }
        Class {
            kind: ffi::$kind,
            name: $name,
            element_bytes: $bytes,
            made: AtomicPtr::new(null_mut()),
            maker: $maker,
            unserialize,
        }
    }};
}

pub(super) static CLASSES: [Class; 5] = [
    class!(0 LGLSXP c"mapped_logical" 4 R_make_altlogical_class),
    class!(1 INTSXP c"mapped_integer" 4 R_make_altinteger_class),
    class!(2 REALSXP c"mapped_double" 8 R_make_altreal_class),
    class!(3 CPLXSXP c"mapped_complex" 16 R_make_altcomplex_class),
    class!(4 RAWSXP c"mapped_raw" 1 R_make_altraw_class),
];

impl Class {
    /// The number of the class' symbol in a stream; see [`symbols`].
    pub(super) fn reference(&self) -> u32 {
        let at = CLASSES.iter().position(|class| std::ptr::eq(class, self));
        at.unwrap_or(0) as u32 + 1
    }

    pub(super) fn package_reference() -> u32 {
        CLASSES.len() as u32 + 1
    }

    /// A vector from what a stream says of it: the number of a file, the first byte, and
    /// how many bytes.
    unsafe fn read(&self, state: Sexp) -> Sexp {
        // SAFETY: main thread; what is made is protected; the frame owns nothing when R
        // may jump: the mapping belongs to the pointer at once.
        unsafe {
            let handle = ffi::R_MakeExternalPtr(null_mut(), ffi::nil(), ffi::nil());
            let handle = ffi::Rf_protect(handle);
            ffi::R_RegisterCFinalizerEx(handle, drop_owned::<Mapped>, 0);
            let ok = ffi::TYPEOF(state) == ffi::REALSXP && ffi::Rf_xlength(state) == 3;
            let spot: [f64; 3] = if ok {
                *ffi::REAL_RO(state).cast()
            } else {
                [0.0; 3]
            };
            let [file, offset, bytes] = spot.map(|number| number as usize);
            match unpack::map(file, offset, bytes) {
                Some(map) => {
                    let len = (bytes / self.element_bytes) as Length;
                    let data = map.address(0, 1).cast();
                    let mapped = Box::into_raw(Box::new(Mapped {
                        data,
                        len,
                        _map: map,
                    }));
                    ffi::R_SetExternalPtrAddr(handle, mapped.cast());
                }
                None => extendr_api::throw_r_error(
                    "A large vector cannot be mapped: the address space of this process is \
                     full (`ulimit -v`), or it has too many mappings.",
                ),
            }
            let class = AltClass {
                ptr: self.made.load(Ordering::Relaxed),
            };
            let x = R_new_altrep(class, handle, ffi::nil());
            ffi::Rf_unprotect(1);
            x
        }
    }
}

unsafe fn mapped<'a>(x: Sexp) -> &'a Mapped {
    // SAFETY: `x` is a live vector of ours, which has a mapping from its making on.
    unsafe { &*ffi::R_ExternalPtrAddr(R_altrep_data1(x)).cast::<Mapped>() }
}

unsafe extern "C-unwind" fn length(x: Sexp) -> Length {
    // SAFETY: R passes a vector of ours.
    unsafe { mapped(x).len }
}

unsafe extern "C-unwind" fn data(x: Sexp, _writable: c_int) -> *mut c_void {
    // SAFETY: as above.
    unsafe { mapped(x).data }
}

unsafe extern "C-unwind" fn data_or_null(x: Sexp) -> *const c_void {
    // SAFETY: as above.
    unsafe { data(x, 0) }
}

unsafe extern "C-unwind" fn element<T: Copy>(x: Sexp, i: Length) -> T {
    // SAFETY: as above; R passes an index inside the vector.
    unsafe { data(x, 0).cast::<T>().offset(i).read() }
}

/// What `.Internal(inspect(x))` adds to the line of the object.
unsafe extern "C-unwind" fn inspect(
    x: Sexp,
    _: c_int,
    _: c_int,
    _: c_int,
    _: *const c_void,
) -> c_int {
    // SAFETY: as above; the format takes one number.
    unsafe { Rprintf(c" mapped (len=%.0f)\n".as_ptr(), mapped(x).len as f64) };
    1
}

/// Registers the classes when R loads the package (entrypoint.c).
///
/// # Safety
///
/// `dll` is R's description of this library.
#[no_mangle]
unsafe extern "C-unwind" fn rustle_register_classes(dll: *mut c_void) {
    // SAFETY: by the caller's promise; the methods have the types that R calls.
    unsafe {
        for class in &CLASSES {
            let made = (class.maker)(class.name.as_ptr(), PACKAGE.as_ptr(), dll);
            R_set_altrep_Length_method(made, length);
            R_set_altrep_Unserialize_method(made, class.unserialize);
            R_set_altrep_Inspect_method(made, inspect);
            R_set_altvec_Dataptr_method(made, data);
            R_set_altvec_Dataptr_or_null_method(made, data_or_null);
            match class.kind {
                ffi::LGLSXP => R_set_altlogical_Elt_method(made, element::<c_int>),
                ffi::INTSXP => R_set_altinteger_Elt_method(made, element::<c_int>),
                ffi::REALSXP => R_set_altreal_Elt_method(made, element::<f64>),
                ffi::CPLXSXP => R_set_altcomplex_Elt_method(made, element::<Complex>),
                _ => R_set_altraw_Elt_method(made, element::<u8>),
            }
            // R keeps the class in its registry.
            class.made.store(made.ptr, Ordering::Relaxed);
        }
    }
}
