# Values are compared relative to the norm of the matrix; vectors by what they do, as
# their signs are free.
expect_eigen <- function(e, x, base = eigen(x), tolerance = 1e-12) {
  expect_identical(names(e), names(base))
  expect_identical(class(e), class(base))
  expect_identical(typeof(e$values), typeof(base$values))
  expect_identical(typeof(e$vectors), typeof(base$vectors))
  expect_identical(dim(e$vectors), dim(base$vectors))
  norm <- max(Mod(base$values))
  expect_lte(max(Mod(e$values - base$values)), tolerance * nrow(x) * norm)
  expect_lte(max(Mod(x %*% e$vectors - e$vectors %*% diag(e$values))), 1e-12 * nrow(x) * norm)
  expect_equal(colSums(Mod(e$vectors)^2), rep(1, nrow(x)), tolerance = 1e-10)
}

test_that("symmetric matrices: base's values and orthonormal vectors, with the same bits", {
  set.seed(1)
  cases <- list(
    positive_definite(17), positive_definite(150, 1e10), crossprod(random(60, 60)) - 40 * diag(60),
    tcrossprod(random(50, 7)), diag(40), matrix(1, 30, 30)
  )
  for (x in cases) {
    e <- expect_same_bits(function(k) mt_eigen(x, threads = k), x)
    expect_eigen(e, x)
    expect_equal(crossprod(e$vectors), diag(nrow(x)), tolerance = 1e-10)
    expect_equal(mt_eigen(x, only.values = TRUE), eigen(x, only.values = TRUE), tolerance = 1e-9)
  }
  # The lower triangle alone is used when symmetry is promised.
  x <- positive_definite(30)
  broken <- x
  broken[upper.tri(broken)] <- 9
  expect_equal(mt_eigen(broken, symmetric = TRUE)$values, eigen(x)$values, tolerance = 1e-10)
})

test_that("other matrices: base's values in base's order, real or complex as in base", {
  set.seed(2)
  real <- random(40, 40)
  real[lower.tri(real)] <- 0
  diag(real) <- seq(1, 3, length.out = 40)
  for (x in list(random(17, 17), random(120, 120), real)) {
    # Eigenvalues of matrices that are not normal have condition numbers of their own.
    e <- expect_same_bits(function(k) mt_eigen(x, threads = k), x)
    expect_identical(typeof(e$values), typeof(eigen(x)$values))
    expect_identical(typeof(e$vectors), typeof(eigen(x)$vectors))
    expect_identical(class(e), "eigen")
    expect_lte(max(Mod(x %*% e$vectors - e$vectors %*% diag(e$values))), 1e-10)
    expect_equal(colSums(Mod(e$vectors)^2), rep(1, nrow(x)), tolerance = 1e-10)
    expect_false(is.unsorted(rev(Mod(e$values))))
  }
  x <- random(60, 60)
  expect_eigen(mt_eigen(x), x)
  expect_identical(sign(Im(mt_eigen(x)$values)), sign(Im(eigen(x)$values)))
  expect_equal(mt_eigen(x, only.values = TRUE), eigen(x, only.values = TRUE), tolerance = 1e-10)
  # The phase is LAPACK's: the largest element of each vector is real.
  v <- mt_eigen(x)$vectors
  expect_lte(max(abs(Im(v[cbind(max.col(t(Mod(v))), 1:60)]))), 1e-12)
  expect_equal(Mod(v), Mod(eigen(x)$vectors), tolerance = 1e-8)
})

test_that("what base refuses is refused, at once, and small or odd input is base's", {
  set.seed(3)
  x <- positive_definite(200)
  for (z in non_finite(x)) expect_like_base(mt_eigen(z), eigen(z))
  for (z in list(matrix(0, 0, 0), x[1:20, ], x[1:3, 1:3], x[1:20, 1:20] + 1i, "a", 3)) {
    expect_like_base(mt_eigen(z), eigen(z))
  }
  i <- matrix(1:400, 20)
  expect_equal(mt_eigen(i)$values, eigen(i)$values, tolerance = 1e-6)
  named <- x[1:20, 1:20]
  dimnames(named) <- list(letters[1:20], letters[1:20])
  expect_null(dimnames(mt_eigen(named)$vectors))
  expect_argument_error(mt_eigen(3, threads = 0), "threads")
})

test_that("large matrices use all threads and decompose as well", {
  skip_on_cran()
  set.seed(4)
  x <- crossprod(random(1000, 1000))
  for (threads in 1:2) {
    e <- mt_eigen(x, threads = threads)
    expect_lte(max(abs(e$vectors %*% (e$values * t(e$vectors)) - x)), 1e-8)
    expect_false(isFALSE(rs_vector_clean()))
  }
})

test_that("matrices of extreme scale are base's", {
  at_extreme_scales(function(x, p, scale) {
    a <- x[1:20, ]
    expect_identical(mt_eigen(a, threads = 2), eigen(a))
    if (scale != 1) expect_identical(mt_eigen(p, threads = 2), eigen(p))
  })
})
