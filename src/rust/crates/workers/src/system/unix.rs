//! What Linux and the rest of POSIX have alike.

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
pub(crate) fn peak_kib() -> u64 {
    // SAFETY: a plain structure of numbers, for which zeroes are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives.
    let told = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) } == 0;
    // macOS tells bytes, the others KiB.
    let unit = if cfg!(target_os = "macos") { 1024 } else { 1 };
    if told {
        usage.ru_maxrss.max(0) as u64 / unit
    } else {
        0
    }
}

/// Nanoseconds of a clock. By the C library: rustix finds the kernel's page with the clock by
/// itself, which fails in a forked process under valgrind.
fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` lives; both clocks exist on every system of ours, or `t` stays 0.
    unsafe { libc::clock_gettime(clock, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// The monotonic clock.
pub(crate) fn clock_ns() -> u64 {
    nanoseconds(libc::CLOCK_MONOTONIC)
}

/// The same, cheap: as of some milliseconds ago, where the system has that.
pub(crate) fn coarse_clock_ns() -> u64 {
    nanoseconds(super::COARSE_CLOCK)
}
