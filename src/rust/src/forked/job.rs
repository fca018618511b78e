//! A job in the parent: its workers, what has arrived, what R is told.
//!
//! R holds a job by an external pointer. Every entry runs on R's main thread. R
//! may jump out of `wait` while it allocates: everything that must be released
//! is a field of [`Job`], which R's `on.exit()` closes.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustle_shared::{Receiver, State};
use rustle_workers::forked::Forked;
use rustle_workers::ledger::Ledger;
use rustle_workers::memory::JobMemory;
use rustle_workers::process::{self, Exit};
use rustle_workers::seat::Link;
use rustle_workers::supervisor::{Supervisor, Verdict};

use super::arrivals::{Arrivals, Event, Sink};
use super::rules::{self, Code, Rules};
use super::values;
use super::worker::{self, Orders};
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::{Parsed, Refusal};

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
    pub(crate) supervisor: Supervisor<Forked>,
    orders: Orders,
    /// The end of the pipe into which workers write, open for them.
    _wake: OwnedFd,
    /// The process that opened the job.
    pub(crate) pid: u32,
    receivers: Vec<Receiver>,
    arrivals: Arrivals,
    ledger: Ledger,
    /// How long we took to receive what was there.
    pub(crate) receiving: Duration,
    /// Tasks that failed, from 1; known when the job is over.
    failed: Vec<c_int>,
}

impl Job {
    /// Maps the memory of a job; starts nothing. Whoever holds the job keeps the objects
    /// of `code` alive.
    pub(crate) fn open(spec: &Fields, code: &Fields) -> Parsed<Box<Job>> {
        worker::prepare();
        process::reap_abandoned();
        let (layout, relay_order) = rules::layout(spec)?;
        let settings = rules::settings(spec)?;
        let (rules, code) = (Rules::read(spec)?, Code::read(code)?);
        let (workers, tasks) = (layout.workers() as usize, layout.tasks() as usize);
        let memory = JobMemory::new(layout, spec.flag("timings")?, rules.shape.words())
            .map_err(|e| Refusal::new("memory", e))?;
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (reading, writing) = rustix::pipe::pipe_with(flags)
            .map_err(|e| Refusal::new("system", format!("no pipe can be made: {e}")))?;
        // SAFETY: jobs are started and waited for on R's main thread; our own pools hold
        // no lock over a fork; where `launch` or `advance` says that this process has
        // become a worker, `fork_starting` and `wait` make it one at once, and such
        // processes end by `leave`.
        let crew = unsafe { Forked::new(workers) };
        let pid = std::process::id();
        let link = Link {
            wake: writing.as_raw_fd(),
            session: pid as i32,
        };
        Ok(Box::new(Job {
            supervisor: Supervisor::new(Rc::new(memory), settings, crew, reading),
            ledger: Ledger::new(relay_order, rules.stop_on_error),
            orders: Orders { rules, code, link },
            _wake: writing,
            pid,
            receivers: (0..workers).map(|_| Receiver::new()).collect(),
            arrivals: Arrivals::new(workers, tasks),
            receiving: Duration::ZERO,
            failed: Vec::new(),
        }))
    }

    /// Starts the workers: evaluates `main`, which calls [`Job::fork_starting`]. `false`
    /// when that was left by a jump. Workers do not return.
    pub(crate) fn start(&mut self) -> bool {
        let main = self.orders.code.main;
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
        let Some(assignment) = job.supervisor.launch() else {
            return Some(Origin::Session);
        };
        worker::become_worker(&job.orders, &job.supervisor.memory, assignment);
        Some(Origin::Worker)
    }

    /// Takes what one worker has sent: was there anything, and was that all?
    fn drain(&mut self, seat: usize, deadline: Option<Instant>) -> (bool, bool) {
        let ring = &self.supervisor.memory.rings()[seat];
        let mut sink = Sink {
            arrivals: &mut self.arrivals,
            seat,
        };
        let mut any = false;
        while self.receivers[seat].receive(ring, &mut sink) {
            any = true;
            if deadline.is_some_and(|d| Instant::now() >= d) {
                return (any, false);
            }
        }
        (any, true)
    }

    fn drain_all(&mut self, deadline: Instant) -> (bool, bool) {
        let begun = Instant::now();
        let (mut any, mut all) = (false, true);
        for seat in 0..self.receivers.len() {
            let (some, whole) = self.drain(seat, Some(deadline));
            any |= some;
            all &= whole;
        }
        if any {
            self.receiving += begun.elapsed();
        }
        (any, all)
    }

    fn bury(&mut self, seat: usize, exit: Exit) {
        self.drain(seat, None);
        let Some(death) = self.supervisor.bury(seat, exit) else {
            return;
        };
        self.receivers[seat].reset();
        self.arrivals.forget(seat);
        self.supervisor.memory.rings()[seat].reset();
        self.ledger.void(&death.void);
        for task in death.void.iter().copied().chain(death.in_flight) {
            self.arrivals.push_event(task, Event::Discard, ffi::nil());
        }
        if let (true, Some(task)) = (death.timed_out, death.in_flight) {
            self.arrivals.push_event(task, Event::TimedOut, ffi::nil());
            if self.orders.rules.stop_on_error {
                self.supervisor.memory.header().cut_after(u64::from(task));
            }
        }
    }

    /// Receives results until something has to be told to R, at most `limit`.
    /// The prefix in the answer was read before its events were received, and they
    /// all were: where there is no time for that, it stays what it was.
    pub(crate) fn wait(&mut self, limit: Duration) -> (Verdict, u32) {
        let deadline = Instant::now() + limit;
        let memory = Rc::clone(&self.supervisor.memory);
        loop {
            let settled = self.ledger.is_settled(&memory);
            let finished = self.ledger.advance(&memory);
            self.supervisor.enforce_timeout();
            let (any, all) = self.drain_all(deadline);
            if all {
                self.ledger.receive(finished);
            }
            for (seat, exit) in self.supervisor.reap() {
                self.bury(seat, exit);
            }
            let tellable = self.ledger.tellable();
            let verdict = match self.supervisor.advance() {
                Verdict::Here(assignment) => worker::replace(&self.orders, &memory, assignment),
                verdict => verdict,
            };
            let verdict = match verdict {
                Verdict::Running if settled && !any => Verdict::Done,
                other => other,
            };
            if !matches!(verdict, Verdict::Running) {
                // Whatever arrived since is received before R is told.
                self.drain_all(Instant::now() + Duration::from_secs(3600));
                return (verdict, self.ledger.advance(&memory));
            }
            if self.arrivals.has_events() || Instant::now() >= deadline {
                return (verdict, tellable);
            }
            if !any {
                self.supervisor
                    .sleep(deadline.saturating_duration_since(Instant::now()));
            }
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
        let memory = &*self.supervisor.memory;
        let shape = self.orders.rules.shape;
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
                    } else if let Some(value) = values::as_object(shape, memory, task) {
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
        if signal == 0 {
            self.supervisor.abandon();
        } else {
            let signal = Signal::from_named_raw(signal).unwrap_or(Signal::KILL);
            self.supervisor.end(signal, grace);
        }
        self.arrivals.release();
    }
}
