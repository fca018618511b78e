# A job of every kind on every plan: list(name =, run =). Tasks sleep, so that times do not
# depend on how busy the machine is.
report_calls <- function() {
  calls <- list(
    "future_lapply" = function() future_lapply(1:12, function(i) Sys.sleep(0.002)),
    "chunks" = function() future_lapply(1:12, function(i) Sys.sleep(0.002), future.chunk.size = 5),
    "values" = function() future_lapply(1:6, function(i) rep(i, 1e5)),
    "trivial" = function() future_sapply(1:3000, function(i) i),
    "output" = function() utils::capture.output(future_lapply(1:4, function(i) print(i))),
    "seeds" = function() future_lapply(1:5, function(i) rnorm(1), future.seed = TRUE),
    "one" = function() future_lapply(1, function(i) Sys.sleep(0.005))
  )
  lapply(calls, function(run) function() { run(); job_report() })
}

report_plans <- function() {
  plans <- list(sequential = list("sequential"))
  if (parallelly::supportsMulticore()) plans$multicore <- list("multicore", workers = 2, compiled = "never")
  plans$multisession <- list("multisession", workers = 2, compiled = "never")
  plans
}

expect_parts_sum <- function(x, what) {
  total <- sum(x$parts)
  expect_equal(total, x$workers * x$wall, tolerance = 0.01, info = what)
  expect_true(all(x$parts > -1e-6), info = what)
  expect_equal(unname(rowSums(x$parts)), rep(x$wall, x$workers), tolerance = 0.01, info = what)
}

test_that("the parts of every worker are the wall time, whatever the job and the plan", {
  for (plan in names(report_plans())) {
    under_plan(report_plans()[[plan]], {
      for (call in names(report_calls())) {
        x <- report_calls()[[call]]()
        expect_s3_class(x, "rustle_report")
        expect_parts_sum(x, paste(plan, call))
        expect_equal(x$busy, sum(x$parts[, "tasks"]))
        expect_equal(x$efficiency, x$busy / x$wall / x$workers)
        expect_equal(sum(x$spans$count), x$tasks, info = paste(plan, call))
        expect_true(all(x$spans$start >= 0 & x$spans$end <= x$wall + 1e-6), info = paste(plan, call))
      }
    })
  }
})

test_that("what starts for later calls too is part of starting workers, and no advice is about it", {
  skip_on_os("windows")
  skip_on_cran()
  for (plan in list(list("multisession", workers = 2, compiled = "never", idle_timeout = 60), list("cluster", workers = 2))) {
    under_plan(plan, {
      plan("sequential")
      do.call(rustle::plan, plan)
      run <- function() { future_lapply(1:4, function(i) Sys.sleep(0.1)); job_report() }
      first <- run()
      seconds <- lapply(1:3, function(k) run())
      second <- seconds[[which.min(vapply(seconds, function(x) x$facts$opening, 0))]]
      expect_parts_sum(first, plan[[1L]])
      opening <- first$facts$opening
      expect_gt(opening, 0)
      expect_lt(second$facts$opening, opening / 2)
      expect_true(all(first$parts[, "starting"] >= opening), info = plan[[1L]])
      later <- second
      later$wall <- later$wall + 5
      later$parts[, "starting"] <- later$parts[, "starting"] + 5
      later$facts$opening <- later$facts$opening + 5
      expect_equal(advise(later), advise(second), info = plan[[1L]])
    })
  }
})

test_that("prescheduled shares, and those that are lost and run again, have parts that sum up", {
  skip_without_fork()
  skip_on_cran()
  mclapply(1:7, function(i) Sys.sleep(0.002), mc.cores = 3)
  expect_parts_sum(job_report(), "mclapply")
  for (preschedule in c(TRUE, FALSE)) {
    expect_in_some_try(function() {
      first <- tempfile()
      mclapply(1:6, function(i) {
        Sys.sleep(0.01)
        if (i == 3L && file.create(first) && is.na(file.size(paste0(first, "x")))) {
          file.create(paste0(first, "x"))
          tools::pskill(Sys.getpid(), tools::SIGKILL)
          Sys.sleep(5)
        }
        i
      }, mc.cores = 2, mc.preschedule = preschedule)
      unlink(paste0(first, c("", "x")))
      x <- job_report()
      expect_parts_sum(x, "loss")
      expect_identical(x$losses, 1)
      expect_gt(sum(x$parts[, "lost"]), 0)
      expect_gte(x$busy, 0.059)
      # What ran again is no work.
      list(busy = x$busy < 0.01 * 6 * 2)
    })
  }
})

