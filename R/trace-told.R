# The calls that a worker is in, told while it runs (src/rust/src/jobs/tell.rs). They travel as
# text through a small piece of shared memory, which is there even after the worker's end.

# In a worker, where R lets code run: the calls of the task, a line each.
told_calls <- function() {
  at <- sys.nframe()
  tryCatch({
    # An interrupt has found the task before its handler.
    for (k in seq_len(at - 1L)) if (identical(sys.function(k), end_task)) { at <- k; break }
    lines <- vapply(calls_of_task(trace_marks(), at)$call, function(call) {
      enc2utf8(substr(deparse(call, width.cutoff = 100L, nlines = 2L)[[1L]], 1L, 200L))
    }, "")
    # There is room for 3072 bytes; the first and the last calls say most.
    if (sum(nchar(lines, "bytes") + 1L) > 3000L) lines <- c(utils::head(lines, 2L), "...", utils::tail(lines, 10L))
    paste(lines, collapse = "\n")
  }, error = function(e) "")
}

# In the session: a trace of that text; NULL where the worker has told nothing.
trace_of_text <- function(text) {
  if (!is.character(text) || length(text) != 1L || is.na(text) || !nzchar(text)) return(NULL)
  lines <- strsplit(text, "\n", fixed = TRUE)[[1L]]
  n <- length(lines)
  none <- rep(NA_character_, n)
  structure(
    list(
      call = lapply(lines, function(line) tryCatch(str2lang(line), error = function(e) as.name(line))),
      parent = seq_len(n) - 1L, visible = rep(TRUE, n), namespace = none, scope = none, where = none
    ),
    row.names = seq_len(n), version = 2L,
    class = c("rustle_trace", "rlang_trace", "rlib_trace", "tbl", "data.frame")
  )
}

# The calls of each worker that stands by, a list in the order of worker_status(). seconds: how
# long they have to answer.
traces_of_workers <- function(seconds = 1) lapply(rs_pool_calls(seconds), trace_of_text)

# An interrupt ends a call: says what has run for long, at most three tasks. seen: see
# rs_job_seen().
tell_running <- function(seen, plan) {
  long <- which(seen$task > 0 & seen$seconds >= 2)
  if (!length(long)) return(invisible())
  long <- utils::head(long[order(-seen$seconds[long])], 3L)
  # The prompt is to be back soon.
  up <- if (plan$executor$keeps) list(pid = rs_pool_status()$pid, calls = traces_of_workers(0.3))
  for (k in long) {
    message(sprintf("Interrupted in task %.0f, which had run for %s.", seen$task[[k]], duration(seen$seconds[[k]])))
    trace <- up$calls[up$pid == seen$pid[[k]]]
    if (length(trace) && !is.null(trace[[1L]])) message(paste(format.rustle_trace(trace[[1L]]), collapse = "\n"))
  }
}
