//! Which bytes of a memory that is used again may be anything but zero.

use std::ops::Range;

/// Ranges of bytes, in order, none of which touches another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stains(Vec<Range<usize>>);

/// More ranges than these are one, with what is clean between them: jobs of many shapes, one
/// after another.
const MOST: usize = 64;

impl Stains {
    /// These bytes are written to.
    pub(crate) fn add(&mut self, new: Range<usize>) {
        if new.is_empty() {
            return;
        }
        let from = self.0.partition_point(|old| old.end < new.start);
        let to = self.0.partition_point(|old| old.start <= new.end);
        let start = self
            .0
            .get(from)
            .map_or(new.start, |old| old.start.min(new.start));
        let end = match to.checked_sub(1).and_then(|last| self.0.get(last)) {
            Some(old) if to > from => old.end.max(new.end),
            _ => new.end,
        };
        let start = if to > from { start } else { new.start };
        self.0.splice(from..to, std::iter::once(start..end));
        if self.0.len() > MOST {
            let all = self.0[0].start..self.0[self.0.len() - 1].end;
            self.0 = vec![all];
        }
    }

    /// These bytes are about to be cleared: those of them that need it.
    pub(crate) fn take(&mut self, clean: &Range<usize>) -> Vec<Range<usize>> {
        let mut taken = Vec::new();
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for old in self.0.drain(..) {
            let inside = old.start.max(clean.start)..old.end.min(clean.end);
            if inside.is_empty() {
                left.push(old);
                continue;
            }
            left.extend(
                [old.start..inside.start, inside.end..old.end]
                    .into_iter()
                    .filter(|r| !r.is_empty()),
            );
            taken.push(inside);
        }
        self.0 = left;
        taken
    }

    /// How many bytes that are.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_and_cleared_is_known_byte_by_byte() {
        let (mut stains, mut bytes) = (Stains::default(), [false; 200]);
        let mut state = 1u32;
        for round in 0..5000 {
            let mut next = |most: u32| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 16) % most) as usize
            };
            let from = next(180);
            let range = from..from + next(20);
            let old = bytes;
            bytes[range.clone()].fill(round % 3 != 0);
            if round % 3 == 0 {
                let taken = stains.take(&range);
                let cleared = |at: usize| taken.iter().any(|t| t.contains(&at));
                assert!((0..200).all(|at| cleared(at) == (range.contains(&at) && old[at])));
            } else {
                stains.add(range);
            }
            let known: Vec<bool> = (0..200)
                .map(|at| stains.0.iter().any(|s| s.contains(&at)))
                .collect();
            assert_eq!(known, bytes);
            assert!(stains.0.windows(2).all(|two| two[0].end < two[1].start));
            assert_eq!(stains.bytes(), bytes.iter().filter(|b| **b).count());
        }
    }

    #[test]
    fn too_many_ranges_become_one() {
        let mut stains = Stains::default();
        for at in 0..MOST {
            stains.add(10 * at..10 * at + 1);
        }
        assert_eq!(stains.bytes(), MOST);
        stains.add(5000..5001);
        assert_eq!(stains.bytes(), 5001);
    }
}
