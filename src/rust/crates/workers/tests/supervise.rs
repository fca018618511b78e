//! Jobs of forked workers that die at random moments, without R: a task commits
//! its number to its slot.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::Signal;
use rustle_schedule::{Layout, Schedule};
use rustle_shared::{Content, FrameHeader, FrameSink, State};
use rustle_workers::child;
use rustle_workers::crew::Assignment;
use rustle_workers::forked::Forked;
use rustle_workers::job::{Audience, Job};
use rustle_workers::ledger::Ledger;
use rustle_workers::memory::JobMemory;
use rustle_workers::process::Exit;
use rustle_workers::recovery::Unit;
use rustle_workers::seat::{Link, Seat};
use rustle_workers::spans::Keep;
use rustle_workers::spans::Measured;
use rustle_workers::supervisor::{Costs, Failure, Settings, Supervisor, Verdict};

/// Keeps other tests waiting: a fork copies the locks that other threads hold, and one
/// test changes what a signal does.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// How a task ends its worker.
type Fate = fn(task: u32, first_time: bool) -> Option<i32>;

/// A job, and what its workers need.
struct Trial {
    job: Job<Forked>,
    link: Link,
    _wake: OwnedFd,
}

/// Counts the frames of each task, and forgets those of tasks that run again.
#[derive(Default)]
struct Heard(HashMap<u32, u32>);

struct Ear<'a>(&'a mut Heard);

impl FrameSink for Ear<'_> {
    fn skeleton(&mut self, _: FrameHeader, _: &[u8]) {}
    fn bulk(&mut self, _: FrameHeader, _: u64, _: &[u8]) {}
    fn whole(&mut self, header: FrameHeader) {
        *self.0 .0.entry(header.task).or_default() += 1;
    }
}

impl Audience for Heard {
    fn sink(&mut self, _seat: usize) -> impl FrameSink + '_ {
        Ear(self)
    }
    fn forget(&mut self, _seat: usize) {}
    fn discard(&mut self, task: u32) {
        self.0.remove(&task);
    }
    fn time_out(&mut self, _task: u32, _calls: &str) {}
    fn has_news(&self) -> bool {
        false
    }
}

fn settings(unit: Unit, retries: u32) -> Settings {
    Settings {
        retries,
        timeout: None,
        unit,
        eager: unit == Unit::Share,
    }
}

fn trial(schedule: Schedule, tasks: u32, workers: u32, settings: Settings) -> Trial {
    let layout = Layout::new(schedule, tasks, NonZeroU32::new(workers).unwrap());
    trial_of(layout, settings)
}

fn trial_of(layout: Layout, settings: Settings) -> Trial {
    let workers = layout.workers();
    let memory = Rc::new(JobMemory::new(layout, Keep::Tasks, 1).unwrap());
    let (reading, writing): (OwnedFd, OwnedFd) = rustix::pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reading, true).unwrap();
    // SAFETY: no other test runs (`alone`), so no lock is held that a worker needs; `run`
    // has a copy of this process isolate itself, work and leave.
    let crew = unsafe { Forked::new(workers as usize) };
    let link = Link {
        wake: writing.as_raw_fd(),
        session: std::process::id() as i32,
    };
    let supervisor = Supervisor::new(memory, settings, crew, reading);
    Trial {
        job: Job::new(supervisor, None, false),
        link,
        _wake: writing,
    }
}

/// The life of a worker: each task sends a frame before it commits.
fn work(trial: &Trial, assignment: Assignment, fate: Fate) -> ! {
    child::isolate(trial.link.session, &[]);
    // SAFETY: ends a worker that hangs.
    unsafe { libc::alarm(30) };
    let memory = Rc::clone(trial.job.memory());
    let mut seat = Seat::take(
        Rc::clone(&memory),
        assignment,
        trial.link,
        false,
        Measured {
            keep: Keep::Tasks,
            memory: true,
        },
    );
    seat.start();
    while let Some(task) = seat.next() {
        // The task's word counts how often it was started.
        let starts = memory.words(task as usize)[0].fetch_add(1, Ordering::SeqCst);
        seat.begin(task);
        let said = seat.send(task, Content::Output, b"here", std::iter::empty());
        if said.is_err() {
            child::leave(1);
        }
        if let Some(signal) = fate(task, starts == 0) {
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), signal) };
        }
        seat.end();
        seat.commit(State::Integer, u64::from(task));
    }
    seat.finish();
    child::leave(0)
}

