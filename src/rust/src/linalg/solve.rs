//! Cholesky and LU factors, and what is made of them, for R.

use extendr_api::prelude::*;
use rustle_linalg::{Cholesky, CholeskyInverse, Lu, Solve};

use super::{ended, in_slices, slice, state_or, view, view_mut};

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

extendr_module! {
    mod solve;
    fn rs_chol;
    fn rs_chol2inv;
    fn rs_solve;
    fn rs_determinant;
}
