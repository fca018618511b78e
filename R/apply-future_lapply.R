#' Apply a function to each element, in parallel
#'
#' `future_lapply()` is [base::lapply()], its tasks run by the workers of the
#' current [plan()]. Arguments, order, names, errors and random numbers are those
#' of `future.apply::future_lapply()`.
#'
#' @param X A vector or an object that [as.list()] makes one.
#' @param FUN A function, or the name of one; called as `FUN(X[[i]], ...)`.
#' @param ... Further arguments of `FUN`, evaluated once, before any task runs. One that
#'   cannot be evaluated here, as in `future_lapply(X, with, mean(mpg))`, goes to `FUN` as
#'   it was written, as in [lapply()]; workers that share no memory cannot have it, and the
#'   call stops with its error.
#' @param future.envir The environment in which globals are looked up, for plans
#'   whose workers do not share memory.
#' @param future.stdout `TRUE` (default): what a task writes to standard output
#'   appears here, in the order of the tasks. `FALSE`: it is dropped. `NA`: it is
#'   not intercepted.
#' @param future.conditions Classes of the conditions (warnings, messages, others)
#'   that are signalled again here, in the order of the tasks and interleaved with
#'   their output; attribute `exclude` names classes that are not. `character(0)`:
#'   none but errors. `NULL`: not intercepted.
#' @param future.globals,future.packages What the workers need: see
#'   `future.apply::future_lapply()`. Forked workers have everything already. A named
#'   list of globals overrides variables of the global environment while tasks run.
#' @param future.seed `FALSE` (default): tasks are not supposed to draw random
#'   numbers, and a warning says so when one does. `NULL`: no check. `TRUE`, a
#'   whole number or a L'Ecuyer-CMRG seed: every task has a random number stream
#'   of its own, so the numbers do not depend on workers or schedules. A list: the
#'   seed of each task.
#' @param future.scheduling,future.chunk.size How many chunks per worker, or how
#'   many tasks per chunk on average; attribute `ordering` (a permutation, a
#'   function of `n`, or `"random"`) changes the order of processing. When
#'   neither is given, the schedule of the plan decides.
#' @param future.label A label for futures.
#' @return A list with the values, in order, with the names of `X`.
#' @section Errors: The error of the failing task with the lowest index is raised
#'   with its own class, message and call; field `task` is the task's index, and R prints
#'   it after the message where nothing handles the error.
#'   Tasks below it are finished first, later ones are cancelled. A lost worker
#'   (killed, crashed, out of memory) is replaced and its unfinished tasks run
#'   again, `retries` times (see [plan()]); then the call stops with
#'   `rustle_error_worker_lost`, with fields `tasks`, `signal` and `values`.
#'   `rustle_error_argument` for wrong arguments, before anything has started.
#' @section Where it differs from future.apply: Output and conditions are relayed
#'   task by task, not chunk by chunk, and in the order in which they came; a lost
#'   worker does not end the call; no warning precedes the error of a task.
#'   `vignette("rustle")` has the table of all differences.
#' @section Cost: A call forks at least one worker: some milliseconds, more with a
#'   large session. A task costs less than a microsecond.
#' @seealso [future_sapply()], [future_mapply()] and others of the family; [mclapply()] for
#'   parallel's call; [plan()] for the workers; `?"rustle-schedules"`, `?"rustle-seeds"`,
#'   `?"rustle-errors"`.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' str(future_lapply(c(a = 1, b = 4), sqrt))
#' #> List of 2
#' #>  $ a: num 1
#' #>  $ b: num 2
#' identical(
#'   future_lapply(1:3, rnorm, future.seed = 42),
#'   with_plan(sequential, future_lapply(1:3, rnorm, future.seed = 42))
#' )
#' #> [1] TRUE
#' plan(oplan)
#' @export
future_lapply <- function(X, FUN, ..., future.envir = parent.frame(), future.stdout = TRUE,
                          future.conditions = "condition", future.globals = TRUE,
                          future.packages = NULL, future.seed = FALSE, future.scheduling = 1.0,
                          future.chunk.size = NULL, future.label = "future_lapply-%d") {
  if (nargs() == 2L && !missing(X) && !missing(FUN)) {
    found <- .Call(wrap__rs_again, FUN, X, sys.call(), FALSE, NULL, NULL)
    if (typeof(found) == "externalptr") found <- rest_of_again(found, X, FALSE)
    if (!is.null(found)) return(found)
  } else if (nargs() == 3L && !missing(X) && !missing(FUN) && !missing(future.seed) && isTRUE(future.seed)) {
    found <- seeded_again(FUN, X, sys.call(), FALSE)
    if (!is.null(found)) return(found)
  }
  outcome <- lapply_outcome(
    ..., rustle.X = X, rustle.FUN = FUN, future.envir = future.envir, future.stdout = future.stdout,
    future.conditions = future.conditions, future.globals = future.globals,
    future.packages = future.packages, future.seed = future.seed,
    future.scheduling = future.scheduling, future.chunk.size = future.chunk.size,
    future.label = future.label, rustle.scheduled = !missing(future.scheduling)
  )
  with_names(outcome$values, outcome$names)
}

