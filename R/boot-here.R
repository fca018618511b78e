# boot() whose replicates run in this session, and what is kept of replicates for job_report() and
# rerun_task(). A replay is that of boot-replay.R.

# Runs the replicates in this session, one after another in boot's order.
replay_here <- function(replay) {
  called <- rs_now()
  start <- Sys.time()
  id <- begin_call()
  statistic <- replay$statistic
  calls <- 0L
  size <- -1L
  inside <- FALSE
  draws <- FALSE
  clock <- new_replicate_clock(replay$before)
  due <- clock$due
  global <- globalenv()
  plan <- serial_plan()
  shows <- wants_progress(plan)
  progress <- new_progress(list(n = sum(replay$frame$R)), 1L, plan)
  replay$envir$statistic <- function(...) {
    calls <<- calls + 1L
    if (calls >= due) due <<- clock$read(calls)
    inside <<- TRUE
    before <- global[[".Random.seed"]]
    value <- statistic(...)
    if (!draws && !identical(before, global[[".Random.seed"]])) draws <<- TRUE
    inside <<- FALSE
    # A statistic takes microseconds, and so would a look that is not needed.
    if (!is.double(value) || length(value) != size) {
      size <<- check_value(value, if (size >= 0L) size, calls - replay$before, replay$origin)
    }
    if (shows && calls > replay$before) progress$update(calls - replay$before, 1L)
    value
  }
  over <- FALSE
  on.exit({
    progress$close(if (over) calls - replay$before)
    find <- function(task, again) find_replicate(replay, task, again, draws, max(size, 1L))
    n <- calls - replay$before
    if (n > 0L) keep_call(list(id = id, n = n, find = find), plan, NULL, start) else forget_call(without_tasks)
  })
  drawn <- draw_resamples(replay)
  run <- function() {
    if (is.null(drawn)) return(eval(replay$call, replay$envir))
    out <- object_of_boot(replay, drawn, replay$envir$statistic, function(...) numeric(size))
    call_statistic <- eval(quote(function(i) statistic(data, i, ...)), replay$envir)
    values <- vector("list", drawn$R)
    while (!is.null(drawn)) {
      first <- calls - replay$before
      for (k in seq_len(drawn$count)) values[[first + k]] <- call_statistic(drawn$row(k))
      drawn$free()
      drawn <- draw_more(drawn)
    }
    out$t <- matrix(unlist(values, use.names = FALSE), length(values), byrow = TRUE)
    out
  }
  out <- withCallingHandlers(run(), error = function(e) {
    replicate <- calls - replay$before
    # A calling handler, so that traceback() and recover() see the frames of the statistic.
    if (inside && replicate > 0L) stop_replicate(replicate, with_task(e, replicate, id))
  })
  n <- calls - replay$before
  over <- TRUE
  if (n > 0L && wants_report()) {
    clock$read(calls + 1L)
    keep_report(report_of_replicates(replay, n, clock$spans(), called, start, id))
  }
  as_original(out, replay)
}

# Times replicates that run in this session; before: calls that are none. `due` is the first call
# before which `read(call)` is called; that returns the next. Quick ones are timed some 50
# microseconds together, as other tasks are, and not more than about 1e5 times.
new_replicate_clock <- function(before) {
  at <- before + 1
  from <- NA_real_
  tasks <- starts <- ends <- counts <- list()
  self <- new.env(parent = emptyenv())
  self$due <- if (wants_report()) at else Inf
  self$read <- function(call) {
    now <- rs_now()
    count <- call - at
    if (count > 0) {
      k <- length(ends) + 1L
      tasks[[k]] <<- at - before
      counts[[k]] <<- count
      starts[[k]] <<- from
      ends[[k]] <<- now
      at <<- call
    }
    took <- if (count > 0) (now - from) / count else 1
    from <<- now
    call + max(1, ceiling(min(5e-5 / max(took, 1e-9), call)), floor(call / 5e4))
  }
  self$spans <- function() span_columns_of(unlist(tasks), unlist(counts), 1L, unlist(starts), unlist(ends))
  self
}

report_of_replicates <- function(replay, n, spans, called, start, id) {
  ended <- rs_now()
  plan <- serial_plan()
  list(
    executor = "sequential", call = replay$origin, tasks = n, workers = 1L, policy = new_policy(),
    threads = threads_per_worker(1L, plan$settings$worker_threads), settings = plan$settings[c("worker_threads", "memory_limit")],
    streams = "keep", done = n, spans = spans, seats = NULL, peak = rs_peak_memory(), forks = 0, claims = NA_real_,
    steals = NA_real_, losses = 0, bytes = NA_real_, receiving = NA_real_, sent = NA_real_, called = called,
    launched = spans$start[[1L]], ended = ended, opening = 0, start = start, end = Sys.time(), job = id,
    compiled = if (!is.null(replay$compiled$why)) new_told(0L, why = replay$compiled$why)
  )
}

