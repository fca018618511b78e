test_that("the jackknife of a mean is its standard error, that of a model HC3", {
  x <- boot_data()$x
  j <- jackknife(x, "mean")
  expect_equal(j$se[[1L]], sd(x) / sqrt(length(x)))
  expect_equal(j$bias[[1L]], 0)
  fit <- lm(dist ~ speed, cars)
  j <- jackknife(cars, stat_lm(dist ~ speed))
  X <- model.matrix(fit)
  e <- residuals(fit) / (1 - hatvalues(fit))
  left_out <- -t(solve(crossprod(X)) %*% t(X * e))
  centred <- left_out - rep(colMeans(left_out), each = 50)
  expect_equal(unname(vcov(j)), unname(49 / 50 * crossprod(centred)), tolerance = 1e-10)
  expect_equal(dimnames(vcov(j)), dimnames(vcov(fit)))
})

test_that("the law school correlation has its published jackknife", {
  law <- data.frame(
    LSAT = c(576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
    GPA = c(3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96)
  )
  for (statistic in list("cor", function(d, i) cor(d[i, 1], d[i, 2]))) {
    j <- jackknife(law, statistic)
    expect_equal(j$se[[1L]], 0.142518618602, tolerance = 1e-10)
    expect_equal(j$bias[[1L]], -0.00647362304592, tolerance = 1e-9)
  }
})

test_that("bias correction of the plug-in variance gives the variance", {
  x <- boot_data()$x
  plug_in <- function(x, i) mean((x[i] - mean(x[i]))^2)
  expect_equal(jackknife(x, plug_in)$estimate[[1L]], var(x))
})

test_that("clusters are left out whole, on the workers too", {
  d <- boot_data()
  ids <- rep(1:8, each = 5)
  native <- jackknife(d, stat_cor("x", "y"), cluster = ids)
  plain <- with_plan(multicore, workers = 2, jackknife(d, function(d, i) cor(d$x[i], d$y[i]), cluster = ids))
  expect_equal(unname(native$t), unname(plain$t), tolerance = 1e-10)
  expect_equal(nrow(native$t), 8L)
})

test_that("a statistic that fails without an observation is told", {
  d <- data.frame(y = 1:5 + 0, g = c("a", "a", "a", "a", "b"))
  error <- expect_error(jackknife(d, stat_lm(y ~ g)), class = "rustle_error_statistic")
  expect_identical(error$replicate, 5L)
  expect_match(conditionMessage(error), "without observation or cluster 5: it has no value.", fixed = TRUE)
  expect_no_match(conditionMessage(error), "on_error")
  longer <- function(d, i) if (length(i) == 5L) 1 else 1:2
  expect_error(jackknife(d, longer), "without observation or cluster 1: 2 values", class = "rustle_error_statistic")
  expect_argument_error(jackknife(1, "mean"), "data")
})

test_that("a model without an observation that has its fit to itself is fitted anew", {
  d <- data.frame(y = c(3, 1, 4, 1, 5, 9, 2, 6), x = c(1:7, 1e4))
  native <- jackknife(d, stat_lm(y ~ x))$t
  refits <- t(vapply(1:8, function(i) coef(lm(y ~ x, d[-i, ])), c(0, 0)))
  expect_equal(unname(native[1:7, ]), unname(refits[1:7, ]), tolerance = 1e-7)
  expect_equal(unname(native[8L, ]), unname(refits[8L, ]), tolerance = 1e-6)
})

test_that("on workers that share no memory a function is left out of as in this session", {
  d <- boot_data()
  f <- function(d, i) cor(d$x[i], d$y[i])
  here <- jackknife(d, f)
  old <- rustle::plan(future::multisession, workers = 2)
  withr::defer(rustle::plan(old))
  expect_equal(jackknife(d, f)$t, here$t)
})

test_that("print() says what was left out", {
  expect_output(print(jackknife(cars, stat_lm(dist ~ speed))), "50 observations left out one by one")
  clusters <- rep(1:10, 5)
  expect_output(print(jackknife(cars, stat_lm(dist ~ speed), cluster = clusters)), "10 clusters left out one by one")
})
