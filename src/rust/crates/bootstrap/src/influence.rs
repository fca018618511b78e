//! Influence values: how much each observation moves the statistic.

use rustle_threads::blocks::Slice;

use crate::models::{Linear, Status};
use crate::moments::Columns;
use crate::run::{rows, Rows};
use crate::statistic::{Scratch, Source, Statistic};

/// Step of the numerical derivative, over n.
const STEP: f64 = 1e-3;

/// Rows of one item of the queue: enough to make the price of taking an item small.
const BATCH: usize = 32;

/// The statistic of the data with weights, `n` for each of several cases one after another, from
/// the case `from` (from 0) on until all are done or the slice is over; rows. At least one.
#[must_use]
pub fn weighted(statistic: &Statistic, n: usize, w: &[f64], from: usize, slice: Slice) -> Rows {
    each_row(statistic, w.len() / n, from, slice, |scratch, k, t| {
        statistic.weighted(&w[k * n..(k + 1) * n], scratch, t)
    })
}

/// The statistic of the data.
#[must_use]
pub fn observed(statistic: &Statistic, n: usize) -> Rows {
    let mut t = vec![0.0; statistic.outputs()];
    let status = statistic.weighted(&vec![1.0; n], &mut Scratch::new(statistic), &mut t);
    Rows {
        t,
        status: vec![status],
    }
}

/// The statistic without group `from..` of `groups` (none: each observation is one), one
/// after another until all are done or the slice is over; rows. At least one.
#[must_use]
pub fn without(
    statistic: &Statistic,
    n: usize,
    groups: Option<&[Vec<u32>]>,
    from: usize,
    slice: Slice,
) -> Rows {
    let totals = match &statistic.source {
        Source::Sums(columns) => column_sums(columns, n),
        _ => Vec::new(),
    };
    let leave = |scratch: &mut Scratch, k: usize, t: &mut [f64]| {
        let single = [k as u32];
        let group = groups.map_or(&single[..], |groups| &groups[k]);
        match &statistic.source {
            Source::Sums(columns) => {
                let mut inputs = totals.clone();
                for i in group {
                    let row = columns.row(*i as usize);
                    inputs.iter_mut().zip(row).for_each(|(s, z)| *s -= z);
                }
                inputs.push((n - group.len()) as f64);
                statistic.program.run(&inputs, t);
                return Status::Fine;
            }
            Source::Linear { model, .. }
                if groups.is_none() && model.without(k, &mut scratch.inputs) =>
            {
                statistic.program.run(&scratch.inputs, t);
                return Status::Fine;
            }
            _ => {}
        }
        let mut w = std::mem::take(&mut scratch.case_weights);
        w.resize(n, 1.0);
        group.iter().for_each(|i| w[*i as usize] = 0.0);
        let status = statistic.weighted(&w, scratch, t);
        group.iter().for_each(|i| w[*i as usize] = 1.0);
        scratch.case_weights = w;
        status
    };
    each_row(statistic, groups.map_or(n, <[_]>::len), from, slice, leave)
}

/// Infinitesimal influence values of observations `from..`: the derivative towards
/// weight n on one observation, n the size of its stratum. `strata` are the rows of each
/// stratum, a partition of `0..n`.
#[must_use]
pub fn infinitesimal(
    statistic: &Statistic,
    n: usize,
    strata: &[Vec<u32>],
    from: usize,
    slice: Slice,
) -> Rows {
    let mut member = vec![0; n];
    for (s, rows) in strata.iter().enumerate() {
        rows.iter().for_each(|i| member[*i as usize] = s);
    }
    if let Some(slopes) = Slopes::new(statistic, n, strata) {
        return each_row(statistic, n, from, slice, |_, i, t| {
            let (size, sums) = (strata[member[i]].len() as f64, &slopes.sums[member[i]]);
            let row = slopes.rows.row(i).iter().zip(sums);
            let mut direction: Vec<f64> = row.map(|(x, s)| size * x - s).collect();
            // The sum of the weights is the last input of sums; it does not change.
            direction.resize(slopes.at.len(), 0.0);
            statistic.program.derivative(&slopes.at, &direction, t);
            Status::Fine
        });
    }
    let t0 = observed(statistic, n).t;
    each_row(statistic, n, from, slice, |scratch, i, t| {
        let stratum = &strata[member[i]];
        let size = stratum.len() as f64;
        let step = STEP / size;
        let mut w = std::mem::take(&mut scratch.case_weights);
        w.clear();
        w.resize(n, 1.0);
        stratum.iter().for_each(|j| w[*j as usize] = 1.0 - step);
        w[i] += size * step;
        let status = statistic.weighted(&w, scratch, t);
        scratch.case_weights = w;
        let moved = t.iter_mut().zip(&t0);
        moved.for_each(|(t, t0)| *t = (*t - t0) / step);
        status
    })
}

