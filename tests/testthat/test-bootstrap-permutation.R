treatment <- c(94, 197, 16, 38, 99, 141, 23)
control <- c(52, 104, 146, 10, 51, 30, 40, 27, 46)

test_that("mouse data: the exact test is that of the literature", {
  one <- permutation_test(treatment, control, alternative = "greater", studentize = FALSE)
  expect_equal(one$p.value, 1613 / 11440)
  expect_true(one$exact)
  expect_equal(one$parameter[[1L]], 11440)
  expect_equal(permutation_test(treatment, control, studentize = FALSE)$p.value, 0.2783217, tolerance = 1e-6)
  expect_equal(permutation_test(control, treatment, alternative = "less", studentize = FALSE)$p.value, 1613 / 11440)
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
  p <- permutation_test(treatment, control, exact = FALSE, R = 20000, seed = 1, studentize = FALSE)
  expect_false(p$exact)
  expect_lt(abs(p$p.value - 0.2783217), 4 * sqrt(0.28 * 0.72 / 20000))
  expect_equal(permutation_test(1:30, 101:130, R = 99, seed = 1)$p.value, 1 / 100)
  same <- function(threads) permutation_test(treatment, control, exact = FALSE, R = 20000, seed = 1, threads = threads)$p.value
  expect_identical(same(1), same(2))
})

test_that("sums that are equal but for rounding are ties", {
  x <- c(0.1, 0.2, 0.3)
  y <- c(0.1, 0.3, 0.2)
  for (studentize in c(TRUE, FALSE)) expect_equal(permutation_test(x, y, studentize = studentize)$p.value, 1)
})

test_that("the maximum over columns adjusts p-values", {
  x <- cbind(a = treatment, b = rev(treatment) / 10, c = treatment^0.1)
  y <- cbind(a = control, b = control / 10 + 1, c = rev(control)^0.1)
  p <- permutation_test(x, y)
  z <- rbind(x, y)
  # As t.test() computes it, which would take seconds for all of them.
  welch <- function(i) {
    v <- function(x) (colMeans(x^2) - colMeans(x)^2) / (nrow(x) - 1)
    (colMeans(z[i, ]) - colMeans(z[-i, ])) / sqrt(v(z[i, ]) + v(z[-i, ]))
  }
  for (i in list(1:7, c(2, 5, 6, 9, 11, 12, 16))) {
    expect_equal(unname(welch(i)), vapply(1:3, function(k) unname(t.test(z[i, k], z[-i, k])$statistic), 0))
  }
  t <- utils::combn(16, 7, function(i) abs(welch(i)))
  t0 <- abs(welch(1:7))
  expect_equal(unname(p$p.value), unname(rowMeans(t >= t0 - 1e-9)))
  most <- apply(t, 2L, max)
  expect_equal(unname(p$adjusted), vapply(unname(t0), function(v) mean(most >= v - 1e-9), 0))
  expect_true(all(p$adjusted >= p$p.value))
  expect_output(print(p), "adjusted.*\na .*\nb .*\nc ")
  expect_output(print(permutation_test(unname(x), unname(y))), "\\[,2\\]")
})

# All orders of 1 to n, a column each.
all_orders <- function(n) {
  if (n == 1L) return(matrix(1L))
  smaller <- all_orders(n - 1L)
  do.call(cbind, lapply(seq_len(n), function(first) {
    rest <- setdiff(seq_len(n), first)
    rbind(first, matrix(rest[smaller], n - 1L))
  }))
}

