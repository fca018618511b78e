# Tasks in the session.

test_that("a job that keeps errors runs all tasks and tells which failed", {
  local_plan("sequential")
  ran <- integer()
  error <- tryCatch(
    parLapply(NULL, 1:5, function(i) {
      ran <<- c(ran, i)
      if (i %in% c(2, 4)) stop("no ", i)
    }),
    error = identity
  )
  expect_identical(ran, 1:5)
  expect_identical(conditionMessage(error), "no 2")
  expect_identical(error$task, 2L)
  expect_identical(error$failed, c(2L, 4L))
})

test_that("a job that stops does so at the first error", {
  local_plan("sequential")
  ran <- integer()
  error <- tryCatch(future_lapply(1:5, function(i) {
    ran <<- c(ran, i)
    if (i >= 2) stop("no ", i)
  }), error = identity)
  expect_identical(ran, 1:2)
  expect_identical(error$task, 2L)
})