/// The derivatives of a program's inputs by the weight of each observation, where they are
/// known in closed form.
struct Slopes<'a> {
    /// The inputs for weights of one.
    at: Vec<f64>,
    rows: SlopeRows<'a>,
    /// Of the rows of each stratum.
    sums: Vec<Vec<f64>>,
}

/// A row of slopes for each observation.
enum SlopeRows<'a> {
    /// When the inputs are sums: the columns themselves.
    Columns(&'a Columns),
    /// When the inputs are coefficients: row after row.
    Model { rows: Vec<f64>, p: usize },
}

impl SlopeRows<'_> {
    fn row(&self, i: usize) -> &[f64] {
        match self {
            SlopeRows::Columns(columns) => columns.row(i),
            SlopeRows::Model { rows, p } => &rows[i * p..(i + 1) * p],
        }
    }
}

impl Slopes<'_> {
    fn new<'a>(statistic: &'a Statistic, n: usize, strata: &[Vec<u32>]) -> Option<Slopes<'a>> {
        let (rows, at) = match &statistic.source {
            Source::Sums(columns) => {
                let mut at = column_sums(columns, n);
                at.push(n as f64);
                (SlopeRows::Columns(columns), at)
            }
            Source::Glm(model) => {
                let (rows, p) = (model.influence(), model.basis.p());
                (SlopeRows::Model { rows, p }, model.basis.estimate())
            }
            Source::Linear { model, .. } => {
                let (rows, p) = (linear_slopes(model), model.basis.p());
                (SlopeRows::Model { rows, p }, model.basis.estimate())
            }
            _ => return None,
        };
        let width = match &rows {
            SlopeRows::Columns(columns) => columns.columns(),
            SlopeRows::Model { p, .. } => *p,
        };
        let sum = |stratum: &Vec<u32>| {
            let mut sums = vec![0.0; width];
            for i in stratum {
                let row = rows.row(*i as usize);
                sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            }
            sums
        };
        let sums = strata.iter().map(sum).collect();
        Some(Slopes { at, rows, sums })
    }
}

/// The direction in which the coefficients go when an observation gains weight.
fn linear_slopes(model: &Linear) -> Vec<f64> {
    let p = model.basis.p();
    let mut rows = Vec::with_capacity(model.residuals.len() * p);
    for (i, e) in model.residuals.iter().enumerate() {
        let step: Vec<f64> = model.basis.row(i).iter().map(|q| q * e).collect();
        let mut row = vec![0.0; p];
        model.basis.direction(&step, &mut row);
        rows.extend(row);
    }
    rows
}

fn column_sums(columns: &Columns, n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns.columns()];
    columns.weighted(&vec![1.0; n], &mut sums);
    sums
}

/// Rows `from..count`, each computed by `work(scratch, row, t)`.
fn each_row(
    statistic: &Statistic,
    count: usize,
    from: usize,
    slice: Slice,
    work: impl Fn(&mut Scratch, usize, &mut [f64]) -> Status + Sync,
) -> Rows {
    let p = statistic.outputs();
    rows(
        statistic,
        count - from,
        BATCH,
        slice,
        |scratch, first, t, status| {
            for (r, (t, status)) in t.chunks_exact_mut(p).zip(status).enumerate() {
                *status = work(scratch, from + first + r, t);
            }
        },
    )
}
