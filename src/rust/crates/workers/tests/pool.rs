//! Workers between jobs, and the server that makes them.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use common::*;
use rustix::process::Signal;
use rustle_workers::child;
use rustle_workers::pool::{NoServer, Pool};
use rustle_workers::process::{fork, Exit, Fork};
use rustle_workers::supervisor::Verdict;

#[test]
fn serve() {
    common::serve();
}

#[test]
fn a_worker_that_was_lost_while_it_stood_by_is_nobodys_loss() {
    let _alone = alone();
    let pool = pool(3);
    run(&pool, &PLAN);
    let all = members(&pool);
    for &(_, pid) in &all {
        send(pid, Signal::KILL);
    }
    assert!(soon(|| all
        .iter()
        .all(|m| state(m.1).is_none_or(|s| s == "Z"))));
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(run(&pool, &PLAN).costs().0.losses, 0);
}

#[test]
fn a_server_that_was_lost_is_started_again() {
    let _alone = alone();
    let pool = pool(3);
    run(&pool, &PLAN);
    let server = || pool.borrow().server_pid().unwrap();
    let (first, before) = (server(), members(&pool));
    send(first, Signal::KILL);
    assert!(soon(|| !before.iter().any(|m| exists(m.1))));
    run(&pool, &PLAN);
    assert_ne!(server(), first);
    // In the midst of a job.
    let plan = Plan {
        deed: Deed::Slow,
        tasks: 200,
        retries: 3,
        ..PLAN
    };
    let mut job = job(&pool, &plan);
    let mut looks = 0;
    let verdict = attend(&mut job, || {
        looks += 1;
        if looks == 3 {
            send(server(), Signal::KILL);
        }
    });
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    job.close(Some(Signal::INT), Duration::from_millis(500));
    assert!(starts(&job).iter().all(|&n| n == 1 || n == 2));
    run(&pool, &PLAN);
}

#[test]
fn workers_that_are_let_go_leave_nothing_behind_and_cost_nothing() {
    let _alone = alone();
    let pool = pool(3);
    run(
        &pool,
        &Plan {
            deed: Deed::Program,
            tasks: 3,
            stealing: false,
            ..PLAN
        },
    );
    let before = members(&pool);
    let programs: Vec<i32> = before.iter().flat_map(|m| children(m.1)).collect();
    assert!(!programs.is_empty());
    pool.borrow_mut().resize(1);
    assert!(members(&pool).iter().all(|m| m.0 < 1));
    pool.borrow_mut().dismiss_all();
    assert!(members(&pool).is_empty());
    assert!(soon(|| !before.iter().any(|m| exists(m.1))));
    assert!(soon(|| programs
        .iter()
        .all(|&pid| state(pid).is_none_or(|s| s == "Z"))));
    let server = pool.borrow().server_pid().unwrap();
    assert!(children(server).is_empty());
    let before = ticks(server);
    std::thread::sleep(Duration::from_millis(300));
    assert!(ticks(server) - before < 10);
    run(&pool, &PLAN);
}

#[test]
fn programs_of_tasks_end_though_the_server_was_killed() {
    let _alone = alone();
    let pool = pool(2);
    run(
        &pool,
        &Plan {
            deed: Deed::Program,
            tasks: 2,
            workers: 2,
            ..PLAN
        },
    );
    let workers = members(&pool);
    let programs: Vec<i32> = workers.iter().flat_map(|m| children(m.1)).collect();
    assert!(!programs.is_empty());
    send(pool.borrow().server_pid().unwrap(), Signal::KILL);
    assert!(soon(|| workers
        .iter()
        .all(|m| state(m.1).is_none_or(|s| s == "Z"))));
    run(&pool, &PLAN);
    assert!(soon(|| programs
        .iter()
        .all(|&pid| state(pid).is_none_or(|s| s == "Z"))));
}

#[test]
fn a_pool_belongs_to_the_process_that_made_it() {
    let _alone = alone();
    let pool = pool(1);
    run(&pool, &Plan { workers: 1, ..PLAN });
    assert!(!pool.borrow().is_foreign());
    // SAFETY: the child isolates itself and leaves.
    match unsafe { fork() }.unwrap() {
        Fork::Child => child::leave(i32::from(!pool.borrow().is_foreign())),
        Fork::Parent(copy) => {
            assert_eq!(copy.reap(), Exit::Status(0));
        }
    }
    run(&pool, &Plan { workers: 1, ..PLAN });
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let _alone = alone();
    let pool = pool(1);
    run(&pool, &Plan { workers: 1, ..PLAN });
    let server = pool.borrow().server_pid().unwrap();
    // The next job needs a worker, for which the server is asked.
    pool.borrow_mut().dismiss_all();
    send(server, Signal::STOP);
    run(&pool, &Plan { workers: 1, ..PLAN });
    assert_ne!(pool.borrow().server_pid(), Some(server));
    assert!(soon(|| !exists(server)));
}

#[test]
fn programs_that_are_no_server() {
    let _alone = alone();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Pool::new(command, 1).unwrap()
    };
    let patience = Duration::from_secs(60);
    match shell("echo says; echo why >&2; exit 3").prepare(patience) {
        Err(NoServer::Ended(printed)) => assert_eq!(printed, "says\nwhy"),
        other => panic!("{other:?}"),
    }
    match Pool::new(Command::new("/no/such/program"), 1)
        .unwrap()
        .prepare(patience)
    {
        Err(NoServer::Refused(errno)) => assert_eq!(errno, libc::ENOENT),
        other => panic!("{other:?}"),
    }
    let mut hangs = shell("sleep 50; sleep 50");
    assert!(matches!(
        hangs.prepare(Duration::from_millis(100)),
        Ok(false)
    ));
    let pid = hangs.server_pid().unwrap();
    let programs = children(pid);
    drop(hangs);
    assert!(soon(|| !exists(pid)));
    assert!(soon(|| programs
        .iter()
        .all(|&p| state(p).is_none_or(|s| s == "Z"))));
}

#[test]
fn a_server_holds_nothing_of_what_the_session_has_open() {
    let _alone = alone();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    let pool = pool(1);
    run(&pool, &Plan { workers: 1, ..PLAN });
    drop(writing);
    let mut bytes = [0; 1];
    rustix::io::ioctl_fionbio(&reading, true).unwrap();
    assert_eq!(rustix::io::read(reading.as_fd(), &mut bytes), Ok(0));
}
