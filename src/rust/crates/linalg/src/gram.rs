//! The triangle of a tall matrix from cross products: two of them, the second one of
//! columns that are nearly orthonormal already.
//!
//! Y. Yamamoto, Y. Nakatsukasa, Y. Yanagisawa and T. Fukaya, Roundoff error analysis of
//! the CholeskyQR2 algorithm, Electronic Transactions on Numerical Analysis 44 (2015).
//! One cross product alone would lose half of the digits; the second one, of
//! Z = X R1^-1, is near the identity, so that its factor is as exact as reflections
//! are. They do the same work column by column and wait for memory. Long sums round more
//! than reflections do, so the second pass is one of refinement: it looks at what the
//! coefficients of the first leave of Y.

use std::sync::Mutex;

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::Arch;
use rustle_threads::blocks::{run, Slice};
use rustle_threads::vector::clean_after;

use crate::cholesky::factor;
use crate::norm::all_finite;
use crate::parts::Spare;
use crate::sum::lanes;
use crate::tiles::{copy_rows, strips, Tiles};

/// Most columns: with more, reflections are made of matrix products too.
const MOST: usize = 256;
/// Fewest rows for each column.
const TALL: usize = 8;
/// Fewest rows.
const FEWEST: usize = 2048;
/// Rows that are multiplied at a time: they stay in the cache between their products,
/// and faer's kernel adds them in one go.
const STRIP: usize = 256;
/// Units of work at most, and numbers that all their sums together may hold.
const UNITS: usize = 64;
const SUMS: usize = 1 << 23;
/// Columns of Y that are multiplied one by one.
const FEW: usize = 4;
/// The part of a column's norm that elimination must leave. With less, the first factor has
/// so few digits that the second is not near the identity.
const LEFT: f64 = 1e-5;

/// R and Q'Y of X = QR, where X is tall and not nearly singular.
#[derive(Debug)]
pub(crate) struct Gram {
    /// Ends of the rows of each unit.
    rows: Vec<usize>,
    /// Of each unit: the lower triangle of Z'Z, and Z'E.
    sums: Vec<(Mat<f64>, Mat<f64>)>,
    first: Option<First>,
    done: usize,
}

/// X = Z R2^-1 R with orthonormal columns Z R2^-1.
#[derive(Debug)]
pub(crate) struct Factors {
    /// (R, Q'Y).
    pub(crate) triangle: Mat<f64>,
    /// R2', the lower triangle of it.
    pub(crate) second: Mat<f64>,
}

/// What the first pass found.
#[derive(Debug)]
struct First {
    /// R1'.
    factor: Mat<f64>,
    /// Coefficients of Y.
    coefficients: Mat<f64>,
}

/// How far the computation has come.
#[derive(Debug)]
pub(crate) enum Progress {
    Slice,
    Factors(Factors),
    /// X is too near to a matrix without full rank, not finite, or out of range.
    Refused,
}

impl Gram {
    /// For X with `nrow` rows and `ncol` columns, if it is worth trying.
    pub(crate) fn new(nrow: usize, ncol: usize) -> Option<Gram> {
        if ncol == 0 || ncol > MOST || nrow < TALL * ncol || nrow < FEWEST {
            return None;
        }
        let units = UNITS.min(SUMS / (ncol * ncol)).min(nrow / FEWEST).max(1);
        Some(Gram {
            rows: strips(nrow, nrow.div_ceil(units)),
            sums: Vec::new(),
            first: None,
            done: 0,
        })
    }

    /// Works for a slice, always on the same matrices. `weights` multiply the rows. Z is
    /// left in `keep`.
    pub(crate) fn advance(
        &mut self,
        x: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        weights: Option<&[f64]>,
        mut keep: Option<MatMut<'_, f64>>,
        slice: Slice,
    ) -> Progress {
        loop {
            if !self.pass(x, y, weights, keep.as_mut().map(|z| z.as_mut()), slice) {
                return Progress::Slice;
            }
            let (gram, products) = self.total();
            if let Some(first) = self.first.take() {
                let factors = clean_after(|| first.refined(gram, products));
                return factors.map_or(Progress::Refused, Progress::Factors);
            }
            self.first = clean_after(|| First::new(gram, products));
            self.done = 0;
            if self.first.is_none() {
                return Progress::Refused;
            }
        }
    }

