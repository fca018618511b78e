//! Every layout hands out every task once; every jump is as many steps.

use std::num::NonZeroU32;

use proptest::prelude::*;
use rustle_schedule::{simulate, Cell, Claims, Clock, Costs, Layout, Queue, Schedule, Table};
use rustle_streams::{Numbering, Seed, TaskSeeds};

/// A layout as the numbers it is made of, so that failures shrink.
#[derive(Clone, Debug)]
struct Recipe {
    kind: usize,
    size: u32,
    tasks: u32,
    workers: u32,
    /// Random keys: the order of the tasks, and where chunks end.
    keys: Vec<u64>,
    ordered: bool,
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let keys = prop::collection::vec(any::<u64>(), 0..300);
    (0..6usize, 1..20u32, keys, 1..40u32, any::<bool>()).prop_map(
        |(kind, size, keys, workers, ordered)| Recipe {
            kind,
            size,
            tasks: keys.len() as u32,
            workers,
            keys,
            ordered,
        },
    )
}

fn layout(recipe: &Recipe) -> Layout {
    let workers = NonZeroU32::new(recipe.workers).unwrap();
    let size = NonZeroU32::new(recipe.size).unwrap();
    let schedule = match recipe.kind {
        0 => Some(Schedule::Static),
        1 => Some(Schedule::Cyclic),
        2 => Some(Schedule::Dynamic { chunk: size }),
        3 => Some(Schedule::Guided { min: size }),
        4 => Some(Schedule::Stealing),
        _ => None,
    };
    let layout = match schedule {
        Some(schedule) => Layout::new(schedule, recipe.tasks, workers),
        None => {
            let n = u64::from(recipe.tasks);
            let mut ends: Vec<u32> = recipe
                .keys
                .iter()
                .step_by(recipe.size as usize)
                .map(|key| (key % (n + 1)) as u32)
                .collect();
            ends.sort_unstable();
            ends.push(recipe.tasks);
            Layout::from_chunks(recipe.tasks, workers, ends).unwrap()
        }
    };
    if !recipe.ordered {
        return layout;
    }
    let mut order: Vec<u32> = (0..recipe.tasks).collect();
    order.sort_by_key(|&task| recipe.keys[task as usize]);
    layout.with_order(order).unwrap()
}

/// What a worker does in one turn of the test.
#[derive(Clone, Debug)]
struct Turn {
    worker: prop::sample::Index,
    grain: u32,
    /// Give back all but this many units.
    keep: Option<u32>,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let keep = prop::option::weighted(0.3, 0..4u32);
    let turn =
        (any::<prop::sample::Index>(), 0..30u32, keep).prop_map(|(worker, grain, keep)| Turn {
            worker,
            grain,
            keep,
        });
    prop::collection::vec(turn, 0..400)
}

/// What happens to a worker in one turn, after its running task has taken `took`.
#[derive(Clone, Debug)]
struct Event {
    worker: prop::sample::Index,
    /// Nanoseconds.
    took: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The task is finished, and the worker asks for the next one.
    Next,
    /// The same, after something that is not the time of tasks.
    Pause,
    /// The worker dies; another one starts under its number.
    Death,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![8 => Just(Kind::Next), 1 => Just(Kind::Pause), 1 => Just(Kind::Death)];
    // Most tasks are quick, so that claims grow; some are slow enough to be given back.
    let took = prop_oneof![3 => 0..100_000u64, 1 => 0..50_000_000u64];
    let event = (any::<prop::sample::Index>(), took, kind).prop_map(|(worker, took, kind)| Event {
        worker,
        took,
        kind,
    });
    prop::collection::vec(event, 0..600)
}

/// The time, which goes on when tasks do.
#[derive(Default)]
struct Hand(std::cell::Cell<u64>);

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.get()
    }
}

/// A worker and what a supervisor knows of it.
struct Crewman {
    claims: Claims,
    /// Tasks that it was told to run again.
    redo: Vec<u32>,
    running: Option<u32>,
}

