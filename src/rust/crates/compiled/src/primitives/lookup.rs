//! Numbers looked up among others.

use std::collections::HashMap;

use super::reduce::NOT_A_NUMBER;
use crate::bail::Bail;

/// What is equal has the same bits: zero has no sign here.
fn bits(x: f64) -> u64 {
    (x + 0.0).to_bits()
}

fn known(x: &[f64]) -> Result<(), Bail> {
    if x.iter().any(|x| x.is_nan()) {
        Err(NOT_A_NUMBER)
    } else {
        Ok(())
    }
}

/// `match(x, table)`: positions from 1, or 0 where there is none. A missing value is given up.
pub fn positions(x: &[f64], table: &[f64]) -> Result<Vec<i32>, Bail> {
    known(x)?;
    known(table)?;
    if x.len() <= 4 || table.len() <= 8 {
        let find = |x: &f64| table.iter().position(|y| x == y);
        return Ok(x
            .iter()
            .map(|x| find(x).map_or(0, |at| at as i32 + 1))
            .collect());
    }
    let mut first = HashMap::with_capacity(table.len());
    for (at, y) in table.iter().enumerate() {
        first.entry(bits(*y)).or_insert(at as i32 + 1);
    }
    let find = |x: &f64| first.get(&bits(*x)).copied().unwrap_or(0);
    Ok(x.iter().map(find).collect())
}

/// `match(x, table, nomatch)`; without such a number what is not found is given up.
pub fn matched(x: &[f64], table: &[f64], none: Option<i32>) -> Result<Vec<i32>, Bail> {
    let mut found = positions(x, table)?;
    for at in found.iter_mut().filter(|at| **at == 0) {
        *at = none.ok_or(Bail("a missing value, of what is not found"))?;
    }
    Ok(found)
}

/// `x %in% table`.
pub fn among(x: &[f64], table: &[f64]) -> Result<Vec<i32>, Bail> {
    let found = positions(x, table)?;
    Ok(found.into_iter().map(|at| i32::from(at > 0)).collect())
}

/// `findInterval(x, vec)`: how many of the sorted numbers are not above each one.
pub fn find_interval(x: &[f64], vec: &[f64]) -> Result<Vec<i32>, Bail> {
    known(x)?;
    known(vec)?;
    if vec.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(Bail("numbers that are not sorted"));
    }
    let count = |x: &f64| vec.partition_point(|v| v <= x) as i32;
    Ok(x.iter().map(count).collect())
}
