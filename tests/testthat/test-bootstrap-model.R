# Oracles: update() on the rows of each replicate, bootMer(), closed covariances.

test_that("a fitted model is fitted again to rows, clusters and weights", {
  d <- mtcars
  fit <- lm(mpg ~ wt, d)
  b <- bootstrap(fit, R = 9, seed = 3)
  expect_equal(b$t, bootstrap(d, stat_lm(mpg ~ wt), R = 9, seed = 3)$t)
  w <- bootstrap(fit, function(m) c(r2 = summary(m)$r.squared), R = 9, sim = "bayesian", seed = 3)
  v <- bootstrap(d, function(d, w) { d$w <- w; summary(lm(mpg ~ wt, d, weights = w))$r.squared }, R = 9, sim = "bayesian", seed = 3)
  expect_equal(unname(w$t), unname(v$t))
  expect_equal(
    bootstrap(fit, R = 9, cluster = ~ cyl, seed = 3)$t, bootstrap(d, stat_lm(mpg ~ wt), R = 9, cluster = d$cyl, seed = 3)$t
  )
  own <- lm(mpg ~ wt, d, weights = hp)
  expect_equal(bootstrap(own, R = 5, sim = "bayesian", seed = 1)$t, bootstrap(d, stat_lm(mpg ~ wt, "hp"), R = 5, sim = "bayesian", seed = 1)$t)
})

test_that("clusters have one fractional weight each, natively and by update()", {
  d <- mtcars
  g <- d$cyl
  w <- bootstrap(d$mpg, function(x, w) w, R = 6, sim = "bayesian", cluster = g, seed = 2)$t
  expect_true(all(apply(w, 1, function(w) tapply(w, g, function(x) diff(range(x)))) == 0))
  expect_equal(rowSums(w), rep(1, 6))
  native <- bootstrap(d, stat_lm(mpg ~ wt), R = 6, sim = "bayesian", cluster = g, seed = 2)
  expect_equal(native$t, t(apply(w, 1, function(w) coef(lm(mpg ~ wt, d, weights = w)))), ignore_attr = TRUE)
  fit <- lm(mpg ~ wt, d)
  expect_equal(bootstrap(fit, R = 6, sim = "bayesian", cluster = ~ cyl, seed = 2)$t, native$t)
  expect_equal(boot_lm(fit, R = 6, method = "fractional", cluster = ~ cyl, seed = 2)$t, native$t)
  expect_argument_error(bootstrap(d, "mean", R = 5, sim = "bayesian", cluster = list(d$cyl, d$gear)), "cluster")
})

test_that("rows that the model has left out stay out", {
  d <- airquality
  fit <- nls(Ozone ~ a * exp(b * Temp), d, start = list(a = 1, b = 0.05), na.action = na.omit)
  some <- lm(Ozone ~ Temp, d, subset = Month > 5)
  b <- bootstrap(some, R = 4, seed = 1)
  kept <- d[d$Month > 5 & !is.na(d$Ozone), ]
  expect_equal(b$t, bootstrap(kept, stat_lm(Ozone ~ Temp), R = 4, seed = 1)$t)
  expect_equal(b$t0, coef(some))
})

test_that("models of other packages work on every plan", {
  skip_if_not_installed("survival")
  lung <- na.omit(survival::lung[c("time", "status", "age", "sex", "inst")])
  fit <- survival::coxph(survival::Surv(time, status) ~ age + sex, lung)
  native <- bootstrap(lung, stat_coxph(Surv(time, status) ~ age + sex), R = 6, seed = 2)
  plans <- few_plans()
  plans <- plans[names(plans) %in% some_or(c("sequential", "stealing 3", "stealing 2, sessions"), names(plans))]
  for (name in names(plans)) {
    under_plan(plans[[name]], {
      expect_equal(unname(bootstrap(fit, R = 6, seed = 2)$t), unname(native$t), tolerance = 1e-5, info = name)
    })
  }
  parametric <- survival::survreg(survival::Surv(time, status) ~ age, lung)
  expect_equal(bootstrap(parametric, R = 3, sim = "poisson", seed = 2)$t0, coef(parametric))
  expect_equal(dim(vcov_boot(parametric, R = 20, seed = 1, cluster = ~ inst)), c(2L, 2L))
  skip_if_not_installed("mgcv")
  gam <- getExportedValue("mgcv", "gam")(mpg ~ s(wt, k = 4), data = mtcars)
  expect_equal(bootstrap(gam, function(m) sum(m$edf), R = 3, seed = 1, sim = "bayesian")$t0[[1]], sum(gam$edf), tolerance = 1e-6)
})

