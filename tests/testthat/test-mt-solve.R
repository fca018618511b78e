orders <- c(17, 64, 129, 300)

test_that("factors, inverses and solutions equal base's, with the same bits for all threads", {
  set.seed(1)
  for (n in orders) {
    p <- positive_definite(n)
    dimnames(p) <- list(paste0("r", 1:n), paste0("c", 1:n))
    a <- random(n, n)
    dimnames(a) <- dimnames(p)
    # Condition numbers are 100 for p; those of random matrices are rarely above 1e5.
    r <- expect_same_bits(function(k) mt_chol(p, threads = k), p)
    expect_close(r, chol(p), 1e-12)
    expect_close(expect_same_bits(function(k) mt_chol2inv(r, threads = k), r), chol2inv(chol(p)), 1e-12)
    expect_close(mt_chol2inv(r, size = n - 1), chol2inv(r, size = n - 1), 1e-12)
    expect_close(expect_same_bits(function(k) mt_solve(a, threads = k), a), solve(a), 1e-9)
    b <- random(n, 3)
    expect_close(expect_same_bits(function(k) mt_solve(a, b, threads = k), a), solve(a, b), 1e-9)
    expect_close(mt_solve(a, b[, 1]), solve(a, b[, 1]), 1e-9)
    colnames(b) <- c("u", "v", "w")
    expect_close(mt_solve(a, b), solve(a, b), 1e-9)
    expect_close(mt_solve(unname(a), b), solve(unname(a), b), 1e-9)
    expect_close(mt_solve(unname(a), b[, 1]), solve(unname(a), b[, 1]), 1e-9)
    d <- expect_same_bits(function(k) mt_determinant(a, threads = k)$modulus, a)
    expect_equal(d, determinant(a)$modulus, tolerance = 1e-12)
    expect_identical(mt_determinant(a)$sign, determinant(a)$sign)
    expect_equal(mt_determinant(a, FALSE), determinant(a, FALSE), tolerance = 1e-9)
    expect_equal(mt_det(a), det(a), tolerance = 1e-9)
  }
})

test_that("the upper triangle alone is used by mt_chol() and mt_chol2inv()", {
  set.seed(2)
  p <- positive_definite(40)
  broken <- p
  broken[lower.tri(broken)] <- 7
  expect_identical(mt_chol(broken), mt_chol(p))
  r <- mt_chol(p)
  below <- r
  below[lower.tri(below)] <- 7
  expect_identical(mt_chol2inv(below), mt_chol2inv(r))
})

test_that("what cannot be factored or solved gives base's errors", {
  set.seed(3)
  n <- 60
  p <- positive_definite(n)
  indefinite <- p
  indefinite[33, 33] <- -1
  expect_like_base(mt_chol(indefinite), chol(indefinite))
  expect_like_base(mt_chol(matrix(0, n, n)), chol(matrix(0, n, n)))
  expect_like_base(mt_chol(random(n, 5)), chol(random(n, 5)))
  a <- random(n, n)
  zero <- a
  zero[, 40] <- 0
  expect_like_base(mt_solve(zero), solve(zero))
  expect_like_base(mt_solve(zero, 1:n), solve(zero, 1:n))
  expect_identical(mt_det(zero), 0)
  expect_identical(mt_determinant(zero), determinant(zero))
  expect_identical(mt_determinant(zero, FALSE), determinant(zero, FALSE))
  hilbert <- 1 / outer(1:n, 1:n, function(i, j) i + j - 1)
  expect_error(mt_solve(hilbert), "computationally singular: reciprocal condition number")
  # Solvable when the tolerance says so.
  expect_type(mt_solve(a, tol = 0), "double")
  expect_like_base(mt_solve(a, tol = 1), solve(a, tol = 1))
  expect_like_base(mt_solve(a, 1:3), solve(a, 1:3))
  expect_like_base(mt_solve(random(n, 20), 1:n), solve(matrix(0, n, 20), 1:n))
  expect_like_base(mt_solve(a, "b"), solve(a, "b"))
  expect_like_base(mt_chol("a"), chol("a"))
  expect_like_base(mt_chol2inv(matrix(0, n, n)), chol2inv(matrix(0, n, n)))
  expect_like_base(mt_chol2inv(p, size = n + 1), chol2inv(p, size = n + 1))
  expect_like_base(mt_determinant(random(n, 3)), determinant(matrix(0, n, 3)))
})

