//! Laws of the weights, and how they are drawn.

use crate::stream::{Key, Stream};

/// Replicates that share a stream. 64: a word has one sign for each.
pub const BLOCK: usize = 64;

/// A law of mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// -1 and 1.
    Rademacher,
    /// Two points with third moment 1 (Mammen 1993).
    Mammen,
    /// Six points (Webb 2014).
    Webb,
    /// Standard normal.
    Normal,
    /// Gamma of shape 4 and scale 1/2, less 2: third moment 1.
    Gamma,
}

const ROOT5: f64 = 2.236_067_977_499_79;
const RADEMACHER: [f64; 2] = [-1.0, 1.0];
const MAMMEN: [f64; 2] = [(1.0 - ROOT5) / 2.0, (1.0 + ROOT5) / 2.0];
const ROOT_HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
const ROOT_ONE_AND_HALF: f64 = 1.224_744_871_391_589;
const WEBB: [f64; 6] = [
    -ROOT_ONE_AND_HALF,
    -1.0,
    -ROOT_HALF,
    ROOT_HALF,
    1.0,
    ROOT_ONE_AND_HALF,
];
/// The share of Mammen's lower point, (sqrt(5) + 1) / (2 sqrt(5)), of 2^64.
const MAMMEN_LOW: u64 = ((ROOT5 + 1.0) / (2.0 * ROOT5) * 18_446_744_073_709_551_616.0) as u64;

impl Law {
    /// The law that R calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rademacher" => Self::Rademacher,
            "mammen" => Self::Mammen,
            "webb" => Self::Webb,
            "normal" => Self::Normal,
            "gamma" => Self::Gamma,
            _ => return None,
        })
    }

    /// The points, of a discrete law.
    #[must_use]
    pub fn points(self) -> Option<&'static [f64]> {
        match self {
            Self::Rademacher => Some(&RADEMACHER),
            Self::Mammen => Some(&MAMMEN),
            Self::Webb => Some(&WEBB),
            Self::Normal | Self::Gamma => None,
        }
    }
}

/// Which weights are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Replicate r has the signs that are the binary digits of r. Of [`Law::Rademacher`],
    /// and less than 64 clusters.
    All,
    /// Independent ones from this seed.
    Random(u64),
}

/// Weights of some replicates.
#[derive(Debug)]
pub(super) struct Drawer {
    law: Law,
    choice: Choice,
    stream: Stream,
    words: Vec<u64>,
    small: Vec<u32>,
    /// By replicate: of a discrete law, numbers of points, those of `together` neighbouring
    /// clusters as the digits of one number, lowest first.
    digits: Vec<u8>,
    /// By replicate: weights of a continuous law.
    values: Vec<f64>,
    width: usize,
}

impl Drawer {
    pub(super) fn new(law: Law, choice: Choice) -> Self {
        let key = Key {
            seed: 0,
            replicate: 0,
            attempt: 0,
        };
        Self {
            law,
            choice,
            stream: Stream::new(key),
            words: Vec::new(),
            small: Vec::new(),
            digits: Vec::new(),
            values: Vec::new(),
            width: 0,
        }
    }

    /// Digits of replicate `r` (from 0) of those that were drawn.
    pub(super) fn digits(&self, r: usize) -> &[u8] {
        &self.digits[r * self.width..(r + 1) * self.width]
    }

    /// Weights of replicate `r` (from 0) of those that were drawn.
    pub(super) fn values(&self, r: usize) -> &[f64] {
        &self.values[r * self.width..(r + 1) * self.width]
    }

    /// Draws the weights of `clusters` clusters for `count` replicates from `first` on, the
    /// start of a block.
    pub(super) fn draw(&mut self, first: u64, count: usize, clusters: usize, together: usize) {
        let discrete = self.law.points().is_some();
        self.width = clusters.div_ceil(if discrete { together } else { 1 });
        self.digits.clear();
        self.values.clear();
        for block in 0..count.div_ceil(BLOCK) {
            let done = block * BLOCK;
            let now = (count - done).min(BLOCK);
            if let Choice::Random(seed) = self.choice {
                self.stream.reset(Key {
                    seed,
                    replicate: (first + done as u64) / BLOCK as u64,
                    attempt: 0,
                });
            }
            for r in 0..now {
                self.one(first + (done + r) as u64, clusters, together);
            }
        }
    }

    /// Draws the next replicate of the stream.
    #[inline(always)]
    fn one(&mut self, r: u64, clusters: usize, together: usize) {
        match self.law {
            Law::Rademacher => {
                self.words.clear();
                match self.choice {
                    Choice::All => self.words.push(r),
                    Choice::Random(_) => {
                        for _ in 0..clusters.div_ceil(64) {
                            self.words.push(self.stream.word());
                        }
                    }
                }
                self.pack(clusters, together);
            }
            Law::Mammen => {
                self.words.clear();
                self.words.resize(clusters.div_ceil(64), 0);
                for g in 0..clusters {
                    let high = u64::from(self.stream.word() >= MAMMEN_LOW);
                    self.words[g / 64] |= high << (g % 64);
                }
                self.pack(clusters, together);
            }
            Law::Webb => {
                self.small.resize(clusters, 0);
                self.stream.below(6, &mut self.small);
                for few in self.small.chunks(together) {
                    let digits = few.iter().rev().fold(0, |all, d| 6 * all + *d);
                    self.digits.push(digits as u8);
                }
            }
            Law::Normal => {
                for _ in 0..clusters {
                    self.values.push(self.stream.normal());
                }
            }
            Law::Gamma => {
                let mut four = [0.0; 4];
                for _ in 0..clusters {
                    self.stream.exponential(&mut four);
                    let sum = (four[0] + four[1]) + (four[2] + four[3]);
                    self.values.push(0.5 * sum - 2.0);
                }
            }
        }
    }

    /// Bits of the words, `together` at a time.
    #[inline(always)]
    fn pack(&mut self, clusters: usize, together: usize) {
        let mask = (1u64 << together) - 1;
        for at in (0..clusters).step_by(together) {
            let (word, shift) = (at / 64, at % 64);
            let mut bits = self.words[word] >> shift;
            if shift + together > 64 && word + 1 < self.words.len() {
                bits |= self.words[word + 1] << (64 - shift);
            }
            // Digits of clusters that there are not must be 0.
            let left = clusters - at;
            let mask = if left < together {
                (1 << left) - 1
            } else {
                mask
            };
            self.digits.push((bits & mask) as u8);
        }
    }
}
