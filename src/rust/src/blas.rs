//! The BLAS and LAPACK that R uses, for compiled closures: products of matrices and equations,
//! called as R's own C code (array.c, Lapack.c) calls them, so that the bits are the same.
//!
//! They are found by name in the running process, since linking one would choose it. Which
//! libraries give the same numbers on every thread is known here: the reference BLAS, and
//! OpenBLAS with threads of its own or without, but not with OpenMP's, whose number each thread
//! has for itself.

use extendr_api::prelude::*;

use crate::refusal::into_r;

#[cfg(unix)]
mod library;
#[cfg(unix)]
pub(crate) use library::{product, self_product, solve};

/// Without the libraries tasks are given up.
#[cfg(windows)]
mod library {
    use rustle_compiled::host::Factor;

    pub(super) fn find(_: &str, _: bool) -> std::result::Result<(), &'static str> {
        Err("R's BLAS is not found by name on Windows")
    }

    pub(super) fn waits() -> bool {
        false
    }

    pub(crate) fn product(_: Factor<'_>, _: Factor<'_>, _: &mut [f64]) -> bool {
        false
    }

    pub(crate) fn self_product(_: &[f64], _: [usize; 2], _: bool, _: &mut [f64]) -> bool {
        false
    }

    pub(crate) fn solve(_: &[f64], _: usize, _: &mut [f64], _: usize) -> bool {
        false
    }
}
#[cfg(windows)]
pub(crate) use library::{product, self_product, solve};

/// Finds R's BLAS and LAPACK: `""`, or why closures that need them are left to R. `lapack`:
/// the file of R's LAPACK; `reference`: the file of R's BLAS is one of the reference BLAS.
/// @noRd
#[extendr]
fn rs_compiled_blas(lapack: &str, reference: bool) -> List {
    into_r(Ok(library::find(lapack, reference)
        .err()
        .unwrap_or_default()
        .into()))
}

/// Would threads that solve equations wait for each other?
/// @noRd
#[extendr]
fn rs_compiled_blas_waits() -> bool {
    library::waits()
}

extendr_module! {
    mod blas;
    fn rs_compiled_blas;
    fn rs_compiled_blas_waits;
}
