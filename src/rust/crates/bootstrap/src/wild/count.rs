//! Replicates beyond the statistic of the data.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};
use rustle_threads::blocks::{run_each, Slice};

use crate::dense::{cholesky, packed_len, solve};

/// Statistics that are equal in exact arithmetic differ by less than this, relative to their
/// size: the replicate that repeats the data is not beyond them.
const TIES: f64 = 1e-10;
/// Replicates that are looked at together.
const CHUNK: usize = 2048;

/// The numbers of the replicates of a test of one restriction, by columns; see
/// [`super::form`].
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    /// The numerator, constant and slope; without a trial value the slope is empty.
    pub numerator: [&'a [f64]; 2],
    /// The variance, by powers of the trial value; the last two may be empty.
    pub variance: [&'a [f64]; 3],
    /// What a variance must be above not to count as degenerate, in the same powers.
    pub floor: [f64; 3],
}

/// A trial value, and the statistic of the data there.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// By how much the null hypothesis is below the estimate.
    pub delta: f64,
    /// The statistic.
    pub t: f64,
}

/// Numbers of replicates at one point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a smaller statistic.
    pub below: u64,
    /// With a larger one.
    pub above: u64,
    /// With a larger absolute value.
    pub beyond: u64,
    /// With a variance that is not degenerate.
    pub valid: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.below += other.below;
        self.above += other.above;
        self.beyond += other.beyond;
        self.valid += other.valid;
    }
}

/// Runs `op` on all items, on threads.
fn on_all<I: Iterator + Send>(threads: NonZeroUsize, items: I, op: impl Fn(I::Item) + Sync) {
    let until = Instant::now() + Duration::from_secs(3600);
    run_each(Slice { threads, until }, items, || (), |(), item| op(item));
}

/// Counts replicates at each point.
#[must_use]
pub fn count(draws: Draws<'_>, points: &[Point], threads: NonZeroUsize) -> Vec<Counts> {
    let n = draws.numerator[0].len();
    let all = Mutex::new(vec![Counts::default(); points.len()]);
    let arch = Arch::new();
    on_all(threads, (0..n).step_by(CHUNK), |from| {
        let to = (from + CHUNK).min(n);
        // Whole vectors; a variance below every floor is behind the last replicate.
        let part = |x: &'_ [f64], behind: f64| -> Vec<f64> {
            let mut out = vec![0.0; to - from];
            if !x.is_empty() {
                out.copy_from_slice(&x[from..to]);
            }
            out.resize((to - from).next_multiple_of(8), behind);
            out
        };
        let [d0, d1, d2] = draws.variance;
        let chunk = Chunk {
            numerator: draws.numerator.map(|x| part(x, 0.0)),
            variance: [part(d0, f64::NEG_INFINITY), part(d1, 0.0), part(d2, 0.0)],
            floor: draws.floor,
        };
        let counts: Vec<Counts> = points
            .iter()
            .map(|point| arch.dispatch(At(&chunk, *point)))
            .collect();
        // Sums of whole numbers are the same in any order.
        let mut all = all.lock().unwrap_or_else(|e| e.into_inner());
        all.iter_mut().zip(counts).for_each(|(all, c)| all.add(c));
    });
    all.into_inner().unwrap_or_else(|e| e.into_inner())
}

struct Chunk {
    numerator: [Vec<f64>; 2],
    variance: [Vec<f64>; 3],
    floor: [f64; 3],
}

#[inline(always)]
fn vectors<S: Simd>(x: &[f64]) -> &[S::f64s] {
    S::as_simd_f64s(x).0
}

struct At<'a>(&'a Chunk, Point);

