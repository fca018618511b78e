//! Singular values, for R.

use extendr_api::prelude::*;
use rustle_linalg::spectral::svd;

use super::{count, view, view_mut};

/// Singular values of `x` into the new vector `d`, singular vectors into the new
/// matrices `u` and `v` where they are not NULL. The value says whether there is a result.
/// @noRd
#[extendr]
fn rs_svd(
    x: RMatrix<f64>,
    mut d: RMatrix<f64>,
    mut u: Nullable<RMatrix<f64>>,
    mut v: Nullable<RMatrix<f64>>,
    threads: i32,
) -> bool {
    let u = match &mut u {
        Nullable::NotNull(u) => Some(view_mut(u)),
        Nullable::Null => None,
    };
    let v = match &mut v {
        Nullable::NotNull(v) => Some(view_mut(v)),
        Nullable::Null => None,
    };
    svd(view(&x), d.data_mut(), u, v, count(threads)).is_ok()
}

extendr_module! {
    mod svd;
    fn rs_svd;
}
