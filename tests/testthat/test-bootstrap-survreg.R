# Parametric replicates of survreg(). Oracles: closed moments, predict(), survfit(), psurvreg().

test_that("times without censoring have the moments of their distribution", {
  skip_if_not_installed("survival")
  set.seed(1)
  d <- data.frame(time = rexp(12, 0.1), g = rep(1:2, 6))
  # The logarithm of a mean of n exponential times.
  fit <- survival::survreg(survival::Surv(time) ~ 1, d, dist = "exponential")
  b <- bootstrap(fit, R = 300, sim = "parametric", seed = 1)
  expect_equal(b$t0, coef(fit))
  error <- mean(b$t) - (b$t0[[1]] + digamma(12) - log(12))
  expect_lt(abs(error), 4 * sqrt(trigamma(12) / 300))
  expect_equal(var(b$t)[[1]], trigamma(12), tolerance = 4 * sqrt(2 / 300))
  strata <- survival::strata
  # Every distribution has the quantiles that predict() gives, in each stratum.
  for (dist in c("weibull", "lognormal", "loglogistic", "gaussian", "logistic", "extreme", "rayleigh", "t")) {
    formula <- if (dist == "rayleigh") survival::Surv(time) ~ g else survival::Surv(time) ~ g + strata(g)
    fit <- survival::survreg(formula, d, dist = dist, parms = if (dist == "t") 7)
    draw <- times_of_survreg(fit)
    set.seed(2)
    below <- replicate(400, draw()) < predict(fit, type = "quantile", p = 0.3)
    expect_true(all(abs(rowMeans(below) - 0.3) < 4.5 * sqrt(0.21 / 400)), info = dist)
  }
})

test_that("censored times are simulated with the limits that they had, or may have had", {
  skip_if_not_installed("survival")
  # The estimate by survfit(), without ties.
  time <- c(3, 1, 7, 4, 9, 2, 6)
  seen <- c(TRUE, TRUE, FALSE, FALSE, TRUE, FALSE, TRUE)
  set.seed(1)
  draw <- limits_given(time, seen)
  limits <- replicate(4000, draw())
  expect_true(all(limits[!seen, ] == time[!seen]))
  after <- function(at) summary(survival::survfit(survival::Surv(time, !seen) ~ 1), times = at)$surv
  for (i in which(seen)) for (at in c(2, 4, 7)) {
    share <- if (at < time[[i]]) 1 else after(at) / after(time[[i]])
    expect_lt(abs(mean(limits[i, ] > at) - share), 4.5 * sqrt(0.25 / 4000))
  }
  expect_true(all(limits[5, ] == Inf))
  # An event before a limit at the same time, which is then the only one.
  expect_equal(limits_given(c(2, 2, 1), c(TRUE, FALSE, TRUE))(), c(2, 2, 2))
  # The end of a study is the limit of all.
  d <- transform(mtcars, time = pmin(qsec, 18), status = as.numeric(qsec < 18))
  fit <- survival::survreg(survival::Surv(time, status) ~ wt, d)
  draw <- survival_responses(fit, NULL)
  set.seed(2)
  y <- draw()
  expect_s3_class(y, "Surv")
  expect_true(all(y[, 1] <= 18) && all((y[, 1] == 18) == (y[, 2] == 0)))
  ends <- rowMeans(replicate(400, draw()[, 2]))
  p <- survival::psurvreg(18, fit$linear.predictors, fit$scale)
  expect_true(all(abs(ends - p) < 4.5 * sqrt(0.25 / 400)))
  b <- bootstrap(fit, R = 200, sim = "parametric", seed = 1)
  expect_equal(b$t0, coef(fit))
  expect_equal(unname(var(b$t)[2, 2]), vcov(fit)[2, 2], tolerance = 0.35)
  under_plan(list("multisession", workers = 2), {
    expect_identical(bootstrap(fit, R = 3, sim = "parametric", seed = 1)$t, b$t[1:3, , drop = FALSE])
  })
  # Tobit: 0 is the limit of all.
  tobit <- survival::survreg(survival::Surv(pmax(time - 17, 0), time > 17, type = "left") ~ wt, d, dist = "gaussian")
  y <- survival_responses(tobit, NULL)()
  expect_true(all(y[, 1] >= 0) && all((y[, 1] == 0) == (y[, 2] == 0)) && attr(y, "type") == "left")
  expect_argument_error(bootstrap(survival::survreg(survival::Surv(time, status) ~ wt, d, weights = cyl), R = 2, sim = "parametric"), "sim")
  d$upper <- d$time + 1
  between <- survival::survreg(survival::Surv(time, upper, type = "interval2") ~ wt, d)
  expect_match(conditionMessage(expect_argument_error(bootstrap(between, R = 2, sim = "parametric"), "sim")), "interval")
})
