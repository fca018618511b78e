# Oracles: lm(), glm(), survival::coxph() and MASS::rlm() fitted to the rows or the weights of each
# replicate.

fits_data <- function(n = 120) {
  set.seed(21)
  x <- rnorm(n)
  g <- factor(sample(c("a", "b", "c"), n, TRUE))
  d <- data.frame(x = x, g = g, w = runif(n, 0.5, 3), e = runif(n, 1, 4))
  d$y <- 2 + x + (g == "b") + rnorm(n)
  d$count <- rpois(n, d$e * exp(0.3 + 0.4 * x))
  d$bin <- rbinom(n, 1, plogis(0.3 + 0.8 * x))
  d$size <- sample(1:8, n, TRUE)
  d$hits <- rbinom(n, d$size, plogis(0.2 + 0.5 * x))
  d$pos <- rgamma(n, 3, 3 / exp(0.5 + 0.3 * x))
  d$time <- round(rexp(n, exp(0.5 * x)), 1) + 0.1
  d$died <- rbinom(n, 1, 0.7)
  d
}

# Replicates of a statistic are the coefficients of `fit` on the rows that are drawn, and with
# weights on the weights.
expect_refits <- function(d, statistic, fit, weighted = NULL, R = 8, tolerance = 1e-6) {
  b <- bootstrap(d, statistic, R = R, seed = 4, threads = 2)
  rows <- boot_array(b, indices = TRUE)
  oracle <- do.call(rbind, lapply(seq_len(R), function(r) fit(d[rows[r, ], ])))
  expect_equal(unname(b$t), unname(oracle), tolerance = tolerance)
  expect_equal(b$t0, fit(d), tolerance = tolerance)
  expect_identical(bootstrap(d, statistic, R = R, seed = 4, threads = 1)$t, b$t)
  if (!is.null(weighted)) {
    f <- bootstrap(d, statistic, R = 5, sim = "bayesian", seed = 4)
    g <- bootstrap(d, function(data, w) weighted(data, w * nrow(data)), R = 5, sim = "bayesian", seed = 4)
    expect_equal(unname(f$t), unname(g$t), tolerance = tolerance)
  }
}

test_that("linear models have weights and offsets of their own", {
  d <- fits_data()
  expect_refits(
    d, stat_lm(y ~ x + g, weights = "w", offset = ~ e / 2), function(d) coef(lm(y ~ x + g, d, weights = w, offset = e / 2)),
    function(d, v) coef(lm(y ~ x + g, d, weights = w * v, offset = e / 2)), tolerance = 1e-8
  )
  # Many coefficients have no table of products.
  d$h <- factor(rep(1:14, length.out = nrow(d)))
  expect_refits(d, stat_lm(y ~ x + h, weights = ~ w), function(d) coef(lm(y ~ x + h, d, weights = w)), tolerance = 1e-8)
  d$w[1:5] <- 0
  expect_refits(d, stat_lm(y ~ x, weights = "w"), function(d) coef(lm(y ~ x, d, weights = w)), tolerance = 1e-8)
})

test_that("weighted wild and residual replicates have the closed covariances", {
  d <- fits_data()
  fit <- lm(y ~ x, d, weights = w)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X, d$w * X))
  hc0 <- bread %*% crossprod(X * d$w * residuals(fit)) %*% bread
  expect_equal(unname(vcov_boot(fit, "wild", R = 40000, seed = 1)), unname(hc0), tolerance = 0.04)
  e <- sqrt(d$w) * residuals(fit)
  expect_equal(unname(vcov_boot(fit, "residual", R = 40000, seed = 1)), unname(mean((e - mean(e))^2) * bread), tolerance = 0.04)
})

test_that("all links of all families are those of glm()", {
  d <- fits_data()
  tight <- list(epsilon = 1e-13, maxit = 200)
  each <- function(formula, family, ...) {
    start <- coef(glm(formula, family, d, control = tight))
    fit <- function(d) suppressWarnings(coef(glm(formula, family, d, control = tight, start = start)))
    expect_refits(d, stat_glm(formula, family), fit)
  }
  for (link in c("logit", "probit", "cauchit", "cloglog")) each(bin ~ x, binomial(link))
  for (link in c("log", "sqrt")) each(count ~ x, poisson(link))
  for (link in c("inverse", "log", "identity")) each(pos ~ e, Gamma(link))
  each(pos ~ e, inverse.gaussian("log"))
  each(y ~ x, gaussian)
  each(count ~ x, quasipoisson)
  each(bin ~ x, quasibinomial("probit"))
  each(pos ~ x, quasi(link = "log", variance = "mu^2"))
  each(y ~ x, quasi(link = "identity", variance = "constant"))
})

