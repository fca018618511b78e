# Forked workers: Rust forks them, hands out tasks, receives results and replaces
# the dead. This file starts them and has what R does in them; attend() is what the
# session does meanwhile.

run_multicore <- function(job, plan) {
  # Loaded here, they are there in every worker; a missing one fails here.
  for (package in job$packages) loadNamespace(package)
  # Tasks find the kinds that the session sees.
  read_random_kinds()
  nested <- nested_plan(plan)
  main <- worker_main(job, nested)
  handle <- unpack(rs_job_open(job_spec(job, plan), job_code(job, main)), job$origin)
  on.exit(rs_job_close(handle, job$cleanup$signal, job$cleanup$grace))
  started <- as_workers(job$relay, nested, rs_job_start(handle))
  if (!started) explain_jump(job$origin)
  attend(handle, job, plan)
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
    # The session was one already when it forked its first workers.
    if (!process$as_worker) prepare_worker(relay)
    if (!process$as_worker || length(nested$levels)) enter_worker(nested)
    set_thread_share(nested$threads)
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
      fatal <- take_noted("fatal")
      if (is.null(fatal) || fatal$task != rs_worker_task()) return()
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
  if (!isTRUE(take_noted("interrupted"))) {
    abort_rustle("The workers could not be started.", "rustle_error_system", call = call)
  }
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
  if (!length(nested$levels)) {
    leave <- enter_worker(nested)
    on.exit(leave(), add = TRUE)
  }
  connection <- redirect_output(relay)
  if (!is.null(connection)) on.exit({ sink(); close(connection) }, add = TRUE)
  set_as_worker(TRUE)
  on.exit(set_as_worker(FALSE), add = TRUE)
  expr
}
