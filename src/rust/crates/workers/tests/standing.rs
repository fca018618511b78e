//! Workers that stand by, and their server, without R: a task commits its number.
//!
//! The server is this program, started again with one test alone, [`serve`].

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use rustle_schedule::{Layout, Schedule};
use rustle_shared::{FrameHeader, FrameSink, MemoryFile, State};
use rustle_workers::child;
use rustle_workers::job::{Audience, Job};
use rustle_workers::limits::REDO_IN_LETTER;
use rustle_workers::memory::JobMemory;
use rustle_workers::order::{Order, Terms};
use rustle_workers::pool::{NoServer, Pool, RETIRED};
use rustle_workers::post::Post;
use rustle_workers::recovery::Unit;
use rustle_workers::seat::{Link, Seat};
use rustle_workers::server::{post_of, Call, Serving, VARIABLE};
use rustle_workers::standing::Standing;
use rustle_workers::supervisor::{Settings, Supervisor, Verdict};

/// Keeps other tests waiting: some look at all descriptors of this process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What tasks do besides.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
enum Deed {
    Nothing,
    /// Task 1 kills its worker when it runs for the first time.
    Die,
    /// Every task sleeps until it is interrupted, at most five seconds.
    Sleep,
    /// The same, and nothing interrupts it.
    SleepOn,
    /// Every task takes three milliseconds.
    Slow,
    /// A program is started that goes on when the task is over.
    Program,
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn interrupted(_: libc::c_int) {
    INTERRUPTED.store(true, Ordering::SeqCst);
}

#[test]
fn serve() {
    let Ok(word) = std::env::var(VARIABLE) else {
        return;
    };
    std::env::remove_var(VARIABLE);
    // SAFETY: the descriptors were inherited, and nothing here knows them; the handler only
    // sets a word, and workers inherit it.
    let post = unsafe {
        libc::signal(libc::SIGINT, interrupted as *const () as libc::sighandler_t);
        libc::alarm(60);
        post_of(&word)
    };
    let mut serving = Serving::new(post.unwrap());
    if serving.greet(b"hello").is_err() {
        child::leave(1);
    }
    let server = std::process::id() as i32;
    loop {
        // SAFETY: a copy isolates itself in `stand`, first of all.
        match unsafe { serving.next() } {
            Call::End => child::leave(0),
            Call::Worker(files) => stand(files, server),
        }
    }
}

fn stand(files: Vec<OwnedFd>, server: i32) -> ! {
    let mut files = files.into_iter();
    let (post, wake) = (files.next().unwrap(), files.next().unwrap());
    child::isolate_standing(server, &[post.as_raw_fd()]);
    let post = Post::received(post);
    let mut patience = Duration::from_secs(60);
    loop {
        // SAFETY: ends a worker that hangs.
        unsafe { libc::alarm(60) };
        if !post.is_readable(patience) {
            child::leave(RETIRED);
        }
        let Some(letter) = post.receive().unwrap() else {
            child::leave(0)
        };
        let order = Order::read(letter).unwrap();
        patience = order.patience;
        let what = order.parts[1][0].map_shared().unwrap();
        let (layout, deed) = read_job(what.bytes(0, 10));
        let memory = Rc::new(JobMemory::received(layout, false, 1, &order.memory).unwrap());
        let link = Link {
            wake: wake.as_raw_fd(),
            session: server,
        };
        let mut seat = Seat::take(Rc::clone(&memory), order.assignment, link, true);
        INTERRUPTED.store(false, Ordering::SeqCst);
        child::let_interrupts(true);
        seat.start();
        while let Some(task) = seat.next() {
            seat.begin(task);
            let first = memory.words(task as usize)[0].fetch_add(1, Ordering::SeqCst) == 0;
            act(deed, task, first);
            if seat.is_stopped() {
                break;
            }
            seat.end();
            seat.commit(State::Integer, u64::from(task));
        }
        child::let_interrupts(false);
        seat.finish();
    }
}

fn act(deed: Deed, task: u32, first: bool) {
    match deed {
        Deed::Nothing => {}
        Deed::Die if task == 1 && first => {
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        Deed::Die => {}
        Deed::Slow => std::thread::sleep(Duration::from_millis(3)),
        Deed::Sleep | Deed::SleepOn => {
            let until = Instant::now() + Duration::from_secs(5);
            let ends = || deed == Deed::Sleep && INTERRUPTED.load(Ordering::SeqCst);
            while Instant::now() < until && !ends() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Deed::Program => drop(Command::new("sleep").arg("50").spawn().unwrap()),
    }
}

fn write_job(tasks: u32, workers: u32, stealing: bool, deed: Deed) -> MemoryFile {
    let file = MemoryFile::new(10).unwrap();
    file.write_at(0, &tasks.to_ne_bytes()).unwrap();
    file.write_at(4, &workers.to_ne_bytes()).unwrap();
    file.write_at(8, &[u8::from(stealing), deed as u8]).unwrap();
    file
}

fn read_job(bytes: &[u8]) -> (Layout, Deed) {
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let all = [
        Deed::Nothing,
        Deed::Die,
        Deed::Sleep,
        Deed::SleepOn,
        Deed::Slow,
        Deed::Program,
    ];
    (
        layout(word(0), word(4), bytes[8] == 1),
        all[bytes[9] as usize],
    )
}

fn layout(tasks: u32, workers: u32, stealing: bool) -> Layout {
    let schedule = if stealing {
        Schedule::Stealing
    } else {
        Schedule::Static
    };
    Layout::new(schedule, tasks, NonZeroU32::new(workers).unwrap())
}

type Shared = Rc<RefCell<Pool>>;

fn pool(size: usize) -> Shared {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "serve", "--nocapture", "--test-threads=1"]);
    Rc::new(RefCell::new(Pool::new(command, size).unwrap()))
}

struct Deaf;

impl FrameSink for Deaf {
    fn skeleton(&mut self, _: FrameHeader, _: &[u8]) {}
    fn bulk(&mut self, _: FrameHeader, _: u64, _: &[u8]) {}
    fn whole(&mut self, _: FrameHeader) {}
}

impl Audience for Deaf {
    fn sink(&mut self, _seat: usize) -> impl FrameSink + '_ {
        Deaf
    }
    fn forget(&mut self, _seat: usize) {}
    fn discard(&mut self, _task: u32) {}
    fn time_out(&mut self, _task: u32) {}
    fn has_news(&self) -> bool {
        false
    }
}

