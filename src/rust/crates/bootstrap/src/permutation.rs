//! Permutation tests of means: all permutations, or some at random.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Instant;

use crate::run::on_threads;
use crate::stream::{Key, Stream};

/// What is permuted.
#[derive(Clone, Debug)]
pub enum Design {
    /// Who belongs to the first group, within strata: rows of each stratum and how
    /// many of them are in the first group.
    Groups(Vec<(Vec<u32>, usize)>),
    /// The signs of differences.
    Signs,
}

/// In which direction a permutation is as extreme as the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The absolute value is at least as large.
    Both,
    /// As large.
    Greater,
    /// As small.
    Less,
}

/// Which permutations.
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
    /// Divide by a standard error (unequal variances)?
    pub studentize: bool,
    /// Direction.
    pub tail: Tail,
}

/// Equal sums that were added in another order differ by less than this, relative to
/// the size of what was added.
const TIES: f64 = 1e-10;

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

/// Where an enumeration or a random choice stands.
enum State {
    Groups { chosen: Vec<Vec<u32>>, stream: Stream, rows: Vec<u32> },
    Signs { stream: Stream },
}

impl Test {
    fn n(&self) -> usize {
        self.x.len() / self.columns
    }

    fn first_size(&self) -> usize {
        match &self.design {
            Design::Groups(strata) => strata.iter().map(|s| s.1).sum(),
            Design::Signs => self.n(),
        }
    }

    /// Number of permutations; infinite if beyond 2^53.
    #[must_use]
    pub fn total(&self) -> f64 {
        let total: f64 = match &self.design {
            Design::Groups(strata) => strata.iter().map(|(rows, m)| choose(rows.len(), *m)).product(),
            Design::Signs => 2f64.powi(self.n().min(1000) as i32),
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
                        mean / ((squares - s * mean).max(0.0) / (n1 * (n1 - 1.0))).sqrt()
                    } else {
                        mean
                    }
                }
                Design::Groups(_) => {
                    let (m1, m2) = (s / n1, (total - s) / n2);
                    if self.studentize {
                        let v1 = (q - s * m1).max(0.0) / (n1 - 1.0);
                        let v2 = (squares - q - (total - s) * m2).max(0.0) / (n2 - 1.0);
                        (m1 - m2) / (v1 / n1 + v2 / n2).sqrt()
                    } else {
                        m1 - m2
                    }
                }
            };
            // Nothing varies and nothing differs.
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
        let mut sums = vec![0.0; 2 * self.columns];
        match &self.design {
            Design::Groups(strata) => {
                for (rows, m) in strata {
                    rows[..*m].iter().for_each(|i| self.add(*i as usize, 1.0, &mut sums));
                }
            }
            Design::Signs => (0..self.n()).for_each(|i| self.add(i, 1.0, &mut sums)),
        }
        let mut out = vec![0.0; self.columns];
        self.statistics(&sums, &self.totals(), &mut out);
        out
    }

    fn state(&self) -> State {
        let stream = Stream::new(Key { seed: 0, replicate: 0, attempt: 0 });
        match &self.design {
            Design::Groups(strata) => State::Groups {
                chosen: strata.iter().map(|(_, m)| (0..*m as u32).collect()).collect(),
                stream,
                rows: Vec::new(),
            },
            Design::Signs => State::Signs { stream },
        }
    }

    /// Sums of permutation `r`; `fresh`: the state is of another one than `r - 1`.
    fn sums(&self, choice: Choice, r: u64, fresh: bool, state: &mut State, sums: &mut [f64]) {
        sums.fill(0.0);
        match (state, &self.design) {
            (State::Groups { chosen, stream, rows }, Design::Groups(strata)) => match choice {
                Choice::All => {
                    if fresh {
                        unrank(strata, r, chosen);
                    } else {
                        advance(strata, chosen);
                    }
                    for ((all, _), chosen) in strata.iter().zip(chosen) {
                        chosen.iter().for_each(|c| self.add(all[*c as usize] as usize, 1.0, sums));
                    }
                }
                Choice::Random(seed) => {
                    stream.reset(Key { seed, replicate: r, attempt: 0 });
                    for (all, m) in strata {
                        rows.clear();
                        rows.extend_from_slice(all);
                        for j in 0..*m {
                            let other = j + stream.one_below((all.len() - j) as u32) as usize;
                            rows.swap(j, other);
                            self.add(rows[j] as usize, 1.0, sums);
                        }
                    }
                }
            },
            (State::Signs { stream }, _) => {
                let mut bits = r;
                if let Choice::Random(seed) = choice {
                    stream.reset(Key { seed, replicate: r, attempt: 0 });
                }
                for i in 0..self.n() {
                    if i % 64 == 0 && choice != Choice::All {
                        bits = stream.word();
                    }
                    self.add(i, if bits >> (i % 64) & 1 == 0 { 1.0 } else { -1.0 }, sums);
                }
            }
            _ => {}
        }
    }

    /// Looks at permutations `from..to`, or as many of the first as are begun before
    /// the deadline.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn run(
        &self,
        choice: Choice,
        from: u64,
        to: u64,
        threads: NonZeroUsize,
        deadline: Option<Instant>,
    ) -> Result<Counts, String> {
        const BATCH: u64 = 1024;
        let k = self.columns;
        let observed = self.observed();
        let totals = self.totals();
        let size = if self.studentize {
            1.0
        } else {
            self.x.iter().fold(0.0, |a: f64, x| a.max(x.abs()))
        };
        let bound: Vec<f64> = observed
            .iter()
            .map(|t| match self.tail {
                Tail::Both => t.abs(),
                Tail::Greater => *t,
                Tail::Less => -t,
            })
            .map(|t| t - TIES * (t.abs() + size))
            .collect();
        let shared = Mutex::new((
            from,
            Counts { done: 0, single: vec![0; k], maximal: vec![0; k] },
        ));
        on_threads(threads, || {
            let mut state = self.state();
            let (mut sums, mut t) = (vec![0.0; 2 * k], vec![0.0; k]);
            let (mut single, mut maximal, mut done) = (vec![0u64; k], vec![0u64; k], 0);
            loop {
                let first = {
                    let mut shared = shared.lock().unwrap_or_else(|e| e.into_inner());
                    let first = shared.0;
                    let late = first > from && deadline.is_some_and(|d| Instant::now() >= d);
                    if first >= to || late {
                        break;
                    }
                    shared.0 = (first + BATCH).min(to);
                    first
                };
                for r in first..(first + BATCH).min(to) {
                    self.sums(choice, r, r == first, &mut state, &mut sums);
                    self.statistics(&sums, &totals, &mut t);
                    let mut most = f64::NEG_INFINITY;
                    for (j, t) in t.iter().enumerate() {
                        let t = match self.tail {
                            Tail::Both => t.abs(),
                            Tail::Greater => *t,
                            Tail::Less => -t,
                        };
                        most = most.max(t);
                        single[j] += u64::from(t >= bound[j]);
                    }
                    for (count, bound) in maximal.iter_mut().zip(&bound) {
                        *count += u64::from(most >= *bound);
                    }
                    done += 1;
                }
            }
            let mut shared = shared.lock().unwrap_or_else(|e| e.into_inner());
            shared.1.done += done;
            for j in 0..k {
                shared.1.single[j] += single[j];
                shared.1.maximal[j] += maximal[j];
            }
        })?;
        Ok(shared.into_inner().unwrap_or_else(|e| e.into_inner()).1)
    }
}

