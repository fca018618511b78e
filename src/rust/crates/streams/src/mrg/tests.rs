use super::*;
use crate::seed::tests::base;

#[test]
#[allow(clippy::excessive_precision)] // as R prints them
fn uniforms_are_those_of_r() {
    // RNGkind("L'Ecuyer-CMRG"); set.seed(42); sprintf("%.17g", runif(5))
    let expected = [
        0.17384558454153168,
        0.55474009676509084,
        0.48337712221370116,
        0.73748307381674638,
        0.79656476776243001,
    ];
    let mut generator = Mrg::new(base());
    assert_eq!(expected.map(|_| generator.next_u01()), expected);
    // .Random.seed[2:7]
    let after = [
        -164947869, -917168024, -135943648, 2053930596, 210333742, 737804187,
    ];
    assert_eq!(generator.seed().words(), after);
}

#[test]
fn uniforms_stay_inside_the_unit_interval() {
    let (m1, m2) = (M1 as u32, M2 as u32);
    for state in [
        [m1 - 1, m1 - 1, m1 - 1, m2 - 1, m2 - 1, m2 - 1],
        [0, 0, 1, 0, 0, 1],
    ] {
        let mut generator = Mrg::new(Seed(state));
        assert!((0..100_000).all(|_| (f64::MIN_POSITIVE..1.0).contains(&generator.next_u01())));
    }
    // The largest whole number the recurrence can give.
    assert!(M1 as f64 * NORM < 1.0);
}

#[test]
fn sixteen_bits_are_those_of_the_uniform_number() {
    let of_r = |whole: u64| (whole as f64 * NORM * 65536.0) as u32;
    let here = |whole: u64| ((whole << 16) / (M1 + 1)) as u32;
    // Where the product is a whole number, and beside it.
    for j in 1..16 {
        let exact = j * ((M1 + 1) / 16);
        for whole in [exact - 1, exact, exact + 1] {
            assert_eq!(here(whole), of_r(whole), "{whole}");
        }
    }
    for whole in (1..=M1).step_by(104_729).chain([1, 2, M1 - 1, M1]) {
        assert_eq!(here(whole), of_r(whole), "{whole}");
    }
    for bits in 1..65536u64 {
        let near = bits * (M1 + 1) / 65536;
        for whole in [near, near + 1] {
            assert_eq!(here(whole), of_r(whole), "{whole}");
        }
    }
    let seed = base();
    let (mut bits, mut numbers) = (Mrg::new(seed), Mrg::new(seed));
    for _ in 0..10_000 {
        assert_eq!(bits.next_16_bits(), (numbers.next_u01() * 65536.0) as u32);
    }
}

#[test]
fn two_at_a_time_are_one_after_the_other() {
    let (m1, m2) = (M1 as u32, M2 as u32);
    for state in [
        [m1 - 1, m1 - 1, m1 - 1, m2 - 1, m2 - 1, m2 - 1],
        [0, 0, 1, 0, 0, 1],
        [m1 - 1, 0, 0, 0, m2 - 1, 0],
        [12345; 6],
    ] {
        let (mut one, mut two) = (Mrg::new(Seed(state)), Mrg::new(Seed(state)));
        for _ in 0..50_000 {
            assert_eq!(two.next_two_u01(), [one.next_u01(), one.next_u01()]);
            assert_eq!(
                two.next_two_16_bits(),
                [one.next_16_bits(), one.next_16_bits()]
            );
            assert_eq!(two.seed(), one.seed());
        }
    }
}
