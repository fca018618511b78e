//! What a worker does between two evaluations.
//!
//! A worker takes a seat of the job and is driven from outside:
//!
//! ```text
//! while let Some(task) = seat.next() {
//!     seat.begin(task);
//!     let value = ...;                  evaluated by whoever drives
//!     seat.end();
//!     seat.send(...)?;                  unless the value fits into its slot
//!     seat.commit(state, bits);
//! }
//! seat.finish();
//! ```
//!
//! No call of these evaluates anything, so an interpreter that leaves an evaluation by a
//! jump crosses no frame of this crate: between two calls all that must survive is in
//! the seat or in shared memory. A failed task ends like another one, with
//! [`State::Failed`].

use std::cell::Cell;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustle_schedule::Claims;
use rustle_shared::{send, Backpressure, Content, State};

use crate::board::Board;
use crate::child;
use crate::clock::{now_ns, Monotonic};
use crate::crew::Assignment;
use crate::memory::{JobMemory, Part, Phase, WorkerStatus};
use crate::spans::{peak_kib, reset_peak, Entry, Keep, Measured, Pen, Stopwatch};

/// How a worker reaches the session that waits for its results.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// A byte in here wakes the session.
    pub wake: RawFd,
    /// The process whose end is the end of its workers.
    pub session: i32,
}

/// Nobody receives results any more: the worker has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

/// See the page of this module.
#[derive(Debug)]
pub struct Seat {
    number: usize,
    memory: Rc<JobMemory>,
    link: Link,
    claims: Claims,
    /// Keep when each task began, for its timeout.
    timed: bool,
    /// Which spans are kept, and whether the memory of tasks is measured.
    terms: Measured,
    watch: Stopwatch,
    /// What is gathered of the next span; no tasks: nothing.
    span: Entry,
    /// The claim of the tasks that begin now was stolen.
    stole: bool,
    pen: Pen,
    /// The most memory that this process had after the task before, in KiB.
    peak: u64,
    /// What the time until the first task is counted as.
    before_first: Option<Part>,
    /// The task that was begun last.
    task: u32,
    /// [`Seat::finish`] has been called. The session takes its word back from shared memory.
    finished: Cell<bool>,
}

impl Seat {
    /// Takes the seat of `assignment` in the job of `memory`.
    pub fn take(
        memory: Rc<JobMemory>,
        assignment: Assignment,
        link: Link,
        timed: bool,
        terms: Measured,
    ) -> Seat {
        let status = &memory.status()[assignment.seat];
        let now = now_ns();
        if status.mark() == 0 {
            status.count_from(now);
        }
        // Who replaces a worker that was lost makes up for a loss.
        let replaces = status.part(Part::Lost) > 0;
        let or_lost = |part| if replaces { Part::Lost } else { part };
        status.pass(or_lost(Part::Starting), now);
        if terms.memory {
            reset_peak();
        }
        let peak = peak_kib();
        if !replaces {
            status.base.store(peak, Ordering::Relaxed);
        }
        Seat {
            terms,
            watch: Stopwatch::new(terms.keep),
            span: Entry::default(),
            stole: false,
            pen: Pen::default(),
            peak,
            before_first: Some(or_lost(Part::First)),
            number: assignment.seat,
            memory,
            link,
            claims: Claims::new(assignment.seat, assignment.redo),
            timed,
            task: 0,
            finished: Cell::new(false),
        }
    }

    /// Its number, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The task that was begun last, from 0.
    #[inline]
    pub fn task(&self) -> u32 {
        self.task
    }

    /// Where values go that have words of their own.
    #[inline]
    pub fn memory(&self) -> &JobMemory {
        &self.memory
    }

    /// The same, to be had when this is gone.
    pub fn shared(&self) -> Rc<JobMemory> {
        Rc::clone(&self.memory)
    }

    /// How often this worker has claimed tasks.
    #[inline]
    pub fn claims(&self) -> u64 {
        self.claims.made()
    }

