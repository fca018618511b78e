# What native statistics make of data as users have them; their values are compared in
# test-bootstrap.R.

survival_at <- function(data, at) {
  s <- survival::survfit(survival::Surv(time, status) ~ 1, data)
  summary(s, times = at)$surv
}

test_that("events are coded as survival's Surv() takes them", {
  skip_if_not_installed("survival")
  lung <- survival::lung[c("time", "status")]
  known <- survival_at(lung, c(180, 365))
  rmean <- summary(survival::survfit(survival::Surv(time, status) ~ 1, lung), rmean = 365)$table[["rmean"]]
  forms <- list(
    two = lung, zero = transform(lung, status = status - 1), flag = transform(lung, status = status == 2),
    whole = transform(lung, status = as.integer(status)), all = data.frame(time = lung$time, status = 1),
    twos = data.frame(time = lung$time, status = 2)
  )
  for (d in forms) {
    t0 <- bootstrap(d, stat_km("time", "status", at = c(180, 365)), R = 1, seed = 1)$t0
    expect_equal(unname(t0), survival_at(d, c(180, 365)))
  }
  for (d in forms[1:4]) {
    expect_equal(unname(bootstrap(d, stat_km(at = c(180, 365)), R = 1, seed = 1)$t0), known)
    expect_equal(bootstrap(d, stat_rmst(until = 365), R = 1, seed = 1)$t0[[1L]], rmean)
  }
})

test_that("events keep their code in parts of the data", {
  skip_if_not_installed("survival")
  # Without the rows that are dropped all are 1, censored.
  d <- data.frame(time = c(1:6, NA), status = c(1, 1, 1, 1, 1, 1, 2))
  expect_identical(bootstrap(d, stat_km(at = 4), R = 1, seed = 1, na.rm = TRUE)$t0[[1L]], 1)
  # Simulated data without events.
  d <- data.frame(time = 1:6, status = rep(1:2, 3))
  none <- function(data, mle) data.frame(time = data$time, status = 1)
  b <- bootstrap(d, stat_km(at = 4), R = 3, sim = "parametric", ran.gen = none, seed = 1)
  expect_identical(as.vector(b$t), rep(1, 3))
  expect_equal(b$t0[[1L]], survival_at(d, 4))
  # Subsets without events.
  d <- data.frame(time = 1:400, status = replace(rep(1, 400), 7, 2))
  out <- blb(d, stat_km(at = 300), gamma = 0.5, s = 8, R = 4, seed = 1)
  expect_gt(sum(out$subsets == 0), 4)
  expect_equal(out$t0[[1L]], survival_at(d, 300))
})

test_that("other codes of events are refused", {
  d <- data.frame(time = 1:6, status = c(0, 1, 2, 0, 1, 2), word = letters[1:6], minus = c(-1, 1, -1, 1, 1, 1))
  for (column in c("status", "word", "minus", "time")) {
    for (statistic in list(stat_km("time", column, at = 3), stat_rmst("time", column, until = 3))) {
      error <- expect_argument_error(bootstrap(d, statistic, R = 5), "status")
      expect_match(conditionMessage(error), sprintf("0 and 1, or of 1 \\(censored\\) and 2 \\(event\\); column %s", column))
    }
  }
  expect_match(conditionMessage(expect_argument_error(bootstrap(d, stat_km(at = 3), R = 5), "status")), "0, 1, 2")
  # Missing values are told as such.
  d$status <- c(1, 2, NA, 1, 2, 1)
  error <- expect_argument_error(bootstrap(d, stat_km(at = 3), R = 5), "data")
  expect_match(conditionMessage(error), "column status has 1 missing")
})

test_that("a difference is named by its levels", {
  for (stat in c("mean", "median")) {
    b <- bootstrap(mtcars, stat_diff(stat, "mpg", "am"), R = 2, seed = 1)
    f <- get(stat)
    expect_equal(b$t0[[1L]], f(mtcars$mpg[mtcars$am == 0]) - f(mtcars$mpg[mtcars$am == 1]))
    expect_named(b$t0, sprintf("difference of %ss (0 - 1)", stat))
  }
  d <- data.frame(x = 1:4, g = factor(c("old", "new", "old", "new"), c("old", "new")))
  expect_output(print(bootstrap(d, stat_diff(), R = 5, seed = 1, on_error = "na")), "(old - new)", fixed = TRUE)
})

