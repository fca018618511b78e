#' Simulate a schedule
#'
#' Runs the scheduler of rustle in simulated time: the same claims and steals, for
#' up to 10,000 workers, on task times that you know or suppose.
#'
#' @param times Seconds that each task takes, a numeric vector.
#' @param workers Number of workers, a whole number from 1 to 10,000.
#' @param schedule,chunk_size As in [plan()].
#' @param start_up Seconds that starting a worker takes; they start one after
#'   another. Default 0.
#' @param claim Seconds that a claim takes. Default 0.
#' @return A list of class `rustle_simulation`: `makespan` (seconds until the last
#'   task ends), `busy` and `idle` (seconds of each worker), `imbalance`
#'   ((busiest - mean) / mean), `efficiency` (busy share of the workers' time),
#'   `claims`, and `timings` (see [job_timings()]). `plot()` draws how the tasks
#'   filled the workers.
#' @section Errors: `rustle_error_argument` for times that are negative or not
#'   finite, and workers out of range.
#' @seealso [compare_schedules()] for a table of them; [job_timings()] for what a call
#'   really did; `?"rustle-schedules"`.
#' @examples
#' times <- rep(c(0.01, 0.2), 50)
#' simulate_schedule(times, workers = 4, schedule = "cyclic")
#' #> cyclic schedule, 4 workers: makespan 5 s, efficiency 52.5%, load imbalance
#' #>   90.5%, 100 claims
#' simulate_schedule(times, workers = 4, schedule = "stealing")
#' #> stealing schedule, 4 workers: makespan 2.72 s, efficiency 96.5%, load
#' #>   imbalance 3.6%, 100 claims
#' @export
simulate_schedule <- function(times, workers, schedule = "stealing", chunk_size = NULL,
                              start_up = 0, claim = 0) {
  if (missing(times)) stop_missing("times", sys.call())
  if (missing(workers)) stop_missing("workers", sys.call())
  check_simulation(times, start_up, claim)
  workers <- check_count(workers, "workers")
  if (workers > 10000L) stop_argument("workers", "at most 10000", workers, sys.call())
  schedule <- check_choice(schedule, schedules, "schedule")
  chunk_size <- check_count(chunk_size, "chunk_size", null = TRUE)
  chunk <- if (is.null(chunk_size)) 1 else as.double(chunk_size)
  result <- unpack(rs_simulate(
    as.double(times), schedule, chunk, as.double(workers), as.double(start_up),
    as.double(claim), 1L
  ))[[1L]]
  structure(
    list(
      makespan = result$makespan, busy = result$busy, idle = result$idle,
      imbalance = result$imbalance, efficiency = result$efficiency,
      claims = result$claims, schedule = schedule, workers = workers,
      timings = new_timings(seq_along(times), result$worker, result$start, result$start + times, workers)
    ),
    class = "rustle_simulation"
  )
}

#' @export
print.rustle_simulation <- function(x, ...) {
  cat(wrapped(sprintf(
    "%s schedule, %d workers: makespan %s s, efficiency %.1f%%, load imbalance %.1f%%, %.0f claims",
    x$schedule, x$workers, format(x$makespan, digits = 4), 100 * x$efficiency,
    100 * x$imbalance, x$claims
  )))
  invisible(x)
}

#' @rdname simulate_schedule
#' @param x A simulation.
#' @param main,xlab,ylab,xlim,col,idle,legend,... As for the timings of [job_timings()].
#' @export
plot.rustle_simulation <- function(x, main = paste(x$schedule, "schedule"), xlab = "seconds",
                                   ylab = "worker", xlim = c(0, x$makespan),
                                   col = c("#4477AA", "#88CCEE"), idle = "#EBEBEB", legend = TRUE, ...) {
  legend <- check_flag(legend, "legend")
  draw_timings(x$timings, x$workers, main, xlab, ylab, xlim, col, idle, ..., legend = legend)
  invisible(x)
}

#' @rdname simulate_schedule
#' @param object A simulation.
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_simulation <- function(object, ...) {
  check_dots(...)
  ggplot_timings(object$timings, object$workers) + ggplot2::labs(title = paste(object$schedule, "schedule"))
}

