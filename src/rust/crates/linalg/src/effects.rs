//! Q'Y from the reflections of a "qr" object.

use std::sync::Mutex;

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rustle_threads::blocks::{run, within, Slice};
use rustle_threads::vector::clean_after;

use crate::gram::add_products;
use crate::qr::BLOCK;
use crate::tiles::{strips, Tiles};

/// Rows of a unit of work.
const ROWS: usize = 1024;

/// Q'Y in place of Y, by blocks of reflections: the product of those with vectors U is
/// I - U T U' (R. Schreiber and C. Van Loan, A storage-efficient WY representation for
/// products of Householder transformations, SIAM J. Sci. Stat. Comput. 10 (1989)).
#[derive(Debug)]
pub struct Effects {
    /// Reflections, and those that are applied.
    rank: usize,
    start: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// U'U and U'Y are computed unit by unit; so many units are done.
    Sums(usize, Vec<(Mat<f64>, Mat<f64>)>),
    /// Y - U (T'U'Y) is computed: T'U'Y, and how many units are done.
    Subtract(Mat<f64>, usize),
}

impl Effects {
    /// For so many reflections.
    pub fn new(rank: usize) -> Effects {
        Effects {
            rank,
            start: 0,
            phase: Phase::Sums(0, Vec::new()),
        }
    }

    /// Works for a slice on `y`; `true` when it is Q'Y. `qr` and `aux` are in the form of
    /// LINPACK: below the diagonal, and on it, of vectors u of reflections I - uu' / u1.
    pub fn advance(
        &mut self,
        qr: MatRef<'_, f64>,
        aux: &[f64],
        y: MatMut<'_, f64>,
        slice: Slice,
    ) -> bool {
        within(slice, || self.blocks(qr, aux, y, slice))
    }

    fn blocks(
        &mut self,
        qr: MatRef<'_, f64>,
        aux: &[f64],
        mut y: MatMut<'_, f64>,
        slice: Slice,
    ) -> bool {
        let nrow = qr.nrows();
        while self.start < self.rank {
            let (start, end) = (self.start, (self.start + BLOCK).min(self.rank));
            let size = end - start;
            let aux = &aux[start..end];
            let corner = qr.submatrix(start, start, size.min(nrow - start), size);
            let corner = Mat::from_fn(corner.nrows(), size, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => aux[j],
                std::cmp::Ordering::Greater => corner[(i, j)],
            });
            let below = qr.submatrix(end, start, nrow - end, size);
            // The corner is the first unit.
            let cut: Vec<_> = [0]
                .into_iter()
                .chain(strips(nrow - end, ROWS).into_iter().map(|row| size + row))
                .collect();
            let units = cut.len() - 1;
            let vectors = |unit: usize| match unit {
                0 => corner.as_ref(),
                _ => below.subrows(cut[unit] - size, cut[unit + 1] - cut[unit]),
            };
            let mut rest = y.as_mut().subrows_mut(start, nrow - start);
            match &mut self.phase {
                Phase::Sums(done, sums) => {
                    let rest = rest.as_ref();
                    sums.resize_with(units, || (Mat::new(), Mat::new()));
                    let from = *done;
                    let cells: Vec<_> = sums[from..].iter_mut().map(Mutex::new).collect();
                    *done = run(slice, from, units, |unit| {
                        let rows = rest.subrows(cut[unit], cut[unit + 1] - cut[unit]);
                        let of_unit = products(vectors(unit), rows);
                        if let Ok(mut cell) = cells[unit - from].lock() {
                            **cell = of_unit;
                        }
                    });
                    if *done == units {
                        let sums = std::mem::take(sums);
                        self.phase = Phase::Subtract(clean_after(|| weights(sums, aux)), 0);
                    }
                }
                Phase::Subtract(weights, done) => {
                    let tiles = Tiles::new(rest.as_mut(), &cut, &[0, weights.ncols()], |_, _| true);
                    *done = run(slice, *done, units, |unit| {
                        if let Some(rows) = tiles.take(unit) {
                            let rhs = weights.as_ref();
                            matmul(rows, Accum::Add, vectors(unit), rhs, -1.0, Par::Seq);
                        }
                    });
                    if *done == units {
                        self.phase = Phase::Sums(0, Vec::new());
                        self.start = end;
                    }
                }
            }
            if slice.over() {
                break;
            }
        }
        self.start == self.rank
    }
}

/// The lower triangle of U'U, and U'Y, over some rows.
fn products(u: MatRef<'_, f64>, y: MatRef<'_, f64>) -> (Mat<f64>, Mat<f64>) {
    let mut gram = Mat::zeros(u.ncols(), u.ncols());
    let mut with_y = Mat::zeros(u.ncols(), y.ncols());
    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    let (to, t) = (gram.as_mut(), u.transpose());
    triangular::matmul(to, lower, Accum::Add, t, whole, u, whole, 1.0, Par::Seq);
    add_products(with_y.as_mut(), u, y);
    (gram, with_y)
}

/// T'U'Y from U'U and U'Y. T^-1 is upper triangular, with the strict upper triangle of
/// U'U above `aux`; a reflection whose `aux` is 0 is none.
fn weights(sums: Vec<(Mat<f64>, Mat<f64>)>, aux: &[f64]) -> Mat<f64> {
    let mut sums = sums.into_iter();
    let (mut gram, mut out) = sums.next().unwrap_or_else(|| (Mat::new(), Mat::new()));
    for (of_unit, with_y) in sums {
        gram += of_unit;
        out += with_y;
    }
    for mut column in out.as_mut().col_iter_mut() {
        for j in 0..aux.len() {
            let before: f64 = (0..j).map(|i| gram[(j, i)] * column[i]).sum();
            column[j] = if aux[j] == 0.0 {
                0.0
            } else {
                (column[j] - before) / aux[j]
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::Qr;

    #[test]
    fn they_are_those_of_one_reflection_after_the_other() {
        for (nrow, ncol, rank) in [(3000, 70, 70), (5000, 40, 33), (100, 100, 100), (40, 35, 0)] {
            let mut state = 1u64;
            let x = Mat::from_fn(nrow, ncol, |_, _| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            });
            let y = Mat::from_fn(nrow, 2, |i, j| ((i * 7 + j) % 13) as f64);
            let (mut out, mut of) = (Mat::zeros(nrow, ncol), Qr::one_by_one(ncol, rank));
            let slice = || Slice::new(NonZeroUsize::new(2).unwrap());
            while !of.advance(x.as_ref(), out.as_mut(), slice()) {}
            let aux = of.linpack(out.as_mut());
            let mut expected = y.clone();
            for j in 0..rank.min(nrow - 1) {
                let u = |i: usize| if i == j { aux[j] } else { out[(i, j)] };
                for k in 0..2 {
                    let times: f64 = (j..nrow).map(|i| u(i) * expected[(i, k)]).sum();
                    for i in j..nrow {
                        expected[(i, k)] -= u(i) * times / aux[j];
                    }
                }
            }
            let (mut found, mut effects) = (y.clone(), Effects::new(rank.min(nrow - 1)));
            while !effects.advance(out.as_ref(), &aux, found.as_mut(), slice()) {}
            assert!((&found - &expected).norm_max() < 1e-10, "{nrow} x {ncol}");
        }
    }
}
