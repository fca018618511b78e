//! Worker processes and threads.
//!
//! * [`process`] forks a worker and watches it; [`child`] is what a fresh worker
//!   does before its first task;
//! * [`memory`] lays out what a job shares with its workers;
//! * [`supervisor`] starts workers while tasks remain, notices who died and
//!   decides what runs again;
//! * [`pool`] is this process's thread pool, [`cores`] the one gate for the
//!   number of cores, [`blas`] the one for the threads of the system's BLAS;
//! * [`sweep`] runs many simulations on the pool, [`blocks`] numerical kernels in
//!   slices of time, [`scheduled`] loops under a schedule; [`vector`] cleans the vector registers behind them.
//!
//! Nothing here knows R. Nothing here calls back into R either: the functions
//! that the binding passes in (`spawn`) are called on the thread that called us.

pub mod blas;
pub mod blocks;
pub mod child;
pub mod clock;
pub mod cores;
pub mod memory;
pub mod pool;
pub mod process;
pub mod scheduled;
pub mod supervisor;
pub mod sweep;
pub mod vector;

#[cfg(test)]
mod tests;
