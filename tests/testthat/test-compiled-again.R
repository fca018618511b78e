# The short way of repeated calls, beside lapply(): the same values, and the long way wherever a
# function may mean something else than it did.

# Local to each test: a plan under which functions compile.
local_threads <- function(frame = parent.frame(), ...) {
  oplan <- plan(threads, workers = 2, ...)
  withr::defer(plan(oplan), envir = frame)
}

went_short <- function() !is.null(rs_again_last())

# The call has the values of lapply(), and goes this way.
expect_way <- function(fun, short, X = 1:10) {
  value <- future_lapply(X, fun)
  way <- went_short()
  info <- paste(deparse(body(fun)), collapse = " ")
  expect_identical(value, lapply(X, fun), info = info)
  expect_identical(way, short && can_look_at_bindings(), info = info)
}

# Twice the long way at most, then the short one.
expect_noted <- function(fun, X = 1:10) {
  future_lapply(X, fun)
  expect_way(fun, TRUE, X)
}

test_that("a second call of a function that compiles goes the short way", {
  local_threads()
  f <- function(i) i + 1
  expect_way(f, FALSE)
  for (k in 1:3) expect_way(f, TRUE)
  # One program for each type of numbers.
  expect_noted(f, c(0.5, 2))
  expect_way(f, TRUE)
  expect_noted(f, c(a = TRUE, b = FALSE))
  expect_way(f, TRUE, c(a = 1.5, b = -0))
  expect_way(f, TRUE, 7L)
  x <- runif(1000)
  expect_way(f, TRUE, x)
  expect_noted(identity)
  expect_noted(function(i) c(first = i, second = i / 2))
  expect_noted(function(i) list(i, i > 3))
  expect_noted(function(x) mean(c(x, 2, 8)))
})

test_that("so it does under other plans that compile, and workers are not needed", {
  f <- function(i) i * 3
  for (strategy in list(multisession, multicore)) {
    oplan <- plan(strategy, workers = 2)
    withr::defer(plan(oplan))
    skip_if_not(compiles(current_plan()))
    expect_noted(f)
    expect_identical(job_report()$forks, NA_real_)
    # Where nothing compiles, nothing goes that way.
    plan(strategy, workers = 2, compiled = "never")
    expect_way(f, FALSE)
    expect_way(f, FALSE)
  }
})

test_that("shapes are those of sapply() and vapply()", {
  local_threads()
  same <- function(ours, oracle, short = TRUE) {
    ours()
    value <- ours()
    way <- went_short()
    expect_identical(value, oracle())
    expect_identical(way, short)
  }
  f <- function(i) i / 3
  pair <- function(i) c(a = i, b = i * 2)
  X <- c(p = 1, q = 2, r = 5)
  same(function() future_sapply(1:5, f), function() sapply(1:5, f))
  same(function() future_sapply(X, f), function() sapply(X, f))
  same(function() future_sapply(X, pair), function() sapply(X, pair))
  same(function() future_sapply(1:3, function(i) if (i > 1) i else i / 2), function() sapply(1:3, function(i) if (i > 1) i else i / 2))
  same(function() future_vapply(X, f, 0), function() vapply(X, f, 0))
  same(function() future_vapply(X, pair, numeric(2)), function() vapply(X, pair, numeric(2)), FALSE)
  same(function() try(future_vapply(X, f, 0L), silent = TRUE) |> class(), function() "try-error", FALSE)
  # Further arguments are read on the long way.
  same(function() future_sapply(X, f, USE.NAMES = FALSE), function() sapply(X, f, USE.NAMES = FALSE), FALSE)
  same(function() future_lapply(X, function(i, k) i + k, k = 2), function() lapply(X, function(i, k) i + k, k = 2), FALSE)
})

