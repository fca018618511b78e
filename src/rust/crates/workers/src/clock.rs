//! The monotonic clock, which all processes of a machine share.

use rustle_schedule::Clock;

use crate::system;

/// The clock by which workers measure their claims.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        now_ns()
    }

    /// Only when the kernel's clock has ticked since `since`.
    #[inline]
    fn is_worth_reading(&self, since: u64) -> bool {
        coarse_ns() >= since
    }
}

/// Nanoseconds since some fixed moment; never 0.
pub fn now_ns() -> u64 {
    system::clock_ns().max(1)
}

/// The same as of the last tick of the kernel, some milliseconds ago: costs a
/// fraction of [`now_ns`].
fn coarse_ns() -> u64 {
    system::coarse_clock_ns()
}
