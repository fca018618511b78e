//! How many units a worker claims at once.

use std::time::Duration;

/// Below this a claim is too short: claiming may cost more than 1 % of it.
const SHORT: u64 = 100_000;
/// Above this a claim is too long: the units behind its first are kept from thieves.
const LONG: u64 = 2_000_000;
/// No claim is expected to take more; ten of them fit into the 100 ms within which
/// cancelling and timeouts must answer.
const LIMIT: u64 = 10_000_000;
/// More units than this gain nothing, even when a unit takes a nanosecond.
const MOST: u32 = 1 << 16;

/// The number of units per claim, adapted to how long units take.
///
/// Starts at 1, doubles while a claim is expected to take less than 0.1 ms, and
/// shrinks so that it takes at most 2 ms. The expected time of a unit rises at once
/// and falls slowly, so that quick units between slow ones do not make a claim of
/// more than 10 ms.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    size: u32,
    /// Expected time of a unit in ns, never below that of the last claim.
    unit: u64,
}

impl Default for Grain {
    fn default() -> Self {
        Self::new()
    }
}

impl Grain {
    /// One unit per claim, nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 1, unit: 0 }
    }

    /// Units to claim next; between 1 and 65536.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Whether a claim that has run for `elapsed` takes longer than any should: what
    /// is left of it is then better given back.
    #[must_use]
    pub fn is_long(elapsed: Duration) -> bool {
        elapsed > Duration::from_nanos(LONG)
    }

    /// Learns that a claim of `units` units took `elapsed`. No units, nothing learnt.
    pub fn observe(&mut self, units: u32, elapsed: Duration) {
        if units == 0 {
            return;
        }
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let latest = elapsed / u64::from(units);
        // The claim may have been shorter than the grain, at the end of a block.
        let expected = latest.saturating_mul(u64::from(self.size));
        self.unit = latest.max(self.unit - self.unit / 8);
        let size = if expected < SHORT {
            u64::from(self.size) * 2
        } else if expected > LONG {
            LONG / latest
        } else {
            u64::from(self.size)
        };
        let limit = LIMIT.checked_div(self.unit).unwrap_or(u64::MAX);
        self.size = size.min(limit).clamp(1, u64::from(MOST)) as u32;
    }
}

#[cfg(test)]
mod tests;
