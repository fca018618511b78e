//! Workers that are forked from this process for one job, and end with it.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::process::Signal;

use crate::crew::{Assignment, Crew, Started};
use crate::process::{self, end_all, Child, Exit, Fork};

/// The crew of one job whose workers are copies of this process.
#[derive(Debug)]
pub struct Forked {
    seats: Vec<Option<Child>>,
    /// Workers that have said that they are leaving, and are not reaped yet.
    leaving: Vec<Child>,
}

impl Forked {
    /// A crew for `seats` seats, all free.
    ///
    /// # Safety
    ///
    /// Whoever calls [`Crew::start`] keeps the contract of [`process::fork`]: on the
    /// main thread, and where it returns [`Started::Here`] the process calls
    /// [`crate::child::isolate`] before anything else and ends by
    /// [`crate::child::leave`].
    pub unsafe fn new(seats: usize) -> Forked {
        Forked {
            seats: (0..seats).map(|_| None).collect(),
            leaving: Vec::new(),
        }
    }
}

impl Crew for Forked {
    fn start(&mut self, assignment: &Assignment) -> Result<Started, i32> {
        // SAFETY: the contract of `new`.
        match unsafe { process::fork() }? {
            Fork::Child => Ok(Started::Here),
            Fork::Parent(child) => {
                self.seats[assignment.seat] = Some(child);
                Ok(Started::Elsewhere)
            }
        }
    }

    fn price(&self) -> Option<Duration> {
        None
    }

    fn is_taken(&self, seat: usize) -> bool {
        self.seats[seat].is_some()
    }

    fn pid(&self, seat: usize) -> Option<i32> {
        self.seats[seat].as_ref().map(Child::pid)
    }

    fn dismiss(&mut self, seat: usize) {
        self.leaving.extend(self.seats[seat].take());
    }

    fn ended(&mut self, seat: usize) -> Option<Exit> {
        let child = self.seats[seat].take_if(|child| child.has_ended())?;
        Some(child.clear_away())
    }

    fn kill(&mut self, seat: usize, _task: u32) {
        if let Some(child) = &self.seats[seat] {
            child.signal_group(Signal::KILL);
        }
    }

    fn tidy(&mut self) {
        // Workers that have ended must be reaped: until then they count against a limit of
        // processes.
        self.leaving.retain(|child| child.try_reap().is_none());
    }

    fn watched(&self, seat: usize) -> Option<BorrowedFd<'_>> {
        self.seats[seat].as_ref().and_then(Child::pidfd)
    }

    fn abandon(&mut self) {
        let working = self.seats.iter_mut().filter_map(Option::take);
        working
            .chain(self.leaving.drain(..))
            .for_each(process::abandon);
    }

    fn end(&mut self, polite: Signal, grace: Duration) {
        let working: Vec<Child> = self.seats.iter_mut().filter_map(Option::take).collect();
        end_all(&working, polite, grace);
        process::reap_soon(std::mem::take(&mut self.leaving));
    }
}
