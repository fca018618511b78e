# What a call has cost, as users see it. engine-report.R says what executors tell.

#' What the last call has cost
#'
#' `job_report()` tells where the time of the last call on workers has gone, how many workers
#' were worth it, what was sent, and what to change. A report of the last call is always there,
#' unless `options(rustle.report = FALSE)`.
#'
#' Calls are those that run tasks: the `future_*()` functions, `mclapply()`, `parLapply()` and
#' their relatives, `%dopar%`, `boot()`, `bootstrap()`, `cv()`, on any plan, in the session and on cluster objects too; and
#' native work on threads (`bootstrap()` of native statistics, the `mt_` functions) that took
#' longer than 50 ms, of which only the time on processors is known.
#'
#' @section What the numbers mean:
#' Times are seconds of the monotonic clock. *Wall time* is that from the moment at which the
#' arguments of the call had been read to the moment at which all values were here. The time of
#' all workers, workers times wall time, is the sum of these parts (`x$parts`, a matrix with a row
#' per worker):
#' * `tasks`: evaluation of tasks whose results count;
#' * `prepare`: before the first worker is started: globals are found and packed, memory is made.
#'   All workers wait for it;
#' * `starting`: until the worker's process is there (forked workers), or has read what it is to do
#'   (those that stand by); also the start of the process from which those descend, and of nodes,
#'   for which all wait in the first call. Advice is about later ones, which find them there;
#' * `first`: from there to its first task: packages, globals and arguments are unpacked;
#' * `claims`: between tasks: claiming them, waiting for the next chunk (nodes, futures), and storing
#'   results that need no message;
#' * `moving`: results on their way: encoding them, waiting for room, and at the end, when no
#'   worker has anything to do, making R objects of them;
#' * `relay`: output and conditions that are relayed when no worker has anything to do;
#' * `last`: the worker has nothing left to do and waits for the last one;
#' * `lost`: workers that were lost: from their last sign of life until another one ran a task, and
#'   what ran again;
#' * `unused`: workers that were not started, since the others would finish before.
#'
#' *Speed-up* is the time of tasks divided by wall time: what one worker alone would have gained
#' from a call without any cost. *Efficiency* is the speed-up divided by the number of workers.
#' Tasks that share caches and memory may be slower side by side than alone; this counts as their
#' time.
#'
#' A task that takes at least 5 microseconds is timed by itself in jobs of up to 100,000 tasks.
#' Quicker ones are timed some 50 microseconds together, and jobs with more tasks keep about 100,000
#' spans; `count` tells how many tasks a span has. `options(rustle.timings = TRUE)` times every task,
#' whatever it costs. The clocks cost less than 1 % of a job; without the report only claims are timed.
#' Futures are timed by chunk; clocks of other machines are put right by the
#' time at which their answers come. On a cluster object quick tasks of a chunk are timed half a millisecond
#' together, and those of `parRapply()` and `parCapply()` by chunk; `prepare` goes on until a node has its first task, and `claims` has the time until a node has its next chunk, and
#' the waiting of rounds. Of `boot()` in the session the time between replicates, in which boot makes the next
#' one, counts as theirs.
#'
#' *Memory* is the most that a worker has had in its life (`getrusage()`), and by how much that
#' rose during the call. With `options(rustle.memory = TRUE)` each task has `growth`: by how many
#' bytes it raised the most memory that its worker had had; 0 for one that needed less than a task before.
#' Memory that a forked worker shares with the session counts as had, not as growth. With that option the
#' most is counted from the beginning of the call (on Linux), else from that of the process.
#'
#' *Sent* are the bytes that workers which share no memory with the session were sent, large
#' vectors once for all workers; `copied` those among them that were not with the workers yet. The
#' largest objects are measured by [object.size()].
#'
#' @section Advice:
#' At most three lines say what to change, and what the call would take then, by simulation with
#' the measured times ([simulate_schedule()]). `x$advice` has them all, a data frame: `kind`,
#' `text`, and the seconds `now` and `then`, `NA` where it is not about time. The kinds:
#' `"seeds"` (random numbers without seeds), `"memory"` (it limits the workers), `"drags"` (a
#' function drags an environment along), `"small"` (tasks take less than the workers cost),
#' `"forks"` (workers that stand by would do), `"chunks"` (they force imbalance), `"longest"` (a task
#' bounds everything: start it first, or split it), `"fewer"` and `"more"` (workers), and `"threads"`
#' (times workers above the cores).
#'
#' @section Inputs:
#' [rerun_task()] takes a report and the number of a task, and evaluates that again.
#'
#' @return `job_report()`: an object of class `rustle_report`, `NULL` when there was no call, or when
#'   the last one failed before it had results. Where parallel's own code ran the call (a cluster object of other connections
#'   than sockets, or `options(rustle.cluster = FALSE)`) and where it had no tasks, a message of class `rustle_message_no_report` says so. A list: `call`, `plan` (the word for its kind),
#'   `workers`, `tasks`, `schedule`, `wall`, `busy` (seconds of tasks), `speedup`, `efficiency`,
#'   `imbalance` ((busiest - mean) / mean), `parts`, the counts `forks`, `claims`, `steals` and `losses`, `job` (the number of the call, for [rerun_task()]), `sent`, `copied` and
#'   `returned` (bytes), `largest` (a data frame with `place` and `bytes`), `memory` (a data frame
#'   with a row per worker: `peak` and `growth`, bytes), `blas`, `threads` (of each worker), `nodes` (a
#'   data frame with a row per node of a cluster: `host`, `workers`, `busy`), `advice`, `spans`; under plans that compile ([threads])
#'   also the list `compiled` of `tasks` that ran on threads, `bailed` (that R had to run again), `reasons` (how many
#'   for each), `why` (`NULL`, or why the function was not compiled), `stopped` (were too many given up, so that R ran the
#'   others, too?) and `slower` (was R faster at the first tasks, so that it ran the others?).
#'
#'   `summary()`: a list of class `rustle_report_summary` with the parts of all workers together
#'   (`parts`: a data frame with `part`, `seconds` and `share`) and quantiles of the times of tasks.
#'
#'   `as.data.frame()`: a row per span (`what = "tasks"`): `task` (the first), `count`, `worker`, `start`,
#'   `end` (seconds from the call), `growth`, `lost` (was the worker lost in it?), `stolen` (does it begin
#'   with a task stolen from the block of another worker?); or per worker (`what = "workers"`): its parts.
#' @examples
#' oplan <- plan(sequential)
#' x <- future_sapply(1:200, function(i) mean(runif(1e3)), future.seed = TRUE)
#' job_report() # for example, shortened:
#' #  200 tasks on 1 worker (sequential, in order), 2 threads of libblas.so.3:
#' #    8.06 ms, speed-up 0.895, efficiency 89%.
#' #  The time of the worker:
#' #    tasks                              89.5%  7.21 ms
#' #    claims, between tasks               5.9%  470 us
#' head(as.data.frame(job_report()), 2)
#' #    task count worker       start         end growth  lost stolen
#' #  1    1     1      1 0.000464430 0.000551399      0 FALSE  FALSE
#' #  2    2     1      1 0.000553041 0.001462933      0 FALSE  FALSE
#' plan(oplan)
#' @seealso [preview_job()], [plot()][report-plot], [write_trace()], [job_timings()];
#'   `vignette("why-not-faster")`.
#' @export
job_report <- function() {
  settle_again()
  if (!is.null(reports$last)) return(made_report(reports$last))
  # An old report would be taken for that of the last call.
  if (!is.null(inputs$why)) {
    message(structure(
      class = c("rustle_message_no_report", "rustle_message", "message", "condition"),
      list(message = sprintf("There is no report: %s.\n", inputs$why), call = NULL)
    ))
  }
  NULL
}

