# What travels to workers that share no memory: see R/engine-parcel.R.

parcel_plans <- function() {
  c(few_plans()[c("sequential", "stealing 3", "dynamic 2")], list(multisession = list("multisession", workers = 2)))
}

# A class whose methods the session has, and a worker that was not forked from it has not.
bar <- function(...) structure(list(...), class = "rustle_bar")
local_methods <- function() {
  methods <- list(
    `[[` = function(x, i) 10 * unclass(x)[[i]], `[` = function(x, ...) stop("`[` is not what lapply() uses")
  )
  for (name in names(methods)) registerS3method(name, "rustle_bar", methods[[name]], envir = baseenv())
}

test_that("elements of a classed vector are what its `[[` says, whatever family and plan", {
  skip_if_not_installed("bit64")
  local_methods()
  x <- bar(a = 1, b = 2, c = 3)
  y <- getExportedValue("bit64", "as.integer64")(1:3)
  add <- function(a, b) a + b
  for (plan in names(parcel_plans())) {
    under_plan(parcel_plans()[[plan]], {
      expect_identical(future_lapply(x, identity), lapply(x, identity), info = plan)
      expect_identical(future_sapply(x, identity), sapply(x, identity), info = plan)
      expect_identical(future_vapply(x, identity, 0), vapply(x, identity, 0), info = plan)
      expect_identical(future_mapply(add, x, 1:3), mapply(add, x, 1:3), info = plan)
      expect_identical(future_mapply(add, 1:6, x), mapply(add, 1:6, x), info = plan)
      expect_identical(future_mapply(class, y), mapply(class, y), info = plan)
      expect_identical(future_Map(add, x, 1:3), Map(add, x, 1:3), info = plan)
      expect_identical(future_.mapply(add, list(x, 1:3), NULL), .mapply(add, list(x, 1:3), NULL), info = plan)
      expect_identical(clusterApply(NULL, x, identity), list(10, 20, 30), info = plan)
      expect_identical(clusterApplyLB(NULL, y, class), rep(list("integer64"), 3), info = plan)
      expect_identical(clusterMap(NULL, add, x, 1:3), Map(add, x, 1:3), info = plan)
      expect_identical(parLapply(NULL, x, identity), lapply(x, identity), info = plan)
      expect_identical(parSapplyLB(NULL, x, identity), sapply(x, identity), info = plan)
    })
  }
})

test_that("slices of an array with methods of its own are taken in the session", {
  registerS3method("[", "rustle_baz", function(x, ...) -NextMethod(), envir = baseenv())
  registerS3method("aperm", "rustle_baz", function(a, ...) structure(aperm(unclass(a), ...), class = "rustle_baz"), envir = baseenv())
  x <- structure(1:6, dim = 2:3, class = "rustle_baz")
  for (plan in names(parcel_plans())) {
    under_plan(parcel_plans()[[plan]], {
      expect_identical(future_apply(x, 1, sum), apply(x, 1, sum), info = plan)
      expect_identical(parApply(NULL, x, 2, range), apply(x, 2, range), info = plan)
    })
  }
})

test_that("future.globals.maxSize is for the user's globals, not for what is ours", {
  withr::local_options(future.globals.maxSize = 5e3)
  local_plan("multisession", workers = 2, compiled = "never")
  expect_identical(future_lapply(1:2, identity), list(1L, 2L))
  # Data do not count. (With new versions of future.apply they do.)
  expect_identical(future_sapply(list(numeric(1e4), 1), length), c(1e4L, 1L))
  big <- numeric(1e4)
  own <- list2env(list(big = big), parent = globalenv())
  f <- eval(quote(function(i) length(big)), own)
  expect_error(future_lapply(1:2, f), "future.globals.maxSize", fixed = TRUE)
  expect_error(
    future_lapply(1:2, function(i) i, future.globals = list(big = big)), "future.globals.maxSize", fixed = TRUE
  )
})

test_that("tasks see the future.globals.maxSize that was in force at the call", {
  seen <- function() future_lapply(1:2, function(i) getOption("future.globals.maxSize"))
  for (plan in parcel_plans()) {
    under_plan(plan, for (size in list(NULL, 1e6, 2e6, NULL)) {
      expect_identical(withr::with_options(list(future.globals.maxSize = size), seen()), list(size, size))
    })
  }
})

