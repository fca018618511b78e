use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps until `word` is woken, at most `limit`, unless it is no longer
/// `expected`. Spurious returns are allowed: the caller looks again.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn wait_for_change(word: &AtomicU32, expected: u32, limit: Duration) {
    let timeout = rustix::thread::Timespec {
        tv_sec: limit.as_secs() as i64,
        tv_nsec: i64::from(limit.subsec_nanos()),
    };
    // Every outcome (woken, changed, timed out, interrupted) means: look again.
    let _ = rustix::thread::futex::wait(
        word,
        rustix::thread::futex::Flags::empty(),
        expected,
        Some(&timeout),
    );
}

/// Wakes who sleeps in [`wait_for_change`] on `word`, in whatever process.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn wake_waiter(word: &AtomicU32) {
    let _ = rustix::thread::futex::wake(word, rustix::thread::futex::Flags::empty(), 1);
}

/// Sleeps a little: there is no wait on memory between processes here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn wait_for_change(_word: &AtomicU32, _expected: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_micros(200)));
}

/// Nothing to wake: waiters look again by themselves.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn wake_waiter(_word: &AtomicU32) {}
