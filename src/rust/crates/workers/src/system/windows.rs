//! Windows: a session without workers of its own kinds.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::time::Instant;

/// The clock counts from the first time it is read: no other process is asked.
pub(crate) fn clock_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Nothing is cheaper here than the clock itself.
pub(crate) fn coarse_clock_ns() -> u64 {
    clock_ns()
}

/// PROCESS_MEMORY_COUNTERS.
#[repr(C)]
#[derive(Default)]
struct Counters {
    size: u32,
    page_faults: u32,
    peak_working_set: usize,
    working_set: usize,
    quotas: [usize; 4],
    page_file: usize,
    peak_page_file: usize,
}

extern "system" {
    fn GetCurrentProcess() -> *mut c_void;
    fn K32GetProcessMemoryInfo(process: *mut c_void, out: *mut Counters, size: u32) -> i32;
}

/// The most memory that this process has had, in KiB; 0 where the system does not tell.
pub(crate) fn peak_kib() -> u64 {
    let mut counters = Counters::default();
    let size = size_of::<Counters>() as u32;
    // SAFETY: the structure lives and has that size; the handle of this process needs no closing.
    let told = unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &mut counters, size) } != 0;
    if told {
        counters.peak_working_set as u64 / 1024
    } else {
        0
    }
}

/// The system remembers for good.
pub(crate) fn reset_peak() {}
