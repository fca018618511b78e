//! Linear algebra, for R: views of R's matrices, nothing else. R code has checked
//! and coerced what comes here.

use std::num::NonZeroUsize;

use extendr_api::prelude::*;
use faer::{MatMut, MatRef};
use rustle_linalg::{Product, Slice};

/// A double matrix of R, as it lies in memory.
fn view(x: &RMatrix<f64>) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x.data(), x.nrows(), x.ncols())
}

/// To be taken only of a matrix that was made here for the same call from R.
fn view_mut(x: &mut RMatrix<f64>) -> MatMut<'_, f64> {
    let (nrow, ncol) = (x.nrows(), x.ncols());
    MatMut::from_column_major_slice_mut(x.data_mut(), nrow, ncol)
}

fn slice(threads: i32) -> Slice {
    Slice::new(NonZeroUsize::new(threads.max(1) as usize).unwrap_or(NonZeroUsize::MIN))
}

/// What a call in slices returns: the result, and the state when it is not
/// complete, for R to come back with; see in_slices() in R/threads.R.
fn in_slices<T: 'static>(out: Robj, state: ExternalPtr<T>, complete: bool) -> List {
    let state: Robj = if complete { ().into() } else { state.into() };
    List::from_values([out, state])
}

/// One slice of `x %*% y` (kind 0), `crossprod(x, y)` (1) or `tcrossprod(x, y)` (2);
/// `y` NULL: the same matrix, and a symmetric result. `out` and `state` are NULL in
/// the first slice.
/// @noRd
#[extendr]
fn rs_product(
    kind: i32,
    x: RMatrix<f64>,
    y: Nullable<RMatrix<f64>>,
    out: Nullable<RMatrix<f64>>,
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
    let (nrow, ncol) = (lhs.nrows(), rhs.ncols());
    let mut out = match out {
        Nullable::NotNull(out) => out,
        Nullable::Null => RMatrix::new(nrow, ncol),
    };
    let mut state = match state {
        Nullable::NotNull(state) => state,
        Nullable::Null => ExternalPtr::new(Product::new(nrow, lhs.ncols(), ncol, symmetric)),
    };
    let complete = state.advance(view_mut(&mut out), lhs, rhs, slice(threads));
    in_slices(out.into(), state, complete)
}

/// Are the vector registers of this thread clean? For tests; NA: not known.
/// @noRd
#[extendr]
fn rs_vector_clean() -> Rbool {
    match rustle_workers::vector::upper_halves_in_use() {
        Some(dirty) => Rbool::from(!dirty),
        None => Rbool::na_value(),
    }
}

extendr_module! {
    mod linalg;
    fn rs_vector_clean;
    fn rs_product;
}
