//! Regression on a resample, in the orthogonal basis of the full sample.
//!
//! With X = Q R and e the residuals, only the change of the coefficients is computed:
//! beta* = beta + R^-1 (Q'WQ)^-1 Q'We. Q'WQ is near the identity however ill
//! conditioned X is, so its Cholesky factor is safe. Generalized linear models use the
//! same basis and start at the estimate of the full sample.

use pulp::{Arch, Simd, WithSimd};

use crate::dense::{affine, cholesky, least_squares, packed_len, solve};
use crate::math;

/// Why a replicate has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It has a value.
    Fine = 0,
    /// The design of the resample does not have full rank.
    Rank = 1,
    /// The iterations did not converge.
    Diverged = 2,
}

impl Status {
    /// The messages for the states other than `Fine`: state number k has the k-th.
    pub const REASONS: [&'static str; 2] = [
        "the design of the resample does not have full rank",
        "the fit did not converge",
    ];
}

/// When the squared pivots differ by more than this ratio, the resample gets a QR
/// factorization of its own.
const PIVOTS: f64 = 1e-8;

/// The basis of a model.
#[derive(Clone, Debug)]
pub struct Basis {
    /// Q by rows.
    q: Vec<f64>,
    p: usize,
    /// Estimate of the full sample.
    beta: Vec<f64>,
    /// R^-1 by rows.
    back: Vec<f64>,
}

impl Basis {
    /// `q`: n x p by columns; `back`: p x p by columns.
    ///
    /// # Panics
    ///
    /// When the sizes do not fit.
    #[must_use]
    pub fn new(q: &[f64], beta: Vec<f64>, back: &[f64]) -> Self {
        let p = beta.len();
        let n = q.len() / p.max(1);
        assert!(q.len() == n * p && back.len() == p * p);
        Self {
            q: transpose(q, n, p),
            p,
            beta,
            back: transpose(back, p, p),
        }
    }

    /// Number of coefficients.
    #[must_use]
    pub fn p(&self) -> usize {
        self.p
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.q[i * self.p..(i + 1) * self.p]
    }

    /// From a change in this basis to coefficients.
    pub(crate) fn coefficients(&self, change: &[f64], out: &mut [f64]) {
        affine(&self.beta, &self.back, change, out);
    }

    /// The coefficients of the full sample, as they come out of this basis.
    pub(crate) fn estimate(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.p];
        self.coefficients(&vec![0.0; self.p], &mut out);
        out
    }

    /// From a direction in this basis to one of the coefficients.
    pub(crate) fn direction(&self, change: &[f64], out: &mut [f64]) {
        affine(&vec![0.0; self.p], &self.back, change, out);
    }
}

fn transpose(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    for j in 0..columns {
        for i in 0..rows {
            out[i * columns + j] = x[j * rows + i];
        }
    }
    out
}

/// A linear model.
#[derive(Clone, Debug)]
pub struct Linear {
    pub(crate) basis: Basis,
    pub(crate) residuals: Vec<f64>,
}

impl Linear {
    /// `residuals` of the full sample.
    #[must_use]
    pub fn new(basis: Basis, residuals: Vec<f64>) -> Self {
        Self { basis, residuals }
    }

    /// Columns whose sums [`finish`](Self::finish) takes: the lower triangle of
    /// Q'WQ, then Q'We.
    pub(crate) fn products(&self) -> Vec<f64> {
        let (n, p) = (self.residuals.len(), self.basis.p);
        let mut out = Vec::with_capacity(n * (packed_len(p) + p));
        let q = |i: usize, a: usize| self.basis.q[i * p + a];
        for a in 0..p {
            for b in 0..=a {
                out.extend((0..n).map(|i| q(i, a) * q(i, b)));
            }
        }
        for a in 0..p {
            out.extend((0..n).map(|i| q(i, a) * self.residuals[i]));
        }
        out
    }

    /// Coefficients from the sums; false when the pivots say that the resample may
    /// have lost rank.
    pub(crate) fn finish(&self, sums: &mut [f64], out: &mut [f64]) -> bool {
        let p = self.basis.p;
        let (gram, rhs) = sums.split_at_mut(packed_len(p));
        if !(cholesky(gram, p) > PIVOTS) {
            return false;
        }
        solve(gram, p, &mut rhs[..p]);
        self.basis.coefficients(&rhs[..p], out);
        true
    }

