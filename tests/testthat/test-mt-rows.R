# Base R adds in extended precision where the processor has it: its sums of n terms err
# by at most n * 2^-64 of the sum of absolute terms before they are rounded once. Ours
# are as good. So they differ by that, and by one unit of the last place.
expect_sums <- function(ours, oracle, absolute, n) {
  expect_identical(attributes(ours), attributes(oracle))
  expect_identical(is.na(ours), is.na(oracle))
  expect_identical(is.nan(ours), is.nan(oracle))
  finite <- is.finite(oracle)
  expect_identical(ours[!finite], oracle[!finite])
  bound <- n * 2^-63 * absolute + 2^-52 * abs(oracle)
  expect_true(all(abs(ours - oracle)[finite] <= bound[finite]))
}

threads_and_schedules <- list(
  list(1, "stealing"), list(2, "stealing"), list(3, "dynamic"), list(2, "guided"), list(2, "static"),
  list(3, "cyclic")
)

# Same bits for all; returns the value.
same_everywhere <- function(f) {
  one <- f(1, "static")
  for (how in threads_and_schedules) expect_identical(f(how[[1L]], how[[2L]]), one)
  one
}

shapes <- list(c(1, 400), c(400, 1), c(7, 5000), c(5000, 7), c(1100, 1100), c(70000, 3), c(3, 70000), c(0, 3), c(3, 0), c(20, 20))

pairs <- list(
  list(mt_rowSums, rowSums, 1L), list(mt_colSums, colSums, 2L),
  list(mt_rowMeans, rowMeans, 1L), list(mt_colMeans, colMeans, 2L)
)

test_that("sums and means are base's for all shapes, with the same bits for all threads and schedules", {
  set.seed(1)
  for (shape in shapes) {
    x <- random(shape[[1L]], shape[[2L]]) * 10^stats::rnorm(prod(shape), sd = 3)
    holes <- x
    holes[sample(length(x), length(x) / 5)] <- NA
    for (pair in pairs) {
      n <- shape[[3L - pair[[3L]]]]
      for (na.rm in c(FALSE, TRUE)) {
        y <- if (na.rm) holes else x
        ours <- same_everywhere(function(threads, schedule) {
          pair[[1L]](y, na.rm = na.rm, threads = threads, schedule = schedule)
        })
        absolute <- pair[[2L]](abs(y), na.rm = na.rm)
        expect_sums(ours, pair[[2L]](y, na.rm = na.rm), absolute, n)
      }
    }
  }
})

test_that("cancelling sums are right where doubles are not enough", {
  x <- matrix(rep(c(1e16, 1, -1e16, 1), 1000), ncol = 4, byrow = TRUE)
  expect_identical(mt_rowSums(x), rep(2, 1000))
  expect_identical(mt_colSums(t(x), threads = 2), rep(2, 1000))
  big <- cbind(rep(1e308, 300), 1e308, -1e308)
  expect_identical(mt_rowSums(big), rep(1e308, 300))
  expect_equal(mt_rowMeans(big[, 1:2]), rep(1e308, 300))
  expect_identical(mt_colSums(big), c(Inf, Inf, -Inf))
  expect_equal(mt_colMeans(big), c(1e308, 1e308, -1e308))
})

test_that("NA, NaN and infinities are base's", {
  set.seed(2)
  special <- list(NA, NaN, Inf, -Inf, c(NA, NaN), c(NaN, NA), c(Inf, -Inf), c(Inf, NA), c(Inf, Inf))
  for (shape in list(c(40, 30), c(2000, 40), c(40, 2000), c(70000, 10))) {
    x <- random(shape[[1L]], shape[[2L]])
    for (k in seq_along(special)) {
      x[k, seq_along(special[[k]]) * 2] <- special[[k]]
      x[10 + seq_along(special[[k]]) * 2, k] <- special[[k]]
    }
    x[30, ] <- NA
    for (pair in pairs) {
      for (na.rm in c(FALSE, TRUE)) {
        ours <- pair[[1L]](x, na.rm = na.rm, threads = 2)
        base <- pair[[2L]](x, na.rm = na.rm)
        expect_equal(ours, base, tolerance = 1e-12)
        expect_identical(is.nan(ours), is.nan(base))
      }
    }
  }
})

