# status(), collect() and cancel(): calls that are not waited for.

test_that("a directory without runs, and what is no directory, are told", {
  dir <- withr::local_tempdir()
  expect_identical(nrow(status(dir)), 0L)
  expect_s3_class(tryCatch(collect(dir), error = identity), "rustle_error_slurm")
  expect_s3_class(tryCatch(collect(1), error = identity), "rustle_error_argument")
  expect_s3_class(tryCatch(cancel(file.path(dir, "none")), error = identity), "rustle_error_checkpoint")
})

test_that("collect() is dplyr's for what is dplyr's, whoever is attached last", {
  skip_if_not_installed("dplyr")
  frame <- data.frame(x = 1:2)
  expect_identical(rustle::collect(dplyr::as_tibble(frame)), dplyr::collect(dplyr::as_tibble(frame)))
  handle <- structure(list(call = file.path(withr::local_tempdir(), "none")), class = "rustle_run")
  expect_s3_class(tryCatch(dplyr::collect(handle), error = identity), "rustle_error_slurm")
})

slurm_runs <- NULL

test_that("wait = FALSE returns a handle, and collect() the value of the call", {
  slurm_runs <<- local_slurm(frame = teardown_env())
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  local_plan(slurm, dir = dir, nodes = 2, wait = FALSE)
  f <- function(i, more) {
    message("task ", i)
    Sys.sleep(0.5)
    c(value = i + more, noise = runif(1))
  }
  begun <- Sys.time()
  run <- future_sapply(c(a = 1, b = 2, c = 3, d = 4), f, more = 10, future.seed = 5L)
  expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 5)
  expect_s3_class(run, "rustle_run")
  expect_true(status(run)$state %in% c("waiting", "running", "complete"))
  expect_output(print(run), "tasks done")
  seed <- .Random.seed
  said <- capture_messages(value <- collect(run))
  expect_identical(.Random.seed, seed)
  oracle <- with_plan(sequential, suppressMessages(future_sapply(c(a = 1, b = 2, c = 3, d = 4), f, more = 10, future.seed = 5L)))
  expect_identical(value, oracle)
  expect_identical(sum(grepl("task", said)), 4L)
  expect_identical(status(dir)$state, "finished")
  # From another session, once more.
  other <- run_r(timeout = 60, args = dir, { out <- suppressMessages(collect(commandArgs(TRUE)[[1L]])) })
  expect_identical(other$value, oracle)
  expect_identical(jobs_left(), 0L)
})

test_that("a study and a failed task come from a directory as from the call", {
  skip_if(is.null(slurm_runs), "no throw-away Slurm")
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  grid <- data.frame(n = c(4, 8))
  one <- function(n) if (n == 8 && runif(1) < 0.5) stop("unlucky") else mean(rnorm(n))
  local_plan(slurm, dir = dir, nodes = 1, wait = FALSE)
  run <- study(grid, one, replications = 4, seed = 2)
  value <- collect(dir)
  oracle <- with_plan(sequential, study(grid, one, replications = 4, seed = 2))
  expect_equal(value, oracle, ignore_attr = TRUE)
  expect_identical(study_failures(value)$message, study_failures(oracle)$message)
  run <- future_lapply(1:3, function(i) if (i == 2) stop("two") else i)
  e <- tryCatch(collect(run), error = identity)
  expect_match(conditionMessage(e), "two")
  expect_identical(e$task, 2L)
  expect_identical(jobs_left(), 0L)
})

test_that("what a call draws in the session is the same when it is collected, whatever was drawn since", {
  skip_if(is.null(slurm_runs), "no throw-away Slurm")
  calls <- list(
    boot = quote(boot(c(2, 5, 9, 4, 7), function(d, i) mean(d[i]), R = 40)),
    bootstrap = quote(bootstrap(c(2, 5, 9, 4, 7), function(d, i) mean(d[i]), R = 40)),
    study = quote(study(data.frame(n = c(4, 8)), function(n) mean(rnorm(n)), replications = 3)),
    cv = quote(cv(mtcars, function(d) lm(mpg ~ wt, d), predict, response = "mpg", K = 3))
  )
  for (name in names(calls)) {
    withr::local_seed(5)
    oracle <- with_plan(sequential, eval(calls[[name]]))
    after <- .Random.seed
    local_plan(slurm, dir = withr::local_tempdir(tmpdir = "/tmp"), nodes = 1, wait = FALSE)
    set.seed(5)
    run <- eval(calls[[name]])
    expect_s3_class(run, "rustle_run")
    expect_identical(.Random.seed, after, info = name)
    runif(7)
    value <- collect(run)
    if (name == "boot") {
      expect_identical(value[c("t", "seed", "call")], oracle[c("t", "seed", "call")])
      expect_identical(boot.array(value), boot.array(oracle))
    } else {
      fields <- Filter(function(field) !is.function(oracle[[field]]) && !field %in% c("run", "time", "threads"), names(oracle))
      expect_equal(unclass(value)[fields], unclass(oracle)[fields], ignore_attr = TRUE, info = name)
    }
  }
  expect_identical(jobs_left(), 0L)
})

test_that("cancel() ends a run, and several runs need a key", {
  skip_if(is.null(slurm_runs), "no throw-away Slurm")
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  local_plan(slurm, dir = dir, nodes = 1, wait = FALSE)
  first <- future_lapply(1:4, function(i) { Sys.sleep(60); i })
  second <- future_lapply(1:4, function(i) i * 2)
  expect_identical(nrow(status(dir)), 2L)
  expect_s3_class(tryCatch(collect(dir), error = identity), "rustle_error_argument")
  expect_identical(collect(dir, key = status(second)$key), as.list(1:4 * 2))
  cancel(first)
  expect_identical(jobs_left(), 0L)
  expect_identical(status(first)$state, "cancelled")
  e <- tryCatch(collect(first), error = identity)
  expect_s3_class(e, "rustle_error_slurm")
  # A call of the same function with other elements would run tasks twice.
  third <- future_lapply(1:4, function(i) { Sys.sleep(2); i })
  e <- tryCatch(future_lapply(1:6, function(i) { Sys.sleep(2); i }), error = identity)
  expect_match(conditionMessage(e), "under way")
  expect_identical(collect(third), as.list(1:4))
  checkpoint_clear(dir)
  expect_length(list.files(dir), 0L)
})
