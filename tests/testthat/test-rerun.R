draws <- function(x, power = 1) if (x == 3) stop(sprintf("bad %.10f", rnorm(1))) else x^power + rnorm(1) + runif(1)

test_that("a failed task fails again in the session, with its random numbers", {
  skip_without_fork()
  for (name in names(every_plan())) {
    plan <- every_plan()[[name]]
    f <- draws
    e <- under_plan(plan, tryCatch(future_lapply(c(1, 2, 3, 4), f, power = 2, future.seed = 7), error = identity))
    again <- tryCatch(rerun_task(e), error = identity)
    expect_identical(conditionMessage(again), conditionMessage(e), info = name)
    expect_identical(conditionMessage(tryCatch(rerun_task(), error = identity)), conditionMessage(e))
  }
})

test_that("a task of the last call has the value that its worker computed, bit for bit", {
  skip_without_fork()
  for (name in names(every_plan())) {
    plan <- every_plan()[[name]]
    before <- globalenv()[[".Random.seed"]]
    under_plan(plan, {
      value <- future_lapply(c(1, 2, 5, 6), draws, power = 2, future.seed = 7)
      for (k in 1:4) expect_identical(rerun_task(task = k), value[[k]], info = name)
      value <- future_mapply(function(a, b) a + b + rnorm(1), 1:3, 4:6, future.seed = TRUE)
      expect_identical(rerun_task(task = 2), value[[2L]])
      value <- future_sapply(1:3, function(i) i + rnorm(1), future.seed = lapply(c(5L, 6L, 7L), function(s) c(10407L, rep(s, 6L))))
      expect_identical(rerun_task(task = 3), value[[3L]])
    })
  }
})

test_that("calls of the other families can be rerun", {
  skip_without_fork()
  withr::local_seed(1, .rng_kind = "L'Ecuyer-CMRG")
  for (plan in few_plans()) under_plan(plan, {
    value <- parLapply(NULL, 1:5, function(i) i + rnorm(1))
    expect_identical(rerun_task(task = 4), value[[4L]])
    e <- tryCatch(parLapply(NULL, 1:5, function(i) if (i == 4) stop("no ", rnorm(1)) else i), error = identity)
    expect_identical(tryCatch(rerun_task(e), error = conditionMessage), conditionMessage(e))
    s <- bootstrap(mtcars$mpg, function(d, i) mean(d[i]) + rnorm(1), R = 20, seed = 3)
    expect_identical(rerun_task(task = 11), as.double(s$t[11L, ]))
    e <- tryCatch(bootstrap(1:9, function(d, i) if (i[[1L]] == 3L) stop("no ", rnorm(1)) else mean(d[i]), R = 60, seed = 1), error = identity)
    expect_identical(tryCatch(rerun_task(e), error = conditionMessage), e$reason)
    x <- study(data.frame(n = c(5, 9)), function(n) if (n == 9 && runif(1) < 0.5) stop("no") else mean(rnorm(n)), replications = 10, seed = 2)
    expect_identical(rerun_task(task = 7), x$value[[7L]])
    failed <- study_failures(x)$task
    expect_gt(length(failed), 0L)
    expect_error(rerun_task(task = failed[[1L]]), "no")
    e <- tryCatch(
      cv(mtcars, function(d) stop("no fit ", nrow(d)), function(m, d) 1, response = "mpg", K = 3, seed = 1), error = identity
    )
    expect_error(rerun_task(e), "no fit [0-9]")
  })
  b <- tryCatch(
    under_plan(list("multicore", workers = 2L), boot(1:9, function(d, i) if (i[[1L]] == 3L) stop("no boot") else mean(d[i]), R = 60)),
    error = identity
  )
  expect_error(rerun_task(b), "no boot")
})

test_that("tasks of mclapply() have the numbers of their share", {
  skip_without_fork()
  withr::local_seed(1, .rng_kind = "L'Ecuyer-CMRG")
  for (preschedule in c(TRUE, FALSE)) {
    value <- suppressWarnings(mclapply(1:7, function(i) if (i == 5) stop("five ", rnorm(1)) else rnorm(1), mc.cores = 2, mc.preschedule = preschedule))
    expect_identical(tryCatch(rerun_task(value[[5L]]), error = conditionMessage), conditionMessage(attr(value[[5L]], "condition")))
    expect_identical(rerun_task(task = 7), value[[7L]])
    expect_identical(rerun_task(task = 6), value[[6L]])
  }
  same <- mclapply(1:5, function(i) rnorm(1), mc.cores = 2, mc.set.seed = FALSE)
  expect_identical(rerun_task(task = 5), same[[5L]])
})

test_that("errors of foreach can be rerun", {
  skip_without_fork()
  skip_if_not_installed("foreach")
  withr::defer(foreach::registerDoSEQ())
  registerDoRustle()
  `%dopar%` <- foreach::`%dopar%`
  for (plan in few_plans()) under_plan(plan, {
    e <- tryCatch(foreach::foreach(i = 1:4, .options.rustle = list(seed = 1)) %dopar% if (i == 3) stop("no ", rnorm(1)) else i, error = identity)
    expect_identical(tryCatch(rerun_task(e), error = conditionMessage), conditionMessage(e$parent))
  })
})

