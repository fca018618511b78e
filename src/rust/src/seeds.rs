//! Which `.Random.seed` a task finds.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use rustle_streams::{Numbering, Seed, TaskSeeds};

use crate::ffi::{self, Sexp};

/// Where the random numbers of a job come from.
#[derive(Clone, Debug)]
pub(crate) enum Seeds {
    /// Workers start without a seed, so that no two draw the same numbers.
    Clear,
    /// Workers go on from the seed that they inherit.
    Keep,
    /// Every task starts from the seed that the workers inherit.
    Same,
    /// Every task has a stream of its own; the first number is R's kind code.
    Task(c_int, TaskSeeds),
    /// Every share has a stream of its own.
    Share(c_int, Seed),
    /// Every task has its element of this list.
    List(Sexp),
}

/// R's variable of the random state.
fn variable() -> Sexp {
    static SYMBOL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let known = SYMBOL.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: main thread; the name is terminated; symbols are never collected.
    let symbol = unsafe { ffi::Rf_install(c".Random.seed".as_ptr()) };
    SYMBOL.store(symbol, Ordering::Relaxed);
    symbol
}

/// Has this process a random state, that is: were numbers drawn since it had none?
pub(crate) fn exists() -> bool {
    // SAFETY: main thread.
    unsafe { ffi::R_existsVarInFrame(ffi::R_GlobalEnv, variable()) != 0 }
}

fn set(value: Sexp) {
    // SAFETY: main thread; `value` is live and the global environment keeps it.
    unsafe { ffi::Rf_defineVar(variable(), value, ffi::R_GlobalEnv) };
}

fn set_words(kind: c_int, seed: Seed) {
    // SAFETY: a fresh vector of seven integers is filled before it is published.
    unsafe {
        let value = ffi::Rf_protect(ffi::Rf_allocVector(ffi::INTSXP as u32, 7));
        let to = ffi::INTEGER(value);
        to.write(kind);
        for (k, word) in seed.words().into_iter().enumerate() {
            to.add(k + 1).write(word);
        }
        set(value);
        ffi::Rf_unprotect(1);
    }
}

fn clear() {
    if exists() {
        // SAFETY: main thread; the variable is there.
        unsafe { ffi::R_removeVarFromFrame(variable(), ffi::R_GlobalEnv) };
    }
}

impl Seeds {
    /// Before the first task of a worker.
    pub(crate) fn enter_worker(&mut self, seat: usize, inherited: Sexp) {
        match self {
            Seeds::Clear => clear(),
            Seeds::Keep | Seeds::Task(..) | Seeds::List(_) => {}
            Seeds::Same => {
                if inherited == ffi::nil() {
                    clear();
                }
            }
            Seeds::Share(kind, base) => {
                let numbering = TaskSeeds::new(*base, Numbering::Stream).seed(seat as u64);
                set_words(*kind, numbering);
            }
        }
    }

    /// Before each task.
    pub(crate) fn enter_task(&mut self, task: u32, inherited: Sexp) {
        match self {
            Seeds::Clear | Seeds::Keep | Seeds::Share(..) => {}
            Seeds::Same => {
                if inherited == ffi::nil() {
                    clear();
                } else {
                    set(inherited);
                }
            }
            Seeds::Task(kind, seeds) => set_words(*kind, seeds.seed(u64::from(task))),
            // SAFETY: the list has an element per task (checked when the job was
            // opened) and is kept alive by the caller of the job.
            Seeds::List(list) => set(unsafe { ffi::VECTOR_ELT(*list, task as isize) }),
        }
    }
}
