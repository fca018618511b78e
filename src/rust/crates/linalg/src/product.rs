//! Matrix products in tiles.

use std::sync::Mutex;

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rustle_threads::blocks::{run, Slice};

use crate::missing::mark_na;
use crate::tiles::{cuts, Tiles};

/// Most rows and columns of a tile of the product.
const TILE: usize = 256;
/// Most terms of a tile's sums that one block adds.
const DEPTH: usize = 4096;
/// Rows of a tall factor that are multiplied at a time: they stay in the cache.
const STRIP: usize = 1024;
/// Below this number of tiles the sums are cut too.
const FEW_TILES: usize = 16;
/// Blocks that a product with few tiles is cut into.
const BLOCKS: usize = 64;
/// Numbers that all partial sums together may hold.
const PARTIAL_SUMS: usize = 1 << 23;

/// `out = lhs * rhs`, in tiles of `out`; where there are few, the sums are cut
/// as well, and the parts added in order.
#[derive(Debug)]
pub struct Product {
    rows: Vec<usize>,
    cols: Vec<usize>,
    /// Row and column of each tile.
    tiles: Vec<(usize, usize)>,
    /// Ends of the parts of the sums.
    depth: Vec<usize>,
    /// Partial products, when parts are added at the end: part by part, tile by tile.
    partial: Option<Vec<Mat<f64>>>,
    /// Only the lower triangle is computed, and copied to the upper.
    symmetric: bool,
    /// Blocks done: part by part, tile by tile.
    done: usize,
}

impl Product {
    /// A product of a `nrow` x `depth` and a `depth` x `ncol` matrix; `symmetric`
    /// promises that the result is.
    pub fn new(nrow: usize, depth: usize, ncol: usize, symmetric: bool) -> Product {
        let rows = cuts(nrow, TILE);
        let cols = cuts(ncol, TILE);
        let tiles: Vec<_> = (0..cols.len() - 1)
            .flat_map(|j| (0..rows.len() - 1).map(move |i| (i, j)))
            .filter(|(i, j)| !symmetric || i >= j)
            .collect();
        let mut parts = depth.div_ceil(DEPTH).max(1);
        let mut partial = None;
        if tiles.len() < FEW_TILES && !tiles.is_empty() && depth >= 2 * STRIP {
            let room = (PARTIAL_SUMS / (nrow * ncol)).max(1);
            parts = (BLOCKS / tiles.len())
                .max(depth / (4 * DEPTH))
                .min(room)
                .min(depth / STRIP);
            partial = (parts > 1).then(Vec::new);
        }
        let depth = cuts(depth, depth.div_ceil(parts).next_multiple_of(8).max(8));
        Product {
            rows,
            cols,
            tiles,
            depth,
            partial,
            symmetric,
            done: 0,
        }
    }

    /// Works for a slice; `true` when `out` is complete.
    pub fn advance(
        &mut self,
        mut out: MatMut<'_, f64>,
        lhs: MatRef<'_, f64>,
        rhs: MatRef<'_, f64>,
        slice: Slice,
    ) -> bool {
        if lhs.ncols() == 0 {
            out.fill(0.0);
            return true;
        }
        let complete = if self.partial.is_some() {
            self.advance_parts(out.as_mut(), lhs, rhs, slice)
        } else {
            self.advance_tiles(out.as_mut(), lhs, rhs, slice)
        };
        if complete {
            if self.symmetric {
                mirror(out.as_mut());
            }
            mark_na(out, lhs, rhs);
        }
        complete
    }

