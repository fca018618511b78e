use super::*;

/// A grain after many claims of units that take `unit` each.
fn adapted(unit: Duration) -> Grain {
    let mut grain = Grain::new();
    for _ in 0..100 {
        grain.observe(grain.size(), unit * grain.size());
    }
    grain
}

#[test]
fn claims_adapt_to_between_50_us_and_2_ms() {
    for nanos in [10, 100, 700, 5_000, 49_000, 120_000, 900_000] {
        let unit = Duration::from_nanos(nanos);
        let claim = unit * adapted(unit).size();
        let wanted = Duration::from_micros(50)..=Duration::from_millis(2);
        assert!(wanted.contains(&claim), "{unit:?} {claim:?}");
    }
}

#[test]
fn slow_units_are_claimed_alone() {
    assert_eq!(adapted(Duration::from_millis(3)).size(), 1);
    assert_eq!(adapted(Duration::MAX / 2).size(), 1);
}

#[test]
fn the_size_is_bounded() {
    assert_eq!(adapted(Duration::ZERO).size(), MOST);
}

#[test]
fn no_claim_is_expected_to_take_more_than_10_ms() {
    // Slow claims between quick ones, in every proportion.
    for every in 1..50 {
        let mut grain = Grain::new();
        for claim in 0..2000 {
            let unit = if claim % every == 0 { 1_000_000 } else { 1_000 };
            grain.observe(grain.size(), Duration::from_nanos(unit) * grain.size());
            let expected = u64::from(grain.size()) * grain.unit;
            assert!(expected <= LIMIT || grain.size() == 1);
        }
    }
}

#[test]
fn one_slow_claim_shrinks_the_grain_at_once() {
    let mut grain = adapted(Duration::from_micros(1));
    assert!(grain.size() > 50);
    grain.observe(1, Duration::from_millis(1));
    assert!(grain.size() <= 2);
}

#[test]
fn the_end_of_a_block_teaches_the_time_of_a_unit() {
    let mut grain = adapted(Duration::from_micros(1));
    let before = grain.size();
    // One unit of 1 us is short, but a full claim of such units is not.
    grain.observe(1, Duration::from_micros(1));
    assert_eq!(grain.size(), before);
    grain.observe(0, Duration::ZERO);
    assert_eq!(grain.size(), before);
}