test_that("names are kept, integers and logicals coerced, and the rest passed on to base", {
  x <- matrix(1:600, 20, dimnames = list(paste0("r", 1:20), paste0("c", 1:30)))
  frame <- as.data.frame(x)
  l <- x %% 3L == 0L
  l[3, 3] <- NA
  cube <- array(1:600, c(10, 6, 10))
  for (pair in pairs) {
    for (y in list(x, l, frame, x + 1i, cube, unname(x), x[1:3, 1:3])) {
      expect_like_base(pair[[1L]](y), pair[[2L]](y))
      expect_like_base(pair[[1L]](y, na.rm = TRUE), pair[[2L]](y, na.rm = TRUE))
    }
    expect_like_base(pair[[1L]](cube, dims = 2), pair[[2L]](cube, dims = 2))
    expect_error(pair[[1L]](1:3), "must be an array of at least two dimensions")
    expect_error(pair[[1L]](matrix("a", 20, 20)), "must be numeric")
  }
})

test_that("variances are those of var() and matrixStats", {
  skip_if_not_installed("matrixStats")
  set.seed(3)
  for (shape in shapes) {
    x <- 100 + random(shape[[1L]], shape[[2L]])
    holes <- x
    holes[sample(length(x), length(x) / 3)] <- NA
    for (margin in 1:2) {
      f <- list(mt_rowVars, mt_colVars)[[margin]]
      oracle <- list(matrixStats::rowVars, matrixStats::colVars)[[margin]]
      for (na.rm in c(FALSE, TRUE)) {
        y <- if (na.rm) holes else x
        ours <- same_everywhere(function(threads, schedule) {
          f(y, na.rm = na.rm, threads = threads, schedule = schedule)
        })
        # Two passes on either side; means near 100 cost them 2 digits of 16.
        expect_equal(ours, oracle(y, na.rm = na.rm), tolerance = 1e-12)
      }
    }
  }
  x <- cbind(a = c(1, 2, NA, 4), b = c(1, NaN, 3, 4), c = c(1, Inf, 2, 3), d = 5)
  expect_equal(mt_colVars(x), apply(x, 2, var))
  expect_equal(mt_colVars(x, na.rm = TRUE), apply(x, 2, var, na.rm = TRUE))
  expect_identical(mt_colVars(x)[["d"]], 0)
  expect_identical(mt_colVars(x[1, , drop = FALSE]), c(a = NA_real_, b = NA, c = NA, d = NA))
})

