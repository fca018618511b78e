//! Permutation tests: all permutations, or some at random.

mod arrange;

use std::ops::Range;
use std::sync::Mutex;

use arrange::{choose, factorial, Arrangement, Groups, Order, Signs};
use rustle_threads::blocks::{run_each, Slice};

/// What is permuted.
#[derive(Clone, Debug)]
pub enum Design {
    /// Who belongs to the first group, within strata: rows of each stratum and how
    /// many of them are in the first group.
    Groups(Vec<(Vec<u32>, usize)>),
    /// The signs of differences.
    Signs,
    /// The order of a response within strata: the statistic is `sum(x * y)`.
    Order {
        /// The response.
        y: Vec<f64>,
        /// Rows of each stratum.
        strata: Vec<Vec<u32>>,
    },
}

/// What is compared between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Center {
    /// Means; of signed differences too.
    Mean,
    /// Medians of one column.
    Median,
}

impl Center {
    /// The comparison that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "median" => Self::Median,
            _ => return None,
        })
    }
}

/// In which direction a permutation is as extreme as the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The absolute value is at least as large.
    Both,
    /// The value is at least as large.
    Greater,
    /// The value is at most as large.
    Less,
}

impl Tail {
    /// The direction that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "two.sided" => Self::Both,
            "greater" => Self::Greater,
            "less" => Self::Less,
            _ => return None,
        })
    }

    /// Larger is more extreme.
    fn extremity(self, t: f64) -> f64 {
        match self {
            Self::Both => t.abs(),
            Self::Greater => t,
            Self::Less => -t,
        }
    }
}

/// Which permutations are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All of them, numbered.
    All,
    /// Independent ones; number r from stream r of the seed.
    Random(u64),
}

/// A test on columns.
#[derive(Clone, Debug)]
pub struct Test {
    /// By rows, centred so that sums keep their digits.
    pub x: Vec<f64>,
    /// Number of columns.
    pub columns: usize,
    /// What is permuted.
    pub design: Design,
    /// What is compared between groups.
    pub center: Center,
    /// Divide by a standard error (unequal variances)?
    pub studentize: bool,
    /// Direction.
    pub tail: Tail,
}

/// Equal sums that were added in another order differ by less than this, relative to
/// the size of what was added.
const TIES: f64 = 1e-10;

/// A sum of squares about the mean. A result that is only rounding error becomes 0, the
/// true value for equal numbers, so that it is the same in every order of summation.
fn spread(squares: f64, of_mean: f64) -> f64 {
    let left = squares - of_mean;
    if left > 1e-13 * squares {
        left
    } else {
        0.0
    }
}

/// How many permutations were as extreme, of how many.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Permutations looked at.
    pub done: u64,
    /// For each column.
    pub single: Vec<u64>,
    /// For each column, the most extreme of all columns in its place (Westfall &
    /// Young 1993).
    pub maximal: Vec<u64>,
}

impl Test {
    fn n(&self) -> usize {
        self.x.len() / self.columns
    }

    fn first_size(&self) -> usize {
        match &self.design {
            Design::Groups(strata) => strata.iter().map(|s| s.1).sum(),
            Design::Signs | Design::Order { .. } => self.n(),
        }
    }

    /// Number of permutations; infinite if beyond 2^53.
    #[must_use]
    pub fn total(&self) -> f64 {
        let total: f64 = match &self.design {
            Design::Groups(strata) => strata
                .iter()
                .map(|(rows, m)| choose(rows.len(), *m))
                .product(),
            Design::Signs => 2f64.powi(self.n().min(1000) as i32),
            Design::Order { strata, .. } => strata.iter().map(|s| factorial(s.len())).product(),
        };
        if total < 9e15 {
            total
        } else {
            f64::INFINITY
        }
    }

