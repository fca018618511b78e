//! The reflections of a tall matrix from its cross products.
//!
//! G. Ballard, J. Demmel, L. Grigori, M. Jacquelin, H. D. Nguyen and E. Solomonik,
//! Reconstructing Householder vectors from tall-skinny QR, Journal of Parallel and
//! Distributed Computing 85 (2015): where X = QR with orthonormal columns, Q - S = VU
//! without pivoting gives the vectors V of the reflections that make S R of X. S are the
//! signs that reflections give the diagonal, which keep the pivots above 1. Reflections
//! one by one go through all of X for each column; this reads it four times.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_unit_lower_triangular_in_place,
};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rustle_threads::blocks::{run, Slice};
use rustle_threads::vector::clean_after;

use crate::gram::{Factors, Gram, Progress};
use crate::tiles::{strips, Tiles};

/// Rows that a block computes.
const ROWS: usize = 256;
/// Order of the triangles that are eliminated column by column.
const SMALL: usize = 16;

/// The reflections of a tall matrix of full rank, in the form of LINPACK.
#[derive(Debug)]
pub(crate) struct TallReflections {
    gram: Gram,
    /// The rest, after the cross products; so many blocks of rows are done.
    found: Option<(Top, usize)>,
}

/// The first rows of the result, and what makes the others of Z.
#[derive(Debug)]
struct Top {
    rows: Mat<f64>,
    aux: Vec<f64>,
    /// The transpose of a triangle T: row z of Z becomes z T^-1.
    triangle: Mat<f64>,
}

/// How far the reflections have come.
#[derive(Debug)]
pub(crate) enum Reflections {
    Slice,
    /// LINPACK's `qraux`; the rest is in place.
    Done(Vec<f64>),
    /// X has too few rows, or is nearly singular.
    Refused,
}

impl TallReflections {
    /// For `nrow` rows and `ncol` columns, if they may be worth it.
    pub(crate) fn new(nrow: usize, ncol: usize) -> Option<TallReflections> {
        let gram = Gram::new(nrow, ncol)?;
        Some(TallReflections { gram, found: None })
    }

    /// Works for a slice, always on the same matrices; `out` holds the result at the end.
    pub(crate) fn advance(
        &mut self,
        x: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
        slice: Slice,
    ) -> Reflections {
        let (nrow, ncol) = x.shape();
        let (mut top, done) = match self.found.take() {
            Some(found) => found,
            None => {
                let none = MatRef::from_column_major_slice(&[], nrow, 0);
                let factors = match self.gram.advance(x, none, None, Some(out.as_mut()), slice) {
                    Progress::Slice => return Reflections::Slice,
                    Progress::Refused => return Reflections::Refused,
                    Progress::Factors(factors) => factors,
                };
                let z = out.as_ref().subrows(0, ncol);
                (clean_after(|| Top::new(z, &factors)), 0)
            }
        };
        let cut = strips(nrow - ncol, ROWS);
        let count = cut.len() - 1;
        let (mut first, below) = out.split_at_row_mut(ncol);
        let tiles = Tiles::new(below, &cut, &[0, ncol], |_, _| true);
        let triangle = top.triangle.as_ref();
        let done = run(slice, done, count, |k| {
            if let Some(rows) = tiles.take(k) {
                solve_lower_triangular_in_place(triangle, rows.transpose_mut(), Par::Seq);
            }
        });
        if done < count {
            self.found = Some((top, done));
            return Reflections::Slice;
        }
        first.copy_from(&top.rows);
        Reflections::Done(std::mem::take(&mut top.aux))
    }
}

impl Top {
    /// From the first rows of Z.
    fn new(z: MatRef<'_, f64>, factors: &Factors) -> Top {
        let n = z.ncols();
        let second = factors.second.as_ref();
        let mut q = z.to_owned();
        solve_lower_triangular_in_place(second, q.as_mut().transpose_mut(), Par::Seq);
        let mut signs = vec![0.0; n];
        eliminate(q.as_mut(), &mut signs);
        let aux: Vec<f64> = (0..n).map(|j| q[(j, j)].abs()).collect();
        // LINPACK's vectors are V times `aux`: those of the other rows are
        // Z R2^-1 U^-1 times it.
        let scaled = Mat::from_fn(n, n, |i, j| if i <= j { q[(i, j)] / aux[i] } else { 0.0 });
        let mut triangle = Mat::zeros(n, n);
        let lower = BlockStructure::TriangularLower;
        triangular::matmul(
            triangle.as_mut(),
            lower,
            Accum::Replace,
            second,
            lower,
            scaled.transpose(),
            lower,
            1.0,
            Par::Seq,
        );
        let rows = Mat::from_fn(n, n, |i, j| {
            if i <= j {
                signs[i] * factors.triangle[(i, j)]
            } else {
                q[(i, j)] * aux[j]
            }
        });
        Top {
            rows,
            aux,
            triangle,
        }
    }
}

