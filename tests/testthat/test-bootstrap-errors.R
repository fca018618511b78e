# Wrong arguments stop before any work; failing replicates are told.

refused <- function(argument, ...) expect_argument_error(bootstrap(...), argument)

test_that("data without observations or columns, or that are no table, are refused", {
  d <- boot_data()
  refused("data", double(), "mean")
  refused("data", d[0, ], stat_mean("x"))
  refused("data", array(1:8, c(2, 2, 2)), "mean")
  refused("data", d[, 0], "mean")
})

test_that("columns that are not there, not numbers or not one number per row are refused", {
  d <- boot_data()
  refused("columns", d, stat_mean("nothing"))
  refused("data", d, stat_mean("g"))
  d$m <- matrix(1:80, 40)
  refused("data", d, stat_mean("m"))
  d$m <- as.list(d$x)
  refused("data", d, stat_mean("m"))
  d$m <- NULL
  refused("group", d, stat_auc("x", "u"))
  refused("status", d, stat_km("z", "u", at = 2))
})

test_that("statistics that there are not are refused", {
  d <- boot_data()
  refused("statistic", d$x, "modus")
  refused("statistic", d$x, y ~ x)
  refused("trim", d$x, "mean", 99, trim = 1)
})

test_that("a number of replicates is a whole number of at least 1, a seed a whole number", {
  x <- boot_data()$x
  for (R in list(0, -1, 2.5, NA, "9", c(1, 2))) refused("R", x, "mean", R)
  refused("seed", x, "mean", seed = 1.5)
  refused("threads", x, "mean", threads = 0)
})

test_that("strata, clusters and weights fit the data", {
  d <- boot_data()
  refused("strata", d$x, "mean", strata = 1:3)
  refused("cluster", d$x, "mean", cluster = 1:3)
  refused("cluster", d$x, "mean", cluster = rep(1, 40))
  expect_no_warning(refused("cluster", d$x, "mean", cluster = mean))
  refused("weights", d$x, "mean", weights = rep(-1, 40))
  refused("weights", d$x, "mean", weights = as.numeric(d$g == "a"), strata = d$g)
})

test_that("arguments of a scheme are given with that scheme, and fit each other", {
  d <- boot_data()
  refused("sim", d$x, "mean", sim = "ordinry")
  refused("l", d$x[1:9], "mean", sim = "block")
  refused("l", d$x, "mean", sim = "block", l = 41)
  refused("l", d$x, "mean", l = 4)
  refused("m", d$x, "mean", m = 4, strata = d$g)
  refused("stype", d$x, function(x, i) 1, sim = "bayesian", stype = "i")
  refused("ran.gen", d$x, function(x) 1, sim = "parametric")
  refused("on_error", d$x, "mean", sim = "balanced", on_error = "redraw")
  refused("rng", d$x, "mean", rng = "R", m = 3)
})

test_that("what a statistic does not have is refused: derivatives, closed forms", {
  d <- boot_data()
  refused("influence", d$x, "median", influence = "inf")
  refused("exact", d, stat_cor("x", "y"), exact = TRUE)
})

test_that("model formulas of what is not there, or not of full rank, are refused", {
  d <- boot_data()
  error <- expect_argument_error(bootstrap(d, stat_lm(nothing ~ x)), "formula")
  expect_match(conditionMessage(error), "object 'nothing' not found")
  refused("formula", d[d$g == "a", ], stat_lm(y ~ g))
})

test_that("arguments of statistics are checked when the statistic is written down", {
  expect_argument_error(stat_km(), "at")
  expect_argument_error(stat_rmst(), "until")
  expect_argument_error(stat_mad(constant = "a"), "constant")
  expect_argument_error(stat_iqr(type = 10), "type")
  expect_argument_error(stat_trimmed(0.6), "trim")
  expect_argument_error(stat_quantiles(2), "probs")
  expect_argument_error(stat_glm(y ~ x, "beta"), "family")
  expect_argument_error(stat_lm(~x), "formula")
})

