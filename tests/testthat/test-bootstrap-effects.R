# Oracle: lm() with dummy variables on the rows or the weights of each replicate.

effects_data <- function(n = 90) {
  set.seed(31)
  d <- data.frame(firm = sample(sprintf("f%02d", 1:12), n, TRUE), year = sample(2001:2006, n, TRUE), x = rnorm(n), z = rexp(n), w = runif(n, 0.5, 2))
  d$y <- 0.5 * d$x - 0.2 * d$z + rnorm(12)[match(d$firm, sort(unique(d$firm)))] + 0.1 * (d$year - 2000) + rnorm(n)
  d
}
own <- function(fit, names = c("x", "z")) coef(fit)[names]

test_that("replicates with fixed effects are those of lm() with dummy variables", {
  d <- effects_data()
  for (threads in 1:2) {
    b <- bootstrap(d, stat_lm(y ~ x + z, effects = ~ firm), R = 12, seed = 2, threads = threads)
    rows <- boot_array(b, indices = TRUE)
    oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm), d[i, ]))))
    expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
  }
  expect_equal(b$t0, own(lm(y ~ x + z + factor(firm), d)), tolerance = 1e-10)
  # Two effects, levels of which are not drawn; weights and an offset.
  b <- bootstrap(d, stat_lm(y ~ x + z, weights = "w", offset = ~ 0.1 * z, effects = c("firm", "year")), R = 12, seed = 2)
  rows <- boot_array(b, indices = TRUE)
  expect_true(any(apply(rows, 1L, function(i) length(unique(d$firm[i])) < 12)))
  oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[i, ], weights = w, offset = 0.1 * z))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
})

test_that("small levels of a second effect that are not drawn take nothing with them", {
  d <- effects_data()
  d$year[1:2] <- 1990
  b <- bootstrap(d, stat_lm(y ~ x + z, effects = ~ firm + year), R = 40, seed = 2)
  rows <- boot_array(b, indices = TRUE)
  without <- apply(rows, 1L, function(i) !any(i <= 2))
  expect_true(any(without) && !anyNA(b$t))
  oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[i, ]))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
})

test_that("clusters, fractional weights and influence values know effects", {
  d <- effects_data()
  statistic <- stat_lm(y ~ x + z, effects = ~ firm + year)
  b <- bootstrap(d, statistic, R = 8, seed = 2, cluster = d$firm)
  counts <- boot_array(b)
  oracle <- t(apply(counts, 1L, function(f) own(lm(y ~ x + z + factor(firm) + factor(year), d[rep(seq_along(f), f), ]))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
  f <- bootstrap(d, statistic, R = 6, sim = "bayesian", seed = 4)
  g <- bootstrap(d, function(data, v) own(lm(y ~ x + z + factor(firm) + factor(year), data.frame(data, v), weights = v)), R = 6, sim = "bayesian", seed = 4)
  expect_equal(unname(f$t), unname(g$t), tolerance = 1e-8)
  j <- jackknife(d, statistic)
  left <- t(vapply(seq_len(90), function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[-i, ])), double(2)))
  expect_equal(unname(j$se), unname(sqrt(89 / 90 * colSums(sweep(left, 2L, colMeans(left))^2))), tolerance = 1e-6)
  expect_s3_class(boot_ci(f, type = "norm"), "rustle_boot_ci")
})

test_that("effects that leave nothing, or are none, are refused", {
  d <- effects_data()
  d$size <- ave(d$x, d$firm)
  run <- function(...) bootstrap(d, stat_lm(...), R = 3)
  error <- expect_argument_error(run(y ~ x + size, effects = ~ firm), "effects")
  expect_identical(error$aliased, "size")
  expect_argument_error(run(y ~ x + I(2 * x), effects = ~ firm), "effects")
  expect_argument_error(run(y ~ 1, effects = ~ firm), "formula")
  expect_argument_error(run(y ~ x, effects = "nowhere"), "effects")
  expect_argument_error(run(y ~ x, effects = ~ nowhere), "effects")
  expect_argument_error(stat_lm(y ~ x, effects = 3), "effects")
  d$firm[5] <- NA
  expect_argument_error(run(y ~ x, effects = ~ firm), "data")
  expect_equal(
    bootstrap(d, stat_lm(y ~ x, effects = ~ firm), R = 3, seed = 1, na.rm = TRUE)$t0, own(lm(y ~ x + firm, d), "x"), tolerance = 1e-10
  )
  expect_error(bootstrap(d[-5, ], stat_lm(y ~ x, effects = ~ firm), R = 3, sim = "permutation"), class = "rustle_error_scheme")
})
