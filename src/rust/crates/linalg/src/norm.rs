//! Norms, and an estimate of the norm of an inverse.

use faer::{Col, ColMut, MatRef};

/// Are all elements finite?
pub fn all_finite(x: MatRef<'_, f64>) -> bool {
    x.col_iter().all(|column| match column.try_as_col_major() {
        Some(column) => are_finite(column.as_slice()),
        None => column.iter().all(|v| v.is_finite()),
    })
}

const LANES: usize = 16;

/// Sums of `term` in lanes, since an addition would wait for the one before.
fn in_lanes(x: &[f64], term: impl Fn(f64) -> f64) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    let chunks = x.chunks_exact(LANES);
    for (sum, v) in sums.iter_mut().zip(chunks.remainder()) {
        *sum = term(*v);
    }
    for chunk in chunks {
        for (sum, v) in sums.iter_mut().zip(chunk) {
            *sum += term(*v);
        }
    }
    sums
}

/// 0 times x is 0 or NaN, and a sum of these is NaN when one is.
fn are_finite(x: &[f64]) -> bool {
    in_lanes(x, |v| v * 0.0).iter().all(|sum| *sum == 0.0)
}

/// The largest sum of absolute values of a column.
pub fn norm1(x: MatRef<'_, f64>) -> f64 {
    let sums = x.col_iter().map(|column| match column.try_as_col_major() {
        Some(column) => in_lanes(column.as_slice(), f64::abs).iter().sum(),
        None => column.iter().map(|v| v.abs()).sum::<f64>(),
    });
    sums.fold(0.0, f64::max)
}

/// A lower bound, nearly always within a factor of 3, of the 1-norm of a matrix of
/// order `n` which `apply` and `apply_transposed` multiply by: N. J. Higham, FORTRAN
/// codes for estimating the one-norm of a real or complex matrix, ACM Trans. Math.
/// Software 14 (1988), algorithm 4.1, as LAPACK uses it for condition numbers.
pub(crate) fn inverse_norm1(
    n: usize,
    apply: impl Fn(ColMut<'_, f64>),
    apply_transposed: impl Fn(ColMut<'_, f64>),
) -> f64 {
    let norm = |x: &Col<f64>| x.iter().map(|v| v.abs()).sum::<f64>();
    let signs = |x: &Col<f64>| Col::from_fn(n, |i| if x[i] > 0.0 { 1.0 } else { -1.0 });
    let largest = |x: &Col<f64>| {
        let at = |best: usize, i| if x[i].abs() > x[best].abs() { i } else { best };
        (0..n).fold(0, at)
    };
    let mut x: Col<f64> = Col::from_fn(n, |_| 1.0 / n as f64);
    apply(x.as_mut());
    let mut estimate = norm(&x);
    if n == 1 {
        return estimate;
    }
    let mut sign = signs(&x);
    x = sign.clone();
    apply_transposed(x.as_mut());
    let mut j = largest(&x);
    for _ in 2..=5 {
        x = Col::from_fn(n, |i| f64::from(u8::from(i == j)));
        apply(x.as_mut());
        let before = estimate;
        estimate = norm(&x);
        let now = signs(&x);
        let same = (0..n).all(|i| now[i] == sign[i]);
        if same || estimate <= before {
            break;
        }
        sign = now;
        x = sign.clone();
        apply_transposed(x.as_mut());
        let last = j;
        j = largest(&x);
        if x[last] == x[j].abs() {
            break;
        }
    }
    x = Col::from_fn(n, |i| {
        let size = 1.0 + i as f64 / (n as f64 - 1.0);
        if i % 2 == 0 {
            size
        } else {
            -size
        }
    });
    apply(x.as_mut());
    estimate.max(2.0 * norm(&x) / (3.0 * n as f64))
}