    /// The statistic of each column from sums over the first group (or of the signed
    /// differences) and of squares.
    fn statistics(&self, sums: &[f64], totals: &[f64], out: &mut [f64]) {
        let k = self.columns;
        let n1 = self.first_size() as f64;
        let n2 = self.n() as f64 - n1;
        for j in 0..k {
            let (s, q) = (sums[j], sums[k + j]);
            let (total, squares) = (totals[j], totals[k + j]);
            out[j] = match self.design {
                Design::Signs => {
                    let mean = s / n1;
                    if self.studentize {
                        mean / (spread(squares, s * mean) / (n1 * (n1 - 1.0))).sqrt()
                    } else {
                        mean
                    }
                }
                Design::Order { .. } => s,
                // The sums are the two medians.
                Design::Groups(_) if self.center == Center::Median => sums[0] - sums[1],
                Design::Groups(_) => {
                    let (m1, m2) = (s / n1, (total - s) / n2);
                    if self.studentize {
                        let v1 = spread(q, s * m1) / (n1 - 1.0);
                        let v2 = spread(squares - q, (total - s) * m2) / (n2 - 1.0);
                        (m1 - m2) / (v1 / n1 + v2 / n2).sqrt()
                    } else {
                        m1 - m2
                    }
                }
            };
            // 0 / 0: nothing varies and nothing differs.
            if out[j].is_nan() {
                out[j] = 0.0;
            }
        }
    }

    fn totals(&self) -> Vec<f64> {
        let k = self.columns;
        let mut totals = vec![0.0; 2 * k];
        for row in self.x.chunks_exact(k) {
            for (j, x) in row.iter().enumerate() {
                totals[j] += x;
                totals[k + j] += x * x;
            }
        }
        totals
    }

    fn add(&self, i: usize, sign: f64, sums: &mut [f64]) {
        let k = self.columns;
        for (j, x) in self.x[i * k..(i + 1) * k].iter().enumerate() {
            sums[j] += sign * x;
            if self.studentize {
                sums[k + j] += x * x;
            }
        }
    }

