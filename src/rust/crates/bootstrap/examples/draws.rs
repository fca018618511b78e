//! What a bootstrap replicate of a mean costs beside drawing its indices and beside
//! reading memory, on one thread: the best of many short runs.
//!
//! `cargo run --release -p rustle-bootstrap --example draws`

// An example that prints its table.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Instant;

use rustle_bootstrap::moments::Columns;
use rustle_bootstrap::program::Program;
use rustle_bootstrap::run;
use rustle_bootstrap::scheme::{Kind, Scheme};
use rustle_bootstrap::statistic::{Source, Statistic};
use rustle_bootstrap::stream::{Key, Stream};
use rustle_threads::blocks::Slice;

const DRAWS: usize = 2_000_000;

/// Nanoseconds per one of `count` things.
fn best(count: usize, mut run: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..60 {
        let clock = Instant::now();
        run();
        least = least.min(clock.elapsed().as_secs_f64());
    }
    least * 1e9 / count as f64
}

fn main() {
    println!(
        "{:>9} {:>14} {:>14} {:>8}",
        "n", "draw ns", "mean ns", "ratio"
    );
    for n in [100, 1000, 10_000, 100_000, 1_000_000] {
        let replicates = DRAWS.div_ceil(n).next_multiple_of(8);
        let mut buffer = vec![0; 1024];
        let mut stream = Stream::new(Key {
            seed: 1,
            replicate: 0,
            attempt: 0,
        });
        let draw = best(replicates * n, || {
            for replicate in 0..replicates as u64 {
                stream.reset(Key {
                    seed: 1,
                    replicate,
                    attempt: 0,
                });
                let mut left = n;
                while left > 0 {
                    let count = left.min(buffer.len());
                    stream.below(n as u32, &mut buffer[..count]);
                    black_box(&buffer);
                    left -= count;
                }
            }
        });
        let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let statistic = Statistic {
            source: Source::Sums(Columns::new(&x, n, 1)),
            program: Program::identity(2),
        };
        let scheme = Scheme::new(n, 1, Kind::Ordinary { size: n }, Vec::new());
        let mean = best(replicates * n, || {
            let mut done = 0;
            while done < replicates as u64 {
                let slice = Slice::new(NonZeroUsize::MIN);
                let out = run::run(&statistic, &scheme, done, replicates as u64, 0, slice);
                done += black_box(out).status.len() as u64;
            }
        });
        println!("{n:>9} {draw:>14.3} {mean:>14.3} {:>8.2}", mean / draw);
    }
    let large = vec![1.0f64; 1 << 23];
    let read = best(large.len(), || {
        let mut sums = [0.0; 16];
        for part in large.chunks_exact(16) {
            sums.iter_mut().zip(part).for_each(|(s, x)| *s += x);
        }
        black_box(sums);
    });
    println!(
        "reading 64 MB: {read:.3} ns per number, {:.1} GB/s",
        8.0 / read
    );
}
