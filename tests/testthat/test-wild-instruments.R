iv_data <- function(n = 160) {
  set.seed(6)
  d <- data.frame(g = rep(1:8, length.out = n), x = rnorm(n), z1 = rnorm(n), z2 = rexp(n))
  common <- rnorm(8)[d$g] + rnorm(n)
  d$d <- 0.5 * d$z1 + 0.4 * d$z2 + 0.3 * d$x + common + rnorm(n)
  d$y <- 1 + 0.4 * d$d - 0.2 * d$x + common
  d$h <- sample(1:10, n, TRUE)
  d
}
iv_model <- y ~ x + d | x + z1 + z2

# The k-class estimator of every replicate, by matrices of n rows. k of LIML by its equation; under the
# null hypothesis by a search over the coefficients that are left.
plain_instruments <- function(d, R, r, clusters, boot, V, impose, estimator = "2sls", factor = function(G, least) G / (G - 1)) {
  R <- unname(rbind(R))
  W <- cbind(1, d$x)
  Z <- cbind(W, d$z1, d$z2)
  n <- nrow(Z)
  project <- function(v, Z) Z %*% solve(crossprod(Z), crossprod(Z, v))
  subsets <- lapply(seq_len(2^length(clusters) - 1), function(s) which(bitwAnd(s, 2^(seq_along(clusters) - 1)) > 0))
  least <- min(lengths(lapply(clusters, unique)))
  of_root <- function(root) if (estimator == "fuller") 1 + root - 1 / (n - 4) else 1 + root
  kappa_of <- function(y, endogenous) {
    if (is.numeric(estimator)) return(estimator)
    if (estimator == "2sls") return(1)
    Y <- cbind(y, endogenous)
    explained <- crossprod(Y, project(Y, Z) - project(Y, W))
    of_root(min(Re(eigen(solve(crossprod(Y, Y - project(Y, Z)), explained))$values)))
  }
  solve_k <- function(X, y, kappa) {
    XM <- X - project(X, Z)
    A <- crossprod(X) - kappa * crossprod(X, XM)
    list(A = A, b = drop(solve(A, crossprod(X, y) - kappa * crossprod(XM, y))))
  }
  fit <- function(y, endogenous) {
    X <- cbind(W, endogenous)
    o <- solve_k(X, y, kappa_of(y, endogenous))
    u <- drop(y - X %*% o$b)
    S <- drop(u) * project(X, Z) %*% solve(o$A, t(R))
    M <- 0
    for (s in subsets) {
      g <- as.integer(interaction(clusters[s], drop = TRUE))
      M <- M + (if (length(s) %% 2) 1 else -1) * factor(length(unique(g)), least) * crossprod(rowsum(S, g))
    }
    list(b = o$b, t = function(r) {
      e <- drop(R %*% o$b) - r
      if (nrow(R) == 1L) e / sqrt(if (M > 0) drop(M) else NA) else drop(e %*% solve(M, e)) / nrow(R)
    })
  }
  o <- fit(d$y, d$d)
  b <- o$b
  X <- cbind(W, d$d)
  if (impose) {
    b0 <- drop(t(R) %*% solve(tcrossprod(R), r))
    free <- qr.Q(qr(t(R)), complete = TRUE)[, -seq_len(nrow(R)), drop = FALSE]
    y <- drop(d$y - X %*% b0)
    XT <- X %*% free
    kappa <- if (is.numeric(estimator)) estimator else 1
    if (estimator %in% c("liml", "fuller") && any(abs(free[3L, ]) > 1e-9)) {
      ratio <- function(tau) {
        u <- drop(y - XT %*% tau)
        explained <- sum(project(u, Z)^2)
        explained / (sum(u^2) - explained)
      }
      start <- solve_k(XT, y, 1)$b
      kappa <- of_root(optim(start, ratio, method = "BFGS", control = list(reltol = 1e-16, parscale = pmax(abs(start), 0.1)))$value)
    }
    b <- b0 + drop(free %*% solve_k(XT, y, kappa)$b)
  }
  u <- drop(d$y - X %*% b)
  first <- solve(crossprod(cbind(Z, u)), crossprod(cbind(Z, u), d$d))[1:4]
  fitted <- drop(Z %*% first)
  v <- V[match(boot, unique(boot)), ]
  ts <- apply(v, 2L, function(v) {
    endogenous <- fitted + v * (d$d - fitted)
    fit(drop(cbind(W, endogenous) %*% b) + v * u, endogenous)$t(if (impose) r else drop(R %*% b))
  })
  list(t = o$t(r), ts = ts)
}

