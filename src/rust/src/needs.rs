//! What R code needs beyond itself: where its variables stand, and by what it is known
//! again; see R/engine-needs.R.

use std::ffi::{c_int, CStr};
use std::fmt::Write;

use crate::ffi::{self, Sexp};
use crate::lists;
use crate::raw::{guard, routines};

/// Deeper lists are not looked into: R's stack is not endless.
const DEPTH_MAX: u32 = 1000;

extern "C-unwind" {
    pub(crate) static R_EmptyEnv: Sexp;
    pub(crate) static R_BaseNamespace: Sexp;
    pub(crate) fn R_ClosureExpr(f: Sexp) -> Sexp;
    #[cfg(r_accessors)]
    fn R_ClosureFormals(f: Sexp) -> Sexp;
    #[cfg(r_accessors)]
    fn R_ClosureEnv(f: Sexp) -> Sexp;
    #[cfg(r_accessors)]
    fn R_ParentEnv(rho: Sexp) -> Sexp;
    #[cfg(not(r_accessors))]
    fn FORMALS(f: Sexp) -> Sexp;
    #[cfg(not(r_accessors))]
    fn CLOENV(f: Sexp) -> Sexp;
    #[cfg(not(r_accessors))]
    fn ENCLOS(rho: Sexp) -> Sexp;
}

/// # Safety
///
/// `f` is a live closure; main thread.
pub(crate) unsafe fn formals(f: Sexp) -> Sexp {
    // SAFETY: `f` is a live closure.
    unsafe {
        #[cfg(r_accessors)]
        return R_ClosureFormals(f);
        #[cfg(not(r_accessors))]
        FORMALS(f)
    }
}

/// Where the closure was written.
///
/// # Safety
///
/// `f` is a live closure; main thread.
pub(crate) unsafe fn home(f: Sexp) -> Sexp {
    // SAFETY: by the caller's promise.
    unsafe {
        #[cfg(r_accessors)]
        return R_ClosureEnv(f);
        #[cfg(not(r_accessors))]
        CLOENV(f)
    }
}

/// # Safety
///
/// `rho` is a live environment, not the empty one; main thread.
pub(crate) unsafe fn parent(rho: Sexp) -> Sexp {
    // SAFETY: `rho` is a live environment.
    unsafe {
        #[cfg(r_accessors)]
        return R_ParentEnv(rho);
        #[cfg(not(r_accessors))]
        ENCLOS(rho)
    }
}

/// Text on the stack, which R may jump over.
pub(crate) struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    pub(crate) fn new() -> Text {
        Text {
            bytes: [0; 512],
            len: 0,
        }
    }

    pub(crate) fn push(&mut self, text: &[u8]) -> std::fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text);
        self.len = end;
        Ok(())
    }

    /// As a string of R's; `NULL` where it is none.
    ///
    /// # Safety
    ///
    /// Main thread; R may jump over the caller.
    pub(crate) unsafe fn string(&self) -> Sexp {
        match std::str::from_utf8(&self.bytes[..self.len]) {
            // SAFETY: by the caller's promise.
            Ok(text) => unsafe { lists::string(text) },
            Err(_) => ffi::nil(),
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.push(s.as_bytes())
    }
}

/// The identity of a piece of code, as a string: the addresses of what it is made of. The
/// same string means the same code as long as that is alive. NULL when that is too much.
unsafe extern "C-unwind" fn rs_code_key(code: Sexp) -> Sexp {
    guard(|| {
        let mut key = Text::new();
        // SAFETY: R protects the arguments of a call; this frame owns nothing.
        unsafe {
            match add_code(&mut key, code) {
                Ok(()) => key.string(),
                Err(_) => ffi::nil(),
            }
        }
    })
}

/// Adds what [`rs_code_key`] returns.
///
/// # Safety
///
/// A live object, on the main thread. Nothing is allocated in R.
pub(crate) unsafe fn add_code(key: &mut Text, code: Sexp) -> std::fmt::Result {
    let mut whole = true;
    let mut add = |x: Sexp| whole &= write!(key, "{:x} ", x as usize).is_ok();
    // SAFETY: by the caller's promise; symbols are never collected.
    unsafe {
        if ffi::TYPEOF(code) == ffi::CLOSXP {
            add(R_ClosureExpr(code));
            add(formals(code));
            let source = ffi::Rf_install(c"srcref".as_ptr());
            ffi::each_attribute(code, |name, value| {
                // The text that it was parsed from changes nothing.
                if name != source {
                    add(name);
                    add(value);
                }
                true
            });
        } else {
            add(code);
        }
    }
    if whole {
        Ok(())
    } else {
        Err(std::fmt::Error)
    }
}

