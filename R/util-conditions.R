# The conditions of this package. Each has a message of one sentence, a class
# `rustle_error_<what>` under `rustle_error`, and fields.

# The error of a wrong argument also has class `simpleError`: it has so in the packages
# whose functions ours replace, and users' code may catch it by that class.
abort_rustle <- function(message, class, ..., call = NULL) {
  simple <- if ("rustle_error_argument" %in% class) "simpleError"
  stop(structure(
    class = c(class, "rustle_error", simple, "error", "condition"),
    list(message = message, call = call, ...)
  ))
}

# Every warning of ours that code may want to catch: `rustle_warning_<what>` under
# `rustle_warning`. `...`: fields.
warn_rustle <- function(message, class, ...) {
  warning(structure(
    class = c(class, "rustle_warning", "warning", "condition"), list(message = message, call = NULL, ...)
  ))
}

# `class`: further classes.
stop_argument <- function(argument, must, value, call, was = NULL, class = NULL) {
  if (is.null(was)) was <- describe(value)
  abort_rustle(
    sprintf("`%s` must be %s, not %s.", argument, must, was),
    class = c("rustle_error_argument", class),
    argument = argument, value = value, call = call
  )
}

stop_missing <- function(argument, call) {
  abort_rustle(
    sprintf("argument \"%s\" is missing, with no default", argument),
    class = "rustle_error_argument", argument = argument, call = call
  )
}

# An error that users cannot cause: the code of this package contradicts itself.
stop_internal <- function(what, ..., call = NULL) {
  abort_rustle(
    sprintf("This is a fault of rustle, not of your code; please report it: %s.", what),
    class = "rustle_error_internal", ..., call = call
  )
}

# Evaluates `expr`; errors of ours in it show the user's `call`, not a call that we made.
with_call <- function(call, expr) {
  withCallingHandlers(expr, rustle_error = function(e) {
    e["call"] <- list(call)
    stop(e)
  })
}

# The record of messages that a session sees once, written here only.
told <- new.env(parent = emptyenv())

# Has `what` not been told in this session? It counts as told afterwards.
first_time <- function(what) {
  first <- is.null(told[[what]])
  told[[what]] <- TRUE
  first
}

# What a wrong argument was, in a few words.
describe <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.function(x)) return("a function")
  d <- dim(x)
  if (is.object(x)) {
    of <- sprintf("an object of class %s", sQuote(class(x)[[1L]], FALSE))
    return(if (is.atomic(x) && length(d) %in% c(1L, 3:9)) paste(of, "with", dimensions(d)) else of)
  }
  if (is.atomic(x) && length(x) == 1L && is.null(d)) {
    shown <- if (is.character(x)) encodeString(x, quote = "\"") else format(x)
    return(if (is.na(x)) "NA" else shown)
  }
  what <- switch(typeof(x),
    double = , integer = "a numeric vector", character = "a character vector",
    logical = "a logical vector", list = "a list", paste("of type", typeof(x))
  )
  if (length(d) == 2L) return(sprintf("%s of %d x %d", sub("vector|list", "matrix", what), d[[1L]], d[[2L]]))
  if (!is.null(d)) return(sprintf("%s of %s", sub("vector", "array", what), dimensions(d)))
  if (is.vector(x)) sprintf("%s of length %d", what, length(x)) else what
}

dimensions <- function(d) sprintf("%d dimension%s", length(d), if (length(d) == 1L) "" else "s")

# `result` is list(ok =, err = list(class =, message =)) from Rust.
unpack <- function(result, call = NULL) {
  err <- result[["err"]]
  if (!is.null(err)) {
    if (err[["class"]] == "internal") stop_internal(err[["message"]], call = call)
    abort_rustle(err[["message"]], paste0("rustle_error_", err[["class"]]), call = call)
  }
  result[["ok"]]
}

# failure: list(tasks, cause, number, memory, reason, used, printed), see src/rust/src/jobs/entries.rs.
# values: those that have arrived.
stop_worker_lost <- function(failure, values, call) {
  if (failure$cause == "refused") {
    abort_rustle(
      sprintf("No worker process can be started. The system says: %s.", failure$reason),
      class = "rustle_error_system", errno = failure$number, values = values, call = call
    )
  }
  signal <- if (failure$cause == "signal") failure$number else NA_integer_
  used <- if (isTRUE(failure$used > 0)) failure$used else NA_real_
  printed <- if (is.null(failure$printed)) "" else failure$printed
  limit <- memory_of_group()
  message <- sprintf(
    "A worker was lost while it ran %s: %s.%s%s%s%s%s",
    enumerate_tasks(failure$tasks), describe_exit(failure),
    if (failure$memory) " The kernel has killed processes for want of memory meanwhile." else "",
    describe_memory(used, limit, signal), describe_printed(printed),
    if (is.null(in_force$settings$setup)) "" else " It may have been `setup` of the plan, which runs before a worker's first task.",
    " Values that arrived are in the field `values` of this condition."
  )
  abort_rustle(
    message, class = "rustle_error_worker_lost",
    tasks = failure$tasks, signal = signal, memory = failure$memory, used = used, limit = limit,
    printed = printed,
    values = values, call = call
  )
}

