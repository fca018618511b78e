test_that("boot_lm() gives the replicates of bootstrap() on the design of the fit", {
  d <- boot_data()
  fit <- lm(y ~ x + g, d)
  case <- boot_lm(fit, R = 30, seed = 3)
  expect_equal(case$t, bootstrap(d, stat_lm(y ~ x + g), R = 30, seed = 3)$t)
  expect_equal(case$t0, coef(fit))
  by_update <- boot_lm(fit, R = 30, seed = 3, f = coef)
  expect_equal(unname(by_update$t), unname(case$t), tolerance = 1e-9)
  wild <- boot_lm(fit, R = 30, seed = 3, method = "wild", wild = "mammen")
  expect_equal(wild$t, bootstrap(d, stat_lm(y ~ x + g), R = 30, sim = "wild", wild = "mammen", seed = 3)$t)
  logistic <- glm(b ~ x, binomial, d)
  expect_equal(boot_lm(logistic, R = 10, seed = 3)$t0, coef(logistic), tolerance = 1e-6)
  sums <- lm(y ~ g, d, contrasts = list(g = "contr.sum"))
  expect_equal(boot_lm(sums, R = 5)$t0, coef(sums))
})

test_that("vcov_boot() approaches the closed covariances", {
  fit <- lm(dist ~ speed, cars)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X))
  near <- function(v, oracle) {
    expect_identical(dimnames(v), dimnames(oracle))
    expect_equal(unname(v), unname(oracle), tolerance = 0.03)
  }
  hc0 <- bread %*% crossprod(X * residuals(fit)) %*% bread
  near(vcov_boot(fit, "wild", R = 50000, seed = 1), hc0)
  near(vcov_boot(fit, "residual", R = 50000, seed = 1), mean(residuals(fit)^2) * bread)
  # One sign per cluster: the covariance of cluster sums.
  g <- rep(1:10, each = 5)
  meat <- crossprod(rowsum(X * residuals(fit), g))
  near(vcov_boot(fit, "wild", R = 50000, seed = 1, cluster = g), bread %*% meat %*% bread)
  near(vcov_boot(fit, "wild", R = 50000, seed = 1, cluster = ~ I(rep(1:10, each = 5))), bread %*% meat %*% bread)
})

test_that("models that it cannot take are refused", {
  expect_argument_error(boot_lm(1), "model")
  expect_argument_error(boot_lm(glm(mpg ~ wt, quasi(link = power(1 / 3)), mtcars)), "model")
  expect_argument_error(boot_lm(glm(am ~ wt, binomial, mtcars), method = "wild"), "method")
  expect_argument_error(vcov_boot(lm(dist ~ speed, cars), "case2"), "type")
})

test_that("a covariance needs two replicates", {
  expect_argument_error(vcov_boot(lm(dist ~ speed, cars), R = 1), "R")
})

test_that("aliased coefficients are named", {
  error <- expect_argument_error(boot_lm(lm(dist ~ speed + I(2 * speed), cars)), "model")
  expect_identical(error$aliased, "I(2 * speed)")
})
