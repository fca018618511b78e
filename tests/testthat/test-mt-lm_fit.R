# Coefficients agree relative to the largest, with errors of a small multiple of
# eps * condition; fitted values and residuals relative to y.
near <- function(ours, base, tolerance = 1e-8) expect_close(ours, base, tolerance)

expect_fit <- function(ours, x, y, w = NULL, tolerance = 1e-8) {
  base <- if (is.null(w)) lm.fit(x, y) else lm.wfit(x, y, w)
  expect_identical(ours$rank, base$rank)
  expect_identical(ours$pivot, base$qr$pivot)
  expect_identical(as.integer(ours$df.residual), as.integer(base$df.residual))
  near(ours$coefficients, base$coefficients, tolerance)
  for (part in c("residuals", "fitted.values")) {
    expect_identical(attributes(ours[[part]]), attributes(base[[part]]))
    expect_lte(max(abs(ours[[part]] - base[[part]])), 1e-8 * max(abs(y)))
  }
  k <- seq_len(base$rank)
  upper <- base$qr$qr[seq_len(ncol(x)), , drop = FALSE]
  expect_equal(abs(ours$R[k, k]), abs(ifelse(row(upper) > col(upper), 0, upper)[k, k]),
    tolerance = 1e-8, ignore_attr = TRUE)
  expect_identical(colnames(ours$R), colnames(upper))
  if (!is.null(ours$qr)) {
    expect_identical(names(ours$qr), names(base$qr))
    expect_identical(ours$qr[c("pivot", "rank", "tol")], base$qr[c("pivot", "rank", "tol")])
    expect_identical(attributes(ours$qr$qr), attributes(base$qr$qr))
    near(ours$qr$qr[, k], base$qr$qr[, k])
    near(as.matrix(ours$effects)[k, ], as.matrix(base$effects)[k, ])
    # Behind the rank the reflections of base need not be ours.
    if (base$rank == ncol(x)) near(ours$effects, base$effects)
    expect_identical(attributes(ours$effects), attributes(base$effects))
  }
}

every_way <- function(x, y, w = NULL, tolerance = 1e-8) {
  for (qr in c(FALSE, TRUE)) {
    fit <- expect_same_bits(function(k) mt_lm_fit(x, y, weights = w, qr = qr, threads = k), x)
    expect_fit(fit, x, y, w, tolerance)
  }
}

test_that("mt_lm_fit() is lm.fit() and lm.wfit(), with the same bits for all threads", {
  set.seed(1)
  for (d in list(c(30, 2), c(18, 18), c(900, 20), c(5000, 30), c(2100, 1), c(1500, 300))) {
    x <- random(d[[1L]], d[[2L]])
    y <- rnorm(d[[1L]])
    every_way(x, y)
    w <- runif(d[[1L]])
    every_way(x, y, w)
    colnames(x) <- paste0("v", seq_len(d[[2L]]))
    every_way(x, y)
    if (d[[1L]] > d[[2L]]) {
      rownames(x) <- paste0("r", seq_len(d[[1L]]))
      w[seq_len(min(5, d[[1L]] - d[[2L]]))] <- 0
      every_way(x, setNames(y, rownames(x)), w)
      several <- matrix(rnorm(2 * d[[1L]]), ncol = 2, dimnames = list(NULL, c("a", "b")))
      every_way(x, several)
      every_way(unname(x), unname(several))
    }
  }
})

test_that("tiny problems are lm.fit()'s, to the bit", {
  set.seed(2)
  for (k in 1:60) {
    d <- c(sample(8, 1), sample(6, 1))
    x <- matrix(round(rnorm(prod(d)), sample(0:2, 1)), d[[1L]])
    if (k %% 2L) rownames(x) <- LETTERS[seq_len(d[[1L]])]
    if (k %% 4L < 2L) colnames(x) <- letters[seq_len(d[[2L]])]
    if (k %% 3L == 0L) x[, d[[2L]]] <- x[, 1L]
    y <- rnorm(d[[1L]])
    base <- lm.fit(x, y)
    ours <- mt_lm_fit(x, y)
    for (part in c("coefficients", "residuals", "fitted.values", "rank")) {
      expect_identical(ours[[part]], base[[part]])
    }
    expect_identical(ours$pivot, base$qr$pivot)
    # An argument more, and it goes another way.
    expect_identical(ours, mt_lm_fit(x, y, tol = 1e-07))
  }
})

test_that("aliased columns have NA coefficients in R's order", {
  set.seed(2)
  x <- random(3000, 22)
  y <- rnorm(3000)
  cases <- list(
    copy = { z <- x; z[, 7] <- z[, 3]; z },
    sums = { z <- x; z[, 5] <- z[, 1] + z[, 2]; z[, 20] <- z[, 19] - 2 * z[, 5]; z },
    zero = { z <- x; z[, c(1, 22)] <- 0; z }, none = matrix(0, 3000, 22), one = matrix(1, 3000, 22),
    nearly = { z <- x; z[, 9] <- z[, 8] + 1e-9 * z[, 10]; z },
    dummies = cbind(1, outer(rep(1:21, length.out = 3000), 1:21, "==") + 0)
  )
  for (z in cases) {
    every_way(z, y)
    every_way(z[1:100, 1:10], y[1:100])
    every_way(z, y, rep(c(0, 2, 1), 1000))
  }
})

test_that("ill-conditioned designs keep the accuracy of a QR decomposition", {
  set.seed(3)
  x <- with_singular_values(4000, 20, 10^seq(0, -6, length.out = 20))
  # Normal equations would lose twelve digits, and the solution with them.
  every_way(x, drop(x %*% rnorm(20)) + rnorm(4000) / 1e6, tolerance = 1e-6)
})

