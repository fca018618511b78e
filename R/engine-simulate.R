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
#' @examples
#' times <- rep(c(0.01, 0.2), 50)
#' simulate_schedule(times, workers = 4, schedule = "cyclic")
#' simulate_schedule(times, workers = 4, schedule = "stealing")
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
  cat(sprintf(
    "%s schedule, %d workers: makespan %s s, efficiency %.1f%%, load imbalance %.1f%%, %.0f claims\n",
    x$schedule, x$workers, format(x$makespan, digits = 4), 100 * x$efficiency,
    100 * x$imbalance, x$claims
  ))
  invisible(x)
}

#' @rdname simulate_schedule
#' @param x A simulation.
#' @param main,xlab,ylab,xlim,col,idle,... As for the timings of [job_timings()].
#' @export
plot.rustle_simulation <- function(x, main = paste(x$schedule, "schedule"), xlab = "seconds",
                                   ylab = "worker", xlim = c(0, x$makespan),
                                   col = c("#4477AA", "#88CCEE"), idle = "#EBEBEB", ...) {
  draw_timings(x$timings, x$workers, main, xlab, ylab, xlim, col, idle, ...)
  invisible(x)
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
#' @examples
#' times <- rep(c(0.01, 0.2), 50)
#' compare_schedules(times, workers = c(2, 8), schedule = c("cyclic", "stealing"))
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
