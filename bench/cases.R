# The cases of tools/bench. `call` is ours, `peer` what it is compared with,
# `bar` what the ratio of their times may be, `workers` the number of workers.

# `settle` is the pause before each measurement in seconds, `prepare` sets the plan. unit: "MB"
# where the values are gigabytes, not seconds.
case <- function(name, against, bar, call, peer, reps = 15L, settle = 0, prepare = on_forks, unit = "ms") {
  list(
    name = name, against = against, bar = bar, call = call, peer = peer, reps = reps,
    settle = settle, prepare = prepare, unit = unit
  )
}

# Workers run all of it, functions that compile, too.
on_forks <- function(compiled = "never") {
  future::plan(future::multicore, workers = workers)
  plan(multicore, workers = workers, compiled = compiled)
}

# The first case of each name in `names` (or the last) once more under a plan as it comes (`prepare`), which runs on
# threads what compiles. No bars: it is there to be recorded.
as_it_comes <- function(cases, names, prepare = function() on_forks(NULL), last = FALSE) {
  if (last) cases <- rev(cases)
  of <- vapply(cases, `[[`, "", "name")
  lapply(cases[match(names, of)], function(case) {
    case$name <- paste0(case$name, ", as the plan comes")
    case$bar <- NA_real_
    case$prepare <- prepare
    case
  })
}

fork_apply <- function(X, FUN, ...) parallel::mclapply(X, FUN, ..., mc.cores = workers)

plain_loop <- compiler::cmpfun(function(i, n) {
  s <- 0
  k <- 0
  while (k < n) {
    k <- k + 1
    s <- s + k * 0.5
  }
  s
})
# Iterations of the loop that take about `us` microseconds here.
iterations <- function(us) {
  t <- system.time(for (k in 1:200) plain_loop(1, 1000))[["elapsed"]] / 200
  max(1L, as.integer(1000 * us * 1e-6 / t))
}
# As users write it: a function that calls their own function.
task25 <- function(i) plain_loop(i, n25)
n25 <- iterations(25)
n100 <- iterations(100)
n20 <- iterations(20)
uneven <- rep(c(1L, 20L), 200L)
n50 <- iterations(55)
# 1 ms on average, from 0.1 to 5 ms, in mixed order; the same 500 twice.
ms <- pmin(pmax(stats::qexp(stats::ppoints(500L)), 0.1), 5)[order((seq_len(500L) * 7919) %% 503)]
uneven_ms <- rep(round(iterations(1000) * ms / mean(ms)), 2L)
small_list <- function(i) list(id = i, name = "a", values = c(1.5, i))
frame <- data.frame(a = 1:3, b = c(1.5, 2.5, 0), c = c("x", "y", "z"))
small_frame <- function(i) {
  frame$b[[3L]] <- i
  frame
}
captured <- NULL
million <- as.double(1:1e6)
cubic <- compiler::cmpfun(function(x) ((0.5 * x + 1) * x - 3) * x + 2)
rows <- matrix(1, 2e4, 3)

