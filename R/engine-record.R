# What a worker does with output and conditions of its tasks: they go to the session.

# The record of what a handler saw and the loop has yet to act on, written here only:
#   fatal        list(condition, task): a condition that is not an error, given to stop()
#   interrupted  TRUE: an interrupt passed, whose handlers are not seen from the top level
recorder <- new.env(parent = emptyenv())

# What is noted under `what`, once.
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

# In a worker: evaluates `expr` while conditions go to the parent. What a task
# forks inherits this handler, but is no worker of ours.
recording <- function(relay, expr) {
  withCallingHandlers(expr, condition = function(condition) {
    if (inherits(condition, "error")) return()
    if (inherits(condition, "interrupt")) recorder$interrupted <- TRUE
    task <- rs_worker_task()
    if (task == 0) return()
    if (is_second_try(relay, condition)) invokeRestart("muffleWarning")
    # stop() is fatal whatever it is called with; the session will signal it.
    if (is_stopping()) {
      recorder$fatal <- list(condition = condition, task = task)
      return()
    }
    if (!is.null(relay$classes) && !inherits_any(condition, relay$leave)) {
      if (wants_condition(relay, condition)) rs_worker_signal(condition)
      muffle(condition, worker_restart_level)
    }
  })
}

is_stopping <- function() {
  for (k in seq_len(sys.nframe())) if (identical(sys.function(k), base::stop)) return(TRUE)
  FALSE
}
