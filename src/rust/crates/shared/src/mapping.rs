use std::fmt;
use std::ptr::NonNull;

use crate::system;

/// Mapped memory: anonymous and shared with every process forked later, or of a
/// [`crate::MemoryFile`].
///
/// Pages are not reserved: a mapping larger than the memory of the machine is
/// legal, and only touched pages exist. Unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

/// The system refused to map memory. Size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingError {
    /// How many bytes were asked for.
    pub size_bytes: usize,
    /// The system's error number.
    pub errno: i32,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes of shared memory cannot be mapped: {}",
            self.size_bytes,
            std::io::Error::from_raw_os_error(self.errno)
        )
    }
}

impl std::error::Error for MappingError {}

// SAFETY: a mapping is an address range, which any thread may unmap; views of it are
// `Sync` (contract of `view`), and other bytes are reached through `Ring`, which is not.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference nothing of the mapping itself changes.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes, rounded up to one at least.
    ///
    /// # Errors
    ///
    /// When the system has no such address space left (`ulimit -v`, strict
    /// overcommit).
    pub fn anonymous(len: usize) -> Result<Mapping, MappingError> {
        let len = len.max(1);
        Mapping::from_system(system::map_anonymous(len), len)
    }

    /// `len` bytes of a file from `offset` on; when not `shared`, what is written stays in
    /// this process.
    pub(crate) fn of_file(
        file: &system::Handle,
        offset: usize,
        len: usize,
        shared: bool,
    ) -> Result<Mapping, MappingError> {
        let len = len.max(1);
        Mapping::from_system(system::map(file, offset, len, shared), len)
    }

    fn from_system(base: Result<NonNull<u8>, i32>, len: usize) -> Result<Mapping, MappingError> {
        base.map(|base| Mapping { base, len })
            .map_err(|errno| MappingError {
                size_bytes: len,
                errno,
            })
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a mapping has at least one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `len` bytes at `offset`, which nobody writes to.
    ///
    /// # Panics
    ///
    /// When the range is not inside the mapping.
    pub fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        // SAFETY: inside the mapping, which the result borrows.
        unsafe { std::slice::from_raw_parts(self.range(offset, len), len) }
    }

    /// Sets these bytes to zero.
    ///
    /// # Safety
    ///
    /// Nobody else uses these bytes meanwhile, in any process.
    ///
    /// # Panics
    ///
    /// When the range is not inside the mapping.
    pub unsafe fn clear(&self, range: std::ops::Range<usize>) {
        // SAFETY: inside the mapping, which is writable; nobody else uses it, by the caller's
        // promise.
        unsafe {
            self.range(range.start, range.len())
                .write_bytes(0, range.len())
        }
    }

    /// Address of `len` bytes at `offset`.
    ///
    /// # Panics
    ///
    /// When the range is not inside the mapping.
    pub fn address(&self, offset: usize, len: usize) -> *mut u8 {
        self.range(offset, len)
    }

    /// `count` values of type `T` at `offset` bytes.
    ///
    /// # Panics
    ///
    /// When the range is not inside the mapping or `offset` is not aligned.
    ///
    /// # Safety
    ///
    /// * all-zero bytes are a valid `T`, and every bit pattern that another
    ///   process can write is valid too;
    /// * `T` is changed through atomics only;
    /// * no other view gives the same bytes another type.
    pub unsafe fn view<T: Sync>(&self, offset: usize, count: usize) -> &[T] {
        let p = self.range(offset, count.saturating_mul(size_of::<T>()));
        assert!(p.align_offset(align_of::<T>()) == 0, "misaligned view");
        // SAFETY: inside the mapping, which the result borrows, and aligned (checked
        // above); contents by the caller's promise.
        unsafe { std::slice::from_raw_parts(p.cast::<T>(), count) }
    }

    /// Address of `len` bytes at `offset`.
    ///
    /// # Panics
    ///
    /// When the range is not inside the mapping.
    pub(crate) fn range(&self, offset: usize, len: usize) -> *mut u8 {
        let end = offset.checked_add(len);
        assert!(
            end.is_some_and(|e| e <= self.len),
            "view outside the mapping"
        );
        // SAFETY: offset + len <= self.len, checked above.
        unsafe { self.base.as_ptr().add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and len are those of the mapping that was made; views borrow it, and
        // rings keep it.
        unsafe { system::unmap(self.base, self.len) };
    }
}
