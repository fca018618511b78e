# What a task may do to its worker without harm to values, relays or the session.

test_that("values whose serialization warns arrive as they are", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  got <- suppressWarnings(future_lapply(1:3, function(i) as.environment("package:stats")))
  for (value in got) expect_identical(environmentName(value), "package:stats")
})

test_that("processes that a task forks do not write into its worker's ring", {
  skip_without_fork()
  skip_on_cran()
  local_plan("multicore", workers = 2)
  FUN <- function(i) {
    parts <- parallel::mclapply(1:4, function(k) {
      for (m in 1:200) suppressMessages(message(strrep("m", 500)))
      k * i
    }, mc.cores = 2)
    c(rep(i, 1e4), unlist(parts))
  }
  expect_identical(future_lapply(1:4, FUN), lapply(1:4, FUN))
})

test_that("a task that aborts is not blamed for a condition that was signalled before", {
  skip_without_fork()
  local_plan("multicore", workers = 1, retries = 0)
  FUN <- function(i) {
    if (i == 1L) signalCondition(structure(class = c("foo", "condition"), list(message = "f", call = NULL)))
    if (i == 2L) invokeRestart("abort")
    i
  }
  expect_error(future_lapply(1:2, FUN), class = "rustle_error_worker_lost")
})

test_that("the loss of a task that need not run does not hide the error before it", {
  skip_without_fork()
  skip_on_cran()
  local_plan("multicore", workers = 3, retries = 0, schedule = "static")
  dir <- withr::local_tempdir()
  there <- function(name) wait_for(function() file.exists(file.path(dir, name)))
  # Task 2 fails, then the worker of task 3 is lost, then task 1 ends.
  FUN <- function(i) {
    if (i == 1L) { there("lost"); Sys.sleep(0.7) }
    if (i == 2L) { there("begun"); file.create(file.path(dir, "failed")); stop("task two") }
    if (i == 3L) { file.create(file.path(dir, "begun")); there("failed"); Sys.sleep(0.4); file.create(file.path(dir, "lost")); quit("no") }
    i
  }
  error <- tryCatch(future_lapply(1:3, FUN), error = identity)
  expect_identical(conditionMessage(error), "task two")
  expect_identical(error$task, 2L)
})

test_that("every task of a share that exceeds its time fails, and the others do not", {
  skip_without_fork()
  skip_on_cran()
  local_plan("multicore", timeout = 1)
  got <- suppressWarnings(mclapply(1:4, function(i) if (i %in% c(1, 3)) Sys.sleep(60) else i, mc.cores = 2))
  expect_identical(got[c(2, 4)], list(2L, 4L))
  for (k in c(1, 3)) expect_s3_class(attr(got[[k]], "condition"), "rustle_error_timeout")
})

test_that("sinks of a task stay when output is dropped under the sequential plan", {
  FUN <- function(i) capture.output({ cat("a"); message("m"); cat("b") })
  local_plan("sequential")
  expect_identical(suppressMessages(future_lapply(1, FUN, future.stdout = FALSE)), list("ab"))
})

test_that("a call that cannot redirect output leaves the session as it was", {
  skip_unless_faults()
  run <- run_r({
    plan(multicore, workers = 2, compiled = "never")
    before <- options()[c("mc.cores", "parallelly.fork.enable")]
    sinks <- 0L
    while (!inherits(try(sink(nullfile()), silent = TRUE), "try-error")) sinks <- sinks + 1L
    open <- nrow(showConnections())
    got <- try(future_lapply(1:2, identity), silent = TRUE)
    still_open <- nrow(showConnections())
    while (sink.number()) sink()
    out <- list(
      sinks = sinks > 0L, refused = inherits(got, "try-error"), connections = still_open == open,
      options = identical(options()[c("mc.cores", "parallelly.fork.enable")], before),
      next_call = identical(future_lapply(1:2, identity), list(1L, 2L))
    )
  })
  expect_all_true(run$value)
})

