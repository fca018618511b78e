//! How long the simulator takes for one million tasks, by schedule, workers and
//! shape of the task times. Measure with `--release`.

use std::num::NonZeroU32;
use std::time::Instant;

use rustle_schedule::{simulate, Costs, Layout, Schedule};

const TASKS: usize = 1_000_000;

fn main() {
    let mut state = 1u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let n = TASKS as f64;
    let late = |i| if i >= TASKS * 99 / 100 { 1.0 } else { 0.0 };
    let shapes: [(&str, Vec<f64>); 7] = [
        ("equal, 1 s", vec![1.0; TASKS]),
        ("equal, 1 us", vec![1e-6; TASKS]),
        ("none", vec![0.0; TASKS]),
        ("ramp", (0..TASKS).map(|i| i as f64 / n).collect()),
        (
            "exponential",
            (0..TASKS).map(|_| -(1.0 - uniform()).ln()).collect(),
        ),
        (
            "Pareto 1.2",
            (0..TASKS)
                .map(|_| 0.01 * (1.0 - uniform()).powf(-1.0 / 1.2))
                .collect(),
        ),
        ("last 1 %", (0..TASKS).map(late).collect()),
    ];
    let one = NonZeroU32::MIN;
    let costs = Costs {
        start_up: 1e-4,
        claim: 1e-6,
    };
    println!("times,schedule,workers,seconds,makespan,bound,claims,steals");
    for (name, times) in &shapes {
        for schedule in [
            Schedule::Static,
            Schedule::Cyclic,
            Schedule::Dynamic { chunk: one },
            Schedule::Guided { min: one },
            Schedule::Stealing,
        ] {
            for workers in [64, 10_000] {
                let p = one.saturating_add(workers - 1);
                let layout = Layout::new(schedule, TASKS as u32, p);
                let begun = Instant::now();
                let outcome = simulate(times, &layout, costs).expect("valid times");
                let seconds = begun.elapsed().as_secs_f64();
                let bound = times.iter().sum::<f64>() / f64::from(workers);
                println!(
                    "{name:?},{:?},{workers},{seconds:.3},{:.4},{bound:.4},{},{}",
                    format!("{schedule:?}"),
                    outcome.makespan,
                    outcome.claims,
                    outcome.steals
                );
            }
        }
    }
}
