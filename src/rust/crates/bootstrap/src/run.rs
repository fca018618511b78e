//! Replicates on threads, in slices of time.

use rustle_threads::blocks::{run_each, Slice};

use crate::models::Status;
use crate::scheme::Scheme;
use crate::statistic::{Scratch, Statistic};

/// Draws of one item of the queue: enough to make the price of taking an item small.
const GRAIN: usize = 30_000;

/// Values of a statistic, one row after another.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Row after row.
    pub t: Vec<f64>,
    /// One per row.
    pub status: Vec<Status>,
}

/// Computes replicates `from..to`, or as many of the first as are begun within the
/// slice, at least one batch. The bits depend on neither.
#[must_use]
pub fn run(
    statistic: &Statistic,
    scheme: &Scheme,
    from: u64,
    to: u64,
    attempt: u32,
    slice: Slice,
) -> Rows {
    let together = statistic.together(scheme);
    let batch = (GRAIN / scheme.n().max(1))
        .next_multiple_of(together)
        .clamp(together, 4096);
    let count = (to - from) as usize;
    rows(
        statistic,
        count,
        batch,
        slice,
        |scratch, first, t, status| {
            statistic.replicates(scheme, from + first as u64, attempt, scratch, t, status);
        },
    )
}

/// Rows `0..count` of a statistic, `batch` at a time, or as many of the first as are begun
/// within the slice: `fill(scratch, first, t, status)` computes those from `first` on.
pub(crate) fn rows(
    statistic: &Statistic,
    count: usize,
    batch: usize,
    slice: Slice,
    fill: impl Fn(&mut Scratch, usize, &mut [f64], &mut [Status]) + Sync,
) -> Rows {
    let p = statistic.outputs();
    let mut t = vec![0.0; count * p];
    let mut status = vec![Status::Fine; count];
    let batches = t.chunks_mut(batch * p).zip(status.chunks_mut(batch));
    let scratch = || Scratch::new(statistic);
    let begun = run_each(
        slice,
        batches.enumerate(),
        scratch,
        |scratch, (k, (t, status))| {
            fill(scratch, k * batch, t, status);
        },
    );
    let done = count.min(begun * batch);
    t.truncate(done * p);
    status.truncate(done);
    Rows { t, status }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::models::{Basis, Linear};
    use crate::moments::Columns;
    use crate::program::Program;
    use crate::scheme::Kind;
    use crate::statistic::Source;

    const N: usize = 50;

    fn all(statistic: &Statistic, scheme: &Scheme, to: u64, threads: usize) -> Vec<f64> {
        let threads = NonZeroUsize::new(threads).expect("a thread");
        let mut out = Vec::new();
        let mut done = 0;
        while done < to {
            let rows = run(statistic, scheme, done, to, 0, Slice::new(threads));
            done += rows.status.len() as u64;
            out.extend(rows.t);
        }
        out
    }

    fn numbers(columns: usize) -> Vec<f64> {
        (0..N * columns).map(|i| (i as f64 * 0.7).sin()).collect()
    }

    fn sums(columns: usize) -> Statistic {
        Statistic {
            source: Source::Sums(Columns::new(&numbers(columns), N, columns)),
            program: Program::identity(columns + 1),
        }
    }

    /// Few columns are gathered draw by draw, many are multiplied with counts.
    #[test]
    fn sums_are_those_of_the_drawn_rows() {
        let kinds = [
            Kind::Ordinary { size: N },
            Kind::Ordinary { size: 300 },
            Kind::Poisson,
        ];
        for kind in kinds {
            let scheme = Scheme::new(N, 3, kind, Vec::new());
            for columns in [1, 3, 8, 9, 13] {
                let z = numbers(columns);
                let t = all(&sums(columns), &scheme, 20, 1);
                for (r, row) in t.chunks_exact(columns + 1).enumerate() {
                    let mut counts = vec![0; N];
                    let mut stream = crate::stream::Stream::new(crate::stream::Key {
                        seed: 3,
                        replicate: r as u64,
                        attempt: 0,
                    });
                    scheme.frequencies(&mut stream, r as u64, 0, &mut counts);
                    for (k, sum) in row[..columns].iter().enumerate() {
                        let product = |i: usize| f64::from(counts[i]) * z[k * N + i];
                        let expected: f64 = (0..N).map(product).sum();
                        assert!((sum - expected).abs() < 1e-12 * 300.0, "{columns} {r} {k}");
                    }
                    let total: u32 = counts.iter().sum();
                    assert_eq!(row[columns], f64::from(total));
                }
            }
        }
    }

    #[test]
    fn bits_depend_neither_on_threads_nor_on_the_number_of_replicates() {
        let q = vec![1.0 / (N as f64).sqrt(); N];
        let line = Linear::new(Basis::new(&q, vec![0.0], &[q[0]]), numbers(1));
        let line = Statistic {
            source: Source::linear(line),
            program: Program::identity(1),
        };
        let scheme = Scheme::new(N, 3, Kind::Ordinary { size: N }, Vec::new());
        for statistic in [sums(2), sums(9), line] {
            let t = all(&statistic, &scheme, 3001, 1);
            assert_eq!(t, all(&statistic, &scheme, 3001, 2));
            let few = all(&statistic, &scheme, 77, 2);
            assert_eq!(t[..few.len()], few);
        }
    }
}
