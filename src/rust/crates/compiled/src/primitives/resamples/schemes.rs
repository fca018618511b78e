//! Balanced and antithetic resamples, and permutations, as package boot draws them.

use std::collections::TryReserveError;

use super::{keep, Resamples};

/// boot's `sim`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme<'a> {
    /// With replacement.
    Ordinary,
    /// Every row as often as there are replicates: one permutation of all rows of all replicates.
    Balanced,
    /// A permutation of the rows in each replicate.
    Permutation,
    /// The second half of the replicates has the mirror images of the rows of the first in the
    /// order of these influence values, one for each row; of one stratum.
    Antithetic(&'a [f64]),
}

impl Scheme<'_> {
    /// Up to what are numbers drawn, of strata of such sizes?
    #[must_use]
    pub fn largest(&self, strata: &[&[i32]], replicates: usize) -> usize {
        let size = strata.iter().map(|rows| rows.len()).max().unwrap_or(0);
        match self {
            Scheme::Balanced => size * replicates,
            _ => size,
        }
    }
}

impl Resamples {
    /// Draws resamples of so many replicates; those from `first` on, as many as there are `rows`,
    /// are kept. `strata`: the rows of each, from 1. An error where memory is short.
    pub fn draw(
        &mut self,
        scheme: Scheme,
        strata: &[&[i32]],
        replicates: usize,
        first: usize,
        rows: &mut [&mut [i32]],
    ) -> Result<(), TryReserveError> {
        match scheme {
            Scheme::Ordinary => self.ordinary(strata, replicates, first, rows),
            Scheme::Balanced => return self.balanced(strata, replicates, first, rows),
            Scheme::Permutation => self.permuted(strata, replicates, first, rows),
            Scheme::Antithetic(influence) => self.antithetic(influence, replicates, first, rows),
        }
        Ok(())
    }

    fn balanced(
        &mut self,
        strata: &[&[i32]],
        replicates: usize,
        first: usize,
        rows: &mut [&mut [i32]],
    ) -> Result<(), TryReserveError> {
        let largest = Scheme::Balanced.largest(strata, replicates);
        let mut all: Vec<i32> = Vec::new();
        all.try_reserve_exact(largest)?;
        for stratum in strata {
            if let [one] = stratum {
                keep(*one, rows);
                continue;
            }
            let size = stratum.len();
            all.clear();
            // Which row of the stratum, the rows being repeated for each replicate.
            all.extend((0..replicates).flat_map(|_| 0..size as i32));
            self.shuffle(&mut all);
            for (drawn, row) in all.chunks_exact(size).skip(first).zip(rows.iter_mut()) {
                put(stratum, drawn, row);
            }
        }
        Ok(())
    }

    fn permuted(
        &mut self,
        strata: &[&[i32]],
        replicates: usize,
        first: usize,
        rows: &mut [&mut [i32]],
    ) {
        for stratum in strata {
            if let [one] = stratum {
                keep(*one, rows);
                continue;
            }
            let mut drawn: Vec<i32> = Vec::with_capacity(stratum.len());
            for replicate in 0..replicates {
                drawn.clear();
                drawn.extend(0..stratum.len() as i32);
                self.shuffle(&mut drawn);
                if let Some(row) = replicate.checked_sub(first).and_then(|r| rows.get_mut(r)) {
                    put(stratum, &drawn, row);
                }
            }
        }
    }

    // A place is a column of all rows.
    #[allow(clippy::needless_range_loop)]
    fn antithetic(
        &mut self,
        influence: &[f64],
        replicates: usize,
        first: usize,
        rows: &mut [&mut [i32]],
    ) {
        let n = influence.len();
        let half = replicates / 2;
        let mut drawn = vec![0; half];
        // Replicates in the first half come back in the second: which are kept of either.
        let kept = |replicate: usize| {
            let r = replicate.checked_sub(first)?;
            (r < rows.len()).then_some(r)
        };
        let both: Vec<_> = (0..half).map(|r| (kept(r), kept(r + half))).collect();
        let last = (replicates % 2 == 1).then(|| kept(2 * half));
        for place in 0..n {
            self.fill(n, &mut drawn);
            for (i, (one, other)) in drawn.iter().zip(&both) {
                // Mirrored when the mirror is known, which ties are drawn for.
                one.iter().chain(other).for_each(|r| rows[*r][place] = *i);
            }
        }
        let mirror = self.mirror(influence);
        for r in both.iter().filter_map(|(_, other)| *other) {
            rows[r]
                .iter_mut()
                .for_each(|i| *i = mirror[*i as usize - 1]);
        }
        if let Some(last) = last {
            let mut drawn = vec![0; n];
            self.fill(n, &mut drawn);
            if let Some(r) = last {
                rows[r].copy_from_slice(&drawn);
            }
        }
    }

