//! Which `.Random.seed` a task finds.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use rustle_streams::{Numbering, Seed, TaskSeeds};

use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::{Parsed, Refusal};

/// Where the random numbers of a job come from.
#[derive(Clone, Debug)]
pub(crate) enum Streams {
    /// Workers start without a seed, so that no two draw the same numbers.
    Clear,
    /// Workers go on from the seed that they inherit.
    Keep,
    /// Every task starts from the seed that the workers inherit.
    Same,
    /// Every task has a stream of its own; the first number is R's kind code.
    Task(c_int, TaskSeeds),
    /// Every worker's share of the tasks has a stream of its own.
    Share(c_int, Seed),
    /// Every task has its element of a list.
    List,
}

/// The streams of a job, and the R objects that some of them need.
#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    pub(crate) streams: Streams,
    /// The session's random state, or `NULL`.
    pub(crate) inherited: Sexp,
    /// The seed of each task, where they were given.
    pub(crate) list: Sexp,
}

/// The seven integers of a L'Ecuyer seed: R's kind code and the state.
pub(crate) fn base_seed(words: &[i32]) -> Parsed<(i32, Seed)> {
    let (kind, state) = words
        .split_first()
        .ok_or_else(|| Refusal::new("argument", "the seed is empty"))?;
    let seed = Seed::from_words(state).map_err(|e| Refusal::new("argument", e))?;
    Ok((*kind, seed))
}

impl Streams {
    /// From the fields `streams` and `seed` of R/engine-streams.R.
    pub(crate) fn read(spec: &Fields) -> Parsed<Streams> {
        let base = || base_seed(&spec.integers("seed")?.unwrap_or_default());
        let tasks = |numbering| base().map(|(k, s)| Streams::Task(k, TaskSeeds::new(s, numbering)));
        Ok(match spec.text("streams")?.as_str() {
            "clear" => Streams::Clear,
            "keep" => Streams::Keep,
            "same" => Streams::Same,
            "substream" => tasks(Numbering::Substream)?,
            "stream" => tasks(Numbering::Stream)?,
            "share" => base().map(|(k, s)| Streams::Share(k, s))?,
            "list" => Streams::List,
            other => {
                let unknown = format!("unknown streams '{other}'");
                return Err(Refusal::internal(unknown));
            }
        })
    }
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
    // SAFETY: workers and sessions look for it on R's main thread; nothing is allocated.
    unsafe { ffi::R_existsVarInFrame(ffi::R_GlobalEnv, variable()) != 0 }
}

/// # Safety
///
/// `value` is a live R object; main thread.
unsafe fn set(value: Sexp) {
    // SAFETY: by the caller's promise; the global environment keeps it.
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
    pub(crate) fn enter_worker(&mut self, seat: usize) {
        match &self.streams {
            Streams::Clear => clear(),
            Streams::Keep | Streams::Task(..) | Streams::List => {}
            Streams::Same => {
                if self.inherited == ffi::nil() {
                    clear();
                }
            }
            Streams::Share(kind, base) => {
                let numbering = TaskSeeds::new(*base, Numbering::Stream).seed(seat as u64);
                set_words(*kind, numbering);
            }
        }
    }

    /// Before each task.
    pub(crate) fn enter_task(&mut self, task: u32) {
        match &mut self.streams {
            Streams::Clear | Streams::Keep | Streams::Share(..) => {}
            Streams::Same => {
                if self.inherited == ffi::nil() {
                    clear();
                } else {
                    // SAFETY: the job keeps what its workers inherit.
                    unsafe { set(self.inherited) };
                }
            }
            Streams::Task(kind, seeds) => set_words(*kind, seeds.seed(u64::from(task))),
            // SAFETY: the list has an element per task (R code has checked it) and is kept
            // alive by the job.
            Streams::List => unsafe { set(ffi::VECTOR_ELT(self.list, task as isize)) },
        }
    }
}