impl Crewman {
    fn new(me: usize, redo: Vec<u32>) -> Crewman {
        Crewman {
            claims: Claims::new(me, redo.clone()),
            redo,
            running: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_task_is_claimed_once(recipe in recipes(), turns in turns()) {
        let layout = layout(&recipe);
        let queue: Queue = Queue::default();
        let cells: Vec<Cell> = (0..layout.workers()).map(|_| Cell::default()).collect();
        let table = Table::new(&layout, &queue, &cells);
        table.reset();
        prop_assert_eq!(table.unclaimed(), u64::from(layout.units()));
        let mut runs = vec![0; layout.tasks() as usize];
        let mut turn = |me: usize, grain: u32, keep: Option<u32>| {
            let before = table.unclaimed();
            let Some(mut units) = table.claim(me, grain) else { return false };
            assert!(!units.is_empty());
            assert_eq!(table.claimed(me), Some(units.clone()));
            assert_eq!(table.unclaimed() + units.len() as u64, before);
            if let Some(keep) = keep {
                let from = units.start + keep;
                let can = units.contains(&from) && layout.schedule().is_some_and(|schedule| {
                    matches!(schedule, Schedule::Static | Schedule::Cyclic | Schedule::Stealing)
                });
                assert_eq!(table.give_back(me, from), can);
                if can {
                    units.end = from;
                }
            }
            for position in layout.positions(units) {
                runs[layout.task(position) as usize] += 1;
            }
            table.release(me);
            true
        };
        for t in &turns {
            turn(t.worker.index(cells.len()), t.grain, t.keep);
        }
        // All workers, as the schedules without stealing keep a share for each.
        for me in 0..cells.len() {
            while turn(me, 7, None) {}
        }
        prop_assert_eq!(table.unclaimed(), 0);
        prop_assert!(runs.iter().all(|&runs| runs == 1));
    }

    #[test]
    fn every_task_runs_whoever_dies(recipe in recipes(), events in events()) {
        let layout = layout(&recipe);
        let queue: Queue = Queue::default();
        let cells: Vec<Cell> = (0..layout.workers()).map(|_| Cell::default()).collect();
        let table = Table::new(&layout, &queue, &cells);
        table.reset();
        let clock = Hand::default();
        let mut crew: Vec<Crewman> = (0..cells.len()).map(|me| Crewman::new(me, Vec::new())).collect();
        let mut begun = vec![0; layout.tasks() as usize];
        let mut done = vec![false; layout.tasks() as usize];
        // How often the worker that ran a task died.
        let mut lost = vec![0; layout.tasks() as usize];
        let mut turn = |me: usize, took: u64, kind: &Kind| {
            let worker = &mut crew[me];
            clock.0.set(clock.0.get() + took);
            if let Kind::Death = kind {
                if let Some(task) = worker.running {
                    lost[task as usize] += 1;
                }
                let held = table.bury(me).into_iter().flat_map(|units| layout.positions(units));
                let mut redo: Vec<u32> = held.map(|position| layout.task(position)).collect();
                redo.extend(&worker.redo);
                redo.retain(|&task| !done[task as usize]);
                *worker = Crewman::new(me, redo);
                return true;
            }
            if let Some(task) = worker.running.take() {
                assert!(!std::mem::replace(&mut done[task as usize], true));
            }
            if let Kind::Pause = kind {
                worker.claims.pause(&table, &clock);
                clock.0.set(clock.0.get() + took);
                worker.claims.resume(&clock);
            }
            worker.running = worker.claims.next(&table, &clock);
            if let Some(task) = worker.running {
                begun[task as usize] += 1;
            }
            worker.running.is_some()
        };
        for event in &events {
            turn(event.worker.index(cells.len()), event.took, &event.kind);
        }
        while (0..cells.len()).filter(|&me| turn(me, 1000, &Kind::Next)).count() > 0 {}
        prop_assert_eq!(table.unclaimed(), 0);
        prop_assert!(done.iter().all(|&done| done));
        for (begun, lost) in begun.iter().zip(&lost) {
            prop_assert_eq!(*begun, 1 + lost);
        }
    }

    #[test]
    fn shares_are_a_partition(recipe in recipes()) {
        let layout = layout(&recipe);
        let mut held: Vec<u32> = (0..layout.workers()).flat_map(|w| layout.share(w)).collect();
        if recipe.kind == 2 || recipe.kind == 3 || recipe.kind == 5 {
            prop_assert!(held.is_empty());
            held.extend(0..layout.units());
        }
        prop_assert!(held.iter().copied().eq(0..layout.units()));
        let mut tasks: Vec<u32> = held.into_iter()
            .flat_map(|unit| layout.positions(unit..unit + 1))
            .map(|position| layout.task(position))
            .collect();
        tasks.sort_unstable();
        prop_assert!(tasks.into_iter().eq(0..layout.tasks()));
    }

    #[test]
    fn simulations_conserve_time(recipe in recipes(), start_up in 0.0..0.1, claim in 0.0..0.01) {
        let layout = layout(&recipe);
        let times: Vec<f64> = recipe.keys.iter().map(|key| (key % 1000) as f64 / 1e4).collect();
        let outcome = simulate(&times, &layout, Costs { start_up, claim }).unwrap();
        let total: f64 = times.iter().sum();
        let longest = times.iter().copied().fold(0.0, f64::max);
        prop_assert!((outcome.busy.iter().sum::<f64>() - total).abs() < 1e-9);
        let bound = longest.max(total / f64::from(layout.workers()));
        prop_assert!(outcome.makespan >= bound - 1e-9);
        for (task, &worker) in outcome.worker.iter().enumerate() {
            prop_assert!(outcome.start[task] >= f64::from(worker + 1) * start_up + claim - 1e-9);
            prop_assert!(outcome.start[task] + times[task] <= outcome.makespan);
        }
    }

    #[test]
    fn jumps_are_steps(words in any::<[u32; 6]>(), k in 0..2000u64, far in any::<u64>()) {
        let words = words.map(|word| (word % 4_294_944_443) as i32);
        prop_assume!(words[..3] != [0; 3] && words[3..] != [0; 3]);
        let base = Seed::from_words(&words).unwrap();
        let stream = (0..k).fold(base, |seed, _| seed.next_stream());
        prop_assert_eq!(base.jump_streams(k), stream);
        let substream = (0..k).fold(base, |seed, _| seed.next_substream());
        prop_assert_eq!(base.jump_substreams(k), substream);
        let (half, rest) = (far / 2, far - far / 2);
        prop_assert_eq!(base.jump_streams(half).jump_streams(rest), base.jump_streams(far));
        let both = base.jump_substreams(far).jump_streams(k);
        prop_assert_eq!(both, base.jump_streams(k).jump_substreams(far));
    }

    #[test]
    fn seeds_of_tasks_are_jumps(tasks in prop::collection::vec(any::<u64>(), 1..20)) {
        let base = Seed::from_words(&[1, 2, 3, 4, 5, 6]).unwrap();
        let mut substreams = TaskSeeds::new(base, Numbering::Substream);
        let mut streams = TaskSeeds::new(base, Numbering::Stream);
        for task in tasks {
            let stream = base.jump_streams(task);
            prop_assert_eq!(substreams.seed(task), stream.next_substream());
            prop_assert_eq!(streams.seed(task), stream.next_stream());
        }
    }
}
