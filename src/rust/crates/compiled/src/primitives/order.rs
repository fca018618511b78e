//! Sorting, and what is read off sorted vectors.

use std::cmp::Ordering;

use super::reduce::{self, EMPTY, NOT_A_NUMBER};
use crate::bail::Bail;
use crate::host::Host;

/// The order of numbers that are not `NaN`; both zeros are equal, as in R.
fn ascending(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or(Ordering::Equal)
}

fn numbers(x: &[f64]) -> Result<(), Bail> {
    // R drops missing values from sorted vectors, and puts them last in orders.
    if x.iter().any(|x| x.is_nan()) {
        Err(NOT_A_NUMBER)
    } else {
        Ok(())
    }
}

/// `sort(x, decreasing)` of doubles. Stable, so that both zeros stay as they came.
pub fn sort(x: &[f64], decreasing: bool) -> Result<Vec<f64>, Bail> {
    numbers(x)?;
    let mut sorted = x.to_vec();
    if decreasing {
        sorted.sort_by(|a, b| ascending(b, a));
    } else {
        sorted.sort_by(ascending);
    }
    Ok(sorted)
}

/// `sort(x, decreasing)` of integers.
#[must_use]
pub fn sort_int(x: &[i32], decreasing: bool) -> Vec<i32> {
    let mut sorted = x.to_vec();
    sorted.sort_unstable();
    if decreasing {
        sorted.reverse();
    }
    sorted
}

/// Numbers from 1, by the keys of the elements; equal ones as they came. The keys are moved with the
/// numbers, as a look into a long vector for each comparison takes longer.
fn order_by<T: Copy, K: Ord + Copy>(x: &[T], key: impl Fn(T) -> K) -> Vec<i32> {
    let mut keyed: Vec<(K, i32)> = x.iter().map(|x| key(*x)).zip(1..).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, number)| number).collect()
}

/// A key with the order of numbers that are not `NaN`; zeros of both signs have one.
fn key(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    // Of negative numbers the larger bits are the smaller number.
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// `order(x, decreasing)` of doubles: numbers from 1, equal elements as they came.
pub fn order(x: &[f64], decreasing: bool) -> Result<Vec<i32>, Bail> {
    numbers(x)?;
    Ok(if decreasing {
        order_by(x, |x| !key(x))
    } else {
        order_by(x, key)
    })
}

/// `order(x, decreasing)` of integers.
#[must_use]
pub fn order_int(x: &[i32], decreasing: bool) -> Vec<i32> {
    if decreasing {
        order_by(x, std::cmp::Reverse)
    } else {
        order_by(x, |x| x)
    }
}

/// Refuses a zero that was chosen among zeros of both signs: which one R's partial sorting
/// brings there is its own affair.
pub(super) fn one_zero(chosen: f64, x: &[f64]) -> Result<f64, Bail> {
    let negative = |x: &&f64| **x == 0.0 && x.is_sign_negative();
    if chosen == 0.0 && x.iter().any(|x| negative(&x)) {
        return Err(Bail("zeros of both signs"));
    }
    Ok(chosen)
}

/// `median(x)` of doubles.
pub fn median(x: &[f64], host: &Host) -> Result<f64, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    numbers(x)?;
    let mut work = x.to_vec();
    let half = x.len() / 2;
    let (below, upper, _) = work.select_nth_unstable_by(half, ascending);
    let upper = *upper;
    let middle = if x.len() % 2 == 1 {
        upper
    } else {
        let lower = below.iter().copied().max_by(ascending).unwrap_or(upper);
        reduce::mean(&[lower, upper], host)?
    };
    one_zero(middle, x)
}

/// `median(x)` of integers, as a double; R gives an integer where `x` has an odd number of
/// elements.
pub fn median_int(x: &[i32], host: &Host) -> Result<f64, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    let sorted = sort_int(x, false);
    let half = x.len() / 2;
    if x.len() % 2 == 1 {
        Ok(f64::from(sorted[half]))
    } else {
        reduce::mean_int(&sorted[half - 1..=half], host)
    }
}
