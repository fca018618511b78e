//! What is kept of the last call that went the short way, for whoever asks afterwards
//! (R/compiled-again.R).

use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use extendr_api::prelude::*;
use rustle_workers::clock::now_ns;
use rustle_workers::spans::peak_kib;

use super::meaning::symbol;
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::lists::named_list;
use crate::raw::routines;
use crate::refusal::into_r;

/// The objects that are kept, by the names under which R code finds them.
const KEPT: [&str; 6] = ["fun", "x", "call", "schedule", "seed", "plan"];

/// The calls since the last one that R has records of.
struct Told {
    /// Of the process that has made it: a fork has nothing here.
    pid: u32,
    /// A list with the [`KEPT`] of the last one.
    kept: Sexp,
    count: f64,
    /// When it began and ended (`NaN`: it has not), in seconds of the monotonic clock; and when it
    /// began by that of the wall.
    called: f64,
    ended: f64,
    start: f64,
    peak: f64,
    /// Frame and name of what R keeps of the last call.
    notes: Vec<(Sexp, Sexp)>,
}

/// Leaked, as a jump of R over a guard would leave a lock locked.
static TOLD: AtomicPtr<Told> = AtomicPtr::new(std::ptr::null_mut());

/// # Safety
///
/// R's main thread, and no other reference is in use: none is held while R allocates or evaluates.
unsafe fn told<'a>() -> Option<&'a mut Told> {
    // SAFETY: null or a leaked box; by the caller's promise.
    let told = unsafe { TOLD.load(Ordering::Relaxed).as_mut() }?;
    (told.pid == std::process::id()).then_some(told)
}

/// Is this the process in which calls go the short way?
pub(super) fn is_open() -> bool {
    // SAFETY: main thread; the reference ends here.
    unsafe { told() }.is_some()
}

fn seconds_now() -> f64 {
    now_ns() as f64 * 1e-9
}

/// A call begins; what R has kept of the one before is let go of.
///
/// # Safety
///
/// Live objects, in the order of [`KEPT`]; main thread.
pub(super) unsafe fn begin(objects: [Sexp; KEPT.len()]) {
    // SAFETY: by the caller's promise; nothing is allocated, for the names are bound there already.
    unsafe {
        let Some(last) = told() else {
            return;
        };
        for (k, object) in objects.into_iter().enumerate() {
            ffi::SET_VECTOR_ELT(last.kept, k as isize, object);
        }
        last.called = seconds_now();
        last.ended = f64::NAN;
        last.start = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(f64::NAN, |since| since.as_secs_f64());
        last.count += 1.0;
        if last.count == 1.0 {
            for &(frame, name) in &last.notes {
                ffi::Rf_defineVar(name, ffi::nil(), frame);
            }
        }
    }
}

/// It has ended with values.
pub(super) fn end() {
    // SAFETY: main thread; the reference ends here.
    if let Some(last) = unsafe { told() } {
        last.ended = seconds_now();
        last.peak = peak_kib() as f64 * 1024.0;
    }
}

/// Where the notes of the last call are that must be gone when the next one begins: for each a frame
/// and a name.
/// @noRd
#[extendr]
fn rs_again_open(spec: Robj) -> List {
    into_r((|| {
        let fields = Fields::new(&spec)?;
        let mut notes = Vec::new();
        for (frame, name) in fields
            .elements("frames")?
            .iter()
            .zip(fields.texts("names")?)
        {
            // SAFETY: main thread; a frame of the package's own, which is kept from here on.
            let frame = unsafe {
                ffi::R_PreserveObject(frame.get().cast());
                frame.get().cast()
            };
            notes.push((frame, symbol(&name)?));
        }
        // SAFETY: main thread; the list is kept from here on.
        let kept = unsafe {
            let kept = ffi::Rf_allocVector(ffi::VECSXP as u32, KEPT.len() as isize);
            ffi::R_PreserveObject(kept);
            kept
        };
        let told = Box::new(Told {
            pid: std::process::id(),
            kept,
            count: 0.0,
            called: f64::NAN,
            ended: f64::NAN,
            start: f64::NAN,
            peak: f64::NAN,
            notes,
        });
        TOLD.store(Box::into_raw(told), Ordering::Relaxed);
        Ok(().into())
    })())
}

/// How many calls have gone the short way since this was last asked; what is kept of them is let go of.
unsafe extern "C-unwind" fn rs_again_drop() -> Sexp {
    // SAFETY: main thread; the reference ends before R allocates.
    unsafe {
        let count = told().map_or(0.0, |last| {
            if last.count > 0.0 {
                for k in 0..KEPT.len() as isize {
                    ffi::SET_VECTOR_ELT(last.kept, k, ffi::nil());
                }
            }
            std::mem::take(&mut last.count)
        });
        ffi::Rf_ScalarReal(count)
    }
}

/// What is kept of the last of them, by the names of [`KEPT`], and `told`: the number of calls, when this
/// one began and ended (`NaN`: it has not), when it began by the clock of the wall, and the most memory.
/// `NULL` where there is nothing.
unsafe extern "C-unwind" fn rs_again_last() -> Sexp {
    // SAFETY: main thread; the list is protected while it is filled, and no reference to the state is
    // held where R allocates.
    unsafe {
        if told().is_none_or(|last| last.count == 0.0) {
            return ffi::nil();
        }
        let mut names = [""; KEPT.len() + 1];
        names[1..].copy_from_slice(&KEPT);
        names[0] = "told";
        let out = ffi::Rf_protect(named_list(&names));
        let numbers = ffi::Rf_allocVector(ffi::REALSXP as u32, 5);
        ffi::SET_VECTOR_ELT(out, 0, numbers);
        if let Some(last) = told() {
            for k in 0..KEPT.len() as isize {
                ffi::SET_VECTOR_ELT(out, k + 1, ffi::VECTOR_ELT(last.kept, k));
            }
            let all = [last.count, last.called, last.ended, last.start, last.peak];
            std::ptr::copy_nonoverlapping(all.as_ptr(), ffi::REAL(numbers), all.len());
        }
        ffi::Rf_unprotect(1);
        out
    }
}

routines! {
    meta__rs_again_drop "rs_again_drop" "wrap__rs_again_drop" () => rs_again_drop;
    meta__rs_again_last "rs_again_last" "wrap__rs_again_last" () => rs_again_last;
}

extendr_module! {
    mod told;
    fn rs_again_open;
    fn rs_again_drop;
    fn rs_again_last;
}
