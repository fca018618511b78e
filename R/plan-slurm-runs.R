# Runs of plan(slurm) from outside: handles of calls that were not waited for, and
# directories.

#' Runs of plan(slurm): where they are, their values, their end
#'
#' Under `plan(slurm, wait = FALSE)` a call submits its job array and returns at once with a
#' handle. `status()` says how far it is, `collect()` waits for it and returns the value that the
#' call would have returned, `cancel()` ends it. They take a handle, or the directory of the
#' plan: also from another session, when the one that made the call is gone.
#'
#' @param x A handle, or the `dir` of [plan()] with `slurm`.
#' @param ... For methods.
#' @param key Where there are several runs in a directory, which: a key of `status()`.
#'   `NULL` (default): the only one that `collect()` or `cancel()` can mean.
#' @details A run goes on without any session: elements that are running take tasks until there
#'   are none. What needs a session is to submit again what elements have lost, or what was left
#'   when their time was over: `collect()` does so while it waits, as does the same call with
#'   `wait = TRUE`.
#'
#'   The value of `collect()` from a directory is that of the family that was called, with the
#'   arguments that it had. For `%dopar%` it is the list of the values of the tasks. Output and
#'   conditions are relayed by `collect()`; the state of R's random number generator stays
#'   as it is. A run that was collected stays there until the same call runs again, or
#'   [checkpoint_clear()].
#'
#'   For what it does not know, such as a query of a database, `collect()` is that of package
#'   dplyr where this is loaded.
#' @return `status()`: a data frame with a row per run: `key`, `call` (its first words), `tasks`,
#'   `done` (tasks with a value, or an error that is known), `running` and `waiting` (elements of
#'   job arrays), `jobs` (numbers of the arrays, separated by commas), and `state`: `"running"`,
#'   `"waiting"`, `"stopped"` (nothing is submitted, but tasks are left: `collect()` goes on),
#'   `"complete"`, `"finished"` (complete and collected), `"error"` (a task's error ended
#'   the call) or `"cancelled"`. `collect()`: the value of the call. `cancel()`: the
#'   number of runs that were ended, invisibly. Finished tasks stay in the journal.
#' @section Errors: `rustle_error_argument` when `x` is neither, or `key` must be given;
#'   `rustle_error_slurm` when there is nothing to collect, or Slurm refuses; and those
#'   of the call.
#' @examples
#' \dontrun{
#' plan(slurm, dir = "/shared/me/runs", time = "01:00:00", wait = FALSE)
#' run <- future_lapply(1:1000, slow)
#' status(run)
#' values <- collect(run)
#' # tomorrow, in another session
#' values <- collect("/shared/me/runs")
#' }
#' @seealso [plan()], [with_checkpoint()].
#' @export
collect <- function(x, ...) UseMethod("collect")

#' @export
collect.default <- function(x, ...) {
  if (isNamespaceLoaded("dplyr")) return(getExportedValue("dplyr", "collect")(x, ...))
  stop_argument("x", "a handle of a run, or a directory of plan(slurm)", x, sys.call())
}

#' @rdname collect
#' @export
collect.character <- function(x, key = NULL, ...) {
  check_dots(...)
  collect_run(x, key)
}

# The generic is dplyr's too, in which whoever attached it last finds this method.
#' @export
collect.rustle_run <- function(x, ...) {
  check_dots(...)
  collect_run(x, NULL)
}

collect_run <- function(x, key) {
  call <- run_meant(x, key, sys.call(-1L), function(state) TRUE)
  run <- run_of_call(call)
  order <- read_whole(file.path(run, "order.rds"))
  envelope <- if (inherits(x, "rustle_run")) x$envelope
  if (is.null(order)) {
    # All of it was in the journal when the call was made.
    if (is.null(envelope$fun)) stop_slurm(sprintf("There is no run in %s.", call), sys.call(-1L))
  } else {
    if (is_closed(run) && identical(read_whole(file.path(run, "closed")), "cancelled")) {
      stop_slurm(sprintf("The run in %s was cancelled: the same call goes on with it.", call), sys.call(-1L))
    }
    envelope <- order$envelope
    plan <- order$plan
    meta <- read_meta(call)
    collecting$run <- list(run = run, identity = list(key = basename(call), keys = order$keys, n = order$n, call = meta$call))
    on.exit(collecting$run <- NULL)
    if (is.null(envelope$fun)) return(keep_random_seed(collect_values(order)))
    before <- plan(plan, .cleanup = FALSE)
    on.exit(plan(before, .cleanup = FALSE), add = TRUE)
    # A family that needs more than one run has asked for the value of this one.
    plan(wait = TRUE)
  }
  fun <- getExportedValue("rustle", envelope$fun)
  collecting$call <- envelope$call
  on.exit(collecting$call <- NULL, add = TRUE)
  keep_random_seed({
    # What the family draws in this session is what it drew when it was called.
    if (!is.null(envelope$state)) set_random_seed(envelope$state)
    # Code stays code.
    values <- envelope$arguments
    quoted <- !names(values) %in% code_arguments[[envelope$fun]]
    values[quoted] <- lapply(values[quoted], enquote)
    value <- do.call(fun, values)
    if (is.call(envelope$call)) {
      if (is.list(value) && is.call(value[["call"]])) value$call <- envelope$call
      # A method may have noted it under its own name.
      noted <- attr(value, "call")
      if (is.call(noted)) attr(value, "call") <- as.call(c(noted[[1L]], as.list(envelope$call)[-1L]))
    }
    value
  })
}

