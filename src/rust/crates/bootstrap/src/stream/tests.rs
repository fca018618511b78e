use super::*;

fn key(replicate: u64) -> Key {
    Key {
        seed: 7,
        replicate,
        attempt: 0,
    }
}

/// xoshiro256++ as its authors print it, on one lane.
fn reference(state: &mut [u64; 4]) -> u64 {
    let result = state[0]
        .wrapping_add(state[3])
        .rotate_left(23)
        .wrapping_add(state[0]);
    let t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = state[3].rotate_left(45);
    result
}

#[test]
fn every_lane_is_the_published_generator() {
    let mut stream = Stream::new(key(3));
    let state = stream
        .begin
        .map(start)
        .expect("a stream that has not begun");
    let mut lanes = [[0u64; 4]; LANES];
    for (l, lane) in lanes.iter_mut().enumerate() {
        for (k, word) in lane.iter_mut().enumerate() {
            *word = state[k][l];
        }
    }
    for step in 0..3 * WORDS {
        assert_eq!(stream.word(), reference(&mut lanes[step % LANES]), "{step}");
    }
    // The published generator itself: first words from the state 1, 2, 3, 4.
    let mut state = [1, 2, 3, 4];
    assert_eq!(reference(&mut state), 41_943_041);
    assert_eq!(reference(&mut state), 58_720_359);
}

#[test]
fn lanes_begin_with_consecutive_numbers_of_splitmix() {
    for replicate in [0, 1, 12_345_678_901] {
        let mut at = mix(mix(7 ^ GOLDEN).wrapping_add(replicate) ^ mix(0x5bf0_3635));
        let mut stream = Stream::new(key(replicate));
        for lane in 0..LANES {
            let mut state = [0; 4];
            for word in &mut state {
                at = at.wrapping_add(GOLDEN);
                *word = mix(at);
            }
            // On the vector units of this machine as number by number.
            assert_eq!(stream.word(), reference(&mut state), "{lane}");
        }
    }
    // As published: SplitMix64 begins so from 0.
    assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
}

#[test]
fn a_stream_does_not_depend_on_those_before_it() {
    let mut stream = Stream::new(key(1));
    for (seed, replicate, attempt) in [(7, 2, 0), (8, 2, 0), (8, 2, 1), (7, 2, 0)] {
        let key = Key {
            seed,
            replicate,
            attempt,
        };
        stream.reset(key);
        assert_eq!(stream.word(), Stream::new(key).word());
    }
}

#[test]
fn bounded_draws_are_the_accepted_halves_in_order() {
    // About every second half is rejected for the largest of these.
    for n in [1, 2, 7, 1000, 65_536, 3_000_000_000, u32::MAX] {
        for len in [1, 2, 5, 511, 512, 1300] {
            let mut drawn = vec![0; len];
            Stream::new(key(1)).below(n, &mut drawn);
            assert!(drawn.iter().all(|i| *i < n));
            let mut stream = Stream::new(key(1));
            let mut halves = Vec::new();
            while halves.len() < len {
                let word = stream.word();
                for half in [word & 0xffff_ffff, word >> 32] {
                    let product = half * u64::from(n);
                    if product & 0xffff_ffff >= u64::from(n.wrapping_neg() % n) {
                        halves.push((product >> 32) as u32);
                    }
                }
            }
            assert_eq!(drawn[..], halves[..len], "{n} {len}");
        }
    }
}

#[test]
fn draws_are_the_same_however_many_are_asked_for_at_a_time() {
    for n in [10, 1_000_000, 3_000_000_000] {
        let mut whole = vec![0; 4000];
        Stream::new(key(2)).below(n, &mut whole);
        for step in [2, 100, 128, 130, 1024] {
            let mut stream = Stream::new(key(2));
            let mut drawn = vec![0; whole.len()];
            // Parts of even length use whole words unless a half is rejected.
            drawn
                .chunks_mut(step)
                .for_each(|part| stream.below(n, part));
            if n == 10 {
                assert_eq!(drawn, whole, "{step}");
            }
            assert!(drawn.iter().all(|i| *i < n));
        }
    }
}

