//! Quantiles of resamples of one ordering.

use super::Scratch;
use crate::moments::FILLED;
use crate::scheme::{Form, Scheme};
use crate::sorted::{Scan, Sorted};
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
            *input = Scan::quantile(order, *prob, *kind, total, &s.sorted[..scheme.n()]);
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
        let count = Count {
            scheme,
            r,
            attempt,
            stream,
        };
        if let (Ok(places), Ok(sorted)) = (places.try_into(), (&mut *sorted).try_into()) {
            count.filled::<{ FILLED[0] }>(places, sorted);
        } else if let (Ok(places), Ok(sorted)) = (places.try_into(), (&mut *sorted).try_into()) {
            count.filled::<{ FILLED[1] }>(places, sorted);
        } else {
            let places = &places[..sorted.len()];
            scheme.indices(count.stream, r, attempt, |chunk| {
                let sorted = &mut *sorted;
                chunk
                    .iter()
                    .for_each(|i| sorted[places[*i as usize] as usize] += 1);
            });
        }
        return scheme.resample_size() as u32;
    }
    counts.resize(scheme.n(), 0);
    scheme.frequencies(stream, r, attempt, counts);
    for (count, place) in counts.iter().zip(places) {
        sorted[*place as usize] = *count;
    }
    counts.iter().sum()
}

struct Count<'a> {
    scheme: &'a Scheme,
    r: u64,
    attempt: u32,
    stream: &'a mut Stream,
}

impl Count<'_> {
    /// How often each place was drawn. Tables are filled up to a power of two, so that no index has
    /// to be compared.
    fn filled<const N: usize>(self, places: &[u32; N], sorted: &mut [u32; N]) {
        self.scheme
            .indices(self.stream, self.r, self.attempt, |chunk| {
                let sorted = &mut *sorted;
                chunk
                    .iter()
                    .for_each(|i| sorted[places[*i as usize % N] as usize % N] += 1);
            });
    }
}
