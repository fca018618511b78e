//! The life of a worker that stands by, and of the server of which it is a copy.
//!
//! ```text
//! serve()  (R/engine-server.R)
//!   rs_server_open()          greets the session
//!   rs_server_next()          forks; TRUE in the copy:
//!     stand_by()
//!       rs_worker_stand()     never returns
//!         repeat
//!           a letter          the order: seat, memory, parcel
//!           evaluates main(again):
//!             rs_worker_order()    the parcel, as an R object
//!             rs_worker_enlist()   takes the seat
//!             rs_worker_run()      as in forked workers (evaluate.rs)
//!           evaluates after(interrupted)  clears the desk
//! ```

use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use extendr_api::prelude::*;
use rustle_shared::MemoryFile;
use rustle_workers::limits::ROUSED;
use rustle_workers::memory::{JobMemory, Kept};
use rustle_workers::order::{rouses, Order};
use rustle_workers::part::Part;
use rustle_workers::pool::RETIRED;
use rustle_workers::post::{Letter, Post};
use rustle_workers::seat::{Link, Seat};
use rustle_workers::server::{post_of, Call, Serving, VARIABLE};
use rustle_workers::{blas, child};

use super::evaluate::{self, Context};
use super::exits;
use super::rules::{self, Code, Rules};
use super::tell;
use super::worker::{self, WORKER};
use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::parcel::unpack;
use crate::raw::number;
use crate::refusal::{into_r, Parsed, Refusal};

/// What this process is, if it serves or stands by. On R's main thread.
#[derive(Debug, Default)]
struct Role {
    serving: Option<Serving>,
    standing: Option<StandsBy>,
}

/// A worker that stands by.
#[derive(Debug)]
struct StandsBy {
    post: Post,
    /// The pipe by which it wakes the session, both ends.
    wake: (OwnedFd, OwnedFd),
    server: i32,
    /// What post and pipe are, by which it is known that no task has closed them.
    channels: Vec<Option<(u64, u64)>>,
    /// How long it waits for an order.
    patience: Duration,
    order: Option<Order>,
    /// What is mapped of the memory of the last job: the next one may be in it.
    kept: Option<Kept>,
    /// Bytes of large orders since R last collected.
    held: usize,
    /// What the job has changed and what must be put back.
    voice: Option<OwnedFd>,
    pinned: bool,
}

impl StandsBy {
    fn identities(&self) -> Vec<Option<(u64, u64)>> {
        let (reading, writing) = &self.wake;
        [self.post.as_fd(), reading.as_fd(), writing.as_fd()]
            .map(|fd| child::identity(fd.as_raw_fd()))
            .to_vec()
    }
}

thread_local! {
    static ROLE: RefCell<Role> = RefCell::default();
}

/// A worker that was sent more than this gives the memory back soon after the job, not at R's
/// next collection, which does not know of mapped files and may be long after.
const HEAVY_BYTES: usize = 16 << 20;
/// How soon: a collection takes R tens of milliseconds, for which the next job of a series
/// would wait.
const GIVE_BACK: Duration = Duration::from_millis(200);
/// At once when it holds more than this.
const HELD_MOST: usize = 1 << 30;

/// How long a worker waits that was never told.
const PATIENCE: Duration = Duration::from_secs(600);

/// Makes this process a server: of the session that has started it, and which is told
/// `greeting`. `FALSE` when no session has.
/// @noRd
#[extendr]
fn rs_server_open(greeting: &str) -> bool {
    worker::prepare();
    let word = std::env::var(VARIABLE).unwrap_or_default();
    std::env::remove_var(VARIABLE);
    // SAFETY: the session has left these descriptors open for us, and nobody else here knows
    // them; if the first is no post, the greeting fails.
    let Some(post) = (unsafe { post_of(&word) }) else {
        return false;
    };
    let serving = Serving::new(post);
    let heard = serving.greet(greeting.as_bytes()).is_ok();
    ROLE.with_borrow_mut(|role| role.serving = heard.then_some(serving));
    heard
}

/// Serves the session: returns `TRUE` in a worker that has just been made, `NULL` at the end.
pub(super) unsafe extern "C-unwind" fn server_next() -> Sexp {
    let server = std::process::id() as i32;
    let call = ROLE.with_borrow_mut(|role| match &mut role.serving {
        // SAFETY: R's main thread; a copy isolates itself below, first of all.
        Some(serving) => unsafe { serving.next() },
        None => Call::End,
    });
    match call {
        Call::End => ffi::nil(),
        Call::Worker(files) => {
            ROLE.with_borrow_mut(|role| {
                let mut files = files.into_iter();
                let (post, writing, reading) = (files.next(), files.next(), files.next());
                let (Some(post), Some(writing), Some(reading)) = (post, writing, reading) else {
                    child::leave(exits::PANIC);
                };
                // Both are closed as copies of the server's.
                role.serving = None;
                child::isolate_standing(server, &[post.as_raw_fd()]);
                WORKER.store(std::process::id(), Ordering::Relaxed);
                let mut own = StandsBy {
                    post: Post::received(post),
                    wake: (reading, writing),
                    server,
                    channels: Vec::new(),
                    patience: PATIENCE,
                    order: None,
                    kept: None,
                    held: 0,
                    voice: None,
                    pinned: false,
                };
                own.channels = own.identities();
                role.standing = Some(own);
            });
            // Before `setup`, which may load packages with handlers of input.
            tell::listen();
            // SAFETY: R's main thread; nothing is owned here.
            unsafe { ffi::Rf_ScalarLogical(1) }
        }
    }
}

