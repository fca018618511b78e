//! Bootstrap kernels: resampling schemes and statistics that never build a matrix of
//! resamples.
//!
//! Replicate r has a random number stream keyed by (seed, r), and every sum inside a
//! replicate has one fixed order, so the bits of a replicate do not depend on threads
//! or on how replicates are cut into batches. Which algorithm runs follows from the
//! statistic and the scheme alone.
//!
//! * [`stream`]: generator and laws; [`scheme`]: what a replicate is made of;
//! * [`statistic`]: sums ([`moments`]) or scans ([`sorted`]) or fits ([`models`], [`absorbed`],
//!   [`absorbed_glm`], [`two_stage`], [`glm`], [`cox`], [`robust`]), and a [`program`] of them;
//! * [`wild`]: the wild bootstrap of tests in linear models;
//! * [`run`](mod@run): replicates on threads; [`influence`]: jackknife and
//!   infinitesimal jackknife.

#![forbid(unsafe_code)]
// `!(x > 0.0)` is not `x <= 0.0`: it must also hold for NaN.
#![allow(clippy::neg_cmp_op_on_partial_ord)]
// Loops over lanes run over several arrays at once.
#![allow(clippy::needless_range_loop)]

pub mod absorbed;
pub mod absorbed_glm;
#[cfg(test)]
mod closed_forms;
pub mod cox;
mod dense;
mod families;
pub mod glm;
pub mod influence;
mod math;
pub mod models;
pub mod moments;
pub mod permutation;
pub mod program;
pub mod robust;
pub mod run;
pub mod scheme;
mod shuffle;
pub mod sorted;
pub mod statistic;
pub mod stream;
pub mod two_stage;
pub mod wild;
