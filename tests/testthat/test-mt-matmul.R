# Sums of k products are compared with a tolerance of 1e-15 * k relative to the sum of
# the absolute products: both orders of summation err by at most k * eps / 2 of it.
expect_product <- function(ours, oracle, size, k) {
  expect_identical(dim(ours), dim(oracle))
  expect_identical(dimnames(ours), dimnames(oracle))
  expect_identical(is.na(ours), is.na(oracle))
  finite <- is.finite(oracle)
  expect_identical(ours[!finite], oracle[!finite])
  bound <- 1e-15 * max(k, 1) * size
  expect_true(all(abs(ours - oracle)[finite] <= bound[finite]))
}

shapes <- list(
  c(1, 600, 1), c(3, 7, 600), c(50, 5000, 50), c(300, 300, 300), c(257, 40, 513),
  c(600, 1, 600), c(0, 5, 700), c(700, 0, 3), c(5, 700, 0), c(40, 9000, 260)
)

test_that("products equal base's for all shapes and numbers of threads, with the same bits", {
  set.seed(1)
  for (shape in shapes) {
    m <- shape[[1L]]; k <- shape[[2L]]; n <- shape[[3L]]
    x <- random(m, k)
    y <- random(k, n)
    calls <- list(
      list(mt_matmul, `%*%`, x, y, abs(x) %*% abs(y)),
      list(mt_crossprod, crossprod, t(x), y, abs(x) %*% abs(y)),
      list(mt_tcrossprod, tcrossprod, x, t(y), abs(x) %*% abs(y))
    )
    for (call in calls) {
      one <- call[[1L]](call[[3L]], call[[4L]], threads = 1)
      expect_product(one, call[[2L]](call[[3L]], call[[4L]]), call[[5L]], k)
      for (threads in 2:3) {
        expect_identical(call[[1L]](call[[3L]], call[[4L]], threads = threads), one)
      }
    }
    expect_product(mt_crossprod(x, threads = 2), crossprod(x), crossprod(abs(x)), m)
    expect_product(mt_tcrossprod(x, threads = 2), tcrossprod(x), tcrossprod(abs(x)), k)
    expect_identical(mt_crossprod(x, threads = 3), mt_crossprod(x, threads = 1))
    expect_true(isSymmetric(mt_crossprod(x, threads = 2), tol = 0))
  }
})

test_that("missing values and infinities are base's", {
  set.seed(2)
  x <- random(60, 3000)
  y <- random(3000, 60)
  x[2, 5] <- NA
  x[3, 6] <- NaN
  x[4, 7] <- Inf
  x[5, 8] <- -Inf
  y[8, 9] <- 0
  y[9, 10] <- NaN
  y[10, 11] <- NA
  size <- abs(x) %*% abs(y)
  expect_product(mt_matmul(x, y), x %*% y, size, 3000)
  expect_product(mt_crossprod(y), crossprod(y), crossprod(abs(y)), 3000)
  expect_product(mt_tcrossprod(x), tcrossprod(x), tcrossprod(abs(x)), 3000)
  is_na <- function(z) is.na(z) & !is.nan(z)
  expect_identical(is_na(mt_matmul(x, y)), is_na(x %*% y))
  expect_identical(is_na(mt_crossprod(y)), is_na(crossprod(y)))
  expect_identical(is_na(mt_tcrossprod(x)), is_na(tcrossprod(x)))
})

test_that("dimnames are kept as base keeps them", {
  full <- matrix(1:400 + 0, 20, dimnames = list(a = paste0("r", 1:20), b = paste0("c", 1:20)))
  half <- matrix(1:400 + 0, 20, dimnames = list(NULL, paste0("k", 1:20)))
  none <- matrix(1:400 + 0, 20)
  named <- none
  dimnames(named) <- list(u = NULL, v = NULL)
  all <- list(full, half, none, t(half), named, t(full))
  for (x in all) {
    expect_identical(mt_crossprod(x), crossprod(x))
    expect_identical(mt_tcrossprod(x), tcrossprod(x))
    for (y in all) {
      expect_identical(x %mt*% y, x %*% y)
      expect_identical(mt_crossprod(x, y), crossprod(x, y))
      expect_identical(mt_tcrossprod(x, y), tcrossprod(x, y))
    }
  }
})

test_that("integers and logicals are coerced, and what base takes otherwise goes to base", {
  i <- matrix(1:400, 20)
  l <- i %% 3L == 0L
  expect_identical(mt_matmul(i, l), i %*% l)
  expect_identical(mt_crossprod(l), crossprod(l))
  expect_identical(mt_tcrossprod(i, l), tcrossprod(i, l))
  i[3, 4] <- NA
  expect_identical(mt_matmul(i, l), i %*% l)
  z <- matrix(complex(real = 1:400, imaginary = 1), 20)
  expect_identical(mt_matmul(z, i), z %*% i)
  v <- 1:20
  expect_identical(mt_matmul(v, i), v %*% i)
  expect_identical(i %mt*% v, i %*% v)
  expect_identical(mt_crossprod(v), crossprod(v))
  small <- matrix(1:4, 2)
  expect_identical(mt_matmul(small, small), small %*% small)
})

test_that("arguments are not changed", {
  x <- random(300, 300)
  y <- x + 0
  mt_crossprod(x, threads = 2)
  mt_matmul(x, x, threads = 2)
  expect_identical(x, y)
})

test_that("errors are base's, or name the argument", {
  x <- random(30, 20)
  expect_error(mt_matmul(x, x), "non-conformable arguments")
  expect_error(mt_crossprod(x, t(x)), "non-conformable arguments")
  expect_error(mt_matmul(x, "a"), "requires numeric/complex matrix/vector arguments")
  for (bad in list(0, -1, NA, "2", 1.5, c(1, 2), Inf)) {
    expect_argument_error(mt_matmul(x, t(x), threads = bad), "threads")
    expect_argument_error(mt_crossprod(1, threads = bad), "threads")
  }
})

test_that("vector registers are clean after a product on R's own thread", {
  clean <- rs_vector_clean()
  skip_if(is.na(clean), "the processor does not tell")
  x <- random(400, 400)
  mt_matmul(x, x, threads = 1)
  expect_true(rs_vector_clean())
  mt_crossprod(x, threads = 2)
  expect_true(rs_vector_clean())
})
