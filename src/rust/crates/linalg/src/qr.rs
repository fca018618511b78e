//! QR by Householder reflections, in the form of LINPACK that R's "qr" objects have.

use std::sync::Mutex;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_transpose_on_the_left_in_place_scratch,
    apply_block_householder_transpose_on_the_left_in_place_with_conj,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, QrParams};
use faer::{Conj, Mat, MatMut, MatRef, Par, Spec};
use rustle_workers::blocks::{run, Slice};
use rustle_workers::vector::clean_after;

use crate::gram::{Gram, Progress};
use crate::tiles::{strips, Tiles};

/// Columns that are eliminated at a time.
const BLOCK: usize = 32;
/// Columns that a block of reflections is applied to at a time.
const STRIP: usize = 64;

/// X = QR without pivoting, in place, for at least as many rows as columns.
#[derive(Debug)]
pub struct Qr {
    /// Reflections that are made: the columns behind are only transformed.
    rank: usize,
    /// LINPACK's `qraux`.
    aux: Vec<f64>,
    start: usize,
    /// Strips of the rest done, when the panel at `start` is; and its factor.
    panel: Option<(usize, Mat<f64>)>,
}

impl Qr {
    /// Copies `x` to `out`; `rank` reflections are wanted.
    pub fn new(x: MatRef<'_, f64>, mut out: MatMut<'_, f64>, rank: usize) -> Qr {
        out.copy_from(x);
        Qr {
            rank,
            aux: vec![0.0; x.ncols()],
            start: 0,
            panel: None,
        }
    }

    /// Works for a slice; `true` when `out` holds R, and the reflections below.
    pub fn advance(&mut self, mut out: MatMut<'_, f64>, slice: Slice) -> bool {
        let (nrow, ncol) = out.shape();
        while self.start < self.rank {
            let (start, end) = (self.start, (self.start + BLOCK).min(self.rank));
            let rows = out.as_mut().subrows_mut(start, nrow - start);
            let (left, rest) = rows.split_at_col_mut(end);
            let mut panel = left.subcols_mut(start, end - start);
            let (done, factor) = match self.panel.take() {
                Some(state) => state,
                None => (0, clean_after(|| reflect(panel.as_mut()))),
            };
            let cut = strips(ncol - end, STRIP);
            let count = cut.len() - 1;
            let done = {
                let tiles = Tiles::new(rest, &[0, nrow - start], &cut, |_, _| true);
                let basis = panel.as_ref();
                run(slice, done, count, |k| {
                    if let Some(strip) = tiles.take(k) {
                        apply_transposed(basis, factor.as_ref(), strip);
                    }
                })
            };
            if done < count {
                self.panel = Some((done, factor));
                return false;
            }
            for j in 0..end - start {
                self.aux[start + j] = 1.0 / factor[(j, j)];
            }
            self.start = end;
            if slice.over() && self.start < self.rank {
                return false;
            }
        }
        true
    }

    /// Makes LINPACK's form of `out` after the last slice: returns `qraux`.
    ///
    /// A reflection I - v v' / tau with v = (1, ...) is LINPACK's with u = v / tau, of
    /// which it keeps the first element in `qraux` and the others in the column. Where
    /// nothing was to be eliminated faer does nothing and LINPACK changes the sign;
    /// it has no reflection for the last row.
    pub fn linpack(&mut self, mut out: MatMut<'_, f64>) -> Vec<f64> {
        let (nrow, ncol) = out.shape();
        for j in 0..self.rank {
            let aux = self.aux[j];
            if j + 1 == nrow {
                self.aux[j] = out[(j, j)].abs();
            } else if aux == 0.0 {
                for k in j..ncol {
                    out[(j, k)] = -out[(j, k)];
                }
                self.aux[j] = 2.0;
            } else {
                for value in out
                    .as_mut()
                    .col_mut(j)
                    .subrows_mut(j + 1, nrow - j - 1)
                    .iter_mut()
                {
                    *value *= aux;
                }
            }
        }
        for j in self.rank..ncol {
            let rest = out.as_ref().col(j).subrows(self.rank, nrow - self.rank);
            self.aux[j] = rest.norm_l2();
        }
        std::mem::take(&mut self.aux)
    }
}