fn choose(n: usize, m: usize) -> f64 {
    let m = m.min(n - m);
    (0..m).fold(1.0, |c: f64, i| (c * (n - i) as f64 / (i + 1) as f64).round())
}

/// Combination number `r` in lexicographic order, the last stratum running fastest.
fn unrank(strata: &[(Vec<u32>, usize)], mut r: u64, chosen: &mut [Vec<u32>]) {
    for ((rows, m), chosen) in strata.iter().zip(chosen).rev() {
        let count = choose(rows.len(), *m) as u64;
        let mut rank = r % count;
        r /= count;
        let mut next = 0;
        for (at, c) in chosen.iter_mut().enumerate() {
            loop {
                let with = choose(rows.len() - next - 1, m - at - 1) as u64;
                if rank < with {
                    break;
                }
                rank -= with;
                next += 1;
            }
            *c = next as u32;
            next += 1;
        }
    }
}

fn advance(strata: &[(Vec<u32>, usize)], chosen: &mut [Vec<u32>]) {
    for ((rows, m), chosen) in strata.iter().zip(chosen).rev() {
        let last = rows.len() - m;
        if let Some(at) = (0..*m).rev().find(|at| (chosen[*at] as usize) < last + at) {
            let first = chosen[at] + 1;
            for (step, c) in chosen[at..].iter_mut().enumerate() {
                *c = first + step as u32;
            }
            return;
        }
        chosen.iter_mut().enumerate().for_each(|(i, c)| *c = i as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumeration_visits_every_choice_once() {
        let strata = vec![((0..5).collect(), 2), (vec![7, 8, 9], 1), (vec![5, 6], 2)];
        let mut chosen: Vec<Vec<u32>> = vec![vec![0; 2], vec![0; 1], vec![0; 2]];
        let mut step = chosen.clone();
        let mut seen = Vec::new();
        for r in 0..30 {
            unrank(&strata, r, &mut chosen);
            if r == 0 {
                step.clone_from(&chosen);
            } else {
                advance(&strata, &mut step);
            }
            assert_eq!(step, chosen);
            assert!(!seen.contains(&chosen));
            seen.push(chosen.clone());
        }
    }
}
