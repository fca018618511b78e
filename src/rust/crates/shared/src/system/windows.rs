//! Windows: a file of memory is a section of the paging file. No process but this one maps it yet.

use std::ffi::c_void;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr::{null, null_mut, NonNull};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

pub(crate) type Handle = OwnedHandle;

/// Where a view of a section may begin: a multiple of this.
const GRANULARITY: usize = 64 << 10;

const PAGE_READWRITE: u32 = 4;
const FILE_MAP_COPY: u32 = 1;
const FILE_MAP_WRITE: u32 = 2;

// Named as Windows names them.
extern "system" {
    fn CreateFileMappingW(
        file: RawHandle,
        attributes: *const c_void,
        protection: u32,
        size_high: u32,
        size_low: u32,
        name: *const u16,
    ) -> RawHandle;
    fn MapViewOfFile(
        section: RawHandle,
        access: u32,
        offset_high: u32,
        offset_low: u32,
        len: usize,
    ) -> *mut c_void;
    fn UnmapViewOfFile(base: *const c_void) -> i32;
}

/// The number of the last error.
fn error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The size of a file that is to have `len` bytes.
pub(crate) fn file_len(len: usize) -> usize {
    len
}

/// A section without a name of `len` zero bytes.
pub(crate) fn create(len: usize, _touched: bool) -> Result<Handle, i32> {
    let (high, low) = ((len as u64 >> 32) as u32, len as u32);
    let paging_file = usize::MAX as RawHandle;
    // SAFETY: no attributes and no name; the handle is ours alone.
    unsafe {
        let section = CreateFileMappingW(paging_file, null(), PAGE_READWRITE, high, low, null());
        if section.is_null() {
            return Err(error());
        }
        Ok(OwnedHandle::from_raw_handle(section))
    }
}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write(section: &Handle, offset: usize, bytes: &[u8]) -> Result<usize, i32> {
    let to = map(section, offset, bytes.len(), true)?;
    // SAFETY: a fresh view of that many bytes, which nobody else has.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len());
        unmap(to, bytes.len());
    }
    Ok(bytes.len())
}

/// Memory of this process: nobody is forked from it.
pub(crate) fn map_anonymous(len: usize) -> Result<NonNull<u8>, i32> {
    map(&create(len, true)?, 0, len, true)
}

/// Maps `len` bytes of a section from `offset` on; when not `shared`, what is written stays in
/// this view. The view keeps the section.
pub(crate) fn map(
    section: &Handle,
    offset: usize,
    len: usize,
    shared: bool,
) -> Result<NonNull<u8>, i32> {
    let skipped = offset % GRANULARITY;
    let from = (offset - skipped) as u64;
    // Of a range that is not inside the section Windows makes no view.
    let access = if shared {
        FILE_MAP_WRITE
    } else {
        FILE_MAP_COPY
    };
    // SAFETY: a fresh view at an address of the system's choice aliases nothing.
    let base = unsafe {
        MapViewOfFile(
            section.as_raw_handle(),
            access,
            (from >> 32) as u32,
            from as u32,
            len + skipped,
        )
    };
    if base == null_mut() {
        return Err(error());
    }
    // SAFETY: the view has that many bytes and more.
    NonNull::new(unsafe { base.cast::<u8>().add(skipped) }).ok_or(0)
}

/// Gives a view back.
///
/// # Safety
///
/// It was made by [`map`] or [`map_anonymous`], and nobody uses it any more.
pub(crate) unsafe fn unmap(base: NonNull<u8>, _len: usize) {
    // Views begin at multiples of the granularity.
    let address = base.as_ptr();
    // SAFETY: the begin of the view that `base` is in: less than one such step before it.
    let begin = unsafe { address.sub(address as usize % GRANULARITY) };
    // SAFETY: by the caller's promise.
    let unmapped = unsafe { UnmapViewOfFile(begin.cast()) };
    debug_assert!(unmapped != 0);
}

/// Handles are not limited.
pub fn descriptors_most() -> Option<u64> {
    None
}

/// Another handle of the same section.
pub(crate) fn copy(section: &Handle) -> Option<Handle> {
    section.try_clone().ok()
}

/// There are no seals.
pub(crate) fn seal_bytes(_: &Handle) {}

/// Sleeps a little: there is no wait on memory between processes here.
pub fn wait_for_change(_word: &AtomicU32, _expected: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_micros(200)));
}

/// Nothing to wake: waiters look again by themselves.
pub fn wake_waiter(_word: &AtomicU32) {}
