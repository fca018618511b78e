//! Least squares from a QR, for R.

use extendr_api::prelude::*;
use rustle_linalg::{Effects, Fitted};

use super::{in_slices, slice, state_or, view, view_mut};

/// One slice of fitted values `x %*% coefficients` and residuals into new matrices.
/// @noRd
#[extendr]
fn rs_fitted(
    x: RMatrix<f64>,
    y: RMatrix<f64>,
    coefficients: RMatrix<f64>,
    mut fitted: RMatrix<f64>,
    mut residuals: RMatrix<f64>,
    state: Nullable<ExternalPtr<Fitted>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, Fitted::default);
    let complete = state.advance(
        view(&x),
        view(&y),
        view(&coefficients),
        view_mut(&mut fitted),
        view_mut(&mut residuals),
        slice(threads),
    );
    in_slices(().into(), state, complete)
}

/// One slice of Q'Y, into the new matrix `out`, from `rank` reflections as "qr" objects
/// hold them.
/// @noRd
#[extendr]
fn rs_effects(
    qr: RMatrix<f64>,
    aux: Doubles,
    rank: i32,
    y: RMatrix<f64>,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<Effects>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        view_mut(&mut out).copy_from(view(&y));
        Effects::new(rank.max(0) as usize)
    });
    let aux = aux.as_robj().as_real_slice().unwrap_or_default();
    let complete = state.advance(view(&qr), aux, view_mut(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

extendr_module! {
    mod lm_fit;
    fn rs_fitted;
    fn rs_effects;
}