test_that("generalized models have weights, offsets and responses of two columns", {
  d <- fits_data()
  tight <- list(epsilon = 1e-13, maxit = 100)
  expect_refits(
    d, stat_glm(count ~ x + g, poisson, offset = ~ log(e)), function(d) coef(glm(count ~ x + g, poisson, d, offset = log(e), control = tight)),
    function(d, v) suppressWarnings(coef(glm(count ~ x + g, poisson, d, weights = v, offset = log(e), control = tight)))
  )
  two <- function(d) coef(glm(cbind(hits, size - hits) ~ x, binomial, d, control = tight))
  expect_refits(d, stat_glm(cbind(hits, size - hits) ~ x), two)
  expect_refits(d, stat_glm(I(hits / size) ~ x, weights = "size"), two)
  expect_refits(d, stat_glm(pos ~ x, Gamma("log"), weights = ~ w), function(d) coef(glm(pos ~ x, Gamma("log"), d, weights = w, control = tight)))
  fit <- glm(cbind(hits, size - hits) ~ x, binomial("probit"), d, weights = w)
  b <- suppressWarnings(boot_lm(fit, R = 6, seed = 2))
  i <- boot_array(b, indices = TRUE)[3, ]
  expect_equal(b$t[3, ], suppressWarnings(coef(update(fit, data = d[i, ], control = tight))), tolerance = 1e-6)
})

test_that("influence values and abc intervals know weights and links", {
  d <- fits_data()
  for (s in list(stat_glm(bin ~ x, binomial("cloglog"), weights = "w"), stat_glm(pos ~ x, Gamma("log")), stat_lm(y ~ x, weights = "w"))) {
    b <- bootstrap(d, s, R = 10, influence = "inf", seed = 1)
    # The derivative by weight, against a small step.
    plain <- if (s$name == "lm") function(d) coef(lm(y ~ x, d, weights = w * v)) else if (s$family$family == "Gamma") {
      function(d) coef(glm(pos ~ x, Gamma("log"), d, weights = v, control = list(epsilon = 1e-14, maxit = 200)))
    } else {
      function(d) suppressWarnings(coef(glm(bin ~ x, binomial("cloglog"), d, weights = w * v, control = list(epsilon = 1e-14, maxit = 200))))
    }
    n <- nrow(d)
    for (i in c(3, 50)) {
      at <- function(h) plain(transform(d, v = (1 - h) + h * n * (seq_len(n) == i)))
      expect_equal(unname(b$L[i, ]), unname((at(1e-4) - at(-1e-4)) / 2e-4), tolerance = 1e-3)
    }
    ci <- suppressWarnings(boot_ci(b, type = "abc"))
    expect_true(all(ci$lower < b$t0 & b$t0 < ci$upper))
  }
})

test_that("proportional hazards models are those of coxph()", {
  skip_if_not_installed("survival")
  d <- fits_data()
  Surv <- survival::Surv
  strata <- survival::strata
  tight <- survival::coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
  for (ties in c("efron", "breslow")) {
    fit <- function(d) coef(survival::coxph(survival::Surv(time, died) ~ x + g, d, ties = ties, control = tight))
    weighted <- function(d, v) {
      d$v <- v
      coef(survival::coxph(survival::Surv(time, died) ~ x + g, d, weights = v, ties = ties, control = tight))
    }
    expect_refits(d, stat_coxph(Surv(time, died) ~ x + g, ties), fit, weighted)
  }
  expect_refits(
    d, stat_coxph(Surv(time, died) ~ x + strata(g), weights = "w", offset = ~ e / 5),
    function(d) coef(survival::coxph(Surv(time, died) ~ x + strata(g) + offset(e / 5), d, weights = w, control = tight)),
    function(d, v) {
      d$v <- v * d$w
      coef(survival::coxph(Surv(time, died) ~ x + strata(g) + offset(e / 5), d, weights = v, control = tight))
    }
  )
  expect_identical(
    bootstrap(d, stat_coxph(survival::Surv(time, died) ~ x + survival::strata(g)), R = 3, seed = 1)$t,
    bootstrap(d, stat_coxph(Surv(time, died) ~ x + strata(g)), R = 3, seed = 1)$t
  )
  b <- bootstrap(d, stat_coxph(Surv(time, died) ~ x), R = 199, seed = 1)
  expect_true(is.finite(suppressWarnings(boot_ci(b, type = "bca"))$lower))
})

test_that("robust models are those of rlm() that is iterated to the end", {
  skip_if_not_installed("MASS")
  d <- fits_data()
  d$y[1:6] <- d$y[1:6] + 15
  for (psi in c("huber", "bisquare")) {
    f <- if (psi == "huber") MASS::psi.huber else MASS::psi.bisquare
    fit <- function(d) coef(MASS::rlm(y ~ x, d, psi = f, acc = 1e-13, maxit = 1000))
    expect_refits(d, stat_rlm(y ~ x, psi), fit, tolerance = 1e-6)
  }
  weighted <- function(d) coef(MASS::rlm(y ~ x, d, weights = w, acc = 1e-13, maxit = 1000))
  expect_refits(d, stat_rlm(y ~ x, weights = "w"), weighted, tolerance = 1e-6)
})

