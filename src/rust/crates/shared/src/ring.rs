use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::mapping::Mapping;
use crate::system::{wait_for_change, wake_waiter};

/// Positions of a ring. `head` and `tail` count bytes since the ring was made;
/// `head - tail` bytes are filled. Zeroed memory is an empty ring.
#[derive(Debug)]
#[repr(C)]
pub struct RingHead {
    /// Advanced by the producer, with release ordering, after a record is whole.
    head: CachePadded<AtomicU64>,
    /// Advanced by the consumer, with release ordering, after a record is read.
    tail: CachePadded<AtomicU64>,
    /// Counts consumed records: the word on which a producer sleeps.
    consumed: AtomicU32,
    /// Is the producer asleep (or about to be)?
    asleep: AtomicU32,
}

/// A single-producer, single-consumer ring of records in shared memory.
///
/// A record is contiguous: a header of eight bytes (length, kind), then its
/// bytes, padded to eight. One that does not fit before the end of the ring is
/// preceded by a pad record up to the end. No record is longer than
/// [`Ring::max_record`], so one always fits into an empty ring.
///
/// The consumer sees a record only when it is whole: a producer that dies while
/// writing leaves nothing behind.
#[derive(Debug)]
pub struct Ring {
    head: NonNull<RingHead>,
    data: *mut u8,
    capacity: u64,
    /// What `head` and `data` point into stays mapped as long as the ring.
    _mapping: Arc<Mapping>,
}

/// A record as the consumer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the producer said it is.
    pub kind: u32,
    /// Its bytes, valid until it is consumed.
    pub bytes: &'a [u8],
}

/// The producer was told to stop waiting for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFull;

/// What a producer does when the ring is full.
pub trait Backpressure {
    /// Called before each wait for room; `false` gives up.
    fn full(&mut self) -> bool;
    /// Called after the wait is over.
    fn flowing(&mut self) {}
}

/// How long a producer sleeps before it asks again whether anybody still consumes; a
/// consumer that makes room wakes it at once.
const PATIENCE: Duration = Duration::from_millis(50);

/// So many bytes are worth waking the consumer for. What producers do and what it does with their
/// records then go on side by side, and not one after the other; to be woken for each record takes
/// it longer than all else.
const CROWD: u64 = 64 << 10;

const HEADER: u64 = 8;
const PAD: u32 = u32::MAX;

const fn padded(len: u64) -> u64 {
    (len + 7) & !7
}

impl Ring {
    /// The ring with its positions at offset `head` and `capacity` bytes at offset
    /// `data` of the mapping.
    ///
    /// # Panics
    ///
    /// When `capacity` is not a multiple of 64 bytes, at least 4096, an offset is not
    /// a multiple of 64, or the bytes are not inside the mapping.
    ///
    /// # Safety
    ///
    /// * positions and bytes belong to this ring alone, in every process;
    /// * at any time one process pushes and one consumes.
    pub unsafe fn new(mapping: &Arc<Mapping>, head: usize, data: usize, capacity: usize) -> Ring {
        assert!(capacity >= 4096 && capacity % 64 == 0, "bad ring capacity");
        assert!(head % 64 == 0 && data % 64 == 0, "misaligned ring");
        // SAFETY: positions are atomics that are valid when zero, and nothing else by
        // the caller's promise.
        let head = unsafe { mapping.view::<RingHead>(head, 1) };
        Ring {
            head: NonNull::from(&head[0]),
            data: mapping.range(data, capacity),
            capacity: capacity as u64,
            _mapping: Arc::clone(mapping),
        }
    }

    fn head(&self) -> &RingHead {
        // SAFETY: a view of the mapping, which is kept; changed through atomics only.
        unsafe { self.head.as_ref() }
    }

    /// Bytes that were ever pushed, padding included.
    pub fn total(&self) -> u64 {
        self.head().head.load(Ordering::Relaxed)
    }

    /// The longest record in bytes: an eighth of the ring, so that producer and
    /// consumer work on different records at the same time.
    pub fn max_record(&self) -> usize {
        (self.capacity / 8 - HEADER) as usize
    }

    /// Filled bytes.
    pub fn used(&self) -> u64 {
        let tail = self.head().tail.load(Ordering::Acquire);
        self.head()
            .head
            .load(Ordering::Acquire)
            .saturating_sub(tail)
    }

    /// Is more filled than [`CROWD`], or a quarter of the ring: time to wake the consumer?
    pub fn is_crowded(&self) -> bool {
        self.used() > CROWD.min(self.capacity / 4)
    }

