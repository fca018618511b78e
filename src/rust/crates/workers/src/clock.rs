//! The monotonic clock, which all processes of a machine share.

use rustle_schedule::Clock;

use crate::system::COARSE_CLOCK;

/// The clock by which workers measure their claims.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now(&self) -> u64 {
        now_ns()
    }

    /// Only when the kernel's clock has ticked since `since`.
    fn is_worth_reading(&self, since: u64) -> bool {
        coarse_ns() >= since
    }
}

/// Nanoseconds since some fixed moment; never 0.
pub fn now_ns() -> u64 {
    nanoseconds(libc::CLOCK_MONOTONIC)
}

/// The same as of the last tick of the kernel, some milliseconds ago: costs a
/// fraction of [`now_ns`].
fn coarse_ns() -> u64 {
    nanoseconds(COARSE_CLOCK)
}

/// By the C library: rustix finds the kernel's page with the clock by itself, which
/// fails in a forked process under valgrind.
fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` lives; both clocks exist on every system of ours, or `t` stays 0.
    unsafe { libc::clock_gettime(clock, &mut t) };
    (t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64).max(1)
}
