# Oracle: the run with the larger number of replicates.

same_but_call <- function(a, b) {
  drop <- c("call", "threads", "run")
  plain <- function(x) unclass(x)[setdiff(names(x), drop)]
  expect_equal(plain(a), plain(b))
  expect_identical(a$t, b$t)
}

test_that("native statistics of every scheme go on as the larger run", {
  each <- function(...) {
    same_but_call(
      extend(bootstrap(..., R = 101, seed = 5, threads = 1), 517, threads = 2), bootstrap(..., R = 517, seed = 5, threads = 2)
    )
  }
  each(cars, "cor")
  each(cars$speed, "median", sim = "poisson")
  each(mtcars, stat_lm(mpg ~ wt + hp), sim = "wild")
  each(mtcars, stat_lm(mpg ~ wt + hp), sim = "residual")
  each(mtcars, stat_lm(mpg ~ wt), cluster = mtcars$cyl)
  each(mtcars, "mean", strata = mtcars$cyl)
  each(mtcars$mpg, "mean", weights = mtcars$wt)
  each(mtcars$mpg, "mean", m = 10)
  each(as.vector(lynx), "mean", sim = "block", l = 7, blocktype = "geom")
  each(cars, "cor", sim = "permutation")
  each(mtcars, stat_glm(carb ~ wt, "poisson"), sim = "bayesian")
})

test_that("functions go on on every plan, with their random numbers", {
  f <- function(d, i) c(mean(d[i]), stats::runif(1))
  whole <- bootstrap(cars$dist, f, R = 41, seed = 7)
  plans <- few_plans()
  for (name in names(plans)) {
    under_plan(plans[[name]], {
      part <- bootstrap(cars$dist, f, R = 20, seed = 7)
      expect_equal(extend(part, 41)$t, whole$t, info = name)
    })
  }
  g <- function(d, k) mean(d) * k
  b <- bootstrap(cars$dist, g, R = 10, sim = "parametric", ran.gen = function(d, mle) rnorm(5, mle), mle = 3, k = 2, seed = 1)
  expect_equal(extend(b, 25)$t, bootstrap(cars$dist, g, R = 25, sim = "parametric", ran.gen = function(d, mle) rnorm(5, mle), mle = 3, k = 2, seed = 1)$t)
})

test_that("failures keep their numbers", {
  f <- function(d, i) if (i[[1]] == 3) stop("three") else mean(d[i])
  for (rule in c("na", "redraw")) suppressWarnings({
    whole <- bootstrap(cars$dist[1:8], f, R = 60, seed = 2, on_error = rule)
    part <- extend(bootstrap(cars$dist[1:8], f, R = 25, seed = 2, on_error = rule), 60)
  })
  expect_identical(part$t, whole$t)
  expect_identical(part$failures$replicate, whole$failures$replicate)
  bad <- bootstrap(cars$dist, function(d, i) if (i[[1]] == 3 && !identical(i, seq_along(d))) stop("three") else 1, R = 1, seed = 1)
  expect_error(extend(bad, 400), class = "rustle_error_statistic")
})

test_that("the result of a model and of a series go on too", {
  fit <- lm(mpg ~ wt, mtcars)
  expect_identical(extend(boot_lm(fit, R = 50, seed = 1), 90)$t, boot_lm(fit, R = 90, seed = 1)$t)
  expect_identical(
    extend(tsbootstrap(lynx, "mean", R = 50, l = 5, seed = 1), 90)$t, tsbootstrap(lynx, "mean", R = 90, l = 5, seed = 1)$t
  )
})

test_that("enough() ends when the error of the ends is small, at a number that depends on the replicates alone", {
  rule <- enough(width = 0.02, start = 199)
  b <- bootstrap(cars, "cor", R = rule, seed = 1, threads = 1)
  expect_true(b$enough$reached)
  expect_identical(b$R, tail(b$enough$R, 1))
  ci <- boot_ci(b, type = "perc")
  expect_lte(max(ci$lower.mcse, ci$upper.mcse), 0.02 * (ci$upper - ci$lower))
  expect_identical(b$t, bootstrap(cars, "cor", R = b$R, seed = 1)$t)
  expect_identical(bootstrap(cars, "cor", R = rule, seed = 1, threads = 2)$t, b$t)
  # One step before, it was not enough.
  before <- boot_ci(bootstrap(cars, "cor", R = rev(b$enough$R)[[2]], seed = 1), type = "perc")
  expect_gt(max(before$lower.mcse, before$upper.mcse), 0.02 * (before$upper - before$lower))
  f <- bootstrap(cars, function(d, i) cor(d[i, 1], d[i, 2]), R = enough(0.05, start = 100), seed = 1)
  expect_equal(f$t[, 1], bootstrap(cars, "cor", R = f$R, seed = 1)$t[, 1])
})

