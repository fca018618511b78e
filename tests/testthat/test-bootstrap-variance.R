# Oracles: the variance of a mean in closed form, and the same resamples by an R function.

test_that("the variance of a resampled mean is the closed one", {
  x <- boot::aircondit$hours
  b <- bootstrap(x, "mean", R = 40, seed = 1)
  v <- boot_variance(b, R = 4000, seed = 1, threads = 2)
  resamples <- t(apply(boot_array(b, indices = TRUE), 1L, function(i) x[i]))
  closed <- apply(resamples, 1L, function(x) mean((x - mean(x))^2) / length(x))
  expect_equal(as.vector(v$var.t), closed, tolerance = 0.05)
  expect_equal(unname(v$var.t0), var(b$t[, 1L]))
  expect_identical(boot_variance(b, R = 20, seed = 1, threads = 1)$var.t, boot_variance(b, R = 20, seed = 1, threads = 2)$var.t)
  expect_output(print(v), "40 replicates, each by 4000")
})

test_that("native statistics and functions see the same resamples of resamples", {
  d <- transform(cars, g = rep(1:10, 5), s = rep(1:2, each = 25))
  f <- function(d, w) {
    w <- w / sum(w)
    x <- d$speed - sum(w * d$speed)
    y <- d$dist - sum(w * d$dist)
    sum(w * x * y) / sqrt(sum(w * x^2) * sum(w * y^2))
  }
  both <- function(...) {
    native <- boot_variance(bootstrap(d[1:2], "cor", R = 10, seed = 1, ...), R = 15, seed = 2)
    weights <- boot_variance(bootstrap(d[1:2], f, R = 10, seed = 1, stype = "w", ...), R = 15, seed = 2)
    expect_equal(as.vector(native$var.t), as.vector(weights$var.t))
    native
  }
  plain <- both()
  rows <- boot_variance(bootstrap(d[1:2], function(d, i) cor(d$speed[i], d$dist[i]), R = 10, seed = 1), R = 15, seed = 2)
  expect_equal(as.vector(rows$var.t), as.vector(plain$var.t))
  counts <- boot_variance(bootstrap(d[1:2], function(d, f) f * 0 + cor(rep(d$speed, f), rep(d$dist, f)), R = 2, seed = 1, stype = "f"), R = 5, seed = 2)
  expect_identical(dim(counts$var.t), c(2L, 50L))
  both(strata = d$s)
  both(cluster = d$g)
  both(sim = "balanced")
  formula <- boot_variance(bootstrap(d, ~ sum(.w * speed) / sum(.w * dist), R = 10, seed = 1), R = 15, seed = 2)
  ratio <- boot_variance(bootstrap(d[1:2], "ratio", R = 10, seed = 1), R = 15, seed = 2)
  expect_equal(as.vector(formula$var.t), as.vector(ratio$var.t))
  local_plan("multisession", workers = 2)
  expect_equal(as.vector(boot_variance(bootstrap(d[1:2], f, R = 10, seed = 1, stype = "w"), R = 15, seed = 2)$var.t), as.vector(plain$var.t))
})

test_that("studentized intervals and p-values take nested variances", {
  b <- bootstrap(mtcars, stat_lm(mpg ~ wt + hp), R = 249, seed = 1)
  v <- boot_variance(b, R = 20, seed = 1)
  expect_equal(boot_ci(b, type = "stud", variance = v), boot_ci(b, type = "stud", var.t0 = v$var.t0, var.t = v$var.t), ignore_attr = TRUE)
  expect_equal(
    boot_ci(b, type = "stud", variance = v, index = "wt")$lower, boot_ci(b, type = "stud", variance = v)$lower[[2L]]
  )
  p <- boot_p(b, null = 0, type = "stud", variance = v, index = "wt")
  expect_equal(p$p.value, boot_p(b, null = 0, type = "stud", var.t0 = v$var.t0[["wt"]], var.t = v$var.t[, "wt"], index = "wt")$p.value)
  # The generator of the caller stays.
  set.seed(1)
  before <- .Random.seed
  boot_variance(b, R = 2, seed = 3)
  expect_identical(.Random.seed, before)
})

test_that("results that have no resamples of cases are refused", {
  refuse <- function(x, argument = "x", ...) expect_argument_error(boot_variance(x, ...), argument)
  refuse(1)
  refuse(bootstrap(cars, "cor", R = 3, seed = 1, sim = "bayesian"))
  refuse(bootstrap(cars, stat_lm(dist ~ speed), R = 3, seed = 1, sim = "wild"))
  refuse(bootstrap(cars, "cor", R = 3, seed = 1, keep_data = FALSE))
  refuse(bootstrap(cars, "cor", R = 3, seed = 1, cluster = list(rep(1:5, 10), rep(1:10, 5))))
  b <- bootstrap(cars, "cor", R = 5, seed = 1)
  refuse(b, "R", R = 1)
  refuse(b, "seed", seed = "a")
  other <- bootstrap(cars, "cor", R = 6, seed = 1)
  expect_argument_error(boot_ci(other, type = "stud", variance = boot_variance(b, R = 2, seed = 1)), "variance")
})