test_that("the package of the function that fits need not be attached", {
  skip_if_not_installed("MASS")
  fit <- MASS::rlm(dist ~ speed, cars)
  expect_identical(fit$call[[1]], quote(rlm))
  expect_equal(bootstrap(fit, R = 3, seed = 1)$t0, coef(fit))
  under_plan(list("multisession", workers = 2), expect_equal(bootstrap(fit, R = 3, seed = 1)$t0, coef(fit)))
  # A function of the user is found where the formula was made.
  mine <- function(formula, data) structure(list(call = match.call(), fit = lm(formula, data), terms = terms(formula)), class = "mine")
  own <- mine(dist ~ speed, cars)
  out <- bootstrap(own, function(m) coef(m$fit), R = 3, seed = 1)
  expect_equal(out$t, bootstrap(cars, stat_lm(dist ~ speed), R = 3, seed = 1)$t)
})

test_that("vcov_boot() of any model is the covariance of its replicates", {
  fit <- nls(dist ~ a * speed^b, cars, start = list(a = 0.5, b = 1.5))
  v <- vcov_boot(fit, R = 40, seed = 1)
  expect_equal(v, var(bootstrap(fit, R = 40, seed = 1)$t))
  expect_argument_error(vcov_boot(fit, "wild", R = 20), "type")
})

test_that("instruments are resampled with their rows", {
  skip_if_not_installed("AER")
  data("CigarettesSW", package = "AER", envir = environment())
  d <- CigarettesSW
  fit <- AER::ivreg(log(packs) ~ log(price) | tax, data = d)
  b <- bootstrap(fit, R = 5, seed = 1)
  i <- boot_array(b, indices = TRUE)[2, ]
  expect_equal(b$t[2, ], coef(update(fit, data = d[i, ])))
})

test_that("parametric replicates are fits to simulated responses", {
  fit <- glm(am ~ wt, binomial, mtcars)
  b <- suppressWarnings(bootstrap(fit, R = 5, sim = "parametric", seed = 1, on_error = "na"))
  expect_equal(b$t0, coef(fit))
  straight <- lm(log(mpg) ~ wt, mtcars)
  v <- var(bootstrap(straight, R = 600, sim = "parametric", seed = 1)$t)
  s2 <- sum(residuals(straight)^2) / 30
  expect_equal(unname(v), unname(s2 * solve(crossprod(model.matrix(straight)))), tolerance = 0.2)
  # A straight line as a curve has the covariance of weighted least squares.
  curve <- nls(mpg ~ a + b * wt, mtcars, start = list(a = 1, b = 1), weights = hp)
  b <- bootstrap(curve, R = 400, sim = "parametric", seed = 1)
  expect_equal(b$t0, coef(curve))
  expect_equal(unname(var(b$t)), unname(vcov(lm(mpg ~ wt, mtcars, weights = hp))), tolerance = 0.25)
  bent <- nls(mpg ~ a + b * exp(-wt), mtcars, start = list(a = 1, b = 1))
  expect_equal(bootstrap(bent, R = 2, sim = "parametric", seed = 1)$t0, coef(bent))
})

test_that("mixed models have the numbers of bootMer() when asked, clusters, and reflated effects", {
  skip_if_not_installed("lme4")
  sleepstudy <- lme4::sleepstudy
  fit <- lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy)
  oracle <- lme4::bootMer(fit, lme4::fixef, nsim = 4, seed = 11)
  b <- bootstrap(fit, R = 4, sim = "parametric", rng = "R", seed = 11)
  expect_equal(unname(b$t), unname(oracle$t))
  expect_equal(b$t0, oracle$t0)
  expect_match(conditionMessage(expect_argument_error(extend(b, 6), "x")), "depend on each other")
  under_plan(list("multicore", workers = 2), {
    expect_identical(bootstrap(fit, R = 4, sim = "parametric", rng = "R", seed = 11)$t, b$t)
  })
  drawn <- bootstrap(fit, R = 4, sim = "parametric", seed = 1)
  expect_equal(drawn$t0, lme4::fixef(fit), tolerance = 1e-4)
  subjects <- suppressMessages(bootstrap(fit, R = 2, cluster = ~ Subject, seed = 1))
  expect_identical(subjects$relabel, "Subject")
  # The responses that are drawn have the variance of the model.
  set.seed(3)
  draw <- reflated_effects(fit)
  X <- lme4::getME(fit, "X")
  y <- unname(replicate(4000, draw()))
  half <- as.matrix(lme4::getME(fit, "Lambdat")) %*% as.matrix(lme4::getME(fit, "Zt"))
  V <- stats::sigma(fit)^2 * (crossprod(half) + diag(180))
  expect_equal(rowMeans(y), as.vector(X %*% lme4::fixef(fit)), tolerance = 0.02)
  expect_equal(cov(t(y))[1:20, 1:20], unname(V[1:20, 1:20]), tolerance = 0.12)
  r <- bootstrap(fit, R = 3, sim = "residual", seed = 1)
  expect_equal(dim(r$t), c(3L, 2L))
  expect_argument_error(bootstrap(fit, R = 3, sim = "bayesian"), "sim")
})

