#' Apply a function to each element on forked workers
#'
#' [parallel::mclapply()] under rustle's scheduler: the same arguments, shapes and
#' random numbers. Workers are forked once per call and claim their tasks from
#' shared memory; a lost worker is replaced and is no silent `NULL`.
#'
#' @inheritParams future_lapply
#' @param ... Further arguments of `FUN`.
#' @param mc.preschedule `TRUE` (default): worker w gets the tasks w, w + cores,
#'   ... and one random number stream. `FALSE`: tasks go to whoever is idle, one at
#'   a time, each with a stream of its own; costs no fork per task.
#' @param mc.set.seed `TRUE` (default): with `RNGkind("L'Ecuyer-CMRG")` the
#'   numbers are those of parallel; with other kinds every worker seeds itself.
#'   `FALSE`: everybody starts from the current random state.
#' @param mc.silent `TRUE` drops what tasks write to standard output.
#' @param mc.cores Number of workers, at least 1. Overrides the plan.
#' @param mc.cleanup What happens to workers when the call is interrupted: `TRUE`
#'   ends them with SIGTERM (after 200 ms SIGKILL), a signal number sends that
#'   signal first, `FALSE` lets them finish.
#' @param mc.allow.recursive `FALSE`: a call inside a worker is sequential.
#' @param affinity.list A list with the CPUs (from 1) on which each task may run, or
#'   a vector with one CPU for each; needs `mc.preschedule = FALSE`.
#' @return A list with the values, in order, with the names of `X`. A task that
#'   failed has a `try-error` object, and a warning tells how many there are.
#' @section Plans: The number of workers is `mc.cores`, not that of the plan (under a plan that compiles, see [threads],
#'   that of threads, where `FUN` compiles); its `retries`, `timeout`, `progress` and `worker_threads` hold. Where forking is not
#'   safe (RStudio, Positron, a session with a Java virtual machine, macOS with its own BLAS)
#'   the tasks run on workers of `multisession` with the same numbers, unless
#'   `options(rustle.mclapply.sessions = FALSE)`; then, and on Windows, the call is
#'   [lapply()].
#' @section Errors: `rustle_error_argument` for wrong arguments, before anything has
#'   started; `rustle_error_worker_lost` and `rustle_error_system` as
#'   [future_lapply()].
#' @section Where it differs from parallel: An error spoils its own task only, not
#'   all tasks of its worker. A worker that dies is replaced and its share (or its
#'   unfinished tasks, with `mc.preschedule = FALSE`) runs again, as `retries` of
#'   the [plan()] says; then the call stops with `rustle_error_worker_lost`
#'   instead of returning `NULL`s. Conditions of tasks (under
#'   `options(warn = 2)` without warnings) are signalled in the session, in task
#'   order; as in parallel, a warning that no handler takes is dropped. With `mc.preschedule = FALSE` workers run
#'   several tasks, so what a task assigns by `<<-` is seen by later tasks of the
#'   same worker.
#' @seealso [mcmapply()], [pvec()]; [future_lapply()], whose tasks have streams of their
#'   own; `?"rustle-errors"`, `?"rustle-seeds"`.
#' @examples
#' mclapply(1:3, function(i) i^2, mc.cores = 2)
#' #> [[1]]
#' #> [1] 1
#' #>
#' #> [[2]]
#' #> [1] 4
#' #>
#' #> [[3]]
#' #> [1] 9
#' @export
mclapply <- function(X, FUN, ..., mc.preschedule = TRUE, mc.set.seed = TRUE,
                     mc.silent = FALSE, mc.cores = getOption("mc.cores", 2L),
                     mc.cleanup = TRUE, mc.allow.recursive = TRUE, affinity.list = NULL) {
  call <- sys.call()
  if (missing(X)) stop_missing("X", call)
  FUN <- check_function(FUN, "FUN", parent.frame())
  mc.allow.recursive <- check_loose_flag(mc.allow.recursive, "mc.allow.recursive")
  X <- as_elements(X)
  n <- length(X)
  mc <- check_mc(
    n, mc.preschedule, mc.set.seed, mc.silent, mc.cores, mc.cleanup, affinity.list
  )
  if (is_worker() && !mc.allow.recursive) return(lapply(X, FUN, ...))
  streams <- streams_of_mclapply(mc$set_seed, mc$preschedule)
  if (n < 2L || !mc$forks) {
    forget_call(ran_as_base)
    return(lapply(X, FUN, ...))
  }
  with_names(as_try_errors(run_mc(lapply_call, lapply_frame(X, FUN, ...), n, mc, streams, call), call), names(X))
}

