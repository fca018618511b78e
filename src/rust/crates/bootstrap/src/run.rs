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
