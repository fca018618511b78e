//! Regression on a resample, in the orthogonal basis of the full sample.
//!
//! With X = Q R and e the residuals, only the change of the coefficients is computed:
//! beta* = beta + R^-1 (Q'WQ)^-1 Q'We. Q'WQ is near the identity however ill
//! conditioned X is, so its Cholesky factor is safe. A model with prior weights v is that of
//! the rows times the root of v. Fits that iterate ([`crate::glm`], [`crate::cox`],
//! [`crate::robust`]) use the same basis and start at the estimate of the full sample.

use pulp::{Arch, Simd, WithSimd};

use crate::dense::{affine, cholesky, least_squares, packed_len, solve};

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
    pub(crate) q: Vec<f64>,
    pub(crate) p: usize,
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

    /// What a change in this basis adds to the linear predictor of row `i`.
    pub(crate) fn added(&self, i: usize, change: &[f64]) -> f64 {
        self.row(i).iter().zip(change).map(|(q, c)| q * c).sum()
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

pub(crate) fn transpose(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
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
