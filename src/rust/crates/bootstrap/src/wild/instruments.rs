//! The wild restricted efficient bootstrap after k-class estimation of a model with instruments:
//! two-stage least squares, limited information maximum likelihood, Fuller's estimator
//! (Davidson & MacKinnon 2010, Journal of Business & Economic Statistics 28, 128-144).
//!
//! A replicate multiplies the residuals of both stages by the same weights. Everything is in an
//! orthonormal basis of all instruments, l of them, the first k of which span the exogenous
//! regressors. There the coefficients of a replicate less those it is made with follow from
//! the first stage's coefficients `c` (l x p) and the sums `e` of instruments times structural
//! residuals: those of the p endogenous regressors from the last l - k rows of `e` and `c`, the
//! others by what is left. What the instruments leave of the residuals, which the other
//! estimators need besides, follows from sums of squares by cluster.

use rustle_threads::blocks::{run_each, Slice};

use super::weights::{Choice, Drawer, Law, BLOCK};
use crate::dense::{cholesky, forward, least_eigenvalue, packed_len, solve};

/// Which member of the k-class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Estimator {
    /// Of this k: 1 is two-stage least squares.
    Fixed(f64),
    /// k of limited information maximum likelihood less this number.
    Likelihood(f64),
}

/// One term of the variance: error clusters, and their intersections with the bootstrap's.
#[derive(Clone, Debug)]
pub struct Part {
    /// Sign and finite-sample factor.
    pub factor: f64,
    /// Number of error clusters.
    pub clusters: usize,
    /// Is each error cluster one observation?
    pub single: bool,
    /// By error cluster: products of the instruments, l x l numbers; where it is one observation
    /// its instruments, l numbers.
    pub products: Vec<f64>,
    /// By intersection: the error cluster.
    pub error: Vec<u32>,
    /// By intersection: the bootstrap cluster.
    pub boot: Vec<u32>,
    /// By intersection: sums of instruments times structural residuals, l numbers.
    pub structural: Vec<f64>,
    /// By intersection: sums of instruments times first-stage residuals, p times l numbers.
    pub reduced: Vec<f64>,
}

/// What a test is made of.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// Law of the weights.
    pub law: Law,
    /// Which are tried.
    pub choice: Choice,
    /// Which estimator.
    pub estimator: Estimator,
    /// Number of instruments, exogenous regressors among them.
    pub l: usize,
    /// Number of exogenous regressors.
    pub k: usize,
    /// Number of endogenous regressors.
    pub p: usize,
    /// First-stage coefficients, p columns of l.
    pub first: Vec<f64>,
    /// By bootstrap cluster: sums of instruments times structural residuals, l numbers.
    pub structural: Vec<f64>,
    /// By bootstrap cluster: sums of instruments times first-stage residuals, p times l numbers.
    pub reduced: Vec<f64>,
    /// By bootstrap cluster: products of the structural and first-stage residuals, the lower
    /// triangle of 1 + p rows. Not read for two-stage least squares.
    pub squares: Vec<f64>,
    /// The restrictions: each p numbers of the endogenous regressors, k of the others.
    pub restrictions: Vec<f64>,
    /// The variance is the sum of these.
    pub parts: Vec<Part>,
}

struct Scratch {
    drawer: Drawer,
    weights: Vec<f64>,
    c: Vec<f64>,
    e: Vec<f64>,
    left: Vec<f64>,
    square: Vec<f64>,
    gamma: Vec<f64>,
    h: Vec<f64>,
    m: Vec<f64>,
    own: Vec<f64>,
    scores: Vec<f64>,
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn add(sum: &mut [f64], by: f64, x: &[f64]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += by * x);
}

impl Instruments {
    fn clusters(&self) -> usize {
        self.structural.len() / self.l
    }

    fn count(&self) -> usize {
        self.restrictions.len() / (self.p + self.k)
    }

