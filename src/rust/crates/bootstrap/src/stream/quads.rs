//! Steps of all lanes in two registers of four: AVX2.

use std::arch::x86_64::__m256i;

use super::{Multiply, State, FIRST_ROW, GOLDEN, LANES, LOW, MIX};

/// What each lane of the two registers has of the four numbers of its state.
type Registers = [[pulp::u64x4; 2]; 4];

/// `super::start()`.
#[inline(always)]
fn start(simd: pulp::x86::V3, z: u64) -> Registers {
    let first: [pulp::u64x4; 2] = pulp::cast(FIRST_ROW);
    let mut state = [first; 4];
    for h in 0..2 {
        let mut at = simd.wrapping_add_u64x4(first[h], simd.splat_u64x4(z));
        for row in 0..4 {
            state[row][h] = mix_four(simd, at);
            at = simd.wrapping_add_u64x4(at, simd.splat_u64x4(GOLDEN));
        }
    }
    state
}

/// `super::mix()` of four numbers.
#[inline(always)]
fn mix_four(simd: pulp::x86::V3, z: pulp::u64x4) -> pulp::u64x4 {
    let z = times(
        simd,
        simd.xor_u64x4(z, simd.shr_const_u64x4::<30>(z)),
        MIX[0],
    );
    let z = times(
        simd,
        simd.xor_u64x4(z, simd.shr_const_u64x4::<27>(z)),
        MIX[1],
    );
    simd.xor_u64x4(z, simd.shr_const_u64x4::<31>(z))
}

/// Products of four numbers with one, modulo 2^64, of their halves.
#[inline(always)]
fn times(simd: pulp::x86::V3, z: pulp::u64x4, by: u64) -> pulp::u64x4 {
    let product = |a, b| -> pulp::u64x4 {
        pulp::cast(simd.avx2._mm256_mul_epu32(pulp::cast(a), pulp::cast(b)))
    };
    let (low, high) = (simd.splat_u64x4(by & LOW), simd.splat_u64x4(by >> 32));
    let crossed = simd.wrapping_add_u64x4(
        product(simd.shr_const_u64x4::<32>(z), low),
        product(z, high),
    );
    simd.wrapping_add_u64x4(product(z, low), simd.shl_const_u64x4::<32>(crossed))
}

/// A word of each lane of the registers `h`, and their next state.
#[inline(always)]
fn step(simd: pulp::x86::V3, s: &mut Registers, h: usize) -> pulp::u64x4 {
    let [s0, s1, s2, s3] = [s[0][h], s[1][h], s[2][h], s[3][h]];
    let sum = simd.wrapping_add_u64x4(s0, s3);
    let turned = simd.or_u64x4(
        simd.shl_const_u64x4::<23>(sum),
        simd.shr_const_u64x4::<41>(sum),
    );
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
    simd.wrapping_add_u64x4(turned, s0)
}

/// `super::refill()`. The beginning of the stream, which was just written, is read where it is: a copy would
/// read it in pieces other than those that were written, for which the processor waits.
pub(super) struct Refill<'a>(
    pub(super) pulp::x86::V3,
    pub(super) &'a Option<u64>,
    pub(super) &'a mut State,
    pub(super) &'a mut [u64],
);

impl pulp::NullaryFnOnce for Refill<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(simd, begin, state, words) = self;
        let mut s: Registers = match begin {
            Some(z) => start(simd, *z),
            None => pulp::cast(*state),
        };
        let (words, _) = pulp::as_arrays_mut::<LANES, u64>(words);
        for k in 0..words.len() {
            let made = [step(simd, &mut s, 0), step(simd, &mut s, 1)];
            words[k] = pulp::cast(made);
        }
        *state = pulp::cast(s);
    }
}

/// The halves of four words as numbers below `n`; `least`: the least of their low halves in every second
/// place. What is in the others is not looked at.
#[inline(always)]
fn below(simd: pulp::x86::V3, word: pulp::u64x4, n: __m256i, least: &mut __m256i) -> [u32; 8] {
    let avx2 = simd.avx2;
    let word: __m256i = pulp::cast(word);
    let even = avx2._mm256_mul_epu32(word, n);
    let odd = avx2._mm256_mul_epu32(avx2._mm256_srli_epi64::<32>(word), n);
    *least = avx2._mm256_min_epu32(*least, avx2._mm256_min_epu32(even, odd));
    let even = avx2._mm256_srli_epi64::<32>(even);
    pulp::cast(avx2._mm256_blend_epi32::<0xaa>(even, odd))
}

#[inline(always)]
fn smallest(least: __m256i) -> u32 {
    let least: [u32; 8] = pulp::cast(least);
    least.into_iter().step_by(2).fold(u32::MAX, u32::min)
}

/// [`Multiply`] of at least four words.
pub(super) struct MultiplyQuads<'a>(pub(super) pulp::x86::V3, pub(super) Multiply<'a>);

impl pulp::NullaryFnOnce for MultiplyQuads<'_> {
    type Output = u32;

    #[inline(always)]
    fn call(self) -> u32 {
        let Self(simd, Multiply { words, n, out }) = self;
        let n = pulp::cast(simd.splat_u64x4(n));
        let mut least = pulp::cast(simd.splat_u32x8(u32::MAX));
        let mut quad = |word: [u64; 4]| below(simd, pulp::cast(word), n, &mut least);
        let (quads, few) = pulp::as_arrays::<4, u64>(words);
        let (octets, _) = pulp::as_arrays_mut::<8, u32>(out);
        // Indices, not iterators, which the compiler does not always inline here.
        for k in 0..quads.len().min(octets.len()) {
            octets[k] = quad(quads[k]);
        }
        // The last four words, some of them once more.
        if !few.is_empty() {
            if let (Some(words), Some(out)) = (words.last_chunk::<4>(), out.last_chunk_mut::<8>()) {
                *out = quad(*words);
            }
        }
        smallest(least)
    }
}
