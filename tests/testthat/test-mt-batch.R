schedules <- c("stealing", "static", "cyclic", "dynamic", "guided")

same_everywhere <- function(f) {
  one <- f(threads = 1)
  for (schedule in schedules) expect_identical(f(threads = 2, schedule = schedule), one)
  one
}

# Both are backward stable: they differ by a small multiple of n * eps * condition.
expect_near <- function(ours, oracle, condition) {
  n <- nrow(oracle)
  expect_lte(max(abs(ours - oracle)), 1e-15 * n * condition * max(abs(oracle)))
}

test_that("systems and inverses are solve()'s for all orders, threads and schedules", {
  set.seed(1)
  for (n in c(1:5, 8, 9, 16, 33, 64, 70)) {
    k <- if (n < 10) 300 else 6
    a <- array(stats::rnorm(n * n * k), c(n, n, k))
    b <- array(stats::rnorm(n * 3 * k), c(n, 3, k))
    v <- matrix(stats::rnorm(n * k), n)
    x <- same_everywhere(function(...) mt_solve_batch(a, b, ...))
    y <- same_everywhere(function(...) mt_solve_batch(a, v, ...))
    z <- same_everywhere(function(...) mt_solve_batch(a, ...))
    expect_identical(list(dim(x), dim(y), dim(z)), list(dim(b), dim(v), dim(a)))
    for (i in seq_len(k)) {
      m <- matrix(a[, , i], n)
      condition <- kappa(m, exact = TRUE)
      expect_near(matrix(x[, , i], n), solve(m, matrix(b[, , i], n)), condition)
      expect_near(matrix(y[, i], n), solve(m, matrix(v[, i], n)), condition)
      expect_near(matrix(z[, , i], n), solve(m), condition)
    }
  }
})

test_that("singular and ill-conditioned matrices fail as solve() does, with their number", {
  set.seed(2)
  a <- array(stats::rnorm(4 * 4 * 50), c(4, 4, 50))
  singular <- a
  singular[, 2, 17] <- 0
  error <- expect_error(mt_solve_batch(singular), class = "rustle_error_batch")
  expect_identical(error$index, 17L)
  base <- tryCatch(solve(singular[, , 17]), error = conditionMessage)
  expect_identical(conditionMessage(error), paste("Matrix 17:", base))
  hilbert <- 1 / outer(1:8, 1:8, function(i, j) i + j - 1)
  near <- array(hilbert, c(8, 8, 3))
  expect_equal(mt_solve_batch(near)[, , 2], solve(hilbert), tolerance = 1e-5)
  hard <- 1 / outer(1:12, 1:12, function(i, j) i + j - 1)
  error <- expect_error(mt_solve_batch(array(hard, c(12, 12, 2))), class = "rustle_error_batch")
  expect_identical(conditionMessage(error), paste("Matrix 1:", tryCatch(solve(hard), error = conditionMessage)))
  # With no tolerance solve() gives an inverse that is off by a few per cent, and so do we.
  expect_equal(mt_solve_batch(array(hard, c(12, 12, 2)), tol = 0)[, , 1], solve(hard, tol = 0), tolerance = 0.3)
  a[3, 3, 9] <- NA
  expect_identical(
    tryCatch(mt_solve_batch(a)[, , 9], error = function(e) sub("Matrix 9: ", "", conditionMessage(e))),
    tryCatch(solve(a[, , 9]), error = conditionMessage)
  )
})

test_that("Cholesky factors are chol()'s, and failures name the matrix", {
  set.seed(3)
  for (n in c(1:4, 8, 17, 64, 70)) {
    k <- if (n < 10) 200 else 5
    a <- array(0, c(n, n, k))
    for (i in seq_len(k)) a[, , i] <- positive_definite(n)
    low <- a
    low[rep(lower.tri(diag(n)), k)] <- 99
    r <- same_everywhere(function(...) mt_chol_batch(a, ...))
    expect_identical(mt_chol_batch(low, threads = 2), r)
    for (i in seq_len(k)) {
      oracle <- chol(matrix(a[, , i], n))
      expect_near(matrix(r[, , i], n), oracle, 100)
    }
  }
  a <- array(diag(3), c(3, 3, 9))
  a[2, 2, 5] <- -1
  error <- expect_error(mt_chol_batch(a), class = "rustle_error_batch")
  expect_match(conditionMessage(error), "^Matrix 5: the leading minor of order 2")
  a[2, 2, 5] <- NA
  base <- tryCatch(chol(a[, , 5]), error = function(e) paste("Matrix 5:", conditionMessage(e)))
  ours <- tryCatch(mt_chol_batch(a)[, , 5], error = conditionMessage)
  expect_identical(ours, base)
})

