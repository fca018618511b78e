//! Which tasks are finished, and how far the session may tell of them.

use rustle_shared::State;

use crate::memory::JobMemory;

/// Whether tasks are finished is read from their slots. This remembers how far the slots
/// have been read, so that the next look costs only what has changed since.
#[derive(Debug)]
pub struct Ledger {
    /// The task at each position of the order in which tasks are told; `None`: task order.
    order: Option<Vec<u32>>,
    stop_on_error: bool,
    /// Positions from the first on whose tasks are finished.
    finished: u32,
    /// Positions from the first on of which also everything that they sent is received.
    received: u32,
    /// Tasks from the first on (not positions) that are finished.
    settled: u32,
}

impl Ledger {
    /// Nothing is finished. With `stop_on_error` nothing is told beyond a task that
    /// failed.
    pub fn new(order: Option<Vec<u32>>, stop_on_error: bool) -> Ledger {
        Ledger {
            order,
            stop_on_error,
            finished: 0,
            received: 0,
            settled: 0,
        }
    }

    /// Does a task that failed make those after it unnecessary?
    pub fn stops_on_error(&self) -> bool {
        self.stop_on_error
    }

    /// Positions from the first on whose tasks are finished: what they have sent is in
    /// their rings or received.
    pub fn advance(&mut self, memory: &JobMemory) -> u32 {
        let tasks = memory.layout.tasks();
        let Some(order) = &self.order else {
            let (from, to) = (self.finished as usize, tasks as usize);
            let next = memory.slots().first_open(from, to, self.stop_on_error);
            self.finished = next as u32;
            return self.finished;
        };
        while self.finished < tasks {
            let task = order[self.finished as usize];
            let state = memory.slots().of(task as usize).state();
            let ends = state == State::Failed && self.stop_on_error;
            if state == State::Empty || ends {
                break;
            }
            self.finished += 1;
        }
        self.finished
    }

    /// Everything is received that tasks before position `finished`, which was read
    /// before, have sent.
    pub fn receive(&mut self, finished: u32) {
        self.received = finished;
    }

    /// Positions from the first on that may be told.
    pub fn tellable(&self) -> u32 {
        self.received.min(self.finished)
    }

    /// After a failure that makes later tasks unnecessary: is every task up to it
    /// finished?
    pub fn is_settled(&mut self, memory: &JobMemory) -> bool {
        let last = memory.header().last_needed();
        if last >= u64::from(memory.layout.tasks()) {
            return false;
        }
        let slots = memory.slots();
        while u64::from(self.settled) <= last && slots.of(self.settled as usize).is_finished() {
            self.settled += 1;
        }
        u64::from(self.settled) > last
    }

    /// These tasks are not finished any more: they run again. Only a share runs again as
    /// a whole, and its job is told in task order.
    pub fn void(&mut self, tasks: &[u32]) {
        if let Some(&first) = tasks.iter().min() {
            self.finished = self.finished.min(first);
            self.received = self.received.min(first);
            self.settled = self.settled.min(first);
        }
    }
}
