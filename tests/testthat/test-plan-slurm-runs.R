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
  expect_identical(rustle::collect(getExportedValue("dplyr", "as_tibble")(frame)), getExportedValue("dplyr", "collect")(getExportedValue("dplyr", "as_tibble")(frame)))
  handle <- structure(list(call = file.path(withr::local_tempdir(), "none")), class = "rustle_run")
  expect_s3_class(tryCatch(getExportedValue("dplyr", "collect")(handle), error = identity), "rustle_error_slurm")
})

slurm_runs <- NULL

test_that("wait = FALSE returns a handle, and collect() the value of the call", {
  slurm_runs <<- local_slurm(frame = teardown_env())
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  local_plan(slurm, dir = dir, nodes = 2, wait = FALSE)
  gate <- withr::local_tempfile(tmpdir = "/tmp")
  f <- function(i, more) {
    message("task ", i)
    until <- Sys.time() + 120
    while (!file.exists(gate) && Sys.time() < until) Sys.sleep(0.1)
    c(value = i + more, noise = runif(1))
  }
  run <- future_sapply(c(a = 1, b = 2, c = 3, d = 4), f, more = 10, future.seed = 5L)
  expect_s3_class(run, "rustle_run")
  # The tasks end after that.
  expect_true(status(run)$state %in% c("waiting", "running"))
  expect_identical(status(run)$done, 0L)
  file.create(gate)
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
      # What extend() needs holds functions.
    value$permuted$boot <- oracle$permuted$boot <- NULL
    fields <- Filter(function(field) !is.function(oracle[[field]]) && !field %in% c("run", "time", "threads"), names(oracle))
      expect_equal(unclass(value)[fields], unclass(oracle)[fields], ignore_attr = TRUE, info = name)
    }
  }
  expect_identical(jobs_left(), 0L)
})

test_that("arguments that calls have made are those of the call when it is collected elsewhere", {
  skip_if(is.null(slurm_runs), "no throw-away Slurm")
  make_loss <- function(p) {
    force(p)
    function(y, f) mean(abs(y - f)^p)
  }
  make_mean <- function(p) {
    force(p)
    function(d, i) mean(d[i]^p)
  }
  make_two <- function() function(x, y) mean(x) - mean(y)
  fit <- function(d) lm(mpg ~ wt + hp, d)
  v <- mtcars$mpg
  calls <- list(
    cv = quote(cv(mtcars[1:30, ], fit, response = "mpg", K = 5, loss = make_loss(3), seed = 4)),
    cv_select = quote(cv_select(mtcars, list(a = fit, b = function(d) lm(mpg ~ wt, d)), response = "mpg", K = 3, inner = 2, loss = make_loss(3), seed = 4)),
    validate_boot = quote(validate_boot(mtcars, fit, response = "mpg", loss = make_loss(1), R = 5, seed = 3)),
    bootstrap = quote(bootstrap(sqrt(v), make_mean(2), R = 20, seed = 5)),
    model = quote(bootstrap(lm(mpg ~ wt, mtcars), function(model) unname(coef(model))^2, R = 9, seed = 5)),
    default = quote(bootstrap(glm(am ~ wt, binomial, mtcars), R = 9, seed = 5)),
    series = quote(tsbootstrap(log(lynx), local({ p <- 2; function(x) mean(x^p) }), R = 9, l = 5, seed = 5)),
    permutation = quote(permutation_test(sqrt(v[1:10]), sqrt(v[11:20]), make_two(), R = 49, seed = 3)),
    formula = quote(permutation_test(mpg ~ am, data = subset(mtcars, wt > 1), statistic = make_two(), R = 49, seed = 3)),
    by = quote(future_by(mtcars[1:2], mtcars$cyl, function(d) mean(d$mpg)))
  )
  calls <- calls[some_or(c("cv", "model", "permutation", "by"), names(calls))]
  dirs <- lapply(calls, function(call) withr::local_tempdir(tmpdir = "/tmp", .local_envir = teardown_env()))
  for (name in names(calls)) {
    local_plan(slurm, dir = dirs[[name]], nodes = 1, wait = FALSE)
    expect_s3_class(eval(calls[[name]]), "rustle_run")
  }
  for (name in names(calls)) {
    value <- collect(dirs[[name]])
    oracle <- with_plan(sequential, eval(calls[[name]]))
    expect_identical(attr(value, "class"), attr(oracle, "class"), info = name)
    if (name == "by") {
      expect_identical(unclass(value)[1:3], unclass(oracle)[1:3])
      expect_identical(attributes(value)[c("dimnames", "call")], attributes(oracle)[c("dimnames", "call")])
      next
    }
    # What extend() needs holds functions.
    value$permuted$boot <- oracle$permuted$boot <- NULL
    fields <- Filter(function(field) !is.function(oracle[[field]]) && !field %in% c("run", "time", "threads", "seed", "stream", "L"), names(oracle))
    expect_equal(unclass(value)[fields], unclass(oracle)[fields], ignore_attr = TRUE, info = name)
  }
  # Code stays code, and does not run here.
  local_plan(slurm, dir = withr::local_tempdir(tmpdir = "/tmp"), nodes = 1, wait = FALSE)
  here <- Sys.getpid()
  run <- future_replicate(3, if (Sys.getpid() == here) stop("evaluated in the session") else mean(rnorm(3)), future.seed = 2)
  expect_identical(collect(run), with_plan(sequential, future_replicate(3, mean(rnorm(3)), future.seed = 2)))
  expect_identical(jobs_left(), 0L)
})

