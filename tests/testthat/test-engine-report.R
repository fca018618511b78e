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
