use super::*;
use crate::policy::Schedule;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a number above 0")
}

fn layouts(tasks: u32, workers: u32) -> Vec<Layout> {
    let p = number(workers);
    let ends = (1..=tasks)
        .filter(|end| end % 7 < 2 || *end == tasks)
        .collect();
    let mut layouts: Vec<Layout> = [
        Schedule::Static,
        Schedule::Cyclic,
        Schedule::Dynamic { chunk: number(1) },
        Schedule::Dynamic { chunk: number(5) },
        Schedule::Guided { min: number(2) },
        Schedule::Stealing,
    ]
    .map(|schedule| Layout::new(schedule, tasks, p))
    .into();
    layouts.push(Layout::from_chunks(tasks, p, ends).expect("a list of chunks"));
    layouts
}

fn cells(workers: u32) -> Vec<Cell> {
    (0..workers).map(|_| Cell::default()).collect()
}

#[test]
fn a_worker_has_cache_lines_of_its_own() {
    let line = std::mem::align_of::<CachePadded<u8>>();
    assert_eq!(std::mem::size_of::<Cell>(), line);
    assert_eq!(std::mem::align_of::<Cell>(), line);
    assert_eq!(std::mem::size_of::<Queue>(), line);
}

#[test]
fn a_table_that_was_never_laid_out_is_empty() {
    for layout in layouts(10, 2) {
        let (queue, cells) = (Queue::default(), cells(2));
        let table = Table::new(&layout, &queue, &cells);
        assert_eq!(table.unclaimed(), 0);
        assert_eq!(table.claim(0, 1), None);
        assert_eq!(table.bury(1), None);
    }
}

#[test]
fn workers_without_theft_get_their_own_share() {
    for schedule in [Schedule::Static, Schedule::Cyclic] {
        let layout = Layout::new(schedule, 10, number(3));
        let (queue, cells) = (Queue::default(), cells(3));
        let table = Table::new(&layout, &queue, &cells);
        table.reset();
        assert_eq!(table.claim(1, 2), Some(4..6));
        assert_eq!(table.claimed(1), Some(4..6));
        table.release(1);
        assert_eq!(table.claimed(1), None);
        assert_eq!(table.claim(1, 100), Some(6..7));
        table.release(1);
        assert_eq!(table.claim(1, 1), None);
        assert_eq!(table.unclaimed(), 7);
    }
}

#[test]
fn a_queue_hands_out_what_its_schedule_says() {
    let (p, queue, cells) = (number(2), Queue::default(), cells(2));
    let claims = |layout: Layout| -> Vec<Range<u32>> {
        let table = Table::new(&layout, &queue, &cells);
        table.reset();
        std::iter::from_fn(|| table.claim(0, 50).inspect(|_| table.release(0))).collect()
    };
    let chunk = number(4);
    let dynamic = claims(Layout::new(Schedule::Dynamic { chunk }, 10, p));
    assert_eq!(dynamic, [0..4, 4..8, 8..10]);
    let min = number(2);
    let guided = claims(Layout::new(Schedule::Guided { min }, 11, p));
    assert_eq!(guided, [0..6, 6..9, 9..11]);
    let listed = Layout::from_chunks(10, p, vec![4, 4, 10]).expect("a list of chunks");
    assert_eq!(claims(listed), [0..1, 1..2, 2..3]);
}

#[test]
fn tasks_of_unclaimed_chunks_are_counted() {
    let layout = Layout::from_chunks(10, number(2), vec![4, 4, 10]).expect("a list of chunks");
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    let mut left = vec![(table.unclaimed(), table.unclaimed_tasks())];
    while table.claim(0, 1).is_some() {
        table.release(0);
        left.push((table.unclaimed(), table.unclaimed_tasks()));
    }
    assert_eq!(left, [(3, 10), (2, 6), (1, 6), (0, 0)]);
    let stolen = Layout::new(Schedule::Stealing, 7, number(2));
    let table = Table::new(&stolen, &queue, &cells);
    table.reset();
    assert_eq!(table.unclaimed_tasks(), 7);
}

