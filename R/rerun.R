# Running a task again in this session: what it needs is kept of the last call.

# The record of the last call, written in this file only: `id`, the number of calls so far;
# `call`, list(id, job, plan, state, start, moved) of the last one, where `state` is the random state that
# it found, `moved`: did it end with another? and `start` the time at which it began, by which a report tells its call; `failure`, the
# last error of a task, with its fields `task` and `job`; and `why`, NULL or why nothing is kept of the last call.
# A job has either what evaluate_again() needs, or, where its tasks are found in another way, the
# fields `id`, `n` and `find(task, replay)`: see find_again().
inputs <- list2env(list(id = 0), parent = emptyenv())

# A call begins: what was kept of the one before is let go, and its report, which must not be shown
# for this one where it fails before it has its own. Returns its number.
begin_call <- function() {
  pass_again()
  keep_report(NULL)
  inputs$call <- inputs$failure <- inputs$why <- NULL
  count_calls(1)
}

count_calls <- function(more) inputs$id <- inputs$id + more

# A call of which neither a report nor inputs are kept has begun, or is over. why: a clause.
forget_call <- function(why) {
  begin_call()
  inputs$why <- why
}

without_tasks <- "the last call had no tasks"

# An error of a task, with its fields `task` and `job`. Returns it.
note_failure <- function(condition) inputs$failure <- condition

# A call is over, be it by an error. A call in a task is over before the one whose task it is,
# so that this one is kept. Workers keep nothing.
keep_call <- function(job, plan, state, start, moved = !identical(state, get_random_seed())) {
  pass_again()
  if (is_worker() || isFALSE(getOption("rustle.rerun"))) return(invisible())
  inputs$call <- list(id = job$id, job = job, plan = plan, state = state, start = start, moved = moved)
  inputs$why <- NULL
}

# Changes fields of what is kept of the last call, if anything is.
amend_call <- function(...) {
  fields <- list(...)
  if (!is.null(inputs$call)) inputs$call[names(fields)] <- fields
}

#' Run a task again in this session
#'
#' `rerun_task()` evaluates a task of the last call once more, in this session, where
#' `traceback()`, `browser()`, `debug()` and `options(error = recover)` work: with its element,
#' arguments, globals and random numbers. The value is the one that the worker computed, bit
#' for bit.
#'
#' @param x What tells the task: the error of a call of `future_lapply()` and its like,
#'   `parLapply()`, `foreach()`, [boot()], [bootstrap()], [cv()]; a `try-error` of [mclapply()];
#'   or a report of the last call, with `task`. `NULL`: the first task that failed in the last
#'   call, or `task` of it.
#' @param task The number of the task, where `x` does not tell it: of an element, a replicate,
#'   a run of [study()], as they are counted in that call.
#' @param browse `TRUE` stops at the first line of the user's function, as `debugonce()` does.
#' @return The value of the task. Its errors, warnings, messages and output come as they are
#'   when nothing runs in parallel.
#' @section What is kept: The data, the function and the arguments of the last call are kept
#'   by reference, not copied, until the next call of this package begins; so is the memory
#'   that they take; who changes such an object meanwhile gets a copy of it first.
#'   `options(rustle.rerun = FALSE)` keeps nothing. Variables that the function
#'   finds elsewhere are those of now. Nothing is kept of native statistics and `mt_*()` functions, nor
#'   of calls on a cluster object that parallel's own code runs (`options(rustle.cluster = FALSE)`, MPI).
#'   A call in a task counts as part of that task. A BLAS with
#'   threads of its own may add up in another order here than on a worker, where it has fewer.
#' @section On a cluster object: Variables of the node's global environment (of [clusterExport()]) that the
#'   function uses are fetched from the node, as they are there now, and stand in this session's while the
#'   task runs; those that the node has not are hidden; packages that are attached there are attached here.
#'   Where the node cannot be asked any more, variables are those of the session, and a warning says so.
#'   After an error the later tasks of its chunk have not run, and cannot run again.
#' @section Random numbers: They are those of the task's stream (`future.seed = TRUE`, a number
#'   or a list; `.options.rustle = list(seed = )`; L'Ecuyer-CMRG with `parallel`'s functions).
#'   Under `mclapply(mc.preschedule = TRUE)`, in a chunk on a cluster object and in the replicates of [boot()] that run in this
#'   session, tasks draw from one stream, so where they draw,
#'   those that come before run first, without being shown. A task that draws without a stream
#'   draws others than it did, and a warning says so. The random state of the session is as
#'   before afterwards.
#' @section Errors: `rustle_error_rerun` when the inputs are not there any more, because another
#'   call has begun or nothing was kept, and where the task had not run; `rustle_error_argument`.
#' @examples
#' f <- function(x, power) if (x == 3) stop("bad") else x^power
#' e <- tryCatch(future_lapply(1:4, f, power = 2), error = identity)
#' try(rerun_task(e))
#' rerun_task(task = 4)
#' #> [1] 16
#' @seealso [task_trace()] for the calls of an error; [job_report()], which has the number of the call;
#'   `?"rustle-errors"`.
#' @export
rerun_task <- function(x = NULL, task = NULL, browse = FALSE) {
  call <- sys.call()
  browse <- check_flag(browse, "browse")
  task <- check_count(task, "task", null = TRUE)
  told <- task_told(x, call)
  if (!is.null(task)) told$task <- task
  settle_again()
  kept <- inputs$call
  other <- !is.null(told$job) && told$job != kept$id || !is.null(told$start) && !identical(told$start, kept$start)
  if (is.null(kept) || other) stop_no_inputs(kept, call)
  if (is.null(told$task)) told$task <- inputs$failure$task
  n <- kept$job$n
  if (is.null(told$task) || told$task > n) {
    must <- sprintf("the number of a task of the last call, at most %.0f", n)
    stop_argument("task", must, told$task, call, was = if (is.null(told$task)) "left out where no task has failed")
  }
  evaluate_again(kept, told$task, browse)
}

