test_that("standard errors are those of the full data", {
  x <- withr::with_seed(1, rexp(20000))
  b <- blb(x, "mean", s = 10, R = 100, seed = 1, threads = 2)
  # Ten subsets of about 1024 rows: a relative error of about 2 % each by R and by the rows.
  expect_equal(b$se[[1L]], sd(x) / sqrt(20000), tolerance = 0.05)
  expect_equal(unname(b$ci[1, ]), mean(x) + c(-1.96, 1.96) * sd(x) / sqrt(20000), tolerance = 0.01)
  expect_identical(b$b, ceiling(20000^0.7))
  expect_identical(dim(b$subsets), c(10L, 1L))
  d <- data.frame(x = x, y = 2 * x + withr::with_seed(2, rnorm(20000)))
  b <- blb(d, stat_lm(y ~ x), s = 5, R = 60, seed = 1)
  expect_equal(b$se, summary(lm(y ~ x, d))$coefficients[, 2L], tolerance = 0.15)
  expect_equal(b$t0, coef(lm(y ~ x, d)))
})

test_that("a function of frequencies gives what the native statistic gives", {
  x <- withr::with_seed(1, rexp(3000))
  native <- blb(x, "mean", s = 3, R = 20, seed = 4)
  plain <- blb(x, function(x, f) sum(f * x) / sum(f), s = 3, R = 20, seed = 4)
  expect_equal(unname(native$se), unname(plain$se))
  expect_identical(blb(x, "mean", s = 3, R = 20, seed = 4)$se, native$se)
})

test_that("wrong arguments are named", {
  expect_argument_error(blb(1:10, "mean", gamma = 0.3), "gamma")
  expect_argument_error(blb(1:10, "mean", conf = 1), "conf")
  expect_argument_error(blb(1, "mean"), "data")
  expect_argument_error(blb(1:10, "nothing"), "statistic")
})

test_that("resamples that fail stop, or are left out when asked", {
  d <- data.frame(y = 1:60 + 0, g = rep(c("a", "b", "b", "b", "b"), 12))
  expect_error(blb(d, stat_lm(y ~ g), gamma = 0.5, s = 3, R = 60, seed = 4), class = "rustle_error")
  out <- suppressWarnings(blb(d, stat_lm(y ~ g), gamma = 0.6, s = 3, R = 60, seed = 2, on_error = "na"))
  expect_true(all(is.finite(out$se)))
  expect_true(all(is.finite(out$ci)))
})

test_that("Monte Carlo errors are those of many runs", {
  withr::local_seed(1)
  x <- rexp(3000)
  runs <- lapply(1:40, function(seed) blb(x, "mean", s = 6, R = 40, seed = seed, threads = 1))
  told <- rowMeans(vapply(runs, function(b) b$mcse[1L, ], double(3L)))
  found <- apply(vapply(runs, function(b) c(b$se, b$ci), double(3L)), 1L, sd)
  expect_lt(max(abs(log(told / found))), 0.5)
  expect_true(all(is.na(blb(x, "mean", s = 1, R = 20, seed = 1, threads = 1)$mcse)))
})
