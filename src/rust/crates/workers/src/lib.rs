//! Worker processes, and the job that they share.
//!
//! * [`seat`] is what a worker does between two evaluations;
//! * [`memory`] lays out what a job shares with its workers, [`ledger`] keeps what of it
//!   is finished;
//! * [`job`] is the loop of the session that waits; its [`supervisor`] starts workers
//!   while tasks remain and notices who was lost;
//!   [`recovery`] decides what runs again;
//! * [`crew`] is the trait by which the supervisor uses workers. [`forked`] are workers that
//!   are forked for one job. [`process`] forks and watches, [`child`] is what a fresh worker
//!   does before its first task;
//! * [`standing`] is the crew of workers that stand by between jobs, and get each one in a
//!   letter, the [`order`]. They come from the [`pool`] of the session and are copies of a
//!   [`server`]; [`post`] carries the letters;
//! * [`blas`] is the one gate for the threads of the system's BLAS in a worker,
//!   [`clock`] the clock, [`limits`] the numbers that decide; `system` is the one place for
//!   what Linux does otherwise than the rest of POSIX.
//!
//! PROTOCOL.md, beside this crate, shows a call on its way through all of them.
//!
//! Nothing here knows R, and nothing here calls back: whoever evaluates tasks drives a
//! [`seat`] from outside.

pub mod blas;
pub mod board;
pub mod child;
pub mod clock;
pub mod crew;
pub mod forked;
pub mod job;
pub mod ledger;
pub mod limits;
pub mod memory;
pub mod order;
pub mod pool;
pub mod post;
pub mod process;
pub mod recovery;
pub mod seat;
pub mod server;
pub mod standing;
pub mod supervisor;
mod system;