test_that("all orders of a response: correlations, of several columns, within strata", {
  x <- c(2, 7, 1, 8, 2, 8.5, 1.8)
  y <- c(3.1, 4, 1.5, 9, 2.6, 5, 3.5)
  orders <- all_orders(7L)
  for (statistic in c("cor", "spearman")) {
    method <- if (statistic == "cor") "pearson" else "spearman"
    r <- apply(orders, 2L, function(i) cor(x, y[i], method = method))
    r0 <- cor(x, y, method = method)
    both <- permutation_test(x, y, statistic = statistic)
    expect_true(both$exact)
    expect_identical(both$parameter[[1L]], 5040)
    expect_equal(both$statistic[[1L]], r0)
    expect_equal(both$p.value, mean(abs(r) >= abs(r0) - 1e-9))
    expect_equal(permutation_test(x, y, statistic, "greater")$p.value, mean(r >= r0 - 1e-9))
    expect_equal(permutation_test(x, y, statistic, "less")$p.value, mean(r <= r0 + 1e-9))
    random <- permutation_test(x, y, statistic, exact = FALSE, R = 20000, seed = 1)
    expect_false(random$exact)
    expect_lt(abs(random$p.value - both$p.value), 4 * sqrt(both$p.value / 20000))
  }
  # cor.test() has the exact distribution of Spearman's rho without ties.
  known <- suppressWarnings(cor.test(1:7, y, method = "spearman", exact = TRUE))$p.value
  expect_equal(permutation_test(1:7, y, "spearman")$p.value, known, tolerance = 1e-12)
  # Several columns: the largest absolute correlation.
  X <- cbind(a = x, b = rev(x), c = sqrt(x) + y / 3)
  r <- apply(orders, 2L, function(i) abs(cor(X, y[i])))
  r0 <- abs(cor(X, y))[, 1L]
  several <- permutation_test(X, y, "cor")
  expect_equal(unname(several$p.value), rowMeans(r >= r0 - 1e-9))
  expect_equal(unname(several$adjusted), vapply(r0, function(v) mean(apply(r, 2L, max) >= v - 1e-9), 0, USE.NAMES = FALSE))
  strata <- c(1, 1, 2, 2, 1, 2, 2)
  within <- orders[, apply(orders, 2L, function(i) all(strata[i] == strata))]
  r <- apply(within, 2L, function(i) cor(x, y[i]))
  p <- permutation_test(x, y, "cor", strata = strata)
  expect_identical(p$parameter[[1L]], 6 * 24)
  expect_equal(p$p.value, mean(abs(r) >= abs(cor(x, y)) - 1e-9))
})

test_that("differences of medians: all choices, and random ones", {
  median_of <- function(i, z) median(z[i]) - median(z[-i])
  z <- c(treatment, control)
  t <- utils::combn(16, 7, median_of, z = z)
  t0 <- median(treatment) - median(control)
  p <- permutation_test(treatment, control, statistic = "median")
  expect_equal(p$statistic[[1L]], t0)
  expect_equal(p$p.value, mean(abs(t) >= abs(t0) - 1e-9))
  expect_identical(p$parameter[[1L]], 11440)
  expect_equal(permutation_test(control, treatment, "median", "less")$p.value, mean(t >= t0 - 1e-9))
  random <- permutation_test(treatment, control, "median", exact = FALSE, R = 20000, seed = 1)
  expect_lt(abs(random$p.value - p$p.value), 4 * sqrt(0.25 / 20000))
  # Both sizes even, with ties.
  x <- c(1, 2, 2, 5)
  y <- c(2, 3, 3, 4, 6, 1)
  t <- utils::combn(10, 4, median_of, z = c(x, y))
  expect_equal(permutation_test(x, y, "median")$p.value, mean(abs(t) >= abs(median(x) - median(y)) - 1e-9))
})

test_that("gravity: all 10.4 million splits, as combn() counts them", {
  skip_on_cran()
  g <- boot::gravity
  x <- g$g[g$series == 7]
  y <- g$g[g$series == 8]
  p <- permutation_test(x, y, studentize = FALSE)
  expect_identical(p$parameter[[1L]], choose(26, 13))
  # The sums of 13 of 26 whole numbers, counted by adding one number after another.
  z <- c(x, y)
  ways <- matrix(0, 14L, sum(z) + 1L)
  ways[1L, 1L] <- 1
  for (v in z) {
    for (k in 13:1) {
      to <- (v + 1):ncol(ways)
      ways[k + 1L, to] <- ways[k + 1L, to] + ways[k, to - v]
    }
  }
  sums <- seq_len(ncol(ways)) - 1
  far <- abs(2 * sums - sum(z)) >= abs(2 * sum(x) - sum(z))
  expect_equal(p$p.value, sum(ways[14L, far]) / choose(26, 13), tolerance = 1e-14)
})

