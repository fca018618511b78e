//! The part of R's C interface that the hot paths use, as R documents it.
//!
//! Declared here and not taken from extendr because each of these functions may
//! leave by a longjmp: that needs the "C-unwind" ABI, and callers whose frames
//! own nothing that has to be dropped. All of them run on R's main thread only.

use std::ffi::{c_char, c_int, c_uint, c_void};

/// An R object.
pub(crate) type Sexp = *mut c_void;
pub(crate) type Length = isize;

pub(crate) const NILSXP: c_int = 0;
pub(crate) const SYMSXP: c_int = 1;
pub(crate) const LISTSXP: c_int = 2;
pub(crate) const CLOSXP: c_int = 3;
pub(crate) const ENVSXP: c_int = 4;
pub(crate) const LANGSXP: c_int = 6;
pub(crate) const SPECIALSXP: c_int = 7;
pub(crate) const BUILTINSXP: c_int = 8;
pub(crate) const LGLSXP: c_int = 10;
pub(crate) const INTSXP: c_int = 13;
pub(crate) const REALSXP: c_int = 14;
pub(crate) const CPLXSXP: c_int = 15;
pub(crate) const STRSXP: c_int = 16;
pub(crate) const VECSXP: c_int = 19;
pub(crate) const EXPRSXP: c_int = 20;
pub(crate) const EXTPTRSXP: c_int = 22;
pub(crate) const WEAKREFSXP: c_int = 23;
pub(crate) const RAWSXP: c_int = 24;

/// R's `NA`.
pub(crate) const NA_LOGICAL: c_int = c_int::MIN;

#[repr(C)]
pub(crate) struct OutStream {
    pub(crate) data: *mut c_void,
    pub(crate) format: c_int,
    pub(crate) version: c_int,
    pub(crate) out_char: Option<unsafe extern "C-unwind" fn(*mut OutStream, c_int)>,
    pub(crate) out_bytes: Option<unsafe extern "C-unwind" fn(*mut OutStream, *mut c_void, c_int)>,
    pub(crate) hook: Option<unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp>,
    pub(crate) hook_data: Sexp,
}

#[repr(C)]
pub(crate) struct InStream {
    pub(crate) data: *mut c_void,
    pub(crate) format: c_int,
    pub(crate) in_char: Option<unsafe extern "C-unwind" fn(*mut InStream) -> c_int>,
    pub(crate) in_bytes: Option<unsafe extern "C-unwind" fn(*mut InStream, *mut c_void, c_int)>,
    pub(crate) hook: Option<unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp>,
    pub(crate) hook_data: Sexp,
    pub(crate) native_encoding: [c_char; 64],
    pub(crate) nat2nat_obj: *mut c_void,
    pub(crate) nat2utf8_obj: *mut c_void,
}

/// `R_pstream_binary_format`: machine byte order, as sender and receiver are one machine.
pub(crate) const BINARY_FORMAT: c_int = 2;

