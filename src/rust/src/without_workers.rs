//! The place of `jobs` where there are no workers yet: Windows. Its routines are those of `jobs`,
//! so that the R code is one; R asks for no worker there (`has_standing_workers()`), and who does
//! it all the same gets an error.

#[path = "jobs/exits.rs"]
mod exits;

use std::ffi::c_char;

use extendr_api::prelude::*;

use crate::ffi::{self, Sexp};
use crate::raw::routines;

/// No connection of ours is made here.
pub(crate) fn hears_output() -> bool {
    false
}

/// Nobody writes to a connection of ours; called by connection.c.
#[no_mangle]
unsafe extern "C" fn rustle_output(_bytes: *const c_char, _len: usize) {}

unsafe extern "C-unwind" fn refuse() -> Sexp {
    extendr_api::throw_r_error("On this system rustle has no workers of its own.")
}

unsafe extern "C-unwind" fn nothing() -> Sexp {
    ffi::nil()
}

unsafe extern "C-unwind" fn zero() -> Sexp {
    // SAFETY: R's main thread.
    unsafe { ffi::Rf_ScalarInteger(0) }
}

/// Exit statuses of workers that have a meaning: nodes on other systems tell them.
/// @noRd
#[extendr]
fn rs_exit_statuses() -> List {
    let (names, values): (Vec<&str>, Vec<i32>) = exits::NAMED.into_iter().unzip();
    List::from_names_and_values(names, values).unwrap_or_default()
}

// R passes arguments that none of the three reads.
routines! {
    meta__rs_job_open "rs_job_open" "wrap__rs_job_open" ("spec", "code") => refuse;
    meta__rs_worker_begin "rs_worker_begin" "wrap__rs_worker_begin" () => refuse;
    meta__rs_worker_run "rs_worker_run" "wrap__rs_worker_run" () => refuse;
    meta__rs_worker_fail "rs_worker_fail" "wrap__rs_worker_fail" ("condition") => refuse;
    meta__rs_worker_signal "rs_worker_signal" "wrap__rs_worker_signal" ("condition") => refuse;
    meta__rs_worker_task "rs_worker_task" "wrap__rs_worker_task" () => zero;
    meta__rs_worker_seat "rs_worker_seat" "wrap__rs_worker_seat" () => zero;
    meta__rs_worker_order "rs_worker_order" "wrap__rs_worker_order" ("part") => refuse;
    meta__rs_worker_stand "rs_worker_stand" "wrap__rs_worker_stand" ("main", "after") => refuse;
    meta__rs_worker_called_off "rs_worker_called_off" "wrap__rs_worker_called_off" () => refuse;
    meta__rs_worker_break_off "rs_worker_break_off" "wrap__rs_worker_break_off" () => refuse;
    meta__rs_server_next "rs_server_next" "wrap__rs_server_next" () => refuse;
    meta__rs_job_start "rs_job_start" "wrap__rs_job_start" ("handle") => refuse;
    meta__rs_job_wait "rs_job_wait" "wrap__rs_job_wait" ("handle", "seconds") => refuse;
    meta__rs_job_collect "rs_job_collect" "wrap__rs_job_collect" ("handle") => refuse;
    meta__rs_job_report "rs_job_report" "wrap__rs_job_report" ("handle") => refuse;
    meta__rs_job_seen "rs_job_seen" "wrap__rs_job_seen" ("handle") => refuse;
    meta__rs_job_close "rs_job_close" "wrap__rs_job_close" ("handle", "signal", "grace") => refuse;
    meta__rs_output_connection "rs_output_connection" "wrap__rs_output_connection" () => refuse;
    meta__rs_pool_calls "rs_pool_calls" "wrap__rs_pool_calls" ("seconds") => refuse;
    meta__rs_pool_open "rs_pool_open" "wrap__rs_pool_open" ("spec") => refuse;
    meta__rs_pool_close "rs_pool_close" "wrap__rs_pool_close" () => nothing;
    meta__rs_pool_resize "rs_pool_resize" "wrap__rs_pool_resize" ("size") => refuse;
    meta__rs_pool_dismiss "rs_pool_dismiss" "wrap__rs_pool_dismiss" () => nothing;
    meta__rs_pool_prepare "rs_pool_prepare" "wrap__rs_pool_prepare" ("seconds") => refuse;
    meta__rs_pool_status "rs_pool_status" "wrap__rs_pool_status" () => refuse;
    meta__rs_server_open "rs_server_open" "wrap__rs_server_open" ("greeting") => refuse;
    meta__rs_worker_retire "rs_worker_retire" "wrap__rs_worker_retire" () => refuse;
    meta__rs_worker_enlist "rs_worker_enlist" "wrap__rs_worker_enlist" ("spec", "code") => refuse;
    meta__rs_worker_log_to "rs_worker_log_to" "wrap__rs_worker_log_to" ("path") => refuse;
    meta__rs_worker_log "rs_worker_log" "wrap__rs_worker_log" ("line") => nothing;
}

extendr_module! {
    mod jobs;
    fn rs_exit_statuses;
    fn rs_job_open;
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
    fn rs_pool_calls;
    fn rs_pool_open;
    fn rs_pool_close;
    fn rs_pool_resize;
    fn rs_pool_dismiss;
    fn rs_pool_prepare;
    fn rs_pool_status;
    fn rs_server_open;
    fn rs_worker_retire;
    fn rs_worker_enlist;
    fn rs_worker_log_to;
    fn rs_worker_log;
}
