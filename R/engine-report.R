#' When each task ran, and where
#'
#' With `options(rustle.timings = TRUE)` calls on workers of `multicore` and `multisession`
#' keep the worker, start and end of every task; `job_timings()` has those of the last call, if it ran
#' there.
#'
#' @return A data frame of class `rustle_timings` with a row per task and columns
#'   `task`, `worker`, `start` and `end` (seconds from the first start), or `NULL`
#'   when nothing was kept: the last call ran in this session or as futures. A task that
#'   was stopped, or still ran when the call was over, ends at that moment; one that ran
#'   again is shown as it ran last.
#'
#'   `plot()` draws how the tasks filled the workers: a row per worker, grey where it
#'   waited, and a dotted line where the last task ended. `summary()` is a list of class
#'   `rustle_utilization`: `workers`, `makespan` (seconds until the last task ends), `busy`
#'   (seconds of each worker), `imbalance` ((busiest - mean) / mean) and `efficiency`
#'   (busy share of the workers' time), as [simulate_schedule()] has them.
#' @seealso [simulate_schedule()] and [compare_schedules()] for other numbers of workers
#'   and schedules; `?"rustle-schedules"`.
#' @examples
#' oopts <- options(rustle.timings = TRUE)
#' with_plan(multicore, workers = 2, future_sapply(1:20, function(i) mean(runif(1e4)),
#'   future.seed = 1
#' ))[1:2]
#' #> [1] 0.4957131 0.4986125
#' plot(job_timings())
#' summary(job_timings())
#' options(oopts)
#' @export
job_timings <- function() timings_of(reports$timed)

# A report, as an executor makes it, is what a job has cost, a list:
#   executor        its name
#   call            the user's call, or NULL
#   tasks, workers  how many: of the job, of the plan at most
#   policy          engine-policy.R
#   threads         of each worker
#   done            tasks that were finished, more than once if they ran again
#   spans           NULL, raw bytes, or a list of columns: see span_columns()
#   seats           NULL, or where the time of each worker has gone: rs_job_report()
#   forks, claims, steals, losses  how many: processes started, claims of chunks, those
#                   that had to steal, workers lost
#   bytes, receiving  size of what came through rings (results, conditions, output, and
#                   their heads), and the seconds that the session took to receive it
#   sent            bytes that workers were sent, NA where that is not known
#   largest         NULL, or a function that finds the largest objects among them
#   called, launched, ended  moments of the monotonic clock, in seconds: the call came to the
#                   executor; the first worker was about to be started; all was done
#   relayed         seconds that output and conditions took when no worker was at work any more:
#                   a matrix with a column (from, to) for each time
#   opening         seconds before `launched` that went into what starts once for many calls:
#                   the server of workers that stand by, nodes (timed_opening())
#   start, end      when the call of the executor began and ended (run_job())
# A number is NA when the executor does not count it. counted: the numbers that Rust has
# counted (rs_job_report()). report.R makes of it what users see.
new_report <- function(job, plan, counted = list(), ...) {
  of <- function(name) if (is.null(counted[[name]])) NA_real_ else counted[[name]]
  workers <- min(plan$workers, job$n)
  out <- list(
    executor = plan$executor$name, call = job$origin, tasks = job$n, workers = workers, policy = job$policy,
    threads = if (workers > 0L) threads_per_worker(workers, plan$settings$worker_threads) else 1L,
    settings = plan$settings[c("worker_threads", "memory_limit")], streams = job$streams$streams,
    done = of("done"), spans = counted$spans, seats = counted$seats,
    forks = of("forks"), claims = of("claims"), steals = of("steals"), losses = of("losses"),
    bytes = of("bytes"), receiving = of("receiving"), sent = NA_real_, launched = of("launched"), compiled = job$told
  )
  more <- list(...)
  out[names(more)] <- more
  out
}

# The record of the last call, written here only. `last`: its report; `timed`: the report of the
# last call with option rustle.timings; `number`: how many reports there were. A report has the number
# of its `job`, by which rerun_task() finds the inputs of the call (rerun.R). `opening`: see the
# report, of the call that runs.
reports <- list2env(list(number = 0, opening = 0), parent = emptyenv())

