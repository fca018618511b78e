# Classes, probabilities and missing values in cv().

cv_plans <- function() c("sequential", if (parallelly::supportsMulticore()) "multicore")

test_that("probabilities of a binomial glm count as classes at 0.5, both ways, and it is said", {
  d <- transform(mtcars, am2 = factor(am, labels = c("auto", "manual")), manual = am == 1)
  f <- folds(32, 5, seed = 1)
  p <- numeric(32)
  for (k in 1:5) {
    out <- f[, 1L] == k
    p[out] <- predict(glm(am ~ wt, binomial, d[!out, ]), d[out, ], type = "response")
  }
  wrong <- mean((p > 0.5) != (d$am == 1))
  expect_gt(wrong, 0)
  expect_lt(wrong, 0.5)
  for (plan in cv_plans()) {
    local_plan(plan)
    expect_message(a <- cv(glm(am ~ wt, binomial, d), folds = f, loss = "misclassification"), "above 0.5 count as class 1")
    expect_message(b <- cv(d, function(train) glm(am2 ~ wt, binomial, train), response = "am2", folds = f), "class manual, others as class auto")
    expect_message(c <- cv(d, function(train) glm(manual ~ wt, binomial, train), response = "manual", folds = f), "class TRUE")
    expect_message(e <- cv(glm(am2 ~ wt, quasibinomial, d), folds = f, loss = "misclassification", adjust = TRUE), "class 1")
    for (out in list(a, b, c, e)) {
      expect_equal(out$estimate, wrong)
      expect_equal(unname(out$predictions$predicted), p)
      expect_output(print(out), "cut at 0.5")
    }
    expect_lt(abs(e$adjusted), 1)
  }
  # Without the word nothing is cut: the mean square is the Brier score.
  expect_no_message(brier <- cv(glm(am ~ wt, binomial, d), folds = f))
  expect_equal(brier$estimate, mean((p - d$am)^2))
})

test_that("a matrix of probabilities counts as its largest column", {
  d <- data.frame(x = c(1:10, 21:30, 41:50), g = factor(rep(c("b", "a", "c"), each = 10)))
  centres <- function(train) tapply(train$x, train$g, mean)
  near <- function(model, newdata) {
    out <- -abs(outer(newdata$x, model, `-`))
    # In another order than the levels, and with a row that says nothing.
    out[newdata$x == 21, ] <- NA
    out[, c("c", "a", "b")]
  }
  labels <- function(model, newdata) {
    names(model)[apply(abs(outer(newdata$x, model, `-`)), 1L, which.min)]
  }
  for (plan in cv_plans()) {
    local_plan(plan)
    expect_warning(out <- cv(d, centres, near, "g", K = 3, seed = 1), "1 of 30 predictions", class = "rustle_warning_missing")
    expect_identical(out$estimate, 0)
    expect_identical(sum(out$losses$n), 29L)
    expect_identical(cv(d, centres, labels, "g", K = 3, seed = 1)$estimate, 0)
  }
  lost <- function(model, newdata) if (nrow(newdata) && 1 %in% newdata$x) stop("lost") else near(model, newdata)
  kept <- suppressWarnings(cv(d, centres, lost, "g", K = 3, seed = 1, on_error = "na"))
  expect_identical(ncol(kept$predictions$predicted), 3L)
  expect_identical(kept$estimate, 0)
})

test_that("what cannot be compared with the response is an error that asks for `loss`", {
  d <- transform(mtcars, am2 = factor(am))
  asks <- function(expr) {
    error <- expect_argument_error(expr, "loss")
    expect_identical(error$call[[1L]], quote(cv))
    conditionMessage(error)
  }
  linear <- function(train) lm(am ~ wt, train)
  expect_match(asks(cv(d, linear, response = "am2", seed = 1)), "numbers such as .* where the classes are 0, 1")
  asks(cv(d, linear, response = "am", seed = 1, loss = "misclassification"))
  asks(cv(lm(am ~ wt, d), loss = "misclassification", seed = 1))
  # Of which class they are probabilities, only the user knows.
  scale_of_user <- function(m, new) stats::predict(m, new, type = "response")
  asks(cv(d, function(train) glm(am ~ wt, binomial, train), scale_of_user, "am2", seed = 1))
  asks(cv(d, function(train) 1, function(m, new) matrix(0.5, nrow(new), 2L), "am2", seed = 1))
  asks(cv(d, function(train) 1, function(m, new) rep("neither", nrow(new)), "am2", seed = 1))
  asks(cv(glm(cbind(ncases, ncontrols) ~ agegp, data = esoph, family = binomial()), loss = "misclassification", K = 3, seed = 1))
  for (loss in c("mse", "rmse", "mae")) {
    expect_argument_error(cv(d, function(train) stop("no work"), response = "am2", loss = loss), "loss")
    # Not recycled.
    asks(cv(d, function(train) lm(mpg ~ wt, train), function(m, n) predict(m, n, interval = "confidence"), "mpg", loss = loss, seed = 1))
    asks(cv(d, function(train) 1, function(m, n) rep("a", nrow(n)), "mpg", loss = loss, seed = 1))
  }
  expect_match(asks(cv(d, linear, response = "am", loss = function(y, p) range(y), seed = 1)), "one number, not a numeric vector of length 2")
  asks(cv(d, linear, response = "am", loss = function(y) 1))
})

