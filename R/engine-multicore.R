# Forked workers: Rust forks them, hands out tasks, receives results and replaces
# the dead; this file is what R does meanwhile.

run_multicore <- function(job, plan) {
  # Loaded here, they are there in every worker; a missing one fails here.
  for (package in job$packages) loadNamespace(package)
  handle <- unpack(rs_job_open(job_spec(job, plan)), job$origin)
  on.exit(rs_job_close(handle, job$cleanup$signal, job$cleanup$grace))
  mailbox <- new_mailbox(job$policy$order, job$n, job$relay$quiet)
  read_random_kinds()
  seed <- get_random_seed()
  nested <- nested_plan(plan)
  main <- worker_main(job, nested)
  started <- as_workers(job$relay, nested, rs_job_start(handle, job$call, job$frame, main, seed))
  if (!started) explain_jump(job$origin)
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
    values[[task]] <- new_timeout_error(task, plan$settings$timeout, job$origin)
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
# by invokeRestart("abort"), which ends this worker. The session enters here too:
# rs_worker_begin() forks its first workers within the handlers.
worker_main <- function(job, nested) {
  relay <- job$relay
  packages <- job$packages
  globals <- job$globals
  prepare <- function() {
    setTimeLimit()
    setSessionTimeLimit()
    if (!state$as_worker) prepare_worker(relay)
    if (!state$as_worker || length(nested$nested)) enter_worker(nested)
    # This process's share: what a task forks has none.
    state$share <- list(pid = Sys.getpid(), threads = nested$threads)
    for (package in packages) library(package, character.only = TRUE)
    set_globals(globals)
  }
  run <- function() {
    fresh <- rs_worker_begin()
    if (is.na(fresh)) return()
    if (fresh) prepare()
    rs_worker_run()
    NULL
  }
  function(again) {
    if (again) {
      fatal <- state$fatal
      if (is.null(fatal) || fatal$task != rs_worker_task()) return()
      state$fatal <- NULL
      rs_worker_fail(fatal$condition)
    }
    recording(relay, repeat {
      failure <- tryCatch(run(), error = identity)
      if (is.null(failure)) break
      rs_worker_fail(failure)
    })
  }
}

# Something jumped to the top level while the session started its workers: an
# interrupt, whose handlers are not seen from there, or an error that R has told.
explain_jump <- function(call) {
  if (!isTRUE(state$interrupted)) {
    abort_rustle("The workers could not be started.", "rustle_error_system", call = call)
  }
  state$interrupted <- NULL
  signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
  invokeRestart("abort")
}

# Options and output of a worker.
prepare_worker <- function(relay) {
  options(worker_options)
  redirect_output(relay)
}

# Evaluates `expr`, which forks, while this session has the options, the plan and the
# sink of a worker: they cost less here than in each worker, where every page that R
# writes to is copied first. Replacements, which are forked later, do it themselves.
as_workers <- function(relay, nested, expr) {
  before <- options(worker_options)
  on.exit(options(before))
  if (!length(nested$nested)) {
    plan <- mget(c("cores", "resolved"), envir = state, ifnotfound = list(NULL))
    on.exit(list2env(plan, envir = state), add = TRUE)
    enter_worker(nested)
  }
  connection <- redirect_output(relay)
  if (!is.null(connection)) on.exit({ sink(); close(connection) }, add = TRUE)
  state$as_worker <- TRUE
  on.exit(state$as_worker <- FALSE, add = TRUE)
  expr
}