    /// Cross products of the units.
    fn pass(
        &mut self,
        x: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        weights: Option<&[f64]>,
        keep: Option<MatMut<'_, f64>>,
        slice: Slice,
    ) -> bool {
        let units = self.rows.len() - 1;
        let (from, rows, first) = (self.done, &self.rows, self.first.as_ref());
        self.sums.resize_with(units, || (Mat::new(), Mat::new()));
        let cells: Vec<_> = self.sums[from..].iter_mut().map(Mutex::new).collect();
        let spare = Spare::new();
        let keep = keep.map(|z| Tiles::new(z, rows, &[0, x.ncols()], |_, _| true));
        self.done = run(slice, from, units, |unit| {
            let mut strip = spare.take(Mat::new);
            let z = keep.as_ref().and_then(|z| z.take(unit));
            let ends = (rows[unit], rows[unit + 1]);
            let sums = unit_sums(x, y, weights, first, ends, &mut strip, z);
            if let Ok(mut cell) = cells[unit - from].lock() {
                **cell = sums;
            }
            spare.give_back(strip);
        });
        self.done == units
    }

    /// The sums of the units, in their order.
    fn total(&mut self) -> (Mat<f64>, Mat<f64>) {
        let mut units = std::mem::take(&mut self.sums).into_iter();
        let (mut gram, mut products) = units.next().unwrap_or_else(|| (Mat::new(), Mat::new()));
        for unit in units {
            gram += &unit.0;
            products += &unit.1;
        }
        (gram, products)
    }
}

