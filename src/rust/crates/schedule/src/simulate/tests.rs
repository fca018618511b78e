use super::*;
use crate::policy::{LayoutError, Schedule};
use std::num::NonZeroU32;

const FREE: Costs = Costs {
    start_up: 0.0,
    claim: 0.0,
};

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a number above 0")
}

fn dynamic(chunk: u32) -> Schedule {
    let chunk = number(chunk);
    Schedule::Dynamic { chunk }
}

fn guided(min: u32) -> Schedule {
    Schedule::Guided { min: number(min) }
}

fn run(times: &[f64], schedule: Schedule, workers: u32, costs: Costs) -> Simulation {
    let layout = Layout::new(schedule, times.len() as u32, number(workers));
    simulate(times, &layout, costs).expect("valid times")
}

/// Times between 0 and 1, the same at every run.
fn uneven(n: usize) -> Vec<f64> {
    let next = |x: &u64| Some(x.wrapping_mul(6364136223846793005).wrapping_add(1));
    let numbers = std::iter::successors(Some(42u64), next).skip(1);
    numbers
        .map(|x| ((x >> 11) as f64 / (1u64 << 53) as f64).powi(3))
        .take(n)
        .collect()
}

#[test]
fn makespans_are_those_found_by_hand() {
    let times = [5.0, 1.0, 1.0, 1.0, 1.0, 3.0];
    let makespan = |schedule| run(&times, schedule, 2, FREE).makespan;
    assert_eq!(makespan(Schedule::Static), 7.0); // 5 1 1 | 1 1 3
    assert_eq!(makespan(Schedule::Cyclic), 7.0); // 5 1 1 | 1 1 3
    assert_eq!(makespan(dynamic(1)), 7.0); // 5 | 1 1 1 1 3
    assert_eq!(makespan(dynamic(2)), 6.0); // 5 1 | 1 1 1 3
    assert_eq!(makespan(guided(1)), 7.0); // 5 1 1 | 1 1, 3
    assert_eq!(makespan(Schedule::Stealing), 6.0); // 5 1 | 1 1 3 1, the last one stolen

    let ramp = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let makespan = |schedule| run(&ramp, schedule, 3, FREE).makespan;
    assert_eq!(makespan(Schedule::Static), 11.0); // 5 + 6
    assert_eq!(makespan(Schedule::Cyclic), 9.0); // 3 + 6
    assert_eq!(makespan(dynamic(1)), 9.0);
    // 1 2 | 3 4 | 5 6; at 3 the first steals 4 from the second, which steals 6.
    let stealing = run(&ramp, Schedule::Stealing, 3, FREE);
    assert_eq!((stealing.makespan, stealing.steals), (9.0, 2));
    assert_eq!(stealing.worker, [0, 0, 1, 0, 2, 1]);
    assert_eq!(stealing.start, [0.0, 1.0, 0.0, 3.0, 0.0, 3.0]);
}

#[test]
fn costs_are_paid() {
    let costs = Costs {
        start_up: 10.0,
        claim: 0.5,
    };
    // First worker: 10 + 0.5 + 4 = 14.5, 14.5 + 0.5 + 4 = 19; second: 20, nothing left.
    let two = run(&[4.0, 4.0], dynamic(1), 2, costs);
    assert_eq!((two.makespan, two.claims), (19.0, 2));
    assert_eq!(two.busy, [8.0, 0.0]);
    assert_eq!(two.idle, [11.0, 19.0]);
    let fixed = run(&[4.0, 4.0], Schedule::Static, 2, costs);
    assert_eq!(fixed.makespan, 24.5);
}

#[test]
fn every_task_runs_once_and_time_is_conserved() {
    let times = uneven(3000);
    let total: f64 = times.iter().sum();
    let longest = times.iter().copied().fold(0.0, f64::max);
    for schedule in [
        Schedule::Static,
        Schedule::Cyclic,
        dynamic(1),
        dynamic(7),
        guided(1),
        Schedule::Stealing,
    ] {
        for workers in [1, 2, 7, 64, 5000] {
            let outcome = run(&times, schedule, workers, FREE);
            let busy: f64 = outcome.busy.iter().sum();
            // Sums of 3000 numbers below 1 in two orders.
            assert!((busy - total).abs() < 1e-9);
            let bound = longest.max(total / f64::from(workers));
            assert!(outcome.makespan >= bound - 1e-9, "{schedule:?} {workers}");
            let mut per_worker = vec![Vec::new(); workers as usize];
            for (task, &worker) in outcome.worker.iter().enumerate() {
                let begun = outcome.start[task];
                per_worker[worker as usize].push((begun, begun + times[task]));
            }
            for spans in &mut per_worker {
                spans.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            }
            assert!(outcome.idle.iter().all(|&idle| idle > -1e-9));
            let most = outcome.busy.iter().copied().fold(0.0, f64::max);
            let mean = total / f64::from(workers);
            assert!((outcome.imbalance() - (most - mean) / mean).abs() < 1e-9);
            let fraction = total / (f64::from(workers) * outcome.makespan);
            assert!((outcome.efficiency() - fraction).abs() < 1e-9);
        }
    }
}

