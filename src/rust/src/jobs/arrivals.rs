//! What has arrived from the workers of a job and waits to be told to R.

use std::ffi::c_int;
use std::time::Duration;

use rustle_shared::{Content, FrameHeader, FrameSink};
use rustle_workers::job::Audience;
use rustle_workers::memory::JobMemory;

use super::ahead::Ahead;
use super::attributes::Known;
use super::decode::{decode, is_instead, text, Destinations};
use crate::ffi::{self, Sexp};
use crate::lists::{named_list, string, word};

/// What happened to a task, in the order of arrival at the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Condition,
    Output,
    Misuse,
    /// Its value is one that was sent in place of what cannot travel.
    Travelled,
    /// Events of the task so far are void: it runs again.
    Discard,
    /// The task's time was over.
    TimedOut,
}

impl Event {
    /// The word for it in R/engine-mailbox.R.
    fn word(self) -> &'static str {
        match self {
            Event::Condition => "condition",
            Event::Output => "output",
            Event::Misuse => "misuse",
            Event::Travelled => "travelled",
            Event::Discard => "discard",
            Event::TimedOut => "timeout",
        }
    }
}

/// Frames on their way from one worker.
#[derive(Debug, Default)]
struct Inbox {
    into: Destinations,
    piece: usize,
    filled: usize,
    /// What is known of attributes, of results and of conditions: a worker encodes these apart.
    known: [Known; 2],
}

/// Objects under construction and events not yet told.
#[derive(Debug)]
pub(crate) struct Arrivals {
    inboxes: Vec<Inbox>,
    /// R list with the object that each worker is sending; preserved.
    building: Sexp,
    /// R list with two elements per worker, see `known`; preserved.
    known: Sexp,
    events: Vec<(u32, Event)>,
    tasks: usize,
    /// R list with the values that came as objects, one element per task; preserved.
    /// `NULL` until the first comes.
    values: Sexp,
    /// Which values that came in slots are in `values` too.
    ahead: Ahead,
    /// R list with the objects of events; preserved.
    objects: Sexp,
}

/// Makes a list that is kept until it is released.
unsafe fn preserved_list(len: usize) -> Sexp {
    // SAFETY: main thread; preserved before anything else is allocated.
    unsafe {
        let list = ffi::Rf_protect(ffi::Rf_allocVector(ffi::VECSXP as u32, len as isize));
        ffi::R_PreserveObject(list);
        ffi::Rf_unprotect(1);
        list
    }
}

impl Arrivals {
    /// Nothing has arrived from any of `workers` workers for any of `tasks` tasks. listed: will
    /// the values be a list?
    pub(crate) fn new(workers: usize, tasks: usize, listed: bool) -> Arrivals {
        // SAFETY: jobs are opened on R's main thread; each list is preserved before the
        // next is allocated.
        let [building, known, objects] =
            unsafe { [workers, 2 * workers, 16].map(|len| preserved_list(len)) };
        let inboxes = (0..workers).map(|_| Inbox::default()).collect();
        Arrivals {
            inboxes,
            building,
            known,
            events: Vec::new(),
            tasks,
            values: ffi::nil(),
            ahead: Ahead::new(workers, if listed { tasks } else { 0 }),
            objects,
        }
    }

    /// The values that came as objects, or `NULL` when none did.
    pub(crate) fn values(&self) -> Sexp {
        self.values
    }

    /// The same; an empty list when none did.
    pub(crate) fn values_list(&mut self) -> Sexp {
        if self.values == ffi::nil() {
            // SAFETY: jobs receive and collect on R's main thread.
            self.values = unsafe { preserved_list(self.tasks) };
        }
        self.values
    }

