use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use rustle_shared::{MappingError, MemoryFile};

use crate::content::Digest;
use crate::store::{Place, Store};
use crate::ALIGNMENT;

/// A message takes 253 descriptors, and those of a job go with it.
const FILES_MOST: usize = 200;
/// What is smaller, and holds nothing large, needs no file: it goes with the message.
const LIGHT_BYTES: usize = 12 << 10;
/// The address space of a file of which the end is not known beforehand. Only pages that
/// are written exist.
const OPEN_ENDED: usize = 1 << 40;

/// Where a content stands, as a worker finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Which file of the parcel.
    pub file: usize,
    /// First byte in it, at a page.
    pub offset: usize,
}

/// A large content that travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// Size in bytes.
    pub bytes: usize,
    /// It was in the store.
    pub found: bool,
}

/// Files that hold one object.
#[derive(Debug)]
pub struct Parcel {
    files: Vec<Arc<MemoryFile>>,
    light: Option<Vec<u8>>,
    small_bytes: usize,
    large: Vec<Large>,
}

impl Parcel {
    /// The bytes of the small things, if that is all and there is no file.
    pub fn light(&self) -> Option<&[u8]> {
        self.light.as_deref()
    }

    /// The files, that of small things first.
    pub fn files(&self) -> &[Arc<MemoryFile>] {
        &self.files
    }

    /// Bytes in file 0.
    pub fn small_bytes(&self) -> usize {
        self.small_bytes
    }

    /// The large contents, in their order in the object.
    pub fn large(&self) -> &[Large] {
        &self.large
    }

    /// Bytes that were copied for this parcel.
    pub fn sent_bytes(&self) -> usize {
        let new = self.large.iter().filter(|large| !large.found);
        self.small_bytes + new.map(|large| large.bytes).sum::<usize>()
    }
}

/// A parcel in the making.
#[derive(Debug)]
pub struct Packing {
    /// Files 1, 2, ...
    files: Vec<Arc<MemoryFile>>,
    /// The file of a number of the store, in the parcel.
    numbers: HashMap<u64, usize>,
    /// For what no further file can be named for: its file here, and its end.
    rest: Option<(usize, usize)>,
    large: Vec<Large>,
    threads: NonZeroUsize,
}

impl Packing {
    /// Begins a parcel. Contents are hashed by `threads` threads.
    pub fn new(threads: NonZeroUsize) -> Packing {
        Packing {
            files: Vec::new(),
            numbers: HashMap::new(),
            rest: None,
            large: Vec::new(),
            threads,
        }
    }

