# plan(cluster) and checkpoints. tools/bench reads this file after cases-sessions.R. Nodes are up
# and have been used before anything is timed.

on_nodes <- function(count = workers, ...) {
  function() {
    future::plan(future::sequential)
    plan(cluster, workers = count, ...)
    future_lapply(seq_len(count), identity)
  }
}

cluster_case <- function(name, against, bar, call, peer, reps = 9L, prepare = on_nodes(), ...) {
  case(paste0("clusters: ", name), against, bar, call, peer, reps, prepare = prepare, ...)
}

# The same tasks by all of them. parLapplyLB() has two chunks for each node by default; with chunks of
# one task it balances as our nodes do. Each of them is a message there, so it is timed with the first
# 2e4 tasks at most.
node_cases <- function(name, X, FUN, bars, reps = 9L) {
  some <- utils::head(X, 2e4)
  each <- length(X) / length(some)
  peers <- list(
    "parLapplyLB" = function() parallel::parLapplyLB(sockets(), X, FUN),
    "parLapplyLB, chunk.size = 1" = function() {
      structure(each * unclass(timed(parallel::parLapplyLB(sockets(), some, FUN, chunk.size = 1))), class = "seconds")
    },
    "parLapply" = function() parallel::parLapply(sockets(), X, FUN),
    "future.apply" = function() future.apply::future_lapply(X, FUN)
  )
  lapply(names(peers), function(peer) {
    bar <- if (peer %in% names(bars)) bars[[peer]] else NA_real_
    cluster_case(name, peer, bar, function() future_lapply(X, FUN), peers[[peer]], reps)
  })
}

# 400 tasks of 2 ms on average, every second one long; the ideal is half of them in a row. They
# sleep: two nodes of a machine whose cores are wanted by others too would be compared with one core.
long_short <- rep(c(0.2, 1.8), 200L)
spin <- function(m) Sys.sleep(m * 2e-3)

# Tasks of 4 ms that look at a global of 40 MB, and the same without it.
with_global <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      made <<- function(i) { plain_loop(big[[i]], n50 * 80) }
      environment(made) <<- list2env(list(big = stats::runif(sized(5e6, 5e4))), parent = globalenv())
    }
    made
  }
})
dynamic <- function(FUN) function() future_lapply(1:200, FUN, future.scheduling = Inf)

# Tasks of 1 ms with and without a checkpoint, in the session: what is kept costs a worker the same.
kept <- function() {
  dir <- tempfile("bench-")
  on.exit(unlink(dir, recursive = TRUE))
  with_checkpoint(dir, future_lapply(seq_len(sized(1e4, 200)), function(i) plain_loop(1, n50 * 20)))
}
kept_trivial <- function(n) function() {
  dir <- tempfile("bench-")
  on.exit(unlink(dir, recursive = TRUE))
  timed(with_checkpoint(dir, future_lapply(seq_len(n), identity)))
}
in_session <- function() { future::plan(future::sequential); plan(sequential) }

# A job of 64 nodes of 128 cores by the scheduler's own code in simulated time: tasks of 1 s on
# average, nodes whose speeds differ by 30 %. It says how much the driver has to do: for a chunk
# a message there and one back, of some 3 KB and 24 bytes for each task. One of a million such
# tasks takes longer than all of them on 8192 cores, so that nobody who does not know the times
# ends with the ideal: the makespan is compared with that of one queue without cost for all cores,
# of nodes of one speed, and the efficiency is told until the last task begins.
simulated <- local({
  made <- NULL
  function() {
    if (!is.null(made)) return(made)
    set.seed(1)
    n <- sized(1e6, 1e5)
    times <- stats::rlnorm(n, -log(5) / 2, sqrt(log(5)))
    speed <- stats::runif(64, 0.85, 1.15)
    run <- utils::getFromNamespace("rs_simulate_nodes", "rustle")(times, rep(128, 64), speed, 0.001)$ok
    equal <- utils::getFromNamespace("rs_simulate_nodes", "rustle")(times, rep(128, 64), rep(1, 64), 0.001)$ok
    queue <- utils::getFromNamespace("rs_simulate", "rustle")(times, "dynamic", 1, 8192, 0, 0, 1L)$ok[[1L]]
    made <<- list(makespan = equal$makespan, queue = queue$makespan, begun = 1 / run$efficiency, ideal = 1)
    message(sprintf(
      "64 nodes of 128 cores, %.0f tasks: efficiency %.1f %% until the last task begins, %.1f messages and %.0f KB at the driver per second; the longest task takes %.0f s, all of them %.0f s",
      n, 100 * run$efficiency, 2 * run$chunks / run$makespan, (3000 * run$chunks + 24 * n) / run$makespan / 1e3,
      max(times), sum(times) / sum(128 * speed)
    ))
    made
  }
})
virtual <- function(what) function() structure(simulated()[[what]], class = "seconds")

cases <- c(
  node_cases("1e3 trivial tasks", 1:1000, identity, list("parLapplyLB" = 0.3, "parLapplyLB, chunk.size = 1" = 0.3), 21L),
  node_cases("1e5 trivial tasks", seq_len(sized(1e5, 1e3)), identity, list("parLapplyLB" = 0.1, "parLapplyLB, chunk.size = 1" = 0.1), 3L),
  list(
    cluster_case("400 uneven tasks of 2 ms", "half of lapply", 1.1, function() future_lapply(long_short, spin), function() lapply(long_short[1:200], spin)),
    cluster_case("400 uneven tasks of 2 ms", "parLapply", NA_real_, function() future_lapply(long_short, spin), function() parallel::parLapply(sockets(), long_short, spin)),
    cluster_case("400 uneven tasks of 2 ms", "future.apply", NA_real_, function() future_lapply(long_short, spin), function() future.apply::future_lapply(long_short, spin)),
    cluster_case("200 tasks with a global of 40 MB, later call", "without it", 1.3, function() dynamic(with_global())(), dynamic(function(i) plain_loop(1, n50 * 80))),
    cluster_case("200 tasks with a global of 40 MB, later call", "future.apply", NA_real_, function() dynamic(with_global())(), function() future.apply::future_lapply(1:200, with_global(), future.scheduling = Inf), 3L),
    cluster_case("1e4 tasks of 1 ms that are kept", "not kept", 1.03, kept, function() future_lapply(seq_len(sized(1e4, 200)), function(i) plain_loop(1, n50 * 20)), 3L, in_session),
    cluster_case("1e6 tasks that are kept", "ten times 1e5", 1.1, kept_trivial(sized(1e6, 1e4)), function() structure(10 * unclass(kept_trivial(sized(1e5, 1e3))()), class = "seconds"), 3L, in_session),
    cluster_case("64 nodes of 128 cores, until the last begins", "the ideal", 1 / 0.95, virtual("begun"), virtual("ideal"), 3L, in_session),
    cluster_case("64 nodes of 128 cores, makespan", "one queue without cost", 1 / 0.95, virtual("makespan"), virtual("queue"), 3L, in_session)
  )
)
