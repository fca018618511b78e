//! Generalized linear models on a resample, from the estimate of the full sample.

use pulp::{Arch, Simd, WithSimd};

use crate::dense::{cholesky, packed_len, solve};
pub use crate::families::{Family, Link, Variance};
use crate::math;
use crate::models::{transpose, Basis, Status};

/// A generalized linear model.
#[derive(Clone, Debug)]
pub struct Glm {
    pub(crate) basis: Basis,
    family: Family,
    y: Vec<f64>,
    /// Linear predictor of the full sample, offset included.
    eta: Vec<f64>,
    /// Prior weights, unless all are 1.
    prior: Option<Vec<f64>>,
    /// Dispersion of the full sample: a rise of the likelihood is measured by it.
    dispersion: f64,
    /// Q by columns: the loops below run along observations.
    columns: Vec<f64>,
}

/// How many observations a loop handles at a time.
const ROWS: usize = 256;
/// Newton's method needs few steps; Fisher's scoring for other links comes nearer by a
/// factor.
const STEPS: usize = 30;
const SCORING_STEPS: usize = 500;
/// How often a step that leads to impossible means is halved.
const HALVINGS: usize = 30;

impl Glm {
    /// `eta`: the linear predictor at the coefficients of `basis`. `prior`: weights of the
    /// observations.
    #[must_use]
    pub fn new(basis: Basis, family: Family, y: Vec<f64>, eta: Vec<f64>) -> Self {
        let columns = transpose(&basis.q, basis.p, y.len());
        Self {
            basis,
            family,
            y,
            eta,
            prior: None,
            dispersion: 1.0,
            columns,
        }
    }

    /// With prior weights (none: all 1) and the dispersion of the full sample.
    #[must_use]
    pub fn weighted(mut self, prior: Option<Vec<f64>>, dispersion: f64) -> Self {
        self.prior = prior;
        self.dispersion = dispersion;
        self
    }

    /// Weights of a resample times prior weights.
    fn total(&self, w: &[f64]) -> Vec<f64> {
        match &self.prior {
            None => w.to_vec(),
            Some(prior) => w.iter().zip(prior).map(|(w, v)| w * v).collect(),
        }
    }

    /// Newton's method or Fisher's scoring from the estimate of the full sample. Where they go too
    /// far and do not come back, once more with steps that may not lower the likelihood.
    pub(crate) fn fit(&self, arch: Arch, w: &[f64], out: &mut [f64]) -> Status {
        let w = self.total(w);
        match self.newton(arch, &w, false, out) {
            Status::Diverged => self.newton(arch, &w, true, out),
            status => status,
        }
    }

    fn newton(&self, arch: Arch, w: &[f64], damped: bool, out: &mut [f64]) -> Status {
        let p = self.basis.p;
        let tolerance = 1e-18 * (1.0 + w.len() as f64) * self.dispersion;
        let steps = if self.family.is_canonical() {
            STEPS
        } else {
            SCORING_STEPS
        };
        let mut change = vec![0.0; p];
        let mut step = vec![0.0; p];
        let mut sums = vec![0.0; packed_len(p) + p];
        let mut last = f64::INFINITY;
        let mut likelihood = f64::NEG_INFINITY;
        let mut halved = 0;
        let mut taken = 0;
        while taken < steps {
            arch.dispatch(Derivatives {
                model: self,
                w,
                change: &change,
                sums: &mut sums,
            });
            let here = if damped {
                self.likelihood(w, &change)
            } else {
                likelihood
            };
            let lower = here < likelihood - 1e-13 * (1.0 + likelihood.abs());
            // A step to an impossible mean is halved.
            let impossible = sums[packed_len(p)..].iter().any(|g| g.is_nan());
            if (impossible || lower) && halved < HALVINGS {
                halved += 1;
                for (c, s) in change.iter_mut().zip(step.iter_mut()) {
                    *s *= 0.5;
                    *c -= *s;
                }
                continue;
            }
            likelihood = here;
            taken += 1;
            if damped {
                halved = 0;
            }
            let (hessian, gradient) = sums.split_at_mut(packed_len(p));
            let largest = (0..p)
                .map(|i| hessian[packed_len(i) + i])
                .fold(0.0, f64::max);
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
            step.copy_from_slice(gradient);
            change.iter_mut().zip(&step).for_each(|(c, s)| *c += s);
            if decrement.abs() < tolerance {
                // Probabilities of 0 and 1 leave no information: the groups are separated.
                let weight = w.iter().sum::<f64>() / w.len() as f64;
                if self.family.variance == Variance::Binomial && largest < 1e-10 * weight {
                    break;
                }
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

    fn likelihood(&self, w: &[f64], change: &[f64]) -> f64 {
        let mut sum = 0.0;
        for i in (0..w.len()).filter(|i| w[*i] > 0.0) {
            let added = self.basis.added(i, change);
            sum += w[i] * self.family.likelihood(self.y[i], self.eta[i] + added);
        }
        sum
    }

    /// The direction in which the coefficients go when observation i gains weight: the
    /// inverse second derivative times its score, one row per observation.
    pub(crate) fn influence(&self) -> Vec<f64> {
        let (n, p) = (self.y.len(), self.basis.p);
        let prior = self.total(&vec![1.0; n]);
        let mut hessian = vec![0.0; packed_len(p)];
        for i in 0..n {
            let row = self.basis.row(i);
            let curve = prior[i] * self.family.curvature(self.y[i], self.eta[i]);
            let mut at = 0;
            for a in 0..p {
                for b in 0..=a {
                    hessian[at + b] += curve * row[a] * row[b];
                }
                at += a + 1;
            }
        }
        cholesky(&mut hessian, p);
        let mut out = Vec::with_capacity(n * p);
        for i in 0..n {
            let score = prior[i] * self.family.score(self.y[i], self.eta[i]).0;
            let mut step: Vec<f64> = self.basis.row(i).iter().map(|q| q * score).collect();
            solve(&hessian, p, &mut step);
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
            // The two that are fitted most have loops that use vector units.
            match (model.family.link, model.family.variance) {
                (Link::Logit, Variance::Binomial) => {
                    for i in 0..len {
                        let mu = 1.0 / (1.0 + math::exp(-eta[i]));
                        v[i] = w[i] * mu * (1.0 - mu);
                        residual[i] = w[i] * (y[i] - mu);
                    }
                }
                (Link::Log, Variance::Mean) => {
                    for i in 0..len {
                        let mu = math::exp(eta[i]);
                        v[i] = w[i] * mu;
                        residual[i] = w[i] * (y[i] - mu);
                    }
                }
                _ => {
                    for i in 0..len {
                        // An observation that is not in the resample may have any mean.
                        let (score, information) = if w[i] == 0.0 {
                            (0.0, 0.0)
                        } else {
                            model.family.score(y[i], eta[i])
                        };
                        v[i] = w[i] * information;
                        residual[i] = w[i] * score;
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
