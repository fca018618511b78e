//! Distances between the rows of a matrix.

use pulp::Arch;
use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::missing::NA;
use crate::parts::{group, Parts};
use crate::rows::Matrix;

/// Rows that one row is compared with at a time.
const TILE: usize = 256;
/// Differences of a unit of work: some 50 microseconds.
const UNIT: usize = 1 << 17;
/// Most rows of a unit.
const STRIP: usize = 16;

/// A measure of distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Root of the sum of squares.
    Euclidean,
    /// Sum of absolute differences.
    Manhattan,
    /// Largest absolute difference.
    Maximum,
    /// `1 / p`-th power of the sum of `p`-th powers.
    Minkowski(f64),
    /// One minus the cosine of the angle.
    Cosine,
}

/// The lower triangle of the distances between rows, column after column.
///
/// Terms are added in the order of the columns, as R does: the sums have R's bits.
/// Terms that are NaN are left out, and sums of what is left scaled up.
#[derive(Debug)]
pub struct Distances {
    metric: Metric,
    nrow: usize,
    strip: usize,
    job: Loop,
}

impl Distances {
    /// For `nrow` x `ncol` matrices.
    pub fn new(
        nrow: usize,
        ncol: usize,
        metric: Metric,
        schedule: Schedule,
        threads: usize,
    ) -> Distances {
        let strip = (UNIT / (nrow * ncol).max(1)).clamp(1, STRIP);
        Distances {
            metric,
            nrow,
            strip,
            job: Loop::new(schedule, nrow.div_ceil(strip), threads),
        }
    }

    /// Works for a slice; `true` when `out` is complete. `gaps` says whether any
    /// element of `x` is not finite.
    pub fn advance(&mut self, x: Matrix<'_>, gaps: bool, out: &mut [f64], slice: Slice) -> bool {
        let (n, strip, metric) = (self.nrow, self.strip, self.metric);
        let below = |rows: std::ops::Range<usize>| rows.map(|i| n - i - 1).sum();
        let units = n.div_ceil(strip);
        let parts = Parts::new(out, (0..units).map(|k| below(group(n, strip, k))));
        let arch = Arch::new();
        self.job.advance(slice, Sums::default, |sums, unit| {
            let Some(out) = parts.take(unit) else { return };
            let rows = group(n, strip, unit);
            arch.dispatch(
                #[inline(always)]
                || {
                    let mut starts = [0; STRIP];
                    let mut at = 0;
                    for (start, i) in starts.iter_mut().zip(rows.clone()) {
                        *start = at;
                        at += n - i - 1;
                    }
                    // A tile of rows stays in the cache for all rows of the strip.
                    let mut top = rows.start + 1;
                    while top < n {
                        let end = (top + TILE).min(n);
                        for (start, i) in starts.iter().zip(rows.clone()) {
                            let from = top.max(i + 1);
                            if from < end {
                                let out = &mut out[start + from - i - 1..start + end - i - 1];
                                sums.tile(x, i, from, metric, gaps, out);
                            }
                        }
                        top = end;
                    }
                },
            );
        })
    }
}

/// Sums of one row against a tile of rows.
#[derive(Debug)]
struct Sums {
    total: [f64; TILE],
    count: [f64; TILE],
    left: [f64; TILE],
    right: [f64; TILE],
}

impl Default for Sums {
    fn default() -> Sums {
        Sums {
            total: [0.0; TILE],
            count: [0.0; TILE],
            left: [0.0; TILE],
            right: [0.0; TILE],
        }
    }
}

