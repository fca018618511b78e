//! Fits whose estimates are known in closed form.

use pulp::Arch;
use rustle_threads::blocks::Slice;
use std::num::NonZeroUsize;

use crate::absorbed::Absorbed;
use crate::absorbed_glm::{AbsorbedGlm, Responses};
use crate::families::{Family, Link, Variance};
use crate::glm::Glm;
use crate::influence;
use crate::models::{Basis, Linear, Status};
use crate::moments::Columns;
use crate::program::Program;
use crate::statistic::{Source, Statistic};
use crate::two_stage::TwoStage;

/// Q by columns and R^-1 by columns of columns, by Gram and Schmidt.
fn basis(columns: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let p = columns.len();
    let mut q: Vec<Vec<f64>> = Vec::new();
    let mut back = vec![0.0; p * p];
    for (j, column) in columns.iter().enumerate() {
        let mut rest = column.clone();
        let mut own = vec![0.0; p];
        own[j] = 1.0;
        for (k, q) in q.iter().enumerate() {
            let r: f64 = dot(q, column);
            rest.iter_mut().zip(q).for_each(|(x, q)| *x -= r * q);
            for i in 0..p {
                own[i] -= r * back[k * p + i];
            }
        }
        let size = dot(&rest, &rest).sqrt();
        q.push(rest.iter().map(|x| x / size).collect());
        for i in 0..p {
            back[j * p + i] = own[i] / size;
        }
    }
    (q.concat(), back)
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn weighted_mean(x: &[f64], w: &[f64]) -> f64 {
    dot(x, w) / w.iter().sum::<f64>()
}

fn near(x: f64, expected: f64) {
    let size = expected.abs().max(1.0);
    assert!((x - expected).abs() < 1e-9 * size, "{x} {expected}");
}

const X: [f64; 6] = [0.5, 1.0, 2.0, 2.5, 4.0, 7.0];
const Y: [f64; 6] = [1.0, 0.0, 3.0, 2.0, 5.0, 4.0];
const W: [f64; 6] = [1.0, 0.0, 2.0, 0.5, 3.0, 1.5];

/// The slope of a regression with weights.
fn slope(x: &[f64], y: &[f64], w: &[f64]) -> f64 {
    let (mx, my) = (weighted_mean(x, w), weighted_mean(y, w));
    let of = |a: &[f64], ma: f64| -> f64 {
        (0..x.len()).map(|i| w[i] * (x[i] - mx) * (a[i] - ma)).sum()
    };
    of(y, my) / of(x, mx)
}

/// The line through X and Y; started at coefficients that are not those of the sample.
fn line() -> Linear {
    let (q, back) = basis(&[vec![1.0; 6], X.to_vec()]);
    let beta = vec![1.0, 0.25];
    let residuals = (0..6).map(|i| Y[i] - beta[0] - beta[1] * X[i]).collect();
    Linear::new(Basis::new(&q, beta, &back), residuals)
}

#[test]
fn a_line_has_the_weighted_slope_and_passes_through_the_means() {
    let model = line();
    let mut out = [0.0; 2];
    let mut sums = [0.0; 5];
    model.sums(Arch::new(), &W, &mut sums);
    assert!(model.finish(&mut sums, &mut out));
    near(out[1], slope(&X, &Y, &W));
    near(
        out[0] + out[1] * weighted_mean(&X, &W),
        weighted_mean(&Y, &W),
    );
    assert_eq!(model.refactor(&W, &mut out), Status::Fine);
    near(out[1], slope(&X, &Y, &W));
    // One observation alone has no line.
    let one = [0.0, 0.0, 4.0, 0.0, 0.0, 0.0];
    assert_eq!(model.refactor(&one, &mut out), Status::Rank);
}

#[test]
fn the_jackknife_of_a_line_leaves_one_observation_out() {
    let statistic = Statistic {
        source: Source::linear(line()),
        program: Program::identity(2),
    };
    // The formula for one observation left out begins at the estimate.
    let whole = influence::observed(&statistic, 6);
    near(whole.t[1], slope(&X, &Y, &[1.0; 6]));
}

#[test]
fn influence_values_of_a_mean_are_differences_from_it() {
    let statistic = Statistic {
        source: Source::Sums(Columns::new(&Y, 6, 1)),
        program: Program::new(
            vec![
                crate::program::Op::Input(0),
                crate::program::Op::Input(1),
                crate::program::Op::Div,
                crate::program::Op::Store,
            ],
            2,
        )
        .expect("a mean"),
    };
    let threads = NonZeroUsize::MIN;
    let left = influence::without(&statistic, 6, None, 0, Slice::new(threads));
    let rows = [(0..6).collect::<Vec<u32>>()];
    let moved = influence::infinitesimal(&statistic, 6, &rows, 0, Slice::new(threads));
    for i in 0..6 {
        near(left.t[i], (15.0 - Y[i]) / 5.0);
        near(moved.t[i], Y[i] - 2.5);
    }
    let halves = [vec![0, 1, 2], vec![3, 4, 5]];
    let groups = influence::without(&statistic, 6, Some(&halves), 0, Slice::new(threads));
    near(groups.t[0], 11.0 / 3.0);
    near(groups.t[1], 4.0 / 3.0);
}

#[test]
fn two_stages_with_a_binary_instrument_are_a_ratio_of_differences() {
    let z = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    let (q, _) = basis(&[vec![1.0; 6], z.to_vec()]);
    // Regressors in a basis in which what the instruments explain of them is orthonormal.
    let explain = |x: &[f64]| -> Vec<f64> {
        let c = [dot(&q[..6], x), dot(&q[6..], x)];
        (0..6).map(|i| c[0] * q[i] + c[1] * q[6 + i]).collect()
    };
    let (_, back) = basis(&[vec![1.0; 6], explain(&X)]);
    let turned: Vec<f64> = (0..2)
        .flat_map(|j| (0..6).map(move |i| (i, j)))
        .map(|(i, j)| back[2 * j] + X[i] * back[2 * j + 1])
        .collect();
    let beta = vec![0.5, 0.3];
    let residuals: Vec<f64> = (0..6).map(|i| Y[i] - beta[0] - beta[1] * X[i]).collect();
    let model = TwoStage::new(&q, &turned, &residuals, beta, &back);
    let mut out = [0.0; 2];
    let w = [1.0, 2.0, 0.5, 3.0, 0.0, 2.0];
    assert_eq!(model.fit(&w, &mut out), Status::Fine);
    let part =
        |v: f64| -> Vec<f64> { (0..6).map(|i| if z[i] == v { w[i] } else { 0.0 }).collect() };
    let (one, zero) = (part(1.0), part(0.0));
    let wald = (weighted_mean(&Y, &one) - weighted_mean(&Y, &zero))
        / (weighted_mean(&X, &one) - weighted_mean(&X, &zero));
    near(out[1], wald);
    // Without one of the groups nothing is identified.
    assert_eq!(model.fit(&zero, &mut out), Status::Rank);
}

#[test]
fn effects_of_units_and_times_give_a_difference_in_differences() {
    // Four units in two times; the last two are treated in the second.
    let level = [0, 0, 1, 1, 2, 2, 3, 3];
    let time = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
    let treated = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let y = [1.0, 2.0, 0.0, 3.0, 2.0, 7.0, 5.0, 6.0];
    let within = |x: &[f64]| -> Vec<f64> {
        (0..8)
            .map(|i| x[i] - (x[i / 2 * 2] + x[i / 2 * 2 + 1]) / 2.0)
            .collect()
    };
    let (q, back) = basis(&[within(&time), within(&treated)]);
    let model = Absorbed::new(&q, &within(&y), vec![0.0], &back[3..], level.to_vec(), None);
    let mut out = [0.0];
    assert_eq!(model.fit(&[1.0; 8], &mut out), Status::Fine);
    near(out[0], (5.0 + 1.0) / 2.0 - (1.0 + 3.0) / 2.0);
    // Units that are drawn three times, or not.
    let w = [3.0, 3.0, 1.0, 1.0, 0.0, 0.0, 2.0, 2.0];
    assert_eq!(model.fit(&w, &mut out), Status::Fine);
    near(out[0], 1.0 - (3.0 * 1.0 + 3.0) / 4.0);
    // Nobody is treated.
    let w = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(model.fit(&w, &mut out), Status::Rank);
}

fn family(link: Link, variance: Variance) -> Family {
    Family { link, variance }
}

/// Pairs of observations, `x` 0 and 1, whose pair is the effect.
fn pairs(family: Family, y: &[f64], others: &[Vec<u32>]) -> AbsorbedGlm {
    let n = y.len();
    let x: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
    let within: Vec<f64> = x.iter().map(|x| x - 0.5).collect();
    let (q, back) = basis(&[within]);
    let level: Vec<u32> = (0..n as u32).map(|i| i / 2).collect();
    let data = Responses {
        family,
        y: y.to_vec(),
        eta: vec![0.0; n],
        prior: None,
        dispersion: 1.0,
    };
    AbsorbedGlm::new(&q, vec![0.0], &back, &level, others, data)
}

#[test]
fn poisson_effects_of_pairs_leave_the_ratio_of_sums() {
    let y = [3.0, 5.0, 0.0, 2.0, 7.0, 4.0, 0.0, 0.0];
    let model = pairs(family(Link::Log, Variance::Mean), &y, &[]);
    let mut out = [0.0];
    assert_eq!(model.fit(&[1.0; 8], &mut out), Status::Fine);
    near(out[0], (11f64 / 10.0).ln());
    // Whole pairs, more or less often.
    let w = [2.0, 2.0, 1.0, 1.0, 0.0, 0.0, 3.0, 3.0];
    assert_eq!(model.fit(&w, &mut out), Status::Fine);
    near(out[0], (12f64 / 6.0).ln());
    // One pair, of which one is 0: the ratio is infinite.
    let w = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert_ne!(model.fit(&w, &mut out), Status::Fine);
    assert!(out[0].is_nan());
}

#[test]
fn logit_effects_of_pairs_give_twice_the_log_ratio_of_discordant_pairs() {
    // Abrevaya (1997): with two observations each the estimate is twice the conditional one.
    let y = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    let logit = family(Link::Logit, Variance::Binomial);
    let model = pairs(logit, &y, &[]);
    let mut out = [0.0];
    assert_eq!(model.fit(&[1.0; 12], &mut out), Status::Fine);
    near(out[0], 2.0 * 3f64.ln());
    let mut w = [1.0; 12];
    w[6] = 2.5;
    w[7] = 2.5;
    assert_eq!(model.fit(&w, &mut out), Status::Fine);
    near(out[0], 2.0 * (3.0 / 2.5f64).ln());
    // All discordant pairs in one direction separate the response.
    w[6] = 0.0;
    w[7] = 0.0;
    assert_eq!(model.fit(&w, &mut out), Status::Diverged);
    // Concordant pairs alone say nothing.
    let mut w = [0.0; 12];
    w[8..].fill(1.0);
    assert_eq!(model.fit(&w, &mut out), Status::Rank);
    // A level of another effect that is all 1 is left out, and leaves the pair of the other
    // observation with one response.
    let other = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let model = pairs(logit, &y, &[other]);
    assert_eq!(model.fit(&[1.0; 12], &mut out), Status::Fine);
    near(out[0], 2.0 * 2f64.ln());
}

#[test]
fn a_logit_of_two_groups_is_the_log_odds_ratio_however_far_from_the_sample() {
    let y = [1.0, 0.0, 1.0, 0.0];
    let group = [0.0, 0.0, 1.0, 1.0];
    let (q, back) = basis(&[vec![1.0; 4], group.to_vec()]);
    let logit = family(Link::Logit, Variance::Binomial);
    let model = |a: f64, b: f64| {
        let eta = group.iter().map(|g| a + b * g).collect();
        Glm::new(Basis::new(&q, vec![a, b], &back), logit, y.to_vec(), eta)
    };
    let w = [9.0, 1.0, 2.0, 8.0];
    let mut out = [0.0; 2];
    // The second start is so far off that plain steps of Newton's method never come back.
    for (a, b) in [(2.0, -3.0), (-4.0, 7.0)] {
        assert_eq!(model(a, b).fit(Arch::new(), &w, &mut out), Status::Fine);
        near(out[0], 9f64.ln());
        near(out[1], (0.25f64 / 9.0).ln());
    }
    let separated = [0.0, 3.0, 2.0, 0.0];
    let status = model(0.0, 0.0).fit(Arch::new(), &separated, &mut out);
    assert_eq!(status, Status::Diverged);
}
