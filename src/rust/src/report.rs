//! What a report needs of the clock, and spans as R has them.

use extendr_api::prelude::*;
use rustle_workers::clock::now_ns;
use rustle_workers::spans::{peak_kib, reset_peak, Entry, Keep, Measured, Stopwatch};

use crate::ffi::{self, Sexp};
use crate::fields::Fields;
use crate::raw::routines;
use crate::refusal::Parsed;

/// At most `len` entries, as a raw vector.
///
/// # Safety
///
/// R's main thread; the caller protects the result. The entries own nothing: R may jump away.
pub(crate) unsafe fn write(len: usize, entries: impl Iterator<Item = Entry>) -> Sexp {
    // SAFETY: main thread; the vector has `len` times that many bytes, and what the entries
    // do not fill is zeroed.
    unsafe {
        let bytes = (len * Entry::BYTES) as isize;
        let out = ffi::Rf_allocVector(ffi::RAWSXP as u32, bytes);
        let out_bytes = std::slice::from_raw_parts_mut(ffi::RAW(out), len * Entry::BYTES);
        let mut places = out_bytes.chunks_exact_mut(Entry::BYTES);
        for (place, entry) in places.by_ref().zip(entries) {
            place.copy_from_slice(&entry.to_bytes());
        }
        places.for_each(|place| place.fill(0));
        out
    }
}

/// What is measured of tasks.
pub(crate) fn terms(spec: &Fields) -> Parsed<Measured> {
    let keep = match spec.text("spans")?.as_str() {
        "none" => Keep::Nothing,
        "tasks" => Keep::Tasks,
        _ => Keep::Batches,
    };
    let memory = spec.flag("memory")?;
    Ok(Measured { keep, memory })
}

/// The time of tasks that run in this process.
#[derive(Debug)]
pub(crate) struct Timer {
    keep: Keep,
    memory: bool,
    watch: Stopwatch,
    mark: u64,
    peak: u64,
    /// ns that tasks took.
    busy: u64,
    span: Entry,
    spans: Vec<Entry>,
    least: u32,
}

impl Timer {
    pub(crate) fn new(keep: Keep, memory: bool) -> Timer {
        if memory {
            reset_peak();
        }
        Timer {
            keep,
            memory,
            watch: Stopwatch::new(keep),
            mark: 0,
            peak: if memory { peak_kib() } else { 0 },
            busy: 0,
            span: Entry::default(),
            spans: Vec::new(),
            least: 1,
        }
    }

    /// There will be so many tasks.
    pub(crate) fn expect(&mut self, tasks: u32) {
        self.least = self.keep.least(tasks);
    }

    pub(crate) fn begin(&mut self, task: u32) {
        if self.watch.begin(task) {
            self.mark = now_ns();
        }
    }

    pub(crate) fn end(&mut self) {
        if self.watch.is_due() {
            self.close();
        }
    }

    fn close(&mut self) {
        if !self.watch.is_open() {
            return;
        }
        let (start, now) = (self.mark, now_ns());
        let (task, count) = self.watch.close(now - start);
        self.busy += now - start;
        if self.keep == Keep::Nothing {
            return;
        }
        if self.span.count == 0 {
            self.span = Entry {
                start,
                task,
                ..Entry::default()
            };
        }
        self.span.count += count;
        self.span.end = now;
        if self.memory {
            let peak = peak_kib();
            let growth = u32::try_from(peak.saturating_sub(self.peak)).unwrap_or(u32::MAX);
            self.span.growth = self.span.growth.saturating_add(growth).min(Entry::LOST - 1);
            self.peak = peak;
        }
        if self.span.count >= self.least {
            self.spans.push(std::mem::take(&mut self.span));
        }
    }

    /// All tasks are done.
    pub(crate) fn finish(&mut self) {
        self.close();
        if self.span.count > 0 {
            self.spans.push(std::mem::take(&mut self.span));
        }
    }

    /// Seconds that tasks took.
    pub(crate) fn busy(&self) -> f64 {
        self.busy as f64 * 1e-9
    }

    pub(crate) fn spans(&self) -> &[Entry] {
        &self.spans
    }
}

/// Seconds of the monotonic clock, which all processes of a machine share. Asked for several times
/// in each call.
unsafe extern "C-unwind" fn rs_now() -> Sexp {
    // SAFETY: R calls its routines on its main thread; this frame owns nothing.
    unsafe { ffi::Rf_ScalarReal(now_ns() as f64 * 1e-9) }
}

routines! {
    meta__rs_now "rs_now" "wrap__rs_now" () => rs_now;
}

/// The most memory that this process has had, in bytes; 0 where the system does not tell.
/// @noRd
#[extendr]
fn rs_peak_memory() -> f64 {
    peak_kib() as f64 * 1024.0
}

/// Is the address space of this process limited?
/// @noRd
#[extendr]
fn rs_space_is_limited() -> bool {
    space_is_limited()
}

#[cfg(unix)]
fn space_is_limited() -> bool {
    rustle_shared::is_address_space_limited()
}

#[cfg(windows)]
fn space_is_limited() -> bool {
    false
}

/// Spans, as a list of columns: the first task of each (from 1), how many tasks it has, the
/// worker (from 1), when they began and ended (seconds of the monotonic clock), by how
/// many bytes they have raised the most memory that the worker had (`growth`), whether the
/// worker was lost in them, and whether the first was stolen from another worker's block.
/// @noRd
#[extendr]
fn rs_span_columns(spans: &[u8]) -> List {
    let entries: Vec<Entry> = spans
        .chunks_exact(Entry::BYTES)
        .map(Entry::of_bytes)
        .filter(|entry| entry.count > 0)
        .collect();
    let column = |f: fn(&Entry) -> f64| entries.iter().map(f).collect::<Vec<f64>>();
    list!(
        task = column(|e| f64::from(e.task) + 1.0),
        count = column(|e| f64::from(e.count)),
        worker = column(|e| f64::from(e.seat) + 1.0),
        start = column(|e| e.start as f64 * 1e-9),
        end = column(|e| e.end as f64 * 1e-9),
        growth = column(|e| if e.growth == Entry::LOST {
            0.0
        } else {
            f64::from(e.growth) * 1024.0
        }),
        lost = entries
            .iter()
            .map(|e| e.growth == Entry::LOST)
            .collect::<Vec<bool>>(),
        stolen = entries.iter().map(|e| e.stolen).collect::<Vec<bool>>()
    )
}

extendr_module! {
    mod report;
    fn rs_now;
    fn rs_peak_memory;
    fn rs_space_is_limited;
    fn rs_span_columns;
}