test_that("tasks with streams draw the same numbers, and the state moves as ever", {
  withr::local_preserve_seed()
  local_threads()
  draw <- function(i) mean(rnorm(3)) + i
  observe <- function(X, run = future_lapply) {
    set.seed(4, "L'Ecuyer-CMRG", "Inversion", "Rejection")
    value <- run(X, draw, future.seed = TRUE)
    list(value, went_short(), .Random.seed)
  }
  for (run in list(future_lapply, future_sapply)) {
    oracle <- with_plan(sequential, observe(1:9, run))
    expect_identical(observe(1:9, run)[-2L], oracle[-2L])
    short <- observe(1:9, run)
    expect_identical(short[-2L], oracle[-2L])
    expect_true(short[[2L]])
    expect_identical(rerun_task(task = 5), oracle[[1L]][[5L]])
  }
  # From another kind of generator.
  from <- function() {
    set.seed(4, "Mersenne-Twister", "Inversion", "Rejection")
    list(future_sapply(1:9, draw, future.seed = TRUE), .Random.seed)
  }
  expect_identical(from(), with_plan(sequential, from()))
  expect_identical(from(), with_plan(sequential, from()))
  # Without streams it is R's, with its warning.
  expect_warning(future_lapply(1:9, draw), "UNRELIABLE VALUE")
  expect_false(went_short())
  suppressWarnings(RNGkind(sample.kind = "Rounding"))
  expect_identical(suppressWarnings(future_sapply(1:3, draw, future.seed = TRUE)) |> length(), 3L)
  expect_false(went_short())
})

test_that("parLapply() and its like without a cluster go the same way", {
  withr::local_preserve_seed()
  RNGkind("Mersenne-Twister")
  local_threads()
  f <- function(x) x / 4
  X <- c(a = 1, b = 3)
  calls <- list(
    function() parLapply(NULL, X, f), function() parLapplyLB(NULL, X, f), function() parSapply(NULL, X, f), function() parSapplyLB(NULL, X, f)
  )
  oracles <- list(lapply(X, f), lapply(X, f), sapply(X, f), sapply(X, f))
  calls[[1L]]()
  for (k in seq_along(calls)) {
    expect_identical(calls[[k]](), oracles[[k]])
    expect_true(went_short())
  }
  expect_identical(job_report()$schedule, "dynamic")
  RNGkind("L'Ecuyer-CMRG")
  set.seed(1)
  before <- .Random.seed
  calls[[1L]]()
  expect_false(went_short())
  expect_false(identical(.Random.seed, before))
})

test_that("variables, functions and methods are those of the call", {
  local_threads()
  k <- 1
  v <- c(1, 2, 4)
  m <- matrix(1:4, 2)
  f <- function(i) i + k
  g <- function(i) sum(v) + i
  expect_noted(f)
  k <- 2
  expect_way(f, FALSE)
  expect_way(f, TRUE)
  k <- 2L
  expect_way(f, FALSE)
  k <- c(2, 3)
  expect_way(f, FALSE)
  expect_noted(g)
  v[2] <- 7
  expect_way(g, FALSE)
  expect_noted(g)
  v <- v + 0
  expect_way(g, TRUE)
  names(v) <- c("a", "b", "c")
  expect_way(g, FALSE)
  h <- function(i) m[1, 2] * i
  expect_noted(h)
  dim(m) <- c(1L, 4L)
  expect_way(h, FALSE)
  # Functions that are called.
  helper <- function(i) i * 2
  f <- function(i) helper(i) + 1
  expect_noted(f)
  helper <- function(i) i * 3
  expect_way(f, FALSE)
  expect_noted(f)
  body(helper) <- quote(i * 4)
  expect_way(f, FALSE)
  f <- function(i) i + sum(c(1, i))
  expect_noted(f)
  sum <- function(...) 100
  expect_way(f, FALSE)
  rm(sum)
  expect_noted(f)
  `+` <- function(a, b) a - b
  expect_way(f, FALSE)
  rm(`+`)
  f <- function(i) mean(c(i, 2))
  expect_noted(f)
  mean.numeric <- function(x, ...) -1
  expect_way(f, FALSE)
  rm(mean.numeric)
  expect_noted(f)
  # A function that is defined only later.
  f <- function(i) {
    twice <- function(x) x * 2
    twice(i)
  }
  expect_noted(f)
  twice <- function(x) 0
  expect_way(f, FALSE)
  body(f) <- quote(i + 5)
  expect_way(f, FALSE)
  expect_way(f, TRUE)
  formals(f) <- alist(j = , i = 2)
  expect_way(f, FALSE)
})

test_that("what stands in the global environment, is attached or registered is seen", {
  local_threads()
  f <- eval(quote(function(x) mean(c(x, k))), globalenv())
  withr::defer(rm(list = intersect(c("k", "c"), ls(globalenv())), envir = globalenv()))
  assign("k", 3, globalenv())
  expect_noted(f)
  assign("c", function(...) 50, globalenv())
  expect_way(f, FALSE)
  rm("c", envir = globalenv())
  expect_noted(f)
  attach(list(c = function(...) 60), name = "masking")
  expect_way(f, FALSE)
  detach("masking", character.only = TRUE)
  expect_noted(f)
  registerS3method("mean", "double", function(x, ...) 70, envir = baseenv())
  value <- future_lapply(1:3, f)
  short <- went_short()
  rm("mean.double", envir = .BaseNamespaceEnv[[".__S3MethodsTable__."]])
  expect_false(short)
  expect_identical(value, list(70, 70, 70))
  expect_noted(f)
  rm("k", envir = globalenv())
  makeActiveBinding("k", function() 3, globalenv())
  expect_way(f, FALSE)
  rm("k", envir = globalenv())
  delayedAssign("k", 4, assign.env = globalenv())
  expect_way(f, FALSE)
})

