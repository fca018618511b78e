# Simulation studies: numbers that depend on seed, condition and replication alone.

study_grid <- function() expand.grid(n = c(5, 10), shape = c("a", "b"), stringsAsFactors = FALSE)
one_value <- function(n, shape) c(mean = mean(stats::rnorm(n)), n2 = n * 2)
plain <- function(x) structure(as.data.frame(unclass(x)), failures = NULL, seed = NULL)

test_that("a study has a row per condition and replication, in order", {
  x <- study(study_grid(), one_value, replications = 3, seed = 1)
  expect_s3_class(x, c("rustle_study", "data.frame"), exact = TRUE)
  expect_named(x, c("n", "shape", "replication", "mean", "n2"))
  expect_identical(x$replication, rep(1:3, 4L))
  expect_identical(x$n, rep(rep(c(5, 10), each = 3L), 2L))
  expect_identical(x$n2, x$n * 2)
  expect_identical(anyDuplicated(x$mean), 0L)
  expect_identical(attr(x, "seed"), 1L)
  expect_identical(nrow(study_failures(x)), 0L)
  expect_output(print(x), "study: 12 rows, seed 1, no failures")
})

test_that("numbers are the same under every plan, for every part of a study, and whatever else is in the grid", {
  whole <- study(study_grid(), one_value, replications = 6, seed = 1)
  for (plan in few_plans()) {
    under_plan(plan, expect_identical(study(study_grid(), one_value, replications = 6, seed = 1), whole))
  }
  part <- study(study_grid()[c(4, 2), 2:1], one_value, replications = c(5, 2), seed = 1)
  at <- match(paste(part$n, part$shape, part$replication), paste(whole$n, whole$shape, whole$replication))
  expect_identical(part$mean, whole$mean[at])
  expect_false(any(study(study_grid(), one_value, replications = 2, seed = 2)$mean %in% whole$mean))
})

test_that("without a seed set.seed() governs, with one the generator does not move", {
  withr::local_preserve_seed()
  set.seed(1)
  first <- study(study_grid(), one_value, replications = 2)
  expect_false(identical(study(study_grid(), one_value, replications = 2)$mean, first$mean))
  set.seed(1)
  expect_identical(study(study_grid(), one_value, replications = 2), first)
  before <- .Random.seed
  study(study_grid(), one_value, replications = 2, seed = 3)
  expect_identical(.Random.seed, before)
})

test_that("failures are data, and can be run again", {
  f <- function(n, shape) { x <- stats::rnorm(n); if (shape == "b" && x[[1L]] > 0) stop("positive ", x[[1L]]); x[[1L]] }
  x <- study(study_grid(), f, replications = 10, seed = 4)
  failures <- study_failures(x)
  expect_named(failures, c("n", "shape", "replication", "class", "message", "seed", "task"))
  expect_gt(nrow(failures), 0L)
  expect_identical(nrow(x) + nrow(failures), 40L)
  expect_identical(unique(failures$shape), "b")
  expect_identical(unique(failures$class), "simpleError")
  withr::local_preserve_seed()
  assign(".Random.seed", failures$seed[[1L]], globalenv())
  error <- tryCatch(f(failures$n[[1L]], failures$shape[[1L]]), error = conditionMessage)
  expect_identical(error, failures$message[[1L]])
  expect_output(print(x), "failures: see study_failures()", fixed = TRUE)
  all_fail <- study(study_grid(), function(n, shape) stop("no"), replications = 2, seed = 1)
  expect_identical(nrow(all_fail), 0L)
  expect_identical(nrow(study_failures(all_fail)), 8L)
})

test_that("results of every shape become columns", {
  run <- function(f) study(data.frame(k = 1:2), f, replications = 2, seed = 1)
  expect_identical(run(function(k) k)$value, c(1L, 1L, 2L, 2L))
  expect_named(run(function(k) c(1, 2)), c("k", "replication", "value1", "value2"))
  expect_named(run(function(k) list(a = 1, b = "x")), c("k", "replication", "a", "b"))
  expect_identical(run(function(k) list(a = k, b = "x"))$a, c(1L, 1L, 2L, 2L))
  several <- run(function(k) data.frame(method = c("u", "v"), est = k * 1:2))
  expect_identical(nrow(several), 8L)
  expect_identical(several$est, c(1L, 2L, 1L, 2L, 2L, 4L, 2L, 4L))
  expect_identical(nrow(run(function(k) if (k == 2L) c(a = 1))), 2L)
  uneven <- run(function(k) if (k == 2L) c(a = 1, b = 2) else c(a = 1))
  expect_identical(uneven$b, c(NA, NA, 2, 2))
  expect_named(run(function(k) c(k = 5)), c("k", "replication", "k.value"))
  expect_identical(lengths(run(function(k) list(1:k, 2))$value), c(2L, 2L, 2L, 2L))
})

test_that("columns may be lists and factors, and further arguments are the same for all", {
  grid <- data.frame(k = factor(c("u", "v")))
  grid$data <- list(1:3, 4:9)
  x <- study(grid, function(k, data, by, ...) c(sum = sum(data) * by, u = k == "u"), by = 10, replications = 1, seed = 1)
  expect_identical(x$sum, c(60, 390))
  expect_identical(x$u, c(1, 0))
})

test_that("a study is extended and resumed with a checkpoint", {
  dir <- withr::local_tempdir()
  log <- withr::local_tempfile()
  f <- function(n, shape) { cat("x\n", file = log, append = TRUE); stats::rnorm(1, n) }
  environment(f) <- list2env(list(log = log), parent = globalenv())
  runs <- function() { n <- length(readLines(log)); file.create(log); n }
  file.create(log)
  run <- function(grid, replications) suppressMessages(with_checkpoint(dir, study(grid, f, replications = replications, seed = 1)))
  run(study_grid()[1:2, ], 3)
  expect_identical(runs(), 6L)
  run(study_grid()[1:2, ], 4:5)
  expect_identical(runs(), 4L)
  whole <- run(study_grid(), 5)
  expect_identical(runs(), 10L)
  expect_identical(run(study_grid(), 5), whole)
  expect_identical(runs(), 0L)
  expect_identical(study(study_grid(), f, replications = 5, seed = 1), whole)
})

test_that("wrong arguments are errors before anything runs", {
  f <- function(n, shape) stop("ran")
  grid <- study_grid()
  expect_argument_error(study(list(1), f, replications = 1), "grid")
  expect_argument_error(study(grid[0L, ], f, replications = 1), "grid")
  expect_argument_error(study(rbind(grid, grid[2L, ]), f, replications = 1), "grid")
  expect_argument_error(study(data.frame(replication = 1), f, replications = 1), "grid")
  expect_argument_error(study(grid, function(n) n, replications = 1), "fun")
  expect_argument_error(study(grid, 1, replications = 1), "fun")
  for (bad in list(0, 1.5, NA, "a", c(1, 1), numeric())) expect_argument_error(study(grid, f, replications = bad), "replications")
  expect_argument_error(study(grid, f), "replications")
  expect_argument_error(study(grid, f, replications = 1, seed = "a"), "seed")
  expect_argument_error(study_failures(1), "x")
})

test_that("states of conditions are valid and differ", {
  states <- lapply(1:200, function(k) state_of_hash(1L, content_hash(k)))
  expect_true(all(vapply(states, is_lecuyer, NA)))
  expect_identical(anyDuplicated(states), 0L)
  expect_true(all(vapply(states, is_random_seed, NA)))
})
