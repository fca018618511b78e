//! Bootstrap replicates, for R. Conversion only; R/bootstrap-native.R makes the
//! specifications and has checked them.

mod read;

use std::sync::Arc;

use extendr_api::prelude::*;
use rustle_bootstrap::models::Status;
use rustle_bootstrap::run::Rows;
use rustle_bootstrap::scheme::{Ask, Resample, Scheme};
use rustle_bootstrap::statistic::Statistic;
use rustle_bootstrap::{influence, run};

use crate::fields::{groups, slice, Fields};
use crate::refusal::{into_r, Parsed, Refusal};

pub(crate) use read::seed;

/// A scheme, and a statistic unless that is an R function.
#[derive(Debug)]
struct Engine {
    scheme: Scheme,
    statistic: Option<Arc<Statistic>>,
}

fn open(spec: &Robj, like: &Robj) -> Parsed<Robj> {
    let spec = Fields::new(spec)?;
    let scheme = read::scheme(&spec)?;
    let statistic = match spec.optional("statistic")? {
        _ if !like.is_null() => engine(like)?.statistic.clone(),
        None => None,
        Some(fields) => Some(Arc::new(read::statistic(
            &Fields::new(fields)?,
            scheme.n(),
        )?)),
    };
    Ok(ExternalPtr::new(Engine { scheme, statistic }).into())
}

fn engine(handle: &Robj) -> Parsed<ExternalPtr<Engine>> {
    let other = |_| Refusal::internal("the handle is of another process");
    let engine: ExternalPtr<Engine> = ExternalPtr::try_from(handle).map_err(other)?;
    engine.try_addr().map_err(other)?;
    Ok(engine)
}

/// Rows that `compute` makes of the scheme and the statistic of an engine, for R:
/// `list(t = rows x p, status)`.
fn rows(handle: &Robj, compute: impl FnOnce(&Scheme, &Statistic) -> Parsed<Rows>) -> List {
    let all = || {
        let engine = engine(handle)?;
        let missing = || Refusal::internal("the statistic is an R function");
        let statistic = engine.statistic.as_deref().ok_or_else(missing)?;
        let Rows { t, status } = compute(&engine.scheme, statistic)?;
        let p = statistic.outputs();
        let t = RMatrix::new_matrix(status.len(), p, |r, k| t[r * p + k]);
        let status: Vec<i32> = status.iter().map(|s| *s as i32).collect();
        Ok(list!(t = t, status = status).into())
    };
    into_r(all())
}

/// Opens the engine of a scheme and a statistic, that of the engine `like` if there is
/// one; see R/bootstrap-schemes.R.
/// @noRd
#[extendr]
fn rs_boot_open(spec: Robj, like: Robj) -> List {
    into_r(open(&spec, &like))
}

/// Does the handle belong to this process?
/// @noRd
#[extendr]
fn rs_boot_alive(handle: Robj) -> bool {
    engine(&handle).is_ok()
}

/// What the states of rows that are not 0 mean.
/// @noRd
#[extendr]
fn rs_boot_reasons() -> Vec<&'static str> {
    Status::REASONS.to_vec()
}

/// Replicates `from` (from 0) to `to`, or the first of them that can be begun within a
/// slice.
/// @noRd
#[extendr]
fn rs_boot_run(handle: Robj, from: f64, to: f64, attempt: f64, threads: f64) -> List {
    rows(&handle, |scheme, statistic| {
        let (from, to, attempt) = (from as u64, to as u64, attempt as u32);
        Ok(run::run(
            statistic,
            scheme,
            from,
            to,
            attempt,
            slice(threads),
        ))
    })
}

/// The statistic of the data with weights, a column of a matrix for each case: from the case
/// `from` (from 0) on, as many as can be begun within a slice.
/// @noRd
#[extendr]
fn rs_boot_weighted(handle: Robj, weights: &[f64], from: f64, threads: f64) -> List {
    rows(&handle, |scheme, statistic| {
        let n = scheme.n();
        if weights.len() % n != 0 || weights.len() / n <= from as usize {
            return Err(Refusal::internal("there is not one weight per observation"));
        }
        Ok(influence::weighted(
            statistic,
            n,
            weights,
            from as usize,
            slice(threads),
        ))
    })
}

/// The statistic on the data.
/// @noRd
#[extendr]
fn rs_boot_observed(handle: Robj) -> List {
    rows(&handle, |scheme, statistic| {
        Ok(influence::observed(statistic, scheme.n()))
    })
}

/// The statistic without each of `groups` (a list of rows; NULL: each observation), from
/// the group `from` (from 0) on, as many as can be begun within a slice.
/// @noRd
#[extendr]
fn rs_boot_without(handle: Robj, left_out: Robj, from: f64, threads: f64) -> List {
    rows(&handle, |scheme, statistic| {
        let left_out = match left_out.is_null() {
            true => None,
            false => Some(groups(&left_out)?),
        };
        let (n, from) = (scheme.n(), from as usize);
        let left_out = left_out.as_deref();
        Ok(influence::without(
            statistic,
            n,
            left_out,
            from,
            slice(threads),
        ))
    })
}

/// Infinitesimal influence values of the observations from `from` (from 0) on, as many
/// as can be begun within a slice. `strata`: a list of rows.
/// @noRd
#[extendr]
fn rs_boot_infinitesimal(handle: Robj, strata: Robj, from: f64, threads: f64) -> List {
    rows(&handle, |scheme, statistic| {
        let (strata, n, from) = (groups(&strata)?, scheme.n(), from as usize);
        Ok(influence::infinitesimal(
            statistic,
            n,
            &strata,
            from,
            slice(threads),
        ))
    })
}

/// What replicate `replicate` (from 0) is made of: `what` is "i" (indices), "f"
/// (frequencies), "w" (weights as they are) or "v" (multipliers of residuals).
/// @noRd
#[extendr]
fn rs_boot_resample(handle: Robj, replicate: f64, attempt: f64, what: &str) -> List {
    let ask = match what {
        "i" => Ask::Indices,
        "f" => Ask::Frequencies,
        "w" => Ask::Weights,
        _ => Ask::Multipliers,
    };
    // R counts indices from 1.
    let first = u32::from(ask == Ask::Indices);
    into_r(engine(&handle).map(|engine| {
        match engine
            .scheme
            .resample(ask, replicate as u64, attempt as u32)
        {
            Resample::Real(x) => x.into(),
            Resample::Whole(x) => {
                let whole = x.into_iter().map(|x| (x + first) as i32);
                whole.collect::<Vec<i32>>().into()
            }
        }
    }))
}

extendr_module! {
    mod bootstrap;
    fn rs_boot_open;
    fn rs_boot_alive;
    fn rs_boot_reasons;
    fn rs_boot_run;
    fn rs_boot_weighted;
    fn rs_boot_observed;
    fn rs_boot_without;
    fn rs_boot_infinitesimal;
    fn rs_boot_resample;
}
