test_that("a model whose rows come in groups says so where rows are drawn one by one", {
  skip_if_not_installed("survival")
  skip_if_not_installed("lme4")
  lung <- survival::lung[1:60, ]
  cox <- function(f) survival::coxph(f, lung)
  Surv <- survival::Surv
  cluster <- survival::cluster
  frailty <- survival::frailty
  expect_identical(groups_of_fit(cox(Surv(time, status) ~ age)), character())
  expect_identical(groups_of_fit(cox(Surv(time, status) ~ age + cluster(inst))), "inst")
  expect_identical(groups_of_fit(survival::coxph(Surv(time, status) ~ age, lung, cluster = inst)), "inst")
  expect_identical(groups_of_fit(cox(Surv(time, status) ~ age + frailty(inst))), "inst")
  mixed <- lme4::lmer(Reaction ~ Days + (1 | Subject), lme4::sleepstudy)
  expect_identical(groups_of_fit(mixed), "Subject")
  expect_warning(bootstrap(mixed, R = 2, seed = 1), "Subject", class = "rustle_warning_clusters")
  expect_no_warning(bootstrap(mixed, R = 2, seed = 1, cluster = ~ Subject))
})

test_that("stat_coxph() refuses terms that only coxph() knows", {
  skip_if_not_installed("survival")
  for (term in c("cluster(inst)", "survival::cluster(inst)", "frailty(inst)", "tt(age)", "pspline(age)", "ridge(age)")) {
    formula <- stats::as.formula(sprintf("Surv(time, status) ~ age + %s", term))
    expect_argument_error(stat_coxph(formula), "formula")
  }
  # Columns of these names are columns.
  lung <- transform(survival::lung, cluster = age)
  expect_identical(names(bootstrap(lung, stat_coxph(Surv(time, status) ~ cluster), R = 2, seed = 1)$t0), "cluster")
})

test_that("models that inherit from lm are not taken for least squares", {
  skip_if_not_installed("MASS")
  robust <- MASS::rlm(stack.loss ~ ., stackloss, maxit = 200)
  expect_argument_error(boot_lm(robust, R = 9), "model")
  expect_argument_error(wild_test(robust, "Air.Flow = 0", R = 99), "model")
  b <- suppressWarnings(bootstrap(robust, R = 20, seed = 1))
  expect_equal(suppressWarnings(vcov_boot(robust, R = 20, seed = 1)), stats::var(b$t))
  expect_error(bootstrap(robust, R = 9, sim = "parametric"), "simulate", class = "rustle_error_argument")
  # As mgcv::gam() has.
  smooth <- structure(glm(am ~ wt, binomial, mtcars), class = c("gam", "glm", "lm"))
  expect_argument_error(wild_test(smooth, "wt = 0", R = 99), "model")
  expect_argument_error(boot_lm(smooth, R = 9), "model")
})

test_that("vcov_boot() combines two clusterings as sandwich does", {
  set.seed(1)
  d <- data.frame(a = rep(1:12, each = 12), b = rep(1:12, 12), x = rnorm(144))
  d$y <- d$x + rnorm(144)
  fit <- lm(y ~ x, d)
  v <- function(g) suppressWarnings(vcov_boot(fit, R = 99, seed = 1, cluster = g), classes = "rustle_warning_clusters")
  expect_equal(v(~ a + b), v(d$a) + v(d$b) - v(interaction(d$a, d$b, lex.order = TRUE)))
  # Not three times as large, as where whole clusters of both are drawn.
  expect_lt(vcov_boot(fit, R = 999, seed = 1, cluster = ~ a + b)[2, 2], 2 * vcov(fit)[2, 2])
})

test_that("a combined variance that is not positive is told", {
  expect_warning(combined_vcov(list(1:2, c(1, 1)), function(g) matrix(if (max(g) > 1) 1 else -2, 1, 1, dimnames = list("x", "x"))), "x", class = "rustle_warning_degenerate")
})

test_that("vcov_boot() names its own argument", {
  fit <- glm(am ~ wt, binomial, mtcars)
  expect_argument_error(vcov_boot(fit, "wild", R = 9), "type")
  expect_argument_error(vcov_boot(lm(mpg ~ wt, mtcars), "residual", R = 9, cluster = ~ cyl), "type")
})

test_that("weights that the call of a model computes of no variables are drawn with their rows", {
  d <- data.frame(x = sin(1:20), y = cos(1:20))
  fit <- lm(y ~ x, d, weights = rep(1:2, 10))
  expect_equal(bootstrap(fit, R = 5, seed = 1)$t, boot_lm(fit, R = 5, seed = 1)$t)
})

test_that("a model that is another one when it is fitted again is told", {
  old <- options(contrasts = c("contr.sum", "contr.poly"))
  fit <- lm(mpg ~ factor(cyl), mtcars)
  options(old)
  expect_warning(bootstrap(fit, R = 5, seed = 1), class = "rustle_warning_refit")
  expect_no_warning(bootstrap(lm(mpg ~ factor(cyl), mtcars), R = 5, seed = 1))
  # A statistic that draws random numbers is another one each time.
  expect_no_warning(bootstrap(lm(mpg ~ wt, mtcars), function(m) coef(m) + 1e3 * rnorm(2, sd = 1:2)^3, R = 5, seed = 1))
  times <- 1
  nonlinear <- nls(dist ~ times * a * speed^b, cars, start = list(a = 0.5, b = 1.5))
  expect_no_warning(bootstrap(nonlinear, function(m) sigma(m), R = 5, seed = 1))
  times <- 2
  expect_warning(bootstrap(nonlinear, R = 5, seed = 1), "a is 0.29", class = "rustle_warning_refit")
})

test_that("weights of replicates are no regressors, and say how often rows occur", {
  skip_if_not_installed("MASS")
  # "." in the formula: all other columns.
  size <- function(m) stats::sigma(m)
  dot <- bootstrap(lm(mpg ~ ., mtcars[1:3]), size, R = 5, seed = 1, sim = "bayesian")
  named <- bootstrap(lm(mpg ~ cyl + disp, mtcars), size, R = 5, seed = 1, sim = "bayesian")
  expect_equal(dot$t, named$t)
  robust <- MASS::rlm(stack.loss ~ Air.Flow, stackloss, maxit = 500, acc = 1e-10)
  b <- bootstrap(robust, R = 5, seed = 1, sim = "poisson")
  again <- apply(boot_array(b), 1L, function(w) coef(MASS::rlm(stack.loss ~ Air.Flow, stackloss[rep(1:21, w), ], maxit = 500, acc = 1e-10)))
  expect_equal(b$t, unname(t(again)), tolerance = 1e-7, ignore_attr = TRUE)
  weighted <- MASS::rlm(stack.loss ~ Air.Flow, stackloss, weights = Water.Temp)
  expect_argument_error(bootstrap(weighted, R = 5, sim = "bayesian"), "sim")
})