test_that("families keep their arguments as they were given, or in a form that they take for the same", {
  families <- c(
    "boot", "tsboot", "censboot", "bootstrap", "tsbootstrap", "jackknife", "permutation_test", "cv", "cv_select", "validate_boot",
    "conformal", "study", grep("^future_|^par[A-Z]|^cluster(Apply|Map)", getNamespaceExports("rustle"), value = TRUE)
  )
  # What checks an argument returns it, or its plain form.
  same <- c(
    "check_function", "check_flag", "check_loose_flag", "check_choice", "check_count", "check_whole", "check_level", "check_one_level",
    "columns_of_rows", "rows_of_learner", "check_grid", "check_replications", "check_packages", "check_more_args", "choose", "of_kept", "thread_count", "as.matrix", "sample.int"
  )
  for (name in families) {
    f <- get(name, asNamespace("rustle"))
    own <- names(formals(f))
    visit <- function(e) {
      if (!is.call(e) || identical(e[[1L]], quote(`function`))) return()
      if (identical(e[[1L]], quote(`<-`)) && is.symbol(e[[2L]]) && as.character(e[[2L]]) %in% own) {
        good <- is.call(e[[3L]]) && is.symbol(e[[3L]][[1L]]) && as.character(e[[3L]][[1L]]) %in% same
        # A default that depends on another argument is none that was given.
        if (!good) good <- paste(name, as.character(e[[2L]])) %in% c(
          "conformal newdata", "conformal K", "permutation_test studentize", "tsbootstrap n.sim", "clusterMap .scheduling"
        )
        expect_true(good, label = sprintf("%s() keeps its argument in %s", name, deparse1(e)))
      }
      for (part in as.list(e)) if (!missing(part)) visit(part)
    }
    visit(body(f))
  }
})

test_that("cancel() ends a run, and several runs need a key", {
  skip_if(is.null(slurm_runs), "no throw-away Slurm")
  dir <- withr::local_tempdir(tmpdir = "/tmp")
  local_plan(slurm, dir = dir, nodes = 1, wait = FALSE)
  first <- future_lapply(1:4, function(i) { Sys.sleep(300); i })
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
  gate <- withr::local_tempfile(tmpdir = "/tmp")
  held <- function(i) { until <- Sys.time() + 120; while (!file.exists(gate) && Sys.time() < until) Sys.sleep(0.1); i }
  third <- future_lapply(1:4, held)
  e <- tryCatch(future_lapply(1:6, held), error = identity)
  expect_match(conditionMessage(e), "under way")
  file.create(gate)
  expect_identical(collect(third), as.list(1:4))
  checkpoint_clear(dir)
  expect_length(list.files(dir), 0L)
})