# What users see of what an executor has told.
made_report <- function(report) {
  parts <- parts_of(report)
  wall <- report$ended - report$called
  workers <- max(1L, nrow(parts))
  busy <- sum(parts[, "tasks"])
  spans <- span_columns(report)
  if (!is.null(spans)) {
    spans <- as.data.frame(spans)
    spans[c("start", "end")] <- spans[c("start", "end")] - report$called
    spans <- spans[order(spans$start), ]
    rownames(spans) <- NULL
  }
  peak <- if (is.null(report$seats)) report$peak else report$seats$peak
  if (is.null(peak)) peak <- rep(NA_real_, nrow(parts))
  peak[peak == 0] <- NA
  base <- if (is.null(report$seats)) NA_real_ else report$seats$base
  threads <- list(workers = report$threads, blas = blas_name())
  out <- list(
    call = report$call, plan = report$executor, workers = workers, tasks = report$tasks,
    schedule = schedule_of(report), start = report$start, wall = wall, busy = busy, speedup = busy / max(wall, 1e-9),
    efficiency = busy / max(wall, 1e-9) / workers, imbalance = rs_utilization(parts[, "tasks"], max(wall, 1e-9))$imbalance,
    parts = parts, forks = report$forks, claims = report$claims, steals = report$steals, losses = report$losses,
    sent = report$sent, copied = report$copied, returned = report$bytes,
    largest = if (!is.null(report$largest)) report$largest(),
    memory = data.frame(peak = peak, growth = pmax(0, peak - base)),
    blas = threads$blas, threads = threads$workers, nodes = nodes_of_report(report, parts), number = report$number, job = report$job,
    # What advice needs beyond that.
    compiled = report$compiled, facts = report[intersect(c("policy", "settings", "misuse", "streams", "launched", "opening", "kind", "unit"), names(report))],
    spans = spans
  )
  out$advice <- advise(out)
  structure(out, class = "rustle_report")
}

