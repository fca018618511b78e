//! Where the heap is not that of the GNU C library under Linux, it is left alone.

/// None that could be asked for.
pub(crate) fn large_pages() -> bool {
    false
}

/// As it is.
pub(crate) fn is_heap_limited() -> bool {
    true
}

/// Nobody is told.
pub(crate) fn keep_heap(_kept: usize, _mapped_from: usize, _stride: usize) {}

/// Not asked for.
pub(crate) fn heap_end() -> usize {
    0
}

/// Nobody is asked.
pub(crate) fn advise_large(_from: usize, _to: usize) {}

/// Not counted.
pub(crate) fn page_faults() -> u64 {
    0
}

/// Nothing is taken.
pub(crate) fn pass_over(_piece: usize, _end: usize) -> bool {
    false
}
