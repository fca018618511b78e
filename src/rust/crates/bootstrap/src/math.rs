//! Logarithm and exponential, the same bits on every machine.
//!
//! The system's differ in the last place from platform to platform, and loops over
//! them are not vectorised. Coefficients and reduction are those of FDLIBM (Sun
//! Microsystems 1993; error below 1 unit in the last place).

const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// Adding this number and subtracting it again rounds to a whole number. Before the
/// subtraction, the low bits of the sum are those of the whole number.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The natural logarithm of a positive, normal, finite number.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const HALF_ROOT: u64 = 0x3fe6_a09e_0000_0000;
    let shifted = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - HALF_ROOT);
    // The exponent as a float, without a conversion that vector units lack.
    let k = f64::from_bits(0x4330_0000_0000_0000 | (shifted >> 52))
        - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + HALF_ROOT);
    let f = m - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w
        * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let odd = z
        * (0.666_666_666_666_673_5
            + w * (0.285_714_287_436_623_9
                + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86)));
    s * (half + even + odd) + k * LN2_LO - half + f + k * LN2_HI
}

/// What the exponential of `x`, from -708 to 709, is made of: that of `r = hi - lo` is
/// `1 + (r * c / (2 - c) - lo + hi)`, and times `scale`, a power of two, that of `x`.
struct Parts {
    hi: f64,
    lo: f64,
    r: f64,
    c: f64,
    scale: f64,
}

#[inline(always)]
fn parts(x: f64) -> Parts {
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let hi = x - k * LN2_HI;
    let lo = k * LN2_LO;
    let r = hi - lo;
    let t = r * r;
    let c = r - t
        * (0.166_666_666_666_666_02
            + t * (-0.002_777_777_777_701_559_3
                + t * (6.613_756_321_437_934e-5
                    + t * (-1.653_390_220_546_525_2e-6 + t * 4.138_136_797_057_238_5e-8))));
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    Parts {
        hi,
        lo,
        r,
        c,
        scale,
    }
}

/// The exponential; arguments below -708 or above 709 count as -708 or 709.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Written so that NaN stays NaN; max() and min() would replace it by a number.
    let x = if x < -708.0 { -708.0 } else { x };
    let x = if x > 709.0 { 709.0 } else { x };
    let of = parts(x);
    let y = 1.0 + (of.r * of.c / (2.0 - of.c) - of.lo + of.hi);
    y * of.scale
}

/// `1 / (1 + exp(-x))` with one division, to some units in the last place.
#[inline(always)]
pub(crate) fn logistic(x: f64) -> f64 {
    // As in `exp()`, before it divides by `below`.
    let x = if x < -709.0 { 709.0 } else { -x };
    let x = if x < -708.0 { -708.0 } else { x };
    let of = parts(x);
    let below = 2.0 - of.c;
    below / (below + of.scale * (below + (below * of.r + of.r * of.c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_the_system_to_a_unit_in_the_last_place() {
        let mut x = 1e-300f64;
        while x < 1e300 {
            let (a, b) = (ln(x), x.ln());
            assert!(
                (a - b).abs() <= 2.3e-16 * b.abs().max(1e-300),
                "{x} {a} {b}"
            );
            x *= 1.7;
        }
        let mut x = -700.0;
        while x < 700.0 {
            let (a, b) = (exp(x), f64::exp(x));
            assert!((a - b).abs() <= 4.5e-16 * b, "{x} {a} {b}");
            x += 0.371;
        }
        assert!(exp(f64::NAN).is_nan());
        for k in -3600..3600 {
            let x = f64::from(k) * 0.2003;
            let (a, b) = (logistic(x), 1.0 / (1.0 + f64::exp(-x)));
            assert!((a - b).abs() <= 1e-15 * b + 1e-300, "{x} {a} {b}");
        }
        assert!(logistic(f64::NAN).is_nan());
        assert_eq!(logistic(0.0), 0.5);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
    }
}
