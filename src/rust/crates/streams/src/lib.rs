//! L'Ecuyer-CMRG random number streams with jumps, numbered as R numbers them.
//!
//! The generator is MRG32k3a (L'Ecuyer 1999, Operations Research 47, 159-164), cut
//! into streams 2^127 numbers apart and substreams 2^76 apart (L'Ecuyer, Simard, Chen
//! & Kelton 2002, Operations Research 50, 1073-1075): R's
//! `RNGkind("L'Ecuyer-CMRG")`, `parallel::nextRNGStream()` and
//! `parallel::nextRNGSubStream()`, word for word. A jump over `k` streams costs a
//! few matrix products, so the seed of a task is computed where the task runs.
//!
//! ```
//! use rustle_streams::{Mrg, Numbering, Seed, TaskSeeds};
//!
//! // RNGkind("L'Ecuyer-CMRG"); set.seed(42); .Random.seed[2:7]
//! let words = [-2133391687, 507561766, 1260545903, 1362917092, -1772566379, -1344458670];
//! let base = Seed::from_words(&words)?;
//!
//! let mut seeds = TaskSeeds::new(base, Numbering::Substream);
//! assert_eq!(seeds.seed(2), base.next_stream().next_stream().next_substream());
//!
//! assert_eq!(Mrg::new(base).next_u01(), 0.17384558454153168); // runif(1)
//! # Ok::<(), rustle_streams::SeedError>(())
//! ```

#![forbid(unsafe_code)]

mod jump;
mod mrg;
mod seed;
mod tasks;

pub use mrg::Mrg;
pub use seed::{Seed, SeedError};
pub use tasks::{Numbering, TaskSeeds};
