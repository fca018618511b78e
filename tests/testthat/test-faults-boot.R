# Workers that die while they compute replicates or folds.

test_that("a worker that dies changes no number of boot() and cv()", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    x <- boot::aircondit$hours
    plan(multicore, workers = 2, compiled = "never")
    dies <- function(d, i) {
      if (!identical(i, seq_along(d)) && first_time(paste(c("boot", i), collapse = "-")) && i[[1L]] == 3L) die(9L)
      mean(d[i])
    }
    set.seed(1)
    b <- boot(x, dies, R = 40)
    after <- .Random.seed
    set.seed(1)
    original <- boot::boot(x, function(d, i) mean(d[i]), R = 40)
    fit <- function(train) {
      if (train$id[[1L]] == 2 && first_time("cv")) die(11L)
      mean(train$y) + rnorm(1)
    }
    guess <- function(model, new) rep(model, nrow(new))
    d <- data.frame(id = 1:10, y = 1:10)
    one <- cv(d, fit, guess, "y", K = "loo", seed = 1)$estimate
    plan(sequential)
    two <- cv(d, fit, guess, "y", K = "loo", seed = 1)$estimate
    out <- list(identical(b$t, original$t), identical(after, .Random.seed), identical(one, two))
  })
  expect_all_true(run$value)
})

test_that("a worker that dies again and again names the replicates, a slow one is stopped", {
  skip_unless_faults()
  run <- run_r(timeout = 60, {
    plan(multicore, workers = 2, compiled = "never", retries = 0)
    x <- 1:9
    other <- function(i) !identical(i, 1:9)
    lost <- tryCatch(
      { set.seed(1); boot(x, function(d, i) if (other(i) && i[[1L]] == 5L) die(9L) else 1, R = 60) },
      rustle_error_worker_lost = identity
    )
    plan(multicore, workers = 2, compiled = "never", timeout = 1)
    slow <- tryCatch(
      { set.seed(1); boot(x, function(d, i) { if (other(i) && i[[1L]] == 5L) Sys.sleep(30); 1 }, R = 60) },
      rustle_error_timeout = identity
    )
    set.seed(1)
    all <- which(boot::boot(x, function(d, i) i[[1L]], R = 60)$t == 5)
    out <- list(
      lost = inherits(lost, "rustle_error_worker_lost") && any(all %in% lost$tasks),
      slow = inherits(slow, "rustle_error_statistic") && identical(as.integer(slow$replicate), all[[1L]])
    )
  })
  expect_all_true(run$value)
})