/// The whole life of a worker that stands by.
pub(super) fn stand(main: Sexp, after: Sexp) -> ! {
    let before = child::cpus();
    loop {
        let order = Order::read(next_letter()).unwrap_or_else(|| child::leave(1));
        with_standing(|own| {
            own.patience = order.patience;
            let files = order.parts.iter().flat_map(Part::files);
            let bytes: usize = files.map(MemoryFile::len).sum();
            if bytes >= HEAVY_BYTES {
                own.held += bytes;
            }
            own.order = Some(order);
        });
        let mut again = false;
        loop {
            let whole = worker::evaluate(main, again);
            if evaluate::has_finished() {
                break;
            }
            // R has printed why it could not take its seat.
            if whole || !evaluate::is_enlisted() {
                child::leave(exits::ABANDONED);
            }
            again = true;
        }
        child::let_interrupts(false);
        let interrupted = evaluate::was_interrupted();
        let memory = Context::dispose();
        with_standing(|own| {
            let id = own.order.take().map(|order| order.memory.1);
            own.kept = memory.zip(id).and_then(|(memory, id)| memory.to_keep(id));
            if let Some(voice) = own.voice.take() {
                child::speak_again(voice);
            }
            if let (true, Some(cpus)) = (std::mem::take(&mut own.pinned), &before) {
                child::unpin(cpus);
            }
        });
        let sound = with_standing(|own| own.identities() == own.channels);
        if !worker::evaluate(after, interrupted) || !sound {
            child::leave(RETIRED);
        }
        give_back();
    }
}

/// This worker cannot be used again.
/// @noRd
#[extendr]
fn rs_worker_retire() {
    if ROLE.with_borrow(|role| role.standing.is_some()) {
        child::leave(RETIRED);
    }
}

fn with_standing<T>(f: impl FnOnce(&mut StandsBy) -> T) -> T {
    ROLE.with_borrow_mut(|role| match &mut role.standing {
        Some(own) => f(own),
        None => child::leave(exits::PANIC),
    })
}

/// Gives back what large orders have left behind, unless the next order comes soon.
fn give_back() {
    let due = with_standing(|own| {
        let due = own.held > HELD_MOST || (own.held > 0 && !own.post.is_readable(GIVE_BACK));
        if due {
            own.held = 0;
        }
        due
    });
    if due {
        // SAFETY: R's main thread, at top level; finalizers find no borrow of ours.
        unsafe { ffi::R_gc() };
    }
}

/// Waits for an order. When there will be none, or none has come for too long, this process
/// ends.
fn next_letter() -> Letter {
    with_standing(|own| {
        let deadline = Instant::now() + own.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                child::leave(RETIRED);
            }
            if own.post.is_readable(left) {
                match own.post.receive() {
                    Ok(Some(letter)) if rouses(&letter) => {
                        let until = Instant::now() + ROUSED;
                        while !own.post.is_readable(Duration::ZERO) && Instant::now() < until {
                            std::hint::spin_loop();
                        }
                    }
                    Ok(Some(letter)) => return letter,
                    Ok(None) => child::leave(0),
                    Err(rustix::io::Errno::INTR) => {}
                    // A task has closed it.
                    Err(_) => child::leave(RETIRED),
                }
            }
        }
    })
}

/// Part `part` (from 0) of what was ordered, as an R object; it can be asked for once. R may
/// jump out of this.
pub(super) unsafe extern "C-unwind" fn order(part: Sexp) -> Sexp {
    // SAFETY: R code passes a number.
    let part = unsafe { number(part) } as usize;
    let parcel = with_standing(|own| {
        let part = own
            .order
            .as_mut()
            .and_then(|order| order.parts.get_mut(part));
        part.map(std::mem::take).unwrap_or_default()
    });
    // SAFETY: the session has packed them, in the same version of this package; nothing is
    // owned here any more.
    unsafe { unpack::unpack(parcel) }
}

/// Takes the seat of the job that was ordered. R code keeps `code` alive until it is over.
/// @noRd
#[extendr]
fn rs_worker_enlist(spec: Robj, code: Robj) -> List {
    let enlist = |spec: Fields, code: Fields| -> Parsed<Robj> {
        let (layout, _) = rules::layout(&spec)?;
        let rules = Rules::read(&spec)?;
        // SAFETY: R code keeps the list alive.
        let code = unsafe { Code::read(&code) }?;
        let (terms, timed) = (rules.terms, rules.timed);
        let seat = ROLE.with_borrow_mut(|role| -> Parsed<Seat> {
            let own = role.standing.as_mut();
            let own = own.ok_or_else(|| Refusal::internal("this is no worker"))?;
            let order = own.order.as_ref();
            let order = order.ok_or_else(|| Refusal::internal("nothing was ordered"))?;
            let ((file, id), kept) = (&order.memory, own.kept.take());
            let memory =
                JobMemory::received(layout, terms.keep, rules.shape.words(), (file, *id), kept)
                    .map_err(|e| Refusal::new("memory", e))?;
            if rules.silent {
                own.voice = child::voice();
                child::silence();
            }
            own.pinned = rules.affinity.is_some();
            let link = Link {
                wake: own.wake.1.as_fd().as_raw_fd(),
                session: own.server,
            };
            Ok(Seat::take(
                Rc::new(memory),
                order.assignment.clone(),
                link,
                timed,
                terms,
            ))
        })?;
        blas::allot(rules.threads);
        Context::install(seat, rules, code, true);
        // From here on an interrupt finds a job that it can end.
        child::let_interrupts(true);
        Ok(r!(NULL))
    };
    into_r(Fields::new(&spec).and_then(|spec| enlist(spec, Fields::new(&code)?)))
}

extendr_module! {
    mod stand;
    fn rs_server_open;
    fn rs_worker_retire;
    fn rs_worker_enlist;
}
