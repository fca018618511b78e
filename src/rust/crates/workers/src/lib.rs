//! Worker processes.
//!
//! * [`process`] forks a worker and watches it; [`child`] is what a fresh worker
//!   does before its first task;
//! * [`memory`] lays out what a job shares with its workers;
//! * [`supervisor`] starts workers while tasks remain, notices who died and
//!   decides what runs again;
//! * [`blas`] is the one gate for the threads of the system's BLAS in a worker.
//!
//! Nothing here knows R. Nothing here calls back into R either: the functions
//! that the binding passes in (`spawn`) are called on the thread that called us.

pub mod blas;
pub mod child;
pub mod clock;
pub mod memory;
pub mod process;
pub mod supervisor;
