# Looking at the workers that stand by (engine-server.R), and replacing them.

#' Workers that stand by
#'
#' `worker_status()` tells what the workers of `plan(multisession)` are doing;
#' `reset_workers()` replaces them all, for instance to be rid of what compiled code in them
#' keeps.
#'
#' Workers start with the first call that needs them and end with the plan, so there may
#' be fewer than the plan has, or none. Numbers are those of the worker's own life,
#' but for `losses`.
#'
#' With `stacks = TRUE` each worker that runs a task is asked which calls it is in. A worker
#' answers after R has collected garbage, which it does often while it evaluates, or while it sleeps;
#' the task notices nothing. One that does not answer within a second, because it is in compiled code,
#' waits for another process or runs a loop that allocates nothing, has none. While a call runs, the
#' session can ask from a handler of a condition, or of `interrupt`.
#'
#' @param stacks `TRUE` adds the column `calls`.
#' @return `worker_status()`: a data frame of class `rustle_worker_status` with a row for each
#'   worker that is up and the columns
#'   * `worker`: its number. Who replaces a worker has the same;
#'   * `pid`: its process id;
#'   * `state`: `"idle"`, or `"busy"` while a call runs on it;
#'   * `task`: the task that it runs, `NA` for none;
#'   * `tasks`: tasks that it has finished;
#'   * `busy`: seconds that it has taken part in calls;
#'   * `memory`: bytes of memory of its own, and what it has in common with the process of
#'     which it is a copy. `NA` where the system does not tell;
#'   * `cache`: bytes of memory that it has in common with this session and other
#'     workers, above all large vectors of calls;
#'   * `age`: seconds since it was made;
#'   * `losses`: workers of this number that were killed or have crashed;
#'   * `calls`, with `stacks = TRUE`: a list of what [task_trace()] returns, `NULL` for a worker
#'     that runs no task or has not answered.
#'
#'   `reset_workers()`: the number of workers that were there, invisibly. Others are made
#'   when they are needed, with the `setup` of the plan and with what
#'   [clusterExport()] and its relatives have given.
#' @examples
#' worker_status()
#' #> no workers stand by
#' \donttest{
#' oplan <- plan(multisession, workers = 2)
#' future_sapply(1:4, function(i) i^2)
#' worker_status() # for example:
#' #   worker  pid state task tasks   busy memory cache    age losses
#' #        1 1132  idle   NA     2 0.14 s  71 MB  0 MB 0.27 s      0
#' #        2 1133  idle   NA     2 0.13 s  70 MB  0 MB 0.27 s      0
#' reset_workers()
#' plan(oplan)
#' }
#' @seealso [plan()]; [job_report()] for what the workers of the last call did; `?"rustle-plans"`.
#' @export
worker_status <- function(stacks = FALSE) {
  stacks <- check_flag(stacks, "stacks")
  told <- if (has_pool()) rs_pool_status() else list(pid = numeric())
  memory <- vapply(told$pid, memory_of_process, c(memory = 0, cache = 0))
  out <- structure(
    data.frame(
      worker = as.integer(told$worker), pid = as.integer(told$pid),
      state = ifelse(as.logical(told$busy), "busy", "idle"),
      task = as.integer(ifelse(told$task > 0, told$task, NA)), tasks = as.numeric(told$tasks),
      busy = as.numeric(told$seconds), memory = memory[1L, ], cache = memory[2L, ],
      age = as.numeric(told$age), losses = as.integer(told$losses)
    ),
    class = c("rustle_worker_status", "data.frame")
  )
  if (stacks) out$calls <- if (has_pool()) traces_of_workers() else list()
  out
}

#' @rdname worker_status
#' @export
reset_workers <- function() {
  n <- workers_up()
  if (n) rs_pool_dismiss()
  invisible(n)
}

#' @export
print.rustle_worker_status <- function(x, ...) {
  if (!nrow(x)) {
    cat("no workers stand by\n")
    return(invisible(x))
  }
  shown <- as.data.frame(x)
  class(shown) <- "data.frame"
  size <- function(bytes) ifelse(is.na(bytes), NA, sprintf("%.0f MB", bytes / 1e6))
  time <- function(seconds) sprintf(ifelse(seconds < 10, "%.2f s", "%.0f s"), seconds)
  # Of the columns that the user has kept.
  format_columns <- function(shown, names, format) {
    names <- intersect(names, names(shown))
    shown[names] <- lapply(shown[names], format)
    shown
  }
  shown <- format_columns(shown, c("memory", "cache"), size)
  shown <- format_columns(shown, c("busy", "age"), time)
  print(shown[names(shown) != "calls"], row.names = FALSE)
  for (k in which(lengths(x$calls) > 0L)) {
    cat(sprintf("worker %d is in\n", x$worker[[k]]))
    writeLines(paste0("  ", format.rustle_trace(x$calls[[k]])))
  }
  invisible(x)
}

workers_up <- function() if (has_pool()) length(rs_pool_status()$pid) else 0L

memory_of_process <- function(pid) {
  lines <- tryCatch(
    suppressWarnings(readLines(file.path("/proc", pid, "status"))), error = function(e) character()
  )
  of <- function(name) {
    line <- grep(paste0("^", name, ":"), lines, value = TRUE)
    if (length(line)) as.numeric(gsub("[^0-9]", "", line[[1L]])) * 1024 else NA_real_
  }
  c(memory = of("RssAnon"), cache = of("RssShmem"))
}
