//! Proportional hazards models on a resample, from the estimate of the full sample.
//!
//! Newton's method for the partial likelihood, in the orthogonal basis of the centred
//! regressors ([`Basis`]). Ties are treated as by Breslow (1974) or Efron (1977). Where all
//! weights of a resample are whole numbers they say how often an observation occurs, and
//! Efron's deaths at one time are that many; other weights are weights of a death, as in the
//! R package survival.

use crate::dense::{cholesky, packed_len, solve};
use crate::math;
use crate::models::{Basis, Status};

/// How deaths at the same time share the risk set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// Each has all who are at risk.
    Breslow,
    /// The k-th of d has those at risk less k / d of the d.
    Efron,
}

impl Ties {
    /// The treatment that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "breslow" => Self::Breslow,
            "efron" => Self::Efron,
            _ => return None,
        })
    }
}

/// A proportional hazards model.
#[derive(Clone, Debug)]
pub struct Cox {
    pub(crate) basis: Basis,
    ties: Ties,
    /// Linear predictor of the full sample, offset included.
    eta: Vec<f64>,
    /// Prior weights, unless all are 1.
    prior: Option<Vec<f64>>,
    event: Vec<bool>,
    /// Observations of the same stratum and time, strata after each other, times from the last
    /// to the first.
    blocks: Vec<Block>,
}

/// Observations of one time.
#[derive(Clone, Debug)]
struct Block {
    rows: Vec<u32>,
    /// Is it the first of its stratum?
    first: bool,
}

const STEPS: usize = 50;

impl Cox {
    /// `eta`: the linear predictor at the coefficients of `basis`. One number of each per
    /// observation.
    #[must_use]
    pub fn new(
        basis: Basis,
        ties: Ties,
        (time, event): (&[f64], Vec<bool>),
        stratum: &[u32],
        eta: Vec<f64>,
        prior: Option<Vec<f64>>,
    ) -> Self {
        let mut order: Vec<u32> = (0..time.len() as u32).collect();
        order.sort_by(|a, b| {
            let (a, b) = (*a as usize, *b as usize);
            let strata = stratum[a].cmp(&stratum[b]);
            strata.then(time[b].total_cmp(&time[a]))
        });
        let mut blocks: Vec<Block> = Vec::new();
        let mut before: Option<usize> = None;
        for i in order {
            let here = i as usize;
            let same_stratum = before.is_some_and(|b| stratum[b] == stratum[here]);
            let same_time = same_stratum && before.is_some_and(|b| time[b] == time[here]);
            match blocks.last_mut() {
                Some(block) if same_time => block.rows.push(i),
                _ => blocks.push(Block {
                    rows: vec![i],
                    first: !same_stratum,
                }),
            }
            before = Some(here);
        }
        Self {
            basis,
            ties,
            eta,
            prior,
            event,
            blocks,
        }
    }

    /// Newton's method from the estimate of the full sample.
    pub(crate) fn fit(&self, w: &[f64], out: &mut [f64]) -> Status {
        let p = self.basis.p();
        let n = w.len();
        out.fill(f64::NAN);
        if w.iter().any(|w| *w < 0.0) {
            return Status::Diverged;
        }
        let counts = w.iter().all(|w| w.fract() == 0.0);
        let mut change = vec![0.0; p];
        let mut step = vec![0.0; p];
        let mut sums = Sums::new(p);
        let mut risk = vec![0.0; n];
        let mut best = f64::NEG_INFINITY;
        let mut halved = 0;
        for _ in 0..STEPS {
            let likelihood = self.derivatives(w, counts, &change, &mut risk, &mut sums);
            // Far from the maximum a whole step may lead down.
            if !(likelihood >= best - 1e-9 * best.abs()) && halved < 20 {
                halved += 1;
                for (c, s) in change.iter_mut().zip(step.iter_mut()) {
                    *s *= 0.5;
                    *c -= *s;
                }
                continue;
            }
            best = likelihood;
            if !(cholesky(&mut sums.hessian, p) > 1e-13) {
                return if step.iter().all(|s| *s == 0.0) {
                    Status::Rank
                } else {
                    Status::Diverged
                };
            }
            step.copy_from_slice(&sums.gradient);
            solve(&sums.hessian, p, &mut step);
            let decrement: f64 = sums.gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
            change.iter_mut().zip(&step).for_each(|(c, s)| *c += s);
            if decrement.abs() < 1e-18 * (1.0 + n as f64) {
                self.basis.coefficients(&change, out);
                return Status::Fine;
            }
            if !decrement.is_finite() {
                break;
            }
        }
        Status::Diverged
    }

