test_that("worker_status() tells of each worker, and prints", {
  skip_without_fork()
  expect_identical(nrow(with_plan("sequential", worker_status())), 0L)
  local_plan("multisession", workers = 2L)
  reset_workers()
  expect_output(print(worker_status()), "no workers stand by")
  expect_output(print(plan()), "workers up: 0")
  x <- as.numeric(1:4e5)
  invisible(future_lapply(1:6, function(i) { Sys.sleep(0.05); sum(x) + i }))
  meet <- meeting(2L)
  pids <- unique(future_sapply(1:20, function(i) { pid <- meet(i); Sys.sleep(0.06); pid }))
  status <- worker_status()
  expect_s3_class(status, "rustle_worker_status")
  expect_named(status, c("worker", "pid", "state", "task", "tasks", "busy", "memory", "cache", "age", "losses"))
  expect_identical(status$worker, 1:2)
  expect_setequal(status$pid, pids)
  expect_identical(status$state, c("idle", "idle"))
  expect_identical(status$task, c(NA_integer_, NA_integer_))
  expect_identical(sum(status$tasks), 26)
  expect_true(all(status$busy > 0.05 & status$busy <= status$age))
  expect_identical(status$losses, c(0L, 0L))
  if (file.exists("/proc/self/status")) expect_true(all(status$memory > 1e6))
  expect_output(print(status), "idle")
  expect_output(print(status[c("worker", "tasks")]), "worker tasks")
  expect_output(print(plan()), "workers up: 2")
})

test_that("while a call runs, its workers are busy", {
  skip_without_fork()
  local_plan("multisession", workers = 2L)
  seen <- NULL
  looked <- withr::local_tempfile()
  # Tasks end when somebody has looked.
  withCallingHandlers(
    future_lapply(1:2, function(i) {
      message(structure(class = c("now", "immediateCondition", "message", "condition"), list(message = "", call = NULL)))
      until <- Sys.time() + 60
      while (!file.exists(looked) && Sys.time() < until) Sys.sleep(0.05)
    }),
    now = function(c) {
      if (is.null(seen)) seen <<- worker_status()
      file.create(looked)
      invokeRestart("muffleMessage")
    }
  )
  # The other may have its orders, and no task yet.
  told <- seen$task[seen$state == "busy"]
  expect_true(any(told %in% 1:2))
  expect_true(all(told %in% c(1:2, NA)))
})

test_that("reset_workers() replaces all, and lost ones are counted", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    plan(multisession, workers = 2L)
    pids <- function() unlist(clusterCall(NULL, Sys.getpid))
    first <- pids()
    n <- reset_workers()
    none <- nrow(worker_status()) == 0L
    second <- pids()
    squared <- right("lost", function() die(9L))
    invisible(pids())
    losses <- sum(worker_status()$losses)
    plan(sequential)
    gone <- !rustle:::has_pool()
    out <- list(
      n = n == 2L, none = none, new = !any(second %in% first), ended = !any(alive(first)),
      squared = squared, losses = losses == 1L
    )
    out$gone <- gone && !any(alive(second)) && none_left()
  })
  expect_all_true(run$value)
})

test_that("a plan with fewer workers lets go of those beyond", {
  skip_without_fork()
  local_plan("multisession", workers = 3L)
  busy <- function(n, workers) invisible(future_lapply(seq_len(n), meeting(workers)))
  busy(3L, 3L)
  expect_identical(nrow(worker_status()), 3L)
  plan(workers = 2)
  expect_identical(worker_status()$worker, 1:2)
  busy(4L, 2L)
  expect_identical(nrow(worker_status()), 2L)
})
