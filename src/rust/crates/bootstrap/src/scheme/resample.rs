//! What replicates are made of, for statistics that R computes.

use super::{Form, Kind, Scheme, CHUNK, SHORT};
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

impl Scheme {
    /// Do replicates need nothing but numbers below n, each from a stream of its own?
    pub(crate) fn draws_alone(&self) -> bool {
        matches!(self.kind, Kind::Ordinary { .. }) && self.strata.is_empty()
    }

    /// As [`indices`](Self::indices), those of the replicates after `first` together, of which each has a
    /// stream. Where these are more than one the scheme [draws them alone](Self::draws_alone).
    pub(crate) fn indices_together<const R: usize>(
        &self,
        mut streams: [&mut Stream; R],
        first: u64,
        attempt: u32,
        mut sink: impl FnMut([&[u32]; R]),
    ) {
        if let ([stream], false) = (&mut streams[..], self.draws_alone()) {
            self.indices(stream, first, attempt, |chunk| sink([chunk; R]));
        } else {
            self.drawn_alone(streams, first, attempt, sink);
        }
    }

    pub(super) fn drawn_alone<const R: usize>(
        &self,
        mut streams: [&mut Stream; R],
        first: u64,
        attempt: u32,
        sink: impl FnMut([&[u32]; R]),
    ) {
        for (r, stream) in streams.iter_mut().enumerate() {
            self.start(stream, first + r as u64, attempt);
        }
        let size = self.resample_size();
        // Zeros for a whole chunk cost as much as the draws of a short resample.
        if size <= SHORT {
            draw::<SHORT, R>(streams, self.n, size, sink);
        } else {
            draw::<CHUNK, R>(streams, self.n, size, sink);
        }
    }
}

/// Numbers below `n` from each stream, `LEN` at a time.
#[inline(always)]
fn draw<const LEN: usize, const R: usize>(
    mut streams: [&mut Stream; R],
    n: usize,
    size: usize,
    mut sink: impl FnMut([&[u32]; R]),
) {
    let mut buffers = [[0; LEN]; R];
    let mut left = size;
    while left > 0 {
        let count = left.min(LEN);
        for (stream, buffer) in streams.iter_mut().zip(&mut buffers) {
            stream.below(n as u32, &mut buffer[..count]);
        }
        sink(std::array::from_fn(|r| &buffers[r][..count]));
        left -= count;
    }
}
