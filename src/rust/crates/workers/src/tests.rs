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
