//! What R's own library and compiler compute, so that the bits are theirs.

use crate::primitives::curves::Curve;

/// Pure functions that are called on any thread: they never allocate, warn or jump. The
/// binding fills them with R's own; [`Host::portable`] is for tests without R.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// The sum in R's long double, rounded to double at the end (`sum()` of doubles).
    pub sum: fn(&[f64]) -> f64,
    /// `mean()` of doubles: two passes in long double.
    pub mean: fn(&[f64]) -> f64,
    /// A sum of integers over their number (`mean()` of integers), in long double.
    pub ratio: fn(i64, usize) -> f64,
    /// `var()` of at least two doubles: sums in long double around the mean.
    pub var: fn(&[f64]) -> f64,
    /// `cov()` of two vectors of one length.
    pub cov: fn(&[f64], &[f64]) -> f64,
    /// `cor()` of two vectors of one length; `NaN` where a deviation is 0.
    pub cor: fn(&[f64], &[f64]) -> f64,
    /// The sum in long double over a number of elements (`colMeans()`: one pass).
    pub mean_once: fn(&[f64]) -> f64,
    /// Sums of the rows of a matrix, in long double; the last slice has an element for each
    /// row. With the flag, means.
    pub row_sums: fn(&[f64], bool, &mut [f64]),
    /// The product of two matrices, each perhaps transposed (`true`), by R's BLAS as R calls
    /// it; `false` where that is not known. All shapes fit, and no element is missing.
    pub product: fn(Factor<'_>, Factor<'_>, &mut [f64]) -> bool,
    /// The product of a matrix and itself, the first (`true`) or the second transposed.
    pub self_product: fn(&[f64], [usize; 2], bool, &mut [f64]) -> bool,
    /// Solves equations of a square matrix with so many rows by R's LAPACK, for right sides in
    /// so many columns, which the results replace; `false` where R would call it singular, or
    /// nearly.
    pub solve: fn(&[f64], usize, &mut [f64], usize) -> bool,
    /// `prod()` of doubles in long double.
    pub prod: fn(&[f64]) -> f64,
    /// `cumsum()` of doubles: the second slice is the result, of the same length.
    pub cumsum: fn(&[f64], &mut [f64]),
    /// `cumprod()` of doubles.
    pub cumprod: fn(&[f64], &mut [f64]),
    /// `x ^ y` of finite numbers as arithmetic has it (`R_pow`), for `y` other than 2.
    pub pow: fn(f64, f64) -> f64,
    /// `x %% y` of doubles.
    pub modulo: fn(f64, f64) -> f64,
    /// `x %/% y` of doubles.
    pub int_div: fn(f64, f64) -> f64,
    /// `round(x, digits)` of a finite number.
    pub round: fn(f64, f64) -> f64,
    /// `signif(x, digits)` of a finite number.
    pub signif: fn(f64, f64) -> f64,
    /// The quantile of the standard normal distribution, for `p` in (0, 1).
    pub qnorm: fn(f64) -> f64,
    /// The same of all elements, in their place.
    pub qnorms: fn(&mut [f64]),
    /// A density or its like of up to three numbers, of the lower tail, as a logarithm.
    pub curve: fn(Curve, [f64; 3], bool, bool) -> f64,
    /// `var()` of at least two doubles around their mean, as `mean` has it.
    pub var_around: fn(&[f64], f64) -> f64,
}

/// A matrix, its shape, and whether it is transposed.
pub type Factor<'a> = (&'a [f64], [usize; 2], bool);

