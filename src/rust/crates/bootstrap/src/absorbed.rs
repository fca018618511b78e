//! A linear model with fixed effects on a resample.
//!
//! The effect with most levels is projected out by the means of its levels in the resample;
//! others are columns, which come first. Design and residuals are those of the full sample
//! without the effects, in an orthonormal basis as in [`crate::models`], so that sums of
//! squares less those of means lose few digits. A level that is not drawn leaves a pivot of 0
//! behind, or nothing to project out: it takes no coefficient of the regressors with it.

use crate::dense::{affine, packed_len};
use crate::models::{transpose, Status};

/// Pivots of regressors, relative to the largest, below which a resample has lost rank.
const PIVOTS: f64 = 1e-8;
/// The same of columns of effects, beside the products that they are made of.
const EMPTY: f64 = 1e-10;

/// A linear model whose effects are projected out.
#[derive(Clone, Debug)]
pub struct Absorbed {
    /// By observation: columns of effects, regressors, the residual.
    rows: Vec<f64>,
    /// Columns of effects and regressors.
    width: usize,
    level: Vec<u32>,
    levels: usize,
    /// Roots of prior weights, by which the rows are multiplied.
    roots: Option<Vec<f64>>,
    beta: Vec<f64>,
    back: Vec<f64>,
}

impl Absorbed {
    /// `q`: orthonormal columns, effects before regressors; `back`: from the directions of the
    /// regressors to their coefficients, of which `beta` are those of the full sample; `level` of
    /// the effect that is projected out, from 0.
    ///
    /// # Panics
    ///
    /// When the sizes do not fit.
    #[must_use]
    pub fn new(
        q: &[f64],
        residuals: &[f64],
        beta: Vec<f64>,
        back: &[f64],
        level: Vec<u32>,
        roots: Option<Vec<f64>>,
    ) -> Self {
        let (n, p) = (residuals.len(), beta.len());
        let width = q.len() / n.max(1);
        assert!(q.len() == n * width && width >= p && level.len() == n && back.len() == p * p);
        let columns: Vec<f64> = q.iter().chain(residuals).copied().collect();
        Self {
            rows: transpose(&columns, n, width + 1),
            width,
            levels: level.iter().max().map_or(0, |most| *most as usize + 1),
            level,
            roots,
            back: transpose(back, p, p),
            beta,
        }
    }

    /// Number of coefficients.
    #[must_use]
    pub fn p(&self) -> usize {
        self.beta.len()
    }

    pub(crate) fn fit(&self, w: &[f64], out: &mut [f64]) -> Status {
        let (width, each) = (self.width, self.width + 1);
        out.fill(f64::NAN);
        if w.iter().any(|w| *w < 0.0) {
            return Status::Diverged;
        }
        let mut gram = vec![0.0; packed_len(each)];
        let mut sums = vec![0.0; self.levels * each];
        let mut sizes = vec![0.0; self.levels];
        for (i, row) in self.rows.chunks_exact(each).enumerate() {
            let w = w[i];
            if w == 0.0 {
                continue;
            }
            let level = self.level[i] as usize;
            let root = self.roots.as_ref().map_or(1.0, |roots| roots[i]);
            let sums = &mut sums[level * each..(level + 1) * each];
            sizes[level] += w * root * root;
            let mut at = 0;
            for (a, sum) in sums.iter_mut().enumerate() {
                let product = w * row[a];
                *sum += root * product;
                for (sum, b) in gram[at..=at + a].iter_mut().zip(row) {
                    *sum += product * b;
                }
                at += a + 1;
            }
        }
        let before: Vec<f64> = (0..width).map(|i| gram[packed_len(i) + i]).collect();
        for (sums, size) in sums.chunks_exact(each).zip(&sizes) {
            if *size == 0.0 {
                continue;
            }
            let mut at = 0;
            for (a, sum) in sums.iter().enumerate() {
                let mean = sum / size;
                for (gram, b) in gram[at..=at + a].iter_mut().zip(sums) {
                    *gram -= mean * b;
                }
                at += a + 1;
            }
        }
        if !factor(&mut gram, &before, width - self.p()) {
            return Status::Rank;
        }
        // The last row is now L^-1 Q'We; the coefficients of the regressors are the last ones.
        let p = self.p();
        let effects = width - p;
        let mut change = gram[packed_len(width) + effects..packed_len(width) + width].to_vec();
        for i in (0..p).rev() {
            let mut sum = change[i];
            for (k, x) in change.iter().enumerate().skip(i + 1) {
                sum -= gram[packed_len(effects + k) + effects + i] * x;
            }
            change[i] = sum / gram[packed_len(effects + i) + effects + i];
        }
        affine(&self.beta, &self.back, &change, out);
        Status::Fine
    }
}

/// Cholesky's factor of a matrix of `effects` columns of effects and regressors, and L^-1 times
/// the last column in the last row. False when the regressors have lost rank; a column of effects
/// that is empty gets an infinite pivot. `before`: the diagonal without projection.
pub(crate) fn factor(a: &mut [f64], before: &[f64], effects: usize) -> bool {
    let width = before.len();
    let (mut least, mut most) = (f64::INFINITY, 0f64);
    for i in 0..=width {
        let row = packed_len(i);
        for j in 0..i {
            let other = packed_len(j);
            let mut sum = a[row + j];
            for k in 0..j {
                sum -= a[row + k] * a[other + k];
            }
            // 0 where the pivot is infinite.
            a[row + j] = sum / a[other + j];
        }
        if i == width {
            break;
        }
        let pivot = a[row + i] - a[row..row + i].iter().map(|x| x * x).sum::<f64>();
        if i < effects {
            let empty = !(pivot > EMPTY * before[i]);
            a[row + i] = if empty { f64::INFINITY } else { pivot.sqrt() };
            continue;
        }
        // Also false for NaN.
        if !(pivot > 0.0) {
            return false;
        }
        least = least.min(pivot);
        most = most.max(pivot);
        a[row + i] = pivot.sqrt();
    }
    least > PIVOTS * most
}
