# Workers of plan(multisession) against sockets of parallel, future's sessions, forks and none
# at all. tools/bench reads this file after cases.R. Workers are up and have been used before
# anything is timed, except where the start itself is what is measured.
#
# Two peers have no bar but tell where bars can be, in the same run: "halves at once, nothing sent"
# (what two processes need for the evaluation alone), and "two wake-ups and answers" (what it costs
# to reach two processes that sleep, with nothing to do).

# A cluster of parallel of as many workers, with what tasks use; made when first asked for.
sockets <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      made <<- parallel::makePSOCKcluster(workers)
      parallel::clusterExport(made, c("plain_loop", "n25", "n50", "frame"), globalenv())
    }
    made
  }
})

# The time of `expr` alone, without what the case does before.
timed <- function(expr) {
  clock <- Sys.time()
  force(expr)
  structure(as.double(Sys.time() - clock, units = "secs"), class = "seconds")
}
constant <- function(value) function() structure(value, class = "seconds")

# Each of two R processes evaluates half of the tasks by `apply`, its data and code there before;
# they begin at one moment of the clock and keep the values. The time is that of the later one.
halves_at_once <- function(X, FUN, apply = lapply) {
  halves <- parallel::splitIndices(length(X), workers)
  function() {
    parallel::clusterCall(sockets(), gc, FALSE) # as before every call that is timed here
    run <- function(X, FUN, apply, begin) {
      if (Sys.time() >= begin) return(NA_real_)
      while (Sys.time() < begin) NULL
      kept <- apply(X, FUN)
      as.double(Sys.time() - begin, units = "secs")
    }
    environment(run) <- globalenv()
    ahead <- 0.05 + 2e-7 * length(X)
    # One who was told too late did not begin with the other.
    repeat {
      tasks <- lapply(halves, function(half) X[half])
      took <- unlist(parallel::clusterMap(sockets(), run, tasks, MoreArgs = list(FUN = FUN, apply = apply, begin = Sys.time() + ahead)))
      if (!anyNA(took)) return(structure(max(took), class = "seconds"))
      ahead <- 2 * ahead
    }
  }
}

# A byte to each of two R processes that wait for it in a pipe, and a byte back from each.
wake_both <- local({
  pipes <- NULL
  start <- function(k) {
    names <- tempfile(c("to", "from"))
    lapply(names, function(name) system2("mkfifo", shQuote(name)))
    code <- sprintf(
      "a <- fifo('%s', 'rb', blocking = TRUE); b <- fifo('%s', 'wb', blocking = TRUE); while (length(x <- readBin(a, 'raw', 1L))) writeBin(x, b)",
      names[[1L]], names[[2L]]
    )
    system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)), wait = FALSE)
    to <- fifo(names[[1L]], "wb", blocking = TRUE)
    list(to = to, from = fifo(names[[2L]], "rb", blocking = TRUE))
  }
  function() {
    if (is.null(pipes)) pipes <<- lapply(seq_len(workers), start)
    Sys.sleep(0.01)
    timed({
      for (p in pipes) writeBin(as.raw(1L), p$to)
      for (p in pipes) readBin(p$from, "raw", 1L)
    })
  }
})

on_sessions <- function(count = workers, compiled = "never") {
  function() {
    future::plan(future::multisession, workers = count)
    plan(multisession, workers = count, compiled = compiled)
  }
}

# One case for each peer, a function of none; `bars` by their names. Peers without one are there
# to compare.
session_cases <- function(name, call, peers, bars, reps = 9L, prepare = on_sessions()) {
  lapply(names(peers), function(peer) {
    bar <- if (peer %in% names(bars)) bars[[peer]] else NA_real_
    case(paste0("sessions: ", name), peer, bar, call, peers[[peer]], reps, prepare = prepare)
  })
}

# The same tasks by all of them, and by `floor`, which has no bar.
apply_cases <- function(name, X, FUN, bars, reps = 9L, floor = NULL) {
  session_cases(name, function() future_lapply(X, FUN), c(floor, list(
    "parLapply" = function() parallel::parLapply(sockets(), X, FUN),
    "parLapplyLB" = function() parallel::parLapplyLB(sockets(), X, FUN),
    "future.apply" = function() future.apply::future_lapply(X, FUN),
    "parallel::mclapply" = function() fork_apply(X, FUN),
    "lapply" = function() lapply(X, FUN)
  )), bars, reps)
}
at_once <- function(X, FUN, apply = lapply) list("halves at once, nothing sent" = halves_at_once(X, FUN, apply))