/// What a job shall be like.
struct Plan {
    tasks: u32,
    workers: u32,
    stealing: bool,
    deed: Deed,
    retries: u32,
    patience: u64,
}

const PLAN: Plan = Plan {
    tasks: 40,
    workers: 3,
    stealing: true,
    deed: Deed::Nothing,
    retries: 0,
    patience: 60,
};

fn job(pool: &Shared, plan: &Plan) -> Job<Standing> {
    let layout = layout(plan.tasks, plan.workers, plan.stealing);
    let (memory, file) = JobMemory::in_file(layout, false, 1).unwrap();
    let memory = Rc::new(memory);
    let what = write_job(plan.tasks, plan.workers, plan.stealing, plan.deed);
    let terms = Terms {
        memory: Arc::new(file),
        parts: vec![Vec::new(), vec![Arc::new(what)]],
        patience: Duration::from_secs(plan.patience),
    };
    let crew = Standing::new(Rc::clone(pool), Rc::clone(&memory), terms);
    let settings = Settings {
        retries: plan.retries,
        timeout: None,
        unit: Unit::Task,
        eager: true,
    };
    let wake = Standing::wake(pool).unwrap();
    let mut job = Job::new(Supervisor::new(memory, settings, crew, wake), None, false);
    job.supervisor().launch();
    job
}

/// Waits until the job is over, and gives up after twenty seconds. `at_each` look.
fn attend(job: &mut Job<Standing>, mut at_each: impl FnMut()) -> Verdict {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < until, "the job hangs: {job:?}");
        match job.wait(&mut Deaf, Duration::from_millis(20)).0 {
            Verdict::Running => at_each(),
            verdict => return verdict,
        }
    }
}

fn run(pool: &Shared, plan: &Plan) -> Job<Standing> {
    let mut job = job(pool, plan);
    let verdict = attend(&mut job, || {});
    assert!(matches!(verdict, Verdict::Done), "{verdict:?}");
    job.close(Some(Signal::INT), Duration::from_millis(500));
    for (task, slot) in job.memory().slots().iter().enumerate() {
        assert_eq!((slot.state(), slot.bits()), (State::Integer, task as u64));
    }
    job
}

/// How often tasks were started.
fn starts(job: &Job<Standing>) -> Vec<u64> {
    let tasks = 0..job.memory().slots().len();
    let word = |task| job.memory().words(task)[0].load(Ordering::SeqCst);
    tasks.map(word).collect()
}

/// Numbers and process ids of the workers, by number.
fn members(pool: &Shared) -> Vec<(usize, i32)> {
    let pool = pool.borrow();
    let mut all: Vec<_> = pool.members().iter().map(|m| (m.number, m.pid)).collect();
    all.sort_unstable();
    all
}

/// Is the process there, and be it as a zombie?
fn exists(pid: i32) -> bool {
    // SAFETY: signal 0 is not sent.
    unsafe { libc::kill(pid, 0) == 0 }
}

fn soon(test: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while !test() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    test()
}

fn send(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

fn children(pid: i32) -> Vec<i32> {
    let list = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(list).unwrap_or_default();
    text.split_whitespace()
        .map(|p| p.parse().unwrap())
        .collect()
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
fn a_worker_that_was_lost_while_it_stood_by_is_nobodys_loss() {
    let _alone = alone();
    let pool = pool(3);
    run(&pool, &PLAN);
    for (_, pid) in members(&pool) {
        send(pid, Signal::KILL);
    }
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
    for (deed, same, least, most) in [
        (Deed::Sleep, true, 0, 400),
        (Deed::SleepOn, false, 400, 2000),
    ] {
        let mut job = job(&pool, &Plan { deed, ..PLAN });
        while job.progress().1 < 3 {
            assert!(matches!(
                job.wait(&mut Deaf, Duration::from_millis(5)).0,
                Verdict::Running
            ));
        }
        let begun = Instant::now();
        job.close(Some(Signal::INT), Duration::from_millis(500));
        let took = begun.elapsed().as_millis();
        assert!((least..most).contains(&took), "{deed:?}: {took} ms");
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

fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

fn state(pid: i32) -> Option<String> {
    stat(pid).map(|words| words[0].clone())
}

/// What the process has computed, in hundredths of a second.
fn ticks(pid: i32) -> u64 {
    stat(pid).unwrap()[11].parse().unwrap()
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
    match unsafe { rustle_workers::process::fork() }.unwrap() {
        rustle_workers::process::Fork::Child => {
            child::leave(i32::from(!pool.borrow().is_foreign()))
        }
        rustle_workers::process::Fork::Parent(copy) => {
            assert_eq!(copy.reap(), rustle_workers::process::Exit::Status(0));
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
    let patience = Duration::from_secs(5);
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
