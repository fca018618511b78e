//! What R code of the desk (R/engine-desk.R) and of memory (R/workers-memory.R) would be too
//! slow to look at.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use extendr_api::prelude::*;

/// A fingerprint of the environment variables. R takes a tenth of a millisecond to list
/// them, and a desk is looked at before every job.
/// @noRd
#[extendr]
fn rs_environment_hash() -> String {
    let mut hasher = DefaultHasher::new();
    each_variable(|bytes| {
        hasher.write(bytes);
        hasher.write_u8(0);
    });
    format!("{:016x}", hasher.finish())
}

/// Calls `f` with each "name=value".
#[cfg(target_os = "linux")]
fn each_variable(mut f: impl FnMut(&[u8])) {
    use std::ffi::{c_char, CStr};
    extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: the list of the C library: strings, and a null pointer at its end. Only R's
    // main thread sets variables, and that is this one.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            f(CStr::from_ptr(*at).to_bytes());
            at = at.add(1);
        }
    }
}

/// The same where that list has no such name; copies it.
#[cfg(not(target_os = "linux"))]
fn each_variable(mut f: impl FnMut(&[u8])) {
    for (name, value) in std::env::vars_os() {
        f(name.as_encoded_bytes());
        f(value.as_encoded_bytes());
    }
}

/// Bytes of memory that process `pid` (0: this one) has in use and shares with no file: `NA`
/// where the system does not tell.
/// @noRd
#[extendr]
fn rs_own_memory(pid: f64) -> f64 {
    let path = match pid {
        0.0 => "/proc/self/statm".to_owned(),
        _ => format!("/proc/{pid}/statm"),
    };
    let own = std::fs::read_to_string(path).ok().and_then(|text| {
        let mut pages = text.split(' ').map(str::parse::<f64>);
        let (resident, shared) = (pages.nth(1)?.ok()?, pages.next()?.ok()?);
        Some(resident - shared)
    });
    // SAFETY: reads a number of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    own.map_or(f64::NAN, |pages| pages * page as f64)
}

extendr_module! {
    mod desk;
    fn rs_environment_hash;
    fn rs_own_memory;
}
