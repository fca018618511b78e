//! How the session looks at shared memory without sleeping: to sleep and to be woken takes
//! longer than a small job.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::limits::{SPARED_MOST, WATCH};

/// So many of the next jobs are not watched, because the last were watched in vain: their
/// workers had to wait for a core, which was perhaps this one.
static SPARED: AtomicU32 = AtomicU32::new(0);
/// Jobs that were watched in vain since one was not.
static IN_VAIN: AtomicU32 = AtomicU32::new(0);

/// Is the next job not watched?
pub(crate) fn is_sparing() -> bool {
    SPARED.load(Ordering::Relaxed) > 0
}

/// How long a job may still be watched.
#[derive(Debug)]
pub(super) struct Gaze {
    left: Duration,
}

impl Gaze {
    /// For a job; only one whose workers `stand` by is watched.
    pub(super) fn new(stand: bool) -> Gaze {
        let spared = SPARED.load(Ordering::Relaxed);
        if stand && spared > 0 {
            SPARED.store(spared - 1, Ordering::Relaxed);
        }
        let left = if stand && spared == 0 {
            WATCH
        } else {
            Duration::ZERO
        };
        Gaze { left }
    }

    /// Rests for less than a microsecond; `false` when the job was watched for long enough.
    pub(super) fn rest(&mut self) -> bool {
        if self.left.is_zero() {
            return false;
        }
        let begun = Instant::now();
        for _ in 0..20 {
            std::hint::spin_loop();
        }
        self.left = self.left.saturating_sub(begun.elapsed());
        if self.left.is_zero() {
            let failed = IN_VAIN.load(Ordering::Relaxed).min(SPARED_MOST.ilog2());
            IN_VAIN.store(failed + 1, Ordering::Relaxed);
            SPARED.store(1 << failed, Ordering::Relaxed);
        }
        true
    }

    /// What it was watched for has come.
    pub(super) fn succeed(&mut self) {
        if !self.left.is_zero() {
            IN_VAIN.store(0, Ordering::Relaxed);
            self.left = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_watched_in_vain_is_watched_less_often() {
        let watched = |succeed: bool| {
            let mut gaze = Gaze::new(true);
            let any = !gaze.left.is_zero();
            if succeed {
                gaze.succeed();
            }
            while gaze.rest() {}
            any
        };
        assert!(!Gaze::new(false).rest());
        assert!(watched(true) && watched(true) && watched(false));
        let spared: Vec<bool> = (0..8).map(|_| watched(false)).collect();
        let expected = [false, true, false, false, true, false, false, false];
        assert_eq!(spared, expected);
        for _ in 0..2000 {
            watched(false);
        }
        let next = (0..2 * SPARED_MOST).position(|_| watched(true));
        assert!(next.is_some_and(|n| n <= SPARED_MOST as usize));
        assert!(watched(true));
    }
}
