# Native statistics, R functions and boot's own replicates.

same <- function(a, b, tolerance = 1e-10) {
  isTRUE(all.equal(unname(a), unname(b), tolerance = tolerance, check.attributes = FALSE))
}

test_that("a native statistic and its R function see the same resamples", {
  d <- boot_data()
  pairs <- statistic_pairs()
  for (name in names(pairs)) {
    native <- bootstrap(d, pairs[[name]][[1L]], R = 60, seed = 3, threads = 1, on_error = "na")
    plain <- bootstrap(d, pairs[[name]][[2L]], R = 60, seed = 3, on_error = "na")
    expect_identical(native$engine, "native", info = name)
    expect_identical(plain$engine, "workers", info = name)
    fine <- !is.na(native$t[, 1L])
    expect_gt(sum(fine), 55)
    expect_true(same(native$t0, plain$t0), info = name)
    expect_true(same(native$t[fine, ], plain$t[fine, ], 1e-8), info = name)
  }
})

test_that("all nine definitions of a quantile are those of quantile()", {
  x <- c(boot_data()$x, 3, 3)
  probs <- c(0, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1)
  for (type in 1:9) {
    native <- bootstrap(x, stat_quantiles(probs, type), R = 50, seed = 1, threads = 1)
    plain <- bootstrap(x, function(x, i) quantile(x[i], probs, type = type), R = 50, seed = 1)
    expect_true(same(native$t, plain$t), info = type)
    expect_identical(colnames(native$t), names(quantile(1, probs)))
  }
})

test_that("names of statistics stand for their specifications", {
  x <- boot_data()$x
  expect_identical(bootstrap(x, "median", R = 20, seed = 1)$t, bootstrap(x, stat_median(), R = 20, seed = 1)$t)
  expect_identical(names(bootstrap(x, "mean", R = 5)$t0), "mean")
  expect_identical(names(bootstrap(boot_data()[1:3], "mean", R = 5)$t0), c("x", "y", "u"))
  expect_equal(bootstrap(x, "iqr", R = 5)$t0, c(iqr = IQR(x)))
})

test_that("the bits do not depend on threads, workers or slices", {
  skip_without_fork()
  d <- boot_data(301)
  for (name in c("mean", "cor", "median", "mad", "lm", "logistic", "spearman", "large")) {
    statistic <- statistic_pairs()[[name]][[1L]]
    for (sim in c("ordinary", "bayesian", "poisson", "balanced")) {
      one <- bootstrap(d, statistic, R = 300, sim = sim, seed = 5, threads = 1, on_error = "na")
      two <- bootstrap(d, statistic, R = 300, sim = sim, seed = 5, threads = 2, on_error = "na")
      expect_identical(one$t, two$t, info = paste(name, sim))
      expect_identical(one$L, two$L)
    }
  }
  f <- function(d, i) mean(d$x[i]) + stats::rnorm(1)
  one <- with_plan(sequential, bootstrap(d, f, R = 50, seed = 5))
  for (workers in c(2L, 3L)) expect_identical(bootstrap(d, f, R = 50, seed = 5, workers = workers)$t, one$t)
})

test_that("the first replicates of many are those of few", {
  d <- boot_data()
  for (sim in c("ordinary", "permutation", "bayesian", "poisson", "block")) {
    l <- if (sim == "block") 5
    few <- bootstrap(d, stat_cor("x", "y"), R = 37, sim = sim, l = l, seed = 9)
    many <- bootstrap(d, stat_cor("x", "y"), R = 90, sim = sim, l = l, seed = 9)
    expect_identical(many$t[1:37, ], few$t[, 1L], info = sim)
  }
})

