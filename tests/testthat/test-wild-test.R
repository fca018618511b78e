x1 <- c(0, 1, 0)

test_that("replicates are those of fits in plain R, for every type, with and without the null imposed", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  for (type in c("11", "31", "13", "33")) {
    for (impose in c(TRUE, FALSE)) {
      expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), type = type, impose = impose)
      expect_as_plain(fit, "x1 = 0.2", x1, 0.2, NULL, list(seq_len(120)), type = type, impose = impose)
    }
  }
})

test_that("replicates are those of fits in plain R, for every law of the weights", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  for (law in c("rademacher", "webb", "normal", "gamma")) {
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ t, list(d$t), weights = law)
  }
})

test_that("several clusterings, and any bootstrap clusters, are those of plain R", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  both <- list(d$f, d$t)
  for (adjust in c("each", "min", "clusters", "none")) {
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f + t, both, adjust = adjust)
  }
  expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f + t, both, ~ t, d$t)
  expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), ~ s, d$s)
  expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), ~ f + t, paste(d$f, d$t))
  expect_as_plain(fit, "x1 = 0.2", x1, 0.2, NULL, list(seq_len(120)), ~ f, d$f)
  x <- quiet_wild(fit, "x1 = 0.2", ~ f + t, R = 99, seed = 1)
  expect_identical(sign(x$parts$factor), c(1, 1, -1))
  expect_identical(unname(x$clusters), c(9, 12))
})

test_that("the jackknife is that of plain R for several clusterings and other bootstrap clusters", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  both <- list(d$f, d$t)
  for (type in c("31", "13", "33")) {
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f + t, both, type = type)
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f + t, both, ~ t, d$t, type = type, impose = FALSE)
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), ~ s, d$s, type = type)
    expect_as_plain(fit, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), seq_len(120), seq_len(120), type = type)
  }
  weighted <- lm(y ~ x1 + x2, d, weights = w)
  expect_as_plain(weighted, "x1 = 0.2", x1, 0.2, ~ f + t, both, type = "33", w = d$w)
  expect_as_plain(fit, c("x1 = 0.2", "x2 = 0"), rbind(x1, c(0, 0, 1)), c(0.2, 0), ~ f + t, both, type = "33")
})

test_that("joint hypotheses are those of plain R", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  null <- c("x1 = 0.2", "x2 = 0")
  R <- rbind(x1, c(0, 0, 1))
  expect_as_plain(fit, null, R, c(0.2, 0), ~ f, list(d$f))
  expect_as_plain(fit, null, R, c(0.2, 0), ~ f, list(d$f), impose = FALSE)
  expect_as_plain(fit, null, R, c(0.2, 0), ~ f, list(d$f), type = "33")
  expect_as_plain(fit, null, R, c(0.2, 0), NULL, list(seq_len(120)))
  expect_as_plain(fit, null, R, c(0.2, 0), ~ f + t, list(d$f, d$t))
})

test_that("weights and fixed effects are those of plain R with weighted rows and dummy variables", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  weighted <- lm(y ~ x1 + x2, d, weights = w)
  expect_as_plain(weighted, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), w = d$w)
  expect_as_plain(weighted, "x1 = 0.2", x1, 0.2, ~ f, list(d$f), w = d$w, type = "33")
  one <- model.matrix(lm(y ~ x1 + x2 + factor(t), d))
  two <- model.matrix(lm(y ~ x1 + x2 + factor(t) + f, d))
  first <- function(X) replace(double(ncol(X)), 2L, 1)
  # Neither within the other; the same; two effects.
  expect_as_plain(fit, "x1 = 0.2", first(one), 0.2, ~ f, list(d$f), X = one, effects = ~ t)
  expect_as_plain(weighted, "x1 = 0.2", first(one), 0.2, ~ f, list(d$f), X = one, effects = ~ t, w = d$w)
  expect_as_plain(weighted, "x1 = 0.2", first(one), 0.2, ~ t, list(d$t), X = one, effects = ~ t, w = d$w, type = "33")
  expect_as_plain(fit, "x1 = 0.2", first(two), 0.2, ~ f, list(d$f), X = two, effects = ~ t + f)
  expect_as_plain(fit, "x1 = 0.2", first(two), 0.2, NULL, list(seq_len(120)), X = two, effects = ~ t + f)
  x <- quiet_wild(fit, "x1", ~ t, effects = ~ t, count_effects = FALSE, R = 99)
  expect_identical(c(x$k, x$absorbed), c(2L, 12L))
})