# Counts the time of `code`, which makes ready what later calls find ready.
timed_opening <- function(code) {
  begun <- rs_now()
  force(code)
  reports$opening <- reports$opening + rs_now() - begun
  code
}

# counted: is it among their `number` already?
keep_report <- function(report, counted = FALSE) {
  if (wants_timings()) reports$timed <- report
  if (!wants_report()) return(invisible())
  if (!is.null(report)) {
    if (!counted) reports$number <- reports$number + 1
    report$number <- reports$number
  }
  reports$last <- report
}

count_reports <- function(more) reports$number <- reports$number + more

wants_timings <- function() isTRUE(getOption("rustle.timings"))

wants_report <- function() !isFALSE(getOption("rustle.report"))

# Which spans are kept; see src/rust/crates/workers/src/spans.rs.
wanted_spans <- function() {
  if (wants_timings()) "tasks" else if (wants_report()) "batches" else "none"
}

wants_memory <- function() isTRUE(getOption("rustle.memory"))

# Spans as a list of columns with an element for each time that the clock was read: the first
# `task`, how many it was (`count`), `worker`, `start`, `end` (seconds of the monotonic clock),
# `growth` (bytes), `lost`: was the worker lost in it? and `stolen`: was its first task stolen from
# another worker's block? NULL where none were kept.
span_columns <- function(report) {
  spans <- report$spans
  if (is.raw(spans)) rs_span_columns(spans) else spans
}

# Lists of columns as one.
bound_spans <- function(all) {
  if (!length(all)) return(NULL)
  names <- names(all[[1L]])
  stats::setNames(lapply(names, function(name) unlist(lapply(all, `[[`, name))), names)
}

timings_of <- function(report) {
  if (is.null(report) || report$executor %in% c("sequential", "future")) return(NULL)
  spans <- span_columns(report)
  if (is.null(spans)) return(NULL)
  # A task that ran again is shown as it ran last.
  order <- order(spans$start)
  last <- order[!duplicated(spans$task[order], fromLast = TRUE)]
  last <- last[order(spans$task[last])]
  origin <- min(Inf, spans$start[last])
  new_timings(
    as.integer(spans$task[last]), spans$worker[last], spans$start[last] - origin, spans$end[last] - origin,
    report$workers
  )
}

new_timings <- function(task, worker, start, end, workers) {
  out <- data.frame(task = task, worker = as.integer(worker), start = start, end = end)
  structure(out, class = c("rustle_timings", class(out)), workers = workers)
}

# The number of workers of the call; it cannot be read from rows that the user has chosen.
timed_workers <- function(x) max(attr(x, "workers"), x$worker, 1L)

#' @rdname job_timings
#' @param object Timings.
#' @export
summary.rustle_timings <- function(object, ...) {
  workers <- timed_workers(object)
  makespan <- max(object$end, 0)
  own <- split(object$end - object$start, factor(object$worker, seq_len(workers)))
  busy <- vapply(own, sum, 0, USE.NAMES = FALSE)
  structure(
    c(list(workers = workers, makespan = makespan, busy = busy), rs_utilization(busy, makespan)),
    class = "rustle_utilization"
  )
}

#' @export
print.rustle_utilization <- function(x, ...) {
  cat(sprintf(
    "%d workers: makespan %s s, efficiency %.1f%%, load imbalance %.1f%%\n",
    x$workers, format(x$makespan, digits = 4), 100 * x$efficiency, 100 * x$imbalance
  ))
  invisible(x)
}

#' @rdname job_timings
#' @param x Timings.
#' @param main,xlab,ylab,xlim,... As in [graphics::plot.default()].
#' @param col Two colours that alternate from task to task of a worker.
#' @param idle The colour of a worker that waits.
#' @param legend `TRUE` says above the picture what the colours are.
#' @export
plot.rustle_timings <- function(x, main = "", xlab = "seconds", ylab = "worker",
                                xlim = c(0, max(x$end, 0)), col = c("#4477AA", "#88CCEE"),
                                idle = "#EBEBEB", legend = TRUE, ...) {
  legend <- check_flag(legend, "legend")
  draw_timings(x, timed_workers(x), main, xlab, ylab, xlim, col, idle, ..., legend = legend)
  invisible(x)
}

