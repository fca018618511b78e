# Matrices under plan(threads) beside plan(sequential), its oracle.

skip_without_blas <- function() skip_if(nzchar(unfit_blas()), unfit_blas())

X <- matrix(c(1.5, 2, 0.5, 3, 1, 2, -1, 4, 0.25, 6, 2, 1), 4L)
XI <- matrix(c(4L, 1L, 2L, 3L, -1L, 7L), 3L)
XL <- XI > 1L
y <- c(0.5, -2, 1, 3)

test_that("parts of matrices are R's, with what it drops", {
  expect_same_on_threads(1:3, function(i) list(X[i, ], X[, i], X[i, 2], X[2, i], X[[i, 1]], X[i], X[c(i, 12)]))
  expect_same_on_threads(1:3, function(i) list(X[c(i, 1), ], X[, c(i, i)], X[c(1, i), 1:2], X[-i, ], X[, -1], X[-(1:2), c(TRUE, FALSE, TRUE)]))
  expect_same_on_threads(1:3, function(i) list(X[i, , drop = FALSE], X[, i, drop = FALSE], X[-(1:3), , drop = FALSE], X[integer(0), ], X[i, i, drop = FALSE]))
  expect_same_on_threads(1:3, function(i) list(X[X[, 1] > 1, ], X[X > i], XI[XL], XI[, 2], XL[i, ], X[, ], X[], XI[i, 1.9]))
  # One row is left of these, which R makes a vector: that is known too late.
  expect_same_on_threads(1:4, function(i) X[seq_len(i), ], kept = 3L)
  expect_same_on_threads(1:4, function(i) X[, 3:1][X[, 1] > 2.5, ], kept = 0L)
})

test_that("assignment to parts keeps the shape, changes the type, and copies what is captured", {
  before <- X + 0
  expect_same_on_threads(1:3, function(i) {
    X[i, 2] <- 10
    X[4, ] <- c(1, 2, 3)
    X[, i] <- i
    X[1:2, 2:3] <- c(7, 8)
    X[X > 5] <- 0
    X[12] <- -1
    X
  })
  expect_identical(X, before)
  expect_same_on_threads(1:3, function(i) { XI[i, 1] <- 9L; XI })
  expect_same_on_threads(1:3, function(i) { XI[i, 1] <- 0.5; XI[2, ] <- 3L; XI })
  expect_same_on_threads(1:3, function(i) { XL[i, ] <- FALSE; XL })
  expect_same_on_threads(1:3, function(i) {
    m <- matrix(0, 3, 3)
    for (r in 1:3) for (k in 1:3) m[r, k] <- r * k + rnorm(1)
    m[-1, i] <- 0
    m
  })
  # What does not fit is R's error or warning, and R makes another object of what is appended to.
  for (fun in list(
    function(i) { X[i + 3L, 1] <- 1; X }, function(i) { X[1, ] <- c(1, 2); X }, function(i) { X[13] <- 1; X },
    function(i) { X[0, 1] <- 1; X }, function(i) { X[c(TRUE, FALSE), 1] <- 1; X }
  )) {
    expect_identical(observe_program(fun, 1:3, list("threads", workers = 2)), observe_program(fun, 1:3))
  }
})

test_that("arithmetic, comparison and functions of elements keep shapes", {
  expect_same_on_threads(1:3, function(i) {
    list(X + i, i - X, X * X, X / c(1, 2), -X, abs(X), XI %% 2L, XI * i, XI / 2L, sqrt(abs(X)), X^2, exp(X), round(X))
  })
  expect_same_on_threads(1:3, function(i) list(X > i, i <= XI, XI == XI, !XL, XL & XI > 2L, XL | (XI < 0L), is.na(X), +XL, XI - 1:3))
  expect_same_on_threads(1:3, function(i) list(sum(X), mean(XI), max(X), min(XI, i), any(X > i), all(XL), prod(X), sd(X), range = length(X)))
  expect_same_on_threads(1:3, function(i) list(which(X > i), cumsum(XI), c(X, i), as.numeric(XI), as.vector(XL), as.integer(X), which.max(X), anyNA(X)))
  expect_same_on_threads(1:3, function(i) list(ifelse(X > i, X, 0), ifelse(XL, i, XI), ifelse(y > 0, X, 1), pmax(X, i), pmin(XI, XI[3:1, ]), pmax(X, y)))
  expect_same_on_threads(1:3, function(i) if (sum(X[i, ]) > 3) X else X * 2)
  expect_same_on_threads(1:3, function(i) { s <- 0; for (e in XI) s <- s + e * i; s })
})

