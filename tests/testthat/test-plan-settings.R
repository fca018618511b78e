# Settings of plan() that the workers of the plan have no use for.

test_that("a setting of other workers is told, and the plan is set", {
  skip_without_fork()
  oplan <- plan()
  withr::defer(plan(oplan))
  told <- function(expr) {
    heard <- NULL
    withCallingHandlers(expr, rustle_warning_setting = function(w) {
      heard <<- c(heard, w$settings)
      invokeRestart("muffleWarning")
    })
    heard
  }
  expect_identical(told(plan(multicore, workers = 2, setup = function() 1, cores = 2)), c("setup", "cores"))
  expect_identical(nbrOfWorkers(), 2L)
  warning <- expect_warning(plan(sequential, idle_timeout = 5, memory_limit = 1e9), class = "rustle_warning_setting")
  expect_match(
    conditionMessage(warning),
    "`memory_limit`, `idle_timeout` have no effect: only workers of plan(multisession) have such a setting, and the plan is sequential",
    fixed = TRUE
  )
  expect_identical(told(plan(cache = 1e6)), "cache")
  expect_identical(told(plan(cluster, workers = 1, cache = 1e6, heartbeat = 5)), "cache")
  expect_identical(told(plan(multisession, workers = 2, heartbeat = 5)), "heartbeat")
  for (quiet in list(
    quote(plan(cluster, workers = 1, cores = 1, setup = function() 1)),
    quote(plan(multisession, workers = 2, setup = function() 1, idle_timeout = 5, cache = 1e6, memory_limit = 1e9)),
    quote(plan(list(sequential, multisession), idle_timeout = 5)), quote(plan(idle_timeout = 6)),
    quote(plan(multicore, workers = 2, retries = 1, schedule = "static")), quote(plan(setup = NULL))
  )) {
    expect_identical(told(eval(quiet)), NULL)
  }
})
