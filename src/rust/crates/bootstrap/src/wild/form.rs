//! What is kept of a replicate.
//!
//! With q restrictions and d trial values delta (0 or q of them, and delta_0 = 1), numerator
//! a is the sum over j of `nu[a, j] delta_j`, and the entry (a, b) of its covariance the sum
//! over j <= l of `m[a, b, j, l] delta_j delta_l`. These are the numbers that are kept:
//! first `nu` by a, then `m` by (a, b), a <= b. With one restriction and its trial value
//! they are five. Without a variance the numerators alone are kept.

/// How numerators and covariances follow from the products with the weights.
#[derive(Clone, Debug)]
pub struct Form {
    /// Number of restrictions.
    pub restrictions: usize,
    /// Number of trial values.
    pub trials: usize,
    /// Where the covariance comes from: the sum of these. Each has its own products.
    pub variance: Vec<Variance>,
}

/// Where a part of the covariance comes from. All products come after the numerators, of
/// which there is one for each pair (a, j); "pair" is one of these.
#[derive(Clone, Debug)]
pub enum Variance {
    /// From scores: of each pair `rows` products, the scores of error clusters. Squares of
    /// the first `positive` count positively, of the others negatively.
    Rows {
        /// Number of rows.
        rows: usize,
        /// Number of the first that count positively.
        positive: usize,
    },
    /// From the coefficients: of each j `k` products t_j; of each restriction b and each pair
    /// (a, j) `k` products w; of two pairs (the first not after the second) one product with
    /// squares of weights. The sum of the products of scores is square - t_l w(b; a, j) -
    /// t_j w(a; b, l) + t_j' Q(a, b) t_l.
    Coefficients {
        /// Number of coefficients.
        k: usize,
        /// The matrices Q(a, b), a <= b, k x k by rows; of one restriction the diagonal of
        /// Q, in a basis in which it has no other numbers.
        q: Vec<f64>,
    },
}

impl Form {
    fn pairs(&self) -> usize {
        self.restrictions * (self.trials + 1)
    }

    /// Products with the weights.
    #[must_use]
    pub fn linear(&self) -> usize {
        let parts = self.variance.iter().map(|part| self.linear_of(part));
        self.pairs() + parts.sum::<usize>()
    }

    /// Products with the squares of weights.
    #[must_use]
    pub fn squares(&self) -> usize {
        let parts = self.variance.iter().map(|part| self.squares_of(part));
        parts.sum()
    }

    fn linear_of(&self, part: &Variance) -> usize {
        let pairs = self.pairs();
        match part {
            Variance::Rows { rows, .. } => pairs * rows,
            Variance::Coefficients { k, .. } => {
                (self.trials + 1) * k + self.restrictions * pairs * k
            }
        }
    }

    fn squares_of(&self, part: &Variance) -> usize {
        match part {
            Variance::Rows { .. } => 0,
            Variance::Coefficients { .. } => triangle(self.pairs()),
        }
    }

    /// Numbers that are kept.
    #[must_use]
    pub fn outputs(&self) -> usize {
        if self.variance.is_empty() {
            return self.pairs();
        }
        self.pairs() + triangle(self.restrictions) * triangle(self.trials + 1)
    }

    /// Makes the numbers of a replicate.
    #[inline(always)]
    pub(super) fn reduce(&self, linear: &[f64], squares: &[f64], out: &mut [f64]) {
        let pairs = self.pairs();
        let (nu, rest) = linear.split_at(pairs);
        out[..pairs].copy_from_slice(nu);
        if self.variance.is_empty() {
            return;
        }
        let mut at = pairs;
        let each = self.trials + 1;
        for a in 0..self.restrictions {
            for b in a..self.restrictions {
                for j in 0..each {
                    for l in j..each {
                        let mut m = self.product(rest, squares, (a, j), (b, l));
                        if l > j {
                            m += self.product(rest, squares, (a, l), (b, j));
                        }
                        out[at] = m;
                        at += 1;
                    }
                }
            }
        }
    }

    /// The sum of the products of the scores of two pairs.
    #[inline(always)]
    fn product(&self, rest: &[f64], squares: &[f64], x: (usize, usize), y: (usize, usize)) -> f64 {
        let (mut linear, mut square) = (0, 0);
        let mut sum = 0.0;
        for part in &self.variance {
            sum += self.product_of(part, &rest[linear..], &squares[square..], x, y);
            linear += self.linear_of(part);
            square += self.squares_of(part);
        }
        sum
    }

    #[inline(always)]
    fn product_of(
        &self,
        part: &Variance,
        rest: &[f64],
        squares: &[f64],
        x: (usize, usize),
        y: (usize, usize),
    ) -> f64 {
        let each = self.trials + 1;
        let (first, second) = (x.0 * each + x.1, y.0 * each + y.1);
        match part {
            Variance::Rows { rows, positive } => {
                let of = |pair: usize| rest[pair * rows..(pair + 1) * rows].split_at(*positive);
                let ((x, x_minus), (y, y_minus)) = (of(first), of(second));
                dot(x, y) - dot(x_minus, y_minus)
            }
            Variance::Coefficients { k, q } => {
                let k = *k;
                let (t, w) = rest.split_at(each * k);
                let t = |j: usize| &t[j * k..(j + 1) * k];
                let w = |b: usize, pair: usize| {
                    let start = (b * self.pairs() + pair) * k;
                    &w[start..start + k]
                };
                let (low, high) = (first.min(second), first.max(second));
                // Of the upper triangle by rows.
                let square = squares[low * self.pairs() - low * (low + 1) / 2 + high];
                let (a, b) = (x.0.min(y.0), x.0.max(y.0));
                let (left, right) = if x.0 <= y.0 { (x.1, y.1) } else { (y.1, x.1) };
                let quadratic = if self.restrictions == 1 {
                    weighted_dot(q, t(left), t(right))
                } else {
                    let start = (a * self.restrictions - a * (a + 1) / 2 + b) * k * k;
                    let mut sum = 0.0;
                    for (i, value) in t(left).iter().enumerate() {
                        let row = &q[start + i * k..start + (i + 1) * k];
                        sum += value * dot(row, t(right));
                    }
                    sum
                };
                square - dot(t(y.1), w(y.0, first)) - dot(t(x.1), w(x.0, second)) + quadratic
            }
        }
    }
}

fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// A sum of products in one fixed order, in eight lanes.
#[inline(always)]
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    let whole = n / 8 * 8;
    let mut at = 0;
    while at < whole {
        for l in 0..8 {
            lanes[l] += x[at + l] * y[at + l];
        }
        at += 8;
    }
    let mut rest = 0.0;
    for i in whole..n {
        rest += x[i] * y[i];
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// The same with weights.
#[inline(always)]
fn weighted_dot(w: &[f64], x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let n = x.len().min(y.len()).min(w.len());
    let (w, x, y) = (&w[..n], &x[..n], &y[..n]);
    let whole = n / 4 * 4;
    let mut at = 0;
    while at < whole {
        for l in 0..4 {
            lanes[l] += w[at + l] * x[at + l] * y[at + l];
        }
        at += 4;
    }
    let mut rest = 0.0;
    for i in whole..n {
        rest += w[i] * x[i] * y[i];
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}