test_that("a function of two samples is enumerated when R allows it, within strata too", {
  x <- c(1.5, 2, 7, 3)
  y <- c(2, 2.5, 9, 1, 4)
  z <- c(x, y)
  f <- function(x, y) median(x) - mean(y)
  t <- utils::combn(9, 4, function(i) f(z[i], z[-i]))
  p <- permutation_test(x, y, f)
  expect_true(p$exact)
  expect_identical(p$parameter[[1L]], 126L)
  expect_equal(p$p.value, mean(abs(t) >= abs(f(x, y)) - 1e-9))
  expect_false(permutation_test(x, y, f, R = 99, seed = 1)$exact)
  expect_true(permutation_test(x, y, f, R = 99, exact = TRUE)$exact)
  strata <- c(1, 1, 2, 2, 1, 1, 2, 2, 3)
  means <- function(x, y) mean(x) - mean(y)
  expect_equal(permutation_test(x, y, means, strata = strata)$p.value, permutation_test(x, y, strata = strata)$p.value)
  set.seed(3)
  before <- .Random.seed
  invisible(permutation_test(x, y, f))
  expect_identical(.Random.seed, before)
})

test_that("what cannot be tested is refused", {
  refused <- function(argument, ...) expect_argument_error(permutation_test(...), argument)
  refused("x", rep(1, 5), 1:5, statistic = "cor")
  refused("y", 1:5, rep(0.1, 5), statistic = "spearman")
  refused("y", 1:5, 1:4, statistic = "cor")
  refused("y", 1:5, cbind(1:5, 1:5), statistic = "cor")
  refused("x", cbind(1:3, 2:4), cbind(1:3, 1:3), statistic = "median")
  refused("paired", 1:3, 2:4, statistic = "median", paired = TRUE)
  refused("studentize", 1:3, 2:4, statistic = "cor", studentize = TRUE)
  refused("exact", 1:30, 1:30, statistic = "cor", exact = TRUE)
  refused("exact", 1:30, 1:30, statistic = function(x, y) 1, exact = TRUE)
  refused("statistic", 1:3, 4:6, statistic = function(x, y) c(1, 2))
  refused("statistic", 1:3, 4:6, statistic = function(x, y) NaN)
  refused("strata", 1:3, 4:6, statistic = "cor", strata = 1:6)
  refused("statistic", 1:3, 4:6, statistic = "modus")
})

test_that("correlations and functions are permuted", {
  p <- permutation_test(cars$speed, cars$dist, statistic = "cor", R = 199, seed = 1)
  expect_equal(p$p.value, 1 / 200)
  f <- permutation_test(treatment, control, statistic = function(x, y) mean(x) - mean(y), R = 500, seed = 1)
  expect_false(f$exact)
  expect_lt(abs(f$p.value - 0.2783), 4 * sqrt(0.2 / 500))
  expect_argument_error(permutation_test(1:3, c(1, NA)), "y")
  expect_argument_error(permutation_test(1:3, 1:2, paired = TRUE), "y")
  expect_argument_error(permutation_test(1:3, 1:2, alternative = "both"), "alternative")
  expect_argument_error(permutation_test(1:60, 1:60, exact = TRUE), "exact")
})

test_that("the default for means keeps its level when variances and sizes differ", {
  set.seed(11)
  rejected <- function(studentize) {
    mean(replicate(400, permutation_test(rnorm(10, sd = 4), rnorm(50), R = 199, exact = FALSE, seed = 1, studentize = studentize)$p.value <= 0.05))
  }
  # Four standard errors about the level; without studentizing it is not even near.
  expect_lt(rejected(NULL), 0.05 + 4 * sqrt(0.05 * 0.95 / 400))
  expect_gt(rejected(FALSE), 0.25)
})

