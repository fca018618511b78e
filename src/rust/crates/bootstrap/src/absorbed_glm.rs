//! A generalized linear model with fixed effects on a resample.
//!
//! The effect with most levels is concentrated out: for given coefficients each level has the
//! effect that makes its own likelihood largest, which is a problem of one number. Newton's
//! method (Fisher's scoring) then works with the columns within levels, as in
//! [`crate::absorbed`]; steps that do not raise the likelihood are halved.
//!
//! A level whose responses are all 0 (or all 1) has an infinite effect, which explains them
//! without error: its observations say nothing about the coefficients, and are left out.

use std::ops::Range;

use crate::absorbed::factor;
use crate::dense::{affine, packed_len};
use crate::families::{Family, Variance};
use crate::models::{transpose, Status};

/// Newton's method needs few steps: more lead to an estimate that is infinite.
const STEPS: usize = 30;
/// Fisher's scoring for other links, and the effect of one level.
const SCORING_STEPS: usize = 200;
/// How often a step is halved.
const HALVINGS: usize = 40;

/// The observations of a model with effects.
#[derive(Clone, Debug)]
pub struct Responses {
    /// The family.
    pub family: Family,
    /// The response.
    pub y: Vec<f64>,
    /// Linear predictor of the full sample, offset included.
    pub eta: Vec<f64>,
    /// Prior weights, unless all are 1.
    pub prior: Option<Vec<f64>>,
    /// Dispersion of the full sample.
    pub dispersion: f64,
}

/// A generalized linear model whose effects are projected out.
#[derive(Clone, Debug)]
pub struct AbsorbedGlm {
    /// By observation, in the order of levels: columns of other effects, then regressors.
    rows: Vec<f64>,
    width: usize,
    /// The observation that each row is.
    order: Vec<u32>,
    /// The rows of each level.
    levels: Vec<Range<usize>>,
    /// Levels of the other effects, by row.
    others: Vec<Vec<u32>>,
    data: Responses,
    beta: Vec<f64>,
    back: Vec<f64>,
}

/// Where a fit has come to.
struct Place {
    /// Of each column.
    change: Vec<f64>,
    /// Of each level.
    effects: Vec<f64>,
    /// Linear predictor without the effect of the level, by row.
    base: Vec<f64>,
    likelihood: f64,
}