#[test]
fn vectors_of_the_machine_give_the_numbers_of_plain_code() {
    for n in [1u32, 10, 1000, 3_000_000_000] {
        let words: Vec<u64> = (0..67u64).map(|i| mix(i + 1)).collect();
        for len in [1, 3, 4, 31, 67] {
            let run = |arch| {
                let mut out = vec![0; 2 * len];
                let least = multiply(
                    arch,
                    Multiply {
                        words: &words[..len],
                        n: u64::from(n),
                        out: &mut out,
                    },
                );
                (least, out)
            };
            assert_eq!(run(Arch::new()), run(Arch::Scalar), "{n} {len}");
        }
    }
    for units in all_units() {
        let (mut a, mut b) = (Stream::new(key(5)), Stream::new(key(5)));
        a.units = units;
        b.units = Units::Plain;
        for _ in 0..3 * WORDS {
            assert_eq!(a.word(), b.word(), "{units:?}");
        }
    }
}

/// Those of this machine.
fn all_units() -> Vec<Units> {
    let mut all = vec![Units::Plain, Units::new(Arch::new())];
    #[cfg(target_arch = "x86_64")]
    if let Arch::V3(simd) = Arch::new() {
        all.push(Units::Quads(simd));
    }
    all
}

#[test]
fn numbers_are_the_same_however_they_are_drawn() {
    // Of the last two many are rejected, of the one before some.
    for n in [
        1,
        2,
        10,
        1000,
        65_536,
        100_003,
        3_000_000,
        3_000_000_000,
        u32::MAX,
    ] {
        for replicate in 0..20 {
            let run = |units| {
                let mut stream = Stream::new(key(replicate));
                stream.units = units;
                let mut all = Vec::new();
                // What is left of a word or of a step is taken by the next.
                for len in [16, 100, 3, 1, 1, 512, 488, 17, 64, 1, 2, 1040, 15, 33] {
                    let mut out = vec![0; len];
                    stream.below(n, &mut out);
                    all.extend(out);
                    all.push((stream.word() >> 32) as u32);
                }
                all
            };
            let plain = run(Units::Plain);
            for units in all_units() {
                assert_eq!(run(units), plain, "{n} {replicate} {units:?}");
            }
        }
    }
}

#[test]
fn moments_are_those_of_the_laws() {
    let mut stream = Stream::new(key(0));
    let n = 400_000;
    let mut drawn = vec![0; n];
    stream.below(10, &mut drawn);
    let mut counts = [0f64; 10];
    drawn.iter().for_each(|i| counts[*i as usize] += 1.0);
    let expected = n as f64 / 10.0;
    let chi: f64 = counts
        .iter()
        .map(|c| (c - expected).powi(2) / expected)
        .sum();
    assert!(chi < 33.0, "{chi}"); // 0.9999 quantile of chi-square, 9 degrees: 33.7
    let mut x = vec![0.0; n];
    stream.exponential(&mut x);
    let mean = x.iter().sum::<f64>() / n as f64;
    assert!((mean - 1.0).abs() < 4.5 / (n as f64).sqrt());
    let normal: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
    let mean = normal.iter().sum::<f64>() / n as f64;
    let square = normal.iter().map(|z| z * z).sum::<f64>() / n as f64;
    assert!(mean.abs() < 4.5 / (n as f64).sqrt());
    assert!((square - 1.0).abs() < 4.5 * (2.0 / n as f64).sqrt());
}

#[test]
fn other_keys_are_other_streams() {
    let first = |seed, replicate, attempt| {
        Stream::new(Key {
            seed,
            replicate,
            attempt,
        })
        .word()
    };
    let all = [
        first(1, 0, 0),
        first(0, 1, 0),
        first(0, 0, 1),
        first(1, 1, 0),
        first(0, 0, 0),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|b| a != b));
    }
}
