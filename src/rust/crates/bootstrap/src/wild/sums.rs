//! Sums of observations by cluster.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use rustle_threads::blocks::{run_each, Slice};

/// For each column of `x` (`n` numbers each), each column m of `factors` and each group g, the
/// sum of `x * m` over the rows of the group. `group` has a number below `groups` for each
/// row. The result has columns of `groups` numbers, those of `factors` within those of `x`.
#[must_use]
pub fn by_group(
    x: &[f64],
    factors: &[f64],
    group: &[u32],
    groups: usize,
    threads: NonZeroUsize,
) -> Vec<f64> {
    let n = group.len();
    if n == 0 || groups == 0 {
        return Vec::new();
    }
    let count = factors.len() / n;
    let mut out = vec![0.0; x.len() / n * count * groups];
    let until = Instant::now() + Duration::from_secs(3600);
    let columns = x.chunks_exact(n).zip(out.chunks_exact_mut(count * groups));
    run_each(
        Slice { threads, until },
        columns,
        || (),
        |(), (x, out)| {
            for (factor, out) in factors.chunks_exact(n).zip(out.chunks_exact_mut(groups)) {
                for ((x, factor), g) in x.iter().zip(factor).zip(group) {
                    out[*g as usize] += x * factor;
                }
            }
        },
    );
    out
}
