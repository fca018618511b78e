//! Sums over a resample: statistics that are functions of `sum(w[i] * z[i, ])`.

mod gather;

use pulp::{Arch, Simd, WithSimd};

use gather::PRODUCTS;

use crate::scheme::Scheme;
use crate::stream::Stream;

/// Up to this many columns are gathered draw by draw; more are multiplied with the
/// counts of [`WIDTH`] replicates at a time. Decided by the number of columns and the
/// scheme alone, for the two differ in the last bits.
pub(crate) const GATHERED: usize = 8;
/// Replicates in one product.
pub(crate) const WIDTH: usize = 8;
/// Columns of a tile of the product.
const TILE: usize = 4;
/// Rows of small tables, which are filled up to the next of these: the number of an index is then
/// inside by its lower bits, and need not be compared.
pub(crate) const FILLED: [usize; 2] = [1024, 4096];
/// Numbers of a table that no cache holds: above, it is read in order with counts, which a cache holds.
const READ: usize = 1 << 22;

/// The fixed columns, row by row, padded with zeros to a width that the loops know.
#[derive(Clone, Debug)]
pub struct Columns {
    z: Vec<f64>,
    columns: usize,
    width: usize,
    /// Where columns are two and their products: the two, row by row, filled up, and which
    /// sum of `PairSums` is that of each column.
    pairs: Option<(Vec<[f64; 2]>, Vec<usize>)>,
}

impl Columns {
    /// From `columns` columns of `n` numbers, one after another.
    ///
    /// # Panics
    ///
    /// When `z` does not have that many numbers.
    #[must_use]
    pub fn new(by_column: &[f64], n: usize, columns: usize) -> Self {
        assert_eq!(by_column.len(), n * columns);
        let each: Vec<&[f64]> = (0..columns)
            .map(|k| &by_column[k * n..(k + 1) * n])
            .collect();
        Self::centered(&each, n, &vec![0.0; columns])
    }

    /// From columns of `n` numbers, of which `center` is subtracted.
    ///
    /// # Panics
    ///
    /// When they do not have that many numbers, or there is not one center for each.
    #[must_use]
    pub fn centered(each: &[&[f64]], n: usize, center: &[f64]) -> Self {
        let columns = each.len();
        assert!(each.iter().all(|x| x.len() == n));
        assert_eq!(center.len(), columns);
        let width = match columns {
            0..=2 => columns.max(1),
            3..=4 => 4,
            5..=8 => 8,
            _ => columns.next_multiple_of(TILE),
        };
        let mut z = vec![0.0; filled(n) * width];
        let pairs = pairs(each, center);
        // Some rows at a time, which stay in the first cache.
        for (block, rows) in z[..n * width].chunks_mut(256 * width).enumerate() {
            for (k, (x, center)) in each.iter().zip(center).enumerate() {
                let from = block * 256;
                let values = &x[from..from + rows.len() / width];
                for (row, value) in rows.chunks_exact_mut(width).zip(values) {
                    row[k] = value - center;
                }
            }
        }
        Self {
            z,
            columns,
            width,
            pairs,
        }
    }

    /// Number of columns, padding excluded.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The numbers of one row.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.z[i * self.width..i * self.width + self.columns]
    }

    pub(crate) fn is_gathered(&self) -> bool {
        self.columns <= GATHERED
    }

    /// Is it faster to count the indices of a resample of this size, and then to read all rows?
    /// Decided by sizes alone, as [`GATHERED`].
    fn is_read(&self, size: usize) -> bool {
        self.z.len() > READ && size >= self.z.len() / self.width / 4
    }

    /// Sums over the indices of one replicate; `counts` is room.
    pub(crate) fn sums(
        &self,
        scheme: &Scheme,
        stream: &mut Stream,
        replicate: u64,
        attempt: u32,
        counts: &mut Vec<u8>,
        sums: &mut [f64],
    ) {
        let size = scheme.resample_size();
        if self.is_read(size) {
            counts.clear();
            counts.resize(scheme.n(), 0);
            scheme.indices(stream, replicate, attempt, |chunk| {
                let counts = &mut counts[..];
                for i in chunk {
                    counts[*i as usize] = counts[*i as usize].wrapping_add(1);
                }
            });
            let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
            // Less when a count did not fit.
            if total == size as u64 {
                self.read_all(counts, sums);
                return;
            }
        }
        self.gather(scheme, [stream], replicate, attempt, [sums]);
    }

    /// Sums of all rows, each as often as it counts.
    fn read_all(&self, counts: &[u8], sums: &mut [f64]) {
        match self.width {
            1 => self.read::<1, 8>(counts, sums),
            2 => self.read::<2, 4>(counts, sums),
            4 => self.read::<4, 2>(counts, sums),
            _ => self.read::<8, 2>(counts, sums),
        }
    }

    fn read<const W: usize, const L: usize>(&self, counts: &[u8], sums: &mut [f64]) {
        let (z, _) = pulp::as_arrays::<W, f64>(&self.z);
        let z = &z[..counts.len()];
        let all = Arch::new().dispatch(Read::<W, L> { z, counts });
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = all[k];
        }
    }

    /// `sums[k][b] = sum(w[i][b] * z[i, k])` for [`WIDTH`] replicates, rows in order.
    pub(crate) fn multiply<W: Weight>(
        &self,
        arch: Arch,
        w: &[[W; WIDTH]],
        sums: &mut [[f64; WIDTH]],
    ) {
        let mut all = vec![[0.0; WIDTH]; self.width.next_multiple_of(TILE)];
        let (z, width, all) = (&self.z[..], self.width, &mut all[..]);
        arch.dispatch(Product { z, width, w, all });
        sums.copy_from_slice(&all[..sums.len()]);
    }

    /// Sums with given weights, rows in order.
    pub(crate) fn weighted(&self, w: &[f64], sums: &mut [f64]) {
        sums.fill(0.0);
        for (i, w) in w.iter().enumerate() {
            for (sum, z) in sums.iter_mut().zip(self.row(i)) {
                *sum += w * z;
            }
        }
    }
}

