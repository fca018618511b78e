//! The random numbers of one replicate.
//!
//! xoshiro256++ (Blackman & Vigna 2021, ACM Transactions on Mathematical Software
//! 47, 36) in eight lanes, each seeded by SplitMix64 from (seed, replicate,
//! attempt): no thread and no chunk takes part in the key. Eight lanes are two or
//! four vector registers, and drawing is most of what a mean costs. Whole numbers
//! below n are drawn without bias from 32 bits (Lemire 2019, ACM Transactions on
//! Modeling and Computer Simulation 29, 3).

use pulp::{Arch, Simd, WithSimd};

use crate::math;

const LANES: usize = 8;
/// Words that are drawn at a time at most; a multiple of the lanes.
const WORDS: usize = 256;
/// The first of a stream, of which a short replicate needs no more. Each time that they are used
/// up twice as many are drawn, which changes none of them.
const FIRST: usize = 64;
/// Words whose halves are multiplied together where rejections are not rare: when one half is
/// rejected all are looked at.
const TOGETHER: usize = 64;
/// A threshold (of 2^32) below which they are rare.
const RARE: u64 = 1 << 17;

/// What a stream is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The seed of the run.
    pub seed: u64,
    /// The replicate, from 0.
    pub replicate: u64,
    /// 0, or how often the replicate was drawn again.
    pub attempt: u32,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A generator and the words that it has ready.
#[derive(Debug)]
pub struct Stream {
    state: [[u64; LANES]; 4],
    words: [u64; WORDS],
    /// Words that are ready end here, and those that were used end at `at`.
    end: usize,
    at: usize,
    arch: Arch,
}

// Kernels are types, not closures, because only types can be compiled for the vector units
// of the machine that runs them.

/// Steps of all lanes until `words` is full.
fn refill(arch: Arch, state: &mut [[u64; LANES]; 4], words: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if let Arch::V3(simd) = arch {
        simd.vectorize(Refill(simd, state, words));
        return;
    }
    let _ = arch;
    let [mut s0, mut s1, mut s2, mut s3] = *state;
    for out in words.chunks_exact_mut(LANES) {
        for l in 0..LANES {
            out[l] = s0[l]
                .wrapping_add(s3[l])
                .rotate_left(23)
                .wrapping_add(s0[l]);
            let t = s1[l] << 17;
            s2[l] ^= s0[l];
            s3[l] ^= s1[l];
            s1[l] ^= s2[l];
            s0[l] ^= s3[l];
            s2[l] ^= t;
            s3[l] = s3[l].rotate_left(45);
        }
    }
    *state = [s0, s1, s2, s3];
}

/// The same with two registers of four lanes, which the compiler does not do by itself.
#[cfg(target_arch = "x86_64")]
struct Refill<'a>(pulp::x86::V3, &'a mut [[u64; LANES]; 4], &'a mut [u64]);

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Refill<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, state, words) = self;
        let mut s: [[pulp::u64x4; 2]; 4] = pulp::cast(*state);
        let (words, _) = pulp::as_arrays_mut::<LANES, u64>(words);
        for k in 0..words.len() {
            let mut made = [s[0][0]; 2];
            for h in 0..2 {
                let [s0, s1, s2, s3] = [s[0][h], s[1][h], s[2][h], s[3][h]];
                let sum = simd.wrapping_add_u64x4(s0, s3);
                let turned = simd.or_u64x4(
                    simd.shl_const_u64x4::<23>(sum),
                    simd.shr_const_u64x4::<41>(sum),
                );
                made[h] = simd.wrapping_add_u64x4(turned, s0);
                let t = simd.shl_const_u64x4::<17>(s1);
                let s2 = simd.xor_u64x4(s2, s0);
                let s3 = simd.xor_u64x4(s3, s1);
                s[1][h] = simd.xor_u64x4(s1, s2);
                s[0][h] = simd.xor_u64x4(s0, s3);
                s[2][h] = simd.xor_u64x4(s2, t);
                s[3][h] = simd.or_u64x4(
                    simd.shl_const_u64x4::<45>(s3),
                    simd.shr_const_u64x4::<19>(s3),
                );
            }
            words[k] = pulp::cast(made);
        }
        *state = pulp::cast(s);
    }
}

/// Both halves of each word as numbers below `n`. False when one of them would have
/// to be rejected: `out` is then of no use.
struct Multiply<'a> {
    words: &'a [u64],
    n: u64,
    threshold: u64,
    out: &'a mut [u32],
}

impl WithSimd for Multiply<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        const LOW: u64 = 0xffff_ffff;
        let mut rejected = 0u64;
        let (pairs, _) = pulp::as_arrays_mut::<2, u32>(self.out);
        for (pair, word) in pairs.iter_mut().zip(self.words) {
            let (a, b) = ((word & LOW) * self.n, (word >> 32) * self.n);
            // The sign bit is set where the low part is below the threshold.
            rejected |=
                (a & LOW).wrapping_sub(self.threshold) | (b & LOW).wrapping_sub(self.threshold);
            *pair = [(a >> 32) as u32, (b >> 32) as u32];
        }
        rejected >> 63 == 0
    }
}

/// The same for all words, with the instructions of four lanes where there are any.
fn multiply(arch: Arch, all: Multiply<'_>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Arch::V3(simd) = arch {
        let quads = all.out.len() / 8;
        let (words, few) = all.words.split_at(4 * quads);
        let (out, rest) = all.out.split_at_mut(8 * quads);
        let (n, threshold) = (all.n, all.threshold);
        let accepted = simd.vectorize(MultiplyQuads(simd, words, n, threshold, out));
        let few = Multiply {
            words: few,
            n,
            threshold,
            out: rest,
        };
        return accepted & (few.out.is_empty() || arch.dispatch(few));
    }
    arch.dispatch(all)
}