test_that("the condition number that decides is LAPACK's", {
  set.seed(4)
  for (n in c(20, 150)) {
    for (smallest in 10^-c(2, 8, 13)) {
      a <- with_singular_values(n, n, 10^seq(0, log10(smallest), length.out = n))
      # rcond() estimates the same number from LAPACK's own factors.
      tol <- rcond(a)
      expect_type(mt_solve(a, tol = tol * 0.99), "double")
      expect_error(mt_solve(a, tol = tol * 1.01), "computationally singular")
    }
  }
})

test_that("missing and infinite elements, integers, logicals, empty and tiny matrices are as in base", {
  set.seed(5)
  p <- positive_definite(30)
  for (x in non_finite(p)) {
    expect_like_base(mt_chol(x), chol(x))
    expect_like_base(mt_solve(x), solve(x))
    expect_like_base(mt_solve(p, x), solve(p, x))
    expect_like_base(mt_det(x), det(x))
    expect_like_base(mt_chol2inv(x), chol2inv(x))
  }
  i <- matrix(sample(100L, 900, TRUE), 30)
  expect_close(mt_solve(i, 1:30), solve(i, 1:30), 1e-9)
  expect_equal(mt_det(i), det(i), tolerance = 1e-9)
  l <- diag(30) > 0
  expect_equal(mt_chol(l), chol(l))
  expect_equal(mt_solve(l, l), solve(l, l))
  for (x in list(matrix(0, 0, 0), matrix(4), diag(3), matrix(1:4 + 0, 2))) {
    expect_like_base(mt_chol(x), chol(x))
    expect_like_base(mt_solve(x), solve(x))
    expect_like_base(mt_det(x), det(x))
    expect_like_base(mt_chol2inv(x), chol2inv(x))
  }
  z <- p + 1i
  expect_like_base(mt_solve(z), solve(z))
  expect_like_base(mt_solve(p, 1i * 1:30), solve(p, 1i * 1:30))
  expect_like_base(mt_solve(p, matrix(0, 30, 0)), solve(p, matrix(0, 30, 0)))
  q <- qr(p)
  expect_like_base(mt_solve(q, 1:30), solve(q, 1:30))
})

test_that("pivoting gives base's factor, pivot and rank", {
  set.seed(6)
  x <- tcrossprod(random(40, 12))
  expect_identical(suppressWarnings(attr(mt_chol(x, pivot = TRUE), "rank")), 12L)
  expect_like_base(mt_chol(x, pivot = TRUE), chol(x, pivot = TRUE))
})

test_that("the number of threads is checked", {
  expect_argument_error(mt_chol(diag(2), threads = 0), "threads")
  expect_argument_error(mt_solve(diag(2), threads = "1"), "threads")
  expect_argument_error(mt_det(diag(2), threads = NA), "threads")
  expect_argument_error(mt_chol2inv(diag(2), threads = -1), "threads")
})

test_that("matrices of extreme scale are base's", {
  at_extreme_scales(function(x, p, scale) {
    a <- x[1:20, ]
    expect_like_base(mt_det(a, threads = 2), det(a))
    expect_identical(mt_determinant(a, threads = 2), determinant(a))
    expect_identical(mt_determinant(a, FALSE, threads = 2), determinant(a, FALSE))
    expect_like_base(mt_solve(a, 1:20, threads = 2), solve(a, 1:20))
    expect_identical(mt_chol2inv(a, threads = 2), chol2inv(a))
    if (scale != 1) expect_like_base(mt_chol(p, threads = 2), chol(p))
  })
  # The product of the diagonal underflows, and with it its sign.
  small <- random(20, 20) * 1e-30
  for (a in list(small, small[20:1, ], small[c(2, 1, 3:20), ])) {
    expect_identical(mt_determinant(a, FALSE, threads = 2), determinant(a, FALSE))
  }
})
