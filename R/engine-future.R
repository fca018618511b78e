# Kinds of workers that rustle has no executor for: the chunks of a job run as
# futures on whatever plan future has. Output and conditions are relayed by
# future, chunk by chunk.

run_future <- function(job, plan) {
  chunks <- future_chunks(job, plan$workers)
  found <- find_globals(job)
  stop_early <- job$on_error == "stop"
  conditions <- job$relay$classes
  if (!is.null(job$relay$exclude)) conditions <- structure(conditions, exclude = job$relay$exclude)
  dots <- frame_dots(job$frame)
  kinds <- RNGkind()
  label <- function(k) if (is.character(job$label)) format_label(job$label, k)
  start <- function(k) {
    tasks <- chunks[[k]]
    future::future(
      quote(...rustle.chunk(
        ...rustle.call, ...rustle.n, FUN, ...rustle.data, ...rustle.dots, ...rustle.seeds,
        ...rustle.stop, ...rustle.check, ...rustle.tasks, ...rustle.kinds
      )),
      substitute = FALSE, envir = if (is.null(job$envir)) globalenv() else job$envir,
      globals = c(found$globals, list(
        ...rustle.chunk = run_chunk, ...rustle.call = forced_call(job),
        ...rustle.n = length(tasks), ...rustle.data = job$slice(tasks), ...rustle.dots = dots,
        ...rustle.seeds = task_seeds(job$streams, tasks), ...rustle.stop = stop_early,
        ...rustle.check = job_check(job), ...rustle.tasks = tasks, ...rustle.kinds = kinds
      )),
      packages = found$packages, seed = if (job$streams$check) FALSE else NULL,
      stdout = job$relay$stdout, conditions = conditions, label = label(k)
    )
  }
  futures <- start_futures(length(chunks), start, plan$limit)
  values <- vector("list", job$n)
  failed <- misuse <- integer()
  for (k in seq_along(futures)) {
    # One warning tells of all chunks, with future.apply's words.
    result <- withCallingHandlers(future::value(futures[[k]]), RngFutureWarning = function(w) {
      misuse <<- c(misuse, chunks[[k]][[1L]])
      invokeRestart("muffleWarning")
    })
    values[chunks[[k]]] <- result$values
    failed <- c(failed, chunks[[k]][result$failed])
    if (stop_early && length(failed)) break
  }
  if (length(misuse) && !(stop_early && length(failed))) warn_rng_misuse(job, min(misuse))
  new_outcome(values, sort(failed))
}

# All n futures, at most `limit` (NULL: as many as the plan takes) running at a time.
start_futures <- function(n, start, limit) {
  futures <- vector("list", n)
  running <- list()
  for (k in seq_len(n)) {
    while (!is.null(limit) && length(running) >= limit) {
      running <- running[!vapply(running, future::resolved, NA)]
      if (length(running) >= limit) Sys.sleep(0.01)
    }
    futures[[k]] <- start(k)
    if (!is.null(limit)) running <- c(running, list(futures[[k]]))
  }
  futures
}

# Task numbers of each chunk, in processing order.
future_chunks <- function(job, workers) {
  n <- job$n
  policy <- job$policy
  positions <- if (!is.null(policy$ends)) {
    starts <- c(0L, utils::head(policy$ends, -1L))
    Map(function(from, to) seq.int(from + 1L, length.out = to - from), starts, policy$ends)
  } else if (policy$schedule == "cyclic") {
    lapply(seq_len(min(workers, n)), function(w) seq.int(w, n, by = workers))
  } else if (policy$schedule == "dynamic") {
    parallel::splitIndices(n, ceiling(n / policy$chunk))
  } else {
    parallel::splitIndices(n, min(workers, n))
  }
  positions <- positions[lengths(positions) > 0L]
  if (is.null(policy$order)) positions else lapply(positions, function(p) policy$order[p])
}

# The call of a task as R code that forces what Rust's loop forces.
forced_call <- function(job) {
  as.call(c(list(quote(forceAndCall), job$forced), as.list(job$call)))
}

# Runs on the worker, which may not have rustle: base R only.
run_chunk <- function(call, n, FUN, data, dots, seeds, stop_early, check, tasks, kinds) {
  # Without streams, set.seed() in a task means the generator of the session. A state
  # that no task has touched comes back: future looks whether random numbers were drawn.
  set_kinds <- function(kinds, seed) {
    suppressWarnings(RNGkind(kinds[[1L]], kinds[[2L]], kinds[[3L]]))
    rm(".Random.seed", envir = globalenv())
    if (!is.null(seed)) assign(".Random.seed", seed, envir = globalenv())
  }
  before <- globalenv()[[".Random.seed"]]
  own <- RNGkind()
  if (is.null(seeds) && !identical(own, kinds) && kinds[[1L]] != "user-supplied") {
    set_kinds(kinds, NULL)
    on.exit(if (is.null(globalenv()[[".Random.seed"]])) set_kinds(own, before))
  }
  # Nothing but `...`: arguments may have any name.
  run <- function(...) {
    frame <- list2env(data, envir = environment())
    values <- vector("list", n)
    failed <- integer()
    for (task in seq_len(n)) {
      if (!is.null(seeds)) assign(".Random.seed", seeds[[task]], envir = globalenv())
      assign("i", task, envir = frame)
      # stop() is fatal whatever it is called with.
      value <- withRestarts(
        tryCatch(
          withCallingHandlers({
            value <- list(eval(call, frame))
            if (!is.null(check)) check(value[[1L]], tasks[[task]])
            value
          }, condition = function(condition) {
            if (!inherits(condition, "error") && stopping()) invokeRestart("rustle_fail", condition)
          }),
          error = identity
        ),
        rustle_fail = identity
      )
      if (inherits(value, "condition")) {
        failed <- c(failed, task)
        values[[task]] <- value
        if (stop_early) break
      } else {
        values[task] <- value
      }
    }
    list(values = values, failed = failed)
  }
  stopping <- function() {
    for (k in seq_len(sys.nframe())) if (identical(sys.function(k), stop)) return(TRUE)
    FALSE
  }
  # Names and calls among the arguments are data; a missing argument stays one.
  quoted <- lapply(dots, function(d) if (is.language(d) && !identical(d, quote(expr = ))) call("quote", d) else d)
  do.call(run, quoted)
}
environment(run_chunk) <- baseenv()