#' Compare schedules and numbers of workers
#'
#' Simulates every combination of `schedule` and `workers` on the same task times,
#' on threads: how many workers are worth it, and which schedule fills them.
#'
#' @inheritParams simulate_schedule
#' @param workers Numbers of workers, whole numbers from 1 to 10,000.
#' @param schedule Schedules, as in [plan()].
#' @param chunk_size As in [plan()].
#' @param threads Number of threads for the simulations. Default 2.
#' @return A data frame of class `rustle_schedules` with a row per combination, which prints as
#'   a table of speed-ups when there are many: `schedule`, `workers`,
#'   `makespan` (seconds), `speedup` (total time / makespan), `efficiency`
#'   (speedup / workers) and `imbalance`. It does not depend on `threads`.
#' @section Errors: As [simulate_schedule()].
#' @seealso [simulate_schedule()] for one of them; [job_timings()] for what a call really
#'   did; `?"rustle-schedules"`.
#' @examples
#' times <- rep(c(0.01, 0.2), 50)
#' compare_schedules(times, workers = c(2, 8), schedule = c("cyclic", "stealing"))
#' #>  schedule workers makespan speedup efficiency imbalance
#' #>    cyclic       2    10.00    1.05      0.525     0.905
#' #>    cyclic       8     2.60    4.04      0.505     0.981
#' #>  stealing       2     5.25    2.00      1.000     0.000
#' #>  stealing       8     1.46    7.19      0.899     0.112
#' @export
compare_schedules <- function(times, workers,
                              schedule = c("stealing", "static", "cyclic", "dynamic", "guided"),
                              chunk_size = NULL, start_up = 0, claim = 0, threads = 2L) {
  if (missing(times)) stop_missing("times", sys.call())
  if (missing(workers)) stop_missing("workers", sys.call())
  check_simulation(times, start_up, claim)
  good <- is.numeric(workers) && length(workers) && !anyNA(workers) && all(workers >= 1) &&
    all(workers <= 1e4) && all(workers == floor(workers))
  if (!good) stop_argument("workers", "whole numbers from 1 to 10000", workers, sys.call())
  if (!is.character(schedule) || !length(schedule) || !all(schedule %in% schedules)) {
    must <- paste("some of", paste0("\"", schedules, "\"", collapse = ", "))
    stop_argument("schedule", must, schedule, sys.call())
  }
  chunk_size <- check_count(chunk_size, "chunk_size", null = TRUE)
  threads <- check_count(threads, "threads")
  grid <- expand.grid(
    workers = as.integer(workers), schedule = schedule, stringsAsFactors = FALSE
  )[2:1]
  chunk <- if (is.null(chunk_size)) 1 else as.double(chunk_size)
  results <- unpack(rs_simulate(
    as.double(times), grid$schedule, rep(chunk, nrow(grid)), as.double(grid$workers),
    as.double(start_up), as.double(claim), threads
  ))
  grid$makespan <- vapply(results, function(r) r$makespan, 0)
  grid$speedup <- ifelse(grid$makespan > 0, sum(times) / grid$makespan, 1)
  grid$efficiency <- vapply(results, function(r) r$efficiency, 0)
  grid$imbalance <- vapply(results, function(r) r$imbalance, 0)
  class(grid) <- c("rustle_schedules", class(grid))
  grid
}

#' @rdname compare_schedules
#' @param x A comparison.
#' @param digits Number of significant digits.
#' @param ... Arguments of [print.data.frame()].
#' @export
print.rustle_schedules <- function(x, digits = 3L, ...) {
  frame <- plain_frame(x)
  columns <- c("schedule", "workers", "speedup")
  if (nrow(frame) <= 12L || !all(columns %in% names(frame)) || anyDuplicated(frame[columns[1:2]])) {
    print(frame, digits = digits, row.names = FALSE, ...)
    return(invisible(x))
  }
  cat("Speed-up (total time / makespan) by number of workers:\n")
  wide <- tapply(frame$speedup, list(workers = frame$workers, factor(frame$schedule, unique(frame$schedule))), identity)
  print(data.frame(workers = as.integer(rownames(wide)), unclass(wide)), digits = digits, row.names = FALSE, ...)
  cat("as.data.frame() has makespan, efficiency and imbalance.\n")
  invisible(x)
}

#' @export
as.data.frame.rustle_schedules <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(plain_frame(x), row.names = row.names, optional = optional, ...)
}

