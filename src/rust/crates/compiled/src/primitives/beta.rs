//! Beta numbers: algorithms BB and BC of Cheng (1978), Communications of the ACM 21,
//! 317-322. The names are his.

use super::draws::PARAMETERS;
use super::generator::Generator;
use crate::bail::Bail;

/// From here on exp() is infinite.
const EXP_MAX: f64 = 1024.0 * std::f64::consts::LN_2;

/// Products of larger shapes may be infinite, and nothing would ever be accepted.
const LARGEST: f64 = 1e100;

/// v and w for a uniform number.
fn v_w(u: f64, factor: f64, beta: f64) -> (f64, f64) {
    let v = beta * (u / (1.0 - u)).ln();
    if v > EXP_MAX {
        return (v, f64::MAX);
    }
    let w = factor * v.exp();
    (v, if w.is_infinite() { f64::MAX } else { w })
}

/// `rbeta(1, shape1, shape2)`.
pub fn rbeta(shape1: f64, shape2: f64, state: &mut Generator) -> Result<f64, Bail> {
    if !shape1.is_finite() || !shape2.is_finite() || shape1 <= 0.0 || shape2 <= 0.0 {
        return Err(PARAMETERS);
    }
    let least = shape1.min(shape2);
    let most = shape1.max(shape2);
    if most > LARGEST {
        return Err(Bail("a very large shape of rbeta()"));
    }
    let alpha = least + most;
    if least <= 1.0 {
        let (w, b) = bc(most, least, alpha, state);
        Ok(if shape1 == least {
            b / (b + w)
        } else {
            w / (b + w)
        })
    } else {
        let (w, b) = bb(least, most, alpha, state);
        Ok(if shape1 == least {
            w / (b + w)
        } else {
            b / (b + w)
        })
    }
}

/// Both shapes above 1: w, which belongs to a = the smaller one, and b.
fn bb(a: f64, b: f64, alpha: f64, state: &mut Generator) -> (f64, f64) {
    let beta = ((alpha - 2.0) / (2.0 * a * b - alpha)).sqrt();
    let gamma = a + 1.0 / beta;
    loop {
        let u1 = state.next_u01();
        let u2 = state.next_u01();
        let (v, w) = v_w(u1, a, beta);
        let z = u1 * u1 * u2;
        let r = gamma * v - 1.3862944;
        let s = a + r - w;
        if s + 2.609438 >= 5.0 * z {
            return (w, b);
        }
        let t = z.ln();
        if s > t || r + alpha * (alpha / (b + w)).ln() >= t {
            return (w, b);
        }
    }
}

/// The smaller shape, b, at most 1: w, which belongs to a = the larger one, and b.
fn bc(a: f64, b: f64, alpha: f64, state: &mut Generator) -> (f64, f64) {
    let beta = 1.0 / b;
    let delta = 1.0 + a - b;
    let k1 = delta * (0.0138889 + 0.0416667 * b) / (a * beta - 0.777778);
    let k2 = 0.25 + (0.5 + 0.25 / delta) * b;
    loop {
        let u1 = state.next_u01();
        let u2 = state.next_u01();
        let z;
        if u1 < 0.5 {
            let y = u1 * u2;
            z = u1 * y;
            if 0.25 * u2 + z - y >= k1 {
                continue;
            }
        } else {
            z = u1 * u1 * u2;
            if z <= 0.25 {
                return (v_w(u1, a, beta).1, b);
            }
            if z >= k2 {
                continue;
            }
        }
        let (v, w) = v_w(u1, a, beta);
        if alpha * ((alpha / (b + w)).ln() + v) - 1.3862944 >= z.ln() {
            return (w, b);
        }
    }
}
