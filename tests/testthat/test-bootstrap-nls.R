# Oracle: nls() on the rows or the weights of each replicate.

test_that("replicates of nonlinear least squares are those of nls(), on every plan", {
  statistic <- stat_nls(dist ~ a * speed^b, start = list(a = 0.5, b = 1.5))
  fit <- function(d, w = rep(1, nrow(d))) {
    d$w <- w
    coef(nls(dist ~ a * speed^b, d, start = list(a = 0.48, b = 1.57), weights = w, control = list(tol = 1e-6)))
  }
  b <- bootstrap(cars, statistic, R = 6, seed = 2, workers = 2)
  expect_equal(b$t0, fit(cars), tolerance = 1e-4)
  oracle <- bootstrap(cars, function(data, w) fit(data[w > 0, ], w[w > 0]), R = 6, seed = 2, stype = "w")
  expect_equal(unname(b$t), unname(oracle$t), tolerance = 1e-3)
  rows <- bootstrap(cars, statistic, R = 6, seed = 2, stype = "i")
  expect_equal(rows$t, b$t, tolerance = 1e-3)
  expect_identical(bootstrap(cars, statistic, R = 6, seed = 2)$t, b$t)
  expect_identical(extend(bootstrap(cars, statistic, R = 2, seed = 2), 6)$t, b$t)
  local_plan("multisession", workers = 2)
  expect_identical(bootstrap(cars, statistic, R = 6, seed = 2)$t, b$t)
})

test_that("functions of the user in the formula are found, models may start themselves, and have weights and bounds", {
  growth <- function(x, a, b) a * x^b
  b <- bootstrap(cars, stat_nls(dist ~ growth(speed, a, b), start = c(a = 0.5, b = 1.5)), R = 4, seed = 2)
  expect_equal(b$t, bootstrap(cars, stat_nls(dist ~ a * speed^b, start = c(a = 0.5, b = 1.5)), R = 4, seed = 2)$t, tolerance = 1e-6)
  local_plan("multisession", workers = 2)
  expect_equal(bootstrap(cars, stat_nls(dist ~ growth(speed, a, b), start = c(a = 0.5, b = 1.5)), R = 4, seed = 2)$t, b$t)
  own <- bootstrap(Puromycin[1:12, ], stat_nls(rate ~ SSmicmen(conc, Vm, K)), R = 4, seed = 2)
  expect_equal(own$t0, coef(nls(rate ~ SSmicmen(conc, Vm, K), Puromycin[1:12, ])), tolerance = 1e-4)
  weighted <- transform(cars, w = 1 / speed)
  b <- bootstrap(weighted, stat_nls(dist ~ a * speed^b, c(a = 0.5, b = 1.5), weights = "w", algorithm = "port", lower = c(0, 1)), R = 3, seed = 2)
  oracle <- nls(dist ~ a * speed^b, weighted, start = list(a = 0.5, b = 1.5), weights = w, algorithm = "port", lower = c(0, 1))
  expect_equal(b$t0, coef(oracle), tolerance = 1e-6)
})

test_that("models without an estimate are refused", {
  expect_argument_error(stat_nls(~ x), "formula")
  expect_argument_error(stat_nls(y ~ a * x, data = cars), "data")
  expect_argument_error(bootstrap(cars, stat_nls(dist ~ a * speed^b, start = c(a = 0, b = 900)), R = 3), "formula")
  expect_argument_error(bootstrap(cars, stat_nls(dist ~ a * speed, start = c(a = 1), weights = "nowhere"), R = 3), "weights")
  wrong <- transform(cars, w = c(-1, rep(1, 49)), m = c(NA, rep(1, 49)), z = 0)
  for (name in c("w", "m", "z")) {
    expect_argument_error(bootstrap(wrong, stat_nls(dist ~ a * speed, start = c(a = 1), weights = name), R = 3), "weights")
  }
})
