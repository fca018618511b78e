//! Vectors to one number.

use crate::bail::Bail;
use crate::host::Host;

pub(super) const NOT_A_NUMBER: Bail = Bail("a result that is not a number");
pub(super) const OVERFLOW: Bail = Bail("an integer overflow");
pub(super) const EMPTY: Bail = Bail("a vector without elements");

/// The number, unless it is `NaN`: whether R would call it `NA` is not known here.
#[inline]
pub(super) fn number(x: f64) -> Result<f64, Bail> {
    if x.is_nan() {
        Err(NOT_A_NUMBER)
    } else {
        Ok(x)
    }
}

/// The number, unless it is infinite or `NaN`.
#[inline]
fn finite(x: f64) -> Result<f64, Bail> {
    if x.is_finite() {
        Ok(x)
    } else {
        Err(NOT_A_NUMBER)
    }
}

#[inline]
fn whole(x: i64) -> Result<i32, Bail> {
    i32::try_from(x)
        .ok()
        .filter(|x| *x != i32::MIN)
        .ok_or(OVERFLOW)
}

fn total(x: &[i32]) -> i64 {
    x.iter().map(|x| i64::from(*x)).sum()
}

/// `sum(x)` of doubles.
#[inline]
pub fn sum(x: &[f64], host: &Host) -> Result<f64, Bail> {
    number((host.sum)(x))
}

/// `sum(x)` of integers or logical values.
#[inline]
pub fn sum_int(x: &[i32]) -> Result<i32, Bail> {
    whole(total(x))
}

/// `mean(x)` of doubles.
#[inline]
pub fn mean(x: &[f64], host: &Host) -> Result<f64, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    finite((host.mean)(x))
}

/// `mean(x)` of integers or logical values.
#[inline]
pub fn mean_int(x: &[i32], host: &Host) -> Result<f64, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    Ok((host.ratio)(total(x), x.len()))
}

/// `var(x)` of doubles whose mean is known.
#[inline]
pub fn var_around(x: &[f64], mean: f64, host: &Host) -> Result<f64, Bail> {
    if x.len() < 2 {
        return Err(NOT_A_NUMBER);
    }
    finite((host.var_around)(x, mean))
}

/// `var(x)` of doubles.
#[inline]
pub fn var(x: &[f64], host: &Host) -> Result<f64, Bail> {
    if x.len() < 2 {
        return Err(NOT_A_NUMBER);
    }
    finite((host.var)(x))
}

/// `sd(x)` of doubles.
#[inline]
pub fn sd(x: &[f64], host: &Host) -> Result<f64, Bail> {
    var(x, host).map(f64::sqrt)
}

/// `cor(x, y)` of doubles.
pub fn cor(x: &[f64], y: &[f64], host: &Host) -> Result<f64, Bail> {
    if x.len() != y.len() || x.len() < 2 {
        return Err(NOT_A_NUMBER);
    }
    finite((host.cor)(x, y))
}

/// `cov(x, y)` of two vectors of one length.
#[inline]
pub fn cov(x: &[f64], y: &[f64], host: &Host) -> Result<f64, Bail> {
    if x.len() != y.len() || x.len() < 2 {
        return Err(NOT_A_NUMBER);
    }
    finite((host.cov)(x, y))
}

/// `prod(x)` of doubles.
#[inline]
pub fn prod(x: &[f64], host: &Host) -> Result<f64, Bail> {
    number((host.prod)(x))
}

/// The first of the elements that no other one beats.
#[inline]
fn best<T: Copy>(x: &[T], beats: impl Fn(T, T) -> bool) -> Result<usize, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    let mut at = 0;
    for i in 1..x.len() {
        if beats(x[i], x[at]) {
            at = i;
        }
    }
    Ok(at)
}

#[inline]
fn numbers(x: &[f64]) -> Result<(), Bail> {
    if x.iter().any(|x| x.is_nan()) {
        Err(NOT_A_NUMBER)
    } else {
        Ok(())
    }
}

/// `min(x)` of doubles.
pub fn min(x: &[f64]) -> Result<f64, Bail> {
    numbers(x)?;
    best(x, |a, b| a < b).map(|i| x[i])
}

/// `max(x)` of doubles.
pub fn max(x: &[f64]) -> Result<f64, Bail> {
    numbers(x)?;
    best(x, |a, b| a > b).map(|i| x[i])
}

/// `min(x)` of integers.
pub fn min_int(x: &[i32]) -> Result<i32, Bail> {
    best(x, |a, b| a < b).map(|i| x[i])
}

/// `max(x)` of integers.
pub fn max_int(x: &[i32]) -> Result<i32, Bail> {
    best(x, |a, b| a > b).map(|i| x[i])
}

/// `which.min(x)` of doubles.
pub fn which_min(x: &[f64]) -> Result<i32, Bail> {
    numbers(x)?;
    best(x, |a, b| a < b).map(|i| i as i32 + 1)
}

/// `which.max(x)` of doubles.
pub fn which_max(x: &[f64]) -> Result<i32, Bail> {
    numbers(x)?;
    best(x, |a, b| a > b).map(|i| i as i32 + 1)
}

/// `which(x)` of logical values: numbers from 1.
#[must_use]
pub fn which(x: &[i32]) -> Vec<i32> {
    let chosen = x.iter().zip(1..).filter(|(x, _)| **x != 0);
    chosen.map(|(_, i)| i).collect()
}

/// `any(x)` of logical values.
#[inline]
#[must_use]
pub fn any(x: &[i32]) -> bool {
    x.iter().any(|x| *x != 0)
}

/// `all(x)` of logical values.
#[inline]
#[must_use]
pub fn all(x: &[i32]) -> bool {
    x.iter().all(|x| *x != 0)
}