/// Factors a panel; the triangle that makes one block of its reflections.
fn reflect(panel: MatMut<'_, f64>) -> Mat<f64> {
    let (nrow, ncol) = panel.shape();
    let mut factor = Mat::zeros(ncol.min(nrow), ncol.min(nrow));
    factor_in_place(panel, factor.as_mut());
    factor
}

fn factor_in_place(x: MatMut<'_, f64>, factor: MatMut<'_, f64>) {
    let params: Spec<QrParams, f64> = Default::default();
    let scratch =
        qr_in_place_scratch::<f64>(x.nrows(), x.ncols(), factor.nrows(), Par::Seq, params);
    let mut memory = MemBuffer::new(scratch);
    qr_in_place(x, factor, Par::Seq, MemStack::new(&mut memory), params);
}

fn apply_transposed(basis: MatRef<'_, f64>, factor: MatRef<'_, f64>, strip: MatMut<'_, f64>) {
    let scratch = apply_block_householder_transpose_on_the_left_in_place_scratch::<f64>(
        basis.nrows(),
        factor.nrows(),
        strip.ncols(),
    );
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    apply_block_householder_transpose_on_the_left_in_place_with_conj(
        basis,
        factor,
        Conj::No,
        strip,
        Par::Seq,
        stack,
    );
}

/// Rows of a block: it stays in the cache with as many columns as usual.
const ROWS: usize = 1024;
/// Triangles that are joined at a time.
const JOIN: usize = 4;

/// The triangle R of a tall matrix (X, Y) without Q: from cross products where X is very
/// tall and they have the digits for it ([`Gram`]), else J. Demmel, L. Grigori, M. Hoemmen
/// and J. Langou, Communication-optimal parallel and sequential QR and LU
/// factorizations, SIAM J. Sci. Comput. 34 (2012): blocks of rows are factored, then
/// their triangles joined in a fixed tree.
#[derive(Debug)]
pub struct TallQr {
    /// Cross products, until they are refused.
    gram: Option<Gram>,
    /// Ends of the blocks of rows.
    rows: Vec<usize>,
    /// Triangles of the level below, and of the level that is worked on.
    below: Vec<Mat<f64>>,
    level: Vec<Mat<f64>>,
    joining: bool,
    done: usize,
}

impl TallQr {
    /// For `nrow` rows and columns of X and Y.
    pub fn new(nrow: usize, (of_x, of_y): (usize, usize)) -> TallQr {
        TallQr {
            gram: Gram::new(nrow, of_x),
            ..TallQr::by_reflections(nrow, of_x + of_y)
        }
    }

    /// For `nrow` rows and `ncol` columns of X and Y together, by reflections alone.
    pub(crate) fn by_reflections(nrow: usize, ncol: usize) -> TallQr {
        let rows = strips(nrow, ROWS.max(4 * ncol));
        TallQr {
            gram: None,
            level: vec![Mat::new(); rows.len() - 1],
            rows,
            below: Vec::new(),
            joining: false,
            done: 0,
        }
    }

