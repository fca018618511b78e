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
    let mut x = (x & LOW) + (x >> 32) * more;
    // Of 209 (`M1`) once is enough: that is below 2^32 + 2^30. Of 22853 (`M2`) it is below
    // 2^32 + 2^37, and the second time below 2^32 + 2^20.
    if more > 0xff {
        x = (x & LOW) + (x >> 32) * more;
    }
    if x >= M {
        x - M
    } else {
        x
    }
}

/// The first 16 bits of a whole number over `M1` + 1.
#[inline]
fn high_bits(whole: u64) -> u32 {
    ((whole << 16) / (M1 + 1)) as u32
}

/// A number that leaves the same rest: what is above the lower 32 bits counts 2^32 - `M` times.
#[inline]
fn fold<const M: u64>(x: u64) -> u64 {
    (x & 0xffff_ffff) + (x >> 32) * ((1 << 32) - M)
}

/// p1 - p2 where that is above 0, else M1 more, which is 2^32 - 209. A branch would be taken
/// half of the time, so the borrow of a subtraction says which it is.
#[inline]
fn combined(p1: u64, p2: u64) -> u64 {
    let below = p1.wrapping_sub(p2 + 1);
    let less = (below >> 32) as u32 & (u32::MAX - M1 as u32 + 1);
    u64::from((below as u32).wrapping_add(1).wrapping_sub(less))
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
        let [a, b, c, d, e, f] = seed.0;
        Self {
            state: [a.into(), b.into(), c.into(), d.into(), e.into(), f.into()],
        }
    }

    /// The next uniform number, as R's `unif_rand()`. Above 0 and below 1: it is a
    /// whole number from 1 to 4294967087 over 4294967088, so that R's `fixup()`
    /// never has anything to do.
    #[inline]
    pub fn next_u01(&mut self) -> f64 {
        // A signed number is converted in one instruction.
        self.next_whole() as i64 as f64 * NORM
    }

    /// The first 16 bits of the next uniform number, as R's `floor(unif_rand() * 65536)`. That is
    /// rounded by less than 2^-36, and no number is as near to a whole one without being it; the
    /// 15 that are whole ones come out alike (a test has them).
    #[inline]
    pub fn next_16_bits(&mut self) -> u32 {
        high_bits(self.next_whole())
    }

    /// The next two uniform numbers.
    #[inline]
    pub fn next_two_u01(&mut self) -> [f64; 2] {
        let [first, second] = self.next_two();
        [first as i64 as f64 * NORM, second as i64 as f64 * NORM]
    }

    /// [`Mrg::next_16_bits`] of the next two numbers.
    #[inline]
    pub fn next_two_16_bits(&mut self) -> [u32; 2] {
        let [first, second] = self.next_two();
        [high_bits(first), high_bits(second)]
    }

    /// The next whole number from 1 to `M1`.
    #[inline]
    fn next_whole(&mut self) -> u64 {
        let [s0, s1, s2, s3, s4, s5] = self.state;
        // Both sums are below 2^54, as 2^32 times the sum of their factors is.
        let p1 = rest::<M1>(A12 * s1 + A13N * (M1 - s0));
        let p2 = rest::<M2>(A21 * s5 + A23N * (M2 - s3));
        self.state = [s1, s2, p1, s4, s5, p2];
        combined(p1, p2)
    }

    /// The next two. Of the second component each number needs the one before; here the second one
    /// is computed from those before both, so that neither waits for the other.
    #[inline]
    fn next_two(&mut self) -> [u64; 2] {
        /// `p2` is `A21 * s5 - A23N * s3`.
        const SQUARE: u64 = A21 * A21 % M2;
        const CROSS: u64 = A21 * A23N % M2;
        let [s0, s1, s2, s3, s4, s5] = self.state;
        let p1 = rest::<M1>(A12 * s1 + A13N * (M1 - s0));
        let q1 = rest::<M1>(A12 * s2 + A13N * (M1 - s1));
        let p2 = rest::<M2>(A21 * s5 + A23N * (M2 - s3));
        // The first two are below 2^47, the third one below 2^53.
        let q2 =
            rest::<M2>(fold::<M2>(SQUARE * s5) + fold::<M2>(CROSS * (M2 - s3)) + A23N * (M2 - s4));
        self.state = [s2, p1, q1, s5, p2, q2];
        [combined(p1, p2), combined(q1, q2)]
    }

    /// Where the generator is now; what R would store in `.Random.seed[2:7]`.
    #[must_use]
    pub fn seed(&self) -> Seed {
        Seed(self.state.map(|word| word as u32))
    }
}

#[cfg(test)]
mod tests;