# Statistics of the replicates after an estimation with instruments.
instruments_statistics <- function(x) {
  if (ncol(x$draws) == 2L) return(suppressWarnings(wild_statistics(x)))
  apply(x$draws, 1L, function(v) {
    M <- matrix(v[c(3, 4, 4, 5)], 2L)
    drop(v[1:2] %*% solve(M, v[1:2])) / 2
  })
}

expect_as_plain_instruments <- function(R, r, cluster, clusters, boot = NULL, boot_values = clusters[[1L]], impose = TRUE, estimator = "2sls",
                                        adjust = "each", tolerance = 1e-8, count = 70L) {
  d <- iv_data()
  x <- quiet_wild(
    iv_model, list(R = R, r = r), cluster, data = d, R = count, weights = "webb", impose = impose, seed = 3, conf = NULL, boot_cluster = boot,
    estimator = estimator, adjust = adjust
  )
  V <- wild_weights("webb", 3, length(unique(boot_values)), count)
  factor <- switch(adjust, each = function(G, least) G / (G - 1), min = function(G, least) least / (least - 1), none = function(G, least) 1)
  o <- plain_instruments(d, R, r, clusters, boot_values, V, impose, estimator, factor)
  q <- length(r)
  expect_equal(unname(x$statistic) / (if (q > 1L) q else 1), o$t, tolerance = 1e-9)
  expect_equal(instruments_statistics(x), unname(o$ts), tolerance = tolerance)
  beyond <- if (q > 1L) o$ts > o$t else abs(o$ts) > abs(o$t)
  if (q == 1L || x$degenerate == 0) expect_identical(x$p.value, mean(beyond, na.rm = TRUE))
  invisible(x)
}

test_that("replicates after two-stage least squares are those of plain R", {
  d <- iv_data()
  for (impose in c(TRUE, FALSE)) {
    for (R in list(c(0, 0, 1), c(0, 1, 0), c(0, 1, -2))) {
      expect_as_plain_instruments(R, 0.3, ~ g, list(d$g), impose = impose)
      expect_as_plain_instruments(R, 0.3, NULL, list(seq_len(160)), impose = impose)
    }
  }
})

test_that("replicates after LIML, Fuller's and other k-class estimators are those of plain R", {
  d <- iv_data()
  for (estimator in list("liml", "fuller", 0.7)) {
    for (R in list(c(0, 0, 1), c(0, 1, 0), c(0, 1, -2))) {
      # The search for k of the restricted model has eight digits.
      expect_as_plain_instruments(R, 0.3, ~ g, list(d$g), estimator = estimator, tolerance = 1e-6)
    }
    expect_as_plain_instruments(c(0, 0, 1), 0.3, ~ g, list(d$g), impose = FALSE, estimator = estimator)
    expect_as_plain_instruments(c(0, 0, 1), 0.3, NULL, list(seq_len(160)), estimator = estimator)
  }
})

test_that("several hypotheses, several clusterings and other bootstrap clusters are those of plain R with instruments", {
  d <- iv_data()
  both <- list(d$g, d$h)
  joint <- rbind(c(0, 0, 1), c(0, 1, 0))
  for (estimator in c("2sls", "liml")) {
    expect_as_plain_instruments(c(0, 0, 1), 0.3, ~ g + h, both, estimator = estimator)
    expect_as_plain_instruments(c(0, 1, 0), 0.3, ~ g + h, both, estimator = estimator, adjust = "min", tolerance = 1e-6)
    expect_as_plain_instruments(c(0, 0, 1), 0.3, ~ g + h, both, ~ h, d$h, estimator = estimator, adjust = "none")
    expect_as_plain_instruments(c(0, 0, 1), 0.3, ~ g, list(d$g), ~ g + h, paste(d$g, d$h), estimator = estimator)
    expect_as_plain_instruments(joint, c(0.3, 0), ~ g, list(d$g), estimator = estimator)
    expect_as_plain_instruments(joint, c(0.3, 0), NULL, list(seq_len(160)), estimator = estimator)
    expect_as_plain_instruments(rbind(c(0, 1, 1), c(1, 0, 0)), c(0.3, 1), ~ g, list(d$g), estimator = estimator, impose = FALSE)
  }
  x <- expect_as_plain_instruments(joint, c(0.3, 0), ~ g, list(d$g))
  expect_identical(names(x$statistic), "chisq")
  expect_equal(unname(x$parameter), 2)
  expect_identical(x$p.value, wild_curve(x, rbind(c(0.3, 0)))$p.value)
})