nodes_of_report <- function(report, parts) {
  if (is.null(report$nodes)) return(NULL)
  of <- rep(seq_along(report$nodes), report$nodes)
  busy <- tapply(parts[seq_along(of), "tasks"], factor(of, seq_along(report$nodes)), sum, default = 0)
  data.frame(host = report$hosts, workers = report$nodes, busy = as.vector(busy))
}

# The file of the BLAS that R uses.
blas_name <- function() {
  file <- extSoftVersion()[["BLAS"]]
  if (nzchar(file)) basename(file) else "internal"
}

schedule_of <- function(report) {
  policy <- report$policy
  if (is.null(policy)) return("slices")
  if (report$executor == "sequential") return("in order")
  if (policy$schedule == "rounds") return("rounds")
  if (is.null(policy$ends)) return(policy$schedule)
  if (policy$schedule == "static") "static" else sprintf("%d chunks", length(policy$ends))
}

# Seconds of each task, in the order of tasks; those that were timed together have the mean.
task_seconds <- function(x) {
  spans <- x$spans
  if (is.null(spans) || !nrow(spans)) return(numeric())
  last <- !duplicated(spans$task, fromLast = TRUE) & !spans$lost
  spans <- spans[last, ]
  spans <- spans[order(spans$task), ]
  rep((spans$end - spans$start) / spans$count, spans$count)
}

#' @rdname job_report
#' @param object,x A report.
#' @export
summary.rustle_report <- function(object, ...) {
  together <- colSums(object$parts)
  parts <- data.frame(
    part = names(together), what = unname(report_parts[names(together)]), seconds = unname(together),
    share = unname(together) / (object$workers * max(object$wall, 1e-9))
  )
  times <- task_seconds(object)
  quantiles <- if (length(times)) stats::quantile(times, c(0, 0.25, 0.5, 0.75, 0.95, 1), names = FALSE)
  structure(
    c(
      unclass(object)[c("call", "plan", "workers", "tasks", "schedule", "wall", "busy", "speedup", "efficiency", "imbalance")],
      list(parts = parts, times = quantiles, advice = object$advice)
    ),
    class = "rustle_report_summary"
  )
}

#' @rdname job_report
#' @param row.names,optional As in [as.data.frame()].
#' @param what `"tasks"` (default): when tasks ran; `"workers"`: the parts of each worker's time.
#' @export
as.data.frame.rustle_report <- function(x, row.names = NULL, optional = FALSE, ..., what = c("tasks", "workers")) {
  what <- check_choice(what[[1L]], c("tasks", "workers"), "what")
  if (what == "workers") {
    return(data.frame(worker = seq_len(nrow(x$parts)), x$parts, x$memory, row.names = row.names))
  }
  if (!is.null(x$spans)) return(as.data.frame(x$spans, row.names = row.names))
  none <- numeric()
  data.frame(task = none, count = none, worker = none, start = none, end = none, growth = none, lost = logical(), stolen = logical())
}

# A number of seconds in a form that people read.
format_seconds <- function(s) {
  one <- function(s) {
    if (is.na(s)) return("NA")
    if (s < 1e-3) return(paste(format(signif(s * 1e6, 2)), "us"))
    if (s < 1) return(paste(format(signif(s * 1e3, 3)), "ms"))
    if (s < 120) return(paste(format(signif(s, 3)), "s"))
    if (s < 7200) return(sprintf("%.1f min", s / 60))
    sprintf("%.1f h", s / 3600)
  }
  vapply(s, one, "")
}

#' @rdname job_report
#' @param ... Not used.
#' @export
print.rustle_report <- function(x, ...) {
  head_of_report(x)
  s <- summary(x)
  parts <- s$parts[s$parts$share >= 0.0005, ]
  parts <- parts[order(parts$part != "tasks", -parts$seconds), ]
  cat(sprintf("The time of %s:\n", if (x$workers == 1L) "the worker" else sprintf("%d workers", x$workers)))
  cat(sprintf("  %-32s %6.1f%%  %s\n", parts$what, 100 * parts$share, format_seconds(parts$seconds)), sep = "")
  times <- task_seconds(x)
  if (length(times)) {
    cat(wrapped(sprintf(
      "Tasks took %s (median), the longest %s (task %.0f)%s.", format_seconds(stats::median(times)), format_seconds(max(times)),
      longest_task(x), if (any(x$spans$count > 1)) "; quick ones were timed together" else ""
    )))
  }
  counts_of_report(x)
  compiled_of_report(x)
  sent_of_report(x)
  memory_of_report(x)
  print_advice(x$advice)
  invisible(x)
}

