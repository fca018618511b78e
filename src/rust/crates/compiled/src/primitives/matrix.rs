//! Matrices, held column after column.

use super::reduce::number;
use crate::bail::Bail;
use crate::host::Host;

fn numbers(x: Vec<f64>) -> Result<Vec<f64>, Bail> {
    for x in &x {
        number(*x)?;
    }
    Ok(x)
}

/// A shape without elements.
const NO_ELEMENTS: Bail = Bail("a matrix without rows or columns");

fn shaped(x: &[f64], nrow: usize) -> Result<(), Bail> {
    if x.is_empty() || nrow == 0 || x.len() % nrow != 0 {
        Err(NO_ELEMENTS)
    } else {
        Ok(())
    }
}

/// `colSums(x)` of a matrix of `nrow` rows.
pub fn col_sums(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    numbers(x.chunks(nrow).map(|column| (host.sum)(column)).collect())
}

/// `colMeans(x)` of a matrix of `nrow` rows.
pub fn col_means(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    let means = x.chunks(nrow).map(|column| (host.mean_once)(column));
    numbers(means.collect())
}

/// `rowSums(x)` of a matrix of `nrow` rows.
pub fn row_sums(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    rows(x, nrow, false, host)
}

/// `rowMeans(x)` of a matrix of `nrow` rows.
pub fn row_means(x: &[f64], nrow: usize, host: &Host) -> Result<Vec<f64>, Bail> {
    rows(x, nrow, true, host)
}

fn rows(x: &[f64], nrow: usize, mean: bool, host: &Host) -> Result<Vec<f64>, Bail> {
    shaped(x, nrow)?;
    let mut to = vec![0.0; nrow];
    (host.row_sums)(x, mean, &mut to);
    numbers(to)
}

/// `t(x)` of a matrix of `nrow` rows.
pub fn transpose<T: Copy>(x: &[T], nrow: usize) -> Vec<T> {
    let mut to = Vec::with_capacity(x.len());
    for i in 0..nrow {
        to.extend(x[i.min(x.len())..].iter().step_by(nrow));
    }
    to
}