test_that("LIML of an exactly identified model is two-stage least squares, and one instrument suffices", {
  d <- iv_data()
  run <- function(...) quiet_wild(y ~ x + d | x + z1, "d = 0.3", ~ g, data = d, R = 99, weights = "webb", seed = 3, ...)
  expect_equal(run(estimator = "liml")$draws, run()$draws, tolerance = 1e-10)
  expect_identical(run(estimator = "liml")$kappa, 1)
  expect_equal(run(estimator = 1)$draws, run()$draws)
  expect_match(run(estimator = "fuller", fuller = 4)$method, "Fuller's estimator (constant 4)", fixed = TRUE)
  # No exogenous regressor, one instrument: the sums by cluster are of squares.
  one <- quiet_wild(y ~ 0 + d | 0 + z1, "d = 0.3", ~ g, data = d, R = 99, weights = "webb", seed = 3)
  b <- sum(d$z1 * d$y) / sum(d$z1 * d$d)
  se <- sqrt(8 / 7 * sum(rowsum(d$z1 * (d$y - b * d$d), d$g)^2)) / abs(sum(d$z1 * d$d))
  expect_equal(unname(one$statistic), (b - 0.3) / se)
  V <- wild_weights("webb", 3, 8L, 99L)[match(d$g, unique(d$g)), ]
  u <- d$y - 0.3 * d$d
  first <- coef(lm(d ~ 0 + z1 + u, data.frame(d, u)))[[1L]]
  ts <- apply(V, 2L, function(v) {
    endogenous <- first * d$z1 + v * (d$d - first * d$z1)
    y <- 0.3 * endogenous + v * u
    b <- sum(d$z1 * y) / sum(d$z1 * endogenous)
    (b - 0.3) / (sqrt(8 / 7 * sum(rowsum(d$z1 * (y - b * endogenous), d$g)^2)) / abs(sum(d$z1 * endogenous)))
  })
  expect_equal(wild_statistics(one), ts)
})

test_that("the level is kept under the null hypothesis with instruments", {
  skip_on_cran()
  sets <- if (long_tests()) 4000 else 300
  set.seed(1)
  g <- rep(1:12, each = 10)
  p <- replicate(sets, {
    d <- data.frame(z1 = rnorm(120), z2 = rnorm(12)[g] + rnorm(120))
    common <- rnorm(12)[g] + rnorm(120)
    d$d <- 0.6 * d$z1 + 0.5 * d$z2 + common + rnorm(120)
    d$y <- 0.5 * d$d + common
    test <- function(...) quiet_wild(y ~ d | z1 + z2, "d = 0.5", g, data = d, R = 199, weights = "webb", conf = NULL, ...)$p.value
    c(test(), test(estimator = "liml"), test(method = "ar"))
  })
  # The bootstrap is not exact: 0.05 and its error, and 0.015 for that.
  for (k in 1:3) expect_lt(abs(mean(p[k, ] <= 0.05) - 0.05), 0.015 + 4 * sqrt(0.05 * 0.95 / sets))
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
  # The null hypothesis not imposed, with the symmetric interval that the reference has there.
  free <- quiet_wild(model, "tenure", ~ industry, data = nlsw88(), adjust = "none", impose = FALSE)
  expect_equal(c(free$conf.int), c(0.2193, 1.253), tolerance = 0.002)
  expect_lt(free$p.value, 0.001)
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
  refuse("null", null = "x", method = "ar")
  refuse("alternative", method = "ar", alternative = "less")
  refuse("type", type = "31")
  refuse("method", method = "score")
  refuse("alternative", null = c("d", "x"), alternative = "greater")
  refuse("estimator", estimator = "gmm")
  refuse("estimator", estimator = -1)
  refuse("fuller", estimator = "fuller", fuller = 0)
  expect_argument_error(wild_test(lm(y ~ x, d), "x", method = "ar"), "method")
})

