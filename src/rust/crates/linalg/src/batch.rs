//! Many small systems at once: factors written out by hand, as calls of a library
//! cost more than matrices of this size.

use std::ops::Range;
use std::sync::Mutex;

use pulp::Arch;
use rustle_schedule::Schedule;
use rustle_threads::blocks::Slice;
use rustle_threads::scheduled::Loop;

use crate::parts::{group, Parts};

/// Operations of a unit of work: some 20 microseconds.
const UNIT: usize = 40_000;
/// Sums that are kept side by side, on every processor.
const LANES: usize = 4;

/// A loop over matrices in groups, and which of them need a closer look.
#[derive(Debug)]
struct Batch {
    count: usize,
    size: usize,
    job: Loop,
    doubtful: Mutex<Vec<usize>>,
}

impl Batch {
    fn new(count: usize, operations: usize, schedule: Schedule, threads: usize) -> Batch {
        let size = (UNIT / operations.max(1)).max(1);
        Batch {
            count,
            size,
            job: Loop::new(schedule, count.div_ceil(size), threads),
            doubtful: Mutex::default(),
        }
    }

    fn group(&self, unit: usize) -> Range<usize> {
        group(self.count, self.size, unit)
    }

    /// The parts of `out` for the groups, `len` elements for each matrix.
    fn parts<'a>(&self, out: &'a mut [f64], len: usize) -> Parts<'a, f64> {
        let units = self.count.div_ceil(self.size);
        Parts::new(out, (0..units).map(|unit| self.group(unit).len() * len))
    }

    fn doubt(&self, matrix: usize) {
        if let Ok(mut doubtful) = self.doubtful.lock() {
            doubtful.push(matrix);
        }
    }

    fn doubtful(&self) -> Vec<usize> {
        let mut found = self.doubtful.lock().map(|d| d.clone()).unwrap_or_default();
        found.sort_unstable();
        found
    }
}

#[inline(always)]
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (a, b) in rest {
        sum += a * b;
    }
    sum
}

/// `y -= factor * x`
#[inline(always)]
fn subtract(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y -= factor * x;
    }
}

/// Solutions of many systems of one order, or inverses.
#[derive(Debug)]
pub struct SolveBatch {
    n: usize,
    ncol: usize,
    tol: f64,
    batch: Batch,
}

impl SolveBatch {
    /// `count` systems of order `n`, each with `ncol` right-hand sides.
    pub fn new(
        (n, ncol, count): (usize, usize, usize),
        tol: f64,
        schedule: Schedule,
        threads: usize,
    ) -> SolveBatch {
        SolveBatch {
            n,
            ncol,
            tol,
            batch: Batch::new(count, n * n * (n + 2 * ncol + 4), schedule, threads),
        }
    }

    /// Works for a slice; `true` when `out` is complete. `rhs` `None` is the identity.
    pub fn advance(
        &mut self,
        a: &[f64],
        rhs: Option<&[f64]>,
        out: &mut [f64],
        slice: Slice,
    ) -> bool {
        let (n, ncol, tol) = (self.n, self.ncol, self.tol);
        let (size, len) = (n * n, n * ncol);
        let batch = &self.batch;
        let parts = batch.parts(out, len);
        let arch = Arch::new();
        let scratch = || (vec![0.0; size], vec![0; n]);
        batch.job.advance(slice, scratch, |(lu, pivots), unit| {
            let Some(out) = parts.take(unit) else { return };
            arch.dispatch(
                #[inline(always)]
                || {
                    for (k, out) in batch.group(unit).zip(out.chunks_exact_mut(len.max(1))) {
                        lu.copy_from_slice(&a[k * size..(k + 1) * size]);
                        match rhs {
                            Some(rhs) => out.copy_from_slice(&rhs[k * len..(k + 1) * len]),
                            None => {
                                out.fill(0.0);
                                out.iter_mut().step_by(n + 1).for_each(|x| *x = 1.0);
                            }
                        }
                        let good = match n {
                            2 => solve(2, lu, &mut pivots[..2], out, tol),
                            3 => solve(3, lu, &mut pivots[..3], out, tol),
                            4 => solve(4, lu, &mut pivots[..4], out, tol),
                            8 => solve(8, lu, &mut pivots[..8], out, tol),
                            n => solve(n, lu, pivots, out, tol),
                        };
                        if !good {
                            batch.doubt(k);
                        }
                    }
                },
            );
        })
    }

    /// Matrices, from 0, that are singular or so nearly that a bound of their condition
    /// does not tell.
    pub fn doubtful(&self) -> Vec<usize> {
        self.batch.doubtful()
    }
}

