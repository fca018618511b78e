# Oracle: lm() with dummy variables on the rows or the weights of each replicate.

effects_data <- function(n = 90) {
  set.seed(31)
  d <- data.frame(firm = sample(sprintf("f%02d", 1:12), n, TRUE), year = sample(2001:2006, n, TRUE), x = rnorm(n), z = rexp(n), w = runif(n, 0.5, 2))
  d$y <- 0.5 * d$x - 0.2 * d$z + rnorm(12)[match(d$firm, sort(unique(d$firm)))] + 0.1 * (d$year - 2000) + rnorm(n)
  d
}
own <- function(fit, names = c("x", "z")) coef(fit)[names]

test_that("replicates with fixed effects are those of lm() with dummy variables", {
  d <- effects_data()
  for (threads in 1:2) {
    b <- bootstrap(d, stat_lm(y ~ x + z, effects = ~ firm), R = 12, seed = 2, threads = threads)
    rows <- boot_array(b, indices = TRUE)
    oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm), d[i, ]))))
    expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
  }
  expect_equal(b$t0, own(lm(y ~ x + z + factor(firm), d)), tolerance = 1e-10)
  # Two effects, levels of which are not drawn; weights and an offset.
  b <- bootstrap(d, stat_lm(y ~ x + z, weights = "w", offset = ~ 0.1 * z, effects = c("firm", "year")), R = 12, seed = 2)
  rows <- boot_array(b, indices = TRUE)
  expect_true(any(apply(rows, 1L, function(i) length(unique(d$firm[i])) < 12)))
  oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[i, ], weights = w, offset = 0.1 * z))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
})

test_that("small levels of a second effect that are not drawn take nothing with them", {
  d <- effects_data()
  d$year[1:2] <- 1990
  b <- bootstrap(d, stat_lm(y ~ x + z, effects = ~ firm + year), R = 40, seed = 2)
  rows <- boot_array(b, indices = TRUE)
  without <- apply(rows, 1L, function(i) !any(i <= 2))
  expect_true(any(without) && !anyNA(b$t))
  oracle <- t(apply(rows, 1L, function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[i, ]))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
})

