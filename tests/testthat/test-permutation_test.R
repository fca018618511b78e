treatment <- c(94, 197, 16, 38, 99, 141, 23)
control <- c(52, 104, 146, 10, 51, 30, 40, 27, 46)

test_that("mouse data: the exact test is that of the literature", {
  one <- permutation_test(treatment, control, alternative = "greater")
  expect_equal(one$p.value, 1613 / 11440)
  expect_true(one$exact)
  expect_equal(one$parameter[[1L]], 11440)
  expect_equal(permutation_test(treatment, control)$p.value, 0.2783217, tolerance = 1e-6)
  expect_equal(permutation_test(control, treatment, alternative = "less")$p.value, 1613 / 11440)
  expect_s3_class(one, "htest")
  expect_output(print(one), "Exact permutation test")
})

test_that("Darwin's maize: 863 of 32768 sign changes", {
  d <- boot::darwin$y
  p <- permutation_test(d, 0 * d, paired = TRUE)
  expect_equal(p$p.value, 2 * 863 / 32768)
  expect_equal(permutation_test(d, 0 * d, paired = TRUE, alternative = "greater")$p.value, 863 / 32768)
})

test_that("all permutations within strata agree with combn()", {
  x <- c(1.5, 2, 7, 3)
  y <- c(2, 2.5, 9, 1, 4)
  strata <- c(1, 1, 2, 2, 1, 1, 2, 2, 2)
  z <- c(x, y)
  first <- utils::combn(which(strata == 1), 2, simplify = FALSE)
  second <- utils::combn(which(strata == 2), 2, simplify = FALSE)
  t <- unlist(lapply(first, function(a) vapply(second, function(b) mean(z[c(a, b)]) - mean(z[-c(a, b)]), 0)))
  t0 <- mean(x) - mean(y)
  expect_equal(permutation_test(x, y, strata = strata)$p.value, mean(abs(t) >= abs(t0) - 1e-9))
  expect_equal(permutation_test(x, y, strata = strata, alternative = "less")$p.value, mean(t <= t0 + 1e-9))
  welch <- function(i) t.test(z[i], z[-i])$statistic
  t <- utils::combn(9, 4, welch)
  expect_equal(permutation_test(x, y, studentize = TRUE)$p.value, mean(abs(t) >= abs(welch(1:4)) - 1e-9))
})

test_that("random permutations approach the exact p-value and never give 0", {
  p <- permutation_test(treatment, control, exact = FALSE, R = 20000, seed = 1)
  expect_false(p$exact)
  expect_lt(abs(p$p.value - 0.2783217), 4 * sqrt(0.28 * 0.72 / 20000))
  expect_equal(permutation_test(1:30, 101:130, R = 99, seed = 1)$p.value, 1 / 100)
  same <- function(threads) permutation_test(treatment, control, exact = FALSE, R = 20000, seed = 1, threads = threads)$p.value
  expect_identical(same(1), same(2))
})

test_that("sums that are equal but for rounding are ties", {
  x <- c(0.1, 0.2, 0.3)
  y <- c(0.1, 0.3, 0.2)
  expect_equal(permutation_test(x, y)$p.value, 1)
})

test_that("the maximum over columns adjusts p-values", {
  x <- cbind(a = treatment, b = rev(treatment) / 10, c = treatment^0.1)
  y <- cbind(a = control, b = control / 10 + 1, c = rev(control)^0.1)
  p <- permutation_test(x, y)
  z <- rbind(x, y)
  welch <- function(i) vapply(1:3, function(k) t.test(z[i, k], z[-i, k])$statistic, 0)
  t <- utils::combn(16, 7, function(i) abs(welch(i)))
  t0 <- abs(welch(1:7))
  expect_equal(unname(p$p.value), rowMeans(t >= t0 - 1e-9))
  most <- apply(t, 2L, max)
  expect_equal(unname(p$adjusted), vapply(t0, function(v) mean(most >= v - 1e-9), 0))
  expect_true(all(p$adjusted >= p$p.value))
})

test_that("correlations and functions are permuted", {
  p <- permutation_test(cars$speed, cars$dist, statistic = "cor", R = 199, seed = 1)
  expect_equal(p$p.value, 1 / 200)
  f <- permutation_test(treatment, control, statistic = function(x, y) mean(x) - mean(y), R = 500, seed = 1)
  expect_lt(abs(f$p.value - 0.2783), 4 * sqrt(0.2 / 500))
  expect_argument_error(permutation_test(1:3, c(1, NA)), "y")
  expect_argument_error(permutation_test(1:3, 1:2, paired = TRUE), "y")
  expect_argument_error(permutation_test(1:3, 1:2, alternative = "both"), "alternative")
  expect_argument_error(permutation_test(1:60, 1:60, exact = TRUE), "exact")
})
