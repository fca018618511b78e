//! The random numbers of one replicate.
//!
//! xoshiro256++ (Blackman & Vigna 2021, ACM Transactions on Mathematical Software
//! 47, 36) in eight lanes, each seeded by SplitMix64 from (seed, replicate,
//! attempt): no thread and no chunk takes part in the key. Eight lanes are two or
//! four vector registers, and drawing is most of what a mean costs. Whole numbers
//! below n are drawn without bias from 32 bits (Lemire 2019, ACM Transactions on
//! Modeling and Computer Simulation 29, 3).

mod octets;
#[cfg(target_arch = "x86_64")]
mod quads;

use pulp::{Arch, Simd, WithSimd};
use rustle_threads::octets::Octets;

use crate::math;

const LANES: usize = 8;
/// Four numbers of each lane.
type State = [[u64; LANES]; 4];
/// Words that are drawn at a time at most; a multiple of the lanes.
const WORDS: usize = 256;
/// The first of a stream of which few are wanted at a time. Each time that they are used up twice
/// as many are drawn, which changes none of them.
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
const MIX: [u64; 2] = [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
#[inline(always)]
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(MIX[0]);
    z = (z ^ (z >> 27)).wrapping_mul(MIX[1]);
    z ^ (z >> 31)
}

/// A generator and the words that it has ready.
#[derive(Debug)]
pub struct Stream {
    /// Where the state of a stream begins that has drawn nothing yet.
    begin: Option<u64>,
    state: State,
    words: [u64; WORDS],
    /// Words that are ready end here, and those that were used end at `at`.
    end: usize,
    at: usize,
    /// Of the key: seed and attempt, which are the same for many replicates, and what mixing
    /// made of them.
    run: (u64, u32),
    mixed: [u64; 2],
    arch: Arch,
    units: Units,
}

/// What steps are made with; they are the same with all.
#[derive(Clone, Copy, Debug)]
enum Units {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Quads(pulp::x86::V3),
    Octets(Octets),
}

impl Units {
    /// The widest of this machine.
    fn new(arch: Arch) -> Self {
        if let Some(octets) = Octets::new() {
            return Self::Octets(octets);
        }
        #[cfg(target_arch = "x86_64")]
        if let Arch::V3(simd) = arch {
            return Self::Quads(simd);
        }
        let _ = arch;
        Self::Plain
    }
}

/// The lower half of a word.
const LOW: u64 = 0xffff_ffff;

/// 2^32 modulo `n`: how many low halves would favour some numbers below `n`.
fn threshold(n: u32) -> u64 {
    u64::from(n.wrapping_neg() % n)
}

// Kernels are types, not closures, because only types can be compiled for the vector units
// of the machine that runs them.

/// The state of a stream: consecutive numbers of SplitMix64 after `z`, four for each lane.
fn start(z: u64) -> State {
    let mut state = [[0; LANES]; 4];
    for (row, numbers) in state.iter_mut().enumerate() {
        for (lane, number) in numbers.iter_mut().enumerate() {
            *number = mix(z.wrapping_add(steps(lane, row)));
        }
    }
    state
}

/// How far the number of a lane and row is from the beginning.
const fn steps(lane: usize, row: usize) -> u64 {
    GOLDEN.wrapping_mul((4 * lane + row + 1) as u64)
}

/// The steps of the lanes in the first row of the state.
const FIRST_ROW: [u64; LANES] = {
    let mut all = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        all[lane] = steps(lane, 0);
        lane += 1;
    }
    all
};

/// Steps of all lanes until `words` is full, from the `start` of a stream if there is one.
fn refill(units: Units, begin: &Option<u64>, state: &mut State, words: &mut [u64]) {
    match units {
        Units::Octets(o) => return o.vectorize(octets::Refill(o, begin, state, words)),
        #[cfg(target_arch = "x86_64")]
        Units::Quads(simd) => return simd.vectorize(quads::Refill(simd, begin, state, words)),
        Units::Plain => {}
    }
    if let Some(z) = begin {
        *state = start(*z);
    }
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

/// Steps of all lanes, whose words are not kept but at once multiplied until `out`, which takes whole
/// steps, is full: see [`Multiply`]. `None` without registers of eight lanes: with those of four it is not
/// faster, and slower where few numbers are wanted.
fn draw(
    units: Units,
    begin: &Option<u64>,
    state: &mut State,
    n: u32,
    out: &mut [u32],
) -> Option<u32> {
    match units {
        Units::Octets(o) => Some(o.vectorize(octets::Draw(o, begin, state, n, out))),
        _ => None,
    }
}

/// Both halves of each word as numbers below `n` (`out` is twice as long), and the smallest low half of a product:
/// numbers whose low half is below the threshold have to be rejected, `out` is then of no use.
struct Multiply<'a> {
    words: &'a [u64],
    n: u64,
    out: &'a mut [u32],
}

