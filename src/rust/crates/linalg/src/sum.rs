//! Compensated sums: each rounding error is kept and added at the end, so that a sum is
//! as good as if it were computed in twice the precision (T. Ogita, S. M. Rump and
//! S. Oishi, Accurate sum and dot product, SIAM J. Sci. Comput. 26 (2005), algorithm 4.4).

use pulp::as_arrays;

use crate::missing::{is_na, NA};

/// Sums that are kept side by side: enough for every vector unit, and the same number
/// on all of them, so that all give the same bits.
pub(crate) const LANES: usize = 8;
/// Columns shorter than this are summed side by side.
pub(crate) const SHORT: usize = 64;

/// The first thing in a sum that is no finite number. Of two the first one counts, but
/// `NA` and `NaN` count before the infinities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Special {
    #[default]
    None,
    Positive,
    Negative,
    NaN,
    Na,
}

impl Special {
    fn of(x: f64) -> Special {
        if is_na(x) {
            Special::Na
        } else if x.is_nan() {
            Special::NaN
        } else if x == f64::INFINITY {
            Special::Positive
        } else if x == f64::NEG_INFINITY {
            Special::Negative
        } else {
            Special::None
        }
    }

    fn then(self, next: Special) -> Special {
        use Special::{Na, NaN, Negative, None, Positive};
        match (self, next) {
            (NaN | Na, _) | (_, None) => self,
            (None, _) | (_, NaN | Na) => next,
            (Positive, Negative) | (Negative, Positive) => NaN,
            _ => self,
        }
    }
}

/// A sum, or a part of one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    high: f64,
    low: f64,
    /// Terms that were not skipped.
    pub(crate) count: u32,
    special: Special,
}

/// `a + b` and its rounding error (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let bb = sum - a;
    (sum, (a - (sum - bb)) + (b - bb))
}

/// `(high + low) / n`, rounded once. The quotient of the rounded sum is not always the
/// common value of equal terms, and so their variance would not be 0.
#[inline(always)]
fn quotient(high: f64, low: f64, n: f64) -> f64 {
    let near = (high + low) / n;
    near + ((-near).mul_add(n, high) + low) / n
}

impl Sum {
    /// Adds a part that comes behind this one.
    pub(crate) fn add(&mut self, next: &Sum) {
        let (high, error) = two_sum(self.high, next.high);
        self.high = high;
        self.low += error + next.low;
        self.count += next.count;
        self.special = self.special.then(next.special);
    }

    /// The sum in double precision. Not finite without anything in it that is not:
    /// `None`, the sum has overflown on its way.
    pub(crate) fn value(&self) -> Option<f64> {
        match self.special {
            Special::None => Some(self.high + self.low).filter(|sum| sum.is_finite()),
            Special::Positive => Some(f64::INFINITY),
            Special::Negative => Some(f64::NEG_INFINITY),
            Special::NaN => Some(f64::NAN),
            Special::Na => Some(NA),
        }
    }

    /// The mean of the terms; `None` as for [`Sum::value`].
    #[inline(always)]
    pub(crate) fn mean(&self) -> Option<f64> {
        let sum = self.value()?;
        if sum.is_finite() {
            return Some(quotient(self.high, self.low, f64::from(self.count)));
        }
        // Not a quotient: that would keep an NA, but not surely on all processors.
        Some(sum)
    }

    /// Was there an NA or a NaN?
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.special, Special::NaN | Special::Na)
    }

    fn is_finite(&self) -> bool {
        (self.high + self.low).is_finite()
    }
}

