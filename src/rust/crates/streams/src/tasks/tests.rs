use super::*;
use crate::seed::tests::{base, STREAMS};

#[test]
fn substream_seeds_are_those_of_future_apply() {
    // s <- c(10407L, base); for (i in 0:12345) {
    //   if (i < 4 || i == 12345) print(parallel::nextRNGSubStream(s)[2:7])
    //   s <- parallel::nextRNGStream(s) }
    let expected = [
        (
            0,
            [
                -1871565002,
                1968597656,
                -505666782,
                1055078269,
                658163990,
                1090264187,
            ],
        ),
        (
            1,
            [
                -503482957,
                -863217979,
                -980579484,
                -1807161053,
                -1917089476,
                -126101442,
            ],
        ),
        (
            2,
            [
                -1416887823,
                -1951372948,
                -290339832,
                1953140740,
                518544831,
                1295962379,
            ],
        ),
        (
            3,
            [
                -1895924057,
                1338330203,
                1337745945,
                -1864062382,
                -246625186,
                85998543,
            ],
        ),
        (
            12345,
            [
                -170552906,
                426818283,
                1176639821,
                -785676101,
                16921091,
                -1328249007,
            ],
        ),
    ];
    let mut seeds = TaskSeeds::new(base(), Numbering::Substream);
    for (task, words) in expected {
        assert_eq!(seeds.seed(task).words(), words);
    }
}

#[test]
fn stream_seeds_are_those_of_parallel() {
    let mut seeds = TaskSeeds::new(base(), Numbering::Stream);
    for (task, words) in (0..).zip(STREAMS) {
        assert_eq!(seeds.seed(task).words(), words);
    }
}

#[test]
fn the_order_of_the_questions_does_not_matter() {
    for numbering in [Numbering::Substream, Numbering::Stream] {
        let mut in_order = TaskSeeds::new(base(), numbering);
        let expected: Vec<Seed> = (0..500).map(|task| in_order.seed(task)).collect();
        let mut seeds = TaskSeeds::new(base(), numbering);
        let mut task = 7;
        for _ in 0..5000 {
            task = (task * 193 + 71) % 500;
            assert_eq!(seeds.seed(task), expected[task as usize]);
            assert_eq!(seeds.seed(task), expected[task as usize]);
        }
        assert_eq!(seeds.seed(u64::MAX), {
            let far = base().jump_streams(u64::MAX);
            match numbering {
                Numbering::Substream => far.next_substream(),
                Numbering::Stream => far.next_stream(),
            }
        });
    }
}
