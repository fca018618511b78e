//! Sample quantiles: the nine types of Hyndman & Fan (1996), The American Statistician 50,
//! 361-365, rounded as R rounds.

use super::order;
use super::reduce::{EMPTY, NOT_A_NUMBER};
use crate::bail::Bail;

/// Positions nearer to a whole number may have been meant to be there.
const NEAR: f64 = 1e-10;

/// `quantile(x, probs, names = FALSE, type = type)` of doubles.
pub fn quantile(x: &[f64], probs: &[f64], kind: u8) -> Result<Vec<f64>, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    if probs.iter().any(|p| !(0.0..=1.0).contains(p)) || !(1..=9).contains(&kind) {
        return Err(Bail("probabilities or a type of quantile() that R refuses"));
    }
    let sorted = order::sort(x, false)?;
    if sorted.iter().any(|x| x.is_infinite()) {
        return Err(NOT_A_NUMBER);
    }
    let found: Vec<f64> = probs
        .iter()
        .map(|p| one(&sorted, *p, kind))
        .collect::<Result<_, _>>()?;
    for quantile in &found {
        order::one_zero(*quantile, x)?;
    }
    Ok(found)
}

/// Between two neighbours; a weight that is not needed is not used, for the last bit.
fn between(low: f64, high: f64, weight: f64) -> f64 {
    if weight <= 0.0 || low == high {
        low
    } else if weight == 1.0 {
        high
    } else {
        (1.0 - weight) * low + weight * high
    }
}

fn one(sorted: &[f64], p: f64, kind: u8) -> Result<f64, Bail> {
    let n = sorted.len() as f64;
    // The element numbered from 1; the first and the last stand for those beyond.
    let at = |j: f64| sorted[(j.clamp(1.0, n) - 1.0) as usize];
    if kind == 7 {
        let index = 1.0 + (n - 1.0) * p;
        let low = index.floor();
        return Ok(between(at(low), at(index.ceil()), index - low));
    }
    if kind <= 3 {
        let position = if kind == 3 { n * p - 0.5 } else { n * p };
        let j = certain(position)?;
        let above = position > j;
        let weight = match kind {
            1 => f64::from(above),
            2 => (f64::from(above) + 1.0) / 2.0,
            _ => f64::from(position != j || j % 2.0 != 0.0),
        };
        return Ok(between(at(j), at(j + 1.0), weight));
    }
    let (a, b) = match kind {
        4 => (0.0, 1.0),
        5 => (0.5, 0.5),
        6 => (0.0, 0.0),
        8 => (1.0 / 3.0, 1.0 / 3.0),
        _ => (3.0 / 8.0, 3.0 / 8.0),
    };
    let position = a + p * (n + 1.0 - a - b);
    let j = certain(position)?;
    Ok(between(at(j), at(j + 1.0), position - j))
}

/// The floor of a position. One that is a whole number but for rounding is given up: what R
/// makes of it differs between its versions.
fn certain(position: f64) -> Result<f64, Bail> {
    let off = (position - position.round_ties_even()).abs();
    if off > 0.0 && off < NEAR {
        return Err(Bail("a quantile that is an element but for rounding"));
    }
    Ok(position.floor())
}