unit_of_report <- function(x) if (is.null(x$facts$unit)) "task" else x$facts$unit

longest_task <- function(x) {
  each <- (x$spans$end - x$spans$start) / x$spans$count
  x$spans$task[[which.max(each)]]
}

head_of_report <- function(x) {
  if (!is.null(x$call)) {
    words <- paste(deparse(x$call, width.cutoff = 500L), collapse = " ")
    words <- gsub("[[:space:]]+", " ", words)
    if (nchar(words, "width") > 78L) words <- paste0(strtrim(words, 75L), "...")
    cat(words, "\n", sep = "")
  }
  many <- function(n, what) paste(format(n, big.mark = ",", scientific = FALSE), if (n == 1) what else paste0(what, "s"))
  cat(wrapped(sprintf(
    "%s on %s (%s, %s), %s of %s: %s, speed-up %s, efficiency %.0f%%.", if (is.na(x$tasks)) "Work" else many(x$tasks, unit_of_report(x)),
    many(x$workers, if (identical(x$facts$kind, "native")) "thread" else "worker"), x$plan, x$schedule, many(x$threads, "thread"), x$blas, format_seconds(x$wall),
    format(signif(x$speedup, 3)), 100 * x$efficiency
  )))
  if (!is.null(x$nodes)) {
    cat(wrapped(sprintf("Nodes: %s.", paste(sprintf("%s (%d core%s, busy %s)", x$nodes$host, x$nodes$workers, ifelse(x$nodes$workers == 1L, "", "s"), format_seconds(x$nodes$busy)), collapse = ", "))))
  }
}

counts_of_report <- function(x) {
  said <- c(
    if (isTRUE(x$claims > 0)) sprintf("%.0f claims, %.0f of them stolen", x$claims, x$steals),
    if (isTRUE(x$losses > 0)) sprintf("%.0f workers lost", x$losses)
  )
  if (length(said)) cat(wrapped(paste0(paste(said, collapse = "; "), ".")))
}

sent_of_report <- function(x) {
  if (isTRUE(x$sent > 0)) {
    large <- x$largest[x$largest$bytes >= 1e4, , drop = FALSE]
    where <- if (NROW(large)) {
      paste0("; the largest: ", paste(sprintf("%s (%s)", large$place, vapply(large$bytes, format_bytes, "")), collapse = ", "))
    } else {
      ""
    }
    cat(wrapped(sprintf("Sent to workers: %s%s.", format_bytes(x$sent), where)))
  }
  if (isTRUE(x$returned > 0)) cat(wrapped(sprintf("Received: %s.", format_bytes(x$returned))))
}

memory_of_report <- function(x) {
  peak <- suppressWarnings(max(x$memory$peak, na.rm = TRUE))
  if (!is.finite(peak)) return()
  growth <- suppressWarnings(max(x$memory$growth, na.rm = TRUE))
  more <- if (is.finite(growth)) sprintf(", %s more than before", format_bytes(growth)) else ""
  cat(wrapped(sprintf("Memory: a worker had %s at most%s.", format_bytes(peak), more)))
}

print_advice <- function(advice) {
  if (!NROW(advice)) return()
  cat("Advice:\n")
  shown <- utils::head(advice, 3L)
  for (text in shown$text) cat(wrap_units(text, initial = "* ", prefix = "  "), sep = "\n")
}

# Lines of less than 80 columns; a number and its unit stay together.
wrapped <- function(text) {
  lines <- unlist(lapply(strsplit(text, "\n", fixed = TRUE)[[1L]], wrap_units, exdent = 2L))
  paste0(paste(lines, collapse = "\n"), "\n")
}

wrap_units <- function(text, ...) {
  joined <- gsub("([0-9]) (us|ms|s|min|h|B|kB|MB|GB|TB)\\b", "\\1~~\\2", text)
  gsub("~~", " ", strwrap(joined, width = 79L, ...), fixed = TRUE)
}

#' @rdname job_report
#' @export
print.rustle_report_summary <- function(x, ...) {
  cat(wrapped(sprintf(
    "%.0f tasks, %d workers: wall time %s, speed-up %s, efficiency %.1f%%, load imbalance %.1f%%", x$tasks, x$workers,
    format_seconds(x$wall), format(signif(x$speedup, 3)), 100 * x$efficiency, 100 * x$imbalance
  )))
  shown <- x$parts[x$parts$seconds > 0, ]
  print(data.frame(part = shown$part, seconds = signif(shown$seconds, 3), share = sprintf("%.1f%%", 100 * shown$share)), row.names = FALSE)
  if (!is.null(x$times)) {
    cat("Times of tasks:\n")
    print(data.frame(quantile = c("least", "25%", "median", "75%", "95%", "longest"), time = format_seconds(x$times)), row.names = FALSE)
  }
  invisible(x)
}
