# A report as a file that Perfetto and chrome://tracing open.

#' Write a trace of the last call
#'
#' Writes a report of [job_report()] in Chrome's Trace Event Format (JSON, "JSON Object Format"),
#' which <https://ui.perfetto.dev> and `chrome://tracing` open: a process per worker, a slice for
#' each span of tasks with its number, how many tasks it has and by how much they raised the
#' worker's memory, and a process for the session with slices for what it did before the first
#' and after the last task. Times are microseconds from the call.
#'
#' Instant events: "steals task 17" where a worker begins with what it has stolen from the block of
#' another one, and "task 17 runs again" where the first run of a task ends that was lost, or whose
#' share ran again. Counts of claims, steals and losses are in `otherData`.
#'
#' @param report A report.
#' @param file A path, or a connection that is open for text.
#' @return `file`, invisibly.
#' @section Errors: `rustle_error_argument` for what is no report, and where there is no file.
#' @examples
#' x <- future_sapply(1:20, function(i) mean(runif(1e3)), future.seed = TRUE)
#' file <- tempfile(fileext = ".json")
#' write_trace(job_report(), file)
#' length(readLines(file)) > 20 # an event per task at least
#' #> [1] TRUE
#' @seealso [job_report()], [plot()][report-plot]; `vignette("why-not-faster")`.
#' @export
write_trace <- function(report, file) {
  if (missing(report)) stop_missing("report", sys.call())
  if (missing(file)) stop_missing("file", sys.call())
  if (!inherits(report, "rustle_report")) stop_argument("report", "a report of job_report()", report, sys.call())
  good <- inherits(file, "connection") || (is.character(file) && length(file) == 1L && !is.na(file) && nzchar(file))
  if (!good) stop_argument("file", "a path or a connection", file, sys.call())
  if (is.character(file) && !dir.exists(dirname(file))) {
    stop_argument("file", "in a directory that exists", file, sys.call())
  }
  writeLines(trace_lines(report), file, useBytes = TRUE)
  invisible(file)
}

# One event per line: the file can be searched, and read in pieces.
trace_lines <- function(x) {
  events <- c(trace_names(x), trace_session(x), trace_tasks(x))
  other <- c(
    call = paste(deparse(x$call), collapse = " "), plan = x$plan, schedule = x$schedule, tasks = x$tasks, workers = x$workers,
    wall_seconds = x$wall, claims = x$claims, steals = x$steals, losses = x$losses
  )
  other <- other[!is.na(other)]
  c(
    "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[",
    paste0(events, c(rep(",", length(events) - 1L), "")),
    sprintf("],\"otherData\":{%s}}", paste(sprintf("%s:%s", json_text(names(other)), json_text(other)), collapse = ","))
  )
}

# A text in JSON: quotes, backslashes and control characters escaped.
json_text <- function(x) {
  x <- enc2utf8(as.character(x))
  x <- gsub("\\", "\\\\", x, fixed = TRUE)
  x <- gsub("\"", "\\\"", x, fixed = TRUE)
  x <- gsub("\n", "\\n", x, fixed = TRUE)
  x <- gsub("\t", "\\t", x, fixed = TRUE)
  x <- gsub("[[:cntrl:]]", " ", x)
  paste0("\"", x, "\"")
}

microseconds <- function(seconds) sprintf("%.3f", pmax(0, seconds) * 1e6)

trace_names <- function(x) {
  name <- function(pid, name) {
    sprintf("{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":0,\"args\":{\"name\":%s}}", pid, json_text(name))
  }
  sort <- sprintf("{\"name\":\"process_sort_index\",\"ph\":\"M\",\"pid\":%d,\"tid\":0,\"args\":{\"sort_index\":%d}}", c(0L, seq_len(x$workers)), c(0L, seq_len(x$workers)))
  c(name(0L, "session"), name(seq_len(x$workers), sprintf("worker %d", seq_len(x$workers))), sort)
}

trace_session <- function(x) {
  prepare <- x$parts[1L, "prepare"]
  last <- if (NROW(x$spans)) max(x$spans$end) else prepare
  slice <- function(name, from, to) {
    sprintf(
      "{\"name\":%s,\"cat\":\"session\",\"ph\":\"X\",\"pid\":0,\"tid\":0,\"ts\":%s,\"dur\":%s}",
      json_text(name), microseconds(from), microseconds(to - from)
    )
  }
  opening <- opening_of(x$facts)
  c(
    if (opening > 0) slice(report_parts[["starting"]], 0, opening), slice(report_parts[["prepare"]], opening, opening + prepare),
    slice("moving results and relay", min(last, x$wall), x$wall)
  )
}

trace_tasks <- function(x) {
  spans <- x$spans
  if (!NROW(spans)) return(character())
  name <- ifelse(spans$count > 1, sprintf("tasks from %.0f", spans$task), sprintf("task %.0f", spans$task))
  slices <- sprintf(
    "{\"name\":\"%s\",\"cat\":\"task\",\"ph\":\"X\",\"pid\":%.0f,\"tid\":0,\"ts\":%s,\"dur\":%s,\"args\":{\"index\":%.0f,\"count\":%.0f,\"growth_bytes\":%.0f}}",
    name, spans$worker, microseconds(spans$start), microseconds(spans$end - spans$start), spans$task, spans$count, spans$growth
  )
  again <- spans[duplicated(spans$task, fromLast = TRUE) | spans$lost, ]
  stolen <- spans[spans$stolen, ]
  c(
    slices, trace_instants(sprintf("task %.0f runs again", again$task), "loss", again$worker, again$end),
    trace_instants(sprintf("steals task %.0f", stolen$task), "steal", stolen$worker, stolen$start)
  )
}

trace_instants <- function(name, kind, worker, at) {
  sprintf(
    "{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"i\",\"s\":\"p\",\"pid\":%.0f,\"tid\":0,\"ts\":%s}",
    name, rep(kind, length(name)), worker, microseconds(at)
  )
}
