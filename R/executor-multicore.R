# Forked workers: Rust forks them, hands out tasks, receives results and replaces
# the dead; this file is what R does meanwhile.

run_multicore <- function(job, plan) {
  # Loaded here, they are there in every worker; a missing one fails here.
  for (package in job$packages) loadNamespace(package)
  handle <- unpack(rs_job_open(job_spec(job, plan)), job$origin)
  on.exit(rs_job_close(handle, job$cleanup$signal, job$cleanup$grace))
  mailbox <- new_mailbox(job$policy$order, job$n, job$relay$quiet)
  main <- worker_main(job, plan)
  seed <- get_random_seed()
  as_workers(job$relay, rs_job_start(handle, job$call, job$frame, main, seed))
  progress <- new_progress(job, min(plan$workers, job$n), plan)
  on.exit(progress$close(), add = TRUE)
  repeat {
    # list(state, events, prefix, done, busy, failure); waits 100 ms at most.
    status <- rs_job_wait(handle, 0.1)
    rs_check_interrupt()
    mailbox$add(status[[2L]])
    if (status[[1L]] != 0L) break
    mailbox$flush(status[[3L]])
    progress$update(status[[4L]], status[[5L]])
  }
  # list(values, failed, vector, first)
  collected <- rs_job_collect(handle)
  values <- collected[[1L]]
  failed <- collected[[2L]]
  for (task in intersect(mailbox$timeouts(), failed)) {
    values[[task]] <- new_timeout_error(task, plan$settings$timeout)
  }
  if (status[[1L]] == 2L) {
    mailbox$flush(status[[3L]])
    stop_worker_lost(status[[6L]], values, job$origin)
  }
  keep_timings(handle, job)
  progress$close(job$n)
  stopping <- job$on_error == "stop" && length(failed)
  mailbox$flush(Inf, if (stopping) failed[[1L]] else job$n)
  misuse <- mailbox$misuse()
  if (length(misuse) && !stopping) warn_rng_misuse(job, min(misuse))
  new_outcome(values, failed, collected[[3L]], collected[[4L]])
}

# What a worker does: one tryCatch() around the loop, not one per task. An error
# of a task jumps out of the Rust loop, is stored, and the loop goes on. A jump
# past tryCatch(), to the top level, brings us here again (`again`): the task
# called stop() with a condition that is not an error, which fails it, or it left
# by invokeRestart("abort"), which ends this worker.
worker_main <- function(job, plan) {
  relay <- job$relay
  packages <- job$packages
  nested <- nested_plan(plan)
  function(again) {
    if (again) {
      fatal <- state$fatal
      if (is.null(fatal) || fatal$task != rs_worker_task()) return()
      state$fatal <- NULL
      rs_worker_fail(fatal$condition)
    } else {
      setTimeLimit()
      setSessionTimeLimit()
      if (!state$as_worker) prepare_worker(relay)
      enter_worker(nested)
      for (package in packages) library(package, character.only = TRUE)
    }
    recording(relay, repeat {
      failure <- tryCatch({ rs_worker_run(); NULL }, error = identity)
      if (is.null(failure)) break
      rs_worker_fail(failure)
    })
  }
}

# Options and output of a worker.
prepare_worker <- function(relay) {
  options(worker_options)
  redirect_output(relay)
}

# Evaluates `expr`, which forks, while this session has the options and the sink of
# a worker: they cost less here than in each worker, where every page that R
# writes to is copied first. Replacements, which are forked later, do it themselves.
as_workers <- function(relay, expr) {
  before <- options(worker_options)
  on.exit(options(before))
  connection <- redirect_output(relay)
  if (!is.null(connection)) on.exit({ sink(); close(connection) }, add = TRUE)
  state$as_worker <- TRUE
  on.exit(state$as_worker <- FALSE, add = TRUE)
  expr
}
