//! The monotonic clock, which all processes of a machine share.

use rustix::time::{clock_gettime, ClockId};

/// Nanoseconds since some fixed moment; never 0.
pub fn now_ns() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    (t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64).max(1)
}
