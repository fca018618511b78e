//! Jobs of forked workers that die at random moments, without R: a task commits
//! its number to its slot.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;
use rustle_schedule::{Layout, Schedule};
use rustle_shared::State;
use rustle_workers::child;
use rustle_workers::memory::{JobMemory, Phase};
use rustle_workers::process::{fork, Child, Fork};
use rustle_workers::supervisor::{Failure, Order, Recovery, Settings, Supervisor, Verdict};

/// How a task ends its worker.
type Fate = fn(task: u32, first_time: bool) -> Option<i32>;

fn settings(recovery: Recovery, retries: u32) -> Settings {
    Settings {
        retries,
        timeout: None,
        recovery,
        eager: recovery == Recovery::Share,
    }
}

fn supervisor(schedule: Schedule, tasks: u32, workers: u32, settings: Settings) -> Supervisor {
    let layout = Layout::new(schedule, tasks, NonZeroU32::new(workers).unwrap());
    let memory = JobMemory::new(layout, true, 0).unwrap();
    let (reading, writing): (OwnedFd, OwnedFd) = rustix::pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reading, true).unwrap();
    std::mem::forget(writing);
    Supervisor::new(memory, settings, reading)
}

fn work(memory: &JobMemory, order: &Order, fate: Fate, parent: i32) -> ! {
    child::settle(parent);
    // SAFETY: ends a worker that hangs.
    unsafe { libc::alarm(30) };
    let table = memory.table();
    let status = &memory.status[order.seat];
    status.phase.store(Phase::Started as u32, Ordering::Release);
    let run = |task: u32| {
        let slot = &memory.slots[task as usize];
        if slot.state() != State::Empty {
            return;
        }
        status.running.store(u64::from(task) + 1, Ordering::Release);
        // The span counts how often a task was started.
        let starts = memory.spans[task as usize]
            .start
            .fetch_add(1, Ordering::SeqCst);
        if let Some(signal) = fate(task, starts == 0) {
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), signal) };
        }
        slot.commit(State::Integer, u64::from(task), order.seat as u32);
        status.running.store(0, Ordering::Release);
        status.done.fetch_add(1, Ordering::Relaxed);
    };
    order.redo.iter().copied().for_each(run);
    while let Some(units) = table.claim(order.seat, 3) {
        memory
            .layout
            .positions(units)
            .map(|p| memory.layout.task(p))
            .for_each(run);
        table.release(order.seat);
    }
    status
        .phase
        .store(Phase::Finished as u32, Ordering::Release);
    child::leave(0)
}

fn run(mut s: Supervisor, fate: Fate) -> (Supervisor, Verdict) {
    let shared = Rc::clone(&s.memory);
    let parent = std::process::id() as i32;
    let mut spawn = |order: Order| -> Result<Child, i32> {
        // SAFETY: the child works on shared memory only and leaves by `leave`.
        unsafe {
            match fork()? {
                Fork::Parent(child) => Ok(child),
                Fork::Child => work(&shared, &order, fate, parent),
            }
        }
    };
    // SAFETY: as above.
    if let Some(order) = s.start(&mut || unsafe { fork() }) {
        work(&shared, &order, fate, parent)
    }
    let verdict = loop {
        for (seat, exit) in s.reap() {
            s.bury(seat, exit);
        }
        match s.advance(&mut spawn) {
            Verdict::Running => s.sleep(Duration::from_millis(20)),
            verdict => break verdict,
        }
    };
    s.end(Signal::KILL, Duration::ZERO);
    (s, verdict)
}

fn schedules() -> [Schedule; 5] {
    let two = NonZeroU32::new(2).unwrap();
    [
        Schedule::Static,
        Schedule::Cyclic,
        Schedule::Dynamic { chunk: two },
        Schedule::Guided { min: two },
        Schedule::Stealing,
    ]
}

fn starts(s: &Supervisor) -> Vec<u64> {
    s.memory
        .spans
        .iter()
        .map(|span| span.start.load(Ordering::SeqCst))
        .collect()
}

#[test]
fn every_task_is_done_though_workers_die_and_only_tasks_in_flight_start_twice() {
    let fate: Fate = |task, first| match (task % 7, first) {
        (0, true) => Some(libc::SIGKILL),
        (3, true) => Some(libc::SIGSEGV),
        _ => None,
    };
    for schedule in schedules() {
        for workers in 1..=5 {
            let s = supervisor(schedule, 40, workers, settings(Recovery::Task, 1));
            let (s, verdict) = run(s, fate);
            assert!(
                matches!(verdict, Verdict::Done),
                "{schedule:?} {workers}: {verdict:?}"
            );
            for (task, slot) in s.memory.slots.iter().enumerate() {
                assert_eq!((slot.state(), slot.bits()), (State::Integer, task as u64));
            }
            for (task, starts) in starts(&s).into_iter().enumerate() {
                let expected = if matches!(task % 7, 0 | 3) { 2 } else { 1 };
                assert_eq!(starts, expected, "{schedule:?} {workers}: task {task}");
            }
            assert_eq!(s.alive(), 0);
        }
    }
}

#[test]
fn without_retries_the_job_names_the_task_and_no_task_starts_twice() {
    let fate: Fate = |task, _| (task == 11).then_some(libc::SIGBUS);
    for schedule in schedules() {
        let s = supervisor(schedule, 20, 3, settings(Recovery::Task, 0));
        let (s, verdict) = run(s, fate);
        let Verdict::Failed(Failure::Lost { tasks, .. }) = verdict else {
            panic!("{schedule:?}: {verdict:?}")
        };
        assert_eq!(tasks, [11]);
        assert!(starts(&s).into_iter().all(|n| n <= 1));
    }
}

#[test]
fn a_share_runs_again_as_a_whole() {
    let fate: Fate = |task, first| (task == 8 && first).then_some(libc::SIGSEGV);
    let s = supervisor(Schedule::Cyclic, 12, 3, settings(Recovery::Share, 1));
    let (s, verdict) = run(s, fate);
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    // Worker 2 has tasks 2, 5, 8 and 11.
    let expected = [1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1];
    assert_eq!(starts(&s), expected);
}
