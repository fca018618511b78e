# Everything but the call is lm()'s, up to rounding.
expect_model <- function(ours, base) {
  expect_s3_class(ours, class(base), exact = TRUE)
  expect_identical(setdiff(names(base), names(ours)), character())
  drop <- function(m) {
    m <- unclass(m)[names(base)]
    # What is behind the rank is of no meaning.
    k <- seq_len(m$rank)
    m$qr$qr <- m$qr$qr[, k]
    m$qr$qraux <- m$qr$qraux[k]
    m$effects <- if (is.matrix(m$effects)) m$effects[k, ] else m$effects[k]
    m$call <- NULL
    m
  }
  expect_equal(drop(ours), drop(base), tolerance = 1e-8)
}

models <- function() {
  set.seed(5)
  n <- 400
  d <- data.frame(
    y = rnorm(n), z = rnorm(n), a = rnorm(n), b = runif(n), w = rep(c(0, 1, 2, 3), 100),
    f = factor(rep(letters[1:5], 80)), g = factor(rep(c("u", "v"), each = 200))
  )
  d$copy <- 2 * d$a
  d$y[3] <- NA
  d
}

test_that("mt_lm() is lm(), and the methods for it give the same", {
  d <- models()
  pairs <- list(
    list(mt_lm(y ~ a + b, d), lm(y ~ a + b, d)),
    list(mt_lm(y ~ a * f + poly(b, 3) + g, d), lm(y ~ a * f + poly(b, 3) + g, d)),
    list(mt_lm(y ~ a + b + f, d, weights = w), lm(y ~ a + b + f, d, weights = w)),
    list(mt_lm(y ~ a + b, d, subset = z > 0), lm(y ~ a + b, d, subset = z > 0)),
    list(mt_lm(y ~ a + f, d, na.action = na.exclude), lm(y ~ a + f, d, na.action = na.exclude)),
    list(mt_lm(y ~ a + copy + b, d), lm(y ~ a + copy + b, d)),
    list(mt_lm(y ~ a + offset(b), d), lm(y ~ a + offset(b), d)),
    list(mt_lm(y ~ f, d, contrasts = list(f = "contr.sum")), lm(y ~ f, d, contrasts = list(f = "contr.sum"))),
    list(mt_lm(log(z^2) ~ a - 1, d), lm(log(z^2) ~ a - 1, d))
  )
  methods <- list(
    coef = coef, residuals = residuals, fitted = fitted, vcov = vcov, confint = confint,
    anova = anova, hatvalues = hatvalues, rstudent = rstudent, cooks = cooks.distance,
    deviance = deviance, logLik = logLik, AIC = AIC, nobs = nobs, formula = formula,
    predict = function(m) predict(m, se.fit = TRUE), dfbeta = dfbeta, terms = terms,
    interval = function(m) suppressWarnings(predict(m, d[10:20, ], interval = "prediction")),
    summary = function(m) summary(m)[c("coefficients", "sigma", "r.squared", "fstatistic", "df", "aliased")],
    drop1 = function(m) drop1(m), alias = function(m) alias(m)$Complete, matrix = model.matrix
  )
  for (pair in pairs) {
    expect_model(pair[[1L]], pair[[2L]])
    for (name in names(methods)) {
      f <- function(m) suppressWarnings(methods[[name]](m))
      expect_equal(f(pair[[1L]]), f(pair[[2L]]), tolerance = 1e-6, info = name)
    }
  }
  a <- anova(pairs[[1L]][[1L]], pairs[[2L]][[1L]])
  expect_equal(a$F, anova(pairs[[1L]][[2L]], pairs[[2L]][[2L]])$F, tolerance = 1e-8)
})

test_that("models print, plot, update and fit several responses", {
  d <- models()
  m <- mt_lm(y ~ a + b, d)
  expect_output(print(m), "mt_lm(formula = y ~ a + b, data = d)", fixed = TRUE)
  expect_output(print(summary(m)), "Residual standard error")
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  expect_null(plot(m))
  expect_model(update(m, . ~ . + f), lm(y ~ a + b + f, d))
  both <- mt_lm(cbind(y, z) ~ a + f, d)
  base <- lm(cbind(y, z) ~ a + f, d)
  expect_model(both, base)
  expect_equal(coef(summary(both)), coef(summary(base)), tolerance = 1e-8)
  expect_equal(anova(both), anova(base), tolerance = 1e-8)
  expect_model(mt_lm(y ~ 0, d), lm(y ~ 0, d))
  quick <- mt_lm(y ~ a + f, d, qr = FALSE, model = FALSE)
  expect_null(quick$qr)
  expect_null(quick$model)
  expect_equal(coef(quick), coef(lm(y ~ a + f, d)), tolerance = 1e-10)
})

