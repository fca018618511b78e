//! Influence values: how much each observation moves the statistic.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Instant;

use pulp::Arch;
use rustle_threads::pool::on_threads;

use crate::models::Status;
use crate::statistic::{Scratch, Source, Statistic};

/// Step of the numerical derivative, over n.
const STEP: f64 = 1e-3;

/// The statistic with all weights one.
#[must_use]
pub fn observed(statistic: &Statistic, n: usize) -> (Vec<f64>, Status) {
    let mut t = vec![0.0; statistic.outputs()];
    let mut scratch = Scratch::new(statistic);
    let status = statistic.weighted(&vec![1.0; n], &mut scratch, &mut t);
    (t, status)
}

/// The statistic without group `from..` of `groups` (none: each observation is one), one
/// after another until all are done or the deadline has passed; rows. At least one.
///
/// # Errors
///
/// When threads cannot be started.
pub fn without(
    statistic: &Statistic,
    n: usize,
    groups: Option<&[Vec<u32>]>,
    from: usize,
    threads: NonZeroUsize,
    deadline: Option<Instant>,
) -> Result<(Vec<f64>, Vec<Status>), String> {
    let totals = match &statistic.source {
        Source::Sums(columns) => {
            let mut sums = vec![0.0; columns.columns()];
            columns.weighted(&vec![1.0; n], &mut sums);
            sums
        }
        _ => Vec::new(),
    };
    each_row(
        statistic,
        groups.map_or(n, <[_]>::len),
        from,
        threads,
        deadline,
        |scratch, w, k, t| {
            let single = [k as u32];
            let group = groups.map_or(&single[..], |groups| &groups[k]);
            if let Source::Sums(columns) = &statistic.source {
                let mut inputs = totals.clone();
                for i in group {
                    inputs
                        .iter_mut()
                        .zip(columns.row(*i as usize))
                        .for_each(|(s, z)| *s -= z);
                }
                inputs.push((n - group.len()) as f64);
                statistic.program.run(&inputs, t);
                return Status::Fine;
            }
            if let (Source::Linear { model, .. }, None) = (&statistic.source, groups) {
                if model.without(k, &mut scratch.inputs) {
                    statistic.program.run(&scratch.inputs, t);
                    return Status::Fine;
                }
            }
            w.resize(n, 1.0);
            group.iter().for_each(|i| w[*i as usize] = 0.0);
            let status = statistic.weighted(w, scratch, t);
            group.iter().for_each(|i| w[*i as usize] = 1.0);
            status
        },
    )
}

