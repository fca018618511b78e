//! Binomial numbers: algorithm BTPE of Kachitvichyanukul & Schmeiser (1988), Communications
//! of the ACM 31, 216-222, and inversion for small means. The names are theirs.

use super::draws::PARAMETERS;
use super::generator::Generator;
use crate::bail::Bail;

/// Means from here on are drawn by BTPE.
const BTPE_FROM: f64 = 30.0;
/// Inversion starts again beyond.
const LARGEST_INVERTED: i32 = 110;
/// The largest number whose square is an integer of 32 bits.
const LARGEST_SQUARE: i32 = 46_340;

/// `rbinom(1, size, prob)`.
#[derive(Clone, Debug)]
pub struct Binomial {
    n: i32,
    flipped: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Sure(i32),
    Inversion { qn: f64, g: f64, r: f64 },
    Btpe(Box<Btpe>),
}

#[derive(Clone, Debug)]
struct Btpe {
    n: i32,
    p: f64,
    q: f64,
    r: f64,
    g: f64,
    npq: f64,
    m: i32,
    xm: f64,
    xl: f64,
    xr: f64,
    c: f64,
    xll: f64,
    xlr: f64,
    p1: f64,
    p2: f64,
    p3: f64,
    p4: f64,
}

impl Binomial {
    /// The law of `size` trials with probability `prob`.
    pub fn new(size: f64, prob: f64) -> Result<Self, Bail> {
        let whole = size.is_finite() && size.round_ties_even() == size;
        if !whole || !(0.0..=1.0).contains(&prob) || !(0.0..2_147_483_647.0).contains(&size) {
            return Err(PARAMETERS);
        }
        let n = size as i32;
        let p = prob.min(1.0 - prob);
        let kind = if n == 0 || prob == 0.0 {
            Kind::Sure(0)
        } else if prob == 1.0 {
            Kind::Sure(n)
        } else {
            let q = 1.0 - p;
            let r = p / q;
            let g = r * (size + 1.0);
            if size * p < BTPE_FROM {
                let qn = power(q, n);
                Kind::Inversion { qn, g, r }
            } else {
                Kind::Btpe(Box::new(Btpe::new(n, p, q, r, g)))
            }
        };
        let flipped = prob > 0.5 && !matches!(kind, Kind::Sure(_));
        Ok(Self { n, flipped, kind })
    }

    /// The next number.
    ///
    /// # Errors
    ///
    /// Gives up where R 4.2 squares what has no square among its integers.
    pub fn draw(&self, state: &mut Generator) -> Result<i32, Bail> {
        let x = match &self.kind {
            Kind::Sure(x) => *x,
            Kind::Inversion { qn, g, r } => invert(*qn, *g, *r, state),
            Kind::Btpe(btpe) => btpe.draw(state)?,
        };
        Ok(if self.flipped { self.n - x } else { x })
    }
}

/// q^n by repeated squaring, as R has it.
fn power(mut q: f64, mut n: i32) -> f64 {
    let mut product = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            product *= q;
        }
        n >>= 1;
        if n > 0 {
            q *= q;
        }
    }
    product
}

fn invert(qn: f64, g: f64, r: f64, state: &mut Generator) -> i32 {
    loop {
        let mut f = qn;
        let mut u = state.next_u01();
        for x in 0..=LARGEST_INVERTED {
            if u < f {
                return x;
            }
            u -= f;
            f *= g / f64::from(x + 1) - r;
        }
        if u < f {
            return LARGEST_INVERTED + 1;
        }
    }
}

