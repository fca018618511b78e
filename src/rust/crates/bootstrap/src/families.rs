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

    /// A probability, and what it lacks to 1, which may be much smaller than a rounding
    /// error of 1.
    pub(crate) fn probabilities(self, eta: f64) -> (f64, f64) {
        let mu = self.mean(eta).0;
        match self {
            Self::Logit => (mu, 1.0 / (1.0 + exp(eta))),
            Self::Probit => (mu, 0.5 * libm::erfc(eta * FRAC_1_SQRT_2)),
            Self::Cauchit if eta > 1.0 => (mu, libm::atan(1.0 / eta) / PI),
            Self::Cauchit if eta < -1.0 => (libm::atan(-1.0 / eta) / PI, 1.0 - mu),
            Self::Cloglog => (mu, exp(-exp(eta))),
            Self::Log => (mu, -libm::expm1(eta)),
            _ => (mu, 1.0 - mu),
        }
    }

    /// The derivative of a probability over itself, and over what it lacks to 1: finite where
    /// these are 0 in floating point. NaN where there is no probability.
    #[inline(always)]
    pub(crate) fn hazards(self, eta: f64) -> (f64, f64) {
        match self {
            Self::Logit => (1.0 / (1.0 + exp(eta)), 1.0 / (1.0 + exp(-eta))),
            Self::Probit => (mills(-eta), mills(eta)),
            Self::Cloglog => {
                let rate = exp(eta);
                let mu = -libm::expm1(-rate);
                let up = if mu > 0.0 {
                    rate * exp(-rate) / mu
                } else {
                    1.0
                };
                (up, rate)
            }
            _ => {
                let (mu, rest) = self.probabilities(eta);
                let slope = self.mean(eta).1;
                if mu > 0.0 && rest > 0.0 {
                    (slope / mu, slope / rest)
                } else {
                    (f64::NAN, f64::NAN)
                }
            }
        }
    }
}

/// The density of the normal distribution over its upper tail.
fn mills(x: f64) -> f64 {
    if x > 20.0 {
        // The tail would be 0 at last: a continued fraction.
        return x
            + (1..=12)
                .rev()
                .fold(0.0, |rest, k| f64::from(k) / (x + rest));
    }
    exp(-0.5 * x * x) / (2.0 * PI).sqrt() / (0.5 * libm::erfc(x * FRAC_1_SQRT_2))
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
        if self.variance == Variance::Binomial {
            let (up, down) = self.link.hazards(eta);
            return (y * up - (1.0 - y) * down, up * down);
        }
        let (mu, slope) = self.link.mean(eta);
        let variance = self.variance.at(mu);
        let ratio = if variance > 0.0 {
            slope / variance
        } else {
            f64::NAN
        };
        ((y - mu) * ratio, slope * ratio)
    }

    /// The quasi-likelihood of an observation, up to a number that does not depend on `eta`: its
    /// derivative is the score. NaN where the mean is impossible.
    pub(crate) fn likelihood(self, y: f64, eta: f64) -> f64 {
        let log = |share: f64, x: f64| if share == 0.0 { 0.0 } else { share * x.ln() };
        let mu = self.link.mean(eta).0;
        match self.variance {
            Variance::Constant => -0.5 * (y - mu) * (y - mu),
            Variance::Binomial => match self.link {
                // The logarithm of a tail without the tail.
                Link::Cloglog => log(y, mu) - (1.0 - y) * exp(eta),
                Link::Probit => {
                    let tail = |x: f64| -0.5 * x * x - mills(x).ln();
                    y * tail(-eta) + (1.0 - y) * tail(eta)
                }
                link => {
                    let (mu, rest) = link.probabilities(eta);
                    log(y, mu) + log(1.0 - y, rest)
                }
            },
            Variance::Mean if mu > 0.0 => log(y, mu) - mu,
            Variance::Square if mu > 0.0 => -y / mu - mu.ln(),
            Variance::Cube if mu > 0.0 => (1.0 - 0.5 * y / mu) / mu,
            _ => f64::NAN,
        }
    }

    /// Can the response be all at 0, or all at 1, for a linear predictor that is infinite?
    pub(crate) fn ends(self) -> (bool, bool) {
        match (self.variance, self.link) {
            (Variance::Binomial, Link::Logit | Link::Probit | Link::Cauchit | Link::Cloglog) => {
                (true, true)
            }
            (Variance::Binomial | Variance::Mean, Link::Log) => (true, false),
            _ => (false, false),
        }
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

    #[test]
    fn the_score_is_the_derivative_of_the_likelihood() {
        let variances = [
            Variance::Constant,
            Variance::Binomial,
            Variance::Mean,
            Variance::Square,
            Variance::Cube,
        ];
        for (link, variance) in LINKS.iter().flat_map(|l| variances.map(|v| (*l, v))) {
            let family = Family { link, variance };
            for (y, eta) in [(0.3, 0.2), (0.9, 0.6), (1.0, 0.4)] {
                let (score, information) = family.score(y, eta);
                if score.is_nan() {
                    continue;
                }
                let step = 1e-6;
                let numeric = (family.likelihood(y, eta + step) - family.likelihood(y, eta - step))
                    / (2.0 * step);
                let size = score.abs().max(1.0);
                assert!(
                    (numeric - score).abs() < 1e-7 * size,
                    "{family:?} {y} {eta}"
                );
                let (mu, slope) = link.mean(eta);
                let expected = slope * slope / variance.at(mu);
                assert!(
                    (information - expected).abs() < 1e-12 * expected,
                    "{family:?}"
                );
            }
        }
    }

    #[test]
    fn scores_of_probabilities_that_round_to_0_or_1() {
        let of = |link| Family {
            link,
            variance: Variance::Binomial,
        };
        // 1 - exp(-exp(5)) is 1 in floating point; the score of y = 0 is -exp(5).
        let (score, information) = of(Link::Cloglog).score(0.0, 5.0);
        assert!((score + 5f64.exp()).abs() < 1e-12 * 5f64.exp() && information >= 0.0);
        let (score, _) = of(Link::Cloglog).score(1.0, 8.0);
        assert!((0.0..1e-300).contains(&score));
        // The inverse of Mills's ratio at x is close to x + 1 / x - 2 / x^3.
        for eta in [19.9, 20.1, 60.0] {
            let (score, information) = of(Link::Probit).score(0.0, eta);
            let expected = eta + 1.0 / eta - 2.0 / eta.powi(3) + 10.0 / eta.powi(5);
            assert!((score + expected).abs() < 2e-7, "{eta} {score}");
            assert!(information >= 0.0);
        }
        let (score, _) = of(Link::Cauchit).score(0.0, 1e9);
        assert!((score + 1e-9).abs() < 1e-17);
    }
}