test_that("formulas of what is not there, or not numbers, are refused", {
  d <- boot_data()
  other <- 1:7
  for (statistic in list(~ sum(.w * nothing), ~ median(rep(nothing, .w)), stat_lm(y ~ nothing), stat_glm(b ~ x + log(nothing)))) {
    argument <- if (inherits(statistic, "formula")) "statistic" else "formula"
    error <- expect_argument_error(bootstrap(d, statistic, R = 5), argument)
    expect_match(conditionMessage(error), "columns of `data`, which are x, y, u, g, z, b: object 'nothing' not found", fixed = TRUE)
    expect_identical(error$call[[1L]], quote(bootstrap))
  }
  # Functions are no variables, but may be arguments.
  expect_match(conditionMessage(expect_argument_error(bootstrap(d, stat_lm(y ~ sd), R = 5), "formula")), "'sd' not found")
  elsewhere <- rev(d$x)
  expect_length(bootstrap(d, stat_lm(y ~ elsewhere), R = 2, seed = 1)$t0, 2L)
  expect_equal(bootstrap(d, ~ sapply(1, function(k) sum(.w * x^k)) / 40, R = 2, seed = 1)$t0[[1L]], mean(d$x))
  expect_argument_error(bootstrap(d, ~ sum(.w * other)), "statistic")
  expect_argument_error(bootstrap(d, ~ sum(.w * g)), "statistic")
  d$g <- factor(d$g)
  expect_argument_error(bootstrap(d, ~ sum(.w * g) / sum(.w)), "statistic")
})

test_that("missing and infinite values are counted, or dropped before resampling", {
  d <- boot_data()
  d$x[c(2, 5)] <- NA
  d$y[7] <- Inf
  error <- expect_argument_error(bootstrap(d, stat_cor("x", "y")), "data")
  expect_match(conditionMessage(error), "column x has 2 missing")
  expect_identical(error$rows, c(2L, 5L, 7L))
  expect_argument_error(bootstrap(d, stat_lm(y ~ u)), "data")
  expect_argument_error(bootstrap(d, ~ sum(.w * x)), "data")
  kept <- bootstrap(d, stat_cor("x", "y"), R = 20, seed = 1, na.rm = TRUE)
  expect_identical(kept$t, bootstrap(d[-c(2, 5, 7), ], stat_cor("x", "y"), R = 20, seed = 1)$t)
  expect_identical(nrow(kept$data), 37L)
})

test_that("a design without full rank names its aliased columns", {
  d <- boot_data()
  d$twice <- 2 * d$x
  error <- expect_argument_error(bootstrap(d, stat_lm(y ~ x + twice)), "formula")
  expect_identical(error$aliased, "twice")
  expect_argument_error(bootstrap(d[1:3, ], stat_lm(y ~ x + u + z)), "formula")
})

test_that("a failing replicate stops, gives NA, or is drawn again", {
  # A level that some resamples miss.
  d <- data.frame(y = 1:20 + sin(1:20), g = rep(c("a", "b"), c(18, 2)))
  f <- function(d, i) {
    if (length(unique(d$g[i])) < 2L) stop("one level")
    coef(lm(y ~ g, d[i, ]))
  }
  for (statistic in list(stat_lm(y ~ g), f)) {
    error <- expect_error(bootstrap(d, statistic, R = 100, seed = 1), class = "rustle_error_statistic")
    out <- suppressWarnings(bootstrap(d, statistic, R = 100, seed = 1, on_error = "na"))
    expect_identical(error$replicate, out$failures$replicate[[1L]])
    expect_identical(which(is.na(out$t[, 1L])), out$failures$replicate)
    again <- suppressWarnings(bootstrap(d, statistic, R = 100, seed = 1, on_error = "redraw"))
    expect_false(anyNA(again$t))
    fine <- !is.na(out$t[, 1L])
    expect_equal(again$t[fine, ], out$t[fine, ])
    expect_true(all(out$failures$replicate %in% again$failures$replicate))
  }
  expect_warning(bootstrap(d$y, "mean", R = 5, seed = 1, on_error = "redraw"), "conditional")
  native <- suppressWarnings(bootstrap(d, stat_lm(y ~ g), R = 100, seed = 1, on_error = "redraw"))
  expect_equal(unname(native$t), unname(again$t), tolerance = 1e-9)
  expect_warning(bootstrap(d, stat_lm(y ~ g), R = 100, seed = 1, on_error = "na"), "of 100 replicates failed")
})

