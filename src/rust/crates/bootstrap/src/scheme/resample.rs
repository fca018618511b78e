//! What replicates are made of, for statistics that R computes.

use super::{Form, Scheme};
use crate::stream::{Key, Stream};

/// In which form R's statistic gets a replicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Indices, where the scheme has them; else each index as often as it counts.
    Indices,
    /// Frequencies.
    Frequencies,
    /// Weights as they are drawn.
    Weights,
    /// Multipliers of residuals.
    Multipliers,
}

/// A replicate that is handed over.
#[derive(Clone, Debug)]
pub enum Resample {
    /// Indices from 0, or frequencies.
    Whole(Vec<u32>),
    /// Weights or multipliers.
    Real(Vec<f64>),
}

impl Scheme {
    /// What replicate `replicate` is made of.
    ///
    /// # Panics
    ///
    /// When the scheme does not give what is asked for.
    #[must_use]
    pub fn resample(&self, ask: Ask, replicate: u64, attempt: u32) -> Resample {
        let mut stream = Stream::new(Key {
            seed: 0,
            replicate: 0,
            attempt: 0,
        });
        let (stream, n) = (&mut stream, self.n);
        match ask {
            Ask::Multipliers => {
                let mut out = vec![0.0; n];
                self.multipliers(stream, replicate, attempt, &mut out);
                Resample::Real(out)
            }
            Ask::Weights => {
                let mut out = vec![0.0; n];
                self.weights(stream, replicate, attempt, &mut Vec::new(), &mut out);
                Resample::Real(out)
            }
            Ask::Indices if self.form() == Form::Indices => {
                let mut out = Vec::with_capacity(self.resample_size());
                self.indices(stream, replicate, attempt, |chunk| {
                    out.extend_from_slice(chunk);
                });
                Resample::Whole(out)
            }
            Ask::Indices | Ask::Frequencies => {
                let mut counts = vec![0; n];
                self.frequencies(stream, replicate, attempt, &mut counts);
                if ask == Ask::Frequencies {
                    return Resample::Whole(counts);
                }
                let each = |(i, count)| std::iter::repeat_n(i as u32, count as usize);
                Resample::Whole(counts.into_iter().enumerate().flat_map(each).collect())
            }
        }
    }
}

/// Numbers below `n`, `LEN` at a time.
#[inline(always)]
pub(super) fn draw<const LEN: usize>(
    stream: &mut Stream,
    n: usize,
    size: usize,
    mut sink: impl FnMut(&[u32]),
) {
    let mut buffer = [0; LEN];
    let mut left = size;
    while left > 0 {
        let count = left.min(LEN);
        stream.below(n as u32, &mut buffer[..count]);
        sink(&buffer[..count]);
        left -= count;
    }
}