/// So many rows as a table of `n` is filled up to.
pub(crate) fn filled(n: usize) -> usize {
    FILLED.into_iter().find(|rows| n <= *rows).unwrap_or(n)
}

/// See `Columns::pairs`.
fn pairs(each: &[&[f64]], center: &[f64]) -> Option<(Vec<[f64; 2]>, Vec<usize>)> {
    let n = each.first()?.len();
    let number = |k: usize, i: usize| each[k][i] - center[k];
    if each.len() < 3 || each.len() > PRODUCTS.len() || filled(n) == n && !FILLED.contains(&n) {
        return None;
    }
    let mut found = vec![0, 1];
    for k in 2..each.len() {
        let is = |[a, b]: [usize; 2]| {
            (0..n).all(|i| number(k, i).to_bits() == (number(a, i) * number(b, i)).to_bits())
        };
        found.push((2..PRODUCTS.len()).find(|which| is(PRODUCTS[*which]))?);
    }
    let mut pairs: Vec<[f64; 2]> = (0..n).map(|i| [number(0, i), number(1, i)]).collect();
    pairs.resize(filled(n), [0.0; 2]);
    Some((pairs, found))
}

/// Adds rows as often as they count, to `L` lanes in turn.
struct Read<'a, const W: usize, const L: usize> {
    z: &'a [[f64; W]],
    counts: &'a [u8],
}

impl<const W: usize, const L: usize> WithSimd for Read<'_, W, L> {
    type Output = [f64; W];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; W] {
        let mut lanes = [[0.0; W]; L];
        let (z, last) = pulp::as_arrays::<L, [f64; W]>(self.z);
        let (counts, last_counts) = pulp::as_arrays::<L, u8>(self.counts);
        for i in 0..z.len().min(counts.len()) {
            for l in 0..L {
                let count = f64::from(counts[i][l]);
                for k in 0..W {
                    lanes[l][k] += count * z[i][l][k];
                }
            }
        }
        let mut all = [0.0; W];
        for (row, count) in last.iter().zip(last_counts) {
            for k in 0..W {
                all[k] += f64::from(*count) * row[k];
            }
        }
        for lane in &lanes {
            for k in 0..W {
                all[k] += lane[k];
            }
        }
        all
    }
}

/// All sums of [`WIDTH`] replicates.
struct Product<'a, W> {
    z: &'a [f64],
    width: usize,
    w: &'a [[W; WIDTH]],
    all: &'a mut [[f64; WIDTH]],
}

impl<W: Weight> WithSimd for Product<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        /// Rows that stay in the cache while all tiles pass over them.
        const ROWS: usize = 256;
        for (z, w) in self.z.chunks(ROWS * self.width).zip(self.w.chunks(ROWS)) {
            for (tile, acc) in self.all.chunks_exact_mut(TILE).enumerate() {
                tile_product(z, self.width, tile * TILE, w, acc);
            }
        }
    }
}

