//! Resampling schemes: what a replicate is made of.

mod resample;

pub use resample::{Ask, Resample};

use crate::math;
use crate::shuffle::Shuffle;
use crate::stream::{mix, Key, Stream};

/// How many indices are handed over at a time.
pub(crate) const CHUNK: usize = 512;
/// A size of resamples up to which they get a smaller chunk.
const SHORT: usize = 128;

/// How the observations of a replicate are chosen.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `size` observations with replacement; in every stratum as many as it has.
    Ordinary {
        /// Size of a resample; only without strata another number than n.
        size: usize,
    },
    /// As many as there are, with unequal probabilities.
    Weighted {
        /// One table per stratum, over its rows.
        tables: Vec<Alias>,
    },
    /// Every observation as often as there are replicates, over all of them
    /// (Davison, Hinkley & Schechtman 1986, Biometrika 73, 555-566).
    Balanced {
        /// Their number.
        replicates: u64,
    },
    /// Replicates in pairs; the second has the mirror images of the first (Hall
    /// 1989, Biometrika 76, 713-724).
    Antithetic {
        /// The mirror image of each observation.
        mirror: Vec<u32>,
    },
    /// A permutation, within strata.
    Permutation,
    /// Blocks of a series (Kuensch 1989; Politis & Romano 1992, 1994).
    Blocks {
        /// Length of a block, on average if it is random.
        length: usize,
        /// How blocks are laid.
        rule: Blocks,
    },
    /// Whole clusters, as many as there are.
    Clusters {
        /// Rows of each cluster.
        members: Vec<Vec<u32>>,
    },
    /// Clusters in two ways, drawn independently: an observation counts as often as
    /// the product says (pigeonhole bootstrap: Owen 2007, Annals of Applied
    /// Statistics 1, 386-411).
    Crossed {
        /// Cluster of each row, in the first way.
        first: Vec<u32>,
        /// In the second.
        second: Vec<u32>,
        /// Number of clusters in each way.
        sizes: [u32; 2],
    },
    /// Weights proportional to exponential numbers, summing to n (Rubin 1981,
    /// Annals of Statistics 9, 130-134).
    Exponential {
        /// Which cluster each observation is in and how many there are: a number for each.
        cluster: Option<(Vec<u32>, usize)>,
    },
    /// Weights `G - 1`, `G` gamma with shape 4 and mean 2, scaled to sum to n: mean,
    /// variance and third central moment are 1 (Liu 1988, Annals of Statistics 16,
    /// 1696-1708). Some are negative.
    Gamma {
        /// As for exponential numbers.
        cluster: Option<(Vec<u32>, usize)>,
    },
    /// Independent Poisson counts of mean 1.
    Poisson,
    /// Indices that somebody else drew, one row of `n` per replicate, from 0.
    Given {
        /// Row after row.
        indices: Vec<u32>,
    },
    /// Signs or other multipliers for residuals (Wu 1986; Liu 1988), one per
    /// cluster.
    Wild {
        /// Their law.
        law: Wild,
        /// Cluster of each row and number of clusters.
        cluster: Option<(Vec<u32>, usize)>,
    },
}

/// Rules for blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Starts anywhere where the block fits.
    Moving,
    /// Starts anywhere, and goes on at the beginning.
    Circular,
    /// Circular, of geometric length.
    Stationary,
}

impl Blocks {
    /// The rule that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "fixed" => Self::Moving,
            "circular" => Self::Circular,
            "geom" => Self::Stationary,
            _ => return None,
        })
    }
}

/// Laws of multipliers with mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wild {
    /// -1 or 1.
    Rademacher,
    /// Two points with third moment 1 (Mammen 1993, Annals of Statistics 21, 255-285).
    Mammen,
    /// Six points (Webb 2014).
    Webb,
    /// Standard normal.
    Normal,
}

/// What a scheme gives for a replicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Indices in order.
    Indices,
    /// How often each observation counts.
    Frequencies,
    /// Real weights.
    Weights,
    /// Multipliers of residuals.
    Multipliers,
}

/// Walker's alias table, as Vose (1991) builds it.
#[derive(Clone, Debug)]
pub struct Alias {
    keep: Vec<f64>,
    other: Vec<u32>,
}

