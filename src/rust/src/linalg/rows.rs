//! Rows and columns, for R.

// A routine that R calls has one parameter for each value that R passes.
#![allow(clippy::too_many_arguments)]

use extendr_api::prelude::*;
use rustle_linalg::quantile::Quantiles;
use rustle_linalg::rows::{Margin, Matrix, Moment, Moments};

use super::loops::{matrix, numbers, schedule_named};
use super::{count, in_slices, slice, state_or};

fn margin_of(margin: i32) -> Margin {
    if margin == 1 {
        Margin::Rows
    } else {
        Margin::Cols
    }
}

/// One slice of sums (`moment` 0), means (1) or variances (2) of the rows (`margin` 1)
/// or columns (2) of `x` into the new vector `out`.
/// @noRd
#[extendr]
fn rs_moments(
    x: RMatrix<f64>,
    margin: i32,
    moment: i32,
    skip: bool,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Moments>>,
    threads: i32,
) -> List {
    let moment = match moment {
        0 => Moment::Sum,
        1 => Moment::Mean,
        _ => Moment::Variance,
    };
    let x: Matrix = matrix(&x);
    let mut state = state_or(state, || {
        let shape = (x.nrow, x.ncol);
        let threads = count(threads).get();
        Moments::new(
            shape,
            margin_of(margin),
            moment,
            skip,
            schedule_named(schedule),
            threads,
        )
    });
    let complete = state.advance(x, numbers(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

/// One slice of quantiles of the rows (`margin` 1) or columns (2) of `x` into the columns
/// of the new matrix `out`.
/// @noRd
#[extendr]
fn rs_quantiles(
    x: RMatrix<f64>,
    margin: i32,
    probs: &[f64],
    kind: i32,
    skip: bool,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<Quantiles>>,
    threads: i32,
) -> List {
    let x: Matrix = matrix(&x);
    let mut state = state_or(state, || {
        Quantiles::new(
            (x.nrow, x.ncol),
            margin_of(margin),
            probs.to_vec(),
            kind.clamp(1, 9) as u8,
            skip,
            schedule_named(schedule),
            count(threads).get(),
        )
    });
    let complete = state.advance(x, numbers(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

extendr_module! {
    mod rows;
    fn rs_moments;
    fn rs_quantiles;
}