impl WithSimd for Multiply<'_> {
    type Output = u32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u32 {
        let mut least = [u32::MAX; 2];
        let (pairs, _) = pulp::as_arrays_mut::<2, u32>(self.out);
        for (pair, word) in pairs.iter_mut().zip(self.words) {
            let products = [word & LOW, word >> 32].map(|half| half * self.n);
            for h in 0..2 {
                least[h] = least[h].min(products[h] as u32);
                pair[h] = (products[h] >> 32) as u32;
            }
        }
        least[0].min(least[1])
    }
}

/// The same with the instructions of four lanes where there are any.
fn multiply(arch: Arch, all: Multiply<'_>) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if let (Arch::V3(simd), 4..) = (arch, all.words.len()) {
        return simd.vectorize(quads::MultiplyQuads(simd, all));
    }
    arch.dispatch(all)
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
            begin: None,
            state: [[0; LANES]; 4],
            words: [0; WORDS],
            end: 0,
            at: 0,
            run: (key.seed, key.attempt),
            mixed: mixed(key.seed, key.attempt),
            arch: Arch::new(),
            units: Units::new(Arch::new()),
        };
        stream.reset(key);
        stream
    }

    /// Starts the stream of `key`.
    pub fn reset(&mut self, key: Key) {
        if self.run != (key.seed, key.attempt) {
            self.run = (key.seed, key.attempt);
            self.mixed = mixed(key.seed, key.attempt);
        }
        let z = mix(self.mixed[0].wrapping_add(key.replicate) ^ self.mixed[1]);
        self.begin = Some(z);
        self.end = 0;
        self.at = 0;
    }

    /// Sees to it that there is a word; `wanted`: how many will be used soon.
    #[inline]
    fn ready(&mut self, wanted: usize) {
        if self.at == self.end {
            self.end = if wanted < FIRST / 2 {
                (2 * self.end).clamp(FIRST, WORDS)
            } else {
                wanted.next_multiple_of(LANES).min(WORDS)
            };
            self.fill();
        }
    }

    /// Makes the words up to `end`.
    fn fill(&mut self) {
        let words = &mut self.words[..self.end];
        refill(self.units, &self.begin, &mut self.state, words);
        self.begin = None;
        self.at = 0;
    }

    /// Whole steps of the lanes, of which no word is ready, as numbers below `n`; false where one has to be
    /// rejected: then nothing was drawn.
    fn whole_steps(&mut self, n: u32, accepts: impl Fn(u64) -> bool, out: &mut [u32]) -> bool {
        let before = self.state;
        let Some(least) = draw(self.units, &self.begin, &mut self.state, n, out) else {
            return false;
        };
        if accepts(u64::from(least)) {
            self.begin = None;
            return true;
        }
        self.state = before;
        false
    }

    /// 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.ready(1);
        self.at += 1;
        self.words[self.at - 1]
    }

    /// Fills `out` with independent numbers, uniform on `0..n`. Uses whole words, so
    /// an odd number of them leaves half a word behind.
    pub fn below(&mut self, n: u32, out: &mut [u32]) {
        // The threshold is below n: most often nobody needs the division that it takes.
        let wide = u64::from(n);
        let accepts = |low: u64| low >= wide || low >= threshold(n);
        let rare = wide < RARE || threshold(n) < RARE;
        let together = if rare { WORDS } else { TOGETHER };
        let one = out.len() == 1;
        let mut done = 0;
        while done < out.len() {
            let left = &mut out[done..];
            let wanted = left.len().div_ceil(2);
            if rare && self.at == self.end && left.len() >= 2 * LANES {
                let count = left.len().min(2 * WORDS) / (2 * LANES) * (2 * LANES);
                if self.whole_steps(n, accepts, &mut left[..count]) {
                    done += count;
                    continue;
                }
            }
            if one {
                self.ready(1);
            } else if self.at == self.end {
                self.end = wanted.next_multiple_of(LANES).min(WORDS);
                self.fill();
            }
            let words = &self.words[self.at..(self.at + wanted.min(together)).min(self.end)];
            // Of an odd number the last one needs half a word.
            let whole = words.len().min(left.len() / 2);
            if whole > 0 {
                let all = Multiply {
                    words: &words[..whole],
                    n: wide,
                    out: &mut left[..2 * whole],
                };
                if accepts(u64::from(multiply(self.arch, all))) {
                    done += 2 * whole;
                    self.at += whole;
                    continue;
                }
            }
            let mut kept = 0;
            for half in words.iter().flat_map(|w| [w & LOW, w >> 32]) {
                let product = half * wide;
                if kept < left.len() && accepts(product & LOW) {
                    left[kept] = (product >> 32) as u32;
                    kept += 1;
                }
            }
            done += kept;
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
            self.ready(out.len() - done);
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

/// What the streams of a run have in common.
fn mixed(seed: u64, attempt: u32) -> [u64; 2] {
    let attempt = u64::from(attempt).wrapping_mul(GOLDEN);
    [mix(seed ^ GOLDEN), mix(attempt ^ 0x5bf0_3635)]
}

#[inline(always)]
fn to_unit(word: u64) -> f64 {
    // 1.x - (1 - 2^-53): exact, and never 0.
    f64::from_bits(0x3ff0_0000_0000_0000 | (word >> 12)) - (1.0 - f64::EPSILON / 2.0)
}

#[cfg(test)]
mod tests;