# Checks the arguments that mclapply(), mcmapply() and pvec() have in common, for n tasks.
# `forks` is FALSE where parallel, too, runs all tasks in the session.
check_mc <- function(n, preschedule, set_seed, silent, cores, cleanup, affinity = NULL,
                     call = sys.call(-1L)) {
  affinity <- check_affinity(affinity, n, call)
  mc <- list(
    preschedule = check_loose_flag(preschedule, "mc.preschedule", call),
    set_seed = check_loose_flag(set_seed, "mc.set.seed", call),
    silent = check_loose_flag(silent, "mc.silent", call),
    cleanup = check_cleanup(cleanup, call), cores = check_cores(cores, affinity, call)
  )
  mc$affinity <- affinity
  mc$forks <- (mc$cores > 1L || !is.null(affinity)) && may_fork_or_send()
  mc
}

ran_as_base <- "the last call had one core or one task, and ran in this session as lapply() does"

# Runs the tasks on forked workers; errors are results.
# machine: NULL, or a function that makes the frame of the same calls as the machine takes them.
run_mc <- function(call, frame, n, mc, streams, origin, shape = NULL, over = c(X = "elements"), machine = NULL) {
  if (mc$preschedule && !is.null(mc$affinity)) {
    warning(simpleWarning("'mc.preschedule' must be false if 'affinity.list' is used", origin))
    mc$affinity <- NULL
  }
  job <- new_job(
    call, frame, n, policy_of_mclapply(mc$preschedule), streams,
    relay = relay_of_mclapply(), on_error = "keep", shares = mc$preschedule, silent = mc$silent,
    affinity = mc$affinity, cleanup = mc$cleanup, origin = origin, shape = shape,
    over = over
  )
  plan <- plan_of_mclapply(min(mc$cores, n))
  # Where the user's plan compiles functions, tasks that need no process of their own have none.
  if (compiles(plan)) {
    job$isolated <- TRUE
    if (!is.null(machine)) job$machine <- machine()
  }
  run_job(job, plan)
}

# Conditions of tasks are relayed to handlers of the caller; in parallel these handlers run
# in the workers. A warning that no handler takes is dropped, as in parallel. With
# options(warn = 2) a warning is an error of its task, so it is not relayed.
relay_of_mclapply <- function() {
  leave <- if (getOption("warn") >= 2) "warning"
  new_relay(NA, list(classes = "condition"), leave = leave, quiet = TRUE)
}

# Errors among the values become "try-error" objects. call: the call that the warning shows.
as_try_errors <- function(outcome, call) {
  values <- outcome$values
  failed <- outcome$failed
  for (task in failed) {
    values[[task]] <- as_try_error(with_task(values[[task]], task, outcome$job))
  }
  if (length(failed)) {
    warning(simpleWarning(sprintf(
      ngettext(length(failed),
        "%d function call resulted in an error",
        "%d function calls resulted in an error"
      ), length(failed)
    ), call))
  }
  values
}

# What try() returns for a condition. try() does not catch a condition that is not an error,
# though stop() accepts one, so it is converted by hand.
as_try_error <- function(condition) {
  if (inherits(condition, "error")) return(try(stop(condition), silent = TRUE))
  text <- paste0("Error : ", conditionMessage(condition), "\n")
  structure(text, class = "try-error", condition = condition)
}

check_cores <- function(cores, affinity, call = sys.call(-1L)) {
  if (!is.null(affinity)) return(max(unlist(affinity), 1L))
  # A string is allowed, as from Sys.getenv("SLURM_CPUS_PER_TASK").
  number <- if (is.atomic(cores) && length(cores) == 1L) suppressWarnings(as.integer(cores)) else NA
  if (is.na(number) || number < 1L) stop_argument("mc.cores", "a number of at least 1", cores, call)
  number
}

check_cleanup <- function(cleanup, call = sys.call(-1L)) {
  if (isTRUE(cleanup)) return(list(signal = tools::SIGTERM, grace = 0.2))
  if (isFALSE(cleanup)) return(list(signal = 0L, grace = 0))
  list(signal = check_count(cleanup, "mc.cleanup", call = call), grace = 0.2)
}

check_affinity <- function(affinity, n, call = sys.call(-1L)) {
  if (is.null(affinity)) return(NULL)
  # One CPU for each element, as in the examples of parallel.
  if (is.numeric(affinity)) affinity <- as.list(affinity)
  cpus <- is.list(affinity) && all(vapply(affinity, is.numeric, NA)) &&
    !anyNA(unlist(affinity)) && all(unlist(affinity) >= 1) && length(affinity) >= n
  if (!cpus) stop_argument("affinity.list", "a list of CPU numbers for each element of X", affinity, call)
  lapply(affinity, as.integer)
}