    /// Fills gradient and (minus) second derivative; the logarithm of the likelihood.
    fn derivatives(
        &self,
        w: &[f64],
        counts: bool,
        change: &[f64],
        risk: &mut [f64],
        sums: &mut Sums,
    ) -> f64 {
        let n = w.len();
        let weight = |i: usize| self.prior.as_ref().map_or(w[i], |v| w[i] * v[i]);
        let mut highest = f64::NEG_INFINITY;
        for i in 0..n {
            risk[i] = self.eta[i] + self.basis.added(i, change);
            if w[i] > 0.0 {
                highest = highest.max(risk[i]);
            }
        }
        sums.gradient.fill(0.0);
        sums.hessian.fill(0.0);
        let mut likelihood = 0.0;
        for block in &self.blocks {
            if block.first {
                sums.at_risk.clear();
            }
            sums.dying.clear();
            let (mut deaths, mut weight_of_deaths) = (0.0, 0.0);
            for i in &block.rows {
                let i = *i as usize;
                if w[i] == 0.0 {
                    continue;
                }
                let (row, v) = (self.basis.row(i), weight(i));
                let hazard = v * math::exp(risk[i] - highest);
                sums.at_risk.add(hazard, row);
                if self.event[i] {
                    sums.dying.add(hazard, row);
                    deaths += if counts { w[i] } else { 1.0 };
                    weight_of_deaths += v;
                    likelihood += v * (risk[i] - highest);
                    for (g, q) in sums.gradient.iter_mut().zip(row) {
                        *g += v * q;
                    }
                }
            }
            if deaths == 0.0 {
                continue;
            }
            let parts = match self.ties {
                Ties::Breslow => 1,
                Ties::Efron => deaths as usize,
            };
            let each = weight_of_deaths / parts as f64;
            for k in 0..parts {
                likelihood -= each * sums.subtract(k as f64 / parts as f64, each);
            }
        }
        likelihood
    }
}

/// Sums over those at risk and those who die at a time.
struct Sums {
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    at_risk: Moments,
    dying: Moments,
    mean: Vec<f64>,
}

/// Sums of hazards, of hazards times regressors, and of hazards times their products.
struct Moments {
    zero: f64,
    one: Vec<f64>,
    two: Vec<f64>,
}

impl Moments {
    fn new(p: usize) -> Self {
        Self {
            zero: 0.0,
            one: vec![0.0; p],
            two: vec![0.0; packed_len(p)],
        }
    }

    fn clear(&mut self) {
        self.zero = 0.0;
        self.one.fill(0.0);
        self.two.fill(0.0);
    }

    fn add(&mut self, hazard: f64, row: &[f64]) {
        self.zero += hazard;
        let mut at = 0;
        for (a, q) in row.iter().enumerate() {
            let product = hazard * q;
            self.one[a] += product;
            for (sum, other) in self.two[at..=at + a].iter_mut().zip(row) {
                *sum += product * other;
            }
            at += a + 1;
        }
    }
}

impl Sums {
    fn new(p: usize) -> Self {
        Self {
            gradient: vec![0.0; p],
            hessian: vec![0.0; packed_len(p)],
            at_risk: Moments::new(p),
            dying: Moments::new(p),
            mean: vec![0.0; p],
        }
    }

    /// One death of weight `each` among those at risk less `share` of the dying; the logarithm
    /// of the sum of their hazards.
    fn subtract(&mut self, share: f64, each: f64) -> f64 {
        let total = self.at_risk.zero - share * self.dying.zero;
        let parts = self.at_risk.one.iter().zip(&self.dying.one);
        for (mean, (all, dying)) in self.mean.iter_mut().zip(parts) {
            *mean = (all - share * dying) / total;
        }
        let mut at = 0;
        for a in 0..self.mean.len() {
            self.gradient[a] -= each * self.mean[a];
            for b in 0..=a {
                let second = (self.at_risk.two[at + b] - share * self.dying.two[at + b]) / total;
                self.hessian[at + b] += each * (second - self.mean[a] * self.mean[b]);
            }
            at += a + 1;
        }
        total.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One regressor, four observations: x = 1, 0, 1, 0; the times 1, 2, 3, 4; all die.
    fn model(ties: Ties, time: &[f64]) -> Cox {
        let x = [1.0, 0.0, 1.0, 0.0];
        Cox::new(
            Basis::new(&x, vec![0.0], &[1.0]),
            ties,
            (time, vec![true; 4]),
            &[0; 4],
            vec![0.0; 4],
            None,
        )
    }

    #[test]
    fn without_ties_the_score_is_zero_at_the_estimate() {
        for ties in [Ties::Breslow, Ties::Efron] {
            let mut beta = [0.0];
            let status = model(ties, &[1.0, 2.0, 3.0, 4.0]).fit(&[1.0; 4], &mut beta);
            assert_eq!(status, Status::Fine);
            let h = beta[0].exp();
            let score = 2.0 - 2.0 * h / (2.0 * h + 2.0) - h / (h + 2.0) - h / (h + 1.0);
            assert!(score.abs() < 1e-9);
        }
    }

    #[test]
    fn a_weight_of_two_is_the_observation_twice() {
        let time = [1.0, 2.0, 2.0, 4.0];
        let (mut a, mut b) = ([0.0], [0.0]);
        let twice = Cox::new(
            Basis::new(&[1.0, 1.0, 0.0, 1.0, 0.0], vec![0.0], &[1.0]),
            Ties::Efron,
            (&[1.0, 1.0, 2.0, 2.0, 4.0], vec![true; 5]),
            &[0; 5],
            vec![0.0; 5],
            None,
        );
        assert_eq!(
            model(Ties::Efron, &time).fit(&[2.0, 1.0, 1.0, 1.0], &mut a),
            Status::Fine
        );
        assert_eq!(twice.fit(&[1.0; 5], &mut b), Status::Fine);
        assert!((a[0] - b[0]).abs() < 1e-12);
    }

    #[test]
    fn separation_diverges() {
        let x = [1.0, 1.0, 0.0, 0.0];
        let apart = Cox::new(
            Basis::new(&x, vec![0.0], &[1.0]),
            Ties::Efron,
            (&[1.0, 2.0, 3.0, 4.0], vec![true, true, false, false]),
            &[0; 4],
            vec![0.0; 4],
            None,
        );
        assert_eq!(apart.fit(&[1.0; 4], &mut [0.0]), Status::Diverged);
    }
}
