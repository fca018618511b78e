use super::*;

#[test]
fn logical_cores_are_at_least_the_physical_ones() {
    let cores = cores::cores();
    assert!(cores.logical >= cores.physical);
}