test_that("variables are found where lm() finds them, and errors are its", {
  f <- function(response) {
    local_weights <- seq_along(response)
    predictor <- rev(response)^2
    list(mt_lm(response ~ predictor, weights = local_weights), lm(response ~ predictor, weights = local_weights))
  }
  pair <- f(rnorm(30))
  expect_model(pair[[1L]], pair[[2L]])
  d <- models()
  expect_error(mt_lm(y ~ absent, d), "'absent' not found")
  expect_error(mt_lm(y ~ a + copy, d, singular.ok = FALSE), "singular fit encountered")
  expect_error(mt_lm(y ~ a, d, na.action = na.fail), "missing values in object")
  expect_error(mt_lm(y ~ a, d, na.action = na.pass), "NA/NaN/Inf in 'y'")
  expect_argument_error(mt_lm(y ~ a, d, wieghts = w), "...")
})

test_that("mt_lm() without qr, with weights of zero and with bad ones is lm()", {
  d <- models()
  d$none <- 0
  same <- function(ours, base) {
    ours <- unclass(ours)
    base <- unclass(base)
    ours$call <- base$call <- NULL
    expect_identical(names(ours), names(base))
    expect_equal(ours, base, tolerance = 1e-8)
  }
  same(mt_lm(y ~ a + b, d, qr = FALSE), lm(y ~ a + b, d, qr = FALSE))
  same(mt_lm(y ~ a + b, d, weights = w, qr = FALSE), lm(y ~ a + b, d, weights = w, qr = FALSE))
  same(mt_lm(y ~ a + b, d, weights = none), lm(y ~ a + b, d, weights = none))
  same(
    mt_lm(y ~ f, d, weights = none, contrasts = list(f = "contr.sum"), model = FALSE),
    lm(y ~ f, d, weights = none, contrasts = list(f = "contr.sum"), model = FALSE)
  )
  expect_like_base(mt_lm(y ~ a, d, weights = g), lm(y ~ a, d, weights = g))
  expect_like_base(mt_lm(y ~ a, d, weights = as.character(w)), lm(y ~ a, d, weights = as.character(w)))
  expect_identical(shown_call(mt_lm(y ~ a, d, weights = as.character(w))), "mt_lm")
})

test_that("arguments come in the order of lm(), and all of them count", {
  i <- c(2:32, 2)
  expect_equal(coef(mt_lm(mpg ~ wt, mtcars, i)), coef(lm(mpg ~ wt, mtcars, i)))
  expect_equal(coef(mt_lm(mpg ~ wt, mtcars, i, hp)), coef(lm(mpg ~ wt, mtcars, i, hp)))
  d <- models()
  same <- function(ours, base) {
    ours$call <- base$call <- NULL
    expect_identical(class(ours), class(base))
    expect_identical(names(ours), names(base))
    expect_equal(unclass(ours), unclass(base), tolerance = 1e-8)
  }
  for (x in c(TRUE, FALSE)) for (y in c(TRUE, FALSE)) {
    same(mt_lm(y ~ a + f, d, x = x, y = y), lm(y ~ a + f, d, x = x, y = y))
    same(mt_lm(y ~ 0, d, x = x, y = y), lm(y ~ 0, d, x = x, y = y))
    same(mt_lm(cbind(y, z) ~ a, d, x = x, y = y, model = FALSE), lm(cbind(y, z) ~ a, d, x = x, y = y, model = FALSE))
  }
  expect_identical(mt_lm(y ~ a, d, method = "model.frame"), lm(y ~ a, d, method = "model.frame"))
  expect_warning(fit <- mt_lm(y ~ a, d, method = "svd"), "method = 'svd' is not supported. Using 'qr'", fixed = TRUE)
  expect_equal(coef(fit), coef(lm(y ~ a, d)))
  expect_equal(coef(mt_lm(y ~ a + copy, d, tol = 1e-12)), coef(lm(y ~ a + copy, d, tol = 1e-12)))
})

test_that("attributes of the response stay where lm() keeps them, whatever the size", {
  set.seed(12)
  for (n in c(20L, 700L)) {
    d <- data.frame(x = stats::rnorm(n), w = stats::runif(n), o = stats::rnorm(n))
    d$y <- 2 * d$x + stats::rnorm(n)
    d$w[2L] <- 0
    formulas <- list(
      scale(y) ~ x, scale(y) ~ scale(x) + poly(x, 2), cbind(y) ~ x, cbind(a = y, b = x^2) ~ x, scale(cbind(y, o)) ~ x,
      structure(y, note = "n") ~ x, stats::ts(y, start = 5) ~ x, I(y^2) ~ x, y ~ x + offset(o), cbind(y, o) ~ x + offset(cbind(o, x))
    )
    for (f in formulas) for (weighted in c(FALSE, TRUE)) {
      ours <- if (weighted) mt_lm(f, d, weights = w, threads = 2) else mt_lm(f, d, threads = 2)
      base <- if (weighted) lm(f, d, weights = w) else lm(f, d)
      expect_identical(class(ours), class(base))
      expect_identical(names(ours), names(base))
      of <- function(m) lapply(unclass(m), function(part) attributes(part)[sort(as.character(names(attributes(part))))])
      expect_identical(of(ours)[names(ours) != "call"], of(base)[names(ours) != "call"], info = paste(n, deparse(f), weighted))
      ours$call <- base$call <- NULL
      expect_equal(ours, base, tolerance = 1e-7, info = paste(n, deparse(f), weighted))
    }
  }
})

