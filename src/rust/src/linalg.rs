//! Linear algebra, for R: views of R's matrices, nothing else. R code has checked
//! and coerced what comes here.

mod batch;
mod cor;
mod dist;
mod eigen;
mod lm_fit;
mod loops;
mod matmul;
mod qr;
mod rows;
mod solve;
mod sort;
mod svd;

use std::num::NonZeroUsize;

use extendr_api::prelude::*;
use faer::{MatMut, MatRef};
use rustle_linalg::Slice;

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
    crate::fields::threads(f64::from(threads))
}

fn slice(threads: i32) -> Slice {
    Slice::new(count(threads))
}

/// What a call in slices returns: its value, and the state when it is not complete,
/// for R to come back with; see in_slices() in R/plan-threads.R.
pub(crate) fn in_slices<T: 'static>(value: Robj, state: ExternalPtr<T>, complete: bool) -> List {
    let state: Robj = if complete { ().into() } else { state.into() };
    list!(value = value, state = state)
}

/// As [`in_slices`], for work that is over after one call.
pub(crate) fn ended(value: impl Into<Robj>) -> List {
    list!(value = value.into(), state = ())
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
/// and whether there are gaps: elements that are NaN, which do not count. `weights` multiply
/// the rows; NULL: none.
/// @noRd
#[extendr]
fn rs_scale(x: Doubles, nrow: i32, weights: Nullable<Doubles>, threads: i32) -> List {
    let x = x.as_robj().as_real_slice().unwrap_or_default();
    let weights: Option<&[f64]> = match &weights {
        Nullable::NotNull(weights) => weights.as_robj().as_real_slice(),
        Nullable::Null => None,
    };
    let scale = rustle_linalg::scale(x, nrow.max(0) as usize, weights, count(threads));
    list!(
        smallest = scale.smallest,
        largest = scale.largest,
        gaps = scale.gaps
    )
}

/// Names of the vector instructions that are used, and faer's version.
/// @noRd
#[extendr]
fn rs_linalg_info() -> List {
    let (product, rest) = rustle_linalg::simd();
    let version = env!("FAER_VERSION");
    list!(products = product, other = rest, faer = version)
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
    use cor;
    use dist;
    use eigen;
    use lm_fit;
    use matmul;
    use qr;
    use rows;
    use solve;
    use sort;
    use svd;
    fn rs_linalg_info;
    fn rs_vector_clean;
    fn rs_scale;
}
