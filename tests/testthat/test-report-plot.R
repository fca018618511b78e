# A report of many tasks and workers, as an executor would tell it.
large_report <- function(tasks = 1e5, workers = 64L) {
  each <- withr::with_seed(1, stats::rexp(tasks, 1000))
  worker <- rep_len(seq_len(workers), tasks)
  end <- stats::ave(each, worker, FUN = cumsum) + 0.01
  over <- max(end)
  busy <- as.vector(tapply(each, worker, sum))
  zero <- numeric(workers)
  made_report(list(
    executor = "multicore", call = quote(future_lapply(X, f)), tasks = tasks, workers = workers, policy = new_policy(), threads = 1L,
    settings = list(), forks = workers, claims = 100, steals = 3, losses = 0, bytes = 100, sent = NA_real_, number = 1,
    spans = list(task = seq_len(tasks), count = rep(1, tasks), worker = worker, start = end - each, end = end, growth = numeric(tasks), lost = logical(tasks), stolen = logical(tasks)),
    called = 0, launched = 0.005, ended = over + 0.01, start = Sys.time(), end = Sys.time()
  ))
}

test_that("the timeline holds as much time as tasks took, however many there are", {
  for (tasks in c(1L, 10L, 1e5)) {
    x <- large_report(tasks, 64L)
    for (rows in c(128L, 16L)) {
      bins <- timeline_of(x, bins = 400L, rows = rows)
      expect_lte(nrow(bins$share), 64L)
      expect_true(all(bins$share >= 0 & bins$share <= 1))
      got <- sum(bins$share * lengths(bins$rows)) * x$wall / 400
      expect_equal(got, x$busy, tolerance = 1e-6)
    }
  }
  expect_identical(timeline_of(large_report(10L, 3L), rows = 2L)$rows, list(1L, 2:3))
})

test_that("reports can be drawn, whole and in part", {
  withr::local_pdf(NULL)
  for (x in list(large_report(), large_report(3L, 2L), { future_lapply(1, identity); job_report() })) {
    expect_identical(plot(x), x)
    for (which in c("timeline", "tasks", "parts")) expect_identical(plot(x, which = which), x)
  }
  expect_error(plot(x, which = "pie"), class = "rustle_error_argument")
})

test_that("the histogram is logarithmic where one long task would leave a single bar of the others", {
  expect_false(are_wide(c(1, 2, 20)))
  expect_false(are_wide(c(0, 1, 100)))
  expect_false(are_wide(numeric()))
  expect_true(are_wide(c(1, 2, 100)))
  x <- large_report(300L, 2L)
  x$spans$start[[1L]] <- x$spans$end[[1L]] - 100 * max(x$spans$end - x$spans$start)
  expect_true(are_wide(task_seconds(x)))
  withr::with_pdf(NULL, {
    plot(x, which = "tasks")
    expect_gt(diff(graphics::par("usr")[1:2]), log10(30)) # in powers of ten
  })
  skip_if_not_installed("ggplot2", "3.4.0")
  expect_match(ggplot2::autoplot(x, which = "tasks")$labels$x, "logarithmic", fixed = TRUE)
  expect_no_match(ggplot2::autoplot(large_report(300L, 2L), which = "tasks")$labels$x, "logarithmic", fixed = TRUE)
})

test_that("the settings of the device are those from before", {
  withr::local_pdf(NULL)
  before <- graphics::par(c("mar", "mfrow"))
  plot(large_report(10L, 2L))
  expect_identical(graphics::par(c("mar", "mfrow")), before)
})

test_that("ggplot2 draws them too", {
  skip_if_not_installed("ggplot2")
  withr::local_pdf(NULL)
  for (which in c("timeline", "tasks", "parts")) {
    p <- ggplot2::autoplot(large_report(100L, 4L), which = which)
    expect_s3_class(p, "ggplot")
    expect_error(print(p), NA)
  }
})