#[cfg(target_arch = "x86_64")]
struct MultiplyQuads<'a>(pulp::x86::V3, &'a [u64], u64, u64, &'a mut [u32]);

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for MultiplyQuads<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        use std::arch::x86_64::__m256i;
        let Self(simd, words, n, threshold, out) = self;
        let avx2 = simd.avx2;
        let n: __m256i = pulp::cast(simd.splat_u64x4(n));
        // The smallest low half of a product.
        let mut least: __m256i = pulp::cast(simd.splat_u32x8(u32::MAX));
        let (words, _) = pulp::as_arrays::<4, u64>(words);
        let (out, _) = pulp::as_arrays_mut::<8, u32>(out);
        // Indices, not iterators, which the compiler does not always inline here.
        for k in 0..words.len().min(out.len()) {
            let word: __m256i = pulp::cast(words[k]);
            let even = avx2._mm256_mul_epu32(word, n);
            let odd = avx2._mm256_mul_epu32(avx2._mm256_srli_epi64::<32>(word), n);
            let high = avx2._mm256_blend_epi32::<0xaa>(avx2._mm256_srli_epi64::<32>(even), odd);
            let low = avx2._mm256_blend_epi32::<0xaa>(even, avx2._mm256_slli_epi64::<32>(odd));
            least = avx2._mm256_min_epu32(least, low);
            out[k] = pulp::cast(high);
        }
        let least: [u32; 8] = pulp::cast(least);
        least.iter().all(|low| u64::from(*low) >= threshold)
    }
}

struct Exponential<'a>(&'a [u64], &'a mut [f64]);

impl WithSimd for Exponential<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, word) in self.1.iter_mut().zip(self.0) {
            *x = -math::ln(to_unit(*word));
        }
    }
}

impl Stream {
    /// The stream of `key`, at its start.
    #[must_use]
    pub fn new(key: Key) -> Self {
        let mut stream = Self {
            state: [[0; LANES]; 4],
            words: [0; WORDS],
            end: 0,
            at: 0,
            arch: Arch::new(),
        };
        stream.reset(key);
        stream
    }

    /// Starts the stream of `key`.
    pub fn reset(&mut self, key: Key) {
        let attempt = mix(u64::from(key.attempt).wrapping_mul(GOLDEN) ^ 0x5bf0_3635);
        let mut z = mix(mix(key.seed ^ GOLDEN).wrapping_add(key.replicate) ^ attempt);
        for lane in 0..LANES {
            for row in &mut self.state {
                z = z.wrapping_add(GOLDEN);
                row[lane] = mix(z);
            }
        }
        self.end = 0;
        self.at = 0;
    }

    fn ready(&mut self) {
        if self.at == self.end {
            self.end = (2 * self.end).clamp(FIRST, WORDS);
            refill(self.arch, &mut self.state, &mut self.words[..self.end]);
            self.at = 0;
        }
    }

    /// 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.ready();
        self.at += 1;
        self.words[self.at - 1]
    }

    /// Fills `out` with independent numbers, uniform on `0..n`. Uses whole words, so
    /// an odd number of them leaves half a word behind.
    pub fn below(&mut self, n: u32, out: &mut [u32]) {
        let threshold = u64::from(n.wrapping_neg() % n);
        let n = u64::from(n);
        let together = if threshold < RARE { WORDS } else { TOGETHER };
        let mut done = 0;
        while done < out.len() {
            self.ready();
            let left = &mut out[done..];
            let most = left.len().div_ceil(2).min(together);
            let words = &self.words[self.at..(self.at + most).min(self.end)];
            let whole = left.len().min(2 * words.len()) & !1;
            let out = &mut left[..whole];
            let all = Multiply {
                words,
                n,
                threshold,
                out,
            };
            let accepted = multiply(self.arch, all);
            if accepted && left.len() >= 2 * words.len() {
                done += whole;
            } else {
                let halves = words.iter().flat_map(|w| [w & 0xffff_ffff, w >> 32]);
                let mut kept = 0;
                for half in halves {
                    let product = half * n;
                    if product & 0xffff_ffff >= threshold && kept < left.len() {
                        left[kept] = (product >> 32) as u32;
                        kept += 1;
                    }
                }
                done += kept;
            }
            self.at += words.len();
        }
    }

    /// One number, uniform on `0..n`.
    pub fn one_below(&mut self, n: u32) -> u32 {
        let mut out = [0];
        self.below(n, &mut out);
        out[0]
    }

    /// A number above 0 and below 1: the middle of one of 2^52 equal intervals.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        to_unit(self.word())
    }

    /// Fills `out` with exponential numbers of mean 1.
    pub fn exponential(&mut self, out: &mut [f64]) {
        let mut done = 0;
        while done < out.len() {
            self.ready();
            let count = (out.len() - done).min(self.end - self.at);
            let words = &self.words[self.at..self.at + count];
            self.arch
                .dispatch(Exponential(words, &mut out[done..done + count]));
            self.at += count;
            done += count;
        }
    }

    /// A standard normal number, by Marsaglia's polar method.
    pub fn normal(&mut self) -> f64 {
        loop {
            let u = 2.0 * self.uniform() - 1.0;
            let v = 2.0 * self.uniform() - 1.0;
            let s = u * u + v * v;
            if s < 1.0 && s > 0.0 {
                return u * (-2.0 * math::ln(s) / s).sqrt();
            }
        }
    }
}

#[inline(always)]
fn to_unit(word: u64) -> f64 {
    // 1.x - (1 - 2^-53): exact, and never 0.
    f64::from_bits(0x3ff0_0000_0000_0000 | (word >> 12)) - (1.0 - f64::EPSILON / 2.0)
}

#[cfg(test)]
mod tests;
