//! Norms, and an estimate of the norm of an inverse.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use faer::{Col, ColMut, MatRef};
use pulp::Arch;
use rustle_threads::blocks::{run, Slice};

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

/// The scale of the columns of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The largest absolute element of the column for which it is smallest, columns
    /// without any but zeros left out; infinite when there is no other.
    pub smallest: f64,
    /// The largest absolute element.
    pub largest: f64,
    /// Is an element NaN? The other fields ignore such elements.
    pub gaps: bool,
}

/// The scale of a matrix without columns.
impl Default for Scale {
    fn default() -> Scale {
        Scale {
            smallest: f64::INFINITY,
            largest: 0.0,
            gaps: false,
        }
    }
}

impl Scale {
    fn and(self, other: Scale) -> Scale {
        Scale {
            smallest: self.smallest.min(other.smallest),
            largest: self.largest.max(other.largest),
            gaps: self.gaps || other.gaps,
        }
    }
}

/// Numbers that a thread looks at before it takes the next ones.
const UNIT: usize = 1 << 16;

/// The scale of columns of `nrow` elements that lie one behind the other, when `weights`
/// multiply the rows.
pub fn scale(x: &[f64], nrow: usize, weights: Option<&[f64]>, threads: NonZeroUsize) -> Scale {
    let nrow = nrow.max(1);
    let size = (UNIT / nrow).max(1) * nrow;
    let units = x.len().div_ceil(size);
    let found = Mutex::new(Scale::default());
    let mut done = 0;
    while done < units {
        done = run(Slice::new(threads), done, units, |unit| {
            let of = scale_of(
                &x[unit * size..x.len().min((unit + 1) * size)],
                nrow,
                weights,
            );
            if let Ok(mut found) = found.lock() {
                *found = found.and(of);
            }
        });
    }
    found.into_inner().unwrap_or_default()
}

fn scale_of(x: &[f64], nrow: usize, weights: Option<&[f64]>) -> Scale {
    let mut weighted = Vec::new();
    let scales = x.chunks_exact(nrow).map(|column| {
        let (size, gaps) = match weights {
            None => largest(column),
            Some(weights) => {
                weighted.clear();
                weighted.extend(column.iter().zip(weights).map(|(x, w)| x * w));
                largest(&weighted)
            }
        };
        Scale {
            smallest: if size > 0.0 { size } else { f64::INFINITY },
            largest: size,
            gaps,
        }
    });
    scales.fold(Scale::default(), Scale::and)
}

/// The largest absolute element, and whether any is NaN.
fn largest(x: &[f64]) -> (f64, bool) {
    let (most, finite) = Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut most = [0.0f64; LANES];
            // This is NaN when `x` is not finite.
            let mut sums = [0.0f64; LANES];
            let chunks = x.chunks_exact(LANES);
            let rest = chunks.remainder();
            for chunk in chunks.filter_map(|chunk| chunk.first_chunk::<LANES>()) {
                for lane in 0..LANES {
                    let size = chunk[lane].abs();
                    most[lane] = if size > most[lane] { size } else { most[lane] };
                }
                for lane in 0..LANES {
                    sums[lane] += chunk[lane] * 0.0;
                }
            }
            for v in rest {
                most[0] = if v.abs() > most[0] { v.abs() } else { most[0] };
                sums[0] += v * 0.0;
            }
            let most = most.into_iter().fold(0.0, f64::max);
            (most, sums.iter().all(|sum| *sum == 0.0))
        },
    );
    (most, !finite && x.iter().any(|v| v.is_nan()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_columns_leaves_out_zeros_and_gaps() {
        let mut x = vec![0.0; 60];
        x[3] = -4.0;
        x[19] = 2.0;
        x[45] = 1e-200;
        let of = |x: &[f64]| {
            let scale = scale(x, 20, None, NonZeroUsize::MIN);
            (scale.smallest, scale.largest, scale.gaps)
        };
        assert_eq!(of(&x), (1e-200, 4.0, false));
        x[46] = f64::NAN;
        assert_eq!(of(&x), (1e-200, 4.0, true));
        x[58] = f64::NEG_INFINITY;
        assert_eq!(of(&x), (4.0, f64::INFINITY, true));
        assert_eq!(of(&[0.0; 40]), (f64::INFINITY, 0.0, false));
        assert_eq!(of(&[]), (f64::INFINITY, 0.0, false));
        let weighted = scale(
            &[1.0, 1e-9, 0.0, 3.0],
            2,
            Some(&[0.0, 2.0]),
            NonZeroUsize::MIN,
        );
        assert_eq!((weighted.smallest, weighted.largest), (2e-9, 6.0));
    }
}