/// Q - S = VU in place, by halves; `signs` is the diagonal of S.
fn eliminate(mut q: MatMut<'_, f64>, signs: &mut [f64]) {
    let n = q.ncols();
    if n <= SMALL {
        for j in 0..n {
            // A negative zero has no sign here, as in LINPACK.
            signs[j] = if q[(j, j)] < 0.0 { 1.0 } else { -1.0 };
            q[(j, j)] -= signs[j];
            for i in j + 1..n {
                q[(i, j)] /= q[(j, j)];
            }
            for k in j + 1..n {
                let above = q[(j, k)];
                for i in j + 1..n {
                    q[(i, k)] -= q[(i, j)] * above;
                }
            }
        }
        return;
    }
    let half = n / 2;
    let (first, last) = signs.split_at_mut(half);
    let (mut left_top, mut right_top, mut left, mut right) = q.split_at_mut(half, half);
    eliminate(left_top.as_mut(), first);
    let of_left = left_top.as_ref();
    solve_unit_lower_triangular_in_place(of_left, right_top.as_mut(), Par::Seq);
    solve_lower_triangular_in_place(of_left.transpose(), left.as_mut().transpose_mut(), Par::Seq);
    let (lhs, rhs) = (left.as_ref(), right_top.as_ref());
    matmul(right.as_mut(), Accum::Add, lhs, rhs, -1.0, Par::Seq);
    eliminate(right, last);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::Qr;

    fn columns(nrow: usize, ncol: usize) -> Mat<f64> {
        let mut state = 1u64;
        Mat::from_fn(nrow, ncol, |i, j| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let noise = (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            noise + 3.0 * (j as f64 - 2.0) + if i % 3 == j % 3 { 1.0 } else { 0.0 }
        })
    }

    fn reflections(x: &Mat<f64>, mut qr: Qr, threads: usize) -> (Mat<f64>, Vec<f64>) {
        let mut out = Mat::zeros(x.nrows(), x.ncols());
        let threads = NonZeroUsize::new(threads).unwrap();
        while !qr.advance(x.as_ref(), out.as_mut(), Slice::new(threads)) {}
        let aux = qr.linpack(out.as_mut());
        (out, aux)
    }

    #[test]
    fn they_are_those_made_one_by_one() {
        for (nrow, ncol) in [(2048, 1), (3000, 7), (4100, 40), (2500, 100)] {
            let x = columns(nrow, ncol);
            let (ours, aux) = reflections(&x, Qr::new(nrow, ncol, ncol), 2);
            let (theirs, of_theirs) = reflections(&x, Qr::one_by_one(ncol, ncol), 1);
            let largest = theirs.as_ref().norm_max();
            assert!(
                (&ours - &theirs).norm_max() < 1e-12 * largest,
                "{nrow} x {ncol}"
            );
            let differences = aux.iter().zip(&of_theirs).map(|(a, b)| (a - b).abs());
            assert!(differences.fold(0.0, f64::max) < 1e-12, "{nrow} x {ncol}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let x = columns(5000, 20);
        let (one, three) = (Qr::new(5000, 20, 20), Qr::new(5000, 20, 20));
        assert_eq!(reflections(&x, one, 1), reflections(&x, three, 3));
    }

    #[test]
    fn nearly_singular_matrices_have_theirs_one_by_one() {
        let mut x = columns(4000, 5);
        for i in 0..4000 {
            x[(i, 4)] = x[(i, 0)] * (1.0 + 1e-9 * x[(i, 1)]);
        }
        let ours = reflections(&x, Qr::new(4000, 5, 5), 2);
        assert_eq!(ours, reflections(&x, Qr::one_by_one(5, 5), 1));
    }
}
