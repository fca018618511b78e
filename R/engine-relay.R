# Output and conditions of tasks: captured in the worker, relayed in task order.
#
# A relay is a list: `stdout` (TRUE: capture and relay, FALSE: drop, NA: leave
# alone), `classes` and `exclude` (condition classes that are relayed or not;
# classes NULL: all are left alone), `leave` (classes that are left alone) and
# `quiet` (warnings reach handlers only).

new_relay <- function(stdout, conditions, leave = NULL, quiet = FALSE) {
  list(
    stdout = stdout, classes = conditions$classes, exclude = conditions$exclude,
    leave = leave, quiet = quiet
  )
}

no_relay <- function() new_relay(NA, NULL)

wants_condition <- function(relay, condition) {
  inherits(condition, relay$classes) && !inherits_any(condition, relay$exclude)
}

inherits_any <- function(x, classes) !is.null(classes) && inherits(x, classes)

# How many restarts there are now: those of a task come on top of them. A worker
# starts without those of the session, with R's "abort" alone.
restart_level <- function() length(computeRestarts())
worker_restart_level <- 1L

# Ends a condition where it was signalled, if whoever signalled it offers that:
# messages, warnings and whatever else comes with a "muffle" restart of its own.
muffle <- function(condition, level) {
  restart <- own_restart(condition, level)
  if (!is.null(restart)) invokeRestart(restart)
}

own_restart <- function(condition, level) {
  restarts <- computeRestarts(condition)
  own <- utils::head(restarts, max(0L, length(restarts) - level))
  for (restart in own) {
    # R's own restarts have no names in them.
    if (startsWith(restart[[1L]], "muffle")) return(restart)
  }
}

# For one without a restart: the frame of the call of signalCondition() that called the
# handler whose frame is `frame`; NULL when something else did.
signal_frame <- function(frame) {
  if (frame > 1L && identical(sys.function(frame - 1L), base::signalCondition)) sys.frame(frame - 1L)
}

return_from <- function(frame) do.call("return", list(NULL), envir = frame)

# Standard output goes to the parent of a worker, or nowhere. Returns the
# connection, or NULL where output is left alone.
redirect_output <- function(relay) {
  if (is.na(relay$stdout)) return(NULL)
  connection <- if (relay$stdout) rs_output_connection() else file(nullfile(), "w")
  tryCatch(sink(connection), error = function(e) { close(connection); stop(e) })
  connection
}

# R's warning when an argument is evaluated that could not be evaluated before: open_frame()
# has tried, and the task does not want to know.
is_second_try <- function(relay, condition) {
  isTRUE(relay$unforced) && inherits(condition, "warning") &&
    identical(conditionMessage(condition), gettext("restarting interrupted promise evaluation", domain = "R"))
}

