//! Quantiles of rows and columns.

use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::missing::NA;
use crate::parts::{group, Parts};
use crate::rows::{Margin, Matrix};

/// Elements of a unit of work: some 100 microseconds.
const UNIT: usize = 1 << 14;
/// Rows that are read together at least: a cache line holds so many elements.
const TOGETHER: usize = 8;
/// When at least so many order statistics are wanted, all elements are sorted.
const MANY: usize = 12;
/// Up to so many elements are always sorted.
const FEW: usize = 24;

/// A whole number that is ordered as `x` is; no NaN. -0 and 0 differ.
#[inline]
pub(crate) fn key(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The number that [`key`] made `key` of.
#[inline]
pub(crate) fn number(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// Where a quantile lies: `(1 - weight) * x[low] + weight * x[high]` of the sorted
/// elements.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    low: usize,
    high: usize,
    weight: f64,
}

/// The place of the quantile of probability `p` among `n` > 0 elements: `kind` is one
/// of the nine definitions of R. J. Hyndman and Y. Fan, Sample quantiles in statistical
/// packages, American Statistician 50 (1996), as the help page of R's `quantile()`
/// has them, with its fuzz of four units.
fn place(kind: u8, n: usize, p: f64) -> Place {
    let last = n as f64 - 1.0;
    if kind == 7 {
        let at = last * p;
        let low = at.floor();
        return Place {
            low: low as usize,
            high: at.ceil() as usize,
            weight: at - low,
        };
    }
    let n = n as f64;
    let fuzz = 4.0 * f64::EPSILON;
    let (a, b) = match kind {
        4 => (0.0, 1.0),
        5 => (0.5, 0.5),
        6 => (0.0, 0.0),
        8 => (1.0 / 3.0, 1.0 / 3.0),
        9 => (3.0 / 8.0, 3.0 / 8.0),
        _ => (0.0, 1.0),
    };
    let at = match kind {
        1 | 2 => n * p,
        3 => n * p - 0.5,
        _ => a + p * (n + 1.0 - a - b),
    };
    let j = (at + fuzz).floor();
    let weight = match kind {
        1 => f64::from(u8::from(at > j)),
        2 => {
            if at > j {
                1.0
            } else {
                0.5
            }
        }
        3 => f64::from(u8::from(at != j || j.rem_euclid(2.0) == 1.0)),
        _ if at - j < fuzz => 0.0,
        _ => at - j,
    };
    // The j-th element counts from 1; before the first and behind the last are these.
    let nth = |j: f64| (j - 1.0).clamp(0.0, last) as usize;
    Place {
        low: nth(j),
        high: nth(j + 1.0),
        weight,
    }
}

/// Quantiles of the rows or columns of a matrix.
#[derive(Debug)]
pub struct Quantiles {
    shape: (usize, usize),
    margin: Margin,
    probs: Vec<f64>,
    kind: u8,
    skip: bool,
    /// Rows or columns of a unit.
    results: usize,
    job: Loop,
}

impl Quantiles {
    /// For `nrow` x `ncol` matrices; `probs` between 0 and 1, `kind` R's type; where
    /// `skip`, without NA and NaN. Of no elements quantiles are NA.
    pub fn new(
        (nrow, ncol): (usize, usize),
        margin: Margin,
        probs: Vec<f64>,
        kind: u8,
        skip: bool,
        schedule: Schedule,
        threads: usize,
    ) -> Quantiles {
        let (over, along, least) = match margin {
            Margin::Rows => (nrow, ncol, TOGETHER),
            Margin::Cols => (ncol, nrow, 1),
        };
        let most = if margin == Margin::Rows { 64 } else { UNIT };
        let results = (UNIT / along.max(1)).clamp(least, most);
        let job = Loop::new(schedule, over.div_ceil(results), threads);
        Quantiles {
            shape: (nrow, ncol),
            margin,
            probs,
            kind,
            skip,
            results,
            job,
        }
    }

    /// Works for a slice; `true` when `out` is complete: one column of quantiles for
    /// each row or column of `x`.
    pub fn advance(&mut self, x: Matrix<'_>, out: &mut [f64], slice: Slice) -> bool {
        let (nrow, ncol) = self.shape;
        let over = match self.margin {
            Margin::Rows => nrow,
            Margin::Cols => ncol,
        };
        let many = self.probs.len();
        if many == 0 {
            return true;
        }
        let spans = || (0..over.div_ceil(self.results)).map(|k| group(over, self.results, k));
        let parts = Parts::new(out, spans().map(|span| span.len() * many));
        self.job.advance(slice, Scratch::default, |scratch, unit| {
            let Some(out) = parts.take(unit) else { return };
            let span = group(over, self.results, unit);
            match self.margin {
                Margin::Cols => {
                    for (j, out) in span.zip(out.chunks_exact_mut(many)) {
                        scratch.keys.clear();
                        scratch.keys.extend(x.col(j).iter().map(|x| code(*x)));
                        self.quantiles(&mut scratch.keys, &mut scratch.wanted, out);
                    }
                }
                Margin::Rows => {
                    // Rows one after the other, read side by side.
                    let (n, first) = (span.len(), span.start);
                    scratch.keys.clear();
                    scratch.keys.resize(n * ncol, 0);
                    for j in 0..ncol {
                        let column = &x.col(j)[first..first + n];
                        for (k, x) in column.iter().enumerate() {
                            scratch.keys[k * ncol + j] = code(*x);
                        }
                    }
                    for (k, out) in out.chunks_exact_mut(many).enumerate() {
                        let row = &mut scratch.keys[k * ncol..(k + 1) * ncol];
                        self.quantiles(row, &mut scratch.wanted, out);
                    }
                }
            }
        })
    }

    /// The quantiles of the numbers with these codes.
    fn quantiles(&self, keys: &mut [i64], wanted: &mut Wanted, out: &mut [f64]) {
        let missing = keys.iter().filter(|key| **key == MISSING).count();
        if (missing > 0 && !self.skip) || missing == keys.len() {
            out.fill(NA);
            return;
        }
        let n = keys.len() - missing;
        if missing > 0 {
            let mut at = 0;
            for k in 0..keys.len() {
                if keys[k] != MISSING {
                    keys[at] = keys[k];
                    at += 1;
                }
            }
        }
        let keys = &mut keys[..n];
        if wanted.n != n {
            wanted.fill(n, self.probs.iter().map(|p| place(self.kind, n, *p)));
        }
        if n <= FEW || wanted.ranks.len() >= MANY {
            keys.sort_unstable();
            for (found, rank) in wanted.found.iter_mut().zip(&wanted.ranks) {
                *found = number(keys[*rank]);
            }
        } else {
            // After a search, all larger elements stand behind the one that was found.
            let (mut rest, mut before) = (keys, 0);
            for (found, rank) in wanted.found.iter_mut().zip(&wanted.ranks) {
                let (_, key, behind) = rest.select_nth_unstable(rank - before);
                *found = number(*key);
                before = rank + 1;
                rest = behind;
            }
        }
        for (out, at) in out.iter_mut().zip(&wanted.places) {
            let (low, high) = (wanted.found[at.low], wanted.found[at.high]);
            // Equal infinities have no difference to weigh.
            *out = if at.weight == 0.0 || low == high {
                low
            } else if at.weight == 1.0 {
                high
            } else {
                (1.0 - at.weight) * low + at.weight * high
            };
        }
    }
}

/// The order statistics that are wanted of `n` elements.
#[derive(Default)]
struct Wanted {
    n: usize,
    /// Ranks, rising, and the elements that have them.
    ranks: Vec<usize>,
    found: Vec<f64>,
    /// Quantiles; their elements by their place in `found`.
    places: Vec<Place>,
}

impl Wanted {
    fn fill(&mut self, n: usize, places: impl Iterator<Item = Place>) {
        self.n = n;
        self.places.clear();
        self.places.extend(places);
        self.ranks.clear();
        self.ranks
            .extend(self.places.iter().flat_map(|at| [at.low, at.high]));
        self.ranks.sort_unstable();
        self.ranks.dedup();
        self.found.clear();
        self.found.resize(self.ranks.len(), 0.0);
        for at in &mut self.places {
            at.low = self.ranks.partition_point(|rank| *rank < at.low);
            at.high = self.ranks.partition_point(|rank| *rank < at.high);
        }
    }
}

#[derive(Default)]
struct Scratch {
    keys: Vec<i64>,
    wanted: Wanted,
}

/// Stands for NaN: the key of no other number.
const MISSING: i64 = i64::MAX;

#[inline]
fn code(x: f64) -> i64 {
    if x.is_nan() {
        MISSING
    } else {
        key(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_numbers_and_turn_back() {
        let numbers = [
            f64::NEG_INFINITY,
            -1e300,
            -1.0,
            -5e-324,
            -0.0,
            0.0,
            5e-324,
            2.0,
            f64::INFINITY,
        ];
        for pair in numbers.windows(2) {
            assert!(key(pair[0]) < key(pair[1]));
        }
        for x in numbers {
            assert_eq!(number(key(x)).to_bits(), x.to_bits());
            assert!(key(x) < MISSING);
        }
    }

    #[test]
    fn quantiles_stay_within_the_elements() {
        for kind in 1..=9 {
            for n in 1..40 {
                for k in 0..=50 {
                    let at = place(kind, n, f64::from(k) / 50.0);
                    assert!(at.low <= at.high && at.high < n);
                    assert!((0.0..=1.0).contains(&at.weight));
                }
            }
        }
    }
}
