use std::sync::atomic::{AtomicU64, AtomicU8, Ordering};

/// What a task's slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
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

impl State {
    #[inline]
    fn of(word: u8) -> State {
        match word {
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
}

/// The results of all tasks. States are apart from the bits: where a job is laid into memory that
/// was used before, only they must be zero, and who looks how far it is reads a byte per task.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    states: &'a [AtomicU8],
    bits: &'a [AtomicU64],
}

impl<'a> Slots<'a> {
    /// Of as many tasks as there are states; a task without bits has no slot.
    #[inline]
    pub fn new(states: &'a [AtomicU8], bits: &'a [AtomicU64]) -> Slots<'a> {
        Slots { states, bits }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// That of one task.
    ///
    /// # Panics
    ///
    /// When there is no such task.
    #[inline]
    pub fn of(&self, task: usize) -> Slot<'a> {
        Slot {
            state: &self.states[task],
            bits: &self.bits[task],
        }
    }

    /// Those of all tasks.
    pub fn iter(&self) -> impl Iterator<Item = Slot<'a>> + 'a {
        let both = self.states.iter().zip(self.bits);
        both.map(|(state, bits)| Slot { state, bits })
    }

    /// The first task from `from` on, and before `to`, that is not finished, or has `failed` where
    /// that is asked for; else `to`.
    pub fn first_open(&self, from: usize, to: usize, failed: bool) -> usize {
        let part = self.states.get(from..to).unwrap_or_default();
        let other = if failed { State::Failed } else { State::Empty } as u8;
        let open = |s: &AtomicU8| {
            let state = s.load(Ordering::Acquire);
            state == State::Empty as u8 || state == other
        };
        part.iter().position(open).map_or(to, |at| from + at)
    }

    /// Are all tasks finished with just this state?
    pub fn are_all(&self, state: State) -> bool {
        let all = self.states.iter();
        let same = all.fold(0, |sum, s| sum | (s.load(Ordering::Acquire) ^ state as u8));
        same == 0
    }
}

/// The result of one task, written once by the worker that ran it.
///
/// The state is stored last, with release ordering: who reads it with acquire
/// ordering also sees the bits, and everything that the worker put into its
/// ring before.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    state: &'a AtomicU8,
    bits: &'a AtomicU64,
}

impl Slot<'_> {
    /// Reads the state.
    #[inline]
    pub fn state(&self) -> State {
        State::of(self.state.load(Ordering::Acquire))
    }

    /// Is the task finished, whatever came of it?
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.state.load(Ordering::Acquire) != State::Empty as u8
    }

    /// The bits of an inline scalar; meaningful after an inline state was read.
    #[inline]
    pub fn bits(&self) -> u64 {
        self.bits.load(Ordering::Relaxed)
    }

    /// Marks the task finished.
    #[inline]
    pub fn commit(&self, state: State, bits: u64) {
        self.bits.store(bits, Ordering::Relaxed);
        self.state.store(state as u8, Ordering::Release);
    }

    /// Forgets the result, so that the task can run again.
    pub fn clear(&self) {
        self.state.store(State::Empty as u8, Ordering::Release);
    }
}
