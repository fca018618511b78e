times <- rep(c(1, 20), 50)

test_that("every task runs once, one after another on its worker", {
  for (schedule in test_schedules()) {
    for (workers in c(1, 2, 3, 7, 200)) {
      x <- simulate_schedule(times, workers, schedule)
      expect_s3_class(x, "rustle_simulation")
      expect_identical(x$timings$task, seq_along(times))
      expect_equal(x$timings$end - x$timings$start, times)
      expect_true(all(x$timings$worker %in% seq_len(workers)))
      expect_equal(x$makespan, max(x$timings$end))
      expect_equal(sum(x$busy), sum(times))
      expect_length(x$busy, workers)
      for (own in split(x$timings, x$timings$worker)) {
        own <- own[order(own$start), ]
        expect_true(all(own$start[-1L] >= own$end[-nrow(own)] - 1e-9))
      }
    }
  }
})

test_that("no makespan is below the mean work of a worker nor the longest task, nor above all work", {
  for (schedule in test_schedules()) {
    for (workers in 1:5) {
      x <- simulate_schedule(times, workers, schedule)
      expect_gte(x$makespan, max(times, sum(times) / workers) - 1e-9)
      expect_lte(x$makespan, sum(times) + 1e-9)
    }
  }
})

test_that("static and cyclic are what arithmetic says", {
  cyclic <- simulate_schedule(times, 2, "cyclic")
  expect_equal(cyclic$makespan, 20 * 50)
  expect_identical(cyclic$timings$worker, rep_len(1:2, 100))
  static <- simulate_schedule(1:10, 2, "static")
  expect_equal(static$makespan, sum(6:10))
  expect_equal(static$imbalance, max(static$busy) / mean(static$busy) - 1)
  expect_equal(simulate_schedule(times, 1, "stealing")$makespan, sum(times))
})

test_that("dynamic is greedy list scheduling", {
  for (workers in 2:5) {
    free <- numeric(workers)
    for (t in times) { w <- which.min(free); free[w] <- free[w] + t }
    expect_equal(simulate_schedule(times, workers, "dynamic")$makespan, max(free))
  }
})

test_that("dynamic and stealing never idle longer than the longest task", {
  withr::local_seed(3)
  for (k in 1:5) {
    random <- rexp(200)
    for (schedule in c("dynamic", "stealing")) {
      x <- simulate_schedule(random, 4, schedule)
      expect_lte(x$makespan, sum(random) / 4 + max(random))
    }
  }
})

test_that("claims and start-up cost what they are said to", {
  expect_equal(simulate_schedule(c(1, 1), 1, "dynamic", start_up = 5)$makespan, 7)
  free <- simulate_schedule(times, 2, "dynamic")
  costly <- simulate_schedule(times, 2, "dynamic", claim = 1)
  expect_gt(costly$makespan, free$makespan)
  expect_lt(simulate_schedule(times, 2, "dynamic", chunk_size = 10)$claims, free$claims)
})

test_that("no task, no time", {
  x <- simulate_schedule(numeric(), 2)
  expect_identical(x$makespan, 0)
  expect_identical(nrow(x$timings), 0L)
})

test_that("ten thousand workers can be simulated", {
  skip_on_cran()
  x <- simulate_schedule(rep(1, 20000), 10000)
  expect_equal(x$makespan, 2)
})

test_that("a simulation prints and can be drawn", {
  x <- simulate_schedule(times, 2)
  expect_output(print(x), "stealing schedule, 2 workers: makespan")
  withr::local_pdf(NULL)
  expect_identical(plot(x), x)
})

test_that("wrong arguments stop", {
  for (t in list(-1, NA, Inf, "a", list(1), NULL)) expect_argument_error(simulate_schedule(t, 2), "times")
  for (w in list(0, 1.5, NA, "a", 10001, c(1, 2))) expect_argument_error(simulate_schedule(times, w), "workers")
  expect_argument_error(simulate_schedule(times, 2, "best"), "schedule")
  expect_argument_error(simulate_schedule(times, 2, chunk_size = 0), "chunk_size")
  expect_argument_error(simulate_schedule(times, 2, start_up = -1), "start_up")
  expect_argument_error(simulate_schedule(times, 2, claim = NA), "claim")
})

test_that("compare_schedules() gives what simulate_schedule() gives, whatever the threads", {
  times <- rep(c(0.01, 0.2, 0.05), 20)
  one <- compare_schedules(times, workers = c(1, 3, 40), threads = 1)
  expect_identical(compare_schedules(times, workers = c(1, 3, 40), threads = 2), one)
  expect_identical(nrow(one), 15L)
  for (k in seq_len(nrow(one))) {
    alone <- simulate_schedule(times, one$workers[[k]], one$schedule[[k]])
    expect_identical(one$makespan[[k]], alone$makespan)
    expect_equal(one$imbalance[[k]], alone$imbalance)
  }
  expect_error(compare_schedules(times, workers = 0), class = "rustle_error_argument")
  expect_error(compare_schedules(times, workers = 2, schedule = "fast"), class = "rustle_error_argument")
  expect_error(compare_schedules(-1, workers = 2), class = "rustle_error_argument")
})

test_that("many simulations print as a table of speed-ups", {
  few <- compare_schedules(times, c(2, 4), "static")
  expect_output(print(few), "makespan.*imbalance")
  many <- compare_schedules(times, 2^(0:6))
  shown <- capture.output(print(many))
  expect_length(shown, 10L)
  expect_match(shown[[2L]], "workers +stealing +static +cyclic +dynamic +guided")
  table <- utils::read.table(text = shown[2:9], header = TRUE)
  expect_equal(table$workers, 2^(0:6))
  expect_equal(table$cyclic, many$speedup[many$schedule == "cyclic"], tolerance = 0.01)
  expect_output(print(many[many$workers == 8, ]), "imbalance")
  expect_identical(class(as.data.frame(many)), "data.frame")
  expect_identical(dim(as.data.frame(many)), dim(many))
})
