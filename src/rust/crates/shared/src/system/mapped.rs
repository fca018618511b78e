//! Files of memory and maps of them, as Linux and the rest of POSIX have them alike.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{fstat, ftruncate};
use rustix::io::Errno;
use rustix::mm::{mmap, mmap_anonymous, munmap, MapFlags, ProtFlags};
use rustix::process::{getrlimit, Resource};

use super::{anonymous, reserve, seal_size};
use crate::file::MemoryFile;

/// What another process is given of a file.
pub(crate) type Handle = OwnedFd;

/// A file without a name of `len` zero bytes, which keeps that size. When not `touched`, its bytes
/// come by [`super::write`] alone, which is told when there is no memory.
pub(crate) fn create(len: usize, touched: bool) -> Result<Handle, i32> {
    // Beyond this limit the system would not refuse, but end this process by a signal.
    let most = getrlimit(Resource::Fsize).current;
    if most.is_some_and(|most| len as u64 > most) {
        return Err(Errno::FBIG.raw_os_error());
    }
    let make = || {
        let (fd, may_be_full) = anonymous()?;
        ftruncate(&fd, len as u64)?;
        if may_be_full && touched {
            // Who touches a page for which there is no room is ended by a signal.
            reserve(&fd, 0, len)?;
        }
        // A file that shrinks under a mapping kills who reads there. Where sealing is not
        // known, nobody but our own processes has the file.
        seal_size(&fd);
        Ok(fd)
    };
    make().map_err(|e: Errno| e.raw_os_error())
}

fn base(mapped: Result<*mut std::ffi::c_void, Errno>) -> Result<NonNull<u8>, i32> {
    let base = mapped.map_err(Errno::raw_os_error)?;
    NonNull::new(base.cast::<u8>()).ok_or(libc::ENOMEM)
}

/// Maps `len` bytes that every process sees which is forked later.
pub(crate) fn map_anonymous(len: usize) -> Result<NonNull<u8>, i32> {
    // SAFETY: a fresh mapping at an address of the system's choice aliases nothing.
    base(unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::NORESERVE,
        )
    })
}

/// Maps `len` bytes of a file from `offset` on; when not `shared`, what is written stays in this
/// process.
pub(crate) fn map(
    fd: &Handle,
    offset: usize,
    len: usize,
    shared: bool,
) -> Result<NonNull<u8>, i32> {
    let how = if shared {
        MapFlags::SHARED
    } else {
        MapFlags::PRIVATE
    };
    // SAFETY: a fresh mapping at an address of the system's choice aliases nothing.
    base(unsafe {
        mmap(
            std::ptr::null_mut(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            how | MapFlags::NORESERVE,
            fd,
            offset as u64,
        )
    })
}

/// Gives a mapping back.
///
/// # Safety
///
/// It was made by [`map`] or [`map_anonymous`] with this length, and nobody uses it any more.
pub(crate) unsafe fn unmap(base: NonNull<u8>, len: usize) {
    // SAFETY: by the caller's promise.
    let unmapped = unsafe { munmap(base.as_ptr().cast(), len) };
    debug_assert!(unmapped.is_ok());
}

/// How many descriptors this process may have, where that is limited.
pub fn descriptors_most() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Is the address space of this process limited (`ulimit -v`)?
pub fn is_address_space_limited() -> bool {
    getrlimit(Resource::As).current.is_some()
}

/// Another descriptor of the same file.
pub(crate) fn copy(fd: &Handle) -> Option<Handle> {
    fd.try_clone().ok()
}

impl MemoryFile {
    /// The file that another process has made, by its descriptor.
    ///
    /// # Errors
    ///
    /// When it is no file.
    pub fn received(fd: OwnedFd) -> Result<MemoryFile, crate::MappingError> {
        let len = fstat(&fd).map_err(|e| crate::MappingError {
            size_bytes: 0,
            errno: e.raw_os_error(),
        })?;
        Ok(MemoryFile::of(fd, len.st_size as usize))
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle().as_fd()
    }
}

/// A file of shared memory whose name is gone before anybody else can use it.
pub(crate) fn named() -> Result<OwnedFd, Errno> {
    use rustix::fs::Mode;
    use rustix::shm::{open, unlink, OFlags};
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..100 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("/rustle-{}-{number}", std::process::id());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        match open(&name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => {
                unlink(&name)?;
                return Ok(fd);
            }
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
    }
    Err(Errno::EXIST)
}