#' @rdname compare_schedules
#' @param main,xlab,ylab Labels. `plot()` draws the speed-up over the number of workers, a
#'   line per schedule, and dotted the speed-up of as many workers that never wait; with
#'   one number of workers, a bar per schedule. `autoplot()` draws the same by \pkg{ggplot2}.
#' @export
plot.rustle_schedules <- function(x, main = "", xlab = NULL, ylab = NULL, ...) {
  check_dots(..., .takes = graphical_names)
  frame <- schedules_frame(x)
  schedules <- unique(frame$schedule)
  old <- narrow_margins(if (length(unique(frame$workers)) == 1L) 5.5 else 3.3)
  on.exit(graphics::par(old))
  if (length(unique(frame$workers)) == 1L) {
    bars <- rev(frame$speedup)
    graphics::barplot(
      bars, names.arg = rev(frame$schedule), horiz = TRUE, las = 1L, col = ink$light, border = ink$dark, main = main,
      xlab = if (is.null(xlab)) sprintf("speed-up of %d workers", frame$workers[[1L]]) else xlab, ylab = if (is.null(ylab)) "" else ylab,
      xlim = c(0, frame$workers[[1L]]), ...
    )
    graphics::abline(v = frame$workers[[1L]], lty = 3L)
    return(invisible(x))
  }
  graphics::plot.default(
    frame$workers, frame$speedup, type = "n", log = "xy", xaxt = "n", yaxt = "n", main = main,
    ylim = range(frame$speedup, frame$workers), xlab = if (is.null(xlab)) "workers" else xlab,
    ylab = if (is.null(ylab)) "speed-up" else ylab, ...
  )
  counts <- sort(unique(frame$workers))
  graphics::axis(1L, counts)
  graphics::axis(2L, counts, las = 1L)
  graphics::lines(counts, counts, lty = 3L)
  look <- function(values) rep_len(values, length(schedules))
  for (k in seq_along(schedules)) {
    of <- frame[frame$schedule == schedules[[k]], ]
    of <- of[order(of$workers), ]
    graphics::lines(of$workers, of$speedup, type = "b", col = look(curve_colours)[[k]], pch = look(curve_symbols)[[k]], lty = k, cex = 0.8)
  }
  # No line is above the dotted one, so that the corner is free.
  graphics::legend(
    "topleft", schedules, col = look(curve_colours), pch = look(curve_symbols), lty = seq_along(schedules), bty = "n", cex = 0.8
  )
  invisible(x)
}

schedules_frame <- function(x) {
  frame <- plain_frame(x)
  missing <- setdiff(c("schedule", "workers", "speedup"), names(frame))
  if (length(missing)) stop_argument("x", "a comparison with its columns schedule, workers and speedup", x, sys.call(-1L))
  frame
}

#' @rdname compare_schedules
#' @param object A comparison.
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_schedules <- function(object, ...) {
  check_dots(...)
  frame <- schedules_frame(object)
  frame$schedule <- factor(frame$schedule, unique(frame$schedule))
  counts <- sort(unique(frame$workers))
  .data <- NULL # the pronoun of ggplot2
  if (length(counts) == 1L) {
    return(
      ggplot2::ggplot(frame, ggplot2::aes(x = .data[["speedup"]], y = .data[["schedule"]])) +
        ggplot2::geom_col(fill = ink$light, colour = ink$dark) +
        ggplot2::geom_vline(xintercept = counts, linetype = 3L) +
        ggplot2::scale_y_discrete(limits = rev) +
        ggplot2::labs(x = sprintf("speed-up of %d workers", counts), y = NULL)
    )
  }
  ggplot2::ggplot(frame, ggplot2::aes(
    x = .data[["workers"]], y = .data[["speedup"]], colour = .data[["schedule"]], shape = .data[["schedule"]],
    linetype = .data[["schedule"]]
  )) +
    ggplot2::geom_abline(slope = 1, intercept = 0, linetype = 3L) +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::scale_x_log10(breaks = counts) +
    ggplot2::scale_y_log10() +
    ggplot2::scale_colour_manual(values = rep_len(curve_colours, nlevels(frame$schedule))) +
    ggplot2::labs(x = "workers", y = "speed-up")
}

check_simulation <- function(times, start_up, claim, call = sys.call(-1L)) {
  if (!is.numeric(times) || anyNA(times) || any(times < 0) || any(is.infinite(times))) {
    stop_argument("times", "finite seconds of at least 0", times, call)
  }
  costs <- list(start_up = start_up, claim = claim)
  for (cost in names(costs)) {
    value <- costs[[cost]]
    if (!is.numeric(value) || length(value) != 1L || is.na(value) || !is.finite(value) || value < 0) {
      stop_argument(cost, "a number of seconds of at least 0", value, call)
    }
  }
}
