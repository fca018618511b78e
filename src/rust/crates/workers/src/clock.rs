//! The monotonic clock, which all processes of a machine share.

use rustix::time::{clock_gettime, ClockId};

/// Nanoseconds since some fixed moment; never 0.
pub fn now_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// The same as of the last tick of the kernel, some milliseconds ago: costs a
/// fraction of [`now_ns`].
pub fn coarse_ns() -> u64 {
    nanoseconds(COARSE)
}

#[cfg(target_os = "linux")]
const COARSE: ClockId = ClockId::MonotonicCoarse;
#[cfg(not(target_os = "linux"))]
const COARSE: ClockId = ClockId::Monotonic;

fn nanoseconds(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    (t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64).max(1)
}