# list(task, job) of what the user has given, or list(start) of a report. An error of ours has that
# of the task in it.
task_told <- function(x, call) {
  if (is.null(x)) return(list())
  e <- as_condition(x)
  if (is.null(e)) {
    if (inherits(x, "rustle_report") && !is.null(x[["start"]])) return(list(start = x[["start"]]))
    stop_argument("x", "an error of a task, an object of class \"try-error\", a report or NULL", x, call)
  }
  while (is.list(e)) {
    if (is.numeric(e[["task"]]) && is.numeric(e[["job"]])) return(list(task = e[["task"]], job = e[["job"]]))
    e <- e[["parent"]]
  }
  # A loss or a timeout.
  e <- as_condition(x)
  if (is.list(e) && inherits(e, "rustle_error_worker_lost") && length(e$tasks)) return(list(task = e$tasks[[1L]]))
  if (is.list(e) && is.numeric(e[["task"]])) return(list(task = e[["task"]]))
  stop_argument("x", "an error that tells its task", x, call)
}

stop_no_inputs <- function(kept, call) {
  why <- if (!is.null(kept)) {
    "another call has begun since"
  } else if (isFALSE(getOption("rustle.rerun"))) {
    "options(rustle.rerun = FALSE) keeps nothing"
  } else if (inputs$id == 0) {
    "no call has run in this session"
  } else if (!is.null(inputs$why)) {
    inputs$why
  } else {
    "the last call has no tasks of R code"
  }
  stop_not_there(why, call)
}

stop_not_there <- function(why, call = NULL) {
  abort_rustle(sprintf("The inputs of the task are not there any more: %s.", why), "rustle_error_rerun", call = call)
}

# A task of a call that was kept: list(job, task, start, hidden). job: the fields frame, call, forced,
# packages and globals of a job in which it is `task`; start: a function of one that runs a task of that
# job, which sets the random state in which the task began and returns whether that is known; hidden: names in
# the global environment that the task did not find.
find_again <- function(kept, task) {
  replay <- function(run, earlier) unseen(run(earlier))
  if (is.function(kept$job$find)) return(kept$job$find(task, replay))
  list(job = kept$job, task = task, start = function(run) start_stream(kept, task, function(earlier) replay(run, earlier)))
}

