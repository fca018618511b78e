//! The loop that evaluates tasks in a worker.
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

use std::ffi::c_char;
use std::fs::File;
use std::io::Write;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use rustle_shared::{Content, State};
use rustle_workers::memory::JobMemory;
use rustle_workers::seat::Seat;
use rustle_workers::{child, heap};

use super::encode::Encoder;
use super::exits;
use super::rules::{Code, Rules};
use super::tell;
use crate::ffi::{self, Sexp};
use crate::here::check;
use crate::index::{symbol_i, Index};
use crate::seeds::{self, Seeds};
use crate::shape::{fit, inline, Shape};

/// Output of a task is sent when it exceeds this, and at the task's end.
const OUTPUT_BYTES: usize = 32 << 10;

/// By which a worker talks to the session: what a task writes is gathered, and sent
/// before anything else of the task.
struct Voice {
    seat: Seat,
    output: Vec<u8>,
    /// This worker outlives the job.
    stays: bool,
    /// Where output is written too, and what R code says of tasks.
    log: Option<File>,
}

impl Voice {
    /// Sends a frame. When nobody receives any more, this process ends.
    fn send<'a>(
        &self,
        task: u32,
        content: Content,
        skeleton: &'a [u8],
        bulk: impl Iterator<Item = &'a [u8]> + Clone,
    ) {
        let sent = self.seat.send(task, content, skeleton, bulk);
        // A job that was stopped ends at the next look for a task.
        if sent.is_err() && !(self.stays && self.seat.is_stopped()) {
            child::leave(1);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.seat.board().print(bytes);
        self.note(bytes);
        self.output.extend_from_slice(bytes);
        if self.output.len() > OUTPUT_BYTES {
            self.flush();
        }
    }

    /// Writes into the log at once, so that it can be read while the worker runs. What cannot be
    /// written is left out: the task must go on.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            let _ = log.write_all(bytes);
        }
    }

    fn flush(&mut self) {
        if !self.output.is_empty() {
            let task = self.seat.task();
            self.send(task, Content::Output, &self.output, std::iter::empty());
            self.output.clear();
        }
    }
}

/// A worker at work. While R evaluates, allocates or serializes, R may come back through
/// [`signal`], [`task`] and [`rustle_output`]: these use `voice`, `condition` and
/// `signalling`, field by field, and whoever lets R run holds no reference to these.
pub(crate) struct Context {
    voice: Voice,
    rules: Rules,
    code: Code,
    seeds: Seeds,
    /// This process; what a task forks inherits the context, but is not the worker.
    pid: u32,
    /// It has not prepared itself yet.
    fresh: bool,
    /// The symbol `i`.
    index: Sexp,
    /// The first task since random numbers were looked for, and the claims made then.
    unchecked: Option<u32>,
    checked: u64,
    value: Encoder,
    condition: Encoder,
    /// A condition is being encoded: one that comes from within is dropped.
    signalling: bool,
}

static CONTEXT: AtomicPtr<Context> = AtomicPtr::new(std::ptr::null_mut());

/// The context of this worker process; null in a session, and in a process that a task has
/// forked.
fn context() -> *mut Context {
    let context = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: set once after the fork to a leaked box; `pid` is never written.
    if context.is_null() || unsafe { (*context).pid } != std::process::id() {
        return std::ptr::null_mut();
    }
    context
}

impl Context {
    /// Makes this process the worker in `seat`; with `stays` it outlives the job.
    pub(crate) fn install(seat: Seat, rules: Rules, code: Code, stays: bool) {
        let seeds = Seeds {
            streams: rules.streams.clone(),
            inherited: code.inherited,
            list: code.seeds,
        };
        let output = Vec::new();
        let context = Box::new(Context {
            voice: Voice {
                seat,
                output,
                stays,
                log: None,
            },
            rules,
            code,
            seeds,
            pid: std::process::id(),
            fresh: true,
            index: symbol_i(),
            unchecked: None,
            checked: 0,
            value: Encoder::default(),
            condition: Encoder::default(),
            signalling: false,
        });
        CONTEXT.store(Box::leak(context), Ordering::Relaxed);
        tell::listen();
    }