test_that("the parts of futures and of nodes sum up", {
  skip_on_cran()
  job <- new_job(lapply_call, lapply_frame(1:8, function(i) { Sys.sleep(0.005); i }), 8L, new_policy())
  under_plan(list("multisession", workers = 2, compiled = "never"), {
    plan <- current_plan()
    plan$executor <- executor("future")
    expect_identical(run_job(job, plan)$values, as.list(1:8))
  })
  x <- job_report()
  expect_identical(x$plan, "future")
  expect_parts_sum(x, "futures")
  expect_gte(x$busy, 8 * 0.005)
  under_plan(list("cluster", workers = 2), future_lapply(1:20, function(i) Sys.sleep(0.01)))
  x <- job_report()
  expect_parts_sum(x, "cluster")
  expect_gte(x$busy, 0.19)
  expect_identical(nrow(x$nodes), 2L)
  expect_equal(sum(x$nodes$busy), x$busy)
})

test_that("the time of tasks, speed-up and efficiency are those of a measurement by hand", {
  for (plan in names(report_plans())) {
    expect_in_some_try(function() {
      under_plan(report_plans()[[plan]], {
        future_lapply(1:2, function(i) NULL)
        wall <- system.time(took <- future_sapply(1:10, function(i) {
          begun <- proc.time()[["elapsed"]]
          Sys.sleep(0.03)
          proc.time()[["elapsed"]] - begun
        }))[["elapsed"]]
      })
      x <- job_report()
      expect_lte(x$wall, wall + 0.002)
      expect_equal(x$speedup, x$busy / x$wall)
      list(
        busy = isTRUE(all.equal(x$busy, sum(took), tolerance = 0.1)),
        seconds = isTRUE(all.equal(task_seconds(x), unname(took), tolerance = 0.2))
      )
    })
  }
})

test_that("who waits for whom is told as what it is", {
  skip_without_fork()
  expect_in_some_try(function() {
    with_plan("multicore", workers = 2, compiled = "never", schedule = "static", future_lapply(1:2, function(i) Sys.sleep(if (i == 1) 0.01 else 0.3)))
    x <- job_report()
    list(first = x$parts[1L, "last"] > 0.2, second = x$parts[2L, "last"] < 0.05, imbalance = x$imbalance > 0.5)
  })
  # A tiny job has workers that were never started, unless the first was slow to come.
  with_plan("multicore", workers = 2, compiled = "never", future_lapply(1:2, function(i) i))
  x <- job_report()
  expect_identical(x$parts[[2L, "unused"]] > 0, x$forks == 1)
})

test_that("without the option there is no report, and the call before has the last one", {
  future_lapply(1:3, identity)
  before <- job_report()
  expect_identical(before$tasks, 3L)
  withr::with_options(list(rustle.report = FALSE), future_lapply(1:5, identity))
  expect_identical(job_report()$number, before$number)
  future_lapply(1:3, identity)
  expect_identical(job_report()$number, before$number + 1)
})

test_that("a call that fails before it has a report leaves none", {
  future_lapply(1:3, identity)
  expect_error(future_lapply(1:3, function(i) stop("no")), "no")
  expect_null(job_report())
})

test_that("a task of a report can be evaluated again", {
  for (plan in names(report_plans())) {
    under_plan(report_plans()[[plan]], values <- future_lapply(1:5, function(i) rnorm(1) + i, future.seed = TRUE))
    expect_identical(rerun_task(job_report(), 4), values[[4L]], info = plan)
  }
  before <- job_report()
  future_lapply(1:2, identity)
  expect_error(rerun_task(before, 1), "call")
})