    /// Says that this worker has reached its tasks; `true` the first time.
    pub fn start(&self) -> bool {
        self.status().enter(Phase::Started) == Phase::Silent
    }

    /// The next task that has to run and has no result; `None` when there is nothing
    /// left to do. All tasks before are done.
    #[expect(
        clippy::should_implement_trait,
        reason = "no iterator: to ask for a task says that the one before is done"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<u32> {
        loop {
            if self.claims.is_idle() {
                self.close_batch();
            }
            let (made, stolen) = (self.claims.made(), self.claims.stolen());
            let task = self.claims.next(&self.memory.table(), &Monotonic);
            if self.claims.made() != made {
                let status = self.status();
                add(&status.claims, self.claims.made() - made);
                add(&status.steals, self.claims.stolen() - stolen);
                // A slow claim was given back, and another one made at once.
                self.close_batch();
                if self.claims.stolen() != stolen {
                    // A span is of one worker's block or of another's, so that steals can be seen.
                    self.write_span();
                    self.stole = true;
                }
            }
            let task = task?;
            if self.memory.header().stopped.load(Ordering::Relaxed) == 1 {
                return None;
            }
            let slot = self.memory.slots().of(task as usize);
            if slot.is_finished() {
                continue;
            }
            if u64::from(task) > self.memory.header().last_needed() {
                slot.commit(State::Skipped, 0);
                continue;
            }
            return Some(task);
        }
    }

    /// The evaluation of `task` begins.
    #[inline]
    pub fn begin(&mut self, task: u32) {
        self.task = task;
        self.board().clear_printed();
        let status = &self.memory.status()[self.number];
        if self.watch.begin(task) {
            let before = self.before_first.take().unwrap_or(Part::Claims);
            status.pass(before, now_ns());
        }
        status.running.store(u64::from(task) + 1, Ordering::Release);
        if self.timed {
            status.since.store(now_ns(), Ordering::Release);
        }
    }

    /// Is a task begun and not committed?
    #[inline]
    pub fn is_running(&self) -> bool {
        self.status().running.load(Ordering::Relaxed) != 0
    }

    /// The evaluation is over; what comes of it follows.
    #[inline]
    pub fn end(&mut self) {
        self.status().since.store(0, Ordering::Relaxed);
        if self.watch.is_due() {
            self.close_batch();
        }
    }

    /// Takes the time of the tasks since the clock was read last, if there are any.
    fn close_batch(&mut self) {
        if !self.watch.is_open() {
            return;
        }
        let status = &self.memory.status()[self.number];
        let (start, now) = (status.mark(), now_ns());
        status.pass(Part::Tasks, now);
        let (task, count) = self.watch.close(now - start);
        if self.terms.keep == Keep::Nothing {
            return;
        }
        if self.span.count == 0 {
            self.span = Entry {
                start,
                task,
                seat: self.number as u32,
                stolen: std::mem::take(&mut self.stole),
                ..Entry::default()
            };
        }
        self.span.count += count;
        self.span.end = now;
        if self.terms.memory {
            let peak = peak_kib();
            let growth = u32::try_from(peak.saturating_sub(self.peak)).unwrap_or(u32::MAX);
            self.span.growth = self.span.growth.saturating_add(growth).min(Entry::LOST - 1);
            self.peak = peak;
        }
        if self.span.count >= self.terms.keep.least(self.memory.layout.tasks()) {
            self.write_span();
        }
    }

    fn write_span(&mut self) {
        if self.span.count > 0 {
            self.memory.note(&mut self.pen, &self.span);
            self.span.count = 0;
        }
    }

    /// The task has come to this; with [`State::Sent`] and [`State::Failed`] a frame with
    /// the object was sent before.
    #[inline]
    pub fn commit(&self, state: State, bits: u64) {
        self.memory
            .slots()
            .of(self.task as usize)
            .commit(state, bits);
        let status = self.status();
        if matches!(state, State::Sent | State::Failed) && !self.watch.is_open() {
            status.pass(Part::Moving, now_ns());
        }
        status.running.store(0, Ordering::Release);
        add(&status.done, 1);
    }

