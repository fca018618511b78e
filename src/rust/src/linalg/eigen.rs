//! Eigenvalues, for R. The value of each function says whether there is a result.

use extendr_api::prelude::*;
use rustle_linalg::spectral::{eigen_general, eigen_symmetric};

use super::{count, view, view_mut};

/// Eigenvalues of the symmetric `x`, smallest first, into the new matrix `values`, and
/// eigenvectors into `vectors` if that is not NULL.
/// @noRd
#[extendr]
fn rs_eigen_symmetric(
    x: RMatrix<f64>,
    mut values: RMatrix<f64>,
    mut vectors: Nullable<RMatrix<f64>>,
    threads: i32,
) -> bool {
    let vectors = match &mut vectors {
        Nullable::NotNull(vectors) => Some(view_mut(vectors)),
        Nullable::Null => None,
    };
    eigen_symmetric(view(&x), values.data_mut(), vectors, count(threads)).is_ok()
}

/// Eigenvalues of `x` as the columns (real, imaginary) of the new matrix `values`, and
/// eigenvectors into `vectors` if that is not NULL.
/// @noRd
#[extendr]
fn rs_eigen_general(
    x: RMatrix<f64>,
    mut values: RMatrix<f64>,
    mut vectors: Nullable<RMatrix<f64>>,
) -> bool {
    let vectors = match &mut vectors {
        Nullable::NotNull(vectors) => Some(view_mut(vectors)),
        Nullable::Null => None,
    };
    let (real, imaginary) = values.data_mut().split_at_mut(x.ncols());
    eigen_general(view(&x), real, imaginary, vectors).is_ok()
}

extendr_module! {
    mod eigen;
    fn rs_eigen_symmetric;
    fn rs_eigen_general;
}