    /// Works for a slice; `true` when [`TallQr::triangle`] is there. `weights`
    /// multiply the rows.
    pub fn advance(
        &mut self,
        x: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        weights: Option<&[f64]>,
        slice: Slice,
    ) -> bool {
        if let Some(gram) = &mut self.gram {
            match gram.advance(x, y, weights, slice) {
                Progress::Slice => return false,
                Progress::Triangle(triangle) => {
                    self.level = vec![triangle];
                    return true;
                }
                Progress::Refused => self.gram = None,
            }
        }
        let ncol = x.ncols() + y.ncols();
        // Fresh memory for each block would cost more than its copy.
        let buffers = Mutex::new(Vec::new());
        loop {
            let count = self.level.len();
            let from = self.done;
            let (below, rows, joining) = (&self.below, &self.rows, self.joining);
            let cells: Vec<_> = self.level[from..].iter_mut().map(Mutex::new).collect();
            self.done = run(slice, from, count, |block| {
                let mut buffer: (Mat<f64>, Mat<f64>) = buffers
                    .lock()
                    .ok()
                    .and_then(|mut b| b.pop())
                    .unwrap_or_else(|| (Mat::new(), Mat::new()));
                let stack = &mut buffer.0;
                if joining {
                    stack_triangles(
                        &below[block * JOIN..((block + 1) * JOIN).min(below.len())],
                        stack,
                    );
                } else {
                    copy_rows(x, y, weights, rows[block], rows[block + 1], stack);
                }
                let triangle = triangle_of(stack, &mut buffer.1, ncol);
                if let Ok(mut cell) = cells[block - from].lock() {
                    **cell = triangle;
                }
                if let Ok(mut buffers) = buffers.lock() {
                    buffers.push(buffer);
                }
            });
            if self.done < count {
                return false;
            }
            if count <= 1 {
                return true;
            }
            self.below = std::mem::take(&mut self.level);
            self.level = vec![Mat::new(); count.div_ceil(JOIN)];
            self.joining = true;
            self.done = 0;
        }
    }

    /// The triangle: upper, with at least as many rows as X has columns if there are so
    /// many. The signs of its rows are arbitrary.
    pub fn triangle(&self) -> Option<MatRef<'_, f64>> {
        self.level.first().map(|m| m.as_ref())
    }
}

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

fn stack_triangles(triangles: &[Mat<f64>], to: &mut Mat<f64>) {
    let height = triangles.iter().map(Mat::nrows).sum();
    to.resize_with(height, triangles[0].ncols(), |_, _| 0.0);
    let mut top = 0;
    for triangle in triangles {
        to.as_mut()
            .subrows_mut(top, triangle.nrows())
            .copy_from(triangle);
        top += triangle.nrows();
    }
}

fn triangle_of(stack: &mut Mat<f64>, factor: &mut Mat<f64>, ncol: usize) -> Mat<f64> {
    let size = stack.nrows().min(ncol);
    factor.resize_with(BLOCK.min(size.max(1)), size, |_, _| 0.0);
    if size > 0 {
        factor_in_place(stack.as_mut(), factor.as_mut());
    }
    Mat::from_fn(size, ncol, |i, j| if i <= j { stack[(i, j)] } else { 0.0 })
}

/// Fitted values X `coefficients` in blocks of rows.
#[derive(Debug, Default)]
pub struct Fitted {
    done: usize,
}

impl Fitted {
    /// Works for a slice; `true` when `fitted` and `residuals` = Y - fitted are there.
    pub fn advance(
        &mut self,
        x: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        coefficients: MatRef<'_, f64>,
        fitted: MatMut<'_, f64>,
        residuals: MatMut<'_, f64>,
        slice: Slice,
    ) -> bool {
        let cut = strips(x.nrows(), ROWS);
        let count = cut.len() - 1;
        let all = [0, y.ncols()];
        let fitted = Tiles::new(fitted, &cut, &all, |_, _| true);
        let residuals = Tiles::new(residuals, &cut, &all, |_, _| true);
        self.done = run(slice, self.done, count, |k| {
            let (Some(mut f), Some(mut r)) = (fitted.take(k), residuals.take(k)) else {
                return;
            };
            let (start, size) = (cut[k], cut[k + 1] - cut[k]);
            faer::linalg::matmul::matmul(
                f.as_mut(),
                faer::Accum::Replace,
                x.subrows(start, size),
                coefficients,
                1.0,
                Par::Seq,
            );
            let y = y.subrows(start, size);
            for ((r, f), y) in r
                .as_mut()
                .col_iter_mut()
                .zip(f.as_ref().col_iter())
                .zip(y.col_iter())
            {
                for ((r, f), y) in r.iter_mut().zip(f.iter()).zip(y.iter()) {
                    *r = y - f;
                }
            }
        });
        self.done == count
    }
}