test_that("rng = \"R\" gives boot's own replicates and moves the generator as boot does", {
  d <- boot_data()
  cases <- list(
    list(sim = "ordinary"), list(sim = "balanced"), list(sim = "ordinary", strata = d$g),
    list(sim = "balanced", strata = d$g), list(sim = "ordinary", weights = d$u)
  )
  f <- function(d, i) cor(d$x[i], d$y[i])
  for (case in cases) {
    set.seed(11)
    oracle <- do.call(boot::boot, c(list(d, f, R = 50), lapply(case, function(v) if (is.character(v) && length(v) > 1L) factor(v) else v)))
    after <- get(".Random.seed", globalenv())
    set.seed(11)
    native <- do.call(bootstrap, c(list(d, stat_cor("x", "y"), R = 50, rng = "R"), case))
    expect_equal(unname(native$t), unname(oracle$t), tolerance = 1e-12)
    expect_identical(get(".Random.seed", globalenv()), after)
    set.seed(11)
    plain <- do.call(bootstrap, c(list(d, f, R = 50, rng = "R"), case))
    expect_equal(unname(plain$t), oracle$t, tolerance = 1e-15)
  }
  withr::local_options(rustle.max_index_bytes = 1000)
  error <- expect_error(bootstrap(d, f, R = 50, rng = "R"), class = "rustle_error_memory")
  expect_identical(error$size_bytes, 8000)
})

test_that("the caller's generator moves by two numbers without a seed and stays with one", {
  d <- boot_data()
  moved <- function(...) {
    set.seed(4)
    bootstrap(d, ...)
    get(".Random.seed", globalenv())
  }
  set.seed(4)
  still <- get(".Random.seed", globalenv())
  runif(2)
  twice <- get(".Random.seed", globalenv())
  f <- function(d, i) mean(d$x[i]) + stats::rnorm(1)
  expect_identical(moved(stat_mean("x"), R = 10), twice)
  expect_identical(moved(stat_median("x"), R = 10, sim = "bayesian", threads = 2), twice)
  expect_identical(moved(f, R = 10), twice)
  expect_identical(moved(stat_mean("x"), R = 10, seed = 1), still)
  expect_identical(moved(f, R = 10, seed = 1), still)
  set.seed(4)
  a <- bootstrap(d, stat_mean("x"), R = 10)$t
  set.seed(4)
  b <- bootstrap(d, function(d, i, f) f(d$x[i]), R = 10, f = mean)$t
  expect_equal(b[, 1L], a[, 1L], tolerance = 1e-12)
})

test_that("functions get indices, frequencies or weights as in boot", {
  d <- boot_data()
  by_index <- bootstrap(d, function(d, i) mean(d$x[i]), R = 30, seed = 2)
  by_count <- bootstrap(d, function(d, f) sum(f * d$x) / sum(f), R = 30, seed = 2, stype = "f")
  by_weight <- bootstrap(d, function(d, w) sum(w * d$x), R = 30, seed = 2, stype = "w")
  expect_equal(by_count$t, by_index$t)
  expect_equal(by_weight$t, by_index$t)
  strata <- bootstrap(d, function(d, w) sum(w), R = 5, seed = 2, stype = "w", strata = d$g)
  expect_equal(as.vector(strata$t), rep(2, 5))
  expect_equal(strata$t0, c(t = 2))
})

test_that("a formula that is not a function of sums runs on the workers, with the same result", {
  d <- boot_data()
  native <- bootstrap(d, ~ sum(.w * x) / sum(.w * u), R = 30, seed = 2)
  elsewhere <- bootstrap(d, ~ { s <- sum(.w * x); s / sum(.w * u) }, R = 30, seed = 2)
  expect_identical(c(native$engine, elsewhere$engine), c("native", "workers"))
  expect_equal(elsewhere$t, native$t, tolerance = 1e-12)
  expect_identical(bootstrap(d$x, ~ sum(.w * .x) / 40, R = 5)$engine, "native")
  # Weights sum to n whatever the scheme.
  for (case in list(list(m = 10), list(sim = "poisson"), list(cluster = d$u), list(sim = "bayesian"))) {
    out <- do.call(bootstrap, c(list(d, ~ sum(.w), R = 10, seed = 1), case))
    expect_equal(as.vector(out$t), rep(40, 10))
  }
})

