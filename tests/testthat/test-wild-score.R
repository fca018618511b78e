# The score bootstrap in plain R, without finite-sample factor but G / (G - 1).
plain_score <- function(scores, V, factor) {
  statistic <- function(s) sum(s) / sqrt(factor * sum((s - mean(s))^2))
  list(t = statistic(scores), ts = apply(V, 2L, function(v) statistic(scores * v)))
}

test_that("scores of linear models are those of plain R", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  x <- quiet_wild(fit, "x1 = 0.1", ~ t, R = 70, weights = "webb", seed = 3, method = "score", conf = 0.9)
  X <- model.matrix(fit)
  restricted <- lm(y - 0.1 * x1 ~ x2, d)
  a <- solve(crossprod(X))[, 2L]
  g <- match(d$t, unique(d$t))
  s <- rowsum(drop(X %*% a) * residuals(restricted), g)[, 1L]
  o <- plain_score(s, wild_weights("webb", 3, 12L, 70L), 12 / 11 * 119 / 117)
  expect_equal(unname(x$statistic), o$t, tolerance = 1e-10)
  expect_equal(wild_statistics(x), o$ts, tolerance = 1e-9)
  r <- c(-0.3, 0.4)
  each <- vapply(r, function(r) {
    quiet_wild(fit, list(R = c(0, 1, 0), r = r), ~ t, R = 70, weights = "webb", seed = 3, method = "score", conf = 0.9)$p.value
  }, 0)
  expect_identical(wild_curve(x, r)$p.value, each)
})

test_that("logit and probit models are those of plain R", {
  d <- wild_data()
  d$b <- as.numeric(d$y > 1)
  for (link in c("logit", "probit")) {
    fit <- glm(b ~ x1 + x2, binomial(link), d)
    x <- quiet_wild(fit, "x1 = 0.1", ~ t, R = 70, weights = "webb", seed = 3)
    restricted <- glm(b ~ x2 + offset(0.1 * x1), binomial(link), d, epsilon = 1e-12)
    X <- model.matrix(fit)
    mu <- fitted(restricted)
    slope <- binomial(link)$mu.eta(restricted$linear.predictors)
    information <- crossprod(X, slope^2 / (mu * (1 - mu)) * X)
    scores <- X * ((d$b - mu) * slope / (mu * (1 - mu)))
    s <- rowsum(drop(scores %*% solve(information)[, 2L]), match(d$t, unique(d$t)))[, 1L]
    o <- plain_score(s, wild_weights("webb", 3, 12L, 70L), 12 / 11)
    expect_equal(unname(x$statistic), o$t, tolerance = 1e-7)
    expect_identical(x$p.value, mean(abs(o$ts) > abs(o$t) * (1 + 1e-10)))
    expect_null(x$conf.int)
  }
})

test_that("joint tests of logit models approach those of scores", {
  d <- wild_data(400)
  set.seed(5)
  d$b <- rbinom(400, 1, 0.4)
  fit <- glm(b ~ x1 + x2, binomial, d)
  x <- quiet_wild(fit, c("x1", "x2"), R = 1999, seed = 1)
  classical <- anova(glm(b ~ 1, binomial, d), fit, test = "Rao")
  # The robust variance is another one, and the bootstrap has its own error.
  expect_equal(x$p.value, classical[2L, "Pr(>Chi)"], tolerance = 0.2)
  expect_identical(names(x$statistic), "F")
})

test_that("what the score bootstrap cannot do is refused", {
  d <- wild_data()
  d$b <- as.numeric(d$y > 1)
  fit <- glm(b ~ x1 + x2, binomial, d)
  expect_argument_error(wild_test(fit, "x1", type = "31"), "type")
  expect_argument_error(wild_test(fit, "x1", impose = FALSE), "impose")
  expect_argument_error(wild_test(fit, "x1", effects = ~ f), "effects")
  expect_argument_error(wild_test(fit, "x1", method = "refit"), "method")
  expect_argument_error(wild_test(fit, "x1", data = d), "data")
  expect_argument_error(wild_test(fit, c("x1", "x2"), alternative = "less"), "alternative")
  expect_argument_error(wild_test(glm(round(x2) ~ x1, poisson, d), "x1"), "model")
  x <- quiet_wild(fit, c("x1", "x2"), R = 99, seed = 1)
  expect_argument_error(wild_curve(x), "x")
  expect_argument_error(confint(x), "object")
})

test_that("intervals of logit models are the null values that are not rejected", {
  d <- wild_data(200)
  set.seed(9)
  d$b <- rbinom(200, 1, plogis(0.5 * d$x1))
  fit <- glm(b ~ x1 + x2, binomial, d)
  x <- quiet_wild(fit, "x1", ~ t, R = 399, weights = "webb", seed = 3)
  expect_null(x$conf.int)
  at <- c(0, 0.2, 0.9)
  # The same weights as a test of each null value has.
  each <- vapply(at, function(r) quiet_wild(fit, paste("x1 =", r), ~ t, R = 399, weights = "webb", seed = 3)$p.value, 0)
  expect_equal(wild_curve(x, at)$p.value, each)
  ends <- confint(x, level = 0.9)
  expect_true(ends[1, 1] < coef(fit)[["x1"]] && coef(fit)[["x1"]] < ends[1, 2])
  p <- wild_curve(x, c(ends[1, ] - 0.01, ends[1, ] + 0.01))$p.value
  expect_true(all(p[c(1, 4)] < 0.1 & p[c(2, 3)] >= 0.1))
  asked <- quiet_wild(fit, "x1", ~ t, R = 399, weights = "webb", seed = 3, conf = 0.9)
  expect_equal(unname(asked$conf.set), unname(ends))
})

test_that("a p-value tells its Monte Carlo error", {
  d <- wild_data()
  x <- quiet_wild(lm(y ~ x1 + x2, d), "x1 = 0", ~ t, R = 399, weights = "webb", seed = 3)
  expect_equal(x$mcse, sqrt(x$p.value * (1 - x$p.value) / 399))
  # A p-value of 0 is not known exactly.
  sure <- quiet_wild(lm(y ~ x1 + x2, d), "x1 = 9", ~ t, R = 399, weights = "webb", seed = 3)
  expect_equal(sure$mcse, sqrt(399) / 400 / sqrt(399))
  expect_match(capture.output(print(x)), "Monte Carlo standard errors: p-value", all = FALSE)
  expect_identical(quiet_wild(lm(y ~ x1 + x2, d[d$t %in% unique(d$t)[1:6], ]), "x1 = 0", ~ t, R = 399, seed = 3)$mcse, 0)
})

test_that("separation is an error", {
  d <- data.frame(x = 1:20, z = cos(1:20), b = rep(0:1, each = 10))
  fit <- suppressWarnings(glm(b ~ x + z, binomial, d))
  expect_s3_class(expect_argument_error(wild_test(fit, "z"), "model"), "rustle_error_separation")
})
