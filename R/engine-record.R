# What a worker does with output and conditions of its tasks: they go to the session.

# The record of what a handler has noted for the code that runs after the jump, written here
# only:
#   fatal        list(condition, task, trace): a condition that is not an error, given to stop()
#   trace        the calls of the task whose error was caught last (trace.R)
#   interrupted  TRUE: there was an interrupt, and the caller's handlers have not seen it
recorder <- new.env(parent = emptyenv())

# Returns what is noted under `what` and forgets it.
take_noted <- function(what) {
  noted <- recorder[[what]]
  recorder[[what]] <- NULL
  noted
}

# Standard output goes to the parent of a worker, or nowhere. Returns the
# connection, or NULL where output is left alone.
redirect_output <- function(relay) {
  if (is.na(relay$stdout)) return(NULL)
  connection <- if (relay$stdout) rs_output_connection() else file(nullfile(), "w")
  tryCatch(sink(connection), error = function(e) { close(connection); stop(e) })
  connection
}

# In a worker: evaluates `expr` while conditions go to the session. A process that a task
# forks inherits this handler, but there the handler does nothing (its task number is 0).
recording <- function(relay, expr) {
  withCallingHandlers(expr, condition = function(condition) {
    if (inherits(condition, "error")) return()
    if (inherits(condition, "interrupt")) recorder$interrupted <- TRUE
    task <- rs_worker_task()
    if (task == 0) return()
    if (is_second_try(relay, condition)) invokeRestart("muffleWarning")
    # stop() fails the task even when it is called with a condition that is not an error;
    # the session will signal the condition.
    if (is_stopping()) {
      recorder$fatal <- list(
        condition = condition, task = task, trace = if (isTRUE(relay$traces)) try_trace(condition, sys.nframe())
      )
      return()
    }
    if (!is.null(relay$log) && inherits(condition, c("message", "warning"))) log_condition(condition)
    if (!is.null(relay$classes) && !inherits_any(condition, relay$leave)) {
      if (wants_condition(relay, condition)) rs_worker_signal(with_calls_if_fatal(relay, condition, sys.nframe()))
      muffle(condition, worker_restart_level)
    }
  })
}

is_stopping <- function() {
  for (k in seq_len(sys.nframe())) if (identical(sys.function(k), base::stop)) return(TRUE)
  FALSE
}

# A warning that will be an error in the session, where it is signalled again, brings the
# calls of its task.
with_calls_if_fatal <- function(relay, condition, handler) {
  if (!isTRUE(relay$traces) || !isTRUE(relay$fatal) || !inherits(condition, "warning")) return(condition)
  with_trace(condition, try_trace(condition, handler))
}