    /// The statistics of the data: the first rows of each stratum are its first group.
    #[must_use]
    pub fn observed(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.columns];
        let mut scratch = Scratch::new(self);
        scratch.at.start(&self.design);
        self.sums(&mut scratch);
        self.statistics(&scratch.sums, &self.totals(), &mut out);
        out
    }

    /// Sums of an arrangement, or the two medians.
    fn sums(&self, scratch: &mut Scratch) {
        let Scratch {
            at,
            sums,
            sorted,
            marked,
        } = scratch;
        sums.fill(0.0);
        match (at, &self.design) {
            (Arrangement::Groups(Groups { first, .. }), _) if self.center == Center::Median => {
                marked.fill(false);
                first.iter().for_each(|i| marked[*i as usize] = true);
                sums[0] = self.median(sorted, marked, true, first.len());
                sums[1] = self.median(sorted, marked, false, self.n() - first.len());
            }
            (Arrangement::Groups(Groups { first, .. }), _) => {
                first.iter().for_each(|i| self.add(*i as usize, 1.0, sums));
            }
            (Arrangement::Signs(Signs { signs, .. }), _) => {
                (0..self.n()).for_each(|i| self.add(i, signs[i], sums));
            }
            (Arrangement::Order(Order { from, .. }), Design::Order { y, .. }) => {
                for (x, from) in self.x.chunks_exact(self.columns).zip(from) {
                    let y = y[*from as usize];
                    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x * y);
                }
            }
            _ => {}
        }
    }

    /// Median of the rows that are marked (or not), `count` of them.
    fn median(&self, sorted: &[u32], marked: &[bool], which: bool, count: usize) -> f64 {
        let mut rows = sorted.iter().filter(|i| marked[**i as usize] == which);
        let low = rows.nth((count - 1) / 2).map(|i| self.x[*i as usize]);
        let low = low.unwrap_or(f64::NAN);
        if count % 2 == 1 {
            return low;
        }
        let high = rows.next().map_or(f64::NAN, |i| self.x[*i as usize]);
        0.5 * (low + high)
    }

    /// Looks at permutations `from..to`, or as many of the first as are begun within the
    /// slice, at least one batch.
    #[must_use]
    pub fn run(&self, choice: Choice, from: u64, to: u64, slice: Slice) -> Counts {
        // Enough work to make the price of the queue small, and short beside the slice.
        let batch = (30_000 / self.n().max(1)).clamp(1, 1024);
        let batches = (from..to).step_by(batch);
        let batches = batches.map(|first| first..(first + batch as u64).min(to));
        let (totals, bounds) = (self.totals(), self.bounds());
        let all = Mutex::new(Counts::none(self.columns));
        let scratch = || Scratch::new(self);
        run_each(slice, batches, scratch, |scratch, batch| {
            let counts = self.look_at(choice, batch, &totals, &bounds, scratch);
            // Sums of whole numbers are the same in any order.
            all.lock().unwrap_or_else(|e| e.into_inner()).add(&counts);
        });
        all.into_inner().unwrap_or_else(|e| e.into_inner())
    }

    /// The statistics of permutations `from..to`, one permutation after another: for a
    /// picture of their distribution.
    #[must_use]
    pub fn values(&self, choice: Choice, permutations: Range<u64>) -> Vec<f64> {
        let totals = self.totals();
        let mut scratch = Scratch::new(self);
        let mut all = Vec::new();
        let mut t = vec![0.0; self.columns];
        let first = permutations.start;
        for r in permutations {
            scratch.at.go(&self.design, choice, r, r == first);
            self.sums(&mut scratch);
            self.statistics(&scratch.sums, &totals, &mut t);
            all.extend_from_slice(&t);
        }
        all
    }

    /// From where on a statistic is as extreme as that of the data, by column.
    fn bounds(&self) -> Vec<f64> {
        let size = if self.studentize || matches!(self.design, Design::Order { .. }) {
            1.0
        } else {
            self.x.iter().fold(0.0, |a: f64, x| a.max(x.abs()))
        };
        // Infinite where nothing varies within the groups.
        let bound = |t: f64| {
            if t.is_finite() {
                t - TIES * (t.abs() + size)
            } else {
                t
            }
        };
        let observed = self.observed().into_iter();
        observed.map(|t| bound(self.tail.extremity(t))).collect()
    }

    fn look_at(
        &self,
        choice: Choice,
        permutations: Range<u64>,
        totals: &[f64],
        bounds: &[f64],
        scratch: &mut Scratch,
    ) -> Counts {
        let mut counts = Counts::none(self.columns);
        let mut t = vec![0.0; self.columns];
        let first = permutations.start;
        for r in permutations {
            scratch.at.go(&self.design, choice, r, r == first);
            self.sums(scratch);
            self.statistics(&scratch.sums, totals, &mut t);
            let mut most = f64::NEG_INFINITY;
            for ((count, t), bound) in counts.single.iter_mut().zip(&t).zip(bounds) {
                let t = self.tail.extremity(*t);
                most = most.max(t);
                *count += u64::from(t >= *bound);
            }
            for (count, bound) in counts.maximal.iter_mut().zip(bounds) {
                *count += u64::from(most >= *bound);
            }
            counts.done += 1;
        }
        counts
    }
}

impl Counts {
    fn none(columns: usize) -> Self {
        Self {
            done: 0,
            single: vec![0; columns],
            maximal: vec![0; columns],
        }
    }

    fn add(&mut self, other: &Counts) {
        self.done += other.done;
        let add = |a: &mut [u64], b: &[u64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.single, &other.single);
        add(&mut self.maximal, &other.maximal);
    }
}

/// What a thread works with.
struct Scratch {
    at: Arrangement,
    sums: Vec<f64>,
    /// Rows by value, for medians.
    sorted: Vec<u32>,
    marked: Vec<bool>,
}

impl Scratch {
    fn new(test: &Test) -> Self {
        let (n, median) = (test.n(), test.center == Center::Median);
        let mut sorted: Vec<u32> = (0..if median { n as u32 } else { 0 }).collect();
        sorted.sort_by(|a, b| test.x[*a as usize].total_cmp(&test.x[*b as usize]));
        Self {
            at: Arrangement::new(&test.design, n),
            sums: vec![0.0; 2 * test.columns],
            marked: vec![false; sorted.len()],
            sorted,
        }
    }
}
