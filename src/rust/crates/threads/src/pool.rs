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

/// As much as the main thread usually has. OpenBLAS, which compiled closures call here, takes
/// megabytes of it for a table when it factorizes a matrix on threads of its own.
const STACK: usize = 8 << 20;

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
        .stack_size(STACK)
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

/// Runs `work(0)` here and `work(1)`, `work(2)`, ... on this process's pool of `threads`
/// threads, `parts` in all but no more than threads, and returns when all have ended. The
/// calling thread begins at once, while those of the pool wake up.
///
/// # Errors
///
/// When the operating system refuses to start a thread; nothing has run then.
pub fn on_threads(
    threads: NonZeroUsize,
    parts: usize,
    work: impl Fn(usize) + Sync,
) -> Result<(), ThreadPoolBuildError> {
    let parts = parts.min(threads.get());
    if parts <= 1 {
        work(0);
        return Ok(());
    }
    let work = &work;
    pool(threads)?.in_place_scope(|scope| {
        for thread in 1..parts {
            scope.spawn(move |_| work(thread));
        }
        work(0);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_has_its_work() {
        let done = std::sync::Mutex::new(Vec::new());
        let threads = NonZeroUsize::new(3).unwrap();
        let here = std::thread::current().id();
        on_threads(threads, 5, |thread| {
            assert_eq!(thread == 0, std::thread::current().id() == here);
            done.lock().unwrap().push(thread);
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, [0, 1, 2]);
    }

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
