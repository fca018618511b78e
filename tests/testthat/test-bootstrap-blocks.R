# Oracles: the optimum for a known process, the formulas written out.

plain_length <- function(x) {
  n <- length(x)
  K <- max(5, ceiling(log10(n)))
  most <- ceiling(sqrt(n)) + K
  R <- function(k) sum((x[seq_len(n - abs(k))] - mean(x)) * (x[seq_len(n - abs(k)) + abs(k)] - mean(x))) / n
  rho <- sapply(1:most, R) / R(0)
  m <- NA
  for (j in 1:(most - K + 1)) if (all(abs(rho[j:(j + K - 1)]) < qnorm(0.975) * sqrt(log10(n) / n))) { m <- j; break }
  M <- min(2 * m, most)
  flat <- function(t) ifelse(abs(t) <= 0.5, 1, 2 * (1 - abs(t)))
  k <- -M:M
  cov <- sapply(k, R)
  G <- sum(flat(k / M) * abs(k) * cov)
  g0 <- sum(flat(k / M) * cov)
  c((2 * G^2 / (2 * g0^2))^(1 / 3), (2 * G^2 / (4 / 3 * g0^2))^(1 / 3)) * n^(1 / 3)
}

test_that("lengths are those of the formulas and near the optimum of an autoregression", {
  set.seed(5)
  x <- as.vector(arima.sim(list(ar = 0.6), 400))
  expect_equal(as.vector(block_length(x)), plain_length(x))
  y <- replicate(20, as.vector(arima.sim(list(ar = 0.5), 5000)))
  best <- (2 * 0.5 / (1 - 0.5^2))^(2 / 3) * 5000^(1 / 3)
  expect_equal(median(block_length(y)[, "stationary"]), best, tolerance = 0.1)
  expect_equal(median(block_length(y)[, "circular"]), best * 1.5^(1 / 3), tolerance = 0.1)
})

test_that("independent, constant and short series have short blocks", {
  set.seed(6)
  expect_lt(median(block_length(matrix(rnorm(20000), 1000))), 4)
  expect_equal(as.vector(block_length(rep(3, 50))), c(1, 1))
  expect_true(all(block_length(sin(1:12)) <= 4))
  expect_argument_error(block_length(1:9), "series")
  expect_argument_error(block_length(c(1:20, NA)), "series")
  expect_argument_error(block_length("a"), "series")
})

test_that("schemes take it where no length is given", {
  x <- as.vector(log(lynx))
  l <- round(block_length(x))
  a <- bootstrap(x, "mean", R = 20, sim = "block", blocktype = "geom", seed = 1)
  expect_identical(a$t, bootstrap(x, "mean", R = 20, sim = "block", blocktype = "geom", l = l[[1]], seed = 1)$t)
  expect_equal(a$l, l[[1]])
  expect_identical(tsbootstrap(x, "mean", R = 20, seed = 1)$t, tsbootstrap(x, "mean", R = 20, l = l[[2]], seed = 1)$t)
  # Its second column has no name.
  two <- cbind(x, rev(x)^2)
  expect_equal(tsbootstrap(two, "mean", R = 5, seed = 1)$l, max(round(block_length(two)[, 2])))
  expect_argument_error(bootstrap(data.frame(a = letters), function(d, i) 1, R = 5, sim = "block"), "l")
})

test_that("maximum entropy series keep the order and the mean, and stay between the limits", {
  set.seed(7)
  x <- cumsum(rnorm(40))
  draws <- replicate(3000, maximum_entropy_series(x))
  expect_true(all(apply(draws, 2, function(s) identical(order(s), order(x)))))
  sorted <- sort(x)
  # The mean of each order statistic's interval is half its value and a quarter of its neighbours.
  expect_equal(mean(draws), mean(x), tolerance = 0.02)
  reach <- mean(abs(diff(x)), trim = 0.1)
  expect_true(min(draws) >= min(x) - 2 * reach && max(draws) <= max(x) + 2 * reach)
  b <- tsbootstrap(ts(x, start = 1990), function(s) c(mean(s), start(s)[1]), R = 30, sim = "maxent", seed = 1)
  expect_true(all(b$t[, 2] == 1990))
  expect_identical(b$t, tsbootstrap(ts(x, start = 1990), function(s) c(mean(s), start(s)[1]), R = 30, sim = "maxent", seed = 1)$t)
  expect_argument_error(tsbootstrap(cbind(x, x), "mean", R = 5, sim = "maxent"), "series")
  expect_argument_error(tsbootstrap(x, "mean", R = 5, sim = "maxent", l = 3), "l")
})

test_that("the example of Vinod and Lopez-de-Lacalle (2009) is reproduced", {
  # Journal of Statistical Software 29(5), table 1.
  out <- maximum_entropy_series(c(4, 12, 36, 20, 8), c(0.12, 0.83, 0.53, 0.59, 0.11))
  expect_equal(out, c(5.85, 13.90, 23.95, 15.70, 6.70))
})