# Runs a call and returns its outcome, with `names`, those of the elements. Functions that
# return another shape than a list use this. Arguments of FUN may have any name, so `...`
# comes first.
lapply_outcome <- function(..., rustle.X, rustle.FUN, future.envir = parent.frame(2L), future.stdout = TRUE,
                           future.conditions = "condition", future.globals = TRUE,
                           future.packages = NULL, future.seed = FALSE, future.scheduling = 1.0,
                           future.chunk.size = NULL, future.label = "future_lapply-%d",
                           rustle.shape = NULL, rustle.call = sys.call(-1L),
                           rustle.scheduled = !missing(future.scheduling)) {
  force(rustle.scheduled)
  if (missing(rustle.X)) stop_missing("X", rustle.call)
  FUN <- check_function(rustle.FUN, "FUN", parent.frame(2L), rustle.call)
  options <- future_options("future_lapply-%d", rustle.shape, rustle.call, scheduled = rustle.scheduled)
  X <- as_elements(rustle.X)
  n <- length(X)
  if (n == 0L) {
    forget_call(without_tasks)
    return(c(new_outcome(as.list(X)), list(names = names(X))))
  }
  # As in future.apply, arguments are evaluated once, here. If workers evaluated them, an
  # argument that draws random numbers would have another value in each.
  frame <- function() list2env(list(X = X, FUN = FUN), open_frame(...))
  c(run_future_call(options, n, lapply_call, frame), list(names = names(X)))
}

# The future.* arguments of the function that calls this, checked. `shape`: see
# new_job(). `scheduled`: did the user give future.scheduling? missing() cannot tell that of
# an argument that was handed on: one with a default is never missing there.
future_options <- function(label, shape = NULL, call = sys.call(-1L), frame = parent.frame(),
                           scheduled = !eval(quote(missing(future.scheduling)), frame)) {
  force(scheduled)
  scheduled <- "future.scheduling" %in% take_disposable(frame) || scheduled
  given <- list(
    frame$future.stdout, frame$future.conditions, frame$future.globals, frame$future.packages, frame$future.label, label
  )
  options <- if (identical(given, last_checked$given)) last_checked$options else check_futures(given, call)
  c(options, list(
    envir = check_environment(frame$future.envir, "future.envir", call),
    seed = frame$future.seed, scheduling = frame$future.scheduling, chunk_size = frame$future.chunk.size,
    given = scheduled || !is.null(frame$future.chunk.size), shape = shape, origin = call
  ))
}

# The record of the arguments that were checked last, written here only: most calls have the same.
last_checked <- new.env(parent = emptyenv())

# given: output, conditions, globals, packages and label, as future_options() has them, and the label
# that stands for TRUE.
check_futures <- function(given, call) {
  named <- check_label(given[[5L]], "future.label", call)
  options <- list(
    stdout = check_flag(given[[1L]], "future.stdout", na = TRUE, call = call),
    conditions = check_conditions(given[[2L]], "future.conditions", call),
    globals = check_globals(given[[3L]], "future.globals", call),
    packages = check_packages(given[[4L]], "future.packages", call),
    label = if (isTRUE(named)) given[[6L]] else named
  )
  # The user's data are not kept.
  if (!is.list(options$globals)) {
    last_checked$given <- given
    last_checked$options <- options
  }
  options
}

# future's operators, as in future_lapply(X, FUN) %seed% TRUE, leave the arguments that they
# stand for in option `future.disposable`, for the next call. Returns which arguments these
# are.
take_disposable <- function(frame) {
  given <- getOption("future.disposable")
  if (is.null(given)) return()
  options(future.disposable = NULL)
  arguments <- paste0("future.", names(given))
  known <- vapply(arguments, exists, NA, envir = frame, inherits = FALSE)
  list2env(stats::setNames(given, arguments)[known], envir = frame)
  arguments[known]
}

# Runs the n tasks of a future_*() call. frame: a function that makes the frame of
# the job; it is called last, as it evaluates arguments of the user.
# machine: NULL, or a function that makes of the frame that of the same calls as the machine takes them.
run_future_call <- function(options, n, call, frame, forced = 1L, over = c(X = "elements"), machine = NULL) {
  plan <- current_plan()
  policy <- policy_of_future(
    n, plan$workers, options$scheduling, options$chunk_size, options$given, plan, options$origin
  )
  streams <- streams_of_future(options$seed, n, call = options$origin)
  job <- new_job(
    call, frame(), n, policy, streams, relay = new_relay(options$stdout, options$conditions),
    packages = options$packages, globals = options$globals, envir = options$envir,
    label = options$label, origin = options$origin, forced = forced, shape = options$shape,
    over = over
  )
  if (!is.null(machine) && compiles(plan)) job$machine <- machine(job$frame)
  run_job(job, plan)
}
