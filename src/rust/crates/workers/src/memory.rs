//! What a job shares with its workers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustle_schedule::{Cell, Layout, Queue, Table};
use rustle_shared::{Mapping, MappingError, Ring, RingHead, Slot, Span};

/// Words that concern the whole job.
#[derive(Debug)]
#[repr(C)]
pub struct JobHeader {
    /// `u64::MAX` minus the last task that has to run: zeroed memory means that
    /// all have to, and a lower cut is a larger word.
    cut: AtomicU64,
    /// 1 when nobody receives results any more.
    pub abandoned: AtomicU32,
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
    /// See [`Phase`].
    pub phase: AtomicU32,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// Nothing was heard of it. Zeroed memory says this.
    Silent = 0,
    /// It has reached the task loop.
    Started = 1,
    /// It has left the loop because nothing was left to do.
    Finished = 2,
}

/// The shared memory of a job, with typed views of its parts, and the layout of
/// its tasks, of which every process has a copy.
#[derive(Debug)]
pub struct JobMemory {
    /// How tasks are handed out.
    pub layout: Layout,
    /// Words of the whole job.
    pub header: &'static JobHeader,
    /// The shared head of queue schedules.
    pub queue: &'static Queue,
    /// One claim cell per worker.
    pub cells: &'static [Cell],
    /// One status per worker.
    pub status: &'static [WorkerStatus],
    /// One result slot per task.
    pub slots: &'static [Slot],
    /// One span per task when timings are kept, else empty.
    pub spans: &'static [Span],
    /// One ring per worker.
    pub rings: Vec<Ring>,
    /// Words for the values of all tasks, where their length is known.
    words: &'static [AtomicU64],
    words_per_task: usize,
    /// Unmapped last: the views above point into it.
    _mapping: Mapping,
}

/// Rings of all workers together use at most this much.
const RINGS_BYTES: usize = 128 << 20;
const RING_MAX: usize = 8 << 20;
const RING_MIN: usize = 64 << 10;

struct Cursor(usize);

impl Cursor {
    fn take<T>(&mut self, count: usize) -> usize {
        let at = self.0.next_multiple_of(align_of::<T>().max(64));
        self.0 = at + count * size_of::<T>();
        at
    }
}

impl JobMemory {
    /// Maps memory for `layout`, with `words` words per task for its value. When address space is short (`ulimit -v`,
    /// strict overcommit) smaller rings are tried.
    ///
    /// # Errors
    ///
    /// When not even the smallest rings fit.
    pub fn new(layout: Layout, timings: bool, words: usize) -> Result<JobMemory, MappingError> {
        let workers = layout.workers() as usize;
        let mut ring = (RINGS_BYTES / workers).clamp(RING_MIN, RING_MAX) / 4096 * 4096;
        loop {
            match Self::with_rings(&layout, timings, words, ring) {
                Err(_) if ring > RING_MIN => ring = (ring / 4).max(RING_MIN),
                outcome => return outcome,
            }
        }
    }

    fn with_rings(
        layout: &Layout,
        timings: bool,
        words_per_task: usize,
        ring: usize,
    ) -> Result<JobMemory, MappingError> {
        let (tasks, workers) = (layout.tasks() as usize, layout.workers() as usize);
        let spans_len = if timings { tasks } else { 0 };
        let mut cursor = Cursor(0);
        let header = cursor.take::<JobHeader>(1);
        let queue = cursor.take::<Queue>(1);
        let cells = cursor.take::<Cell>(workers);
        let status = cursor.take::<WorkerStatus>(workers);
        let heads = cursor.take::<RingHead>(workers);
        let slots = cursor.take::<Slot>(tasks);
        let spans = cursor.take::<Span>(spans_len);
        let words = cursor.take::<AtomicU64>(tasks * words_per_task);
        let data = cursor.0.next_multiple_of(4096);
        let mapping = Mapping::anonymous(data + workers * ring)?;
        // SAFETY: every type is made of atomics that are valid when zero; the
        // cursor gives each part bytes of its own; the mapping is a field of the
        // result and dropped after all views (the references and rings are used
        // only through `self`).
        unsafe {
            let heads = mapping.view::<RingHead>(heads, workers);
            let rings = heads
                .iter()
                .enumerate()
                .map(|(w, head)| Ring::new(&mapping, head, data + w * ring, ring))
                .collect();
            let memory = JobMemory {
                layout: layout.clone(),
                header: &mapping.view::<JobHeader>(header, 1)[0],
                queue: &mapping.view::<Queue>(queue, 1)[0],
                cells: mapping.view(cells, workers),
                status: mapping.view(status, workers),
                slots: mapping.view(slots, tasks),
                spans: mapping.view(spans, spans_len),
                words: mapping.view(words, tasks * words_per_task),
                words_per_task,
                rings,
                _mapping: mapping,
            };
            memory.table().reset();
            Ok(memory)
        }
    }

    /// The words of a task's value; written by its worker before it commits.
    pub fn words(&self, task: usize) -> &'static [AtomicU64] {
        &self.words[task * self.words_per_task..][..self.words_per_task]
    }

    /// The claim table of this job.
    pub fn table(&self) -> Table<'_> {
        Table::new(&self.layout, self.queue, self.cells)
    }
}
