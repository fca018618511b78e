test_that("a preview runs no more than the tasks that it tries, spread over X", {
  ran <- integer()
  f <- function(i) { ran <<- c(ran, i); Sys.sleep(0.001); i }
  plans <- list(list("sequential"), list("multisession", workers = 2, compiled = "never"))
  if (parallelly::supportsMulticore()) plans <- c(plans, list(list("multicore", workers = 2, compiled = "never")))
  for (plan in plans) {
    ran <- integer()
    x <- under_plan(plan, preview_job(future_lapply(1:101, f)))
    expect_s3_class(x, "rustle_preview")
    expect_identical(ran, c(1L, 26L, 51L, 76L, 101L))
    expect_identical(x$tried$task, ran)
    expect_identical(x$tasks, 101L)
    expect_true(all(diff(x$table$workers) > 0))
    expect_equal(x$table$seconds[[1L]], sum(interpolated(ran, x$tried$seconds, 101)), tolerance = 0.2)
    expect_true(all(nchar(utils::capture.output(print(x)), "width") <= 80L))
    ran <- integer()
    x <- under_plan(plan, preview_job(future_lapply(1:101, f), tasks = 0))
    expect_length(ran, 0L)
    expect_null(x$table)
    expect_output(print(x), "101 tasks")
  }
})

test_that("every family can be previewed", {
  skip_without_fork()
  local_plan("multicore", workers = 2, compiled = "never")
  f <- function(i, ...) i
  calls <- expression(
    future_sapply(1:9, f), future_Map(f, 1:9), mclapply(1:9, f, mc.cores = 2), parLapply(NULL, 1:9, f),
    boot(1:9, function(x, i) mean(x[i]), R = 9, parallel = "multicore", ncpus = 2)
  )
  for (call in calls) {
    x <- eval(as.call(list(quote(preview_job), call)))
    expect_identical(as.integer(x$tasks), 9L, info = deparse(call))
    expect_true(all(is.na(x$tried$error)), info = deparse(call))
  }
})

test_that("the random state and the tasks' numbers are those of the call", {
  drawn <- numeric()
  f <- function(i) drawn[[i]] <<- rnorm(1)
  set.seed(3)
  before <- globalenv()$.Random.seed
  preview_job(future_lapply(1:3, f, future.seed = 42), tasks = 3)
  expect_identical(globalenv()$.Random.seed, before)
  expect_identical(as.list(drawn), future_lapply(1:3, function(i) rnorm(1), future.seed = 42))
})

test_that("what would be sent, what is dragged and what cannot travel are told", {
  f <- local({ y <- rnorm(1e6); function(i) i })
  x <- preview_job(future_lapply(1:4, f), tasks = 1)
  expect_gt(x$sent, 8e6)
  expect_match(x$largest$place[[1L]], "environment(FUN)$y", fixed = TRUE)
  expect_false(x$largest$needed[[1L]])
  # A pointer that leads to something.
  pointer <- rs_parcel_pack(1, 1)
  g <- local({ p <- pointer; function(i) { p; i } })
  x <- preview_job(future_lapply(1:4, g), tasks = 1)
  expect_match(x$cannot$place, "environment(FUN)$p", fixed = TRUE, all = FALSE)
  expect_output(print(x), "Cannot travel")
  x <- preview_job(future_lapply(1:4, identity, future.packages = "stats"), tasks = 1)
  expect_true("stats" %in% x$packages)
})

test_that("a task that fails is told", {
  x <- preview_job(future_lapply(1:3, function(i) if (i == 2) stop("no luck") else i), tasks = 3)
  expect_identical(is.na(x$tried$error), c(TRUE, FALSE, TRUE))
  expect_output(print(x), "Task 2 failed: no luck")
})

test_that("advice comes before the call", {
  skip_without_fork()
  x <- with_plan("multicore", workers = 2, compiled = "never", preview_job(future_lapply(1:8, function(i) Sys.sleep(if (i <= 4) 0.1 else 0), future.chunk.size = 4), tasks = 8))
  expect_true("chunks" %in% x$advice$kind)
  x <- with_plan("multicore", workers = 2, compiled = "never", preview_job(future_lapply(1:8, function(i) Sys.sleep(0.02)), tasks = 3))
  expect_false("chunks" %in% x$advice$kind)
})

test_that("wrong arguments, and what makes no call, are told", {
  expect_error(preview_job(), class = "rustle_error_argument")
  expect_error(preview_job(1 + 1), class = "rustle_error_argument")
  expect_error(preview_job(future_lapply(1:3, identity), tasks = -1), class = "rustle_error_argument")
  expect_error(preview_job(future_lapply(1:3, identity), workers = 0), class = "rustle_error_argument")
  # The next call runs.
  expect_identical(future_lapply(1:3, identity), as.list(1:3))
})
