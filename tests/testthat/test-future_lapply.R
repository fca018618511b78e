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
