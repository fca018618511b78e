//! Cholesky factors in blocks, and inverses from them.

use std::sync::Mutex;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{
    cholesky_in_place, cholesky_in_place_scratch, LltParams,
};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Accum, MatMut, MatRef, Par, Spec};
use rustle_threads::blocks::{run, within, Slice};
use rustle_threads::vector::clean_after;

use crate::product::mirror;
use crate::tiles::{cuts, strip_width, strips, Tiles};

/// Rows that are eliminated at a time.
const BLOCK: usize = 128;
/// Most rows and columns of a tile of what is left.
const TILE: usize = 192;

/// The upper factor R of A = R'R, in place: block by block, each followed by the
/// update of what is left. The thread that updates the next block of the diagonal
/// factors it at once, while others update the rest.
#[derive(Debug)]
pub struct Cholesky {
    /// Rows that are done.
    start: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The first block on the diagonal.
    Diagonal,
    /// The rest of the rows of a factored block is computed; so many strips are done.
    Rows(usize),
    /// What is left below is updated; so many tiles are done. With why the next block has no
    /// factor, if so.
    Update(usize, Option<NotPositive>),
}

/// The leading minor of this order (from 1) is not positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositive(pub usize);

impl Cholesky {
    /// Copies the upper triangle of the square matrix `x` to `out`, with zeros below.
    pub fn new(x: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Cholesky {
        for (j, (from, mut to)) in x.col_iter().zip(out.as_mut().col_iter_mut()).enumerate() {
            to.as_mut()
                .subrows_mut(0, j + 1)
                .copy_from(from.subrows(0, j + 1));
            to.subrows_mut(j + 1, x.nrows() - j - 1).fill(0.0);
        }
        Cholesky {
            start: 0,
            phase: Phase::Diagonal,
        }
    }

    /// Works for a slice on `out`; `true` when it is the factor.
    ///
    /// # Errors
    ///
    /// When the matrix is not positive definite; `out` is of no use then.
    pub fn advance(&mut self, out: MatMut<'_, f64>, slice: Slice) -> Result<bool, NotPositive> {
        if out.ncols() <= BLOCK {
            return self.blocks(out, slice);
        }
        within(slice, || self.blocks(out, slice))
    }

    fn blocks(&mut self, mut out: MatMut<'_, f64>, slice: Slice) -> Result<bool, NotPositive> {
        let n = out.ncols();
        while self.start < n {
            let (start, end) = (self.start, (self.start + BLOCK).min(n));
            let (above, below) = out.as_mut().split_at_row_mut(end);
            let (left, right) = above.split_at_col_mut(end);
            let diagonal = left.submatrix_mut(start, start, end - start, end - start);
            let mut rows = right.submatrix_mut(start, 0, end - start, n - end);
            match self.phase {
                Phase::Diagonal => {
                    clean_after(|| factor(diagonal.transpose_mut()))
                        .map_err(|index| NotPositive(index + 1))?;
                    self.phase = Phase::Rows(0);
                }
                Phase::Rows(done) => {
                    let cut = cuts(n - end, TILE);
                    let count = cut.len() - 1;
                    let tiles = Tiles::new(rows.as_mut(), &[0, end - start], &cut, |_, _| true);
                    let lower = diagonal.as_ref().transpose();
                    let done = run(slice, done, count, |k| {
                        if let Some(strip) = tiles.take(k) {
                            solve_lower_triangular_in_place(lower, strip, Par::Seq);
                        }
                    });
                    self.phase = if done == count {
                        Phase::Update(0, None)
                    } else {
                        Phase::Rows(done)
                    };
                }
                Phase::Update(done, before) => {
                    let rest = below.submatrix_mut(0, end, n - end, n - end);
                    let (done, failed) = update(rest, rows.as_ref(), slice, done);
                    let failed = failed.map(|index| NotPositive(end + index + 1)).or(before);
                    if let Some(done) = done {
                        self.phase = Phase::Update(done, failed);
                    } else if let Some(failed) = failed {
                        return Err(failed);
                    } else {
                        self.start = end;
                        self.phase = Phase::Rows(0);
                    }
                }
            }
            if slice.over() {
                break;
            }
        }
        Ok(self.start == n)
    }
}

/// Factors one block: lower triangle.
///
/// # Errors
///
/// The first row, from 0, whose leading minor is not positive.
pub(crate) fn factor(block: MatMut<'_, f64>) -> Result<(), usize> {
    let params: Spec<LltParams, f64> = Default::default();
    let scratch = cholesky_in_place_scratch::<f64>(block.nrows(), Par::Seq, params);
    let mut memory = MemBuffer::new(scratch);
    cholesky_in_place(
        block,
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        params,
    )
    .map(|_| ())
    .map_err(|error| match error {
        faer::linalg::cholesky::llt::factor::LltError::NonPositivePivot { index } => index,
    })
}

/// Upper triangle of `rest -= rows' rows`, tiles from `done`; the first is the next block
/// of the diagonal, and is factored.
///
/// Returns the number of tiles done, `None` when that is all, and the row, from 0, of the
/// next block whose leading minor is not positive.
fn update(
    mut rest: MatMut<'_, f64>,
    rows: MatRef<'_, f64>,
    slice: Slice,
    done: usize,
) -> (Option<usize>, Option<usize>) {
    let n = rest.ncols();
    if n == 0 {
        return (None, None);
    }
    let next = BLOCK.min(n);
    let behind = cuts(n - next, TILE).into_iter().skip(1);
    let cut: Vec<_> = [0, next]
        .into_iter()
        .chain(behind.map(|end| next + end))
        .collect();
    let at: Vec<_> = (0..cut.len() - 1)
        .flat_map(|j| (0..=j).map(move |i| (i, j)))
        .collect();
    let failed = Mutex::new(None);
    let tiles = Tiles::new(rest.as_mut(), &cut, &cut, |i, j| i <= j);
    let done = run(slice, done, at.len(), |k| {
        let (i, j) = at[k];
        let Some(mut tile) = tiles.take(k) else {
            return;
        };
        let lhs = rows.subcols(cut[i], cut[i + 1] - cut[i]).transpose();
        let rhs = rows.subcols(cut[j], cut[j + 1] - cut[j]);
        if i != j {
            return matmul(tile, Accum::Add, lhs, rhs, -1.0, Par::Seq);
        }
        let (all, upper) = (BlockStructure::Rectangular, BlockStructure::TriangularUpper);
        triangular::matmul(
            tile.as_mut(),
            upper,
            Accum::Add,
            lhs,
            all,
            rhs,
            all,
            -1.0,
            Par::Seq,
        );
        if k == 0 {
            if let (Err(row), Ok(mut failed)) = (factor(tile.transpose_mut()), failed.lock()) {
                *failed = Some(row);
            }
        }
    });
    (
        (done < at.len()).then_some(done),
        failed.into_inner().ok().flatten(),
    )
}

/// The inverse of R'R from its upper factor R, in strips of columns.
#[derive(Debug, Default)]
pub struct CholeskyInverse {
    done: usize,
}

impl CholeskyInverse {
    /// Works for a slice; `true` when `out` is the inverse. `factor` is square, and no
    /// element of its diagonal is zero; what is below the diagonal is not looked at.
    pub fn advance(
        &mut self,
        mut out: MatMut<'_, f64>,
        factor: MatRef<'_, f64>,
        slice: Slice,
    ) -> bool {
        let n = factor.ncols();
        let cut = strips(n, strip_width(n));
        let count = cut.len() - 1;
        {
            let tiles = Tiles::new(out.as_mut(), &[0, n], &cut, |_, _| true);
            self.done = run(slice, self.done, count, |k| {
                let Some(strip) = tiles.take(k) else { return };
                // Column c of R'^-1 is zero above row c, and by symmetry nothing
                // above it need be computed of the inverse.
                let (left, width) = (cut[k], cut[k + 1] - cut[k]);
                let mut strip = strip.subrows_mut(left, n - left);
                strip.fill(0.0);
                for j in 0..width {
                    strip[(j, j)] = 1.0;
                }
                let corner = factor.submatrix(left, left, n - left, n - left);
                solve_lower_triangular_in_place(corner.transpose(), strip.as_mut(), Par::Seq);
                solve_upper_triangular_in_place(corner, strip, Par::Seq);
            });
        }
        if self.done == count {
            mirror(out);
        }
        self.done == count
    }
}