# Data of a case, made when first asked for, and only the last: some are large.
session_data <- local({
  kept <- name <- NULL
  makers <- list(
    matrix = function() matrix(runif(sized(5e7, 5e5)), ncol = 100),
    frame = function() as.data.frame(matrix(rnorm(sized(if (long) 2.5e7 else 2.5e6, 2.5e5)), ncol = 5))
  )
  function(of) {
    if (!identical(of, name)) {
      kept <<- NULL
      kept <<- makers[[of]]()
      name <<- of
    }
    kept
  }
})

# Tasks that read a row of a matrix; with `new`, of one that no worker has seen.
reads <- function(new = FALSE, task = function(i) m[i, 1]) {
  m <- session_data("matrix")
  if (new) m[[1L]] <- stats::runif(1)
  environment(task) <- list2env(list(m = m), parent = globalenv())
  task
}
first_call <- function(apply) function() {
  FUN <- reads(new = TRUE)
  timed(apply(1:20, FUN))
}
# What a copy into fresh shared memory costs.
write_shared <- function() {
  m <- session_data("matrix")
  path <- tempfile("bench-", if (dir.exists("/dev/shm")) "/dev/shm" else tempdir())
  on.exit(unlink(path))
  con <- file(path, "wb")
  took <- timed(writeBin(as.vector(m), con))
  close(con)
  took
}

resampled <- function(data) function(i) colMeans(data[sample(nrow(data), replace = TRUE), ])
eight_resamples <- function(apply) function() apply(1:8, resampled(session_data("frame")), future.seed = TRUE)

start_plan <- function(count) function() {
  plan(sequential)
  timed({
    plan(multisession, workers = count)
    clusterCall(NULL, Sys.getpid)
  })
}
start_sockets <- function(count) function() {
  took <- timed(cl <- parallel::makePSOCKcluster(count))
  parallel::stopCluster(cl)
  took
}