test_that("numbers that C code changes where they are, are seen", {
  skip_if_not_installed("rlang")
  poke <- get0("vec_poke_range", envir = asNamespace("rlang"))
  skip_if(is.null(poke))
  local_threads()
  k <- 1 + 0
  v <- c(1, 2, 4) + 0
  f <- function(i) i + k
  g <- function(i) sum(v) + i
  expect_noted(f)
  poke(k, 1L, 5)
  skip_if(k != 5)
  expect_way(f, FALSE)
  expect_noted(g)
  poke(v, 1L, c(8, 8, 8))
  expect_way(g, FALSE)
  # The program reads numbers that another name still has.
  other <- v
  v <- c(8, 8, 8)
  expect_noted(g)
  poke(other, 1L, c(9, 9, 9))
  expect_identical(future_lapply(1:3, g), lapply(1:3, g))
})

test_that("data of other kinds, plans, options and records take the long way", {
  local_threads()
  f <- function(i) i + 1
  expect_noted(f)
  expect_way(f, FALSE, list(1, 2))
  expect_way(f, FALSE, integer())
  expect_way(f, FALSE, c(1L, NA))
  expect_way(f, FALSE, factor("a")[0L])
  expect_way(f, FALSE, as.Date("2020-01-01") + 0:2)
  expect_way(f, FALSE, matrix(1:4, 2))
  expect_way(f, TRUE, seq(2L, 9L))
  expect_way(f, TRUE, sort(c(3L, 1L, 2L)))
  long <- function(code, which = f) {
    force(code)
    short <- went_short()
    expect_identical(code, lapply(1:10, which))
    expect_false(short)
    expect_noted(which)
  }
  long(with_plan(sequential, future_lapply(1:10, f)))
  withr::with_options(list(rustle.timings = TRUE), expect_way(f, FALSE))
  plan(threads, workers = 1)
  long(future_lapply(1:10, f))
  long(with_checkpoint(withr::local_tempdir(), future_lapply(1:10, f)))
  future::plan(future::sequential)
  expect_way(f, FALSE)
  expect_way(f, FALSE)
  plan(threads, workers = 2)
  expect_noted(f)
  # Options that do not count.
  withr::with_options(list(warn = 1, scipen = 3), expect_way(f, TRUE))
  op <- options(digits = 3)
  options(op)
  expect_way(f, TRUE)
  withr::with_options(list(rustle.report = FALSE), expect_way(f, FALSE))
  expect_type(catch_job(future_lapply(1:10, f))$job, "list")
  # Operators of future.
  expect_identical(future_lapply(1:10, f) %seed% TRUE, lapply(1:10, f))
  expect_false(went_short())
})

test_that("a task that is given up is R's, and so is the call", {
  local_threads()
  f <- function(x) sqrt(x)
  expect_noted(f, c(1, 4))
  expect_warning(value <- future_lapply(c(4, -1), f), "NaNs produced")
  expect_false(went_short())
  expect_identical(value, list(2, NaN))
  expect_identical(job_report()$compiled$bailed, 1L)
  f <- function(x) if (x > 2) stop("too large") else x
  expect_noted(f, c(1, 2))
  e <- expect_error(future_lapply(c(1, 2, 3), f), "too large")
  expect_identical(e$task, 3L)
  expect_identical(rerun_task(task = 2), 2)
})

