use super::*;
use std::num::NonZeroUsize;

#[test]
fn logical_cores_are_at_least_the_physical_ones() {
    let cores = cores::cores();
    assert!(cores.logical >= cores.physical);
}

#[test]
fn shares_of_the_cores_never_exceed_them() {
    for total in 1..9 {
        for workers in 1..12 {
            let (t, w) = (
                NonZeroUsize::new(total).unwrap(),
                NonZeroUsize::new(workers).unwrap(),
            );
            let share = cores::share(t, w).get();
            assert!(share == 1 || share * workers <= total);
        }
    }
}

#[test]
fn a_limited_blas_has_its_threads_back_afterwards() {
    // No BLAS is linked here; the limit is then empty and harmless.
    drop(blas::limit(1));
}