test_that("replicates that are not finite are told, where they are many by a warning", {
  few <- data.frame(x = 1:30 / 7, g = rep(c("a", "b"), c(29, 1)))
  for (statistic in list(stat_diff("mean"), function(d, i) mean(d$x[i][d$g[i] == "b"]))) {
    expect_warning(b <- bootstrap(few, statistic, R = 200, seed = 1), "not finite in [0-9]+ of 200")
    expect_gt(sum(is.nan(b$t)), 20)
    expect_output(print(b), sprintf("%d of 200 replicates are not finite", sum(is.nan(b$t))))
  }
  more <- data.frame(x = 1:60 / 7, g = rep(c("a", "b"), c(56, 4)))
  b <- expect_no_warning(bootstrap(more, stat_diff("mean"), R = 500, seed = 1))
  expect_gt(sum(is.nan(b$t)), 0)
  expect_output(print(b), "replicates are not finite")
  # Failures are not told twice.
  lost <- suppressWarnings(bootstrap(few, stat_lm(x ~ g), R = 200, seed = 1, on_error = "na"))
  expect_no_match(paste(capture.output(print(lost)), collapse = " "), "not finite")
  expect_no_match(capture_warnings(bootstrap(few, stat_lm(x ~ g), R = 200, seed = 1, on_error = "na")), "not finite")
})

test_that("the message of a failing function and its lengths are told", {
  d <- boot_data()
  bad <- function(d, i) if (i[[1L]] > 20) stop("a bad one") else mean(d$x[i])
  error <- expect_error(bootstrap(d, bad, R = 50, seed = 1), class = "rustle_error_statistic")
  expect_match(conditionMessage(error), sprintf("in replicate %d: a bad one", error$replicate))
  expect_s3_class(error$parent, "simpleError")
  longer <- function(d, i) if (identical(i, seq_len(40))) 1 else 1:2
  expect_error(bootstrap(d, longer, R = 50), "gave 2 values, but 1 on the data", class = "rustle_error_statistic")
  expect_error(bootstrap(d, function(d, i) stop("never"), R = 5), "on the data: never", class = "rustle_error_statistic")
  expect_argument_error(bootstrap(d, function(d, i) "a", R = 5), "statistic")
})

test_that("a result that cannot fit is refused with the size that it would need", {
  error <- expect_error(bootstrap(boot_data()$x, "mean", R = 2e9), class = "rustle_error_memory")
  expect_identical(error$size_bytes, 1.6e10)
  expect_match(conditionMessage(error), "16 GB")
})

test_that("a mean of 1e6 numbers takes memory for the data and less than 64 MB", {
  skip_on_cran()
  skip_if_not(file.exists("/proc/self/status"))
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "library(rustle)",
    "peak <- function() as.numeric(gsub('[^0-9]', '', grep('^VmHWM', readLines('/proc/self/status'), value = TRUE))) / 1024",
    "x <- rnorm(1e6)", "invisible(bootstrap(x[1:10], 'mean', R = 10))", "invisible(gc())",
    "before <- peak()",
    # The peak of R = 1e4 is the same: resamples are never stored.
    "b <- bootstrap(x, 'mean', R = 64, seed = 1, threads = 2)",
    # Influence values belong to the result.
    "cat(dim(b$L), peak() - before - 8e6 / 2^20 < 64)"
  ), script)
  said <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = FALSE)
  expect_identical(utils::tail(said, 1L), "1000000 1 TRUE")
})

test_that("an interrupt ends native replicates and permutations, and leaves the generator alone", {
  skip_on_os("windows")
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c(
    "library(rustle)", "x <- rnorm(1e5)", "d <- data.frame(x = x, b = as.numeric(x + rev(x) > 0))", "set.seed(1)",
    "invisible(bootstrap(x, 'mean', R = 10, threads = 2))", "before <- .Random.seed", "sent <- tempfile()",
    "calls <- list(",
    "  mean = function() bootstrap(x, 'mean', R = 1e6, seed = 1, threads = 2),",
    "  glm = function() bootstrap(d, stat_glm(b ~ x), R = 1e6, seed = 1, threads = 2, influence = 'none'),",
    "  left_out = function() jackknife(d, stat_median('x'), threads = 2),",
    "  permutations = function() permutation_test(x, rev(x), 'cor', R = 1e8, seed = 1, threads = 2)",
    ")",
    "for (call in calls) {",
    "  system(sprintf('(sleep 0.5; date +%%s > %s; kill -INT %d) &', sent, Sys.getpid()))",
    "  out <- tryCatch(call(), interrupt = function(e) 'interrupted')",
    # Whole seconds: the second of the signal is the earliest that it can have been.
    "  took <- as.numeric(Sys.time()) - as.numeric(readLines(sent))",
    "  cat(identical(out, 'interrupted'), identical(before, .Random.seed), took < 60, '')",
    "}",
    # The pool works as before.
    "cat(identical(bootstrap(x, 'mean', R = 4, seed = 1, threads = 2)$t, bootstrap(x, 'mean', R = 4, seed = 1, threads = 1)$t))"
  ), script)
  said <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = FALSE, timeout = 400)
  expect_identical(utils::tail(said, 1L), paste(rep("TRUE", 13), collapse = " "))
})