impl Sums {
    /// Distances of row `i` from the rows `from..from + out.len()`.
    #[inline(always)]
    fn tile(
        &mut self,
        x: Matrix<'_>,
        i: usize,
        from: usize,
        metric: Metric,
        gaps: bool,
        out: &mut [f64],
    ) {
        let add = |sum: f64, term: f64| sum + term;
        match metric {
            Metric::Euclidean => {
                let square = |d: f64| d * d;
                self.fold(x, i, from, gaps, 0.0, square, add, out);
                self.finish(x.ncol, gaps, true, f64::sqrt, out);
            }
            Metric::Manhattan => {
                self.fold(x, i, from, gaps, 0.0, f64::abs, add, out);
                self.finish(x.ncol, gaps, true, |sum| sum, out);
            }
            Metric::Maximum => {
                let larger = |sum: f64, term: f64| if term > sum { term } else { sum };
                self.fold(x, i, from, gaps, f64::MIN, f64::abs, larger, out);
                self.finish(x.ncol, gaps, false, |sum| sum, out);
            }
            Metric::Minkowski(p) => {
                let power = |d: f64| d.abs().powf(p);
                self.fold(x, i, from, gaps, 0.0, power, add, out);
                self.finish(x.ncol, gaps, true, |sum| sum.powf(1.0 / p), out);
            }
            Metric::Cosine => self.cosine(x, i, from, out),
        }
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // one loop for all metrics
    fn fold(
        &mut self,
        x: Matrix<'_>,
        i: usize,
        from: usize,
        gaps: bool,
        start: f64,
        term: impl Fn(f64) -> f64,
        add: impl Fn(f64, f64) -> f64,
        out: &mut [f64],
    ) {
        let n = out.len();
        out.fill(start);
        if gaps {
            let count = &mut self.count[..n];
            count.fill(0.0);
            for j in 0..x.ncol {
                let column = x.col(j);
                let own = column[i];
                let others = &column[from..from + n];
                for ((out, count), other) in out.iter_mut().zip(count.iter_mut()).zip(others) {
                    let difference = own - other;
                    let there = !difference.is_nan();
                    let sum = add(*out, term(difference));
                    *out = if there { sum } else { *out };
                    *count += if there { 1.0 } else { 0.0 };
                }
            }
            return;
        }
        // Four columns at a time: fewer passes over the sums.
        let mut j = 0;
        while j + 4 <= x.ncol {
            let column = |k: usize| x.col(j + k);
            let own = [column(0)[i], column(1)[i], column(2)[i], column(3)[i]];
            let others = |k: usize| &column(k)[from..from + n];
            let (a, b, c, d) = (others(0), others(1), others(2), others(3));
            for k in 0..n {
                let mut sum = add(out[k], term(own[0] - a[k]));
                sum = add(sum, term(own[1] - b[k]));
                sum = add(sum, term(own[2] - c[k]));
                out[k] = add(sum, term(own[3] - d[k]));
            }
            j += 4;
        }
        for j in j..x.ncol {
            let own = x.col(j)[i];
            for (out, other) in out.iter_mut().zip(&x.col(j)[from..from + n]) {
                *out = add(*out, term(own - other));
            }
        }
    }

    #[inline(always)]
    fn finish(
        &self,
        ncol: usize,
        gaps: bool,
        scaled: bool,
        last: impl Fn(f64) -> f64,
        out: &mut [f64],
    ) {
        let whole = ncol as f64;
        if gaps || ncol == 0 {
            for (out, &count) in out.iter_mut().zip(&self.count) {
                *out = if count == 0.0 || ncol == 0 {
                    NA
                } else if scaled && count != whole {
                    last(*out / (count / whole))
                } else {
                    last(*out)
                };
            }
        } else {
            out.iter_mut().for_each(|out| *out = last(*out));
        }
    }

    /// Over the columns in which both rows have a number.
    #[inline(always)]
    fn cosine(&mut self, x: Matrix<'_>, i: usize, from: usize, out: &mut [f64]) {
        let n = out.len();
        let (total, count) = (&mut self.total[..n], &mut self.count[..n]);
        let (left, right) = (&mut self.left[..n], &mut self.right[..n]);
        for sums in [&mut *total, &mut *count, &mut *left, &mut *right] {
            sums.fill(0.0);
        }
        for j in 0..x.ncol {
            let column = x.col(j);
            let own = column[i];
            if own.is_nan() {
                continue;
            }
            let others = &column[from..from + n];
            for k in 0..n {
                let there = !others[k].is_nan();
                let other = if there { others[k] } else { 0.0 };
                let mine = if there { own } else { 0.0 };
                total[k] += own * other;
                left[k] += mine * mine;
                right[k] += other * other;
                count[k] += if there { 1.0 } else { 0.0 };
            }
        }
        for k in 0..n {
            out[k] = if count[k] == 0.0 {
                NA
            } else {
                (1.0 - total[k] / (left[k].sqrt() * right[k].sqrt())).clamp(0.0, 2.0)
            };
        }
    }
}
