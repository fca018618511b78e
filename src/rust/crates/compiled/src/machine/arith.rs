//! Operations on single numbers.

use super::{MISSING, NEGATIVE_ZERO, NOT_A_NUMBER, OVERFLOW};
use crate::code::{Arith, Compare, Math};
use crate::primitives::arithmetic as exact;
use crate::{Bail, Host};

/// The result of integer arithmetic: R's integers have one value less.
#[inline]
pub(super) fn whole(x: Option<i32>) -> Result<i32, Bail> {
    x.filter(|x| *x != i32::MIN).ok_or(OVERFLOW)
}

/// `as.integer(x)`.
#[inline]
pub(super) fn to_int(x: f64) -> Result<i32, Bail> {
    if x > -2_147_483_648.0 && x < 2_147_483_648.0 {
        Ok(x as i32)
    } else {
        Err(OVERFLOW)
    }
}

#[inline]
pub(super) fn arith_d(how: Arith, x: f64, y: f64, host: &Host) -> Result<f64, Bail> {
    Ok(match how {
        Arith::Add => x + y,
        Arith::Sub => x - y,
        Arith::Mul => x * y,
        Arith::Div => x / y,
        Arith::Pow if y == 2.0 => x * x,
        Arith::Pow => exact::pow(x, y, host)?,
        Arith::Mod => exact::modulo(x, y, host)?,
        Arith::IntDiv => exact::int_div(x, y, host)?,
        Arith::Min | Arith::Max if x.is_nan() || y.is_nan() => return Err(NOT_A_NUMBER),
        Arith::Min => {
            if y < x {
                y
            } else {
                x
            }
        }
        Arith::Max => {
            if y > x {
                y
            } else {
                x
            }
        }
    })
}

/// `x %% 2^bits`.
#[inline]
pub(super) fn mod_bits(x: f64, bits: u8, host: &Host) -> Result<f64, Bail> {
    let whole = x as i64;
    if whole as f64 == x && whole.unsigned_abs() < 1 << 52 {
        return Ok((whole & ((1 << bits) - 1)) as f64);
    }
    exact::modulo(x, 2f64.powi(bits.into()), host)
}

#[inline]
pub(super) fn arith_i(how: Arith, x: i32, y: i32) -> Result<i32, Bail> {
    match how {
        Arith::Add => whole(x.checked_add(y)),
        Arith::Sub => whole(x.checked_sub(y)),
        Arith::Mul => whole(x.checked_mul(y)),
        Arith::Mod => exact::modulo_int(x, y),
        Arith::IntDiv => exact::int_div_int(x, y),
        Arith::Min => Ok(x.min(y)),
        Arith::Max => Ok(x.max(y)),
        // These give doubles.
        Arith::Div | Arith::Pow => Err(OVERFLOW),
    }
}

#[inline]
pub(super) fn compare_d(how: Compare, x: f64, y: f64) -> Result<bool, Bail> {
    if x.is_nan() || y.is_nan() {
        return Err(MISSING);
    }
    Ok(compare(how, x, y))
}

/// Of numbers that are there.
#[inline]
pub(super) fn compare<T: PartialOrd>(how: Compare, x: T, y: T) -> bool {
    match how {
        Compare::Lt => x < y,
        Compare::Le => x <= y,
        Compare::Gt => x > y,
        Compare::Ge => x >= y,
        Compare::Eq => x == y,
        Compare::Ne => x != y,
    }
}

/// Functions of one number: those of the C library, which R calls too. Where they give `NaN`
/// R may warn.
#[inline]
pub(crate) fn math(how: Math, x: f64) -> Result<f64, Bail> {
    let y = function(how, x);
    // Most are neither `NaN` nor zero, which is one comparison.
    if y.abs() > 0.0 {
        return Ok(y);
    }
    odd(how, y)
}

#[inline(always)]
fn function(how: Math, x: f64) -> f64 {
    match how {
        Math::Neg => -x,
        Math::Abs => x.abs(),
        Math::Sqrt => x.sqrt(),
        Math::Exp => x.exp(),
        Math::Expm1 => x.exp_m1(),
        Math::Log => x.ln(),
        Math::Log1p => x.ln_1p(),
        Math::Log2 => x.log2(),
        Math::Log10 => x.log10(),
        Math::Sin => x.sin(),
        Math::Cos => x.cos(),
        Math::Tan => x.tan(),
        Math::Asin => x.asin(),
        Math::Acos => x.acos(),
        Math::Atan => x.atan(),
        Math::Sinh => x.sinh(),
        Math::Cosh => x.cosh(),
        Math::Tanh => x.tanh(),
        Math::Floor => x.floor(),
        Math::Ceiling => x.ceil(),
        Math::Trunc => x.trunc(),
        Math::Round => exact::round(x),
    }
}

/// A result that is `NaN` or zero.
#[inline(never)]
fn odd(how: Math, y: f64) -> Result<f64, Bail> {
    match how {
        Math::Neg | Math::Abs => Ok(y),
        _ if y.is_nan() => Err(NOT_A_NUMBER),
        Math::Sqrt | Math::Floor | Math::Ceiling | Math::Trunc | Math::Round => Ok(y),
        // sin(-0) and others are 0 in some versions of R.
        _ if y.is_sign_negative() => Err(NEGATIVE_ZERO),
        _ => Ok(y),
    }
}
