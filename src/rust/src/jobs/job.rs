//! A job of worker processes, as R holds it: by an external pointer.
//!
//! Every entry runs on R's main thread. R may jump out of `wait` while it allocates:
//! everything that must be released is a field of [`Job`], which R's `on.exit()` closes.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use rustle_shared::State;
use rustle_workers::crew::Crew;
use rustle_workers::forked::Forked;
use rustle_workers::memory::JobMemory;
use rustle_workers::order::Terms;
use rustle_workers::process;
use rustle_workers::seat::Link;
use rustle_workers::standing::Standing;
use rustle_workers::supervisor::{Supervisor, Verdict};

use super::arrivals::Arrivals;
use super::rules::{self, Code, Rules};
use super::worker::{self, Orders};
use super::{pool, values};
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::{Parsed, Refusal};
use crate::shape::Shape;

/// Where we are after a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Session,
    Worker,
}

/// The job that this process is starting.
static STARTING: AtomicPtr<Job> = AtomicPtr::new(std::ptr::null_mut());

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) job: rustle_workers::job::Job<Box<dyn Crew>>,
    /// What forked workers are told.
    orders: Option<Orders>,
    shape: Shape,
    /// The end of the pipe into which forked workers write, open for them.
    _wake: Option<OwnedFd>,
    /// The process that opened the job.
    pub(crate) pid: u32,
    arrivals: Arrivals,
    /// Tasks that failed, from 1; known when the job is over.
    failed: Vec<c_int>,
}

impl Job {
    /// Maps the memory of a job; starts nothing.
    ///
    /// # Safety
    ///
    /// On R's main thread. Whoever holds the job keeps the list alive of which `code` has
    /// the fields.
    pub(crate) unsafe fn open(spec: &Fields, code: &Fields) -> Parsed<Box<Job>> {
        worker::prepare();
        process::reap_abandoned();
        let (layout, relay_order) = rules::layout(spec)?;
        let settings = rules::settings(spec)?;
        let rules = Rules::read(spec)?;
        // R may jump out of this: no mapping and no descriptor is owned yet.
        let listed = rules.shape == Shape::Unknown;
        let arrivals = Arrivals::new(layout.workers() as usize, layout.tasks() as usize, listed);
        let keep = rules.terms.keep;
        let (shape, stop_on_error) = (rules.shape, rules.stop_on_error);
        let new =
            |supervisor| rustle_workers::job::Job::new(supervisor, relay_order, stop_on_error);
        let no_memory = |e| Refusal::new("memory", e);
        let pid = std::process::id();
        if spec.flag("standing")? {
            let pool = pool::current()?;
            let kept = pool.borrow_mut().take_kept();
            let filed = JobMemory::in_file(layout, keep, shape.words(), kept).map_err(no_memory)?;
            let memory = Rc::new(filed.memory);
            let wake = pool.borrow().wake().map_err(pool::refusal)?;
            let terms = Terms {
                memory: (filed.file, filed.id),
                parts: pool::parts(code)?,
                patience: Duration::from_secs_f64(spec.number("patience")?.min(1e9)),
            };
            let crew = Standing::new(pool, Rc::clone(&memory), terms);
            let supervisor =
                Supervisor::new(memory, settings, Box::new(crew) as Box<dyn Crew>, wake);
            return Ok(Box::new(Job {
                job: new(supervisor),
                orders: None,
                shape,
                _wake: None,
                pid,
                arrivals,
                failed: Vec::new(),
            }));
        }
        // SAFETY: by the caller's promise.
        let code = unsafe { Code::read(code) }?;
        let memory = JobMemory::new(layout, keep, shape.words()).map_err(no_memory)?;
        let (reading, writing) = process::pipe().map_err(|e| {
            Refusal::new(
                "system",
                format!("No pipe from the workers to the session can be made: {e}."),
            )
        })?;
        // SAFETY: jobs are started and waited for on R's main thread; our own pools hold
        // no lock over a fork; where `launch` or `advance` says that this process has
        // become a worker, `fork_starting` and `wait` make it one at once, and such
        // processes end by `leave`.
        let crew = unsafe { Forked::new(memory.layout.workers() as usize) };
        let link = Link {
            wake: writing.as_raw_fd(),
            session: pid as i32,
        };
        let supervisor = Supervisor::new(
            Rc::new(memory),
            settings,
            Box::new(crew) as Box<dyn Crew>,
            reading,
        );
        Ok(Box::new(Job {
            job: new(supervisor),
            orders: Some(Orders { rules, code, link }),
            shape,
            _wake: Some(writing),
            pid,
            arrivals,
            failed: Vec::new(),
        }))
    }