    /// Tasks after the one that was begun last need not start any more.
    pub fn cut(&self) {
        self.memory.header().cut_after(u64::from(self.task));
        self.wake();
    }

    /// Sends a frame that belongs to `task`, waiting for room in the ring.
    ///
    /// # Errors
    ///
    /// [`Abandoned`] when nobody receives; the frame is then half sent.
    pub fn send<'a>(
        &self,
        task: u32,
        content: Content,
        skeleton: &'a [u8],
        bulk: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), Abandoned> {
        let ring = &self.memory.rings()[self.number];
        let mut wait = Wait {
            seat: self,
            began: 0,
            since: 0,
        };
        send(ring, task, content, skeleton, bulk, &mut wait, || {
            if ring.is_crowded() {
                self.wake();
            }
        })
        .map_err(|_| Abandoned)
    }

    /// Shall no further task start?
    #[inline]
    pub fn is_stopped(&self) -> bool {
        self.memory.header().stopped.load(Ordering::Acquire) == 1
    }

    /// Is the time of the task over that was begun last?
    #[inline]
    pub fn is_called_off(&self) -> bool {
        self.status().called_off.load(Ordering::Acquire) == u64::from(self.task) + 1
    }

    /// Was any task of this worker called off?
    pub fn was_called_off(&self) -> bool {
        self.status().called_off.load(Ordering::Acquire) != 0
    }

    /// Was an earlier task called off, which had already ended? `true` once.
    pub fn takes_late_call(&self) -> bool {
        !self.is_called_off() && self.status().called_off.swap(0, Ordering::AcqRel) != 0
    }

    /// Nothing is left to do.
    pub fn finish(&mut self) {
        self.close_batch();
        self.write_span();
        let status = self.status();
        let last = self.before_first.unwrap_or(Part::Claims);
        status.pass(last, now_ns());
        status.peak.store(peak_kib(), Ordering::Relaxed);
        self.finished.set(true);
        self.status().enter(Phase::Finished);
        self.wake();
    }

    /// Has [`Seat::finish`] been called?
    pub fn is_finished(&self) -> bool {
        self.finished.get()
    }

    /// What this worker writes up.
    #[inline]
    pub fn board(&self) -> &Board {
        &self.memory.boards()[self.number]
    }

    /// Answers the session, which waits for it.
    pub fn answer(&self, question: u32, calls: &str) {
        self.board().answer(question, calls);
        self.wake();
    }

    #[inline]
    fn status(&self) -> &WorkerStatus {
        &self.memory.status()[self.number]
    }

    fn wake(&self) {
        if self.memory.header().asleep.swap(0, Ordering::SeqCst) == 1 {
            // SAFETY: one byte to a pipe of ours; when the pipe is full the session has
            // enough to wake up for.
            unsafe { libc::write(self.link.wake, [1u8].as_ptr().cast(), 1) };
        }
    }
}

/// Counts up a word that one worker at a time writes.
#[inline]
fn add(word: &AtomicU64, n: u64) {
    word.store(word.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

/// A worker that waits for room in its ring.
struct Wait<'a> {
    seat: &'a Seat,
    /// When the wait began, and the task's clock then; 0 outside of a wait.
    began: u64,
    since: u64,
}

impl Backpressure for Wait<'_> {
    /// Waiting for room is not the task's time: its clock stands still.
    fn full(&mut self) -> bool {
        if self.began == 0 {
            self.began = now_ns();
            self.since = self.seat.status().since.swap(0, Ordering::AcqRel);
        }
        self.seat.wake();
        let abandoned = self.seat.memory.header().abandoned.load(Ordering::Acquire);
        abandoned == 0 && !child::is_orphan(self.seat.link.session)
    }

    fn flowing(&mut self) {
        if self.since != 0 {
            let since = self.since + now_ns() - self.began;
            self.seat.status().since.store(since, Ordering::Release);
        }
        (self.began, self.since) = (0, 0);
    }
}
