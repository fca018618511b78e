//! What a job shares with its workers.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::sync::Arc;

use rustle_schedule::{Cell, Layout, Queue, Table};
use rustle_shared::{Mapping, MappingError, MemoryFile, Ring, RingHead, Slots};

use crate::board::Board;
use crate::limits::{KEPT_BYTES, KEPT_SMALL, RINGS_BYTES, RING_LEAST, RING_MOST};
use crate::spans::{Entry, Keep, Pen, Span};
use crate::stains::Stains;

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
    /// Spans that are taken.
    taken: AtomicU64,
}

impl JobHeader {
    /// Tasks above `task` need not start any more.
    pub fn cut_after(&self, task: u64) {
        self.cut.fetch_max(u64::MAX - task, Ordering::Relaxed);
    }

    /// The last task that has to run.
    #[inline]
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
    /// Up to when the time of this seat is accounted for in `parts`: ns of the monotonic clock.
    mark: AtomicU64,
    /// See [`Part`].
    parts: [AtomicU64; PARTS],
    /// The most memory that the worker has had, in KiB, now and when it took its seat.
    pub peak: AtomicU64,
    /// See `peak`.
    pub base: AtomicU64,
    /// See [`Phase`].
    phase: Apart,
}

/// What a session looks at without sleeping, apart from what its worker writes at every task:
/// each look would take that from the worker's core.
#[derive(Debug)]
#[repr(C, align(128))]
struct Apart(AtomicU32);

/// What the time of a seat goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The worker was not there yet.
    Starting = 0,
    /// It had not begun its first task.
    First = 1,
    /// Between tasks.
    Claims = 2,
    /// Evaluation of tasks.
    Tasks = 3,
    /// Results on their way.
    Moving = 4,
    /// From the last sign of a worker that was lost, until another one was at work.
    Lost = 5,
}

/// How many there are.
pub const PARTS: usize = 6;

impl WorkerStatus {
    /// Up to when time is accounted for, in ns of the monotonic clock.
    #[inline]
    pub fn mark(&self) -> u64 {
        self.mark.load(Ordering::Acquire)
    }

    /// Time is accounted for from `now` on.
    pub fn count_from(&self, now: u64) {
        self.mark.store(now, Ordering::Release);
    }

    /// What the time until `now` has gone to.
    #[inline]
    pub fn pass(&self, part: Part, now: u64) {
        let took = now.saturating_sub(self.mark.load(Ordering::Relaxed));
        let sum = &self.parts[part as usize];
        sum.store(sum.load(Ordering::Relaxed) + took, Ordering::Relaxed);
        self.mark.store(now, Ordering::Release);
    }

    /// What the time has gone to so far, in ns.
    pub fn part(&self, part: Part) -> u64 {
        self.parts[part as usize].load(Ordering::Relaxed)
    }

    /// How far the worker has come.
    pub fn phase(&self) -> Phase {
        Phase::of(self.phase.0.load(Ordering::SeqCst))
    }

    /// Says how far the worker has come; returns what was said before.
    pub fn enter(&self, phase: Phase) -> Phase {
        Phase::of(self.phase.0.swap(phase as u32, Ordering::SeqCst))
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
struct Words<T> {
    at: NonNull<T>,
    len: usize,
}

impl<T: Sync> Words<T> {
    /// # Safety
    ///
    /// As [`Mapping::view`]; the mapping is kept as long as the part.
    unsafe fn new(mapping: &Mapping, range: &Range<T>) -> Words<T> {
        // SAFETY: by the caller's promise.
        let view = unsafe { mapping.view::<T>(range.at, range.len) };
        Words {
            at: NonNull::from(view).cast(),
            len: view.len(),
        }
    }

    #[inline]
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
    header: Words<JobHeader>,
    queue: Words<Queue>,
    cells: Words<Cell>,
    status: Words<WorkerStatus>,
    boards: Words<Board>,
    states: Words<AtomicU8>,
    spans: Words<Span>,
    words: Words<AtomicU64>,
    words_per_task: usize,
    bits: Words<AtomicU64>,
    rings: Vec<Ring>,
    /// Where the parts are.
    parts: Parts,
    /// Bytes that earlier jobs have left as they were.
    stains: Stains,
    /// What the parts point into.
    mapping: Arc<Mapping>,
}

/// The memory of a job that is over, in which another job can be laid: to make a file, map it
/// and touch its pages takes longer than a small job.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of the file; no two files of a session have the same.
    id: u64,
    mapping: Arc<Mapping>,
    /// Where it may be anything but zero.
    stains: Stains,
}

/// The memory of a job, the file that it is in, and the number of that.
#[derive(Debug)]
pub struct Filed {
    /// What is in the file.
    pub memory: JobMemory,
    /// To be passed to workers.
    pub file: Arc<MemoryFile>,
    /// Workers know a file again by it.
    pub id: u64,
}

/// The numbers of files that this process has made.
static FILES: AtomicU64 = AtomicU64::new(0);

/// Where a part will be.
#[derive(Debug)]
struct Range<T> {
    at: usize,
    len: usize,
    of: PhantomData<T>,
}

impl<T> Range<T> {
    /// Its first `len` elements as bytes.
    fn first(&self, len: usize) -> std::ops::Range<usize> {
        self.at..self.at + len.min(self.len) * size_of::<T>()
    }