impl First {
    /// From X'X and X'Y. Columns of X are scaled to norm 1: their scales then cost no
    /// digits.
    fn new(mut gram: Mat<f64>, mut coefficients: Mat<f64>) -> Option<First> {
        let n = gram.ncols();
        let norms: Vec<f64> = (0..n).map(|j| gram[(j, j)].sqrt()).collect();
        // Squares of other numbers overflow or lose digits.
        if !norms.iter().all(|norm| (1e-140..1e140).contains(norm)) {
            return None;
        }
        for j in 0..n {
            for i in j..n {
                gram[(i, j)] /= norms[i] * norms[j];
            }
        }
        factor(gram.as_mut()).ok()?;
        if !(0..n).all(|j| gram[(j, j)] >= LEFT) {
            return None;
        }
        for (j, column) in gram.as_mut().col_iter_mut().enumerate() {
            for (value, norm) in column.subrows_mut(j, n - j).iter_mut().zip(&norms[j..]) {
                *value *= norm;
            }
        }
        solve_lower_triangular_in_place(gram.as_ref(), coefficients.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(gram.as_ref().transpose(), coefficients.as_mut(), Par::Seq);
        all_finite(coefficients.as_ref()).then_some(First {
            factor: gram,
            coefficients,
        })
    }

    /// (R, Q'Y) from Z'Z and Z'E, where E is what the coefficients leave of Y: with
    /// Z'Z = R2'R2, R = R2 R1, and Q'Y is R times the coefficients and R2'^-1 Z'E.
    fn refined(&self, mut gram: Mat<f64>, mut effects: Mat<f64>) -> Option<Factors> {
        let n = gram.ncols();
        // Then no eigenvalue of Z'Z is below 1/2.
        let near = 0.5 / n as f64;
        let is_near = |i, j| (gram[(i, j)] - f64::from(u8::from(i == j))).abs() <= near;
        if !(0..n).all(|j| (j..n).all(|i| is_near(i, j))) {
            return None;
        }
        factor(gram.as_mut()).ok()?;
        solve_lower_triangular_in_place(gram.as_ref(), effects.as_mut(), Par::Seq);
        let mut out = Mat::zeros(n, n + effects.ncols());
        let (mut triangle, mut right) = out.as_mut().split_at_col_mut(n);
        let (lower, upper) = (
            BlockStructure::TriangularLower,
            BlockStructure::TriangularUpper,
        );
        triangular::matmul(
            triangle.as_mut().transpose_mut(),
            lower,
            Accum::Replace,
            self.factor.as_ref(),
            lower,
            gram.as_ref(),
            lower,
            1.0,
            Par::Seq,
        );
        right.copy_from(&effects);
        triangular::matmul(
            right,
            BlockStructure::Rectangular,
            Accum::Add,
            triangle.as_ref(),
            upper,
            self.coefficients.as_ref(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        Some(Factors {
            triangle: out,
            second: gram,
        })
    }
}

/// The lower triangle of Z'Z, and Z'E, over rows `start..end`. Without `first` Z = X and
/// E = Y; then Z = X R1^-1, which is copied to `keep`, and E is what its coefficients leave
/// of Y.
fn unit_sums(
    x: MatRef<'_, f64>,
    y: MatRef<'_, f64>,
    weights: Option<&[f64]>,
    first: Option<&First>,
    (start, end): (usize, usize),
    strip: &mut Mat<f64>,
    mut keep: Option<MatMut<'_, f64>>,
) -> (Mat<f64>, Mat<f64>) {
    let ncol = x.ncols();
    let mut gram = Mat::zeros(ncol, ncol);
    let mut products = Mat::zeros(ncol, y.ncols());
    let mut add = |z: MatRef<'_, f64>, e: MatRef<'_, f64>| {
        let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        let (gram, products) = (gram.as_mut(), products.as_mut());
        let t = z.transpose();
        triangular::matmul(gram, lower, Accum::Add, t, whole, z, whole, 1.0, Par::Seq);
        add_products(products, z, e);
    };
    for top in (start..end).step_by(STRIP) {
        let bottom = (top + STRIP).min(end);
        if first.is_none() && weights.is_none() {
            add(x.subrows(top, bottom - top), y.subrows(top, bottom - top));
            continue;
        }
        copy_rows(x, y, weights, top, bottom, strip);
        let (mut z, mut e) = strip.as_mut().split_at_col_mut(ncol);
        if let Some(First {
            factor,
            coefficients,
        }) = first
        {
            let (e, coefficients) = (e.as_mut(), coefficients.as_ref());
            matmul(e, Accum::Add, z.as_ref(), coefficients, -1.0, Par::Seq);
            let z = z.as_mut().transpose_mut();
            solve_lower_triangular_in_place(factor.as_ref(), z, Par::Seq);
            if let Some(keep) = &mut keep {
                let mut keep = keep.as_mut().subrows_mut(top - start, bottom - top);
                keep.copy_from(strip.as_ref().subcols(0, ncol));
            }
        }
        let (z, e) = strip.as_ref().split_at_col(ncol);
        add(z, e);
    }
    (gram, products)
}

/// Adds Z'E. For a few columns of E this is done column by column, because faer's product of
/// a matrix of rows and a vector would take longer than all of Z'Z.
pub(crate) fn add_products(products: MatMut<'_, f64>, z: MatRef<'_, f64>, e: MatRef<'_, f64>) {
    let by_columns =
        (e.ncols() <= FEW).then(|| Some((z.try_as_col_major()?, e.try_as_col_major()?)));
    let Some((z, e)) = by_columns.flatten() else {
        return matmul(products, Accum::Add, z.transpose(), e, 1.0, Par::Seq);
    };
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (out, e) in products.col_iter_mut().zip(e.col_iter()) {
                for (out, z) in out.iter_mut().zip(z.col_iter()) {
                    let [sum] = lanes(
                        z.as_slice(),
                        e.as_slice(),
                        #[inline(always)]
                        |z, e| [z * e],
                    );
                    *out += sum;
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::TallQr;

    /// Numbers between -1 and 1 that look random.
    fn noise(nrow: usize, ncol: usize, seed: u64) -> Mat<f64> {
        let mut state = seed;
        Mat::from_fn(nrow, ncol, |_, _| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
    }

    fn triangle(x: &Mat<f64>, y: &Mat<f64>, threads: usize) -> Option<Mat<f64>> {
        let mut gram = Gram::new(x.nrows(), x.ncols())?;
        loop {
            let slice = Slice::new(NonZeroUsize::new(threads).unwrap());
            match gram.advance(x.as_ref(), y.as_ref(), None, None, slice) {
                Progress::Slice => (),
                Progress::Factors(factors) => return Some(factors.triangle),
                Progress::Refused => return None,
            }
        }
    }

    /// Largest difference from the triangle of reflections, over the norm of the column.
    fn difference(x: &Mat<f64>, y: &Mat<f64>) -> Option<f64> {
        let (p, ours) = (x.ncols(), triangle(x, y, 2)?);
        let mut by_reflections = TallQr::by_reflections(x.nrows(), p + y.ncols());
        let one = NonZeroUsize::MIN;
        while !by_reflections.advance(x.as_ref(), y.as_ref(), None, Slice::new(one)) {}
        let theirs = by_reflections.triangle().unwrap();
        let mut most: f64 = 0.0;
        for j in 0..p + y.ncols() {
            for i in 0..=j.min(p - 1) {
                let sign = theirs[(i, i)].signum();
                let norm = theirs.col(j).subrows(0, (j + 1).min(p)).norm_l2();
                most = most.max((ours[(i, j)] - sign * theirs[(i, j)]).abs() / norm);
            }
        }
        Some(most)
    }

    #[test]
    fn it_is_that_of_reflections() {
        let (x, y) = (noise(5000, 30, 1), noise(5000, 2, 2));
        assert!(difference(&x, &y).unwrap() < 1e-13);
    }

    #[test]
    fn scales_cost_nothing_and_conditions_what_they_cost_reflections() {
        let mut x = noise(4096, 12, 3);
        for (j, mut column) in x.as_mut().col_iter_mut().enumerate() {
            column *= faer::Scale(10f64.powi(7 * j as i32 - 40));
        }
        assert!(difference(&x, &noise(4096, 1, 4)).unwrap() < 1e-13);
        // Columns that differ in the fourth digit: 1e-13 times their condition.
        let mut x = noise(4096, 6, 5);
        let near = noise(4096, 1, 6);
        for i in 0..4096 {
            x[(i, 5)] = x[(i, 4)] + 1e-4 * near[(i, 0)];
        }
        assert!(difference(&x, &noise(4096, 1, 7)).unwrap() < 1e-11);
    }

    #[test]
    fn coefficients_have_the_digits_that_reflections_give() {
        // A line over years that are far from 0: without refinement 1e-9 off.
        let x = Mat::from_fn(10000, 2, |i, j| match j {
            0 => 1.0,
            _ => 1947.0 + (i % 16) as f64,
        });
        let y = Mat::from_fn(10000, 1, |i, _| 5.0 + 7.0 * x[(i, 1)]);
        let found = triangle(&x, &y, 1).unwrap();
        let slope = found[(1, 2)] / found[(1, 1)];
        let constant = (found[(0, 2)] - found[(0, 1)] * slope) / found[(0, 0)];
        assert!((slope - 7.0).abs() < 1e-13 && (constant - 5.0).abs() < 1e-10);
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let (x, y) = (noise(20000, 17, 8), noise(20000, 1, 9));
        assert_eq!(triangle(&x, &y, 1), triangle(&x, &y, 3));
    }

    #[test]
    fn what_has_too_few_digits_is_refused() {
        let y = noise(4096, 1, 10);
        let mut x = noise(4096, 4, 11);
        for i in 0..4096 {
            x[(i, 3)] = x[(i, 0)] * (1.0 + 1e-7 * y[(i, 0)]);
        }
        assert!(triangle(&x, &y, 1).is_none());
        x.as_mut().col_mut(3).fill(0.0);
        assert!(triangle(&x, &y, 1).is_none());
        x.as_mut().col_mut(3).fill(f64::NAN);
        assert!(triangle(&x, &y, 1).is_none());
        assert!(Gram::new(100, 3).is_none() && Gram::new(1 << 20, 300).is_none());
    }
}
