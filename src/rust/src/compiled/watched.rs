//! Is somebody watching a function: by `debug()`, `debugonce()` or `trace()`? Then R shows each call of it,
//! and it is R that must call it. R has no way that packages may use to see that (`isdebugged()` does
//! not know of `debugonce()`), but marks the function itself.

use std::sync::atomic::{AtomicU32, Ordering};

use extendr_api::prelude::*;

use crate::ffi::Sexp;

/// Where the marks are in the first word of an object, as far as that was seen.
static MARKS: AtomicU32 = AtomicU32::new(0);
/// Where they are in all versions of R so far: of debug(), trace() and debugonce().
const PLACES: [u32; 3] = [1 << 25, 1 << 26, 1 << 27];

/// # Safety
///
/// A live object; main thread.
unsafe fn head(x: Sexp) -> u32 {
    // SAFETY: an object begins with 64 bits of what it is.
    unsafe { x.cast::<u32>().read() }
}

/// # Safety
///
/// A live object; main thread.
pub(super) unsafe fn is_watched(x: Sexp) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { head(x) & MARKS.load(Ordering::Relaxed) != 0 }
}

/// Sees where the marks are, of a plain function and of three that were marked in turn by `debug()`,
/// `trace()` and `debugonce()`.
/// @noRd
#[extendr]
fn rs_watched_open(functions: List) {
    // SAFETY: live objects, closures all.
    let heads: Vec<u32> = functions
        .values()
        .filter(|f| f.rtype() == Rtype::Function)
        .map(|f| unsafe { head(f.get().cast()) })
        .collect();
    let Some((plain, marked)) = heads.split_first() else {
        return;
    };
    let mut marks = 0;
    if marked.len() == PLACES.len() {
        for (k, place) in PLACES.iter().enumerate() {
            let seen = |at: usize| marked.get(at).is_some_and(|head| head & place != 0);
            if plain & place == 0 && (0..PLACES.len()).all(|at| seen(at) == (at == k)) {
                marks |= place;
            }
        }
    }
    MARKS.store(marks, Ordering::Relaxed);
}

/// Is somebody watching the function?
/// @noRd
#[extendr]
fn rs_is_watched(fun: Robj) -> bool {
    // SAFETY: a live object.
    unsafe { is_watched(fun.get().cast()) }
}

extendr_module! {
    mod watched;
    fn rs_watched_open;
    fn rs_is_watched;
}