test_that("conditions of mclapply() tasks reach the handlers of the caller", {
  skip_without_fork()
  noisy <- function(i) { warning("w", i); message("m", i); i }
  expect_silent(got <- suppressWarnings(suppressMessages(mclapply(1:4, noisy, mc.cores = 2))))
  expect_identical(got, as.list(1:4))
  told <- character()
  withCallingHandlers(suppressMessages(mclapply(1:3, noisy, mc.cores = 2)), warning = function(w) {
    told <<- c(told, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  expect_identical(told, c("w1", "w2", "w3"))
})

test_that("stop() with a condition that is no error is that condition, however it is called", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  cnd <- structure(class = c("custom", "condition"), list(message = "cc", call = NULL))
  other_name <- base::stop
  for (fatal in list(function() stop(cnd), function() base::stop(cnd), function() other_name(cnd))) {
    got <- tryCatch(future_lapply(1:3, function(i) if (i == 2) fatal() else i), custom = identity)
    expect_s3_class(got, "custom")
    expect_identical(got$task, 2L)
  }
})

test_that("what a task says before and after another worker is lost is told once", {
  skip_without_fork()
  skip_on_cran()
  flag <- tempfile()
  told <- character()
  withCallingHandlers(
    mclapply(1:6, function(i) {
      if (i == 1L && file.exists(flag)) { message("a"); Sys.sleep(0.4); message("b") }
      if (i == 5L && !file.exists(flag)) {
        Sys.sleep(0.4)
        file.create(flag)
        tools::pskill(Sys.getpid(), tools::SIGKILL)
      }
      i
    }, mc.cores = 2),
    message = function(m) {
      told <<- c(told, conditionMessage(m))
      invokeRestart("muffleMessage")
    }
  )
  expect_identical(told, c("a\n", "b\n"))
})

test_that("an object without attributes keeps its S4 bit", {
  skip_without_fork()
  local_plan("multicore", workers = 2)
  expect_true(isS4(future_lapply(1, function(i) asS4(1))[[1L]]))
})

test_that("a start of workers that was broken off says what can do that, and R's last error", {
  # R keeps the text of the last error that it has printed.
  try(stop("a text of the last error"), silent = TRUE)
  error <- tryCatch(explain_jump(quote(f(x)), told = "an older one"), error = identity)
  expect_s3_class(error, "rustle_error_system")
  expect_match(conditionMessage(error), "setTimeLimit", fixed = TRUE)
  expect_match(conditionMessage(error), "a text of the last error", fixed = TRUE)
  expect_identical(conditionCall(error), quote(f(x)))
  # Without an error it was an interrupt, though nobody has noted one.
  seen <- tryCatch(explain_jump(quote(f(x)), told = geterrmessage()), condition = identity)
  expect_s3_class(seen, "interrupt")
  try(stop("reached elapsed time limit"), silent = TRUE)
  error <- tryCatch(explain_jump(quote(f(x)), told = geterrmessage()), condition = identity)
  expect_s3_class(error, "rustle_error_system")
})

test_that("the heap of a forked worker grows in large pages, and the worker gives back what a large task took", {
  skip_without_fork()
  skip_if_not(file.exists("/proc/self/smaps"))
  local_plan("multicore", workers = 1)
  large <- function() {
    lines <- readLines("/proc/self/smaps")
    heaps <- findInterval(grep("[heap]", lines, fixed = TRUE), which(grepl("^VmFlags", lines))) + 1L
    any(grepl(" hg", grep("^VmFlags", lines, value = TRUE)[heaps], fixed = TRUE))
  }
  own <- function() {
    pages <- scan("/proc/self/statm", quiet = TRUE)
    (pages[[2L]] - pages[[3L]]) / 256
  }
  MB <- future_lapply(1:3, function(i) {
    if (i == 2L) kept <- lapply(1:30, function(k) numeric(1e6) + k)
    if (i == 3L) gc()
    own()
  })
  expect_gt(MB[[2L]], MB[[1L]] + 200)
  expect_lt(MB[[3L]], MB[[1L]] + 100)
  grown <- future_lapply(1:3, function(i) { if (i < 3L) for (k in 1:500) numeric(1e4); large() })
  expect_false(large())
  enabled <- tryCatch(readLines("/sys/kernel/mm/transparent_hugepage/enabled"), error = function(e) "", warning = function(w) "")
  unlimited <- tryCatch(system("ulimit -v; ulimit -d; cat /proc/sys/vm/overcommit_memory", intern = TRUE), error = function(e) "")
  skip_if_not(grepl("[madvise]", enabled, fixed = TRUE) && identical(unlimited[1:2], rep("unlimited", 2L)) && unlimited[[3L]] != "2")
  skip_if_not(grepl("gnu", R.version$os))
  expect_true(grown[[3L]])
})
