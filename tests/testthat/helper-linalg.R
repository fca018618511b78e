# Matrices that are hard for linear algebra, and how results are compared.

random <- function(nrow, ncol) matrix(stats::rnorm(nrow * ncol), nrow, ncol)

# A matrix with the singular values `d`.
with_singular_values <- function(nrow, ncol, d) {
  k <- length(d)
  qr.Q(qr(random(nrow, k))) %*% (d * t(qr.Q(qr(random(ncol, k)))))
}

positive_definite <- function(n, condition = 100) {
  q <- qr.Q(qr(random(n, n)))
  x <- q %*% (10^seq(0, -log10(condition), length.out = n) * t(q))
  (x + t(x)) / 2
}

# |ours - oracle| relative to the largest element of the oracle. Backward stable
# methods differ by a small multiple of n * eps * condition.
expect_close <- function(ours, oracle, tolerance) {
  expect_identical(attributes(ours), attributes(oracle))
  expect_identical(is.na(ours), is.na(oracle))
  scale <- max(abs(oracle), 0, na.rm = TRUE)
  expect_lte(max(abs(ours - oracle), 0, na.rm = TRUE), tolerance * max(scale, 1e-300))
}

# The same value, or an error or warning with the same message.
expect_like_base <- function(ours, base) {
  run <- function(expr) {
    warned <- character()
    value <- withCallingHandlers(
      tryCatch(expr, error = function(e) paste("error:", conditionMessage(e))),
      warning = function(w) {
        warned <<- c(warned, conditionMessage(w))
        invokeRestart("muffleWarning")
      }
    )
    list(value, warned)
  }
  expect_identical(run(ours), run(base))
}

# `f(threads)` gives the same bits for 1, 2 and 3 threads, leaves R's own thread with
# clean vector registers, and does not change `x`.
expect_same_bits <- function(f, x) {
  before <- unserialize(serialize(x, NULL))
  one <- f(1)
  expect_false(isFALSE(rs_vector_clean()))
  for (threads in 2:3) {
    expect_identical(f(threads), one)
    expect_false(isFALSE(rs_vector_clean()))
  }
  expect_identical(x, before)
  invisible(one)
}

non_finite <- function(x) {
  lapply(list(NA, NaN, Inf, -Inf), function(value) {
    x[2, 3] <- x[3, 2] <- value
    x
  })
}

# Equal values with the same attributes, or the same error; warnings are not compared.
expect_alike <- function(ours, base, tolerance = 1e-13) {
  run <- function(expr) {
    tryCatch(suppressWarnings(expr), error = function(e) paste("error:", conditionMessage(e)))
  }
  ours <- run(ours)
  base <- run(base)
  expect_identical(is.na(ours), is.na(base))
  expect_identical(attributes(ours), attributes(base))
  expect_equal(ours, base, tolerance = tolerance)
}

# Random matrices and positive definite ones of scales whose squares are not double
# numbers, and some whose squares are, as f(x, p, scale) sees them.
at_extreme_scales <- function(f) {
  set.seed(8)
  x <- random(60, 20)
  p <- positive_definite(20)
  for (scale in c(1e-310, 1e-305, 1e-165, 1e-140, 1e140, 1e155, 1e200, 1e300)) f(x * scale, p * scale, scale)
  uneven <- x
  uneven[, 7] <- x[, 7] * 1e-170
  uneven[, 8] <- x[, 8] * 1e-200
  f(uneven, p, 1)
}

# The call that a condition shows.
shown_call <- function(expr, class = "error") {
  found <- NULL
  catch <- function(e) found <<- conditionCall(e)
  if (class == "error") tryCatch(expr, error = catch) else tryCatch(expr, warning = catch)
  as.character(found[[1L]])
}

# A matrix with a column of which elimination leaves `times` the tolerance 1e-7.
nearly_dependent <- function(nrow, ncol, times) {
  x <- random(nrow, ncol)
  j <- sample(3:17, 1L)
  unit <- function(v) v / sqrt(sum(v^2))
  left <- unit(qr.resid(qr(x[, seq_len(j - 1L)]), stats::rnorm(nrow)))
  x[, j] <- unit(x[, 1L] + x[, 2L]) * sqrt(1 - (1e-7 * times)^2) + left * 1e-7 * times
  x
}