    /// Coefficients without observation `i`, in closed form; false when almost all of
    /// its fitted value is its own.
    pub(crate) fn without(&self, i: usize, out: &mut [f64]) -> bool {
        let row = self.basis.row(i);
        let leverage: f64 = row.iter().map(|q| q * q).sum();
        if !(1.0 - leverage > 1e-6) {
            return false;
        }
        let scale = -self.residuals[i] / (1.0 - leverage);
        let change: Vec<f64> = row.iter().map(|q| scale * q).collect();
        self.basis.coefficients(&change, out);
        true
    }

    /// The sums with given weights, rows in order. Used when there are so many coefficients
    /// that a table of products would be too large.
    pub(crate) fn sums(&self, arch: Arch, w: &[f64], sums: &mut [f64]) {
        sums.fill(0.0);
        arch.dispatch(WeightedSums {
            model: self,
            w,
            sums,
        });
    }

    /// A fresh factorization of the weighted basis.
    pub(crate) fn refactor(&self, w: &[f64], out: &mut [f64]) -> Status {
        let p = self.basis.p;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (i, w) in w.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            let root = w.sqrt();
            a.extend(self.basis.row(i).iter().map(|q| root * q));
            b.push(root * self.residuals[i]);
        }
        let mut change = vec![0.0; p];
        if w.iter().any(|w| *w < 0.0) || !least_squares(&mut a, &mut b, p, &mut change) {
            out.fill(f64::NAN);
            return Status::Rank;
        }
        self.basis.coefficients(&change, out);
        Status::Fine
    }
}

/// Families with their canonical links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Logit link.
    Binomial,
    /// Log link.
    Poisson,
}

impl Family {
    /// The family that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "binomial" => Self::Binomial,
            "poisson" => Self::Poisson,
            _ => return None,
        })
    }
}

/// A generalized linear model.
#[derive(Clone, Debug)]
pub struct Glm {
    pub(crate) basis: Basis,
    family: Family,
    y: Vec<f64>,
    /// Linear predictor of the full sample, offset included.
    eta: Vec<f64>,
    /// Q by columns: the loops below run along observations.
    columns: Vec<f64>,
}

/// How many observations a loop handles at a time.
const ROWS: usize = 256;
const STEPS: usize = 30;

impl Glm {
    /// `eta`: the linear predictor at the coefficients of `basis`.
    #[must_use]
    pub fn new(basis: Basis, family: Family, y: Vec<f64>, eta: Vec<f64>) -> Self {
        let columns = transpose(&basis.q, basis.p, y.len());
        Self {
            basis,
            family,
            y,
            eta,
            columns,
        }
    }

    /// Newton's method from the estimate of the full sample.
    pub(crate) fn fit(&self, arch: Arch, w: &[f64], out: &mut [f64]) -> Status {
        let p = self.basis.p;
        let mut change = vec![0.0; p];
        let mut sums = vec![0.0; packed_len(p) + p];
        let mut last = f64::INFINITY;
        for _ in 0..STEPS {
            arch.dispatch(Derivatives {
                model: self,
                w,
                change: &change,
                sums: &mut sums,
            });
            let (hessian, gradient) = sums.split_at_mut(packed_len(p));
            let pivots = cholesky(hessian, p);
            if !(pivots > 1e-13) {
                out.fill(f64::NAN);
                let status = if last.is_infinite() {
                    Status::Rank
                } else {
                    Status::Diverged
                };
                return status;
            }
            // Newton's decrement, squared, says how far the likelihood can still rise.
            let before = gradient.to_vec();
            solve(hessian, p, gradient);
            let decrement: f64 = before.iter().zip(gradient.iter()).map(|(a, b)| a * b).sum();
            change
                .iter_mut()
                .zip(gradient.iter())
                .for_each(|(c, s)| *c += s);
            if decrement.abs() < 1e-18 * (1.0 + w.len() as f64) {
                self.basis.coefficients(&change, out);
                return Status::Fine;
            }
            if !decrement.is_finite() {
                break;
            }
            last = decrement;
        }
        out.fill(f64::NAN);
        Status::Diverged
    }