test_that("least squares are lm.fit()'s, also with aliased columns", {
  set.seed(4)
  for (shape in list(c(5, 1), c(3, 3), c(100, 5), c(31, 7), c(200, 20))) {
    n <- shape[[1L]]
    p <- shape[[2L]]
    k <- 40
    x <- array(stats::rnorm(n * p * k), c(n, p, k))
    y <- matrix(stats::rnorm(n * k), n)
    if (p > 2) {
      x[, 2, 7] <- 3 * x[, 1, 7]
      x[, 3, 9] <- 0
    }
    fit <- same_everywhere(function(...) mt_lm_batch(x, y, ...))
    all <- same_everywhere(function(...) mt_lm_batch(matrix(x[, , 1], n), y, ...))
    for (i in seq_len(k)) {
      oracle <- lm.fit(matrix(x[, , i], n), y[, i])
      condition <- if (anyNA(oracle$coefficients)) 1 else kappa(matrix(x[, , i], n), exact = TRUE)
      tolerance <- 1e-14 * n * condition
      expect_equal(fit$coefficients[, i], unname(oracle$coefficients), tolerance = tolerance)
      expect_lte(max(abs(fit$residuals[, i] - oracle$residuals)), tolerance * max(abs(y[, i])))
      expect_identical(fit$rank[[i]], oracle$rank)
      expect_identical(fit$df.residual[[i]], oracle$df.residual)
      oracle <- lm.fit(matrix(x[, , 1], n), y[, i])
      expect_equal(all$coefficients[, i], unname(oracle$coefficients), tolerance = 1e-10)
    }
  }
  wide <- mt_lm_batch(array(stats::rnorm(24), c(2, 4, 3)), matrix(1:6, 2))
  expect_identical(wide$rank, rep(2L, 3))
  expect_identical(is.na(wide$coefficients[, 1]), c(FALSE, FALSE, TRUE, TRUE))
  expect_error(mt_lm_batch(array(c(1, NA, 2), c(3, 1, 1)), matrix(1:3)), class = "rustle_error_batch")
})

test_that("dimnames and zero extents are kept, integers and logicals coerced", {
  a <- array(c(2L, 1L, 0L, 3L), c(2, 2, 3), dimnames = list(c("r", "s"), c("u", "v"), c("A", "B", "C")))
  b <- array(1:12, c(2, 2, 3), dimnames = list(NULL, c("x", "y"), NULL))
  x <- mt_solve_batch(a, b)
  expect_identical(dimnames(x), list(c("u", "v"), c("x", "y"), c("A", "B", "C")))
  expect_equal(x[, , 2], solve(a[, , 2], b[, , 2]))
  expect_equal(mt_solve_batch(a)[, , 2], solve(a[, , 2]))
  expect_identical(mt_solve_batch(a, matrix(TRUE, 2, 3))[, 2], solve(a[, , 2], c(1, 1)))
  expect_identical(dim(mt_solve_batch(a[, , 0])), c(2L, 2L, 0L))
  expect_identical(dim(mt_solve_batch(array(0, c(0, 0, 4)))), c(0L, 0L, 4L))
  expect_identical(dim(mt_chol_batch(array(0, c(0, 0, 4)))), c(0L, 0L, 4L))
  none <- mt_lm_batch(array(0, c(5, 2, 0)), matrix(0, 5, 0))
  expect_identical(dim(none$coefficients), c(2L, 0L))
})

test_that("wrong arguments are named", {
  a <- array(1, c(2, 2, 3))
  expect_argument_error(mt_solve_batch(matrix(1, 2, 2)), "a")
  expect_argument_error(mt_solve_batch(array(1, 2:4)), "a")
  expect_argument_error(mt_chol_batch("a"), "a")
  expect_argument_error(mt_solve_batch(a, matrix(1, 2, 2)), "b")
  expect_argument_error(mt_solve_batch(a, tol = -1), "tol")
  expect_argument_error(mt_lm_batch(1:3, 1:3), "x")
  expect_argument_error(mt_lm_batch(a, matrix(1, 2, 2)), "y")
  expect_argument_error(mt_lm_batch(a, matrix(1, 2, 3), schedule = ""), "schedule")
  expect_argument_error(mt_chol_batch(a, threads = 0), "threads")
})
