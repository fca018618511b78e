//! Jobs of worker processes, and the session that waits for them.

mod ahead;
mod arrivals;
mod attributes;
mod decode;
mod encode;
mod entries;
mod evaluate;
mod exits;
mod job;
mod pool;
mod rules;
mod stand;
mod tell;
mod values;
mod worker;

use extendr_api::prelude::*;

pub(crate) use evaluate::hears_output;

use crate::fields::Fields;
use crate::refusal::into_r;
use crate::robj;
use entries::*;

/// Opens a job; see R/engine-job.R for the fields of `spec` and of `code`.
/// @noRd
#[extendr]
fn rs_job_open(spec: Robj, code: Robj) -> List {
    // SAFETY: extendr's functions run on R's main thread; `code` is protected by its Robj
    // here, and by the handle as long as there is the job.
    let handle = |spec: Fields, code_fields: Fields| unsafe {
        let job = job::Job::open(&spec, &code_fields)?;
        Ok(robj(handle_of(job, code.get().cast())))
    };
    into_r(Fields::new(&spec).and_then(|spec| handle(spec, Fields::new(&code)?)))
}

/// Exit statuses of workers that have a meaning.
/// @noRd
#[extendr]
fn rs_exit_statuses() -> List {
    let (names, values): (Vec<&str>, Vec<i32>) = exits::NAMED.into_iter().unzip();
    List::from_names_and_values(names, values).unwrap_or_default()
}

extendr_module! {
    mod jobs;
    use pool;
    use stand;
    use tell;
    fn rs_job_open;
    fn rs_exit_statuses;
    fn rs_worker_begin;
    fn rs_worker_run;
    fn rs_worker_fail;
    fn rs_worker_signal;
    fn rs_worker_task;
    fn rs_worker_seat;
    fn rs_worker_order;
    fn rs_worker_stand;
    fn rs_worker_called_off;
    fn rs_worker_break_off;
    fn rs_server_next;
    fn rs_job_start;
    fn rs_job_wait;
    fn rs_job_collect;
    fn rs_job_report;
    fn rs_job_seen;
    fn rs_job_close;
    fn rs_output_connection;
}
