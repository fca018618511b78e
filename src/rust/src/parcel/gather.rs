//! The stream that R writes, with the data of large vectors taken out.
//!
//! In its binary format R hands over the data of an atomic vector by pointers into the
//! vector, in chunks of [`CHUNK`] elements, right after the item's flags and length. So a
//! first chunk says, with the bytes before it, where how much data will come from; when
//! the chunks have come from one address after the other to the last, the item is
//! rewritten. Whatever does not look like that stays as R wrote it.

use rustle_parcels::{Packing, Spot, LARGE_BYTES};

use super::mapped::{Class, CLASSES};
use super::watch::Watch;
use super::with_store;
use crate::ffi::element_bytes;

/// Elements of a chunk (CHUNK_SIZE in R's serialize.c).
const CHUNK: usize = 8096;

// Of R's serialize.c; the format is frozen since R 3.5.0.
const TYPE_BITS: u32 = 0xFF;
const OBJECT_BIT: u32 = 1 << 8;
const ATTRIBUTE_BIT: u32 = 1 << 9;
const LEVELS: u32 = !0 << 12;
const REFERENCE_ITEM: u32 = 255;
const NIL_ITEM: u32 = 254;
const ALTREP_ITEM: u32 = 238;
const LIST_ITEM: u32 = 2;
const INTEGER_ITEM: u32 = 13;
const REAL_ITEM: u32 = 14;

/// The data of one vector, as far as it has come.
#[derive(Debug)]
struct Run {
    start: *const u8,
    seen: usize,
    total: usize,
    /// What of it has been written into the stream: the first chunk. (Were that a buffer of
    /// R's, it would be overwritten by now.)
    written: usize,
    /// Where the item begins in the stream.
    item: usize,
    flags: u32,
    class: &'static Class,
}

/// The stream, and the parcel that takes what is large.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) stream: Vec<u8>,
    pub(super) packing: Packing,
    pub(super) watch: Watch,
    run: Option<Run>,
    /// Memory was short: large data stays in the stream from then on.
    refused: bool,
}

impl Gather {
    pub(super) fn new(packing: Packing, watch: Watch) -> Gather {
        Gather {
            stream: Vec::new(),
            packing,
            watch,
            run: None,
            refused: false,
        }
    }

    /// Takes what R writes next.
    ///
    /// # Safety
    ///
    /// `n` bytes can be read at `from`, and as long as chunks of one vector follow each
    /// other, those of the earlier too.
    pub(super) unsafe fn take(&mut self, from: *const u8, n: usize) {
        // SAFETY: by the caller's promise.
        unsafe {
            if let Some(mut run) = self.run.take() {
                if from == run.start.add(run.seen) && run.seen + n <= run.total {
                    run.seen += n;
                    if run.seen < run.total {
                        self.run = Some(run);
                    } else {
                        self.complete(run);
                    }
                    return;
                }
                self.keep(&run);
            }
            if n >= CHUNK {
                self.run = self.begins(from, n);
            }
            let bytes = std::slice::from_raw_parts(from, n);
            self.watch.look(&self.stream, bytes);
            self.stream.extend_from_slice(bytes);
        }
    }

    /// R has written everything.
    ///
    /// # Safety
    ///
    /// As [`Gather::take`].
    pub(super) unsafe fn end(&mut self) {
        if let Some(run) = self.run.take() {
            // SAFETY: by the caller's promise.
            unsafe { self.keep(&run) };
        }
    }

    /// The run that a chunk of `n` bytes begins.
    fn begins(&self, start: *const u8, n: usize) -> Option<Run> {
        if self.refused {
            return None;
        }
        let word = |back: usize| {
            let at = self.stream.len().checked_sub(4 * back)?;
            let bytes = self.stream.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        let run = |back: usize, len: usize| {
            let flags = word(back)?;
            let class = CLASSES
                .iter()
                .find(|c| c.kind as u32 == flags & TYPE_BITS)?;
            let size = element_bytes(class.kind)?;
            let total = len.checked_mul(size)?;
            let item = self.stream.len() - 4 * back;
            (n == CHUNK * size && total >= LARGE_BYTES).then_some(Run {
                start,
                seen: n,
                total,
                written: n,
                item,
                flags,
                class,
            })
        };
        let short = word(1)
            .filter(|&len| len as i32 >= 0)
            .and_then(|len| run(2, len as usize));
        // A length of 2^31 or more is written as -1 and two words.
        let long = word(3)
            .filter(|&mark| mark as i32 == -1)
            .and_then(|_| run(4, (word(2)? as usize) << 32 | word(1)? as usize));
        match (short, long) {
            (Some(run), None) | (None, Some(run)) => Some(run),
            _ => None,
        }
    }

    /// Writes what has come of a run that is none.
    unsafe fn keep(&mut self, run: &Run) {
        // SAFETY: by the promise of `take`'s caller.
        unsafe {
            let rest = run.start.add(run.written);
            let rest = std::slice::from_raw_parts(rest, run.seen - run.written);
            self.stream.extend_from_slice(rest);
        }
    }

    /// Places the data of a run at once: the vector may be gone before R has written all.
    unsafe fn complete(&mut self, run: Run) {
        // SAFETY: by the promise of `take`'s caller.
        let data = unsafe { std::slice::from_raw_parts(run.start, run.total) };
        match with_store(|store| self.packing.place(store, data)) {
            Ok(spot) => self.rewrite(&run, spot),
            Err(_) => {
                self.refused = true;
                // SAFETY: as above.
                unsafe { self.keep(&run) };
            }
        }
    }

    /// Replaces flags, length and data by an item that says where the data is. Attributes
    /// follow in either case.
    fn rewrite(&mut self, run: &Run, spot: Spot) {
        self.stream.truncate(run.item);
        self.words(&[
            ALTREP_ITEM | (run.flags & (OBJECT_BIT | LEVELS)),
            // The class: a pairlist of its name, its package and its type. The names are
            // symbols that the stream has mentioned already (see pack.rs).
            LIST_ITEM,
            run.class.reference() << 8 | REFERENCE_ITEM,
            LIST_ITEM,
            Class::package_reference() << 8 | REFERENCE_ITEM,
            LIST_ITEM,
            INTEGER_ITEM,
            1,
            run.class.kind as u32,
            NIL_ITEM,
            // The state: three numbers.
            REAL_ITEM,
            3,
        ]);
        for number in [spot.file, spot.offset, run.total] {
            self.stream
                .extend_from_slice(&(number as f64).to_ne_bytes());
        }
        if run.flags & ATTRIBUTE_BIT == 0 {
            self.words(&[NIL_ITEM]);
        }
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.stream.extend_from_slice(&word.to_ne_bytes());
        }
    }
}
