//! This process's thread pool.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicPtr, Ordering};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

struct Keyed {
    pid: u32,
    threads: usize,
    pool: ThreadPool,
}

/// Pools are leaked, never dropped: dropping one that was inherited through a
/// fork would wait for threads that do not exist in this process.
static POOL: AtomicPtr<Keyed> = AtomicPtr::new(std::ptr::null_mut());

/// Runs `op` on this process's pool of `threads` threads, building it on first
/// use.
///
/// The pool is keyed by process id: a forked child never enters the pool of its
/// parent, whose threads do not exist there (it would hang for ever). There is
/// no lock, so a fork at any moment inherits nothing held. Another number of
/// threads builds another pool; the old one idles.
///
/// # Errors
///
/// When the operating system refuses to start a thread.
pub fn with_pool<R: Send>(
    threads: NonZeroUsize,
    op: impl FnOnce() -> R + Send,
) -> Result<R, ThreadPoolBuildError> {
    let current = POOL.load(Ordering::Acquire);
    // SAFETY: POOL holds null or a leaked box, which lives as long as the
    // process; the fields are never written after publication.
    if let Some(keyed) = unsafe { current.as_ref() } {
        if keyed.pid == std::process::id() && keyed.threads == threads.get() {
            return Ok(keyed.pool.install(op));
        }
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()?;
    let keyed = Box::new(Keyed {
        pid: std::process::id(),
        threads: threads.get(),
        pool,
    });
    let keyed = Box::leak(keyed);
    POOL.store(keyed, Ordering::Release);
    Ok(keyed.pool.install(op))
}
