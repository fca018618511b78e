# Made by tools/wrappers from the functions in src/rust/src: do not edit.
# nolint start

#' @useDynLib rustle, .registration = TRUE
NULL

#' Opens a job; see R/job.R for the fields of `spec`.
#' @noRd
rs_job_open <- function(spec) .Call(wrap__rs_job_open, spec)

#' The seeds of a job that runs in this process.
#' @noRd
rs_seeds_open <- function(spec) .Call(wrap__rs_seeds_open, spec)

#' `.Random.seed` of tasks `tasks` (from 1), as a list; `numbering` is
#' "substream" or "stream".
#' @noRd
rs_task_seeds <- function(seed, tasks, numbering) .Call(wrap__rs_task_seeds, seed, tasks, numbering)

#' Physical and logical cores.
#' @noRd
rs_cores <- function() .Call(wrap__rs_cores)

#' Exit statuses of workers that have a meaning.
#' @noRd
rs_exit_statuses <- function() .Call(wrap__rs_exit_statuses)

#'@noRd
rs_worker_begin <- function() .Call(wrap__rs_worker_begin)

#'@noRd
rs_worker_run <- function() .Call(wrap__rs_worker_run)

#'@noRd
rs_worker_fail <- function(condition) .Call(wrap__rs_worker_fail, condition)

#'@noRd
rs_worker_signal <- function(condition) .Call(wrap__rs_worker_signal, condition)

#'@noRd
rs_worker_task <- function() .Call(wrap__rs_worker_task)

#'@noRd
rs_job_start <- function(handle, call, rho, main, inherited) .Call(wrap__rs_job_start, handle, call, rho, main, inherited)

#'@noRd
rs_job_wait <- function(handle, seconds) .Call(wrap__rs_job_wait, handle, seconds)

#'@noRd
rs_job_collect <- function(handle) .Call(wrap__rs_job_collect, handle)

#'@noRd
rs_job_timings <- function(handle) .Call(wrap__rs_job_timings, handle)

#'@noRd
rs_job_close <- function(handle, signal, grace) .Call(wrap__rs_job_close, handle, signal, grace)

#'@noRd
rs_run_here <- function(call, rho, values, order, seeds, forced) .Call(wrap__rs_run_here, call, rho, values, order, seeds, forced)

#'@noRd
rs_check_interrupt <- function() .Call(wrap__rs_check_interrupt)

#'@noRd
rs_output_connection <- function() .Call(wrap__rs_output_connection)

#' Opens the engine of a scheme and a statistic, that of the engine `like` if there is
#' one; see R/bootstrap-schemes.R.
#' @noRd
rs_boot_open <- function(spec, like) .Call(wrap__rs_boot_open, spec, like)

#' Does the handle belong to this process?
#' @noRd
rs_boot_alive <- function(handle) .Call(wrap__rs_boot_alive, handle)

#' Replicates `from` (from 0) to `to`, or the first of them that can be begun within
#' `seconds`.
#' @noRd
rs_boot_run <- function(handle, from, to, attempt, threads, seconds) .Call(wrap__rs_boot_run, handle, from, to, attempt, threads, seconds)

#' The statistic of the data.
#' @noRd
rs_boot_observed <- function(handle) .Call(wrap__rs_boot_observed, handle)

#' The statistic without each of `groups` (a list of rows; NULL: each observation), from
#' the group `from` (from 0) on.
#' @noRd
rs_boot_without <- function(handle, groups, from, threads, seconds) .Call(wrap__rs_boot_without, handle, groups, from, threads, seconds)

#' Infinitesimal influence values of the observations from `from` (from 0) on.
#' `strata`: a list of rows.
#' @noRd
rs_boot_infinitesimal <- function(handle, strata, from, threads, seconds) .Call(wrap__rs_boot_infinitesimal, handle, strata, from, threads, seconds)

#' What replicate `replicate` (from 0) is made of: `what` is "i" (indices), "f"
#' (frequencies), "w" (weights as they are) or "v" (multipliers of residuals).
#' @noRd
rs_boot_resample <- function(handle, replicate, attempt, what) .Call(wrap__rs_boot_resample, handle, replicate, attempt, what)

#' Counts permutations `from` (from 0) to `to`, or the first that can be looked at
#' within `seconds`. `seed`: NULL for all of them.
#' @noRd
rs_permutation <- function(test, seed, from, to, threads, seconds) .Call(wrap__rs_permutation, test, seed, from, to, threads, seconds)

#' The observed statistics and the number of permutations.
#' @noRd
rs_permutation_observed <- function(test) .Call(wrap__rs_permutation_observed, test)

#' Simulates every combination of schedule, chunk and workers (three vectors of
#' one length) on the same task times.
#' @noRd
rs_simulate <- function(times, schedules, chunks, workers, start_up, claim, threads) .Call(wrap__rs_simulate, times, schedules, chunks, workers, start_up, claim, threads)

# nolint end
