//! Jobs of workers that stand by.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::rc::Rc;
use std::time::{Duration, Instant};

use common::*;
use rustix::process::Signal;
use rustle_workers::limits::REDO_IN_LETTER;
use rustle_workers::supervisor::Verdict;

#[test]
fn serve() {
    common::serve();
}

#[test]
fn the_same_workers_do_one_job_after_another() {
    let _alone = alone();
    let pool = pool(3);
    run(&pool, &PLAN);
    let first = members(&pool);
    assert!(first.len() <= 3 && !first.is_empty());
    for workers in [3, 1, 2, 3] {
        run(&pool, &Plan { workers, ..PLAN });
    }
    assert!(first.iter().all(|m| members(&pool).contains(m)));
    let pids: Vec<i32> = members(&pool).iter().map(|m| m.1).collect();
    let server = pool.borrow().server_pid().unwrap();
    drop(pool);
    assert!(soon(
        || !exists(server) && !pids.iter().any(|&pid| exists(pid))
    ));
}

#[test]
fn small_jobs_have_their_memory_one_after_another_unless_a_worker_was_lost() {
    let _alone = alone();
    let pool = pool(3);
    pool.borrow().rouse();
    run(&pool, &PLAN);
    let files = |pool: &common::Shared| {
        let kept = pool.borrow_mut().take_kept();
        let is_there = kept.is_some();
        pool.borrow_mut().leave_kept(kept);
        is_there
    };
    for (tasks, workers) in [
        (40, 3),
        (7, 3),
        (500, 2),
        (1, 1),
        (30_000, 3),
        (40, 3),
        (20_000, 2),
    ] {
        assert!(files(&pool), "{tasks} tasks");
        pool.borrow().rouse();
        run(
            &pool,
            &Plan {
                tasks,
                workers,
                ..PLAN
            },
        );
    }
    // What is large is not kept.
    run(
        &pool,
        &Plan {
            tasks: 1_600_000,
            ..PLAN
        },
    );
    assert!(!files(&pool));
    run(&pool, &PLAN);
    assert!(files(&pool));
    let dying = Plan {
        deed: Deed::Die,
        retries: 1,
        ..PLAN
    };
    run(&pool, &dying);
    assert!(!files(&pool));
    run(&pool, &PLAN);
    assert!(files(&pool));
}

#[test]
fn a_lost_worker_is_replaced_and_its_task_runs_again() {
    let _alone = alone();
    let pool = pool(3);
    for stealing in [true, false] {
        let plan = Plan {
            deed: Deed::Die,
            retries: 1,
            stealing,
            ..PLAN
        };
        let job = run(&pool, &plan);
        let expected: Vec<u64> = (0..40).map(|task| if task == 1 { 2 } else { 1 }).collect();
        assert_eq!(starts(&job), expected);
        assert_eq!(job.costs().0.losses, 1);
        let numbers: Vec<usize> = members(&pool).iter().map(|m| m.0).collect();
        assert!(numbers.iter().all(|&n| n < 3), "{numbers:?}");
    }
    let verdict = attend(
        &mut job(
            &pool,
            &Plan {
                deed: Deed::Die,
                ..PLAN
            },
        ),
        || {},
    );
    assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
    run(&pool, &PLAN);
}

#[test]
fn an_order_that_crosses_with_a_workers_leave_goes_to_another() {
    let _alone = alone();
    let pool = pool(2);
    for round in 0..60 {
        let plan = Plan {
            patience: 0,
            tasks: 4,
            workers: 2,
            ..PLAN
        };
        let job = run(&pool, &plan);
        assert_eq!(job.costs().0.losses, 0, "round {round}");
        if round % 3 == 0 {
            std::thread::sleep(Duration::from_micros(200 * round));
        }
    }
}

#[test]
fn a_long_list_of_tasks_to_run_again_travels_in_a_file() {
    let _alone = alone();
    let pool = pool(2);
    let tasks = 3 * REDO_IN_LETTER as u32;
    let plan = Plan {
        deed: Deed::Die,
        retries: 1,
        stealing: false,
        tasks,
        workers: 2,
        ..PLAN
    };
    let job = run(&pool, &plan);
    let again = starts(&job).iter().filter(|&&n| n != 1).count();
    assert_eq!(again, 1);
}

#[test]
fn interrupted_workers_are_back_at_once_and_stubborn_ones_are_replaced() {
    let _alone = alone();
    let pool = pool(3);
    run(&pool, &PLAN);
    let before = members(&pool);
    // Tasks sleep for a minute: nobody waits for them. Who hears the interrupt needs no grace to
    // be over, and who does not is given it.
    for (deed, same, grace, least) in [
        (Deed::Sleep, true, 30_000, 0),
        (Deed::SleepOn, false, 500, 400),
    ] {
        let mut job = job(&pool, &Plan { deed, ..PLAN });
        while job.progress().1 < 3 {
            assert!(matches!(
                job.wait(&mut Deaf, Duration::from_millis(5)).0,
                Verdict::Running
            ));
        }
        let begun = Instant::now();
        job.close(Some(Signal::INT), Duration::from_millis(grace));
        let took = begun.elapsed().as_millis();
        assert!((least..30_000).contains(&took), "{deed:?}: {took} ms");
        assert_eq!(job.supervisor().at_work(), 0);
        run(&pool, &PLAN);
        assert_eq!(members(&pool) == before, same, "{deed:?}");
    }
}

#[test]
fn an_abandoned_job_is_finished_by_workers_of_whom_nobody_hears_again() {
    let _alone = alone();
    let pool = pool(2);
    let plan = Plan {
        deed: Deed::Slow,
        tasks: 60,
        workers: 2,
        ..PLAN
    };
    let mut job = job(&pool, &plan);
    while job.progress().1 < 2 {
        job.wait(&mut Deaf, Duration::from_millis(5));
    }
    let before = members(&pool);
    job.close(None, Duration::ZERO);
    assert!(members(&pool).is_empty());
    let memory = Rc::clone(job.memory());
    assert!(soon(|| memory
        .slots()
        .iter()
        .all(|slot| slot.is_finished())));
    assert!(soon(|| !before.iter().any(|m| exists(m.1))));
    run(&pool, &PLAN);
}
