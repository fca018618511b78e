use super::*;

#[test]
fn logical_cores_are_at_least_the_physical_ones() {
    let cores = cores::cores();
    assert!(cores.logical >= cores.physical);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn vector_registers_are_clean_after_a_kernel() {
    if vector::upper_halves_in_use().is_none() || !std::arch::is_x86_feature_detected!("avx") {
        return;
    }
    let dirty = || {
        // SAFETY: the processor has AVX; the register is named as changed.
        unsafe { std::arch::asm!("vcmpps ymm7, ymm7, ymm7, 15", out("ymm7") _) };
        vector::upper_halves_in_use()
    };
    assert_eq!(dirty(), Some(true));
    assert_eq!(vector::clean_after(dirty), Some(true));
    assert_eq!(vector::upper_halves_in_use(), Some(false));
}