test_that("forms by scores and by coefficients give the same bits of weights and the same numbers", {
  # 60 clusters and 3 coefficients: by coefficients. With 25 more: by scores.
  set.seed(4)
  d <- data.frame(g = rep(1:60, each = 5), x = rnorm(300), z = matrix(rnorm(300 * 25), 300))
  d$y <- rnorm(300)
  for (formula in list(y ~ x, y ~ .)) {
    fit <- lm(formula, d[names(d) != "g"])
    k <- length(coef(fit))
    expect_as_plain(fit, "x = 0", c(0, 1, double(k - 2L)), 0, d$g, list(d$g), weights = "webb")
  }
})

test_that("several clusterings give the same in mixed form", {
  # By the clustering with many clusters that and the intersection are computed by
  # coefficients, the other by scores.
  set.seed(4)
  d <- data.frame(f = rep(1:80, each = 4), t = sample(1:8, 320, TRUE), x = rnorm(320))
  d$y <- rnorm(80)[d$f] + rnorm(8)[d$t] + rnorm(320)
  fit <- lm(y ~ x, d)
  expect_as_plain(fit, "x = 0.1", c(0, 1), 0.1, ~ f + t, list(d$f, d$t), ~ f, d$f, weights = "webb")
  expect_as_plain(fit, c("x = 0.1", "(Intercept) = 0"), rbind(c(0, 1), c(1, 0)), c(0.1, 0), ~ f + t, list(d$f, d$t), ~ f, d$f)
  expect_as_plain(fit, "x = 0.1", c(0, 1), 0.1, ~ f + t, list(d$f, d$t), seq_len(320), seq_len(320), weights = "webb")
})

test_that("public figures of boottest are reproduced", {
  skip_on_cran()
  fit <- collapsed_fit()
  test <- function(null, ...) quiet_wild(fit, null, seed = 1, R = 99999, ...)
  # Within 4 standard errors of both runs, the reference's R in the last argument.
  near <- function(x, statistic, p, R) {
    expect_lt(abs(x$statistic - statistic), 6e-5)
    expect_lt(abs(x$p.value - p), 4 * sqrt(p * (1 - p) * (1 / R + 1e-5)) + 5e-5)
  }
  near(webb <- test("post_self = .04", ~ year, weights = "webb"), 2.0194, 0.0757, 1e7)
  expect_equal(unname(webb$parameter), 7)
  expect_equal(c(webb$conf.int), c(0.0387, 0.0704), tolerance = 0.02)
  near(test("post_self = .04", ~ year, weights = "normal"), 2.0194, 0.0597, 9999)
  near(test("post_self = .04", ~ year, weights = "mammen"), 2.0194, 0.1040, 9999)
  near(test("post_self = .04", weights = "webb"), 1.5097, 0.1552, 999)
  near(test(c("post_self = .05", "post = -.02"), ~ year, weights = "webb"), 0.3383, 0.8213, 9999)
  near(test(c("post_self = .05", "post = -.02", "selfemployed = -.15"), ~ year, weights = "webb"), 0.8534, 0.7525, 9999)
  near(score <- test("post_self = .04", ~ year, weights = "mammen", method = "score"), 1.8479, 0.0903, 9999)
  expect_equal(c(score$conf.int), c(0.0335, 0.07626), tolerance = 0.01)
  d <- nlsw88()
  d <- d[d$known, ]
  plain <- quiet_wild(lm(wage ~ ttl_exp + collgrad + tenure, d), "tenure", effects = ~ industry, seed = 1, R = 9999)
  near(plain, 1.6602, 0.1001, 999)
  expect_equal(unname(plain$parameter), 1833)
  near(
    quiet_wild(lm(wage ~ ttl_exp + collgrad + tenure, d, weights = hours), "tenure", effects = ~ industry, seed = 1, R = 9999),
    1.6265, 0.1091, 999
  )
})

test_that("all combinations of signs are used where they are at most R, and give the exact p-value", {
  d <- wild_data()
  d <- d[d$f <= "f", ]
  fit <- lm(y ~ x1, d)
  x <- quiet_wild(fit, "x1 = 0.1", ~ f, R = 64)
  expect_true(x$enumerated)
  expect_equal(x$R, 64)
  signs <- t(as.matrix(expand.grid(rep(list(c(-1, 1)), 6L))))
  skip_if_not_installed("MASS")
  o <- plain_wild(d$y, model.matrix(fit), c(0, 1), 0.1, list(d$f), d$f, signs)
  expect_equal(sort(wild_statistics(x)), sort(unname(o$ts)), tolerance = 1e-9)
  # The two draws of equal signs repeat the data and do not count.
  expect_identical(x$p.value, mean(abs(o$ts) > abs(o$t) * (1 + 1e-10)))
  expect_identical(x$p.value, quiet_wild(fit, "x1 = 0.1", ~ f, R = 9999, plus_one = TRUE)$p.value)
  expect_false(quiet_wild(fit, "x1 = 0.1", ~ f, R = 63, seed = 1)$enumerated)
})

