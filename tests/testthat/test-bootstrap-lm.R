test_that("boot_lm() gives the replicates of bootstrap() on the design of the fit", {
  d <- boot_data()
  fit <- lm(y ~ x + g, d)
  case <- boot_lm(fit, R = 30, seed = 3)
  expect_equal(case$t, bootstrap(d, stat_lm(y ~ x + g), R = 30, seed = 3)$t)
  expect_equal(case$t0, coef(fit))
  by_update <- boot_lm(fit, R = 30, seed = 3, f = coef)
  expect_equal(unname(by_update$t), unname(case$t), tolerance = 1e-9)
  wild <- boot_lm(fit, R = 30, seed = 3, method = "wild", wild = "mammen")
  expect_equal(wild$t, bootstrap(d, stat_lm(y ~ x + g), R = 30, sim = "wild", wild = "mammen", seed = 3)$t)
  logistic <- glm(b ~ x, binomial, d)
  expect_equal(boot_lm(logistic, R = 10, seed = 3)$t0, coef(logistic), tolerance = 1e-6)
  sums <- lm(y ~ g, d, contrasts = list(g = "contr.sum"))
  expect_equal(boot_lm(sums, R = 5)$t0, coef(sums))
})

test_that("vcov_boot() approaches the closed covariances", {
  fit <- lm(dist ~ speed, cars)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X))
  near <- function(v, oracle) {
    expect_identical(dimnames(v), dimnames(oracle))
    expect_equal(unname(v), unname(oracle), tolerance = 0.03)
  }
  hc0 <- bread %*% crossprod(X * residuals(fit)) %*% bread
  near(vcov_boot(fit, "wild", R = 50000, seed = 1), hc0)
  near(vcov_boot(fit, "residual", R = 50000, seed = 1), mean(residuals(fit)^2) * bread)
  # One sign per cluster: the covariance of cluster sums.
  g <- rep(1:10, each = 5)
  meat <- crossprod(rowsum(X * residuals(fit), g))
  near(vcov_boot(fit, "wild", R = 50000, seed = 1, cluster = g), bread %*% meat %*% bread)
  near(vcov_boot(fit, "wild", R = 50000, seed = 1, cluster = ~ I(rep(1:10, each = 5))), bread %*% meat %*% bread)
})

test_that("models that it cannot take are refused", {
  expect_argument_error(boot_lm(1), "model")
  expect_argument_error(boot_lm(glm(mpg ~ wt, quasi(link = power(1 / 3)), mtcars)), "model")
  expect_argument_error(boot_lm(glm(am ~ wt, binomial, mtcars), method = "wild"), "method")
  expect_argument_error(vcov_boot(lm(dist ~ speed, cars), "case2"), "type")
})

test_that("a covariance needs two replicates", {
  expect_argument_error(vcov_boot(lm(dist ~ speed, cars), R = 1), "R")
})

test_that("aliased coefficients are named", {
  error <- expect_argument_error(boot_lm(lm(dist ~ speed + I(2 * speed), cars)), "model")
  expect_identical(error$aliased, "I(2 * speed)")
})

test_that("clusters are those of the rows that the fit has used, or an error", {
  d <- boot_data()
  d$x[4] <- NA
  d$k <- rep(1:6, length.out = nrow(d))
  fit <- lm(y ~ x, d, subset = k != 2)
  used <- d$k[d$k != 2 & !is.na(d$x)]
  run <- function(cluster) boot_lm(fit, R = 5, seed = 1, cluster = cluster)$t
  expect_equal(run(~ k), run(used))
  d <- d[nrow(d):1, ]
  error <- expect_argument_error(run(~ k), "cluster")
  expect_s3_class(error, "rustle_error_rows")
})

test_that("fixed effects of boot_lm() are those of stat_lm() and of dummy variables", {
  d <- boot_data()
  d$firm <- rep(1:10, length.out = nrow(d))
  fit <- lm(y ~ x, d)
  b <- boot_lm(fit, R = 8, seed = 3, effects = ~ firm)
  expect_equal(b$t, bootstrap(d, stat_lm(y ~ x, effects = "firm"), R = 8, seed = 3)$t)
  expect_equal(b$t0, coef(lm(y ~ x + factor(firm), d))["x"])
  expect_equal(boot_lm(fit, R = 8, seed = 3, effects = d$firm)$t, b$t)
  # The wild covariance is that of the sandwich on what is left within firms.
  x <- residuals(lm(x ~ factor(firm), d))
  e <- residuals(lm(y ~ x + factor(firm), d))
  expect_equal(c(vcov_boot(fit, "wild", R = 40000, seed = 1, effects = ~ firm)), sum(x^2 * e^2) / sum(x^2)^2, tolerance = 0.04)
  meat <- sum(rowsum(x * e, d$firm)^2)
  expect_equal(c(vcov_boot(fit, "wild", R = 40000, seed = 1, effects = ~ firm, cluster = ~ firm)), meat / sum(x^2)^2, tolerance = 0.05)
  expect_argument_error(boot_lm(glm(b ~ x, binomial, d), effects = ~ firm), "effects")
  expect_argument_error(boot_lm(fit, f = coef, effects = ~ firm), "effects")
  expect_argument_error(boot_lm(fit, effects = replace(d$firm, 2, NA)), "effects")
  expect_argument_error(boot_lm(fit, effects = 1:3), "effects")
})

test_that("separation of a fitted model names the model", {
  d <- data.frame(y = rep(0:1, each = 20), x = sort(sin(1:40)))
  fit <- suppressWarnings(glm(y ~ x, binomial, d))
  for (call in expression(boot_lm(fit, R = 20), vcov_boot(fit, R = 20))) {
    e <- expect_error(eval(call), "`model` has no finite estimate", class = "rustle_error_separation")
    expect_identical(e$argument, "model")
  }
})

test_that("wild replicates tell a regressor that differs in one cluster", {
  set.seed(1)
  d <- data.frame(g = rep(1:12, each = 5), x = rnorm(60), y = rnorm(60) + rnorm(12)[rep(1:12, each = 5)])
  d$treated <- as.numeric(d$g == 3)
  d$half <- as.numeric(d$g > 6)
  fit <- lm(y ~ x + treated, d)
  expect_warning(boot_lm(fit, R = 19, method = "wild", cluster = ~ g, seed = 1), class = "rustle_warning_few_clusters")
  expect_warning(V <- vcov_boot(fit, "wild", R = 1999, cluster = d$g, seed = 1), class = "rustle_warning_few_clusters")
  # What remains is the variance of the mean of the others.
  others <- lm(y ~ x, d, subset = g != 3)
  expect_lt(V["treated", "treated"], 2 * vcov_boot(others, "wild", R = 1999, cluster = d$g[d$g != 3], seed = 1)[1, 1])
  expect_no_warning(boot_lm(fit, R = 19, method = "wild", seed = 1))
  expect_no_warning(boot_lm(lm(y ~ x + half, d), R = 19, method = "wild", cluster = ~ g, seed = 1))
})
