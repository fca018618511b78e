//! The heap of the GNU C library, under Linux.

use std::fs::read_to_string;

use libc::{mallopt, M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD};

/// Where small pages are larger than 4 KB, large ones can have 512 MB.
const LARGEST: usize = 4 << 20;

/// Are there large pages for memory that is advised so? Not where the kernel promises no more memory
/// than it has: there a heap that grows in strides takes from others what it does not use.
pub(crate) fn large_pages() -> bool {
    let tells = |file: &str| read_to_string(file).unwrap_or_default();
    let large = "/sys/kernel/mm/transparent_hugepage";
    let enabled = tells(&format!("{large}/enabled"));
    let size = tells(&format!("{large}/hpage_pmd_size"));
    (enabled.contains("[madvise]") || enabled.contains("[always]"))
        && size
            .trim()
            .parse()
            .is_ok_and(|bytes: usize| bytes <= LARGEST)
        && tells("/proc/sys/vm/overcommit_memory").trim() != "2"
}

/// Is the address space of this process limited, or its heap?
pub(crate) fn is_heap_limited() -> bool {
    [libc::RLIMIT_AS, libc::RLIMIT_DATA]
        .into_iter()
        .any(|what| {
            let mut limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            // SAFETY: the structure lives.
            let told = unsafe { libc::getrlimit(what, &mut limit) } == 0;
            !told || limit.rlim_cur != libc::RLIM_INFINITY
        })
}

/// Keeps up to `kept` bytes that are free at the end of the heap, takes from it what has fewer bytes
/// than `mapped_from`, and lets it grow by `stride`.
pub(crate) fn keep_heap(kept: usize, mapped_from: usize, stride: usize) {
    let settings = [
        (M_TRIM_THRESHOLD, kept),
        (M_MMAP_THRESHOLD, mapped_from),
        (M_TOP_PAD, stride),
    ];
    for (what, bytes) in settings {
        // SAFETY: a number for the allocator, which may refuse it.
        unsafe { mallopt(what, i32::try_from(bytes).unwrap_or(i32::MAX)) };
    }
}

/// Where the heap ends: no system call.
pub(crate) fn heap_end() -> usize {
    // SAFETY: moves nothing.
    unsafe { libc::sbrk(0) as usize }
}

/// Asks for large pages between two ends of the heap.
pub(crate) fn advise_large(from: usize, to: usize) {
    const PAGE: usize = 4096;
    let from = from.next_multiple_of(PAGE);
    let bytes = to.saturating_sub(from);
    // SAFETY: advice changes no data; the kernel refuses what is not mapped.
    unsafe { libc::madvise(from as *mut libc::c_void, bytes, libc::MADV_HUGEPAGE) };
}

/// How many pages were made or copied for this process so far.
pub(crate) fn page_faults() -> u64 {
    // SAFETY: a plain structure of numbers, for which zeroes are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives; where nothing is told it stays as it is.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    u64::try_from(usage.ru_minflt).unwrap_or(0)
}

/// Takes a free piece of the heap before `end` for good; `false` if there is none.
pub(crate) fn pass_over(piece: usize, end: usize) -> bool {
    // SAFETY: nobody else has the piece: it is given back, or kept for good. That it is taken must
    // not be optimized away.
    unsafe {
        let taken = std::hint::black_box(libc::malloc(piece));
        let inherited = !taken.is_null() && (taken as usize) < end;
        if !inherited {
            libc::free(taken);
        }
        inherited
    }
}