test_that("results depend neither on threads nor on what else is computed, and the first replicates are those of a shorter run", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  for (law in c("webb", "normal")) {
    test <- function(...) suppressWarnings(wild_test(fit, "x1 = 0.2", ~ f, weights = law, seed = 5, ...))
    one <- test(R = 5000, threads = 1)
    two <- test(R = 5000, threads = 2)
    expect_identical(one$draws, two$draws)
    expect_identical(one$conf.set, two$conf.set)
    expect_identical(one$p.value, test(R = 5000, threads = 1, conf = NULL)$p.value)
    expect_identical(one$draws[1:777, ], test(R = 777, threads = 2)$draws)
  }
  set.seed(1)
  a <- suppressWarnings(wild_test(fit, "x1", ~ f, weights = "webb", R = 99))
  set.seed(1)
  expect_identical(a$draws, suppressWarnings(wild_test(fit, "x1", ~ f, weights = "webb", R = 99))$draws)
})

test_that("ill-conditioned designs do not matter", {
  set.seed(3)
  d <- data.frame(g = rep(1:12, each = 10), x = rnorm(120))
  d$y <- d$x + rnorm(12)[d$g] + rnorm(120)
  d$year <- 2000 + d$g + rnorm(120)
  d$square <- d$year^2
  a <- quiet_wild(lm(y ~ x + year + square, d), "x = 0.8", ~ g, R = 500, seed = 1)
  d$year <- d$year - 2006
  d$square <- d$year^2
  b <- quiet_wild(lm(y ~ x + year + square, d), "x = 0.8", ~ g, R = 500, seed = 1)
  # The condition of the first design is 1e11.
  expect_equal(wild_statistics(a), wild_statistics(b), tolerance = 1e-4)
  expect_identical(a$p.value, b$p.value)
})

test_that("the level is kept under the null hypothesis", {
  skip_on_cran()
  sets <- if (long_tests()) 4000 else 600
  set.seed(1)
  g <- rep(1:12, each = 8)
  p <- replicate(sets, {
    x <- rnorm(12)[g] + rnorm(96)
    y <- rnorm(12)[g] + rnorm(96) * abs(x)
    c(
      quiet_wild(y ~ x, "x", g, R = 399, weights = "webb", conf = NULL)$p.value,
      quiet_wild(y ~ x, "x", g, R = 399, weights = "webb", conf = NULL, type = "33")$p.value
    )
  })
  # The bootstrap is not exact: 0.05 and its error, and 0.01 for that.
  for (k in 1:2) expect_lt(abs(mean(p[k, ] <= 0.05) - 0.05), 0.01 + 4 * sqrt(0.05 * 0.95 / sets))
})

test_that("wrong arguments are refused before work starts", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  refuse <- function(argument, ...) expect_argument_error(wild_test(fit, ...), argument)
  expect_argument_error(wild_test(), "model")
  expect_argument_error(wild_test(fit), "null")
  expect_argument_error(wild_test(1, "x1"), "model")
  expect_argument_error(wild_test(lm(cbind(y, x1) ~ x2, d), "x2"), "model")
  expect_argument_error(wild_test(glm(y ~ x1, data = d), "x1"), "model")
  expect_argument_error(wild_test(~ x1, "x1", data = d), "model")
  expect_argument_error(wild_test(y ~ nowhere, "x1", data = d), "model")
  expect_argument_error(wild_test(y ~ x1, "x1", data = 1), "data")
  refuse("data", "x1", data = d)
  refuse("null", "x3 = 0")
  refuse("R", "x1", R = 0)
  refuse("R", "x1", R = 18)
  refuse("R", "x1", R = 30, alternative = "equal.tailed")
  refuse("R", "x1", R = 98, conf = 0.99)
  refuse("weights", "x1", weights = "rade")
  refuse("type", "x1", type = "12")
  refuse("type", "x1", ~ f, type = "31", effects = ~ t)
  refuse("type", "x1", ~ f, type = "31", method = "score")
  refuse("impose", "x1", impose = NA)
  refuse("impose", "x1", ~ f, impose = FALSE, method = "score")
  refuse("alternative", "x1", alternative = "two")
  refuse("alternative", c("x1", "x2"), alternative = "less")
  refuse("conf", "x1", conf = 95)
  refuse("adjust", "x1", adjust = "all")
  refuse("plus_one", "x1", plus_one = 2)
  refuse("count_effects", "x1", count_effects = NULL)
  refuse("estimator", "x1", estimator = "liml")
  refuse("estimator", "x1", fuller = 4)
  refuse("seed", "x1", seed = "a")
  refuse("threads", "x1", threads = 0)
  error <- expect_argument_error(wild_test(lm(y ~ x1 + I(2 * x1), d), "x1"), "model")
  expect_identical(error$aliased, "I(2 * x1)")
  expect_argument_error(wild_test(lm(y ~ x1, d, weights = replace(w, 3, 0)), "x1"), "model")
  error <- expect_argument_error(wild_test(lm(y ~ x1 + x2, transform(d, y = 1 + x1)), "x1"), "model")
  expect_s3_class(error, "rustle_error_degenerate")
  d$constant <- ave(d$x1, d$f)
  expect_argument_error(wild_test(lm(y ~ constant, d), "constant", ~ f, effects = ~ f), "effects")
})

