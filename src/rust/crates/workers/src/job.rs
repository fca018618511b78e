//! A job in the session that waits for it: receive, bury, start, until it is over.
//!
//! An [`Audience`] may leave by a jump (an interpreter that has no memory for what it is
//! told): all that must be given back is in [`Job`], which can then be closed.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustle_shared::{FrameSink, Receiver};

use crate::crew::Crew;
use crate::ledger::Ledger;
use crate::memory::JobMemory;
use crate::process::Exit;
use crate::supervisor::{Costs, Seen, Supervisor, Verdict};

/// Records that are taken between two looks at the clock; each has at most an eighth of a ring.
const RECORDS: u32 = 16;

/// Who is told what comes of a job.
pub trait Audience {
    /// Where the frames of the worker in a seat go.
    fn sink(&mut self, seat: usize) -> impl FrameSink + '_;

    /// The worker in this seat is gone: what is half received of it will never be whole.
    fn forget(&mut self, seat: usize);

    /// What a task has told so far is void: it runs again.
    fn discard(&mut self, task: u32);

    /// A task was stopped, for its time was over, in these calls; "": it has not told them.
    fn time_out(&mut self, task: u32, calls: &str);

    /// Is there something to tell on at once?
    fn has_news(&self) -> bool;

    /// Does with results of finished tasks what can be done while others run. Returns after which
    /// time it wants to be asked again; `None`: not at all.
    fn gather(&mut self, _memory: &JobMemory) -> Option<Duration> {
        None
    }
}

/// See the page of this module.
#[derive(Debug)]
pub struct Job<C> {
    supervisor: Supervisor<C>,
    ledger: Ledger,
    receivers: Vec<Receiver>,
    /// How long it took to receive what was there.
    receiving: Duration,
}

impl<C: Crew> Job<C> {
    /// A job that nobody works on yet. With `order` tasks are told in this order, else in
    /// their own; with `stop_on_error` a failed task makes those after it unnecessary.
    pub fn new(supervisor: Supervisor<C>, order: Option<Vec<u32>>, stop_on_error: bool) -> Job<C> {
        let seats = supervisor.memory.layout.workers();
        Job {
            supervisor,
            ledger: Ledger::new(order, stop_on_error),
            receivers: (0..seats).map(|_| Receiver::new()).collect(),
            receiving: Duration::ZERO,
        }
    }

    /// The memory that the workers share.
    pub fn memory(&self) -> &Rc<JobMemory> {
        &self.supervisor.memory
    }

    /// Who works on it.
    pub fn supervisor(&mut self) -> &mut Supervisor<C> {
        &mut self.supervisor
    }

    /// Tasks finished, and workers that are evaluating one now.
    pub fn progress(&self) -> (u64, usize) {
        (self.supervisor.done(), self.supervisor.busy())
    }

    /// Is there a worker in this seat that has not ended?
    pub fn is_taken(&self, seat: usize) -> bool {
        self.supervisor.is_taken(seat)
    }

    /// What each worker was seen to do, its process and its memory in bytes.
    pub fn seen(&self) -> Vec<(Seen, Option<i32>, u64)> {
        let boards = self.supervisor.memory.boards();
        let seen = self.supervisor.seen().zip(boards);
        seen.map(|((seen, pid), board)| (seen, pid, board.memory()))
            .collect()
    }

    /// What the job has cost so far, and how long it took to receive what was sent.
    pub fn costs(&self) -> (Costs, Duration) {
        (self.supervisor.costs(), self.receiving)
    }

    /// Receives results until there is something to tell, at most `limit`. Returns where
    /// the job stands, and how many positions, from the first on, may be told: their tasks
    /// are finished and everything that they sent has been received.
    pub fn wait(&mut self, audience: &mut impl Audience, limit: Duration) -> (Verdict, u32) {
        let deadline = Instant::now() + limit;
        if let Some(here) = self.supervisor.launch_rest() {
            return (Verdict::Here(here), self.ledger.tellable());
        }
        loop {
            // Both are read before what these tasks have sent is received.
            let settled = self.ledger.is_settled(&self.supervisor.memory);
            let finished = self.ledger.advance(&self.supervisor.memory);
            self.supervisor.enforce_timeout();
            self.supervisor.look();
            let (any, all) = self.receive(audience, Some(deadline));
            if all {
                self.ledger.receive(finished);
            }
            for seat in 0..self.receivers.len() {
                if let Some(exit) = self.supervisor.ended(seat) {
                    self.bury(audience, seat, exit);
                }
            }
            let tellable = self.ledger.tellable();
            let verdict = match self.supervisor.advance() {
                Verdict::Running if settled && !any => Verdict::Done,
                verdict => verdict,
            };
            match verdict {
                Verdict::Running => {}
                Verdict::Here(_) => return (verdict, tellable),
                Verdict::Done | Verdict::Failed(_) => {
                    // Whatever arrived since is received before anybody is told.
                    self.receive(audience, None);
                    return (verdict, self.ledger.advance(&self.supervisor.memory));
                }
            }
            if audience.has_news() || Instant::now() >= deadline {
                return (verdict, tellable);
            }
            if !any {
                let pause = audience.gather(&self.supervisor.memory);
                let left = deadline.saturating_duration_since(Instant::now());
                self.supervisor
                    .sleep(pause.map_or(left, |pause| left.min(pause)));
            }
        }
    }

    /// Ends what still runs, or lets it finish where there is no signal to send.
    pub fn close(&mut self, polite: Option<Signal>, grace: Duration) {
        match polite {
            Some(signal) => self.supervisor.end(signal, grace),
            None => self.supervisor.abandon(),
        }
    }

    /// Takes what workers have sent: was there anything, and was that all?
    fn receive(&mut self, audience: &mut impl Audience, deadline: Option<Instant>) -> (bool, bool) {
        let begun = Instant::now();
        let (mut any, mut all) = (false, true);
        for seat in 0..self.receivers.len() {
            let (some, whole) = self.drain(audience, seat, deadline);
            any |= some;
            all &= whole;
        }
        if any {
            self.receiving += begun.elapsed();
        }
        (any, all)
    }

    fn drain(
        &mut self,
        audience: &mut impl Audience,
        seat: usize,
        deadline: Option<Instant>,
    ) -> (bool, bool) {
        let ring = &self.supervisor.memory.rings()[seat];
        let mut sink = audience.sink(seat);
        let mut records = 0u32;
        while self.receivers[seat].receive(ring, &mut sink) {
            records += 1;
            // To read the clock takes as long as a small record.
            if records % RECORDS == 0 && deadline.is_some_and(|d| Instant::now() >= d) {
                return (true, false);
            }
        }
        (records > 0, true)
    }

    fn bury(&mut self, audience: &mut impl Audience, seat: usize, exit: Exit) {
        self.drain(audience, seat, None);
        let Some(death) = self.supervisor.bury(seat, exit) else {
            return;
        };
        self.receivers[seat].reset();
        audience.forget(seat);
        self.supervisor.memory.rings()[seat].reset();
        self.ledger.void(&death.void);
        for task in death.void.iter().copied().chain(death.in_flight) {
            audience.discard(task);
        }
        if let (true, Some(task)) = (death.timed_out, death.in_flight) {
            audience.time_out(task, &death.calls);
            if self.ledger.stops_on_error() {
                self.supervisor.memory.header().cut_after(u64::from(task));
            }
        }
    }
}
