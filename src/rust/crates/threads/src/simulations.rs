//! Many simulations at once.

use std::num::NonZeroUsize;

use rayon::prelude::*;
use rayon::ThreadPoolBuildError;
use rustle_schedule::{simulate, Costs, Layout, SimulateError, Simulation};

use crate::pool::with_pool;

/// Simulates the same task times under every layout, on `threads` threads.
/// Results are in the order of `layouts` and do not depend on `threads`.
///
/// # Errors
///
/// When the pool cannot be built.
pub fn simulate_all(
    times: &[f64],
    layouts: &[Layout],
    costs: Costs,
    threads: NonZeroUsize,
) -> Result<Vec<Result<Simulation, SimulateError>>, ThreadPoolBuildError> {
    with_pool(threads, || {
        layouts
            .par_iter()
            .map(|layout| simulate(times, layout, costs))
            .collect()
    })
}