/// Where variables stand: for each name the environment in which it is found from `rho`
/// on; NULL where that is base, or nowhere. NULL for all when none stands elsewhere.
unsafe extern "C-unwind" fn rs_locate(names: Sexp, rho: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a character vector and an environment; symbols are never
        // collected; this frame owns nothing.
        unsafe {
            let n = ffi::Rf_xlength(names);
            let out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, n));
            let mut found = false;
            for i in 0..n {
                let name = ffi::Rf_installTrChar(ffi::STRING_ELT(names, i));
                let mut at = rho;
                while at != R_EmptyEnv && at != ffi::R_BaseEnv {
                    if ffi::R_existsVarInFrame(at, name) != 0 {
                        if at != R_BaseNamespace {
                            ffi::SET_VECTOR_ELT(out, i, at);
                            found = true;
                        }
                        break;
                    }
                    at = parent(at);
                }
            }
            ffi::Rf_unprotect(1);
            if found {
                out
            } else {
                ffi::nil()
            }
        }
    })
}

pub(crate) fn is_function(x: Sexp) -> bool {
    // SAFETY: a live object.
    let kind = unsafe { ffi::TYPEOF(x) };
    matches!(kind, ffi::CLOSXP | ffi::BUILTINSXP | ffi::SPECIALSXP)
}

/// Is a frame that of a package, or of what one imports, or has it no name, as those of functions
/// and namespaces? Those of packages have functions that R loads when they are first asked for.
///
/// # Safety
///
/// A live environment; main thread.
unsafe fn is_of_package(at: Sexp) -> bool {
    // SAFETY: by the caller's promise; symbols are never collected, and a string is read that is there.
    unsafe {
        let name = ffi::Rf_getAttrib(at, ffi::Rf_install(c"name".as_ptr()));
        if ffi::TYPEOF(name) != ffi::STRSXP || ffi::Rf_xlength(name) != 1 {
            return at != ffi::R_GlobalEnv;
        }
        let text = CStr::from_ptr(ffi::R_CHAR(ffi::STRING_ELT(name, 0))).to_bytes();
        text.starts_with(b"package:") || text.starts_with(b"imports:")
    }
}

/// Would R evaluate something to see what a name is bound to, from `at` on? An active binding, or what
/// waits for its value in the global environment or in one that was attached. Arguments, which frames of
/// functions have, are looked at by R code. functions: only functions count.
///
/// # Safety
///
/// A symbol and a live environment; main thread.
unsafe fn is_waiting(name: Sexp, mut at: Sexp, functions: bool) -> bool {
    // SAFETY: `at` is a live environment.
    unsafe {
        while at != R_EmptyEnv {
            let x = ffi::rustle_bound(name, at);
            if x == ffi::R_MissingArg {
                if ffi::R_BindingIsActive(name, at) != 0 {
                    return true;
                }
                // R 4.5 does not say whether something waits.
                if !is_of_package(at) {
                    return ffi::rustle_tells_waiting() != 0;
                }
            } else if !x.is_null() && (is_function(x) || !functions) {
                return false;
            }
            at = parent(at);
        }
        false
    }
}

/// Of which names R would have to evaluate something, see [`is_waiting`]; NULL where that is none.
unsafe extern "C-unwind" fn rs_waiting(names: Sexp, rho: Sexp, functions: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a character vector, an environment and a flag; symbols are never
        // collected; this frame owns nothing.
        unsafe {
            let functions = *ffi::LOGICAL_RO(functions) != 0;
            let n = ffi::Rf_xlength(names);
            let mut out = ffi::nil();
            for i in 0..n {
                let name = ffi::Rf_installTrChar(ffi::STRING_ELT(names, i));
                if !is_waiting(name, rho, functions) {
                    continue;
                }
                if out == ffi::nil() {
                    out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::LGLSXP as u32, n));
                    ffi::LOGICAL(out).write_bytes(0, n as usize);
                }
                *ffi::LOGICAL(out).offset(i) = 1;
            }
            if out != ffi::nil() {
                ffi::Rf_unprotect(1);
            }
            out
        }
    })
}

/// Is there an element of one of the types in lists of lists?
unsafe fn holds(x: Sexp, types: &[c_int], depth: u32) -> bool {
    // SAFETY: `x` is a live object.
    unsafe {
        let kind = ffi::TYPEOF(x);
        if kind != ffi::VECSXP && kind != ffi::EXPRSXP {
            return types.contains(&kind);
        }
        types.contains(&kind)
            || depth < DEPTH_MAX
                && (0..ffi::Rf_xlength(x)).any(|i| holds(ffi::VECTOR_ELT(x, i), types, depth + 1))
    }
}

