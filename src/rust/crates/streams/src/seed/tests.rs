use super::*;
use crate::mrg::Mrg;

/// RNGkind("L'Ecuyer-CMRG"); set.seed(42); .Random.seed[2:7]
pub(crate) const BASE: [i32; 6] = [
    -2133391687,
    507561766,
    1260545903,
    1362917092,
    -1772566379,
    -1344458670,
];

/// The stream from which the others are counted.
pub(crate) fn base() -> Seed {
    Seed::from_words(&BASE).expect("a seed from R")
}

/// s <- c(10407L, BASE); for (i in 1:3) { s <- parallel::nextRNGStream(s); print(s[2:7]) }
pub(crate) const STREAMS: [[i32; 6]; 3] = [
    [
        -94575036,
        -24861725,
        357812871,
        346211554,
        -1301022835,
        440649733,
    ],
    [
        -358246211,
        -1411857254,
        -488221791,
        1069515918,
        -1720689715,
        1070199760,
    ],
    [
        1805183335,
        -1982978684,
        1500882842,
        -1897959390,
        -204266259,
        -2006625641,
    ],
];

/// Seeds far from each other, and those at the borders of the words.
fn seeds() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = (0..20).map(|k| base().jump_streams(k * 977)).collect();
    let (m1, m2) = (M1 as u32, M2 as u32);
    seeds.push(Seed([m1 - 1, m1 - 1, m1 - 1, m2 - 1, m2 - 1, m2 - 1]));
    seeds.push(Seed([0, 0, 1, 1, 0, 0]));
    seeds.push(Seed([12345; 6]));
    seeds
}

#[test]
fn next_stream_is_that_of_r() {
    let mut seed = base();
    for words in STREAMS {
        seed = seed.next_stream();
        assert_eq!(seed.words(), words);
    }
}

#[test]
fn next_substream_is_that_of_r() {
    // s <- c(10407L, BASE); for (i in 1:3) { s <- parallel::nextRNGSubStream(s); print(s[2:7]) }
    let expected = [
        [
            -1871565002,
            1968597656,
            -505666782,
            1055078269,
            658163990,
            1090264187,
        ],
        [
            -122323274,
            442418215,
            -314150398,
            -1994370242,
            -1572376734,
            -1226578877,
        ],
        [
            -206179179,
            -1780303350,
            843100471,
            -496714744,
            -207072158,
            -2055512671,
        ],
    ];
    let mut seed = base();
    for words in expected {
        seed = seed.next_substream();
        assert_eq!(seed.words(), words);
    }
}

#[test]
fn a_jump_of_1000_is_1000_steps_of_r() {
    // s <- c(10407L, BASE); for (i in 1:1000) s <- parallel::nextRNGStream(s); s[2:7]
    let stream = [
        -1276218922,
        265149261,
        356125851,
        25304164,
        362877088,
        -969449078,
    ];
    assert_eq!(base().jump_streams(1000).words(), stream);
    // s <- c(10407L, BASE); for (i in 1:1000) s <- parallel::nextRNGSubStream(s); s[2:7]
    let substream = [
        -1229354879,
        1378149649,
        -668326680,
        -1430483739,
        1839136288,
        965324761,
    ];
    assert_eq!(base().jump_substreams(1000).words(), substream);
}

#[test]
fn jumps_equal_single_steps() {
    for start in seeds() {
        let (mut stream, mut substream) = (start, start);
        for k in 0..3000 {
            assert_eq!(start.jump_streams(k), stream);
            assert_eq!(start.jump_substreams(k), substream);
            stream = stream.next_stream();
            substream = substream.next_substream();
        }
    }
}

#[test]
fn jumps_add_up() {
    let distances: [u64; 9] = [
        0,
        1,
        2,
        3,
        1 << 20,
        (1 << 31) - 1,
        1 << 32,
        (1 << 62) + 12345,
        1 << 63,
    ];
    for start in seeds() {
        for a in distances {
            for b in distances {
                let Some(sum) = a.checked_add(b) else {
                    continue;
                };
                assert_eq!(
                    start.jump_streams(a).jump_streams(b),
                    start.jump_streams(sum)
                );
                let ahead = start.jump_substreams(a).jump_substreams(b);
                assert_eq!(ahead, start.jump_substreams(sum));
            }
        }
    }
}

#[test]
fn streams_hold_2_to_the_51_substreams() {
    for start in seeds() {
        assert_eq!(start.jump_substreams(1 << 51), start.next_stream());
        assert_eq!(start.jump_substreams(3 << 51), start.jump_streams(3));
    }
}

#[test]
fn jumps_over_numbers_equal_numbers_drawn() {
    use crate::jump::NUMBER;
    for start in seeds() {
        let mut generator = Mrg::new(start);
        for k in 0..2000 {
            assert_eq!(Seed(NUMBER.ahead(start.0, k)), generator.seed());
            generator.next_u01();
        }
    }
}

#[test]
fn words_come_back_as_they_went_in() {
    assert_eq!(base().words(), BASE);
    let na = [i32::MIN, 1, 2, i32::MIN, 4, 5];
    assert_eq!(Seed::from_words(&na).map(|seed| seed.words()), Ok(na));
}

#[test]
fn what_is_no_seed_is_refused() {
    assert_eq!(
        Seed::from_words(&BASE[1..]),
        Err(SeedError::Length { len: 5 })
    );
    assert_eq!(Seed::from_words(&[1; 7]), Err(SeedError::Length { len: 7 }));
    assert_eq!(Seed::from_words(&[]), Err(SeedError::Length { len: 0 }));
    let zeros = |index| Err(SeedError::Zeros { index });
    assert_eq!(Seed::from_words(&[0, 0, 0, 1, 1, 1]), zeros(0));
    assert_eq!(Seed::from_words(&[1, 1, 1, 0, 0, 0]), zeros(3));
    for (index, modulus) in [(0, M1), (1, M1), (2, M1), (3, M2), (4, M2), (5, M2)] {
        let mut words = [1; 6];
        words[index] = (modulus - 1) as u32 as i32;
        assert!(Seed::from_words(&words).is_ok());
        words[index] = modulus as u32 as i32;
        let (word, modulus) = (modulus as u32, modulus as u32);
        let expected = SeedError::TooLarge {
            index,
            word,
            modulus,
        };
        assert_eq!(Seed::from_words(&words), Err(expected));
    }
}
