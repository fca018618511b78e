# Oracle: the formula of two-stage least squares on the rows or the weights of each replicate.

plain_2sls <- function(d, w = rep(1, nrow(d))) {
  X <- cbind("(Intercept)" = 1, x = d$x, d = d$d)
  Z <- cbind(1, d$x, d$z1, d$z2)
  Xh <- Z %*% solve(crossprod(Z, w * Z), crossprod(Z, w * X))
  drop(solve(crossprod(Xh, w * X), crossprod(Xh, w * d$y)))
}
ivreg_data <- function(n = 100) {
  set.seed(41)
  d <- data.frame(x = rnorm(n), z1 = rnorm(n), z2 = rexp(n), w = runif(n, 0.5, 2), k = rep(1:10, each = n / 10))
  u <- rnorm(n)
  d$d <- d$z1 + 0.5 * d$z2 + 0.3 * d$x + u + rnorm(n)
  d$y <- 1 + 0.4 * d$d - 0.2 * d$x + u
  d
}
statistic <- stat_ivreg(y ~ x + d | x + z1 + z2)

test_that("replicates of two-stage least squares are those of its formula", {
  d <- ivreg_data()
  b <- bootstrap(d, statistic, R = 12, seed = 2, threads = 2)
  expect_equal(b$t0, plain_2sls(d), tolerance = 1e-10)
  rows <- boot_array(b, indices = TRUE)
  expect_equal(unname(b$t), unname(t(apply(rows, 1L, function(i) plain_2sls(d[i, ])))), tolerance = 1e-9)
  expect_identical(bootstrap(d, statistic, R = 12, seed = 2, threads = 1)$t, b$t)
  g <- bootstrap(d, statistic, R = 6, seed = 2, cluster = d$k)
  expect_equal(unname(g$t), unname(t(apply(boot_array(g), 1L, function(f) plain_2sls(d, f)))), tolerance = 1e-9)
  weighted <- bootstrap(d, stat_ivreg(y ~ x + d | x + z1 + z2, weights = "w", offset = ~ x), R = 5, seed = 2)
  rows <- boot_array(weighted, indices = TRUE)
  oracle <- apply(rows, 1L, function(i) plain_2sls(transform(d[i, ], y = y - x), d$w[i]))
  expect_equal(unname(weighted$t), unname(t(oracle)), tolerance = 1e-9)
  f <- bootstrap(d, statistic, R = 5, sim = "bayesian", seed = 4)
  h <- bootstrap(d, function(data, w) plain_2sls(data, w), R = 5, sim = "bayesian", seed = 4)
  expect_equal(unname(f$t), unname(h$t), tolerance = 1e-9)
})

test_that("two-stage least squares are those of ivreg(), also where the data are ill conditioned", {
  skip_if_not_installed("AER")
  d <- ivreg_data()
  expect_equal(bootstrap(d, statistic, R = 2)$t0, coef(AER::ivreg(y ~ x + d | x + z1 + z2, data = d)), tolerance = 1e-10)
  far <- transform(d, x = 1e6 + x, z1 = 1e5 + z1)
  b <- bootstrap(far, statistic, R = 4, seed = 2)
  near <- bootstrap(d, statistic, R = 4, seed = 2)
  expect_equal(unname(b$t[, 2:3]), unname(near$t[, 2:3]), tolerance = 1e-6)
})

test_that("models without enough instruments are refused", {
  d <- ivreg_data()
  expect_argument_error(stat_ivreg(y ~ x), "formula")
  expect_argument_error(bootstrap(d, stat_ivreg(y ~ x + d | x), R = 3), "formula")
  expect_argument_error(bootstrap(d, stat_ivreg(y ~ x + d | x + z1 + I(2 * z1)), R = 3), "formula")
  expect_argument_error(bootstrap(d, stat_ivreg(y ~ x + nowhere | x + z1), R = 3), "formula")
  expect_error(bootstrap(d, statistic, R = 3, sim = "wild"), class = "rustle_error_scheme")
})
