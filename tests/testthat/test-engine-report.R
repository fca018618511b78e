test_that("every task has a worker, a start and an end", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  for (schedule in test_schedules()) {
    with_plan("multicore", workers = 3, schedule = schedule, future_lapply(1:12, function(i) Sys.sleep(0.001)))
    x <- job_timings()
    expect_s3_class(x, c("rustle_timings", "data.frame"))
    expect_named(x, c("task", "worker", "start", "end"))
    expect_identical(x$task, 1:12)
    expect_true(all(x$worker %in% 1:3))
    expect_true(all(x$end >= x$start))
    expect_identical(min(x$start), 0)
    for (own in split(x, x$worker)) {
      own <- own[order(own$start), ]
      expect_true(all(own$start[-1L] >= own$end[-nrow(own)]))
    }
  }
})

test_that("prescheduled shares are cyclic in the timings too", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  mclapply(1:7, function(i) Sys.sleep(0.001), mc.cores = 3)
  expect_identical(job_timings()$worker, rep_len(1:3, 7L))
})

test_that("timings can be drawn", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  withr::local_pdf(NULL)
  with_plan("multicore", workers = 2, future_lapply(1:4, sqrt))
  x <- job_timings()
  expect_identical(plot(x), x)
})

test_that("without the option the timings of the call before stay", {
  skip_without_fork()
  withr::with_options(list(rustle.timings = TRUE), with_plan("multicore", workers = 2, future_lapply(1:4, sqrt)))
  before <- job_timings()
  with_plan("multicore", workers = 2, future_lapply(1:9, sqrt))
  expect_identical(job_timings(), before)
})

test_that("a call that kept none leaves none of the call before", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  with_plan("multicore", workers = 2, future_lapply(1:4, sqrt))
  expect_identical(job_timings()$task, 1:4)
  with_plan("sequential", future_lapply(1:9, sqrt))
  expect_null(job_timings())
})

run_for_report <- function(plan, n = 7L) {
  under_plan(plan, {
    job <- new_job(lapply_call, lapply_frame(seq_len(n), function(i) { Sys.sleep(0.002); i }), n, new_policy())
    run_job(job, current_plan())
  })
}

test_that("every outcome has a report of what the job has cost", {
  counts <- c("forks", "claims", "steals", "losses", "bytes", "receiving")
  plans <- c(few_plans()[c("sequential", "stealing 3")], list(multisession = list("multisession", workers = 2)))
  for (plan in plans) {
    report <- run_for_report(plan)$report
    expect_true(all(c("tasks", "workers", "done", "spans", counts, "start", "end") %in% names(report)))
    expect_identical(report$tasks, 7L)
    expect_s3_class(report$start, "POSIXct")
    expect_gte(as.numeric(report$end - report$start), 0)
    expect_true(all(vapply(report[counts], is.numeric, NA)))
    expect_identical(report$workers, as.integer(min(7L, if (is.null(plan$workers)) 1L else plan$workers)))
  }
})

test_that("forked workers report each task that was finished", {
  skip_without_fork()
  expect_identical(run_for_report(list("multicore", workers = 3))$report$done, 7)
  withr::local_options(rustle.timings = TRUE)
  spans <- run_for_report(list("multicore", workers = 3))$report$spans
  expect_identical(lengths(span_columns(list(spans = spans))), c(task = 7L, count = 7L, worker = 7L, start = 7L, end = 7L, growth = 7L, lost = 7L, stolen = 7L))
})

test_that("a run and its simulation are judged by the same numbers", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  with_plan("multicore", workers = 3, schedule = "static", future_lapply(1:7, function(i) Sys.sleep(0.002 * i)))
  x <- job_timings()
  got <- summary(x)
  busy <- as.vector(tapply(x$end - x$start, factor(x$worker, 1:3), sum, default = 0))
  expect_identical(got$workers, 3L)
  expect_equal(got$busy, busy)
  expect_equal(got$imbalance, (max(busy) - mean(busy)) / mean(busy))
  expect_equal(got$efficiency, sum(busy) / (3 * max(x$end)))
  expect_output(print(got), "^3 workers: makespan .* load imbalance")
  simulated <- simulate_schedule(c(1, 5, 2, 2), workers = 3, schedule = "cyclic")
  again <- summary(simulated$timings)
  expect_equal(again[c("makespan", "busy", "imbalance", "efficiency")], unclass(simulated)[c("makespan", "busy", "imbalance", "efficiency")])
})

test_that("a worker that got no task counts as one", {
  skip_without_fork()
  simulated <- simulate_schedule(c(1, 1), workers = 4, schedule = "static")
  expect_identical(summary(simulated$timings)$busy, c(1, 1, 0, 0))
  expect_identical(summary(simulated$timings)$efficiency, 0.5)
})

test_that("a call that fails before it has a report leaves none of the call before", {
  skip_without_fork()
  withr::local_options(rustle.timings = TRUE)
  with_plan("multicore", workers = 2, {
    future_lapply(1:4, sqrt)
    expect_error(future_lapply(1:3, function(i) if (i == 2L) tools::pskill(Sys.getpid(), 9L)), class = "rustle_error_worker_lost")
  })
  expect_null(job_timings())
})

test_that("every task that began has an end after its start, however the call ended", {
  skip_without_fork()
  skip_on_cran()
  withr::local_options(rustle.timings = TRUE)
  ordered <- function() {
    timings <- job_timings()
    expect_true(all(timings$end >= timings$start))
    used <- summary(timings)
    expect_true(used$efficiency >= 0 && used$efficiency <= 1)
    timings
  }
  # Stopped for its time: no loss.
  with_plan("multicore", workers = 2, timeout = 0.3, {
    suppressWarnings(mclapply(1:6, function(i) if (i == 2L) Sys.sleep(30), mc.cores = 2, mc.preschedule = FALSE))
  })
  timings <- ordered()
  expect_true(2L %in% timings$task)
  expect_equal(reports$last$losses, 0)
  # An error while another task still runs.
  local_plan("multicore", workers = 2, schedule = "static")
  begun <- withr::local_tempfile()
  try(future_lapply(1:2, function(i) {
    if (i == 1L) {
      wait_for(function() file.exists(begun))
      stop("an error")
    }
    file.create(begun)
    Sys.sleep(60)
  }), silent = TRUE)
  timings <- ordered()
  expect_identical(timings$worker[timings$task == 2L], 2L)
  # A share that runs again as a whole.
  first <- tempfile()
  withr::defer(unlink(first))
  mclapply(1:6, function(i) {
    if (i == 3L && file.create(first) && is.na(file.size(paste0(first, "x")))) {
      file.create(paste0(first, "x"))
      tools::pskill(Sys.getpid(), tools::SIGKILL)
      Sys.sleep(5)
    }
    i
  }, mc.cores = 2)
  unlink(paste0(first, "x"))
  ordered()
  expect_equal(reports$last$losses, 1)
})
