//! Quantiles of resamples of one ordering.
//!
//! Of small data the place of each draw in the order is kept, and draws up to a place are counted, which
//! vectors do many at a time, until that of the order statistic is found. Counts by place take a read and
//! a write of memory for each draw, which may have to wait for that of a draw before.

use pulp::{Arch, Simd, WithSimd};

use super::Scratch;
use crate::moments::FILLED;
use crate::scheme::{Form, Scheme};
use crate::sorted::{Scan, Sorted, Wanted};
use crate::stream::Stream;

/// Quantiles of one ordering, from frequencies in sorted order.
pub(super) fn quantiles(
    order: &Sorted,
    scans: &[(usize, Scan)],
    scheme: &Scheme,
    r: u64,
    attempt: u32,
    s: &mut Scratch,
    inputs: &mut [f64],
) {
    if scheme.form() == Form::Indices && scheme.resample_size() <= MOST {
        s.drawn.resize(scheme.resample_size(), 0);
        let replicate = Replicate {
            scheme,
            r,
            attempt,
            stream: &mut s.stream,
        };
        if replicate.keep(&s.short_places, &mut s.drawn) {
            let drawn = Drawn {
                places: &s.drawn,
                n: scheme.n(),
                arch: s.arch,
            };
            for (input, (_, scan)) in inputs.iter_mut().zip(scans) {
                if let Scan::Quantile { prob, kind } = scan {
                    *input = drawn.quantile(order, *prob, *kind);
                }
            }
            return;
        }
    }
    let places = s.places.as_deref().unwrap_or_default();
    s.sorted.resize(places.len(), 0);
    let total = sorted_counts(
        scheme,
        r,
        attempt,
        &mut s.stream,
        places,
        &mut s.counts,
        &mut s.sorted,
    );
    for (input, (_, scan)) in inputs.iter_mut().zip(scans) {
        if let Scan::Quantile { prob, kind } = scan {
            *input = Scan::quantile(order, *prob, *kind, total, &s.sorted);
        }
    }
}

/// Frequencies in sorted order, and their sum.
fn sorted_counts(
    scheme: &Scheme,
    r: u64,
    attempt: u32,
    stream: &mut Stream,
    places: &[u32],
    counts: &mut Vec<u32>,
    sorted: &mut [u32],
) -> u32 {
    if scheme.form() == Form::Indices {
        sorted.fill(0);
        scheme.indices(stream, r, attempt, |chunk| {
            let sorted = &mut *sorted;
            chunk
                .iter()
                .for_each(|i| sorted[places[*i as usize] as usize] += 1);
        });
        return scheme.resample_size() as u32;
    }
    counts.resize(scheme.n(), 0);
    scheme.frequencies(stream, r, attempt, counts);
    for (count, place) in counts.iter().zip(places) {
        sorted[*place as usize] = *count;
    }
    counts.iter().sum()
}

/// The largest resample of which draws can be counted in 16 bits.
const MOST: usize = u16::MAX as usize;

/// The places in the order that were drawn.
struct Drawn<'a> {
    places: &'a [u16],
    n: usize,
    arch: Arch,
}

impl Drawn<'_> {
    fn quantile(&self, order: &Sorted, prob: f64, kind: u8) -> f64 {
        let wanted = Wanted::new(self.places.len() as u32, prob, kind);
        let [first, second] = wanted.places.map(|place| place as usize);
        if self.places.is_empty() {
            return f64::NAN;
        }
        let (place, count) = self.select(first);
        wanted.of_order(order, place, || {
            if count >= second {
                return place;
            }
            let places = self.places;
            let place = place as u16;
            usize::from(self.arch.dispatch(NextAbove { places, place }))
        })
    }

    /// The first place up to which there are at least `wanted` draws, from 1 to as many as there are, and
    /// how many there are.
    fn select(&self, wanted: usize) -> (usize, usize) {
        /// So often a place is guessed from the number of draws up to another, of which there is one
        /// in `each` places on average; most often fewer will do.
        const GUESSES: usize = 12;
        let each = self.n as f64 / self.places.len() as f64;
        let mut low = -1;
        let mut high = self.n as isize - 1;
        let mut up_to_high = self.places.len();
        let mut guess = (wanted as f64 * each - 0.5) as isize;
        let mut guessed = 0;
        while high - low > 1 {
            let at = guess.clamp(low + 1, high - 1);
            let (places, place) = (self.places, at as u16);
            let count = usize::from(self.arch.dispatch(UpTo { places, place }));
            let enough = count >= wanted;
            if enough {
                (high, up_to_high) = (at, count);
            } else {
                low = at;
            }
            guessed += 1;
            guess = if guessed < GUESSES {
                let away = ((wanted as f64 - count as f64) * each) as isize;
                at + if enough { away.min(-1) } else { away.max(1) }
            } else {
                low + (high - low) / 2
            };
        }
        (high as usize, up_to_high)
    }
}

