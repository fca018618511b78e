# Oracle: the definitions written out on the same resamples.

mse <- function(y, p) mean((y - p)^2)

test_that("estimates are those of the definitions", {
  d <- mtcars[c("mpg", "wt", "hp", "qsec")]
  out <- validate_boot(lm(mpg ~ ., d), R = 40, seed = 3)
  i <- boot_array(bootstrap(seq_len(32), function(x, i) 1, R = 40, seed = 3), indices = TRUE)
  fits <- lapply(seq_len(40), function(r) lm(mpg ~ ., d[i[r, ], ]))
  p <- sapply(fits, predict, d)
  whole <- lm(mpg ~ ., d)
  apparent <- mse(d$mpg, fitted(whole))
  optimism <- sapply(seq_len(40), function(r) mse(d$mpg, p[, r]) - mse(d$mpg[i[r, ]], p[i[r, ], r]))
  oob <- mean(sapply(seq_len(32), function(k) {
    without <- apply(i != k, 1, all)
    if (any(without)) mean((d$mpg[[k]] - p[k, without])^2) else NA
  }), na.rm = TRUE)
  gamma <- mean(outer(d$mpg, fitted(whole), `-`)^2)
  R <- (oob - apparent) / (gamma - apparent)
  w <- 0.632 / (1 - 0.368 * R)
  e <- setNames(out$estimates$estimate, out$estimates$method)
  expect_equal(e[["apparent"]], apparent)
  expect_equal(e[["optimism"]], apparent + mean(optimism))
  expect_equal(e[["out_of_bag"]], oob)
  expect_equal(e[[".632"]], 0.368 * apparent + 0.632 * oob)
  expect_equal(out$no_information, gamma)
  expect_equal(out$overfitting, R)
  expect_equal(e[[".632+"]], (1 - w) * apparent + w * oob)
  expect_equal(out$estimates$mcse[[2]], sd(optimism) / sqrt(40))
})

test_that("a learner that knows everything has an apparent loss of 0 and .632+ near the truth", {
  # One nearest neighbour of responses that have nothing to do with x: the error is 1/2.
  set.seed(1)
  d <- data.frame(x = rnorm(60), y = factor(rep(c("a", "b"), 30)))
  nearest <- function(train) train
  look <- function(model, newdata) model$y[sapply(newdata$x, function(x) which.min(abs(model$x - x)))]
  out <- validate_boot(d, nearest, look, "y", R = 60, seed = 1)
  e <- setNames(out$estimates$estimate, out$estimates$method)
  expect_equal(e[["apparent"]], 0)
  expect_equal(out$no_information, 0.5)
  expect_lt(abs(e[[".632+"]] - 0.5), 0.12)
  expect_lt(e[[".632"]], e[[".632+"]])
})

test_that("plans do not matter, strata and clusters stay together, functions are losses", {
  d <- mtcars[c("mpg", "wt", "cyl")]
  fit <- function(train) lm(mpg ~ wt, train)
  run <- function(...) validate_boot(d, fit, response = "mpg", R = 12, seed = 2, ...)
  base <- run()
  plans <- few_plans()
  for (name in names(plans)) under_plan(plans[[name]], expect_equal(run()$estimates, base$estimates, info = name))
  rmse <- run(loss = function(y, p) sqrt(mean((y - p)^2)))
  expect_equal(rmse$estimates$estimate[1:2], run(loss = "rmse")$estimates$estimate[1:2])
  seen <- new.env()
  rows <- list()
  keep <- function(train) { rows[[length(rows) + 1]] <<- table(train$cyl); lm(mpg ~ wt, train) }
  under_plan(list("sequential"), validate_boot(d, keep, response = "mpg", R = 5, strata = d$cyl, seed = 1))
  expect_true(all(vapply(rows, identical, NA, rows[[1]])))
  set.seed(5); a <- validate_boot(d, fit, response = "mpg", R = 5)$estimates
  set.seed(5); expect_identical(validate_boot(d, fit, response = "mpg", R = 5)$estimates, a)
  g <- rep(1:8, 4)
  out <- validate_boot(d, fit, response = "mpg", R = 10, cluster = g, seed = 1)
  expect_true(all(is.finite(out$estimates$estimate)))
})