test_that("the design is that of model.matrix(), made by whatever way", {
  d <- wild_data()
  d$whole <- seq_len(nrow(d))
  for (formula in list(y ~ x1 + x2, y ~ 0 + x2 + x1, y ~ log(x2) + I(x1^2), y ~ x1 + whole, y ~ x1 * x2, y ~ x1 + f, y ~ offset(x2) + x1, y ~ 1)) {
    fit <- lm(formula, d, subset = x1 < 1.5)
    X <- design_of_fit(fit, model.frame(fit))
    expect_equal(whole_design(X), model.matrix(fit), ignore_attr = c("assign", "contrasts", "dimnames"))
    expect_identical(design_names(X), colnames(model.matrix(fit)))
    expect_equal(design_column(X, 1L), model.matrix(fit)[, 1L], ignore_attr = TRUE)
    by <- matrix(sin(seq_len(2 * length(design_names(X)))), ncol = 2L)
    expect_equal(design_times(X, by, 2L), model.matrix(fit) %*% by, ignore_attr = TRUE)
  }
  plain <- lm(y ~ x1 + x2, d)
  expect_true(is.list(design_of_fit(plain, model.frame(plain))))
  # The same test from columns and from a matrix.
  matrices <- lm(y ~ x1 + I(x2), d)
  expect_false(is.list(design_of_fit(matrices, model.frame(matrices))))
  for (type in c("11", "33")) {
    a <- wild_test(plain, "x1 = 0", ~ f, R = 199, type = type, seed = 1, weights = "webb")
    b <- wild_test(matrices, "x1 = 0", ~ f, R = 199, type = type, seed = 1, weights = "webb")
    expect_equal(a$draws, b$draws)
    expect_equal(a$conf.int, b$conf.int, tolerance = 1e-6)
  }
})

test_that("variances of 0 are an error", {
  d <- data.frame(g = rep(1:6, each = 2), x = rep(c(-1, 1), 6), y = c(1, -1, 2, 5, 3, 3, 7, 1, 2, 2, 0, 1))
  # With an intercept and a dummy for each cluster the scores of `x` in a cluster are what is
  # left of it; of a cluster's own dummy nothing is.
  fit <- lm(y ~ x + factor(g), d)
  error <- expect_error(quiet_wild(fit, "factor(g)3 = 0", ~ g, R = 99), class = "rustle_error_degenerate")
  expect_identical(error$argument, "null")
})

test_that("few clusters and few treated clusters are told", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  expect_warning(wild_test(fit, "x1", ~ f, R = 99, threads = 1), "256 different values", class = "rustle_warning_few_clusters")
  expect_warning(wild_test(fit, "x1", ~ f, R = 99, weights = "webb", threads = 1), NA)
  d$treated <- as.numeric(d$t == 3)
  fit <- lm(y ~ treated + x1, d)
  expect_warning(wild_test(fit, "treated", ~ t, R = 99, threads = 1), "in 1 of 12 clusters", class = "rustle_warning_few_clusters")
  expect_warning(wild_test(fit, "x1", seq_len(120), R = 99, threads = 1), class = "rustle_warning_clusters")
  # Without its cluster a dummy variable is not identified.
  expect_warning(
    wild_test(lm(y ~ x1 + factor(t), d), "x1", ~ t, type = "13", R = 99, threads = 1), "12 clusters|11 clusters",
    class = "rustle_warning_clusters"
  )
})

test_that("replicates without a positive variance are left out and told", {
  d <- wild_data(40)
  fit <- lm(y ~ x1 + x2, d)
  test <- function() wild_test(fit, c("x1 = 0.2", "x2 = 0"), ~ f + t, R = 999, weights = "webb", seed = 1, threads = 1)
  expect_warning(test(), class = "rustle_warning_degenerate")
  x <- suppressWarnings(test())
  expect_gt(x$degenerate, 0)
  expect_identical(glance.rustle_wild(x)$degenerate, x$degenerate)
})
