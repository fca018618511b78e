# Oracles: enumeration of all signs, closed forms of maxima, the multipliers themselves.

set.seed(11)
psi <- matrix(rnorm(40 * 3), 40) %*% matrix(c(1, 0.5, 0, 0, 1, 0.3, 0, 0, 2), 3)
psi <- psi - rep(colMeans(psi), each = 40)

test_that("standard errors are those of the multipliers' law, and the covariance that of psi", {
  for (law in c("rademacher", "mammen", "webb", "norm")) {
    b <- bootstrap_influence(psi, R = 20000, weights = law, seed = 1, threads = 2)
    expect_equal(b$bands$std.error, sqrt(colSums(psi^2)) / 40)
    expect_equal(unname(vcov(b)), crossprod(psi) / 40^2, tolerance = 0.06)
    expect_lt(max(abs(colMeans(b$t)) / (b$bands$std.error / sqrt(20000))), 4)
  }
})

test_that("all draws of few observations are sums with signs", {
  small <- matrix(c(1, 2, 4, -7), 4, 1)
  b <- bootstrap_influence(small, R = 2000, seed = 1, threads = 1)
  all <- sort(unique(as.vector(as.matrix(expand.grid(rep(list(c(-1, 1)), 4))) %*% small) / 4))
  expect_equal(sort(unique(round(b$t[, 1], 12))), round(all, 12))
})

test_that("the critical value is the quantile of the largest of normal numbers", {
  set.seed(1)
  p <- 5
  wide <- matrix(rnorm(4000 * p), 4000)
  wide <- scale(wide, scale = FALSE)
  wide <- wide %*% solve(chol(crossprod(wide)))
  b <- bootstrap_influence(wide, R = 20000, weights = "norm", seed = 1, threads = 2)
  expect_lt(abs(b$critical - qnorm((1 + 0.95^(1 / p)) / 2)), 4 * b$critical.mcse)
  expect_equal(b$bands$band.upper, b$critical * b$bands$std.error)
})

test_that("clusters have one multiplier each", {
  g <- rep(1:8, each = 5)
  b <- bootstrap_influence(psi, R = 500, cluster = g, seed = 3, threads = 1)
  sums <- rowsum(psi, g)
  expect_equal(b$bands$std.error, unname(sqrt(colSums(sums^2)) / 40))
  same <- bootstrap_influence(sums * 8 / 40, R = 500, seed = 3, threads = 2)
  expect_equal(b$t, same$t)
  expect_equal(b$clusters, 8)
})

test_that("threads do not matter, and the first replicates are those of a shorter run", {
  a <- bootstrap_influence(psi, c(a = 1, b = 2, c = 3), R = 3000, seed = 9, threads = 1)
  b <- bootstrap_influence(psi, c(a = 1, b = 2, c = 3), R = 3000, seed = 9, threads = 2)
  expect_identical(a$t, b$t)
  expect_identical(a$t[1:777, ], bootstrap_influence(psi, c(a = 1, b = 2, c = 3), R = 777, seed = 9)$t[, ])
  set.seed(4); first <- bootstrap_influence(psi, R = 299)$t
  set.seed(4); expect_identical(bootstrap_influence(psi, R = 299)$t, first)
})

test_that("p-values are adjusted counts, and a component without variance counts for nothing", {
  flat <- cbind(psi, 0)
  est <- c(0.2, 0, -0.9, 0)
  b <- bootstrap_influence(flat, est, R = 999, seed = 1, threads = 1)
  se <- b$bands$std.error[1:3]
  z <- apply(abs(t(t(b$t[, 1:3]) - est[1:3])) %*% diag(1 / se), 1, max)
  expect_equal(b$bands$p.value[1:3], sapply(abs(est[1:3]) / se, function(t) (1 + sum(z >= t)) / 1000))
  expect_true(is.na(b$bands$p.value[4]))
  expect_equal(b$bands$band.lower[4], b$bands$band.upper[4])
  expect_equal(b$critical, sort(z)[950])
  ends <- confint(b, parm = 2, level = 0.8)
  expect_equal(unname(ends[1, 2]), sort(z)[800] * se[2])
  expect_equal(unname(confint(b, simultaneous = FALSE)[, 1]), b$bands$lower)
  expect_true(all(b$bands$upper <= b$bands$band.upper))
  expect_output(print(b), "Simultaneous 95% bands")
  expect_equal(boot_p(b, 0, index = 1)$term, "t1")
})

test_that("pictures show bands", {
  b <- bootstrap_influence(psi, c(a = 1, b = 2, c = 3), R = 299, seed = 1)
  withr::local_pdf(NULL)
  expect_identical(plot(b), b)
  skip_if_not_installed("ggplot2")
  expect_s3_class(ggplot2::autoplot(b), "ggplot")
})

test_that("wrong arguments are told", {
  wrong <- function(expr) expect_error(expr, class = "rustle_error_argument")
  wrong(bootstrap_influence("a"))
  wrong(bootstrap_influence(matrix(0, 1, 1)))
  wrong(bootstrap_influence(rbind(psi, NA)))
  wrong(bootstrap_influence(psi, 1:2))
  wrong(bootstrap_influence(psi, cluster = 1:3))
  wrong(bootstrap_influence(psi, cluster = rep(1, 40)))
  wrong(bootstrap_influence(psi, weights = "gamma"))
  wrong(bootstrap_influence(psi, R = 0))
  wrong(bootstrap_influence(psi, conf = 1))
  # The 95 % point of 18 numbers is beyond them.
  expect_argument_error(bootstrap_influence(psi, R = 18), "R")
  expect_argument_error(confint(bootstrap_influence(psi, R = 299, seed = 1), level = 0.999), "R")
  expect_warning(bootstrap_influence(psi + 5, R = 299, seed = 1), class = "rustle_warning_influence")
})