test_that("help and print name the same null hypothesis, which is the one that is tested", {
  x <- c(1.5, 2, 7, 3, 5.5)
  y <- c(2, 2.5, 9, 1, 4)
  g <- c(1, 1, 2, 2, 2, 1, 1, 2, 2, 2)
  f <- function(x, y) mean(x) - mean(y)
  says <- function(p, null, value = NULL) {
    expect_identical(p$null.hypothesis, null)
    expect_identical(p$null.value, value)
    expect_s3_class(p, "htest")
    expect_output(print(p), sprintf("null hypothesis: %s\nalternative: ", null), fixed = TRUE)
    if (is.null(value)) {
      # As htest prints it.
      shown <- utils::capture.output(print(structure(unclass(p), class = "htest")))
      expect_no_match(paste(shown, collapse = " "), "true .* is")
    }
  }
  says(permutation_test(x, y), "the means are equal", c("difference in means" = 0))
  expect_match(permutation_test(x, y)$method, "studentized")
  says(permutation_test(x, y, studentize = FALSE), "the distributions are equal")
  says(permutation_test(x, y[1]), "the distributions are equal")
  says(permutation_test(x, y, "median"), "the distributions are equal")
  says(permutation_test(x, y, f), "the distributions are equal")
  says(permutation_test(x, y, strata = g), "the distributions are equal within strata")
  says(permutation_test(x, y, f, strata = g), "the distributions are equal within strata")
  says(permutation_test(x, y, paired = TRUE), "the differences are symmetric about 0")
  says(permutation_test(x, y, "cor"), "the variables are independent")
  says(permutation_test(x, y, "spearman", strata = g[1:5]), "the variables are independent within strata")
  says(permutation_test(cbind(x, y), cbind(y, x)), "the means are equal", c("difference in means" = 0))
  expect_output(print(permutation_test(x, y, alternative = "less")), "alternative: a smaller statistic")
})

test_that("studentized: groups that do not vary are infinitely far apart, the same in every order", {
  welch <- function(z, i) {
    d <- mean(z[i]) - mean(z[-i])
    spread <- function(v) if (all(v == v[[1L]])) 0 else var(v)
    t <- d / sqrt(spread(z[i]) / length(i) + spread(z[-i]) / (length(z) - length(i)))
    if (is.nan(t)) 0 else t
  }
  for (values in list(c(0, 1), c(0.1, 0.2), c(1 / 3, 1e6 + 0.1))) {
    for (sizes in list(c(3, 3), c(4, 2), c(2, 5))) {
      x <- rep(values[[1L]], sizes[[1L]])
      y <- rep(values[[2L]], sizes[[2L]])
      # One that varies, too.
      for (y in list(y, c(y[-1L], values[[1L]]))) {
        z <- c(x, y)
        t <- utils::combn(length(z), length(x), function(i) welch(z, i))
        t0 <- welch(z, seq_along(x))
        near <- function(t) if (is.finite(t0)) t - 1e-9 * abs(t) else t
        expect_equal(permutation_test(x, y)$p.value, mean(abs(t) >= near(abs(t0))))
        expect_equal(permutation_test(x, y, alternative = "less")$p.value, mean(-t >= near(-t0)))
        expect_equal(permutation_test(x, y, alternative = "greater")$p.value, mean(t >= near(t0)))
      }
    }
  }
  expect_identical(permutation_test(rep(0, 12), rep(1, 13), R = 99, exact = FALSE, seed = 1)$p.value, 0.01)
})

test_that("the distribution that plot() draws is that of the p-value", {
  share <- function(test) {
    values <- permuted_values(test)
    colMeans(abs(values) >= rep(abs(test$statistic), each = nrow(values)) * (1 - 1e-9))
  }
  x <- c(1, 3, 5, 9)
  y <- c(2, 4, 6, 8, 7)
  for (statistic in c("mean", "median")) {
    exact <- permutation_test(x, y, statistic = statistic)
    expect_identical(nrow(permuted_values(exact)), 126L)
    expect_equal(share(exact), exact$p.value, info = statistic)
  }
  pairs <- permutation_test(x, y[1:4], paired = TRUE)
  expect_equal(share(pairs), pairs$p.value)
  own <- permutation_test(x, y, statistic = function(x, y) mean(x) - mean(y))
  expect_equal(share(own), own$p.value)
  random <- permutation_test(mtcars$wt, mtcars$mpg, statistic = "cor", R = 499, seed = 1)
  expect_equal((share(random) * 499 + 1) / 500, random$p.value, ignore_attr = TRUE)
  columns <- permutation_test(cbind(mpg, wt) ~ am, data = mtcars, R = 199, seed = 1)
  expect_equal((share(columns) * 199 + 1) / 200, unname(columns$p.value))
  # Of more permutations than can be drawn there are random ones.
  many <- permutation_test(sleep$extra[1:10], sleep$extra[11:20])
  expect_true(many$exact)
  expect_identical(nrow(permuted_values(many)), 20000L)
  expect_equal(share(many), many$p.value, tolerance = 0.1)
})

