# `...`: what nobody takes is an error.

# Calls of every exported function of ours with `...`, or NULL: these hand it to the
# user's function, which says what it does not take.
calls_with_dots <- function() {
  x <- (1:12 * 7) %% 13 + 0
  wave <- stats::ts(x)
  k <- stats::kernel("daniell", 1)
  linear <- lm(mpg ~ wt, mtcars)
  b <- bootstrap(x, "mean", R = 19, seed = 1)
  list(
    boot_p = function(...) boot_p(b, ...), collect = function(...) collect(tempdir(), ...), conformal = function(...) conformal(linear, ...),
    validate_boot = function(...) validate_boot(linear, R = 5, ...),
    blb = function(...) blb(x, "mean", ...), boot_ci = function(...) boot_ci(b, ...),
    boot_lm = function(...) boot_lm(linear, ...), vcov_boot = function(...) vcov_boot(linear, ...),
    stat_nls = function(...) stat_nls(y ~ a * x, list(a = 1), ...),
    bootstrap = function(...) bootstrap(x, "mean", ...), jackknife = function(...) jackknife(x, "mean", ...),
    tsbootstrap = function(...) tsbootstrap(wave, "mean", l = 3, ...), cv = function(...) cv(linear, ...),
    future_replicate = function(...) future_replicate(2, 1, ...),
    future_kernapply = list(
      function(...) future_kernapply(x, k, ...), function(...) future_kernapply(wave, k, ...),
      function(...) future_kernapply(cbind(x, x), k, ...), function(...) future_kernapply(ts(cbind(x, x)), k, ...)
    ),
    plan = function(...) plan(sequential, ...), with_plan = function(...) with_plan(sequential, 1, ...),
    local_plan = function(...) local_plan(sequential, ...), mt_lm = function(...) mt_lm(mpg ~ wt, mtcars, ...),
    boot = NULL, censboot = NULL, tsboot = NULL, clusterApply = NULL, clusterApplyLB = NULL, clusterCall = NULL,
    clusterMap = NULL, future_.mapply = NULL, future_apply = NULL, future_by = NULL, future_eapply = NULL,
    future_Filter = NULL, future_lapply = NULL, future_Map = NULL, future_mapply = NULL, future_sapply = NULL,
    future_tapply = NULL, future_vapply = NULL, mclapply = NULL, mcMap = NULL, mcmapply = NULL, parApply = NULL,
    parCapply = NULL, parLapply = NULL, parLapplyLB = NULL, parRapply = NULL, parSapply = NULL, parSapplyLB = NULL,
    pvec = NULL, study = NULL, explain_compiled = NULL,
    # Of a plain matrix; methods of base R's generic functions take what they know.
    mt_chol = of_matrices(mt_chol), mt_qr = of_matrices(mt_qr), mt_solve = of_matrices(mt_solve),
    mt_det = of_matrices(mt_det), mt_determinant = of_matrices(mt_determinant),
    mt_crossprod = of_matrices(mt_crossprod), mt_tcrossprod = of_matrices(mt_tcrossprod),
    mt_sort = function(...) mt_sort(x, ...), mt_lm_fit = function(...) mt_lm_fit(cbind(1, x), x, ...),
    # Its `...` are the keys, as those of order().
    mt_order = NULL,
    mt_prcomp = c(of_matrices(mt_prcomp), function(...) mt_prcomp(~ mpg + wt, mtcars, ...))
  )
}

# On both sides of the sizes from which our own code computes.
of_matrices <- function(f) {
  lapply(c(3L, 40L), function(n) { force(n); function(...) f(diag(n) + 0.1, ...) })
}

exports_with_dots <- function() {
  ours <- asNamespace("rustle")
  names <- getNamespaceExports(ours)
  Filter(function(name) {
    f <- get(name, ours)
    is.function(f) && identical(environment(f), ours) && "..." %in% names(formals(f))
  }, names)
}

test_that("every exported function refuses an argument that nobody takes, before work", {
  calls <- calls_with_dots()
  expect_identical(setdiff(exports_with_dots(), names(calls)), character())
  for (name in names(calls)) {
    for (f in c(calls[[name]])) {
      error <- tryCatch(f(surely_wrong = 1), error = identity)
      expect_s3_class(error, "rustle_error_argument")
      expect_match(conditionMessage(error), "surely_wrong", info = name)
    }
  }
})

