//! What the functions under a schedule take from R.

use extendr_api::prelude::*;
use rustle_linalg::rows::Matrix;
use rustle_schedule::Schedule;

pub(super) fn matrix(x: &RMatrix<f64>) -> Matrix<'_> {
    Matrix {
        data: x.data(),
        nrow: x.nrows(),
        ncol: x.ncols(),
    }
}

/// The elements of a double vector that was made for the same call from R.
pub(super) fn numbers(out: &mut Robj) -> &mut [f64] {
    out.as_real_slice_mut().unwrap_or_default()
}

/// A schedule by its name, which R code has checked, and one task at a time.
pub(super) fn schedule_named(name: &str) -> Schedule {
    crate::fields::schedule(name, 1.0).unwrap_or(Schedule::Stealing)
}
