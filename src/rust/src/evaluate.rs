//! The loop that evaluates tasks, in a worker and in the session itself.
//!
//! A task is one evaluation of the job's call, `FUN(X[[i]], ...)`, in its frame,
//! exactly as `lapply()` does it: one index cell that is rewritten, the first
//! argument forced. The loop's position lives in [`Context`], outside of the
//! stack, so an error of R may jump over the loop: an R-level `tryCatch()`
//! around it hands the condition to [`fail`] and enters the loop again. On the
//! way without errors nothing is paid for that.

use std::ffi::{c_char, c_int};
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use rustle_schedule::Grain;
use rustle_shared::{send, Backpressure, Content, State};
use rustle_workers::child;
use rustle_workers::clock::now_ns;
use rustle_workers::memory::{Phase, WorkerStatus};
use rustle_workers::supervisor::Supervisor;

use crate::encode::Encoder;
use crate::ffi::{self, Sexp};
use crate::seeds::{self, Seeds};

/// Output of a task is sent when it exceeds this, and at the task's end.
const OUTPUT_BYTES: usize = 32 << 10;

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    pub(crate) call: Sexp,
    pub(crate) rho: Sexp,
    pub(crate) seeds: Seeds,
    /// The parent's random state, or `NULL`.
    pub(crate) inherited: Sexp,
    /// Report tasks that draw random numbers without a stream.
    pub(crate) check_rng: bool,
    /// The first error makes all later tasks unnecessary.
    pub(crate) stop_on_error: bool,
    /// Keep the start of each task, for its timeout.
    pub(crate) timed: bool,
    /// CPUs of each task, from 0.
    pub(crate) affinity: Option<Vec<Vec<usize>>>,
}

/// A worker's place in its job.
pub(crate) struct Context {
    duty: Duty,
    seat: usize,
    job: *const Supervisor,
    wake: c_int,
    parent: i32,
    index: *mut Index,
    redo: std::vec::IntoIter<u32>,
    positions: Range<u32>,
    claimed: u32,
    claimed_at: u64,
    grain: Grain,
    task: u32,
    encoder: Encoder,
    output: Vec<u8>,
}

/// The cell of the variable `i`.
enum Index {
    Integer(*mut c_int),
    Double(*mut f64),
}

static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(std::ptr::null_mut());

/// The context of this worker process; `None` in a session.
fn context() -> Option<&'static mut Context> {
    // SAFETY: set once after the fork to a leaked box; R's main thread is the
    // only one that gets here, and no caller holds two references across a call
    // into R that comes back here: `run` holds none while it evaluates.
    unsafe { CONTEXT.load(Ordering::Relaxed).as_mut() }
}

/// Binds `i` in the frame of the call to a fresh cell.
///
/// # Safety
///
/// `rho` is a live environment, which keeps the cell; main thread.
unsafe fn bind_index(rho: Sexp, tasks: u32) -> Index {
    // SAFETY: by the caller's promise.
    unsafe {
        let name = ffi::Rf_install(c"i".as_ptr());
        let wide = tasks > i32::MAX as u32;
        let kind = if wide { ffi::REALSXP } else { ffi::INTSXP };
        let cell = ffi::Rf_protect(ffi::Rf_allocVector(kind as u32, 1));
        ffi::Rf_defineVar(name, cell, rho);
        ffi::Rf_unprotect(1);
        if wide {
            Index::Double(ffi::REAL(cell))
        } else {
            Index::Integer(ffi::INTEGER(cell))
        }
    }
}

impl Index {
    fn set(&self, task: u32) {
        // SAFETY: the frame keeps the cell alive while its tasks run.
        unsafe {
            match self {
                Index::Integer(p) => p.write(task as c_int + 1),
                Index::Double(p) => p.write(f64::from(task) + 1.0),
            }
        }
    }
}

struct Wait<'a> {
    job: &'a Supervisor,
    status: &'a WorkerStatus,
    wake: c_int,
    parent: i32,
    began: u64,
}

impl Backpressure for Wait<'_> {
    fn full(&mut self) -> bool {
        if self.began == 0 {
            self.began = now_ns();
        }
        wake_parent(self.job, self.wake);
        !child::is_orphan(self.parent)
    }

    /// Waiting for room is not the task's time.
    fn flowing(&mut self) {
        let since = self.status.since.load(Ordering::Relaxed);
        if self.began != 0 && since != 0 {
            self.status
                .since
                .store(since + now_ns() - self.began, Ordering::Relaxed);
        }
        self.began = 0;
    }
}

fn wake_parent(job: &Supervisor, wake: c_int) {
    if job.memory.header.asleep.swap(0, Ordering::SeqCst) == 1 {
        // SAFETY: one byte to a pipe of ours; when the pipe is full the parent
        // has enough to wake up for.
        unsafe { libc::write(wake, [1u8].as_ptr().cast(), 1) };
    }
}

