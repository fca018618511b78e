test_that("the interval has the null values that are not rejected, to 8 digits", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  for (impose in c(TRUE, FALSE)) {
    for (alternative in c("two.sided", "equal.tailed", "greater", "less")) {
      test <- function(r) {
        quiet_wild(
          fit, list(R = c(0, 1, 0), r = r), ~ t, R = 999, weights = "mammen", seed = 2, impose = impose,
          alternative = alternative, conf = 0.9
        )
      }
      x <- test(0)
      # Every trial is a test of its own, with the same weights.
      r <- x$estimate + x$std.error * c(-2.5, -1, 0.3, 1.9)
      expect_identical(wild_curve(x, r)$p.value, vapply(r, function(r) test(r)$p.value, 0), info = alternative)
      ends <- x$conf.int[is.finite(x$conf.int)]
      expect_identical(length(ends), if (alternative %in% c("greater", "less")) 1L else 2L)
      step <- 1e-7 * x$std.error
      sides <- wild_curve(x, c(ends - step, ends + step))$p.value >= 0.1
      expect_identical(sides[seq_along(ends)], !sides[length(ends) + seq_along(ends)], info = alternative)
    }
  }
})

test_that("the interval without the null imposed is that of quantiles of t*", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  x <- quiet_wild(fit, "x1", ~ t, R = 999, weights = "webb", seed = 2, impose = FALSE, alternative = "equal.tailed")
  t <- sort(wild_statistics(x))
  # 25 or more beyond on each side.
  expect_equal(c(x$conf.int), unname(x$estimate - x$std.error * c(t[[975]], t[[25]])), tolerance = 1e-6)
})

test_that("sets may be unbounded", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  # (0 + 1) / (19 + 1) is not below 0.05.
  x <- quiet_wild(fit, "x1", ~ f, R = 19, weights = "webb", plus_one = TRUE, seed = 1)
  expect_identical(c(x$conf.int), c(-Inf, Inf))
  expect_output(print(x), "[-Inf, Inf]", fixed = TRUE)
})

test_that("joint hypotheses have a surface", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  test <- function(r) quiet_wild(fit, list(R = rbind(c(0, 1, 0), c(0, 0, 1)), r = r), ~ t, R = 499, weights = "webb", seed = 2)
  x <- test(c(0, 0))
  at <- rbind(c(0.1, 0.3), c(0.5, -0.2), c(0, 0))
  expect_identical(wild_curve(x, at)$p.value, apply(at, 1L, function(r) test(r)$p.value))
  grid <- wild_curve(x, n = 5)
  expect_identical(dim(grid), c(25L, 3L))
  # At the estimate nothing is rejected.
  expect_identical(grid$p.value[[13L]], 1)
  expect_argument_error(confint(x), "object")
})

test_that("curves have checked arguments", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  x <- quiet_wild(fit, "x1", ~ t, R = 99, seed = 1)
  expect_argument_error(wild_curve(1), "x")
  expect_argument_error(wild_curve(x, NA), "at")
  expect_argument_error(wild_curve(x, matrix(1, 1, 2)), "at")
  expect_argument_error(wild_curve(x, n = 1), "n")
  joint <- quiet_wild(fit, c("x1", "x2"), ~ t, R = 99, impose = FALSE)
  expect_argument_error(wild_curve(joint), "x")
  three <- quiet_wild(fit, c("x1", "x2", "(Intercept)"), ~ t, R = 99)
  expect_argument_error(wild_curve(three), "x")
  expect_argument_error(confint(x, level = 2), "level")
  expect_argument_error(confint(x, level = 0.999), "R")
})

test_that("Monte Carlo errors of ends are those of many runs", {
  fit <- lm(mpg ~ wt + hp, mtcars)
  runs <- lapply(1:60, function(seed) wild_test(fit, "wt = -2", R = 999, seed = seed, threads = 1))
  ends <- vapply(runs, `[[`, double(2L), "conf.int")
  told <- vapply(runs, function(x) x$conf.mcse[1, ], double(2L))
  # The standard deviation of 60 has an error of 9 %, and each that is told one of its own.
  expect_lt(max(abs(log(rowMeans(told) / apply(ends, 1L, sd)))), 0.4)
  exact <- suppressWarnings(wild_test(fit, "wt = -2", rep(1:8, 4), seed = 1, threads = 1))
  expect_identical(unname(exact$conf.mcse), matrix(0, 1L, 2L))
})