test_that("rows without a response or prediction are told and left out, for data and for models", {
  learner <- function(train) lm(Ozone ~ Wind, train)
  complete <- airquality[!is.na(airquality$Ozone), ]
  for (plan in cv_plans()) {
    local_plan(plan)
    oracle <- cv(complete, learner, response = "Ozone", seed = 1)
    expect_message(a <- cv(airquality, learner, response = "Ozone", seed = 1), "37 of 153 rows are left out")
    expect_message(b <- cv(lm(Ozone ~ Wind, airquality), seed = 1), "37 of 153 rows are left out")
    expect_message(
      c <- cv(as.matrix(airquality["Wind"]), function(x, y) lm(y ~ Wind, data.frame(x, y = y)),
        function(m, x) predict(m, data.frame(x)), response = airquality$Ozone, seed = 1),
      "37 of 153"
    )
    for (out in list(a, b, c)) {
      expect_equal(out$estimate, oracle$estimate)
      expect_identical(out$predictions$observation, which(!is.na(airquality$Ozone)))
      expect_identical(out$left_out, 37L)
      expect_output(print(out), "37 rows with missing values are left out")
    }
    # Missing predictors: a fold's loss is that of the others.
    both <- function(train) lm(Ozone ~ Wind + Solar.R, train)
    warned <- expect_warning(
      d <- cv(complete, both, response = "Ozone", seed = 1), "5 of 116 predictions are missing", class = "rustle_warning_missing"
    )
    p <- d$predictions
    expect_equal(d$estimate, mean((p$observed - p$predicted)^2, na.rm = TRUE))
    expect_identical(sum(d$losses$n), 111L)
  }
})

test_that("strata, clusters and folds may be given for all rows where some are left out", {
  learner <- function(train) lm(Ozone ~ Wind, train)
  month <- airquality$Month
  kept <- !is.na(airquality$Ozone)
  complete <- airquality[kept, ]
  all_folds <- folds(153, 5, seed = 3)
  quiet <- function(...) suppressMessages(cv(..., seed = 1))
  for (x in list(airquality, lm(Ozone ~ Wind, airquality))) {
    fit <- if (is.data.frame(x)) learner
    response <- if (is.data.frame(x)) "Ozone"
    expect_equal(quiet(x, fit, response = response, strata = month)$estimate, quiet(complete, learner, response = "Ozone", strata = month[kept])$estimate)
    expect_equal(quiet(x, fit, response = response, K = 4, cluster = month)$estimate, quiet(complete, learner, response = "Ozone", K = 4, cluster = month[kept])$estimate)
    expect_equal(quiet(x, fit, response = response, folds = all_folds)$estimate, quiet(complete, learner, response = "Ozone", folds = all_folds[kept, 1L])$estimate)
    as_list <- split(1:153, all_folds[, 1L])
    expect_equal(quiet(x, fit, response = response, folds = as_list)$estimate, quiet(complete, learner, response = "Ozone", folds = all_folds[kept, 1L])$estimate)
  }
})

test_that("columns of a tibble are vectors", {
  skip_if_not_installed("tibble")
  run <- function(d) cv(d, function(train) lm(mpg ~ wt, train), response = "mpg", seed = 1)
  as_tibble <- getExportedValue("tibble", "as_tibble")
  expect_equal(run(as_tibble(mtcars))$estimate, run(mtcars)$estimate)
})

test_that("how fit and predict are called is said where they fail or cannot be called so", {
  d <- transform(mtcars, am = factor(am))
  hint <- "`fit` is called as fit(train, ...) with rows of `x`, `predict` as predict(model, newdata)."
  error <- expect_error(cv(d, function(train, y) y, response = "am"), class = "rustle_error_fold")
  expect_match(conditionMessage(error), hint, fixed = TRUE)
  skip_if_not_installed("randomForest")
  error <- expect_error(cv(d, randomForest::randomForest, response = "am"), class = "rustle_error_fold")
  expect_match(conditionMessage(error), hint, fixed = TRUE)
  apart <- expect_error(cv(d, function(x, y) stop("no"), response = d$am), class = "rustle_error_fold")
  expect_match(conditionMessage(apart), "Fold 1 failed: no. `fit` is called as fit(x, y, ...)", fixed = TRUE)
  # lm(train) would fit the first column to the others.
  expect_match(conditionMessage(expect_argument_error(cv(mtcars, lm, response = "wt"), "fit")), "function(train) fit(wt ~ ., train)", fixed = TRUE)
  expect_argument_error(cv(mtcars, function() 1, response = "wt"), "fit")
  expect_argument_error(cv(mtcars, function(x) 1, response = mtcars$wt), "fit")
  expect_argument_error(cv(mtcars, function(x) 1, function(m) 1, response = "wt"), "predict")
})
