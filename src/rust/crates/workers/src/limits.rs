//! The numbers that decide, and where they come from. Times were measured on a machine
//! of two cores with R of 50 to 100 MB (a fork 1 ms, a call of two workers 7 ms).

use std::time::Duration;

/// How often the tasks that nobody has are collected and run again. Each sweep needs
/// that workers died in the few instructions between two words of the claim table, so
/// a second one is rare already; a job that needs more has another fault.
pub const SWEEPS: u32 = 8;

/// How often a worker is asked for, and how long we wait between, when the system has
/// no process to give and nobody else is at work: half a second in all.
pub const START_ATTEMPTS: u32 = 50;
/// See [`START_ATTEMPTS`].
pub const START_PAUSE: Duration = Duration::from_millis(10);

/// How long the first worker's pace is watched before it is believed, from its first
/// finished task on: that one has copied the pages of a fresh process (about 1 ms).
pub const WARM_UP: Duration = Duration::from_millis(1);
/// A start is taken to cost at least this; below, clocks and page faults decide.
pub const START_PRICE: Duration = Duration::from_micros(500);
/// What an order costs a worker that stands by, if nothing is left when it has read it: about
/// as long as it takes to read one and to clear the desk afterwards.
pub const ORDER_PRICE: Duration = Duration::from_micros(250);
/// The least that a task takes: R's evaluation of a function that does nothing took 0.32
/// microseconds.
pub const EVALUATION: Duration = Duration::from_nanos(300);
/// Another worker is worth its price when what is left takes so many times as long: half
/// of that is saved, and a fresh process pays once more for its first pages (1,000 trivial
/// tasks took 10 ms with one worker, 13 with two).
pub const WORTH: f64 = 5.0;
/// A first worker that has not begun a task by then is not waited for.
pub const FIRST_TASK: Duration = Duration::from_millis(20);
/// How often the first worker is looked at meanwhile.
pub const GLANCE: Duration = Duration::from_micros(20);

/// How long the session watches, without sleeping, a worker that stood by and has been given
/// all that is left: to sleep and to be woken took 60 microseconds; a claim of quick tasks takes
/// 100 to 200. Not where its workers need all cores.
pub const WATCH: Duration = Duration::from_micros(250);
/// The same in all, of one whose tasks are claimed meanwhile: it goes on.
pub const WATCH_MOST: Duration = Duration::from_millis(1);
/// Where jobs are watched in vain, so many at most are not until one is again.
pub const SPARED_MOST: u32 = 256;

/// How long the session sleeps at most where the end of a worker wakes nobody (no
/// pidfd).
pub const BLIND_SLEEP: Duration = Duration::from_millis(10);

/// How long a worker that was told of an order to come looks for it, before it sleeps: about
/// as long as a session takes to write a small one.
pub const ROUSED: Duration = Duration::from_micros(400);

/// The memory of a job is kept for the next one if no more than so many bytes of it were written
/// to, by tasks, workers and through rings: they stay in memory meanwhile. The system takes ten
/// times as long to make pages as it takes to clear those few that must be zero: of 1e6 scalars
/// 1 MB, where 9 MB were written to.
pub const KEPT_BYTES: usize = 24 << 20;
/// The same where address space is limited: so many bytes for tasks and workers, used or not.
pub const KEPT_SMALL: usize = 1 << 20;

/// How often a server looks for its session where the end of that wakes nobody.
pub const BLIND_WATCH: Duration = Duration::from_secs(1);

/// How often workers that were asked to end are looked at: short beside the 0.2 s that
/// they have (`cleanup` of a job, R/engine-job.R), long beside a look.
pub const FAREWELL: Duration = Duration::from_millis(2);

/// How long a session that would be told of it by a signal waits for workers that are leaving: the
/// kernel takes an address space of gigabytes apart in a fraction of this.
pub const DEPARTURE: Duration = Duration::from_secs(2);

/// How long the session waits for an answer of the server that forks workers: a fork takes
/// it milliseconds, unless the machine is out of memory.
pub const SERVER_ANSWER: Duration = Duration::from_secs(10);
/// How long a worker that stands by between jobs has to leave a task that was interrupted,
/// before it is ended by force: the prompt shall be back within a second.
pub const INTERRUPT_GRACE: Duration = Duration::from_millis(500);
/// How long a worker whose time is over has to tell the calls that it is in: it looks for the
/// question every 0.1 s while it waits, and after each garbage collection while it computes,
/// unless it is in compiled code or waits for another process.
pub const TELLING: Duration = Duration::from_millis(300);
/// How often the session looks at the memory of workers and at what they run: it reads a file
/// of some microseconds for each.
pub const LOOK: Duration = Duration::from_millis(250);
/// More tasks than these to run first are sent in a file, not in the letter.
pub const REDO_IN_LETTER: usize = 4000;

/// Rings of all workers together use at most this much memory; each at most
/// [`RING_MOST`], where larger ones gained nothing, and at least [`RING_LEAST`].
pub const RINGS_BYTES: usize = 128 << 20;
/// See [`RINGS_BYTES`].
pub const RING_MOST: usize = 8 << 20;
/// See [`RINGS_BYTES`].
pub const RING_LEAST: usize = 64 << 10;
