//! A pool that was used in the parent must not be entered in a forked child.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use rustle_threads::pool::with_pool;
use rustle_workers::child;
use rustle_workers::process::{fork, Exit, Fork};

fn sum(threads: NonZeroUsize) -> u64 {
    use rayon::prelude::*;
    with_pool(threads, || (0..100_000u64).into_par_iter().sum()).unwrap()
}

#[test]
fn a_pool_used_before_a_fork_works_again_in_the_child() {
    let threads = NonZeroUsize::new(2).unwrap();
    let expected = (0..100_000u64).sum::<u64>();
    assert_eq!(sum(threads), expected);
    let parent = std::process::id() as i32;
    // SAFETY: the only test here, and the pool's threads sleep: the child finds no lock
    // taken. It isolates itself at once, and leaves by `leave`.
    match unsafe { fork() }.unwrap() {
        Fork::Child => {
            child::isolate(parent, &[]);
            // A hang is ended by the default action of the alarm.
            // SAFETY: plain system call.
            unsafe { libc::alarm(20) };
            child::leave(i32::from(sum(threads) != expected))
        }
        Fork::Parent(child) => assert_eq!(child.reap(), Exit::Status(0)),
    }
    assert_eq!(sum(threads), expected);
}