cases <- list(
  case("4000 tasks of 25 us, future_lapply", "rustle::mclapply", 1.05,
    function() future_lapply(1:4000, task25),
    function() mclapply(1:4000, task25, mc.cores = workers), 25L),
  case("4000 tasks of 25 us, future_lapply", "future.apply", 0.2,
    function() future_lapply(1:4000, task25),
    function() future.apply::future_lapply(1:4000, task25), 9L),
  # The start-up is that of a job whose two workers have nothing to do.
  case("400 tasks, every second 20 x longer", "half of lapply + start-up", 1.08,
    function() future_lapply(uneven, function(m) plain_loop(1, n50 * m)),
    function() {
      lapply(uneven[1:200], function(m) plain_loop(1, n50 * m))
      mclapply(1:2, identity, mc.cores = workers)
    }, 15L),
  case("400 tasks, every second 20 x longer", "parallel::mclapply", 1,
    function() future_lapply(uneven, function(m) plain_loop(1, n50 * m)),
    function() fork_apply(uneven, function(m) plain_loop(1, n50 * m)), 9L),
  case("1e3 uneven tasks of 1 ms, parLapplyLB(NULL, ...)", "half of lapply", 1.08,
    function() parLapplyLB(NULL, uneven_ms, function(m) plain_loop(1, m)),
    function() lapply(uneven_ms[1:500], function(m) plain_loop(1, m)), 9L),
  case("10 trivial tasks", "parallel::mclapply", 0.9,
    function() future_lapply(1:10, identity), function() fork_apply(1:10, identity), 41L),
  case("1e3 trivial tasks", "parallel::mclapply", 0.9,
    function() future_lapply(1:1000, identity), function() fork_apply(1:1000, identity), 41L),
  case("1e5 trivial tasks", "parallel::mclapply", 1.05,
    function() future_lapply(1:1e5, identity), function() fork_apply(1:1e5, identity), 21L),
  case("1e4 tasks that return a small list", "parallel::mclapply", 0.9,
    function() future_lapply(1:1e4, small_list), function() fork_apply(1:1e4, small_list), 21L),
  case("1e4 tasks that return a 3 x 3 data frame", "parallel::mclapply", 0.9,
    function() future_lapply(1:1e4, small_frame), function() fork_apply(1:1e4, small_frame), 9L),
  case("50 results of 8 MB", "parallel::mclapply", 0.25,
    function() future_lapply(1:50, function(i) rep(i + 0.5, 1e6)),
    function() fork_apply(1:50, function(i) rep(i + 0.5, 1e6)), 15L),
  case("one captured matrix of 400 MB, 200 tasks", "parallel::mclapply", 1.05,
    function() {
      if (is.null(captured)) captured <<- matrix(runif(5e7), ncol = 100)
      future_lapply(1:200, function(i) captured[i, 1])
    },
    function() {
      if (is.null(captured)) captured <<- matrix(runif(5e7), ncol = 100)
      fork_apply(1:200, function(i) captured[i, 1])
    }, 21L),
  case("1e3 tasks of 100 us, future.chunk.size = 1", "default schedule", 1.1,
    function() {
      captured <<- NULL
      future_lapply(1:1000, plain_loop, n = n100, future.chunk.size = 1)
    },
    function() future_lapply(1:1000, plain_loop, n = n100), 25L),
  case("1e3 tasks of 100 us, mc.preschedule = FALSE", "default schedule", 1.1,
    function() mclapply(1:1000, plain_loop, n = n100, mc.preschedule = FALSE, mc.cores = workers),
    function() future_lapply(1:1000, plain_loop, n = n100), 25L),
  case("1e5 tasks with future.seed = TRUE", "without seeds", 1.3,
    function() future_lapply(1:1e5, identity, future.seed = TRUE),
    function() future_lapply(1:1e5, identity), 21L),
  case("1e6 scalars, future_vapply", "vapply", 0.65,
    function() future_vapply(million, cubic, 0), function() vapply(million, cubic, 0), 9L),
  case("1e6 scalars, future_vapply", "future.apply", 0.25,
    function() future_vapply(million, cubic, 0),
    function() future.apply::future_vapply(million, cubic, 0), 3L),
  case("2e4 tasks of 20 us, future_mapply", "mapply", 0.65,
    function() future_mapply(function(i, n) plain_loop(i, n), 1:2e4, n20),
    function() mapply(function(i, n) plain_loop(i, n), 1:2e4, n20), 9L),
  case("2e4 rows of 20 us, future_apply", "apply", 0.65,
    function() future_apply(rows, 1, function(row) plain_loop(row[[1L]], n20)),
    function() apply(rows, 1, function(row) plain_loop(row[[1L]], n20)), 9L)
)
cases <- c(cases, as_it_comes(cases, c(
  "4000 tasks of 25 us, future_lapply", "400 tasks, every second 20 x longer", "1e3 uneven tasks of 1 ms, parLapplyLB(NULL, ...)",
  "10 trivial tasks", "1e3 trivial tasks", "1e5 trivial tasks", "50 results of 8 MB", "one captured matrix of 400 MB, 200 tasks",
  "1e6 scalars, future_vapply", "2e4 tasks of 20 us, future_mapply"
)))
