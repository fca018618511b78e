//! The seed of a stream.

use std::fmt;

use crate::jump::{M1, M2, STREAM, SUBSTREAM};

/// The state of the generator: where a stream starts, or how far it has come.
///
/// The first three words are below 4294967087 and not all 0, the last three below
/// 4294944443 and not all 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub(crate) [u32; 6]);

/// Why words are not a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedError {
    /// A seed has six words.
    Length {
        /// Number of words given.
        len: usize,
    },
    /// A word, read as unsigned, is not below its modulus.
    TooLarge {
        /// Index of the word, from 0.
        index: usize,
        /// The word.
        word: u32,
        /// What it must be below.
        modulus: u32,
    },
    /// Three words that belong together are all 0: the generator would give nothing
    /// but zeros there.
    Zeros {
        /// Index of the first of them: 0 or 3.
        index: usize,
    },
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => write!(f, "a seed has 6 words, not {len}"),
            Self::TooLarge {
                index,
                word,
                modulus,
            } => write!(f, "word {index} of the seed is {word}, not below {modulus}"),
            Self::Zeros { index } => {
                write!(
                    f,
                    "words {index} to {} of the seed must not all be 0",
                    index + 2
                )
            }
        }
    }
}

impl std::error::Error for SeedError {}

impl Seed {
    /// The seed with the words of R's `.Random.seed[2:7]`, signed as R holds them
    /// (`NA` is a valid word).
    ///
    /// # Errors
    ///
    /// Fails unless the words are six, below their moduli, and neither the first
    /// nor the last three all 0.
    pub fn from_words(words: &[i32]) -> Result<Self, SeedError> {
        let len = words.len();
        let words: &[i32; 6] = words.try_into().map_err(|_| SeedError::Length { len })?;
        let state = words.map(|word| word as u32);
        for (index, &word) in state.iter().enumerate() {
            let modulus = if index < 3 { M1 } else { M2 } as u32;
            if word >= modulus {
                return Err(SeedError::TooLarge {
                    index,
                    word,
                    modulus,
                });
            }
        }
        for index in [0, 3] {
            if state[index..index + 3] == [0; 3] {
                return Err(SeedError::Zeros { index });
            }
        }
        Ok(Self(state))
    }

    /// The six words as R holds them in `.Random.seed[2:7]`.
    #[must_use]
    pub fn words(&self) -> [i32; 6] {
        self.0.map(|word| word as i32)
    }

    /// `parallel::nextRNGStream()`.
    #[must_use]
    pub fn next_stream(self) -> Self {
        self.jump_streams(1)
    }

    /// `parallel::nextRNGSubStream()`.
    #[must_use]
    pub fn next_substream(self) -> Self {
        self.jump_substreams(1)
    }

    /// [`next_stream`](Self::next_stream) `k` times, in at most 64 steps.
    #[must_use]
    pub fn jump_streams(self, k: u64) -> Self {
        Self(STREAM.ahead(self.0, k))
    }

    /// [`next_substream`](Self::next_substream) `k` times, in at most 64 steps.
    #[must_use]
    pub fn jump_substreams(self, k: u64) -> Self {
        Self(SUBSTREAM.ahead(self.0, k))
    }
}

#[cfg(test)]
pub(crate) mod tests;