    fn bytes(&self) -> std::ops::Range<usize> {
        self.first(self.len)
    }
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

/// Where the parts of a job's memory are; the rings share what follows them. All must be zero when
/// a job begins, but for bits, which mean nothing before their state is told, and rings.
#[derive(Debug)]
struct Parts {
    header: Range<JobHeader>,
    queue: Range<Queue>,
    cells: Range<Cell>,
    status: Range<WorkerStatus>,
    boards: Range<Board>,
    heads: Range<RingHead>,
    states: Range<AtomicU8>,
    spans: Range<Span>,
    words: Range<AtomicU64>,
    words_per_task: usize,
    bits: Range<AtomicU64>,
    rings: usize,
}

impl Parts {
    /// How large each ring is.
    fn ring(&self, mapping: &Mapping, workers: usize) -> usize {
        let most = (mapping.len() - self.rings) / workers / 4096 * 4096;
        most.min(RING_MOST)
    }

    /// What must be zero when a job begins.
    fn clean(&self) -> [std::ops::Range<usize>; 2] {
        [
            0..self.states.bytes().end,
            self.spans.at..self.words.bytes().end,
        ]
    }

    fn of(layout: &Layout, keep: Keep, words_per_task: usize) -> Parts {
        let (tasks, workers) = (layout.tasks() as usize, layout.workers() as usize);
        let mut cursor = Cursor(0);
        Parts {
            header: cursor.take(1),
            queue: cursor.take(1),
            cells: cursor.take(workers),
            status: cursor.take(workers),
            boards: cursor.take(workers),
            heads: cursor.take(workers),
            states: cursor.take(tasks),
            spans: cursor.take(keep.capacity(layout)),
            words: cursor.take(tasks * words_per_task),
            words_per_task,
            bits: cursor.take(tasks),
            rings: cursor.0.next_multiple_of(4096),
        }
    }

    /// Lays the parts into a mapping, which is zeroed when it is `fresh`.
    fn lay(self, layout: Layout, mapping: Arc<Mapping>, stains: Stains, fresh: bool) -> JobMemory {
        let workers = layout.workers() as usize;
        let ring = self.ring(&mapping, workers);
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
                header: Words::new(&mapping, &self.header),
                queue: Words::new(&mapping, &self.queue),
                cells: Words::new(&mapping, &self.cells),
                status: Words::new(&mapping, &self.status),
                boards: Words::new(&mapping, &self.boards),
                states: Words::new(&mapping, &self.states),
                spans: Words::new(&mapping, &self.spans),
                words: Words::new(&mapping, &self.words),
                words_per_task: self.words_per_task,
                bits: Words::new(&mapping, &self.bits),
                rings: (0..workers).map(ring_of).collect(),
                parts: self,
                stains,
                mapping,
            }
        };
        if fresh {
            memory.table().reset();
        }
        memory
    }
}

/// How large each ring should be.
fn ring_wanted(layout: &Layout) -> usize {
    let workers = layout.workers() as usize;
    (RINGS_BYTES / workers).clamp(RING_LEAST, RING_MOST) / 4096 * 4096
}

