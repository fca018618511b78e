# Oracles: the definitions written out on the same resamples, and size under the null hypothesis.

losses_data <- function(n = 60, shift = c(1, 1, 0.6, 1.4), seed = 1) {
  set.seed(seed)
  x <- sapply(shift, function(s) (s + rnorm(n))^2)
  colnames(x) <- c("base", "same", "better", "worse")
  x
}

test_that("the p-values of the test of predictive ability are those of its definition", {
  x <- losses_data()
  out <- spa_test(x, "base", R = 399, l = 3, seed = 2, threads = 1)
  d <- x[, 1] - x[, -1]
  i <- boot_array(bootstrap(d, "mean", R = 399, sim = "block", blocktype = "geom", l = 3, seed = 2), indices = TRUE)
  m <- colMeans(d)
  t <- t(apply(i, 1, function(r) colMeans(d[r, ])))
  se <- sqrt(colMeans(t(t(t) - m)^2))
  T <- max(0, m / se)
  p_of <- function(g) (1 + sum(apply(t, 1, function(r) max(0, (r - g) / se)) >= T - 1e-12)) / 400
  expect_equal(out$statistic[[1]], T)
  expect_equal(out$p.values[["upper"]], p_of(m))
  expect_equal(out$p.values[["lower"]], p_of(pmax(m, 0)))
  expect_equal(out$p.values[["consistent"]], p_of(m * (m >= -se * sqrt(2 * log(log(60))))))
  expect_equal(out$p.values[["reality_check"]], (1 + sum(apply(t, 1, function(r) max(r - m)) >= max(m))) / 400)
  expect_true(out$p.values[["lower"]] <= out$p.value && out$p.value <= out$p.values[["upper"]])
  expect_equal(out$estimate, m)
  expect_output(print(out), "superior predictive ability")
})

test_that("under the null hypothesis the test rejects as often as it should", {
  p <- sapply(1:300, function(s) {
    set.seed(s)
    spa_test(matrix(rnorm(200), 50), R = 199, l = 1, seed = s, threads = 1)$p.value
  })
  expect_lt(abs(mean(p <= 0.1) - 0.1), 4 * sqrt(0.1 * 0.9 / 300))
})

test_that("stepwise tests go on with those that are left", {
  x <- losses_data(150, c(1.5, 1.5, 0, 1.2))
  out <- step_m(x, R = 999, l = 1, seed = 1, threads = 1)
  expect_equal(out$step[out$model == "better"], 1)
  expect_true(is.na(out$step[out$model == "same"]))
  # A model is found when its adjusted p-value is small.
  expect_identical(!is.na(out$step), out$p.value <= 0.05)
  expect_identical(order(out$p.value), order(-out$statistic))
  two <- step_m(x[, c(1, 3)], R = 999, l = 1, seed = 1)
  expect_equal(two$p.value, spa_test(x[, c(1, 3)], R = 999, l = 1, seed = 1)$p.values[["upper"]])
})

test_that("the confidence set is that of its definition", {
  x <- losses_data(80, c(1, 1, 0.3, 1.4))
  for (kind in c("max", "range")) {
    out <- model_confidence_set(x, statistic = kind, R = 299, l = 2, seed = 3, threads = 1)
    i <- boot_array(bootstrap(x, "mean", R = 299, sim = "block", blocktype = "geom", l = 2, seed = 3), indices = TRUE)
    t <- t(apply(i, 1, function(r) colMeans(x[r, ]))) - rep(colMeans(x), each = 299)
    left <- colnames(x)
    p <- 0
    order <- character()
    ps <- double()
    while (length(left) > 1) {
      m <- colMeans(x)[left]
      colnames(t) <- colnames(x)
      z <- t[, left]
      if (kind == "max") {
        z <- z - rowMeans(z)
        se <- sqrt(colMeans(z^2))
        s <- (m - mean(m)) / se
        stat <- max(s)
        reps <- apply(t(t(z) / se), 1, max)
        out_now <- left[which.max(s)]
      } else {
        S <- outer(left, left, Vectorize(function(a, b) if (a == b) 0 else (m[[a]] - m[[b]]) / sqrt(mean((z[, a] - z[, b])^2))))
        stat <- max(S)
        reps <- apply(sapply(left, function(a) sapply(seq_len(299), function(r) {
          max(sapply(setdiff(left, a), function(b) abs(z[r, a] - z[r, b]) / sqrt(mean((z[, a] - z[, b])^2))))
        })), 1, max)
        out_now <- left[which.max(apply(S, 1, max))]
      }
      p <- max(p, (1 + sum(reps >= stat - 1e-12)) / 300)
      ps <- c(ps, p)
      order <- c(order, out_now)
      left <- setdiff(left, out_now)
    }
    expect_identical(out$model, c(order, left))
    expect_equal(out$p.value, c(ps, 1))
  }
  expect_equal(out$model[[4]], "better")
  expect_true(out$in_set[[4]])
  expect_false(out$in_set[[1]])
})

test_that("threads do not matter and lengths are chosen where none is given", {
  x <- losses_data()
  expect_identical(spa_test(x, R = 99, seed = 1, threads = 1)$p.values, spa_test(x, R = 99, seed = 1, threads = 2)$p.values)
  expect_gte(spa_test(x, R = 99, seed = 1)$parameter[[1]], 1)
})

test_that("wrong losses are told", {
  x <- losses_data()
  expect_argument_error(spa_test(1:5), "losses")
  expect_argument_error(spa_test(rbind(x, NA)), "losses")
  expect_argument_error(spa_test(x, "none"), "benchmark")
  expect_argument_error(spa_test(cbind(x, x[, 1])), "losses")
  expect_argument_error(step_m(x, level = 2), "level")
  # With 18 replicates no p-value is below 1 / 19.
  expect_argument_error(step_m(x, R = 18), "R")
  expect_argument_error(model_confidence_set(x, R = 18), "R")
  expect_argument_error(model_confidence_set(x, R = enough(start = 199), level = 0.001), "R")
  expect_equal(nrow(step_m(x, R = 19, seed = 1)), ncol(x) - 1)
  expect_argument_error(model_confidence_set(x[, c(1, 1)]), "losses")
  expect_argument_error(model_confidence_set(x, statistic = "T"), "statistic")
})

test_that("p-values tell their Monte Carlo errors", {
  set.seed(1)
  losses <- matrix(rnorm(300)^2, 100) + rep(c(0.5, 0.4, 0), each = 100)
  test <- spa_test(losses, R = 199, l = 1, seed = 1, threads = 1)
  expect_equal(test$mcse, sqrt(test$p.values * (1 - test$p.values) / 199))
  expect_match(capture.output(print(test)), "reality_check", all = FALSE)
  for (x in list(step_m(losses, R = 199, l = 1, seed = 1, threads = 1), model_confidence_set(losses, R = 199, l = 1, seed = 1, threads = 1))) {
    expect_equal(x$mcse, sqrt(x$p.value * (1 - x$p.value) / 199))
  }
})
