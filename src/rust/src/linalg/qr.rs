//! QR and its triangle, for R.

use extendr_api::prelude::*;
use faer::MatRef;
use rustle_linalg::{Qr, TallQr};

use super::{ended, in_slices, slice, state_or, view, view_mut};

/// One slice of the QR of `x` by `rank` reflections into `out`, a new matrix. The value
/// at the end is `qraux`, empty if some column is too near to the others.
/// @noRd
#[extendr]
fn rs_qr(
    x: RMatrix<f64>,
    rank: i32,
    mut out: RMatrix<f64>,
    state: Nullable<ExternalPtr<Qr>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        Qr::new(x.nrows(), x.ncols(), rank.max(0) as usize)
    });
    if state.advance(view(&x), view_mut(&mut out), slice(threads)) {
        ended(state.linpack(view_mut(&mut out)))
    } else {
        in_slices(().into(), state, false)
    }
}

fn view_or_empty<'a>(y: &'a Nullable<RMatrix<f64>>, nrow: usize) -> MatRef<'a, f64> {
    match y {
        Nullable::NotNull(y) => view(y),
        Nullable::Null => MatRef::from_column_major_slice(&[], nrow, 0),
    }
}

/// One slice of the triangle R of the QR of `cbind(x, y)`, at least its rows for `x`;
/// rows of both are multiplied by `weights` first; `y` and `weights` may be NULL.
/// @noRd
#[extendr]
fn rs_triangle(
    x: RMatrix<f64>,
    y: Nullable<RMatrix<f64>>,
    weights: Nullable<Doubles>,
    state: Nullable<ExternalPtr<TallQr>>,
    threads: i32,
) -> List {
    let x = view(&x);
    let y = view_or_empty(&y, x.nrows());
    let weights: Option<&[f64]> = match &weights {
        Nullable::NotNull(weights) => weights.as_robj().as_real_slice(),
        Nullable::Null => None,
    };
    let mut state = state_or(state, || TallQr::new(x.nrows(), (x.ncols(), y.ncols())));
    if !state.advance(x, y, weights, slice(threads)) {
        return in_slices(().into(), state, false);
    }
    let Some(triangle) = state.triangle() else {
        return ended(());
    };
    let (nrow, ncol) = triangle.shape();
    ended(RMatrix::new_matrix(nrow, ncol, |i, j| triangle[(i, j)]))
}

extendr_module! {
    mod qr;
    fn rs_qr;
    fn rs_triangle;
}
