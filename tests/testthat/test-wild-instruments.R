iv_data <- function(n = 160) {
  set.seed(6)
  d <- data.frame(g = rep(1:8, length.out = n), x = rnorm(n), z1 = rnorm(n), z2 = rexp(n))
  common <- rnorm(8)[d$g] + rnorm(n)
  d$d <- 0.5 * d$z1 + 0.4 * d$z2 + 0.3 * d$x + common + rnorm(n)
  d$y <- 1 + 0.4 * d$d - 0.2 * d$x + common
  d
}
iv_model <- y ~ x + d | x + z1 + z2

# Two-stage least squares of every replicate; the restricted fit by constrained least squares
# of the second stage.
plain_instruments <- function(d, R, r, g, V, impose, factor) {
  X <- cbind(1, d$x, d$d)
  Z <- cbind(1, d$x, d$z1, d$z2)
  project <- function(v) Z %*% solve(crossprod(Z), crossprod(Z, v))
  fit <- function(y, endogenous) {
    X[, 3L] <- endogenous
    Xh <- project(X)
    A <- solve(crossprod(Xh))
    b <- drop(A %*% crossprod(Xh, y))
    u <- drop(y - X %*% b)
    s <- rowsum(drop(Xh %*% A %*% R) * u, g)
    list(b = b, A = A, u = u, t = function(r) (sum(R * b) - r) / sqrt(factor * sum(s^2)))
  }
  o <- fit(d$y, d$d)
  b <- o$b
  if (impose) b <- b - drop(o$A %*% R) * (sum(R * b) - r) / sum(R * (o$A %*% R))
  u <- drop(d$y - X %*% b)
  first <- solve(crossprod(cbind(Z, u)), crossprod(cbind(Z, u), d$d))[1:4]
  fitted <- drop(Z %*% first)
  v <- V[match(g, unique(g)), ]
  ts <- apply(v, 2L, function(v) {
    endogenous <- fitted + v * (d$d - fitted)
    fit(drop(cbind(1, d$x, endogenous) %*% b) + v * u, endogenous)$t(if (impose) r else sum(R * b))
  })
  list(t = o$t(r), ts = ts)
}

test_that("replicates after two-stage least squares are those of plain R", {
  d <- iv_data()
  for (g in list(d$g, seq_len(160))) {
    for (impose in c(TRUE, FALSE)) {
      for (R in list(c(0, 0, 1), c(0, 1, 0), c(0, 1, -2))) {
        G <- length(unique(g))
        cluster <- if (G == 8L) g
        x <- quiet_wild(iv_model, list(R = R, r = 0.3), cluster, data = d, R = 70, weights = "webb", impose = impose, seed = 3, conf = NULL)
        V <- wild_weights("webb", 3, G, 70L)
        o <- plain_instruments(d, R, 0.3, g, V, impose, G / (G - 1))
        expect_equal(unname(x$statistic), o$t, tolerance = 1e-10)
        expect_equal(wild_statistics(x), o$ts, tolerance = 1e-8)
        expect_identical(x$p.value, mean(abs(o$ts) > abs(o$t)))
      }
    }
  }
})

test_that("intervals after two-stage least squares are those of tests at their ends", {
  d <- iv_data()
  test <- function(r, ...) quiet_wild(iv_model, list(R = c(0, 0, 1), r = r), ~ g, data = d, R = 199, weights = "webb", seed = 3, ...)
  x <- test(0)
  p <- function(r) test(r, conf = NULL)$p.value
  ends <- c(x$conf.int)
  step <- 2e-4 * x$std.error
  expect_true(all(vapply(ends + c(1, -1) * step, p, 0) >= 0.05) && all(vapply(ends - c(1, -1) * step, p, 0) < 0.05))
  expect_identical(wild_curve(x, c(0.1, 0.5))$p.value, c(p(0.1), p(0.5)))
})

test_that("public figures of boottest are reproduced after two-stage least squares", {
  skip_on_cran()
  model <- wage ~ ttl_exp + collgrad + tenure | ttl_exp + collgrad + union
  x <- quiet_wild(model, "tenure", ~ industry, data = nlsw88(), alternative = "equal.tailed", adjust = "none")
  expect_lt(abs(x$statistic - 2.6040), 6e-5)
  expect_true(x$enumerated)
  # The reference drew 9999 of the 4096 combinations at random.
  expect_lt(abs(x$p.value - 0.0444), 4 * 2 * sqrt(0.022 / 9999))
  expect_equal(c(x$conf.int), c(0.1188, 2.21), tolerance = 0.02)
})

test_that("the Anderson-Rubin test is that of the instruments in a linear model", {
  d <- iv_data()
  x <- quiet_wild(iv_model, "d = 0.3", ~ g, data = d, R = 199, weights = "webb", seed = 3, method = "ar")
  linear <- lm(y - 0.3 * d ~ x + z1 + z2, d)
  oracle <- quiet_wild(linear, c("z1", "z2"), ~ g, R = 199, weights = "webb", seed = 3, adjust = "clusters")
  expect_equal(unname(x$statistic), unname(oracle$statistic), tolerance = 1e-10)
  expect_identical(x$p.value, oracle$p.value)
  one <- quiet_wild(y ~ x + d | x + z1, "d = 0.3", ~ g, data = d, R = 199, weights = "webb", seed = 3, method = "ar")
  t <- quiet_wild(lm(y - 0.3 * d ~ x + z1, d), "z1", ~ g, R = 199, weights = "webb", seed = 3, adjust = "clusters")
  expect_equal(unname(one$statistic), unname(t$statistic)^2, tolerance = 1e-10)
  expect_identical(one$p.value, t$p.value)
})

test_that("fits of ivreg() are those of the formula", {
  skip_if_not_installed("AER")
  d <- iv_data()
  d$y[3] <- NA
  fit <- AER::ivreg(y ~ x + d | x + z1 + z2, data = d, subset = x < 1.5)
  x <- quiet_wild(fit, "d = 0.3", ~ g, R = 99, weights = "webb", seed = 3)
  oracle <- quiet_wild(iv_model, "d = 0.3", ~ g, data = d[d$x < 1.5, ], R = 99, weights = "webb", seed = 3)
  expect_equal(x$draws, oracle$draws)
  expect_equal(unname(x$estimate), unname(coef(fit)[["d"]]))
  expect_equal(quiet_wild(AER::ivreg(iv_model, data = d, weights = rep(2, 160)), "d", R = 99, seed = 1)$p.value,
    quiet_wild(iv_model, "d", data = d, R = 99, seed = 1)$p.value)
})

test_that("what cannot be tested with instruments is refused", {
  d <- iv_data()
  refuse <- function(argument, model = iv_model, null = "d", ...) {
    expect_argument_error(quiet_wild(model, null, ..., data = d), argument)
  }
  refuse("model", y ~ x | x + z1, "x")
  refuse("model", y ~ x + d | x)
  refuse("model", y ~ x + d | x + z1 + I(2 * z1))
  refuse("model", y ~ x + nowhere | x + z1)
  refuse("null", null = "z1")
  refuse("null", null = c("d", "x"))
  refuse("null", null = "x", method = "ar")
  refuse("alternative", method = "ar", alternative = "less")
  refuse("type", type = "31")
  refuse("method", method = "score")
  refuse("effects", effects = ~ g)
  refuse("boot_cluster", boot_cluster = ~ g)
  refuse("cluster", cluster = ~ g + x)
  expect_argument_error(wild_test(lm(y ~ x, d), "x", method = "ar"), "method")
})
