//! The one gate for the number of cores.

use std::num::NonZeroUsize;

/// Physical and logical cores of this machine, control groups considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// Cores without their hyperthreads.
    pub physical: NonZeroUsize,
    /// Processing units that the operating system schedules on.
    pub logical: NonZeroUsize,
}

/// Counts the cores.
#[expect(clippy::disallowed_methods, reason = "this is the gate")]
pub fn cores() -> Cores {
    let at_least_one = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
    let logical = at_least_one(num_cpus::get());
    let physical = at_least_one(num_cpus::get_physical()).min(logical);
    Cores { physical, logical }
}
