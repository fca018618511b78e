//! Densities, distribution functions, quantiles, and the gamma function and its kin, by R's own
//! library: for arguments for which it neither warns nor gives no number. Others are R's.

use crate::bail::Bail;
use crate::host::Host;

const OUTSIDE: Bail = Bail("an argument of a density or its like that is unusual");

/// A function of up to three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Curve {
    NormalDensity,
    Normal,
    NormalQuantile,
    UniformDensity,
    Uniform,
    /// With a scale, as `dexp()` hands it on.
    ExponentialDensity,
    Exponential,
    GammaDensity,
    BetaDensity,
    TDensity,
    T,
    ChiSquaredDensity,
    ChiSquared,
    BinomialDensity,
    PoissonDensity,
    LogisticDensity,
    Logistic,
    LogisticQuantile,
    LogNormalDensity,
    LogNormal,
    Gamma,
    LogGamma,
    Beta,
    LogBeta,
    Choose,
}

const ALL: [(&str, Curve); 25] = [
    ("dnorm", Curve::NormalDensity),
    ("pnorm", Curve::Normal),
    ("qnorm", Curve::NormalQuantile),
    ("dunif", Curve::UniformDensity),
    ("punif", Curve::Uniform),
    ("dexp", Curve::ExponentialDensity),
    ("pexp", Curve::Exponential),
    ("dgamma", Curve::GammaDensity),
    ("dbeta", Curve::BetaDensity),
    ("dt", Curve::TDensity),
    ("pt", Curve::T),
    ("dchisq", Curve::ChiSquaredDensity),
    ("pchisq", Curve::ChiSquared),
    ("dbinom", Curve::BinomialDensity),
    ("dpois", Curve::PoissonDensity),
    ("dlogis", Curve::LogisticDensity),
    ("plogis", Curve::Logistic),
    ("qlogis", Curve::LogisticQuantile),
    ("dlnorm", Curve::LogNormalDensity),
    ("plnorm", Curve::LogNormal),
    ("gamma", Curve::Gamma),
    ("lgamma", Curve::LogGamma),
    ("beta", Curve::Beta),
    ("lbeta", Curve::LogBeta),
    ("choose", Curve::Choose),
];

/// The function of that name.
#[must_use]
pub fn named(name: &str) -> Option<Curve> {
    ALL.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, curve)| *curve)
}

/// A function and its flags in one byte.
pub(crate) fn packed(curve: Curve, lower: bool, log: bool) -> u8 {
    curve as u8 | u8::from(lower) << 6 | u8::from(log) << 7
}

fn unpacked(code: u8) -> Option<(Curve, bool, bool)> {
    let (_, curve) = ALL.iter().find(|(_, curve)| *curve as u8 == code & 63)?;
    Some((*curve, code & 64 != 0, code & 128 != 0))
}

/// The value of a packed function.
pub(crate) fn at(code: u8, of: [f64; 3], host: &Host) -> Result<f64, Bail> {
    let (curve, lower, log) = unpacked(code).ok_or(OUTSIDE)?;
    value(curve, of, lower, log, host)
}

/// The value of a function.
///
/// # Errors
///
/// Where R's own function is not known to be silent and to have a value.
pub fn value(
    curve: Curve,
    [x, a, b]: [f64; 3],
    lower: bool,
    log: bool,
    host: &Host,
) -> Result<f64, Bail> {
    let whole = |x: f64| x.trunc() == x && (0.0..=1e9).contains(&x);
    let inside = |p: f64| p > 0.0 && p < 1.0;
    let usual = |x: f64| x > 1e-10 && x < 1e10;
    let fine = match curve {
        Curve::NormalDensity | Curve::Normal | Curve::LogisticDensity | Curve::Logistic => usual(b),
        Curve::NormalQuantile | Curve::LogisticQuantile => inside(x) && !log && usual(b),
        Curve::UniformDensity | Curve::Uniform => a < b,
        Curve::ExponentialDensity | Curve::Exponential => usual(a),
        Curve::GammaDensity => usual(a) && usual(b) && (x == 0.0 || usual(x.abs())),
        Curve::BetaDensity => {
            (1e-6..1e6).contains(&a) && (1e-6..1e6).contains(&b) && (1e-10..1.0).contains(&x)
        }
        Curve::TDensity => (1e-3..1e6).contains(&a) && x.abs() < 1e10,
        // Where no step of R's own function underflows.
        Curve::T => (1.0..1e6).contains(&a) && (x == 0.0 || (1e-10..35.0).contains(&x.abs())),
        Curve::ChiSquaredDensity => (1e-3..1e6).contains(&a) && (x == 0.0 || usual(x.abs())),
        Curve::ChiSquared => (1.0..1e4).contains(&a) && (x == 0.0 || (1e-10..1e5).contains(&x)),
        Curve::BinomialDensity => whole(x) && whole(a) && (0.0..=1.0).contains(&b),
        Curve::PoissonDensity => whole(x) && usual(a),
        Curve::LogNormalDensity | Curve::LogNormal => x > 0.0 && usual(b),
        Curve::Gamma => (1e-10..170.0).contains(&x),
        Curve::LogGamma => (1e-10..1e300).contains(&x),
        Curve::Beta | Curve::LogBeta => (1e-6..1e6).contains(&x) && (1e-6..1e6).contains(&a),
        Curve::Choose => whole(x) && x < 1e6 && whole(a) && a <= x,
    };
    if !fine || ![x, a, b].iter().all(|x| x.is_finite()) {
        return Err(OUTSIDE);
    }
    let value = (host.curve)(curve, [x, a, b], lower, log);
    if value.is_nan() {
        Err(OUTSIDE)
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_function_is_found_again_and_unusual_arguments_are_given_up() {
        let host = Host::portable();
        for (name, curve) in ALL {
            assert_eq!(named(name), Some(curve));
            for (lower, log) in [(true, true), (true, false), (false, true), (false, false)] {
                let code = packed(curve, lower, log);
                assert_eq!(unpacked(code), Some((curve, lower, log)));
            }
        }
        let normal = packed(Curve::NormalDensity, true, false);
        assert!(at(normal, [0.5, 0.0, 1.0], &host).is_ok());
        for of in [
            [0.5, 0.0, -1.0],
            [f64::NAN, 0.0, 1.0],
            [f64::INFINITY, 0.0, 1.0],
        ] {
            assert!(at(normal, of, &host).is_err());
        }
        let binomial = packed(Curve::BinomialDensity, true, false);
        assert!(at(binomial, [1.5, 10.0, 0.5], &host).is_err());
    }
}
