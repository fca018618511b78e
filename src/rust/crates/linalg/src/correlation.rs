//! Covariances and correlations between columns.

use pulp::Arch;
use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::missing::NA;
use crate::parts::{group, Parts};
use crate::quantile::key;
use crate::rows::Matrix;
use crate::sum::lanes;

/// Elements of a unit of work.
const UNIT: usize = 1 << 15;

/// Columns minus their means; where `unit`, divided by their lengths.
#[derive(Debug)]
pub struct Centered {
    unit: bool,
    cols: usize,
    job: Loop,
}

impl Centered {
    /// For `nrow` x `ncol` matrices.
    pub fn new(
        nrow: usize,
        ncol: usize,
        unit: bool,
        schedule: Schedule,
        threads: usize,
    ) -> Centered {
        let cols = (UNIT / nrow.max(1)).max(1);
        Centered {
            unit,
            cols,
            job: Loop::new(schedule, ncol.div_ceil(cols), threads),
        }
    }

    /// Works for a slice; `true` when `out`, of the shape of `x`, and `lengths` are
    /// complete. A column with a NaN has zeros and length NaN, one whose elements are
    /// all equal zeros and length 0.
    pub fn advance(
        &mut self,
        x: Matrix<'_>,
        out: &mut [f64],
        lengths: &mut [f64],
        slice: Slice,
    ) -> bool {
        let units = x.ncol.div_ceil(self.cols);
        let spans = || (0..units).map(|k| group(x.ncol, self.cols, k).len());
        let lengths = Parts::new(lengths, spans());
        let parts = Parts::new(out, spans().map(|cols| cols * x.nrow));
        let (unit_length, cols) = (self.unit, self.cols);
        let arch = Arch::new();
        self.job.advance(
            slice,
            || (),
            |(), unit| {
                let (Some(out), Some(lengths)) = (parts.take(unit), lengths.take(unit)) else {
                    return;
                };
                let outs = out.chunks_exact_mut(x.nrow.max(1));
                for ((j, out), length) in group(x.ncol, cols, unit).zip(outs).zip(lengths) {
                    *length = arch.dispatch(
                        #[inline(always)]
                        || center(x.col(j), out, unit_length),
                    );
                }
            },
        )
    }
}

#[inline(always)]
fn center(x: &[f64], out: &mut [f64], unit: bool) -> f64 {
    let n = x.len();
    let [sum] = lanes(
        x,
        x,
        #[inline(always)]
        |x, _| [x],
    );
    let rough = sum / n as f64;
    // The mean of what is left corrects it: equal elements then leave zeros.
    let [rest] = lanes(
        x,
        x,
        #[inline(always)]
        |x, _| [x - rough],
    );
    let mean = rough + rest / n as f64;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - mean;
    }
    let z = &*out;
    let [square] = lanes(
        z,
        z,
        #[inline(always)]
        |z, _| [z * z],
    );
    let length = square.sqrt();
    if length.is_nan() || length == 0.0 {
        out.fill(0.0);
    } else if unit {
        out.iter_mut().for_each(|z| *z /= length);
    }
    length
}

/// What [`Pairwise`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Covariances.
    Covariance,
    /// Pearson's correlations.
    Pearson,
    /// Spearman's: Pearson's of the ranks.
    Spearman,
}

/// Measures of pairs of columns over the rows that are complete in both.
#[derive(Debug)]
pub struct Pairwise {
    measure: Measure,
    job: Loop,
}

impl Pairwise {
    /// For `ncol` columns of the second matrix.
    pub fn new(ncol: usize, measure: Measure, schedule: Schedule, threads: usize) -> Pairwise {
        Pairwise {
            measure,
            job: Loop::new(schedule, ncol, threads),
        }
    }

    /// Works for a slice; `true` when `out` is complete: a row for each column of `x`, a
    /// column for each of `y`. `y` `None` is `x`: the upper triangle alone is computed.
    /// What is not defined is NA, or NaN when a column is constant.
    pub fn advance(
        &mut self,
        x: Matrix<'_>,
        y: Option<Matrix<'_>>,
        out: &mut [f64],
        slice: Slice,
    ) -> bool {
        let rhs = y.unwrap_or(x);
        let parts = Parts::new(out, (0..rhs.ncol).map(|_| x.ncol));
        let measure = self.measure;
        let arch = Arch::new();
        self.job.advance(slice, Pair::default, |pair, j| {
            let Some(out) = parts.take(j) else { return };
            let most = if y.is_none() { j + 1 } else { x.ncol };
            for (i, out) in out[..most].iter_mut().enumerate() {
                let (mut left, mut right) = (x.col(i), rhs.col(j));
                if measure == Measure::Spearman {
                    pair.fill(left, right);
                    pair.rank();
                    (left, right) = (&pair.left, &pair.right);
                }
                *out = arch.dispatch(
                    #[inline(always)]
                    || moments(left, right, measure),
                );
            }
        })
    }
}