impl Alias {
    /// For probabilities proportional to `weights`: not negative, with a positive
    /// sum.
    #[must_use]
    pub fn new(weights: &[f64]) -> Self {
        let n = weights.len();
        let total: f64 = weights.iter().sum();
        let mut keep: Vec<f64> = weights.iter().map(|w| w / total * n as f64).collect();
        let mut other: Vec<u32> = (0..n as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| keep[*i] < 1.0);
        while let (Some(s), Some(l)) = (small.pop(), large.last().copied()) {
            other[s] = l as u32;
            keep[l] -= 1.0 - keep[s];
            if keep[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        // Rounding may leave some entries unpaired. An entry of weight 0 is among them only
        // when there was no other entry left to pair it with.
        for i in large.into_iter().chain(small) {
            keep[i] = 1.0;
        }
        Self { keep, other }
    }

    fn draw(&self, stream: &mut Stream) -> u32 {
        let i = stream.one_below(self.keep.len() as u32);
        if stream.uniform() < self.keep[i as usize] {
            i
        } else {
            self.other[i as usize]
        }
    }
}

/// A scheme on `n` observations.
#[derive(Clone, Debug)]
pub struct Scheme {
    n: usize,
    seed: u64,
    kind: Kind,
    /// Rows of each stratum; empty: one stratum, in order.
    strata: Vec<Vec<u32>>,
}

impl Scheme {
    /// `strata`: rows of each stratum, a partition of `0..n` or nothing.
    #[must_use]
    pub fn new(n: usize, seed: u64, kind: Kind, strata: Vec<Vec<u32>>) -> Self {
        Self {
            n,
            seed,
            kind,
            strata,
        }
    }

    /// Number of observations.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What it gives.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.kind {
            Kind::Clusters { .. } | Kind::Crossed { .. } | Kind::Poisson => Form::Frequencies,
            Kind::Exponential { .. } | Kind::Gamma { .. } => Form::Weights,
            Kind::Wild { .. } => Form::Multipliers,
            _ => Form::Indices,
        }
    }

    /// Number of indices of a replicate.
    #[must_use]
    pub fn resample_size(&self) -> usize {
        match self.kind {
            Kind::Ordinary { size } => size,
            _ => self.n,
        }
    }

    fn start(&self, stream: &mut Stream, replicate: u64, attempt: u32) {
        let replicate = match self.kind {
            Kind::Antithetic { .. } => replicate / 2,
            _ => replicate,
        };
        stream.reset(Key {
            seed: self.seed,
            replicate,
            attempt,
        });
    }

    /// Hands the indices of a replicate to `sink`, at most [`CHUNK`] at a time; with
    /// strata those of the first, then those of the second, and so on.
    ///
    /// # Panics
    ///
    /// If the scheme gives no indices.
    pub fn indices(
        &self,
        stream: &mut Stream,
        replicate: u64,
        attempt: u32,
        mut sink: impl FnMut(&[u32]),
    ) {
        if self.draws_alone() {
            return self.drawn_alone([stream], replicate, attempt, |[chunk]| sink(chunk));
        }
        self.start(stream, replicate, attempt);
        match &self.kind {
            Kind::Given { indices } => {
                let row = replicate as usize * self.n;
                indices[row..row + self.n].chunks(CHUNK).for_each(sink);
            }
            Kind::Permutation => {
                let whole: Vec<u32>;
                let one;
                let strata = if self.strata.is_empty() {
                    whole = (0..self.n as u32).collect();
                    one = [whole];
                    &one[..]
                } else {
                    &self.strata
                };
                for rows in strata {
                    let mut rows = rows.clone();
                    for last in (1..rows.len()).rev() {
                        rows.swap(last, stream.one_below(last as u32 + 1) as usize);
                    }
                    rows.chunks(CHUNK).for_each(&mut sink);
                }
            }
            Kind::Blocks { length, rule } => self.blocks(stream, *length, *rule, sink),
            _ => {
                if self.strata.is_empty() {
                    self.stratum(stream, replicate, 0, self.n, None, &mut sink);
                }
                for (s, rows) in self.strata.iter().enumerate() {
                    self.stratum(stream, replicate, s, rows.len(), Some(rows), &mut sink);
                }
            }
        }
    }

