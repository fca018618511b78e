# Oracles: the definitions in loops, and coverage.

test_that("CV+ and jackknife+ are those of Barber et al. (2021)", {
  d <- cars
  new <- data.frame(speed = c(4, 12, 30))
  plus <- function(fold, level) {
    n <- nrow(d)
    fits <- lapply(sort(unique(fold)), function(k) lm(dist ~ speed, d[fold != k, ]))
    names(fits) <- sort(unique(fold))
    R <- sapply(seq_len(n), function(i) abs(d$dist[[i]] - predict(fits[[as.character(fold[[i]])]], d[i, ])))
    t(sapply(seq_len(3), function(j) {
      mu <- sapply(seq_len(n), function(i) predict(fits[[as.character(fold[[i]])]], new[j, , drop = FALSE]))
      k <- ceiling(level * (n + 1))
      c(sort(mu - R)[[n + 1 - k]], sort(mu + R)[[k]])
    }))
  }
  fit <- lm(dist ~ speed, cars)
  a <- conformal(fit, newdata = new, K = 5, level = 0.8, seed = 2)
  expect_equal(unname(as.matrix(a[c("lower", "upper")])), unname(plus(folds(50, 5, seed = 2)[, 1], 0.8)))
  b <- conformal(fit, newdata = new, method = "jackknife+", seed = 2)
  expect_equal(unname(as.matrix(b[c("lower", "upper")])), unname(plus(1:50, 0.9)))
})

test_that("split intervals are a prediction and a quantile of residuals", {
  fold <- folds(50, 2, seed = 4)[, 1]
  m <- lm(dist ~ speed, cars[fold != 1, ])
  r <- sort(abs(cars$dist - predict(m, cars))[fold == 1])
  out <- conformal(lm(dist ~ speed, cars), newdata = data.frame(speed = 10), method = "split", level = 0.8, seed = 4)
  k <- ceiling(0.8 * 26)
  expect_equal(out$predicted, unname(predict(m, data.frame(speed = 10))))
  expect_equal(out$upper - out$predicted, r[[k]])
  expect_equal(out$predicted - out$lower, r[[k]])
})

test_that("new responses are covered as often as is asked for", {
  mean_of <- function(train) mean(train$y)
  tell <- function(model, newdata) rep(model, nrow(newdata))
  cover <- function(method, level) {
    mean(sapply(1:300, function(s) {
      set.seed(s)
      d <- data.frame(y = rexp(31))
      out <- conformal(d[1:30, , drop = FALSE], mean_of, tell, "y", d[31, , drop = FALSE], method = method, level = level, seed = s)
      out$lower <= d$y[[31]] && d$y[[31]] <= out$upper
    }))
  }
  # Split: the coverage is exact, ceiling(0.8 * 16) / 16.
  expect_lt(abs(cover("split", 0.8) - 13 / 16), 4 * sqrt(0.8 * 0.2 / 300))
  expect_gt(cover("cv+", 0.8), 0.8 - 4 * sqrt(0.8 * 0.2 / 300))
})

test_that("few observations have infinite intervals, plans do not matter, and wrong arguments are told", {
  fit <- lm(dist ~ speed, cars)
  out <- conformal(lm(dist ~ speed, cars[1:8, ]), newdata = cars[1:2, ], method = "jackknife+", level = 0.95, seed = 1)
  expect_equal(out$upper, c(Inf, Inf))
  base <- conformal(fit, newdata = cars[1:3, ], K = 4, seed = 1)
  plans <- few_plans()
  for (name in names(plans)) under_plan(plans[[name]], expect_equal(conformal(fit, newdata = cars[1:3, ], K = 4, seed = 1), base, info = name))
  expect_output(print(base), "cv\\+")
  expect_argument_error(conformal(fit, newdata = 3), "newdata")
  expect_argument_error(conformal(fit, level = 1), "level")
  expect_argument_error(conformal(fit, method = "jackknife+", K = 4), "K")
  expect_argument_error(conformal(iris, function(train) 1, function(m, d) d$Species, "Species"), "response")
})

test_that("intervals take the folds of a cross-validation", {
  d <- transform(cars, g = rep(1:10, 5))
  d$dist[3] <- NA
  fit <- lm(dist ~ speed, d)
  quiet <- function(...) suppressMessages(conformal(...))
  v <- suppressMessages(cv(fit, K = 5, seed = 3))
  expect_equal(quiet(fit, newdata = cars[1:3, ], folds = v$folds, seed = 1), quiet(fit, newdata = cars[1:3, ], K = 5, seed = 3))
  # By hand: out-of-fold residuals of the cross-validation and the fits without each fold.
  p <- v$predictions
  residual <- abs(p$observed - p$predicted)
  kept <- d[-3, ]
  without <- vapply(p$fold, function(k) predict(lm(dist ~ speed, kept[v$folds[, 1] != k, ]), cars[1, ]), 0)
  rank <- ceiling(0.9 * (nrow(kept) + 1))
  out <- quiet(fit, newdata = cars[1, ], folds = v$folds)
  expect_equal(out$upper, sort(without + residual)[[rank]])
  expect_equal(out$lower, -sort(residual - without)[[rank]])
  # Of all rows, and as numbers.
  all <- rep(1:5, 10)
  expect_equal(quiet(fit, newdata = cars[1:2, ], folds = all), quiet(fit, newdata = cars[1:2, ], folds = all[-3]))
  split <- quiet(fit, newdata = cars[1:2, ], folds = all, method = "split")
  expect_equal(split$predicted, unname(predict(lm(dist ~ speed, kept[all[-3] != 1, ]), cars[1:2, ])))
  expect_argument_error(quiet(fit, folds = folds(49, 5, reps = 2, seed = 1)), "folds")
  expect_argument_error(quiet(fit, folds = 1:3), "folds")
  expect_argument_error(quiet(fit, folds = all, method = "jackknife+"), "folds")
})
