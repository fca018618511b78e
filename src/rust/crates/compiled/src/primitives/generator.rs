//! The uniform generators, and what R draws with them directly.

use rustle_streams::{Mrg, Seed};

use super::mersenne::Mersenne;
use crate::host::Host;

/// R's kind codes in `.Random.seed[1]`: the generator, with normal numbers by inversion
/// and indices by rejection.
const MERSENNE: i32 = 10403;
const LECUYER: i32 = 10407;

/// The random state of a task: one of R's two kinds of generator that are known here, with
/// inversion and rejection.
#[derive(Clone, Debug)]
pub enum Generator {
    /// `RNGkind("L'Ecuyer-CMRG")`.
    LEcuyer(Mrg),
    /// `RNGkind("Mersenne-Twister")`, R's default.
    Mersenne(Box<Mersenne>),
}

/// The binary logarithm of `n`, a number above 0, rounded up.
#[inline]
pub(super) fn bits_below(n: f64) -> u32 {
    let whole = n as u32;
    if f64::from(whole) == n {
        u32::BITS - (whole - 1).leading_zeros()
    } else {
        n.log2().ceil() as u32
    }
}

/// The first 16 bits of a uniform number.
#[inline]
fn part(u: f64) -> u32 {
    (u * 65536.0) as i64 as u32
}

/// A uniform number of 54 bits, of two uniform numbers.
#[inline]
fn fine([first, second]: [f64; 2]) -> f64 {
    const BIG: f64 = 134_217_728.0; // 2^27
    const WHOLE: f64 = 4_503_599_627_370_496.0; // 2^52
    let wide = BIG * first;
    // Rounded to a whole number by what is lost beside 2^52, and down.
    let near = (wide + WHOLE) - WHOLE;
    let high = near - if near > wide { 1.0 } else { 0.0 };
    (high + second) / BIG
}

/// Fills the slice with whole numbers from 1 to `n`, at most 2^15. What is rejected is written
/// over by the next one: no branch depends on what is drawn.
fn few_bits(mrg: &mut Mrg, n: u32, to: &mut [i32]) {
    let mask = n.next_power_of_two() - 1;
    let mut done = 0;
    // Both of two have a place.
    while done + 1 < to.len() {
        for part in mrg.next_two_16_bits() {
            let value = part & mask;
            to[done] = value as i32 + 1;
            done += usize::from(value < n);
        }
    }
    while done < to.len() {
        let value = mrg.next_16_bits() & mask;
        to[done] = value as i32 + 1;
        done += usize::from(value < n);
    }
}

/// A shuffle: how many elements are left, and the mask of the bits that a number below that has.
#[derive(Clone, Copy)]
struct Left {
    count: u32,
    mask: u32,
}

impl Left {
    fn of(count: usize) -> Left {
        let count = count as u32;
        Left {
            count,
            mask: count.next_power_of_two() - 1,
        }
    }

    /// One step. What is rejected changes nothing, and no branch depends on what is drawn.
    #[inline]
    fn step(self, part: u32, all: &mut [i32]) -> Left {
        let last = self.count - 1;
        let at = part & self.mask;
        let good = at < self.count;
        let from = if good { at } else { last };
        all.swap(from as usize, last as usize);
        let count = self.count - u32::from(good);
        // It loses a bit where half as many numbers are enough.
        let half = self.mask >> 1;
        let mask = if count <= half + 1 { half } else { self.mask };
        Left { count, mask }
    }
}

/// See [`Generator::shuffle`].
#[inline]
fn shuffled(next: &mut impl FnMut() -> u32, size: usize, all: &mut [i32]) {
    let mut left = Left::of(all.len());
    let end = left.count - size as u32;
    while left.count > end {
        left = left.step(next(), all);
    }
}

/// The same, with two numbers at a time as long as both are needed.
fn shuffled_by_two(mrg: &mut Mrg, size: usize, all: &mut [i32]) {
    let mut left = Left::of(all.len());
    let end = left.count - size as u32;
    while left.count > end + 1 {
        for part in mrg.next_two_16_bits() {
            left = left.step(part, all);
        }
    }
    while left.count > end {
        left = left.step(mrg.next_16_bits(), all);
    }
}

impl From<Mrg> for Generator {
    fn from(mrg: Mrg) -> Self {
        Generator::LEcuyer(mrg)
    }
}

