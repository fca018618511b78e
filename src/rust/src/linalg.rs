//! Linear algebra, for R: views of R's matrices, nothing else. R code has checked
//! and coerced what comes here.

mod batch;
mod correlation;
mod distance;
mod loops;
mod qr;
mod rows;
mod sort;
mod spectral;

use std::num::NonZeroUsize;

use extendr_api::prelude::*;
use faer::{MatMut, MatRef};
use rustle_linalg::{Cholesky, CholeskyInverse, Lu, Product, Slice, Solve};

/// A double matrix of R, as it lies in memory.
fn view(x: &RMatrix<f64>) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x.data(), x.nrows(), x.ncols())
}

/// To be taken only of a matrix that was made here for the same call from R.
fn view_mut(x: &mut RMatrix<f64>) -> MatMut<'_, f64> {
    let (nrow, ncol) = (x.nrows(), x.ncols());
    MatMut::from_column_major_slice_mut(x.data_mut(), nrow, ncol)
}

fn count(threads: i32) -> NonZeroUsize {
    NonZeroUsize::new(threads.max(1) as usize).unwrap_or(NonZeroUsize::MIN)
}

fn slice(threads: i32) -> Slice {
    Slice::new(count(threads))
}

/// What a call in slices returns: its value, and the state when it is not complete,
/// for R to come back with; see in_slices() in R/plan-threads.R.
pub(crate) fn in_slices<T: 'static>(value: Robj, state: ExternalPtr<T>, complete: bool) -> List {
    let state: Robj = if complete { ().into() } else { state.into() };
    List::from_values([value, state])
}

/// As [`in_slices`], when there is no going on.
pub(crate) fn ended(value: impl Into<Robj>) -> List {
    List::from_values([value.into(), ().into()])
}

/// A state from R, or a new one.
pub(crate) fn state_or<T: 'static>(
    state: Nullable<ExternalPtr<T>>,
    new: impl FnOnce() -> T,
) -> ExternalPtr<T> {
    match state {
        Nullable::NotNull(state) => state,
        Nullable::Null => ExternalPtr::new(new()),
    }
}

/// The scale of the columns of `x`, a double vector of columns of `nrow` elements: the
/// largest absolute element of the column where it is smallest (but zero), that of all,
/// and whether (1) or not (0) any element is NaN, which do not count. `weights` multiply
/// the rows; NULL: none.
/// @noRd
#[extendr]
fn rs_scale(x: Doubles, nrow: i32, weights: Nullable<Doubles>, threads: i32) -> Vec<f64> {
    let x = x.as_robj().as_real_slice().unwrap_or_default();
    let weights: Option<&[f64]> = match &weights {
        Nullable::NotNull(weights) => weights.as_robj().as_real_slice(),
        Nullable::Null => None,
    };
    let scale = rustle_linalg::scale(x, nrow.max(0) as usize, weights, count(threads));
    vec![
        scale.smallest,
        scale.largest,
        f64::from(u8::from(scale.gaps)),
    ]
}

/// One slice of `x %*% y` (kind 0), `crossprod(x, y)` (1) or `tcrossprod(x, y)` (2);
/// `y` NULL: the same matrix, and a symmetric result. `out` is a new matrix, `state`
/// NULL in the first slice.
/// @noRd
#[extendr]
fn rs_product(
    kind: i32,
    x: RMatrix<f64>,
    y: Nullable<RMatrix<f64>>,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<Product>>,
    threads: i32,
) -> List {
    let (y, symmetric) = match &y {
        Nullable::NotNull(y) => (view(y), false),
        Nullable::Null => (view(&x), true),
    };
    let (lhs, rhs) = match kind {
        0 => (view(&x), y),
        1 => (view(&x).transpose(), y),
        _ => (view(&x), y.transpose()),
    };
    let mut state = state_or(state, || {
        Product::new(lhs.nrows(), lhs.ncols(), rhs.ncols(), symmetric)
    });
    let complete = state.advance(view_mut(&mut out), lhs, rhs, slice(threads));
    in_slices(out.into(), state, complete)
}

/// One slice of `chol(x)`; the value is NULL when `x` is not positive definite.
/// @noRd
#[extendr]
fn rs_chol(
    x: RMatrix<f64>,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<Cholesky>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || Cholesky::new(view(&x), view_mut(&mut out)));
    match state.advance(view_mut(&mut out), slice(threads)) {
        Ok(complete) => in_slices(out.into(), state, complete),
        Err(_) => ended(()),
    }
}

/// One slice of `chol2inv(x)`.
/// @noRd
#[extendr]
fn rs_chol2inv(
    x: RMatrix<f64>,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<CholeskyInverse>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, CholeskyInverse::default);
    let (size, whole) = (out.ncols(), view(&x));
    let factor = whole.submatrix(0, 0, size, size);
    let complete = state.advance(view_mut(&mut out), factor, slice(threads));
    in_slices(out.into(), state, complete)
}

/// One slice of `solve(a, b, tol)`; `b` NULL is the identity; `lu` is a new matrix for
/// the factors. The value is NULL when `a` is singular or ill-conditioned.
/// @noRd
#[extendr]
fn rs_solve(
    a: RMatrix<f64>,
    b: Nullable<RMatrix<f64>>,
    tol: f64,
    mut lu: RMatrix<f64>,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<Solve>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || Solve::new(view(&a), view_mut(&mut lu)));
    let rhs = match &b {
        Nullable::NotNull(b) => Some(view(b)),
        Nullable::Null => None,
    };
    match state.advance(
        view_mut(&mut lu),
        view_mut(&mut out),
        rhs,
        tol,
        slice(threads),
    ) {
        Ok(complete) => in_slices(out.into(), state, complete),
        Err(_) => ended(()),
    }
}

/// One slice of the determinant of `x`; `lu` is a new matrix for the factors. The value
/// is (logarithm of the modulus, sign, modulus), NULL when `x` is singular.
/// @noRd
#[extendr]
fn rs_determinant(
    x: RMatrix<f64>,
    mut lu: RMatrix<f64>,
    state: Nullable<ExternalPtr<Lu>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        view_mut(&mut lu).copy_from(view(&x));
        Lu::new(x.ncols())
    });
    match state.advance(view_mut(&mut lu), slice(threads)) {
        Ok(true) => {
            let (log, sign) = state.log_determinant(view(&lu));
            let (modulus, _) = state.determinant(view(&lu));
            ended(vec![log, sign, modulus])
        }
        Ok(false) => in_slices(().into(), state, false),
        Err(_) => ended(()),
    }
}

/// Names of the vector instructions that are used, and faer's version.
/// @noRd
#[extendr]
fn rs_linalg_info() -> Vec<String> {
    let (product, rest) = rustle_linalg::simd();
    let version = env!("FAER_VERSION");
    vec![product.into(), rest.into(), version.into()]
}

/// Are the vector registers of this thread clean? For tests; NA: not known.
/// @noRd
#[extendr]
fn rs_vector_clean() -> Rbool {
    match rustle_threads::vector::upper_halves_in_use() {
        Some(dirty) => Rbool::from(!dirty),
        None => Rbool::na_value(),
    }
}

extendr_module! {
    mod linalg;
    use batch;
    use correlation;
    use distance;
    use rows;
    use sort;
    use qr;
    use spectral;
    fn rs_linalg_info;
    fn rs_vector_clean;
    fn rs_scale;
    fn rs_product;
    fn rs_chol;
    fn rs_chol2inv;
    fn rs_solve;
    fn rs_determinant;
}
