#' When each task ran, and where
#'
#' With `options(rustle.timings = TRUE)` calls on forked workers keep the worker,
#' start and end of every task; `job_timings()` has those of the last call, if it ran
#' there.
#'
#' @return A data frame of class `rustle_timings` with a row per task and columns
#'   `task`, `worker`, `start` and `end` (seconds from the first start), or `NULL`
#'   when nothing was kept: the last call ran in this session or as futures. `plot()` draws how the tasks filled the workers: a row
#'   per worker, grey where it waited, and a dotted line where the last task ended.
#' @examples
#' oopts <- options(rustle.timings = TRUE)
#' with_plan(multicore, workers = 2, future_sapply(1:20, function(i) mean(runif(1e4)),
#'   future.seed = TRUE
#' ))[1:2]
#' plot(job_timings())
#' options(oopts)
#' @export
job_timings <- function() state$timings

wants_timings <- function() isTRUE(getOption("rustle.timings"))

keep_timings <- function(handle, job) {
  if (!wants_timings()) return()
  columns <- rs_job_timings(handle)
  ran <- columns[[2L]] > 0
  origin <- if (any(ran)) min(columns[[2L]][ran]) else 0
  state$timings <- new_timings(
    which(ran), columns[[1L]][ran], columns[[2L]][ran] - origin, columns[[3L]][ran] - origin
  )
}

new_timings <- function(task, worker, start, end) {
  out <- data.frame(task = task, worker = as.integer(worker), start = start, end = end)
  class(out) <- c("rustle_timings", class(out))
  out
}

#' @rdname job_timings
#' @param x Timings.
#' @param main,xlab,ylab,xlim,... As in [graphics::plot.default()].
#' @param col Two colours that alternate from task to task of a worker.
#' @param idle The colour of a worker that waits.
#' @export
plot.rustle_timings <- function(x, main = "", xlab = "seconds", ylab = "worker",
                                xlim = c(0, max(x$end, 0)), col = c("#4477AA", "#88CCEE"),
                                idle = "#EBEBEB", ...) {
  draw_timings(x, max(x$worker, 1L), main, xlab, ylab, xlim, col, idle, ...)
  invisible(x)
}

# A row per worker: its tasks in alternating colours on the colour of waiting,
# and a line where the last task ended.
draw_timings <- function(x, workers, main, xlab, ylab, xlim, col, idle, ...) {
  makespan <- max(x$end, 0)
  graphics::plot.default(
    NULL, xlim = xlim, ylim = c(workers + 0.5, 0.5), xaxs = "i", yaxs = "i", yaxt = "n",
    bty = "n", main = main, xlab = xlab, ylab = ylab, ...
  )
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
}