#[test]
fn a_thief_takes_the_back_half_of_the_largest_block() {
    let layout = Layout::new(Schedule::Stealing, 20, number(2));
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    // Own block 0..10: never more than half of what is left at once.
    for units in [0..5, 5..8, 8..9, 9..10] {
        assert_eq!(table.claim(0, 100), Some(units));
        table.release(0);
    }
    // 10..20 becomes 10..15 and 15..20; of the loot three at once.
    assert_eq!(table.claim(0, 100), Some(15..18));
    assert_eq!(table.claim(1, 1), Some(10..11));
    assert_eq!(table.unclaimed(), 6);
}

#[test]
fn a_thief_takes_the_last_unit_of_a_worker_that_never_came() {
    let layout = Layout::new(Schedule::Stealing, 2, number(2));
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    assert_eq!(table.claim(1, 1), Some(1..2));
    table.release(1);
    assert_eq!(table.claim(1, 1), Some(0..1));
    table.release(1);
    assert_eq!(table.claim(1, 1), None);
    assert_eq!(table.claim(0, 1), None);
}

#[test]
fn what_is_given_back_is_claimed_again() {
    let layout = Layout::new(Schedule::Stealing, 16, number(2));
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    assert!(!table.give_back(0, 0)); // no claim
    assert_eq!(table.claim(0, 4), Some(0..4));
    assert!(!table.give_back(0, 4)); // not of the claim
    assert!(table.give_back(0, 1));
    assert_eq!(table.claimed(0), Some(0..1));
    assert_eq!(table.unclaimed(), 15);
    table.release(0);
    assert_eq!(table.claim(0, 1), Some(1..2));
    assert!(table.give_back(0, 1)); // all of it
    assert_eq!(table.claimed(0), None);
    assert_eq!(table.claim(0, 1), Some(1..2));
    let chunk = number(4);
    let layout = Layout::new(Schedule::Dynamic { chunk }, 16, number(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    assert_eq!(table.claim(0, 1), Some(0..4));
    assert!(!table.give_back(0, 1)); // a queue takes nothing back
}

#[test]
fn the_dead_leave_their_confirmed_claim_and_their_block() {
    let layout = Layout::new(Schedule::Static, 10, number(2));
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    assert_eq!(table.claim(0, 3), Some(0..3));
    assert_eq!(table.bury(0), Some(0..3));
    assert_eq!(table.bury(0), None);
    assert_eq!(table.claim(0, 3), Some(3..5)); // the replacement goes on
    let line = &cells[0].line;
    line.claim
        .store(word::tentative(&(3..5)), Ordering::Relaxed);
    line.victim.store(2, Ordering::Relaxed);
    line.loot.store(word::pack(7..9), Ordering::Relaxed);
    assert_eq!(table.bury(0), None); // tentative: left to the final sweep
    for word in [&line.claim, &line.victim, &line.loot] {
        assert_eq!(word.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_steal_that_never_ends_does_not_hold_up_others() {
    let layout = Layout::new(Schedule::Stealing, 0, number(2));
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    cells[1]
        .line
        .loot
        .store(word::pack(3..4), Ordering::Relaxed);
    assert_eq!(table.claim(0, 1), None);
}

/// A small generator, seeded by its first state.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    *state >> 33
}

#[test]
fn threads_claim_each_unit_once() {
    for round in 0..20 {
        for layout in layouts(5000, 4) {
            let (queue, cells) = (Queue::default(), cells(4));
            let table = Table::new(&layout, &queue, &cells);
            table.reset();
            let runs: Vec<AtomicU32> = (0..5000).map(|_| AtomicU32::new(0)).collect();
            let (runs, layout) = (&runs, &layout);
            std::thread::scope(|scope| {
                for me in 0..4 {
                    scope.spawn(move || {
                        let mut state = round * 4 + me as u64;
                        while let Some(units) = table.claim(me, (next(&mut state) % 5) as u32) {
                            let stop = layout.positions(units.clone()).find(|&position| {
                                let given = next(&mut state) % 50 == 0
                                    && layout.schedule().is_some()
                                    && table.give_back(me, position);
                                if !given {
                                    let task = layout.task(position) as usize;
                                    runs[task].fetch_add(1, Ordering::Relaxed);
                                }
                                given
                            });
                            assert!(stop.is_none_or(|position| units.contains(&position)));
                            table.release(me);
                        }
                    });
                }
            });
            assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
            assert_eq!(table.unclaimed(), 0);
        }
    }
}

/// Workers that die in front of, within or behind a task; the supervisor buries each,
/// lets a replacement run what it lost, and sweeps at the end. A death inside of a
/// call of the table is for the stepping tests in `dev/rust`.
#[test]
fn threads_that_die_lose_nothing_and_repeat_only_the_task_in_flight() {
    for round in 0..10 {
        for layout in layouts(2000, 4) {
            let (queue, cells) = (Queue::default(), cells(4));
            let table = Table::new(&layout, &queue, &cells);
            table.reset();
            let count = || -> Vec<AtomicU32> { (0..2000).map(|_| AtomicU32::new(0)).collect() };
            let (begun, done, in_flight) = (count(), count(), count());
            let worker = |me: usize, lost: Range<u32>, mut state: u64| {
                let mut claim = Some(lost);
                while let Some(units) = claim {
                    for position in layout.positions(units) {
                        let task = layout.task(position) as usize;
                        if done[task].load(Ordering::Relaxed) != 0 {
                            continue;
                        }
                        let fate = next(&mut state) % 300;
                        if fate == 0 {
                            return true;
                        }
                        begun[task].fetch_add(1, Ordering::Relaxed);
                        if fate == 1 {
                            in_flight[task].fetch_add(1, Ordering::Relaxed);
                            return true;
                        }
                        done[task].fetch_add(1, Ordering::Relaxed);
                        if fate == 2 {
                            return true;
                        }
                    }
                    table.release(me);
                    claim = table.claim(me, (next(&mut state) % 5) as u32);
                }
                false
            };
            let worker = &worker;
            let mut lost = Vec::new();
            std::thread::scope(|scope| {
                let (stopped, stops) = mpsc::channel();
                let start = |me, lost, seed| {
                    let stopped = stopped.clone();
                    scope.spawn(move || stopped.send((me, worker(me, lost, seed))));
                };
                (0..4).for_each(|me| start(me, 0..0, round * 1000 + me as u64));
                let (mut running, mut seed) = (4, round * 1000 + 4);
                while running > 0 {
                    let (me, died) = stops.recv().expect("a worker runs");
                    running -= 1;
                    if died {
                        let units = table.bury(me).unwrap_or(0..0);
                        lost.push(units.clone());
                        seed += 1;
                        running += 1;
                        // Half of the replacements leave the lost units to the sweep.
                        let units = if seed % 2 == 0 { units } else { 0..0 };
                        start(me, units, seed);
                    }
                }
            });
            assert_eq!(table.unclaimed(), 0);
            let value = |counts: &[AtomicU32], task: usize| counts[task].load(Ordering::Relaxed);
            let mut buried = vec![false; 2000];
            for position in lost.into_iter().flat_map(|units| layout.positions(units)) {
                buried[layout.task(position) as usize] = true;
            }
            for (task, buried) in buried.into_iter().enumerate() {
                assert!(value(&done, task) == 1 || buried);
                assert!(value(&done, task) <= 1);
                let allowed = value(&done, task) + value(&in_flight, task);
                assert_eq!(value(&begun, task), allowed);
            }
        }
    }
}