# What one R takes that does nothing: all that clean processes of R begin with.
bare_r <- function() timed(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", "1"), stdout = FALSE))

# A call of all workers after one of them was killed.
after_a_kill <- function() {
  clusterCall(NULL, Sys.getpid)
  pid <- worker_status()$pid[[1L]]
  tools::pskill(pid, tools::SIGKILL)
  Sys.sleep(0.05)
  timed(clusterCall(NULL, Sys.getpid))
}

# Memory of all workers in GB, what they share counted once, when they have read all of the
# matrix.
worker_memory <- function() {
  future_lapply(1:16, reads(task = function(i) { Sys.sleep(0.05); sum(m) }), future.chunk.size = 1)
  share <- function(pid) {
    lines <- readLines(file.path("/proc", pid, "smaps_rollup"))
    as.numeric(gsub("[^0-9]", "", grep("^Pss:", lines, value = TRUE)))
  }
  structure(sum(vapply(worker_status()$pid, share, 0)) * 1024 / 1e9, class = "seconds")
}

scalars <- million[seq_len(sized(1e6, 1e4))]

cases <- c(
  apply_cases("10 trivial tasks", 1:10, identity, list("parLapply" = 0.25, "parallel::mclapply" = 0.05), 41L, list("two wake-ups and answers" = wake_both)),
  apply_cases("1e3 trivial tasks", 1:1000, identity, list("parLapplyLB" = 0.3), 21L, at_once(1:1000, identity)),
  apply_cases("1e5 trivial tasks", seq_len(sized(1e5, 1e3)), identity, list("lapply" = 0.55), 9L, at_once(seq_len(sized(1e5, 1e3)), identity)),
  apply_cases("4000 tasks of 25 us", seq_len(sized(4000, 200)), task25, list("lapply" = 0.53), 15L, at_once(seq_len(sized(4000, 200)), task25)),
  session_cases("400 tasks, every second 20 x longer",
    function() future_lapply(uneven, function(m) plain_loop(1, n50 * m)),
    list(
      "half of lapply" = function() lapply(uneven[seq_len(length(uneven) / 2)], function(m) plain_loop(1, n50 * m)),
      "parLapplyLB" = function() parallel::parLapplyLB(sockets(), uneven, function(m) plain_loop(1, n50 * m)),
      "future.apply" = function() future.apply::future_lapply(uneven, function(m) plain_loop(1, n50 * m)),
      "parallel::mclapply" = function() fork_apply(uneven, function(m) plain_loop(1, n50 * m))
    ), list("half of lapply" = 1.04), 15L
  ),
  apply_cases("1e4 tasks that return a small list", seq_len(sized(1e4, 500)), small_list, list("parallel::mclapply" = 0.35)),
  apply_cases("1e4 tasks that return a 3 x 3 data frame", seq_len(sized(1e4, 500)), small_frame, list("lapply" = 0.55), 9L, at_once(seq_len(sized(1e4, 500)), small_frame)),
  session_cases("1e6 scalars, future_vapply", function() future_vapply(scalars, cubic, 0), c(
    at_once(scalars, cubic, function(X, FUN) vapply(X, FUN, 0)),
    list(
      "vapply" = function() vapply(scalars, cubic, 0),
      "future.apply" = function() future.apply::future_vapply(scalars, cubic, 0)
    )
  ), list("vapply" = 0.55), 5L),
  session_cases("a matrix of 400 MB, first call of 20 tasks", first_call(future_lapply), list(
    "a copy into shared memory" = write_shared,
    "parLapply" = first_call(function(X, FUN) parallel::parLapply(sockets(), X, FUN)),
    "future.apply" = first_call(future.apply::future_lapply)
  ), list("a copy into shared memory" = 1.5), 5L),
  session_cases("a matrix of 400 MB, second call of 20 tasks", function() { FUN <- reads(); timed(future_lapply(1:20, FUN)) }, list(
    "reading it with two threads + 5 ms" = function() {
      m <- session_data("matrix")
      structure(unclass(timed(mt_colSums(m, threads = 2L))) + 0.005, class = "seconds")
    },
    "parLapply" = function() { FUN <- reads(); timed(parallel::parLapply(sockets(), 1:20, FUN)) },
    "future.apply" = function() { FUN <- reads(); timed(future.apply::future_lapply(1:20, FUN)) },
    "parallel::mclapply" = function() { FUN <- reads(); timed(fork_apply(1:20, FUN)) }
  ), list("reading it with two threads + 5 ms" = 1), 5L),
  # R makes the names of the rows that are drawn twice unique: with 5e6 rows that takes minutes.
  session_cases(sprintf("column means of 8 resamples of %s x 5", if (long) "5e6" else "5e5"), eight_resamples(future_lapply), list(
    "future.apply" = eight_resamples(future.apply::future_lapply),
    "bootstrap(), in Rust" = function() bootstrap(session_data("frame"), "mean", R = 8, seed = 1, progress = FALSE)
  ), list("future.apply" = 0.6), if (long) 3L else 1L),
  session_cases("50 results of 8 MB",
    function() future_lapply(1:50, function(i, n) rep(i + 0.5, n), n = sized(1e6, 1e4)),
    list(
      "50 copies of 8 MB" = function() {
        x <- rep(0.5, sized(1e6, 1e4))
        lapply(1:50, function(i) { x[[1L]] <- i; x })
      },
      "parLapply" = function() parallel::parLapply(sockets(), 1:50, function(i, n) rep(i + 0.5, n), n = sized(1e6, 1e4)),
      "future.apply" = function() future.apply::future_lapply(1:50, function(i, n) rep(i + 0.5, n), n = sized(1e6, 1e4)),
      "parallel::mclapply" = function() fork_apply(1:50, function(i, n) rep(i + 0.5, n), n = sized(1e6, 1e4))
    ), list("50 copies of 8 MB" = 1.25)
  ),
  session_cases("start of a plan with 2 workers", start_plan(2L), list("makePSOCKcluster(2)" = start_sockets(2L), "Rscript that does nothing" = bare_r), list("makePSOCKcluster(2)" = 0.6)),
  session_cases("start of a plan with 8 workers", start_plan(8L), list("makePSOCKcluster(8)" = start_sockets(8L), "Rscript that does nothing" = bare_r), list("makePSOCKcluster(8)" = 0.3), 5L),
  session_cases("a call after a worker was killed", after_a_kill, list("20 ms" = constant(0.02)), list("20 ms" = 1), 15L),
  if (file.exists("/proc/self/smaps_rollup")) list(case(
    "sessions: memory of 8 workers with a matrix of 400 MB", "400 MB + 8 x 60 MB", 1, worker_memory,
    constant(sized(0.88, 0.48)), 3L, prepare = on_sessions(8L), unit = "MB"
  ))
)
cases <- c(cases, as_it_comes(cases, paste("sessions:", c(
  "10 trivial tasks", "1e3 trivial tasks", "1e5 trivial tasks", "4000 tasks of 25 us", "400 tasks, every second 20 x longer",
  "1e6 scalars, future_vapply", "a matrix of 400 MB, first call of 20 tasks", "a matrix of 400 MB, second call of 20 tasks", "50 results of 8 MB"
)), on_sessions(compiled = NULL), last = TRUE))
