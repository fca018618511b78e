//! Batches of small systems, for R. The value at the end of each function are the
//! numbers (from 1) of the matrices that base R must look at.

// A routine that R calls has one parameter for each value that R passes.
#![allow(clippy::too_many_arguments)]

use extendr_api::prelude::*;
use rustle_linalg::batch::{CholeskyBatch, LeastSquaresBatch, SolveBatch};

use super::loops::{numbers, schedule_named};
use super::{count, ended, in_slices, slice, state_or};

fn from_one(doubtful: Vec<usize>) -> Vec<i32> {
    doubtful.into_iter().map(|k| k as i32 + 1).collect()
}

/// Order or number, as R gives it.
fn size(x: i32) -> usize {
    x.max(0) as usize
}

/// One slice of solving `n` x `n` systems `a` for `ncol` right-hand sides `b` each into
/// the new vector `out`; `b` NULL: inverses.
/// @noRd
#[extendr]
fn rs_solve_batch(
    a: &[f64],
    b: Nullable<&[f64]>,
    dims: &[i32],
    tol: f64,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<SolveBatch>>,
    threads: i32,
) -> List {
    let b = match b {
        Nullable::NotNull(b) => Some(b),
        Nullable::Null => None,
    };
    let mut state = state_or(state, || {
        let dims = (size(dims[0]), size(dims[1]), size(dims[2]));
        SolveBatch::new(dims, tol, schedule_named(schedule), count(threads).get())
    });
    if state.advance(a, b, numbers(&mut out), slice(threads)) {
        ended(from_one(state.doubtful()))
    } else {
        in_slices(().into(), state, false)
    }
}

/// One slice of the Cholesky factors of `count` matrices of order `n` into `out`.
/// @noRd
#[extendr]
fn rs_chol_batch(
    a: &[f64],
    n: i32,
    matrices: i32,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<CholeskyBatch>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        CholeskyBatch::new(
            size(n),
            size(matrices),
            schedule_named(schedule),
            count(threads).get(),
        )
    });
    if state.advance(a, numbers(&mut out), slice(threads)) {
        ended(from_one(state.doubtful()))
    } else {
        in_slices(().into(), state, false)
    }
}

/// One slice of least squares with matrices `x` (one if `shared`) and vectors `y`;
/// `dims` are rows, columns and problems.
/// @noRd
#[extendr]
fn rs_lm_batch(
    x: &[f64],
    y: &[f64],
    dims: &[i32],
    shared: bool,
    tol: f64,
    schedule: &str,
    mut coefficients: Robj,
    mut residuals: Robj,
    state: Nullable<ExternalPtr<LeastSquaresBatch>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        let dims = (size(dims[0]), size(dims[1]), size(dims[2]));
        LeastSquaresBatch::new(
            dims,
            shared,
            tol,
            schedule_named(schedule),
            count(threads).get(),
        )
    });
    let (b, r) = (numbers(&mut coefficients), numbers(&mut residuals));
    if state.advance(x, y, b, r, slice(threads)) {
        ended(from_one(state.doubtful()))
    } else {
        in_slices(().into(), state, false)
    }
}

extendr_module! {
    mod batch;
    fn rs_solve_batch;
    fn rs_chol_batch;
    fn rs_lm_batch;
}
