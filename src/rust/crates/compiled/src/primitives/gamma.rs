//! Gamma numbers, and what R makes of them.

use super::draws::PARAMETERS;
use super::generator::Generator;
use super::reduce::number;
use crate::bail::Bail;
use crate::host::Host;

/// The coefficients of q0 in powers of 1 / shape, and of the series of the quotient, as
/// Ahrens & Dieter print them.
const Q: [f64; 7] = [
    0.041_666_69,
    0.020_831_48,
    0.008_011_91,
    0.001_441_21,
    -7.388e-5,
    2.4511e-4,
    2.424e-4,
];
const A: [f64; 7] = [
    0.333_333_3,
    -0.250_003,
    0.200_006_2,
    -0.166_292_1,
    0.142_365_7,
    -0.136_717_7,
    0.123_379_5,
];

/// The polynomial with these coefficients, of which the first belongs to x itself.
fn series(coefficients: &[f64], x: f64) -> f64 {
    let sum = |sum: f64, c: &f64| sum * x + c;
    let highest = coefficients[coefficients.len() - 1];
    let rest = coefficients[..coefficients.len() - 1].iter().rev();
    rest.fold(highest, sum) * x
}

/// `rgamma(1, shape, scale = scale)`.
pub fn rgamma(shape: f64, scale: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    if !shape.is_finite() || !scale.is_finite() || shape < 0.0 || scale < 0.0 {
        return Err(PARAMETERS);
    }
    if shape == 0.0 || scale == 0.0 {
        return Ok(0.0);
    }
    if shape < 1.0 {
        Ok(scale * below_one(shape, state))
    } else {
        Ok(Gamma::new(shape).draw(scale, host, state))
    }
}

/// Shapes below 1: algorithm GS of Ahrens & Dieter (1974), Computing 12, 223-246.
fn below_one(shape: f64, state: &mut Generator) -> f64 {
    let e = 1.0 + (-1.0f64).exp() * shape;
    loop {
        let p = e * state.next_u01();
        if p >= 1.0 {
            let x = -((e - p) / shape).ln();
            if state.next_exponential() >= (1.0 - shape) * x.ln() {
                return x;
            }
        } else {
            let x = (p.ln() / shape).exp();
            if state.next_exponential() >= x {
                return x;
            }
        }
    }
}

/// Shapes from 1 on: algorithm GD of Ahrens & Dieter (1982), Communications of the ACM 25,
/// 47-54. The names are theirs.
struct Gamma {
    s2: f64,
    s: f64,
    d: f64,
    q0: f64,
    b: f64,
    si: f64,
    c: f64,
}

impl Gamma {
    fn new(shape: f64) -> Self {
        /// The square root of 32 to the digits that they use.
        const ROOT_32: f64 = 5.656854;
        let s2 = shape - 0.5;
        let s = s2.sqrt();
        let (b, si, c) = if shape <= 3.686 {
            (0.463 + s + 0.178 * s2, 1.235, 0.195 / s - 0.079 + 0.16 * s)
        } else if shape <= 13.022 {
            (1.654 + 0.0076 * s2, 1.68 / s + 0.275, 0.062 / s + 0.024)
        } else {
            (1.77, 0.75, 0.1515 / s)
        };
        Self {
            s2,
            s,
            d: ROOT_32 - s * 12.0,
            q0: series(&Q, 1.0 / shape),
            b,
            si,
            c,
        }
    }

    /// The logarithm of the quotient of the densities at t.
    fn quotient(&self, t: f64) -> f64 {
        let v = t / (self.s + self.s);
        if v.abs() <= 0.25 {
            self.q0 + 0.5 * t * t * series(&A, v)
        } else {
            self.q0 - self.s * t + 0.25 * t * t + (self.s2 + self.s2) * (1.0 + v).ln()
        }
    }

    fn draw(&self, scale: f64, host: &Host, state: &mut Generator) -> f64 {
        // A normal number, of which most are accepted at once.
        let t = state.next_normal(host);
        let x = self.s + 0.5 * t;
        if t >= 0.0 {
            return scale * (x * x);
        }
        let u = state.next_u01();
        if self.d * u <= t * t * t || (x > 0.0 && (1.0 - u).ln() <= self.quotient(t)) {
            return scale * (x * x);
        }
        // Double exponential numbers against the rest.
        loop {
            let e = state.next_exponential();
            let u = state.next_u01();
            let u = u + u - 1.0;
            let t = if u < 0.0 {
                self.b - self.si * e
            } else {
                self.b + self.si * e
            };
            if t < -0.71874483771719 {
                continue;
            }
            let q = self.quotient(t);
            if q > 0.0 && self.c * u.abs() <= q.exp_m1() * (e - 0.5 * t * t).exp() {
                // Multiplied in another order than above, as R does.
                let x = self.s + 0.5 * t;
                return scale * x * x;
            }
        }
    }
}

/// `rchisq(1, df)`.
pub fn rchisq(df: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    rgamma(df / 2.0, 2.0, host, state)
}

/// `rt(1, df)`: the normal number is drawn first.
pub fn rt(df: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    if !df.is_finite() || df <= 0.0 {
        return Err(PARAMETERS);
    }
    let normal = state.next_normal(host);
    number(normal / (rchisq(df, host, state)? / df).sqrt())
}

/// `rf(1, df1, df2)`.
pub fn rf(df1: f64, df2: f64, host: &Host, state: &mut Generator) -> Result<f64, Bail> {
    if !df1.is_finite() || !df2.is_finite() || df1 <= 0.0 || df2 <= 0.0 {
        return Err(PARAMETERS);
    }
    let upper = rchisq(df1, host, state)? / df1;
    let lower = rchisq(df2, host, state)? / df2;
    number(upper / lower)
}