test_that("medians and all types of quantiles are base's", {
  skip_if_not_installed("matrixStats")
  set.seed(4)
  for (shape in list(c(1, 9), c(10, 1), c(9, 10), c(130, 41), c(41, 130), c(2, 20000), c(20000, 3))) {
    x <- random(shape[[1L]], shape[[2L]])
    ties <- round(x)
    holes <- x
    holes[sample(length(x), length(x) / 4)] <- NA
    for (y in list(x, ties)) {
      expect_identical(
        same_everywhere(function(threads, schedule) mt_rowMedians(y, threads = threads, schedule = schedule)),
        apply(y, 1, median)
      )
      expect_identical(
        same_everywhere(function(threads, schedule) mt_colMedians(y, threads = threads, schedule = schedule)),
        apply(y, 2, median)
      )
    }
    median_rm <- function(x) median(x, na.rm = TRUE)
    expect_identical(mt_rowMedians(holes, na.rm = TRUE), apply(holes, 1, median_rm))
    expect_identical(mt_colMedians(holes, na.rm = TRUE), apply(holes, 2, median_rm))
    expect_identical(mt_colMedians(holes), apply(holes, 2, median))
    # R with an argument `fuzz` takes n * p for a whole number in types 1 to 3 where
    # older versions, and we, do not.
    rounds <- "fuzz" %in% names(formals(getS3method("quantile", "default")))
    for (type in if (rounds) 4:9 else 1:9) {
      for (probs in list(c(0, 0.1, 0.5, 0.9, 1), 0.3, seq(0, 1, 0.05), c(0.7, 0.2))) {
        for (y in list(x, holes)) {
          some <- y[seq_len(min(20, nrow(y))), , drop = FALSE]
          rows <- apply(some, 1, quantile, probs = probs, type = type, na.rm = TRUE, names = FALSE)
          ours <- mt_rowQuantiles(some, probs, type = type, na.rm = TRUE, drop = FALSE, threads = 2)
          expect_equal(unname(t(ours)), matrix(rows, length(probs)), tolerance = 1e-14)
          some <- y[, seq_len(min(20, ncol(y))), drop = FALSE]
          cols <- apply(some, 2, quantile, probs = probs, type = type, na.rm = TRUE, names = FALSE)
          ours <- mt_colQuantiles(some, probs, type = type, na.rm = TRUE, drop = FALSE, threads = 2)
          expect_equal(unname(t(ours)), matrix(cols, length(probs)), tolerance = 1e-14)
        }
      }
    }
    expect_equal(mt_rowQuantiles(holes), matrixStats::rowQuantiles(holes))
    expect_equal(mt_colQuantiles(x), matrixStats::colQuantiles(x))
  }
})

test_that("quantiles have quantile()'s names, and NA for what is missing", {
  x <- matrix(c(3, 1, 2, NA, Inf, -Inf, 5, NaN), 2, dimnames = list(c("a", "b"), NULL))
  expect_identical(dimnames(mt_rowQuantiles(x, c(0.025, 1 / 3))), list(c("a", "b"), c("2.5%", "33.33333%")))
  expect_identical(mt_rowQuantiles(x, 0.5), c(a = 4, b = NA))
  expect_identical(mt_rowMedians(x, na.rm = TRUE), apply(x, 1, median, na.rm = TRUE))
  expect_identical(dim(mt_colQuantiles(x, numeric())), c(4L, 0L))
  none <- matrix(NA_real_, 2, 3)
  expect_identical(mt_colMedians(none, na.rm = TRUE), rep(NA_real_, 3))
  expect_identical(mt_colMedians(none[0, ]), rep(NA_real_, 3))
  expect_identical(mt_rowMedians(none[0, ]), numeric())
  expect_identical(mt_colMedians(matrix(1:6, 3)), c(2, 5))
})

test_that("wrong arguments are named", {
  x <- matrix(1:4, 2)
  expect_argument_error(mt_rowVars("a"), "x")
  expect_argument_error(mt_colMedians(1:3), "x")
  expect_argument_error(mt_rowMedians(x, na.rm = NA), "na.rm")
  expect_argument_error(mt_rowQuantiles(x, 2), "probs")
  expect_argument_error(mt_rowQuantiles(x, NA_real_), "probs")
  expect_argument_error(mt_colQuantiles(x, type = 10), "type")
  expect_argument_error(mt_rowSums(x, schedule = "fast"), "schedule")
  expect_argument_error(mt_rowSums(x, threads = 0), "threads")
  expect_argument_error(mt_colVars(x, threads = 0), "threads")
})

test_that("interrupts end row loops at once, and the next call is right", {
  skip_unless_faults()
  got <- run_r({
    x <- matrix(rnorm(4e6), 2000)
    # Interrupted after 0.3 s; returns how long it went on. What takes long on a busy machine is
    # tried again.
    after <- function(f) {
      for (try in 1:5) {
        begun <- Sys.time()
        interrupt_later(0.3)
        tryCatch(repeat f(), interrupt = function(e) NULL)
        took <- as.double(Sys.time() - begun, units = "secs")
        if (took < 3) break
      }
      took
    }
    sums <- after(function() mt_rowSums(x, threads = 2))
    medians <- after(function() mt_colMedians(x, threads = 2))
    out <- list(
      sums = sums < 3, medians = medians < 3,
      right = all.equal(mt_colSums(x, threads = 2), colSums(x))
    )
  }, timeout = 60)
  expect_all_true(got$value)
})

