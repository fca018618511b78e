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
