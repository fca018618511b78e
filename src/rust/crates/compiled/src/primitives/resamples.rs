//! Resamples of rows, drawn as package boot draws them: all of a stratum at once, the first
//! row of every replicate before the second of any. Those that are not ordinary ones are in
//! resamples/schemes.rs.

mod schemes;

pub use schemes::Scheme;

use super::generator::{bits_below, Generator};

/// Numbers of [`RNGkind()`] in `.Random.seed[1]`.
///
/// [`RNGkind()`]: https://stat.ethz.ch/R-manual/R-devel/library/base/html/Random.html
const MERSENNE: i32 = 3;
const LECUYER: i32 = 7;
/// Above this `sample.kind = "Rounding"` takes two uniform numbers.
const ROUNDING_UP_TO: usize = 33_554_431;
/// Of how many observations draws are put into the rows of replicates at a time: those that fill
/// a line of the cache.
const COLUMNS: usize = 16;

/// A random state of R, for numbers as `sample.int(n, size, replace = TRUE)` draws them.
#[derive(Clone, Debug)]
pub struct Resamples {
    kind: i32,
    state: Generator,
    rounding: bool,
}

impl Resamples {
    /// From the whole of `.Random.seed`; `None` for kinds that are not known here.
    #[must_use]
    pub fn from_words(words: &[i32]) -> Option<Self> {
        let (&kind, state) = words.split_first()?;
        let rounding = match kind / 10_000 {
            0 => true,
            1 => false,
            _ => return None,
        };
        let state = match kind % 100 {
            MERSENNE => Generator::mersenne(state)?,
            LECUYER => Generator::lecuyer(state)?,
            _ => return None,
        };
        Some(Self {
            kind,
            state,
            rounding,
        })
    }

    /// What R would now store in `.Random.seed`.
    #[must_use]
    pub fn words(&self) -> Vec<i32> {
        let mut words = self.state.words();
        words[0] = self.kind;
        words
    }

    /// Are numbers up to `n` drawn as here?
    #[must_use]
    pub fn knows(&self, n: usize) -> bool {
        n <= if self.rounding {
            ROUNDING_UP_TO
        } else {
            i32::MAX as usize
        }
    }

    /// Numbers from 1 to `n`, which is above 0.
    pub fn fill(&mut self, n: usize, out: &mut [i32]) {
        let limit = n as f64;
        if self.rounding {
            out.iter_mut()
                .for_each(|i| *i = (limit * self.state.next_u01()) as i32 + 1);
            return;
        }
        let bits = bits_below(limit);
        match &mut self.state {
            Generator::Mersenne(twister) if bits < 16 => {
                twister.indices(n as u32, (1 << bits) - 1, out);
            }
            state => out
                .iter_mut()
                .for_each(|i| *i = state.next_of_bits(limit, bits) as i32 + 1),
        }
    }

    /// Draws ordinary resamples of so many replicates; those from `first` on, as many as there are
    /// `rows`, are kept. `strata`: the rows of each, from 1; of several those of one row are not drawn.
    pub fn ordinary(
        &mut self,
        strata: &[&[i32]],
        replicates: usize,
        first: usize,
        rows: &mut [&mut [i32]],
    ) {
        let mut waiting = vec![0; COLUMNS * replicates];
        for stratum in strata {
            if let ([one], 2..) = (*stratum, strata.len()) {
                keep(*one, rows);
                continue;
            }
            // One stratum: a number is a row.
            let in_order = strata.len() == 1 && stratum.iter().zip(1..).all(|(row, i)| *row == i);
            let mut done = 0;
            for part in stratum.chunks(COLUMNS) {
                let drawn = &mut waiting[..part.len() * replicates];
                self.fill(stratum.len(), drawn);
                let start = done;
                done += part.len();
                if in_order && part.len() == COLUMNS {
                    let mut columns: [&[i32]; COLUMNS] = [&[]; COLUMNS];
                    for c in 0..COLUMNS {
                        columns[c] = &drawn[c * replicates + first..][..rows.len()];
                    }
                    put(&columns, start, rows);
                    continue;
                }
                for (r, row) in rows.iter_mut().enumerate() {
                    for (c, place) in part.iter().enumerate() {
                        let i = drawn[c * replicates + first + r];
                        row[*place as usize - 1] = stratum[i as usize - 1];
                    }
                }
            }
        }
    }
}

/// A stratum of one row has it in every replicate.
fn keep(one: i32, rows: &mut [&mut [i32]]) {
    rows.iter_mut().for_each(|row| row[one as usize - 1] = one);
}