test_that("methods refuse it too", {
  b <- bootstrap(mtcars, stat_mean(c("mpg", "wt")), R = 99, seed = 1)
  j <- jackknife(mtcars$mpg, "mean")
  little <- blb(mtcars$mpg, "mean", s = 2, R = 5, seed = 1)
  for (f in list(
    function(...) confint(b, ...), function(...) quantile(b, ...), function(...) summary(b, ...),
    function(...) coef(b, ...), function(...) vcov(b, ...), function(...) vcov(j, ...), function(...) coef(j, ...),
    function(...) coef(little, ...)
  )) {
    expect_error(f(surely_wrong = 1), "surely_wrong", class = "rustle_error_argument")
  }
  skip_if_not_installed("generics")
  expect_error(generics::tidy(b, confint = TRUE), "nearest is `conf.int`", class = "rustle_error_argument")
  expect_error(generics::glance(b, all = TRUE), class = "rustle_error_argument")
  skip_if_not_installed("ggplot2")
  expect_error(ggplot2::autoplot(b, level = 0.9), "nearest is `conf.level`", class = "rustle_error_argument")
  # As others call these.
  expect_identical(vcov(b, complete = FALSE), vcov(b))
  expect_identical(coef(b, complete = FALSE), coef(b))
})

test_that("the nearest name is told, and abbreviations are not guessed", {
  x <- 1:20 + 0
  f <- function(d, i, trim = 0) mean(d[i], trim = trim)
  nearest <- function(expr, name) {
    error <- expect_error(expr, class = "rustle_error_argument")
    expect_identical(error$nearest, name)
    expect_match(conditionMessage(error), sprintf("nearest is `%s`", name), fixed = TRUE)
  }
  b <- bootstrap(x, f, R = 99, seed = 1)
  fit <- lm(mpg ~ wt, mtcars)
  nearest(boot_ci(b, alpha = 0.1), "conf")
  nearest(boot_ci(b, tpye = "perc"), "type")
  nearest(confint(b, conf = 0.9), "level")
  nearest(confint(b, index = 1), "parm")
  nearest(cv(fit, k = 5), "K")
  nearest(cv(fit, nfolds = 5), "K")
  nearest(cv(mtcars, function(train) lm(mpg ~ wt, train), response = "mpg", rep = 2), "reps")
  nearest(bootstrap(x, "mean", r = 50), "R")
  nearest(bootstrap(x, f, r = 50), "R")
  nearest(bootstrap(x, f, nboot = 50), "R")
  nearest(bootstrap(x, f, strat = rep(1:2, 10)), "strata")
  nearest(tsbootstrap(x, "mean", L = 5), "l")
  nearest(tsbootstrap(x, function(s) mean(s), l = 5, r = 50), "R")
  nearest(vcov_boot(fit, nboot = 50), "R")
  nearest(blb(x, "mean", conf.level = 0.9), "conf")
  expect_argument_error(bootstrap(x, "mean", ran.gen = 50), "ran.gen")
  expect_argument_error(bootstrap(x, f, mle = 50), "mle")
  # What the statistic takes goes to it, in full or abbreviated.
  trimmed <- bootstrap(x, f, R = 99, seed = 1, trim = 0.2)
  expect_identical(bootstrap(x, f, R = 99, seed = 1, tri = 0.2)$t, trimmed$t)
  by_dots <- function(d, i, ...) mean(d[i], ...)
  expect_identical(bootstrap(x, by_dots, R = 99, seed = 1, trim = 0.2)$t, trimmed$t)
  nearest(bootstrap(x, by_dots, nboot = 99), "R")
})

