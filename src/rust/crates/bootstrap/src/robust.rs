//! M-estimates of linear models on a resample, from the estimate of the full sample.
//!
//! Weighted least squares whose weights are psi(u) / u of the residuals over their scale, the
//! median of their absolute values over 0.6745 (Huber 1981), until nothing changes.

use pulp::Arch;

use crate::dense::{cholesky, packed_len, solve};
use crate::models::{Basis, Linear, Status};

/// What bounds the influence of a residual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Psi {
    /// Weight 1 up to k, then k / |u|.
    Huber(f64),
    /// Weight (1 - (u / c)^2)^2 up to c, then 0.
    Bisquare(f64),
}

impl Psi {
    fn weight(self, u: f64) -> f64 {
        match self {
            Self::Huber(k) => {
                let u = u.abs();
                if u <= k {
                    1.0
                } else {
                    k / u
                }
            }
            Self::Bisquare(c) => {
                let inside = 1.0 - (u / c) * (u / c);
                if inside > 0.0 {
                    inside * inside
                } else {
                    0.0
                }
            }
        }
    }
}

/// A robust linear model.
#[derive(Clone, Debug)]
pub struct Robust {
    pub(crate) basis: Basis,
    residuals: Vec<f64>,
    psi: Psi,
}

const STEPS: usize = 1000;
/// The median of the absolute value of a standard normal number, as MASS has it.
const NORMAL_MEDIAN: f64 = 0.6745;

impl Robust {
    /// `residuals` of the full sample at the coefficients of `basis`.
    #[must_use]
    pub fn new(basis: Basis, residuals: Vec<f64>, psi: Psi) -> Self {
        Self {
            basis,
            residuals,
            psi,
        }
    }

    /// Iterated weighted least squares from the estimate of the full sample.
    pub(crate) fn fit(&self, arch: Arch, w: &[f64], out: &mut [f64]) -> Status {
        let p = self.basis.p();
        out.fill(f64::NAN);
        if w.iter().any(|w| *w < 0.0) {
            return Status::Diverged;
        }
        let mut change = vec![0.0; p];
        let mut sums = vec![0.0; packed_len(p) + p];
        let mut sorted = Vec::with_capacity(w.len());
        let mut all = vec![0.0; w.len()];
        let mut model = Linear::new(self.basis.clone(), self.residuals.clone());
        let total: f64 = w.iter().sum();
        for step in 0..STEPS {
            for (i, (r, e)) in model.residuals.iter_mut().zip(&self.residuals).enumerate() {
                *r = e - self.basis.added(i, &change);
            }
            let scale = spread(&model.residuals, w, total, &mut sorted) / NORMAL_MEDIAN;
            if !(scale > 0.0) {
                return Status::Diverged;
            }
            for ((all, w), r) in all.iter_mut().zip(w).zip(&model.residuals) {
                *all = w * self.psi.weight(r / scale);
            }
            model.sums(arch, &all, &mut sums);
            let (gram, rhs) = sums.split_at_mut(packed_len(p));
            if !(cholesky(gram, p) > 1e-10) {
                return if step == 0 {
                    Status::Rank
                } else {
                    Status::Diverged
                };
            }
            solve(gram, p, rhs);
            change.iter_mut().zip(rhs.iter()).for_each(|(c, s)| *c += s);
            let moved: f64 = rhs.iter().map(|s| s * s).sum();
            if moved <= 1e-22 * scale * scale * total {
                self.basis.coefficients(&change, out);
                return Status::Fine;
            }
        }
        Status::Diverged
    }
}

/// The weighted median of absolute values: the mean of the two in the middle where their
/// number is even.
fn spread(residuals: &[f64], w: &[f64], total: f64, sorted: &mut Vec<(f64, f64)>) -> f64 {
    sorted.clear();
    let used = residuals.iter().zip(w).filter(|(_, w)| **w > 0.0);
    sorted.extend(used.map(|(r, w)| (r.abs(), *w)));
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let middle = 0.5 * (total + 1.0);
    let (low, share) = (middle.floor(), middle - middle.floor());
    let order = |j: f64| {
        let mut sum = 0.0;
        for (value, w) in sorted.iter() {
            sum += w;
            if sum >= j - 1e-9 * total {
                return *value;
            }
        }
        sorted.last().map_or(f64::NAN, |x| x.0)
    };
    if share == 0.0 {
        return order(low);
    }
    (1.0 - share) * order(low) + share * order(low + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(y: &[f64], psi: Psi, w: &[f64]) -> (Status, f64) {
        let n = y.len();
        let q = 1.0 / (n as f64).sqrt();
        let mean = y.iter().sum::<f64>() / n as f64;
        let basis = Basis::new(&vec![q; n], vec![mean], &[q]);
        let residuals = y.iter().map(|y| y - mean).collect();
        let mut out = [0.0];
        let status = Robust::new(basis, residuals, psi).fit(Arch::new(), w, &mut out);
        (status, out[0])
    }

    #[test]
    fn the_estimate_solves_its_equation() {
        let y = [1.0, 2.0, 2.5, 3.0, 4.0, 30.0];
        for psi in [Psi::Huber(1.345), Psi::Bisquare(4.685)] {
            let (status, center) = location(&y, psi, &[1.0; 6]);
            assert_eq!(status, Status::Fine);
            let mut sizes: Vec<f64> = y.iter().map(|y| (y - center).abs()).collect();
            sizes.sort_by(f64::total_cmp);
            let scale = (sizes[2] + sizes[3]) / 2.0 / NORMAL_MEDIAN;
            let sum: f64 = y
                .iter()
                .map(|y| (y - center) * psi.weight((y - center) / scale))
                .sum();
            assert!(sum.abs() < 1e-8, "{psi:?} {sum}");
        }
    }

    #[test]
    fn a_weight_of_two_is_the_observation_twice_and_equal_numbers_have_no_scale() {
        let psi = Psi::Huber(1.345);
        let (_, a) = location(&[1.0, 2.0, 3.0, 9.0], psi, &[1.0, 2.0, 1.0, 1.0]);
        let (_, b) = location(&[1.0, 2.0, 2.0, 3.0, 9.0], psi, &[1.0; 5]);
        assert!((a - b).abs() < 1e-9);
        assert_eq!(location(&[1.0; 4], psi, &[1.0; 4]).0, Status::Diverged);
    }
}
