//! Poisson numbers, and those of laws that mix them.

use super::draws::PARAMETERS;
use super::gamma::rgamma;
use super::generator::Generator;
use crate::bail::Bail;
use crate::host::Host;

/// Means from here on are drawn from normal numbers.
const NORMAL_FROM: f64 = 10.0;
/// Larger means may give what is no integer of R.
const MEAN_BELOW: f64 = 1e9;

/// `rpois(1, lambda)`: algorithm PD of Ahrens & Dieter (1982), ACM Transactions on
/// Mathematical Software 8, 163-179, with its search for small means.
#[derive(Clone, Debug)]
pub struct Poisson(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Zero,
    Small(Small),
    Large(Large),
}

impl Poisson {
    /// The law with mean `lambda`.
    pub fn new(lambda: f64) -> Result<Self, Bail> {
        if !lambda.is_finite() || !(0.0..MEAN_BELOW).contains(&lambda) {
            return Err(PARAMETERS);
        }
        Ok(Self(if lambda == 0.0 {
            Kind::Zero
        } else if lambda < NORMAL_FROM {
            Kind::Small(Small::new(lambda))
        } else {
            Kind::Large(Large::new(lambda))
        }))
    }

    /// The next number.
    pub fn draw(&self, host: &Host, state: &mut Generator) -> i32 {
        match &self.0 {
            Kind::Zero => 0,
            Kind::Small(small) => small.draw(state),
            Kind::Large(large) => large.draw(host, state) as i32,
        }
    }
}

/// Small means: search through the cumulative probabilities of 0 to 35.
#[derive(Clone, Debug)]
struct Small {
    mu: f64,
    zero: f64,
}

impl Small {
    fn new(mu: f64) -> Self {
        let zero = (-mu).exp();
        Self { mu, zero }
    }

    fn draw(&self, state: &mut Generator) -> i32 {
        loop {
            let u = state.next_u01();
            let mut p = self.zero;
            let mut total = p;
            if u <= total {
                return 0;
            }
            for k in 1..=35 {
                p *= self.mu / f64::from(k);
                total += p;
                if u <= total {
                    return k;
                }
            }
        }
    }
}

/// Means of 10 and more. The names are those of the paper.
#[derive(Clone, Debug)]
struct Large {
    mu: f64,
    s: f64,
    d: f64,
    l: f64,
    omega: f64,
    c: f64,
    c0: f64,
    c1: f64,
    c2: f64,
    c3: f64,
}

/// 1 / sqrt(2 pi).
const ROOT: f64 = 0.398942280401432677939946059934;
/// The coefficients of the series of log(1 + v).
const A: [f64; 8] = [
    -0.5,
    0.333_333_3,
    -0.250_006_8,
    0.200_011_8,
    -0.166_126_9,
    0.142_187_8,
    -0.138_479_4,
    0.125_006_0,
];
const FACTORIALS: [f64; 10] = [
    1.0, 1.0, 2.0, 6.0, 24.0, 120.0, 720.0, 5040.0, 40320.0, 362_880.0,
];

impl Large {
    fn new(mu: f64) -> Self {
        let s = mu.sqrt();
        let b1 = 1.0 / 24.0 / mu;
        let b2 = 0.3 * b1 * b1;
        let c3 = 1.0 / 7.0 * b1 * b2;
        let c2 = b2 - 15.0 * c3;
        let c1 = b1 - 6.0 * b2 + 45.0 * c3;
        let c0 = 1.0 - b1 + 3.0 * b2 - 15.0 * c3;
        Self {
            mu,
            s,
            d: 6.0 * mu * mu,
            l: (mu - 1.1484).floor(),
            omega: ROOT / s,
            c: 0.1069 / mu,
            c0,
            c1,
            c2,
            c3,
        }
    }

    /// px, py, fx, fy of procedure F.
    fn densities(&self, k: f64) -> [f64; 4] {
        let difference = self.mu - k;
        let (px, py) = if k < 10.0 {
            (-self.mu, self.mu.powf(k) / FACTORIALS[k as usize])
        } else {
            let del = 1.0 / 12.0 / k;
            let del = del - 4.8 * del * del * del;
            let v = difference / k;
            let px = if v.abs() <= 0.25 {
                let sum = A[..7].iter().rev().fold(A[7], |sum, a| sum * v + a);
                k * v * v * sum - del
            } else {
                k * (1.0 + v).ln() - difference - del
            };
            (px, ROOT / k.sqrt())
        };
        let x = (0.5 - difference) / self.s;
        let x = x * x;
        let fy = self.omega * (((self.c3 * x + self.c2) * x + self.c1) * x + self.c0);
        [px, py, -0.5 * x, fy]
    }

    fn draw(&self, host: &Host, state: &mut Generator) -> f64 {
        let g = self.mu + self.s * state.next_normal(host);
        if g >= 0.0 {
            let k = g.floor();
            if k >= self.l {
                return k;
            }
            let difference = self.mu - k;
            let u = state.next_u01();
            if self.d * u >= difference * difference * difference {
                return k;
            }
            let [px, py, fx, fy] = self.densities(k);
            if fy - u * fy <= py * (px - fx).exp() {
                return k;
            }
        }
        loop {
            let e = state.next_exponential();
            let u = 2.0 * state.next_u01() - 1.0;
            let t = 1.8 + if u >= 0.0 { e } else { -e };
            if t <= -0.6744 {
                continue;
            }
            let k = (self.mu + self.s * t).floor();
            let [px, py, fx, fy] = self.densities(k);
            if self.c * u.abs() <= py * (px + e).exp() - fy * (fx + e).exp() {
                return k;
            }
        }
    }
}

/// `rpois(1, lambda)`.
pub fn rpois(lambda: f64, host: &Host, state: &mut Generator) -> Result<i32, Bail> {
    Ok(Poisson::new(lambda)?.draw(host, state))
}

/// `rgeom(1, prob)`: a Poisson number whose mean is exponential.
pub fn rgeom(prob: f64, host: &Host, state: &mut Generator) -> Result<i32, Bail> {
    if prob.is_nan() || prob <= 0.0 || prob > 1.0 {
        return Err(PARAMETERS);
    }
    let mean = state.next_exponential() * ((1.0 - prob) / prob);
    rpois(mean, host, state)
}

/// `rnbinom(1, size, mu = mu)`.
pub fn rnbinom_mu(size: f64, mu: f64, host: &Host, state: &mut Generator) -> Result<i32, Bail> {
    if !size.is_finite() || !mu.is_finite() || size <= 0.0 || mu < 0.0 {
        return Err(PARAMETERS);
    }
    if mu == 0.0 {
        return Ok(0);
    }
    let mean = rgamma(size, mu / size, host, state)?;
    rpois(mean, host, state)
}

/// `rnbinom(1, size, prob)`: a Poisson number whose mean is of a gamma law.
pub fn rnbinom(size: f64, prob: f64, host: &Host, state: &mut Generator) -> Result<i32, Bail> {
    if !size.is_finite() || prob.is_nan() || size <= 0.0 || prob <= 0.0 || prob > 1.0 {
        return Err(PARAMETERS);
    }
    if prob == 1.0 {
        return Ok(0);
    }
    let mean = rgamma(size, (1.0 - prob) / prob, host, state)?;
    rpois(mean, host, state)
}