test_that("what is told of the call is what the long way tells", {
  withr::local_preserve_seed()
  local_threads()
  f <- function(x, k = 2) x^k
  X <- c(3, 4, 5)
  told <- function(before) {
    state <- get_random_seed()
    number <- before()
    future_lapply(X, f)
    way <- went_short()
    report <- job_report()
    expect_identical(get_random_seed(), state)
    list(
      way = way, call = report$call, counts = report[c("tasks", "workers", "plan", "schedule", "compiled", "threads", "forks", "blas")],
      later = report$job - number, parts = dimnames(report$parts), run = explain_compiled(f, 1)$run, again = rerun_task(report, 2),
      printed = gsub("[0-9.]+ (us|ms|MB)", "", utils::capture.output(print(report)))[1:2]
    )
  }
  number_of_call <- function() inputs$id
  long <- told(function() { pass_again(); number_of_call() })
  short <- told(function() { settle_again(); number_of_call() })
  expect_false(long$way)
  expect_true(short$way)
  expect_identical(short[-1L], long[-1L], ignore_attr = TRUE)
  # Several calls count as so many; the last is told of.
  before <- job_report()$job
  for (k in 1:5) future_lapply(X * k, f)
  expect_identical(job_report()$job, before + 5)
  expect_identical(rerun_task(task = 1), 225)
  # What is told of a call is gone when the next one begins.
  expect_error(future_lapply(1:2, function(i) stop("no")), "no")
  future_lapply(X, f)
  expect_null(task_trace())
  report <- job_report()
  future_lapply(X, f)
  expect_error(rerun_task(report, 1), class = "rustle_error_rerun")
})

test_that("data of calls are let go of as ever", {
  local_threads()
  f <- function(i) i + 1
  freed <- FALSE
  env <- new.env()
  reg.finalizer(env, function(e) freed <<- TRUE)
  large <- function(i) paste(i)
  environment(large) <- env
  expect_noted(f)
  future_lapply(1:3, large)
  rm(env, large)
  future_lapply(1:10, f)
  expect_true(went_short())
  gc()
  expect_true(freed)
  freed <- FALSE
  local({
    env <- new.env()
    reg.finalizer(env, function(e) freed <<- TRUE)
    g <- function(i) i * 2
    environment(g) <- env
    expect_noted(g)
    future_lapply(1:10, f)
  })
  future_lapply(1:10, identity)
  gc()
  expect_true(freed)
})

test_that("calls in tasks and in forked children are right", {
  local_threads()
  f <- function(i) i + 1
  expect_noted(f)
  expect_identical(
    future_lapply(1:3, function(i) list("text", future_lapply(1:10, f))),
    lapply(1:3, function(i) list("text", lapply(1:10, f)))
  )
  expect_identical(job_report()$tasks, 3L)
  expect_false(went_short())
  skip_on_os("windows")
  expect_way(f, TRUE)
  child <- parallel::mccollect(parallel::mcparallel(list(future_lapply(1:10, f), rs_again_last())))[[1L]]
  expect_identical(child, list(lapply(1:10, f), NULL))
})

test_that("a call that takes longer than it did answers time limits, and can be made again", {
  local_threads()
  f <- function(n) {
    s <- 0
    while (s < n) s <- s + 1
    s
  }
  expect_noted(f, c(1, 2))
  # Longer than a slice.
  expect_identical(future_sapply(c(a = 1, b = 3e7, c = 5), f), c(a = 1, b = 3e7, c = 5))
  expect_true(went_short())
  for (k in 1:2) {
    started <- Sys.time()
    expect_error({
      setTimeLimit(elapsed = 0.3, transient = TRUE)
      future_lapply(c(1, Inf), f)
    }, "time limit")
    expect_lt(as.numeric(Sys.time() - started, units = "secs"), 20)
    setTimeLimit()
    expect_null(job_report())
    expect_way(f, TRUE, c(1, 2))
  }
})

test_that("many short calls do not grow the session", {
  local_threads()
  f <- function(i) i + 1
  expect_noted(f)
  calls <- function(n) for (k in seq_len(n)) future_lapply(1:10, f)
  calls(1e3)
  gc()
  before <- sum(gc()[, 1L] * c(56, 8))
  peak <- rs_peak_memory()
  calls(if (long_tests()) 1e6 else 1e4)
  expect_lt(sum(gc()[, 1L] * c(56, 8)) - before, 1e5)
  expect_lt(rs_peak_memory() - peak, 5e6)
})

test_that("functions that make data frames, are stood in for, or have names that options change go the long way", {
  local_threads()
  framed <- function(i) data.frame(a = i)
  tested <- function(i) t.test(c(1, 2, 4, i))$p.value
  for (k in 1:3) {
    expect_way(framed, FALSE)
    expect_way(tested, FALSE)
  }
  spread <- function(i) quantile(c(1, 2, i), 0.025)
  for (k in 1:3) expect_way(spread, FALSE)
  withr::local_options(OutDec = ",")
  expect_way(spread, FALSE)
  expect_identical(names(future_lapply(1:2, spread)[[1L]]), "2,5%")
})