test_that("what cannot be fitted is told before anything is drawn", {
  d <- fits_data()
  wrong <- function(expr, argument) expect_argument_error(expr, argument)
  wrong(stat_lm(y ~ x, weights = 1:3), "weights")
  wrong(bootstrap(d, stat_lm(y ~ x, weights = "none"), R = 5), "weights")
  wrong(bootstrap(transform(d, w = -w), stat_lm(y ~ x, weights = "w"), R = 5), "weights")
  wrong(bootstrap(transform(d, w = NA_real_), stat_lm(y ~ x, weights = "w"), R = 5), "data")
  wrong(bootstrap(d, stat_lm(y ~ x, offset = ~ g), R = 5), "offset")
  wrong(stat_glm(y ~ x, "negative"), "family")
  wrong(stat_glm(y ~ x, quasi(link = power(1 / 3))), "family")
  wrong(bootstrap(d, stat_glm(y ~ x, Gamma), R = 5), "formula")
  wrong(bootstrap(d, stat_glm(I(2 * bin) ~ x), R = 5), "formula")
  wrong(stat_rlm(y ~ x, k = -1), "k")
  skip_if_not_installed("survival")
  wrong(bootstrap(d, stat_coxph(time ~ x), R = 5), "formula")
  wrong(bootstrap(d, stat_coxph(Surv(time, 0 * died) ~ x), R = 5), "formula")
  wrong(bootstrap(d, stat_coxph(Surv(time, died) ~ strata(g)), R = 5), "formula")
  d$all <- as.numeric(rank(d$time, ties.method = "first") > 60)
  wrong(bootstrap(transform(d, time = rank(time, ties.method = "first"), one = 1), stat_coxph(Surv(time, died) ~ one), R = 5), "formula")
})

test_that("means that round to 0 or 1 are no obstacle", {
  # 1 - exp(-exp(eta)) is 1 in floating point from eta = 3.6 on.
  b <- bootstrap(mtcars, stat_glm(am ~ drat, binomial("cloglog")), R = 5, seed = 1, on_error = "na", influence = "none")
  fit <- suppressWarnings(glm(am ~ drat, binomial("cloglog"), mtcars, control = list(epsilon = 1e-14, maxit = 200)))
  expect_equal(b$t0, coef(fit), tolerance = 1e-6)
  rows <- boot_array(b, indices = TRUE)
  oracle <- t(apply(rows, 1L, function(i) {
    suppressWarnings(coef(glm(am ~ drat, binomial("cloglog"), mtcars[i, ], control = list(epsilon = 1e-14, maxit = 500))))
  }))
  fine <- !is.na(b$t[, 1L])
  expect_true(any(fine))
  expect_equal(unname(b$t[fine, ]), unname(oracle[fine, ]), tolerance = 1e-5)
})

test_that("a resample far from the sample is fitted as glm() does it", {
  # Newton's method from the estimate of the full sample goes too far in some of these.
  d <- data.frame(y = rep(c(1, 0, 0, 1), c(1, 19, 10, 10)), g = rep(0:1, each = 20))
  w <- d$y * ifelse(d$g == 0, 8, 1) + (1 - d$y) * ifelse(d$g == 0, 2 / 19, 1)
  native <- fit_of_weights(stat_glm(y ~ g), d, 1)
  oracle <- suppressWarnings(glm(y ~ g, binomial, d, weights = w, control = list(epsilon = 1e-14)))
  expect_equal(unname(native(d, w)), unname(coef(oracle)), tolerance = 1e-8)
})

test_that("separated groups are an error of their own class", {
  d <- data.frame(x = 1:20)
  d$y <- as.numeric(d$x > 10)
  for (link in c("logit", "probit", "cloglog")) {
    expect_error(suppressWarnings(bootstrap(d, stat_glm(y ~ x, binomial(link)), R = 3)), class = "rustle_error_separation")
  }
  skip_if_not_installed("survival")
  # No event where x is small: the hazard ratio is infinite.
  d$small <- as.numeric(d$x <= 10)
  expect_error(bootstrap(d, stat_coxph(survival::Surv(x, y) ~ small), R = 3), class = "rustle_error_separation")
})

test_that("a group that is separated from the others is told before anything is drawn", {
  set.seed(1)
  d <- data.frame(x = rnorm(80), f = rep(letters[1:4], 20))
  d$y <- rbinom(80, 1, 0.5)
  d$y[d$f == "b"] <- 1
  d$n <- rpois(80, 2)
  d$n[d$f == "b"] <- 0
  for (link in c("logit", "probit", "cauchit", "cloglog")) {
    # glm() says that it has converged.
    expect_true(glm(y ~ x + f, binomial(link), d)$converged)
    for (on_error in c("stop", "na")) {
      expect_argument_error(bootstrap(d, stat_glm(y ~ x + f, binomial(link)), R = 3, on_error = on_error), "formula")
    }
    expect_error(bootstrap(d, stat_glm(y ~ x + f, binomial(link)), R = 3), class = "rustle_error_separation")
  }
  expect_error(bootstrap(d, stat_glm(n ~ x + f, "poisson"), R = 3), class = "rustle_error_separation")
  fit <- glm(y ~ x + f, binomial, d)
  expect_argument_error(boot_lm(fit, R = 3), "model")
  expect_error(vcov_boot(fit, R = 3), class = "rustle_error_separation")
})