test_that("no function of ours takes its source text along, and a user's keeps it", {
  with_text <- function(f) {
    out <- eval(parse(text = deparse(f), keep.source = TRUE), environment(f))
    environment(out) <- environment(f)
    out
  }
  ours <- with_text(run_parcel)
  expect_false(is.null(attr(ours, "srcref")))
  expect_null(attr(without_source(ours), "srcref"))
  expect_lt(length(serialize(without_source(ours), NULL)), length(serialize(ours, NULL)))
  f <- with_text(eval(quote(function(i) i), globalenv()))
  expect_identical(without_source(f), f)
})

test_that("what runs on a worker uses base R only", {
  skip_if_not_installed("codetools")
  for (f in list(run_parcel, make_left_out, make_replicate, make_fold, value_check)) {
    used <- codetools::findGlobals(f)
    expect_true(all(vapply(used, exists, NA, envir = baseenv())))
  }
})

test_that("a worker that lacks a package which the tasks need says so", {
  parcel <- list(requires = "rustle.no.such.package")
  error <- expect_error(run_parcel(parcel, list()), class = "rustle_error_package")
  expect_identical(error$package, "rustle.no.such.package")
  expect_match(conditionMessage(error), "needs the package 'rustle.no.such.package'", fixed = TRUE)
})

test_that("all variables of a job's frame travel, the data of tasks cut down to them", {
  frame <- list2env(list(X = c(3, 1, 2), FUN = function(x, ...) x, also = "this"), open_frame(z = 1))
  job <- new_job(lapply_call, frame, 3L, new_policy())
  parcel <- job_parcel(job)
  expect_identical(parcel$worker$variables, list(also = "this"))
  expect_identical(parcel$worker$dots, list(z = 1))
  expect_identical(load_tasks(parcel, job, c(3L, 1L))$data, list(X = c(2, 3)))
  expect_identical(
    cut_data(list(a = list(1:3, 4:6), b = matrix(1:6, 2)), c(a = "vectors", b = "columns"), 2:3),
    list(a = list(2:3, 5:6), b = matrix(3:6, 2))
  )
})

test_that("a statistic finds the functions of the session, and nothing is attached for ours", {
  withr::defer(rm("rustle_helper", envir = globalenv()))
  assign("rustle_helper", function(x) sum(x), envir = globalenv())
  statistic <- eval(quote(function(d, i) c(rustle_helper(d$speed[i]), "package:rustle" %in% search())), globalenv())
  run <- function() bootstrap(cars, statistic, R = 5, seed = 1)$t[, 1]
  oracle <- with_plan("sequential", run())
  local_plan("multisession", workers = 2)
  expect_identical(run(), oracle)
  expect_identical(unname(jackknife(cars, statistic)$se[1]), unname(with_plan("sequential", jackknife(cars, statistic)$se[1])))
})

# Of each outer task: its process, and those of the inner loop's tasks.
nested_pids <- function() {
  foreach::`%dopar%`(foreach::foreach(i = 1:2), {
    inner <- foreach::`%dopar%`(foreach::foreach(j = 1:2), Sys.getpid())
    list(outer = Sys.getpid(), inner = unlist(inner))
  })
}

run_elsewhere <- function(pids) vapply(pids, function(p) !p$outer %in% c(p$inner, Sys.getpid()), NA)

test_that("a loop in a loop finds our backend and the next level of the plan", {
  skip_if_not_installed("foreach")
  skip_on_cran()
  skip_without_fork()
  foreach::registerDoSEQ()
  withr::defer(foreach::registerDoSEQ())
  registerDoRustle()
  for (plan in list(tweak(multisession, workers = 2), tweak(cluster, workers = 2))) {
    with_plan(list(plan, tweak(multicore, workers = 2)), {
      said <- observe(nested_pids())
      expect_null(said$message)
      expect_length(said$warnings, 0L)
      # The next level forks: the inner tasks have processes of their own.
      expect_true(all(run_elsewhere(said$value)))
      # In tasks of other families too.
      pids <- future_lapply(1:2, function(i) {
        inner <- foreach::`%dopar%`(foreach::foreach(j = 1:2), Sys.getpid())
        list(outer = Sys.getpid(), inner = unlist(inner))
      })
      expect_true(all(run_elsewhere(pids)))
    })
    # Below the last level calls are sequential: in the worker, without a warning.
    with_plan(plan, {
      said <- observe(nested_pids())
      expect_length(said$warnings, 0L)
      expect_true(all(vapply(said$value, function(p) all(p$inner == p$outer), NA)))
    })
  }
})
