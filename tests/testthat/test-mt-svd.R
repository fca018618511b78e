# Singular values are compared relative to the largest; vectors by what they rebuild and
# by their orthogonality, as their signs are free. Errors grow with n * eps.
expect_decomposition <- function(s, x) {
  base <- svd(x)
  expect_identical(names(s), names(base))
  expect_identical(lapply(s, dim), lapply(base, dim))
  expect_lte(max(abs(s$d - base$d)), 1e-13 * max(dim(x)) * max(base$d))
  expect_false(is.unsorted(rev(s$d)))
  expect_lte(max(abs(s$u %*% (s$d * t(s$v)) - x)), 1e-13 * max(dim(x)) * max(base$d))
  expect_equal(crossprod(s$u), diag(ncol(s$u)), tolerance = 1e-12)
  expect_equal(crossprod(s$v), diag(ncol(s$v)), tolerance = 1e-12)
}

test_that("mt_svd() decomposes matrices of all shapes and conditions, with the same bits", {
  set.seed(1)
  cases <- list(
    random(17, 17), random(90, 40), random(40, 90), random(1200, 20), random(20, 1200),
    with_singular_values(80, 60, 10^seq(0, -12, length.out = 60)),
    with_singular_values(80, 60, rep(c(3, 2), c(20, 5))), diag(30), matrix(1, 40, 20)
  )
  for (x in cases) expect_decomposition(expect_same_bits(function(k) mt_svd(x, threads = k), x), x)
})

test_that("the vectors that were asked for are returned", {
  set.seed(2)
  for (x in list(random(50, 30), random(30, 50), random(100, 20))) {
    n <- nrow(x)
    p <- ncol(x)
    full <- mt_svd(x)
    for (nu in c(0, 3, min(n, p), n)) {
      for (nv in c(0, 3, min(n, p), p)) {
        s <- mt_svd(x, nu = nu, nv = nv)
        base <- svd(x, nu = nu, nv = nv)
        expect_identical(names(s), names(base))
        expect_identical(lapply(s, dim), lapply(base, dim))
        expect_equal(s$d, base$d, tolerance = 1e-12)
        if (nu) expect_equal(crossprod(s$u), diag(nu), tolerance = 1e-12)
        if (nv) expect_equal(crossprod(s$v), diag(nv), tolerance = 1e-12)
        few <- seq_len(min(nu, n, p))
        if (nu) expect_close(abs(s$u[, few]), abs(base$u[, few]), 1e-7)
      }
    }
  }
})

test_that("what base refuses is refused, at once, and small or odd input is base's", {
  set.seed(3)
  x <- random(300, 300)
  for (z in non_finite(x)) expect_like_base(mt_svd(z), svd(z))
  for (z in list(x[0, ], x[, 0], "a", 1:5, x[1:4, 1:3], x[1:20, 1:20] + 1i)) {
    expect_like_base(mt_svd(z), svd(z))
  }
  expect_like_base(mt_svd(x[, 1:20], nu = 400), svd(x[, 1:20], nu = 400))
  frame <- as.data.frame(x[1:30, 1:20])
  expect_equal(mt_svd(frame)$d, svd(frame)$d, tolerance = 1e-12)
  i <- matrix(sample(9L, 900, TRUE), 30)
  expect_decomposition(mt_svd(i), i)
})

test_that("large matrices use all threads and decompose as well", {
  skip_on_cran()
  set.seed(4)
  x <- random(1010, 1000)
  for (threads in 1:2) {
    s <- mt_svd(x, threads = threads)
    expect_lte(max(abs(s$u %*% (s$d * t(s$v)) - x)), 1e-10)
    expect_false(isFALSE(rs_vector_clean()))
  }
})

# Components agree up to their sign.
expect_components <- function(ours, base) {
  expect_identical(names(ours), names(base))
  expect_identical(class(ours), class(base))
  expect_equal(ours$sdev, base$sdev, tolerance = 1e-10)
  expect_identical(ours[c("center", "scale")], base[c("center", "scale")])
  for (part in intersect(c("rotation", "x"), names(base))) {
    expect_identical(dimnames(ours[[part]]), dimnames(base[[part]]))
    expect_equal(abs(ours[[part]]), abs(base[[part]]), tolerance = 1e-6)
  }
}

