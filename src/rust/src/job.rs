//! A job in the parent: its workers, what has arrived, what R is told.
//!
//! R holds a job by an external pointer. Every entry runs on R's main thread. R
//! may jump out of `wait` while it allocates: everything that must be released
//! is a field of [`Job`], which R's `on.exit()` closes.

use std::ffi::c_int;
use std::rc::Rc;
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
use crate::spec::{self, Refusal, Spec};
use crate::worker::{self, Standing};

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
    done_through: u32,
}

impl Job {
    /// Maps the memory of a job; starts nothing.
    pub(crate) fn open(spec: &List) -> std::result::Result<Box<Job>, Refusal> {
        let spec = &Spec::new(spec);
        worker::prepare();
        process::reap_abandoned();
        let (layout, relay_order) = spec::layout(spec)?;
        let switches = spec::switches(spec)?;
        let settings = spec::settings(spec)?;
        let duty = Duty {
            call: ffi::nil(),
            rho: ffi::nil(),
            forced: switches.forced,
            seeds: spec::seeds(spec)?,
            inherited: ffi::nil(),
            check_rng: switches.check_rng,
            stop_on_error: switches.stop_on_error,
            timed: settings.timeout.is_some(),
            affinity: spec::affinity(spec)?,
        };
        let memory =
            JobMemory::new(layout, switches.timings).map_err(|e| Refusal::new("memory", e))?;
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (reading, writing) = rustix::pipe::pipe_with(flags)
            .map_err(|e| Refusal::new("system", format!("no pipe can be made: {e}")))?;
        let workers = memory.layout.workers() as usize;
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
            arrivals: Arrivals::new(workers),
            relay_order,
            prefix: 0,
            done_through: 0,
        }))
    }

    /// Starts the workers.
    pub(crate) fn start(&mut self, call: Sexp, rho: Sexp, main: Sexp, inherited: Sexp) {
        self.orders.main = main;
        let duty = &mut self.orders.duty;
        (duty.call, duty.rho, duty.inherited) = (call, rho, inherited);
        let memory = Rc::clone(&self.supervisor.memory);
        let orders = &self.orders;
        self.supervisor
            .start(&mut |start| worker::spawn(orders, &memory, start));
    }

    /// Takes what one worker has sent; `false` when there was nothing.
    fn drain(&mut self, seat: usize, values: Sexp, deadline: Option<Instant>) -> bool {
        let ring = &self.supervisor.memory.rings[seat];
        let mut sink = Sink {
            arrivals: &mut self.arrivals,
            seat,
            values,
        };
        let mut any = false;
        while self.receivers[seat].receive(ring, &mut sink) {
            any = true;
            if deadline.is_some_and(|d| Instant::now() >= d) {
                break;
            }
        }
        any
    }

    fn drain_all(&mut self, values: Sexp, deadline: Instant) -> bool {
        let mut any = false;
        for seat in 0..self.receivers.len() {
            any |= self.drain(seat, values, Some(deadline));
        }
        any
    }

    fn bury(&mut self, seat: usize, exit: Exit, values: Sexp) {
        self.drain(seat, values, None);
        let Some(death) = self.supervisor.bury(seat, exit) else {
            return;
        };
        self.receivers[seat].reset();
        self.arrivals.forget(seat);
        self.supervisor.memory.rings[seat].reset();
        // Tasks that run again are not finished (shares are never reordered).
        if let Some(&first) = death.void.iter().min() {
            self.prefix = self.prefix.min(first);
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
    /// The prefix in the answer was read before the events were received, so the
    /// events of its tasks are complete.
    pub(crate) fn wait(&mut self, values: Sexp, limit: Duration) -> (Verdict, u32) {
        let deadline = Instant::now() + limit;
        let memory = Rc::clone(&self.supervisor.memory);
        loop {
            let settled = self.is_settled();
            let prefix = self.advance_prefix();
            self.supervisor.enforce_timeout();
            let any = self.drain_all(values, deadline);
            let mut ended = self.supervisor.reap();
            while let Some((seat, exit)) = ended.pop() {
                self.bury(seat, exit, values);
            }
            let orders = &self.orders;
            let prefix = prefix.min(self.prefix);
            let verdict = self
                .supervisor
                .advance(&mut |start| worker::spawn(orders, &memory, start));
            let verdict = match verdict {
                Verdict::Running if settled && !any => Verdict::Done,
                other => other,
            };
            if !matches!(verdict, Verdict::Running) {
                // Whatever arrived since is received before R is told.
                self.drain_all(values, Instant::now() + Duration::from_secs(3600));
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

    /// Puts the inline results into `values` and returns the states of all tasks
    /// as an integer vector (see `rustle_shared::State`).
    pub(crate) fn collect(&self, values: Sexp) -> Sexp {
        let slots = self.supervisor.memory.slots;
        // SAFETY: `values` has an element per task; each scalar is stored at once.
        unsafe {
            let states = ffi::Rf_protect(ffi::Rf_allocVector(
                ffi::INTSXP as u32,
                slots.len() as isize,
            ));
            let to = ffi::INTEGER(states);
            for (i, slot) in slots.iter().enumerate() {
                let state = slot.state();
                let value = match state {
                    State::Double => ffi::Rf_ScalarReal(f64::from_bits(slot.bits())),
                    State::Integer => ffi::Rf_ScalarInteger(slot.bits() as u32 as c_int),
                    State::Logical => ffi::Rf_ScalarLogical(slot.bits() as u32 as c_int),
                    State::Null => ffi::nil(),
                    State::Sent | State::Failed | State::Skipped | State::Empty => {
                        to.add(i).write(state as c_int);
                        continue;
                    }
                };
                ffi::SET_VECTOR_ELT(values, i as isize, value);
                to.add(i).write(state as c_int);
            }
            ffi::Rf_unprotect(1);
            states
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
