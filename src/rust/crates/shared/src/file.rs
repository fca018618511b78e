//! Memory that has a descriptor, by which another process can map it too.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{fallocate, fstat, ftruncate, FallocateFlags};
use rustix::io::{pwrite, Errno};
use rustix::process::{getrlimit, Resource};

use crate::mapping::{Mapping, MappingError};
use crate::system;

/// A file without a name, in memory: it is there as long as a process holds its descriptor
/// or a mapping of it, and nobody can reach it but those to whom the descriptor was given.
#[derive(Debug)]
pub struct MemoryFile {
    fd: OwnedFd,
    len: usize,
}

impl MemoryFile {
    /// A file of `len` zero bytes, at least one. Pages exist when they are touched.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub fn new(len: usize) -> Result<MemoryFile, MappingError> {
        let len = len.max(1);
        let refused = |e: Errno| MappingError {
            size_bytes: len,
            errno: e.raw_os_error(),
        };
        // Beyond this limit the system would not refuse, but end this process by a signal.
        let most = getrlimit(Resource::Fsize).current;
        if most.is_some_and(|most| len as u64 > most) {
            return Err(refused(Errno::FBIG));
        }
        let (fd, may_be_full) = system::anonymous().map_err(refused)?;
        ftruncate(&fd, len as u64).map_err(refused)?;
        if may_be_full {
            // Who touches a page for which there is no room is ended by a signal.
            fallocate(&fd, FallocateFlags::empty(), 0, len as u64).map_err(refused)?;
        }
        // A file that shrinks under a mapping kills who reads there. Where sealing is not
        // known, nobody but our own processes has the file.
        system::seal_size(&fd);
        Ok(MemoryFile { fd, len })
    }

    /// The file that another process has made, by its descriptor.
    ///
    /// # Errors
    ///
    /// When it is no file.
    pub fn received(fd: OwnedFd) -> Result<MemoryFile, MappingError> {
        let refused = |e: Errno| MappingError {
            size_bytes: 0,
            errno: e.raw_os_error(),
        };
        let len = fstat(&fd).map_err(refused)?.st_size as usize;
        Ok(MemoryFile { fd, len })
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
        let (mut at, mut rest) = (offset as u64, bytes);
        while !rest.is_empty() {
            match pwrite(&self.fd, rest, at) {
                Ok(written) if written > 0 => {
                    at += written as u64;
                    rest = &rest[written..];
                }
                Err(Errno::INTR) => {}
                failed => {
                    return Err(MappingError {
                        size_bytes: bytes.len(),
                        errno: failed.err().unwrap_or(Errno::NOSPC).raw_os_error(),
                    })
                }
            }
        }
        Ok(())
    }

    /// From now on nobody can write to the file. Private mappings stay writable: what is
    /// written there is the writer's own.
    pub fn seal(&self) {
        system::seal_bytes(&self.fd);
    }

    /// The whole file, shared with everybody who maps it so.
    ///
    /// # Errors
    ///
    /// When address space is short.
    pub fn map_shared(&self) -> Result<Mapping, MappingError> {
        Mapping::of_file(self.fd.as_fd(), 0, self.len, true)
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
                errno: libc::EINVAL,
            });
        }
        Mapping::of_file(self.fd.as_fd(), offset, len, false)
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{anonymous, named};

    #[test]
    fn what_is_written_is_mapped() {
        for fd in [anonymous().map(|made| made.0), named()] {
            let fd = fd.unwrap();
            ftruncate(&fd, 8192).unwrap();
            let file = MemoryFile::received(fd).unwrap();
            file.write_at(4096, b"abc").unwrap();
            let whole = file.map_shared().unwrap();
            assert_eq!(whole.bytes(4096, 3), b"abc");
            let part = file.map_private(4096, 4096).unwrap();
            assert_eq!(part.bytes(0, 3), b"abc");
            assert!(file.map_private(4096, 4097).is_err());
        }
    }

    #[test]
    fn a_sealed_file_keeps_its_bytes() {
        let file = MemoryFile::new(4096).unwrap();
        file.write_at(0, b"abc").unwrap();
        file.seal();
        assert!(file.write_at(0, b"x").is_err());
        let private = file.map_private(0, 4096).unwrap();
        // SAFETY: inside the mapping, which is writable and ours alone.
        unsafe { private.address(0, 3).write(b'x') };
        assert_eq!(file.map_private(0, 4096).unwrap().bytes(0, 3), b"abc");
    }
}
