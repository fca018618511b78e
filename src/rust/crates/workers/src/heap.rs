//! The heap of a forked worker: what the C library hands out between R's collections.
//!
//! R collects when some 64 MB were allocated, so quick tasks touch other pages all the time: 2,500
//! tasks that allocate 12 KB each leave 30 MB behind, and a fresh worker has no pages of its
//! own yet. The kernel makes one of 4 KB in 1.4 microseconds, copies one that is shared with the
//! session in 2, and makes one of 2 MB in 90, which is 0.2 for each 4 KB. So
//!
//! * the heap grows in strides, and between two tasks the kernel is asked for large pages where it has
//!   grown, before they are touched;
//! * a worker that has paid for many pages leaves alone what the heap had free at the fork, where
//!   each page would be copied first, and takes new memory instead.
//!
//! Nothing is touched ahead of its use: a worker has at most some 2 MB more than it needs, and one
//! that allocates nothing has nothing more. R's cells are where R has them: their pages are copied
//! one by one as before.
//!
//! Workers that stand by have their pages after the first call, and are left alone: they live long, and
//! must give back what a large task took.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::OnceLock;

use crate::system;

/// By how much a heap grows. What a task has touched before [`look`] sees it stays in small
/// pages, up to the next 2 MB; address space costs nothing. (16, 32 and 64 MB took as long.)
const STRIDE: usize = 32 << 20;

/// Who sets the stride has to set these, as the C library adapts them no more. It is what it comes
/// to by itself when a vector of 32 MB is freed: smaller ones are taken from the heap, and
/// what is free at its end is given back when it is more than twice as much.
const MAPPED_FROM: usize = 32 << 20;
/// See [`MAPPED_FROM`].
const KEPT: usize = 64 << 20;

/// A worker that does next to nothing has 400 faults, one that goes on to allocate has thousands.
const MANY_FAULTS: u64 = 800;
/// What is free is passed over in pieces, the large ones first, down to four pages: each costs the one
/// or two pages that the allocator writes to.
const PIECES: [usize; 7] = [
    1 << 20,
    512 << 10,
    256 << 10,
    128 << 10,
    64 << 10,
    32 << 10,
    16 << 10,
];
/// So many at most: one or two milliseconds. (Twice as many pieces gained nothing.)
const PIECES_MOST: usize = 512;

/// Where the heap of this worker ended at the last look; 0: it is left alone.
static END: AtomicUsize = AtomicUsize::new(0);
/// Where it ended at the fork; 0: what was free then has been passed over.
static INHERITED: AtomicUsize = AtomicUsize::new(0);
static LOOKS: AtomicU32 = AtomicU32::new(0);

/// Are there pages of 2 MB for those who ask?
fn large_pages() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(system::large_pages)
}

/// Looks up what [`settle`] needs to know, which every worker would after the fork.
pub fn look_up() {
    large_pages();
}

/// Makes the heap of this process, which was just forked, that of a worker. It is left as it is where
/// large pages cannot be had, or where memory is counted that is not used.
pub fn settle() {
    let strides = large_pages() && !system::is_heap_limited();
    if strides {
        system::keep_heap(KEPT, MAPPED_FROM, STRIDE);
    }
    let end = if strides { system::heap_end() } else { 0 };
    END.store(end, Ordering::Relaxed);
    INHERITED.store(end, Ordering::Relaxed);
    LOOKS.store(0, Ordering::Relaxed);
}

/// Between two tasks: asks for large pages where the heap has grown. Costs a nanosecond or two where it
/// has not.
#[inline]
pub fn look() {
    let before = END.load(Ordering::Relaxed);
    if before == 0 {
        return;
    }
    if system::heap_end() != before {
        advise();
    }
    let looks = LOOKS.load(Ordering::Relaxed).wrapping_add(1);
    LOOKS.store(looks, Ordering::Relaxed);
    if looks.is_power_of_two() {
        consider();
    }
}

#[cold]
fn advise() {
    let (before, end) = (END.load(Ordering::Relaxed), system::heap_end());
    if end > before {
        system::advise_large(before, end);
    }
    END.store(end, Ordering::Relaxed);
}

/// Asked now and then: passes over what was free at the fork, once many pages were touched.
#[cold]
fn consider() {
    let end = INHERITED.load(Ordering::Relaxed);
    if end == 0 || system::page_faults() < MANY_FAULTS {
        return;
    }
    INHERITED.store(0, Ordering::Relaxed);
    let mut left = PIECES_MOST;
    for piece in PIECES {
        while left > 0 && system::pass_over(piece, end) {
            left -= 1;
        }
        // The last one may have begun a stride.
        advise();
    }
}