/// Sums of `term(x, y)`, lane by lane, without compensation.
#[inline(always)]
pub(crate) fn lanes<const N: usize>(
    x: &[f64],
    y: &[f64],
    term: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    let mut sums = [[0.0; LANES]; N];
    let ((left, x), (right, y)) = (as_arrays::<LANES, _>(x), as_arrays::<LANES, _>(y));
    for (x, y) in left.iter().zip(right) {
        // One statistic after the other: each loop becomes a vector operation.
        for (k, sums) in sums.iter_mut().enumerate() {
            for lane in 0..LANES {
                sums[lane] += term(x[lane], y[lane])[k];
            }
        }
    }
    for (x, y) in x.iter().zip(y) {
        for (sums, term) in sums.iter_mut().zip(term(*x, *y)) {
            sums[0] += term;
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// The sum of `term(x)`; where `SKIP`, of those `x` that are not NaN.
#[inline(always)]
pub(crate) fn sum<const SKIP: bool>(x: &[f64], term: impl Fn(f64) -> f64 + Copy) -> Sum {
    let mut out = Sum::default();
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    if x.len() >= LANES {
        let mut high = [0.0; LANES];
        let mut low = [0.0; LANES];
        let mut count = [0.0; LANES];
        for chunk in chunks.filter_map(|chunk| chunk.first_chunk::<LANES>()) {
            for lane in 0..LANES {
                let x = chunk[lane];
                let skipped = SKIP && x.is_nan();
                let value = if skipped { 0.0 } else { term(x) };
                if SKIP {
                    count[lane] += if skipped { 0.0 } else { 1.0 };
                }
                let (sum, error) = two_sum(high[lane], value);
                high[lane] = sum;
                low[lane] += error;
            }
        }
        for lane in 0..LANES {
            let (sum, error) = two_sum(out.high, high[lane]);
            out.high = sum;
            out.low += error + low[lane];
            out.count += count[lane] as u32;
        }
    }
    for &x in rest {
        if !(SKIP && x.is_nan()) {
            let (sum, error) = two_sum(out.high, term(x));
            out.high = sum;
            out.low += error;
            out.count += 1;
        }
    }
    if !SKIP {
        out.count = x.len() as u32;
    }
    if !out.is_finite() {
        out.special = specials::<SKIP>(x.iter().map(|x| (*x, term(*x))));
    }
    out
}

/// The sums of [`sum`] for `LANES` short columns of `n` elements each; `term(column, x)`.
#[inline(always)]
pub(crate) fn short_sums<const SKIP: bool>(
    x: &[f64],
    n: usize,
    term: impl Fn(usize, f64) -> f64 + Copy,
) -> [Sum; LANES] {
    let mut high = [0.0; LANES];
    let mut low = [0.0; LANES];
    let mut count = [0.0; LANES];
    let columns: [&[f64]; LANES] = std::array::from_fn(|lane| &x[lane * n..(lane + 1) * n]);
    #[allow(clippy::needless_range_loop)] // across the columns
    for k in 0..n {
        for lane in 0..LANES {
            let x = columns[lane][k];
            let skipped = SKIP && x.is_nan();
            let value = if skipped { 0.0 } else { term(lane, x) };
            count[lane] += if skipped { 0.0 } else { 1.0 };
            let (sum, error) = two_sum(high[lane], value);
            high[lane] = sum;
            low[lane] += error;
        }
    }
    std::array::from_fn(|lane| {
        let mut sum = Sum {
            high: high[lane],
            low: low[lane],
            count: count[lane] as u32,
            special: Special::None,
        };
        if !sum.is_finite() {
            let terms = columns[lane].iter().map(|x| (*x, term(lane, *x)));
            sum.special = specials::<SKIP>(terms);
        }
        sum
    })
}

/// The sum of one short column, added as [`short_sums`] does.
#[inline(always)]
pub(crate) fn one_sum<const SKIP: bool>(x: &[f64], term: impl Fn(f64) -> f64 + Copy) -> Sum {
    let mut out = Sum::default();
    for &x in x {
        if !(SKIP && x.is_nan()) {
            let (sum, error) = two_sum(out.high, term(x));
            out.high = sum;
            out.low += error;
            out.count += 1;
        }
    }
    if !out.is_finite() {
        out.special = specials::<SKIP>(x.iter().map(|x| (*x, term(*x))));
    }
    out
}

fn specials<const SKIP: bool>(x: impl Iterator<Item = (f64, f64)>) -> Special {
    x.filter(|(x, _)| !(SKIP && x.is_nan()))
        // A square may overflow: that is an infinity of the sum. An NA stays one.
        .map(|(x, term)| Special::of(if x.is_nan() { x } else { term }))
        .fold(Special::None, Special::then)
}

/// Sums side by side, one for each element of the vectors that are added.
#[derive(Debug)]
pub(crate) struct Sums {
    high: Vec<f64>,
    low: Vec<f64>,
    count: Vec<f64>,
}

impl Sums {
    pub(crate) fn new(most: usize) -> Sums {
        let zeros = || vec![0.0; most];
        Sums {
            high: zeros(),
            low: zeros(),
            count: zeros(),
        }
    }

    /// Sums over vectors of `n` elements: `vectors` gives them in order, as often as it
    /// is called; `term(k, x)` is the term of element `k`.
    #[inline(always)]
    pub(crate) fn sum<'a, const SKIP: bool, I: Iterator<Item = &'a [f64]>>(
        &mut self,
        n: usize,
        vectors: impl Fn() -> I,
        term: impl Fn(usize, f64) -> f64 + Copy,
        mut put: impl FnMut(usize, Sum),
    ) {
        let (high, low) = (&mut self.high[..n], &mut self.low[..n]);
        let skips = &mut self.count[..n];
        high.fill(0.0);
        low.fill(0.0);
        skips.fill(0.0);
        let mut terms = 0u32;
        for x in vectors() {
            let x = &x[..n];
            terms += 1;
            for k in 0..n {
                let skipped = SKIP && x[k].is_nan();
                let value = if skipped { 0.0 } else { term(k, x[k]) };
                if SKIP {
                    skips[k] += if skipped { 1.0 } else { 0.0 };
                }
                let (sum, error) = two_sum(high[k], value);
                high[k] = sum;
                low[k] += error;
            }
        }
        let part = |k: usize| Sum {
            high: high[k],
            low: low[k],
            count: terms - skips[k] as u32,
            special: Special::None,
        };
        let odd = !(0..n).fold(true, |fine, k| fine & (high[k] + low[k]).is_finite());
        let mut special = vec![Special::None; if odd { n } else { 0 }];
        if odd {
            for x in vectors() {
                for (k, (&x, seen)) in x.iter().zip(&mut special).enumerate() {
                    *seen = seen.then(specials::<SKIP>(std::iter::once((x, term(k, x)))));
                }
            }
        }
        for k in 0..n {
            let special = special.get(k).copied().unwrap_or_default();
            put(k, Sum { special, ..part(k) });
        }
    }
}

/// The sum of `x` divided by `divide`, for sums that overflow on the way: `x` is scaled down.
pub(crate) fn scaled_sum(x: impl Iterator<Item = f64>, skip: bool, divide: f64) -> f64 {
    const SCALE: f64 = 18446744073709551616.0;
    let (mut high, mut low) = (0.0, 0.0);
    for x in x.filter(|x| !(skip && x.is_nan())) {
        let (sum, error) = two_sum(high, x / SCALE);
        high = sum;
        low += error;
    }
    quotient(high, low, divide) * SCALE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_equal_terms_is_their_value() {
        let mut state = 7u64;
        for n in [2, 3, 7, 63, 200, 1000, 65536] {
            for _ in 0..if n > 1000 { 20 } else { 500 } {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                let value = (state >> 11) as f64 * 0.5f64.powi((state % 97) as i32);
                let x = vec![value; n];
                let means = [
                    sum::<false>(&x, |x| x).mean(),
                    one_sum::<true>(&x, |x| x).mean(),
                    short_sums::<false>(&vec![value; LANES * n], n, |_, x| x)[3].mean(),
                ];
                assert_eq!(means, [Some(value); 3], "{n} times {value}");
            }
        }
        let large = [1.7e308; 20];
        assert_eq!(sum::<false>(&large, |x| x).mean(), None);
        assert_eq!(scaled_sum(large.into_iter(), false, 20.0), 1.7e308);
        assert_eq!(sum::<false>(&[5e-324; 9], |x| x).mean(), Some(5e-324));
    }
}
