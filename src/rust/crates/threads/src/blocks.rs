//! Blocks of numerical work on threads, in slices of time.
//!
//! R's main thread must look for interrupts between slices, so a kernel is cut
//! into blocks that take milliseconds, and [`run`] returns when its time is over,
//! with the first block that nobody has begun.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::pool::{on_threads, pool};
use crate::vector::clean_after;

/// How long a call from R may stay in Rust before it returns to look for
/// interrupts: one slice and the longest block stay below 200 ms.
pub const SLICE: Duration = Duration::from_millis(50);

/// A slice of time on some threads.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Threads that work, the calling one among them.
    pub threads: NonZeroUsize,
    /// When no further block is begun.
    pub until: Instant,
}

impl Slice {
    /// A slice that begins now.
    pub fn new(threads: NonZeroUsize) -> Slice {
        Slice {
            threads,
            until: Instant::now() + SLICE,
        }
    }

    /// Is the time over?
    pub fn over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Runs `op(block)` for blocks `from..n` until the slice is over; returns the first
/// block that was not begun, `n` when all are done.
///
/// All blocks below the result are done. At least one block is run if there is
/// one. Which thread runs a block is left to chance: `op` must not depend on it.
/// Where threads cannot be started the calling thread runs the blocks.
pub fn run(slice: Slice, from: usize, n: usize, op: impl Fn(usize) + Sync) -> usize {
    if from >= n {
        return n;
    }
    let next = AtomicUsize::new(from);
    let work = || {
        clean_after(|| loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= n {
                break;
            }
            op(block);
            if slice.over() {
                break;
            }
        });
    };
    if on_threads(slice.threads, n - from, |_| work()).is_err() {
        work();
    }
    next.into_inner().min(n)
}

/// Runs `op`, which calls [`run`] many times for a short while each, on a thread of the
/// pool: each call then wakes the other threads alone, not one that wakes them and in
/// the end the calling thread.
pub fn within<R: Send>(slice: Slice, op: impl FnOnce() -> R + Send) -> R {
    if slice.threads.get() == 1 {
        return op();
    }
    match pool(slice.threads) {
        Ok(pool) => pool.install(op),
        Err(_) => op(),
    }
}