test_that("matrices are made as R makes them", {
  expect_same_on_threads(1:3, function(i) {
    list(
      matrix(0, 2, i), matrix(1:6, 2), matrix(c(1, 2, i), ncol = 3), matrix(TRUE, 2, 2), matrix(1:6, 2, byrow = TRUE), matrix(i, 1, 1),
      matrix(X, 3), matrix(c(1, 2), 2, 3, TRUE), matrix(y), diag(3), diag(i), diag(y), diag(X), diag(2.5, 2), diag(XI), diag(2L, 3L),
      t(X), t(XI), t(y), t(i), as.matrix(y), as.matrix(XI), dim(X), nrow(XI), ncol(X), t(t(XL))
    )
  })
  # R warns.
  suppressWarnings(expect_same_on_threads(1:4, function(i) matrix(1:6, i), kept = 3L))
  expect_same_on_threads(1:2, function(i) matrix(1, i - 1L, 2), kept = 1L)
})

test_that("products, sums of sides and equations have the bits of R's libraries", {
  skip_without_blas()
  expect_same_on_threads(1:20, function(i) {
    A <- matrix(rnorm(35), 7)
    b <- rnorm(7)
    G <- crossprod(A)
    list(
      G, crossprod(A, b), tcrossprod(A), A %*% t(A), A %*% G, b %*% A, b %*% b, tcrossprod(A, A[1:2, ]), crossprod(b),
      drop(A %*% A[1, ]), solve(G), solve(G, crossprod(A, b)), solve(G, A[3, ]), XI %*% t(XI), crossprod(b, A), outer(b, y), outer(1:2, 3:1)
    )
  })
  expect_same_on_threads(1:20, function(i) {
    rows <- X[sample.int(4L, replace = TRUE), ]
    list(colMeans(rows), rowMeans(rows), colSums(rows), rowSums(rows), colSums(XI), rowMeans(XI), colMeans(XL))
  })
  # Large ones, where BLAS may have threads of its own.
  big <- matrix(sin(1:40000), 200)
  expect_same_on_threads(1:4, function(i) {
    G <- crossprod(big + i)
    list(G[, 1:3], (big %*% big)[i, ], solve(G + diag(200) * 1000, big[, i]))
  })
  # A regression on a resample.
  rows <- cbind(1, sin(1:30))
  dimnames(rows) <- NULL
  z <- cos(1:30)
  expect_same_on_threads(1:40, function(b) {
    at <- sample.int(30L, replace = TRUE)
    drop(solve(crossprod(rows[at, ]), crossprod(rows[at, ], z[at])))
  })
})

