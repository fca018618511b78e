//! This process's thread pools.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicPtr, Ordering};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

struct Keyed {
    pid: u32,
    threads: usize,
    pool: ThreadPool,
    /// The pool that was built before: of this process, or of one it was forked from.
    before: *const Keyed,
}

/// The pool that was built last. Pools are leaked, never dropped: dropping one that was
/// inherited through a fork would wait for threads that do not exist in this process.
static LAST: AtomicPtr<Keyed> = AtomicPtr::new(std::ptr::null_mut());

/// This process's pool of `threads` threads, if there is one.
fn find(threads: usize) -> Option<&'static ThreadPool> {
    let pid = std::process::id();
    let mut at: *const Keyed = LAST.load(Ordering::Acquire);
    // SAFETY: `at` is null or a leaked box, which lives as long as the process, and so
    // is its `before`; the fields are never written after publication.
    while let Some(keyed) = unsafe { at.as_ref() } {
        if keyed.pid == pid && keyed.threads == threads {
            return Some(&keyed.pool);
        }
        at = keyed.before;
    }
    None
}

/// This process's pool of `threads` threads, built on first use.
///
/// Pools are keyed by process id: a forked child never enters a pool of its
/// parent, whose threads do not exist there (it would hang for ever). There is
/// no lock, so a fork at any moment inherits nothing held. Each number of threads
/// has a pool of its own, which sleeps while it is not used.
///
/// # Errors
///
/// When the operating system refuses to start a thread.
pub(crate) fn pool(threads: NonZeroUsize) -> Result<&'static ThreadPool, ThreadPoolBuildError> {
    if let Some(pool) = find(threads.get()) {
        return Ok(pool);
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()?;
    let keyed = Box::leak(Box::new(Keyed {
        pid: std::process::id(),
        threads: threads.get(),
        pool,
        // Two threads that build at once lose one pool from the list: it idles.
        before: LAST.load(Ordering::Acquire),
    }));
    LAST.store(keyed, Ordering::Release);
    Ok(&keyed.pool)
}

/// Runs `op` on this process's pool of `threads` threads; see [`pool`].
///
/// # Errors
///
/// When the operating system refuses to start a thread.
pub fn with_pool<R: Send>(
    threads: NonZeroUsize,
    op: impl FnOnce() -> R + Send,
) -> Result<R, ThreadPoolBuildError> {
    Ok(pool(threads)?.install(op))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_threads_in_turn_build_no_further_pools() {
        let pool = |n| {
            let threads = NonZeroUsize::new(n).unwrap();
            assert_eq!(with_pool(threads, rayon::current_num_threads).unwrap(), n);
            std::ptr::from_ref(find(n).unwrap())
        };
        let (two, three) = (pool(2), pool(3));
        assert_eq!((two, three), (pool(2), pool(3)));
    }
}
