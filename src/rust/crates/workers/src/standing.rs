//! The crew of one job whose workers stand by between jobs: they come from the [`Pool`] of
//! the session and go back to it.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::crew::{Assignment, Crew, Started};
use crate::limits::{FAREWELL, GLANCE, INTERRUPT_GRACE, ORDER_PRICE};
use crate::memory::{JobMemory, Phase};
use crate::order::Terms;
use crate::pool::Pool;
use crate::process::Exit;

/// A worker in a seat.
#[derive(Debug)]
struct Duty {
    pid: i32,
    pidfd: Option<Rc<OwnedFd>>,
    /// When it is ended by force, because it was interrupted, and the task, from 1, in which
    /// it is then.
    ultimatum: Option<(Instant, u64)>,
}

/// The crew of one job whose workers stand by between jobs.
#[derive(Debug)]
pub struct Standing {
    pool: Rc<RefCell<Pool>>,
    memory: Rc<JobMemory>,
    terms: Terms,
    seats: Vec<Option<Duty>>,
    /// A worker was ended, or has ended, that may have used the memory of the job until then.
    lost_any: bool,
}

impl Standing {
    /// A crew for the job of `memory`, all seats free.
    pub fn new(pool: Rc<RefCell<Pool>>, memory: Rc<JobMemory>, terms: Terms) -> Standing {
        let seats = memory.layout.workers() as usize;
        Standing {
            pool,
            memory,
            terms,
            seats: (0..seats).map(|_| None).collect(),
            lost_any: false,
        }
    }

    /// Has the order delivered; `None` when there will be a worker later.
    fn send(&self, pool: &mut Pool, assignment: &Assignment) -> Result<Option<Duty>, i32> {
        let (bytes, apart) = self.terms.write(assignment)?;
        let files = self.terms.files(apart.as_ref());
        loop {
            let Some(at) = pool.recruit(assignment.seat)? else {
                return Ok(None);
            };
            match pool.members[at].post.send(&bytes, &files) {
                Ok(()) => {
                    let member = &mut pool.members[at];
                    member.set_on_duty(&self.memory, assignment.seat);
                    return Ok(Some(Duty {
                        pid: member.pid,
                        pidfd: member.pidfd.clone(),
                        ultimatum: None,
                    }));
                }
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => {
                    pool.bury(at);
                }
                Err(errno) => return Err(errno.raw_os_error()),
            }
        }
    }

    /// Leaves the memory of the job to the next one, if all its workers have said that they are
    /// done with it.
    fn keep_memory(&self) {
        if self.lost_any || self.seats.iter().any(Option::is_some) {
            return;
        }
        let (file, id) = &self.terms.memory;
        let kept = self.memory.to_keep(*id);
        let kept = kept.map(|kept| (kept, Arc::clone(file)));
        self.pool.borrow_mut().leave_kept(kept);
    }

    /// Frees a seat whose worker stands by again.
    fn release(&mut self, seat: usize) {
        let Some(duty) = self.seats[seat].take() else {
            return;
        };
        let mut pool = self.pool.borrow_mut();
        if let Some(at) = pool.at(duty.pid) {
            pool.members[at].set_off_duty();
            if pool.members[at].number >= pool.size {
                pool.retire(at);
            }
        }
    }
}

impl Crew for Standing {
    fn start(&mut self, assignment: &Assignment) -> Result<Started, i32> {
        let pool = Rc::clone(&self.pool);
        let sent = self.send(&mut pool.borrow_mut(), assignment)?;
        let started = sent.is_some();
        self.seats[assignment.seat] = sent;
        Ok(if started {
            Started::Elsewhere
        } else {
            Started::Later
        })
    }

    fn price(&self) -> Option<Duration> {
        Some(ORDER_PRICE)
    }

    fn is_taken(&self, seat: usize) -> bool {
        self.seats[seat].is_some()
    }

    fn pid(&self, seat: usize) -> Option<i32> {
        self.seats[seat].as_ref().map(|duty| duty.pid)
    }

    fn dismiss(&mut self, seat: usize) {
        self.release(seat);
    }