/// The number of draws up to a place, of at most [`MOST`].
struct UpTo<'a> {
    places: &'a [u16],
    place: u16,
}

impl WithSimd for UpTo<'_> {
    type Output = u16;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u16 {
        // A loop over indices: the compiler does not always inline iterators here.
        let (places, place) = (self.places, self.place);
        let mut count = 0u16;
        for k in 0..places.len() {
            count = count.wrapping_add(u16::from(places[k] <= place));
        }
        count
    }
}

/// The next place that was drawn.
struct NextAbove<'a> {
    places: &'a [u16],
    place: u16,
}

impl WithSimd for NextAbove<'_> {
    type Output = u16;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u16 {
        let (places, place) = (self.places, self.place);
        let mut next = u16::MAX;
        for k in 0..places.len() {
            next = next.min(if places[k] > place {
                places[k]
            } else {
                u16::MAX
            });
        }
        next
    }
}

/// A replicate to be drawn.
struct Replicate<'a> {
    scheme: &'a Scheme,
    r: u64,
    attempt: u32,
    stream: &'a mut Stream,
}

impl Replicate<'_> {
    /// The place of each draw, where the table of places is one of those that are filled up.
    fn keep(self, places: &[u16], drawn: &mut [u16]) -> bool {
        if let Ok(places) = places.try_into() {
            self.kept::<{ FILLED[0] }>(places, drawn);
        } else if let Ok(places) = places.try_into() {
            self.kept::<{ FILLED[1] }>(places, drawn);
        } else {
            return false;
        }
        true
    }

    fn kept<const N: usize>(self, places: &[u16; N], drawn: &mut [u16]) {
        let mut done = 0;
        self.scheme
            .indices(self.stream, self.r, self.attempt, |chunk| {
                for (place, i) in drawn[done..].iter_mut().zip(chunk) {
                    *place = places[*i as usize % N];
                }
                done += chunk.len();
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Key;

    #[test]
    fn order_statistics_of_draws_are_those_of_their_counts() {
        let mut stream = Stream::new(Key {
            seed: 1,
            replicate: 0,
            attempt: 0,
        });
        for n in [1usize, 2, 3, 10, 64, 1000] {
            let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
            let order = Sorted::new(&x, (0..n as u32).collect());
            for size in [1, 2, 5, n, 2 * n, 9000] {
                // Draws of the whole order, of one end of it, and of one place.
                for below in [n, n.div_ceil(10), 1] {
                    let mut places = vec![0; size];
                    stream.below(below as u32, &mut places);
                    let mut counts = vec![0; n];
                    places.iter().for_each(|place| counts[*place as usize] += 1);
                    let places: Vec<u16> = places.iter().map(|place| *place as u16).collect();
                    let drawn = Drawn {
                        places: &places,
                        n,
                        arch: Arch::new(),
                    };
                    for kind in 1..=9 {
                        for prob in [0.0, 0.03, 0.25, 0.5, 0.9, 1.0] {
                            let by_counts =
                                Scan::quantile(&order, prob, kind, size as u32, &counts);
                            assert_eq!(
                                drawn.quantile(&order, prob, kind),
                                by_counts,
                                "{n} {size} {below} {kind} {prob}"
                            );
                        }
                    }
                }
            }
        }
    }
}
