# Checkpoints: what a call has finished is kept in journals, and the same call, run again,
# computes what is missing. run_job() asks here (engine-run.R).

# The record of the checkpoint in force, written here only: `at`, NULL or list(dir, errors),
# that of with_checkpoint(); `inside`, TRUE while a call with a checkpoint runs: calls in its
# tasks have none.
checkpoints <- new.env(parent = emptyenv())

#' Keep what is finished, and go on where a run was ended
#'
#' `with_checkpoint()` evaluates an expression; every task that a call in it finishes is
#' appended to a journal in `dir` at once. When the run is ended (the session or the machine is
#' killed, power fails), the same code, run again, computes only what is missing, with the
#' same numbers. `plan(..., checkpoint = dir)` does so for all calls of a plan.
#' `checkpoint_status()` says what there is, `checkpoint_clear()` removes it.
#'
#' @param dir A directory, which is made if it is not there. Several processes may use it at
#'   the same time.
#' @param expr An expression.
#' @param errors `TRUE`: errors of tasks are kept as well, and raised again instead of running
#'   the task. Default `FALSE`: a task that has failed runs again.
#' @param key Keys of calls that are removed, from `checkpoint_status()`; `NULL` (default):
#'   all.
#' @details Calls that are kept are those that run tasks on the workers of a plan, or in the
#'   session: the `future_*()` functions, `mclapply()` and its relatives, `parLapply()` and its
#'   relatives without a cluster object, `%dopar%`, `boot()`, `bootstrap()` with a function,
#'   `jackknife()`, `cv()`, [study()]. Calls within tasks, native statistics and calls that run
#'   parallel's own code on a cluster object are not.
#'
#'   A value belongs to a key: a hash of the function, of the content of its globals and
#'   arguments, of the element, and of the seed of its task. Whatever of these has changed is
#'   computed anew, and a message of class `rustle_message_checkpoint` says why nothing was
#'   reused. Elements that are added to `X` leave the others valid. Of an environment that a task
#'   uses, all that it holds counts, and what the environments around it hold, up to the global
#'   one; of formulas and other code the variables that it names. So do the S3 methods (but those
#'   that print or plot) and the classes and methods of S4 of the global environment. What is not hashed: files and
#'   databases that tasks read, versions of packages, and what a task reaches only by `get()`.
#'   Tasks that draw random numbers need seeds (`future.seed = TRUE` after [set.seed()]),
#'   as for all numbers that can be repeated.
#'
#'   What tasks printed and signalled is not kept: it is relayed for tasks that run.
#'
#'   The write is done when the task is: a killed process loses only the tasks that it ran.
#'   Every five seconds, and at the end of a call, the disk is waited for, in case of power
#'   failure. On a cluster the session writes when a chunk has come back, so nodes need not see
#'   the directory; chunks are of half a second's work then (a node's whole share where the schedule
#'   is static). Cost: some ten microseconds per task.
#' @return `with_checkpoint()`: the value of `expr`. `checkpoint_status()`: a data frame with a
#'   row per call: `key`, `call` (its first words), `tasks`, `done`, `bytes` and `updated`
#'   (the time of the last write). `checkpoint_clear()`: the number of calls removed,
#'   invisibly.
#' @section Errors: `rustle_error_argument` for wrong arguments; `rustle_error_checkpoint`
#'   when the directory cannot be made, written or read.
#' @examples
#' dir <- tempfile()
#' slow <- function(i) { Sys.sleep(0.01); i^2 }
#' with_checkpoint(dir, future_sapply(1:10, slow))
#' #>  [1]   1   4   9  16  25  36  49  64  81 100
#' with_checkpoint(dir, future_sapply(1:12, slow)) # runs two tasks
#' #>  [1]   1   4   9  16  25  36  49  64  81 100 121 144
#' checkpoint_status(dir)
#' checkpoint_clear(dir)
#' @seealso [plan()], [study()].
#' @export
with_checkpoint <- function(dir, expr, errors = FALSE) {
  if (missing(expr)) stop_missing("expr", sys.call())
  at <- list(dir = check_checkpoint(dir), errors = check_flag(errors, "errors"))
  before <- checkpoints$at
  on.exit(checkpoints$at <- before)
  checkpoints$at <- at
  expr
}

#' @rdname with_checkpoint
#' @export
checkpoint_status <- function(dir) {
  dir <- check_checkpoint(dir, make = FALSE)
  calls <- checkpoint_calls(dir)
  rows <- lapply(calls, function(call) {
    meta <- read_meta(call)
    files <- journal_files(call)
    info <- file.info(files)
    data.frame(
      key = basename(call), call = if (is.null(meta)) NA_character_ else meta$call,
      tasks = if (is.null(meta)) NA_real_ else as.double(meta$tasks),
      done = unpack(rs_journal_read(files, raw()))$count, bytes = sum(info$size),
      updated = if (length(files)) max(info$mtime) else as.POSIXct(NA)
    )
  })
  if (length(rows)) return(do.call(rbind, rows))
  data.frame(
    key = character(), call = character(), tasks = numeric(), done = numeric(), bytes = numeric(),
    updated = as.POSIXct(character())
  )
}

