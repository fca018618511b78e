//! What R code of the desk (R/engine-desk.R) and of memory (R/workers-memory.R) would be too
//! slow to look at.

use std::collections::hash_map::DefaultHasher;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::hash::Hasher;
use std::sync::atomic::{AtomicPtr, Ordering};

use extendr_api::prelude::*;

use crate::ffi::{self, Sexp};
use crate::jobs::hears_output;
use crate::raw::{guard, number, routines};
use crate::system;

/// A fingerprint of the environment variables. R takes a tenth of a millisecond to list
/// them, and a desk is looked at before every job.
/// @noRd
#[extendr]
fn rs_environment_hash() -> String {
    format!("{:016x}", variables_hash())
}

fn variables_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    system::each_variable(|bytes| {
        hasher.write(bytes);
        hasher.write_u8(0);
    });
    hasher.finish()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The working directory; 0 where there is none.
fn directory_hash() -> u64 {
    let mut path = [0u8; 4096];
    // SAFETY: the buffer has that many bytes, and what is written is terminated.
    unsafe {
        let found = libc::getcwd(path.as_mut_ptr().cast::<c_char>(), path.len() as _);
        if found.is_null() {
            0
        } else {
            hash(CStr::from_ptr(found).to_bytes())
        }
    }
}

fn locale_hash() -> u64 {
    // SAFETY: asks, and the answer lives until the locale is set, on this thread.
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        if name.is_null() {
            0
        } else {
            hash(CStr::from_ptr(name).to_bytes())
        }
    }
}

/// What functions of R do before they call R's own code costs more than that. A call of it
/// is made once, and evaluated each time.
struct Internal {
    call: AtomicPtr<c_void>,
    name: &'static CStr,
}

impl Internal {
    const fn new(name: &'static CStr) -> Internal {
        let call = AtomicPtr::new(std::ptr::null_mut());
        Internal { call, name }
    }

    /// Its integers, the first three. `arguments` are those of every call.
    ///
    /// # Safety
    ///
    /// R's main thread. R may jump out: the caller owns nothing.
    unsafe fn integers(&self, arguments: &[Sexp]) -> [c_int; 3] {
        // SAFETY: by the caller's promise; the call is preserved for good, and its value is
        // read before anything else is allocated.
        unsafe {
            let mut call = self.call.load(Ordering::Relaxed);
            if call.is_null() {
                call = arguments
                    .iter()
                    .rev()
                    .fold(ffi::Rf_protect(ffi::nil()), |tail, head| {
                        ffi::Rf_protect(ffi::Rf_cons(*head, tail))
                    });
                call = ffi::Rf_protect(ffi::Rf_lcons(ffi::Rf_install(self.name.as_ptr()), call));
                call = ffi::Rf_protect(ffi::Rf_cons(call, ffi::nil()));
                call = ffi::Rf_lcons(ffi::Rf_install(c".Internal".as_ptr()), call);
                ffi::R_PreserveObject(call);
                ffi::Rf_unprotect(arguments.len() as c_int + 3);
                self.call.store(call, Ordering::Relaxed);
            }
            let value = ffi::Rf_eval(call, ffi::R_BaseEnv);
            let mut out = [0; 3];
            if ffi::TYPEOF(value) == ffi::INTSXP {
                let n = (ffi::Rf_xlength(value) as usize).min(out.len());
                std::ptr::copy_nonoverlapping(ffi::INTEGER_RO(value), out.as_mut_ptr(), n);
            }
            out
        }
    }
}

static KINDS: Internal = Internal::new(c"RNGkind");

/// What must be looked at before and after every job, in few bytes: as long as they are the
/// same, so is what they were made from. `seed`: the random state or `NULL`; `sinks`: are those
/// looked at too? `NULL` when the state is none.
unsafe extern "C-unwind" fn rs_desk_glance(seed: Sexp, sinks: Sexp) -> Sexp {
    static SINKS: Internal = Internal::new(c"sink.number");
    static MESSAGES: Internal = Internal::new(c"sink.number");
    guard(|| {
        // SAFETY: R code passes the state and a number; R's main thread; this frame owns
        // nothing that must be dropped.
        unsafe {
            // A state begins with its kinds.
            let kinds = match ffi::TYPEOF(seed) {
                ffi::NILSXP => KINDS.integers(&[ffi::nil(); 3]),
                ffi::INTSXP if ffi::Rf_xlength(seed) > 0 => [*ffi::INTEGER_RO(seed), -1, -1],
                _ => return ffi::nil(),
            };
            let mut words = [0u64; 10];
            words[..4].copy_from_slice(&[
                variables_hash(),
                directory_hash(),
                locale_hash(),
                system::mask(),
            ]);
            for (word, kind) in words[4..7].iter_mut().zip(kinds) {
                *word = kind as u32 as u64;
            }
            if number(sinks) != 0.0 {
                let [output, ..] = SINKS.integers(&[ffi::Rf_ScalarLogical(1)]);
                let [messages, ..] = MESSAGES.integers(&[ffi::Rf_ScalarLogical(0)]);
                words[7..].copy_from_slice(&[
                    output as u64,
                    messages as u64,
                    hears_output().into(),
                ]);
            }
            let bytes = ffi::Rf_allocVector(ffi::RAWSXP as u32, size_of_val(&words) as isize);
            std::ptr::copy_nonoverlapping(
                words.as_ptr().cast(),
                ffi::RAW(bytes),
                size_of_val(&words),
            );
            bytes
        }
    })
}

/// The kinds of random number generators, as numbers: what `RNGkind()` has names for.
unsafe extern "C-unwind" fn rs_random_kinds() -> Sexp {
    guard(|| {
        // SAFETY: R's main thread; this frame owns nothing that must be dropped.
        unsafe {
            let kinds = KINDS.integers(&[ffi::nil(); 3]);
            let out = ffi::Rf_allocVector(ffi::INTSXP as u32, kinds.len() as isize);
            std::ptr::copy_nonoverlapping(kinds.as_ptr(), ffi::INTEGER(out), kinds.len());
            out
        }
    })
}

/// Does what R code prints come to the connection of a worker's output?
/// @noRd
#[extendr]
fn rs_output_arrives() -> bool {
    hears_output()
}

/// The number of sinks for output; `sink.number()` of R takes twenty times as long.
/// @noRd
#[extendr]
fn rs_sinks() -> i32 {
    static SINKS: Internal = Internal::new(c"sink.number");
    // SAFETY: R's main thread; nothing is owned here.
    unsafe { SINKS.integers(&[ffi::Rf_ScalarLogical(1)])[0] }
}

/// Bytes of memory that process `pid` (0: this one) has in use and shares with no file: `NA`
/// where the system does not tell.
/// @noRd
#[extendr]
fn rs_own_memory(pid: f64) -> f64 {
    system::own_memory(pid as u32).unwrap_or(f64::NAN)
}

routines! {
    meta__rs_desk_glance "rs_desk_glance" "wrap__rs_desk_glance" ("seed", "sinks") => rs_desk_glance;
    meta__rs_random_kinds "rs_random_kinds" "wrap__rs_random_kinds" () => rs_random_kinds;
}

extendr_module! {
    mod desk;
    fn rs_desk_glance;
    fn rs_random_kinds;
    fn rs_output_arrives;
    fn rs_sinks;
    fn rs_environment_hash;
    fn rs_own_memory;
}
