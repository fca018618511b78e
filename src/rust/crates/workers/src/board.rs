//! What a worker writes up for the session to read, at any time and even after its end: what
//! it has printed last, the calls that it is in, and how much memory it had.
//!
//! The worker is the only writer of `printed` and `told`. The session reads them while they
//! are written: what it gets may then be cut anywhere, so it is text for people and nothing
//! else.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};

/// Bytes that are kept of what a task has printed.
const PRINTED: usize = 1024;
/// Bytes of the calls of a task.
const TOLD: usize = 3072;

/// See the page of this module. Zeroed memory is an empty board.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Board {
    /// How often the session has asked for the calls, and the question that was answered last.
    asked: AtomicU32,
    answered: AtomicU32,
    /// Bytes of the answer.
    told_len: AtomicU64,
    /// Bytes that the task has printed; the last of them are in `printed`, a ring.
    printed_len: AtomicU64,
    /// Bytes of memory of the worker when the session looked last.
    memory: AtomicU64,
    printed: [AtomicU8; PRINTED],
    told: [AtomicU8; TOLD],
}

impl Board {
    /// A task begins, which has printed nothing.
    #[inline]
    pub fn clear_printed(&self) {
        if self.printed_len.load(Ordering::Relaxed) != 0 {
            self.printed_len.store(0, Ordering::Relaxed);
        }
    }

    /// The task has printed `bytes`.
    pub fn print(&self, bytes: &[u8]) {
        let len = self.printed_len.load(Ordering::Relaxed);
        let skipped = bytes.len().saturating_sub(PRINTED);
        for (at, byte) in (len + skipped as u64..).zip(&bytes[skipped..]) {
            self.printed[at as usize % PRINTED].store(*byte, Ordering::Relaxed);
        }
        self.printed_len
            .store(len + bytes.len() as u64, Ordering::Release);
    }

    /// What the task has printed last.
    pub fn last_printed(&self) -> String {
        let len = self.printed_len.load(Ordering::Acquire);
        let from = len.saturating_sub(PRINTED as u64);
        let bytes: Vec<u8> = (from..len)
            .map(|at| self.printed[at as usize % PRINTED].load(Ordering::Relaxed))
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks the worker for its calls. Returns the number of the question.
    pub fn ask(&self) -> u32 {
        self.asked.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The question that has no answer yet.
    pub fn question(&self) -> Option<u32> {
        let asked = self.asked.load(Ordering::Acquire);
        (asked != self.answered.load(Ordering::Relaxed)).then_some(asked)
    }

    /// Answers `question`.
    pub fn answer(&self, question: u32, calls: &str) {
        let len = calls.len().min(TOLD);
        for (to, byte) in self.told.iter().zip(calls.bytes()) {
            to.store(byte, Ordering::Relaxed);
        }
        self.told_len.store(len as u64, Ordering::Relaxed);
        self.answered.store(question, Ordering::Release);
    }

    /// The answer to `question`, if there is one.
    pub fn answer_to(&self, question: u32) -> Option<String> {
        if self.answered.load(Ordering::Acquire) != question {
            return None;
        }
        let len = (self.told_len.load(Ordering::Relaxed) as usize).min(TOLD);
        let bytes: Vec<u8> = self.told[..len]
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The session has seen that the worker has so many bytes of memory.
    pub fn note_memory(&self, bytes: u64) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of memory that the worker had when the session looked last; 0: it has not.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Another worker takes the seat.
    pub fn reset(&self) {
        self.printed_len.store(0, Ordering::Relaxed);
        self.told_len.store(0, Ordering::Relaxed);
        self.memory.store(0, Ordering::Relaxed);
        let asked = self.asked.load(Ordering::Relaxed);
        self.answered.store(asked, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Box<Board> {
        // SAFETY: every field is made of atomic integers, for which zeros are valid.
        Box::new(unsafe { std::mem::zeroed() })
    }

    #[test]
    fn the_last_bytes_that_were_printed_are_there() {
        let board = empty();
        assert_eq!(board.last_printed(), "");
        board.print(b"one ");
        board.print(b"two");
        assert_eq!(board.last_printed(), "one two");
        let long: Vec<u8> = (0..3000u32).map(|i| b'a' + (i % 26) as u8).collect();
        board.print(&long);
        assert_eq!(board.last_printed().as_bytes(), &long[3000 - PRINTED..]);
        board.print(b"!");
        assert!(board.last_printed().ends_with("!") && board.last_printed().len() == PRINTED);
        board.clear_printed();
        assert_eq!(board.last_printed(), "");
    }

    #[test]
    fn a_question_is_answered_once() {
        let board = empty();
        assert_eq!(board.question(), None);
        let first = board.ask();
        assert_eq!(board.question(), Some(first));
        assert_eq!(board.answer_to(first), None);
        board.answer(first, "f()\ng()");
        assert_eq!(board.question(), None);
        assert_eq!(board.answer_to(first).as_deref(), Some("f()\ng()"));
        let second = board.ask();
        assert_eq!(board.answer_to(second), None);
        board.answer(second, &"x".repeat(5000));
        assert_eq!(board.answer_to(second).map(|a| a.len()), Some(TOLD));
        board.ask();
        board.reset();
        assert_eq!(board.question(), None);
    }
}