impl WithSimd for At<'_> {
    type Output = Counts;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Counts {
        let At(chunk, Point { delta, t }) = self;
        let (n0, n1) = (
            vectors::<S>(&chunk.numerator[0]),
            vectors::<S>(&chunk.numerator[1]),
        );
        let [v0, v1, v2] = &chunk.variance;
        let (d0, d1, d2) = (vectors::<S>(v0), vectors::<S>(v1), vectors::<S>(v2));
        let count = n0.len();
        let (n1, d0, d1, d2) = (&n1[..count], &d0[..count], &d1[..count], &d2[..count]);
        let [f0, f1, f2] = chunk.floor;
        let floor = simd.splat_f64s(f0 + delta * (f1 + delta * f2));
        // t* > t is the same as t* |t*| > t |t|, which needs no root.
        let square = t * t;
        let upper = simd.splat_f64s(t * t.abs() + TIES * square);
        let lower = simd.splat_f64s(t * t.abs() - TIES * square);
        let outer = simd.splat_f64s(square + TIES * square);
        let (delta, one, none) = (
            simd.splat_f64s(delta),
            simd.splat_f64s(1.0),
            simd.splat_f64s(0.0),
        );
        // Whole numbers, which floats add exactly.
        let mut sums = [none; 4];
        for r in 0..count {
            let nu = simd.add_f64s(n0[r], simd.mul_f64s(n1[r], delta));
            let slope = simd.add_f64s(d1[r], simd.mul_f64s(d2[r], delta));
            let variance = simd.add_f64s(d0[r], simd.mul_f64s(slope, delta));
            let good = simd.select_f64s(simd.greater_than_f64s(variance, floor), one, none);
            let size = simd.mul_f64s(nu, simd.abs_f64s(nu));
            let is = [
                simd.less_than_f64s(size, simd.mul_f64s(lower, variance)),
                simd.greater_than_f64s(size, simd.mul_f64s(upper, variance)),
                simd.greater_than_f64s(simd.abs_f64s(size), simd.mul_f64s(outer, variance)),
            ];
            for k in 0..3 {
                sums[k] = simd.add_f64s(sums[k], simd.select_f64s(is[k], good, none));
            }
            sums[3] = simd.add_f64s(sums[3], good);
        }
        let [below, above, beyond, valid] = sums.map(|lanes| simd.reduce_sum_f64s(lanes) as u64);
        Counts {
            below,
            above,
            beyond,
            valid,
        }
    }
}

/// The replicates of a test of several restrictions: `outputs` numbers a replicate, by
/// columns; see [`super::form`].
#[derive(Clone, Copy, Debug)]
pub struct Joint<'a> {
    /// The numbers.
    pub draws: &'a [f64],
    /// Number of replicates.
    pub replicates: usize,
    /// Number of restrictions.
    pub restrictions: usize,
    /// Number of trial values.
    pub trials: usize,
}

impl Joint<'_> {
    /// Wald statistics over the number of restrictions, of each replicate at trial values
    /// `delta`; NaN where the covariance is not positive definite.
    #[must_use]
    pub fn statistics(&self, delta: &[f64], threads: NonZeroUsize) -> Vec<f64> {
        let mut out = vec![0.0; self.replicates];
        on_all(threads, out.chunks_mut(CHUNK).enumerate(), |(c, out)| {
            let q = self.restrictions;
            let (mut m, mut x) = (vec![0.0; packed_len(q)], vec![0.0; q]);
            for (k, out) in out.iter_mut().enumerate() {
                *out = self.statistic(c * CHUNK + k, delta, &mut m, &mut x);
            }
        });
        out
    }

    fn statistic(&self, r: usize, delta: &[f64], m: &mut [f64], x: &mut [f64]) -> f64 {
        let (q, each) = (self.restrictions, self.trials + 1);
        let delta = |j: usize| if j == 0 { 1.0 } else { delta[j - 1] };
        let mut column = 0;
        let mut next = || {
            column += 1;
            self.draws[(column - 1) * self.replicates + r]
        };
        let mut nu = vec![0.0; q];
        for nu in &mut nu {
            for j in 0..each {
                *nu += next() * delta(j);
            }
        }
        for a in 0..q {
            for b in a..q {
                let mut sum = 0.0;
                for j in 0..each {
                    for l in j..each {
                        sum += next() * delta(j) * delta(l);
                    }
                }
                // The lower triangle by rows.
                m[packed_len(b) + a] = sum;
            }
        }
        if !(cholesky(m, q) > 1e-14) {
            return f64::NAN;
        }
        x.copy_from_slice(&nu);
        solve(m, q, x);
        x.iter().zip(&nu).map(|(x, nu)| x * nu).sum::<f64>() / q as f64
    }

    /// Numbers of replicates with a larger statistic than that of the data, and with one at
    /// all, at each point: `deltas` has the trial values of one point after another.
    #[must_use]
    pub fn count(&self, deltas: &[f64], observed: &[f64], threads: NonZeroUsize) -> Vec<Counts> {
        let deltas = |p: usize| &deltas[p * self.trials..(p + 1) * self.trials];
        let one = |(p, observed): (usize, &f64)| {
            let mut counts = Counts::default();
            for value in self.statistics(deltas(p), threads) {
                counts.beyond += u64::from(value > observed * (1.0 + TIES));
                counts.valid += u64::from(!value.is_nan());
            }
            counts
        };
        observed.iter().enumerate().map(one).collect()
    }
}