# y is exact up to rounding: what is left of the coefficients are a method's own errors.
# Those of reflections are eps times the condition, times a number that depends on luck.
test_that("tall designs keep the accuracy of reflections, whichever way they take", {
  set.seed(3)
  z <- sort(runif(1e4))
  for (degree in c(2, 5, 8, 11)) {
    x <- outer(z, 0:degree, "^")
    b <- rep(c(3, -2), length.out = degree + 1)
    y <- drop(x %*% b)
    error <- function(fit) max(abs(fit$coefficients - b))
    scaled <- kappa(x / rep(sqrt(colSums(x^2)), each = nrow(x)), exact = TRUE)
    expect_lte(error(mt_lm_fit(x, y, tol = 0)), 50 * .Machine$double.eps * scaled)
    expect_lte(error(mt_lm_fit(x, y, weights = runif(1e4), tol = 0)), 50 * .Machine$double.eps * scaled)
  }
  year <- 1947 + rep(1:16, 1000)
  x <- cbind(1, year)
  # Of the sum of the terms of a fitted value, which is 1e4.
  expect_lte(max(abs(mt_lm_fit(x, 5 + 7 * year)$coefficients - c(5, 7))), 1e-9)
  x <- cbind(random(5000, 3) * 1e100, random(5000, 2) * 1e-100)
  y <- rnorm(5000)
  expect_equal(mt_lm_fit(x, y)$fitted.values, lm.fit(x, y)$fitted.values, tolerance = 1e-12)
})

test_that("integers are coerced; wide, empty and non-finite problems are base's", {
  set.seed(4)
  x <- matrix(sample(100L, 600, TRUE), 60)
  y <- sample(10L, 60, TRUE)
  every_way(x, y)
  every_way(x > 50, y > 5)
  x <- random(30, 40)
  y <- rnorm(30)
  every_way_wide <- mt_lm_fit(x, y)
  expect_identical(every_way_wide$coefficients, lm.fit(x, y)$coefficients)
  none <- mt_lm_fit(x[, 0], y)
  expect_identical(none[c("coefficients", "residuals", "rank")], lm.fit(x[, 0], y)[c("coefficients", "residuals", "rank")])
  x <- random(60, 20)
  y <- rnorm(60)
  for (bad in c(NA, NaN, Inf)) {
    z <- x
    z[3, 4] <- bad
    expect_like_base(mt_lm_fit(z, y), lm.fit(z, y))
    v <- y
    v[[5]] <- bad
    expect_like_base(mt_lm_fit(x, v), lm.fit(x, v))
  }
  expect_like_base(mt_lm_fit(x, y[-1]), lm.fit(x, y[-1]))
  expect_like_base(mt_lm_fit(x, y, weights = -y), lm.wfit(x, y, -y))
  expect_like_base(mt_lm_fit(x[0, ], y[0]), lm.fit(x[0, ], y[0]))
  expect_argument_error(mt_lm_fit(x, y, qr = NA), "qr")
  expect_argument_error(mt_lm_fit(x, y, tol = "small"), "tol")
  expect_argument_error(mt_lm_fit(x, y, threads = 0), "threads")
})

test_that("designs of extreme scale are base's", {
  set.seed(10)
  y <- rnorm(60)
  w <- runif(60)
  at_extreme_scales(function(x, p, scale) {
    base <- lm.fit(x, y)
    for (qr in c(FALSE, TRUE)) {
      ours <- mt_lm_fit(x, y, qr = qr, threads = 2)
      expect_identical(ours$coefficients, base$coefficients)
      expect_identical(ours$R, qr.R(base$qr))
      expect_identical(mt_lm_fit(x, y, weights = w, qr = qr)$coefficients, lm.wfit(x, y, w)$coefficients)
    }
    expect_identical(mt_lm_fit(random(60, 20), x[, 1:2] * 1e-30)$rank, 20L)
    batch <- mt_lm_batch(array(x, c(20, 5, 12)), matrix(y, 20, 12), threads = 2)
    expect_identical(batch$coefficients[, 3], unname(lm.fit(matrix(x[201:300], 20), rep(y, 4)[41:60])$coefficients))
  })
  # It is the weighted rows that count.
  x <- random(60, 20)
  x[1, ] <- 1e200
  w[[1L]] <- 0
  expect_equal(mt_lm_fit(x, y, weights = w)$coefficients, lm.wfit(x, y, w)$coefficients, tolerance = 1e-10)
  w <- 10^-seq(0, 300, length.out = 60)
  x <- random(60, 20)
  expect_equal(mt_lm_fit(x, y, weights = w)$coefficients, lm.wfit(x, y, w)$coefficients, tolerance = 1e-6)
})

test_that("the rank near the tolerance is lm.fit()'s, with the reflections and without", {
  set.seed(11)
  y <- rnorm(3000)
  for (k in 1:40) {
    x <- nearly_dependent(3000, 20, 1 + (k - 20) * 10^-sample(3:14, 1))
    if (k %% 2) x[, 18] <- x[, 1] - x[, 2]
    base <- lm.fit(x, y)
    for (qr in c(FALSE, TRUE)) {
      expect_identical(mt_lm_fit(x, y, qr = qr)[c("rank", "pivot")], list(rank = base$rank, pivot = base$qr$pivot))
    }
  }
})

test_that("a design without columns has what lm.fit() has", {
  x <- matrix(0, 5, 0)
  base <- lm.fit(x, 1:5)
  for (qr in c(FALSE, TRUE)) {
    ours <- mt_lm_fit(x, 1:5, qr = qr)
    expect_identical(ours[names(base)], base)
    expect_identical(setdiff(names(ours), names(base)), c("pivot", "R"))
  }
})
