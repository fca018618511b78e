# What a call would need, without making it.

# The record of a preview, written here only: `on`, TRUE while preview_job() waits for the job of
# a call, which run_job() then hands over.
previews <- new.env(parent = emptyenv())

#' What a call would send, and how long it would take
#'
#' `preview_job()` takes a call that runs tasks, such as `future_lapply(X, f)`, and does not make
#' it: it tells what would be sent to workers, what could not travel, and, after a few of its
#' tasks have run in this session, the time and memory that the call would need with 1, 2, 4, ...
#' workers, with the advice of [job_report()].
#'
#' The tasks that run are spread over `X`, with the random numbers that they would have; the
#' random state of the session stays as it is. The times of the others are interpolated between
#' theirs. A task that fails is told, and has no time. What tasks print and signal is seen.
#' What would be sent is that to workers which share no memory with the session
#' (`multisession`, `cluster`, futures); forked workers have the session's memory as it is.
#'
#' @param expr A call of the `future_*()` functions, `mclapply()` and `parLapply()` and their
#'   relatives, `%dopar%`, `boot()`, [cv()] or `bootstrap()` with a function.
#' @param tasks How many tasks are run, a whole number; 0: none. Default 5.
#' @param workers Numbers of workers. Default: 1, 2, 4, ..., up to twice the cores of this
#'   session, and those of the plan.
#' @return A list of class `rustle_preview`: `call`, `plan`, `workers`, `tasks`, `schedule`,
#'   `packages`, `sent` (bytes), `largest` (a data frame: `place`, `bytes`, `needed`: may the function
#'   use it?), `cannot` (a data frame: `place`, `what`: what cannot travel), `tried` (a data frame:
#'   `task`, `seconds`, `memory`: bytes of R objects at most beyond those before; `error`),
#'   `table` (a data frame: `workers`, `seconds`, `speedup`, `efficiency`, `memory`: what all workers would
#'   have beyond the session, `NULL` when no task ran) and `advice` (see [job_report()]).
#' @section Errors: `rustle_error_argument` when `expr` makes no such call (it has then been
#'   evaluated), or the numbers are none. Errors that the call would raise before it runs tasks.
#' @examples
#' y <- rnorm(1e4)
#' preview_job(future_lapply(1:100, function(i) mean(y[-i])), tasks = 3) # for example:
#' #  100 tasks on 1 worker (sequential, stealing).
#' #  Workers without the session's memory are sent 80.7 kB; the largest: `y`, a
#' #    global of FUN (80 kB).
#' #  3 tasks ran here: 170 us each (median), at most 1.38 ms and 925 kB of
#' #    memory.
#' #   workers    time speedup efficiency memory
#' #         1   76 ms    1.00       100% 925 kB
#' #         2 38.7 ms    1.96        98% 1.9 MB
#' #         4 19.1 ms    3.97        99% 3.7 MB
#' #  Advice:
#' #  * This session may use 2 cores: plan(multicore, workers = 2) takes 48.7 ms
#' #    instead of 76 ms.
#' @seealso [job_report()], [compare_schedules()]; `vignette("why-not-faster")`.
#' @export
preview_job <- function(expr, tasks = 5L, workers = NULL) {
  if (missing(expr)) stop_missing("expr", sys.call())
  good <- is.numeric(tasks) && length(tasks) == 1L && !is.na(tasks) && tasks >= 0 && tasks == floor(tasks)
  if (!good) stop_argument("tasks", "a whole number of at least 0", tasks, sys.call())
  good <- is.null(workers) ||
    (is.numeric(workers) && length(workers) && !anyNA(workers) && all(workers >= 1 & workers <= 1e4 & workers == floor(workers)))
  if (!good) stop_argument("workers", "whole numbers from 1 to 10000", workers, sys.call())
  keep_random_seed({
    caught <- catch_job(expr)
    if (is.null(caught)) stop_argument("expr", "a call that runs tasks", NULL, sys.call(), was = "another expression")
    preview_of(caught$job, caught$plan, tasks, workers)
  })
}

