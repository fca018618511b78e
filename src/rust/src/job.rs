//! A job in the parent: its workers, what has arrived, what R is told.
//!
//! R holds a job by an external pointer. Every entry runs on R's main thread. R
//! may jump out of `wait` while it allocates: everything that must be released
//! is a field of [`Job`], which R's `on.exit()` closes.

use std::ffi::c_int;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use rustix::process::Signal;
use rustle_shared::{Receiver, State};
use rustle_workers::memory::JobMemory;
use rustle_workers::process::{self, Exit};
use rustle_workers::supervisor::{Supervisor, Verdict};

use crate::arrivals::{Arrivals, Event, Sink};
use crate::evaluate::Duty;
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::refusal::{Parsed, Refusal};
use crate::shape::{self, Shape};
use crate::spec;
use crate::worker::{self, Standing};

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
    pub(crate) supervisor: Supervisor,
    orders: Standing,
    /// The process that opened the job.
    pub(crate) pid: u32,
    receivers: Vec<Receiver>,
    arrivals: Arrivals,
    relay_order: spec::Order,
    prefix: u32,
    /// How much of the prefix has all its events received.
    received: u32,
    done_through: u32,
    /// Tasks that failed, from 1; known when the job is over.
    failed: Vec<c_int>,
}

impl Job {
    /// Maps the memory of a job; starts nothing.
    pub(crate) fn open(spec: &Robj) -> Parsed<Box<Job>> {
        let spec = &Fields::new(spec)?;
        worker::prepare();
        process::reap_abandoned();
        let (layout, relay_order) = spec::layout(spec)?;
        let switches = spec::switches(spec)?;
        let settings = spec::settings(spec)?;
        let shape = spec::shape(spec)?;
        let words = match shape {
            Shape::Template { len, .. } if len > 1 => len,
            _ => 0,
        };
        let duty = Duty {
            call: ffi::nil(),
            rho: ffi::nil(),
            forced: switches.forced,
            shape,
            check: spec::check(spec)?,
            seeds: spec::seeds(spec)?,
            inherited: ffi::nil(),
            check_rng: switches.check_rng,
            stop_on_error: switches.stop_on_error,
            timed: settings.timeout.is_some(),
            affinity: spec::affinity(spec)?,
        };
        let memory = JobMemory::new(layout, switches.timings, words)
            .map_err(|e| Refusal::new("memory", e))?;
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (reading, writing) = rustix::pipe::pipe_with(flags)
            .map_err(|e| Refusal::new("system", format!("no pipe can be made: {e}")))?;
        let (workers, tasks) = (memory.layout.workers() as usize, memory.slots.len());
        Ok(Box::new(Job {
            supervisor: Supervisor::new(memory, settings, reading),
            orders: Standing {
                duty,
                main: ffi::nil(),
                wake: writing,
                switches,
            },
            pid: std::process::id(),
            receivers: (0..workers).map(|_| Receiver::new()).collect(),
            arrivals: Arrivals::new(workers, tasks),
            relay_order,
            prefix: 0,
            received: 0,
            done_through: 0,
            failed: Vec::new(),
        }))
    }

    /// Starts the workers: evaluates `main`, which calls [`Job::fork`]. `false` when
    /// that was left by a jump. Workers do not return.
    pub(crate) fn start(&mut self, call: Sexp, rho: Sexp, main: Sexp, inherited: Sexp) -> bool {
        self.orders.main = main;
        let duty = &mut self.orders.duty;
        (duty.call, duty.rho, duty.inherited) = (call, rho, inherited);
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
        let Some(order) = job.supervisor.start(&mut worker::fork_first) else {
            return Some(Origin::Session);
        };
        let memory = Rc::clone(&job.supervisor.memory);
        worker::become_worker(&job.orders, &memory, order, job.pid as i32);
        Some(Origin::Worker)
    }

