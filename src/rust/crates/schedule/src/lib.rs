//! Schedules, and the claim table by which workers hand out tasks among themselves.
//!
//! A [`Schedule`] is the rule; a [`Layout`] applies it to one job and never changes;
//! a [`Table`] says which units are unclaimed and who runs which. The table is a few
//! atomic words per worker in memory that all workers share: there is no
//! coordinator, no message and no lock, and workers may be threads or processes. A
//! worker that is killed, at any instruction, stops nobody and loses no unit.
//!
//! | schedule | units come from |
//! |---|---|
//! | [`Static`](Schedule::Static) | the worker's own block of neighbouring tasks |
//! | [`Cyclic`](Schedule::Cyclic) | the worker's own tasks `w`, `w + p`, `w + 2p`, ... |
//! | [`Dynamic`](Schedule::Dynamic) | one queue, a fixed number at a time |
//! | [`Guided`](Schedule::Guided) | one queue, a fraction of what is left |
//! | [`Stealing`](Schedule::Stealing) | the own block, then half of the largest other one |
//! | [`Layout::from_chunks`] | one queue, one chunk of the list at a time |
//!
//! This is all that a worker does:
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Instant;
//! use rustle_schedule::{Cell, Claims, Clock, Layout, Queue, Schedule, Table};
//!
//! struct Stopwatch(Instant);
//! impl Clock for Stopwatch {
//!     fn now(&self) -> u64 {
//!         self.0.elapsed().as_nanos() as u64
//!     }
//! }
//!
//! fn work(table: Table<'_>, me: usize, mut run: impl FnMut(u32)) {
//!     let clock = Stopwatch(Instant::now());
//!     let mut claims = Claims::new(me, Vec::new());
//!     while let Some(task) = claims.next(&table, &clock) {
//!         run(task); // and store that the task is done
//!     }
//! }
//!
//! let layout = Layout::new(Schedule::Stealing, 1000, NonZeroU32::MIN.saturating_add(1));
//! let queue = Queue::default(); // between processes: zeroed shared memory
//! let cells = [Cell::default(), Cell::default()];
//! let table = Table::new(&layout, &queue, &cells);
//! table.reset();
//!
//! let mut runs = vec![0; 1000];
//! work(table, 0, |task| runs[task as usize] += 1);
//! assert_eq!(runs, vec![1; 1000]); // worker 1 never came: its block was stolen
//! assert_eq!(table.unclaimed(), 0);
//! ```
//!
//! [`Claims`] claims as many units at a time as take long enough for a claim to cost
//! nothing ([`Grain`]), and gives a claim back that takes too long.
//!
//! The supervisor waits for workers. When one has died it calls [`Table::bury`],
//! runs the unfinished tasks of the claim that this returns again, and may start a
//! replacement under the same number. When all workers have stopped and nothing is
//! unclaimed, it makes the *final sweep*: a task that is still not done was lost
//! between two words of the table, and runs again. `PROTOCOL.md` says why no task
//! then runs twice, except one that was running when its worker died.
//!
//! [`simulate`](fn@simulate) runs the same table in simulated time, with up to
//! 10,000 workers.
//!
//! Not for tasks of less than a microsecond that are known beforehand to be equal:
//! a loop over [`Layout::share`] needs no table.

#![forbid(unsafe_code)]

mod claims;
mod grain;
mod nodes;
mod policy;
mod simulate;
mod table;
mod word;

pub use claims::{Claims, Clock};
pub use grain::Grain;
pub use nodes::{node_chunk, simulate_nodes, Bounds, Node, NodeError, NodeSimulation, Request};
pub use policy::{Layout, LayoutError, Schedule};
pub use simulate::{
    efficiency, imbalance, simulate, Costs, SimulateError, Simulation, MAX_WORKERS,
};
pub use table::{Cell, Queue, Table};
pub use word::Word;
