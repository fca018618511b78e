//! Steps of all lanes in one register.

use rustle_threads::octets::{Eight, Kernel, Octets};

use super::{State, FIRST_ROW, GOLDEN, LANES, LOW, MIX};

/// `super::refill()`; see quads.rs.
pub(super) struct Refill<'a>(
    pub(super) Octets,
    pub(super) &'a Option<u64>,
    pub(super) &'a mut State,
    pub(super) &'a mut [u64],
);

impl Kernel for Refill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self(o, begin, state, words) = self;
        let mut s = registers(o, begin, state);
        let (words, _) = pulp::as_arrays_mut::<LANES, u64>(words);
        for k in 0..words.len() {
            o.store(step(o, &mut s), &mut words[k]);
        }
        keep(o, &s, state);
    }
}

/// `super::draw()`.
pub(super) struct Draw<'a>(
    pub(super) Octets,
    pub(super) &'a Option<u64>,
    pub(super) &'a mut State,
    pub(super) u32,
    pub(super) &'a mut [u32],
);

impl Kernel for Draw<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let Self(o, begin, state, n, out) = self;
        let mut s = registers(o, begin, state);
        let n = o.splat(u64::from(n));
        let mut least = o.splat(u64::MAX);
        let (out, _) = pulp::as_arrays_mut::<{ 2 * LANES }, u32>(out);
        for k in 0..out.len() {
            let word = step(o, &mut s);
            let even = o.multiply_lower(word, n);
            let odd = o.multiply_lower(o.shift_right::<32>(word), n);
            least = o.least_halves(least, o.least_halves(even, odd));
            o.store_halves(o.upper_halves(even, odd), &mut out[k]);
        }
        keep(o, &s, state);
        // What is in the upper halves is not looked at.
        let (mut smallest, mut all) = ([0; LANES], u32::MAX);
        o.store(least, &mut smallest);
        for both in smallest {
            all = all.min((both & LOW) as u32);
        }
        all
    }
}

/// The state of a stream, at its `begin` if it has drawn nothing.
#[inline(always)]
fn registers(o: Octets, begin: &Option<u64>, state: &State) -> [Eight; 4] {
    let Some(z) = begin else {
        return [
            o.load(&state[0]),
            o.load(&state[1]),
            o.load(&state[2]),
            o.load(&state[3]),
        ];
    };
    let mut at = o.add(o.load(&FIRST_ROW), o.splat(*z));
    let mut s = [at; 4];
    for row in 0..4 {
        s[row] = mix(o, at);
        at = o.add(at, o.splat(GOLDEN));
    }
    s
}

// Loops and arrays, not closures, which the compiler does not always inline here.
#[inline(always)]
fn keep(o: Octets, s: &[Eight; 4], state: &mut State) {
    for row in 0..4 {
        o.store(s[row], &mut state[row]);
    }
}

/// `super::mix()` of eight numbers.
#[inline(always)]
fn mix(o: Octets, z: Eight) -> Eight {
    let z = o.multiply(o.xor(z, o.shift_right::<30>(z)), o.splat(MIX[0]));
    let z = o.multiply(o.xor(z, o.shift_right::<27>(z)), o.splat(MIX[1]));
    o.xor(z, o.shift_right::<31>(z))
}

/// A word of each lane, and the next state.
#[inline(always)]
fn step(o: Octets, s: &mut [Eight; 4]) -> Eight {
    let [s0, s1, s2, s3] = *s;
    let sum = o.add(s0, s3);
    let word = o.add(o.rotate_left::<23>(sum), s0);
    let last = o.xor(s3, s1);
    *s = [
        o.xor(s0, last),
        o.xor_three(s1, s2, s0),
        o.xor_three(s2, s0, o.shift_left::<17>(s1)),
        o.rotate_left::<45>(last),
    ];
    word
}
