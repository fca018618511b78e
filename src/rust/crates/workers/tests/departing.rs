//! Workers that are leaving when a call is over.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustle_workers::child;
use rustle_workers::process::{fork, reap_soon, Fork};

static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn hear(_: libc::c_int) {
    HEARD.fetch_add(1, Ordering::SeqCst);
}

/// Reaps a worker that leaves after a while: what this process had heard of that when the call
/// was over.
fn heard_at_return() -> u32 {
    let parent = std::process::id() as i32;
    HEARD.store(0, Ordering::SeqCst);
    // SAFETY: the only test here; the child isolates itself at once, and leaves by `leave`.
    match unsafe { fork() }.unwrap() {
        Fork::Child => {
            child::isolate(parent, &[]);
            std::thread::sleep(Duration::from_millis(50));
            child::leave(0)
        }
        Fork::Parent(child) => reap_soon(vec![child]),
    }
    HEARD.load(Ordering::SeqCst)
}

#[test]
fn who_listens_for_the_end_of_children_has_heard_it_before_the_call_is_over() {
    // SAFETY: a handler that only adds to a number.
    unsafe { libc::signal(libc::SIGCHLD, hear as *const () as libc::sighandler_t) };
    assert_eq!(heard_at_return(), 1);
    // SAFETY: the action that every process starts with.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    assert_eq!(heard_at_return(), 0);
}