    /// Starts the workers. Forked ones: evaluates `main`, which calls
    /// [`Job::fork_starting`]; `false` when that was left by a jump. Workers do not return.
    pub(crate) fn start(&mut self) -> bool {
        let Some(orders) = &self.orders else {
            self.job.supervisor().launch_first();
            return true;
        };
        let main = orders.code.main;
        STARTING.store(self, Ordering::Relaxed);
        let whole = worker::evaluate(main, false);
        STARTING.store(std::ptr::null_mut(), Ordering::Relaxed);
        if std::process::id() != self.pid {
            worker::leave_if_over(whole);
            worker::live(main, true);
        }
        whole
    }

    /// Forks the workers of the job that is being started, if there is one. `None` in
    /// a process that was a worker before.
    pub(crate) fn fork_starting() -> Option<Origin> {
        let job = STARTING.swap(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: set by `start`, which is waiting for us, on this thread.
        let job = unsafe { job.as_mut() }?;
        let Some(assignment) = job.job.supervisor().launch() else {
            return Some(Origin::Session);
        };
        let memory = Rc::clone(job.job.memory());
        worker::become_worker(job.orders.as_ref()?, &memory, assignment);
        Some(Origin::Worker)
    }

    /// See [`rustle_workers::job::Job::wait`]. A process that becomes a worker meanwhile
    /// does not return.
    pub(crate) fn wait(&mut self, limit: Duration) -> (Verdict, u32) {
        match (self.job.wait(&mut self.arrivals, limit), &self.orders) {
            ((Verdict::Here(assignment), _), Some(orders)) => {
                worker::replace(orders, self.job.memory(), assignment)
            }
            (told, _) => told,
        }
    }

    /// See [`Arrivals::take_events`].
    pub(crate) fn take_events(&mut self) -> Sexp {
        self.arrivals.take_events()
    }

    /// `list(values, failed, vector, first)`: the values of all tasks as a list and
    /// the indices of those that failed, or, where the values have the shape that
    /// was expected, `NULL`, none, one vector, and the first value if it came as an
    /// object.
    pub(crate) fn collect(&mut self) -> Sexp {
        let memory = &**self.job.memory();
        let shape = self.shape;
        // SAFETY: main thread; everything allocated is stored in `out` at once.
        unsafe {
            let out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, 4));
            let sent = self.arrivals.values();
            if let Some(vector) = values::as_vector(shape, memory, sent) {
                ffi::SET_VECTOR_ELT(out, 2, vector);
                if sent != ffi::nil() {
                    ffi::SET_VECTOR_ELT(out, 3, ffi::VECTOR_ELT(sent, 0));
                }
            } else {
                let values = self.arrivals.values_list();
                ffi::SET_VECTOR_ELT(out, 0, values);
                self.failed.clear();
                for (task, slot) in memory.slots().iter().enumerate() {
                    if slot.state() == State::Failed {
                        self.failed.push(task as c_int + 1);
                    }
                }
                for task in self.arrivals.not_ahead() {
                    if let Some(value) = values::as_object(shape, memory, task) {
                        ffi::SET_VECTOR_ELT(values, task as isize, value);
                    }
                }
                let len = self.failed.len();
                let indices = ffi::Rf_allocVector(ffi::INTSXP as u32, len as isize);
                ffi::SET_VECTOR_ELT(out, 1, indices);
                for (i, task) in self.failed.iter().enumerate() {
                    ffi::INTEGER(indices).add(i).write(*task);
                }
            }
            ffi::Rf_unprotect(1);
            out
        }
    }

    /// Ends what still runs (lets it finish when `signal` is 0) and gives
    /// everything back.
    pub(crate) fn close(&mut self, signal: c_int, grace: Duration) {
        let polite = || Signal::from_named_raw(signal).unwrap_or(Signal::KILL);
        self.job.close((signal != 0).then(polite), grace);
    }
}
