# What each scheme does to a statistic, against its definition.

resamples <- function(d, sim, R = 40, stype = "i", ...) {
  seen <- bootstrap(seq_len(nrow(d)), function(x, i) i, R = R, sim = sim, stype = stype, seed = 8, ...)
  unname(seen$t)
}

test_that("schemes give what their definitions say", {
  d <- boot_data()
  balanced <- resamples(d, "balanced")
  expect_true(all(table(factor(balanced, 1:40)) == 40))
  expect_false(all(apply(balanced, 1L, function(i) length(unique(i))) == 40))
  permuted <- resamples(d, "permutation")
  expect_true(all(apply(permuted, 1L, sort) == 1:40))
  within <- resamples(d, "permutation", strata = d$g)
  expect_true(all(d$g[within] == rep(d$g, each = 40)))
  strata <- resamples(d, "ordinary", strata = d$g)
  expect_true(all(d$g[strata] == rep(d$g, each = 40)))
  few <- resamples(d, "ordinary", R = 5, m = 40)
  expect_identical(few, resamples(d, "ordinary", R = 5))
  weighted <- resamples(d, "ordinary", weights = as.numeric(d$g == "a"))
  expect_true(all(d$g[weighted] == "a"))
  poisson <- resamples(d, "poisson", R = 2000, stype = "f")
  # Mean and variance of counts within 4 standard errors of 1.
  expect_lt(abs(mean(poisson) - 1), 4 / sqrt(80000))
  expect_lt(abs(var(as.vector(poisson)) - 1), 4 * sqrt(3 / 80000))
  bayes <- resamples(d, "bayesian", R = 2000, stype = "w")
  expect_equal(rowSums(bayes), rep(1, 2000))
  expect_lt(abs(var(40 * as.vector(bayes)) / (39 / 41) - 1), 0.05)
})

test_that("clusters come whole, and two ways multiply", {
  d <- boot_data()
  ids <- rep(1:8, each = 5)
  counts <- resamples(d, "ordinary", stype = "f", cluster = ids)
  expect_true(all(apply(counts, 1L, function(f) tapply(f, ids, function(g) length(unique(g)))) == 1))
  expect_true(all(rowSums(counts) == 40))
  other <- rep(1:5, 8)
  crossed <- resamples(d, "ordinary", stype = "f", cluster = list(ids, other))
  expect_true(all(apply(crossed, 1L, function(f) qr(matrix(f, 5))$rank) <= 1))
  native <- bootstrap(d, stat_lm(y ~ x), R = 40, cluster = ids, seed = 8)
  plain <- bootstrap(d, function(d, i) coef(lm(y ~ x, d[i, ])), R = 40, cluster = ids, seed = 8)
  expect_equal(unname(native$t), unname(plain$t), tolerance = 1e-9)
  # Jackknife over clusters.
  left_out <- t(vapply(1:8, function(g) coef(lm(y ~ x, d[ids != g, ])), c(0, 0)))
  expect_equal(unname(native$L), unname(7 * (rep(native$t0, each = 8) - left_out)), tolerance = 1e-9)
  # Of functions too, when asked for, and for intervals.
  mean_of <- list(
    i = function(d, i) mean(d$x[i]), f = function(d, f) sum(d$x * f) / sum(f), w = function(d, w) sum(d$x * w)
  )
  means <- bootstrap(d, stat_mean("x"), R = 500, cluster = ids, seed = 8)
  for (stype in names(mean_of)) {
    asked <- bootstrap(d, mean_of[[stype]], R = 500, stype = stype, cluster = ids, seed = 8, influence = "jack")
    expect_equal(unname(asked$L), unname(means$L), tolerance = 1e-9)
    plain <- bootstrap(d, mean_of[[stype]], R = 500, stype = stype, cluster = ids, seed = 8)
    expect_null(plain$L)
    ends <- function(b) unlist(boot_ci(b, type = "bca")[c("lower", "upper")])
    expect_equal(ends(plain), ends(means), tolerance = 1e-9)
  }
})

test_that("weights of the Bayesian bootstrap reach native statistics and functions alike", {
  d <- boot_data()
  for (sim in c("bayesian", "poisson")) {
    native <- bootstrap(d, stat_lm(y ~ x + u), R = 30, sim = sim, seed = 4)
    plain <- bootstrap(d, function(d, w) coef(lm(y ~ x + u, cbind(d, w = w), weights = w)), R = 30, sim = sim, stype = "w", seed = 4)
    expect_equal(unname(native$t), unname(plain$t), tolerance = 1e-8, info = sim)
    native <- bootstrap(d, stat_glm(b ~ x), R = 30, sim = sim, seed = 4, on_error = "na")
    plain <- bootstrap(d, function(d, w) {
      suppressWarnings(coef(glm(b ~ x, quasibinomial, cbind(d, w = w), weights = w, control = list(epsilon = 1e-13))))
    }, R = 30, sim = sim, stype = "w", seed = 4)
    fine <- !is.na(native$t[, 1L])
    expect_equal(unname(native$t[fine, ]), unname(plain$t[fine, ]), tolerance = 1e-6, info = sim)
  }
})