impl Host {
    /// The same functions in Rust, near those of R but not the same bits.
    #[must_use]
    pub fn portable() -> Host {
        Host {
            sum: |x| x.iter().sum(),
            mean: |x| {
                let n = x.len() as f64;
                let first = x.iter().sum::<f64>() / n;
                first + x.iter().map(|v| v - first).sum::<f64>() / n
            },
            ratio: |total, n| total as f64 / n as f64,
            var: |x| {
                let n = x.len() as f64;
                let mean = x.iter().sum::<f64>() / n;
                x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)
            },
            cor: |x, y| {
                let n = x.len() as f64;
                let centred = |x: &[f64]| {
                    let mean = x.iter().sum::<f64>() / n;
                    x.iter().map(|v| v - mean).collect::<Vec<f64>>()
                };
                let (x, y) = (centred(x), centred(y));
                let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
                dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
            },
            cov: |x, y| {
                let n = x.len() as f64;
                let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
                let (a, b) = (mean(x), mean(y));
                let terms = x.iter().zip(y).map(|(x, y)| (x - a) * (y - b));
                terms.sum::<f64>() / (n - 1.0)
            },
            mean_once: |x| x.iter().sum::<f64>() / x.len() as f64,
            row_sums: |x, mean, to| {
                let (nrow, ncol) = (to.len(), x.len().checked_div(to.len()).unwrap_or(0));
                for (i, to) in to.iter_mut().enumerate() {
                    *to = x[i..].iter().step_by(nrow).sum();
                    if mean {
                        *to /= ncol as f64;
                    }
                }
            },
            product,
            self_product: |x, shape, first, to| product((x, shape, first), (x, shape, !first), to),
            solve,
            prod: |x| x.iter().product(),
            cumsum: |x, to| {
                let mut total = 0.0;
                for (to, x) in to.iter_mut().zip(x) {
                    total += x;
                    *to = total;
                }
            },
            cumprod: |x, to| {
                let mut total = 1.0;
                for (to, x) in to.iter_mut().zip(x) {
                    total *= x;
                    *to = total;
                }
            },
            pow: f64::powf,
            modulo: |x, y| x - (x / y).floor() * y,
            int_div: |x, y| (x / y).floor(),
            round: |x, digits| (x * 10f64.powf(digits)).round_ties_even() / 10f64.powf(digits),
            signif: |x, digits| {
                let shift = 10f64.powf(digits - 1.0 - x.abs().log10().floor());
                (x * shift).round_ties_even() / shift
            },
            qnorm: logit,
            qnorms: |x| x.iter_mut().for_each(|x| *x = logit(*x)),
            curve: |_, [x, a, b], lower, log| {
                let value = (-((x - a) / (1.0 + b.abs())).abs()).exp();
                let value = if lower { value } else { 1.0 - value };
                if log {
                    value.ln()
                } else {
                    value
                }
            },
            var_around: |x, mean| {
                let n = x.len() as f64;
                x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)
            },
        }
    }
}

/// Near the quantile of the normal distribution.
fn logit(p: f64) -> f64 {
    if p == 0.5 {
        0.0
    } else {
        (p / (1.0 - p)).ln() / 1.702
    }
}

fn product((x, sx, tx): Factor<'_>, (y, sy, ty): Factor<'_>, to: &mut [f64]) -> bool {
    let at = |x: &[f64], [nrow, _]: [usize; 2], turned: bool, i: usize, j: usize| {
        x[if turned { j + i * nrow } else { i + j * nrow }]
    };
    let (nrow, inner) = if tx { (sx[1], sx[0]) } else { (sx[0], sx[1]) };
    for (k, to) in to.iter_mut().enumerate() {
        let (i, j) = (k % nrow, k / nrow);
        let terms = (0..inner).map(|l| at(x, sx, tx, i, l) * at(y, sy, ty, l, j));
        *to = terms.sum();
    }
    true
}

/// Gauss and Jordan, with pivots.
fn solve(a: &[f64], n: usize, b: &mut [f64], columns: usize) -> bool {
    let mut a = a.to_vec();
    for k in 0..n {
        let mut pivot = k;
        for i in k..n {
            if a[i + k * n].abs() > a[pivot + k * n].abs() {
                pivot = i;
            }
        }
        if a[pivot + k * n].abs() < 1e-12 {
            return false;
        }
        for j in 0..n {
            a.swap(k + j * n, pivot + j * n);
        }
        for j in 0..columns {
            b.swap(k + j * n, pivot + j * n);
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = a[i + k * n] / a[k + k * n];
            for j in 0..n {
                a[i + j * n] -= factor * a[k + j * n];
            }
            for j in 0..columns {
                b[i + j * n] -= factor * b[k + j * n];
            }
        }
    }
    for j in 0..columns {
        for i in 0..n {
            b[i + j * n] /= a[i + i * n];
        }
    }
    true
}