impl Generator {
    /// From a stream's seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Generator::LEcuyer(Mrg::new(seed))
    }

    /// From the whole of `.Random.seed`; `None` for kinds that are not known here.
    #[must_use]
    pub fn from_words(words: &[i32]) -> Option<Self> {
        match words.split_first()? {
            (&LECUYER, state) => Generator::lecuyer(state),
            (&MERSENNE, state) => Generator::mersenne(state),
            _ => None,
        }
    }

    /// From `.Random.seed[-1]` of `RNGkind("L'Ecuyer-CMRG")`.
    pub(super) fn lecuyer(state: &[i32]) -> Option<Self> {
        Some(Generator::new(Seed::from_words(state).ok()?))
    }

    /// From that of `RNGkind("Mersenne-Twister")`.
    pub(super) fn mersenne(state: &[i32]) -> Option<Self> {
        Some(Generator::Mersenne(Box::new(Mersenne::from_words(state)?)))
    }

    /// What R would now store in `.Random.seed`.
    #[must_use]
    pub fn words(&self) -> Vec<i32> {
        let (kind, state) = match self {
            Generator::LEcuyer(mrg) => (LECUYER, mrg.seed().words().to_vec()),
            Generator::Mersenne(twister) => (MERSENNE, twister.words()),
        };
        [vec![kind], state].concat()
    }

    /// A uniform number above 0 and below 1, as `runif(1)`.
    #[inline]
    pub fn next_u01(&mut self) -> f64 {
        match self {
            Generator::LEcuyer(mrg) => mrg.next_u01(),
            Generator::Mersenne(twister) => twister.next_u01(),
        }
    }

    /// The first 16 bits of a uniform number.
    #[inline]
    fn next_16_bits(&mut self) -> u32 {
        match self {
            Generator::LEcuyer(mrg) => mrg.next_16_bits(),
            Generator::Mersenne(twister) => part(twister.next_u01()),
        }
    }

    /// A standard normal number by inversion of a uniform one of 54 bits.
    #[inline]
    pub fn next_normal(&mut self, host: &Host) -> f64 {
        let two = match self {
            Generator::LEcuyer(mrg) => mrg.next_two_u01(),
            Generator::Mersenne(twister) => [twister.next_u01(), twister.next_u01()],
        };
        (host.qnorm)(fine(two))
    }

    /// A standard exponential number: algorithm SA of Ahrens & Dieter (1972),
    /// Communications of the ACM 15, 873-882.
    pub fn next_exponential(&mut self) -> f64 {
        /// The sums over i up to k of log(2)^i / i!.
        const Q: [f64; 16] = [
            std::f64::consts::LN_2,
            0.933373687519046,
            0.9888777961838676,
            0.9984959252914961,
            0.9998292811061389,
            0.9999833164100728,
            0.9999985691438767,
            0.9999998906925558,
            0.9999999924734159,
            0.9999999995283275,
            0.9999999999728814,
            0.9999999999985598,
            0.999999999999929,
            0.9999999999999968,
            0.9999999999999999,
            1.0,
        ];
        // Each leading zero bit of the uniform number adds log(2).
        let mut whole = 0.0;
        let mut u = 2.0 * self.next_u01();
        while u <= 1.0 {
            whole += Q[0];
            u *= 2.0;
        }
        u -= 1.0;
        if u <= Q[0] {
            return whole + u;
        }
        // The smallest of as many uniform numbers as the rest of it asks for, at least two.
        let mut least = self.next_u01();
        for q in &Q[1..] {
            least = least.min(self.next_u01());
            if u <= *q {
                break;
            }
        }
        whole + least * Q[0]
    }

    /// A whole number below `n`, by rejection of too large ones of as many random bits.
    #[inline]
    pub fn next_index(&mut self, n: f64) -> f64 {
        if n <= 0.0 {
            return 0.0;
        }
        self.next_of_bits(n, bits_below(n))
    }

    /// The same of a whole number above 0.
    #[inline]
    pub fn next_below(&mut self, n: u32) -> u32 {
        let bits = u32::BITS - (n - 1).leading_zeros();
        if bits >= 16 {
            return self.next_of_bits(f64::from(n), bits) as u32;
        }
        let mask = (1u32 << bits) - 1;
        loop {
            let value = self.next_16_bits() & mask;
            if value < n {
                return value;
            }
        }
    }

    /// `size` whole numbers from 1 to `n`, each by itself.
    pub(super) fn indices(&mut self, n: u32, size: usize, out: &mut Vec<i32>) {
        if n > 0x8000 {
            out.extend((0..size).map(|_| self.next_below(n) as i32 + 1));
            return;
        }
        let start = out.len();
        out.resize(start + size, 0);
        let to = &mut out[start..];
        match self {
            // A copy of the state stays in registers of the processor.
            Generator::LEcuyer(mrg) => {
                let mut own = mrg.clone();
                few_bits(&mut own, n, to);
                *mrg = own;
            }
            Generator::Mersenne(twister) => twister.indices(n, n.next_power_of_two() - 1, to),
        }
    }

    /// Shuffles whole numbers from 1 on, as many as the slice has, at most 2^15, until `size` of
    /// them stand at its end, the first one last.
    pub(super) fn shuffle(&mut self, size: usize, all: &mut [i32]) {
        match self {
            Generator::LEcuyer(mrg) => {
                let mut own = mrg.clone();
                shuffled_by_two(&mut own, size, all);
                *mrg = own;
            }
            Generator::Mersenne(twister) => shuffled(&mut || part(twister.next_u01()), size, all),
        }
    }

    /// `size` uniform numbers.
    pub(crate) fn uniforms(&mut self, size: usize, out: &mut Vec<f64>) {
        match self {
            Generator::LEcuyer(mrg) => {
                let mut own = mrg.clone();
                out.extend((0..size).map(|_| own.next_u01()));
                *mrg = own;
            }
            Generator::Mersenne(twister) => out.extend((0..size).map(|_| twister.next_u01())),
        }
    }

    /// `size` probabilities of which the quantiles are standard normal numbers.
    pub(crate) fn fine_uniforms(&mut self, size: usize, out: &mut Vec<f64>) {
        match self {
            Generator::LEcuyer(mrg) => {
                let mut own = mrg.clone();
                out.extend((0..size).map(|_| fine(own.next_two_u01())));
                *mrg = own;
            }
            Generator::Mersenne(twister) => {
                out.extend((0..size).map(|_| fine([twister.next_u01(), twister.next_u01()])));
            }
        }
    }

    /// As [`Generator::next_index`], where the number of bits of `n` is known.
    #[inline]
    pub(super) fn next_of_bits(&mut self, n: f64, bits: u32) -> f64 {
        // 16 bits at a time; a number of 16 or 32 bits takes one part more than it needs.
        let parts = bits / 16 + 1;
        let mask = (1u64 << bits) - 1;
        loop {
            let mut value = 0u64;
            for _ in 0..parts {
                value = value << 16 | u64::from(self.next_16_bits());
            }
            let value = (value & mask) as i64 as f64;
            if value < n {
                return value;
            }
        }
    }
}
