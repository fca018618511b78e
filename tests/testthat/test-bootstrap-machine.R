# bootstrap() of functions that compile, under plan(threads): the replicates of all other plans.

test_that("functions of indices, frequencies and weights have the same replicates on threads", {
  x <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5, 2.25)
  m <- cbind(x, rev(x) / 2)
  dimnames(m) <- NULL
  scaled <- function(v, by) mean(v) * by
  runs <- list(
    function() bootstrap(x, function(d, i) mean(d[i]), R = 99, seed = 1),
    function() bootstrap(x, function(d, w) sum(d * w), R = 99, seed = 1, stype = "w"),
    function() bootstrap(x, function(d, f) sum(d * f) / sum(f), R = 99, seed = 1, stype = "f"),
    function() bootstrap(x, function(d, i) c(mean = mean(d[i]), n = 8L), R = 99, seed = 1),
    function() bootstrap(x, function(d, i, by) scaled(d[i], by), R = 99, seed = 1, by = 3),
    function() bootstrap(x, function(d, i) mean(d[i]) + rnorm(1), R = 99, seed = 1),
    function() bootstrap(x, function(d, i) which.max(d[i]), R = 99, seed = 1, strata = rep(1:2, 4)),
    function() bootstrap(m, function(d, i) cor(d[i, 1], d[i, 2]), R = 99, seed = 1),
    function() bootstrap(x, function(d, i) if (d[i][1] < 0) stop("negative") else mean(d[i]), R = 99, seed = 1, on_error = "na"),
    function() bootstrap(x, function(d, i) if (d[i][1] < 0) c(1, 2) else 1, R = 30, seed = 1, on_error = "na")
  )
  values <- function(run) {
    # The statistic of the data may draw, from the session's numbers.
    withr::local_seed(3)
    out <- suppressWarnings(run())
    list(out$t, out$t0)
  }
  for (run in runs) {
    oracle <- under_plan(list("sequential"), values(run))
    for (workers in 1:2) {
      expect_identical(under_plan(list("threads", workers = workers), values(run)), oracle, label = deparse1(body(run)))
    }
  }
  under_plan(list("threads", workers = 2), {
    runs[[1L]]()
    expect_equal(last_compiled$told$tasks, 99)
    suppressWarnings(runs[[9L]]())
    expect_identical(last_compiled$told$why, NULL)
    expect_gt(last_compiled$told$bailed, 0L)
    suppressWarnings(runs[[10L]]())
    expect_match(last_compiled$told$why, "not as many numbers")
    bootstrap(x, function(d, i) as.numeric(paste(mean(d[i]))), R = 9, seed = 1)
    expect_match(last_compiled$told$why, "paste")
    failed <- expect_error(bootstrap(x, function(d, i) if (d[i][1] < 0) stop("negative") else mean(d[i]), R = 99, seed = 1), "negative")
  })
  expect_identical(
    conditionMessage(failed),
    conditionMessage(tryCatch(bootstrap(x, function(d, i) if (d[i][1] < 0) stop("negative") else mean(d[i]), R = 99, seed = 1), error = identity))
  )
})

test_that("all replicates that are given up are those of R", {
  x <- c(3.2, 1.5, 4.75, -2)
  withr::defer(machine$bail <- FALSE)
  run <- function() bootstrap(x, function(d, i) mean(d[i]) + runif(1), R = 40, seed = 4)$t
  oracle <- run()
  machine$bail <- TRUE
  expect_identical(under_plan(list("threads", workers = 2), run()), oracle)
})
