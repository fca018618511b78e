# Where a task has failed: the calls of the user's code, from the task on to the error. They
# are taken in a calling handler, which runs only when there is an error; they travel with
# the error as its field `trace`, so its class, message and call are what they were.

wants_traces <- function() !isFALSE(getOption("rustle.traceback"))

# The calls of the task whose handler calls this. Runs on workers that may not have this
# package: base R only. marks: functions of which the first on the stack evaluates tasks.
# handler: the frame of the handler; everything from there on is not the task's. given: NULL, or
# list(calls, home), which are those of the task, as a node without this function has seen them.
#
# The result is a data frame with the columns of rlang's traces (call, parent, visible,
# namespace, scope), and `where`: file and line, where R has kept them.
calls_of_task <- function(marks, handler = sys.nframe() - 1L, given = NULL) {
  if (is.null(given)) {
    last <- handler - 1L
    functions <- lapply(seq_len(last), sys.function)
    if (last > 0L && identical(functions[[last]], .handleSimpleError)) last <- last - 1L
    functions <- functions[seq_len(last)]
    at <- function(mark) which(vapply(functions, identical, NA, mark))
    first <- if (length(at(marks$worker))) max(at(marks$worker)) else min(c(at(marks$here), last + 1L))
    home <- vapply(functions, function(f) {
      if (is.primitive(f)) "base" else environmentName(topenv(environment(f)))
    }, "")
    calls <- sys.calls()
  } else {
    functions <- NULL
    calls <- given$calls
    home <- given$home
    first <- 0L
    last <- length(calls)
  }
  # After a call of ours nothing of ours or of base R is shown until code of the user is
  # reached. So it is at the beginning, but for the call of FUN, whoever has made it.
  kept <- integer()
  inside <- TRUE
  for (k in seq_len(last)) {
    if (k <= first) next
    ours <- home[[k]] == "rustle"
    # What R does with a warning that is turned into an error.
    if (!is.null(functions) && identical(functions[[k]], .signalSimpleWarning)) break
    of_task <- !length(kept) && identical(calls[[k]][[1L]], quote(FUN))
    if (inside && (ours || home[[k]] == "base") && !of_task) next
    inside <- ours
    kept <- c(kept, k)
  }
  # The middle of an endless recursion tells nothing.
  if (length(kept) > 100L) kept <- kept[c(1:50, length(kept) - 49:0)]
  # A call may have whole data sets in it, as do.call() makes them.
  short <- function(x, depth) {
    if (is.call(x)) {
      if (depth == 0L) return(quote(...))
      if (identical(x[[1L]], quote(`function`))) return(as.call(list(x[[1L]], x[[2L]], short(x[[3L]], depth - 1L))))
      out <- as.list(x)
      if (length(out) > 25L) out <- out[1:25]
      for (j in seq_along(out)) {
        if (identical(out[[j]], quote(expr = ))) next
        value <- out[[j]]
        out[[j]] <- if (j == 1L && is.function(value)) quote(FUN) else if (is.null(value)) quote(NULL) else short(value, depth - 1L)
      }
      return(as.call(out))
    }
    if (is.symbol(x)) return(x)
    if (is.atomic(x) && is.null(attributes(x)) && length(x) <= 10L) {
      return(if (is.character(x)) substr(x, 1L, 100L) else x)
    }
    as.name(if (is.function(x)) "<function>" else paste0("<", class(x)[[1L]], ">"))
  }
  where <- vapply(calls[kept], function(call) {
    at <- attr(call, "srcref")
    file <- attr(at, "srcfile")$filename
    if (is.null(file) || !nzchar(file)) return(NA_character_)
    paste0(basename(file), "#", at[[1L]])
  }, "")
  n <- length(kept)
  namespaces <- home[kept]
  namespaces[namespaces %in% c("", "R_GlobalEnv")] <- NA
  out <- list(
    call = lapply(calls[kept], short, 6L), parent = seq_len(n) - 1L, visible = rep(TRUE, n),
    namespace = namespaces, scope = ifelse(is.na(namespaces), NA_character_, "::"), where = where
  )
  structure(
    out, row.names = seq_len(n), version = 2L,
    class = c("rustle_trace", "rlang_trace", "rlib_trace", "tbl", "data.frame")
  )
}
environment(calls_of_task) <- baseenv()

# What evaluates tasks in a process that has this package.
trace_marks <- function() list(worker = rs_worker_run, here = rs_run_here)

# The error with the calls of its task. An error that has come from workers of the task's own
# has calls already, of which these are the first; one that rlang has made keeps its own.
with_trace <- function(condition, trace) {
  if (is.null(trace) || !is.list(condition)) return(condition)
  own <- condition$trace
  if (is.null(own)) {
    condition$trace <- trace
  } else if (inherits(own, "rustle_trace")) {
    condition$trace <- join_traces(trace, own)
  }
  condition
}

without_trace <- function(condition) {
  if (is.list(condition) && inherits(condition$trace, "rustle_trace")) condition$trace <- NULL
  condition
}

join_traces <- function(before, after) {
  out <- Map(c, unclass(before), unclass(after))
  n <- length(out$call)
  out$parent <- seq_len(n) - 1L
  attributes(out) <- c(attributes(before)[c("names", "version", "class")], list(row.names = seq_len(n)))
  out
}