test_that("permutation permutes the response", {
  d <- boot_data()
  permuted <- function(f) bootstrap(d, function(d, i) f(d, i), R = 30, sim = "permutation", seed = 4)$t
  pairs <- list(
    list(stat_cor("x", "y"), function(d, i) cor(d$x, d$y[i])),
    list(stat_cov("x", "y"), function(d, i) cov(d$x, d$y[i])),
    list(stat_cor("z", "y", "spearman"), function(d, i) cor(d$z, d$y[i], method = "spearman")),
    list(stat_lm(y ~ x + u), function(d, i) coef(lm(d$y[i] ~ d$x + d$u))),
    list(stat_auc("z", "g"), function(d, i) auc_of(d$z[i], d$g)),
    list(stat_diff("mean", "x", "g"), function(d, i) diff(rev(tapply(d$x[i], d$g, mean))))
  )
  for (pair in pairs) {
    native <- bootstrap(d, pair[[1L]], R = 30, sim = "permutation", seed = 4)
    expect_equal(unname(native$t), unname(permuted(pair[[2L]])), tolerance = 1e-9)
  }
  error <- expect_error(bootstrap(d, stat_median("x"), sim = "permutation"), class = "rustle_error_scheme")
  expect_match(conditionMessage(error), "no response")
})

test_that("residuals are resampled about the fit", {
  fit <- lm(dist ~ speed, cars)
  e <- residuals(fit) - mean(residuals(fit))
  n <- 50
  b <- bootstrap(cars, stat_lm(dist ~ speed), R = 30, sim = "residual", seed = 4)
  drawn <- bootstrap(seq_len(n), function(x, i) i, R = 30, seed = 4)$t
  oracle <- t(apply(drawn, 1L, function(i) coef(lm(fitted(fit) + e[i] ~ cars$speed))))
  expect_equal(unname(b$t), unname(oracle), tolerance = 1e-10)
  expect_null(b$L)
})

test_that("blocks of a series are drawn by each rule", {
  x <- as.vector(log(lynx))
  for (rule in c("fixed", "circular", "geom")) {
    native <- bootstrap(x, "mean", R = 30, sim = "block", l = 19, blocktype = rule, seed = 4)
    plain <- bootstrap(x, function(x, i) mean(x[i]), R = 30, sim = "block", l = 19, blocktype = rule, seed = 4)
    expect_equal(unname(native$t), unname(plain$t))
  }
})

test_that("a model simulates data, for functions and for native statistics", {
  gen <- function(data, mle) rexp(length(data), 1 / mle)
  x <- boot::aircondit$hours
  plain <- bootstrap(x, function(x) c(mean(x), median(x)), R = 20, sim = "parametric", ran.gen = gen, mle = mean(x), seed = 1)
  native <- bootstrap(x, "mean", R = 20, sim = "parametric", ran.gen = gen, mle = mean(x), seed = 1)
  expect_equal(native$t[, 1L], plain$t[, 1L])
  expect_identical(native$engine, "workers")
  # A formula has equal weights on simulated data.
  d <- boot::city
  shuffle <- function(data, mle) data[sample(nrow(data), replace = TRUE), ]
  formula <- bootstrap(d, ~ sum(.w * x) / sum(.w * u), R = 20, sim = "parametric", ran.gen = shuffle, seed = 1)
  plain <- bootstrap(d, function(d) sum(d$x) / sum(d$u), R = 20, sim = "parametric", ran.gen = shuffle, seed = 1)
  expect_equal(formula$t, plain$t)
})

test_that("antithetic replicates mirror the order of the influence values", {
  x <- boot_data()$x
  b <- bootstrap(x, "mean", R = 40, sim = "antithetic", seed = 1)
  pairs <- matrix(b$t, 2)
  expect_lt(cor(pairs[1, ], pairs[2, ]), -0.9)
  plain <- bootstrap(x, function(x, i) mean(x[i]), R = 40, sim = "antithetic", seed = 1)
  expect_equal(unname(plain$t), unname(b$t))
})

test_that("the table of validity has one verdict for everything", {
  all <- bootstrap_validity()
  expect_identical(nrow(all), 13L * 5L * 7L)
  expect_setequal(all$status, c("valid", "adapted", "refused"))
  expect_true(all(nzchar(all$note[all$status != "valid"])))
  expect_identical(bootstrap_validity("m out of n", "sums", "perc")$status, "adapted")
  expect_identical(bootstrap_validity("wild", "scan", "perc")$status, "refused")
  # What the table refuses for every interval, bootstrap() refuses.
  d <- boot_data()
  statistics <- list(sums = stat_cor("x", "y"), scan = stat_median("x"), lm = stat_lm(y ~ x), glm = stat_glm(b ~ x), `function` = function(d, i) 1)
  sims <- c("ordinary", "balanced", "antithetic", "permutation", "bayesian", "poisson", "residual", "wild", "block")
  for (sim in sims) {
    for (kind in names(statistics)) {
      verdict <- rustle:::validity_of_statistic(sim, kind)[[1L]]
      call <- function() bootstrap(d, statistics[[kind]], R = 4, sim = sim, l = if (sim == "block") 5, seed = 1, on_error = "na")
      if (verdict == "refused" || (sim == "permutation" && kind == "scan")) {
        expect_error(call(), class = "rustle_error_scheme")
      } else {
        expect_s3_class(call(), "rustle_boot")
      }
    }
  }
})

