# Rank, pivot and attributes are base's; numbers agree up to rounding errors, which are a
# small multiple of n * eps * (condition of the columns up to the rank).
expect_like_qr <- function(ours, x, tol = 1e-07, tolerance = 1e-10) {
  base <- qr(x, tol = tol)
  expect_identical(ours[c("rank", "pivot")], base[c("rank", "pivot")])
  expect_identical(names(ours), names(base))
  expect_identical(class(ours), class(base))
  expect_identical(dimnames(ours$qr), dimnames(base$qr))
  k <- seq_len(base$rank)
  expect_close(ours$qr[, k], base$qr[, k], tolerance)
  expect_close(ours$qraux[k], base$qraux[k], tolerance)
  expect_close(ours$qr[k, , drop = FALSE], base$qr[k, , drop = FALSE], tolerance)
}

test_that("mt_qr() is base's decomposition, with the same bits for all threads", {
  set.seed(1)
  for (d in list(c(40, 17), c(33, 33), c(200, 90), c(5000, 20), c(130, 129))) {
    x <- random(d[[1L]], d[[2L]])
    dimnames(x) <- list(paste0("r", seq_len(d[[1L]])), paste0("c", seq_len(d[[2L]])))
    q <- expect_same_bits(function(k) mt_qr(x, threads = k), x)
    expect_like_qr(q, x)
    y <- random(d[[1L]], 2)
    expect_equal(qr.coef(q, y), qr.coef(qr(x), y), tolerance = 1e-8)
    expect_equal(qr.Q(q), qr.Q(qr(x)), tolerance = 1e-8)
    expect_equal(qr.X(q), x, tolerance = 1e-12)
    expect_equal(qr.qty(q, y), qr.qty(qr(x), y), tolerance = 1e-8)
    expect_equal(qr.solve(q, y), qr.solve(qr(x), y), tolerance = 1e-8)
  }
})

test_that("reflections from cross products are orthogonal, whatever the condition", {
  set.seed(2)
  z <- sort(runif(4000))
  for (degree in c(1, 4, 7, 12, 20)) {
    x <- outer(z, 0:degree, "^")
    if (length(x) < 2^16) x <- x[rep(seq_len(4000), ceiling(2^16 / length(x))), ]
    q <- expect_same_bits(function(k) mt_qr(x, tol = 0, threads = k), x)
    # What base leaves, whose sums over all rows a plain BLAS rounds at each term.
    left <- function(q) {
      c(max(abs(crossprod(qr.Q(q)) - diag(degree + 1))), max(abs(qr.X(q) - x)))
    }
    expect_true(all(left(q) <= 5 * left(qr(x, tol = 0)) + 1e-13))
    expect_equal(sign(diag(qr.R(q))), sign(diag(qr.R(qr(x, tol = 0)))))
  }
})

test_that("the sign of a column that begins with a negative zero is base's", {
  for (p in c(2, 5)) {
    x <- cbind(-rep(c(0, 1), 20000), matrix(rep(1:7, length.out = 4e4 * (p - 1)), 4e4))
    x[, p] <- x[, p] + rep(1:5, 8000)
    expect_equal(qr.R(mt_qr(x)), qr.R(qr(x)), tolerance = 1e-10)
  }
})

test_that("a model matrix keeps its attributes", {
  d <- data.frame(a = rep(c(1, 3, 2), 12000), f = gl(4, 1, 36000))
  x <- model.matrix(~ a * f, d)
  names <- names(attributes(qr(x)$qr))
  expect_setequal(names(attributes(mt_qr(x)$qr)), names)
  expect_identical(attributes(mt_qr(x)$qr)[names], attributes(qr(x)$qr)[names])
  y <- seq_len(36000)
  for (w in list(rep(1:2, 18000), rep(0:2, 12000))) {
    expect_identical(
      attributes(mt_lm_fit(x, y, weights = w, qr = TRUE)$qr$qr)[c("assign", "contrasts")],
      attributes(lm.wfit(x, y, w)$qr$qr)[c("assign", "contrasts")]
    )
  }
})

test_that("dependent columns are moved as base moves them", {
  set.seed(2)
  x <- random(300, 24)
  deficient <- list(
    copy = { z <- x; z[, 7] <- z[, 3]; z },
    sums = { z <- x; z[, 5] <- z[, 1] + z[, 2]; z[, 20] <- z[, 19] - 2 * z[, 5]; z },
    zero = { z <- x; z[, 1] <- 0; z[, 24] <- 0; z },
    all = matrix(0, 300, 24),
    constant = matrix(1, 300, 24),
    nearly = { z <- x; z[, 9] <- z[, 8] + 1e-9 * z[, 10]; z },
    scaled = { z <- x; z[, 9] <- 1e-200 * z[, 9]; z[, 10] <- 1e150 * z[, 10]; z }
  )
  colnames(deficient$sums) <- letters[1:24]
  for (x in deficient) {
    q <- expect_same_bits(function(k) mt_qr(x, threads = k), x)
    expect_like_qr(q, x)
  }
  # Dummy variables and an intercept: many exact zeros.
  f <- factor(rep(1:20, 15))
  dummies <- cbind(1, outer(as.integer(f), 1:20, "==") + 0)
  expect_like_qr(mt_qr(dummies), dummies)
  triangle <- random(30, 30)
  triangle[lower.tri(triangle)] <- 0
  expect_like_qr(mt_qr(triangle), triangle)
  # The tolerance decides.
  graded <- with_singular_values(200, 20, 10^seq(0, -9, length.out = 20))
  for (tol in c(1e-12, 1e-7, 1e-3)) expect_like_qr(mt_qr(graded, tol = tol), graded, tol, tolerance = 1e-5)
})

test_that("missing values, integers, wide, empty and tiny matrices, and other arguments are as in base", {
  set.seed(3)
  x <- random(40, 20)
  for (z in non_finite(x)) expect_like_base(mt_qr(z), qr(z))
  i <- matrix(sample(50L, 800, TRUE), 40)
  expect_like_qr(mt_qr(i), i)
  expect_like_qr(mt_qr(i > 20), i > 20)
  for (z in list(t(x), x[, 1:3], x[0, ], x[, 0], matrix(0, 0, 0), 1:5, data.frame(a = 1:3, b = 2:4))) {
    expect_like_base(mt_qr(z), qr(z))
  }
  expect_like_base(mt_qr(x, LAPACK = TRUE), qr(x, LAPACK = TRUE))
  expect_like_base(mt_qr(x + 1i), qr(x + 1i))
  expect_argument_error(mt_qr(1:5, threads = 0), "threads")
})

test_that("matrices of extreme scale are base's", {
  at_extreme_scales(function(x, p, scale) expect_identical(mt_qr(x, threads = 2), qr(x)))
})

test_that("rank and pivot are qr()'s where a column is near the tolerance", {
  set.seed(9)
  for (k in 1:40) {
    x <- nearly_dependent(1500, 20, 1 + (k - 20) * 10^-sample(3:14, 1))
    if (k %% 2) x[, 18] <- x[, 1] - x[, 2]
    expect_identical(mt_qr(x, threads = 2)[c("rank", "pivot")], qr(x)[c("rank", "pivot")])
  }
})