# The record of the random state from which a call that is not waited for draws in this session
# (resamples, folds, a seed), written here only: `frame`, that of the family, and `state`.
undecided <- new.env(parent = emptyenv())

# For whoever is about to draw. The first who says so in a call counts.
note_state <- function() {
  plan <- current_plan()
  if (plan$executor$name != "slurm") return(invisible())
  wait <- slurm_given(plan$stack[[1L]])$wait
  if (!isFALSE(if (is.language(wait)) eval(wait, globalenv()) else wait)) return(invisible())
  frame <- sys.frame(family_frame())
  if (identical(frame, undecided$frame)) return(invisible())
  undecided$frame <- frame
  undecided$state <- get_random_seed()
}

# Arguments of families that are code, which is not evaluated when the call is made.
code_arguments <- list(future_replicate = "expr")

# The record of what collect() is about to take, written here only: `run`, NULL or list(run,
# identity). The first job of the call that collect() makes is that run; and `call`, what the
# user had written.
collecting <- new.env(parent = emptyenv())

# What the user wrote for the argument `name` of a family: `expr`, unless collect() makes the call
# once more, with values.
written <- function(expr, name) if (is.call(collecting$call)) collecting$call[[name]] else expr

take_collected <- function() {
  found <- collecting$run
  collecting$run <- NULL
  found
}

# Where it is not known how the family makes its value.
collect_values <- function(order) {
  parcel <- unserialize(order$bytes)
  job <- list(
    n = order$n, policy = list(order = NULL), relay = parcel$relay, on_error = parcel$on_error, origin = parcel$call,
    streams = list(check = parcel$check), silent = TRUE
  )
  found <- take_collected()
  outcome <- attend_run(found$run, job, found$identity)
  if (job$on_error == "stop") stop_first_failure(outcome)
  outcome$values
}

#' @rdname collect
#' @export
status <- function(x) {
  calls <- if (inherits(x, "rustle_run")) x$call else calls_with_runs(x, sys.call())
  rows <- lapply(calls, function(call) {
    run <- run_of_call(call)
    order <- read_whole(file.path(run, "order.rds"))
    meta <- read_meta(call)
    done <- count_done(call, order)
    closed <- if (is_closed(run)) read_whole(file.path(run, "closed"))
    states <- if (is.null(closed)) states_of_run(run) else character()
    running <- sum(is_alive_state(states) & states != "PENDING")
    waiting <- sum(states == "PENDING")
    state <- if (!is.null(closed)) {
      closed
    } else if (is.null(order) || done >= order$n) {
      "complete"
    } else {
      if (running) "running" else if (waiting) "waiting" else "stopped"
    }
    ids <- vapply(read_arrays(run), `[[`, "", "id")
    data.frame(
      key = basename(call), call = if (is.null(meta)) NA_character_ else meta$call,
      tasks = if (is.null(order)) meta$tasks else order$n, done = done, running = running, waiting = waiting,
      jobs = paste(ids[!is.na(ids)], collapse = ","), state = state
    )
  })
  if (length(rows)) return(do.call(rbind, rows))
  data.frame(
    key = character(), call = character(), tasks = integer(), done = integer(), running = integer(), waiting = integer(),
    jobs = character(), state = character()
  )
}

# Tasks of a run with a value in the journals or an error in the records.
count_done <- function(call, order) {
  if (is.null(order)) return(as.integer(read_meta(call)$tasks))
  stored <- lengths(stored_values(call, order, FALSE)$values) > 0L
  records <- list.files(file.path(run_of_call(call), "done"), "[.]rds$", full.names = TRUE)
  for (file in records) stored[read_whole(file)$failed] <- TRUE
  sum(stored)
}

# States of the elements that have not told their end.
states_of_run <- function(run) {
  states <- lapply(read_arrays(run), function(array) {
    if (is.na(array$id)) return(character())
    found <- slurm_states(array$id)
    found <- found[found$id == array$id, ]
    found$state[!file.exists(element_file(run, array$number, found$element, "end"))]
  })
  as.character(unlist(states))
}

