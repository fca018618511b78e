//! Vectors to vectors, element after element.

use super::reduce::{EMPTY, NOT_A_NUMBER, OVERFLOW};
use crate::bail::Bail;
use crate::host::Host;

fn numbers(x: Vec<f64>) -> Result<Vec<f64>, Bail> {
    if x.iter().any(|x| x.is_nan()) {
        Err(NOT_A_NUMBER)
    } else {
        Ok(x)
    }
}

/// `cumsum(x)` of doubles.
pub fn cumsum(x: &[f64], host: &Host) -> Result<Vec<f64>, Bail> {
    let mut to = vec![0.0; x.len()];
    (host.cumsum)(x, &mut to);
    numbers(to)
}

/// `cumsum(x)` of integers or logical values.
pub fn cumsum_int(x: &[i32]) -> Result<Vec<i32>, Bail> {
    let mut total = 0i32;
    let sums = x.iter().map(|x| {
        total = total.checked_add(*x).ok_or(OVERFLOW)?;
        if total == i32::MIN {
            return Err(OVERFLOW);
        }
        Ok(total)
    });
    sums.collect()
}

/// `cumprod(x)` of doubles.
pub fn cumprod(x: &[f64], host: &Host) -> Result<Vec<f64>, Bail> {
    let mut to = vec![0.0; x.len()];
    (host.cumprod)(x, &mut to);
    numbers(to)
}

/// The best so far; of equal ones the last.
fn running<T: Copy>(x: &[T], beats: impl Fn(T, T) -> bool) -> Vec<T> {
    let mut best = x.first().copied();
    let so_far = x.iter().map(|x| {
        let kept = best.filter(|best| beats(*best, *x)).unwrap_or(*x);
        best = Some(kept);
        kept
    });
    so_far.collect()
}

/// `cummax(x)` of doubles.
pub fn cummax(x: &[f64]) -> Result<Vec<f64>, Bail> {
    numbers(running(x, |a, b| a > b))
}

/// `cummin(x)` of doubles.
pub fn cummin(x: &[f64]) -> Result<Vec<f64>, Bail> {
    numbers(running(x, |a, b| a < b))
}

/// `cummax(x)` of integers.
#[must_use]
pub fn cummax_int(x: &[i32]) -> Vec<i32> {
    running(x, |a, b| a > b)
}

/// `cummin(x)` of integers.
#[must_use]
pub fn cummin_int(x: &[i32]) -> Vec<i32> {
    running(x, |a, b| a < b)
}

/// `diff(x, lag)` of doubles.
pub fn diff(x: &[f64], lag: usize) -> Result<Vec<f64>, Bail> {
    if lag == 0 {
        return Err(EMPTY);
    }
    let later = x.iter().skip(lag);
    numbers(later.zip(x).map(|(b, a)| b - a).collect())
}

/// `diff(x, lag)` of integers.
pub fn diff_int(x: &[i32], lag: usize) -> Result<Vec<i32>, Bail> {
    if lag == 0 {
        return Err(EMPTY);
    }
    let later = x.iter().skip(lag);
    let minus = |(b, a): (&i32, &i32)| b.checked_sub(*a).filter(|d| *d != i32::MIN).ok_or(OVERFLOW);
    later.zip(x).map(minus).collect()
}

/// `rev(x)`.
#[must_use]
pub fn rev<T: Copy>(x: &[T]) -> Vec<T> {
    x.iter().rev().copied().collect()
}

/// `rep(x, times, each = each)`.
#[must_use]
pub fn rep<T: Copy>(x: &[T], times: usize, each: usize) -> Vec<T> {
    let once = x.iter().flat_map(|x| std::iter::repeat_n(*x, each));
    let once: Vec<T> = once.collect();
    once.repeat(times)
}

/// `rep_len(x, length)`.
pub fn rep_len<T: Copy>(x: &[T], length: usize) -> Result<Vec<T>, Bail> {
    if x.is_empty() && length > 0 {
        return Err(EMPTY);
    }
    Ok(x.iter().cycle().take(length).copied().collect())
}

/// `tabulate(bin, nbins)`: how often each of 1 to `nbins` is there.
#[must_use]
pub fn tabulate(bin: &[i32], nbins: usize) -> Vec<i32> {
    let mut counts = vec![0; nbins];
    for bin in bin {
        let at = usize::try_from(*bin).unwrap_or(0).wrapping_sub(1);
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    }
    counts
}
