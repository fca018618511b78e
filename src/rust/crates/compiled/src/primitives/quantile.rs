//! Sample quantiles: the nine types of Hyndman & Fan (1996), The American Statistician 50,
//! 361-365, rounded as R rounds.

use super::order;
use super::reduce::{EMPTY, NOT_A_NUMBER};
use crate::bail::Bail;

/// Positions that differ by less are the same.
const FUZZ: f64 = 4.0 * f64::EPSILON;

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
    let zeros = sorted.iter().filter(|x| **x == 0.0);
    let signs = zeros.fold((false, false), |(minus, plus), x| {
        (minus || x.is_sign_negative(), plus || x.is_sign_positive())
    });
    if signs == (true, true) {
        return Err(Bail("zeros of both signs"));
    }
    Ok(probs.iter().map(|p| one(&sorted, *p, kind)).collect())
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

fn one(sorted: &[f64], p: f64, kind: u8) -> f64 {
    let n = sorted.len() as f64;
    // The element numbered from 1; the first and the last stand for those beyond.
    let at = |j: f64| sorted[(j.clamp(1.0, n) - 1.0) as usize];
    if kind == 7 {
        let index = 1.0 + (n - 1.0) * p;
        let low = index.floor();
        return between(at(low), at(index.ceil()), index - low);
    }
    if kind <= 3 {
        let position = if kind == 3 { n * p - 0.5 } else { n * p };
        let j = (position + FUZZ).floor();
        let above = position > j;
        let weight = match kind {
            1 => f64::from(above),
            2 => (f64::from(above) + 1.0) / 2.0,
            _ => f64::from(position != j || j % 2.0 != 0.0),
        };
        return between(at(j), at(j + 1.0), weight);
    }
    let (a, b) = match kind {
        4 => (0.0, 1.0),
        5 => (0.5, 0.5),
        6 => (0.0, 0.0),
        8 => (1.0 / 3.0, 1.0 / 3.0),
        _ => (3.0 / 8.0, 3.0 / 8.0),
    };
    let position = a + p * (n + 1.0 - a - b);
    let j = (position + FUZZ).floor();
    let rest = position - j;
    let weight = if rest.abs() < FUZZ { 0.0 } else { rest };
    between(at(j), at(j + 1.0), weight)
}