#' @rdname with_checkpoint
#' @export
checkpoint_clear <- function(dir, key = NULL) {
  dir <- check_checkpoint(dir, make = FALSE)
  if (!is.null(key) && !is.character(key)) stop_argument("key", "keys of checkpoint_status() or NULL", key, sys.call())
  calls <- checkpoint_calls(dir)
  if (!is.null(key)) calls <- calls[basename(calls) %in% key]
  # Only what is ours: nobody knows what else is in a directory.
  for (call in calls) {
    unlink(c(journal_files(call), file.path(call, "meta.rds")))
    unlink(run_of_call(call), recursive = TRUE)
    unlink_if_empty(call)
  }
  invisible(length(calls))
}

unlink_if_empty <- function(dir) if (!length(list.files(dir, all.files = TRUE, no.. = TRUE))) unlink(dir, recursive = TRUE)

# The directory, absolute, made and writable; an error otherwise.
check_checkpoint <- function(dir, make = TRUE, argument = "dir", call = sys.call(-1L)) {
  if (missing(dir) || !is.character(dir) || length(dir) != 1L || is.na(dir) || !nzchar(dir)) {
    stop_argument(argument, "the name of a directory", if (missing(dir)) NULL else dir, call)
  }
  refuse <- function(why) {
    abort_rustle(sprintf("The directory \"%s\" %s.", dir, why), "rustle_error_checkpoint", dir = dir, call = call)
  }
  if (!dir.exists(dir)) {
    if (!make) refuse("is not there")
    if (file.exists(dir)) refuse("is a file")
    dir.create(dir, recursive = TRUE, showWarnings = FALSE)
    if (!dir.exists(dir)) refuse("cannot be made")
  }
  # file.access() does not know of file systems that can only be read.
  if (make) {
    probe <- tempfile(".probe-", dir)
    good <- tryCatch(file.create(probe, showWarnings = FALSE), error = function(e) FALSE)
    unlink(probe)
    if (!good) refuse("cannot be written to")
  }
  normalizePath(dir)
}

# The checkpoint of a call under a plan: list(dir, errors), or NULL.
checkpoint_in_force <- function(plan) {
  if (isTRUE(checkpoints$inside) || is_worker()) return(NULL)
  if (!is.null(checkpoints$at)) return(checkpoints$at)
  dir <- plan$settings$checkpoint
  if (!is.null(dir)) list(dir = dir, errors = FALSE)
}

# Runs a job as `run` does, with what the checkpoint has of it.
run_checkpointed <- function(job, plan, checkpoint, run) {
  identity <- identity_of_job(job)
  call <- open_checkpointed_call(checkpoint$dir, identity)
  stored <- stored_values(call, identity, checkpoint$errors)
  kept <- job_with_journal(job, identity$keys, stored, call, checkpoint$errors, by_session = plan$executor$name == "cluster")
  on.exit({
    checkpoints$inside <- FALSE
    rs_journal_close()
    sync_journals(call)
  })
  checkpoints$inside <- TRUE
  tell_stored(stored, identity)
  run(kept, plan)
}

# The directory of a call, made if it is not there.
open_checkpointed_call <- function(dir, identity) {
  call <- file.path(dir, identity$key)
  if (!dir.exists(call)) {
    explain_new_key(dir, identity)
    dir.create(call, showWarnings = FALSE)
  }
  write_meta(call, identity)
  call
}

tell_stored <- function(stored, identity) {
  count <- sum(lengths(stored$values) > 0L)
  if (!count) return()
  tell_checkpoint(sprintf("%.0f of %.0f tasks of %s are in the checkpoint.", count, identity$n, identity$call), "reused")
}

tell_checkpoint <- function(text, what) {
  message(structure(
    class = c("rustle_message_checkpoint", "rustle_message", "message", "condition"),
    list(message = paste0(text, "\n"), call = NULL, what = what)
  ))
}

# Says what has changed since the same call was kept: one with the same words, or one of the
# same function that differs in a single part.
explain_new_key <- function(dir, identity) {
  parts <- identity$parts
  differs <- function(meta) {
    names <- union(names(parts), names(meta$parts))
    Filter(function(name) !identical(parts[name], meta$parts[name]), names)
  }
  metas <- Filter(Negate(is.null), lapply(checkpoint_calls(dir), read_meta))
  changed <- lapply(metas, differs)
  same <- vapply(metas, function(meta) identical(meta$call, identity$call), NA)
  alike <- vapply(metas, function(meta) identical(sub("\\(.*", "", meta$call), sub("\\(.*", "", identity$call)), NA)
  near <- lengths(changed) == 1L & !vapply(changed, function(names) "the function" %in% names, NA)
  found <- changed[same | (alike & near)]
  if (!length(found)) return()
  nearest <- found[[which.min(lengths(found))]]
  tell_checkpoint(sprintf(
    "Nothing of the checkpoint is reused for %s, because of what has changed: %s.", identity$call,
    paste(nearest, collapse = ", ")
  ), "changed")
}