    /// Appends one record made of `parts`, waiting for room.
    ///
    /// # Panics
    ///
    /// When the parts together are longer than [`Ring::max_record`].
    ///
    /// # Errors
    ///
    /// [`RingFull`] when `wait` gave up; nothing was written then.
    pub fn push(
        &self,
        kind: u32,
        parts: [&[u8]; 2],
        wait: &mut dyn Backpressure,
    ) -> Result<(), RingFull> {
        let len = parts[0].len() + parts[1].len();
        assert!(len <= self.max_record(), "record too long");
        let need = HEADER + padded(len as u64);
        let head = self.head().head.load(Ordering::Relaxed);
        let at = head % self.capacity;
        let pad = if at + need > self.capacity {
            self.capacity - at
        } else {
            0
        };
        self.wait_for_room(head + pad + need, wait)?;
        if pad > 0 {
            // SAFETY: [at, capacity) is free (wait_for_room) and at least
            // HEADER long, since positions are multiples of eight.
            unsafe { self.write_header(at, (pad - HEADER) as u32, PAD) };
        }
        let start = (head + pad) % self.capacity;
        // SAFETY: [start, start + need) lies before the end of the ring and is
        // free: the consumer has passed it, and only this process pushes.
        unsafe {
            self.write_header(start, len as u32, kind);
            let mut to = self.data.add((start + HEADER) as usize);
            for part in parts {
                std::ptr::copy_nonoverlapping(part.as_ptr(), to, part.len());
                to = to.add(part.len());
            }
        }
        self.head().head.store(head + pad + need, Ordering::Release);
        Ok(())
    }

    /// The oldest record, left in place.
    pub fn peek(&self) -> Option<Record<'_>> {
        loop {
            let tail = self.head().tail.load(Ordering::Relaxed);
            if self.head().head.load(Ordering::Acquire) == tail {
                return None;
            }
            let (len, kind) = self.read_header(tail);
            if kind == PAD {
                self.advance(tail + HEADER + len);
                continue;
            }
            let start = (tail % self.capacity + HEADER) as usize;
            assert!(start as u64 + len <= self.capacity, "damaged ring");
            // SAFETY: the producer published this record with release ordering
            // and writes it no more until `consume` advances the tail.
            let bytes = unsafe { std::slice::from_raw_parts(self.data.add(start), len as usize) };
            return Some(Record { kind, bytes });
        }
    }

    /// Gives the room of the oldest record back.
    pub fn consume(&self) {
        let tail = self.head().tail.load(Ordering::Relaxed);
        if self.head().head.load(Ordering::Acquire) == tail {
            return;
        }
        let (len, _) = self.read_header(tail);
        self.advance(tail + HEADER + padded(len));
    }

    /// Empties the ring after its producer has died; for the consumer.
    pub fn reset(&self) {
        let head = self.head().head.load(Ordering::Acquire);
        self.advance(head);
    }

    fn advance(&self, tail: u64) {
        self.head().tail.store(tail, Ordering::Release);
        self.head().consumed.fetch_add(1, Ordering::SeqCst);
        if self.head().asleep.load(Ordering::SeqCst) != 0 {
            wake_waiter(&self.head().consumed);
        }
    }

    fn has_room(&self, end: u64) -> bool {
        end - self.head().tail.load(Ordering::Acquire) <= self.capacity
    }

    fn wait_for_room(&self, end: u64, wait: &mut dyn Backpressure) -> Result<(), RingFull> {
        if self.has_room(end) {
            return Ok(());
        }
        // The consumer counts before it looks at `asleep`, we say `asleep`
        // before we look at the count (both sequentially consistent), so a
        // wake-up cannot fall between.
        self.head().asleep.store(1, Ordering::SeqCst);
        let mut outcome = Ok(());
        loop {
            let seen = self.head().consumed.load(Ordering::SeqCst);
            if self.has_room(end) {
                break;
            }
            if !wait.full() {
                outcome = Err(RingFull);
                break;
            }
            wait_for_change(&self.head().consumed, seen, PATIENCE);
        }
        self.head().asleep.store(0, Ordering::SeqCst);
        wait.flowing();
        outcome
    }

    /// # Safety
    ///
    /// `at + 8 <= capacity`, `at` is a multiple of eight, and the bytes are free.
    unsafe fn write_header(&self, at: u64, len: u32, kind: u32) {
        // SAFETY: by the caller's promise.
        unsafe {
            let p = self.data.add(at as usize).cast::<u32>();
            p.write(len);
            p.add(1).write(kind);
        }
    }

    fn read_header(&self, position: u64) -> (u64, u32) {
        // SAFETY: positions are multiples of eight below the capacity (itself a
        // multiple of 64), and the header was published with its record.
        unsafe {
            let p = self
                .data
                .add((position % self.capacity) as usize)
                .cast::<u32>();
            (u64::from(p.read()), p.add(1).read())
        }
    }
}
