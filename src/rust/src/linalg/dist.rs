//! Distances, for R.

use extendr_api::prelude::*;
use rustle_linalg::all_finite;
use rustle_linalg::distance::{Distances, Metric};

use super::loops::{matrix, numbers, schedule_named};
use super::{count, in_slices, slice, state_or, view};

/// Distances, and whether elements are missing.
#[derive(Debug)]
struct State(Distances, bool);

/// One slice of the distances between the rows of `x` into the new vector `out`.
/// @noRd
#[extendr]
fn rs_distances(
    x: RMatrix<f64>,
    method: &str,
    power: f64,
    schedule: &str,
    mut out: Robj,
    state: Nullable<ExternalPtr<State>>,
    threads: i32,
) -> List {
    let metric = match method {
        "euclidean" => Metric::Euclidean,
        "manhattan" => Metric::Manhattan,
        "maximum" => Metric::Maximum,
        "cosine" => Metric::Cosine,
        _ => Metric::Minkowski(power),
    };
    let mut state = state_or(state, || {
        let threads = count(threads).get();
        let state = Distances::new(
            x.nrows(),
            x.ncols(),
            metric,
            schedule_named(schedule),
            threads,
        );
        State(state, !all_finite(view(&x)))
    });
    let State(distances, gaps) = &mut *state;
    let complete = distances.advance(matrix(&x), *gaps, numbers(&mut out), slice(threads));
    in_slices(().into(), state, complete)
}

extendr_module! {
    mod dist;
    fn rs_distances;
}
