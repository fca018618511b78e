# What future_lapply() does like lapply() on every executor is in
# helper-conformance-claims.R.

test_that("a call inside a call gives what lapply() gives when the plan has two levels", {
  skip_without_fork()
  nested <- function(f) f(1:3, function(i) f(1:i, function(j) i * j))
  out <- with_plan(
    list(tweak("multicore", workers = 2), tweak("multicore", workers = 2)), nested(future_lapply)
  )
  expect_identical(out, nested(lapply))
})

test_that("arguments of FUN may have any name", {
  for (name in c("n", "x", "d", "o", "i", "r", "s", "fu", "newX", "parts", "original", "call", "job", "frame", "values")) {
    with <- function(f, ...) do.call(f, c(list(...), stats::setNames(list(7), name)))
    say <- function(.x, ...) paste(names(list(...)), ..., ...length())
    expected <- paste(name, 7, 1)
    expect_identical(with(future_sapply, 1:2, say), rep(expected, 2))
    expect_identical(with(future_apply, diag(2), 1, say), rep(expected, 2))
    expect_identical(unname(c(with(future_tapply, 1:4, c(1, 1, 2, 2), say))), rep(expected, 2))
    if (name != "d") expect_identical(unname(c(with(future_by, warpbreaks, warpbreaks$tension, say))), rep(expected, 3))
    expect_identical(with(future_eapply, list2env(list(a = 1)), say), list(a = expected))
  }
  expect_identical(future_eapply(list2env(list(a = 1)), function(x, X) X, X = 2), list(a = 2))
  expect_identical(c(future_by(warpbreaks, warpbreaks$tension, function(x, X) X, X = 2)), c(L = 2, M = 2, H = 2))
})

test_that("future's operators are arguments of the next call, and of no other", {
  skip_without_fork()
  groups <- data.frame(g = rep(1:3, each = 2L), v = 1:6)
  variables <- list2env(list(a = 1, b = 2))
  draw <- function(...) runif(1)
  calls <- list(
    function(...) future_lapply(1:6, draw, ...), function(...) future_sapply(1:6, draw, ...),
    function(...) future_vapply(1:6, draw, 1, ...), function(...) future_mapply(draw, 1:6, ...),
    function(...) future_Map(draw, 1:6, ...), function(...) future_.mapply(draw, list(1:6), NULL, ...),
    function(...) future_apply(matrix(1:6, 2L), 2L, draw, ...), function(...) future_tapply(1:6, 1:6, draw, ...),
    function(...) future_eapply(variables, draw, ...), function(...) future_replicate(6, runif(1), ...),
    function(...) c(future_by(groups, groups$g, draw, ...)), function(...) future_Filter(function(x) runif(1) > 0.5, 1:20, ...)
  )
  for (plan in few_plans()[c(1, 3)]) {
    do.call(local_plan, plan)
    for (call in calls) {
      for (seed in list(TRUE, 42L)) {
        expected <- observe(call(future.seed = seed), test_seeds()$mersenne)
        for (chunk in list(NULL, 1L, 4L)) {
          got <- observe(
            {
              options(future.disposable = list(seed = seed, chunk.size = chunk, no_such_argument = 1))
              call()
            },
            test_seeds()$mersenne
          )
          expect_identical(got, expected)
          expect_null(getOption("future.disposable"))
        }
        expect_identical(observe(call() %seed% seed, test_seeds()$mersenne), expected)
      }
    }
    expect_output(future_lapply(1:2, print) %stdout% FALSE, NA)
    said <- capture.output(future_lapply(1:2, print))
    expect_identical(said[1:2], c("[1] 1", "[1] 2"))
    expect_error(future_lapply(1:2, identity) %globals% 7, class = "rustle_error_argument")
    expect_null(getOption("future.disposable"))
  }
})
