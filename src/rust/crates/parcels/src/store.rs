use std::collections::HashMap;
use std::sync::Arc;

use rustle_shared::{MappingError, MemoryFile};

use crate::content::Digest;
use crate::ALIGNMENT;

/// Contents smaller than this share a file with others of the same parcel: a process has
/// few descriptors (often 1024), a message takes 253, and a list may have a thousand
/// vectors of 2 MB.
const SHARED_FILE: usize = 64 << 20;

/// Where a content stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<MemoryFile>,
    /// The number of the file in its store.
    pub number: u64,
    /// First byte.
    pub offset: usize,
}

#[derive(Debug)]
struct Kept {
    file: Arc<MemoryFile>,
    bytes: usize,
    contents: Vec<Digest>,
    /// The parcel that used it last.
    used: u64,
}

/// The file that further small contents of this parcel go to.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u64,
    end: usize,
}

/// Contents that have been sent, for those to come. Bounded: what has not been used for
/// the longest time goes first. (A parcel keeps its own files as long as it lives.)
#[derive(Debug)]
pub struct Store {
    limit_bytes: usize,
    limit_files: usize,
    files: HashMap<u64, Kept>,
    places: HashMap<Digest, (u64, usize)>,
    open: Option<Open>,
    next: u64,
    parcel: u64,
}

impl Store {
    /// A store that keeps at most so many bytes in so many files.
    pub fn new(limit_bytes: usize, limit_files: usize) -> Store {
        Store {
            limit_bytes,
            limit_files,
            files: HashMap::new(),
            places: HashMap::new(),
            open: None,
            next: 0,
            parcel: 0,
        }
    }

    /// Sets how much is kept from now on.
    pub fn set_limits(&mut self, bytes: usize, files: usize) {
        (self.limit_bytes, self.limit_files) = (bytes, files);
        self.trim(0, 0);
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.files.values().map(|kept| kept.bytes).sum()
    }

    /// How many files are kept.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Where the content stands, if it does.
    pub fn find(&mut self, digest: &Digest) -> Option<Place> {
        let (number, offset) = *self.places.get(digest)?;
        let kept = self.files.get_mut(&number)?;
        kept.used = self.parcel;
        let file = Arc::clone(&kept.file);
        Some(Place {
            file,
            number,
            offset,
        })
    }

    /// Copies a content that the store does not have.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub fn add(&mut self, digest: Digest, bytes: &[u8]) -> Result<Place, MappingError> {
        let (number, offset) = self.room(bytes.len())?;
        // Files in use are there: `room` has just looked.
        let Some(kept) = self.files.get_mut(&number) else {
            return Err(MappingError {
                size_bytes: bytes.len(),
                errno: 0,
            });
        };
        kept.file.write_at(offset, bytes)?;
        kept.bytes += bytes.len();
        kept.contents.push(digest);
        kept.used = self.parcel;
        self.places.insert(digest, (number, offset));
        let file = Arc::clone(&kept.file);
        if bytes.len() >= SHARED_FILE {
            file.seal();
        } else {
            let end = (offset + bytes.len()).next_multiple_of(ALIGNMENT);
            self.open = Some(Open { number, end });
        }
        Ok(Place {
            file,
            number,
            offset,
        })
    }

    /// Where `len` bytes can be written.
    fn room(&mut self, len: usize) -> Result<(u64, usize), MappingError> {
        let shared = len < SHARED_FILE;
        if let Some(open) = self.open.filter(|_| shared) {
            if open.end + len <= SHARED_FILE {
                return Ok((open.number, open.end));
            }
            self.seal();
        }
        self.trim(len, 1);
        let file = MemoryFile::to_be_written(if shared { SHARED_FILE } else { len })?;
        let number = self.next;
        self.next += 1;
        let kept = Kept {
            file: Arc::new(file),
            bytes: 0,
            contents: Vec::new(),
            used: self.parcel,
        };
        self.files.insert(number, kept);
        Ok((number, 0))
    }

    fn seal(&mut self) {
        if let Some(kept) = self
            .open
            .take()
            .and_then(|open| self.files.get(&open.number))
        {
            kept.file.seal();
        }
    }

    /// A parcel is complete: its files are sealed, and the store keeps to its limits.
    pub fn end_parcel(&mut self) {
        self.seal();
        self.parcel += 1;
        self.trim(0, 0);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.seal();
        self.files.clear();
        self.places.clear();
    }

    /// Lets go of files until so many bytes and files more are within the limits.
    fn trim(&mut self, bytes: usize, files: usize) {
        let mut held = self.bytes();
        while held.saturating_add(bytes) > self.limit_bytes
            || self.files.len() + files > self.limit_files
        {
            // Within a parcel, what has come last may come again soon; so the first number.
            let open = self.open.map(|open| open.number);
            let candidates = self
                .files
                .iter()
                .filter(|(number, _)| Some(**number) != open);
            let Some(number) = candidates
                .min_by_key(|(number, kept)| (kept.used, **number))
                .map(|(number, _)| *number)
            else {
                return;
            };
            if let Some(kept) = self.files.remove(&number) {
                held -= kept.bytes;
                for digest in kept.contents {
                    self.places.remove(&digest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        Digest::of(bytes, NonZeroUsize::MIN)
    }

    fn put(store: &mut Store, bytes: &[u8]) -> Place {
        store.add(digest(bytes), bytes).unwrap()
    }

    #[test]
    fn a_content_is_found_where_it_was_placed() {
        let mut store = Store::new(usize::MAX, 10);
        let (a, b) = (vec![1; 100_000], vec![2; SHARED_FILE]);
        let (at_a, at_b) = (put(&mut store, &a), put(&mut store, &b));
        let again = put(&mut store, &[3; 10]);
        store.end_parcel();
        assert_eq!(again.number, at_a.number);
        assert_ne!(at_b.number, at_a.number);
        assert_eq!(again.offset % ALIGNMENT, 0);
        for (bytes, place) in [(&a, at_a), (&b, at_b)] {
            let found = store.find(&digest(bytes)).unwrap();
            assert_eq!((found.number, found.offset), (place.number, place.offset));
            let mapped = found.file.map_private(found.offset, bytes.len()).unwrap();
            assert_eq!(mapped.bytes(0, bytes.len()), &bytes[..]);
            assert!(found.file.write_at(0, b"x").is_err());
        }
        assert!(store.find(&digest(&[4; 10])).is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut store = Store::new(250, 10);
        let contents: Vec<Vec<u8>> = (0..3).map(|i| vec![i; 100]).collect();
        for bytes in &contents[..2] {
            put(&mut store, bytes);
            store.end_parcel();
        }
        assert!(store.find(&digest(&contents[0])).is_some());
        put(&mut store, &contents[2]);
        store.end_parcel();
        let kept = contents.iter().map(|c| store.find(&digest(c)).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [true, false, true]);
        assert_eq!((store.bytes(), store.files()), (200, 2));
        store.set_limits(250, 1);
        assert_eq!(store.files(), 1);
        store.clear();
        assert_eq!((store.bytes(), store.files()), (0, 0));
    }

    #[test]
    fn what_is_larger_than_the_store_is_placed_for_its_parcel_alone() {
        let mut store = Store::new(50, 10);
        let bytes = vec![7; 100];
        let place = put(&mut store, &bytes);
        store.end_parcel();
        assert!(store.find(&digest(&bytes)).is_none());
        let mapped = place.file.map_private(0, 100).unwrap();
        assert_eq!(mapped.bytes(0, 100), &bytes[..]);
    }
}