test_that("columns are picked by number, with and without names", {
  # As R 4.3 does whatever is asked: a condition of two values is an error.
  withr::local_envvar("_R_CHECK_LENGTH_1_LOGIC2_" = "true", "_R_CHECK_LENGTH_1_CONDITION_" = "true")
  x <- cbind(1:20 + 0, sqrt(1:20))
  named <- data.frame(a = x[, 1L], b = x[, 2L])
  expect_identical(unname(bootstrap(x, "mean", R = 20, seed = 1)$t), unname(bootstrap(named, "mean", R = 20, seed = 1)$t))
  for (data in list(x, named)) {
    expect_equal(unname(bootstrap(data, stat_mean(1:2), R = 5, seed = 1)$t0), colMeans(x))
    expect_equal(unname(bootstrap(data, stat_quantiles(0.5, columns = 2:1), R = 5, seed = 1)$t0), c(median(x[, 2L]), 10.5))
    expect_equal(unname(bootstrap(data, stat_cor(2, 1), R = 5, seed = 1)$t0), cor(x)[[2L]])
    expect_equal(unname(jackknife(data, "mean")$se), apply(x, 2L, sd) / sqrt(20))
    expect_identical(unname(coef(blb(data, "mean", s = 2, R = 5, seed = 1))), unname(colMeans(x)))
    expect_argument_error(bootstrap(data, stat_mean(2:3), R = 5), "columns")
    expect_argument_error(bootstrap(data, stat_mean(list(1, 2)), R = 5), "columns")
  }
})

# Above a million numbers columns are not copied; above four million, with the padding of rows, counts
# are multiplied with all rows.
test_that("sums and means of large data are those of the drawn rows", {
  set.seed(6)
  x <- matrix(rnorm(530000 * 5, 1e6), ncol = 5L, dimnames = list(NULL, letters[1:5]))
  sums_of <- function(x, counts) vapply(seq_len(ncol(x)), function(k) sum(counts * x[, k]), 0)
  for (rows in list(seq_len(nrow(x)), seq_len(250000))) {
    part <- x[rows, ]
    b <- bootstrap(part, "mean", R = 3, seed = 1, threads = 2, progress = FALSE, influence = "none")
    expect_equal(b$t0, colMeans(part), tolerance = 1e-15)
    for (r in 1:2) {
      counts <- boot_array(b, r)[1L, ]
      expect_equal(b$t[r, ], sums_of(part, counts) / nrow(part), tolerance = 1e-14, ignore_attr = TRUE)
    }
    again <- bootstrap(as.data.frame(part), "mean", R = 3, seed = 1, threads = 1, progress = FALSE, influence = "none")
    expect_identical(again$t, b$t)
    expect_identical(names(again$t0), letters[1:5])
    total <- bootstrap(unname(part[, 1:4]), "sum", R = 2, seed = 1, progress = FALSE, influence = "none")
    if (length(rows) == nrow(x)) expect_equal(total$t[1L, ], nrow(part) * b$t[1L, 1:4], tolerance = 1e-14, ignore_attr = TRUE)
  }
  few <- bootstrap(x, "mean", R = 2, m = 1000, seed = 1, progress = FALSE, influence = "none")
  expect_equal(few$t[1L, ], sums_of(x, boot_array(few, 1)[1L, ]) / 1000, tolerance = 1e-14, ignore_attr = TRUE)
  exact <- bootstrap(x, "mean", exact = TRUE, R = 1, seed = 1, progress = FALSE, influence = "none")
  expect_equal(unname(exact$exact$se), unname(apply(x, 2L, sd)) / sqrt(nrow(x)), tolerance = 1e-5)
  x[7, 2] <- NA
  expect_error(bootstrap(x, "mean", R = 2, progress = FALSE), "column b has 1 missing", class = "rustle_error_argument")
  x[7, 2] <- Inf
  expect_error(bootstrap(x, "sum", R = 2, progress = FALSE), class = "rustle_error_argument")
  # The sum of these overflows, not their mean.
  huge <- matrix(1e308, 3e5, 4L)
  expect_equal(bootstrap(huge, "mean", R = 1, seed = 1, progress = FALSE, influence = "none")$t0, rep(1e308, 4L), ignore_attr = TRUE)
})

test_that("quantiles of a resample with nothing are NaN", {
  x <- c(1, 2, 4)
  b <- suppressWarnings(bootstrap(x, "median", R = 200, sim = "poisson", seed = 1))
  counts <- suppressWarnings(bootstrap(x, function(d, f) f, R = 200, sim = "poisson", stype = "f", seed = 1))$t
  empty <- rowSums(counts) == 0
  expect_gt(sum(empty), 0)
  expect_identical(is.nan(b$t[, 1]), empty)
  some <- which(!empty)[1:20]
  expect_equal(b$t[some, 1], apply(counts[some, ], 1, function(f) median(rep(x, f))))
})