test_that("what is singular, missing, infinite or does not fit is R's", {
  skip_without_blas()
  bad <- matrix(c(1, NA, 3, 4), 2)
  endless <- matrix(c(1, Inf, 3, 4), 2)
  flat <- matrix(c(1, 2, 2, 4), 2)
  none <- matrix(0, 0, 3)
  for (fun in list(
    function(i) solve(flat), function(i) solve(flat + 1e-17 * i), function(i) solve(X), function(i) bad %*% bad, function(i) crossprod(endless),
    function(i) bad * 2, function(i) bad[1, ], function(i) X %*% X, function(i) X + t(X), function(i) X + y, function(i) X + c(1, 2, 3, 4, 5),
    function(i) X[5, 1], function(i) X[1, 4], function(i) X[0, 1], function(i) X[i, 0], function(i) X[-5, ], function(i) X[c(-1, 2), ],
    function(i) X[NA_integer_, ], function(i) X[c(TRUE, FALSE), ], function(i) none + 1, function(i) none > 1, function(i) colSums(none),
    function(i) t(none), function(i) none[, 1], function(i) crossprod(none), function(i) X[13], function(i) drop(X), function(i) matrix(1:5, 2),
    function(i) matrix(numeric(0), 2, 2), function(i) diag(numeric(0)), function(i) rowSums(bad), function(i) colMeans(bad, na.rm = TRUE),
    function(i) solve(flat, 1:3), function(i) X == t(X), function(i) matrix(1, 1, 1) + 1:3, function(i) matrix(1e200, 2, 2) %*% matrix(1e200, 2, 2),
    function(i) y %*% 1:3, function(i) 2 %*% 3, function(i) tcrossprod(X, 1:3), function(i) crossprod(y, 1), function(i) diag(2.5), function(i) diag(-1),
    function(i) X[[5, 1]], function(i) X[[c(1, 2)]], function(i) { X[[1, 2]] <- 5; X }, function(i) rowSums(y), function(i) nrow(y)
  )) {
    oracle <- observe_program(fun, 1:3)
    expect_identical(observe_program(fun, 1:3, list("threads", workers = 2)), oracle, label = deparse1(body(fun)))
  }
})

test_that("matrices are elements of the data and further arguments", {
  expect_same_on_threads(list(X, X[1:2, ], X * 2), function(m, k) list(dim(m), m[1, ] * k, colSums(k)), k = t(X))
  # Elements of another kind than the first are R's.
  expect_same_on_threads(list(X, 1:3, XI, X), function(m) m * 2, kept = 2L)
  expect_same_on_threads(list(1, X, 2), function(m) m * 2, kept = 2L)
  expect_same_on_threads(list(1:2, X, 3L), function(m) m * 2, kept = 2L)
  expect_identical(on_threads(future_sapply(1:3, function(i) X * i)), sapply(1:3, function(i) X * i))
  expect_identical(on_threads(future_sapply(1:3, function(i) XI * i, simplify = "array")), sapply(1:3, function(i) XI * i, simplify = "array"))
  expect_identical(on_threads(future_vapply(1:3, function(i) X * i, numeric(12))), vapply(1:3, function(i) X * i, numeric(12)))
  expect_identical(on_threads(future_vapply(1:3, function(i) X * i, X)), vapply(1:3, function(i) X * i, X))
})

test_that("functions of matrices that are called keep their shapes, and change no matrix of the caller", {
  skip_without_blas()
  fit <- function(X, y, ridge = 0) {
    G <- crossprod(X)
    for (k in seq_len(ncol(G))) G[k, k] <- G[k, k] + ridge
    drop(solve(G, crossprod(X, y)))
  }
  early <- function(m, i) {
    if (i > 2) return(m * 2)
    m[1, 1] <- 100
    m
  }
  expect_same_on_threads(1:20, function(i) { rows <- X[sample.int(4L), ]; list(fit(rows, y, i), fit(X, rnorm(4)), rows) }, kept = 20L)
  expect_same_on_threads(1:4, function(i) { m <- X + i; n <- early(m, i); list(m, n, early(XI, i)) })
  expect_same_on_threads(1:4, function(i) { own <- function(m) { m[1, ] <- 0; dim(m) }; m <- X; list(own(m), m) })
  # Which of both it is depends on the way the code takes.
  either <- function(m, i) if (i > 2) m else m[1, ]
  expect_match(explain_compiled(function(i) { z <- either(X, i); z }, 1L)$why, "depends on the way")
  expect_match(explain_compiled(function(i) either(X, i) + 1, 1L)$why, "depends on the way")
  expect_same_on_threads(1:4, function(i) either(X, i))
})