test_that("loops run in forked processes and in workers after threads were used", {
  skip_unless_faults()
  got <- run_r({
    x <- matrix(rnorm(4e5), 1000)
    oracle <- mt_colMedians(x, threads = 2)
    same <- function(values) all(vapply(values, identical, NA, oracle))
    forked <- parallel::mclapply(1:2, function(i) mt_colMedians(x, threads = 2), mc.cores = 2)
    plan(multicore, workers = 2)
    workers <- future_lapply(1:4, function(i) mt_colMedians(x, threads = 2))
    out <- list(forked = same(forked), workers = same(workers), again = same(list(mt_colMedians(x, threads = 2))))
  }, timeout = 60)
  expect_all_true(got$value)
})

test_that("matrices with a class lose it, as in matrixStats", {
  skip_if_not_installed("matrixStats")
  inputs <- list(table(mtcars$cyl, mtcars$gear), ts(matrix(c(1, 4, 2, 8, 5, 7), 3)), window(EuStockMarkets, 1998))
  for (x in inputs) {
    plain <- matrix(c(x), nrow(x), dimnames = dimnames(x))
    names(dimnames(plain)) <- NULL
    expect_equal(mt_rowVars(x), matrixStats::rowVars(plain), ignore_attr = TRUE)
    expect_equal(mt_colVars(x), matrixStats::colVars(plain), ignore_attr = TRUE)
    expect_equal(mt_rowMedians(x), matrixStats::rowMedians(plain), ignore_attr = TRUE)
    expect_equal(mt_colMedians(x), matrixStats::colMedians(plain), ignore_attr = TRUE)
    expect_equal(mt_rowQuantiles(x), matrixStats::rowQuantiles(plain))
    expect_equal(mt_colQuantiles(x), matrixStats::colQuantiles(plain))
  }
})

test_that("no probabilities give no columns, as in matrixStats", {
  skip_if_not_installed("matrixStats")
  x <- matrix(c(1, 2, 3, 4, 5, 6), 2, dimnames = list(c("a", "b"), NULL))
  for (y in list(x, unname(x))) for (probs in list(NULL, numeric())) for (drop in c(TRUE, FALSE)) {
    # Versions of matrixStats differ in the dimnames of what has no elements.
    expect_identical(dim(mt_rowQuantiles(y, probs, drop = drop)), dim(matrixStats::rowQuantiles(y, probs = probs, drop = drop)))
    expect_identical(dim(mt_colQuantiles(y, probs, drop = drop)), dim(matrixStats::colQuantiles(y, probs = probs, drop = drop)))
  }
})

test_that("errors say what was no matrix", {
  expect_match(conditionMessage(expect_argument_error(mt_rowVars(iris), "x")), "column `Species` is a factor")
  days <- data.frame(a = 1, day = as.Date("2024-02-29"))
  expect_match(conditionMessage(expect_argument_error(mt_colMedians(days), "x")), "column `day` is an object of class 'Date'")
  array3 <- array(1, c(2, 2, 2))
  for (f in list(mt_rowVars, mt_colMedians, mt_rowQuantiles)) {
    expect_match(conditionMessage(expect_argument_error(f(array3), "x")), "not a numeric array of 3 dimensions")
    expect_match(conditionMessage(expect_argument_error(f(as.table(array3)), "x")), "class 'table' with 3 dimensions")
    expect_argument_error(f(array(1, 3)), "x")
  }
  expect_match(conditionMessage(expect_argument_error(mt_rowVars(matrix(letters[1:4], 2)), "x")), "character matrix of 2 x 2")
})