/// The elements of two columns in rows that are complete in both.
#[derive(Debug, Default)]
struct Pair {
    left: Vec<f64>,
    right: Vec<f64>,
    ranks: Vec<(i64, u32)>,
}

impl Pair {
    fn fill(&mut self, left: &[f64], right: &[f64]) {
        // The pair is always written, and kept by moving on only if both are numbers: that
        // needs no branch, which the processor would often predict wrongly.
        let n = left.len();
        self.left.resize(n, 0.0);
        self.right.resize(n, 0.0);
        let mut at = 0;
        for (a, b) in left.iter().zip(right) {
            self.left[at] = *a;
            self.right[at] = *b;
            at += usize::from(!(a.is_nan() || b.is_nan()));
        }
        self.left.truncate(at);
        self.right.truncate(at);
    }

    fn rank(&mut self) {
        for side in [&mut self.left, &mut self.right] {
            let x = side.clone();
            ranks(&x, side, &mut self.ranks);
        }
    }
}

/// `value` if both are numbers, else 0; without a branch.
#[inline(always)]
fn there(x: f64, y: f64, value: f64) -> f64 {
    if (x + y).is_nan() {
        0.0
    } else {
        value
    }
}

/// Of the pairs in which no element is NaN.
#[inline(always)]
fn moments(x: &[f64], y: &[f64], measure: Measure) -> f64 {
    let [a, b, size] = lanes(
        x,
        y,
        #[inline(always)]
        |x, y| [there(x, y, x), there(x, y, y), there(x, y, 1.0)],
    );
    if size < 2.0 {
        return NA;
    }
    let (a, b) = (a / size, b / size);
    let [more_a, more_b] = lanes(
        x,
        y,
        #[inline(always)]
        |x, y| [there(x, y, x - a), there(x, y, y - b)],
    );
    let (a, b) = (a + more_a / size, b + more_b / size);
    let [xx, yy, xy] = lanes(
        x,
        y,
        #[inline(always)]
        |x, y| {
            let (u, v) = (there(x, y, x - a), there(x, y, y - b));
            [u * u, v * v, u * v]
        },
    );
    if measure == Measure::Covariance {
        xy / (size - 1.0)
    } else if xx == 0.0 || yy == 0.0 {
        f64::NAN
    } else {
        (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
    }
}

/// Average ranks of the numbers of `x`; a NaN has the rank NaN.
fn ranks(x: &[f64], out: &mut [f64], scratch: &mut Vec<(i64, u32)>) {
    scratch.clear();
    // Adding 0 turns -0 into 0.
    let number = |(k, x): (usize, &f64)| (!x.is_nan()).then(|| (key(x + 0.0), k as u32));
    scratch.extend(x.iter().enumerate().filter_map(number));
    scratch.sort_unstable();
    out.fill(f64::NAN);
    let mut before = 0;
    for ties in scratch.chunk_by(|a, b| a.0 == b.0) {
        let rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        ties.iter().for_each(|tie| out[tie.1 as usize] = rank);
        before += ties.len();
    }
}

/// Average ranks within the columns of a matrix.
#[derive(Debug)]
pub struct Ranks {
    job: Loop,
}

impl Ranks {
    /// For `ncol` columns.
    pub fn new(ncol: usize, schedule: Schedule, threads: usize) -> Ranks {
        Ranks {
            job: Loop::new(schedule, ncol, threads),
        }
    }

    /// Works for a slice; `true` when `out`, of the shape of `x`, is complete.
    pub fn advance(&mut self, x: Matrix<'_>, out: &mut [f64], slice: Slice) -> bool {
        let parts = Parts::new(out, (0..x.ncol).map(|_| x.nrow));
        self.job.advance(slice, Vec::new, |scratch, j| {
            if let Some(out) = parts.take(j) {
                ranks(x.col(j), out, scratch);
            }
        })
    }
}