test_that("many tasks have few spans, and quick ones are timed together", {
  future_lapply(1:120000, function(i) NULL)
  x <- job_report()
  expect_equal(sum(x$spans$count), 120000)
  expect_lt(nrow(x$spans), 20000)
  expect_length(task_seconds(x), 120000)
  withr::with_options(list(rustle.timings = TRUE), future_lapply(1:500, function(i) NULL))
  expect_identical(nrow(job_report()$spans), 500L)
  skip_without_fork()
  with_plan("multicore", workers = 2, compiled = "never", future_lapply(1:120000, function(i) NULL))
  x <- job_report()
  expect_equal(sum(x$spans$count), 120000)
  expect_lt(nrow(x$spans), 20000)
})

test_that("tasks tell their memory where that is asked for", {
  withr::local_options(rustle.memory = TRUE)
  for (plan in names(report_plans())) {
    # Forked workers would use again what the session has no use of any more.
    gc()
    under_plan(report_plans()[[plan]], future_lapply(1:2, function(i) {
      x <- numeric(1.5e7)
      x[[i]] <- 1
      Sys.sleep(0.02)
      sum(x)
    }))
    x <- job_report()
    expect_true(all(x$memory$peak > 1e7))
    skip_on_os("windows")
    expect_gt(max(x$spans$growth), 5e7)
    withr::with_options(list(rustle.memory = FALSE), under_plan(report_plans()[[plan]], future_lapply(1:2, function(i) i)))
    expect_true(all(job_report()$spans$growth == 0))
  }
})

test_that("what is sent has a size, and its largest objects have a path", {
  big <- rnorm(1e6)
  f <- local({
    y <- big
    function(i) length(y) + i
  })
  under_plan(list("multisession", workers = 2, compiled = "never"), future_lapply(1:2, f))
  x <- job_report()
  expect_gt(x$sent, 8e6)
  expect_match(x$largest$place[[1L]], "environment(FUN)$y", fixed = TRUE)
  expect_true(x$largest$needed[[1L]])
  expect_lte(nrow(x$largest), 3L)
})

test_that("a report prints within 80 columns, and has a summary and data frames", {
  long <- function(i, a_long_argument_name = 1, another_long_argument_name = 2) Sys.sleep(0.001)
  for (plan in names(report_plans())) {
    under_plan(report_plans()[[plan]], future_lapply(1:20, long, a_long_argument_name = 3, another_long_argument_name = 4, future.chunk.size = 19))
    x <- job_report()
    printed <- utils::capture.output(print(x))
    expect_true(all(nchar(printed, "width") <= 80L))
    expect_true(any(grepl("^  tasks ", printed)))
    s <- summary(x)
    expect_s3_class(s, "rustle_report_summary")
    expect_equal(sum(s$parts$seconds), x$workers * x$wall, tolerance = 0.01)
    expect_equal(sum(s$parts$share), 1, tolerance = 0.01)
    expect_output(print(s), "wall time")
    expect_true(all(nchar(utils::capture.output(print(s)), "width") <= 80L))
    frame <- as.data.frame(x)
    expect_named(frame, c("task", "count", "worker", "start", "end", "growth", "lost", "stolen"))
    expect_identical(nrow(as.data.frame(x, what = "workers")), x$workers)
    expect_error(as.data.frame(x, what = "tusks"), class = "rustle_error_argument")
  }
})

test_that("native work on threads has a report in the same form", {
  skip_on_cran()
  bootstrap(rnorm(3e4), "mean", R = 2000, seed = 1, threads = 2)
  x <- job_report()
  expect_identical(x$plan, "threads")
  expect_equal(x$tasks, 2000)
  expect_parts_sum(x, "bootstrap")
  expect_true(all(nchar(utils::capture.output(print(x)), "width") <= 80L))
  a <- matrix(rnorm(4e6), 2000)
  number <- x$number
  mt_rowSums(a[1:2, ])
  expect_identical(job_report()$number, number)
  mt_cor(a[, 1:1500], threads = 2)
  x <- job_report()
  if (x$number > number) expect_parts_sum(x, "mt_cor")
})