test_that("a task without a stream says that its numbers are others", {
  skip_without_fork()
  under_plan(list("multicore", workers = 2L), {
    before <- globalenv()[[".Random.seed"]]
    future_lapply(1:3, function(i) rnorm(1), future.seed = NULL)
    expect_warning(rerun_task(task = 1), class = "rustle_warning_rerun")
    expect_identical(globalenv()[[".Random.seed"]], before)
    future_lapply(1:3, function(i) i)
    expect_warning(rerun_task(task = 1), NA)
  })
})

test_that("tasks without streams that run in this session draw what they drew", {
  for (plan in c("sequential", "threads")) with_plan(plan, {
    withr::local_seed(5)
    draw <- function(i) i + rnorm(1)
    calls <- list(
      function() future_lapply(1:6, draw, future.seed = NULL), function() suppressWarnings(future_lapply(1:6, draw)),
      function() parLapply(NULL, 1:6, draw),
      function() suppressWarnings(future_lapply(1:6, draw, future.chunk.size = structure(2, ordering = 6:1)))
    )
    for (f in calls) {
      value <- f()
      before <- get_random_seed()
      for (k in c(1, 4, 6)) expect_warning(expect_identical(rerun_task(task = k), value[[k]], info = plan), NA)
      expect_identical(get_random_seed(), before)
    }
  })
})

test_that("the task of the outermost call is the one that runs again", {
  skip_without_fork()
  for (name in names(few_plans())) {
    plan <- few_plans()[[name]]
    e <- under_plan(plan, tryCatch(future_lapply(1:4, function(i) {
      future_lapply(1:2, function(j) if (i == 3 && j == 2) stop("inner ", i, j) else j)
    }), error = identity))
    expect_identical(e$task, 3L)
    expect_error(rerun_task(e), "inner 32")
    expect_error(rerun_task(e), "inner 32")
  }
})

test_that("the user's code stops where it is told to", {
  skip_unless_faults()
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "library(rustle)", "plan(multicore, workers = 2)",
    "g <- function(x) { here <- x * 10; if (x == 3) stop('bad'); here }",
    "e <- tryCatch(future_lapply(1:4, g), error = identity)",
    "try(rerun_task(e, browse = TRUE))", "n", "n", "cat('found', here, '\\n')", "c", "cat('after\\n')"
  ))
  got <- run_command(c("sh", "-c", paste("env -u _R_CHECK_BROWSER_NONINTERACTIVE_", shQuote(file.path(R.home("bin"), "R")), "--vanilla --no-echo <", shQuote(script))), 30)
  expect_match(got$stdout, "found 30")
  expect_match(got$stdout, "after")
})

test_that("inputs are those of the last call alone, and can be let go", {
  skip_without_fork()
  under_plan(list("multicore", workers = 2L), {
    e <- tryCatch(future_lapply(1:4, draws, future.seed = 1), error = identity)
    future_lapply(1:2, identity)
    expect_error(rerun_task(e), class = "rustle_error_rerun")
    gone <- FALSE
    local({
      big <- new.env()
      reg.finalizer(big, function(e) gone <<- TRUE)
      future_lapply(list(big), function(e) 1)
    })
    gc()
    expect_false(gone)
    future_lapply(1:2, identity)
    gc()
    expect_true(gone)
    withr::local_options(rustle.rerun = FALSE)
    e <- tryCatch(future_lapply(1:4, draws, future.seed = 1), error = identity)
    expect_error(rerun_task(e), "keeps nothing", class = "rustle_error_rerun")
  })
})

test_that("a call without tasks of its own leaves those of the call before alone", {
  skip_without_fork()
  calls <- list(
    native = function() bootstrap(mtcars, stat_lm(mpg ~ wt), R = 50, seed = 1)
  )
  for (name in names(calls)) {
    future_lapply(1:3, identity)
    calls[[name]]()
    expect_error(rerun_task(task = 1), "no tasks of R code", class = "rustle_error_rerun", info = name)
  }
  b <- with_plan("multicore", workers = 2, boot(c(2, 5, 9, 4), function(d, i) mean(d[i]), R = 20))
  expect_identical(as.double(rerun_task(task = 7)), as.double(b$t[7L, ]))
})

test_that("a report tells the call of which a task runs again", {
  skip_without_fork()
  under_plan(list("multicore", workers = 2L), {
    value <- future_lapply(c(1, 2, 5), draws, future.seed = 1)
    report <- structure(list(start = inputs$call$start), class = "rustle_report")
    expect_identical(rerun_task(report, 3), value[[3L]])
    expect_error(rerun_task(report), "no task has failed", class = "rustle_error_argument")
    future_lapply(1:2, identity)
    expect_error(rerun_task(report, 1), "another call", class = "rustle_error_rerun")
  })
})

test_that("bad input is refused", {
  future_lapply(1:2, identity)
  expect_error(rerun_task("e"), class = "rustle_error_argument")
  expect_error(rerun_task(simpleError("e")), class = "rustle_error_argument")
  expect_error(rerun_task(task = 3), "at most 2", class = "rustle_error_argument")
  expect_error(rerun_task(), "no task has failed", class = "rustle_error_argument")
  expect_error(rerun_task(task = 1, browse = NA), class = "rustle_error_argument")
})
