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

/// The sockets of this process whose own port this is.
#[cfg(target_os = "linux")]
pub(crate) fn sockets_at(port: u16) -> Vec<i32> {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&descriptor| own_port(descriptor) == Some(port))
        .collect()
}

#[cfg(target_os = "linux")]
fn own_port(descriptor: i32) -> Option<u16> {
    // SAFETY: plain numbers, for which zero is a value.
    let mut name: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    // SAFETY: the system writes at most `len` bytes of an address, and refuses what is no socket.
    let told = unsafe { libc::getsockname(descriptor, (&raw mut name).cast(), &raw mut len) };
    let family = i32::from(name.sin6_family);
    // The port has the same place in addresses of both kinds.
    (told == 0 && (family == libc::AF_INET || family == libc::AF_INET6))
        .then(|| u16::from_be(name.sin6_port))
}

/// Tells the sender at once what has arrived at a socket. What is none is left alone.
#[cfg(target_os = "linux")]
pub(crate) fn acknowledge(descriptor: i32) {
    let on: i32 = 1;
    let len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the system reads a number of that size.
    unsafe {
        libc::setsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_QUICKACK,
            (&raw const on).cast(),
            len,
        )
    };
}

/// Not looked for: there is no such call as the next one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sockets_at(_port: u16) -> Vec<i32> {
    Vec::new()
}

/// The system tells when it likes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn acknowledge(_descriptor: i32) {}

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
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn advise_huge(_to: *mut u8, _bytes: usize) {}