# Oracle: the model with dummy variables in both parts.
test_that("fixed effects of models with instruments are those of dummy variables", {
  d <- iv_data()
  set.seed(1)
  # Within clusters, not within clusters, and a function of the clusters.
  d$f <- factor(2 * d$g + sample(0:1, nrow(d), TRUE))
  d$m <- factor(sample(letters[1:4], nrow(d), TRUE))
  d$k <- factor(d$g > 4)
  d$y <- d$y + as.numeric(d$m) / 2
  dummies <- list(f = "f", m = "m", "f + m" = "f + m", "f + k" = "f")
  d$w <- runif(nrow(d), 0.5, 2)
  d$s <- sample(1:40, nrow(d), TRUE)
  same <- function(small, large, label, null = "d = 0.4", cluster = ~ g, ...) {
    test <- function(model, effects) {
      suppressWarnings(wild_test(model, null, cluster, R = 99, weights = "webb", effects = effects, data = if (inherits(model, "formula")) d, seed = 1, threads = 1, ...), classes = "rustle_warning")
    }
    a <- test(small[[1L]], small[[2L]])
    b <- test(large, NULL)
    for (part in c("statistic", "estimate", "std.error", "draws", "p.value", "conf.set", "kappa")) {
      expect_equal(a[[part]], b[[part]], tolerance = 1e-7, label = paste(label, part))
    }
    a
  }
  model <- y ~ x + d | x + z1 + z2
  for (effects in names(dummies)) {
    large <- as.formula(sprintf("y ~ x + d + %s | x + z1 + z2 + %s", dummies[[effects]], dummies[[effects]]))
    small <- list(model, as.formula(paste("~", effects)))
    for (estimator in c("2sls", "liml", "fuller")) same(small, large, paste(estimator, effects), estimator = estimator, conf = NULL)
  }
  both <- list(model, ~ f + m)
  large <- y ~ x + d + f + m | x + z1 + z2 + f + m
  same(both, large, "joint", null = c("d = 0.4", "x = 0"))
  same(both, large, "no clusters", cluster = NULL, conf = NULL)
  same(both, large, "two ways", cluster = ~ g + s, boot_cluster = ~ g, conf = NULL)
  same(both, large, "unrestricted", impose = FALSE, conf = NULL)
  same(list(y ~ d | z1, ~ f), y ~ d + f | z1 + f, "one instrument", conf = NULL)
  for (type in c("11", "33")) same(list(model, ~ f), y ~ x + d + f | x + z1 + z2 + f, "ar", method = "ar", type = type, conf = NULL)
  expect_equal(same(list(model, ~ f), y ~ x + d + f | x + z1 + z2 + f, "interval", conf = 0.8)$absorbed, nlevels(d$f))
  skip_if_not_installed("AER")
  small <- AER::ivreg(y ~ x + d | x + z1 + z2, data = d, weights = w)
  same(list(small, ~ f + m), AER::ivreg(y ~ x + d + f + m | x + z1 + z2 + f + m, data = d, weights = w), "weights", conf = NULL)
})

test_that("fixed effects that leave nothing to instruments or regressors are refused", {
  d <- iv_data()
  d$level <- d$g > 4
  refused <- function(model, argument, effects = ~ g, null = "d = 0") {
    expect_argument_error(wild_test(model, null, ~ g, effects = effects, data = d, weights = "webb", R = 99, conf = NULL), argument)
  }
  refused(y ~ level + d | level + z1 + z2, "effects")
  refused(y ~ d | level, "model")
  refused(y ~ d | z1 + level, "model")
  refused(y ~ d | z1, "effects", seq_len(nrow(d)))
  refused(y ~ d | z1, "effects", ~ none)
  refused(y ~ d | z1, "null", null = "(Intercept) = 0")
})