    /// Places a large content.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub fn place(&mut self, store: &mut Store, bytes: &[u8]) -> Result<Spot, MappingError> {
        let digest = Digest::of(bytes, self.threads);
        let found = store.find(&digest);
        let known = found.is_some();
        let place = match found {
            Some(place) => place,
            None => store.add(digest, bytes).or_else(|_| {
                // What others have left behind may be in the way.
                store.clear();
                store.add(digest, bytes)
            })?,
        };
        let spot = match self.spot(place) {
            Some(spot) => spot,
            None => self.append(bytes)?,
        };
        self.large.push(Large {
            bytes: bytes.len(),
            found: known,
        });
        Ok(spot)
    }

    /// The place as a spot of this parcel, unless that has files enough.
    fn spot(&mut self, place: Place) -> Option<Spot> {
        let offset = place.offset;
        if let Some(file) = self.numbers.get(&place.number) {
            return Some(Spot {
                file: *file,
                offset,
            });
        }
        // One is file 0, one is for what is left.
        if self.files.len() + 2 >= FILES_MOST {
            return None;
        }
        self.files.push(place.file);
        let file = self.files.len();
        self.numbers.insert(place.number, file);
        Some(Spot { file, offset })
    }

    /// Writes a content into the file of this parcel that is not in the store.
    fn append(&mut self, bytes: &[u8]) -> Result<Spot, MappingError> {
        let (file, offset) = match self.rest {
            Some(rest) => rest,
            None => {
                self.files
                    .push(Arc::new(MemoryFile::to_be_written(OPEN_ENDED)?));
                (self.files.len(), 0)
            }
        };
        self.files[file - 1].write_at(offset, bytes)?;
        let end = (offset + bytes.len()).next_multiple_of(ALIGNMENT);
        self.rest = Some((file, end));
        Ok(Spot { file, offset })
    }

    /// Ends a parcel whose small things are `small`. It needs no file if it `may_be_light` and
    /// is.
    ///
    /// # Errors
    ///
    /// When the system has no memory or no descriptor left.
    pub fn finish(
        self,
        store: &mut Store,
        small: Vec<u8>,
        may_be_light: bool,
    ) -> Result<Parcel, MappingError> {
        store.end_parcel();
        if may_be_light && self.files.is_empty() && small.len() <= LIGHT_BYTES {
            return Ok(Parcel {
                files: Vec::new(),
                small_bytes: small.len(),
                light: Some(small),
                large: self.large,
            });
        }
        if let Some((file, _)) = self.rest {
            self.files[file - 1].seal();
        }
        let first = MemoryFile::to_be_written(small.len())?;
        first.write_at(0, &small)?;
        first.seal();
        let mut files = vec![Arc::new(first)];
        files.extend(self.files);
        Ok(Parcel {
            files,
            small_bytes: small.len(),
            light: None,
            large: self.large,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parcel: &Parcel, spot: Spot, len: usize) -> Vec<u8> {
        let mapped = parcel.files()[spot.file].map_private(spot.offset, len);
        mapped.unwrap().bytes(0, len).to_vec()
    }

    #[test]
    fn what_was_sent_is_not_copied_again() {
        let mut store = Store::new(usize::MAX, 10);
        let (a, b) = (vec![1; 70_000], vec![2; 30_000]);
        let mut pack = |contents: &[&[u8]]| {
            let mut packing = Packing::new(NonZeroUsize::MIN);
            let place = |c: &&[u8]| packing.place(&mut store, c).unwrap();
            let spots: Vec<Spot> = contents.iter().map(place).collect();
            (
                packing
                    .finish(&mut store, b"small".to_vec(), false)
                    .unwrap(),
                spots,
            )
        };
        let (first, at) = pack(&[&a, &b, &a]);
        assert_eq!((first.sent_bytes(), first.small_bytes()), (100_005, 5));
        assert_eq!(at[0], at[2]);
        assert_eq!(read(&first, at[0], a.len()), a);
        assert_eq!(read(&first, at[1], b.len()), b);
        assert_eq!(read(&first, Spot { file: 0, offset: 0 }, 5), b"small");
        let (second, at) = pack(&[&b, &a]);
        assert_eq!(second.sent_bytes(), 5);
        assert_eq!(read(&second, at[0], b.len()), b);
        assert!(second.large().iter().all(|large| large.found));
    }

    #[test]
    fn a_light_parcel_has_no_file() {
        let mut store = Store::new(usize::MAX, 10);
        let mut finish = |bytes: Vec<u8>, large: &[u8], may_be_light: bool| {
            let mut packing = Packing::new(NonZeroUsize::MIN);
            if !large.is_empty() {
                packing.place(&mut store, large).unwrap();
            }
            packing.finish(&mut store, bytes, may_be_light).unwrap()
        };
        let light = finish(vec![7; LIGHT_BYTES], b"", true);
        assert_eq!(light.light(), Some(&[7; LIGHT_BYTES][..]));
        assert!(light.files().is_empty());
        let heavy = [
            finish(vec![7; LIGHT_BYTES + 1], b"", true),
            finish(vec![7], b"", false),
            finish(vec![7], b"large", true),
        ];
        for (parcel, files) in heavy.iter().zip([1, 1, 2]) {
            assert!(parcel.light().is_none());
            assert_eq!(parcel.files().len(), files);
        }
    }

    #[test]
    fn a_parcel_has_no_more_files_than_a_message_takes() {
        let mut store = Store::new(usize::MAX, 1000);
        let contents: Vec<Vec<u8>> = (0..300u32).map(|i| i.to_ne_bytes().to_vec()).collect();
        for content in &contents {
            let mut one = Packing::new(NonZeroUsize::MIN);
            one.place(&mut store, content).unwrap();
            one.finish(&mut store, Vec::new(), false).unwrap();
        }
        let mut packing = Packing::new(NonZeroUsize::MIN);
        let place = |c: &Vec<u8>| packing.place(&mut store, c).unwrap();
        let spots: Vec<Spot> = contents.iter().map(place).collect();
        let parcel = packing.finish(&mut store, Vec::new(), true).unwrap();
        assert_eq!(parcel.files().len(), FILES_MOST);
        for (content, spot) in contents.iter().zip(spots) {
            assert_eq!(&read(&parcel, spot, 4), content);
        }
    }
}
