# boot() whose replicates run in the session: a report, and replicates that run again.

boot_cases <- function() {
  a <- mtcars$mpg
  list(
    ordinary = function(s) boot(a, function(d, i) mean(d[i]) + s(), R = 20), balanced = function(s) boot(a, function(d, i) mean(d[i]) + s(), R = 20, sim = "balanced"),
    weights = function(s) boot(a, function(d, w) sum(d * w) + s(), R = 20, stype = "w"), simple = function(s) boot(a, function(d, i) mean(d[i]) + s(), R = 20, simple = TRUE),
    parametric = function(s) boot(a, function(d, p) mean(d) + p + s(), R = 20, sim = "parametric", ran.gen = function(d, p) stats::rnorm(length(d)), p = 2),
    predict = function(s) boot(a, function(d, i, p) mean(d[i]) + p[[1L]] + s(), R = 20, m = 1), several = function(s) boot(a, function(d, i) c(mean(d[i]), s()), R = 20),
    tsboot = function(s) tsboot(lh, function(x) mean(x) + s(), R = 20, l = 5, sim = "geom"),
    censboot = function(s) censboot(data.frame(t = 1:9, c = rep(0:1, length.out = 9)), function(d) sum(d$t) + s(), R = 20)
  )
}

test_that("a replicate has the value that it had, bit for bit, also where the statistic draws", {
  for (plan in list("sequential", "threads")) for (name in names(boot_cases())) for (s in list(function() 0, function() stats::rnorm(1))) {
    with_plan(plan, {
      withr::local_seed(4)
      b <- suppressMessages(boot_cases()[[name]](s))
      before <- get_random_seed()
      r <- job_report()
      for (k in c(1, 2, 13, 20, 13)) expect_identical(as.double(rerun_task(r, k)), as.double(b$t[k, ]), info = paste(plan, name))
      expect_identical(get_random_seed(), before)
      expect_error(rerun_task(r, 21), "at most 20", class = "rustle_error_argument")
    })
  }
})

test_that("the antithetic bootstrap, whose first calls are for influence values, too", {
  withr::local_seed(4)
  f <- function(d, w) sum(d$mpg * w) / sum(d$wt * w)
  for (plan in list(list("sequential"), list("multicore", workers = 2L))) {
    if (plan[[1L]] != "sequential") skip_without_fork()
    b <- under_plan(plan, boot(mtcars, f, R = 20, stype = "w", sim = "antithetic"))
    for (k in c(1, 20)) expect_identical(as.double(rerun_task(task = k)), as.double(b$t[k, ]))
  }
})

test_that("replicates that run in several jobs are counted as one call", {
  skip_without_fork()
  withr::local_options(rustle.boot_bytes = 2000)
  under_plan(list("multicore", workers = 2L), {
    b <- boot(mtcars$mpg, function(d, i) mean(d[i]), R = 33)
    r <- job_report()
    expect_equal(r$tasks, 33)
    expect_equal(sum(r$parts), r$workers * r$wall)
    for (k in c(1, 7, 20, 33)) expect_identical(as.double(rerun_task(r, k)), as.double(b$t[k, ]))
    set.seed(1)
    fail <- function(d, i) if (mean(d[i]) > 21.5) stop("too large") else mean(d[i])
    e <- tryCatch(boot(mtcars$mpg, fail, R = 300), error = identity)
    expect_error(rerun_task(e), "too large")
    expect_identical(e$parent$task, e$replicate)
  })
})

test_that("an error tells its replicate, which fails again with its random numbers", {
  for (n in 1:2) {
    set.seed(n)
    f <- function(d, i) { x <- stats::rnorm(1); if (x > 1.5 && any(i != 1:9)) stop("large ", format(x, digits = 15)); mean(d[i]) }
    e <- with_plan("sequential", tryCatch(boot(1:9, f, R = 200), error = identity))
    again <- tryCatch(rerun_task(e), error = identity)
    expect_identical(conditionMessage(again), conditionMessage(e$parent))
  }
})

test_that("the report of replicates in this session is as those of other calls", {
  with_plan("sequential", {
    boot(mtcars$mpg, function(d, i) mean(d[i]), R = 500)
    r <- job_report()
    expect_equal(c(r$tasks, sum(as.data.frame(r)$count), r$workers), c(500, 500, 1))
    expect_equal(sum(r$parts), r$wall)
    expect_gt(r$busy, 0)
    expect_output(print(r), "500 tasks on 1 worker")
    boot(mtcars$mpg, function(d, i) { if (i[[1L]] > 0) Sys.sleep(0.01); 1 }, R = 5)
    expect_equal(nrow(as.data.frame(job_report())), 5L)
  })
})
