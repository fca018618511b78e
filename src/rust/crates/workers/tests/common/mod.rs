//! Workers that stand by, and their server, without R: a task commits its number.
//!
//! The server is the test program, started again with one test alone, `serve`, which every
//! program of these tests has.

#![allow(dead_code, reason = "no test program uses all of this")]

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, OwnedFd};
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
use rustle_workers::memory::JobMemory;
use rustle_workers::order::{rouses, Order, Terms};
use rustle_workers::part::Part;
use rustle_workers::pool::{Pool, RETIRED};
use rustle_workers::post::Post;
use rustle_workers::recovery::Unit;
use rustle_workers::seat::{Link, Seat};
use rustle_workers::server::{post_of, Call, Serving, VARIABLE};
use rustle_workers::spans::Keep;
use rustle_workers::spans::Measured;
use rustle_workers::standing::Standing;
use rustle_workers::supervisor::{Settings, Supervisor, Verdict};

/// Keeps other tests waiting: some look at all descriptors of this process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What tasks do besides.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub(crate) enum Deed {
    Nothing,
    /// Task 1 kills its worker when it runs for the first time.
    Die,
    /// Every task sleeps until it is interrupted, at most a minute.
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

/// The life of a server; nothing in a process that no pool has started.
pub(crate) fn serve() {
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
    // SAFETY: a copy isolates itself in `stand`, first of all.
    match unsafe { serving.next() } {
        Call::End => child::leave(0),
        Call::Worker(files) => stand(files, server),
    }
}

fn stand(files: Vec<OwnedFd>, server: i32) -> ! {
    let mut files = files.into_iter();
    let (post, wake) = (files.next().unwrap(), files.next().unwrap());
    child::isolate_standing(server, &[post.as_raw_fd()]);
    let post = Post::received(post);
    let mut patience = Duration::from_secs(60);
    let mut kept = None;
    loop {
        // SAFETY: ends a worker that hangs.
        unsafe { libc::alarm(60) };
        if !post.is_readable(patience) {
            child::leave(RETIRED);
        }
        let Some(letter) = post.receive().unwrap() else {
            child::leave(0)
        };
        if rouses(&letter) {
            continue;
        }
        let order = Order::read(letter).unwrap();
        patience = order.patience;
        let what = order.parts[1].files()[0].map_shared().unwrap();
        let (layout, deed) = read_job(what.bytes(0, 10));
        let (file, id) = &order.memory;
        let memory = JobMemory::received(layout, Keep::Batches, 1, (file, *id), kept.take());
        let memory = Rc::new(memory.unwrap());
        kept = memory.to_keep(*id);
        let link = Link {
            wake: wake.as_raw_fd(),
            session: server,
        };
        let mut seat = Seat::take(
            Rc::clone(&memory),
            order.assignment,
            link,
            true,
            Measured {
                keep: Keep::Batches,
                memory: false,
            },
        );
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
            let until = Instant::now() + Duration::from_secs(60);
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

pub(crate) type Shared = Rc<RefCell<Pool>>;

pub(crate) fn pool(size: usize) -> Shared {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "serve", "--nocapture", "--test-threads=1"]);
    Rc::new(RefCell::new(Pool::new(command, size).unwrap()))
}

pub(crate) struct Deaf;

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
    fn time_out(&mut self, _task: u32, _calls: &str) {}
    fn has_news(&self) -> bool {
        false
    }
}

/// What a job shall be like.
pub(crate) struct Plan {
    pub(crate) tasks: u32,
    pub(crate) workers: u32,
    pub(crate) stealing: bool,
    pub(crate) deed: Deed,
    pub(crate) retries: u32,
    pub(crate) patience: u64,
}

pub(crate) const PLAN: Plan = Plan {
    tasks: 40,
    workers: 3,
    stealing: true,
    deed: Deed::Nothing,
    retries: 0,
    patience: 60,
};

pub(crate) fn job(pool: &Shared, plan: &Plan) -> Job<Standing> {
    let layout = layout(plan.tasks, plan.workers, plan.stealing);
    let kept = pool.borrow_mut().take_kept();
    let filed = JobMemory::in_file(layout, Keep::Batches, 1, kept).unwrap();
    let memory = Rc::new(filed.memory);
    let what = write_job(plan.tasks, plan.workers, plan.stealing, plan.deed);
    let terms = Terms {
        memory: (filed.file, filed.id),
        parts: vec![Part::Bytes(vec![1; 5]), Part::Files(vec![Arc::new(what)])],
        patience: Duration::from_secs(plan.patience),
    };
    let crew = Standing::new(Rc::clone(pool), Rc::clone(&memory), terms);
    let settings = Settings {
        retries: plan.retries,
        timeout: None,
        unit: Unit::Task,
        eager: true,
    };
    let wake = pool.borrow().wake().unwrap();
    let mut job = Job::new(Supervisor::new(memory, settings, crew, wake), None, false);
    job.supervisor().launch();
    job
}

/// Waits until the job is over, and gives up after two minutes: what hangs does so on a busy
/// machine too. `at_each` look.
pub(crate) fn attend(job: &mut Job<Standing>, mut at_each: impl FnMut()) -> Verdict {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < until, "the job hangs: {job:?}");
        match job.wait(&mut Deaf, Duration::from_millis(20)).0 {
            Verdict::Running => at_each(),
            verdict => return verdict,
        }
    }
}

pub(crate) fn run(pool: &Shared, plan: &Plan) -> Job<Standing> {
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
pub(crate) fn starts(job: &Job<Standing>) -> Vec<u64> {
    let tasks = 0..job.memory().slots().len();
    let word = |task| job.memory().words(task)[0].load(Ordering::SeqCst);
    tasks.map(word).collect()
}

/// Numbers and process ids of the workers, by number.
pub(crate) fn members(pool: &Shared) -> Vec<(usize, i32)> {
    let pool = pool.borrow();
    let mut all: Vec<_> = pool.members().iter().map(|m| (m.number, m.pid)).collect();
    all.sort_unstable();
    all
}

/// Is the process there, and be it as a zombie?
pub(crate) fn exists(pid: i32) -> bool {
    // SAFETY: signal 0 is not sent.
    unsafe { libc::kill(pid, 0) == 0 }
}

pub(crate) fn soon(test: impl Fn() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while !test() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    test()
}

pub(crate) fn send(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

pub(crate) fn children(pid: i32) -> Vec<i32> {
    let list = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(list).unwrap_or_default();
    text.split_whitespace()
        .map(|p| p.parse().unwrap())
        .collect()
}

fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

pub(crate) fn state(pid: i32) -> Option<String> {
    stat(pid).map(|words| words[0].clone())
}

/// What the process has computed, in hundredths of a second.
pub(crate) fn ticks(pid: i32) -> u64 {
    stat(pid).unwrap()[11].parse().unwrap()
}