    /// The mirror image of each row, from 1, in the order of influence values; which of several with
    /// one value comes first is drawn.
    fn mirror(&mut self, influence: &[f64]) -> Vec<i32> {
        let n = influence.len();
        let mut order: Vec<i32> = (1..=n as i32).collect();
        order.sort_by(|a, b| {
            let [a, b] = [a, b].map(|i| influence[*i as usize - 1]);
            a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut start = 0;
        while start < n {
            let value = influence[order[start] as usize - 1];
            let tied = &mut order[start..];
            let same = |i: &i32| influence[*i as usize - 1] == value;
            let count = tied.iter().position(|i| !same(i)).unwrap_or(tied.len());
            if count > 1 {
                // Ranks are permuted, in the order of rows.
                let rows = tied[..count].to_vec();
                let mut ranks: Vec<i32> = (0..count as i32).collect();
                self.shuffle(&mut ranks);
                for (rank, row) in ranks.iter().zip(rows) {
                    tied[*rank as usize] = row;
                }
            }
            start += count.max(1);
        }
        let mut mirror = vec![0; n];
        for (row, image) in order.iter().zip(order.iter().rev()) {
            mirror[*row as usize - 1] = *image;
        }
        mirror
    }

    /// As `x[sample.int(length(x))]`: what is chosen has its place taken by the last that is left.
    fn shuffle(&mut self, all: &mut [i32]) {
        for left in (1..=all.len()).rev() {
            let at = if self.rounding {
                (left as f64 * self.state.next_u01()) as usize
            } else {
                self.state.next_below(left as u32) as usize
            };
            // Those that were chosen stand at the end, the first of them last.
            all.swap(at, left - 1);
        }
        all.reverse();
    }
}

/// The rows of a stratum in the order that was drawn, at their places in the row of a replicate.
fn put(stratum: &[i32], drawn: &[i32], row: &mut [i32]) {
    for (place, i) in stratum.iter().zip(drawn) {
        row[*place as usize - 1] = stratum[*i as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::generator::Generator;
    use crate::primitives::sample::sample_int;

    fn seed() -> Vec<i32> {
        let mut words: Vec<i32> = (0..625).map(|i| i * 7919 + 11).collect();
        words[0] = 600;
        words.insert(0, 10_403);
        words
    }

    fn drawn(
        scheme: Scheme,
        strata: &[&[i32]],
        [replicates, first, count]: [usize; 3],
    ) -> Vec<Vec<i32>> {
        let n = strata.iter().map(|rows| rows.len()).sum();
        let mut rows = vec![vec![0; n]; count];
        let mut slices: Vec<&mut [i32]> = rows.iter_mut().map(|row| &mut row[..]).collect();
        let mut state = Resamples::from_words(&seed()).unwrap();
        state
            .draw(scheme, strata, replicates, first, &mut slices)
            .unwrap();
        rows
    }

    /// The tests of R compare with boot; these hold what it promises.
    #[test]
    fn rows_are_as_often_there_as_the_scheme_says_and_parts_are_parts() {
        let strata: [&[i32]; 3] = [&[2, 3, 7], &[5], &[1, 4, 6, 8]];
        let influence = [3.0, 1.0, 2.0, 2.0, 5.0, 1.0, 2.0, 9.0];
        let whole: Vec<i32> = (1..=8).collect();
        for replicates in [2, 7] {
            for scheme in [
                Scheme::Balanced,
                Scheme::Permutation,
                Scheme::Antithetic(&influence),
            ] {
                let antithetic = matches!(scheme, Scheme::Antithetic(_));
                let one: [&[i32]; 1] = [&whole];
                let strata = if antithetic { &one[..] } else { &strata[..] };
                let all = drawn(scheme, strata, [replicates, 0, replicates]);
                assert_eq!(
                    all[1..],
                    drawn(scheme, strata, [replicates, 1, replicates - 1])
                );
                assert_eq!(all[..1], drawn(scheme, strata, [replicates, 0, 1]));
                if antithetic {
                    let half = replicates / 2;
                    let rank = |i: i32| influence[i as usize - 1];
                    let sorted = [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 9.0];
                    for (a, b) in all[..half].iter().zip(&all[half..]) {
                        for (a, b) in a.iter().zip(b) {
                            // The images of tied values are those at the mirrored places.
                            assert!(
                                (0..8).any(|k| sorted[k] == rank(*a) && sorted[7 - k] == rank(*b))
                            );
                        }
                    }
                    continue;
                }
                for row in &all {
                    for stratum in strata {
                        assert!(stratum
                            .iter()
                            .all(|i| stratum.contains(&row[*i as usize - 1])));
                    }
                    if scheme == Scheme::Permutation {
                        let mut sorted = row.clone();
                        sorted.sort_unstable();
                        assert_eq!(sorted, whole);
                    }
                }
                for i in 1..=8 {
                    let count = all.iter().flatten().filter(|j| **j == i).count();
                    assert_eq!(count, replicates);
                }
            }
        }
    }

    #[test]
    fn numbers_are_shuffled_as_by_sample() {
        for n in [2usize, 9, 33_000, 70_000] {
            let mut all: Vec<i32> = (1..=n as i32).collect();
            let mut ours = Resamples::from_words(&seed()).unwrap();
            ours.shuffle(&mut all);
            let mut state = Generator::from_words(&seed()).unwrap();
            assert_eq!(all, sample_int(n, n, false, &mut state).unwrap());
            assert_eq!(ours.words(), state.words());
        }
    }
}