# In a worker: evaluates `expr` while conditions go to the parent. What a task
# forks inherits this handler, but is no worker of ours.
recording <- function(relay, expr) {
  withCallingHandlers(expr, condition = function(condition) {
    if (inherits(condition, "error")) return()
    if (inherits(condition, "interrupt")) state$interrupted <- TRUE
    task <- rs_worker_task()
    if (task == 0) return()
    if (is_second_try(relay, condition)) invokeRestart("muffleWarning")
    # stop() is fatal whatever it is called with; the session will signal it.
    if (is_stopping()) {
      state$fatal <- list(condition = condition, task = task)
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

# In the session: evaluates `expr`, dropping what the caller does not want. The
# caller's handlers write where they wrote before, so they run without the sink.
relaying <- function(relay, expr) {
  if (isTRUE(relay$unforced)) {
    tried <- relay
    relay$unforced <- FALSE
    return(withCallingHandlers(relaying(relay, expr), warning = function(w) {
      if (is_second_try(tried, w)) invokeRestart("muffleWarning")
    }))
  }
  silent <- isFALSE(relay$stdout)
  if (silent) {
    null <- file(nullfile(), "w")
    sink(null)
    on.exit({ sink(); close(null) })
  }
  all <- identical(relay$classes, "condition") && is.null(relay$exclude)
  if (is.null(relay$classes) || (all && !silent)) return(expr)
  level <- restart_level()
  depth <- sink.number()
  withCallingHandlers(expr, condition = function(condition) {
    if (inherits(condition, "error")) return()
    wanted <- wants_condition(relay, condition)
    if (wanted && !silent) return()
    restart <- own_restart(condition, level)
    signalled <- if (is.null(restart)) signal_frame(sys.nframe())
    # What cannot be ended here goes on to the caller's handlers by itself.
    if (is.null(restart) && is.null(signalled)) return()
    if (wanted) {
      # Sinks of the task itself, on top of ours, stay.
      if (sink.number() == depth) {
        sink()
        on.exit(sink(null))
      }
      relay_event(event_condition, condition)
    }
    if (is.null(restart)) return_from(signalled) else invokeRestart(restart)
  })
}

# Codes of events, as in src/rust/src/arrivals.rs.
event_condition <- 1L
event_output <- 2L
event_misuse <- 3L
event_discard <- 4L
event_timeout <- 5L

relay_event <- function(code, object, quiet = FALSE) {
  if (code == event_output) {
    cat(object)
  } else if (quiet && inherits(object, "warning") && getOption("warn") != 1) {
    withRestarts(signalCondition(object), muffleWarning = function() NULL)
  } else if (inherits(object, "message")) {
    message(object)
  } else if (inherits(object, "warning")) {
    warning(object)
  } else if (inherits(object, "progression")) {
    # Its handler draws: see draw().
    suspendInterrupts(withRestarts(signalCondition(object), muffleProgression = function() NULL))
  } else {
    signalCondition(object)
  }
}

is_immediate <- function(code, object) {
  code == event_condition && inherits(object, "immediateCondition")
}

# Events that wait for the tasks before theirs. `add()` takes what arrived,
# `flush(prefix)` relays what belongs to the first `prefix` tasks in relay order.
new_mailbox <- function(order, n, quiet = FALSE) {
  position <- if (is.null(order)) NULL else { p <- integer(n); p[order] <- seq_len(n); p }
  place <- function(tasks) if (is.null(position)) tasks else position[tasks]
  tasks <- integer(); codes <- integer(); objects <- list()
  misuse <- timeouts <- integer()
  # Batches of tasks whose events were relayed: a share that runs again says the
  # same again, which is not told twice.
  told <- list()
  again <- FALSE

  add <- function(events) {
    if (is.null(events)) return()
    new_tasks <- events[[1L]]; new_codes <- events[[2L]]; new_objects <- events[[3L]]
    for (k in which(new_codes >= event_misuse)) {
      task <- new_tasks[[k]]
      if (new_codes[[k]] == event_misuse) misuse <<- c(misuse, task)
      if (new_codes[[k]] == event_timeout) timeouts <<- c(timeouts, task)
      if (new_codes[[k]] == event_discard) {
        again <<- TRUE
        keep <- tasks != task
        tasks <<- tasks[keep]; codes <<- codes[keep]; objects <<- objects[keep]
        stale <- seq_along(new_tasks) < k & new_tasks == task
        new_codes[stale & new_codes <= event_output] <- event_discard
      }
    }
    if (again) new_codes[new_tasks %in% unlist(told)] <- event_discard
    for (k in which(new_codes <= event_output)) {
      if (is_immediate(new_codes[[k]], new_objects[[k]])) {
        relay_event(new_codes[[k]], new_objects[[k]], quiet)
        new_codes[[k]] <- event_discard
      }
    }
    kept <- new_codes <= event_output
    tasks <<- c(tasks, new_tasks[kept])
    codes <<- c(codes, new_codes[kept])
    objects <<- c(objects, new_objects[kept])
  }

  flush <- function(prefix, last_task = n) {
    if (!length(tasks)) return()
    due <- which(place(tasks) <= prefix & tasks <= last_task)
    due <- due[order(place(tasks[due]))]
    now_codes <- codes[due]; now_objects <- objects[due]
    if (length(due)) {
      told[[length(told) + 1L]] <<- unique(tasks[due])
      tasks <<- tasks[-due]; codes <<- codes[-due]; objects <<- objects[-due]
    }
    for (k in seq_along(now_codes)) relay_event(now_codes[[k]], now_objects[[k]], quiet)
  }

  list(
    add = add, flush = flush,
    misuse = function() misuse, timeouts = function() timeouts
  )
}

# The random-number check of future.apply: option future.rng.onMisuse.
warn_rng_misuse <- function(job, task) {
  action <- getOption("future.rng.onMisuse", "warning")
  if (action == "ignore") return()
  label <- if (is.character(job$label)) format_label(job$label, task) else "<none>"
  advice <- job$streams$advice
  if (is.null(advice)) advice <- future_advice
  text <- sprintf(
    paste0(
      "UNRELIABLE VALUE: One of the %s iterations (%s) unexpectedly generated random ",
      "numbers without declaring so. There is a risk that those random numbers are not ",
      "statistically sound and the overall results might be invalid. To fix this, %s. ",
      "This ensures that proper, parallel-safe random numbers are ",
      "produced via the L'Ecuyer-CMRG method. To disable this check, use ",
      "%s, or set option 'future.rng.onMisuse' to \"ignore\"."
    ),
    sQuote(advice$package), sQuote(label), advice$cure, advice$disable
  )
  kind <- if (action == "error") "error" else "warning"
  condition <- structure(
    class = c(
      paste0(c("RngFuture", "Future"), if (kind == "error") "Error" else "Warning"), kind,
      "RngFutureCondition", "FutureCondition", "condition"
    ),
    list(message = text, call = NULL, task = task)
  )
  if (kind == "error") stop(condition) else warning(condition)
}

future_advice <- list(
  package = "future.apply", cure = "specify 'future.seed=TRUE'", disable = "'future.seed = NULL'"
)

# `future.label` is a format for sprintf() with the number of the chunk.
format_label <- function(label, k) {
  tryCatch(sprintf(label, k), error = function(e) label, warning = function(w) label)
}