    fn ended(&mut self, seat: usize) -> Option<Exit> {
        let duty = self.seats[seat].as_ref()?;
        let pool = Rc::clone(&self.pool);
        let mut pool = pool.borrow_mut();
        let exit = match pool.at(duty.pid) {
            Some(at) => {
                let member = &pool.members[at];
                if !pool.has_ended(member) {
                    return None;
                }
                pool.bury(at)
            }
            None => Exit::Unknown,
        };
        self.seats[seat] = None;
        self.lost_any = true;
        Some(exit)
    }

    fn kill(&mut self, seat: usize, task: u32) {
        self.lost_any = true;
        // Interrupted first: what the task has left to be done at its end is done.
        let pool = self.pool.borrow();
        if let Some(duty) = &mut self.seats[seat] {
            if let Some(at) = pool.at(duty.pid) {
                let status = &self.memory.status()[seat];
                let word = u64::from(task) + 1;
                status.called_off.store(word, Ordering::Release);
                pool.members[at].signal_group(Signal::INT);
                duty.ultimatum = Some((Instant::now() + INTERRUPT_GRACE, word));
            }
        }
    }

    fn tidy(&mut self) {
        let pool = self.pool.borrow();
        let now = Instant::now();
        for (seat, duty) in self.seats.iter_mut().enumerate() {
            let Some(duty) = duty else {
                continue;
            };
            let Some((_, word)) = duty.ultimatum.take_if(|(at, _)| *at <= now) else {
                continue;
            };
            // If the task had just ended, the worker has gone on, and may.
            let running = self.memory.status()[seat].running.load(Ordering::Acquire);
            if let (Some(at), true) = (pool.at(duty.pid), running == word) {
                pool.members[at].signal_group(Signal::KILL);
            }
        }
    }

    fn watched(&self, seat: usize) -> Option<BorrowedFd<'_>> {
        let duty = self.seats[seat].as_ref()?;
        duty.pidfd.as_ref().map(|pidfd| pidfd.as_fd())
    }

    fn abandon(&mut self) {
        self.keep_memory();
        let mut pool = self.pool.borrow_mut();
        for (seat, duty) in self.seats.iter_mut().enumerate() {
            let Some(at) = duty.take().and_then(|duty| pool.at(duty.pid)) else {
                continue;
            };
            if self.memory.status()[seat].phase().is_over() {
                pool.members[at].set_off_duty();
            } else {
                pool.retire(at);
            }
        }
    }

    fn end(&mut self, _polite: Signal, grace: Duration) {
        self.keep_memory();
        let header = self.memory.header();
        header.abandoned.store(1, Ordering::Release);
        header.stopped.store(1, Ordering::Release);
        let begun = Instant::now();
        let mut interrupted = vec![false; self.seats.len()];
        loop {
            for seat in 0..self.seats.len() {
                // Who has not reached its tasks finds that there are none, and stands by.
                let phase = self.memory.status()[seat].phase();
                if self.seats[seat].is_some() && phase != Phase::Started {
                    self.release(seat);
                }
            }
            let pool = self.pool.borrow();
            let late = begun.elapsed() >= grace;
            let mut waiting = false;
            for (seat, duty) in self.seats.iter().enumerate() {
                let at = duty.as_ref().and_then(|duty| pool.at(duty.pid));
                let Some(member) = at.map(|at| &pool.members[at]) else {
                    continue;
                };
                if pool.has_ended(member) {
                    continue;
                }
                waiting = true;
                // Who is between two tasks sees the word, without a signal.
                let running = self.memory.status()[seat].running.load(Ordering::Acquire) != 0;
                if late {
                    member.signal_group(Signal::KILL);
                } else if !interrupted[seat] && (running || begun.elapsed() > FAREWELL * 10) {
                    interrupted[seat] = true;
                    member.signal_group(Signal::INT);
                }
            }
            if late || !waiting {
                break;
            }
            drop(pool);
            std::thread::sleep(if begun.elapsed() < FAREWELL {
                GLANCE
            } else {
                FAREWELL
            });
        }
        for seat in 0..self.seats.len() {
            let Some(duty) = self.seats[seat].take() else {
                continue;
            };
            let mut pool = self.pool.borrow_mut();
            if let Some(at) = pool.at(duty.pid) {
                pool.bury(at);
            }
        }
    }
}