evaluate_again <- function(kept, task, browse) {
  plan <- kept$plan
  before <- random_state()
  failure <- inputs$failure
  on.exit({
    restore_random_state(before)
    # The task may have made calls.
    pass_again()
    inputs$call <- kept
    inputs$failure <- failure
  })
  found <- find_again(kept, task)
  job <- found$job
  for (package in job$packages) library(package, character.only = TRUE)
  threads <- threads_per_worker(max(1L, min(plan$workers, kept$job$n)), plan$settings$worker_threads)
  code <- forced_call(job)
  frame <- job$frame
  run <- function(task) {
    assign("i", task, envir = frame)
    eval(code, frame)
  }
  as_worker_would(plan, threads, with_globals(job$globals, hidden = found$hidden, {
    with_stream <- found$start(run)
    state <- get_random_seed()
    if (browse) browse_once(frame)
    value <- run(found$task)
    check <- job_check(job)
    if (!is.null(check)) check(value, task)
    if (!with_stream && !identical(state, get_random_seed())) {
      warn_rustle(
        "The task has drawn random numbers without a stream of its own: they are others than those of the worker.",
        "rustle_warning_rerun", task = task
      )
    }
    value
  }))
}

# Sets the random state in which the task began on its worker. Returns whether that is known.
# replay: a function that runs an earlier task.
start_stream <- function(kept, task, replay) {
  job <- kept$job
  streams <- job$streams
  kind <- streams$streams
  seeds <- task_seeds(streams, task)
  if (!is.null(seeds)) {
    set_random_seed(seeds[[1L]])
    return(TRUE)
  }
  if (kind == "same" && !is.null(kept$state)) {
    set_random_seed(kept$state)
    return(TRUE)
  }
  workers <- max(1L, min(kept$plan$workers, job$n))
  dealt <- isTRUE(job$shares) && !isTRUE(streams$own) &&
    (job$policy$schedule == "cyclic" && is.null(job$policy$ends) || workers >= job$n)
  if (dealt && (kind == "share" || (kind == "keep" && !is.null(kept$state)))) {
    worker <- (task - 1L) %% workers
    set_random_seed(if (kind == "share") share_seed(streams$seed, worker) else kept$state)
    for (earlier in seq.int(worker + 1L, task, by = workers)) if (earlier < task) replay(earlier)
    return(TRUE)
  }
  # Tasks without streams draw from the state of the session there, one after another.
  if (kept$plan$executor$in_session && kind %in% c("keep", "clear") && is.null(job$save)) {
    if (!kept$moved) return(TRUE)
    if (!is.null(kept$state)) {
      set_random_seed(kept$state)
      order <- job$policy$order
      if (is.null(order)) order <- seq_len(job$n)
      for (earlier in order[seq_len(match(task, order) - 1L)]) replay(earlier)
      return(TRUE)
    }
  }
  set_random_seed(NULL)
  FALSE
}

# The seed of the share of a worker, counted from 0.
share_seed <- function(seed, worker) unpack(rs_task_seeds(seed, as.double(worker + 1), "stream"))[[1L]]

# Evaluates `expr` without a trace of it.
unseen <- function(expr) {
  sink(null <- file(nullfile(), "w"))
  on.exit({ sink(); close(null) })
  withCallingHandlers(
    tryCatch(expr, error = function(e) NULL),
    condition = function(c) {
      for (restart in c("muffleWarning", "muffleMessage")) tryInvokeRestart(restart)
    }
  )
  invisible()
}

# Calls in the task find the next level of the plan, and as many threads as on a worker.
as_worker_would <- function(plan, threads, expr) {
  if (plan$executor$in_session) return(with_next_level(plan, expr))
  with_threads(threads, with_next_level(plan, expr))
}

# The next call of the user's function stops at its first line. Functions of ours that run
# tasks have it among their variables.
browse_once <- function(frame) {
  target <- user_function(frame)
  if (is.primitive(target)) {
    message("The function is a primitive one, in which nobody can stop: this is before its call.")
    browser()
  } else {
    debugonce(target)
  }
}

user_function <- function(frame) {
  fun <- frame$FUN
  home <- environment(fun)
  made <- !is.primitive(fun) && (is_ours(fun) || identical(topenv(home), baseenv()))
  if (!made) return(fun)
  for (where in list(frame, home)) {
    for (name in c("statistic", "fit", "fun")) {
      found <- get0(name, where, mode = "function", inherits = FALSE)
      if (!is.null(found)) return(found)
    }
  }
  fun
}