test_that("the limit ends it with a warning", {
  expect_warning(
    b <- bootstrap(cars, "cor", R = enough(width = 1e-3, start = 100, limit = 500), seed = 1), class = "rustle_warning_replicates"
  )
  expect_false(b$enough$reached)
  expect_equal(b$R, 500)
})

test_that("wrong arguments are told", {
  b <- bootstrap(cars, "cor", R = 50, seed = 1)
  wrong <- function(expr) expect_error(expr, class = "rustle_error_argument")
  wrong(extend(1, 50))
  wrong(extend(b, 49))
  wrong(extend(b, 60.5))
  expect_identical(extend(b, 50)$t, b$t)
  wrong(extend(b[1:20, 1], 60))
  wrong(extend(c(b, bootstrap(cars, "cor", R = 50, seed = 2)), 200))
  wrong(extend(bootstrap(cars, "cor", R = 50, seed = 1, keep_data = FALSE), 60))
  wrong(extend(bootstrap(cars, "cor", R = 50, sim = "balanced", seed = 1), 60))
  wrong(extend(bootstrap(cars, "cor", R = 50, rng = "R", seed = 1), 60))
  wrong(bootstrap(cars, "cor", R = enough(), sim = "balanced", seed = 1))
  b$data$speed <- rev(b$data$speed)
  wrong(extend(b, 60))
  wrong(enough(width = 0))
  wrong(enough(type = "stud"))
  wrong(enough(conf = 2))
  wrong(enough(start = 1000, limit = 500))
})

test_that("tests and bands with more replicates are those of the larger run", {
  fit <- lm(mpg ~ wt + hp, mtcars)
  d <- transform(mtcars, g = rep(1:8, 4))
  logit <- glm(am ~ wt, binomial, mtcars)
  iv <- mpg ~ hp + wt | disp + wt
  psi <- nobs(fit) * residuals(fit) * model.matrix(fit) %*% summary(fit)$cov.unscaled
  test <- function(...) function(R) suppressWarnings(wild_test(..., R = R, seed = 3, threads = 1), classes = "rustle_warning")
  runs <- list(
    one = test(fit, "wt = -2"), joint = test(fit, c("wt = -2", "hp = 0")), clusters = test(fit, "wt = -2", ~ cyl + gear, weights = "webb"),
    # All combinations of signs are fewer than the larger number.
    all = test(lm(mpg ~ wt, d), "wt = -5", ~ g), score = test(fit, "wt = -2", method = "score"), logit = test(logit, "wt = -2", conf = 0.9),
    instruments = test(iv, "hp = 0", data = mtcars), ar = test(iv, "hp = 0", data = mtcars, method = "ar"),
    bands = function(R) bootstrap_influence(psi, coef(fit), R = R, seed = 3, threads = 1)
  )
  for (name in names(runs)) {
    more <- unclass(extend(runs[[name]](399), 499))
    whole <- unclass(runs[[name]](499))
    parts <- setdiff(names(whole), c("call", "recount", "rerun"))
    expect_identical(more[parts], whole[parts], label = name)
  }
  expect_argument_error(extend(runs$one(199), 99), "R")
  expect_argument_error(extend(1, 99), "x")
})

test_that("tests and bands go on until they are sure", {
  fit <- lm(mpg ~ wt + hp, mtcars)
  x <- wild_test(fit, "wt = -2", R = enough(width = 0.01), seed = 1, threads = 1)
  expect_true(x$enough$reached && x$R > 1999)
  expect_lte(max(x$conf.mcse) / diff(range(x$conf.int)), 0.01)
  expect_identical(x$draws, wild_test(fit, "wt = -2", R = x$R, seed = 1, threads = 1)$draws)
  joint <- wild_test(fit, c("wt = -2", "hp = -0.02"), R = enough(width = 0.005, start = 499), seed = 1, threads = 1)
  expect_lte(joint$mcse, 0.005)
  psi <- nobs(fit) * residuals(fit) * model.matrix(fit) %*% summary(fit)$cov.unscaled
  b <- bootstrap_influence(psi, coef(fit), R = enough(width = 0.004), seed = 1, threads = 1)
  expect_lte(b$critical.mcse / (2 * b$critical), 0.004)
  expect_warning(
    wild_test(fit, "wt = -2", R = enough(width = 0.001, start = 199, limit = 399), seed = 1, threads = 1),
    class = "rustle_warning_replicates"
  )
})

