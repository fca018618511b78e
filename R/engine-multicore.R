# Forked workers: Rust forks them, hands out tasks, receives results and replaces
# workers that die. This file starts them and holds the R code that they run; attend() is
# what the session does meanwhile.

run_multicore <- function(job, plan) {
  handle <- start_multicore(job, plan)
  on.exit(rs_job_close(handle, job$cleanup$signal, job$cleanup$grace))
  attend(handle, job, plan)
}

# The handle of a job whose workers run; the caller closes it.
start_multicore <- function(job, plan) {
  job <- logged_job(job, plan)
  # Loaded before the fork, the packages are there in every worker, and a package that is
  # not installed is an error before anything starts.
  for (package in job$packages) loadNamespace(package)
  # Tasks must use the same kinds of random number generators as the session.
  read_random_kinds()
  nested <- nested_plan(plan)
  main <- worker_main(job, nested)
  handle <- unpack(rs_job_open(job_spec(job, plan), job_code(job, main)), job$origin)
  running <- FALSE
  on.exit(if (!running) rs_job_close(handle, job$cleanup$signal, job$cleanup$grace))
  told <- geterrmessage()
  started <- as_workers(job$relay, nested, rs_job_start(handle))
  if (!started) explain_jump(job$origin, told)
  running <- TRUE
  handle
}

# What a forked worker does.
worker_main <- function(job, nested) {
  packages <- job$packages
  globals <- job$globals
  prepare <- function() {
    setTimeLimit()
    setSessionTimeLimit()
    # The session had the state of a worker when it forked this one: nothing is to be done.
    if (!process$as_worker) prepare_worker(job$relay)
    if (!process$as_worker || length(nested$levels)) enter_worker(nested)
    start_log(job$relay$log)
    set_thread_allotment(nested$threads)
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
  task_loop(job$relay, run)
}

# The loop of every worker. There is one tryCatch() around the loop over tasks, not one per task:
# an error of a task jumps out of the Rust loop, the error is stored, and the loop goes on.
# A task can also jump past tryCatch(), to the top level. Rust then calls this function
# again, with `again` TRUE. Either the task called stop() with a condition that is not an
# error, and so it has failed; or it called invokeRestart("abort"), and this worker ends.
# A session that forks runs this function too: rs_worker_begin() forks the first workers from
# within the handlers.
task_loop <- function(relay, run, ...) {
  function(again) {
    if (again) {
      fatal <- take_noted("fatal")
      if (is.null(fatal) || fatal$task != rs_worker_task()) return()
      rs_worker_fail(with_trace(fatal$condition, fatal$trace))
    }
    recording(relay, repeat {
      failure <- tryCatch(tracing(relay, run()), error = identity, ...)
      if (is.null(failure)) break
      if (!is.null(relay$log)) log_condition(failure)
      rs_worker_fail(with_trace(failure, take_noted("trace")))
    })
  }
}

# Something jumped to the top level while the session started its workers. Was it an error outside
# of run(), R has printed it. (Errors in run() are caught; then the job goes on and asks for
# workers again.) Else it was an interrupt, or the restart "abort", which is what R itself does
# when there is one. It is signalled again, because the caller's handlers could not see it there:
# nor could ours when it came just before they were set.
explain_jump <- function(call, told) {
  last <- geterrmessage()
  # Two time limits have one text.
  silent <- identical(last, told) && !grepl("time limit", last, fixed = TRUE)
  if (!isTRUE(take_noted("interrupted")) && !silent) {
    abort_rustle(
      paste0("The start of the workers was broken off, as setTimeLimit() or a lack of memory can do: ", trimws(last)),
      "rustle_error_system", call = call
    )
  }
  signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
  invokeRestart("abort")
}

# Gives a worker its options, and sends its output to the session.
prepare_worker <- function(relay) {
  options(worker_options)
  redirect_output(relay)
}

# Evaluates `expr`, which forks, while this session has the options, the plan and the
# sink of a worker. To set them once here costs less than to set them in each worker, where
# every page of memory that R writes to is copied first. Workers that are forked later, as
# replacements, set them themselves.
as_workers <- function(relay, nested, expr) {
  before <- leave <- connection <- NULL
  on.exit(suspendInterrupts({
    set_as_worker(FALSE)
    if (!is.null(connection)) { sink(); close(connection) }
    if (!is.null(leave)) leave()
    options(before)
  }))
  # An interrupt between a change and the note of it would leave the session a worker for good.
  suspendInterrupts({
    before <- options(worker_options)
    if (!length(nested$levels)) leave <- enter_worker(nested)
    connection <- redirect_output(relay)
    set_as_worker(TRUE)
  })
  expr
}
