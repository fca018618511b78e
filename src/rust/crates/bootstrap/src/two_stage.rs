//! Two-stage least squares on a resample, from the estimate of the full sample.
//!
//! With Q an orthonormal basis of the instruments, X the regressors in a basis in which Q'X has
//! orthonormal columns, and e the residuals: the change of the coefficients is
//! (C'G^-1 C)^-1 C'G^-1 Q'We with G = Q'WQ and C = Q'WX, all near what they are on the full
//! sample, however ill conditioned the data are.

use crate::dense::{affine, cholesky, forward, packed_len, solve};
use crate::models::{transpose, Status};

/// Squared pivots that differ by more than this ratio are of a resample that has lost rank.
const PIVOTS: f64 = 1e-8;

/// A model with instruments.
#[derive(Clone, Debug)]
pub struct TwoStage {
    /// By observation: the basis of the instruments, regressors, the residual.
    rows: Vec<f64>,
    /// Number of instruments.
    l: usize,
    beta: Vec<f64>,
    back: Vec<f64>,
}

impl TwoStage {
    /// `q`, `x` and `residuals`: by columns; `back`: from the basis of the regressors to
    /// coefficients, by columns.
    ///
    /// # Panics
    ///
    /// When the sizes do not fit.
    #[must_use]
    pub fn new(q: &[f64], x: &[f64], residuals: &[f64], beta: Vec<f64>, back: &[f64]) -> Self {
        let (n, p) = (residuals.len(), beta.len());
        let l = q.len() / n.max(1);
        assert!(q.len() == n * l && x.len() == n * p && back.len() == p * p);
        let columns: Vec<f64> = q.iter().chain(x).chain(residuals).copied().collect();
        Self {
            rows: transpose(&columns, n, l + p + 1),
            l,
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
        let (l, p) = (self.l, self.p());
        let others = p + 1;
        let mut gram = vec![0.0; packed_len(l)];
        // Column j of Q'W(X, e) is at j * l.
        let mut cross = vec![0.0; others * l];
        out.fill(f64::NAN);
        for (row, w) in self.rows.chunks_exact(l + others).zip(w) {
            if *w == 0.0 {
                continue;
            }
            let (q, rest) = row.split_at(l);
            let mut at = 0;
            for (a, x) in q.iter().enumerate() {
                let product = w * x;
                for (sum, b) in gram[at..=at + a].iter_mut().zip(q) {
                    *sum += product * b;
                }
                at += a + 1;
            }
            for (sums, x) in cross.chunks_exact_mut(l).zip(rest) {
                let product = w * x;
                for (sum, q) in sums.iter_mut().zip(q) {
                    *sum += product * q;
                }
            }
        }
        if !(cholesky(&mut gram, l) > PIVOTS) {
            return Status::Rank;
        }
        for column in cross.chunks_exact_mut(l) {
            forward(&gram, l, column);
        }
        let column = |j: usize| &cross[j * l..(j + 1) * l];
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let mut normal = vec![0.0; packed_len(p)];
        let mut change = vec![0.0; p];
        for i in 0..p {
            for j in 0..=i {
                normal[packed_len(i) + j] = dot(column(i), column(j));
            }
            change[i] = dot(column(i), column(p));
        }
        if !(cholesky(&mut normal, p) > PIVOTS) {
            return Status::Rank;
        }
        solve(&normal, p, &mut change);
        affine(&self.beta, &self.back, &change, out);
        Status::Fine
    }
}
