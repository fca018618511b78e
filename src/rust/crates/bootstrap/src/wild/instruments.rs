//! The wild restricted efficient bootstrap after two-stage least squares (Davidson & MacKinnon
//! 2010, Journal of Business & Economic Statistics 28, 128-144).
//!
//! A replicate multiplies the residuals of both stages by the same weights. Everything is in an
//! orthonormal basis of all instruments, l of them, the first k of which span the exogenous
//! regressors. There the coefficients of a replicate less those it is made with follow from
//! the first stage's coefficients `c` (l x p) and the sums `e` of instruments times structural
//! residuals: those of the p endogenous regressors by least squares of the last l - k rows of `e`
//! on those of `c`, the others by what is left.

use rustle_threads::blocks::{run_each, Slice};

use super::weights::{Choice, Drawer, Law, BLOCK};
use crate::dense::{cholesky, packed_len, solve};

/// What a test is made of.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// Law of the weights.
    pub law: Law,
    /// Which are tried.
    pub choice: Choice,
    /// Number of instruments, exogenous regressors among them.
    pub l: usize,
    /// Number of exogenous regressors.
    pub k: usize,
    /// Number of endogenous regressors.
    pub p: usize,
    /// First-stage coefficients, p columns of l.
    pub first: Vec<f64>,
    /// By cluster: sums of instruments times structural residuals, l numbers.
    pub structural: Vec<f64>,
    /// By cluster: sums of instruments times first-stage residuals, p times l numbers.
    pub reduced: Vec<f64>,
    /// By cluster: products of the instruments, l x l numbers; or where each cluster is one
    /// observation its instruments, l numbers.
    pub products: Vec<f64>,
    /// The restriction: p numbers of the endogenous regressors, k of the others.
    pub restriction: Vec<f64>,
    /// Finite-sample factor.
    pub factor: f64,
}

struct Scratch {
    drawer: Drawer,
    c: Vec<f64>,
    e: Vec<f64>,
    square: Vec<f64>,
    gamma: Vec<f64>,
    h: Vec<f64>,
    m: Vec<f64>,
    alpha: Vec<f64>,
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

    /// Numerator and variance of replicates `from..to`, or of as many of the first as are
    /// begun within the slice. `from` is at the start of a block. Not a number where the first
    /// stage has lost rank.
    #[must_use]
    pub fn run(&self, from: u64, to: u64, slice: Slice) -> Vec<f64> {
        let mut out = vec![0.0; 2 * (to - from) as usize];
        let scratch = || Scratch {
            drawer: Drawer::new(self.law, self.choice),
            c: vec![0.0; self.l * self.p],
            e: vec![0.0; self.l],
            square: vec![0.0; packed_len(self.p)],
            gamma: vec![0.0; self.p],
            h: vec![0.0; self.l],
            m: vec![0.0; self.l],
            alpha: vec![0.0; self.p],
        };
        let items = out.chunks_mut(2 * BLOCK).enumerate();
        let begun = run_each(slice, items, scratch, |scratch, (item, rows)| {
            let first = from + (item * BLOCK) as u64;
            scratch
                .drawer
                .draw(first, rows.len() / 2, self.clusters(), 1);
            for (r, row) in rows.chunks_exact_mut(2).enumerate() {
                let (numerator, variance) = self.replicate(scratch, r);
                row[0] = numerator;
                row[1] = variance;
            }
        });
        out.truncate((begun * 2 * BLOCK).min(out.len()));
        out
    }

    fn replicate(&self, scratch: &mut Scratch, r: usize) -> (f64, f64) {
        let Scratch {
            drawer,
            c,
            e,
            square,
            gamma,
            h,
            m,
            alpha,
        } = scratch;
        let (l, k, p) = (self.l, self.k, self.p);
        let points = self.law.points();
        let weight = |g: usize| match points {
            Some(points) => points[usize::from(drawer.digits(r)[g])],
            None => drawer.values(r)[g],
        };
        c.copy_from_slice(&self.first);
        e.fill(0.0);
        for g in 0..self.clusters() {
            let v = weight(g);
            add(e, v, &self.structural[g * l..(g + 1) * l]);
            add(c, v, &self.reduced[g * l * p..(g + 1) * l * p]);
        }
        let column = |j: usize| j * l..(j + 1) * l;
        let (of_endogenous, of_exogenous) = self.restriction.split_at(p);
        for i in 0..p {
            let left = &c[column(i)];
            for j in 0..=i {
                square[packed_len(i) + j] = dot(&left[k..], &c[column(j)][k..]);
            }
            gamma[i] = dot(&left[k..], &e[k..]);
            alpha[i] = of_endogenous[i] - dot(&left[..k], of_exogenous);
        }
        if !(cholesky(square, p) > 1e-14) {
            return (f64::NAN, f64::NAN);
        }
        solve(square, p, gamma);
        solve(square, p, alpha);
        // Coefficients of the exogenous regressors, and fitted values of both.
        h.fill(0.0);
        h[..k].copy_from_slice(&e[..k]);
        m.fill(0.0);
        m[..k].copy_from_slice(of_exogenous);
        for j in 0..p {
            let c = &c[column(j)];
            add(&mut h[..k], -gamma[j], &c[..k]);
            add(&mut m[k..], alpha[j], &c[k..]);
        }
        let numerator = dot(of_endogenous, gamma) + dot(of_exogenous, &h[..k]);
        for j in 0..p {
            add(h, gamma[j], &self.first[j * l..(j + 1) * l]);
        }
        let single = self.products.len() == self.structural.len();
        let mut variance = 0.0;
        for g in 0..self.clusters() {
            let mut own = dot(m, &self.structural[g * l..(g + 1) * l]);
            for j in 0..p {
                let start = (g * p + j) * l;
                own -= gamma[j] * dot(m, &self.reduced[start..start + l]);
            }
            let fitted = if single {
                let z = &self.products[g * l..(g + 1) * l];
                dot(m, z) * dot(z, h)
            } else {
                let products = &self.products[g * l * l..(g + 1) * l * l];
                let rows = products.chunks_exact(l).zip(m.iter());
                rows.map(|(row, m)| if *m == 0.0 { 0.0 } else { m * dot(row, h) })
                    .sum()
            };
            let score = weight(g) * own - fitted;
            variance += score * score;
        }
        (numerator, self.factor * variance)
    }
}