/// Solves for all of `b` in place; `false` when the condition is in doubt.
#[inline(always)]
fn solve(n: usize, a: &mut [f64], pivots: &mut [usize], b: &mut [f64], tol: f64) -> bool {
    let a = &mut a[..n * n];
    let mut norm: f64 = 0.0;
    for column in a.chunks_exact(n) {
        norm = norm.max(column.iter().map(|x| x.abs()).sum());
    }
    for k in 0..n {
        let mut at = k;
        for i in k + 1..n {
            if a[k * n + i].abs() > a[k * n + at].abs() {
                at = i;
            }
        }
        pivots[k] = at;
        if at != k {
            for j in 0..n {
                a.swap(j * n + k, j * n + at);
            }
        }
        let (left, right) = a.split_at_mut((k + 1) * n);
        let column = &mut left[k * n..];
        let pivot = column[k];
        if pivot == 0.0 {
            return false;
        }
        for x in &mut column[k + 1..] {
            *x /= pivot;
        }
        for next in right.chunks_exact_mut(n) {
            let factor = next[k];
            subtract(&mut next[k + 1..], factor, &column[k + 1..]);
        }
    }
    if !well_conditioned(n, a, norm, tol) {
        return false;
    }
    for b in b.chunks_exact_mut(n) {
        for (k, &at) in pivots.iter().enumerate() {
            b.swap(k, at);
        }
        for k in 0..n {
            let factor = b[k];
            subtract(&mut b[k + 1..], factor, &a[k * n + k + 1..(k + 1) * n]);
        }
        for k in (0..n).rev() {
            b[k] /= a[k * n + k];
            let factor = b[k];
            subtract(&mut b[..k], factor, &a[k * n..k * n + k]);
        }
    }
    true
}

/// Is the reciprocal condition number surely above `tol`? The norms of the inverse
/// factors are bounded by those of their comparison matrices (N. J. Higham, Accuracy
/// and Stability of Numerical Algorithms, 2nd ed., section 8.3). No for NaN.
#[inline(always)]
fn well_conditioned(n: usize, lu: &[f64], norm: f64, tol: f64) -> bool {
    const MOST: usize = 64;
    if n > MOST {
        return false;
    }
    let mut y = [0.0; MOST];
    let (mut upper, mut lower): (f64, f64) = (0.0, 0.0);
    for j in 0..n {
        let column = &lu[j * n..(j + 1) * n];
        let mut sum = 1.0;
        for i in 0..j {
            sum += column[i].abs() * y[i];
        }
        y[j] = sum / column[j].abs();
        upper = upper.max(y[j]);
    }
    for j in (0..n).rev() {
        let column = &lu[j * n..(j + 1) * n];
        let mut sum = 1.0;
        for i in j + 1..n {
            sum += column[i].abs() * y[i];
        }
        y[j] = sum;
        lower = lower.max(sum);
    }
    // max() would ignore a NaN; a sum keeps it.
    let finite = (0..n).all(|j| y[j].is_finite()) && norm.is_finite() && upper.is_finite();
    let numbers = lu.iter().fold(true, |all, x| all & x.is_finite());
    finite && numbers && 1.0 / (norm * upper * lower) >= tol
}

/// Upper Cholesky factors of many matrices of one order.
#[derive(Debug)]
pub struct CholeskyBatch {
    n: usize,
    batch: Batch,
}

impl CholeskyBatch {
    /// `count` matrices of order `n`.
    pub fn new(n: usize, count: usize, schedule: Schedule, threads: usize) -> CholeskyBatch {
        CholeskyBatch {
            n,
            batch: Batch::new(count, n * n * (n / 2 + 4), schedule, threads),
        }
    }

    /// Works for a slice; `true` when `out` is complete. Upper triangles are read.
    pub fn advance(&mut self, a: &[f64], out: &mut [f64], slice: Slice) -> bool {
        let n = self.n;
        let size = n * n;
        let batch = &self.batch;
        let parts = batch.parts(out, size);
        let arch = Arch::new();
        batch.job.advance(
            slice,
            || (),
            |(), unit| {
                let Some(out) = parts.take(unit) else { return };
                arch.dispatch(
                    #[inline(always)]
                    || {
                        for (k, out) in batch.group(unit).zip(out.chunks_exact_mut(size.max(1))) {
                            if !cholesky(n, &a[k * size..(k + 1) * size], out) {
                                batch.doubt(k);
                            }
                        }
                    },
                );
            },
        )
    }

    /// Matrices, from 0, that are not positive definite, or not finite.
    pub fn doubtful(&self) -> Vec<usize> {
        self.batch.doubtful()
    }
}

#[inline(always)]
fn cholesky(n: usize, a: &[f64], r: &mut [f64]) -> bool {
    for j in 0..n {
        let (done, rest) = r.split_at_mut(j * n);
        let column = &mut rest[..n];
        for i in 0..j {
            let before = &done[i * n..(i + 1) * n];
            column[i] = (a[j * n + i] - dot(&before[..i], &column[..i])) / before[i];
        }
        let square = a[j * n + j] - dot(&column[..j], &column[..j]);
        if !(square > 0.0 && square.is_finite()) {
            return false;
        }
        column[j] = square.sqrt();
        column[j + 1..].fill(0.0);
    }
    true
}

