//! How the session looks at shared memory without sleeping: to sleep and to be woken takes
//! longer than a small job.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::limits::{SPARED_MOST, WATCH, WATCH_MOST};

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
    /// Without anything new, and in all; nothing left: not any more.
    left: Duration,
    most: Duration,
    /// The tasks that nobody has claimed, when there was something new.
    unclaimed: u64,
}

impl Gaze {
    /// For a job; only one whose workers `stand` by is watched.
    pub(super) fn new(stand: bool) -> Gaze {
        let spared = SPARED.load(Ordering::Relaxed);
        if stand && spared > 0 {
            SPARED.store(spared - 1, Ordering::Relaxed);
        }
        let watched = stand && spared == 0;
        Gaze {
            left: if watched { WATCH } else { Duration::ZERO },
            most: WATCH_MOST,
            unclaimed: u64::MAX,
        }
    }

    /// Rests for less than a microsecond; `false` when the job was watched for long enough. While
    /// fewer and fewer tasks are `unclaimed` its workers have cores, and it is not watched in vain.
    pub(super) fn rest(&mut self, unclaimed: u64) -> bool {
        if self.left.is_zero() {
            return false;
        }
        let begun = Instant::now();
        for _ in 0..20 {
            std::hint::spin_loop();
        }
        self.pass(begun.elapsed(), unclaimed);
        true
    }

    fn pass(&mut self, took: Duration, unclaimed: u64) {
        if unclaimed != self.unclaimed {
            (self.unclaimed, self.left) = (unclaimed, WATCH);
        }
        self.left = self.left.saturating_sub(took);
        self.most = self.most.saturating_sub(took);
        if self.left.is_zero() {
            let failed = IN_VAIN.load(Ordering::Relaxed).min(SPARED_MOST.ilog2());
            IN_VAIN.store(failed + 1, Ordering::Relaxed);
            SPARED.store(1 << failed, Ordering::Relaxed);
        } else if self.most.is_zero() {
            self.left = Duration::ZERO;
        }
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
            while gaze.rest(0) {}
            any
        };
        assert!(!Gaze::new(false).rest(0));
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
        // One whose tasks are claimed one after another is watched for longer, and not in vain.
        let mut gaze = Gaze::new(true);
        let looks = (0..)
            .take_while(|&unclaimed| {
                gaze.pass(WATCH / 2, unclaimed);
                !gaze.left.is_zero()
            })
            .count();
        assert_eq!(
            looks as u128,
            WATCH_MOST.as_nanos() * 2 / WATCH.as_nanos() - 1
        );
        assert!(watched(true));
    }
}
