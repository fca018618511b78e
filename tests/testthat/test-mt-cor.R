uses <- c("everything", "all.obs", "complete.obs", "na.or.complete", "pairwise.complete.obs")

# Sums of n products of centered numbers differ by about n * eps of the product of the
# standard deviations; base R's are nearly exact.
expect_like <- function(ours, base, tolerance = 1e-13) {
  expect_identical(attributes(ours), attributes(base))
  expect_identical(is.na(ours), is.na(base))
  expect_equal(ours, base, tolerance = tolerance)
}

cases <- function() {
  set.seed(1)
  x <- random(200, 7)
  x[, 2] <- x[, 1] + 1e-4 * x[, 2]
  colnames(x) <- letters[1:7]
  holes <- x
  holes[sample(length(x), 60)] <- NA
  list(x, holes, 1000 + x, round(x), holes[, c(1, 3)])
}

test_that("covariances and correlations are base's for every use", {
  for (x in cases()) {
    y <- x[, 2:1]
    for (use in uses) {
      if (use == "all.obs" && anyNA(x)) {
        expect_error(mt_cor(x, use = use), "missing observations in cov/cor")
        next
      }
      size <- max(abs(x), na.rm = TRUE)
      expect_like(mt_cor(x, use = use), cor(x, use = use), 1e-13 * size)
      expect_like(mt_cov(x, use = use), cov(x, use = use), 1e-13 * size)
      expect_like(mt_cor(x, y, use = use), cor(x, y, use = use), 1e-13 * size)
      expect_like(mt_cov(y, x, use = use), cov(y, x, use = use), 1e-13 * size)
      expect_like(mt_cor(x, use = use, method = "spearman"), cor(x, use = use, method = "spearman"))
      expect_like(mt_cor(x, y, use = use, method = "spearman"), cor(x, y, use = use, method = "spearman"))
      expect_like(mt_cor(x[, 1], x[, 2], use = use), cor(x[, 1], x[, 2], use = use))
      expect_like(mt_cor(x[, 1], y, use = use), cor(x[, 1], y, use = use))
    }
  }
})

test_that("larger ones have the same bits for all threads and schedules", {
  set.seed(2)
  x <- random(3000, 60)
  holes <- x
  holes[sample(length(x), 3000)] <- NA
  for (f in list(
    function(...) mt_cor(x, ...), function(...) mt_cov(x, x[, 1:9], ...),
    function(...) mt_cor(x, method = "spearman", ...),
    function(...) mt_cor(holes, use = "pairwise", ...),
    function(...) mt_cor(holes, use = "pairwise", method = "spearman", ...)
  )) {
    one <- f(threads = 1, schedule = "static")
    for (schedule in c("stealing", "dynamic", "guided", "cyclic")) {
      expect_identical(f(threads = 2, schedule = schedule), one)
    }
    expect_identical(f(threads = 3), one)
  }
  expect_like(mt_cor(x, threads = 2), cor(x))
  expect_identical(diag(mt_cor(x)), rep(1, 60))
  expect_true(isSymmetric(mt_cor(x), tol = 0))
  expect_true(all(abs(mt_cor(cbind(x, x))) <= 1))
})

test_that("constant columns give NA and base's warning", {
  x <- cbind(a = c(1, 3, 2, 5), b = 0.1, c = 4:1)
  expect_warning(ours <- mt_cor(x), "the standard deviation is zero")
  expect_equal(ours, suppressWarnings(cor(x)), tolerance = 1e-15)
  expect_warning(mt_cor(x, x[, 1]), "the standard deviation is zero")
  expect_identical(mt_cov(x)["b", "b"], 0)
  long <- matrix(0.1, 1e5, 2)
  expect_warning(expect_true(is.na(mt_cor(long)[1, 2])), "standard deviation")
  x[1, 1] <- NA
  expect_equal(suppressWarnings(mt_cor(x)), suppressWarnings(cor(x)), tolerance = 1e-15)
  expect_equal(
    suppressWarnings(mt_cor(x, use = "pairwise")), suppressWarnings(cor(x, use = "pairwise"))
  )
})