/// Fused, so that the bits are the same with and without such an instruction.
#[inline(always)]
fn tile_product<W: Weight>(
    z: &[f64],
    width: usize,
    first: usize,
    w: &[[W; WIDTH]],
    acc: &mut [[f64; WIDTH]],
) {
    if width < TILE {
        for (row, w) in z.chunks_exact(width).zip(w) {
            for (acc, z) in acc.iter_mut().zip(row) {
                for b in 0..WIDTH {
                    acc[b] = w[b].real().mul_add(*z, acc[b]);
                }
            }
        }
        return;
    }
    let [mut a0, mut a1, mut a2, mut a3] = [acc[0], acc[1], acc[2], acc[3]];
    for (row, w) in z.chunks_exact(width).zip(w) {
        let row = &row[first..first + TILE];
        let (z0, z1, z2, z3) = (row[0], row[1], row[2], row[3]);
        for b in 0..WIDTH {
            let w = w[b].real();
            a0[b] = w.mul_add(z0, a0[b]);
            a1[b] = w.mul_add(z1, a1[b]);
            a2[b] = w.mul_add(z2, a2[b]);
            a3[b] = w.mul_add(z3, a3[b]);
        }
    }
    acc.copy_from_slice(&[a0, a1, a2, a3]);
}

/// A count or a weight.
pub(crate) trait Weight: Copy + Default {
    fn real(self) -> f64;
}

impl Weight for f64 {
    #[inline(always)]
    fn real(self) -> f64 {
        self
    }
}

/// Counts below 2^24 are exact and half as wide as weights.
impl Weight for f32 {
    #[inline(always)]
    fn real(self) -> f64 {
        f64::from(self)
    }
}

impl Weight for u32 {
    #[inline(always)]
    fn real(self) -> f64 {
        f64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of all columns at once are those of columns alone.
    #[test]
    fn products_of_two_columns_are_summed_as_if_they_were_columns() {
        use crate::scheme::Kind;
        use crate::stream::Key;
        for n in [3, 100, 1024, 1500, 5000] {
            let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
            let y: Vec<f64> = (0..n).map(|i| (i as f64 * 0.3).cos() + 0.1).collect();
            let times = |a: &[f64], b: &[f64]| -> Vec<f64> {
                a.iter().zip(b).map(|(a, b)| a * b).collect()
            };
            let [xx, yy, xy] = [times(&x, &x), times(&y, &y), times(&x, &y)];
            for columns in [
                vec![&x, &y, &xy],
                vec![&x, &y, &xx, &yy, &xy],
                vec![&x, &y, &xx, &xy],
                vec![&x, &y, &yy, &x],
            ] {
                let each: Vec<&[f64]> = columns.iter().map(|column| &column[..]).collect();
                let together = Columns::centered(&each, n, &vec![0.0; each.len()]);
                let are_products = each.last() != Some(&&x[..]);
                assert_eq!(together.pairs.is_some(), are_products && n <= FILLED[1]);
                for size in [n, 777] {
                    let scheme = Scheme::new(n, 3, Kind::Ordinary { size }, Vec::new());
                    let mut stream = Stream::new(Key {
                        seed: 0,
                        replicate: 0,
                        attempt: 0,
                    });
                    let mut sum = |columns: &Columns, sums: &mut [f64]| {
                        columns.gather(&scheme, [&mut stream], 5, 0, [sums]);
                    };
                    let mut sums = vec![0.0; each.len()];
                    sum(&together, &mut sums);
                    for (column, sum_of_all) in each.iter().zip(sums) {
                        // Two columns: in lanes as here.
                        let pair = Columns::centered(&[column, column], n, &[0.0; 2]);
                        let mut alone = [0.0; 2];
                        sum(&pair, &mut alone);
                        assert_eq!(alone[0].to_bits(), sum_of_all.to_bits(), "{n} {size}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_read_count_as_often_as_they_were_drawn() {
        for columns in 1..=GATHERED {
            for n in [1, 7, 601] {
                let z: Vec<f64> = (0..n * columns).map(|i| (i as f64 * 0.7).sin()).collect();
                let each: Vec<&[f64]> = z.chunks_exact(n).collect();
                let center: Vec<f64> = (0..columns).map(|k| k as f64 / 8.0).collect();
                let table = Columns::centered(&each, n, &center);
                let counts: Vec<u8> = (0..n).map(|i| (i * 5 % 7) as u8).collect();
                let mut sums = vec![0.0; columns];
                table.read_all(&counts, &mut sums);
                for (k, sum) in sums.iter().enumerate() {
                    let product = |i: usize| f64::from(counts[i]) * (each[k][i] - center[k]);
                    let expected: f64 = (0..n).map(product).sum();
                    assert!((sum - expected).abs() < 1e-11, "{columns} {n} {k}");
                }
            }
        }
    }
}
