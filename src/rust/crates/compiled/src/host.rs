//! What R's own library and compiler compute, so that the bits are theirs.

/// Pure functions that are called on any thread: they never allocate, warn or jump. The
/// binding fills them with R's own; [`Host::portable`] is for tests without R.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// The sum in R's long double, rounded to double at the end (`sum()` of doubles).
    pub sum: fn(&[f64]) -> f64,
    /// `mean()` of doubles: two passes in long double.
    pub mean: fn(&[f64]) -> f64,
    /// `prod()` of doubles in long double.
    pub prod: fn(&[f64]) -> f64,
    /// `cumsum()` of doubles: the second slice is the result, of the same length.
    pub cumsum: fn(&[f64], &mut [f64]),
    /// `cumprod()` of doubles.
    pub cumprod: fn(&[f64], &mut [f64]),
    /// `x ^ y` as arithmetic has it (`R_pow`), for `y` other than 2.
    pub pow: fn(f64, f64) -> f64,
    /// `x %% y` of doubles.
    pub modulo: fn(f64, f64) -> f64,
    /// `x %/% y` of doubles.
    pub int_div: fn(f64, f64) -> f64,
    /// The quantile of the standard normal distribution, for `p` in (0, 1).
    pub qnorm: fn(f64) -> f64,
}

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
            qnorm: |p| if p == 0.5 { 0.0 } else { (p / (1.0 - p)).ln() / 1.702 },
        }
    }
}