    /// Takes what one worker has sent: was there anything, and was that all?
    fn drain(&mut self, seat: usize, deadline: Option<Instant>) -> (bool, bool) {
        let ring = &self.supervisor.memory.rings[seat];
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
        let (mut any, mut all) = (false, true);
        for seat in 0..self.receivers.len() {
            let (some, whole) = self.drain(seat, Some(deadline));
            any |= some;
            all &= whole;
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
        self.supervisor.memory.rings[seat].reset();
        // Tasks that run again are not finished (shares are never reordered).
        if let Some(&first) = death.void.iter().min() {
            self.prefix = self.prefix.min(first);
            self.received = self.received.min(first);
            self.done_through = self.done_through.min(first);
        }
        for task in death.void.iter().copied().chain(death.in_flight) {
            self.arrivals.push_event(task, Event::Discard, ffi::nil());
        }
        if let (true, Some(task)) = (death.timed_out, death.in_flight) {
            self.arrivals.push_event(task, Event::TimedOut, ffi::nil());
            if self.orders.switches.stop_on_error {
                self.supervisor.memory.header.cut_after(u64::from(task));
            }
        }
    }

    fn is_done(&self, task: u32) -> bool {
        self.supervisor.memory.slots[task as usize].state() != State::Empty
    }

    /// How many tasks from the first in relay order on are finished; a failure
    /// that ends the job ends it too.
    fn advance_prefix(&mut self) -> u32 {
        let tasks = self.supervisor.memory.layout.tasks();
        while self.prefix < tasks {
            let position = self.prefix;
            let task = self
                .relay_order
                .as_ref()
                .map_or(position, |o| o[position as usize]);
            let state = self.supervisor.memory.slots[task as usize].state();
            let ends = state == State::Failed && self.orders.switches.stop_on_error;
            if state == State::Empty || ends {
                break;
            }
            self.prefix += 1;
        }
        self.prefix
    }

    /// After a failure: are all tasks up to the failed one finished?
    fn is_settled(&mut self) -> bool {
        let last = self.supervisor.memory.header.last_needed();
        if last >= u64::from(self.supervisor.memory.layout.tasks()) {
            return false;
        }
        while u64::from(self.done_through) <= last && self.is_done(self.done_through) {
            self.done_through += 1;
        }
        u64::from(self.done_through) > last
    }

    /// Receives results until something has to be told to R, at most `limit`.
    /// The prefix in the answer was read before its events were received, and they
    /// all were: where there is no time for that, it stays what it was.
    pub(crate) fn wait(&mut self, limit: Duration) -> (Verdict, u32) {
        let deadline = Instant::now() + limit;
        let memory = Rc::clone(&self.supervisor.memory);
        loop {
            let settled = self.is_settled();
            let prefix = self.advance_prefix();
            self.supervisor.enforce_timeout();
            let (any, all) = self.drain_all(deadline);
            if all {
                self.received = prefix;
            }
            let mut ended = self.supervisor.reap();
            while let Some((seat, exit)) = ended.pop() {
                self.bury(seat, exit);
            }
            let orders = &self.orders;
            let prefix = self.received.min(self.prefix);
            let verdict = self
                .supervisor
                .advance(&mut |start| worker::replace(orders, &memory, start));
            let verdict = match verdict {
                Verdict::Running if settled && !any => Verdict::Done,
                other => other,
            };
            if !matches!(verdict, Verdict::Running) {
                // Whatever arrived since is received before R is told.
                self.drain_all(Instant::now() + Duration::from_secs(3600));
                return (verdict, self.advance_prefix());
            }
            if self.arrivals.has_events() || Instant::now() >= deadline {
                return (verdict, prefix);
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
        let shape = self.orders.duty.shape;
        // SAFETY: main thread; everything allocated is stored in `out` at once.
        unsafe {
            let out = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, 4));
            let sent = self.arrivals.values();
            if let Some(vector) = shape::as_vector(shape, memory, sent) {
                ffi::SET_VECTOR_ELT(out, 2, vector);
                if sent != ffi::nil() {
                    ffi::SET_VECTOR_ELT(out, 3, ffi::VECTOR_ELT(sent, 0));
                }
            } else {
                let values = self.arrivals.values_list();
                ffi::SET_VECTOR_ELT(out, 0, values);
                self.failed.clear();
                for (task, slot) in memory.slots.iter().enumerate() {
                    if slot.state() == State::Failed {
                        self.failed.push(task as c_int + 1);
                    } else if let Some(value) = shape::as_object(shape, memory, task) {
                        ffi::SET_VECTOR_ELT(values, task as isize, value);
                    }
                }
                let len = self.failed.len();
                let indices = ffi::Rf_allocVector(ffi::INTSXP as u32, len as isize);
                ffi::SET_VECTOR_ELT(out, 1, indices);
                std::ptr::copy_nonoverlapping(self.failed.as_ptr(), ffi::INTEGER(indices), len);
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