# The job of a call and its plan, in place of its run; NULL when there is none.
catch_job <- function(expr) {
  before <- previews$on
  previews$on <- TRUE
  on.exit(previews$on <- before)
  withRestarts({
    expr
    NULL
  }, rustle_preview = function(job, plan) list(job = job, plan = plan))
}

# Hands a job over to preview_job(), if that waits for one.
hand_over <- function(job, plan) {
  if (!isTRUE(previews$on)) return(invisible())
  previews$on <- FALSE
  invokeRestart("rustle_preview", job, plan)
}

preview_of <- function(job, plan, tasks, workers) {
  begun <- rs_now()
  parcel <- job_parcel(job)
  sent <- parts_of_parcel(parcel)
  handle <- pack_object(sent)
  sizes <- rs_parcel_sizes(handle)
  rs_parcel_close(handle)
  prepare <- rs_now() - begun
  bytes <- sizes$small + sum(sizes$bytes)
  n <- job$n
  at <- if (tasks > 0 && n > 0L) unique(round(seq(1, n, length.out = min(tasks, n)))) else integer()
  tried <- try_tasks(job, at)
  out <- list(
    call = job$origin, plan = plan$executor$name, workers = min(plan$workers, n), tasks = n, schedule = schedule_of(list(policy = job$policy, executor = "")),
    packages = parcel$packages, sent = bytes, largest = largest_sent(sent), cannot = dead_in(sent, sizes), tried = tried, table = NULL
  )
  ran <- is.na(tried$error)
  if (any(ran)) {
    times <- interpolated(tried$task[ran], tried$seconds[ran], n)
    memory <- max(tried$memory[ran])
    if (is.null(workers)) {
      cores <- available_workers()
      workers <- sort(unique(pmin(n, c(2^(0:floor(log2(2 * cores))), plan$workers))))
    }
    price <- start_price(plan)
    took <- vapply(workers, function(w) {
      unpack(rs_simulate(as.double(times), "stealing", 1, as.double(w), price, 0, 1L))[[1L]]$makespan
    }, 0) + ifelse(workers > 1L | !plan$executor$in_session, if (plan$executor$shares_memory) 0 else prepare, 0)
    out$table <- data.frame(
      workers = as.integer(workers), seconds = took, speedup = sum(times) / took, efficiency = sum(times) / took / workers,
      memory = workers * memory
    )
    out$advice <- advise(expected_report(out, job, plan, times, memory, prepare, price))
  } else {
    out$advice <- advise(NULL)
  }
  structure(out, class = "rustle_preview")
}

# Seconds that starting a worker takes; forks are made one after another.
start_price <- function(plan) switch(plan$executor$name, multicore = 2e-3, multisession = order_seconds / 2, cluster = 5e-3, future = 1e-2, 0)

# Times of all n tasks from those of some.
interpolated <- function(at, seconds, n) {
  if (length(at) == 1L) rep(seconds, n) else stats::approx(at, seconds, seq_len(n), rule = 2)$y
}

# Runs tasks here, one by one: a data frame (task, seconds, memory, error).
try_tasks <- function(job, at) {
  out <- data.frame(task = as.integer(at), seconds = rep(NA_real_, length(at)), memory = rep(NA_real_, length(at)), error = rep(NA_character_, length(at)))
  if (!length(at)) return(out)
  seeds <- if (job$streams$streams %in% c("substream", "stream", "list")) task_seeds(job$streams, at)
  call <- forced_call(job)
  bytes <- function(memory, column) sum(memory[, column] * c(if (.Machine$sizeof.pointer == 8L) 56 else 28, 8))
  for (package in job$packages) loadNamespace(package)
  with_globals(job$globals, for (k in seq_along(at)) {
    if (!is.null(seeds)) assign(".Random.seed", seeds[[k]], envir = globalenv())
    before <- bytes(gc(reset = TRUE), "used")
    begun <- rs_now()
    failure <- tryCatch({
      assign("i", as.integer(at[[k]]), envir = job$frame)
      eval(call, job$frame)
      NA_character_
    }, error = conditionMessage)
    out$seconds[[k]] <- rs_now() - begun
    out$memory[[k]] <- max(0, bytes(gc(), "max used") - before)
    out$error[[k]] <- failure
  })
  out
}