test_that("failures are told or missing", {
  d <- mtcars[c("mpg", "wt")]
  bad <- function(train) if (!identical(train, d) && train$wt[[1]] > 3.4) stop("no") else lm(mpg ~ wt, train)
  expect_error(validate_boot(d, bad, response = "mpg", R = 20, seed = 1), class = "rustle_error_fold")
  out <- suppressWarnings(validate_boot(d, bad, response = "mpg", R = 20, seed = 1, on_error = "na"))
  expect_gt(nrow(out$failures), 0)
  expect_true(all(is.finite(out$estimates$estimate)))
  expect_argument_error(validate_boot(d, R = 5), "fit")
  expect_argument_error(validate_boot(lm(mpg ~ wt, d), R = 0), "R")
  expect_argument_error(validate_boot(lm(mpg ~ wt, d), R = 5, cluster = 1:3), "cluster")
})

test_that("strata and clusters may be formulas of columns, of all that hold out rows", {
  d <- transform(mtcars, g = rep(1:8, 4))
  d$mpg[3] <- NA
  fit <- lm(mpg ~ wt, d)
  learner <- function(d) lm(mpg ~ wt, d)
  calls <- list(
    function(...) validate_boot(fit, R = 5, seed = 1, ...)$resamples,
    function(...) cv(fit, K = 4, seed = 1, ...)$losses,
    function(...) conformal(fit, K = 4, seed = 1, ...)$lower,
    function(...) cv_select(d, list(learner, function(d) lm(mpg ~ hp, d)), response = "mpg", K = 4, inner = 2, seed = 1, ...)$outer
  )
  for (call in calls) {
    a <- suppressWarnings(suppressMessages(call(cluster = ~ g)))
    expect_identical(a, suppressWarnings(suppressMessages(call(cluster = d$g))))
    expect_identical(suppressWarnings(suppressMessages(call(strata = ~ am))), suppressWarnings(suppressMessages(call(strata = d$am))))
    expect_false(identical(a, suppressWarnings(suppressMessages(call()))))
    suppressWarnings(suppressMessages(expect_argument_error(call(cluster = ~ nowhere), "cluster")))
  }
})

# Oracle: the run with the larger number of resamples, on learners that draw random numbers and that fail.
test_that("more resamples are those of the larger run", {
  d <- mtcars[c("mpg", "wt", "cyl", "am")]
  noisy <- function(train) { train$z <- rnorm(nrow(train)); lm(mpg ~ wt, train, weights = exp(z)) }
  fails <- function(train) if (mean(train$wt) > 3.3) stop("heavy") else lm(mpg ~ wt, train)
  runs <- list(
    noisy = function(R) validate_boot(d, noisy, response = "mpg", R = R, seed = 4),
    fails = function(R) suppressWarnings(validate_boot(d, fails, response = "mpg", R = R, seed = 4, on_error = "na")),
    model = function(R) validate_boot(lm(mpg ~ wt, d), R = R, seed = 4, cluster = ~ cyl, loss = "rmse"),
    classes = function(R) suppressMessages(suppressWarnings(validate_boot(glm(am ~ mpg, binomial, d), R = R, seed = 4, loss = "misclassification")))
  )
  plain <- function(x) unclass(x)[setdiff(names(x), "run")]
  for (name in names(runs)) {
    few <- runs[[name]](7)
    whole <- runs[[name]](20)
    more <- suppressWarnings(extend(few, 20))
    expect_identical(plain(more), plain(whole), label = name)
    expect_identical(plain(suppressWarnings(extend(extend(few, 12), 20))), plain(whole), label = name)
    expect_identical(plain(extend(few, 7)), plain(few), label = name)
  }
  expect_gt(nrow(whole <- runs$fails(20)$failures), 0)
  few <- runs$noisy(7)
  under_plan(list("multicore", workers = 2), expect_identical(plain(extend(few, 20)), plain(runs$noisy(20))))
  expect_argument_error(extend(few, 6), "R")
  sure <- validate_boot(lm(mpg ~ wt, d), R = enough(width = 0.05, start = 100), seed = 1)
  expect_true(sure$enough$reached)
  expect_lte(max(sure$estimates$mcse[-1] / sure$estimates$estimate[-1]), 0.05)
  expect_warning(validate_boot(lm(mpg ~ wt, d), R = enough(width = 0.001, start = 100, limit = 120), seed = 1), class = "rustle_warning_replicates")
})
