# Densities and their like by R's own library, and functions that are compiled as other code.

test_that("densities, distribution functions and quantiles are R's", {
  expect_all_on_threads(
    function(x) list(dnorm(x), pnorm(c(x, 1), lower.tail = FALSE), qnorm(0.975) * x, sum(dnorm(c(x, 1, 2), 1, 2, log = TRUE))), function(x) 2 * pt(-abs(x), df = 12), function(x) plogis(matrix(c(x, 1, 2, 3), 2)),
    function(x) list(dbinom(3, 10, plogis(x), log = TRUE), dpois(0:5, exp(x)), dgamma(2, shape = 2, rate = x), dgamma(x, 2, scale = 3), dexp(x, 2), pexp(x, c(1, 2)), dbeta(0.3, x, 2)),
    function(x) c(choose(10, 3), factorial(5), lgamma(x + 1), beta(x, 2), dt(x, 3), pchisq(x, 2, lower.tail = FALSE), dunif(x, 0, 9), punif(x)), function(x) c(unique(c(3, 1, 3, x)), rank(c(3, x, 3)), cov(c(x, 1, 2), c(3, 1, 5))),
    function(x) any(duplicated(sample(30, 5, TRUE)))
  )
  expect_called(function(x) dbinom(x, 10, 0.5), X = list(1, 2.5), kept = 1L)
  expect_called(function(x) pnorm(x, 0, -1), X = list(1), kept = 0L)
  expect_called(function(x) pt(x, 3, 1), "ncp", X = list(1))
  # Beyond these R's own functions may warn.
  expect_called(function(x) pt(x, 3), X = list(30, 1e5), kept = 1L)
})

test_that("tests of means and their like have R's numbers, and draw in R's order", {
  for (one in names(stand_ins())) expect_true(test_of_stand_in(stand_ins()[[one]], get(one, asNamespace(stand_ins()[[one]]$package))), label = one)
  expect_all_on_threads(
    function(i) t.test(rnorm(10), rnorm(12, 0.5))$p.value, function(i) { tt <- t.test(rnorm(10), mu = i); c(p = tt$p.value, t = tt$statistic[["t"]]) }, function(i) t.test(rnorm(9), rnorm(9), paired = TRUE, alternative = "less")$p.value,
    function(i) mean(replicate(5, t.test(rnorm(8), rnorm(8), var.equal = TRUE)$p.value) < 0.05), function(i) cor.test(rnorm(10), rnorm(10))$p.value, function(i) weighted.mean(rnorm(5), runif(5)), function(i) IQR(rnorm(9)) / mad(rnorm(9))
  )
  expect_left_to_r(list(function(i) t.test(rnorm(9)), function(i) { tt <- t.test(rnorm(9)); length(tt) }, function(i) t.test(rnorm(9))$conf.int[1], function(i) t.test(rnorm(9))$p))
  expect_called(function(i) t.test(rnorm(10), conf.level = 95)$p.value, X = list(1), kept = 0L)
  expect_called(function(i) t.test(c(1, 1, 1))$p.value, X = list(1), kept = 0L)
  local({
    t.test.numeric <- function(x, ...) list(p.value = 42)
    expect_called(function(i) t.test(rnorm(10))$p.value, "not in the subset", X = list(1))
  })
})

test_that("signs, ends of vectors, sets, Filter() and sweep() are R's", {
  m <- matrix(c(1.5, 2, 0.5, 3, 1, 2), 3L)
  some <- c(3L, 1L, 2L)
  expect_all_on_threads(
    function(x) list(sign(x - 1), sign(m - 1), sign(some - 2L), is.finite(c(x, Inf)), is.infinite(c(-Inf, x)), is.nan(x), as.logical(c(x, 0)), if (is.finite(log(x))) 1 else 0),
    function(x) list(head(m[, 1], 2), head(c(x, 1, 2), -1), tail(some, 2), tail(c(x, 5), 9), head(x, 0), tail(c(1, x), -1)),
    function(x) list(union(some, x), intersect(some, c(x, 2)), setdiff(c(x, 3, 3, 7), some), setdiff(1:3, 2L), intersect(1:3, some)),
    function(x) Filter(function(k) k > x, c(1, 5, 0.3, 9)), function(x) { big <- function(k) k >= 2; length(Filter(big, some)) + x },
    function(x) list(sweep(m, 2, colMeans(m)), sweep(m, 1, c(x, 2, 3), "*"), sweep(m, 2, c(x, 1), FUN = "/"))
  )
  # Not a number, and matrices: R's.
  expect_called(function(x) is.nan(c(x, NaN)), X = list(1), kept = 0L)
  expect_left_to_r(list(function(x) head(m, 2), function(x) tail(m, 1)))
  for (part in list(function(x) tail(c(1, 2, 3, 4), 2.7), function(x) tail(1:4, -1.5), function(x) head(1:4, -1.5))) expect_called(part, X = list(1), kept = 0L)
  # R warns.
  expect_called(function(x) sweep(m, 1, c(x, 2)), X = list(1), kept = 0L)
  local({
    head.numeric <- function(x, ...) 42
    expect_called(function(x) head(x, 1), "not in the subset", X = list(1))
  })
  # The method is gone again.
  expect_all_on_threads(function(x) head(x, 1))
  local({
    sign <- function(x) 7
    expect_all_on_threads(function(x) sign(x))
  })
})
