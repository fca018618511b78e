//! Functions of R over slices and a generator, with R's exact numbers.
//!
//! Each is a plain function, `fn name(arguments: slices or scalars, host: &Host, state: &mut
//! Generator) -> Result<_, Bail>` (of the last two only what it needs), that gives up where
//! R would warn, fail, or meet a missing value.

pub mod along;
pub mod arithmetic;
pub mod beta;
pub mod binomial;
pub mod curves;
pub mod distinct;
pub mod draws;
pub mod gamma;
pub mod generator;
pub mod lookup;
pub mod matrix;
pub mod mersenne;
pub mod named;
pub mod normal;
pub mod order;
pub mod poisson;
pub mod quantile;
pub mod reduce;
pub mod resamples;
pub mod sample;
pub mod sequence;
pub mod trimmed;

pub use generator::Generator;
pub use resamples::{Resamples, Scheme};

#[cfg(test)]
mod tests;