test_that("extend() gives what the call with more permutations gives", {
  set.seed(3)
  x <- rnorm(30)
  y <- rnorm(25, 0.5)
  several <- matrix(rnorm(90), 30, dimnames = list(NULL, c("a", "b", "c")))
  with_function <- function(...) permutation_test(x, y, statistic = function(x, y) mean(x) - mean(y), ...)
  tests <- list(
    function(...) permutation_test(x, y, ...),
    function(...) permutation_test(x, y, "median", alternative = "greater", ...),
    function(...) permutation_test(several, several[1:20, ] + 0.3, ...),
    function(...) permutation_test(several, x, "cor", ...),
    function(...) permutation_test(x, several[, 1], paired = TRUE, exact = FALSE, ...),
    with_function
  )
  shown <- function(t) t[c("statistic", "parameter", "p.value", "mcse", "adjusted", "estimate", "exact")]
  for (test in tests) {
    part <- test(R = 150, seed = 4)
    expect_equal(shown(extend(part, 700)), shown(test(R = 700, seed = 4)))
    expect_equal(shown(extend(extend(part, 300), 700)), shown(test(R = 700, seed = 4)))
    expect_equal(shown(extend(part, 150)), shown(part))
  }
  expect_equal(shown(extend(tests[[1L]](R = 150, seed = 4), 700, threads = 2)), shown(tests[[1L]](R = 700, seed = 4)))
  # All there are stay all there are.
  exact <- permutation_test(1:5, 3:8)
  expect_identical(extend(exact, 1e4), exact)
  expect_argument_error(extend(tests[[1L]](R = 150, seed = 4), 100), "R")
  # Plots make the permutations again.
  expect_identical(nrow(permuted_values(extend(tests[[1L]](R = 999, seed = 4), 2000))), 2000L)
  expect_identical(nrow(permuted_values(extend(with_function(R = 99, seed = 4), 200))), 200L)
})

test_that("R = enough() goes on until the p-values are sure", {
  set.seed(3)
  x <- matrix(rnorm(60), 30)
  y <- matrix(rnorm(60), 30)
  test <- permutation_test(x, y, R = enough(0.004, start = 500), seed = 1)
  expect_true(test$enough$reached)
  expect_lte(max(test$mcse), 0.004)
  expect_equal(test$p.value, permutation_test(x, y, R = test$parameter[[1L]], seed = 1)$p.value)
  expect_warning(
    test <- permutation_test(x, y, R = enough(1e-4, start = 100, limit = 500), seed = 1), "p-value is",
    class = "rustle_warning_replicates"
  )
  expect_equal(test$parameter[[1L]], 500)
  expect_false(test$enough$reached)
})

test_that("strata that leave nothing to exchange are told", {
  d <- data.frame(y = c(1, 5, 2, 8, 3, 9), g = rep(0:1, each = 3))
  for (strata in list(d$g, 1:6)) {
    expect_warning(test <- permutation_test(y ~ g, data = d, strata = strata), class = "rustle_warning_degenerate")
    expect_identical(test$p.value, 1)
    own <- function(x, y) mean(x) - median(y)
    expect_warning(permutation_test(d$y[1:3], d$y[4:6], own, strata = strata, seed = 1), class = "rustle_warning_degenerate")
  }
  expect_no_warning(permutation_test(y ~ g, data = d, strata = rep(1:3, 2)))
})