impl Context {
    /// Prepares this process for its tasks.
    ///
    /// # Safety
    ///
    /// In a fresh child, on the main thread; `job` outlives the process.
    pub(crate) unsafe fn install(
        duty: Duty,
        seat: usize,
        job: *const Supervisor,
        redo: Vec<u32>,
        wake: c_int,
        parent: i32,
    ) {
        // SAFETY: by the caller's promise.
        let tasks = unsafe { (*job).layout.tasks() };
        // SAFETY: the frame of the call is alive in every worker.
        let index = unsafe { bind_index(duty.rho, tasks) };
        let context = Box::new(Context {
            duty,
            seat,
            job,
            wake,
            parent,
            index: Box::leak(Box::new(index)),
            redo: redo.into_iter(),
            positions: 0..0,
            claimed: 0,
            claimed_at: 0,
            grain: Grain::new(),
            task: 0,
            encoder: Encoder::default(),
            output: Vec::new(),
        });
        CONTEXT.store(Box::leak(context), Ordering::Relaxed);
    }

    fn job(&self) -> &'static Supervisor {
        // SAFETY: see `install`.
        unsafe { &*self.job }
    }

    fn status(&self) -> &'static WorkerStatus {
        &self.job().memory.status[self.seat]
    }

    /// The next task of this worker that has no result yet.
    fn next(&mut self) -> Option<u32> {
        loop {
            let task = match self.redo.next() {
                Some(task) => task,
                None => {
                    self.return_slow_claim();
                    match self.positions.next() {
                        Some(position) => self.job().layout.task(position),
                        None => {
                            self.claim()?;
                            continue;
                        }
                    }
                }
            };
            let slot = &self.job().memory.slots[task as usize];
            if slot.state() != State::Empty {
                continue;
            }
            if u64::from(task) > self.job().memory.header.last_needed() {
                slot.commit(State::Skipped, 0, self.seat as u32);
                continue;
            }
            return Some(task);
        }
    }

    /// Gives the rest of a claim back that takes longer than it should, so that
    /// slow tasks behind quick ones can be stolen. Units are positions here.
    fn return_slow_claim(&mut self) {
        let job = self.job();
        let started = self.claimed - self.positions.len() as u32;
        if !job.layout.steals() || self.positions.is_empty() || started == 0 {
            return;
        }
        let elapsed = Duration::from_nanos(now_ns() - self.claimed_at);
        let table = job.memory.table(&job.layout);
        if Grain::is_long(elapsed) && table.give_back(self.seat, self.positions.start) {
            self.claimed = started;
            self.positions = 0..0;
        }
    }

    fn claim(&mut self) -> Option<()> {
        let job = self.job();
        let table = job.memory.table(&job.layout);
        let now = now_ns();
        if self.claimed > 0 {
            self.grain
                .observe(self.claimed, Duration::from_nanos(now - self.claimed_at));
            table.release(self.seat);
        }
        let units = table.claim(self.seat, self.grain.size())?;
        self.claimed = units.len() as u32;
        self.claimed_at = now;
        self.positions = job.layout.positions(units);
        Some(())
    }

    fn begin(&mut self, task: u32) {
        self.task = task;
        let status = self.status();
        status.running.store(u64::from(task) + 1, Ordering::Release);
        self.duty.seeds.enter_task(task, self.duty.inherited);
        if let Some(cpus) = self
            .duty
            .affinity
            .as_ref()
            .and_then(|a| a.get(task as usize))
        {
            child::pin(cpus);
        }
        // SAFETY: leaked in `install`.
        unsafe { (*self.index).set(task) };
        if self.duty.timed {
            status.since.store(now_ns(), Ordering::Release);
        }
        if let Some(span) = self.job().memory.spans.get(task as usize) {
            span.start.store(now_ns(), Ordering::Relaxed);
        }
    }

    fn ended(&mut self) {
        self.status().since.store(0, Ordering::Relaxed);
        if let Some(span) = self.job().memory.spans.get(self.task as usize) {
            span.end.store(now_ns(), Ordering::Relaxed);
        }
        self.flush_output();
        if self.duty.check_rng && seeds::exists() {
            self.duty.check_rng = false;
            self.encoder.skeleton.clear();
            self.encoder.bulk.clear();
            self.send(Content::Misuse);
        }
    }

    fn commit(&mut self, state: State, bits: u64) {
        let job = self.job();
        job.memory.slots[self.task as usize].commit(state, bits, self.seat as u32);
        let status = self.status();
        status.running.store(0, Ordering::Release);
        status
            .done
            .store(status.done.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Sends what the encoder holds. A parent that is gone ends this process.
    fn send(&mut self, content: Content) {
        let (job, wake) = (self.job(), self.wake);
        let ring = &job.memory.rings[self.seat];
        let mut wait = Wait {
            job,
            status: self.status(),
            wake,
            parent: self.parent,
            began: 0,
        };
        let sent = send(
            ring,
            self.task,
            content,
            &self.encoder.skeleton,
            self.encoder.pieces(),
            &mut wait,
            || {
                if ring.is_crowded() {
                    wake_parent(job, wake);
                }
            },
        );
        if sent.is_err() {
            child::leave(1);
        }
    }

    fn flush_output(&mut self) {
        if !self.output.is_empty() {
            self.encoder.bulk.clear();
            std::mem::swap(&mut self.encoder.skeleton, &mut self.output);
            self.output.clear();
            self.send(Content::Output);
        }
    }

    /// # Safety
    ///
    /// `value` is protected; main thread.
    unsafe fn store(&mut self, value: Sexp) {
        self.ended();
        // SAFETY: by the caller's promise.
        unsafe {
            let kind = ffi::TYPEOF(value);
            if kind == ffi::NILSXP {
                return self.commit(State::Null, 0);
            }
            let scalar = matches!(kind, ffi::REALSXP | ffi::INTSXP | ffi::LGLSXP)
                && ffi::Rf_xlength(value) == 1
                && !ffi::has_attributes(value);
            if scalar {
                return match kind {
                    ffi::REALSXP => self.commit(State::Double, (*ffi::REAL_RO(value)).to_bits()),
                    ffi::INTSXP => {
                        self.commit(State::Integer, *ffi::INTEGER_RO(value) as u32 as u64)
                    }
                    _ => self.commit(State::Logical, *ffi::LOGICAL_RO(value) as u32 as u64),
                };
            }
            self.encoder.encode(value);
        }
        self.send(Content::Value);
        self.commit(State::Sent, 0);
    }

    fn finish(&mut self) {
        self.status()
            .phase
            .store(Phase::Finished as u32, Ordering::Release);
        wake_parent(self.job(), self.wake);
    }
}

/// Runs tasks until nothing is left; R may jump out of it at any task.
pub(crate) unsafe extern "C-unwind" fn run() -> Sexp {
    let Some(c) = context() else {
        return ffi::nil();
    };
    if c.status()
        .phase
        .swap(Phase::Started as u32, Ordering::AcqRel)
        == Phase::Silent as u32
    {
        c.duty.seeds.enter_worker(c.seat, c.duty.inherited);
    }
    let (call, rho) = (c.duty.call, c.duty.rho);
    while let Some(task) = context().and_then(Context::next) {
        if let Some(c) = context() {
            c.begin(task);
        }
        // SAFETY: call and frame are live in every worker; no reference to the
        // context is held across the evaluation.
        unsafe {
            let value = ffi::Rf_protect(ffi::R_forceAndCall(call, 1, rho));
            if let Some(c) = context() {
                c.store(value);
            }
            ffi::Rf_unprotect(1);
        }
    }
    if let Some(c) = context() {
        c.finish();
    }
    ffi::nil()
}

/// Has this worker done all that there was to do?
pub(crate) fn has_finished() -> bool {
    context().is_some_and(|c| c.status().phase.load(Ordering::Acquire) == Phase::Finished as u32)
}

/// The task in flight has failed with `condition`.
pub(crate) unsafe extern "C-unwind" fn fail(condition: Sexp) -> Sexp {
    if let Some(c) = context() {
        c.ended();
        // SAFETY: an argument of .Call is protected.
        unsafe { c.encoder.encode(condition) };
        c.send(Content::Error);
        c.commit(State::Failed, 0);
        if c.duty.stop_on_error {
            c.job().memory.header.cut_after(u64::from(c.task));
            wake_parent(c.job(), c.wake);
        }
    }
    ffi::nil()
}

/// The task in flight has signalled `condition`.
pub(crate) unsafe extern "C-unwind" fn signal(condition: Sexp) -> Sexp {
    if let Some(c) = context() {
        c.flush_output();
        // SAFETY: an argument of .Call is protected.
        unsafe { c.encoder.encode(condition) };
        c.send(Content::Condition);
    }
    ffi::nil()
}

/// Takes what a task writes to standard output; called by connection.c.
#[no_mangle]
unsafe extern "C" fn rustle_output(bytes: *const c_char, len: usize) {
    if let Some(c) = context() {
        // SAFETY: the connection passes `len` readable bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) };
        c.output.extend_from_slice(bytes);
        if c.output.len() > OUTPUT_BYTES {
            c.flush_output();
        }
    }
}

/// Evaluates tasks `order` (or all, in order) in this process into `values`.
///
/// # Safety
///
/// All arguments are protected; main thread. R may jump out at any task.
pub(crate) unsafe fn run_here(
    call: Sexp,
    rho: Sexp,
    values: Sexp,
    order: Option<&[c_int]>,
    seeds: *mut Seeds,
) {
    // SAFETY: by the caller's promise; the index cell is bound in `rho`, and
    // every task number is below the length of `values`.
    unsafe {
        let tasks = ffi::Rf_xlength(values) as u32;
        let index = bind_index(rho, tasks);
        for position in 0..tasks {
            let task = order.map_or(position, |o| o[position as usize] as u32 - 1);
            (*seeds).enter_task(task, ffi::nil());
            index.set(task);
            let value = ffi::R_forceAndCall(call, 1, rho);
            ffi::SET_VECTOR_ELT(values, task as isize, value);
        }
    }
}