test_that("mt_prcomp() is prcomp() up to signs", {
  set.seed(5)
  x <- random(300, 25) %*% diag(25:1)
  dimnames(x) <- list(paste0("r", 1:300), paste0("c", 1:25))
  expect_components(expect_same_bits(function(k) mt_prcomp(x, threads = k), x), prcomp(x))
  expect_components(mt_prcomp(x, scale. = TRUE), prcomp(x, scale. = TRUE))
  expect_components(mt_prcomp(x, center = FALSE, retx = FALSE), prcomp(x, center = FALSE, retx = FALSE))
  expect_components(mt_prcomp(x, center = 1:25, rank. = 3), prcomp(x, center = 1:25, rank. = 3))
  expect_components(mt_prcomp(x, tol = 0.3), prcomp(x, tol = 0.3))
  expect_components(mt_prcomp(unname(x), tol = 0.5, rank. = 2), prcomp(unname(x), tol = 0.5, rank. = 2))
  expect_components(mt_prcomp(x[1:20, ], rank. = 5), prcomp(x[1:20, ], rank. = 5))
  expect_components(mt_prcomp(USArrests, scale. = TRUE), prcomp(USArrests, scale. = TRUE))
  expect_equal(predict(mt_prcomp(x), x[1:3, ]), mt_prcomp(x)$x[1:3, ])
  x[, 3] <- 1
  expect_like_base(mt_prcomp(x, scale. = TRUE), prcomp(x, scale. = TRUE))
  x[2, 2] <- NA
  expect_like_base(mt_prcomp(x), prcomp(x))
  expect_argument_error(mt_prcomp(x, rank. = "2"), "rank.")
})

test_that("matrices of extreme scale are base's", {
  # svd() scales by the largest element; the squares of ours would not be numbers.
  at_extreme_scales(function(x, p, scale) {
    expect_identical(mt_svd(x, threads = 2), svd(x))
    expect_identical(mt_svd(x, nu = 0, threads = 2), svd(x, nu = 0))
    expect_equal(mt_prcomp(x, threads = 2)$sdev / scale, prcomp(x)$sdev / scale, tolerance = 1e-10)
  })
  # Within the range, the method is ours and the values differ in their last bits at most.
  x <- random(60, 20)
  for (scale in c(1e-120, 1e120)) {
    expect_equal(mt_svd(x * scale, threads = 2)$d / scale, svd(x)$d, tolerance = 1e-13)
  }
})

test_that("mt_prcomp() takes formulas as prcomp() does", {
  ours <- mt_prcomp(~ Murder + Rape, data = USArrests)
  base <- prcomp(~ Murder + Rape, data = USArrests)
  expect_identical(ours$call, quote(mt_prcomp(formula = ~ Murder + Rape, data = USArrests)))
  same <- function(ours, base) {
    ours$call <- base$call <- NULL
    expect_equal(ours$sdev, base$sdev, tolerance = 1e-13)
    expect_equal(abs(ours$x), abs(base$x), tolerance = 1e-10)
    expect_identical(names(ours), names(base))
    expect_identical(ours[c("center", "scale", "na.action")], base[c("center", "scale", "na.action")])
  }
  same(ours, base)
  for (action in list(na.omit, na.exclude)) {
    same(
      mt_prcomp(~ Ozone + log(Wind) + Temp, airquality, Month > 5, na.action = action, scale. = TRUE, threads = 2),
      prcomp(~ Ozone + log(Wind) + Temp, airquality, Month > 5, na.action = action, scale. = TRUE)
    )
  }
  local({
    here <- rnorm(50)
    there <- rnorm(50)
    same(mt_prcomp(formula = ~ here + there, rank. = 1), prcomp(formula = ~ here + there, rank. = 1))
  })
  expect_like_base(mt_prcomp(Murder ~ Rape, USArrests), prcomp(Murder ~ Rape, USArrests))
  expect_like_base(mt_prcomp(~ Species, data = iris), prcomp(~ Species, data = iris))
  expect_argument_error(mt_prcomp(~ Murder + Rape, USArrests, threads = 0), "threads")
})
