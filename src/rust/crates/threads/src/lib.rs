//! Threads of this process, for numerical kernels and simulations.
//!
//! * [`pool`] is this process's thread pool, [`cores`] the one gate for the number
//!   of cores;
//! * [`blocks`] runs kernels in slices of time, [`scheduled`] loops under a
//!   schedule, [`simulations`] many simulations;
//! * [`vector`] cleans the vector registers behind a kernel; [`octets`] has those of eight lanes.
//!
//! Nothing here forks, maps memory or knows R, so what stands on it (linear
//! algebra, the bootstrap) runs wherever there are threads.

pub mod blocks;
pub mod cores;
pub mod octets;
pub mod pool;
pub mod scheduled;
pub mod simulations;
pub mod vector;

#[cfg(test)]
mod tests;
