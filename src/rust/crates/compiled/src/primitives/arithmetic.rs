//! Arithmetic of two numbers where R has rules of its own.

use super::reduce::{number, OVERFLOW};
use crate::bail::Bail;
use crate::host::Host;

const BY_ZERO: Bail = Bail("a division by zero in %% or %/%");
const IMPRECISE: Bail = Bail("%% or %/% of numbers that are too large for an exact result");
/// Quotients from here on have no fraction.
const LARGE: f64 = 1.0 / f64::EPSILON;

/// Are both whole numbers that doubles hold exactly, with their quotient?
#[inline]
fn whole(x: f64, y: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    x.abs() < EXACT && y.abs() < EXACT && x.trunc() == x && y.trunc() == y
}

fn quotient(x: f64, y: f64) -> Result<f64, Bail> {
    let q = x / y;
    if y == 0.0 {
        Err(BY_ZERO)
    } else if !q.is_finite() || !y.is_finite() || q.abs() >= LARGE || y.abs() >= LARGE {
        Err(IMPRECISE)
    } else {
        Ok(q)
    }
}

/// `x %% y` of doubles.
#[inline]
pub fn modulo(x: f64, y: f64, host: &Host) -> Result<f64, Bail> {
    // Whole numbers that are not very large, as nearly always.
    const SMALL: f64 = 4_503_599_627_370_496.0; // 2^52
    if x.abs() < SMALL && y.abs() < SMALL {
        let (a, b) = (x as i64, y as i64);
        if b != 0 && a as f64 == x && b as f64 == y {
            // Most are small enough for a quick division.
            let rest = match (u32::try_from(a), u32::try_from(b)) {
                (Ok(a), Ok(b)) => i64::from(a % b),
                _ => a % b,
            };
            return Ok(if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            } as f64);
        }
    }
    quotient(x, y)?;
    if whole(x, y) {
        let rest = x % y;
        return Ok(if rest == 0.0 {
            0.0
        } else if (rest < 0.0) == (y < 0.0) {
            rest
        } else {
            rest + y
        });
    }
    number((host.modulo)(x, y))
}

/// `x %/% y` of doubles.
#[inline]
pub fn int_div(x: f64, y: f64, host: &Host) -> Result<f64, Bail> {
    quotient(x, y)?;
    number((host.int_div)(x, y))
}

/// `x %% y` of integers.
#[inline]
pub fn modulo_int(x: i32, y: i32) -> Result<i32, Bail> {
    if y == 0 {
        return Err(BY_ZERO);
    }
    let rest = i64::from(x) % i64::from(y);
    Ok(if rest != 0 && (rest < 0) != (y < 0) {
        rest as i32 + y
    } else {
        rest as i32
    })
}

/// `x %/% y` of integers.
#[inline]
pub fn int_div_int(x: i32, y: i32) -> Result<i32, Bail> {
    if y == 0 {
        return Err(BY_ZERO);
    }
    let (x, y) = (i64::from(x), i64::from(y));
    let down = i64::from(x % y != 0 && (x < 0) != (y < 0));
    i32::try_from(x / y - down).map_err(|_| OVERFLOW)
}

/// `x ^ y`.
#[inline]
pub fn pow(x: f64, y: f64, host: &Host) -> Result<f64, Bail> {
    if y == 2.0 {
        number(x * x)
    } else if x.is_finite() && y.is_finite() {
        number((host.pow)(x, y))
    } else {
        // R's rules for these differ between its versions, and one of them may warn.
        Err(Bail("a power of what is not finite"))
    }
}

/// `round(x)`: to the even number in the middle.
#[inline]
#[must_use]
pub fn round(x: f64) -> f64 {
    x.round_ties_even()
}

/// `round(x, digits)`.
#[inline]
pub fn round_digits(x: f64, digits: i32, host: &Host) -> Result<f64, Bail> {
    if !x.is_finite() {
        return Err(Bail("round() of what is not finite"));
    }
    number((host.round)(x, f64::from(digits)))
}

/// `signif(x, digits)`.
#[inline]
pub fn signif(x: f64, digits: i32, host: &Host) -> Result<f64, Bail> {
    if !x.is_finite() {
        return Err(Bail("signif() of what is not finite"));
    }
    number((host.signif)(x, f64::from(digits)))
}