#' @rdname collect
#' @export
cancel <- function(x, key = NULL) {
  call <- run_meant(x, key, sys.call(), function(state) !state %in% c("finished", "error", "cancelled"))
  run <- run_of_call(call)
  if (!dir.exists(run) || is_closed(run)) return(invisible(0L))
  adopt_arrays(run)
  close_run(run, "cancelled")
  for (array in read_arrays(run)) if (!is.na(array$id)) cancel_job(array$id)
  invisible(1L)
}

# Directories of calls that have a run.
calls_with_runs <- function(dir, call) {
  dir <- check_checkpoint(dir, make = FALSE, argument = "x", call = call)
  calls <- checkpoint_calls(dir)
  calls[dir.exists(run_of_call(calls))]
}

# The directory of the one call that is meant. wanted: which states count when there are several.
run_meant <- function(x, key, call, wanted) {
  if (inherits(x, "rustle_run")) return(x$call)
  if (!is.character(x) || length(x) != 1L || is.na(x)) stop_argument("x", "a handle of a run, or a directory of plan(slurm)", x, call)
  calls <- calls_with_runs(x, call)
  if (!is.null(key)) {
    calls <- calls[basename(calls) %in% key]
    if (length(calls) != 1L) stop_argument("key", "a key of status()", key, call)
    return(calls)
  }
  if (!length(calls)) stop_slurm(sprintf("There is no run in %s.", x), call)
  if (length(calls) == 1L) return(calls)
  states <- status(x)
  at <- which(vapply(states$state, wanted, NA) & !states$state %in% c("finished", "error", "cancelled"))
  if (length(at) == 1L) return(calls[[at]])
  stop_argument("key", sprintf("given, as there are %d runs (status() has their keys)", length(calls)), key, call)
}

# Handles ------------------------------------------------------------------------------------

new_run_handle <- function(call, envelope) {
  structure(list(call = call, envelope = envelope[c("fun", "arguments", "state", "call")]), class = "rustle_run")
}

#' @export
print.rustle_run <- function(x, ...) {
  now <- status(x)
  cat(wrapped(sprintf(
    "run on Slurm: %s\n%d of %d tasks done, %d elements run, %d wait: %s%s", now$call, now$done, now$tasks, now$running, now$waiting,
    now$state, if (nzchar(now$jobs)) sprintf(" (job array %s)", now$jobs) else ""
  )))
  cat("collect() waits for its value; it is in ", x$call, "\n", sep = "")
  invisible(x)
}

# The number of the frame of the family that the user has called: the outermost of ours
# without a frame of somebody else between. Functions that only set something for an
# expression are no families.
family_frame <- function() {
  here <- topenv()
  apart <- list(with_plan, with_checkpoint, with_threads)
  top <- NA
  for (k in rev(seq_len(sys.nframe() - 1L))) {
    f <- sys.function(k)
    home <- if (is.primitive(f)) baseenv() else topenv(environment(f))
    if (any(vapply(apart, identical, NA, f))) break
    if (identical(home, here)) top <- k else if (!identical(home, .BaseNamespaceEnv) && !identical(home, baseenv())) break
  }
  top
}

# The value of an argument that the user gave as `expr`. A family may have put something else into
# its variable; what costs or draws nothing is evaluated again, the rest is what that has. So it must be
# something that the family takes for the same (a test holds that).
value_given <- function(expr, caller, otherwise) {
  again <- !is.language(expr) || is.symbol(expr) || (is.call(expr) && identical(expr[[1L]], quote(`function`)))
  if (again) eval(expr, caller) else otherwise()
}

# How the value of a call is made once more: list(fun, arguments, state, call), where `state` is
# NULL or the random state from which it draws in this session; NULL each where the family takes
# code instead of values.
envelope_of_call <- function(top) {
  f <- sys.function(top)
  frame <- sys.frame(top)
  names <- getNamespaceExports(topenv())
  fun <- Filter(function(name) identical(get0(name, topenv(), inherits = FALSE), f), names)
  if (!length(fun)) return(list(fun = NULL, arguments = NULL))
  arguments <- tryCatch(
    {
      caller <- sys.frame(sys.parents()[[top]])
      given <- as.list(match.call(f, sys.call(top), expand.dots = FALSE, envir = caller))[-1L]
      given <- given[names(given) != "..."]
      code <- if (length(fun)) code_arguments[[fun[[1L]]]]
      values <- Map(function(name, expr) {
        if (name %in% code) expr else value_given(expr, caller, function() get(name, frame))
      }, names(given), given)
      c(values, if ("..." %in% names(formals(f))) eval(quote(list(...)), frame))
    },
    error = function(e) NULL
  )
  state <- if (identical(frame, undecided$frame)) undecided$state
  undecided$frame <- undecided$state <- NULL
  call <- tryCatch(match.call(f, sys.call(top), envir = sys.frame(sys.parents()[[top]])), error = function(e) NULL)
  list(fun = if (!is.null(arguments)) fun[[1L]], arguments = arguments, state = state, call = call)
}
