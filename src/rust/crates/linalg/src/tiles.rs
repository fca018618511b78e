//! A matrix cut into tiles that threads take.

use std::sync::Mutex;

use faer::{Mat, MatMut, MatRef};

/// `n` rows or columns in equal parts of at most `most`, each (but the last) a
/// multiple of 8 long: the ends of the parts, from 0.
pub(crate) fn cuts(n: usize, most: usize) -> Vec<usize> {
    let parts = n.div_ceil(most).max(1);
    let size = n.div_ceil(parts).next_multiple_of(8).min(most.max(8));
    let mut ends = vec![0];
    let mut at = 0;
    while at < n {
        at = (at + size).min(n);
        ends.push(at);
    }
    ends
}

/// The tiles of a matrix, each of which one thread takes once.
pub(crate) struct Tiles<'a>(Vec<Mutex<Option<MatMut<'a, f64>>>>);

impl<'a> Tiles<'a> {
    /// Cuts `matrix` at `rows` and `cols` (from [`cuts`]); tiles go down the
    /// columns, and those for which `wanted(row, col)` is false are left out.
    pub(crate) fn new(
        matrix: MatMut<'a, f64>,
        rows: &[usize],
        cols: &[usize],
        wanted: impl Fn(usize, usize) -> bool,
    ) -> Tiles<'a> {
        let mut tiles = Vec::new();
        let mut right = matrix;
        for (j, col) in cols.windows(2).enumerate() {
            let (mut below, rest) = right.split_at_col_mut(col[1] - col[0]);
            right = rest;
            for (i, row) in rows.windows(2).enumerate() {
                let (tile, rest) = below.split_at_row_mut(row[1] - row[0]);
                below = rest;
                if wanted(i, j) {
                    tiles.push(Mutex::new(Some(tile)));
                }
            }
        }
        Tiles(tiles)
    }

    /// Takes tile `k`; `None` when it was taken before.
    pub(crate) fn take(&self, k: usize) -> Option<MatMut<'a, f64>> {
        self.0[k].lock().ok()?.take()
    }
}

/// The ends of strips of `width` columns, from 0.
pub(crate) fn strips(n: usize, width: usize) -> Vec<usize> {
    (0..n).step_by(width.max(1)).chain([n]).collect()
}

/// Columns of a strip that a triangle of order `n` is solved for at a time: wide
/// enough for matrix products, narrow enough to take milliseconds.
pub(crate) fn strip_width(n: usize) -> usize {
    let width = (1usize << 29) / (n * n).max(1);
    width.clamp(16, 128)
}

/// Rows `start..end` of (X, Y), multiplied by their weights, into `to`.
pub(crate) fn copy_rows(
    x: MatRef<'_, f64>,
    y: MatRef<'_, f64>,
    weights: Option<&[f64]>,
    start: usize,
    end: usize,
    to: &mut Mat<f64>,
) {
    let size = end - start;
    to.resize_with(size, x.ncols() + y.ncols(), |_, _| 0.0);
    let (left, right) = to.as_mut().split_at_col_mut(x.ncols());
    for (mut to, from) in [(left, x), (right, y)] {
        to.copy_from(from.subrows(start, size));
        if let Some(weights) = weights {
            for column in to.col_iter_mut() {
                for (value, weight) in column.iter_mut().zip(&weights[start..end]) {
                    *value *= weight;
                }
            }
        }
    }
}