# A row per worker: its tasks in alternating colours on the colour of waiting,
# and a line where the last task ended.
draw_timings <- function(x, workers, main, xlab, ylab, xlim, col, idle, ..., legend = TRUE) {
  makespan <- max(x$end, 0)
  old <- narrow_margins(top = if (nzchar(main)) 3 else 1.8)
  on.exit(graphics::par(old))
  # A margin of the user's own may have no room for the line of colours above the picture.
  above <- graphics::par("mar")[[3L]]
  legend <- legend && above >= if (nzchar(main)) 2.8 else 1.2
  graphics::plot.default(
    NULL, xlim = xlim, ylim = c(workers + 0.5, 0.5), xaxs = "i", yaxs = "i", yaxt = "n",
    bty = "n", main = "", xlab = xlab, ylab = ylab, ...
  )
  if (nzchar(main)) graphics::title(main, line = if (legend) 1.5 else min(1.5, max(0, above - 1.5)), cex.main = 1)
  ticks <- pretty(c(1L, workers), min(workers, 8L))
  ticks <- unique(c(1L, ticks[ticks >= 1L & ticks <= workers & ticks == floor(ticks)]))
  graphics::axis(2L, at = ticks, las = 1L, lwd = 0)
  height <- if (workers > 40L) 0.5 else 0.4
  rows <- seq_len(workers)
  graphics::rect(0, rows - height, makespan, rows + height, col = idle, border = NA)
  # Neighbours on a worker differ in colour, whichever tasks they are.
  nth <- stats::ave(x$start, x$worker, FUN = rank)
  graphics::rect(
    x$start, x$worker - height, x$end, x$worker + height,
    col = col[(floor(nth) - 1) %% length(col) + 1], border = NA
  )
  graphics::segments(makespan, 0.5, makespan, workers + 0.5, lty = 3L, xpd = NA)
  if (legend) timings_legend(workers, col, idle)
}

# One line above the picture: tasks alternate in colour.
timings_legend <- function(workers, col, idle) {
  # The axis of workers runs downwards: above the picture the numbers are smaller.
  line <- workers / graphics::par("pin")[[2L]] * graphics::par("cin")[[2L]] * graphics::par("cex")
  of <- c("task", if (length(col) > 1L) "next task", "waiting")
  graphics::legend(
    graphics::par("usr")[[1L]], 0.5 - 0.2 * line, of, fill = c(col[seq_len(length(of) - 1L)], idle), border = "grey40",
    horiz = TRUE, bty = "n", xpd = NA, cex = 0.8, yjust = 0, x.intersp = 0.5
  )
}

#' @rdname job_timings
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_timings <- function(object, ...) {
  check_dots(...)
  ggplot_timings(object, timed_workers(object))
}

ggplot_timings <- function(x, workers) {
  frame <- data.frame(
    start = x$start, end = x$end, worker = x$worker,
    what = c("task", "next task")[(floor(stats::ave(x$start, x$worker, FUN = rank)) - 1) %% 2 + 1]
  )
  .data <- NULL # the pronoun of ggplot2
  box <- ggplot2::aes(
    xmin = .data[["start"]], xmax = .data[["end"]], ymin = .data[["worker"]] - 0.4, ymax = .data[["worker"]] + 0.4
  )
  waiting <- data.frame(start = 0, end = max(x$end, 0), worker = seq_len(workers), what = "waiting")
  fills <- c(task = ink$medium, "next task" = ink$light, waiting = ink$idle)
  fills <- fills[names(fills) %in% c(frame$what, "waiting")]
  ggplot2::ggplot(frame, box) +
    ggplot2::geom_rect(ggplot2::aes(fill = .data[["what"]]), data = waiting) +
    ggplot2::geom_rect(ggplot2::aes(fill = .data[["what"]])) +
    ggplot2::geom_vline(xintercept = max(x$end, 0), linetype = 3L) +
    ggplot2::scale_fill_manual(NULL, values = fills, breaks = names(fills)) +
    ggplot2::scale_y_reverse(breaks = function(limits) unique(round(pretty(limits)))) +
    ggplot2::theme(
      panel.background = ggplot2::element_blank(), legend.position = "top", legend.margin = ggplot2::margin(0, 0, -6, 0),
      legend.key.size = ggplot2::unit(0.7, "lines")
    ) +
    ggplot2::labs(x = "seconds", y = "worker")
}