/// Infinitesimal influence values of observations `from..`: the derivative towards
/// weight n on one observation. `sizes[i]`: size of the stratum of observation i;
/// `members[i]` its stratum in `strata`.
///
/// # Errors
///
/// When threads cannot be started.
pub fn infinitesimal(
    statistic: &Statistic,
    strata: &[Vec<u32>],
    member: &[u32],
    from: usize,
    threads: NonZeroUsize,
    deadline: Option<Instant>,
) -> Result<(Vec<f64>, Vec<Status>), String> {
    let n = member.len();
    let stratum = |i: usize| &strata[member[i] as usize];
    let ones = vec![1.0; n];
    let (t0, _) = observed(statistic, n);
    let exact = match &statistic.source {
        Source::Glm(model) => Some(model.influence(Arch::new())),
        Source::Linear { model, .. } => {
            let mut rows = Vec::with_capacity(n * model.basis.p());
            for i in 0..n {
                let e = model.residuals[i];
                let step: Vec<f64> = model.basis.row(i).iter().map(|q| q * e).collect();
                let mut row = vec![0.0; model.basis.p()];
                model.basis.direction(&step, &mut row);
                rows.extend(row);
            }
            Some(rows)
        }
        _ => None,
    };
    // Sums by stratum; derivatives of the inputs by observation for models.
    let (mut totals, mut by_stratum) = (Vec::new(), Vec::new());
    let mut full = vec![0.0; statistic.source.inputs()];
    if let Source::Sums(columns) = &statistic.source {
        totals = vec![0.0; columns.columns()];
        columns.weighted(&ones, &mut totals);
        totals.push(n as f64);
        for rows in strata {
            let mut sums = vec![0.0; columns.columns()];
            for i in rows {
                sums.iter_mut()
                    .zip(columns.row(*i as usize))
                    .for_each(|(s, z)| *s += z);
            }
            by_stratum.push(sums);
        }
    } else if let Some(exact) = &exact {
        let p = full.len();
        for rows in strata {
            let mut sums = vec![0.0; p];
            for i in rows {
                let row = &exact[*i as usize * p..(*i as usize + 1) * p];
                sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            }
            by_stratum.push(sums);
        }
        match &statistic.source {
            Source::Glm(model) => model.basis.coefficients(&vec![0.0; p], &mut full),
            Source::Linear { model, .. } => model.basis.coefficients(&vec![0.0; p], &mut full),
            _ => {}
        }
    }
    each_row(statistic, n, from, threads, deadline, |scratch, w, i, t| {
        let size = stratum(i).len() as f64;
        let sums = by_stratum.get(member[i] as usize);
        match (&statistic.source, &exact, sums) {
            (Source::Sums(columns), _, Some(sums)) => {
                let mut direction: Vec<f64> = columns
                    .row(i)
                    .iter()
                    .zip(sums)
                    .map(|(z, s)| size * z - s)
                    .collect();
                direction.push(0.0);
                statistic.program.derivative(&totals, &direction, t);
            }
            (_, Some(exact), Some(sums)) => {
                let p = full.len();
                let row = &exact[i * p..(i + 1) * p];
                let direction: Vec<f64> = row.iter().zip(sums).map(|(x, s)| size * x - s).collect();
                statistic.program.derivative(&full, &direction, t);
            }
            _ => {
                let step = STEP / size;
                w.clear();
                w.resize(n, 1.0);
                stratum(i).iter().for_each(|j| w[*j as usize] = 1.0 - step);
                w[i] += size * step;
                let status = statistic.weighted(w, scratch, t);
                t.iter_mut()
                    .zip(&t0)
                    .for_each(|(t, t0)| *t = (*t - t0) / step);
                return status;
            }
        }
        Status::Fine
    })
}

fn each_row(
    statistic: &Statistic,
    rows: usize,
    from: usize,
    threads: NonZeroUsize,
    deadline: Option<Instant>,
    work: impl Fn(&mut Scratch, &mut Vec<f64>, usize, &mut [f64]) -> Status + Sync,
) -> Result<(Vec<f64>, Vec<Status>), String> {
    const BATCH: usize = 32;
    let p = statistic.outputs();
    let mut t = vec![0.0; (rows - from) * p];
    let mut status = vec![Status::Fine; rows - from];
    let done = {
        let queue = t
            .chunks_mut(BATCH * p)
            .zip(status.chunks_mut(BATCH))
            .enumerate();
        let queue = Mutex::new((queue, 0));
        on_threads(threads, rows.saturating_sub(from).div_ceil(BATCH), |_| {
            let mut scratch = Scratch::new(statistic);
            let mut w = Vec::new();
            loop {
                let next = {
                    let mut queue = queue.lock().unwrap_or_else(|e| e.into_inner());
                    if queue.1 > 0 && deadline.is_some_and(|d| Instant::now() >= d) {
                        None
                    } else {
                        let next = queue.0.next();
                        queue.1 += next.as_ref().map_or(0, |(_, (_, s))| s.len());
                        next
                    }
                };
                let Some((k, (t, status))) = next else { break };
                let first = from + k * BATCH;
                for (r, (t, status)) in t.chunks_exact_mut(p).zip(status).enumerate() {
                    *status = work(&mut scratch, &mut w, first + r, t);
                }
            }
        })
        .map_err(|e| e.to_string())?;
        queue.into_inner().unwrap_or_else(|e| e.into_inner()).1
    };
    t.truncate(done * p);
    status.truncate(done);
    Ok((t, status))
}
