//! The state in which kernels leave a core's vector unit.

/// Runs `op` and cleans the upper halves of the vector registers behind it.
///
/// faer's large matrix product leaves them dirty: on x86-64 all SSE2 code of the
/// same thread then runs several times slower, until somebody cleans them. Every
/// call that can reach that product goes through here, on whatever thread.
pub fn clean_after<R>(op: impl FnOnce() -> R) -> R {
    let _clean = Clean;
    op()
}

/// Cleans when dropped: after a panic too.
struct Clean;

impl Drop for Clean {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has AVX, as just tested; the instruction
            // changes nothing that Rust or the C ABI keeps across a call.
            unsafe { zero_upper() }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
// A function of its own: `_mm256_zeroupper` is inlined only where AVX is enabled. Before Rust 1.87
// its intrinsics were unsafe.
#[allow(unused_unsafe)]
unsafe fn zero_upper() {
    // SAFETY: by the caller's promise.
    unsafe { std::arch::x86_64::_mm256_zeroupper() };
}

/// Are upper halves of this thread's vector registers in use? `None` where the
/// processor does not tell. For tests.
pub fn upper_halves_in_use() -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    {
        // New versions of Rust know that.
        #[allow(unused_unsafe)]
        // SAFETY: every processor of this architecture has the instruction.
        let leaf = unsafe { std::arch::x86_64::__cpuid_count(0xD, 1) };
        // Bit 2: XGETBV takes 1, which asks for what is in use.
        if std::arch::is_x86_feature_detected!("xsave") && leaf.eax & 4 != 0 {
            // SAFETY: the processor has the instruction and its argument, as just tested.
            return Some(unsafe { in_use() } & 4 != 0);
        }
    }
    None
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "xsave")]
unsafe fn in_use() -> u64 {
    // SAFETY: by the caller's promise.
    unsafe { std::arch::x86_64::_xgetbv(1) }
}
