# Kinds of workers that rustle has no executor for: the chunks of a job run as
# futures on whatever plan future has. Output and conditions are relayed by
# future, chunk by chunk.

run_future <- function(job, plan) {
  chunks <- future_chunks(job, plan$workers)
  parcel <- job_parcel(job)
  conditions <- job$relay$classes
  if (!is.null(job$relay$exclude)) conditions <- structure(conditions, exclude = job$relay$exclude)
  label <- function(k) if (is.character(job$label)) format_label(job$label, k)
  # The function itself and not its name: future would count it among the user's globals.
  run <- as.call(list(without_source(run_parcel), quote(...rustle.parcel), quote(...rustle.load)))
  start <- function(k) {
    # The user's globals have been found and measured already (engine-parcel.R). New
    # versions of future, whose limit is that of the plan, measure them and the data again.
    limit <- options(future.globals.maxSize = Inf)
    on.exit(options(limit))
    future::future(
      run, substitute = FALSE, envir = parcel$envir,
      globals = c(parcel$globals, list(
        ...rustle.parcel = parcel$worker, ...rustle.load = load_tasks(parcel, job, chunks[[k]])
      )),
      packages = parcel$packages, seed = if (job$streams$check) FALSE else NULL,
      stdout = job$relay$stdout, conditions = conditions, label = label(k)
    )
  }
  launched <- rs_now()
  futures <- start_futures(length(chunks), start, plan$limit)
  stop_early <- job$on_error == "stop"
  values <- vector("list", job$n)
  failed <- misuse <- integer()
  told <- vector("list", length(chunks))
  progress <- new_progress(job, plan$workers, plan)
  on.exit(progress$close())
  finished <- 0
  for (k in seq_along(futures)) {
    while (wants_progress(plan) && !future::resolved(futures[[k]])) {
      progress$update(finished, min(plan$workers, length(futures) - k + 1L))
      Sys.sleep(0.05)
    }
    progress$clear()
    # One warning for all chunks, in future.apply's words.
    result <- withCallingHandlers(future::value(futures[[k]]), RngFutureWarning = function(w) {
      misuse <<- c(misuse, chunks[[k]][[1L]])
      invokeRestart("muffleWarning")
    })
    values[chunks[[k]]] <- result$values
    failed <- c(failed, chunks[[k]][result$failed])
    told[[k]] <- c(result$began, result$ended, rs_now())
    finished <- finished + length(chunks[[k]])
    progress$update(finished, min(plan$workers, length(futures) - k))
    if (stop_early && length(failed)) break
  }
  if (!(stop_early && length(failed))) progress$close(job$n)
  if (length(misuse) && !(stop_early && length(failed))) warn_rng_misuse(job, min(misuse))
  spans <- spans_of_chunks(told, chunks, launched, min(plan$workers, job$n))
  sent <- c(list(FUN = parcel$worker$FUN), parcel$worker[c("variables", "dots")], parcel[c("globals", "data")])
  report <- new_report(job, plan, list(done = sum(spans$count), launched = launched, spans = spans),
    largest = function() largest_sent(sent), misuse = length(misuse))
  new_outcome(values, if (length(failed)) sort(failed) else failed, report = report)
}

# Spans (engine-report.R) of chunks. told: of each that has come back, when it began and ended on
# the clock of its worker, and when it was here. Which worker had it is not known: those that did
# not overlap are told as one worker's.
spans_of_chunks <- function(told, chunks, launched, workers) {
  came <- which(lengths(told) == 3L)
  if (!length(came)) return(NULL)
  offset <- as.numeric(Sys.time()) - rs_now()
  times <- matrix(unlist(told[came]), 3L)
  end <- pmin(times[2L, ] - offset, times[3L, ])
  start <- pmin(pmax(times[1L, ] - offset, launched), end)
  order <- order(start)
  worker <- integer(length(came))
  free <- rep(-Inf, workers)
  for (k in order) {
    # Clocks of other machines may differ: where nobody is free, who is so next.
    mine <- which(free <= start[[k]])
    worker[[k]] <- if (length(mine)) mine[[1L]] else which.min(free)
    start[[k]] <- min(max(start[[k]], free[[worker[[k]]]]), end[[k]])
    free[[worker[[k]]]] <- end[[k]]
  }
  list(
    task = vapply(chunks[came], function(tasks) as.numeric(tasks[[1L]]), 0), count = as.numeric(lengths(chunks[came])),
    worker = as.numeric(worker), start = start, end = end, growth = numeric(length(came)),
    lost = logical(length(came)), stolen = logical(length(came))
  )
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

# Evaluates `expr`, a function of the plan, on local workers that live for that long,
# under a plan that has none.
with_local_workers <- function(plan, expr) {
  done <- FALSE
  nodes <- parallelly::makeClusterPSOCK(plan$workers)
  on.exit(stop_nodes(nodes, done))
  on.exit(set_stack(plan$stack, plan$settings, init = FALSE, cleanup = FALSE), add = TRUE, after = FALSE)
  strategy <- future::tweak(future::cluster, workers = nodes)
  set_stack(list(strategy), plan$settings, init = FALSE, cleanup = FALSE)
  plan <- current_plan()
  # Where there is no forking, the workers have none of their own.
  plan$executor <- executor("future")
  out <- expr(plan)
  done <- TRUE
  out
}

# A worker that is in the middle of a task would finish it first.
stop_nodes <- function(nodes, idle) {
  pids <- lapply(nodes, function(node) node$session_info$process$pid)
  try(parallel::stopCluster(nodes), silent = TRUE)
  if (!idle) for (pid in pids) tools::pskill(pid)
}
