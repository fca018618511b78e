//! What needs no R: R's numbers are compared in tests/testthat/test-compiled-primitives.R.

use super::*;
use crate::host::Host;
use rustle_streams::Seed;

fn state() -> Generator {
    let words = [
        362_436_069,
        521_288_629,
        123_456_789,
        88_675_123,
        5_783_321,
        6_615_241,
    ];
    Generator::new(Seed::from_words(&words).unwrap())
}

#[test]
fn a_generator_goes_on_from_its_words() {
    let mut first = state();
    first.next_u01();
    let mut again = Generator::from_words(&first.words()).unwrap();
    assert_eq!(first.next_u01(), again.next_u01());
    assert!(Generator::from_words(&[]).is_none());
    assert!(Generator::from_words(&[403, 1, 2]).is_none());
    assert!(Generator::from_words(&[10407, 0, 0, 0, 1, 2, 3]).is_none());
}

#[test]
fn samples_are_permutations_or_within_the_bounds() {
    let mut state = state();
    for n in [1usize, 2, 3, 64, 1000] {
        let mut drawn = sample::sample_int(n, n, false, &mut state).unwrap();
        drawn.sort_unstable();
        assert_eq!(drawn, (1..=n as i32).collect::<Vec<_>>());
        let prob: Vec<f64> = (1..=n).map(|i| i as f64).collect();
        let mut drawn = sample::sample_weighted(n, false, &prob, &mut state).unwrap();
        drawn.sort_unstable();
        assert_eq!(drawn, (1..=n as i32).collect::<Vec<_>>());
        for replaced in [
            sample::sample_int(n, 100, true, &mut state).unwrap(),
            sample::sample_weighted(100, true, &prob, &mut state).unwrap(),
        ] {
            assert!(replaced.iter().all(|i| (1..=n as i32).contains(i)));
        }
    }
}

#[test]
fn what_r_refuses_is_given_up_without_a_draw() {
    let mut state = state();
    let before = state.words();
    let host = Host::portable();
    assert!(sample::sample_int(3, 4, false, &mut state).is_err());
    assert!(sample::sample_int(0, 1, true, &mut state).is_err());
    assert!(sample::sample_int(20_000_000, 2, false, &mut state).is_err());
    assert!(sample::sample_weighted(2, false, &[1.0, 0.0], &mut state).is_err());
    assert!(sample::sample_weighted(1, true, &[f64::NAN], &mut state).is_err());
    assert!(draws::runif(1.0, 0.0, &mut state).is_err());
    assert!(draws::rnorm(0.0, -1.0, &host, &mut state).is_err());
    assert!(draws::rexp(-1.0, &mut state).is_err());
    assert!(gamma::rgamma(-1.0, 1.0, &host, &mut state).is_err());
    assert!(gamma::rt(0.0, &host, &mut state).is_err());
    assert!(beta::rbeta(1e300, 1e10, &mut state).is_err());
    assert!(poisson::rpois(-1.0, &host, &mut state).is_err());
    assert!(binomial::rbinom(1.5, 0.5, &mut state).is_err());
    assert!(binomial::rbinom(10.0, 1.5, &mut state).is_err());
    assert_eq!(state.words(), before);
}

#[test]
fn integers_that_overflow_are_given_up() {
    assert!(reduce::sum_int(&[i32::MAX, 1]).is_err());
    // This would be NA.
    assert!(reduce::sum_int(&[-i32::MAX, -1]).is_err());
    assert!(along::cumsum_int(&[i32::MAX, 1]).is_err());
    assert!(along::diff_int(&[-i32::MAX, i32::MAX], 1).is_err());
    assert!(arithmetic::modulo_int(1, 0).is_err());
    assert_eq!(arithmetic::modulo_int(-7, 3), Ok(2));
    assert_eq!(arithmetic::modulo_int(7, -3), Ok(-2));
    assert_eq!(arithmetic::int_div_int(-7, 2), Ok(-4));
    assert_eq!(arithmetic::int_div_int(-i32::MAX, -1), Ok(i32::MAX));
}

#[test]
fn missing_values_are_given_up() {
    let host = Host::portable();
    let x = [1.0, f64::NAN];
    assert!(reduce::sum(&x, &host).is_err());
    assert!(reduce::mean(&x, &host).is_err());
    assert!(reduce::min(&x).is_err());
    assert!(reduce::which_max(&x).is_err());
    assert!(order::sort(&x, false).is_err());
    assert!(order::median(&x, &host).is_err());
    assert!(quantile::quantile(&x, &[0.5], 7).is_err());
    assert!(along::cummax(&x).is_err());
    assert!(order::median(&[], &host).is_err());
    assert!(order::median(&[0.0, -0.0, -0.0], &host).is_err());
}

#[test]
fn medians_and_quantiles_are_between_their_neighbours() {
    let host = Host::portable();
    assert_eq!(order::median(&[3.0, 1.0, 2.0], &host), Ok(2.0));
    assert_eq!(order::median(&[4.0, 1.0, 3.0, 2.0], &host), Ok(2.5));
    for kind in 1..=9 {
        let found = quantile::quantile(&[4.0, 1.0, 3.0, 2.0], &[0.0, 0.4, 1.0], kind).unwrap();
        assert_eq!((found[0], found[2]), (1.0, 4.0));
        assert!((1.0..=4.0).contains(&found[1]));
    }
}

#[test]
fn orders_keep_equal_numbers_as_they_came() {
    let x = [
        2.0,
        -0.0,
        0.0,
        f64::INFINITY,
        -1.5,
        2.0,
        f64::NEG_INFINITY,
        -1e-300,
    ];
    assert_eq!(order::order(&x, false).unwrap(), [7, 5, 8, 2, 3, 1, 6, 4]);
    assert_eq!(order::order(&x, true).unwrap(), [4, 1, 6, 2, 3, 8, 5, 7]);
    assert_eq!(order::order_int(&[3, 1, 3, -2], true), [1, 3, 2, 4]);
    assert_eq!(order::order_int(&[3, 1, 3, -2], false), [4, 2, 1, 3]);
}