    /// The tasks whose values are not in the list yet, if their slots hold them.
    pub(crate) fn not_ahead(&self) -> impl Iterator<Item = usize> + '_ {
        let all = if self.ahead.is_wanted() {
            0
        } else {
            self.tasks
        };
        (0..all).chain(self.ahead.left())
    }

    /// The values of what is known, see [`Inbox`], of which this is element `at`.
    ///
    /// # Safety
    ///
    /// R's main thread.
    unsafe fn known_list(&self, at: usize) -> Sexp {
        // SAFETY: by the caller's promise; what is made is stored in a preserved list at once.
        unsafe {
            let list = ffi::VECTOR_ELT(self.known, at as isize);
            if list != ffi::nil() {
                return list;
            }
            ffi::SET_VECTOR_ELT(self.known, at as isize, Known::list())
        }
    }

    /// Notes an event of a task (from 0).
    fn push_event(&mut self, task: u32, event: Event, object: Sexp) {
        let at = self.events.len();
        // SAFETY: `object` is protected by the caller or by `building`; the old
        // list is released after its elements have moved.
        unsafe {
            let room = ffi::Rf_xlength(self.objects) as usize;
            if at == room {
                let wider = preserved_list(2 * room);
                for i in 0..room as isize {
                    ffi::SET_VECTOR_ELT(wider, i, ffi::VECTOR_ELT(self.objects, i));
                }
                ffi::R_ReleaseObject(std::mem::replace(&mut self.objects, wider));
            }
            ffi::SET_VECTOR_ELT(self.objects, at as isize, object);
        }
        self.events.push((task, event));
    }

    /// Hands the events over as `list(task, event, object)`: an integer vector of
    /// tasks from 1, a character vector, and a list; `NULL` when there are none.
    pub(crate) fn take_events(&mut self) -> Sexp {
        let n = self.events.len() as isize;
        if n == 0 {
            return ffi::nil();
        }
        // SAFETY: `out` is protected, and whatever else is allocated is stored in it
        // at once.
        unsafe {
            let out = ffi::Rf_protect(named_list(&["task", "event", "object"]));
            let tasks = ffi::Rf_allocVector(ffi::INTSXP as u32, n);
            ffi::SET_VECTOR_ELT(out, 0, tasks);
            let kinds = ffi::Rf_allocVector(ffi::STRSXP as u32, n);
            ffi::SET_VECTOR_ELT(out, 1, kinds);
            let objects = ffi::Rf_allocVector(ffi::VECSXP as u32, n);
            ffi::SET_VECTOR_ELT(out, 2, objects);
            for (i, (task, event)) in self.events.iter().enumerate() {
                ffi::INTEGER(tasks).add(i).write(*task as c_int + 1);
                let at = i as isize;
                ffi::SET_STRING_ELT(kinds, at, word(event.word()));
                ffi::SET_VECTOR_ELT(objects, at, ffi::VECTOR_ELT(self.objects, at));
                ffi::SET_VECTOR_ELT(self.objects, at, ffi::nil());
            }
            self.events.clear();
            ffi::Rf_unprotect(1);
            out
        }
    }
}

impl Drop for Arrivals {
    /// Gives the R objects back.
    fn drop(&mut self) {
        // SAFETY: jobs are closed on R's main thread; the lists were preserved (`NULL` need
        // not be), and are released once.
        unsafe {
            ffi::R_ReleaseObject(self.building);
            ffi::R_ReleaseObject(self.known);
            ffi::R_ReleaseObject(self.objects);
            ffi::R_ReleaseObject(self.values);
        }
    }
}

