//! What replicates of a wild test cost, on one thread, by clusters and coefficients:
//! cargo run --release -p rustle-bootstrap --example wild

#![allow(clippy::print_stdout)]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use rustle_bootstrap::wild::count::{count, Draws, Point};
use rustle_bootstrap::wild::form::{Form, Variance};
use rustle_bootstrap::wild::weights::{Choice, Law};
use rustle_bootstrap::wild::Test;
use rustle_threads::blocks::Slice;

fn main() {
    const R: usize = 99_999;
    for (clusters, k) in [(20, 0), (50, 0), (100, 20), (500, 20), (1000, 20)] {
        for law in [Law::Rademacher, Law::Webb, Law::Normal] {
            let variance = match k {
                0 => Variance::Rows {
                    rows: clusters,
                    positive: clusters,
                },
                k => Variance::Coefficients {
                    k,
                    q: vec![0.01; k],
                },
            };
            let form = Form {
                restrictions: 1,
                trials: 1,
                variance: vec![variance],
            };
            let numbers = |n: usize| -> Vec<f64> {
                (0..n)
                    .map(|i| ((i * 37) % 101) as f64 / 50.0 - 1.0)
                    .collect()
            };
            let (linear, squares) = (clusters * form.linear(), clusters * form.squares());
            let test = Test::new(
                law,
                Choice::Random(1),
                form,
                clusters,
                &numbers(linear),
                &numbers(squares),
            );
            let slice = Slice {
                threads: NonZeroUsize::MIN,
                until: Instant::now() + Duration::from_secs(100),
            };
            let mut best = f64::INFINITY;
            let mut out = Vec::new();
            for _ in 0..5 {
                let start = Instant::now();
                out = test.run(0, R as u64, slice);
                best = best.min(start.elapsed().as_secs_f64());
            }
            print!(
                "{law:?}, {clusters} clusters, {k} coefficients: {:.1} ms",
                best * 1e3
            );
            let columns: Vec<Vec<f64>> = (0..5)
                .map(|c| out.iter().skip(c).step_by(5).copied().collect())
                .collect();
            let draws = Draws {
                numerator: [&columns[0], &columns[1]],
                variance: [&columns[2], &columns[3], &columns[4]],
                floor: [0.0; 3],
            };
            let points: Vec<Point> = (0..100)
                .map(|i| Point {
                    delta: f64::from(i) / 20.0,
                    t: f64::from(i) / 20.0,
                })
                .collect();
            let start = Instant::now();
            let counts = count(draws, &points, NonZeroUsize::MIN);
            let seconds = start.elapsed().as_secs_f64();
            println!(
                ", 100 trials: {:.1} ms ({})",
                seconds * 1e3,
                counts[9].beyond
            );
        }
    }
}