extern "C-unwind" {
    pub(crate) static R_NilValue: Sexp;
    pub(crate) static R_GlobalEnv: Sexp;
    pub(crate) static R_BaseEnv: Sexp;
    pub(crate) static R_MissingArg: Sexp;
    pub(crate) static R_NaString: Sexp;
    pub(crate) static R_NamesSymbol: Sexp;
    pub(crate) static R_ClassSymbol: Sexp;
    pub(crate) static R_RowNamesSymbol: Sexp;
    pub(crate) static R_DimSymbol: Sexp;
    pub(crate) static R_DimNamesSymbol: Sexp;
    pub(crate) static R_LevelsSymbol: Sexp;

    pub(crate) fn TYPEOF(x: Sexp) -> c_int;
    pub(crate) fn Rf_xlength(x: Sexp) -> Length;
    pub(crate) fn Rf_protect(x: Sexp) -> Sexp;
    pub(crate) fn Rf_unprotect(n: c_int);
    pub(crate) fn R_ProtectWithIndex(x: Sexp, at: *mut c_int);
    pub(crate) fn R_Reprotect(x: Sexp, at: c_int);
    pub(crate) fn Rf_allocVector(kind: c_uint, n: Length) -> Sexp;
    pub(crate) fn Rf_allocMatrix(kind: c_uint, nrow: c_int, ncol: c_int) -> Sexp;
    pub(crate) fn Rf_ScalarInteger(x: c_int) -> Sexp;
    pub(crate) fn Rf_ScalarReal(x: f64) -> Sexp;
    pub(crate) fn Rf_ScalarLogical(x: c_int) -> Sexp;
    pub(crate) fn INTEGER(x: Sexp) -> *mut c_int;
    pub(crate) fn LOGICAL(x: Sexp) -> *mut c_int;
    pub(crate) fn REAL(x: Sexp) -> *mut f64;
    pub(crate) fn RAW(x: Sexp) -> *mut u8;
    pub(crate) fn COMPLEX(x: Sexp) -> *mut c_void;
    pub(crate) fn INTEGER_RO(x: Sexp) -> *const c_int;
    pub(crate) fn LOGICAL_RO(x: Sexp) -> *const c_int;
    pub(crate) fn REAL_RO(x: Sexp) -> *const f64;
    pub(crate) fn RAW_RO(x: Sexp) -> *const u8;
    pub(crate) fn COMPLEX_RO(x: Sexp) -> *const c_void;
    pub(crate) fn DATAPTR_OR_NULL(x: Sexp) -> *const c_void;
    pub(crate) fn STRING_ELT(x: Sexp, i: Length) -> Sexp;
    pub(crate) fn SET_STRING_ELT(x: Sexp, i: Length, v: Sexp);
    pub(crate) fn VECTOR_ELT(x: Sexp, i: Length) -> Sexp;
    pub(crate) fn SET_VECTOR_ELT(x: Sexp, i: Length, v: Sexp) -> Sexp;
    pub(crate) fn R_CHAR(x: Sexp) -> *const c_char;
    pub(crate) fn PRINTNAME(x: Sexp) -> Sexp;
    pub(crate) fn Rf_getCharCE(x: Sexp) -> c_int;
    pub(crate) fn Rf_mkCharLenCE(s: *const c_char, n: c_int, encoding: c_int) -> Sexp;
    pub(crate) fn Rf_install(name: *const c_char) -> Sexp;
    pub(crate) fn Rf_installTrChar(x: Sexp) -> Sexp;
    pub(crate) fn Rf_getAttrib(x: Sexp, name: Sexp) -> Sexp;
    pub(crate) fn Rf_setAttrib(x: Sexp, name: Sexp, value: Sexp) -> Sexp;
    pub(crate) fn Rf_isS4(x: Sexp) -> c_int;
    pub(crate) fn Rf_isObject(x: Sexp) -> c_int;
    pub(crate) fn Rf_inherits(x: Sexp, class: *const c_char) -> c_int;
    pub(crate) fn Rf_eval(call: Sexp, rho: Sexp) -> Sexp;
    pub(crate) fn Rf_cons(head: Sexp, tail: Sexp) -> Sexp;
    pub(crate) fn Rf_lcons(head: Sexp, tail: Sexp) -> Sexp;
    pub(crate) fn R_forceAndCall(call: Sexp, n: c_int, rho: Sexp) -> Sexp;
    pub(crate) fn Rf_defineVar(name: Sexp, value: Sexp, rho: Sexp);
    pub(crate) fn R_existsVarInFrame(rho: Sexp, name: Sexp) -> c_int;
    pub(crate) fn R_removeVarFromFrame(name: Sexp, rho: Sexp);
    /// R calls `handler` when `fd` can be read while R waits (R_ext/eventloop.h). With null for
    /// `handlers` it is the first of a new list, which is returned.
    #[cfg(unix)]
    pub(crate) fn addInputHandler(
        handlers: *mut c_void,
        fd: c_int,
        handler: Option<unsafe extern "C-unwind" fn(*mut c_void)>,
        activity: c_int,
    ) -> *mut c_void;
    pub(crate) fn R_ToplevelExec(
        f: unsafe extern "C-unwind" fn(*mut c_void),
        data: *mut c_void,
    ) -> c_int;
    pub(crate) fn R_PreserveObject(x: Sexp);
    pub(crate) fn R_ReleaseObject(x: Sexp);
    pub(crate) fn R_MakeExternalPtr(p: *mut c_void, tag: Sexp, protect: Sexp) -> Sexp;
    pub(crate) fn R_ExternalPtrAddr(x: Sexp) -> *mut c_void;
    pub(crate) fn R_SetExternalPtrAddr(x: Sexp, p: *mut c_void);
    pub(crate) fn R_ClearExternalPtr(x: Sexp);
    pub(crate) fn R_ExternalPtrProtected(x: Sexp) -> Sexp;
    pub(crate) fn R_SetExternalPtrProtected(x: Sexp, protect: Sexp);
    pub(crate) fn R_gc();
    pub(crate) fn R_RegisterCFinalizerEx(
        x: Sexp,
        f: unsafe extern "C-unwind" fn(Sexp),
        on_exit: c_int,
    );
    pub(crate) fn R_Serialize(x: Sexp, stream: *mut OutStream);
    pub(crate) fn R_Unserialize(stream: *mut InStream) -> Sexp;
    pub(crate) fn R_InitOutPStream(
        stream: *mut OutStream,
        data: *mut c_void,
        format: c_int,
        version: c_int,
        out_char: Option<unsafe extern "C-unwind" fn(*mut OutStream, c_int)>,
        out_bytes: Option<unsafe extern "C-unwind" fn(*mut OutStream, *mut c_void, c_int)>,
        hook: Option<unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp>,
        hook_data: Sexp,
    );
    pub(crate) fn R_InitInPStream(
        stream: *mut InStream,
        data: *mut c_void,
        format: c_int,
        in_char: Option<unsafe extern "C-unwind" fn(*mut InStream) -> c_int>,
        in_bytes: Option<unsafe extern "C-unwind" fn(*mut InStream, *mut c_void, c_int)>,
        hook: Option<unsafe extern "C-unwind" fn(Sexp, Sexp) -> Sexp>,
        hook_data: Sexp,
    );
    #[cfg(r_map_attrib)]
    pub(crate) fn ANY_ATTRIB(x: Sexp) -> c_int;
    #[cfg(r_map_attrib)]
    pub(crate) fn R_mapAttrib(
        x: Sexp,
        f: unsafe extern "C-unwind" fn(Sexp, Sexp, *mut c_void) -> Sexp,
        data: *mut c_void,
    ) -> Sexp;
    #[cfg(not(r_map_attrib))]
    pub(crate) fn ATTRIB(x: Sexp) -> Sexp;
    pub(crate) fn CAR(x: Sexp) -> Sexp;
    pub(crate) fn CDR(x: Sexp) -> Sexp;
    pub(crate) fn SETCAR(x: Sexp, value: Sexp) -> Sexp;
    pub(crate) fn SETCADR(x: Sexp, value: Sexp) -> Sexp;
    pub(crate) fn TAG(x: Sexp) -> Sexp;

    pub(crate) fn Rf_GetOption1(name: Sexp) -> Sexp;
    /// What a name is bound to in one frame: null where it is not, the empty symbol where that
    /// cannot be told without evaluating something (entrypoint.c).
    pub(crate) fn rustle_bound(name: Sexp, rho: Sexp) -> Sexp;
    /// Is that so only of active bindings and of what has no value yet (entrypoint.c)?
    pub(crate) fn rustle_tells_waiting() -> c_int;
    pub(crate) fn R_BindingIsActive(name: Sexp, rho: Sexp) -> c_int;
    /// Macros of R behind a function, for their code differs between versions
    /// (entrypoint.c).
    pub(crate) fn rustle_has_one_reference(x: Sexp) -> c_int;
    /// `R_CheckUserInterrupt()` behind a frame that owns nothing (entrypoint.c).
    pub(crate) fn rustle_check_interrupt() -> Sexp;
    /// Prints the empty string (connection.c).
    pub(crate) fn rustle_print_nothing();
    /// A connection that hands what is written to it to `rustle_output` (connection.c).
    pub(crate) fn rustle_output_connection() -> Sexp;
}

