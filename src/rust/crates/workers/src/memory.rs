//! What a job shares with its workers.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

use rustle_schedule::{Cell, Layout, Queue, Table};
use rustle_shared::{Mapping, MappingError, MemoryFile, Ring, RingHead, Slot, Span};

use crate::board::Board;
use crate::limits::{RINGS_BYTES, RING_LEAST, RING_MOST};

/// Words that concern the whole job.
#[derive(Debug)]
#[repr(C)]
pub struct JobHeader {
    /// `u64::MAX` minus the last task that has to run: zeroed memory means that
    /// all have to, and a lower cut is a larger word.
    cut: AtomicU64,
    /// 1 when nobody receives results any more.
    pub abandoned: AtomicU32,
    /// 1 when no further task shall start, whatever remains.
    pub stopped: AtomicU32,
    /// 1 while the parent sleeps and wants to be woken by a byte in the pipe.
    pub asleep: AtomicU32,
}

impl JobHeader {
    /// Tasks above `task` need not start any more.
    pub fn cut_after(&self, task: u64) {
        self.cut.fetch_max(u64::MAX - task, Ordering::Relaxed);
    }

    /// The last task that has to run.
    pub fn last_needed(&self) -> u64 {
        u64::MAX - self.cut.load(Ordering::Relaxed)
    }
}

/// What a worker does right now; written by the worker, read by the parent.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct WorkerStatus {
    /// Task in flight, from 1; 0 between tasks.
    pub running: AtomicU64,
    /// When the evaluation of the task in flight began, in nanoseconds of the
    /// monotonic clock; kept only when a timeout is set. 0 when not evaluating.
    pub since: AtomicU64,
    /// Tasks finished.
    pub done: AtomicU64,
    /// Claims made, by all workers of this seat.
    pub claims: AtomicU64,
    /// Those among them that were stolen.
    pub steals: AtomicU64,
    /// The task, from 1, that the session wants to end, for its time is over; 0: none.
    pub called_off: AtomicU64,
    /// See [`Phase`].
    phase: AtomicU32,
}

impl WorkerStatus {
    /// How far the worker has come.
    pub fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::SeqCst))
    }

    /// Says how far the worker has come; returns what was said before.
    pub fn enter(&self, phase: Phase) -> Phase {
        Phase::of(self.phase.swap(phase as u32, Ordering::SeqCst))
    }
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Nothing was heard of it. Zeroed memory says this.
    Silent = 0,
    /// It has reached the task loop.
    Started = 1,
    /// It has left the loop because nothing was left to do, and is on its way out.
    Finished = 2,
    /// The same, and it waits for its next job.
    Waiting = 3,
}

impl Phase {
    fn of(word: u32) -> Phase {
        match word {
            1 => Phase::Started,
            2 => Phase::Finished,
            3 => Phase::Waiting,
            _ => Phase::Silent,
        }
    }

    /// Has the worker nothing left to do in this job?
    pub fn is_over(self) -> bool {
        matches!(self, Phase::Finished | Phase::Waiting)
    }
}

/// One kind of words in the shared memory of a job.
#[derive(Debug)]
struct Part<T> {
    at: NonNull<T>,
    len: usize,
}

impl<T: Sync> Part<T> {
    /// # Safety
    ///
    /// As [`Mapping::view`]; the mapping is kept as long as the part.
    unsafe fn new(mapping: &Mapping, range: Range<T>) -> Part<T> {
        // SAFETY: by the caller's promise.
        let view = unsafe { mapping.view::<T>(range.at, range.len) };
        Part {
            at: NonNull::from(view).cast(),
            len: view.len(),
        }
    }

