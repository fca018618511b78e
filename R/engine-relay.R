# Output and conditions of tasks: what is relayed, and how it is said in the session.
# Workers capture it (engine-record.R), and it is relayed in task order
# (engine-mailbox.R).
#
# A relay is a list: `stdout` (TRUE: capture and relay, FALSE: drop, NA: leave
# alone), `classes` and `exclude` (condition classes that are relayed or not;
# classes NULL: all are left alone), `leave` (classes that are left alone) and
# `quiet` (warnings reach handlers only); of a job also `unforced`, `traces` (errors carry the
# calls of their task) and `fatal` (warnings are errors in the session).

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

# How many restarts there are now; more than these come from the task itself. A worker
# starts with R's restart "abort" alone, without the session's.
restart_level <- function() length(computeRestarts())
worker_restart_level <- 1L

# Ends a condition where it was signalled, if there is a "muffle" restart for it, as
# messages and warnings have.
muffle <- function(condition, level) {
  restart <- own_restart(condition, level)
  if (!is.null(restart)) invokeRestart(restart)
}

own_restart <- function(condition, level) {
  restarts <- computeRestarts(condition)
  own <- utils::head(restarts, max(0L, length(restarts) - level))
  for (restart in own) {
    # Restarts that R itself establishes are lists without names.
    if (startsWith(restart[[1L]], "muffle")) return(restart)
  }
}

# For a condition without a restart: the frame of signalCondition() that called the handler
# whose frame is `frame`; NULL when the handler was called by something else.
signal_frame <- function(frame) {
  if (frame > 1L && identical(sys.function(frame - 1L), base::signalCondition)) sys.frame(frame - 1L)
}

return_from <- function(frame) do.call("return", list(NULL), envir = frame)

# Is it R's warning "restarting interrupted promise evaluation"? It comes when a task
# evaluates an argument that open_frame() has tried to evaluate without success. The user
# must not see it.
is_second_try <- function(relay, condition) {
  isTRUE(relay$unforced) && inherits(condition, "warning") &&
    identical(conditionMessage(condition), gettext("restarting interrupted promise evaluation", domain = "R"))
}

# In the session: evaluates `expr` and drops output and conditions that the caller does not
# want. Handlers of the caller must write where they wrote before, so the sink is removed
# while they run.
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
    # A condition that cannot be ended here reaches the caller's handlers by itself.
    if (is.null(restart) && is.null(signalled)) return()
    if (wanted) {
      # Sinks that the task itself has opened on top of ours stay.
      if (sink.number() == depth) {
        sink()
        on.exit(sink(null))
      }
      relay_event("condition", condition)
    }
    if (is.null(restart)) return_from(signalled) else invokeRestart(restart)
  })
}

# Events of tasks that are relayed have these words, as in src/rust/src/jobs/arrivals.rs.
relayed_events <- c("condition", "output")

relay_event <- function(event, object, quiet = FALSE, task = NULL) {
  clear_progress()
  if (event == "output") {
    cat(object)
  } else if (quiet && inherits(object, "warning") && getOption("warn") != 1) {
    withRestarts(signalCondition(object), muffleWarning = function() NULL)
  } else if (inherits(object, "message")) {
    message(object)
  } else if (inherits(object, "warning")) {
    if (is.null(task) || getOption("warn") < 2) warning(object) else warning_of_task(object, task)
  } else if (inherits(object, "progression")) {
    # The handler of the condition may draw a progress bar: see draw().
    suspendInterrupts(withRestarts(signalCondition(object), muffleProgression = function() NULL))
  } else {
    signalCondition(object)
  }
}

# A warning of a task that is an error here has the task and its calls as the task's own errors
# have them.
warning_of_task <- function(object, task) {
  text <- conditionMessage(object)
  withCallingHandlers(warning(object), error = function(e) {
    if (endsWith(conditionMessage(e), text)) stop(with_task(with_trace(e, object$trace), task, inputs$id))
  })
}
