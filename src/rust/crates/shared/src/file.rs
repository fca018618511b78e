//! Memory that has a descriptor, by which another process can map it too.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::mapping::{Mapping, MappingError};
use crate::system;

/// The number of the error for a range that is none: POSIX' EINVAL; on Windows this number is
/// ERROR_BAD_COMMAND.
const INVALID: i32 = 22;
/// EPERM; on Windows ERROR_INVALID_FUNCTION.
const NOT_PERMITTED: i32 = 1;

/// A file without a name, in memory: it is there as long as a process holds its descriptor
/// or a mapping of it, and nobody can reach it but those to whom the descriptor was given.
#[derive(Debug)]
pub struct MemoryFile {
    handle: system::Handle,
    len: usize,
    /// For systems without seals.
    sealed: AtomicBool,
}

impl MemoryFile {
    /// A file of `len` zero bytes, at least one; of whole pages where the system has no other. Pages exist when they are touched.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub fn new(len: usize) -> Result<MemoryFile, MappingError> {
        MemoryFile::create(len, true)
    }

    /// A file whose bytes come by [`MemoryFile::write_at`] alone, so that its pages need not be
    /// there before, whatever the system.
    ///
    /// # Errors
    ///
    /// As [`MemoryFile::new`]; where memory is short, `write_at` says so.
    pub fn to_be_written(len: usize) -> Result<MemoryFile, MappingError> {
        MemoryFile::create(len, false)
    }

    fn create(len: usize, touched: bool) -> Result<MemoryFile, MappingError> {
        let len = system::file_len(len.max(1));
        let made = system::create(len, touched);
        made.map(|handle| MemoryFile::of(handle, len))
            .map_err(|errno| MappingError {
                size_bytes: len,
                errno,
            })
    }

    /// A file of this size, by what the system has for it.
    pub(crate) fn of(handle: system::Handle, len: usize) -> MemoryFile {
        MemoryFile {
            handle,
            len,
            sealed: AtomicBool::new(false),
        }
    }

    /// What the system has for it.
    #[cfg(unix)]
    pub(crate) fn handle(&self) -> &system::Handle {
        &self.handle
    }

    /// The same file once more; `None` when the system has no descriptor left.
    pub fn copy(&self) -> Option<MemoryFile> {
        let handle = system::copy(&self.handle)?;
        Some(MemoryFile::of(handle, self.len))
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a file has at least one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes `bytes` at `offset`, without mapping the file: fresh pages cost less that way.
    ///
    /// # Errors
    ///
    /// When memory is short, or the range is not inside the file.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), MappingError> {
        if self.sealed.load(Ordering::Relaxed) {
            return Err(MappingError {
                size_bytes: bytes.len(),
                errno: NOT_PERMITTED,
            });
        }
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let written = system::write(&self.handle, at, rest).map_err(|errno| MappingError {
                size_bytes: bytes.len(),
                errno,
            })?;
            at += written;
            rest = &rest[written..];
        }
        Ok(())
    }

    /// From now on nobody can write to the file: the system sees to that where it has seals, else
    /// this object, for who has it. Private mappings stay writable: what is
    /// written there is the writer's own.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Relaxed);
        system::seal_bytes(&self.handle);
    }

    /// The whole file, shared with everybody who maps it so.
    ///
    /// # Errors
    ///
    /// When address space is short.
    pub fn map_shared(&self) -> Result<Mapping, MappingError> {
        Mapping::of_file(&self.handle, 0, self.len, true)
    }

    /// `len` bytes from `offset`, a multiple of the page size: what is written there stays
    /// in this process.
    ///
    /// # Errors
    ///
    /// When address space is short, or the range is not inside the file.
    pub fn map_private(&self, offset: usize, len: usize) -> Result<Mapping, MappingError> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(MappingError {
                size_bytes: len,
                errno: INVALID,
            });
        }
        Mapping::of_file(&self.handle, offset, len, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_are_mapped(file: &MemoryFile) {
        file.write_at(4096, b"abc").unwrap();
        let whole = file.map_shared().unwrap();
        assert_eq!(whole.bytes(4096, 3), b"abc");
        let part = file.map_private(4096, 4096).unwrap();
        assert_eq!(part.bytes(0, 3), b"abc");
        assert!(file.map_private(4096, 4097).is_err());
    }

    #[test]
    fn what_is_written_is_mapped() {
        let file = MemoryFile::new(8192).unwrap();
        bytes_are_mapped(&file);
        let copy = file.copy().unwrap();
        drop(file);
        assert_eq!(copy.map_shared().unwrap().bytes(4096, 3), b"abc");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_written_to_every_kind_of_file_is_mapped() {
        for fd in [system::anonymous().map(|made| made.0), system::named()] {
            let fd = fd.unwrap();
            rustix::fs::ftruncate(&fd, 8192).unwrap();
            bytes_are_mapped(&MemoryFile::received(fd).unwrap());
        }
    }

    #[test]
    fn what_is_written_to_a_private_map_stays_there() {
        let file = MemoryFile::new(4096).unwrap();
        file.write_at(0, b"abc").unwrap();
        file.seal();
        assert!(file.write_at(0, b"a").is_err());
        let private = file.map_private(0, 4096).unwrap();
        // SAFETY: inside the mapping, which is writable and ours alone.
        unsafe { private.address(0, 3).write(b'x') };
        assert_eq!(file.map_private(0, 4096).unwrap().bytes(0, 3), b"abc");
    }
}