/// Least squares with many pairs of a matrix and a vector.
#[derive(Debug)]
pub struct LeastSquaresBatch {
    nrow: usize,
    ncol: usize,
    /// Elements from one matrix to the next; 0 when there is but one.
    stride: usize,
    tol: f64,
    batch: Batch,
}

impl LeastSquaresBatch {
    /// `count` problems with `nrow` x `ncol` matrices, `nrow >= ncol`; `shared`: all
    /// have the same one.
    pub fn new(
        (nrow, ncol, count): (usize, usize, usize),
        shared: bool,
        tol: f64,
        schedule: Schedule,
        threads: usize,
    ) -> LeastSquaresBatch {
        LeastSquaresBatch {
            nrow,
            ncol,
            stride: if shared { 0 } else { nrow * ncol },
            tol,
            batch: Batch::new(count, 2 * nrow * ncol * (ncol + 2), schedule, threads),
        }
    }

    /// Works for a slice; `true` when the coefficients and residuals are complete.
    pub fn advance(
        &mut self,
        x: &[f64],
        y: &[f64],
        coefficients: &mut [f64],
        residuals: &mut [f64],
        slice: Slice,
    ) -> bool {
        let (n, p, stride, tol) = (self.nrow, self.ncol, self.stride, self.tol);
        let batch = &self.batch;
        let coefficients = batch.parts(coefficients, p);
        let residuals = batch.parts(residuals, n);
        let arch = Arch::new();
        let scratch = || (vec![0.0; n * p], vec![0.0; n], vec![0.0; p]);
        batch
            .job
            .advance(slice, scratch, |(qr, rhs, diagonal), unit| {
                let (Some(b), Some(r)) = (coefficients.take(unit), residuals.take(unit)) else {
                    return;
                };
                arch.dispatch(
                    #[inline(always)]
                    || {
                        let outs = b
                            .chunks_exact_mut(p.max(1))
                            .zip(r.chunks_exact_mut(n.max(1)));
                        for (k, (b, r)) in batch.group(unit).zip(outs) {
                            let x = &x[k * stride..k * stride + n * p];
                            let y = &y[k * n..(k + 1) * n];
                            qr.copy_from_slice(x);
                            rhs.copy_from_slice(y);
                            if !least_squares(n, qr, diagonal, rhs, b, tol) {
                                batch.doubt(k);
                                continue;
                            }
                            r.copy_from_slice(y);
                            for (x, b) in x.chunks_exact(n).zip(b.iter()) {
                                subtract(r, *b, x);
                            }
                        }
                    },
                );
            })
    }

    /// Problems, from 0, whose matrix may not have full rank, or is not finite.
    pub fn doubtful(&self) -> Vec<usize> {
        self.batch.doubtful()
    }
}

/// Householder's QR of `x` in place, applied to `y`; then the coefficients.
#[inline(always)]
fn least_squares(
    n: usize,
    x: &mut [f64],
    diagonal: &mut [f64],
    y: &mut [f64],
    b: &mut [f64],
    tol: f64,
) -> bool {
    let p = b.len();
    // When no more than this part of a column is left, base R decides on the rank.
    let doubt = 2.0 * tol;
    for (column, norm) in x.chunks_exact(n).zip(diagonal.iter_mut()) {
        *norm = dot(column, column).sqrt();
    }
    for j in 0..p {
        let (done, rest) = x.split_at_mut((j + 1) * n);
        let reflector = &mut done[j * n + j..];
        let norm = dot(reflector, reflector).sqrt();
        if !(norm > doubt * diagonal[j] && norm.is_finite() && norm > 1e-150) {
            return false;
        }
        let head = reflector[0];
        let alpha = if head > 0.0 { -norm } else { norm };
        reflector[0] = head - alpha;
        // |v|^2 / 2
        let half = norm * (norm + head.abs());
        diagonal[j] = alpha;
        for column in rest.chunks_exact_mut(n) {
            let factor = dot(reflector, &column[j..]) / half;
            subtract(&mut column[j..], factor, reflector);
        }
        let factor = dot(reflector, &y[j..]) / half;
        subtract(&mut y[j..], factor, reflector);
    }
    b.copy_from_slice(&y[..p]);
    for j in (0..p).rev() {
        b[j] /= diagonal[j];
        let factor = b[j];
        subtract(&mut b[..j], factor, &x[j * n..j * n + j]);
    }
    b.iter().all(|b| b.is_finite()) && y.iter().all(|y| y.is_finite())
}
