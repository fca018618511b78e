//! The loop that evaluates tasks, in a worker and in the session itself.
//!
//! A task is one evaluation of the job's call, `FUN(X[[i]], ...)`, in its frame,
//! exactly as `lapply()` does it: `i` bound anew for each task, the first arguments
//! forced. The loop's position lives in [`Context`], outside of the stack, so an
//! error of R may jump over the loop: an R-level `tryCatch()` around it hands the
//! condition to [`fail`] and enters the loop again. On the way without errors
//! nothing is paid for that.
//!
//! Encoding may run R code (a warning of `R_Serialize`, a finalizer that prints),
//! which comes back through [`signal`] and [`rustle_output`]. So values and
//! conditions have an encoder each, output a buffer, and no reference to the
//! context is held while anything is encoded or evaluated.

use std::ffi::{c_char, c_int};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use rustle_schedule::Grain;
use rustle_shared::{send, Backpressure, Content, State};
use rustle_workers::child;
use rustle_workers::clock::{coarse_ns, now_ns};
use rustle_workers::memory::{JobMemory, Phase, WorkerStatus};
use rustle_workers::supervisor::Order;

use crate::encode::Encoder;
use crate::ffi::{self, Sexp};
use crate::index::{symbol_i, Index};
use crate::seeds::{self, Seeds};
use crate::shape::{fit, inline, is_like, Kind, Shape};

/// Output of a task is sent when it exceeds this, and at the task's end.
const OUTPUT_BYTES: usize = 32 << 10;

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Duty {
    pub(crate) call: Sexp,
    pub(crate) rho: Sexp,
    /// How many arguments of the call are forced before it is made.
    pub(crate) forced: c_int,
    pub(crate) shape: Shape,
    /// A function that refuses values by an error, or `NULL`; see [`check`].
    pub(crate) check: Sexp,
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
    memory: Rc<JobMemory>,
    wake: c_int,
    parent: i32,
    /// This process; what a task forks inherits the context, but is not the worker.
    pid: u32,
    /// It has not prepared itself yet.
    fresh: bool,
    /// The symbol `i`.
    index: Sexp,
    redo: std::vec::IntoIter<u32>,
    positions: Range<u32>,
    claimed: u32,
    /// The first task since random numbers were looked for.
    unchecked: Option<u32>,
    claimed_at: u64,
    grain: Grain,
    task: u32,
    value: Encoder,
    condition: Encoder,
    /// A condition is being encoded: one that comes from within is dropped.
    signalling: bool,
    output: Vec<u8>,
}

static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(std::ptr::null_mut());

/// The context of this worker process; null in a session, and in processes that a
/// task has forked.
fn context() -> *mut Context {
    let context = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: set once after the fork to a leaked box; `pid` is never written.
    if context.is_null() || unsafe { (*context).pid } != std::process::id() {
        return std::ptr::null_mut();
    }
    context
}

struct Wait<'a> {
    memory: &'a JobMemory,
    status: &'a WorkerStatus,
    wake: c_int,
    parent: i32,
    /// When the wait began, and the task's clock then; 0 outside of a wait.
    began: u64,
    since: u64,
}

impl Backpressure for Wait<'_> {
    /// Waiting for room is not the task's time: its clock stands still.
    fn full(&mut self) -> bool {
        if self.began == 0 {
            self.began = now_ns();
            self.since = self.status.since.swap(0, Ordering::AcqRel);
        }
        wake_parent(self.memory, self.wake);
        let header = self.memory.header;
        header.abandoned.load(Ordering::Acquire) == 0 && !child::is_orphan(self.parent)
    }

    fn flowing(&mut self) {
        if self.since != 0 {
            let since = self.since + now_ns() - self.began;
            self.status.since.store(since, Ordering::Release);
        }
        (self.began, self.since) = (0, 0);
    }
}

