//! A random permutation that is never stored.

use crate::stream::mix;

const ROUNDS: u64 = 8;

/// A keyed permutation of `0..len`: an alternating Feistel network on pairs of
/// numbers below the root of `len`, walked on until it comes back into the range
/// (Black & Rogaway 2002, CT-RSA, LNCS 2271, 114-130). Any place of the permutation
/// costs the same and needs no memory, so balanced replicates can be computed in any
/// order by any thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shuffle {
    len: u64,
    side: u64,
    key: u64,
}

impl Shuffle {
    /// A permutation of `0..len`, `len` at most 2^62.
    pub(crate) fn new(len: u64, key: u64) -> Self {
        let mut side = (len as f64).sqrt() as u64;
        while side.saturating_mul(side) < len {
            side += 1;
        }
        Self {
            len,
            side,
            key: mix(key),
        }
    }

    /// Where `place` goes.
    pub(crate) fn at(&self, place: u64) -> u64 {
        let mut x = place;
        loop {
            x = self.once(x);
            if x < self.len {
                return x;
            }
        }
    }

    fn once(&self, x: u64) -> u64 {
        let (mut left, mut right) = (x / self.side, x % self.side);
        for round in 0..ROUNDS {
            let hash = mix(right ^ self.key.rotate_left(7 * round as u32) ^ (round << 56));
            // The high bits of the product: a number below `side`.
            let shift = ((u128::from(hash) * u128::from(self.side)) >> 64) as u64;
            let sum = left + shift;
            left = right;
            right = if sum >= self.side {
                sum - self.side
            } else {
                sum
            };
        }
        left * self.side + right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_taken_once() {
        for len in [1, 2, 3, 10, 99, 1000, 12_345] {
            let shuffle = Shuffle::new(len, 5);
            let mut seen = vec![false; len as usize];
            for place in 0..len {
                let to = shuffle.at(place) as usize;
                assert!(!seen[to]);
                seen[to] = true;
            }
        }
    }

    #[test]
    fn places_are_uniform_over_keys() {
        // 6 places, 60,000 keys: where place 2 goes, and its right neighbour.
        let mut counts = [[0f64; 6]; 6];
        for key in 0..60_000 {
            let shuffle = Shuffle::new(6, key);
            counts[shuffle.at(2) as usize][shuffle.at(3) as usize] += 1.0;
        }
        let expected = 60_000.0 / 30.0;
        let mut chi = 0.0;
        for (i, row) in counts.iter().enumerate() {
            for (j, count) in row.iter().enumerate() {
                if i == j {
                    assert_eq!(*count, 0.0);
                } else {
                    chi += (count - expected) * (count - expected) / expected;
                }
            }
        }
        // 0.9999 quantile of chi-square with 29 degrees of freedom: 66.1.
        assert!(chi < 66.1, "{chi}");
    }
}