# Where the worker was killed, as for want of memory: how much it had.
describe_memory <- function(used, limit, signal) {
  if (is.na(used) || !signal %in% tools::SIGKILL) return("")
  sprintf(
    " It had %.0f MB of memory when it was last looked at%s.", used / 1e6,
    if (is.finite(limit)) sprintf(", and the limit of the container or batch job is %.0f MB", limit / 1e6) else ""
  )
}

# The last line that the task has printed.
describe_printed <- function(printed) {
  lines <- strsplit(printed, "\n", fixed = TRUE)[[1L]]
  lines <- lines[nzchar(trimws(lines))]
  if (!length(lines)) return("")
  last <- lines[[length(lines)]]
  sprintf(" Its task had printed last: %s.", encodeString(if (nchar(last) > 200L) paste0(substr(last, 1L, 200L), "...") else last, quote = "\""))
}

describe_exit <- function(failure) {
  known <- rs_exit_statuses()
  number <- failure$number
  switch(failure$cause,
    signal = sprintf("signal %d%s ended it%s", number, signal_name(number), meaning_of_signal(number, failure$memory)),
    status = if (number == known$quit) {
      "the task called quit()"
    } else if (number == known$abandoned) {
      "the task left the loop, as invokeRestart(\"abort\") does"
    } else if (number == known$panic) {
      "rustle's own code failed in it, which is a fault of rustle: please report it"
    } else {
      sprintf("its process exited with status %d", number)
    },
    node = sprintf("its node was lost (%s)", failure$reason),
    element = sprintf("the element of the job array that ran it ended (%s)", failure$reason),
    unknown = "how its process ended is not known"
  )
}

# What users can make of it. memory: is it known that the kernel has killed for want of memory?
meaning_of_signal <- function(number, memory) {
  if (number %in% c(4L, 6L, 7L, 8L, 11L)) return(", a crash of compiled code that the task has called")
  if (number == tools::SIGKILL && !isTRUE(memory)) return(": somebody has killed it, or the system, for want of memory perhaps")
  ""
}

signal_name <- function(number) {
  known <- c(
    SIGABRT = 6L, SIGBUS = 7L, SIGFPE = 8L, SIGKILL = tools::SIGKILL,
    SIGSEGV = 11L, SIGTERM = tools::SIGTERM, SIGILL = 4L
  )
  name <- names(known)[match(number, known)]
  if (is.na(name)) "" else sprintf(" (%s)", name)
}

enumerate_tasks <- function(tasks) {
  if (length(tasks) == 1L) return(sprintf("task %d", tasks))
  shown <- paste(utils::head(tasks, 10L), collapse = ", ")
  sprintf("tasks %s%s", shown, if (length(tasks) > 10L) ", ..." else "")
}

# The error of a task, as its own condition with the task's index in `task`, and in `job` the
# number of the call, by which rerun_task() knows whose task it was.
with_task <- function(condition, task, job) {
  if (!is.list(condition)) return(condition)
  condition$task <- task
  condition$job <- job
  note_failure(condition)
}

# Raises the error of a task of `job` (its `n` and `id`) as stop() does: handlers get the condition itself, once. If no
# handler takes it, R prints the error with a line of ours at its end, which says which task
# it was. For that a second condition is raised. Its class is one that no handler of errors
# knows, so that handlers see the first condition only, with its own message.
raise_of_task <- function(condition, task, job, what = "task", more = "") {
  condition <- with_task(condition, task, job$id)
  message <- conditionMessage(condition)
  # The messages of our own errors name the task already.
  if (inherits(condition, "rustle_error") || !is.character(message) || length(message) != 1L) stop(condition)
  signalCondition(condition)
  tell_rlang(condition)
  shown <- paste(c(sprintf("%s\n(%s %.0f of %.0f%s)", message, what, task, job$n, more), hint_of_error(message)), collapse = "\n")
  stop(structure(class = c("rustle_unhandled", "condition"), list(message = shown, call = conditionCall(condition))))
}

# trace: the calls that the task was in; NULL where its worker could not tell them.
new_timeout_error <- function(task, timeout, call, trace = NULL) {
  structure(
    class = c("rustle_error_timeout", "rustle_error", "error", "condition"),
    c(
      list(
        message = sprintf("Task %d ran for more than %s s and was stopped.", task, format(timeout)),
        call = call, task = task, timeout = timeout
      ),
      if (!is.null(trace)) list(trace = trace)
    )
  )
}

# A handler of errors that gives `value`, but for a time limit of the user: setTimeLimit() fires once,
# whatever R was about to do, and the call that it is for would go on without it.
otherwise <- function(value) function(e) {
  if (is_time_limit(e)) stop(e)
  value
}

is_time_limit <- function(e) {
  texts <- c(
    "reached elapsed time limit", "reached CPU time limit",
    "reached session elapsed time limit", "reached session CPU time limit"
  )
  any(startsWith(conditionMessage(e), c(texts, gettext(texts, domain = "R"))))
}
