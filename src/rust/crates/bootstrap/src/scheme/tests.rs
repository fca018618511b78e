use super::*;

fn stream() -> Stream {
    Stream::new(Key {
        seed: 0,
        replicate: 0,
        attempt: 0,
    })
}

fn drawn(scheme: &Scheme, replicate: u64) -> Vec<u32> {
    let mut out = Vec::new();
    scheme.indices(&mut stream(), replicate, 0, |chunk| {
        out.extend_from_slice(chunk)
    });
    out
}

#[test]
fn balanced_replicates_use_every_observation_equally_often() {
    for strata in [vec![], vec![vec![0, 3, 4], vec![1, 2, 5, 6, 7]]] {
        let scheme = Scheme::new(8, 3, Kind::Balanced { replicates: 25 }, strata);
        let mut counts = [0; 8];
        for r in 0..25 {
            drawn(&scheme, r)
                .iter()
                .for_each(|i| counts[*i as usize] += 1);
        }
        assert_eq!(counts, [25; 8]);
    }
}

#[test]
fn antithetic_pairs_mirror_each_other() {
    let mirror: Vec<u32> = (0..9).rev().collect();
    let scheme = Scheme::new(
        9,
        3,
        Kind::Antithetic {
            mirror: mirror.clone(),
        },
        vec![],
    );
    let (even, odd) = (drawn(&scheme, 4), drawn(&scheme, 5));
    assert!(even
        .iter()
        .zip(&odd)
        .all(|(a, b)| mirror[*a as usize] == *b));
}

#[test]
fn strata_keep_their_sizes_and_permutations_are_permutations() {
    let strata = vec![
        vec![5, 1, 2],
        (6..700).chain([0, 3, 4]).collect::<Vec<u32>>(),
    ];
    let scheme = Scheme::new(700, 3, Kind::Ordinary { size: 700 }, strata.clone());
    let first = drawn(&scheme, 0);
    assert_eq!(first.len(), 700);
    assert!(first[..3].iter().all(|i| strata[0].contains(i)));
    assert!(first[3..].iter().all(|i| strata[1].contains(i)));
    let scheme = Scheme::new(700, 3, Kind::Permutation, strata.clone());
    let mut all = drawn(&scheme, 1);
    all[..3].sort_unstable();
    assert_eq!(all[..3], [1, 2, 5]);
    all.sort_unstable();
    assert_eq!(all, (0..700).collect::<Vec<u32>>());
}

#[test]
fn blocks_have_their_length_and_stay_in_the_series() {
    for (rule, wraps) in [(Blocks::Moving, false), (Blocks::Circular, true)] {
        let scheme = Scheme::new(103, 3, Kind::Blocks { length: 10, rule }, vec![]);
        let mut wrapped = false;
        for r in 0..200 {
            let all = drawn(&scheme, r);
            assert_eq!(all.len(), 103);
            for block in all.chunks(10) {
                for pair in block.windows(2) {
                    wrapped |= pair[1] < pair[0];
                    assert_eq!((pair[0] + 1) % 103, pair[1]);
                }
            }
        }
        assert_eq!(wrapped, wraps);
    }
    let scheme = Scheme::new(
        1000,
        3,
        Kind::Blocks {
            length: 10,
            rule: Blocks::Stationary,
        },
        vec![],
    );
    let breaks: usize = (0..200)
        .map(|r| {
            drawn(&scheme, r)
                .windows(2)
                .filter(|p| (p[0] + 1) % 1000 != p[1])
                .count()
        })
        .sum();
    // About 200 x 999 / 10 breaks, standard deviation 134.
    assert!((breaks as f64 - 19_980.0).abs() < 600.0, "{breaks}");
}

#[test]
fn unequal_probabilities_are_met() {
    let weights = [0.0, 1.0, 2.0, 3.0, 4.0];
    let kind = Kind::Weighted {
        tables: vec![Alias::new(&weights)],
    };
    let scheme = Scheme::new(5, 3, kind, vec![]);
    let mut counts = [0f64; 5];
    for r in 0..20_000 {
        drawn(&scheme, r)
            .iter()
            .for_each(|i| counts[*i as usize] += 1.0);
    }
    assert_eq!(counts[0], 0.0);
    for (count, w) in counts.iter().zip(weights) {
        assert!((count - 10_000.0 * w).abs() < 4.5 * (10_000.0 * w).sqrt().max(1.0));
    }
}

#[test]
fn observations_of_a_cluster_have_one_weight() {
    let ids: Vec<u32> = (0..12).map(|i| i % 4).collect();
    let kind = |cluster| Kind::Exponential { cluster };
    let shared = Scheme::new(12, 3, kind(Some((ids.clone(), 4))), vec![]);
    let plain = Scheme::new(4, 3, kind(None), vec![]);
    let (mut out, mut own, mut counts) = (vec![0.0; 12], vec![0.0; 4], Vec::new());
    shared.weights(&mut stream(), 7, 0, &mut counts, &mut out);
    plain.weights(&mut stream(), 7, 0, &mut counts, &mut own);
    for (w, g) in out.iter().zip(&ids) {
        assert!((w - own[*g as usize]).abs() < 1e-12);
    }
}

#[test]
fn weights_have_the_moments_of_their_laws() {
    let n = 1000;
    let mut out = vec![0.0; n];
    let mut counts = Vec::new();
    for (kind, third) in [
        (Kind::Exponential { cluster: None }, 2.0),
        (Kind::Gamma { cluster: None }, 1.0),
        (Kind::Poisson, 1.0),
    ] {
        let scheme = Scheme::new(n, 3, kind.clone(), vec![]);
        let (mut m1, mut m2, mut m3) = (0.0, 0.0, 0.0);
        for r in 0..400 {
            scheme.weights(&mut stream(), r, 0, &mut counts, &mut out);
            for w in &out {
                m1 += w;
                m2 += (w - 1.0).powi(2);
                m3 += (w - 1.0).powi(3);
            }
        }
        let total = 400.0 * n as f64;
        assert!((m1 / total - 1.0).abs() < 0.008, "{kind:?}");
        assert!((m2 / total - 1.0).abs() < 0.025, "{kind:?} {}", m2 / total);
        assert!((m3 / total - third).abs() < 0.15, "{kind:?} {}", m3 / total);
    }
}

#[test]
fn multipliers_have_mean_0_and_variance_1() {
    let n = 1000;
    let mut out = vec![0.0; n];
    let laws = [Wild::Rademacher, Wild::Mammen, Wild::Webb, Wild::Normal];
    for (law, third) in laws.into_iter().zip([0.0, 1.0, 0.0, 0.0]) {
        let scheme = Scheme::new(n, 3, Kind::Wild { law, cluster: None }, vec![]);
        let (mut m1, mut m2, mut m3) = (0.0, 0.0, 0.0);
        for r in 0..200 {
            scheme.multipliers(&mut stream(), r, 0, &mut out);
            for v in &out {
                m1 += v;
                m2 += v * v;
                m3 += v * v * v;
            }
        }
        let total = 200.0 * n as f64;
        let bound = 4.5 / total.sqrt();
        assert!((m1 / total).abs() < bound, "{law:?}");
        assert!((m2 / total - 1.0).abs() < 1.5 * bound, "{law:?}");
        assert!((m3 / total - third).abs() < 4.0 * bound, "{law:?}");
    }
}