/// What came of a trial.
struct Outcome {
    memory: Rc<JobMemory>,
    verdict: Verdict,
    costs: Costs,
    heard: Heard,
}

fn run(mut trial: Trial, fate: Fate) -> Outcome {
    if let Some(assignment) = trial.job.supervisor().launch() {
        work(&trial, assignment, fate)
    }
    let mut heard = Heard::default();
    let verdict = loop {
        match trial.job.wait(&mut heard, Duration::from_millis(20)).0 {
            Verdict::Running => {}
            Verdict::Here(assignment) => work(&trial, assignment, fate),
            verdict => break verdict,
        }
    };
    trial.job.close(Some(Signal::KILL), Duration::ZERO);
    assert_eq!(trial.job.supervisor().at_work(), 0);
    Outcome {
        memory: Rc::clone(trial.job.memory()),
        verdict,
        costs: trial.job.costs().0,
        heard,
    }
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

fn starts(s: &Outcome) -> Vec<u64> {
    let tasks = 0..s.memory.slots().len();
    tasks
        .map(|task| s.memory.words(task)[0].load(Ordering::SeqCst))
        .collect()
}

#[test]
fn every_task_is_done_though_workers_die_and_only_tasks_in_flight_start_twice() {
    let _alone = alone();
    let fate: Fate = |task, first| match (task % 7, first) {
        (0, true) => Some(libc::SIGKILL),
        (3, true) => Some(libc::SIGSEGV),
        _ => None,
    };
    for schedule in schedules() {
        for workers in 1..=5 {
            let s = trial(schedule, 40, workers, settings(Unit::Task, 1));
            let s = run(s, fate);
            let verdict = &s.verdict;
            assert!(
                matches!(verdict, Verdict::Done),
                "{schedule:?} {workers}: {verdict:?}"
            );
            for (task, slot) in s.memory.slots().iter().enumerate() {
                assert_eq!((slot.state(), slot.bits()), (State::Integer, task as u64));
            }
            for (task, starts) in starts(&s).into_iter().enumerate() {
                let expected = if matches!(task % 7, 0 | 3) { 2 } else { 1 };
                assert_eq!(starts, expected, "{schedule:?} {workers}: task {task}");
            }
            let once = (0..40).all(|task| s.heard.0.get(&task) == Some(&1));
            assert!(once, "{schedule:?} {workers}: {:?}", s.heard.0);
        }
    }
}

#[test]
fn without_retries_the_job_names_the_task_and_no_task_starts_twice() {
    let _alone = alone();
    let fate: Fate = |task, _| (task == 11).then_some(libc::SIGBUS);
    for schedule in schedules() {
        let s = trial(schedule, 20, 3, settings(Unit::Task, 0));
        let s = run(s, fate);
        let verdict = &s.verdict;
        let Verdict::Failed(Failure::Lost { lost, .. }) = verdict else {
            panic!("{schedule:?}: {verdict:?}")
        };
        assert_eq!(lost.tasks, [11]);
        assert_eq!(lost.exit, Exit::Signal(libc::SIGBUS));
        assert!(starts(&s).into_iter().all(|n| n <= 1));
    }
}

#[test]
fn a_share_runs_again_as_a_whole() {
    let _alone = alone();
    let fate: Fate = |task, first| (task == 8 && first).then_some(libc::SIGSEGV);
    let s = trial(Schedule::Cyclic, 12, 3, settings(Unit::Share, 1));
    let s = run(s, fate);
    let verdict = &s.verdict;
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    // Worker 2 has tasks 2, 5, 8 and 11.
    let expected = [1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1];
    assert_eq!(starts(&s), expected);
}

#[test]
fn slow_tasks_behind_quick_ones_are_given_back_and_stolen_though_their_worker_dies() {
    let _alone = alone();
    let fate: Fate = |task, first| {
        if task >= 400 {
            std::thread::sleep(Duration::from_millis(3));
        }
        (task == 401 && first).then_some(libc::SIGKILL)
    };
    // The first worker has tasks 0 to 499: its last hundred are slow.
    let s = trial(Schedule::Stealing, 1000, 2, settings(Unit::Task, 1));
    let s = run(s, fate);
    let verdict = &s.verdict;
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    for (task, starts) in starts(&s).into_iter().enumerate() {
        assert_eq!(starts, if task == 401 { 2 } else { 1 }, "task {task}");
    }
    let costs = s.costs;
    assert_eq!(costs.losses, 1);
    assert!(costs.starts >= 2 && costs.steals >= 1, "{costs:?}");
    assert!(costs.claims > costs.steals, "{costs:?}");
}

#[test]
fn few_large_chunks_of_quick_tasks_are_worth_a_second_worker() {
    let _alone = alone();
    let fate: Fate = |_, _| {
        std::thread::sleep(Duration::from_micros(100));
        None
    };
    let two = NonZeroU32::new(2).unwrap();
    let layout = Layout::from_chunks(4000, two, vec![2000, 4000]).unwrap();
    let s = run(trial_of(layout, settings(Unit::Task, 0)), fate);
    assert!(matches!(s.verdict, Verdict::Done), "{:?}", s.verdict);
    assert_eq!(s.costs.starts, 2);
}

#[test]
fn the_ledger_tells_positions_in_order_and_forgets_what_is_void() {
    let _alone = alone();
    let layout = Layout::new(Schedule::Static, 4, NonZeroU32::MIN);
    let memory = JobMemory::new(layout, Keep::Nothing, 0).unwrap();
    let finish = |task: usize, state| memory.slots().of(task).commit(state, 0);
    let mut ledger = Ledger::new(Some(vec![2, 0, 3, 1]), true);
    assert_eq!(ledger.advance(&memory), 0);
    finish(0, State::Null);
    assert_eq!(ledger.advance(&memory), 0);
    finish(2, State::Null);
    assert_eq!(ledger.advance(&memory), 2);
    assert_eq!(ledger.tellable(), 0);
    ledger.receive(2);
    assert_eq!(ledger.tellable(), 2);
    // A failure ends what is told; the job is settled when all tasks before it are.
    finish(3, State::Failed);
    assert_eq!(ledger.advance(&memory), 2);
    assert!(!ledger.is_settled(&memory));
    memory.header().cut_after(3);
    assert!(!ledger.is_settled(&memory));
    finish(1, State::Null);
    assert!(ledger.is_settled(&memory));
    memory.slots().of(0).clear();
    ledger.void(&[0]);
    assert!(!ledger.is_settled(&memory));
    assert_eq!(ledger.tellable(), 0);
}

#[test]
fn a_signal_that_comes_right_after_the_fork_meets_no_handler_of_the_parent() {
    let _alone = alone();
    static FORKED: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);
    extern "C" fn of_the_parent(_: libc::c_int) {
        let parent = FORKED.load(Ordering::SeqCst);
        // SAFETY: plain system calls: the handler of a session must not run in a child.
        unsafe {
            if libc::getpid() != parent {
                libc::_exit(99);
            }
        }
    }
    FORKED.store(std::process::id() as i32, Ordering::SeqCst);
    // SAFETY: a handler that only makes system calls.
    unsafe {
        libc::signal(
            libc::SIGTERM,
            of_the_parent as *const () as libc::sighandler_t,
        )
    };
    // SAFETY: no other test runs (`alone`); the child isolates itself and leaves.
    match unsafe { rustle_workers::process::fork() }.unwrap() {
        rustle_workers::process::Fork::Child => {
            // SAFETY: plain system call: it stays blocked until the process isolates itself.
            unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
            child::isolate(FORKED.load(Ordering::SeqCst), &[]);
            child::leave(98)
        }
        rustle_workers::process::Fork::Parent(child) => {
            assert_eq!(child.reap(), Exit::Signal(libc::SIGTERM));
        }
    }
}

#[test]
fn signals_by_which_batch_systems_announce_the_end_do_not_end_a_worker() {
    let _alone = alone();
    let fate: Fate = |task, _| match task {
        1 => Some(libc::SIGUSR1),
        2 => Some(libc::SIGUSR2),
        _ => None,
    };
    let s = trial(Schedule::Static, 4, 2, settings(Unit::Task, 0));
    let s = run(s, fate);
    let verdict = &s.verdict;
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    assert_eq!(s.costs.losses, 0);
}
