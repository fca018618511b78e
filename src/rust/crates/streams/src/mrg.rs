//! The generator itself.

use crate::jump::{A12, A13N, A21, A23N, M1, M2};
use crate::seed::Seed;

/// 1 / (M1 + 1), as R writes it. Kept digit for digit.
#[allow(clippy::excessive_precision)]
const NORM: f64 = 2.328306549295727688e-10;

/// `x % M` for `x` below 2^54 and a modulus somewhat below 2^32: by what 2^32 is more than it.
#[inline]
fn rest<const M: u64>(x: u64) -> u64 {
    const LOW: u64 = 0xffff_ffff;
    let more = (1 << 32) - M;
    // Twice: below 2^54 is then below 2^32 + 2^37, and that below 2^32 + 2^20.
    let x = (x & LOW) + (x >> 32) * more;
    let x = (x & LOW) + (x >> 32) * more;
    if x >= M {
        x - M
    } else {
        x
    }
}

/// MRG32k3a, as R runs it under `RNGkind("L'Ecuyer-CMRG")`.
#[derive(Clone, Debug)]
pub struct Mrg {
    state: [u64; 6],
}

impl Mrg {
    /// A generator that starts at `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            state: seed.0.map(u64::from),
        }
    }

    /// The next uniform number, as R's `unif_rand()`. Above 0 and below 1: it is a
    /// whole number from 1 to 4294967087 over 4294967088, so that R's `fixup()`
    /// never has anything to do.
    #[inline]
    pub fn next_u01(&mut self) -> f64 {
        let [s0, s1, s2, s3, s4, s5] = self.state;
        // Both sums are below 2^54, as 2^32 times the sum of their factors is.
        let p1 = rest::<M1>(A12 * s1 + A13N * (M1 - s0));
        let p2 = rest::<M2>(A21 * s5 + A23N * (M2 - s3));
        self.state = [s1, s2, p1, s4, s5, p2];
        let whole = if p1 > p2 { p1 - p2 } else { p1 + M1 - p2 };
        // It has 32 bits: a signed number is converted in one instruction.
        whole as i64 as f64 * NORM
    }

    /// Where the generator is now; what R would store in `.Random.seed[2:7]`.
    #[must_use]
    pub fn seed(&self) -> Seed {
        Seed(self.state.map(|word| word as u32))
    }
}

#[cfg(test)]
mod tests;
