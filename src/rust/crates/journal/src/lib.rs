//! Append-only files of what is finished, that survive the death of their writer.
//!
//! A journal belongs to one writer and holds frames. A frame goes out in one `write`, so what
//! a killed process had finished is there; a tail that is torn by a loss of power fails its
//! checksum, and reading ends in front of it. Any number of writers have a file each; readers
//! take all files of a directory, in any state.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`], once at the beginning of the file |
//! | 4 | number of bytes of the body, little-endian |
//! | 8 | XXH3 of key and body, little-endian |
//! | 16 | key |
//! | ... | body |

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use std::hash::Hasher;
use twox_hash::{XxHash3_128, XxHash3_64};

/// How a journal begins; the last byte is the version of the format.
pub const MAGIC: [u8; 8] = *b"rustle\x00\x01";
/// What is between two frames of a power loss, at most.
const SYNC: Duration = Duration::from_secs(5);
/// What is in front of a body.
pub const HEAD: usize = 4 + 8 + 16;

/// What a task is known by: a hash of all that decides on its value.
pub type Key = [u8; 16];

/// A journal that is written. Dropping it loses nothing.
#[derive(Debug)]
pub struct Writer {
    file: File,
    synced: Instant,
}

impl Writer {
    /// Makes the file, which must not exist yet.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(path: &Path) -> io::Result<Writer> {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        file.write_all(&MAGIC)?;
        Ok(Writer {
            file,
            synced: Instant::now(),
        })
    }

    /// Appends a frame: its body with [`HEAD`] bytes of any content in front, which are
    /// overwritten. It is in the hands of the system when this returns, and on the disk
    /// five seconds later if more frames come, or after [`Writer::sync`].
    ///
    /// # Errors
    ///
    /// Those of the file system; a body of 4 GB or more, a frame without a head. The journal
    /// may end in half a frame then, and should not be used any more.
    pub fn append(&mut self, key: &Key, frame: &mut [u8]) -> io::Result<()> {
        fill_head(key, frame)?;
        self.file.write_all(frame)?;
        if self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until all frames are on the disk.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = Instant::now();
        Ok(())
    }
}

fn fill_head(key: &Key, frame: &mut [u8]) -> io::Result<()> {
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let (head, body) = frame
        .split_at_mut_checked(HEAD)
        .ok_or_else(|| wrong("a frame without a head"))?;
    let len = u32::try_from(body.len()).map_err(|_| wrong("a value of 4 GB or more"))?;
    head[..4].copy_from_slice(&len.to_le_bytes());
    head[4..12].copy_from_slice(&checksum(key, body).to_le_bytes());
    head[12..].copy_from_slice(key);
    Ok(())
}

fn checksum(key: &Key, body: &[u8]) -> u64 {
    let mut hash = XxHash3_64::new();
    hash.write(key);
    hash.write(body);
    hash.finish()
}

/// Where the body of a frame is.
#[derive(Clone, Debug)]
struct Place {
    file: usize,
    at: u64,
    len: u32,
}

/// What journals hold.
#[derive(Debug, Default)]
pub struct Index {
    files: Vec<PathBuf>,
    places: HashMap<Key, Place>,
    /// Files whose tail was torn.
    torn: usize,
}

impl Index {
    /// Reads journals, in this order. A file that is none counts as torn. Of two frames with
    /// one key the last counts.
    #[must_use]
    pub fn read(paths: &[PathBuf]) -> Index {
        let mut index = Index::default();
        for path in paths {
            let file = index.files.len();
            index.files.push(path.clone());
            if !matches!(index.scan(path, file), Ok(true)) {
                index.torn += 1;
            }
        }
        index
    }

    /// `false` when the file ends in something that is no frame.
    fn scan(&mut self, path: &Path, file: usize) -> io::Result<bool> {
        let mut from = io::BufReader::with_capacity(1 << 18, File::open(path)?);
        let mut magic = [0; 8];
        if from.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Ok(false);
        }
        let mut at = MAGIC.len() as u64;
        let mut body = Vec::new();
        loop {
            let mut head = [0; HEAD];
            let got = read_up_to(&mut from, &mut head)?;
            if got < HEAD {
                return Ok(got == 0);
            }
            let (len, rest) = head.split_at(4);
            let (sum, key) = rest.split_at(8);
            let len = u32::from_le_bytes(array(len));
            let (sum, key): (u64, Key) = (u64::from_le_bytes(array(sum)), array(key));
            body.clear();
            // Not `len` bytes at once: a torn head may ask for gigabytes.
            if from.by_ref().take(u64::from(len)).read_to_end(&mut body)? < len as usize
                || checksum(&key, &body) != sum
            {
                return Ok(false);
            }
            at += HEAD as u64;
            self.places.insert(key, Place { file, at, len });
            at += u64::from(len);
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Is there no frame?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many files had a tail that is no frame.
    #[must_use]
    pub fn torn(&self) -> usize {
        self.torn
    }

    /// The bodies of some keys, `None` where there is none. Each is read and given to `take`
    /// with its position among `keys`.
    ///
    /// # Errors
    ///
    /// When a file that was there is gone, or cannot be read any more.
    pub fn bodies(&self, keys: &[Key], mut take: impl FnMut(usize, &[u8])) -> io::Result<()> {
        let mut wanted: Vec<(usize, &Place)> = keys
            .iter()
            .enumerate()
            .filter_map(|(k, key)| Some((k, self.places.get(key)?)))
            .collect();
        wanted.sort_by_key(|(_, place)| (place.file, place.at));
        let mut open: Option<(usize, io::BufReader<File>)> = None;
        let mut body = Vec::new();
        for (k, place) in wanted {
            if open.as_ref().is_none_or(|(file, _)| *file != place.file) {
                let file = File::open(&self.files[place.file])?;
                open = Some((place.file, io::BufReader::with_capacity(1 << 18, file)));
            }
            let Some((_, from)) = open.as_mut() else {
                continue;
            };
            let now = from.stream_position()?;
            match i64::try_from(place.at.wrapping_sub(now)) {
                Ok(step) if place.at >= now => from.seek_relative(step)?,
                _ => drop(from.seek(SeekFrom::Start(place.at))?),
            }
            body.resize(place.len as usize, 0);
            from.read_exact(&mut body)?;
            take(k, &body);
        }
        Ok(())
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

fn read_up_to(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match from.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// Keys of tasks: each hashes `base`, what `part` gives for it, and how often the same has
/// come before, so that equal elements have keys of their own.
pub fn keys(base: &[u8], n: usize, mut part: impl FnMut(usize, &mut Vec<u8>)) -> Vec<Key> {
    let mut seen: HashMap<Key, u64> = HashMap::with_capacity(n);
    let mut bytes = Vec::new();
    (0..n)
        .map(|k| {
            bytes.clear();
            bytes.extend(base);
            part(k, &mut bytes);
            let first = XxHash3_128::oneshot(&bytes).to_le_bytes();
            let count = seen.entry(first).or_insert(0);
            *count += 1;
            if *count == 1 {
                return first;
            }
            bytes.extend(count.to_le_bytes());
            XxHash3_128::oneshot(&bytes).to_le_bytes()
        })
        .collect()
}

/// XXH3 of 64 bits, for what stands in place of a long string.
#[must_use]
pub fn short_hash(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

#[cfg(test)]
mod tests;