test_that("turned effects have the covariance that is asked for", {
  set.seed(1)
  u <- scale(matrix(rnorm(40), 20), scale = FALSE)
  S <- matrix(c(2, 0.5, 0.5, 1), 2)
  expect_equal(crossprod(turn(u, S)) / 20, S)
  # A direction without variance stays without.
  flat <- turn(cbind(u[, 1], 0), diag(2))
  expect_equal(sum(svd(flat)$d > 1e-8), 1)
})

test_that("several clusterings are combined for wild replicates", {
  d <- transform(mtcars, a = rep(1:8, 4), b = rep(1:4, each = 8))
  fit <- lm(mpg ~ wt, d)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X))
  of <- function(g) bread %*% crossprod(rowsum(X * residuals(fit), g)) %*% bread
  oracle <- of(d$a) + of(d$b) - of(interaction(d$a, d$b))
  v <- vcov_boot(fit, "wild", R = 50000, seed = 1, cluster = ~ a + b)
  expect_lt(max(abs(v - oracle)) / max(abs(oracle)), 0.05)
})

test_that("several clusterings are combined for models of any class", {
  d <- transform(mtcars, a = rep(1:8, 4), b = rep(1:4, each = 8))
  fit <- nls(mpg ~ p + q * wt, d, start = list(p = 30, q = -3))
  both <- as.integer(interaction(d$a, d$b, lex.order = TRUE))
  # Each intersection is one observation.
  of <- function(g) suppressWarnings(vcov_boot(fit, R = 20, seed = 1, cluster = g), classes = "rustle_warning_clusters")
  expect_equal(vcov_boot(fit, R = 20, seed = 1, cluster = ~ a + b), of(d$a) + of(d$b) - of(both))
  d$b[3] <- NA
  expect_argument_error(vcov_boot(fit, R = 20, cluster = list(d$a, d$b)), "cluster")
  expect_argument_error(vcov_boot(fit, R = 20, effects = ~ a), "effects")
})

test_that("models that cannot be fitted again are refused", {
  gone <- local({ d <- mtcars; fit <- lm(mpg ~ wt, d); rm(d); fit })
  expect_argument_error(bootstrap(gone, R = 3), "data")
  expect_argument_error(boot_lm(gone, R = 3, f = coef), "model")
  expect_argument_error(conformal(gone, newdata = mtcars, seed = 1), "x")
  expect_argument_error(cv(gone, exact = FALSE, seed = 1), "x")
  fit <- lm(mpg ~ wt, mtcars)
  expect_argument_error(bootstrap(fit, "mean", R = 3), "statistic")
  expect_argument_error(bootstrap(fit, R = 3, sim = "wild"), "sim")
  expect_argument_error(bootstrap(fit, R = 3, sim = "residual"), "sim")
  expect_argument_error(bootstrap(fit, R = 3, cluster = ~ none), "cluster")
  skip_if_not_installed("survival")
  cox <- survival::coxph(survival::Surv(time, status) ~ age, survival::lung)
  expect_argument_error(bootstrap(cox, R = 3, sim = "parametric"), "sim")
})

test_that("a glm of another family is fitted by its own function", {
  skip_if_not_installed("MASS")
  set.seed(1)
  d <- data.frame(x = rnorm(60))
  d$y <- rnbinom(60, mu = exp(1 + 0.3 * d$x), size = 2)
  fit <- MASS::glm.nb(y ~ x, d)
  b <- bootstrap(fit, R = 6, seed = 2)
  expect_equal(vcov_boot(fit, R = 6, seed = 2), var(b$t))
  rows <- boot_array(b, indices = TRUE)
  expect_equal(unname(b$t), unname(t(apply(rows, 1L, function(i) coef(MASS::glm.nb(y ~ x, d[i, ]))))))
  expect_argument_error(vcov_boot(fit, "wild", R = 6), "type")
})