test_that("functions of data alone are told how statistics are called", {
  x <- boot_data()$x
  for (f in list(mean, median, sum, var, sd, IQR, mad)) {
    for (run in list(bootstrap, jackknife, blb)) {
      error <- expect_argument_error(run(x, f), "statistic")
      second <- if (identical(run, blb)) "frequencies" else "indices"
      expect_match(conditionMessage(error), sprintf("called as f(data, %s)", second), fixed = TRUE)
      name <- if (identical(f, IQR)) "iqr" else if (identical(f, mad)) "mad"
      if (!is.null(name)) expect_match(conditionMessage(error), sprintf("The native statistic is \"%s\"", name))
    }
  }
  expect_match(conditionMessage(expect_argument_error(bootstrap(x, median), "statistic")), "native statistic is \"median\"")
  expect_match(conditionMessage(expect_argument_error(bootstrap(x, max), "statistic")), "made for.$")
  for (stype in c("i", "f", "w")) {
    error <- expect_argument_error(bootstrap(x, function(d) mean(d), stype = stype), "statistic")
    second <- c(i = "indices", f = "frequencies", w = "weights")[[stype]]
    expect_identical(conditionMessage(error), sprintf("`statistic` must be a function(data, %s), not one of `d` alone.", second))
  }
  # They are statistics of simulated data and of series.
  normal <- function(data, mle) data + 1
  expect_equal(as.vector(bootstrap(x, mean, R = 2, sim = "parametric", ran.gen = normal, seed = 1)$t), rep(mean(x) + 1, 2))
  expect_equal(tsbootstrap(x, mean, R = 2, l = 3, seed = 1)$t0[[1L]], mean(x))
})

test_that("errors show the call of the user", {
  d <- transform(mtcars, am = factor(am))
  called <- function(f, expr) {
    error <- tryCatch(expr, rustle_error = identity)
    expect_s3_class(error, "rustle_error")
    expect_identical(error$call[[1L]], f)
  }
  separated <- suppressWarnings(glm(am ~ mpg + wt + hp + qsec, binomial, d))
  called(quote(vcov_boot), vcov_boot(separated, R = 5, seed = 1))
  called(quote(boot_lm), boot_lm(separated, R = 5, seed = 1))
  called(quote(boot_lm), boot_lm(lm(mpg ~ wt, d), R = 5, f = function(fit) "a"))
  called(quote(vcov_boot), vcov_boot(lm(mpg ~ wt, d), R = 5, cluster = 1:3))
  called(quote(bootstrap), bootstrap(mtcars, stat_proportion("cyl"), R = 5))
  called(quote(tsbootstrap), tsbootstrap(lynx, "mean", R = 5, l = 1000))
  called(quote(tsbootstrap), tsbootstrap(lynx, function(x) stop("no"), R = 5, l = 10))
  called(quote(blb), blb(mtcars, stat_mean("nothing")))
  called(quote(cv), cv(lm(mpg ~ wt, mtcars), K = 50))
  expect_identical(boot_lm(lm(mpg ~ wt, d), R = 2, seed = 1)$call[[1L]], quote(boot_lm))
  called(quote(cv), cv(lm(mpg ~ wt, mtcars), strata = 1:3))
  called(quote(simulate_schedule), simulate_schedule(1:3))
  called(quote(simulate_schedule), simulate_schedule(workers = 2))
  called(quote(compare_schedules), compare_schedules(1:3))
})