    /// The direction in which the coefficients go when observation i gains weight:
    /// H^-1 q[i] (y[i] - mu[i]), one row per observation.
    pub(crate) fn influence(&self, arch: Arch) -> Vec<f64> {
        let (n, p) = (self.y.len(), self.basis.p);
        let mut sums = vec![0.0; packed_len(p) + p];
        let w = vec![1.0; n];
        arch.dispatch(Derivatives {
            model: self,
            w: &w,
            change: &vec![0.0; p],
            sums: &mut sums,
        });
        cholesky(&mut sums[..packed_len(p)], p);
        let mut out = Vec::with_capacity(n * p);
        for i in 0..n {
            let mu = match self.family {
                Family::Binomial => 1.0 / (1.0 + math::exp(-self.eta[i])),
                Family::Poisson => math::exp(self.eta[i]),
            };
            let mut step: Vec<f64> = self
                .basis
                .row(i)
                .iter()
                .map(|q| q * (self.y[i] - mu))
                .collect();
            solve(&sums, p, &mut step);
            let mut row = vec![0.0; p];
            self.basis.direction(&step, &mut row);
            out.extend(row);
        }
        out
    }
}

/// Lower triangle of Q'VWQ and Q'W(y - mu), at a change of the coefficients.
struct Derivatives<'a> {
    model: &'a Glm,
    w: &'a [f64],
    change: &'a [f64],
    sums: &'a mut [f64],
}

impl WithSimd for Derivatives<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            model,
            w,
            change,
            sums,
        } = self;
        let (n, p) = (model.y.len(), model.basis.p);
        let (hessian, gradient) = sums.split_at_mut(packed_len(p));
        hessian.fill(0.0);
        gradient.fill(0.0);
        let column = |a: usize, first: usize, len: usize| &model.columns[a * n + first..][..len];
        for first in (0..n).step_by(ROWS) {
            let len = ROWS.min(n - first);
            let mut eta = [0.0; ROWS];
            let (mut v, mut residual) = ([0.0; ROWS], [0.0; ROWS]);
            let eta = &mut eta[..len];
            eta.copy_from_slice(&model.eta[first..first + len]);
            for (a, c) in change.iter().enumerate() {
                for (eta, q) in eta.iter_mut().zip(column(a, first, len)) {
                    *eta = c.mul_add(*q, *eta);
                }
            }
            let (v, residual) = (&mut v[..len], &mut residual[..len]);
            let (w, y) = (&w[first..first + len], &model.y[first..first + len]);
            match model.family {
                Family::Binomial => {
                    for i in 0..len {
                        let mu = 1.0 / (1.0 + math::exp(-eta[i]));
                        v[i] = w[i] * mu * (1.0 - mu);
                        residual[i] = w[i] * (y[i] - mu);
                    }
                }
                Family::Poisson => {
                    for i in 0..len {
                        let mu = math::exp(eta[i]);
                        v[i] = w[i] * mu;
                        residual[i] = w[i] * (y[i] - mu);
                    }
                }
            }
            let mut weighted = [0.0; ROWS];
            let weighted = &mut weighted[..len];
            let mut at = 0;
            for a in 0..p {
                let q = column(a, first, len);
                for i in 0..len {
                    weighted[i] = v[i] * q[i];
                }
                for b in 0..=a {
                    hessian[at + b] += dot(weighted, column(b, first, len));
                }
                at += a + 1;
                gradient[a] += dot(residual, q);
            }
        }
    }
}

/// Lower triangle of Q'WQ and Q'We.
struct WeightedSums<'a> {
    model: &'a Linear,
    w: &'a [f64],
    sums: &'a mut [f64],
}

impl WithSimd for WeightedSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Basis { q, p, .. } = &self.model.basis;
        let (gram, rhs) = self.sums.split_at_mut(packed_len(*p));
        for ((row, e), w) in q.chunks_exact(*p).zip(&self.model.residuals).zip(self.w) {
            if *w == 0.0 {
                continue;
            }
            let mut at = 0;
            for a in 0..*p {
                let wa = w * row[a];
                for (sum, b) in gram[at..=at + a].iter_mut().zip(row) {
                    *sum = wa.mul_add(*b, *sum);
                }
                at += a + 1;
                rhs[a] += wa * e;
            }
        }
    }
}

/// A dot product in eight lanes.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, a) = pulp::as_arrays::<8, f64>(a);
    let (b8, b) = pulp::as_arrays::<8, f64>(b);
    for (a, b) in a8.iter().zip(b8) {
        for l in 0..8 {
            lanes[l] = a[l].mul_add(b[l], lanes[l]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        *lane = a.mul_add(*b, *lane);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}
