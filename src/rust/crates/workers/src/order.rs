//! The order, by which a session tells a worker what to do, and how both sides see it; and the
//! letter before it, which says that there will be one.
//!
//! ```text
//! words   ORD3, the number of the job's memory (two words), seat, patience, tasks to run
//!         first, are they in a file?, parts,
//!         of each part the number of files, or of bytes with the highest bit set,
//!         the tasks unless they are in a file
//! bytes   of the parts that are no files
//! files   the memory of the job, the tasks if they are in a file, the files of all parts
//! ```

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustle_shared::MemoryFile;

use crate::crew::Assignment;
use crate::limits::REDO_IN_LETTER;
use crate::part::{Part, BYTES};
use crate::post::Letter;

/// The first word of an order.
const ORDER: u32 = 0x4f52_4433;
/// The only word of another letter: an order will come soon.
const ROUSE: u32 = 0x524f_5553;

/// What all workers of a job are told.
#[derive(Debug)]
pub struct Terms {
    /// The memory of the job, as a file, and the number of that.
    pub memory: (Arc<MemoryFile>, u64),
    /// What the job is, in parts that workers know how to read.
    pub parts: Vec<Part<Arc<MemoryFile>>>,
    /// How long workers stand by afterwards.
    pub patience: Duration,
}

impl Terms {
    /// The bytes of the order for `assignment`, and the file of its tasks where they do not fit
    /// into the letter.
    ///
    /// # Errors
    ///
    /// The system's error number, when there is no memory for that file.
    pub(crate) fn write(
        &self,
        assignment: &Assignment,
    ) -> Result<(Vec<u8>, Option<MemoryFile>), i32> {
        let redo = &assignment.redo;
        let apart = redo.len() > REDO_IN_LETTER;
        let patience = self.patience.as_secs().min(u64::from(u32::MAX)) as u32;
        let mut head = vec![
            ORDER,
            self.memory.1 as u32,
            (self.memory.1 >> 32) as u32,
            assignment.seat as u32,
            patience,
            redo.len() as u32,
            u32::from(apart),
            self.parts.len() as u32,
        ];
        head.extend(self.parts.iter().map(Part::word));
        let mut bytes = bytes_of(&head);
        if !apart {
            bytes.extend(bytes_of(redo));
        }
        for part in &self.parts {
            if let Part::Bytes(own) = part {
                bytes.extend_from_slice(own);
            }
        }
        if !apart {
            return Ok((bytes, None));
        }
        let file = MemoryFile::new(redo.len() * 4).map_err(|e| e.errno)?;
        file.write_at(0, &bytes_of(redo)).map_err(|e| e.errno)?;
        Ok((bytes, Some(file)))
    }

    /// The files of the letter, in the order in which [`Order::read`] takes them.
    pub(crate) fn files<'a>(&'a self, apart: Option<&'a MemoryFile>) -> Vec<BorrowedFd<'a>> {
        let parcel = self.parts.iter().flat_map(Part::files);
        let parcel = parcel.map(|file| file.as_fd());
        let memory = std::iter::once(self.memory.0.as_fd());
        let apart = apart.map(AsFd::as_fd);
        memory.chain(apart).chain(parcel).collect()
    }
}

/// What a worker is told to do, as it receives it.
#[derive(Debug)]
pub struct Order {
    /// Seat and tasks.
    pub assignment: Assignment,
    /// The memory of the job, and its number.
    pub memory: (MemoryFile, u64),
    /// What the job is, in parts.
    pub parts: Vec<Part<MemoryFile>>,
    /// How long it stands by afterwards.
    pub patience: Duration,
}

impl Order {
    /// Reads an order; `None` when the letter is something else.
    pub fn read(letter: Letter) -> Option<Order> {
        let word = |at: usize| {
            let bytes = letter.bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_ne_bytes(bytes))
        };
        if word(0)? != ORDER {
            return None;
        }
        let id = u64::from(word(4)?) | u64::from(word(8)?) << 32;
        let (seat, patience, redo, apart) = (word(12)?, word(16)?, word(20)?, word(24)? == 1);
        let count = word(28)? as usize;
        let lengths: Option<Vec<u32>> = (0..count).map(|k| word(32 + 4 * k)).collect();
        let redo_at = 32 + 4 * count;
        let mut files = letter.files.into_iter().map(MemoryFile::received);
        let memory = files.next()?.ok()?;
        let redo = if apart {
            let file = files.next()?.ok()?;
            let map = file.map_shared().ok()?;
            words(map.bytes(0, redo as usize * 4))
        } else {
            words(letter.bytes.get(redo_at..redo_at + redo as usize * 4)?)
        };
        let mut at = redo_at + if apart { 0 } else { redo.len() * 4 };
        let part = |word: u32| {
            if word & BYTES == 0 {
                let files: Option<_> = (0..word).map(|_| files.next()?.ok()).collect();
                return Some(Part::Files(files?));
            }
            let from = at;
            at += (word & !BYTES) as usize;
            Some(Part::Bytes(letter.bytes.get(from..at)?.to_vec()))
        };
        let parts: Option<Vec<Part<MemoryFile>>> = lengths?.into_iter().map(part).collect();
        Some(Order {
            assignment: Assignment {
                seat: seat as usize,
                redo,
            },
            memory: (memory, id),
            parts: parts?,
            patience: Duration::from_secs(patience.into()),
        })
    }
}

/// The letter that says that an order will come soon.
pub(crate) fn rouse() -> Vec<u8> {
    bytes_of(&[ROUSE])
}

/// Is this that letter?
pub fn rouses(letter: &Letter) -> bool {
    letter.bytes == rouse()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |b: &[u8]| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    bytes.chunks_exact(4).map(word).collect()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