impl Btpe {
    fn new(n: i32, p: f64, q: f64, r: f64, g: f64) -> Self {
        let np = f64::from(n) * p;
        let fm = np + p;
        let m = fm as i32;
        let npq = np * q;
        let p1 = f64::from((2.195 * npq.sqrt() - 4.6 * q) as i32) + 0.5;
        let xm = f64::from(m) + 0.5;
        let (xl, xr) = (xm - p1, xm + p1);
        let c = 0.134 + 20.5 / (15.3 + f64::from(m));
        let al = (fm - xl) / (fm - xl * p);
        let xll = al * (1.0 + 0.5 * al);
        let al = (xr - fm) / (xr * q);
        let xlr = al * (1.0 + 0.5 * al);
        let p2 = p1 * (1.0 + c + c);
        let p3 = p2 + c / xll;
        let p4 = p3 + c / xlr;
        Self {
            n,
            p,
            q,
            r,
            g,
            npq,
            m,
            xm,
            xl,
            xr,
            c,
            xll,
            xlr,
            p1,
            p2,
            p3,
            p4,
        }
    }

    fn draw(&self, state: &mut Generator) -> Result<i32, Bail> {
        loop {
            let u = state.next_u01() * self.p4;
            let mut v = state.next_u01();
            // The triangle.
            if u <= self.p1 {
                return Ok((self.xm - self.p1 * v + u) as i32);
            }
            let x = if u <= self.p2 {
                // The parallelograms.
                let x = self.xl + (u - self.p1) / self.c;
                v = v * self.c + 1.0 - (self.xm - x).abs() / self.p1;
                if v > 1.0 || v <= 0.0 {
                    continue;
                }
                x as i32
            } else if u > self.p3 {
                // The right tail.
                let x = (self.xr - v.ln() / self.xlr) as i32;
                if x > self.n {
                    continue;
                }
                v = v * (u - self.p3) * self.xlr;
                x
            } else {
                // The left tail.
                let x = (self.xl + v.ln() / self.xll) as i32;
                if x < 0 {
                    continue;
                }
                v = v * (u - self.p2) * self.xll;
                x
            };
            if self.accepts(x, v)? {
                return Ok(x);
            }
        }
    }

    fn accepts(&self, x: i32, v: f64) -> Result<bool, Bail> {
        let (n, m) = (f64::from(self.n), f64::from(self.m));
        let k = (x - self.m).abs();
        if k <= 20 || f64::from(k) >= self.npq / 2.0 - 1.0 {
            // The quotient of the probabilities, one after the other.
            let mut f = 1.0;
            for i in self.m + 1..=x {
                f *= self.g / f64::from(i) - self.r;
            }
            for i in x + 1..=self.m {
                f /= self.g / f64::from(i) - self.r;
            }
            return Ok(v <= f);
        }
        if k > LARGEST_SQUARE {
            return Err(Bail("a binomial number very far from its mean"));
        }
        let k = f64::from(k);
        let amaxp =
            (k / self.npq) * ((k * (k / 3.0 + 0.625) + 0.166_666_666_666_6) / self.npq + 0.5);
        let ynorm = -(k * k) / (2.0 * self.npq);
        let alv = v.ln();
        if alv < ynorm - amaxp {
            return Ok(true);
        }
        if alv > ynorm + amaxp {
            return Ok(false);
        }
        let x = f64::from(x);
        let x1 = x + 1.0;
        let f1 = m + 1.0;
        let z = n + 1.0 - m;
        let w = n - x + 1.0;
        let bound = self.xm * (f1 / x1).ln()
            + (n - m + 0.5) * (z / w).ln()
            + (x - m) * (w * self.p / (x1 * self.q)).ln()
            + stirling(f1)
            + stirling(z)
            + stirling(x1)
            + stirling(w);
        Ok(alv <= bound)
    }
}

/// The correction of Stirling's formula.
fn stirling(x: f64) -> f64 {
    let x2 = x * x;
    (13860.0 - (462.0 - (132.0 - (99.0 - 140.0 / x2) / x2) / x2) / x2) / x / 166_320.0
}

/// `rbinom(1, size, prob)`.
pub fn rbinom(size: f64, prob: f64, state: &mut Generator) -> Result<i32, Bail> {
    Binomial::new(size, prob)?.draw(state)
}