test_that("covariances take as many replicates as intervals need", {
  fit <- lm(mpg ~ wt, mtcars)
  rule <- enough(width = 0.03, start = 199)
  b <- boot_lm(fit, R = rule, seed = 1, threads = 1)
  expect_gt(b$R, 199)
  expect_equal(vcov_boot(fit, R = rule, seed = 1, threads = 1), var(b$t))
  expect_argument_error(vcov_boot(fit, R = 1), "R")
})

test_that("comparisons of losses go on as the larger run, and until they are sure", {
  set.seed(4)
  losses <- matrix(rnorm(400), 100)^2 * rep(c(1, 1, 0.7, 1), each = 100)
  tests <- list(
    spa = function(R) spa_test(losses, R = R, seed = 1, threads = 1),
    steps = function(R) step_m(losses, R = R, seed = 1, threads = 1),
    set = function(R) model_confidence_set(losses, R = R, statistic = "range", seed = 1, threads = 1)
  )
  plain <- function(x) if (is.data.frame(x)) lapply(x, identity) else unclass(x)[setdiff(names(x), "run")]
  for (name in names(tests)) {
    few <- tests[[name]](99)
    expect_identical(plain(extend(few, 299)), plain(tests[[name]](299)), label = name)
    expect_identical(plain(extend(extend(few, 150), 299, threads = 2)), plain(tests[[name]](299)), label = name)
    expect_argument_error(extend(few, 98), "R")
    sure <- tests[[name]](enough(width = 0.012, start = 199))
    done <- if (is.data.frame(sure)) attr(sure, "enough") else sure$enough
    expect_true(done$reached)
    expect_lte(max(sure$mcse), 0.012)
    expect_identical(plain(sure)$mcse, plain(tests[[name]](max(done$R)))$mcse)
  }
  # A part is no result.
  expect_argument_error(extend(tests$steps(99)[1:2, ], 199), "x")
  # Without a seed too.
  set.seed(2)
  few <- model_confidence_set(losses, R = 99)
  set.seed(2)
  expect_identical(plain(extend(few, 199)), plain(model_confidence_set(losses, R = 199)))
})

test_that("results of boot() and relatives are those of boot with the larger number, from the same seed", {
  cor_of <- function(d, i) cor(d[i, ])[1, 2]
  drawn <- function(d, p) d[sample(nrow(d), replace = TRUE), ]
  calls <- list(
    ordinary = function(R) boot::boot(cars, cor_of, R = R),
    ours = function(R) boot(cars, cor_of, R = R),
    balanced = function(R) boot(cars, function(d, w, k) k * sum(d$dist * w), R = R, stype = "w", k = 3, sim = "balanced", strata = rep(1:2, 25)),
    parametric = function(R) boot(cars, function(d) cor(d)[1, 2], R = R, sim = "parametric", ran.gen = drawn),
    series = function(R) tsboot(lynx, mean, R = R, l = 5, sim = "fixed"),
    censored = function(R) censboot(boot::aml, function(d) mean(d$time), R = R)
  )
  for (name in names(calls)) {
    set.seed(1)
    few <- calls[[name]](9)
    set.seed(1)
    whole <- calls[[name]](20)
    set.seed(5)
    before <- globalenv()[[".Random.seed"]]
    more <- extend(few, 20)
    expect_identical(globalenv()[[".Random.seed"]], before)
    same <- c("t", "t0", "R", "seed", "data", "weights", "strata")
    expect_identical(unclass(more)[same], unclass(whole)[same], label = name)
    expect_identical(more$call$R, 20)
  }
  set.seed(1)
  sure <- boot(cars, cor_of, R = enough(width = 0.05, start = 199))
  expect_true(sure$enough$reached && sure$R > 199)
  set.seed(1)
  expect_identical(sure$t, boot::boot(cars, cor_of, R = sure$R)$t)
  set.seed(1)
  series <- tsboot(lynx, mean, R = enough(width = 0.05, start = 199), l = 5, sim = "fixed")
  set.seed(1)
  expect_identical(series$t, boot::tsboot(lynx, mean, R = series$R, l = 5, sim = "fixed")$t)
  expect_argument_error(extend(few, 3), "R")
  a <- boot(cars, cor_of, R = 5)
  expect_argument_error(extend(c(a, a), 20), "x")
  a$t0 <- a$t0 + 1
  expect_argument_error(extend(a, 20), "x")
})
