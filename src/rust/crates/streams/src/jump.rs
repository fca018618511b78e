//! Jumps ahead: the state times a power of the matrix of one step, modulo `m`.

/// Modulus of the first component.
pub(crate) const M1: u64 = 4_294_967_087;
/// Modulus of the second component.
pub(crate) const M2: u64 = 4_294_944_443;
/// Coefficients of the recurrences; those with an `N` are subtracted.
pub(crate) const A12: u64 = 1_403_580;
pub(crate) const A13N: u64 = 810_728;
pub(crate) const A21: u64 = 527_612;
pub(crate) const A23N: u64 = 1_370_589;

/// A 3 x 3 matrix in rows; its entries are below the modulus, hence below 2^32.
type Matrix = [[u32; 3]; 3];

const STEP1: Matrix = [[0, 1, 0], [0, 0, 1], [(M1 - A13N) as u32, A12 as u32, 0]];
const STEP2: Matrix = [[0, 1, 0], [0, 0, 1], [(M2 - A23N) as u32, 0, A21 as u32]];

/// The sum of three products of numbers below 2^32, modulo `m`, which is above 2^32 - 2^15. What a
/// product has above its lower 32 bits counts 2^32 - `m` times: that leaves less than 2^48, and of
/// the sum then less than 2^33.
#[inline]
const fn dot(a: [u32; 3], b: [u32; 3], m: u64) -> u32 {
    const LOW: u64 = 0xffff_ffff;
    let more = (1 << 32) - m;
    let mut sum = 0;
    let mut i = 0;
    while i < 3 {
        let product = a[i] as u64 * b[i] as u64;
        sum += (product & LOW) + (product >> 32) * more;
        i += 1;
    }
    let sum = (sum & LOW) + (sum >> 32) * more;
    (sum % m) as u32
}

#[inline]
fn product([a, b, c]: &Matrix, state: [u32; 3], m: u64) -> [u32; 3] {
    [dot(*a, state, m), dot(*b, state, m), dot(*c, state, m)]
}

const fn square(a: Matrix, m: u64) -> Matrix {
    let mut product = [[0; 3]; 3];
    let mut i = 0;
    while i < 3 {
        let mut j = 0;
        while j < 3 {
            product[i][j] = dot(a[i], [a[0][j], a[1][j], a[2][j]], m);
            j += 1;
        }
        i += 1;
    }
    product
}

/// The powers `a^(2^(first + j))` for `j` in `0..64`.
const fn powers(a: Matrix, first: u32, m: u64) -> [Matrix; 64] {
    let mut power = a;
    let mut i = 0;
    while i < first {
        power = square(power, m);
        i += 1;
    }
    let mut table = [a; 64];
    let mut j = 0;
    while j < 64 {
        table[j] = power;
        power = square(power, m);
        j += 1;
    }
    table
}

/// Jumps of one fixed length and all its multiples below 2^64.
pub(crate) struct Jump {
    first: [Matrix; 64],
    second: [Matrix; 64],
}

impl Jump {
    const fn new(exponent: u32) -> Self {
        Self {
            first: powers(STEP1, exponent, M1),
            second: powers(STEP2, exponent, M2),
        }
    }

    /// The state `times` jumps ahead of `state`.
    pub(crate) fn ahead(&self, state: [u32; 6], times: u64) -> [u32; 6] {
        let [s0, s1, s2, s3, s4, s5] = state;
        let mut first = [s0, s1, s2];
        let mut second = [s3, s4, s5];
        let mut left = times;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            first = product(&self.first[bit], first, M1);
            second = product(&self.second[bit], second, M2);
            left &= left - 1;
        }
        let ([s0, s1, s2], [s3, s4, s5]) = (first, second);
        [s0, s1, s2, s3, s4, s5]
    }
}

/// Jumps from stream to stream: 2^127 numbers.
pub(crate) static STREAM: Jump = Jump::new(127);
/// Jumps from substream to substream: 2^76 numbers.
pub(crate) static SUBSTREAM: Jump = Jump::new(76);
/// Jumps over single numbers, to check the matrices against the recurrence.
#[cfg(test)]
pub(crate) static NUMBER: Jump = Jump::new(0);
