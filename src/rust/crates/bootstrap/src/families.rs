//! Means and variances of generalized linear models.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::math::exp;

/// How the mean follows from the linear predictor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// log(mu / (1 - mu)).
    Logit,
    /// The normal quantile of mu.
    Probit,
    /// The Cauchy quantile of mu.
    Cauchit,
    /// log(-log(1 - mu)).
    Cloglog,
    /// log(mu).
    Log,
    /// mu.
    Identity,
    /// The root of mu.
    Sqrt,
    /// 1 / mu.
    Inverse,
    /// 1 / mu^2.
    InverseSquare,
}

impl Link {
    /// The link that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "logit" => Self::Logit,
            "probit" => Self::Probit,
            "cauchit" => Self::Cauchit,
            "cloglog" => Self::Cloglog,
            "log" => Self::Log,
            "identity" => Self::Identity,
            "sqrt" => Self::Sqrt,
            "inverse" => Self::Inverse,
            "1/mu^2" => Self::InverseSquare,
            _ => return None,
        })
    }

    /// The mean at a linear predictor, and its derivative. NaN where there is none.
    #[inline(always)]
    pub(crate) fn mean(self, eta: f64) -> (f64, f64) {
        match self {
            Self::Logit => {
                let mu = 1.0 / (1.0 + exp(-eta));
                (mu, mu * (1.0 - mu))
            }
            Self::Probit => {
                let mu = 0.5 * libm::erfc(-eta * FRAC_1_SQRT_2);
                (mu, exp(-0.5 * eta * eta) / (2.0 * PI).sqrt())
            }
            Self::Cauchit => (0.5 + libm::atan(eta) / PI, 1.0 / (PI * (1.0 + eta * eta))),
            Self::Cloglog => {
                let rate = exp(eta);
                (-libm::expm1(-rate), rate * exp(-rate))
            }
            Self::Log => {
                let mu = exp(eta);
                (mu, mu)
            }
            Self::Identity => (eta, 1.0),
            Self::Sqrt => (eta * eta, 2.0 * eta),
            Self::Inverse => (1.0 / eta, -1.0 / (eta * eta)),
            Self::InverseSquare => {
                let root = eta.sqrt();
                (1.0 / root, -0.5 / (eta * root))
            }
        }
    }
}

/// How the variance follows from the mean, up to a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variance {
    /// 1.
    Constant,
    /// mu (1 - mu), for means between 0 and 1.
    Binomial,
    /// mu, for means above 0.
    Mean,
    /// The square of the mean, which is above 0.
    Square,
    /// The cube of the mean, which is above 0.
    Cube,
}

impl Variance {
    /// The variance function that R calls `name` in [`quasi()`].
    ///
    /// [`quasi()`]: https://stat.ethz.ch/R-manual/R-devel/library/stats/html/family.html
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "constant" => Self::Constant,
            "mu(1-mu)" => Self::Binomial,
            "mu" => Self::Mean,
            "mu^2" => Self::Square,
            "mu^3" => Self::Cube,
            _ => return None,
        })
    }

    /// Not above 0, or NaN, where the mean is impossible.
    #[inline(always)]
    pub(crate) fn at(self, mu: f64) -> f64 {
        let positive = if mu > 0.0 { mu } else { f64::NAN };
        match self {
            Self::Constant => 1.0,
            Self::Binomial => mu * (1.0 - mu),
            Self::Mean => positive,
            Self::Square => positive * positive,
            Self::Cube => positive * positive * positive,
        }
    }
}

/// A link and a variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The link.
    pub link: Link,
    /// The variance.
    pub variance: Variance,
}

impl Family {
    /// Is the expected second derivative the one of the data? Then Newton's method and
    /// Fisher's scoring are the same.
    pub(crate) fn is_canonical(self) -> bool {
        matches!(
            (self.link, self.variance),
            (Link::Logit, Variance::Binomial)
                | (Link::Log, Variance::Mean)
                | (Link::Identity, Variance::Constant)
                | (Link::Inverse, Variance::Square)
                | (Link::InverseSquare, Variance::Cube)
        )
    }

    /// What an observation adds to the score and to Fisher's information, per unit of
    /// weight, or NaN where its mean is impossible.
    #[inline(always)]
    pub(crate) fn score(self, y: f64, eta: f64) -> (f64, f64) {
        let (mu, slope) = self.link.mean(eta);
        let variance = self.variance.at(mu);
        let ratio = if variance > 0.0 {
            slope / variance
        } else {
            f64::NAN
        };
        ((y - mu) * ratio, slope * ratio)
    }

    /// Minus the derivative of the score by the linear predictor.
    pub(crate) fn curvature(self, y: f64, eta: f64) -> f64 {
        if self.is_canonical() {
            return self.score(y, eta).1;
        }
        let step = 1e-5 * eta.abs().max(1e-3);
        (self.score(y, eta - step).0 - self.score(y, eta + step).0) / (2.0 * step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKS: [Link; 9] = [
        Link::Logit,
        Link::Probit,
        Link::Cauchit,
        Link::Cloglog,
        Link::Log,
        Link::Identity,
        Link::Sqrt,
        Link::Inverse,
        Link::InverseSquare,
    ];

    #[test]
    fn the_derivative_of_each_link_is_that_of_its_mean() {
        for link in LINKS {
            for eta in [0.3, 0.8, 1.4] {
                let step = 1e-6;
                let numeric = (link.mean(eta + step).0 - link.mean(eta - step).0) / (2.0 * step);
                let slope = link.mean(eta).1;
                assert!(
                    (numeric - slope).abs() < 1e-7 * slope.abs().max(1.0),
                    "{link:?}"
                );
            }
        }
    }

    #[test]
    fn known_means() {
        // pnorm(0.5), pcauchy(0.5) and 1 - exp(-exp(0.5)).
        assert!((Link::Probit.mean(0.5).0 - 0.691_462_461_274_013_1).abs() < 1e-15);
        assert!((Link::Cauchit.mean(0.5).0 - 0.647_583_617_650_433_3).abs() < 1e-15);
        assert!((Link::Cloglog.mean(0.5).0 - 0.807_704_354_452_035).abs() < 1e-14);
        assert!(Variance::Mean.at(-1.0).is_nan());
        assert!(!(Variance::Binomial.at(1.5) > 0.0));
    }
}
