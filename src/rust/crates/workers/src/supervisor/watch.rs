//! How the session waits: for results, for the end of a worker, and for time to be over.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags};

use rustle_shared::Ring;

use super::{Seen, Supervisor};
use crate::clock::now_ns;
use crate::crew::Crew;
use crate::limits::{BLIND_SLEEP, LOOK, TELLING};
use crate::post::timespec;
use crate::system;

impl<C: Crew> Supervisor<C> {
    /// Ends workers whose task has run for longer than the timeout.
    pub fn enforce_timeout(&mut self) {
        let Some(timeout) = self.settings.timeout else {
            return;
        };
        let now = now_ns();
        for seat in self.seats() {
            let status = &self.memory.status()[seat];
            let task = status.running.load(Ordering::Acquire);
            let since = status.since.load(Ordering::Acquire);
            let over = since != 0 && u128::from(now.saturating_sub(since)) > timeout.as_nanos();
            // Both words were read of one task.
            let same = task != 0 && status.running.load(Ordering::Acquire) == task;
            if !(over && same && self.crew.is_taken(seat)) {
                continue;
            }
            let task = (task - 1) as u32;
            if !self.recovery.is_timed_out(seat, task) && self.has_told(seat, task) {
                self.recovery.time_out(seat, task);
                self.crew.kill(seat, task);
            }
        }
    }

    /// Has the worker of a seat told the calls of `task`, or had the time to? It is asked first.
    fn has_told(&mut self, seat: usize, task: u32) -> bool {
        let board = &self.memory.boards()[seat];
        match self.questions[seat] {
            Some((of, number, at)) if of == task => {
                board.answer_to(number).is_some() || at.elapsed() >= TELLING
            }
            _ => {
                self.questions[seat] = Some((task, board.ask(), Instant::now()));
                false
            }
        }
    }

    /// Looks at what workers run and at their memory, now and then.
    pub fn look(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        for seat in self.seats() {
            let task = self.memory.status()[seat].running.load(Ordering::Relaxed);
            if self.seen[seat].task != task {
                self.seen[seat] = Seen {
                    task,
                    since: self.looked,
                };
            }
            let bytes = self.crew.pid(seat).and_then(system::memory_of);
            // One that has ended has none, until it is cleared away.
            if let Some(bytes) = bytes.filter(|&bytes| bytes > 0) {
                self.memory.boards()[seat].note_memory(bytes);
            }
        }
    }

    /// What the worker of each seat was seen to do, and its process, if there is one.
    pub fn seen(&self) -> impl Iterator<Item = (Seen, Option<i32>)> + '_ {
        let seats = self.seats();
        seats.map(|seat| (self.seen[seat], self.crew.pid(seat)))
    }

    /// Is there a core for this session beside those of its workers?
    pub(super) fn has_cores(&self) -> bool {
        self.at_work() < self.cores
    }

    /// Has a worker sent enough to be woken for, or reached its end? Who looked for the first byte
    /// would never sleep where many small results come, and take a core from workers.
    fn has_news(&self) -> bool {
        self.memory.rings().iter().any(Ring::is_crowded)
            || self.memory.status().iter().any(|s| s.phase().is_over())
    }

    /// Watches workers that stood by while they do what is left, for a short time. Was there
    /// something new?
    fn watch(&mut self) -> bool {
        if self.memory.table().unclaimed() > 0 || !self.has_cores() {
            return false;
        }
        while self.gaze.rest(0) {
            if self.has_news() {
                self.gaze.succeed();
                return true;
            }
        }
        false
    }

    /// Sleeps until a worker wakes us or ends, at most `limit`; a signal to this process
    /// ends the sleep too.
    pub fn sleep(&mut self, limit: Duration) {
        if self.watch() {
            return;
        }
        self.note_oom();
        let header = self.memory.header();
        header.asleep.store(1, Ordering::SeqCst);
        let mut watched = vec![PollFd::new(&self.wake, PollFlags::IN)];
        let mut limit = limit;
        for seat in self.seats().filter(|&seat| self.crew.is_taken(seat)) {
            match self.crew.watched(seat) {
                Some(fd) => watched.push(PollFd::from_borrowed_fd(fd, PollFlags::IN)),
                None => limit = limit.min(BLIND_SLEEP),
            }
        }
        if !self.recovery.is_idle() {
            // Somebody is to be started who could not be yet.
            limit = limit.min(BLIND_SLEEP);
        }
        if self.questions.iter().any(Option::is_some) {
            limit = limit.min(BLIND_SLEEP);
        }
        let timeout = timespec(limit);
        // What came before `asleep` was set did not wake us.
        if !self.has_news() {
            let _ = poll(&mut watched, Some(&timeout));
        }
        header.asleep.store(0, Ordering::SeqCst);
        let mut bytes = [0u8; 64];
        while matches!(rustix::io::read(&self.wake, &mut bytes), Ok(n) if n == bytes.len()) {}
    }
}