    fn stratum(
        &self,
        stream: &mut Stream,
        replicate: u64,
        s: usize,
        size: usize,
        rows: Option<&[u32]>,
        sink: &mut impl FnMut(&[u32]),
    ) {
        let shuffle = match self.kind {
            Kind::Balanced { replicates } => Some(Shuffle::new(
                replicates * size as u64,
                mix(self.seed ^ 0xba1a).wrapping_add(s as u64),
            )),
            _ => None,
        };
        let mut buffer = [0; CHUNK];
        let mut done = 0;
        while done < size {
            let out = &mut buffer[..(size - done).min(CHUNK)];
            match &self.kind {
                Kind::Weighted { tables } => {
                    out.iter_mut().for_each(|i| *i = tables[s].draw(stream));
                }
                Kind::Balanced { .. } => {
                    let first = replicate * size as u64 + done as u64;
                    for (j, i) in out.iter_mut().enumerate() {
                        let place = shuffle.map_or(0, |p| p.at(first + j as u64));
                        *i = (place % size as u64) as u32;
                    }
                }
                Kind::Ordinary { .. } | Kind::Antithetic { .. } => {
                    stream.below(size as u32, out);
                }
                _ => panic!("this scheme gives no indices"),
            }
            if let Some(rows) = rows {
                out.iter_mut().for_each(|i| *i = rows[*i as usize]);
            }
            if let (Kind::Antithetic { mirror }, 1) = (&self.kind, replicate % 2) {
                out.iter_mut().for_each(|i| *i = mirror[*i as usize]);
            }
            sink(out);
            done += out.len();
        }
    }

    fn blocks(
        &self,
        stream: &mut Stream,
        length: usize,
        rule: Blocks,
        mut sink: impl FnMut(&[u32]),
    ) {
        let n = self.n;
        let starts = if rule == Blocks::Moving {
            n - length + 1
        } else {
            n
        };
        let stay = 1.0 - 1.0 / length as f64;
        let mut buffer = [0; CHUNK];
        let mut filled = 0;
        let mut left = n;
        while left > 0 {
            let start = stream.one_below(starts as u32) as usize;
            let mut len = length.min(left);
            if rule == Blocks::Stationary {
                len = 1;
                while len < left && stream.uniform() < stay {
                    len += 1;
                }
            }
            for step in 0..len {
                buffer[filled] = ((start + step) % n) as u32;
                filled += 1;
                if filled == CHUNK {
                    sink(&buffer);
                    filled = 0;
                }
            }
            left -= len;
        }
        sink(&buffer[..filled]);
    }

    /// How often each observation counts in a replicate.
    ///
    /// # Panics
    ///
    /// If the scheme gives no frequencies, or `out` is not as long as the data.
    pub fn frequencies(&self, stream: &mut Stream, replicate: u64, attempt: u32, out: &mut [u32]) {
        out.fill(0);
        match &self.kind {
            Kind::Clusters { members } => {
                self.start(stream, replicate, attempt);
                for _ in 0..members.len() {
                    let g = stream.one_below(members.len() as u32) as usize;
                    members[g].iter().for_each(|i| out[*i as usize] += 1);
                }
            }
            Kind::Crossed {
                first,
                second,
                sizes,
            } => {
                self.start(stream, replicate, attempt);
                let [a, b] = sizes.map(|size| {
                    let mut drawn = vec![0; size as usize];
                    stream.below(size, &mut drawn);
                    let mut counts = vec![0u32; size as usize];
                    drawn.iter().for_each(|g| counts[*g as usize] += 1);
                    counts
                });
                for ((count, f), s) in out.iter_mut().zip(first).zip(second) {
                    *count = a[*f as usize] * b[*s as usize];
                }
            }
            Kind::Poisson => {
                self.start(stream, replicate, attempt);
                out.iter_mut()
                    .for_each(|count| *count = poisson(stream.word()));
            }
            _ => self.indices(stream, replicate, attempt, |chunk| {
                chunk.iter().for_each(|i| out[*i as usize] += 1);
            }),
        }
    }