test_that("infinitesimal and jackknife influence values are those of boot", {
  d <- boot_data()
  pairs <- list(
    ratio = list(stat_ratio("y", "u"), function(d, w) sum(w * d$y) / sum(w * d$u)),
    cor = list(stat_cor("x", "y"), function(d, w) boot::corr(d[1:2], w)),
    mean = list(stat_mean("x"), function(d, w) sum(w * d$x) / sum(w)),
    formula = list(~ log(sum(.w * u)) - sum(.w * y)^2 / 40, function(d, w) {
      w <- 40 * w / sum(w)
      log(sum(w * d$u)) - sum(w * d$y)^2 / 40
    })
  )
  for (name in names(pairs)) {
    inf <- bootstrap(d, pairs[[name]][[1L]], R = 2, influence = "inf")
    jack <- bootstrap(d, pairs[[name]][[1L]], R = 2, influence = "jack")
    f <- pairs[[name]][[2L]]
    expect_equal(inf$L[, 1L], boot::empinf(data = d, statistic = f, stype = "w"), tolerance = 1e-4, info = name)
    oracle <- boot::empinf(data = d, statistic = function(d, i) f(d[i, ], rep(1 / length(i), length(i))), stype = "i", type = "jack")
    if (name != "formula") expect_equal(jack$L[, 1L], oracle, tolerance = 1e-10, info = name)
  }
  # Models: against differences of fits.
  lm_inf <- bootstrap(d, stat_lm(y ~ x + u), R = 2, influence = "inf")$L
  fit <- lm(y ~ x + u, d)
  expect_equal(unname(lm_inf), unname(40 * residuals(fit) * model.matrix(fit) %*% solve(crossprod(model.matrix(fit)))), tolerance = 1e-9)
  jack <- bootstrap(d, stat_glm(b ~ x), R = 2, influence = "jack")$L
  strict <- list(epsilon = 1e-13, maxit = 50)
  left_out <- t(vapply(1:40, function(i) coef(glm(b ~ x, binomial, d[-i, ], control = strict)), c(0, 0)))
  expect_equal(unname(jack), unname(39 * (rep(coef(glm(b ~ x, binomial, d, control = strict)), each = 40) - left_out)), tolerance = 1e-6)
  expect_equal(bootstrap(d, function(d, i) median(d$x[i]), R = 2, influence = "jack")$L, bootstrap(d, stat_median("x"), R = 2)$L, ignore_attr = TRUE)
})

test_that("boot's arguments for workers are taken, with a message once", {
  x <- boot_data()$x
  f <- function(x, i) mean(x[i])
  told$arguments_of_boot <- NULL
  expect_message(b <- bootstrap(x, f, R = 30, seed = 1, parallel = "multicore", ncpus = 2, simple = TRUE, cl = NULL), "once")
  expect_identical(b$t, bootstrap(x, f, R = 30, seed = 1)$t)
  expect_equal(b$threads, 2)
  expect_no_message(native <- bootstrap(x, "mean", R = 30, seed = 1, parallel = "no"))
  expect_equal(unname(native$t), unname(b$t))
  expect_argument_error(bootstrap(x, f, R = 3, ncpus = 0), "ncpus")
  expect_argument_error(bootstrap(x, f, R = 3, parallel = "yes"), "parallel")
})

test_that("numbers whose squares overflow or vanish have their spread and correlation", {
  x <- boot_data()$x
  y <- boot_data()$y
  for (size in c(1e300, 1e-300)) {
    sd <- bootstrap(size * x, "sd", R = 20, seed = 1)
    expect_equal(sd$t / size, bootstrap(x, "sd", R = 20, seed = 1)$t, tolerance = 1e-12)
    cor <- bootstrap(cbind(size * x, y / size), "cor", R = 20, seed = 1)
    expect_equal(cor$t, bootstrap(cbind(x, y), "cor", R = 20, seed = 1)$t, tolerance = 1e-12)
  }
  expect_equal(bootstrap(1e140 * x, "var", R = 1, seed = 1)$t0[[1L]], var(x) * 1e280, tolerance = 1e-12)
  expect_identical(bootstrap(1e300 * x, "var", R = 1, seed = 1)$t0[[1L]], Inf)
})