test_that("names of rows or columns, methods for matrices and doubtful forms are not compiled", {
  named <- X
  colnames(named) <- c("a", "b", "c")
  why <- function(fun, x = 1L) explain_compiled(fun, x)$why
  expect_match(why(function(i) named * 2), "may have names")
  expect_match(why(function(m) m[1, ], named), "may have names")
  expect_match(why(function(i) { named[1] <- i; sum(named) }), "has names")
  expect_match(why(function(i) X[i, ], structure(1L, class = "odd")), "not plain")
  local({
    t.matrix <- function(x) 42
    expect_match(why(function(i) t(X)), "method")
  })
  local({
    `%*%` <- base::nargs
    expect_match(why(function(i) X %*% X), "not R's own")
  })
  sides <- X
  attr(sides, "dim") <- c(rows = 4L, columns = 3L)
  if (!is.null(names(dim(sides)))) expect_match(why(function(i) dim(sides)), "attributes")
  cube <- array(1, c(2, 2, 2))
  expect_match(why(function(i) cube[1]), "attributes")
  for (fun in list(
    function(i) rev(X), function(i) var(X), function(i) diff(X), function(i) sort(X), function(i) median(X),
    function(i) X[cbind(1, 2)], function(i) X[1, 2, 3], function(i) X["a", ], function(i) X[i, j = 2],
    function(i) pmax(1, X), function(i) sample(X), function(i) outer(X, y), function(i) { z <- if (i > 1) X else X[1, ]; z }, function(i) { dim(y) <- c(2, 2); y },
    function(i) matrix(nrow = 2, ncol = 2), function(i) solve(X, X, tol = 1), function(i) X[i, , drop = i > 1], function(i) y[1, 2]
  )) expect_type(why(fun), "character")
})

test_that("a BLAS that cannot be used switches off what needs it, with the reason", {
  entry <- primitive_table$crossprod
  entry$missing <- function() "R's BLAS is one that is not known"
  expect_identical(compare_primitive("crossprod", entry), "R's BLAS is one that is not known")
  entry$missing <- function() ""
  entry$reference <- function(x, nrow, y, nrow_y) 1
  expect_match(compare_primitive("crossprod", entry), "gives other numbers")
})

test_that("products are R's where its option says how they are computed", {
  withr::local_options(matprod = "internal")
  expect_match(explain_compiled(function(i) X %*% t(X), 1L)$why, "matprod")
  expect_null(explain_compiled(function(i) t(X), 1L)$why)
  skip_without_blas()
  options(matprod = "default")
  expect_null(explain_compiled(function(i) X %*% t(X), 1L)$why)
})

test_that("generated programs with matrices do what they do in the interpreter", {
  skip_without_blas()
  seeds <- seq_len(if (long_tests()) 4000L else 120L)
  found <- expect_programs(seeds, make = random_matrix_program)
  expect_gt(found[["compiled"]], length(seeds) / 5)
  expect_gt(found[["kept"]], length(seeds) / 3)
  withr::defer(machine$bail <- FALSE)
  machine$bail <- TRUE
  expect_identical(expect_programs(1:15, make = random_matrix_program)[["kept"]], 0L)
})

test_that("equations run on one thread where a BLAS with threads of its own solves one after the other", {
  skip_without_blas()
  used <- function(fun) under_plan(list("threads", workers = 2), {
    future_lapply(1:4, fun)
    job_report()$workers
  })
  expect_identical(used(function(i) solve(X[1:3, ], c(i, 1, 2))), if (rs_compiled_blas_waits()) 1L else 2L)
  halves <- function(b) solve(b, c(1, 2, 3))
  expect_identical(used(function(i) sum(halves(X[1:3, ] + i))), if (rs_compiled_blas_waits()) 1L else 2L)
  expect_identical(used(function(i) X[i, 1]), 2L)
})
