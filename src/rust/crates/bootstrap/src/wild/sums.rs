//! Sums of observations by cluster, and products of a design with few vectors.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};
use rustle_threads::blocks::{run_each, Slice};

/// Long enough for any data: what is begun is finished.
fn all(threads: NonZeroUsize) -> Slice {
    let until = Instant::now() + Duration::from_secs(3600);
    Slice { threads, until }
}

/// For each column x (`n` numbers), each column m of `factors` and each group g, the sum of
/// `x * m` over the rows of the group. `group` has a number below `groups` for each row. The
/// result has columns of `groups` numbers, those of `factors` within those of x.
#[must_use]
pub fn by_group(
    x: &[&[f64]],
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
    let mut out = vec![0.0; x.len() * count * groups];
    let columns = x.iter().zip(out.chunks_exact_mut(count * groups));
    run_each(
        all(threads),
        columns,
        || vec![[0.0; 2]; groups],
        |two, (x, out)| {
            let factors = factors.chunks(2 * n);
            for (factors, out) in factors.zip(out.chunks_mut(2 * groups)) {
                if factors.len() == n {
                    for ((x, factor), g) in x.iter().zip(factors).zip(group) {
                        out[*g as usize] += x * factor;
                    }
                    continue;
                }
                // Sums of two factors side by side: one look at x and at the group for both.
                let (first, second) = factors.split_at(n);
                two.fill([0.0; 2]);
                for (((x, a), b), g) in x.iter().zip(first).zip(second).zip(group) {
                    let sums = &mut two[*g as usize];
                    *sums = [sums[0] + x * a, sums[1] + x * b];
                }
                let (out, other) = out.split_at_mut(groups);
                for ((out, other), sums) in out.iter_mut().zip(other).zip(two.iter()) {
                    [*out, *other] = *sums;
                }
            }
        },
    );
    out
}

/// Rows that stay in the first cache while all columns are added to them.
const ROWS: usize = 2048;

/// The product of the design with columns `x` and of a matrix `by`, a column of `x.len()`
/// numbers for each of the result. Products are added in the order of the columns.
///
/// # Panics
///
/// When the columns are not of `n` numbers.
#[must_use]
pub fn product(x: &[&[f64]], by: &[f64], n: usize, threads: NonZeroUsize) -> Vec<f64> {
    assert!(x.iter().all(|x| x.len() == n));
    let (k, q) = (x.len().max(1), by.len() / x.len().max(1));
    let mut out = vec![0.0; n * q];
    if n == 0 || q == 0 {
        return out;
    }
    // Blocks of rows of one column of the result.
    let blocks = out
        .chunks_exact_mut(n)
        .zip(by.chunks_exact(k))
        .flat_map(|(out, by)| {
            let blocks = out.chunks_mut(ROWS).enumerate();
            blocks.map(move |(block, out)| (block * ROWS, out, by))
        });
    let arch = Arch::new();
    run_each(
        all(threads),
        blocks,
        || (),
        |(), (first, out, by)| arch.dispatch(Add { x, by, first, out }),
    );
    out
}

/// Adds multiples of the columns, from the row `first` on.
struct Add<'a> {
    x: &'a [&'a [f64]],
    by: &'a [f64],
    first: usize,
    out: &'a mut [f64],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let len = self.out.len();
        let out = &mut self.out[..len];
        for (x, by) in self.x.iter().zip(self.by) {
            let x = &x[self.first..self.first + len];
            for i in 0..len {
                out[i] += by * x[i];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, by: f64) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * by).sin()).collect()
    }

    #[test]
    fn sums_by_group_are_those_of_one_factor_at_a_time() {
        let n = 501;
        let (a, b) = (numbers(n, 0.3), numbers(n, 0.7));
        let group: Vec<u32> = (0..n).map(|i| (i * 7 % 5) as u32).collect();
        for count in 1..=3 {
            let factors = numbers(n * count, 1.1);
            for threads in [1, 2] {
                let threads = NonZeroUsize::new(threads).expect("a thread");
                let sums = by_group(&[&a, &b], &factors, &group, 5, threads);
                for (j, x) in [&a, &b].into_iter().enumerate() {
                    for m in 0..count {
                        let mut expected = [0.0; 5];
                        for i in 0..n {
                            expected[group[i] as usize] += x[i] * factors[m * n + i];
                        }
                        let at = (j * count + m) * 5;
                        assert_eq!(sums[at..at + 5], expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_product_adds_columns_in_order() {
        let n = 3 * ROWS + 5;
        let x = [numbers(n, 0.3), numbers(n, 0.7), numbers(n, 0.9)];
        let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let by = [1.5, -0.25, 3.0, 0.5, 2.0, -1.0];
        let threads = NonZeroUsize::new(2).expect("threads");
        let out = product(&x, &by, n, threads);
        assert_eq!(out.len(), 2 * n);
        for c in 0..2 {
            for i in 0..n {
                let sum = (0..3).fold(0.0, |sum, j| sum + by[3 * c + j] * x[j][i]);
                assert_eq!(out[c * n + i], sum);
            }
        }
    }
}