    /// Tiles of `out`, one part of the sums after the other.
    fn advance_tiles(
        &mut self,
        mut out: MatMut<'_, f64>,
        lhs: MatRef<'_, f64>,
        rhs: MatRef<'_, f64>,
        slice: Slice,
    ) -> bool {
        let n = self.tiles.len();
        let total = n * (self.depth.len() - 1);
        while self.done < total {
            let part = self.done / n;
            let tiles = Tiles::new(out.as_mut(), &self.rows, &self.cols, |i, j| {
                !self.symmetric || i >= j
            });
            let done = run(slice, self.done - part * n, n, |tile| {
                if let Some(target) = tiles.take(tile) {
                    let accum = if part == 0 {
                        Accum::Replace
                    } else {
                        Accum::Add
                    };
                    self.multiply(target, accum, lhs, rhs, part, tile);
                }
            });
            self.done = part * n + done;
            if slice.over() {
                break;
            }
        }
        self.done == total
    }

    /// Parts of the sums in buffers of their own, added at the end.
    fn advance_parts(
        &mut self,
        mut out: MatMut<'_, f64>,
        lhs: MatRef<'_, f64>,
        rhs: MatRef<'_, f64>,
        slice: Slice,
    ) -> bool {
        let n = self.tiles.len();
        let total = n * (self.depth.len() - 1);
        let mut partial = self.partial.take().unwrap_or_default();
        partial.resize_with(total, Mat::new);
        let from = self.done;
        {
            let cells: Vec<_> = partial[from..].iter_mut().map(Mutex::new).collect();
            self.done = run(slice, from, total, |block| {
                let (part, tile) = (block / n, block % n);
                let (i, j) = self.tiles[tile];
                let mut target = Mat::zeros(
                    self.rows[i + 1] - self.rows[i],
                    self.cols[j + 1] - self.cols[j],
                );
                self.multiply(target.as_mut(), Accum::Add, lhs, rhs, part, tile);
                if let Ok(mut cell) = cells[block - from].lock() {
                    **cell = target;
                }
            });
        }
        let complete = self.done == total;
        if complete {
            for (tile, &(i, j)) in self.tiles.iter().enumerate() {
                let mut target = out.as_mut().submatrix_mut(
                    self.rows[i],
                    self.cols[j],
                    self.rows[i + 1] - self.rows[i],
                    self.cols[j + 1] - self.cols[j],
                );
                target.copy_from(&partial[tile]);
                for part in partial.iter().skip(tile).step_by(n).skip(1) {
                    target += part;
                }
            }
        }
        self.partial = Some(partial);
        complete
    }

    fn multiply(
        &self,
        mut target: MatMut<'_, f64>,
        mut accum: Accum,
        lhs: MatRef<'_, f64>,
        rhs: MatRef<'_, f64>,
        part: usize,
        tile: usize,
    ) {
        let (i, j) = self.tiles[tile];
        let (top, height) = (self.rows[i], self.rows[i + 1] - self.rows[i]);
        let (left, width) = (self.cols[j], self.cols[j + 1] - self.cols[j]);
        let (mut at, end) = (self.depth[part], self.depth[part + 1]);
        // Thin tiles reuse little: shorter strips keep both factors in the cache.
        let strip = if height.min(width) < TILE / 2 {
            STRIP
        } else {
            DEPTH
        };
        while at < end {
            let size = strip.min(end - at);
            let a = lhs.submatrix(top, at, height, size);
            let b = rhs.submatrix(at, left, size, width);
            if self.symmetric && i == j {
                let (whole, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
                triangular::matmul(
                    target.as_mut(),
                    lower,
                    accum,
                    a,
                    whole,
                    b,
                    whole,
                    1.0,
                    Par::Seq,
                );
            } else {
                matmul(target.as_mut(), accum, a, b, 1.0, Par::Seq);
            }
            accum = Accum::Add;
            at += size;
        }
    }
}

/// Copies the lower triangle to the upper.
pub(crate) fn mirror(mut x: MatMut<'_, f64>) {
    const STEP: usize = 32;
    let n = x.ncols();
    for left in (0..n).step_by(STEP) {
        for top in (left..n).step_by(STEP) {
            for j in left..(left + STEP).min(n) {
                for i in top.max(j + 1)..(top + STEP).min(n) {
                    x[(j, i)] = x[(i, j)];
                }
            }
        }
    }
}