/// What `make` makes with rings of some size: smaller ones are tried when address space is
/// short.
fn with_rings<T>(
    layout: &Layout,
    make: impl Fn(usize) -> Result<T, MappingError>,
) -> Result<T, MappingError> {
    let mut ring = ring_wanted(layout);
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
    pub fn new(layout: Layout, keep: Keep, words: usize) -> Result<JobMemory, MappingError> {
        let plan = Parts::of(&layout, keep, words);
        let mapping = with_rings(&layout, |ring| {
            Mapping::anonymous(plan.rings + layout.workers() as usize * ring)
        })?;
        Ok(plan.lay(layout, Arc::new(mapping), Stains::default(), true))
    }

    /// The same in a file that can be passed to workers; in that of `kept`, if it is large
    /// enough, of which no process may use anything any more.
    ///
    /// # Errors
    ///
    /// As [`JobMemory::new`]; or when there is no such file to be had.
    pub fn in_file(
        layout: Layout,
        keep: Keep,
        words: usize,
        kept: Option<(Kept, Arc<MemoryFile>)>,
    ) -> Result<Filed, MappingError> {
        let plan = Parts::of(&layout, keep, words);
        let wanted = plan.rings + layout.workers() as usize * ring_wanted(&layout);
        let fits = |kept: &(Kept, _)| kept.0.mapping.len() >= wanted;
        if let Some((mut kept, file)) = kept.filter(fits) {
            for part in plan.clean() {
                for stain in kept.stains.take(&part) {
                    // SAFETY: nobody else uses it, by what is asked for above.
                    unsafe { kept.mapping.clear(stain) };
                }
            }
            return Ok(Filed {
                memory: plan.lay(layout, kept.mapping, kept.stains, true),
                file,
                id: kept.id,
            });
        }
        let (file, mapping) = with_rings(&layout, |ring| {
            let file = MemoryFile::new(plan.rings + layout.workers() as usize * ring)?;
            let mapping = file.map_shared()?;
            Ok((file, mapping))
        })?;
        Ok(Filed {
            memory: plan.lay(layout, Arc::new(mapping), Stains::default(), true),
            file: Arc::new(file),
            id: FILES.fetch_add(1, Ordering::Relaxed) + 1,
        })
    }

    /// The memory that the session has made by [`JobMemory::in_file`] with the same
    /// arguments, in the file `id`; `kept`: what this worker has mapped before.
    ///
    /// # Errors
    ///
    /// When address space is short, or the file is too small.
    pub fn received(
        layout: Layout,
        keep: Keep,
        words: usize,
        (file, id): (&MemoryFile, u64),
        kept: Option<Kept>,
    ) -> Result<JobMemory, MappingError> {
        let plan = Parts::of(&layout, keep, words);
        if file.len() < plan.rings + layout.workers() as usize * RING_LEAST {
            return Err(MappingError {
                size_bytes: file.len(),
                errno: libc::EINVAL,
            });
        }
        let known = kept.filter(|kept| kept.id == id && kept.mapping.len() == file.len());
        let mapping = match known {
            Some(kept) => kept.mapping,
            None => Arc::new(file.map_shared()?),
        };
        Ok(plan.lay(layout, mapping, Stains::default(), false))
    }

    /// What can be kept of it for another job, which is laid in the file `id`; `None` where too
    /// many of its pages are in use.
    pub fn to_keep(&self, id: u64) -> Option<Kept> {
        let mut stains = self.stains.clone();
        let (parts, taken) = (&self.parts, self.header().taken.load(Ordering::Relaxed));
        stains.add(0..parts.states.bytes().end);
        stains.add(parts.spans.first(taken as usize));
        stains.add(parts.words.bytes());
        stains.add(parts.bits.bytes());
        let ring = parts.ring(&self.mapping, self.rings.len());
        for (at, used) in self.rings.iter().enumerate() {
            let from = parts.rings + at * ring;
            stains.add(from..from + ring.min(used.total() as usize));
        }
        // Where address space is short, R needs it more.
        let small = parts.rings <= KEPT_SMALL || !rustle_shared::is_address_space_limited();
        (small && stains.bytes() <= KEPT_BYTES).then(|| Kept {
            id,
            mapping: Arc::clone(&self.mapping),
            stains,
        })
    }

    /// Words of the whole job.
    #[inline]
    pub fn header(&self) -> &JobHeader {
        &self.header.view()[0]
    }

    /// One status per seat.
    #[inline]
    pub fn status(&self) -> &[WorkerStatus] {
        self.status.view()
    }

    /// One board per seat.
    #[inline]
    pub fn boards(&self) -> &[Board] {
        self.boards.view()
    }

    /// One result slot per task.
    #[inline]
    pub fn slots(&self) -> Slots<'_> {
        Slots::new(self.states.view(), self.bits.view())
    }

    /// When tasks ran: those that are written, in no order.
    pub fn spans(&self) -> impl Iterator<Item = Entry> + '_ {
        let taken = self.header().taken.load(Ordering::Relaxed) as usize;
        self.spans.view().iter().take(taken).filter_map(Span::read)
    }

    /// Are any kept?
    pub fn keeps_spans(&self) -> bool {
        !self.spans.view().is_empty()
    }

    /// Notes when tasks ran.
    pub fn note(&self, pen: &mut Pen, entry: &Entry) {
        pen.write(self.spans.view(), &self.header().taken, entry);
    }

    /// One ring per seat.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// The words of a task's value; written by its worker before it commits.
    #[inline]
    pub fn words(&self, task: usize) -> &[AtomicU64] {
        &self.words.view()[task * self.words_per_task..][..self.words_per_task]
    }

    /// The claim table of this job.
    #[inline]
    pub fn table(&self) -> Table<'_> {
        Table::new(&self.layout, &self.queue.view()[0], self.cells.view())
    }
}
