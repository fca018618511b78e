kind_of <- function() attr(plan(), "rustle")[c("kind", "workers")]
state_of <- function(kind, workers) list(kind = kind, workers = as.integer(workers))

test_that("a strategy may be called with its arguments, as for future's plan()", {
  skip_without_fork()
  local_plan("sequential")
  two <- 2
  forms <- list(
    quote(plan(multicore(workers = 2))), quote(plan(multicore(workers = two))), quote(plan(future::multicore(workers = 2))),
    quote(plan(strategy = multicore(workers = 2))), quote(rustle::plan(multicore(), workers = 2)),
    quote(local_plan(multicore(workers = 2)))
  )
  for (form in forms) {
    plan("sequential")
    before <- eval(form)
    expect_s3_class(before, "rustle_plan")
    expect_identical(kind_of(), if (form[[1L]] == "local_plan") kind_of() else state_of("multicore", 2))
  }
  plan(multicore(workers = 2), schedule = "static", retries = 0)
  expect_identical(attr(plan(), "rustle")$settings[c("schedule", "retries")], list(schedule = "static", retries = 0L))
  plan(multicore(workers = 3, schedule = "cyclic"))
  expect_identical(kind_of(), state_of("multicore", 3))
  expect_identical(attr(plan(), "rustle")$settings$schedule, "cyclic")
  plan(sequential())
  expect_identical(kind_of(), state_of("sequential", 1))
  expect_identical(with_plan(multicore(workers = 2), kind_of()), state_of("multicore", 2))
  expect_identical(with_plan(sequential, substitute = FALSE, 1), 1)
  inside <- function() { local_plan(multicore(workers = 2)); kind_of() }
  expect_identical(inside(), state_of("multicore", 2))
  expect_identical(kind_of(), state_of("sequential", 1))
  error <- expect_argument_error(plan(multicore(workers = 0)), "workers")
  expect_identical(conditionCall(error), quote(plan(multicore(workers = 0))))
  expect_argument_error(plan(multicore(wokers = 2)), "wokers")
  expect_match(conditionMessage(expect_argument_error(plan(multicore(2)), "workers")), "`workers = 2`, not `2`", fixed = TRUE)
  # A function that returns a strategy is none.
  choose <- function(n) tweak(multicore, workers = n)
  plan(choose(2))
  expect_identical(kind_of(), state_of("multicore", 2))
})

test_that("workers of other processes may be called for in this way", {
  skip_on_cran()
  expect_identical(with_plan(multisession(workers = 2), kind_of()$workers), 2L)
  cl <- parallel::makePSOCKcluster(1L)
  withr::defer(parallel::stopCluster(cl))
  expect_identical(with_plan(cluster(workers = cl), future_lapply(1:2, identity)), list(1L, 2L))
})

test_that("substitute = FALSE, .skip, .call, .cleanup and .init are those of future", {
  skip_without_fork()
  local_plan("sequential")
  s <- "multicore"
  plan(s, substitute = FALSE, workers = 2)
  expect_identical(kind_of(), state_of("multicore", 2))
  plan(sequential, .cleanup = FALSE, .skip = TRUE, .init = FALSE, .call = NULL)
  expect_identical(kind_of(), state_of("sequential", 1))
  for (flag in c("substitute", ".skip", ".cleanup", ".init")) {
    expect_argument_error(do.call(plan, c(list("sequential"), stats::setNames(list("yes"), flag))), flag)
  }
})

test_that("workers given as they are, with I(), are counted so", {
  skip_without_fork()
  for (strategy in list(multicore, multisession)) {
    for (n in 1:2) {
      local_plan("sequential")
      theirs <- under_future({
        future::plan(list(future::tweak(strategy, workers = I(n))), substitute = FALSE, .init = FALSE, .cleanup = FALSE)
        future::nbrOfWorkers()
      })
      ours <- with_plan(strategy, nbrOfWorkers(), workers = I(n))
      expect_identical(class(ours), class(theirs))
      expect_equal(unclass(ours), unclass(theirs))
    }
  }
  expect_false(inherits(with_plan("multicore", nbrOfWorkers(), workers = 2), "AsIs"))
})

test_that("a host without an address is refused when the plan is set, and nothing has changed", {
  skip_on_cran()
  skip_if_not(nzchar(Sys.which("ssh")), "no ssh")
  local_plan("sequential")
  skip_if_not(length(ssh_config("no-such-host.invalid")) > 0L, "ssh -G tells nothing")
  skip_if(has_address("no-such-host.invalid"), "every name has an address here")
  error <- expect_argument_error(plan(cluster, workers = c("localhost", "no-such-host.invalid")), "workers")
  expect_match(conditionMessage(error), "no-such-host.invalid", fixed = TRUE)
  expect_argument_error(plan(cluster(workers = "no-such-host.invalid")), "workers")
  expect_argument_error(plan(cluster, workers = c("localhost", NA)), "workers")
  expect_identical(kind_of(), state_of("sequential", 1))
})

test_that("hosts that only ssh can reach are left to it", {
  directory <- withr::local_tempdir()
  # An ssh that knows an alias and a proxy.
  script <- file.path(directory, "ssh")
  writeLines(c("#!/bin/sh", "echo user me", "echo hostname $3", "echo proxyjump gate.invalid"), script)
  Sys.chmod(script, "755")
  withr::local_envvar(PATH = paste(directory, Sys.getenv("PATH"), sep = .Platform$path.sep))
  skip_on_os("windows")
  expect_silent(check_hosts("behind.invalid", NULL))
  writeLines(c("#!/bin/sh", "echo user me", "echo hostname 127.0.0.1"), script)
  expect_silent(check_hosts("alias.invalid", NULL))
  writeLines(c("#!/bin/sh", "exit 1"), script)
  expect_silent(check_hosts("unknown.invalid", NULL))
})