    fn view(&self) -> &[T] {
        // SAFETY: address and length are those of a view of a mapping that is kept as
        // long as the part, which the result borrows.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

/// The shared memory of a job, and the layout of its tasks, of which every process has
/// a copy.
#[derive(Debug)]
pub struct JobMemory {
    /// How tasks are handed out.
    pub layout: Layout,
    header: Part<JobHeader>,
    queue: Part<Queue>,
    cells: Part<Cell>,
    status: Part<WorkerStatus>,
    boards: Part<Board>,
    slots: Part<Slot>,
    spans: Part<Span>,
    words: Part<AtomicU64>,
    words_per_task: usize,
    rings: Vec<Ring>,
    /// What the parts point into.
    _mapping: Arc<Mapping>,
}

/// Where a part will be.
struct Range<T> {
    at: usize,
    len: usize,
    of: PhantomData<T>,
}

/// Hands out ranges of a mapping that do not overlap.
struct Cursor(usize);

impl Cursor {
    fn take<T>(&mut self, len: usize) -> Range<T> {
        let at = self.0.next_multiple_of(align_of::<T>().max(64));
        self.0 = at + len * size_of::<T>();
        Range {
            at,
            len,
            of: PhantomData,
        }
    }
}

/// Where the parts of a job's memory are; the rings share what follows them.
struct Parts {
    header: Range<JobHeader>,
    queue: Range<Queue>,
    cells: Range<Cell>,
    status: Range<WorkerStatus>,
    boards: Range<Board>,
    heads: Range<RingHead>,
    slots: Range<Slot>,
    spans: Range<Span>,
    words: Range<AtomicU64>,
    words_per_task: usize,
    rings: usize,
}

impl Parts {
    fn of(layout: &Layout, timings: bool, words_per_task: usize) -> Parts {
        let (tasks, workers) = (layout.tasks() as usize, layout.workers() as usize);
        let mut cursor = Cursor(0);
        Parts {
            header: cursor.take(1),
            queue: cursor.take(1),
            cells: cursor.take(workers),
            status: cursor.take(workers),
            boards: cursor.take(workers),
            heads: cursor.take(workers),
            slots: cursor.take(tasks),
            spans: cursor.take(if timings { tasks } else { 0 }),
            words: cursor.take(tasks * words_per_task),
            words_per_task,
            rings: cursor.0.next_multiple_of(4096),
        }
    }

    /// Lays the parts into a mapping, which is zeroed when it is `fresh`.
    fn lay(self, layout: Layout, mapping: Mapping, fresh: bool) -> JobMemory {
        let workers = layout.workers() as usize;
        let ring = (mapping.len() - self.rings) / workers / 4096 * 4096;
        let mapping = Arc::new(mapping);
        // SAFETY: every type is made of atomics that are valid whatever their bits; the cursor
        // gives each part bytes of its own, and each ring has its own head and bytes; of
        // a ring, the worker in its seat pushes and the session consumes; the mapping is
        // a field of the result.
        let memory = unsafe {
            let ring_of = |w| {
                let head = self.heads.at + w * size_of::<RingHead>();
                Ring::new(&mapping, head, self.rings + w * ring, ring)
            };
            JobMemory {
                layout,
                header: Part::new(&mapping, self.header),
                queue: Part::new(&mapping, self.queue),
                cells: Part::new(&mapping, self.cells),
                status: Part::new(&mapping, self.status),
                boards: Part::new(&mapping, self.boards),
                slots: Part::new(&mapping, self.slots),
                spans: Part::new(&mapping, self.spans),
                words: Part::new(&mapping, self.words),
                words_per_task: self.words_per_task,
                rings: (0..workers).map(ring_of).collect(),
                _mapping: mapping,
            }
        };
        if fresh {
            memory.table().reset();
        }
        memory
    }
}

/// What `make` makes with rings of some size: smaller ones are tried when address space is
/// short.
fn with_rings<T>(
    layout: &Layout,
    make: impl Fn(usize) -> Result<T, MappingError>,
) -> Result<T, MappingError> {
    let workers = layout.workers() as usize;
    let mut ring = (RINGS_BYTES / workers).clamp(RING_LEAST, RING_MOST) / 4096 * 4096;
    loop {
        match make(ring) {
            Err(_) if ring > RING_LEAST => ring = (ring / 4).max(RING_LEAST),
            outcome => return outcome,
        }
    }
}

impl JobMemory {
    /// Maps memory for `layout`, with `words` words per task for its value. When address
    /// space is short (`ulimit -v`, strict overcommit) smaller rings are tried.
    ///
    /// # Errors
    ///
    /// When not even the smallest rings fit.
    pub fn new(layout: Layout, timings: bool, words: usize) -> Result<JobMemory, MappingError> {
        let plan = Parts::of(&layout, timings, words);
        let mapping = with_rings(&layout, |ring| {
            Mapping::anonymous(plan.rings + layout.workers() as usize * ring)
        })?;
        Ok(plan.lay(layout, mapping, true))
    }

    /// The same in a file that can be passed to workers.
    ///
    /// # Errors
    ///
    /// As [`JobMemory::new`]; or when there is no such file to be had.
    pub fn in_file(
        layout: Layout,
        timings: bool,
        words: usize,
    ) -> Result<(JobMemory, MemoryFile), MappingError> {
        let plan = Parts::of(&layout, timings, words);
        let (file, mapping) = with_rings(&layout, |ring| {
            let file = MemoryFile::new(plan.rings + layout.workers() as usize * ring)?;
            let mapping = file.map_shared()?;
            Ok((file, mapping))
        })?;
        Ok((plan.lay(layout, mapping, true), file))
    }

    /// The memory that the session has made by [`JobMemory::in_file`] with the same
    /// arguments.
    ///
    /// # Errors
    ///
    /// When address space is short, or the file is too small.
    pub fn received(
        layout: Layout,
        timings: bool,
        words: usize,
        file: &MemoryFile,
    ) -> Result<JobMemory, MappingError> {
        let plan = Parts::of(&layout, timings, words);
        if file.len() < plan.rings + layout.workers() as usize * RING_LEAST {
            return Err(MappingError {
                size_bytes: file.len(),
                errno: libc::EINVAL,
            });
        }
        Ok(plan.lay(layout, file.map_shared()?, false))
    }

    /// Words of the whole job.
    pub fn header(&self) -> &JobHeader {
        &self.header.view()[0]
    }

    /// One status per seat.
    pub fn status(&self) -> &[WorkerStatus] {
        self.status.view()
    }

    /// One board per seat.
    pub fn boards(&self) -> &[Board] {
        self.boards.view()
    }

    /// One result slot per task.
    pub fn slots(&self) -> &[Slot] {
        self.slots.view()
    }

    /// One span per task when timings are kept, else none.
    pub fn spans(&self) -> &[Span] {
        self.spans.view()
    }

    /// One ring per seat.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// The words of a task's value; written by its worker before it commits.
    pub fn words(&self, task: usize) -> &[AtomicU64] {
        &self.words.view()[task * self.words_per_task..][..self.words_per_task]
    }

    /// The claim table of this job.
    pub fn table(&self) -> Table<'_> {
        Table::new(&self.layout, &self.queue.view()[0], self.cells.view())
    }
}
