//! What is equal among numbers: `unique()`, `duplicated()`, `rank()`.

use std::collections::HashSet;

use super::order::{order, order_int};
use super::reduce::NOT_A_NUMBER;
use crate::bail::Bail;

/// `duplicated(x)`: is there an equal one before? Zero has no sign.
pub fn duplicated(x: &[f64]) -> Result<Vec<i32>, Bail> {
    if x.iter().any(|x| x.is_nan()) {
        return Err(NOT_A_NUMBER);
    }
    let mut seen = HashSet::with_capacity(x.len());
    let new = |x: &f64| seen.insert((x + 0.0).to_bits());
    Ok(x.iter().map(new).map(|new| i32::from(!new)).collect())
}

/// `duplicated(x)` of integers.
#[must_use]
pub fn duplicated_int(x: &[i32]) -> Vec<i32> {
    let mut seen = HashSet::with_capacity(x.len());
    x.iter().map(|x| i32::from(!seen.insert(*x))).collect()
}

fn first<T: Copy>(x: &[T], duplicated: &[i32]) -> Vec<T> {
    let both = x.iter().zip(duplicated);
    both.filter(|(_, again)| **again == 0)
        .map(|(x, _)| *x)
        .collect()
}

/// `unique(x)`, in the order in which they come.
pub fn unique(x: &[f64]) -> Result<Vec<f64>, Bail> {
    Ok(first(x, &duplicated(x)?))
}

/// `unique(x)` of integers.
#[must_use]
pub fn unique_int(x: &[i32]) -> Vec<i32> {
    first(x, &duplicated_int(x))
}

/// `rank(x)`: equal ones have the mean of their places.
pub fn rank(x: &[f64]) -> Result<Vec<f64>, Bail> {
    Ok(ranks(x, &order(x, false)?))
}

/// `rank(x)` of integers.
#[must_use]
pub fn rank_int(x: &[i32]) -> Vec<f64> {
    ranks(x, &order_int(x, false))
}

fn ranks<T: PartialEq>(x: &[T], order: &[i32]) -> Vec<f64> {
    let at = |k: usize| &x[order[k] as usize - 1];
    let mut ranks = vec![0.0; x.len()];
    let mut from = 0;
    while from < x.len() {
        let mut to = from;
        while to + 1 < x.len() && at(to + 1) == at(from) {
            to += 1;
        }
        for k in from..=to {
            ranks[order[k] as usize - 1] = (from + to + 2) as f64 / 2.0;
        }
        from = to + 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_a_rank_and_the_first_of_them_stays() {
        assert_eq!(
            rank(&[3.0, 1.0, 3.0, -0.0, 0.0]).unwrap(),
            [4.5, 3.0, 4.5, 1.5, 1.5]
        );
        assert_eq!(rank_int(&[2, 2, 1]), [2.5, 2.5, 1.0]);
        let first = unique(&[-0.0, 2.0, 0.0, 2.0]).unwrap();
        assert!(first == [0.0, 2.0] && first[0].is_sign_negative());
        assert_eq!(duplicated_int(&[4, 1, 4, 4]), [0, 0, 1, 1]);
        assert!(unique(&[f64::NAN]).is_err() && rank(&[f64::NAN]).is_err());
    }
}