# In a worker: evaluates `expr`; the calls of an error that ends it are noted for
# take_noted(). An error of this very stack has been noted before, in a handler further in.
tracing <- function(relay, expr) {
  if (!isTRUE(relay$traces)) return(expr)
  withCallingHandlers(expr, error = function(e) recorder$trace <- calls_here(relay, e, sys.nframe()))
}

# The calls that an error is to get, whose handler has the frame `handler`; or NULL.
calls_here <- function(relay, e, handler) {
  if (isTRUE(relay$traces) && !is_traced_here(e)) try_trace(e, handler)
}

# Has the error calls that were taken on the stack that is there now, by a call in this task
# that ran in this process?
is_traced_here <- function(e) {
  if (!is.list(e) || !inherits(e$trace, "rustle_trace")) return(FALSE)
  functions <- lapply(seq_len(sys.nframe()), sys.function)
  worker <- which(vapply(functions, identical, NA, rs_worker_run))
  here <- which(vapply(functions, identical, NA, rs_run_here))
  if (length(worker)) any(here > max(worker)) else length(here) > 1L
}

# Calls of the task for a handler whose frame is `handler`; NULL where they cannot be had: the
# handler must not fail, least of all when the stack is full.
try_trace <- function(e, handler) {
  if (inherits(e, c("stackOverflowError", "CStackOverflowError"))) return(NULL)
  tryCatch(calls_of_task(trace_marks(), handler), error = function(e) NULL)
}

#' The calls of a task that has failed
#'
#' An error of a task carries the calls by which the task came to it, on the worker where it
#' ran: field `trace` of the condition. `task_trace()` returns them, by default those of the
#' last error of a task in this session.
#'
#' Only calls of the user's code are kept, from the task on: those of rustle, and those by
#' which R evaluates tasks, are left out. Arguments that are data are shown as what they are,
#' `<data.frame>`. The calls are there after an error of `stop()`, of R itself, of a warning
#' under `options(warn = 2)`, and of `timeout` of the [plan()] where the worker could tell
#' them. They are taken when there is an error and cost nothing otherwise;
#' `options(rustle.traceback = FALSE)` turns them off. Values of failed tasks that must be
#' those of another package, as with `.errorhandling = "pass"` of foreach, have no such field.
#'
#' `print()` of such a condition shows the calls. Where rlang is loaded and nothing handles
#' the error, `rlang::last_trace()` shows them too.
#'
#' @param x A condition, or what `try()` returns of one. `NULL`: the last error of a task.
#' @return A data frame of class `rustle_trace` with a row per call, the outermost first, and
#'   the columns of rlang's traces, of which `call` is a list of calls, and `where`: file and
#'   line, or `NA` where R has not kept them. `NULL` where there are none.
#' @examples
#' f <- function(x) log(x)
#' e <- tryCatch(future_lapply(list(1, "a"), function(x) f(x)), error = identity)
#' e
#' task_trace(e)$call
#' #> [[1]]
#' #> FUN(X[[i]], ...)
#' #>
#' #> [[2]]
#' #> f(x)
#' @seealso [rerun_task()] runs the task again in this session; `?"rustle-errors"`.
#' @export
task_trace <- function(x = NULL) {
  e <- if (is.null(x)) inputs$failure else as_condition(x)
  if (!is.null(x) && is.null(e)) stop_argument("x", "a condition, an object of class \"try-error\" or NULL", x, sys.call())
  while (is.list(e)) {
    if (inherits(e$trace, "rlang_trace")) return(e$trace)
    e <- e[["parent"]]
  }
  NULL
}

# A condition that the user has given, or NULL.
as_condition <- function(x) {
  if (inherits(x, "try-error")) x <- attr(x, "condition")
  if (inherits(x, "condition")) x
}

#' @export
format.rustle_trace <- function(x, ...) {
  text <- vapply(x$call, function(call) {
    trimws(paste(deparse(call, width.cutoff = 70L, nlines = 2L)[1L], collapse = ""))
  }, "")
  where <- x$where
  if (is.null(where)) where <- NA
  sprintf("%s. %s%s", format(seq_along(text)), text, ifelse(is.na(where), "", sprintf("  (%s)", where)))
}

#' @export
print.rustle_trace <- function(x, ...) {
  if (length(x$call)) writeLines(c("Calls of the task:", format.rustle_trace(x))) else cat("No calls of the task are known.\n")
  invisible(x)
}

# Of any error: R shows what it is, and then we the calls of the task, if there are any.
#' @export
print.error <- function(x, ...) {
  NextMethod()
  trace <- task_trace(x)
  if (inherits(trace, "rustle_trace")) print.rustle_trace(trace)
  invisible(x)
}

# So that rlang::last_trace() shows the calls: rlang takes an error of its own class.
tell_rlang <- function(condition) {
  if (!isNamespaceLoaded("rlang") || !is.list(condition) || !inherits(condition$trace, "rustle_trace")) return(invisible())
  tryCatch(
    rlang::entrace(rlang::error_cnd(
      message = conditionMessage(condition), call = conditionCall(condition), trace = condition$trace,
      use_cli_format = FALSE
    )),
    error = function(e) NULL
  )
  invisible()
}
