use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What a task's slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Not finished. Zeroed memory says this.
    Empty = 0,
    /// Finished with R's `NULL`.
    Null = 1,
    /// Finished with a logical scalar in the bits.
    Logical = 2,
    /// Finished with an integer scalar in the bits.
    Integer = 3,
    /// Finished with a double scalar in the bits.
    Double = 4,
    /// Finished; the value is a whole frame in the worker's ring.
    Sent = 5,
    /// Finished with an error, a whole frame in the worker's ring.
    Failed = 6,
    /// Not run, because a task before it failed or the job was cancelled.
    Skipped = 7,
    /// Finished; the value is in words of the task's own.
    Stored = 8,
}

/// The result of one task: 16 bytes, written once by the worker that ran it.
///
/// The state is stored last, with release ordering: who reads it with acquire
/// ordering also sees the bits, and everything that the worker put into its
/// ring before.
#[derive(Debug)]
#[repr(C)]
pub struct Slot {
    state: AtomicU32,
    worker: AtomicU32,
    bits: AtomicU64,
}

impl Slot {
    /// Reads the state.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            1 => State::Null,
            2 => State::Logical,
            3 => State::Integer,
            4 => State::Double,
            5 => State::Sent,
            6 => State::Failed,
            7 => State::Skipped,
            8 => State::Stored,
            _ => State::Empty,
        }
    }

    /// Is the task finished, whatever came of it?
    pub fn is_finished(&self) -> bool {
        self.state() != State::Empty
    }

    /// The bits of an inline scalar; meaningful after an inline state was read.
    pub fn bits(&self) -> u64 {
        self.bits.load(Ordering::Relaxed)
    }

    /// The worker that finished the task.
    pub fn worker(&self) -> u32 {
        self.worker.load(Ordering::Relaxed)
    }

    /// Marks the task finished by `worker`.
    pub fn commit(&self, state: State, bits: u64, worker: u32) {
        self.worker.store(worker, Ordering::Relaxed);
        self.bits.store(bits, Ordering::Relaxed);
        self.state.store(state as u32, Ordering::Release);
    }

    /// Forgets the result, so that the task can run again.
    pub fn clear(&self) {
        self.state.store(State::Empty as u32, Ordering::Release);
    }
}