#[test]
fn dynamic_keeps_the_bound_of_list_scheduling() {
    // Graham 1966, Bell System Technical Journal 45, 1563-1581: no list schedule is
    // longer than total / p + (1 - 1 / p) longest.
    for seed in 0..20 {
        let times = &uneven(2000)[seed * 50..];
        let total: f64 = times.iter().sum();
        let longest = times.iter().copied().fold(0.0, f64::max);
        for workers in [1, 2, 3, 10, 100] {
            let p = f64::from(workers);
            let bound = total / p + (1.0 - 1.0 / p) * longest;
            assert!(run(times, dynamic(1), workers, FREE).makespan <= bound + 1e-9);
        }
    }
}

#[test]
fn stealing_keeps_the_bound_of_list_scheduling_when_tasks_are_slow() {
    // Claims of one task each, from the first on: no task waits while a worker idles.
    let times: Vec<f64> = uneven(2000).into_iter().map(|t| t + 0.01).collect();
    let total: f64 = times.iter().sum();
    for workers in [1, 2, 3, 10, 100] {
        let p = f64::from(workers);
        let outcome = run(&times, Schedule::Stealing, workers, FREE);
        assert!(outcome.makespan <= total / p + 1.01 + 1e-9);
    }
}

#[test]
fn slow_tasks_behind_quick_ones_are_given_back() {
    // The grain has grown to thousands when the slow tasks begin.
    let times: Vec<f64> = (0..100_000)
        .map(|i| if i < 99_000 { 0.0 } else { 1.0 })
        .collect();
    let outcome = run(&times, Schedule::Stealing, 10, FREE);
    assert!(outcome.makespan <= 102.0, "{}", outcome.makespan);
}

#[test]
fn chunks_are_run_in_the_order_of_the_list() {
    let layout = Layout::from_chunks(4, number(2), vec![1, 1, 3, 4])
        .and_then(|layout| layout.with_order(vec![3, 2, 1, 0]));
    let outcome = simulate(&[1.0, 1.0, 1.0, 5.0], &layout.expect("chunks"), FREE);
    let outcome = outcome.expect("valid times");
    assert_eq!(outcome.start, [2.0, 1.0, 0.0, 0.0]);
    assert_eq!(outcome.worker, [1, 1, 1, 0]);
    assert_eq!((outcome.makespan, outcome.claims), (5.0, 4));
}

#[test]
fn a_simulation_is_the_same_every_time() {
    let times = uneven(5000);
    let costs = Costs {
        start_up: 1e-3,
        claim: 1e-6,
    };
    for schedule in [Schedule::Stealing, guided(2)] {
        assert_eq!(
            run(&times, schedule, 50, costs),
            run(&times, schedule, 50, costs)
        );
    }
}

#[test]
fn no_tasks_take_no_time() {
    let outcome = run(&[], Schedule::Stealing, 3, FREE);
    assert_eq!((outcome.makespan, outcome.claims), (0.0, 0));
    assert_eq!((outcome.imbalance(), outcome.efficiency()), (0.0, 1.0));
}

#[test]
fn what_is_no_time_is_refused_with_its_task() -> Result<(), LayoutError> {
    let layout = Layout::new(dynamic(1), 3, number(2));
    for time in [-1.0, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = simulate(&[0.0, 1.0, time], &layout, FREE);
        assert_eq!(refused, Err(SimulateError::Time { task: 2, time }));
    }
    let nan = simulate(&[0.0, f64::NAN, 1.0], &layout, FREE);
    assert!(matches!(nan, Err(SimulateError::Time { task: 1, .. })));
    let short = simulate(&[0.0], &layout, FREE);
    assert_eq!(short, Err(SimulateError::Length { times: 1, tasks: 3 }));
    let costs = Costs {
        claim: -0.5,
        ..FREE
    };
    let refused = simulate(&[0.0; 3], &layout, costs);
    assert_eq!(refused, Err(SimulateError::Cost { cost: -0.5 }));
    let many = Layout::from_chunks(3, number(10_001), vec![3])?;
    let workers = 10_001;
    assert_eq!(
        simulate(&[0.0; 3], &many, FREE),
        Err(SimulateError::TooManyWorkers { workers })
    );
    Ok(())
}