    /// Numbers that are kept of a replicate: numerators, then their covariances (a, b), a <= b.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.count() + packed_len(self.count())
    }

    /// The numbers of replicates `from..to`, or of as many of the first as are begun within the
    /// slice. `from` is at the start of a block. Not a number where the first stage has lost
    /// rank.
    #[must_use]
    pub fn run(&self, from: u64, to: u64, slice: Slice) -> Vec<f64> {
        let width = self.outputs();
        let (l, p, q) = (self.l, self.p, self.count());
        let most = self.parts.iter().map(|part| part.clusters).max();
        let mut out = vec![0.0; width * (to - from) as usize];
        let scratch = || Scratch {
            drawer: Drawer::new(self.law, self.choice),
            weights: vec![0.0; self.clusters()],
            c: vec![0.0; l * p],
            e: vec![0.0; l],
            left: vec![0.0; packed_len(p + 1)],
            square: vec![0.0; packed_len(p)],
            gamma: vec![0.0; p],
            h: vec![0.0; l],
            m: vec![0.0; l * q],
            own: vec![0.0; l],
            scores: vec![0.0; most.unwrap_or(0) * q],
        };
        let items = out.chunks_mut(width * BLOCK).enumerate();
        let begun = run_each(slice, items, scratch, |scratch, (item, rows)| {
            let first = from + (item * BLOCK) as u64;
            let count = rows.len() / width;
            scratch.drawer.draw(first, count, self.clusters(), 1);
            for (r, row) in rows.chunks_exact_mut(width).enumerate() {
                match self.law.points() {
                    Some(points) => {
                        let digits = scratch.drawer.digits(r);
                        for (weight, digit) in scratch.weights.iter_mut().zip(digits) {
                            *weight = points[usize::from(*digit)];
                        }
                    }
                    None => scratch.weights.copy_from_slice(scratch.drawer.values(r)),
                }
                if !self.replicate(scratch, row) {
                    row.fill(f64::NAN);
                }
            }
        });
        out.truncate((begun * width * BLOCK).min(out.len()));
        out
    }

    /// What the instruments leave of the products of the residuals, structural ones first.
    fn left_over(&self, s: &mut Scratch) {
        let (l, p) = (self.l, self.p);
        let size = packed_len(p + 1);
        s.left.fill(0.0);
        for (v, squares) in s.weights.iter().zip(self.squares.chunks_exact(size)) {
            add(&mut s.left, v * v, squares);
        }
        // The first stage's part of the sums of first-stage residuals.
        s.m.clear();
        s.m.extend(s.c.iter().zip(&self.first).map(|(c, first)| c - first));
        let column = |j: usize, e: &[f64], v: &[f64]| -> Vec<f64> {
            match j {
                0 => e.to_vec(),
                j => v[(j - 1) * l..j * l].to_vec(),
            }
        };
        for i in 0..=p {
            let x = column(i, &s.e, &s.m);
            for j in 0..=i {
                s.left[packed_len(i) + j] -= dot(&x, &column(j, &s.e, &s.m));
            }
        }
    }

    /// k less 1 of limited information maximum likelihood: the smallest root of what the
    /// excluded instruments explain over what is left.
    fn least_root(&self, s: &Scratch) -> f64 {
        let (l, k, p) = (self.l, self.k, self.p);
        if l - k <= p {
            return 0.0;
        }
        let mut root = s.left.clone();
        if !(cholesky(&mut root, p + 1) > 1e-14) {
            return f64::NAN;
        }
        let mut explained = vec![0.0; packed_len(p + 1)];
        let mut row = vec![0.0; p + 1];
        for i in k..l {
            row[0] = s.e[i];
            for j in 0..p {
                row[j + 1] = s.c[j * l + i];
            }
            forward(&root, p + 1, &mut row);
            for a in 0..=p {
                for b in 0..=a {
                    explained[packed_len(a) + b] += row[a] * row[b];
                }
            }
        }
        least_eigenvalue(&explained, p + 1).max(0.0)
    }

    /// False where there is no estimate.
    fn replicate(&self, s: &mut Scratch, out: &mut [f64]) -> bool {
        let (l, k, p) = (self.l, self.k, self.p);
        s.c.copy_from_slice(&self.first);
        s.e.fill(0.0);
        for (g, v) in s.weights.iter().enumerate() {
            add(&mut s.e, *v, &self.structural[g * l..(g + 1) * l]);
            add(&mut s.c, *v, &self.reduced[g * l * p..(g + 1) * l * p]);
        }
        // 1 - k of the k-class.
        let share = match self.estimator {
            Estimator::Fixed(1.0) => {
                s.left.fill(0.0);
                0.0
            }
            Estimator::Fixed(by) => {
                self.left_over(s);
                1.0 - by
            }
            Estimator::Likelihood(less) => {
                self.left_over(s);
                less - self.least_root(s)
            }
        };
        let column = |j: usize| j * l..(j + 1) * l;
        for i in 0..p {
            let c = &s.c[column(i)];
            let left = packed_len(i + 1);
            for j in 0..=i {
                s.square[packed_len(i) + j] =
                    dot(&c[k..], &s.c[column(j)][k..]) + share * s.left[left + j + 1];
            }
            s.gamma[i] = dot(&c[k..], &s.e[k..]) + share * s.left[left];
        }
        if !(cholesky(&mut s.square, p) > 1e-14) {
            return false;
        }
        solve(&s.square, p, &mut s.gamma);
        // Coefficients of the exogenous regressors.
        s.h.fill(0.0);
        s.h[..k].copy_from_slice(&s.e[..k]);
        for j in 0..p {
            add(&mut s.h[..k], -s.gamma[j], &s.c[column(j)][..k]);
        }
        let q = self.count();
        s.m.clear();
        s.m.resize(q * l, 0.0);
        for (a, restriction) in self.restrictions.chunks_exact(p + k).enumerate() {
            let (of_endogenous, of_exogenous) = restriction.split_at(p);
            out[a] = dot(of_endogenous, &s.gamma) + dot(of_exogenous, &s.h[..k]);
            let mut alpha: Vec<f64> = (0..p)
                .map(|j| of_endogenous[j] - dot(&s.c[column(j)][..k], of_exogenous))
                .collect();
            solve(&s.square, p, &mut alpha);
            let m = &mut s.m[a * l..(a + 1) * l];
            m[..k].copy_from_slice(of_exogenous);
            for (j, alpha) in alpha.iter().enumerate() {
                add(&mut m[k..], *alpha, &s.c[column(j)][k..]);
            }
        }
        // Fitted values of both.
        for j in 0..p {
            add(&mut s.h, s.gamma[j], &self.first[column(j)]);
        }
        let covariances = &mut out[q..];
        covariances.fill(0.0);
        for part in &self.parts {
            self.add_part(part, s, covariances);
        }
        true
    }

    /// Adds a part of the covariance.
    fn add_part(&self, part: &Part, s: &mut Scratch, out: &mut [f64]) {
        let (l, p, q) = (self.l, self.p, self.count());
        let scores = &mut s.scores[..part.clusters * q];
        for (g, scores) in scores.chunks_exact_mut(q).enumerate() {
            for (score, m) in scores.iter_mut().zip(s.m.chunks_exact(l)) {
                let fitted: f64 = if part.single {
                    let z = &part.products[g * l..(g + 1) * l];
                    dot(m, z) * dot(z, &s.h)
                } else {
                    let rows = part.products[g * l * l..(g + 1) * l * l].chunks_exact(l);
                    let each = rows.zip(m);
                    each.map(|(row, m)| if *m == 0.0 { 0.0 } else { m * dot(row, &s.h) })
                        .sum()
                };
                *score = -fitted;
            }
        }
        for (i, (error, boot)) in part.error.iter().zip(&part.boot).enumerate() {
            s.own.copy_from_slice(&part.structural[i * l..(i + 1) * l]);
            for (j, gamma) in s.gamma.iter().enumerate() {
                let start = (i * p + j) * l;
                add(&mut s.own, -gamma, &part.reduced[start..start + l]);
            }
            let (error, v) = (*error as usize, s.weights[*boot as usize]);
            let scores = &mut scores[error * q..(error + 1) * q];
            for (score, m) in scores.iter_mut().zip(s.m.chunks_exact(l)) {
                *score += v * dot(m, &s.own);
            }
        }
        for scores in scores.chunks_exact(q) {
            let mut at = 0;
            for a in 0..q {
                for b in a..q {
                    out[at] += part.factor * scores[a] * scores[b];
                    at += 1;
                }
            }
        }
    }
}
