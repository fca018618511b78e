//! Worker processes, and the job that they share.
//!
//! * [`seat`] is what a worker does between two evaluations;
//! * [`memory`] lays out what a job shares with its workers, [`ledger`] keeps what of it
//!   is finished, [`spans`] says when tasks ran;
//! * [`job`] is the loop of the session that waits; its [`supervisor`] starts workers
//!   while tasks remain and notices who was lost;
//!   [`recovery`] decides what runs again;
//! * [`crew`] is the trait by which the supervisor uses workers. [`forked`] are workers that
//!   are forked for one job. [`process`] forks and watches, [`child`] is what a fresh worker
//!   does before its first task;
//! * [`standing`] is the crew of workers that stand by between jobs, and get each one in a
//!   letter, the [`order`]. They come from the [`pool`] of the session and are copies of a
//!   [`server`]; [`post`] carries the letters;
//! * [`heap`] has the memory that a worker allocates come in large pages;
//! * [`blas`] is the one gate for the threads of the system's BLAS in a worker,
//!   [`clock`] the clock, [`limits`] the numbers that decide; `system` is the one place for
//!   what Linux does otherwise than the rest of POSIX.
//!
//! PROTOCOL.md, beside this crate, shows a call on its way through all of them.
//!
//! Nothing here knows R, and nothing here calls back: whoever evaluates tasks drives a
//! [`seat`] from outside.

#[cfg(unix)]
pub mod blas;
#[cfg(unix)]
pub mod board;
#[cfg(unix)]
pub mod child;
pub mod clock;
#[cfg(unix)]
pub mod crew;
#[cfg(unix)]
pub mod forked;
#[cfg(unix)]
pub mod heap;
#[cfg(unix)]
pub mod job;
#[cfg(unix)]
pub mod ledger;
#[cfg(unix)]
pub mod limits;
#[cfg(unix)]
pub mod memory;
#[cfg(unix)]
pub mod order;
pub mod part;
#[cfg(unix)]
pub mod pool;
#[cfg(unix)]
pub mod post;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
pub mod recovery;
#[cfg(unix)]
pub mod seat;
#[cfg(unix)]
pub mod server;
pub mod spans;
#[cfg(unix)]
mod stains;
#[cfg(unix)]
pub mod standing;
#[cfg(unix)]
pub mod supervisor;
mod system;