test_that("odd input is base's", {
  x <- cbind(a = c(1, 3, 2, 5), b = c(2, 2, 1, 7))
  infinite <- x
  infinite[2, 1] <- Inf
  nan <- x
  nan[3, 2] <- NaN
  none <- x
  none[] <- NA
  for (y in list(x, infinite, nan, none, x > 2, x[1:2, ], x[1, , drop = FALSE], x[0, ], as.data.frame(x),
    x[, 0], round(x), mtcars)) {
    for (use in uses) {
      expect_alike(mt_cor(y, use = use), cor(y, use = use))
      expect_alike(mt_cov(y, use = use), cov(y, use = use))
      expect_alike(mt_cor(y, use = use, method = "spearman"), cor(y, use = use, method = "spearman"))
    }
  }
  expect_alike(mt_cor(x, method = "kendall"), cor(x, method = "kendall"))
  expect_alike(mt_cov(x, method = "spearman"), cov(x, method = "spearman"))
  expect_error(mt_cor(1:3), "supply both 'x' and 'y' or a matrix-like 'x'")
  expect_error(mt_cor(1:3, 1:4), "incompatible dimensions")
  expect_error(mt_cor(matrix(letters[1:4], 2)), "must be numeric")
  expect_error(mt_cor(x, use = "all"), NA)
  expect_error(mt_cor(x, use = "few"), "invalid 'use' argument")
  expect_argument_error(mt_cor(x, schedule = NA), "schedule")
  expect_argument_error(mt_cov(x, threads = -1), "threads")
})

test_that("columns of extreme scale are base's", {
  at_extreme_scales(function(x, p, scale) {
    holes <- x
    holes[sample(length(x), 100)] <- NA
    for (method in c("pearson", "spearman")) {
      expect_like_base(mt_cor(x, method = method), cor(x, method = method))
      expect_like_base(mt_cor(x, x[, 3:1], method = method), cor(x, x[, 3:1], method = method))
      for (use in c("pairwise.complete.obs", "everything")) {
        expect_like_base(mt_cor(holes, use = use, method = method), cor(holes, use = use, method = method))
      }
    }
    expect_identical(mt_cov(x), cov(x))
    expect_identical(mt_cov(holes, use = "pairwise.complete.obs"), cov(holes, use = "pairwise.complete.obs"))
  })
})

test_that("by pairs, a constant column has no correlation with itself", {
  set.seed(6)
  x <- cbind(a = rnorm(30), b = 2, c = rnorm(30))
  for (method in c("pearson", "spearman")) {
    for (use in c("pairwise.complete.obs", "everything", "complete.obs")) {
      expect_identical(
        is.na(suppressWarnings(mt_cor(x, use = use, method = method))),
        is.na(suppressWarnings(cor(x, use = use, method = method)))
      )
    }
  }
})

test_that("arrays of one dimension are vectors, and warnings have the user's call", {
  a <- array(c(2, 1, 4, 3, 5), 5)
  b <- array(c(1, 3, 2, 5, 4), 5)
  expect_like_base(mt_cor(a), cor(a))
  expect_like_base(mt_cor(a, use = "pairwise"), cor(a, use = "pairwise"))
  expect_equal(mt_cor(a, b), cor(a, b))
  expect_equal(mt_cov(a, c(b)), cov(a, c(b)))
  expect_equal(mt_cor(a, cbind(b, 1:5)), cor(a, cbind(b, 1:5)))
  x <- cbind(1, rnorm(5))
  expect_identical(shown_call(mt_cor(x), "warning"), "mt_cor")
  expect_identical(shown_call(mt_cor(x * 1e200, method = "pearson"), "warning"), "mt_cor")
})
