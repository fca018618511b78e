//! Trimmed means. R sums what is left in the order in which its partial sorting leaves it, and
//! the last bit depends on it: Hoare (1961), Algorithms 63 to 65, Communications of the ACM 4,
//! 321-322.

use super::order;
use super::reduce::{self, EMPTY, NOT_A_NUMBER};
use crate::bail::Bail;
use crate::host::Host;

/// Brings the element that belongs at `k` there: smaller ones before it, larger ones behind.
fn find(x: &mut [f64], low: isize, high: isize, k: isize) {
    let (mut left, mut right) = (low, high);
    while left < right {
        let pivot = x[k as usize];
        let (mut i, mut j) = (left, right);
        while i <= j {
            while x[i as usize] < pivot {
                i += 1;
            }
            while pivot < x[j as usize] {
                j -= 1;
            }
            if i <= j {
                x.swap(i as usize, j as usize);
                i += 1;
                j -= 1;
            }
        }
        if j < k {
            left = i;
        }
        if k < i {
            right = j;
        }
    }
}

/// The same for several, sorted: that nearest below the middle of the range first.
fn find_all(x: &mut [f64], low: isize, high: isize, all: &[isize]) {
    if all.is_empty() || high - low < 1 {
        return;
    }
    let middle = (low + high) / 2;
    let nearest = all.iter().rposition(|k| *k <= middle).unwrap_or(0);
    let k = all[nearest];
    find(x, low, high, k);
    find_all(x, low, k - 1, &all[..nearest]);
    find_all(x, k + 1, high, &all[nearest + 1..]);
}

/// `mean(x, trim = trim)` of doubles.
pub fn mean(x: &[f64], trim: f64, host: &Host) -> Result<f64, Bail> {
    if x.is_empty() {
        return Err(EMPTY);
    }
    if trim.is_nan() || x.iter().any(|x| x.is_nan()) {
        return Err(NOT_A_NUMBER);
    }
    if trim <= 0.0 {
        return reduce::mean(x, host);
    }
    if trim >= 0.5 {
        return order::median(x, host);
    }
    let n = x.len();
    let low = (n as f64 * trim).floor() as usize;
    let high = n - 1 - low;
    let mut work = x.to_vec();
    let ends = [low as isize, high as isize];
    find_all(
        &mut work,
        0,
        n as isize - 1,
        if low == high { &ends[..1] } else { &ends },
    );
    reduce::mean(&work[low..=high], host)
}
