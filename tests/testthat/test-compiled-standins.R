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
  for (one in names(stand_ins())) expect_true(test_of_stand_in(stand_ins()[[one]], get(one, asNamespace("stats"))), label = one)
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
