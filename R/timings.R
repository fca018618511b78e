#' When each task ran, and where
#'
#' With `options(rustle.timings = TRUE)` the multicore executor keeps the worker,
#' start and end of every task of the last call.
#'
#' @return A data frame of class `rustle_timings` with a row per task and columns
#'   `task`, `worker`, `start` and `end` (seconds from the first start), or `NULL`
#'   when nothing was kept. `plot()` draws how the tasks filled the workers.
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
#' @param main,xlab,ylab,col,... As in [graphics::plot.default()].
#' @export
plot.rustle_timings <- function(x, main = "", xlab = "seconds", ylab = "worker",
                                col = c("#4477AA", "#88CCEE"), ...) {
  workers <- max(x$worker)
  graphics::plot.default(
    NULL, xlim = c(0, max(x$end)), ylim = c(workers + 0.5, 0.5), yaxt = "n",
    main = main, xlab = xlab, ylab = ylab, ...
  )
  graphics::axis(2L, at = pretty(seq_len(workers), min(workers, 10L)), las = 1L)
  graphics::rect(
    x$start, x$worker - 0.4, x$end, x$worker + 0.4,
    col = rep_len(col, max(x$task))[x$task], border = NA
  )
  invisible(x)
}
