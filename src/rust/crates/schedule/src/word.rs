//! The atomic words that the claim table is made of.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// A 64-bit word that many workers read and change.
///
/// [`AtomicU64`] in production. The tests under `dev/rust` put loom's word in its
/// place, and one that stops a worker before any chosen operation, so that the
/// code they explore is the code that runs.
pub trait Word {
    /// Reads the word.
    fn load(&self, order: Ordering) -> u64;

    /// Replaces the word.
    fn store(&self, value: u64, order: Ordering);

    /// Replaces `current` by `new`, or returns what was found in its place.
    ///
    /// # Errors
    ///
    /// Fails, with the value found, exactly when it was not `current`.
    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;
}

impl Word for AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        AtomicU64::compare_exchange(self, current, new, success, failure)
    }
}

/// A range of units as one word: its start in the upper half, its end in the lower.
pub(crate) fn pack(units: Range<u32>) -> u64 {
    u64::from(units.start) << 32 | u64::from(units.end)
}

/// The range that [`pack`] made `word` of. The zero word is an empty range.
pub(crate) fn unpack(word: u64) -> Range<u32> {
    (word >> 32) as u32..word as u32
}

/// The most units that one claim can hold: their number has 31 bits.
pub(crate) const MOST: u32 = (1 << 31) - 1;

/// The word of a worker without a claim. Every claim has a length above 0, so no
/// claim looks like it.
pub(crate) const IDLE: u64 = 0;

const CONFIRMED: u64 = 1;

/// A claim that its worker is about to make: perhaps it never gets the units.
pub(crate) fn tentative(units: &Range<u32>) -> u64 {
    debug_assert!(!units.is_empty() && units.end - units.start <= MOST);
    u64::from(units.start) << 32 | u64::from(units.end - units.start) << 1
}

/// A claim whose units belong to its worker.
pub(crate) fn confirmed(units: &Range<u32>) -> u64 {
    tentative(units) | CONFIRMED
}

/// The units of a confirmed claim.
pub(crate) fn confirmed_units(claim: u64) -> Option<Range<u32>> {
    let start = (claim >> 32) as u32;
    let len = claim as u32 >> 1;
    (claim & CONFIRMED != 0).then(|| start..start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_ranges() {
        for units in [0..1, 7..9, 0..MOST, u32::MAX - 1..u32::MAX] {
            assert_eq!(unpack(pack(units.clone())), units);
            assert_eq!(confirmed_units(tentative(&units)), None);
            assert_eq!(confirmed_units(confirmed(&units)), Some(units.clone()));
            assert_ne!(tentative(&units), IDLE);
        }
        assert!(unpack(0).is_empty());
        assert_eq!(confirmed_units(IDLE), None);
    }
}