/// Puts columns, which are as long as there are rows, into the rows from place `start` on. Loops
/// over indices, which the compiler turns into plain loads and stores.
fn put(columns: &[&[i32]; COLUMNS], start: usize, rows: &mut [&mut [i32]]) {
    for r in 0..rows.len() {
        let to = &mut rows[r][start..start + COLUMNS];
        // Not copied from an array: what was just stored piece by piece is slow to load as a whole.
        for c in 0..COLUMNS {
            to[c] = columns[c][r];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::sample::sample_int;

    fn seed(kind: i32) -> Vec<i32> {
        let size = if kind % 100 == LECUYER { 6 } else { 625 };
        let mut words: Vec<i32> = (0..size).map(|i| i * 7919 + 11).collect();
        if size > 6 {
            words[0] = 600;
        }
        words.insert(0, kind);
        words
    }

    #[test]
    fn numbers_and_the_state_are_those_of_sample() {
        for kind in [10_403, 10_407] {
            for n in [1usize, 2, 5, 1000, 1024, 32_768, 32_769, 65_536, 100_000] {
                let mut ours = Resamples::from_words(&seed(kind)).unwrap();
                let mut state = Generator::from_words(&seed(kind)).unwrap();
                for size in [1usize, 23, 1000, 624] {
                    let mut out = vec![0; size];
                    ours.fill(n, &mut out);
                    assert_eq!(out, sample_int(n, size, true, &mut state).unwrap());
                    assert_eq!(ours.words(), state.words());
                }
            }
        }
    }

    #[test]
    fn rounding_takes_a_uniform_number_for_each() {
        let mut ours = Resamples::from_words(&seed(403)).unwrap();
        let mut state = Generator::from_words(&seed(10_403)).unwrap();
        let mut out = [0; 50];
        ours.fill(7, &mut out);
        for i in out {
            assert_eq!(i, (7.0 * state.next_u01()).floor() as i32 + 1);
        }
        assert_eq!(ours.words()[1..], state.words()[1..]);
        assert_eq!(ours.words()[0], 403);
        assert!(!ours.knows(1 << 26));
    }

    #[test]
    fn rows_have_their_column_of_each_stratum() {
        let strata: [&[i32]; 3] = [&[2, 3, 7, 9], &[5], &[1, 4, 6, 8, 10]];
        let replicates = 6;
        let mut state = Generator::from_words(&seed(10_403)).unwrap();
        let in_one = sample_int(10, 60, true, &mut state).unwrap();
        let mut state = Generator::from_words(&seed(10_403)).unwrap();
        let mut expected = vec![[0; 10]; replicates];
        for stratum in strata {
            if let [one] = stratum {
                expected
                    .iter_mut()
                    .for_each(|row| row[*one as usize - 1] = *one);
                continue;
            }
            let size = stratum.len();
            let drawn = sample_int(size, size * replicates, true, &mut state).unwrap();
            for (k, i) in drawn.iter().enumerate() {
                expected[k % replicates][stratum[k / replicates] as usize - 1] =
                    stratum[*i as usize - 1];
            }
        }
        for (first, count) in [(0, 6), (2, 3), (5, 1)] {
            let mut one = Resamples::from_words(&seed(10_403)).unwrap();
            let whole: Vec<i32> = (1..=10).collect();
            let mut rows = vec![[0; 10]; count];
            let mut slices: Vec<&mut [i32]> = rows.iter_mut().map(|row| &mut row[..]).collect();
            one.ordinary(&[&whole], replicates, first, &mut slices);
            for (k, i) in in_one.iter().enumerate() {
                if (first..first + count).contains(&(k % replicates)) {
                    assert_eq!(rows[k % replicates - first][k / replicates], *i);
                }
            }
            let mut ours = Resamples::from_words(&seed(10_403)).unwrap();
            let mut rows = vec![[0; 10]; count];
            let mut slices: Vec<&mut [i32]> = rows.iter_mut().map(|row| &mut row[..]).collect();
            ours.ordinary(&strata, replicates, first, &mut slices);
            assert_eq!(rows, expected[first..first + count]);
            assert_eq!(ours.words(), state.words());
        }
    }

    #[test]
    fn other_kinds_are_not_known() {
        assert!(Resamples::from_words(&seed(20_403)).is_none());
        assert!(Resamples::from_words(&seed(10_401)).is_none());
        assert!(Resamples::from_words(&[]).is_none());
    }
}
