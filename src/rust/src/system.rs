//! What differs between systems in this crate. (The crates below have such modules of their own.)

#[cfg(target_os = "linux")]
use std::ffi::{c_char, CStr};

/// Calls `f` with each variable of the environment, "name=value".
#[cfg(target_os = "linux")]
pub(crate) fn each_variable(mut f: impl FnMut(&[u8])) {
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

/// The same where that list has no such name; copies it, and gives name and value one by one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn each_variable(mut f: impl FnMut(&[u8])) {
    for (name, value) in std::env::vars_os() {
        f(name.as_encoded_bytes());
        f(value.as_encoded_bytes());
    }
}

/// The permissions that files of this process do not get.
#[cfg(unix)]
pub(crate) fn mask() -> u64 {
    // SAFETY: the system tells the mask only to who sets one.
    unsafe {
        let mask = libc::umask(0o77);
        libc::umask(mask);
        mask.into()
    }
}

/// Files have no such permissions.
#[cfg(windows)]
pub(crate) fn mask() -> u64 {
    0
}

/// Bytes of memory that process `pid` (0: this one) has in use and shares with no file.
#[cfg(target_os = "linux")]
pub(crate) fn own_memory(pid: u32) -> Option<f64> {
    let path = match pid {
        0 => "/proc/self/statm".to_owned(),
        _ => format!("/proc/{pid}/statm"),
    };
    let text = std::fs::read_to_string(path).ok()?;
    let mut pages = text.split(' ').map(str::parse::<f64>);
    let (resident, shared) = (pages.nth(1)?.ok()?, pages.next()?.ok()?);
    // SAFETY: reads a number of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some((resident - shared) * page as f64)
}

/// Not told.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own_memory(_pid: u32) -> Option<f64> {
    None
}

/// Asks for huge pages inside fresh memory, before it is touched.
///
/// # Safety
///
/// The memory is the caller's.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn advise_huge(to: *mut u8, bytes: usize) {
    const PAGE: usize = 4096;
    let skip = to.align_offset(PAGE);
    let inside = bytes.saturating_sub(skip) / PAGE * PAGE;
    // SAFETY: whole pages inside memory of the caller's; advice changes no data.
    unsafe { libc::madvise(to.add(skip).cast(), inside, libc::MADV_HUGEPAGE) };
}

/// There is no such advice.
///
/// # Safety
///
/// As above.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) unsafe fn advise_huge(_to: *mut u8, _bytes: usize) {}