fn wake_parent(memory: &JobMemory, wake: c_int) {
    if memory.header.asleep.swap(0, Ordering::SeqCst) == 1 {
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
    /// In a fresh child, on the main thread.
    pub(crate) unsafe fn install(
        duty: Duty,
        order: Order,
        memory: Rc<JobMemory>,
        wake: c_int,
        parent: i32,
    ) {
        let context = Box::new(Context {
            duty,
            seat: order.seat,
            memory,
            wake,
            parent,
            pid: std::process::id(),
            fresh: true,
            index: symbol_i(),
            redo: order.redo.into_iter(),
            positions: 0..0,
            claimed: 0,
            unchecked: None,
            claimed_at: 0,
            grain: Grain::new(),
            task: 0,
            value: Encoder::default(),
            condition: Encoder::default(),
            signalling: false,
            output: Vec::new(),
        });
        CONTEXT.store(Box::leak(context), Ordering::Relaxed);
    }

    fn status(&self) -> &WorkerStatus {
        &self.memory.status[self.seat]
    }

    /// The next task of this worker that has no result yet.
    fn next(&mut self) -> Option<u32> {
        loop {
            let task = match self.redo.next() {
                Some(task) => task,
                None => {
                    self.return_slow_claim();
                    match self.positions.next() {
                        Some(position) => self.memory.layout.task(position),
                        None => {
                            self.claim()?;
                            continue;
                        }
                    }
                }
            };
            let slot = &self.memory.slots[task as usize];
            if slot.state() != State::Empty {
                continue;
            }
            if u64::from(task) > self.memory.header.last_needed() {
                slot.commit(State::Skipped, 0, self.seat as u32);
                continue;
            }
            return Some(task);
        }
    }

    /// Gives the rest of a claim back that takes longer than it should, so that
    /// slow tasks behind quick ones can be stolen. Units are positions here.
    fn return_slow_claim(&mut self) {
        if !self.memory.layout.steals() || self.positions.is_empty() {
            return;
        }
        // Not before the kernel's clock has ticked since: reading ours for every task
        // would cost more than claiming does.
        if coarse_ns() < self.claimed_at {
            return;
        }
        let started = self.claimed - self.positions.len() as u32;
        let elapsed = Duration::from_nanos(now_ns() - self.claimed_at);
        let slow = started > 0 && Grain::is_long(elapsed);
        if slow
            && self
                .memory
                .table()
                .give_back(self.seat, self.positions.start)
        {
            self.claimed = started;
            self.positions = 0..0;
        }
    }

    fn claim(&mut self) -> Option<()> {
        self.check_seed();
        let table = self.memory.table();
        let now = now_ns();
        if self.claimed > 0 {
            self.grain
                .observe(self.claimed, Duration::from_nanos(now - self.claimed_at));
            table.release(self.seat);
        }
        let units = table.claim(self.seat, self.grain.size())?;
        self.claimed = units.len() as u32;
        self.claimed_at = now;
        self.positions = self.memory.layout.positions(units);
        Some(())
    }

    /// What comes before the evaluation, but for what R evaluates.
    fn begin(&mut self, task: u32) {
        (self.task, self.signalling) = (task, false);
        self.unchecked.get_or_insert(task);
        if let Some(cpus) = self
            .duty
            .affinity
            .as_ref()
            .and_then(|a| a.get(task as usize))
        {
            child::pin(cpus);
        }
        let status = self.status();
        status.running.store(u64::from(task) + 1, Ordering::Release);
        if self.duty.timed {
            status.since.store(now_ns(), Ordering::Release);
        }
        if let Some(span) = self.memory.spans.get(task as usize) {
            span.start.store(now_ns(), Ordering::Relaxed);
        }
    }

    fn ended(&mut self) {
        self.status().since.store(0, Ordering::Relaxed);
        if let Some(span) = self.memory.spans.get(self.task as usize) {
            span.end.store(now_ns(), Ordering::Relaxed);
        }
        self.flush_output();
    }

    /// Tells, once, that a task of the claim that is over drew random numbers; which
    /// of them is not known (looking after every task costs more than a quick one),
    /// so the first is named.
    fn check_seed(&mut self) {
        let Some(first) = self.unchecked.take() else {
            return;
        };
        if self.duty.check_rng && seeds::exists() {
            self.duty.check_rng = false;
            self.task = first;
            self.send(Content::Misuse, &[], std::iter::empty());
        }
    }

    fn commit(&self, state: State, bits: u64) {
        self.memory.slots[self.task as usize].commit(state, bits, self.seat as u32);
        let status = self.status();
        status.running.store(0, Ordering::Release);
        status
            .done
            .store(status.done.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Sends a frame of the task in flight. When nobody receives any more, this
    /// process ends.
    fn send<'a>(
        &self,
        content: Content,
        skeleton: &'a [u8],
        bulk: impl Iterator<Item = &'a [u8]> + Clone,
    ) {
        let (memory, wake) = (&*self.memory, self.wake);
        let ring = &memory.rings[self.seat];
        let status = self.status();
        let mut wait = Wait {
            memory,
            status,
            wake,
            parent: self.parent,
            began: 0,
            since: 0,
        };
        let sent = send(ring, self.task, content, skeleton, bulk, &mut wait, || {
            if ring.is_crowded() {
                wake_parent(memory, wake);
            }
        });
        if sent.is_err() {
            child::leave(1);
        }
    }

    fn flush_output(&mut self) {
        if !self.output.is_empty() {
            self.send(Content::Output, &self.output, std::iter::empty());
            self.output.clear();
        }
    }

    fn finish(&self) {
        self.status()
            .phase
            .store(Phase::Finished as u32, Ordering::SeqCst);
        wake_parent(&self.memory, self.wake);
    }
}

/// Stores what a task has come to: its value, or the error that ended it.
///
/// # Safety
///
/// `c` is this worker's context, to which no reference is held; `object` is
/// protected; main thread.
unsafe fn store(c: *mut Context, object: Sexp, content: Content, small: Option<(State, u64)>) {
    // SAFETY: by the caller's promise. While `encode` may run R code, only the
    // encoder of values is borrowed, and nothing that R calls touches it.
    unsafe {
        (*c).ended();
        let failed = content == Content::Error;
        if let Some((state, bits)) = small {
            return (*c).commit(state, bits);
        }
        (*c).value.encode(object);
        let encoder = &(*c).value;
        (*c).send(content, &encoder.skeleton, encoder.pieces());
        (*c).commit(if failed { State::Failed } else { State::Sent }, 0);
    }
}

/// State and bits of a value that its slot (or the words of its task) can hold.
///
/// # Safety
///
/// As [`store`].
unsafe fn in_slot(c: *const Context, value: Sexp) -> Option<(State, u64)> {
    // SAFETY: by the caller's promise.
    unsafe {
        let task = (*c).task as usize;
        match (*c).duty.shape {
            Shape::Template { kind, len } => {
                fit((kind, len), value, task == 0, (*c).memory.words(task))
            }
            _ => inline(value),
        }
    }
}

/// Calls `check(value, task)`, where R may jump out of.
///
/// # Safety
///
/// `check` is a live function and `value` is protected; main thread.
unsafe fn check(check: Sexp, value: Sexp, task: u32) {
    // SAFETY: by the caller's promise. A value that is code must not be evaluated.
    unsafe {
        let quote = ffi::Rf_install(c"quote".as_ptr());
        let quoted = ffi::Rf_protect(ffi::Rf_lcons(value, ffi::nil()));
        let quoted = ffi::Rf_protect(ffi::Rf_lcons(quote, quoted));
        let number = ffi::Rf_protect(ffi::Rf_ScalarReal(f64::from(task) + 1.0));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(number, ffi::nil()));
        let arguments = ffi::Rf_protect(ffi::Rf_lcons(quoted, arguments));
        let call = ffi::Rf_protect(ffi::Rf_lcons(check, arguments));
        ffi::Rf_eval(call, ffi::R_BaseEnv);
        ffi::Rf_unprotect(6);
    }
}

/// Runs tasks until nothing is left; R may jump out of it at any task.
pub(crate) unsafe extern "C-unwind" fn run() -> Sexp {
    let c = context();
    if c.is_null() {
        return ffi::nil();
    }
    // SAFETY: this worker's context; every reference to it ends within its
    // statement, so none is held while R evaluates. Call and frame are live in
    // every worker.
    unsafe {
        let before = (*c)
            .status()
            .phase
            .swap(Phase::Started as u32, Ordering::AcqRel);
        let (call, rho, inherited) = ((*c).duty.call, (*c).duty.rho, (*c).duty.inherited);
        let (forced, checker) = ((*c).duty.forced, (*c).duty.check);
        let templated = matches!((*c).duty.shape, Shape::Template { .. });
        let seeds = &raw mut (*c).duty.seeds;
        if before == Phase::Silent as u32 {
            (*seeds).enter_worker((*c).seat, inherited);
        }
        let mut index = Index::new((*c).index, rho);
        while let Some(task) = (*c).next() {
            (*c).begin(task);
            (*seeds).enter_task(task, inherited);
            index.bind(task);
            let value = ffi::Rf_protect(ffi::R_forceAndCall(call, forced, rho));
            let small = in_slot(c, value);
            // What fits the template of numbers has been looked at.
            if checker != ffi::nil() && !(templated && small.is_some()) {
                check(checker, value, task);
            }
            store(c, value, Content::Value, small);
            ffi::Rf_unprotect(1);
        }
        ffi::Rf_unprotect(1);
        (*c).finish();
    }
    ffi::nil()
}

/// Has this process just become a worker? True once.
pub(crate) fn is_fresh() -> bool {
    // SAFETY: null or this worker's context; nobody else refers to it now.
    let context = unsafe { context().as_mut() };
    context.is_some_and(|c| std::mem::take(&mut c.fresh))
}

/// Has this worker done all that there was to do?
pub(crate) fn has_finished() -> bool {
    // SAFETY: null or this worker's context.
    let context = unsafe { context().as_ref() };
    context.is_some_and(|c| c.status().phase.load(Ordering::Acquire) == Phase::Finished as u32)
}

/// The task in flight has failed with `condition`.
pub(crate) unsafe extern "C-unwind" fn fail(condition: Sexp) -> Sexp {
    let c = context();
    if c.is_null() {
        return ffi::nil();
    }
    // SAFETY: an argument of .Call is protected; no reference is held.
    unsafe {
        if (*c).status().running.load(Ordering::Relaxed) == 0 {
            // Not a task's: this worker could not prepare itself.
            child::leave(crate::worker::EXIT_ABANDONED);
        }
        store(c, condition, Content::Error, None);
        if (*c).duty.stop_on_error {
            let memory = &*(*c).memory;
            memory.header.cut_after(u64::from((*c).task));
            wake_parent(memory, (*c).wake);
        }
    }
    ffi::nil()
}

/// The task in flight has signalled `condition`.
pub(crate) unsafe extern "C-unwind" fn signal(condition: Sexp) -> Sexp {
    let c = context();
    // SAFETY: null, or this worker's context; an argument of .Call is protected;
    // while `encode` may run R code, only the encoder of conditions is borrowed,
    // and `signalling` keeps everybody else from it.
    unsafe {
        if c.is_null() || (*c).signalling {
            return ffi::nil();
        }
        (*c).flush_output();
        (*c).signalling = true;
        (*c).condition.encode(condition);
        let encoder = &(*c).condition;
        (*c).send(Content::Condition, &encoder.skeleton, encoder.pieces());
        (*c).signalling = false;
    }
    ffi::nil()
}

/// The task in flight, from 1; 0 in a process that is no worker.
pub(crate) unsafe extern "C-unwind" fn task() -> Sexp {
    // SAFETY: null or this worker's context; main thread.
    unsafe {
        let task = context().as_ref().map_or(0.0, |c| f64::from(c.task) + 1.0);
        ffi::Rf_ScalarReal(task)
    }
}

/// Takes what a task writes to standard output; called by connection.c. What the
/// task forks writes to the standard output that it inherited.
#[no_mangle]
unsafe extern "C" fn rustle_output(bytes: *const c_char, len: usize) {
    let c = context();
    // SAFETY: the connection passes `len` readable bytes; null or this worker's
    // context, to which nobody holds a reference while R code runs.
    unsafe {
        if c.is_null() {
            libc::write(1, bytes.cast(), len);
            return;
        }
        (*c).output
            .extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), len));
        if (*c).output.len() > OUTPUT_BYTES {
            (*c).flush_output();
        }
    }
}

/// Evaluates tasks `order` (or all, in order) in this process into `values`; `checker`
/// (or `NULL`) looks at those that are not like the template.
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
    forced: c_int,
    (checker, template): (Sexp, Option<(Kind, usize)>),
) {
    // SAFETY: by the caller's promise; every task number is below the length of
    // `values`.
    unsafe {
        let tasks = ffi::Rf_xlength(values) as u32;
        let mut index = Index::new(symbol_i(), rho);
        for position in 0..tasks {
            let task = order.map_or(position, |o| o[position as usize] as u32 - 1);
            (*seeds).enter_task(task, ffi::nil());
            index.bind(task);
            let value = ffi::R_forceAndCall(call, forced, rho);
            ffi::SET_VECTOR_ELT(values, task as isize, value);
            if checker != ffi::nil() && !template.is_some_and(|t| is_like(t, value)) {
                check(checker, value, task);
            }
        }
        ffi::Rf_unprotect(1);
    }
}