# What other packages make of a fit `m` of the data `d`, in their own words.
uses <- list(
  sandwich = c(
    "vcovHC(m)", "vcovHC(m, type = 'HC1')", "sandwich(m)", "vcovCL(m, cluster = d$f)", "vcovHAC(m)", "NeweyWest(m)",
    "estfun(m)", "bread(m)"
  ),
  lmtest = c("bptest(m)", "dwtest(m)", "resettest(m)", "coeftest(m)", "waldtest(m, . ~ 1)[['F']]"),
  car = c(
    "Anova(m)", "vif(m)", "hccm(m)", "outlierTest(m)$p", "ncvTest(m)$p", "S(m)$coefficients",
    "linearHypothesis(m, names(coef(m))[2L])[['F']]"
  ),
  broom = c("tidy(m, conf.int = TRUE)", "glance(m)", "augment(m)"),
  emmeans = c("as.data.frame(emmeans(m, if ('f' %in% all.vars(formula(m))) 'f' else 'g'))", "ref_grid(m)@grid"),
  effects = "as.data.frame(effect('a', m, xlevels = 3))",
  multcomp = "confint(glht(m, linfct = diag(length(coef(m)))), calpha = 2)$confint",
  MASS = c(
    "stdres(m)", "studres(m)", "dropterm(m)$AIC", "coef(stepAIC(m, trace = 0))", "logtrans(m, alpha = 9, plotit = FALSE)$y",
    "boxcox(m, plotit = FALSE)$y"
  ),
  insight = c("get_parameters(m)", "model_info(m)", "find_predictors(m)"),
  parameters = "as.data.frame(model_parameters(m))",
  performance = c("as.data.frame(model_performance(m))", "r2(m)"),
  clubSandwich = "as.matrix(vcovCR(m, cluster = d$f, type = 'CR2'))",
  strucchange = "sctest(m)$p.value",
  ggeffects = "as.data.frame(ggpredict(m, 'a'))",
  stats = c(
    "step(m, trace = 0)$anova$AIC", "influence(m)", "simulate(m, 2, seed = 1)", "case.names(m)", "dummy.coef(m)",
    "add1(m, . ~ . + z)$AIC", "effects(m)[1:3]", "kappa(m)", "labels(m)", "proj(aov(m))[1:3, ]", "variable.names(m)",
    "extractAIC(m)", "qr(m)$rank", "model.frame(m)[1:3, ]"
  )
)

fit_calls <- list(
  quote(fit(y ~ a * f + b, data = d)), quote(fit(y ~ a + f + b, data = d, weights = one)),
  quote(fit(log(z^2 + 1) ~ g + poly(a, 2), data = d))
)

# The value of `text` for a fit by `name`, without the calls, which tell the two apart.
value_of_use <- function(text, package, call, name, d) {
  room <- new.env(parent = asNamespace(package))
  room$d <- d
  room[[name]] <- get(name)
  call[[1L]] <- as.name(name)
  plain <- function(out) {
    if (is.list(out)) return(lapply(unclass(out), plain))
    if (is.language(out) || is.environment(out) || is.function(out)) NULL else out
  }
  tryCatch(
    {
      room$m <- eval(call, room)
      suppressMessages(suppressWarnings(plain(eval(str2lang(text), room))))
    },
    error = function(e) gsub("mt_lm", "lm", conditionMessage(e))
  )
}

for (package in names(uses)) {
  test_that(paste(package, "takes a fit for lm()'s"), {
    skip_if_not_installed(package)
    d <- models()
    d <- d[stats::complete.cases(d), ]
    d$one <- d$w + 1
    succeeded <- 0
    for (text in uses[[package]]) {
      for (call in fit_calls) {
        ours <- value_of_use(text, package, call, "mt_lm", d)
        base <- value_of_use(text, package, call, "lm", d)
        succeeded <- succeeded + !is.character(base)
        expect_equal(ours, base, tolerance = 1e-6, info = paste(text, deparse(call)))
      }
    }
    expect_gte(succeeded, length(uses[[package]]))
  })
}
