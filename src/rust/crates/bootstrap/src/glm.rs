//! Generalized linear models on a resample, from the estimate of the full sample.

use std::borrow::Cow;

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
    /// Of each observation at the estimate of the full sample, where all steps begin: what a unit of
    /// weight adds to the second derivative and to the score.
    begin: [Vec<f64>; 2],
}

/// How many observations a loop handles at a time.
const ROWS: usize = 256;
/// Newton's method needs few steps; Fisher's scoring for other links comes nearer by a
/// factor.
const STEPS: usize = 30;
const SCORING_STEPS: usize = 500;
/// How often a step that leads to impossible means is halved.
const HALVINGS: usize = 30;
/// Numbers of a model of which those of a resample's rows are put together: not more than a cache
/// holds.
const TOGETHER: usize = 1 << 20;
/// A share of the tolerance below which a decrement is expected that another step would have.
const SURE: f64 = 1e-3;

impl Glm {
    /// `eta`: the linear predictor at the coefficients of `basis`. `prior`: weights of the
    /// observations.
    #[must_use]
    pub fn new(basis: Basis, family: Family, y: Vec<f64>, eta: Vec<f64>) -> Self {
        let columns = transpose(&basis.q, basis.p, y.len());
        let (score, information): (Vec<f64>, Vec<f64>) = y
            .iter()
            .zip(&eta)
            .map(|(y, eta)| family.score(*y, *eta))
            .unzip();
        Self {
            basis,
            family,
            y,
            eta,
            prior: None,
            dispersion: 1.0,
            columns,
            begin: [information, score],
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
        let rows = Present::of(self, w);
        let mut lanes = Vec::new();
        let mut change = vec![0.0; p];
        let mut step = vec![0.0; p];
        let mut sums = vec![0.0; packed_len(p) + p];
        let mut last = f64::INFINITY;
        let mut likelihood = f64::NEG_INFINITY;
        let mut halved = 0;
        let mut taken = 0;
        while taken < steps {
            arch.dispatch(Derivatives {
                rows: &rows,
                change: (taken + halved > 0).then_some(&change),
                sums: &mut sums,
                lanes: &mut lanes,
                second: true,
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
            let decrement = descend(hessian, gradient);
            step.copy_from_slice(gradient);
            change.iter_mut().zip(&step).for_each(|(c, s)| *c += s);
            // Newton's method squares the error: where the next step would be the last one, that one
            // needs no new second derivatives.
            let next = decrement.powi(3) / (last * last);
            let mut ended = decrement.abs() < tolerance;
            if !ended && !damped && self.family.is_canonical() && next.abs() < SURE * tolerance {
                arch.dispatch(Derivatives {
                    rows: &rows,
                    change: Some(&change),
                    sums: &mut sums,
                    lanes: &mut lanes,
                    second: false,
                });
                let (hessian, gradient) = sums.split_at_mut(packed_len(p));
                if descend(hessian, gradient).abs() < tolerance {
                    change.iter_mut().zip(gradient).for_each(|(c, s)| *c += *s);
                    ended = true;
                }
            }
            if ended {
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

/// Replaces a gradient by Newton's step, with the Cholesky factor of the second derivatives;
/// returns the square of Newton's decrement.
fn descend(factor: &[f64], gradient: &mut [f64]) -> f64 {
    let before = gradient.to_vec();
    solve(factor, gradient.len(), gradient);
    before.iter().zip(gradient).map(|(a, b)| a * *b).sum()
}

/// The observations that have a weight.
struct Present<'a> {
    model: &'a Glm,
    n: usize,
    w: Cow<'a, [f64]>,
    y: Cow<'a, [f64]>,
    eta: Cow<'a, [f64]>,
    columns: Cow<'a, [f64]>,
    begin: [Cow<'a, [f64]>; 2],
}

impl<'a> Present<'a> {
    fn of(model: &'a Glm, w: &'a [f64]) -> Self {
        let n = w.len();
        let mut rows = vec![0; n];
        let mut count = 0;
        for (i, w) in (0..n).zip(w) {
            rows[count] = i;
            count += usize::from(*w != 0.0);
        }
        rows.truncate(count);
        let few = count < n && (model.basis.p + 5) * n <= TOGETHER;
        let chosen = |x: &'a [f64]| -> Cow<'a, [f64]> {
            if !few {
                return x.into();
            }
            let mut out = Vec::with_capacity(x.len() / n * count);
            for x in x.chunks_exact(n) {
                out.extend(rows.iter().map(|i| x[*i]));
            }
            out.into()
        };
        Self {
            model,
            n: if few { count } else { n },
            w: chosen(w),
            y: chosen(&model.y),
            eta: chosen(&model.eta),
            columns: chosen(&model.columns),
            begin: [chosen(&model.begin[0]), chosen(&model.begin[1])],
        }
    }
}

/// Lower triangle of Q'VWQ (only if `second`) and Q'W(y - mu), at a change of the coefficients or
/// where all steps begin.
struct Derivatives<'a> {
    rows: &'a Present<'a>,
    change: Option<&'a Vec<f64>>,
    sums: &'a mut [f64],
    /// Room for eight parts of each sum.
    lanes: &'a mut Vec<[f64; 8]>,
    second: bool,
}

impl WithSimd for Derivatives<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            rows,
            change,
            sums,
            lanes,
            second,
        } = self;
        let (n, p, family) = (rows.n, rows.model.basis.p, rows.model.family);
        lanes.clear();
        lanes.resize(packed_len(p) + p, [0.0; 8]);
        let (hessian, gradient) = lanes.split_at_mut(packed_len(p));
        let column = |a: usize, first: usize, len: usize| &rows.columns[a * n + first..][..len];
        let mut room = [[0.0; ROWS]; 4];
        let [v, residual, eta, weighted] = &mut room;
        for first in (0..n).step_by(ROWS) {
            let len = ROWS.min(n - first);
            let (v, residual) = (&mut v[..len], &mut residual[..len]);
            let weighted = &mut weighted[..len];
            let w = &rows.w[first..first + len];
            if let Some(change) = change {
                let eta = &mut eta[..len];
                eta.copy_from_slice(&rows.eta[first..first + len]);
                for (a, c) in change.iter().enumerate() {
                    for (eta, q) in eta.iter_mut().zip(column(a, first, len)) {
                        *eta = c.mul_add(*q, *eta);
                    }
                }
                let y = &rows.y[first..first + len];
                weigh(family, w, y, eta, v, residual);
            } else {
                let [curve, score] = &rows.begin;
                let (curve, score) = (&curve[first..][..len], &score[first..][..len]);
                for i in 0..len {
                    // An observation that is not in the resample may have any mean.
                    let out = w[i] == 0.0;
                    v[i] = if out { 0.0 } else { w[i] * curve[i] };
                    residual[i] = if out { 0.0 } else { w[i] * score[i] };
                }
            }
            let mut at = 0;
            for a in 0..p {
                if second {
                    let q = column(a, first, len);
                    for i in 0..len {
                        weighted[i] = v[i] * q[i];
                    }
                    let to = &mut hessian[at..=at + a];
                    add_dots(weighted, |b| column(b, first, len), to);
                }
                at += a + 1;
            }
            add_dots(residual, |b| column(b, first, len), gradient);
        }
        // Without second derivatives their places keep what they have.
        let skipped = if second { 0 } else { packed_len(p) };
        for (sum, lanes) in sums.iter_mut().zip(&*lanes).skip(skipped) {
            *sum = folded(*lanes);
        }
    }
}

/// Second derivatives and scores of observations, times their weights.
#[inline(always)]
fn weigh(family: Family, w: &[f64], y: &[f64], eta: &[f64], v: &mut [f64], residual: &mut [f64]) {
    let len = w.len();
    let (y, eta, v, residual) = (&y[..len], &eta[..len], &mut v[..len], &mut residual[..len]);
    // The two that are fitted most have loops that use vector units.
    match (family.link, family.variance) {
        (Link::Logit, Variance::Binomial) => {
            for i in 0..len {
                let mu = math::logistic(eta[i]);
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
                    family.score(y[i], eta[i])
                };
                v[i] = w[i] * information;
                residual[i] = w[i] * score;
            }
        }
    }
}

/// Adds the products of `a` and columns to the eight lanes of each, of four columns at a time.
#[inline(always)]
fn add_dots<'a>(a: &[f64], column: impl Fn(usize) -> &'a [f64], to: &mut [[f64; 8]]) {
    let (fours, rest) = pulp::as_arrays_mut::<4, [f64; 8]>(to);
    let first = 4 * fours.len();
    for (k, four) in fours.iter_mut().enumerate() {
        dots_4(a, [0, 1, 2, 3].map(|b| column(4 * k + b)), four);
    }
    let (twos, rest) = pulp::as_arrays_mut::<2, [f64; 8]>(rest);
    for two in &mut *twos {
        dots_2(a, [0, 1].map(|b| column(first + b)), two);
    }
    for (b, lanes) in (first + 2 * twos.len()..).zip(rest) {
        dots_1(a, column(b), lanes);
    }
}

/// Of one column.
#[inline(always)]
fn dots_1(a: &[f64], b: &[f64], lanes: &mut [f64; 8]) {
    let b = &b[..a.len()];
    let mut sums = *lanes;
    let (a8, last) = pulp::as_arrays::<8, f64>(a);
    let (b8, last_b) = pulp::as_arrays::<8, f64>(b);
    for (a, b) in a8.iter().zip(b8) {
        for l in 0..8 {
            sums[l] = a[l].mul_add(b[l], sums[l]);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(last.iter().zip(last_b)) {
        *sum = a.mul_add(*b, *sum);
    }
    *lanes = sums;
}

/// Of two.
#[inline(always)]
fn dots_2(a: &[f64], columns: [&[f64]; 2], to: &mut [[f64; 8]; 2]) {
    let (a8, last) = pulp::as_arrays::<8, f64>(a);
    let [b0, b1] = columns.map(|b| pulp::as_arrays::<8, f64>(&b[..a.len()]).0);
    let [mut s0, mut s1] = *to;
    for i in 0..a8.len() {
        let a = &a8[i];
        for l in 0..8 {
            s0[l] = a[l].mul_add(b0[i][l], s0[l]);
            s1[l] = a[l].mul_add(b1[i][l], s1[l]);
        }
    }
    *to = [s0, s1];
    add_last(last, columns, 8 * a8.len(), to);
}

/// Of four, for which every number of `a` is loaded once.
#[inline(always)]
fn dots_4(a: &[f64], columns: [&[f64]; 4], to: &mut [[f64; 8]; 4]) {
    let (a8, last) = pulp::as_arrays::<8, f64>(a);
    let [b0, b1, b2, b3] = columns.map(|b| pulp::as_arrays::<8, f64>(&b[..a.len()]).0);
    // Each sum has a variable: an array of them would not live in registers.
    let [mut s0, mut s1, mut s2, mut s3] = *to;
    for i in 0..a8.len() {
        let a = &a8[i];
        for l in 0..8 {
            s0[l] = a[l].mul_add(b0[i][l], s0[l]);
            s1[l] = a[l].mul_add(b1[i][l], s1[l]);
            s2[l] = a[l].mul_add(b2[i][l], s2[l]);
            s3[l] = a[l].mul_add(b3[i][l], s3[l]);
        }
    }
    *to = [s0, s1, s2, s3];
    add_last(last, columns, 8 * a8.len(), to);
}

/// Products of the last numbers, before which there are `done`.
#[inline(always)]
fn add_last<const K: usize>(
    last: &[f64],
    columns: [&[f64]; K],
    done: usize,
    to: &mut [[f64; 8]; K],
) {
    for (to, b) in to.iter_mut().zip(columns) {
        for (sum, (a, b)) in to.iter_mut().zip(last.iter().zip(&b[done..])) {
            *sum = a.mul_add(*b, *sum);
        }
    }
}

fn folded([a, b, c, d, e, f, g, h]: [f64; 8]) -> f64 {
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 701;

    fn model(family: Family, rows: &[usize]) -> Glm {
        // A basis need not be orthogonal here: the fits compared have the same.
        let x = |i: usize, k: usize| ((i * (2 * k + 1)) as f64 * 0.37 + k as f64).sin();
        let columns = (0..6).flat_map(|k| rows.iter().map(move |i| x(*i, k)));
        let q: Vec<f64> = columns.collect();
        let eta: Vec<f64> = rows.iter().map(|i| 0.3 * x(*i, 1) + 0.5).collect();
        let y: Vec<f64> = rows
            .iter()
            .map(|i| f64::from(u8::from(i * 7 % 10 < 6)))
            .collect();
        let identity: Vec<f64> = (0..36).map(|i| f64::from(u8::from(i % 7 == 0))).collect();
        Glm::new(Basis::new(&q, vec![0.0; 6], &identity), family, y, eta)
    }

    /// Rows without weight are as if they were not there, and the fit is where the score is 0.
    #[test]
    fn a_fit_solves_the_equations_of_the_rows_that_were_drawn() {
        let families = [
            (Link::Logit, Variance::Binomial),
            (Link::Probit, Variance::Binomial),
            (Link::Log, Variance::Mean),
        ];
        for (link, variance) in families {
            let family = Family { link, variance };
            let all: Vec<usize> = (0..N).collect();
            let w: Vec<f64> = all.iter().map(|i| (i * 5 % 3) as f64).collect();
            let whole = model(family, &all);
            let mut out = [0.0; 6];
            assert_eq!(whole.fit(Arch::new(), &w, &mut out), Status::Fine);
            let drawn: Vec<usize> = all.iter().copied().filter(|i| w[*i] > 0.0).collect();
            let weights: Vec<f64> = drawn.iter().map(|i| w[*i]).collect();
            let mut alone = [0.0; 6];
            let status = model(family, &drawn).fit(Arch::new(), &weights, &mut alone);
            assert_eq!(status, Status::Fine);
            for (a, b) in out.iter().zip(alone) {
                assert!((a - b).abs() < 1e-12, "{family:?} {a} {b}");
            }
            for k in 0..6 {
                let term = |i: usize| {
                    let added = whole.basis.added(i, &out);
                    w[i] * family.score(whole.y[i], whole.eta[i] + added).0
                        * whole.columns[k * N + i]
                };
                let score: f64 = (0..N).map(term).sum();
                // Fisher's scoring comes nearer by a factor each time.
                let most = if family.is_canonical() { 1e-10 } else { 1e-8 };
                assert!(score.abs() < most, "{family:?} {k} {score}");
            }
        }
    }
}
