//! The workers of a job, as the supervisor sees them.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::Exit;

/// What a worker is asked to do: take a seat of the job, run the tasks `redo`, and then
/// whatever it can claim.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// The seat, from 0.
    pub seat: usize,
    /// Tasks to run first.
    pub redo: Vec<u32>,
}

/// Where an assignment is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// By a worker somewhere else.
    Elsewhere,
    /// Nobody does yet: it will be asked for again.
    Later,
    /// Here: this process is a copy of the one that asked, and has become the worker.
    /// It carries the assignment out and never comes back.
    Here,
}

/// The workers of a job, wherever they come from: new processes for each assignment, or
/// workers that wait for one. A seat has one worker at a time.
pub trait Crew: std::fmt::Debug {
    /// Has an assignment carried out by a worker that takes its seat.
    ///
    /// # Errors
    ///
    /// The system's error number, when no worker can be had now.
    fn start(&mut self, assignment: &Assignment) -> Result<Started, i32>;

    /// What a worker costs for which nothing is left, where it costs the same each time; `None`
    /// where that has to be measured.
    fn price(&self) -> Option<Duration>;

    /// Is there a worker in this seat?
    fn is_taken(&self, seat: usize) -> bool;

    /// The process in a taken seat.
    fn pid(&self, seat: usize) -> Option<i32>;

    /// The worker in this seat has said that it has nothing left to do: the seat is free.
    fn dismiss(&mut self, seat: usize);

    /// If the worker in this seat has ended: how. The seat is free then, and everything
    /// that the worker had started has ended too.
    fn ended(&mut self, seat: usize) -> Option<Exit>;

    /// Ends the worker in this seat by force, for the time of its `task` is over, unless it
    /// has gone on to another; [`Crew::ended`] will say so.
    fn kill(&mut self, seat: usize, task: u32);

    /// Gives back what dismissed workers still hold, without waiting for any.
    fn tidy(&mut self);

    /// What becomes readable when the worker in a taken seat ends; `None` where the
    /// system has nothing of that kind.
    fn watched(&self, seat: usize) -> Option<BorrowedFd<'_>>;

    /// Frees all seats and lets their workers finish what they do.
    fn abandon(&mut self);

    /// Frees all seats and ends their workers: first politely, by force after `grace`.
    fn end(&mut self, polite: Signal, grace: Duration);
}

impl<C: Crew + ?Sized> Crew for Box<C> {
    fn start(&mut self, assignment: &Assignment) -> Result<Started, i32> {
        (**self).start(assignment)
    }

    fn price(&self) -> Option<Duration> {
        (**self).price()
    }

    fn is_taken(&self, seat: usize) -> bool {
        (**self).is_taken(seat)
    }

    fn pid(&self, seat: usize) -> Option<i32> {
        (**self).pid(seat)
    }

    fn dismiss(&mut self, seat: usize) {
        (**self).dismiss(seat);
    }

    fn ended(&mut self, seat: usize) -> Option<Exit> {
        (**self).ended(seat)
    }

    fn kill(&mut self, seat: usize, task: u32) {
        (**self).kill(seat, task);
    }

    fn tidy(&mut self) {
        (**self).tidy();
    }

    fn watched(&self, seat: usize) -> Option<BorrowedFd<'_>> {
        (**self).watched(seat)
    }

    fn abandon(&mut self) {
        (**self).abandon();
    }

    fn end(&mut self, polite: Signal, grace: Duration) {
        (**self).end(polite, grace);
    }
}
