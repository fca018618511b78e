# Records of executors and plans: what families ask them.

test_that("an executor that does not exist is an error, not a future", {
  error <- expect_error(executor("multicroe"), class = "rustle_error_internal")
  expect_identical(error$executor, "multicroe")
})

test_that("every strategy of future has its executor", {
  expect_identical(executor_of(sequential)$name, "sequential")
  expect_identical(executor_of(multisession)$name, if (has_standing_workers()) "multisession" else "future")
  expect_identical(executor_of(tweak(cluster, workers = 1))$name, "cluster")
  skip_without_fork()
  expect_identical(executor_of(multicore)$name, "multicore")
  withr::local_options(parallelly.fork.enable = FALSE)
  expect_identical(executor_of(multicore)$name, "future")
})

test_that("every executor answers every question", {
  for (name in c("sequential", "multicore", "multisession", "cluster", "future")) {
    e <- executor(name)
    expect_named(e, names(formals(new_executor)))
    expect_true(is.function(e$run))
    answers <- e[c("in_session", "shares_memory", "cheap_claims", "any_number", "keeps")]
    expect_true(all(vapply(answers, function(x) isTRUE(x) || isFALSE(x), NA)))
    if (e$in_session) expect_true(e$shares_memory)
  }
})

test_that("a call that wants another number of workers gets a plan that has them, or none", {
  skip_without_fork()
  resized <- function(workers) {
    plan <- resize_plan(current_plan(), workers)
    if (!is.null(plan)) list(plan$executor$name, plan$workers, plan$limit, plan$own_workers)
  }
  with_plan("multicore", workers = 2, expect_identical(resized(5L), list("multicore", 5L, NULL, FALSE)))
  with_plan("sequential", expect_identical(resized(2L), list("multicore", 2L, NULL, FALSE)))
  with_plan("cluster", workers = 3, {
    expect_identical(resized(3L), list("cluster", 3L, NULL, FALSE))
    expect_identical(resized(2L), list("cluster", 2L, 2L, FALSE))
    expect_null(resized(4L))
  })
  skip_if_not(has_standing_workers(), "no workers that stand by here")
  with_plan("multisession", workers = 3, {
    for (n in 2:4) expect_identical(resized(n), list("multisession", n, NULL, FALSE))
  })
  withr::local_options(parallelly.fork.enable = FALSE)
  with_plan("sequential", expect_identical(resized(2L), list("multisession", 2L, NULL, FALSE)))
})
