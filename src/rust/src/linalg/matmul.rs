//! Matrix products, for R.

use extendr_api::prelude::*;
use rustle_linalg::Product;

use super::{in_slices, slice, state_or, view, view_mut};

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

extendr_module! {
    mod matmul;
    fn rs_product;
}