impl Audience for Arrivals {
    fn sink(&mut self, seat: usize) -> impl FrameSink + '_ {
        let arrivals = self;
        Sink { arrivals, seat }
    }

    fn forget(&mut self, seat: usize) {
        self.inboxes[seat] = Inbox::default();
        // SAFETY: preserved lists of one and of two elements per seat.
        unsafe {
            ffi::SET_VECTOR_ELT(self.building, seat as isize, ffi::nil());
            for at in 2 * seat..2 * seat + 2 {
                ffi::SET_VECTOR_ELT(self.known, at as isize, ffi::nil());
            }
        }
    }

    fn discard(&mut self, task: u32) {
        self.ahead.forget();
        self.push_event(task, Event::Discard, ffi::nil());
    }

    fn time_out(&mut self, task: u32, calls: &str) {
        // SAFETY: R's main thread; the string is protected until it is stored.
        unsafe {
            let calls = ffi::Rf_protect(string(calls));
            self.push_event(task, Event::TimedOut, calls);
            ffi::Rf_unprotect(1);
        }
    }

    fn has_news(&self) -> bool {
        !self.events.is_empty()
    }

    fn gather(&mut self, memory: &JobMemory) -> Option<Duration> {
        if !self.ahead.is_wanted() {
            return None;
        }
        let values = self.values_list();
        // SAFETY: jobs are waited for on R's main thread; a preserved list of an element per
        // task.
        Some(unsafe { self.ahead.make(memory, values) })
    }
}

/// Turns the frames of one worker into values and events.
struct Sink<'a> {
    arrivals: &'a mut Arrivals,
    seat: usize,
}

impl Sink<'_> {
    fn built(&self) -> Sexp {
        // SAFETY: a preserved list of one element per seat.
        unsafe { ffi::VECTOR_ELT(self.arrivals.building, self.seat as isize) }
    }
}

impl FrameSink for Sink<'_> {
    fn skeleton(&mut self, header: FrameHeader, bytes: &[u8]) {
        // SAFETY: the bytes come from our encoder; the result is stored in a
        // preserved list before anything else is allocated.
        unsafe {
            let kind = usize::from(header.content == Content::Condition);
            let list = self.arrivals.known_list(2 * self.seat + kind);
            let inbox = &mut self.arrivals.inboxes[self.seat];
            (inbox.piece, inbox.filled) = (0, 0);
            let object = match header.content {
                Content::Value | Content::Error | Content::Condition => {
                    decode(bytes, &mut inbox.into, &mut inbox.known[kind], list)
                }
                Content::Output => text(bytes),
                Content::Misuse => ffi::nil(),
            };
            ffi::SET_VECTOR_ELT(self.arrivals.building, self.seat as isize, object);
        }
        let is_result = matches!(header.content, Content::Value | Content::Error);
        if is_result && is_instead(bytes) {
            self.arrivals
                .push_event(header.task, Event::Travelled, ffi::nil());
        }
    }

    fn bulk(&mut self, _header: FrameHeader, _at: u64, mut bytes: &[u8]) {
        let inbox = &mut self.arrivals.inboxes[self.seat];
        while let (false, Some(&(to, len))) = (bytes.is_empty(), inbox.into.get(inbox.piece)) {
            let n = bytes.len().min(len - inbox.filled);
            // SAFETY: the vector is kept by `building` and has `len` bytes, of
            // which `filled` are filled.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(inbox.filled), n) };
            inbox.filled += n;
            bytes = &bytes[n..];
            if inbox.filled == len {
                (inbox.piece, inbox.filled) = (inbox.piece + 1, 0);
            }
        }
    }

    fn whole(&mut self, header: FrameHeader) {
        let object = self.built();
        match header.content {
            Content::Value | Content::Error => {
                let values = self.arrivals.values_list();
                // SAFETY: `values` has an element per task.
                unsafe { ffi::SET_VECTOR_ELT(values, header.task as isize, object) };
            }
            Content::Condition => self
                .arrivals
                .push_event(header.task, Event::Condition, object),
            Content::Output => self.arrivals.push_event(header.task, Event::Output, object),
            Content::Misuse => self.arrivals.push_event(header.task, Event::Misuse, object),
        }
        // SAFETY: a preserved list of one element per seat.
        unsafe { ffi::SET_VECTOR_ELT(self.arrivals.building, self.seat as isize, ffi::nil()) };
    }
}
