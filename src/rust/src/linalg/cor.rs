//! Covariances and correlations, for R.

use extendr_api::prelude::*;
use rustle_linalg::correlation::{Centered, Measure, Pairwise, Ranks};

use super::loops::{matrix, numbers, schedule_named};
use super::{count, in_slices, slice, state_or};

/// One slice of centering the columns of `x` into the new matrix `out`, with their
/// lengths; `unit`: divided by these.
/// @noRd
#[extendr]
fn rs_centered(
    x: RMatrix<f64>,
    unit: bool,
    schedule: &str,
    mut out: Robj,
    mut lengths: Robj,
    state: Nullable<ExternalPtr<Centered>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        let threads = count(threads).get();
        Centered::new(
            x.nrows(),
            x.ncols(),
            unit,
            schedule_named(schedule),
            threads,
        )
    });
    let lengths = numbers(&mut lengths);
    let complete = state.advance(matrix(&x), numbers(&mut out), lengths, slice(threads));
    in_slices(().into(), state, complete)
}

/// One slice of covariances, or Pearson's or Spearman's correlations over the rows that
/// are complete in both columns, into the new matrix `out`; `y` NULL: the upper triangle.
/// @noRd
#[extendr]
fn rs_pairwise(
    x: RMatrix<f64>,
    y: Nullable<RMatrix<f64>>,
    measure: &str,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Pairwise>>,
    threads: i32,
) -> List {
    let y = match &y {
        Nullable::NotNull(y) => Some(matrix(y)),
        Nullable::Null => None,
    };
    let x = matrix(&x);
    let mut state = state_or(state, || {
        let measure = match measure {
            "covariance" => Measure::Covariance,
            "pearson" => Measure::Pearson,
            _ => Measure::Spearman,
        };
        let ncol = y.unwrap_or(x).ncol;
        Pairwise::new(
            ncol,
            measure,
            schedule_named(schedule),
            count(threads).get(),
        )
    });
    let complete = state.advance(x, y, numbers(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

/// One slice of the average ranks within the columns of `x` into the new matrix `out`.
/// @noRd
#[extendr]
fn rs_ranks(
    x: RMatrix<f64>,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Ranks>>,
    threads: i32,
) -> List {
    let mut state = state_or(state, || {
        Ranks::new(x.ncols(), schedule_named(schedule), count(threads).get())
    });
    let complete = state.advance(matrix(&x), numbers(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

extendr_module! {
    mod cor;
    fn rs_centered;
    fn rs_pairwise;
    fn rs_ranks;
}