/// Is there code (a function or language) in lists of lists?
unsafe extern "C-unwind" fn rs_holds_code(x: Sexp) -> Sexp {
    const CODE: [c_int; 6] = [
        ffi::CLOSXP,
        ffi::SPECIALSXP,
        ffi::BUILTINSXP,
        ffi::SYMSXP,
        ffi::LANGSXP,
        ffi::EXPRSXP,
    ];
    // SAFETY: R protects the arguments of a call.
    guard(|| unsafe { ffi::Rf_ScalarLogical(holds(x, &CODE, 0).into()) })
}

/// Is there an environment in lists of lists?
unsafe extern "C-unwind" fn rs_holds_environment(x: Sexp) -> Sexp {
    // SAFETY: R protects the arguments of a call.
    guard(|| unsafe { ffi::Rf_ScalarLogical(holds(x, &[ffi::ENVSXP], 0).into()) })
}

/// Marks which of `names` are among the strings of `x`: in lists of lists, and in attributes, as
/// levels are. Each string costs one from `budget`; what is beyond it is not looked at.
unsafe fn mark_named(x: Sexp, names: Sexp, marks: *mut c_int, budget: &mut usize, depth: u32) {
    // SAFETY: `x` is a live object, `names` a character vector, `marks` as long as it. A string is
    // in R's memory once, so that equal ones are one object; this frame owns nothing.
    unsafe {
        if *budget == 0 {
            return;
        }
        match ffi::TYPEOF(x) {
            ffi::STRSXP => {
                for i in 0..ffi::Rf_xlength(x).min(*budget as isize) {
                    let string = ffi::STRING_ELT(x, i);
                    for k in 0..ffi::Rf_xlength(names) {
                        if ffi::STRING_ELT(names, k) == string {
                            *marks.offset(k) = 1;
                        }
                    }
                    *budget -= 1;
                }
            }
            ffi::VECSXP if depth < DEPTH_MAX => {
                for i in 0..ffi::Rf_xlength(x) {
                    mark_named(ffi::VECTOR_ELT(x, i), names, marks, budget, depth + 1);
                }
            }
            _ => {}
        }
        ffi::each_attribute(x, |_, value| {
            if ffi::TYPEOF(value) == ffi::STRSXP {
                mark_named(value, names, marks, budget, depth + 1);
            }
            true
        });
    }
}

/// Which of `names` are among the first 1e4 strings of `x`?
unsafe extern "C-unwind" fn rs_named_among(x: Sexp, names: Sexp) -> Sexp {
    guard(|| {
        // SAFETY: R code passes a list and a character vector, and protects them; the marks are
        // protected while they are written; this frame owns nothing.
        unsafe {
            let n = ffi::Rf_xlength(names);
            let out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::LGLSXP as u32, n));
            let marks = ffi::LOGICAL(out);
            for k in 0..n {
                *marks.offset(k) = 0;
            }
            mark_named(x, names, marks, &mut 10_000, 0);
            ffi::Rf_unprotect(1);
            out
        }
    })
}

/// Nothing but atomic vectors without attributes, in lists of lists?
unsafe fn is_plain(x: Sexp, depth: u32) -> bool {
    // SAFETY: `x` is a live object.
    unsafe {
        match ffi::TYPEOF(x) {
            ffi::NILSXP => true,
            ffi::LGLSXP | ffi::INTSXP | ffi::REALSXP | ffi::CPLXSXP | ffi::STRSXP | ffi::RAWSXP => {
                depth == 0 || !ffi::has_attributes(x)
            }
            ffi::VECSXP => {
                depth < DEPTH_MAX
                    && (depth == 0 || !ffi::has_attributes(x))
                    && (0..ffi::Rf_xlength(x)).all(|i| is_plain(ffi::VECTOR_ELT(x, i), depth + 1))
            }
            _ => false,
        }
    }
}

/// Are the elements of a list atomic vectors without attributes, or lists of such?
unsafe extern "C-unwind" fn rs_is_plain(x: Sexp) -> Sexp {
    // SAFETY: R protects the arguments of a call.
    guard(|| unsafe { ffi::Rf_ScalarLogical(is_plain(x, 0).into()) })
}

routines! {
    meta__rs_is_plain "rs_is_plain" "wrap__rs_is_plain" ("x") => rs_is_plain;
    meta__rs_code_key "rs_code_key" "wrap__rs_code_key" ("code") => rs_code_key;
    meta__rs_locate "rs_locate" "wrap__rs_locate" ("names", "rho") => rs_locate;
    meta__rs_waiting "rs_waiting" "wrap__rs_waiting" ("names", "rho", "functions") => rs_waiting;
    meta__rs_holds_code "rs_holds_code" "wrap__rs_holds_code" ("x") => rs_holds_code;
    meta__rs_named_among "rs_named_among" "wrap__rs_named_among" ("x", "names") => rs_named_among;
    meta__rs_holds_environment "rs_holds_environment" "wrap__rs_holds_environment" ("x")
        => rs_holds_environment;
}
