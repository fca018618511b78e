use super::*;
use crate::policy::{Layout, Schedule};
use crate::table::{Cell, Queue};
use std::cell::Cell as StdCell;
use std::num::NonZeroU32;

/// A clock that stands still unless it is moved.
#[derive(Default)]
struct Hand(StdCell<u64>);

impl Hand {
    fn forward(&self, time: Duration) {
        self.0.set(self.0.get() + time.as_nanos() as u64);
    }
}

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.get() + 1
    }
}

fn layout(schedule: Schedule, tasks: u32, workers: u32) -> Layout {
    Layout::new(schedule, tasks, NonZeroU32::new(workers).expect("workers"))
}

fn cells(workers: u32) -> Vec<Cell> {
    (0..workers).map(|_| Cell::default()).collect()
}

#[test]
fn lost_tasks_come_first_and_then_every_task_of_the_layout_once() {
    let schedules = [
        Schedule::Static,
        Schedule::Cyclic,
        Schedule::Dynamic {
            chunk: NonZeroU32::MIN,
        },
        Schedule::Guided {
            min: NonZeroU32::MIN,
        },
        Schedule::Stealing,
    ];
    for schedule in schedules {
        let layout = layout(schedule, 20, 2);
        let (queue, cells) = (Queue::default(), cells(2));
        let table = Table::new(&layout, &queue, &cells);
        table.reset();
        let clock = Hand::default();
        let mut workers = [Claims::new(0, vec![7, 3]), Claims::new(1, Vec::new())];
        assert_eq!(workers[0].next(&table, &clock), Some(7));
        assert_eq!(workers[0].next(&table, &clock), Some(3));
        let mut tasks = Vec::new();
        for worker in &mut workers {
            tasks.extend(std::iter::from_fn(|| worker.next(&table, &clock)));
            assert!(worker.is_idle());
        }
        tasks.sort_unstable();
        assert_eq!(tasks, (0..20).collect::<Vec<_>>());
        assert_eq!(table.claimed(0), None);
        let stolen = workers[0].stolen();
        assert_eq!(stolen > 0, schedule == Schedule::Stealing, "{schedule:?}");
        assert!(workers[0].made() > stolen);
    }
}

#[test]
fn a_slow_claim_is_given_back_and_can_be_stolen() {
    let layout = layout(Schedule::Stealing, 1000, 2);
    let (queue, cells) = (Queue::default(), cells(2));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    let clock = Hand::default();
    let mut owner = Claims::new(0, Vec::new());
    // Quick tasks: the grain grows.
    for _ in 0..70 {
        owner.next(&table, &clock);
    }
    let held = table.claimed(0).expect("a claim");
    let task = owner.next(&table, &clock).expect("a task");
    assert!(held.contains(&task) && task + 2 < held.end);
    clock.forward(Duration::from_millis(50));
    let next = owner.next(&table, &clock).expect("a task");
    assert_eq!(next, task + 1);
    // The rest is in the block again, where the other worker finds it.
    assert_eq!(table.claimed(0), Some(next..next + 1));
    let mut thief = Claims::new(1, Vec::new());
    let stolen: Vec<u32> = std::iter::from_fn(|| thief.next(&table, &clock)).collect();
    assert!(stolen.contains(&(held.end - 1)));
    assert!(!stolen.contains(&next));
}

#[test]
fn time_between_slices_is_not_the_time_of_tasks() {
    let layout = layout(Schedule::Static, 100_000, 1);
    let (queue, cells) = (Queue::default(), cells(1));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    let clock = Hand::default();
    let mut claims = Claims::new(0, Vec::new());
    for _ in 0..40 {
        claims.resume(&clock);
        for _ in 0..100 {
            claims.next(&table, &clock);
            clock.forward(Duration::from_nanos(10));
        }
        claims.pause(&table, &clock);
        clock.forward(Duration::from_secs(1));
    }
    // At 10 ns a task, a claim of 0.1 ms has thousands of them.
    claims.resume(&clock);
    assert!(claims.made() < 20, "{} claims", claims.made());
}

#[test]
fn a_pause_after_the_last_task_of_a_claim_releases_it() {
    let layout = layout(
        Schedule::Dynamic {
            chunk: NonZeroU32::MIN,
        },
        3,
        1,
    );
    let (queue, cells) = (Queue::default(), cells(1));
    let table = Table::new(&layout, &queue, &cells);
    table.reset();
    let clock = Hand::default();
    let mut claims = Claims::new(0, Vec::new());
    claims.resume(&clock);
    claims.next(&table, &clock);
    assert_eq!(table.claimed(0), Some(0..1));
    claims.pause(&table, &clock);
    assert_eq!(table.claimed(0), None);
    assert!(claims.is_idle());
}