/// R's `NULL`.
pub(crate) fn nil() -> Sexp {
    // SAFETY: R sets this variable before it loads any package, and never again.
    unsafe { R_NilValue }
}

/// Does `x` have attributes?
///
/// # Safety
///
/// `x` is a live R object; main thread.
pub(crate) unsafe fn has_attributes(x: Sexp) -> bool {
    #[cfg(r_map_attrib)]
    // SAFETY: by the caller's promise.
    unsafe {
        ANY_ATTRIB(x) != 0
    }
    #[cfg(not(r_map_attrib))]
    // SAFETY: by the caller's promise.
    unsafe {
        ATTRIB(x) != R_NilValue
    }
}

/// Calls `f(name, value)` for each attribute of `x` as it is stored, until one
/// call returns `false`; returns whether all returned `true`.
///
/// # Safety
///
/// `x` is a live R object; main thread; `f` does not change attributes of `x`.
pub(crate) unsafe fn each_attribute<F: FnMut(Sexp, Sexp) -> bool>(x: Sexp, mut f: F) -> bool {
    #[cfg(r_map_attrib)]
    {
        unsafe extern "C-unwind" fn visit<F: FnMut(Sexp, Sexp) -> bool>(
            name: Sexp,
            value: Sexp,
            data: *mut c_void,
        ) -> Sexp {
            // SAFETY: `data` is the closure below, which outlives the walk.
            let f = unsafe { &mut *data.cast::<F>() };
            if f(name, value) {
                std::ptr::null_mut()
            } else {
                nil()
            }
        }
        // SAFETY: a walk ends at the first result that is not a null pointer.
        unsafe { R_mapAttrib(x, visit::<F>, (&raw mut f).cast()).is_null() }
    }
    #[cfg(not(r_map_attrib))]
    // SAFETY: attributes are a pairlist; by the caller's promise.
    unsafe {
        let mut node = ATTRIB(x);
        while node != R_NilValue {
            if !f(TAG(node), CAR(node)) {
                return false;
            }
            node = CDR(node);
        }
        true
    }
}

/// Size of an element of an atomic type, in bytes.
pub(crate) fn element_bytes(kind: c_int) -> Option<usize> {
    match kind {
        LGLSXP | INTSXP => Some(4),
        REALSXP => Some(8),
        CPLXSXP => Some(16),
        RAWSXP => Some(1),
        _ => None,
    }
}