impl AbsorbedGlm {
    /// `q`: columns of other effects, then regressors; `back`: from directions of the regressors
    /// to their coefficients, of which `beta` are those of the full sample; `level` of the effect
    /// that is concentrated out, and of each of `others`, from 0.
    ///
    /// # Panics
    ///
    /// When the sizes do not fit.
    #[must_use]
    pub fn new(
        q: &[f64],
        beta: Vec<f64>,
        back: &[f64],
        level: &[u32],
        others: &[Vec<u32>],
        data: Responses,
    ) -> Self {
        let (n, p) = (data.y.len(), beta.len());
        let width = q.len() / n.max(1);
        assert!(q.len() == n * width && width >= p && level.len() == n && back.len() == p * p);
        assert!(others.iter().all(|other| other.len() == n) && data.eta.len() == n);
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_key(|i| level[*i as usize]);
        let by_row = transpose(q, n, width);
        let rows = order
            .iter()
            .flat_map(|i| &by_row[*i as usize * width..(*i as usize + 1) * width])
            .copied()
            .collect();
        let mut levels: Vec<Range<usize>> = Vec::new();
        for (at, i) in order.iter().enumerate() {
            match levels.last_mut() {
                Some(last) if level[order[last.start] as usize] == level[*i as usize] => {
                    last.end = at + 1;
                }
                _ => levels.push(at..at + 1),
            }
        }
        let sorted = |x: &[f64]| order.iter().map(|i| x[*i as usize]).collect::<Vec<f64>>();
        let data = Responses {
            y: sorted(&data.y),
            eta: sorted(&data.eta),
            prior: data.prior.as_deref().map(sorted),
            ..data
        };
        let others = others
            .iter()
            .map(|other| order.iter().map(|i| other[*i as usize]).collect())
            .collect();
        Self {
            rows,
            width,
            order,
            levels,
            others,
            data,
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
        out.fill(f64::NAN);
        let prior = |at: usize| self.data.prior.as_ref().map_or(1.0, |prior| prior[at]);
        let row = |(at, i): (usize, &u32)| w[*i as usize] * prior(at);
        let mut w: Vec<f64> = self.order.iter().enumerate().map(row).collect();
        if w.iter().any(|w| *w < 0.0) {
            return Status::Diverged;
        }
        self.leave_out_levels(&mut w);
        if w.iter().all(|w| *w == 0.0) {
            return Status::Rank;
        }
        let tolerance = 1e-18 * (1.0 + w.len() as f64) * self.data.dispersion;
        let mut place = Place {
            change: vec![0.0; self.width],
            effects: vec![0.0; self.levels.len()],
            base: self.data.eta.clone(),
            likelihood: 0.0,
        };
        if !self.fit_levels(&w, &mut place, tolerance) {
            return Status::Diverged;
        }
        let steps = if self.data.family.is_canonical() {
            STEPS
        } else {
            SCORING_STEPS
        };
        for taken in 0..steps {
            let Some((step, shifts, decrement)) = self.step(&w, &place) else {
                return if taken == 0 {
                    Status::Rank
                } else {
                    Status::Diverged
                };
            };
            if !decrement.is_finite() {
                break;
            }
            let last = decrement.abs() < tolerance;
            let Some(next) = self.go(&w, &place, (&step, &shifts), tolerance) else {
                // The likelihood cannot rise any more, up to rounding.
                if decrement.abs() < 1e-9 * (1.0 + place.likelihood.abs()) {
                    self.coefficients(&place, out);
                    return Status::Fine;
                }
                break;
            };
            place = next;
            if last {
                self.coefficients(&place, out);
                return Status::Fine;
            }
        }
        Status::Diverged
    }

    fn coefficients(&self, place: &Place, out: &mut [f64]) {
        let own = &place.change[self.width - self.p()..];
        affine(&self.beta, &self.back, own, out);
    }

    /// Weights 0 for levels that have an infinite effect. What is left out of one effect may leave
    /// such levels of another.
    fn leave_out_levels(&self, w: &mut [f64]) {
        let (zero, one) = self.data.family.ends();
        if !zero {
            return;
        }
        let y = &self.data.y;
        let at_end = |rows: &mut dyn Iterator<Item = usize>, w: &[f64]| {
            let (mut all_zero, mut all_one) = (true, one);
            for at in rows {
                if w[at] > 0.0 {
                    all_zero &= y[at] == 0.0;
                    all_one &= y[at] == 1.0;
                }
            }
            all_zero || all_one
        };
        loop {
            let mut any = false;
            for rows in &self.levels {
                if at_end(&mut rows.clone(), w) {
                    any |= w[rows.clone()].iter().any(|w| *w > 0.0);
                    w[rows.clone()].fill(0.0);
                }
            }
            for other in &self.others {
                let count = other.iter().max().map_or(0, |most| *most as usize + 1);
                let mut members = vec![Vec::new(); count];
                for (at, level) in other.iter().enumerate() {
                    members[*level as usize].push(at);
                }
                for rows in members {
                    if at_end(&mut rows.iter().copied(), w) {
                        any |= rows.iter().any(|at| w[*at] > 0.0);
                        rows.iter().for_each(|at| w[*at] = 0.0);
                    }
                }
            }
            if !any || self.others.is_empty() {
                return;
            }
        }
    }

    /// Steps of the columns and levels, and how far the likelihood may still rise. None when
    /// regressors have lost rank.
    fn step(&self, w: &[f64], place: &Place) -> Option<(Vec<f64>, Vec<f64>, f64)> {
        let width = self.width;
        let each = width + 1;
        let family = self.data.family;
        let mut gram = vec![0.0; packed_len(each)];
        let mut before = vec![0.0; width];
        let mut sums = vec![0.0; self.levels.len() * each];
        let mut sizes = vec![0.0; self.levels.len()];
        let mut decrement = 0.0;
        for (l, rows) in self.levels.iter().enumerate() {
            let sums = &mut sums[l * each..(l + 1) * each];
            for at in rows.clone().filter(|at| w[*at] > 0.0) {
                let (score, information) =
                    family.score(self.data.y[at], place.base[at] + place.effects[l]);
                let (v, residual) = (w[at] * information, w[at] * score);
                let row = &self.rows[at * width..(at + 1) * width];
                sizes[l] += v;
                sums[width] += residual;
                let mut start = 0;
                for (a, x) in row.iter().enumerate() {
                    let product = v * x;
                    sums[a] += product;
                    before[a] += product * x;
                    for (sum, b) in gram[start..=start + a].iter_mut().zip(row) {
                        *sum += product * b;
                    }
                    start += a + 1;
                    gram[packed_len(width) + a] += residual * x;
                }
            }
            let size = sizes[l];
            if size > 0.0 {
                decrement += sums[width] * sums[width] / size;
                let mut start = 0;
                // The last row is the score's.
                for (a, sum) in sums.iter().enumerate() {
                    for (gram, b) in gram[start..=start + a].iter_mut().zip(&*sums) {
                        *gram -= sum * b / size;
                    }
                    start += a + 1;
                }
            }
        }
        // Probabilities of 0 and 1 leave no information: the regressors separate the response.
        let separated = family.variance == Variance::Binomial
            && sizes.iter().sum::<f64>() < 1e-10 * w.iter().sum::<f64>();
        if separated || !factor(&mut gram, &before, width - self.p()) {
            return None;
        }
        let mut step = gram[packed_len(width)..packed_len(width) + width].to_vec();
        decrement += step.iter().map(|x| x * x).sum::<f64>();
        for i in (0..width).rev() {
            let pivot = gram[packed_len(i) + i];
            let later: f64 = (i + 1..width)
                .map(|k| gram[packed_len(k) + i] * step[k])
                .sum();
            step[i] = if pivot.is_finite() {
                (step[i] - later) / pivot
            } else {
                0.0
            };
        }
        let shift = |(sums, size): (&[f64], &f64)| {
            let explained: f64 = sums.iter().zip(&step).map(|(s, x)| s * x).sum();
            if *size > 0.0 {
                (sums[width] - explained) / size
            } else {
                0.0
            }
        };
        let shifts = sums.chunks_exact(each).zip(&sizes).map(shift).collect();
        Some((step, shifts, decrement))
    }

    /// The place after a step, or after part of it, where the likelihood is not less.
    fn go(
        &self,
        w: &[f64],
        from: &Place,
        (step, shifts): (&[f64], &[f64]),
        tolerance: f64,
    ) -> Option<Place> {
        let rounding = 1e-13 * (1.0 + from.likelihood.abs());
        let mut share = 1.0;
        for _ in 0..HALVINGS {
            let add = |x: &[f64], d: &[f64]| -> Vec<f64> {
                x.iter().zip(d).map(|(x, d)| d.mul_add(share, *x)).collect()
            };
            let change = add(&from.change, step);
            let base = self
                .rows
                .chunks_exact(self.width)
                .zip(&self.data.eta)
                .map(|(row, eta)| eta + row.iter().zip(&change).map(|(x, c)| x * c).sum::<f64>())
                .collect();
            let mut next = Place {
                change,
                base,
                effects: add(&from.effects, shifts),
                likelihood: 0.0,
            };
            if self.fit_levels(w, &mut next, tolerance)
                && next.likelihood >= from.likelihood - rounding
            {
                return Some(next);
            }
            share *= 0.5;
        }
        None
    }

    /// The effect of each level, and the likelihood. False where a level has none.
    fn fit_levels(&self, w: &[f64], place: &mut Place, tolerance: f64) -> bool {
        let mut total = 0.0;
        for (l, rows) in self.levels.iter().enumerate() {
            if w[rows.clone()].iter().all(|w| *w == 0.0) {
                continue;
            }
            let Some((effect, likelihood)) =
                self.fit_level(w, place, rows.clone(), place.effects[l], tolerance)
            else {
                return false;
            };
            place.effects[l] = effect;
            total += likelihood;
        }
        place.likelihood = total;
        true
    }

    fn fit_level(
        &self,
        w: &[f64],
        place: &Place,
        rows: Range<usize>,
        start: f64,
        tolerance: f64,
    ) -> Option<(f64, f64)> {
        let family = self.data.family;
        let drawn = || rows.clone().filter(|at| w[*at] > 0.0);
        let likelihood = |effect: f64| -> f64 {
            drawn()
                .map(|at| w[at] * family.likelihood(self.data.y[at], place.base[at] + effect))
                .sum()
        };
        let mut at_best = (start, likelihood(start));
        if !at_best.1.is_finite() {
            at_best = (0.0, likelihood(0.0));
            if !at_best.1.is_finite() {
                return None;
            }
        }
        for _ in 0..SCORING_STEPS {
            let (mut score, mut information) = (0.0, 0.0);
            for at in drawn() {
                let (s, i) = family.score(self.data.y[at], place.base[at] + at_best.0);
                score += w[at] * s;
                information += w[at] * i;
            }
            if !score.is_finite() || !(information > 0.0) {
                return None;
            }
            let step = score / information;
            let last = score * step < tolerance;
            let rounding = 1e-14 * (1.0 + at_best.1.abs());
            let mut share = 1.0;
            let better = (0..HALVINGS).find_map(|_| {
                let effect = at_best.0 + share * step;
                let value = likelihood(effect);
                share *= 0.5;
                (value >= at_best.1 - rounding).then_some((effect, value))
            });
            match better {
                Some(next) => at_best = next,
                None => return Some(at_best),
            }
            if last {
                return Some(at_best);
            }
        }
        None
    }
}
