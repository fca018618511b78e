//! QR by Householder reflections, in the form of LINPACK that R's "qr" objects have.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_transpose_on_the_left_in_place_scratch,
    apply_block_householder_transpose_on_the_left_in_place_with_conj,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, QrParams};
use faer::{Conj, Mat, MatMut, MatRef, Par, Spec};
use rustle_threads::blocks::{run, Slice};
use rustle_threads::vector::clean_after;

use crate::tall_reflections::{Reflections, TallReflections};
use crate::tiles::{strips, Tiles};

/// Columns that are eliminated at a time.
pub(crate) const BLOCK: usize = 32;
/// Columns that a block of reflections is applied to at a time.
const STRIP: usize = 64;

/// X = QR without pivoting, for at least as many rows as columns: from cross products
/// where X is tall and they have the digits for it ([`TallReflections`]), else panel by
/// panel.
#[derive(Debug)]
pub struct Qr {
    /// Cross products, until they are refused.
    tall: Option<TallReflections>,
    /// Reflections that are made: the columns behind are only transformed.
    rank: usize,
    /// LINPACK's `qraux`.
    aux: Vec<f64>,
    begun: bool,
    /// Is there a reflection of each column so far?
    complete: bool,
    start: usize,
    /// Strips of the rest done, when the panel at `start` is; and its factor.
    panel: Option<(usize, Mat<f64>)>,
}

impl Qr {
    /// For an `nrow` x `ncol` matrix, of which `rank` reflections are wanted.
    pub fn new(nrow: usize, ncol: usize, rank: usize) -> Qr {
        let whole = rank == ncol;
        Qr {
            tall: whole.then(|| TallReflections::new(nrow, ncol)).flatten(),
            ..Qr::one_by_one(ncol, rank)
        }
    }

    /// For `ncol` columns, always panel by panel.
    pub(crate) fn one_by_one(ncol: usize, rank: usize) -> Qr {
        Qr {
            tall: None,
            rank,
            aux: vec![0.0; ncol],
            begun: false,
            complete: true,
            start: 0,
            panel: None,
        }
    }

    /// Works for a slice; `true` when `out` is ready for [`Qr::linpack`].
    pub fn advance(&mut self, x: MatRef<'_, f64>, mut out: MatMut<'_, f64>, slice: Slice) -> bool {
        if let Some(tall) = &mut self.tall {
            match tall.advance(x, out.as_mut(), slice) {
                Reflections::Slice => return false,
                Reflections::Done(aux) => {
                    self.aux = aux;
                    return true;
                }
                Reflections::Refused => self.tall = None,
            }
        }
        if !self.begun {
            out.copy_from(x);
            self.begun = true;
        }
        let (nrow, ncol) = out.shape();
        while self.start < self.rank {
            let (start, end) = (self.start, (self.start + BLOCK).min(self.rank));
            let rows = out.as_mut().subrows_mut(start, nrow - start);
            let (left, rest) = rows.split_at_col_mut(end);
            let mut panel = left.subcols_mut(start, end - start);
            let (done, factor) = match self.panel.take() {
                Some(state) => state,
                None => {
                    let (factor, complete) = clean_after(|| reflect(panel.as_mut()));
                    self.complete &= complete;
                    (0, factor)
                }
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

    /// Makes LINPACK's form of `out` after the last slice: returns `qraux`, empty if there
    /// are no reflections of some columns, when the triangle is all that is right of `out`.
    ///
    /// A reflection I - v v' / tau with v = (1, ...) is LINPACK's with u = v / tau, of
    /// which it keeps the first element in `qraux` and the others in the column. Where
    /// nothing was to be eliminated faer does nothing and LINPACK changes the sign;
    /// it has no reflection for the last row.
    pub fn linpack(&mut self, mut out: MatMut<'_, f64>) -> Vec<f64> {
        if self.tall.is_some() {
            return std::mem::take(&mut self.aux);
        }
        if !self.complete {
            return Vec::new();
        }
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

/// Factors a panel; the triangle that makes one block of its reflections, and whether
/// there is one of each column.
fn reflect(panel: MatMut<'_, f64>) -> (Mat<f64>, bool) {
    let (nrow, ncol) = panel.shape();
    let size = ncol.min(nrow);
    let mut factor = Mat::zeros(size, size);
    let rank = factor_in_place(panel, factor.as_mut());
    (factor, rank == size)
}

/// The number of reflections: faer makes none for a column of which the others leave
/// less than 16 rounding errors for each row.
pub(crate) fn factor_in_place(x: MatMut<'_, f64>, factor: MatMut<'_, f64>) -> usize {
    let params: Spec<QrParams, f64> = Default::default();
    let scratch =
        qr_in_place_scratch::<f64>(x.nrows(), x.ncols(), factor.nrows(), Par::Seq, params);
    let mut memory = MemBuffer::new(scratch);
    qr_in_place(x, factor, Par::Seq, MemStack::new(&mut memory), params).rank
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
pub(crate) const ROWS: usize = 1024;

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
