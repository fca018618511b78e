//! Steps of all lanes in one register of eight: AVX-512, with compilers that know it (build.rs).

#![allow(unsafe_code)]
// This module is not there for older compilers.
#![allow(clippy::incompatible_msrv)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_mask_shuffle_epi32, _mm512_min_epu32,
    _mm512_mul_epu32, _mm512_mullo_epi64, _mm512_rol_epi64, _mm512_set1_epi32, _mm512_set1_epi64,
    _mm512_slli_epi64, _mm512_srli_epi64, _mm512_storeu_si512, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use super::{State, FIRST_ROW, GOLDEN, LANES, MIX};

/// A processor that has these instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets(());

impl Octets {
    pub(super) fn new() -> Option<Self> {
        let known = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        known.then_some(Self(()))
    }

    /// `super::refill()`.
    pub(super) fn refill(self, begin: Option<u64>, state: &mut State, words: &mut [u64]) {
        // SAFETY: there is an `Octets` only where the processor has the instructions.
        unsafe { refill(begin, state, words) };
    }

    /// `super::draw()`.
    pub(super) fn draw(
        self,
        begin: Option<u64>,
        state: &mut State,
        n: u32,
        out: &mut [u32],
    ) -> u32 {
        // SAFETY: as above.
        unsafe { draw(begin, state, n, out) }
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn refill(begin: Option<u64>, state: &mut State, words: &mut [u64]) {
    let mut s = registers(begin, state);
    let (words, _) = pulp::as_arrays_mut::<LANES, u64>(words);
    for out in words {
        // SAFETY: eight numbers of 64 bits fill a register.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), step(&mut s)) };
    }
    keep(&s, state);
}

#[target_feature(enable = "avx512f,avx512dq")]
fn draw(begin: Option<u64>, state: &mut State, n: u32, out: &mut [u32]) -> u32 {
    let mut s = registers(begin, state);
    let n = _mm512_set1_epi64(i64::from(n));
    let mut least = _mm512_set1_epi32(-1);
    let (out, _) = pulp::as_arrays_mut::<{ 2 * LANES }, u32>(out);
    for out in out {
        let word = step(&mut s);
        let even = _mm512_mul_epu32(word, n);
        let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(word), n);
        // Low halves are in every second place; what is in the others is not looked at.
        least = _mm512_min_epu32(least, _mm512_min_epu32(even, odd));
        // High halves of the even products one place down, between those of the odd ones.
        let both = _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even);
        // SAFETY: 16 numbers of 32 bits fill a register.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), both) };
    }
    keep(&s, state);
    let mut all = [0u32; 2 * LANES];
    // SAFETY: as above.
    unsafe { _mm512_storeu_si512(all.as_mut_ptr().cast(), least) };
    all.into_iter().step_by(2).fold(u32::MAX, u32::min)
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn load(row: &[u64; LANES]) -> __m512i {
    // SAFETY: eight numbers of 64 bits fill a register.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

/// The state of a stream, at its `begin` if it has drawn nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn registers(begin: Option<u64>, state: &State) -> [__m512i; 4] {
    let Some(z) = begin else {
        return [
            load(&state[0]),
            load(&state[1]),
            load(&state[2]),
            load(&state[3]),
        ];
    };
    let golden = _mm512_set1_epi64(GOLDEN as i64);
    let mut at = _mm512_add_epi64(load(&FIRST_ROW), _mm512_set1_epi64(z as i64));
    let mut s = [at; 4];
    for row in &mut s {
        *row = mix(at);
        at = _mm512_add_epi64(at, golden);
    }
    s
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn keep(s: &[__m512i; 4], state: &mut State) {
    for (row, kept) in s.iter().zip(state) {
        // SAFETY: eight numbers of 64 bits fill a register.
        unsafe { _mm512_storeu_si512(kept.as_mut_ptr().cast(), *row) };
    }
}

/// `super::mix()` of eight numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn mix(z: __m512i) -> __m512i {
    let z = _mm512_xor_si512(z, _mm512_srli_epi64::<30>(z));
    let z = _mm512_mullo_epi64(z, _mm512_set1_epi64(MIX[0] as i64));
    let z = _mm512_xor_si512(z, _mm512_srli_epi64::<27>(z));
    let z = _mm512_mullo_epi64(z, _mm512_set1_epi64(MIX[1] as i64));
    _mm512_xor_si512(z, _mm512_srli_epi64::<31>(z))
}

/// A word of each lane, and the next state.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn step(s: &mut [__m512i; 4]) -> __m512i {
    /// The exclusive or of three.
    const ODD: i32 = 0x96;
    let [s0, s1, s2, s3] = *s;
    let sum = _mm512_add_epi64(s0, s3);
    let word = _mm512_add_epi64(_mm512_rol_epi64::<23>(sum), s0);
    let t = _mm512_slli_epi64::<17>(s1);
    let last = _mm512_xor_si512(s3, s1);
    *s = [
        _mm512_xor_si512(s0, last),
        _mm512_ternarylogic_epi64::<ODD>(s1, s2, s0),
        _mm512_ternarylogic_epi64::<ODD>(s2, s0, t),
        _mm512_rol_epi64::<45>(last),
    ];
    word
}
