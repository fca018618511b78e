//! A vector cut into parts that threads take.

use std::sync::Mutex;

/// Parts of a slice, each of which one thread takes once.
pub(crate) struct Parts<'a, T>(Vec<Mutex<Option<&'a mut [T]>>>);

impl<'a, T> Parts<'a, T> {
    /// Cuts `data` into parts of these lengths, from the front.
    pub(crate) fn new(mut data: &'a mut [T], lens: impl Iterator<Item = usize>) -> Parts<'a, T> {
        let cut = |len| {
            let (part, rest) = std::mem::take(&mut data).split_at_mut(len);
            data = rest;
            Mutex::new(Some(part))
        };
        Parts(lens.map(cut).collect())
    }

    /// Takes part `k`; `None` when it was taken before.
    pub(crate) fn take(&self, k: usize) -> Option<&'a mut [T]> {
        self.0[k].lock().ok()?.take()
    }
}

/// Memory that blocks of work lend each other: fresh memory for each would cost more
/// than what they do with it.
pub(crate) struct Spare<T>(Mutex<Vec<T>>);

impl<T> Spare<T> {
    pub(crate) fn new() -> Spare<T> {
        Spare(Mutex::new(Vec::new()))
    }

    /// What another block has given back, or new.
    pub(crate) fn take(&self, new: impl FnOnce() -> T) -> T {
        let spare = self.0.lock().ok().and_then(|mut spare| spare.pop());
        spare.unwrap_or_else(new)
    }

    pub(crate) fn give_back(&self, memory: T) {
        if let Ok(mut spare) = self.0.lock() {
            spare.push(memory);
        }
    }
}

/// `n` things in groups of `size`: the range of group `k`.
pub(crate) fn group(n: usize, size: usize, k: usize) -> std::ops::Range<usize> {
    (k * size).min(n)..((k + 1) * size).min(n)
}