# A replicate as evaluate_again() takes it: boot's code runs once more, and gives the statistic what it
# gave it then. draws: did the statistic draw random numbers? Then those of boot's code came after
# them, and earlier replicates run again. size: how many numbers a value has. again: see find_again().
find_replicate <- function(replay, task, again, draws, size) {
  calls <- 0L
  envir <- new.env(parent = replay$envir)
  envir$statistic <- function(...) {
    calls <<- calls + 1L
    if (calls == replay$before + task) invokeRestart("rustle_replicate", environment(), get_random_seed())
    if (calls > replay$before && !draws) return(numeric(size))
    value <- NULL
    again(function(call) value <<- replay$statistic(...), calls)
    # An earlier one that failed ended the call.
    if (is.null(value)) numeric(size) else value
  }
  set_random_seed(replay$seed)
  caught <- withRestarts(
    {
      eval(replay$call, envir)
      stop_internal("a replicate that boot does not make")
    },
    rustle_replicate = function(frame, state) list(frame = frame, state = state)
  )
  # Its frame has the arguments as `...`.
  caught$frame$FUN <- replay$statistic
  job <- list(call = quote(as_replicate(FUN(...))), forced = 0L, frame = caught$frame)
  list(job = job, task = task, start = function(run) { set_random_seed(caught$state); TRUE })
}

# What make_replicate() gives.
as_replicate <- function(value) if (is_numbers(value)) as.vector(value) else value

# A call whose arguments were too many runs as several jobs, of which this is one: its replicates are
# counted from `first`. Those of earlier jobs are made once more.
keep_part <- function(replay, first, size) {
  kept <- inputs$call
  if (first == 1 || is.null(kept)) return()
  job <- kept$job
  find <- function(task, again) {
    if (task < first) return(find_replicate(replay, task, again, FALSE, size))
    list(job = job, task = task - first + 1, start = function(run) start_stream(kept, task - first + 1, identity))
  }
  amend_call(job = list(id = kept$id, n = first - 1 + job$n, find = find))
}

# The report of jobs that ran one after another.
joined_reports <- function(all) {
  all <- Filter(Negate(is.null), all)
  out <- all[[length(all)]]
  sums <- c("tasks", "done", "forks", "claims", "steals", "losses", "bytes", "receiving", "sent", "copied")
  for (name in intersect(sums, names(out))) out[[name]] <- sum(vapply(all, function(one) as.numeric(one[[name]]), 0))
  first <- all[[1L]]
  out[c("called", "launched", "start", "opening")] <- first[c("called", "launched", "start", "opening")]
  before <- cumsum(c(0, vapply(all, function(one) as.numeric(one$tasks), 0)))
  out$workers <- max(vapply(all, function(one) as.numeric(one$workers), 0))
  out$peak <- out$seats$peak
  if (!is.null(out$compiled)) out$compiled <- joined_told(lapply(all, `[[`, "compiled"))
  spans <- lapply(all, span_columns)
  if (any(vapply(spans, is.null, NA))) {
    # Jobs on threads have none.
    out["spans"] <- list(NULL)
    out$seats <- joined_seats(lapply(all, `[[`, "seats"), out$launched)
    return(out)
  }
  out$spans <- bound_spans(Map(function(spans, before) {
    spans$task <- spans$task + before
    spans
  }, spans, before[seq_along(all)]))
  out["seats"] <- list(NULL)
  out
}

# Seats of several jobs, of which the first began at `launched`: those of the last with the times of all that had as
# many workers. What is between the jobs counts as claims.
joined_seats <- function(all, launched) {
  out <- all[[length(all)]]
  alike <- Filter(function(seats) length(seats$tasks) == length(out$tasks), all)
  sums <- c("starting", "first", "tasks", "moving", "lost")
  for (name in sums) out[[name]] <- Reduce(`+`, lapply(alike, `[[`, name))
  out$claims <- out$mark - launched - Reduce(`+`, out[sums])
  out
}

# What became of the tasks of several jobs on threads (compiled-run.R).
joined_told <- function(all) {
  out <- all[[length(all)]]
  all <- Filter(Negate(is.null), all)
  for (name in c("tasks", "bailed")) out[[name]] <- sum(vapply(all, function(told) as.numeric(told[[name]]), 0))
  reasons <- unlist(lapply(all, function(told) rep(names(told$reasons), told$reasons)))
  out$reasons <- if (length(reasons)) count_reasons(reasons) else no_reasons
  for (name in c("stopped", "slower")) out[[name]] <- any(vapply(all, `[[`, NA, name))
  out
}
