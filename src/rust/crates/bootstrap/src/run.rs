//! Replicates on threads.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Instant;

use rustle_threads::pool::on_threads;

use crate::models::Status;
use crate::scheme::Scheme;
use crate::statistic::{Scratch, Statistic};

/// Draws that are worth going to the queue for.
const GRAIN: usize = 30_000;

/// Values of consecutive replicates.
#[derive(Clone, Debug)]
pub struct Replicates {
    /// Row after row.
    pub t: Vec<f64>,
    /// One per replicate.
    pub status: Vec<Status>,
}

/// Computes replicates `from..to`, or as many of the first as are begun before
/// `deadline`, at least one batch. The bits depend on neither.
///
/// # Errors
///
/// When threads cannot be started.
pub fn run(
    statistic: &Statistic,
    scheme: &Scheme,
    from: u64,
    to: u64,
    attempt: u32,
    threads: NonZeroUsize,
    deadline: Option<Instant>,
) -> Result<Replicates, String> {
    let p = statistic.outputs();
    let count = (to - from) as usize;
    let together = statistic.together(scheme);
    let batch = (GRAIN / scheme.n().max(1))
        .next_multiple_of(together)
        .clamp(together, 4096);
    let mut t = vec![0.0; count * p];
    let mut status = vec![Status::Fine; count];
    let done = {
        let queue = t
            .chunks_mut(batch * p)
            .zip(status.chunks_mut(batch))
            .enumerate();
        let queue = Mutex::new((queue, 0));
        let work = || {
            let mut scratch = Scratch::new(statistic);
            loop {
                let next = {
                    // Nothing panics while the lock is held.
                    let mut queue = queue.lock().unwrap_or_else(|e| e.into_inner());
                    if queue.1 > 0 && deadline.is_some_and(|d| Instant::now() >= d) {
                        None
                    } else {
                        let next = queue.0.next();
                        queue.1 += next.as_ref().map_or(0, |(_, (_, s))| s.len());
                        next
                    }
                };
                let Some((k, (t, status))) = next else { break };
                let first = from + (k * batch) as u64;
                statistic.replicates(scheme, first, attempt, &mut scratch, t, status);
            }
        };
        on_threads(threads, count.div_ceil(batch), |_| work()).map_err(|e| e.to_string())?;
        queue.into_inner().unwrap_or_else(|e| e.into_inner()).1
    };
    t.truncate(done * p);
    status.truncate(done);
    Ok(Replicates { t, status })
}