# What cannot travel: a data frame (place, what).
dead_in <- function(sent, sizes) {
  dead <- list()
  if (sizes$classes || sizes$pointers) {
    dead <- tryCatch({
      departure <- new_departure()
      walk_order(sent, departure$walk)
      departure$result()$dead
    }, rustle_error_reference = function(e) list(list(path = e$place, what = conditionMessage(e))))
  }
  data.frame(
    place = vapply(dead, function(d) place_of(d$path), ""), what = vapply(dead, function(d) as.character(d$what), "")
  )
}

# A report of the call as it is expected, for advice.
expected_report <- function(x, job, plan, times, memory, prepare, price) {
  workers <- max(1L, x$workers)
  shares <- plan$executor$shares_memory
  parts <- matrix(0, workers, length(report_parts), dimnames = list(NULL, names(report_parts)))
  parts[, "prepare"] <- if (shares) 0 else prepare
  parts[, "starting"] <- price * seq_len(workers)
  parts[, "tasks"] <- sum(times) / workers
  ends <- simulated_as_run(list(facts = list(policy = job$policy), times = times, workers = workers))
  wall <- ends + mean(parts[, "starting"]) + parts[1L, "prepare"]
  parts[, "last"] <- pmax(0, wall - rowSums(parts))
  list(
    plan = x$plan, workers = workers, tasks = x$tasks, wall = wall, busy = sum(times), parts = parts, sent = x$sent,
    largest = if (!shares) x$largest, memory = data.frame(peak = memory, growth = rep(memory, workers)),
    threads = threads_per_worker(workers, plan$settings$worker_threads), facts = list(policy = job$policy),
    spans = data.frame(task = seq_along(times), count = 1, worker = 1, start = 0, end = times, lost = FALSE, stolen = FALSE)
  )
}

#' @rdname preview_job
#' @param x A preview.
#' @param ... Not used.
#' @export
print.rustle_preview <- function(x, ...) {
  cat(wrapped(sprintf(
    "%s %s on %d %s (%s, %s).", format(x$tasks, big.mark = ",", scientific = FALSE), ngettext(x$tasks, "task", "tasks"),
    x$workers, ngettext(x$workers, "worker", "workers"), x$plan, x$schedule
  )))
  large <- x$largest[x$largest$bytes >= 1e4, , drop = FALSE]
  cat(wrapped(sprintf(
    "Workers without the session's memory are sent %s%s.", format_bytes(x$sent),
    if (nrow(large)) paste0("; the largest: ", paste(sprintf("%s (%s)", large$place, vapply(large$bytes, format_bytes, "")), collapse = ", ")) else ""
  )))
  if (length(x$packages)) cat(wrapped(paste0("Packages: ", paste(x$packages, collapse = ", "), ".")))
  for (k in seq_len(nrow(x$cannot))) cat(wrapped(sprintf("Cannot travel: %s, in %s.", x$cannot$what[[k]], x$cannot$place[[k]])))
  ran <- is.na(x$tried$error)
  if (any(ran)) {
    cat(wrapped(sprintf(
      "%d tasks ran here: %s each (median), at most %s and %s of memory.", sum(ran), format_seconds(stats::median(x$tried$seconds[ran])),
      format_seconds(max(x$tried$seconds[ran])), format_bytes(max(x$tried$memory[ran]))
    )))
  }
  for (k in which(!ran)) cat(wrapped(sprintf("Task %d failed: %s", x$tried$task[[k]], x$tried$error[[k]])))
  if (!is.null(x$table)) {
    shown <- x$table
    print(data.frame(
      workers = shown$workers, time = format_seconds(shown$seconds), speedup = signif(shown$speedup, 3),
      efficiency = sprintf("%.0f%%", 100 * shown$efficiency), memory = vapply(shown$memory, format_bytes, "")
    ), row.names = FALSE)
  }
  print_advice(x$advice)
  invisible(x)
}