    /// The job is over: this worker stands by again. Not while R code of the job runs. Returns
    /// the memory of the job.
    pub(crate) fn dispose() -> Option<Rc<JobMemory>> {
        let c = context();
        if c.is_null() {
            return None;
        }
        CONTEXT.store(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: leaked by `install`, and nobody has a reference: no R code of the job runs
        // any more.
        let context = unsafe { Box::from_raw(c) };
        Some(context.voice.seat.shared())
    }

    /// The next task of this worker.
    fn next(&mut self) -> Option<u32> {
        let seat = &mut self.voice.seat;
        let task = seat.next();
        // Once per claim: looking after every task costs more than a quick one.
        if task.is_none() || seat.claims() != self.checked {
            self.checked = seat.claims();
            self.check_seed();
        }
        task
    }

    /// Prepares a task: everything before the evaluation that runs no R code.
    fn begin(&mut self, task: u32) {
        heap::look();
        self.signalling = false;
        self.unchecked.get_or_insert(task);
        let cpus = self.rules.affinity.as_ref();
        if let Some(cpus) = cpus.and_then(|of_tasks| of_tasks.get(task as usize)) {
            child::pin(cpus);
        }
        self.voice.seat.begin(task);
    }

    /// A task whose time was over has none, even if it has caught the interrupt that told it
    /// so: another worker takes this one's place.
    fn leave_if_called_off(&self) {
        let seat = &self.voice.seat;
        if self.voice.stays && seat.is_called_off() && !seat.is_stopped() {
            child::leave(exits::INTERRUPTED);
        }
    }

    fn end(&mut self) {
        self.voice.seat.end();
        self.voice.flush();
    }

    /// Tells, once, that a task since the last look has drawn random numbers; which one
    /// is not known, so the first is named.
    fn check_seed(&mut self) {
        let Some(first) = self.unchecked.take() else {
            return;
        };
        if self.rules.check_rng && seeds::exists() {
            self.rules.check_rng = false;
            let voice = &self.voice;
            voice.send(first, Content::Misuse, &[], std::iter::empty());
        }
    }
}

/// Stores what a task has come to: its value, or the error that ended it.
///
/// # Safety
///
/// `c` is this worker's context, to which no reference is held; `object` is
/// protected; main thread.
unsafe fn store(c: *mut Context, object: Sexp, content: Content, small: Option<(State, u64)>) {
    // SAFETY: by the caller's promise. While `encode` may run R code, only the encoder of
    // values is borrowed, which nothing that R may come back through uses.
    unsafe {
        (*c).leave_if_called_off();
        (*c).end();
        let failed = content == Content::Error;
        if let Some((state, bits)) = small {
            return (*c).voice.seat.commit(state, bits);
        }
        (*c).value.encode(object);
        let (encoder, voice) = (&(*c).value, &(*c).voice);
        voice.send(
            voice.seat.task(),
            content,
            &encoder.skeleton,
            encoder.pieces(),
        );
        let state = if failed { State::Failed } else { State::Sent };
        (*c).voice.seat.commit(state, 0);
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
        let task = (*c).voice.seat.task() as usize;
        match (*c).rules.shape {
            Shape::Template { kind, len } => {
                // Looking at a compact vector may allocate, hence run R code: no
                // reference to the voice is held. The words live as long as the worker.
                let words: *const [_] = (*c).voice.seat.memory().words(task);
                fit((kind, len), value, task == 0, &*words)
            }
            _ => inline(value),
        }
    }
}

/// Runs tasks until nothing is left; R may jump out of it at any task.
pub(crate) unsafe extern "C-unwind" fn run() -> Sexp {
    let c = context();
    if c.is_null() {
        return ffi::nil();
    }
    // SAFETY: this worker's context. Every reference to it ends within its statement; one
    // to `seeds` alone is held while R allocates what a task draws from. Call and frame
    // are live in every worker.
    unsafe {
        let (call, frame, checker) = ((*c).code.call, (*c).code.frame, (*c).code.check);
        let forced = (*c).rules.forced;
        let templated = matches!((*c).rules.shape, Shape::Template { .. });
        let seeds = &raw mut (*c).seeds;
        if (*c).voice.seat.start() {
            (*seeds).enter_worker((*c).voice.seat.number());
        }
        let mut index = Index::new((*c).index, frame);
        while let Some(task) = (*c).next() {
            (*c).begin(task);
            (*seeds).enter_task(task);
            index.bind(task);
            let value = ffi::Rf_protect(ffi::R_forceAndCall(call, forced, frame));
            let small = in_slot(c, value);
            // What fits the template of numbers has been looked at.
            if checker != ffi::nil() && !(templated && small.is_some()) {
                check(checker, value, task);
            }
            store(c, value, Content::Value, small);
            ffi::Rf_unprotect(1);
        }
        ffi::Rf_unprotect(1);
        (*c).voice.seat.finish();
    }
    ffi::nil()
}

/// What the session has asked this worker and what has no answer yet. Costs two reads where
/// there is nothing.
pub(super) fn question() -> Option<u32> {
    let c = CONTEXT.load(Ordering::Relaxed);
    // SAFETY: null or a leaked box, which a process that a task has forked has too; of it only
    // words of shared memory are read.
    let question = unsafe { c.as_ref() }.and_then(|c| c.voice.seat.board().question());
    question.filter(|_| is_enlisted())
}

/// Answers the session.
pub(super) fn answer(question: u32, calls: &str) {
    let c = context();
    if !c.is_null() {
        // SAFETY: this worker's context; words of shared memory are written.
        unsafe { (*c).voice.seat.answer(question, calls) };
    }
}

/// Has this process just become a worker? True once.
pub(crate) fn is_fresh() -> bool {
    let c = context();
    // SAFETY: null or this worker's context, of which one field is read and written.
    !c.is_null() && unsafe { std::mem::take(&mut (*c).fresh) }
}

/// Has this worker taken a seat?
pub(crate) fn is_enlisted() -> bool {
    !context().is_null()
}

/// Has this worker done all that there was to do?
pub(crate) fn has_finished() -> bool {
    let c = context();
    // SAFETY: null or this worker's context; called where no R code runs.
    !c.is_null() && unsafe { (*c).voice.seat.is_finished() }
}

/// Has the session sent this worker an interrupt?
pub(crate) fn was_interrupted() -> bool {
    let c = context();
    // SAFETY: null or this worker's context; called where no R code runs.
    !c.is_null() && unsafe { (*c).voice.seat.is_stopped() || (*c).voice.seat.was_called_off() }
}

/// The task in flight has failed with `condition`.
pub(crate) unsafe extern "C-unwind" fn fail(condition: Sexp) -> Sexp {
    let c = context();
    if c.is_null() {
        return ffi::nil();
    }
    // SAFETY: an argument of .Call is protected; this worker's context, to which no
    // reference is held.
    unsafe {
        if !(*c).voice.seat.is_running() {
            // The error came from no task: this worker could not prepare itself.
            if !(*c).voice.stays {
                child::leave(exits::ABANDONED);
            }
            // It is told as the error of the next task: retries would not help.
            match (*c).next() {
                Some(task) => (*c).begin(task),
                None => {
                    (*c).voice.seat.finish();
                    return ffi::nil();
                }
            }
        }
        store(c, condition, Content::Error, None);
        if (*c).rules.stop_on_error {
            (*c).voice.seat.cut();
        }
    }
    ffi::nil()
}

/// Does the session want the task in flight to end? `NA`: it wanted the end of one before. Who
/// has not told yet which calls it is in does so now.
pub(crate) unsafe extern "C-unwind" fn called_off() -> Sexp {
    tell::look();
    let c = context();
    // SAFETY: null or this worker's context; a logical is allocated on R's main thread.
    unsafe {
        let off = if c.is_null() {
            0
        } else {
            let seat = &(*c).voice.seat;
            match seat.is_stopped() || seat.is_called_off() {
                true => 1,
                false if seat.takes_late_call() => ffi::NA_LOGICAL,
                false => 0,
            }
        };
        ffi::Rf_ScalarLogical(off)
    }
}

/// The task in flight has ended, as the session wanted. If the job was stopped, it is over.
/// Otherwise the time of the task was: the worker leaves, and another one takes its seat.
pub(crate) unsafe extern "C-unwind" fn break_off() -> Sexp {
    let c = context();
    // SAFETY: null or this worker's context, to which no reference is held.
    unsafe {
        if !c.is_null() {
            if !(*c).voice.seat.is_stopped() {
                child::leave(exits::INTERRUPTED);
            }
            (*c).voice.seat.finish();
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
        (*c).voice.flush();
        (*c).signalling = true;
        (*c).condition.encode(condition);
        let (voice, encoder) = (&(*c).voice, &(*c).condition);
        let (task, skeleton) = (voice.seat.task(), &encoder.skeleton);
        voice.send(task, Content::Condition, skeleton, encoder.pieces());
        (*c).signalling = false;
    }
    ffi::nil()
}

/// Opens the log of this worker, `""`: none. `FALSE` where it cannot be opened.
pub(super) fn open_log(path: &str) -> bool {
    let c = context();
    if c.is_null() || path.is_empty() {
        return false;
    }
    let opened = File::options().append(true).create(true).open(path);
    // SAFETY: this worker's context, to which no reference is held.
    unsafe { (*c).voice.log = opened.ok() };
    // SAFETY: as above.
    unsafe { (*c).voice.log.is_some() }
}

/// Writes a line into the log of this worker.
pub(super) fn log(line: &str) {
    let c = context();
    if !c.is_null() {
        // SAFETY: this worker's context, to whose voice nobody holds a reference while R code
        // runs.
        unsafe { (*c).voice.note(format!("{line}\n").as_bytes()) };
    }
}

/// The task in flight, from 1; 0 in a process that is no worker.
pub(crate) unsafe extern "C-unwind" fn task() -> Sexp {
    let c = context();
    // SAFETY: null or this worker's context; a number is read, and then allocated on R's
    // main thread.
    unsafe {
        let task = if c.is_null() {
            0.0
        } else {
            f64::from((*c).voice.seat.task()) + 1.0
        };
        ffi::Rf_ScalarReal(task)
    }
}

/// The number of this worker in its job, from 1; 0 in a process that is no worker.
pub(crate) unsafe extern "C-unwind" fn seat() -> Sexp {
    let c = context();
    // SAFETY: as in `task`.
    unsafe {
        let seat = if c.is_null() {
            0
        } else {
            (*c).voice.seat.number() + 1
        };
        ffi::Rf_ScalarInteger(seat as i32)
    }
}

/// Something empty was written to our connection.
static HEARD: AtomicBool = AtomicBool::new(false);

/// Does what R code prints come to [`rustle_output`]?
pub(crate) fn hears_output() -> bool {
    HEARD.store(false, Ordering::Relaxed);
    // SAFETY: R's main thread; nothing is owned here if the user's connection fails.
    unsafe { ffi::rustle_print_nothing() };
    HEARD.load(Ordering::Relaxed)
}

/// Takes what a task writes to standard output; called by connection.c. What the
/// task forks writes to the standard output that it inherited.
#[no_mangle]
unsafe extern "C" fn rustle_output(bytes: *const c_char, len: usize) {
    if len == 0 {
        return HEARD.store(true, Ordering::Relaxed);
    }
    let c = context();
    // SAFETY: the connection passes `len` readable bytes; null or this worker's context,
    // to whose voice nobody holds a reference while R code runs.
    unsafe {
        if c.is_null() {
            libc::write(1, bytes.cast(), len);
            return;
        }
        (*c).voice
            .write(std::slice::from_raw_parts(bytes.cast::<u8>(), len));
    }
}
