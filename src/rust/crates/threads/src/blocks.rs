//! Blocks of numerical work on threads, in slices of time.
//!
//! R's main thread must look for interrupts between slices, so a kernel is cut
//! into blocks that take milliseconds, and [`run`] returns when its time is over,
//! with the first block that nobody has begun.

use std::num::NonZeroUsize;
use std::sync::Mutex;
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

/// Takes items one after another until the slice is over, and runs `op(scratch, item)`
/// on threads; returns how many were taken, the first of them, all of which are done.
///
/// At least one item is taken if there is one. Which thread takes an item is left to
/// chance: `op` must not depend on it. Every thread that takes any has a `scratch` of
/// its own. Where threads cannot be started the calling thread does all.
pub fn run_each<I: Iterator + Send, T>(
    slice: Slice,
    items: I,
    scratch: impl Fn() -> T + Sync,
    op: impl Fn(&mut T, I::Item) + Sync,
) -> usize {
    let most = items.size_hint().1.unwrap_or(usize::MAX);
    let queue = Mutex::new((items, 0));
    let take = || {
        // Only an iterator that panics can poison the lock, and then nothing is taken.
        let mut queue = queue.lock().ok()?;
        let item = queue.0.next()?;
        queue.1 += 1;
        Some(item)
    };
    let work = || {
        clean_after(|| {
            let mut own = None;
            while let Some(item) = take() {
                op(own.get_or_insert_with(&scratch), item);
                if slice.over() {
                    break;
                }
            }
        });
    };
    if on_threads(slice.threads, most, |_| work()).is_err() {
        work();
    }
    queue.into_inner().map_or(0, |queue| queue.1)
}

/// Runs `op(block)` for blocks `from..n` until the slice is over, as [`run_each`] does;
/// returns the first block that was not begun, `n` when all are done.
pub fn run(slice: Slice, from: usize, n: usize, op: impl Fn(usize) + Sync) -> usize {
    from.min(n) + run_each(slice, from..n, || (), |(), block| op(block))
}

/// Runs `op`, which makes many short calls of [`run`], on a thread of the pool. From there a
/// call of [`run`] wakes the other threads directly; from outside it would have to wake a
/// thread of the pool first, and be woken itself at the end.
pub fn within<R: Send>(slice: Slice, op: impl FnOnce() -> R + Send) -> R {
    if slice.threads.get() == 1 {
        return op();
    }
    match pool(slice.threads) {
        Ok(pool) => pool.install(op),
        Err(_) => op(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_taken_from_the_front_until_the_slice_is_over() {
        for threads in [1, 3] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let mut out = vec![0; 100];
            let mut taken = 0;
            let mut slices = 0;
            while taken < out.len() {
                let slice = Slice {
                    threads,
                    until: Instant::now() + Duration::from_micros(200),
                };
                let items = out[taken..].iter_mut();
                let now = run_each(slice, items, Vec::new, |seen, item| {
                    seen.push(());
                    *item += seen.len().min(1);
                    std::thread::sleep(Duration::from_micros(50));
                });
                assert!(now > 0);
                taken += now;
                slices += 1;
                assert!(out[..taken].iter().all(|n| *n == 1));
                assert!(out[taken..].iter().all(|n| *n == 0));
            }
            assert!(slices > 2, "the slices were not cut");
        }
    }

    #[test]
    fn no_blocks_are_done_at_once() {
        let slice = Slice::new(NonZeroUsize::MIN);
        assert_eq!(run(slice, 3, 3, |_| panic!("there is none")), 3);
        assert_eq!(run(slice, 4, 3, |_| panic!("there is none")), 3);
    }
}