# The same models with variables of the data, and with variables from elsewhere.
test_that("variables from outside the data are drawn with the rows", {
  z <- cos(seq_len(nrow(mtcars)))
  all <- transform(mtcars, z = z, lg = log(mpg))
  lg <- all$lg
  wt <- mtcars$wt
  pairs <- list(
    list(lm(mpg ~ wt + z, mtcars), lm(mpg ~ wt + z, all)),
    list(lm(mpg ~ wt, mtcars, weights = mtcars$hp), lm(mpg ~ wt, all, weights = hp)),
    list(glm(am ~ hp, binomial, mtcars, offset = z), glm(am ~ hp, binomial, all, offset = z)),
    list(lm(mpg ~ ., mtcars[1:4], weights = z + 2), lm(mpg ~ cyl + disp + hp, all, weights = z + 2)),
    list(lm(lg ~ wt), lm(lg ~ wt, all)),
    list(lm(mpg ~ wt + mtcars$hp[mtcars$am == 0], subset(mtcars, am == 0), weights = z[mtcars$am == 0] + 2), lm(mpg ~ wt + hp, all, subset = am == 0, weights = z + 2)),
    list(do.call(lm, list(mpg ~ wt, data = quote(mtcars), weights = z + 2)), lm(mpg ~ wt, all, weights = z + 2)),
    list(lm(mpg ~ mtcars$wt, mtcars, subset = z > 0), lm(mpg ~ wt, all, subset = z > 0))
  )
  for (k in seq_along(pairs)) {
    outside <- pairs[[k]][[1L]]
    inside <- pairs[[k]][[2L]]
    quiet <- function(expr) suppressWarnings(expr)
    for (sim in c("ordinary", "bayesian", "parametric")) {
      quiet(expect_equal(unname(bootstrap(outside, coef, R = 7, sim = sim, seed = 1)$t), unname(bootstrap(inside, coef, R = 7, sim = sim, seed = 1)$t), info = k))
    }
    quiet(expect_equal(unname(boot_lm(outside, R = 7, f = coef, seed = 1)$t), unname(boot_lm(inside, R = 7, f = coef, seed = 1)$t), info = k))
    quiet(expect_equal(validate_boot(outside, R = 7, seed = 1)$estimates, validate_boot(inside, R = 7, seed = 1)$estimates, info = k))
    quiet(expect_equal(cv(outside, K = 3, exact = FALSE, seed = 1)$estimate, cv(inside, K = 3, exact = FALSE, seed = 1)$estimate, info = k))
    quiet(expect_equal(conformal(outside, K = 3, seed = 1)$lower, conformal(inside, K = 3, seed = 1)$lower, info = k))
  }
  curve <- function(d) bootstrap(d, stat_nls(mpg ~ a + b * z + c * wt, start = list(a = 1, b = 1, c = 1)), R = 5, seed = 1)$t
  expect_equal(curve(mtcars), curve(all))
  expect_equal(
    jackknife(mtcars, stat_nls(mpg ~ a + b * z, start = list(a = 1, b = 1)))$se,
    jackknife(all, stat_lm(mpg ~ z))$se, tolerance = 1e-5, ignore_attr = TRUE
  )
})

test_that("data that have changed since the fit are an error, not another result", {
  d <- mtcars
  fit <- glm(am ~ hp, binomial, d)
  d$hp <- rev(d$hp) + 1
  for (call in list(
    quote(bootstrap(fit, R = 3)), quote(boot_lm(fit, R = 3, f = coef)), quote(validate_boot(fit, R = 3)), quote(conformal(fit)), quote(cv(fit))
  )) {
    expect_error(eval(call), class = "rustle_error_rows", info = deparse(call))
  }
  # A linear model's closed form does not look at them.
  d <- mtcars
  fit <- lm(mpg ~ wt, d)
  expected <- cv(fit, K = "loo")$estimate
  d$wt <- 0
  expect_equal(cv(fit, K = "loo")$estimate, expected)
  expect_error(validate_boot(fit, R = 3), class = "rustle_error_rows")
})

test_that("models of any class have the coefficients that their class calls so", {
  skip_if_not_installed("nlme")
  fit <- getExportedValue("nlme", "lme")(distance ~ age, getExportedValue("nlme", "Orthodont"), ~ 1 | Subject)
  b <- bootstrap(fit, R = 3, cluster = ~ Subject, seed = 1)
  expect_equal(b$t0, getExportedValue("nlme", "fixef")(fit))
  both <- lm(cbind(mpg, qsec) ~ wt, mtcars)
  b <- bootstrap(both, R = 4, seed = 1)
  expect_named(b$t0, colnames(vcov(both)))
  expect_equal(unname(b$t[, 3:4]), unname(bootstrap(mtcars, stat_lm(qsec ~ wt), R = 4, seed = 1)$t))
  skip_if_not_installed("nnet")
  fit <- getExportedValue("nnet", "multinom")(Species ~ Sepal.Length, iris, trace = FALSE)
  expect_named(bootstrap(fit, R = 2, seed = 1)$t0, colnames(vcov(fit)))
  skip_if_not_installed("AER")
  data("Affairs", package = "AER", envir = environment())
  fit <- AER::tobit(affairs ~ age + yearsmarried, data = Affairs)
  expect_equal(bootstrap(fit, R = 2, seed = 1)$t0, coef(fit))
})
