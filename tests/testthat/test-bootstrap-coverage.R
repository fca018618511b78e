# How often 95 % intervals for the mean of 20 exponential observations hold it, with 999
# resamples each, beside what an independent implementation measured over 20,000 data sets:
# within 4 standard errors of the difference. Over as many sets in the long version, over
# 2,000 otherwise.

test_that("coverage of the intervals is what it should be", {
  skip_on_cran()
  skip_without_fork()
  n <- 20
  R <- 999
  types <- c("norm", "basic", "stud", "perc", "bca")
  covered <- function(k) {
    x <- rexp(n)
    resamples <- matrix(x[sample.int(n, n * R, TRUE)], n)
    m <- colMeans(resamples)
    v <- (colMeans(resamples^2) - m^2) / n
    b <- structure(class = "rustle_boot", list(
      t0 = c(m = mean(x), v = mean((x - mean(x))^2) / n), t = cbind(m, v), R = R, data = x,
      sim = "rustle_ordinary", stype = "i", strata = rep(1, n)
    ))
    # Some ends are among the last order statistics of 999, which is said.
    ci <- suppressWarnings(
      boot_ci(b, type = types, index = 1, variance = 2, L = x - mean(x)),
      classes = "rustle_warning_interval"
    )
    ci$lower <= 1 & 1 <= ci$upper
  }
  long <- long_tests()
  sets <- if (long) 20000 else 2000
  hits <- under_plan(list("multicore", workers = 2), future_vapply(seq_len(sets), covered, logical(5), future.seed = 1))
  measured <- rowMeans(hits)
  names(measured) <- types
  expected <- c(norm = 0.897, basic = 0.887, stud = 0.947, perc = 0.903, bca = 0.915)
  error <- sqrt(expected * (1 - expected) * (1 / 20000 + 1 / sets))
  for (type in types) {
    expect_lt(abs(measured[[type]] - expected[[type]]), 4 * error[[type]], label = type)
  }
  # A correct implementation keeps their order; fewer sets can tell only those that are far
  # apart: the shares of a set are correlated, and 0.028 is more than 4 standard errors.
  order <- c("basic", "norm", "perc", "bca", "stud")
  told <- if (long) order else c("basic", "bca", "stud")
  expect_identical(names(sort(measured[told])), told)
})