test_that("the whole table of validity prints as one line per scheme", {
  all <- bootstrap_validity()
  shown <- capture.output(print(all))
  expect_lte(length(shown), 20L)
  cells <- do.call(rbind, strsplit(trimws(sub("m out of n", "moutofn", shown[5:17])), " +"))
  expect_identical(strsplit(trimws(shown[[4L]]), " +")[[1L]], unique(all$statistic))
  letters <- c(norm = "n", basic = "b", stud = "s", perc = "p", bc = "z", bca = "c", abc = "a")
  for (r in seq_len(nrow(cells))) {
    for (k in 1:5) {
      rows <- all[all$sim == unique(all$sim)[[r]] & all$statistic == unique(all$statistic)[[k]], ]
      good <- paste(letters[rows$type[rows$status != "refused"]], collapse = "")
      expect_identical(gsub("-|none", "", cells[r, k + 1L]), good)
    }
  }
  expect_output(print(bootstrap_validity("permutation", "lm", "perc")), "null hypothesis")
  expect_identical(class(as.data.frame(all)), "data.frame")
  expect_identical(dim(as.data.frame(all)), c(455L, 5L))
})

test_that("every scheme, statistic and interval does what the table says", {
  d <- boot_data(60)
  statistics <- list(
    sums = stat_cor("x", "y"), scan = stat_median("x"), lm = stat_lm(y ~ x), glm = stat_glm(u ~ x, "poisson"),
    `function` = function(d, w) c(a = sum(d$x * w))
  )
  all <- bootstrap_validity()
  for (sim in unique(all$sim)) {
    for (kind in names(statistics)) {
      arguments <- list(d, statistics[[kind]], R = 200, seed = 1, on_error = "na", sim = sim, influence = "auto")
      variant <- switch(sim,
        block = list(l = 5), "m out of n" = list(sim = "ordinary", m = 20),
        cluster = list(sim = "ordinary", cluster = rep(1:12, 5)), weighted = list(sim = "ordinary", weights = 1:60),
        parametric = list(ran.gen = function(data, mle) data[sample(60, 60, TRUE), ])
      )
      arguments[names(variant)] <- variant
      if (kind == "function" && sim == "parametric") {
        arguments[[2L]] <- function(d) c(a = mean(d$x))
      } else if (kind == "function") {
        arguments$stype <- "w"
      }
      said <- all[all$sim == sim & all$statistic == kind, ]
      b <- tryCatch(do.call(bootstrap, arguments), rustle_error_scheme = identity)
      if (inherits(b, "error")) {
        expect_true(all(said$status == "refused"), info = paste(sim, kind))
        next
      }
      p <- length(b$t0)
      for (type in said$type) {
        label <- paste(sim, kind, type)
        variances <- if (type == "stud") list(var.t0 = rep(0.01, p), var.t = matrix(0.01, 200, p))
        ci <- tryCatch(
          suppressWarnings(do.call(boot_ci, c(list(b, type = type), variances)), classes = "rustle_warning_interval"),
          rustle_error_interval = identity
        )
        if (said$status[said$type == type] == "refused") {
          expect_s3_class(ci, "rustle_error_interval")
        } else {
          expect_false(anyNA(as.data.frame(ci)[c("lower", "upper")]), info = label)
          expect_true(all(ci$lower < ci$upper), info = label)
        }
      }
    }
  }
})

test_that("clusters and strata may be formulas of columns", {
  d <- transform(mtcars, g = rep(1:8, 4))
  run <- function(...) bootstrap(d, stat_lm(mpg ~ wt), R = 9, seed = 1, ...)$t
  expect_identical(run(cluster = ~ g), run(cluster = d$g))
  expect_identical(run(cluster = ~ g + cyl), run(cluster = list(d$g, d$cyl)))
  expect_identical(run(strata = ~ am), run(strata = d$am))
  expect_identical(run(strata = ~ am + vs), run(strata = interaction(d$am, d$vs)))
  expect_argument_error(run(cluster = ~ nowhere), "cluster")
  expect_argument_error(run(cluster = y ~ g), "cluster")
  expect_argument_error(bootstrap(d$mpg, "mean", R = 9, strata = ~ am), "strata")
  expect_warning(run(cluster = rownames(d)), class = "rustle_warning_clusters")
  d$g[2] <- NA
  expect_match(conditionMessage(expect_argument_error(run(cluster = ~ g), "cluster")), "1 NA")
})