test_that("clusters, fractional weights and influence values know effects", {
  d <- effects_data()
  statistic <- stat_lm(y ~ x + z, effects = ~ firm + year)
  b <- bootstrap(d, statistic, R = 8, seed = 2, cluster = d$firm)
  counts <- boot_array(b)
  oracle <- t(apply(counts, 1L, function(f) own(lm(y ~ x + z + factor(firm) + factor(year), d[rep(seq_along(f), f), ]))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-9)
  f <- bootstrap(d, statistic, R = 6, sim = "bayesian", seed = 4)
  g <- bootstrap(d, function(data, v) own(lm(y ~ x + z + factor(firm) + factor(year), data.frame(data, v), weights = v)), R = 6, sim = "bayesian", seed = 4)
  expect_equal(unname(f$t), unname(g$t), tolerance = 1e-8)
  j <- jackknife(d, statistic)
  left <- t(vapply(seq_len(90), function(i) own(lm(y ~ x + z + factor(firm) + factor(year), d[-i, ])), double(2)))
  expect_equal(unname(j$se), unname(sqrt(89 / 90 * colSums(sweep(left, 2L, colMeans(left))^2))), tolerance = 1e-6)
  expect_s3_class(boot_ci(f, type = "norm"), "rustle_boot_ci")
})

test_that("effects that leave nothing, or are none, are refused", {
  d <- effects_data()
  d$size <- ave(d$x, d$firm)
  run <- function(...) bootstrap(d, stat_lm(...), R = 3)
  error <- expect_argument_error(run(y ~ x + size, effects = ~ firm), "effects")
  expect_identical(error$aliased, "size")
  expect_argument_error(run(y ~ x + I(2 * x), effects = ~ firm), "effects")
  expect_argument_error(run(y ~ 1, effects = ~ firm), "formula")
  expect_argument_error(run(y ~ x, effects = "nowhere"), "effects")
  expect_argument_error(run(y ~ x, effects = ~ nowhere), "effects")
  expect_argument_error(stat_lm(y ~ x, effects = 3), "effects")
  d$firm[5] <- NA
  expect_argument_error(run(y ~ x, effects = ~ firm), "data")
  expect_equal(
    bootstrap(d, stat_lm(y ~ x, effects = ~ firm), R = 3, seed = 1, na.rm = TRUE)$t0, own(lm(y ~ x + firm, d), "x"), tolerance = 1e-10
  )
  expect_error(bootstrap(d[-5, ], stat_lm(y ~ x, effects = ~ firm), R = 3, sim = "permutation"), class = "rustle_error_scheme")
})

# Of a generalized linear model, on rows or weights.
own_glm <- function(formula, family, d, w, offset = 0) {
  d$weight_ <- w
  d$offset_ <- offset
  d <- droplevels(d[w > 0, ])
  environment(formula) <- environment()
  control <- list(epsilon = 1e-14, maxit = 200)
  own(suppressWarnings(glm(formula, family, d, weights = weight_, offset = offset_, control = control)))
}

glm_effects_data <- function(n = 160) {
  set.seed(7)
  d <- data.frame(firm = factor(sample(16, n, TRUE)), year = factor(sample(4, n, TRUE)), x = rnorm(n), z = rexp(n), w = runif(n, 0.5, 2))
  alpha <- rnorm(16)[d$firm]
  d$b <- rbinom(n, 1, plogis(alpha + 0.5 * d$x))
  d$count <- rpois(n, exp(0.5 * alpha + 0.3 * d$x))
  d$size <- rgamma(n, 2, exp(-0.3 * alpha - 0.2 * d$x))
  d
}

test_that("replicates of stat_glm() with fixed effects are those of glm() with dummy variables", {
  d <- glm_effects_data()
  families <- list(binomial(), binomial("probit"), binomial("cloglog"), poisson(), quasipoisson(), Gamma("log"), gaussian())
  for (family in families) {
    y <- switch(family$family, binomial = "b", poisson = , quasipoisson = "count", "size")
    for (effects in list("firm", c("firm", "year"))) {
      statistic <- stat_glm(reformulate(c("x", "z"), y), family, weights = "w", offset = ~ 0.1 * z, effects = effects)
      for (sim in c("ordinary", "bayesian")) {
        b <- suppressWarnings(bootstrap(d, statistic, R = 3, sim = sim, seed = 2, influence = "none"), classes = "rustle_warning_effects")
        w <- bootstrap(d, function(data, w) w * nrow(data), R = 3, sim = sim, stype = "w", seed = 2)$t
        formula <- reformulate(c("x", "z", effects), y)
        oracle <- t(apply(w, 1L, function(w) own_glm(formula, family, d, w * d$w, 0.1 * d$z)))
        expect_equal(unname(b$t), unname(oracle), tolerance = 1e-6, label = paste(family$family, family$link, length(effects), sim))
        expect_equal(b$t0, own_glm(formula, family, d, d$w, 0.1 * d$z), tolerance = 1e-6)
      }
    }
  }
})

test_that("levels whose responses are all at an end leave the estimate as it is, and are told", {
  d <- glm_effects_data()
  d$b[d$firm == 3] <- 0
  d$b[d$firm == 5] <- 1
  said <- expect_warning(b <- bootstrap(d, stat_glm(b ~ x + z, effects = "firm"), R = 9, seed = 2), class = "rustle_warning_effects")
  kept <- droplevels(d[ave(d$b, d$firm, FUN = min) == 0 & ave(d$b, d$firm, FUN = max) == 1, ])
  expect_false(any(c("3", "5") %in% levels(kept$firm)))
  expect_match(conditionMessage(said), sprintf("^%d observations", 160L - nrow(kept)))
  expect_equal(b$t0, own(glm(b ~ x + z + firm, binomial, kept, control = list(epsilon = 1e-14))), tolerance = 1e-9)
  expect_false(anyNA(b$t))
  none <- transform(d, b = as.numeric(firm %in% 1:8))
  expect_error(bootstrap(none, stat_glm(b ~ x, effects = "firm"), R = 3), class = "rustle_error_separation")
  d$split <- d$b + runif(160) / 2
  expect_error(
    suppressWarnings(bootstrap(d, stat_glm(b ~ split, effects = "firm"), R = 3), classes = "rustle_warning_effects"),
    class = "rustle_error_separation"
  )
})

test_that("boot_lm() and vcov_boot() of a glm know effects, clusters and influence values", {
  d <- glm_effects_data()
  fit <- glm(count ~ x + z, poisson, d, weights = w)
  b <- boot_lm(fit, R = 19, effects = ~ firm + year, cluster = ~ firm, seed = 3)
  same <- bootstrap(d, stat_glm(count ~ x + z, poisson, weights = "w", effects = ~ firm + year), R = 19, cluster = ~ firm, seed = 3)
  expect_equal(b$t, same$t)
  expect_equal(b$t0, own_glm(count ~ x + z + firm + year, poisson(), d, d$w), tolerance = 1e-9)
  expect_equal(vcov_boot(fit, R = 19, effects = ~ firm + year, cluster = ~ firm, seed = 3), var(b$t))
  j <- jackknife(d[1:60, ], stat_glm(count ~ x + z, poisson, effects = "year"))
  left <- t(vapply(seq_len(60), function(i) own_glm(count ~ x + z + year, poisson(), d[1:60, ], replace(rep(1, 60), i, 0)), double(2)))
  expect_equal(unname(j$se), unname(sqrt(59 / 60 * colSums(sweep(left, 2L, colMeans(left))^2))), tolerance = 1e-6)
  expect_argument_error(boot_lm(fit, R = 9, effects = ~ firm, f = coef), "effects")
  error <- expect_argument_error(bootstrap(transform(d, size = as.integer(firm)), stat_glm(count ~ x + size, poisson, effects = "firm"), R = 3), "effects")
  expect_identical(error$aliased, "size")
})