test_that("boot_ci() takes `level` and `parm` as confint() does", {
  b <- bootstrap(mtcars, stat_mean(c("mpg", "wt")), R = 999, seed = 1)
  strip <- function(ci) as.data.frame(ci)
  expect_identical(strip(boot_ci(b, level = 0.9, parm = "wt")), strip(boot_ci(b, conf = 0.9, index = "wt")))
  expect_identical(boot_ci(b, level = 0.9, type = "bca")$lower, unname(confint(b, level = 0.9)[, 1L]))
  expect_argument_error(boot_ci(b, level = 90), "level")
  expect_argument_error(boot_ci(b, parm = 3), "parm")
  expect_argument_error(boot_ci(b, conf = 0.9, level = 0.8), "level")
  # An argument of the statistic is the statistic's.
  f <- function(d, i, level) mean(d[i]) * level
  g <- bootstrap(mtcars$mpg, f, R = 99, seed = 1, level = 2)
  expect_identical(suppressWarnings(boot_ci(g, type = "bca", level = 2))$conf, 0.95)
})

test_that("required arguments that are missing are named by the function that was called", {
  for (f in c(
    "bootstrap", "jackknife", "blb", "tsbootstrap", "boot_lm", "vcov_boot", "cv", "folds", "permutation_test",
    "boot_ci", "boot_array", "jack_after_boot", "as_boot", "stat_lm", "stat_glm", "simulate_schedule", "compare_schedules"
  )) {
    error <- tryCatch(eval(call(f)), error = identity)
    expect_s3_class(error, "rustle_error_argument")
    expect_identical(error$call[[1L]], as.name(f))
    expect_match(conditionMessage(error), "is missing, with no default", info = f)
  }
  for (call in expression(
    bootstrap(mtcars), jackknife(mtcars), blb(mtcars), tsbootstrap(lynx), permutation_test(1:3)
  )) {
    error <- tryCatch(eval(call), error = identity)
    expect_s3_class(error, "rustle_error_argument")
    expect_identical(error$call, call)
  }
})

test_that("who gives a fitted model, or a model for a statistic, is shown the way", {
  fit <- lm(mpg ~ wt, mtcars)
  for (f in c("jackknife", "blb", "tsbootstrap")) {
    for (call in list(call(f, quote(fit)), call(f, quote(fit), quote(coef)))) {
      error <- expect_error(eval(call), "boot_lm(model)", fixed = TRUE, class = "rustle_error_argument")
      expect_identical(error$call, call)
    }
  }
  curve <- loess(mpg ~ wt, mtcars)
  expect_match(conditionMessage(expect_argument_error(jackknife(curve), "data")), "fit the model in the statistic")
  expect_match(conditionMessage(expect_argument_error(bootstrap(curve), "statistic")), "a model without coefficients")
  expect_match(
    conditionMessage(expect_argument_error(bootstrap(mtcars, mpg ~ wt), "statistic")), "stat_lm(mpg ~ wt)", fixed = TRUE
  )
  error <- expect_argument_error(bootstrap(mtcars, stat_lm(mpg ~ weight)), "formula")
  expect_match(conditionMessage(error), "^`formula` must be a formula of columns of `data`, which are .*object 'weight' not found[.]$")
})

test_that("functions of too few arguments are told how they are called, without our innards", {
  x <- 1:20 + 0
  told <- function(expr, argument, of) {
    error <- expect_argument_error(expr, argument)
    expect_match(conditionMessage(error), sprintf("must be a function(%s), not one of", of), fixed = TRUE)
    expect_no_match(conditionMessage(error), "quote")
  }
  one <- function(d) mean(d)
  none <- function() 1
  told(bootstrap(x, one), "statistic", "data, indices")
  told(bootstrap(x, one, stype = "w"), "statistic", "data, weights")
  told(jackknife(x, one), "statistic", "data, indices")
  told(blb(x, one), "statistic", "data, frequencies")
  told(bootstrap(x, none, sim = "parametric", ran.gen = function(d, m) d), "statistic", "data")
  told(bootstrap(x, one, sim = "parametric", ran.gen = one), "ran.gen", "data, mle")
  told(tsbootstrap(x, none, l = 3), "statistic", "series")
  told(tsbootstrap(x, one, sim = "model", ran.gen = one), "ran.gen", "series, n.sim, ran.args")
  told(permutation_test(x, x + 1, one), "statistic", "x, y")
  told(boot_lm(lm(mpg ~ wt, mtcars), f = none), "f", "model")
})
