//! The triangle of a tall matrix, without Q.

use std::sync::Mutex;

use faer::{Mat, MatRef};
use rustle_threads::blocks::{run, Slice};

use crate::gram::{Gram, Progress};
use crate::parts::Spare;
use crate::qr::{factor_in_place, BLOCK, ROWS};
use crate::tiles::{copy_rows, strips};

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
            match gram.advance(x, y, weights, None, slice) {
                Progress::Slice => return false,
                Progress::Factors(factors) => {
                    self.level = vec![factors.triangle];
                    return true;
                }
                Progress::Refused => self.gram = None,
            }
        }
        let ncol = x.ncols() + y.ncols();
        let buffers = Spare::new();
        loop {
            let count = self.level.len();
            let from = self.done;
            let (below, rows, joining) = (&self.below, &self.rows, self.joining);
            let cells: Vec<_> = self.level[from..].iter_mut().map(Mutex::new).collect();
            self.done = run(slice, from, count, |block| {
                let mut buffer = buffers.take(|| (Mat::new(), Mat::new()));
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
                buffers.give_back(buffer);
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