    /// The weights of a replicate; frequencies if that is what the scheme gives.
    ///
    /// # Panics
    ///
    /// As [`frequencies`](Self::frequencies).
    pub fn weights(
        &self,
        stream: &mut Stream,
        replicate: u64,
        attempt: u32,
        counts: &mut Vec<u32>,
        out: &mut [f64],
    ) {
        match &self.kind {
            Kind::Exponential { cluster } => {
                self.start(stream, replicate, attempt);
                self.shared(cluster.as_ref(), out, |numbers| stream.exponential(numbers));
            }
            Kind::Gamma { cluster } => {
                self.start(stream, replicate, attempt);
                self.shared(cluster.as_ref(), out, |numbers| {
                    for w in numbers {
                        let product: f64 = (0..4).map(|_| stream.uniform()).product();
                        *w = -0.5 * math::ln(product) - 1.0;
                    }
                });
            }
            _ => {
                counts.resize(self.n, 0);
                self.frequencies(stream, replicate, attempt, counts);
                for (w, count) in out.iter_mut().zip(counts.iter()) {
                    *w = f64::from(*count);
                }
            }
        }
    }

    /// Numbers of observations, or of their clusters, scaled to sum to n.
    fn shared(
        &self,
        cluster: Option<&(Vec<u32>, usize)>,
        out: &mut [f64],
        draw: impl FnOnce(&mut [f64]),
    ) {
        match cluster {
            None => draw(out),
            Some((ids, count)) => {
                let mut drawn = vec![0.0; *count];
                draw(&mut drawn);
                for (w, g) in out.iter_mut().zip(ids) {
                    *w = drawn[*g as usize];
                }
            }
        }
        let scale = self.n as f64 / out.iter().sum::<f64>();
        out.iter_mut().for_each(|w| *w *= scale);
    }

    /// The multipliers of the residuals in a replicate.
    ///
    /// # Panics
    ///
    /// If the scheme is not a wild one.
    pub fn multipliers(&self, stream: &mut Stream, replicate: u64, attempt: u32, out: &mut [f64]) {
        let Kind::Wild { law, cluster } = &self.kind else {
            panic!("this scheme gives no multipliers")
        };
        self.start(stream, replicate, attempt);
        match cluster {
            None => out.iter_mut().for_each(|v| *v = law.draw(stream)),
            Some((ids, count)) => {
                let drawn: Vec<f64> = (0..*count).map(|_| law.draw(stream)).collect();
                for (v, g) in out.iter_mut().zip(ids) {
                    *v = drawn[*g as usize];
                }
            }
        }
    }
}

impl Wild {
    /// The law that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rademacher" => Self::Rademacher,
            "mammen" => Self::Mammen,
            "webb" => Self::Webb,
            "norm" => Self::Normal,
            _ => return None,
        })
    }

    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Wild::Rademacher => {
                if stream.word() >> 63 == 0 {
                    1.0
                } else {
                    -1.0
                }
            }
            Wild::Mammen => {
                let root = 5f64.sqrt();
                if stream.uniform() < (root + 1.0) / (2.0 * root) {
                    (1.0 - root) / 2.0
                } else {
                    (1.0 + root) / 2.0
                }
            }
            Wild::Webb => {
                const SQUARES: [f64; 3] = [0.5, 1.0, 1.5];
                let point = stream.one_below(6) as usize;
                let size = SQUARES[point / 2].sqrt();
                if point % 2 == 0 {
                    size
                } else {
                    -size
                }
            }
            Wild::Normal => stream.normal(),
        }
    }
}

/// A Poisson number of mean 1 by inversion of 64 bits.
fn poisson(word: u64) -> u32 {
    // P(X <= k) for k = 0, 1, ...
    const UNIT: f64 = 18_446_744_073_709_551_616.0;
    let u = word as f64 / UNIT;
    let mut term = (-1f64).exp();
    let mut below = term;
    let mut k = 0;
    while u >= below && k < 25 {
        k += 1;
        term /= f64::from(k);
        below += term;
    }
    k
}

#[cfg(test)]
mod tests;
