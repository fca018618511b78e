# Many small systems at once, over the third dimension of arrays.

#' Solve, factor and fit many small systems at once
#'
#' `mt_solve_batch()`, `mt_chol_batch()` and `mt_lm_batch()` do what [solve()],
#' [chol()] and [lm.fit()] do, for each matrix of a three-dimensional array, in one
#' call and on threads.
#'
#' For small matrices the calls of an R loop cost many times what the arithmetic does.
#' Kernels are written for these; matrices of an order above 64 go one by one to
#' [mt_solve()] and [mt_chol()]. A matrix that may be singular, ill-conditioned, not
#' positive definite, not of full rank or not finite is looked at again by base R (as are all
#' of `mt_lm_batch()` when one is of extreme scale, see [linalg_info()]), so
#' that its result, or its error, is base's: coefficients of aliased columns are `NA`.
#' Results have the same bits for every number of threads and every schedule.
#'
#' @param a An n x n x k array, numeric or logical: k square matrices. `mt_chol_batch()`
#'   reads their upper triangles.
#' @param b Right-hand sides: an n x m x k array, or an n x k matrix whose column i
#'   belongs to matrix i; missing: the identity, which gives the inverses.
#' @param x An n x p x k array of design matrices, or one n x p matrix for all.
#' @param y An n x k matrix: column i is the response that belongs to matrix i.
#' @param tol For `mt_solve_batch()` the reciprocal condition number below which a
#'   matrix is called singular, for `mt_lm_batch()` the tolerance of [lm.fit()].
#' @inheritParams mt_rowSums
#' @return `mt_solve_batch()`: an array of the shape of `b` (n x n x k if it is missing);
#'   `mt_chol_batch()`: an n x n x k array of upper factors; `mt_lm_batch()`: a list of
#'   `coefficients` (p x k), `residuals` (n x k), `rank` and `df.residual` (k integers
#'   each).
#' @section Errors: `rustle_error_argument` for wrong shapes and types;
#'   `rustle_error_batch`, with the message of base R and the number of the first matrix
#'   that fails in the field `index`.
#' @section Interrupts: Honoured within 200 ms, between matrices, but not while memory for the result is
#'   taken (a million inverses of order 4: 0.1 to 0.4 s on a busy machine).
#' @examples
#' set.seed(1)
#' a <- array(rnorm(4 * 4 * 100), c(4, 4, 100))
#' b <- matrix(rnorm(400), 4)
#' x <- mt_solve_batch(a, b, threads = 2)
#' all.equal(x[, 7], solve(a[, , 7], b[, 7]))
#' #> [1] TRUE
#'
#' # Coefficients of bootstrap resamples
#' X <- cbind(1, mtcars$wt)
#' rows <- replicate(200, sample(32, replace = TRUE))
#' x <- array(X[rows, ], c(32, 200, 2))
#' fits <- mt_lm_batch(aperm(x, c(1, 3, 2)), matrix(mtcars$mpg[rows], 32))
#' apply(fits$coefficients, 1, sd)
#' #> [1] 2.4219657 0.7150476
#' @seealso [mt_solve()], [mt_lm_fit()], [with_threads()].
#' @export
mt_solve_batch <- function(a, b, tol = .Machine$double.eps, schedule = "stealing",
                           threads = NULL) {
  da <- check_squares(a, "a")
  n <- da[[1L]]
  k <- da[[3L]]
  db <- c(n, n, k)
  if (!missing(b)) {
    db <- dim(b)
    good <- is_plain_number(b) && length(db) %in% 2:3 && db[[1L]] == n && db[[length(db)]] == k
    if (!good) {
      stop_argument("b", sprintf("a numeric %d x m x %d array or %d x %d matrix", n, k, n, k), b, sys.call())
    }
  }
  tol <- check_tolerance(tol)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  a <- as_double(a)
  rhs <- if (!missing(b)) as_double(b)
  out <- new_array(db)
  m <- if (length(db) == 3L) db[[2L]] else 1L
  len <- n * m
  if (n > batch_order) {
    doubtful <- seq_len(k)
    one <- function(a, ...) mt_solve(a, ..., tol = tol, threads = threads)
  } else {
    one <- function(a, ...) solve(a, ..., tol = tol)
    doubtful <- if (length(out)) in_slices(function(state) {
      rs_solve_batch(a, rhs, c(n, m, k), tol, schedule, out, state, threads)
    })
  }
  for (i in doubtful) {
    matrix <- layer(a, i)
    out[(i - 1) * len + seq_len(len)] <- of_matrix(i, if (is.null(rhs)) {
      one(matrix)
    } else {
      one(matrix, array(rhs[(i - 1) * len + seq_len(len)], c(n, m)))
    })
  }
  names <- if (missing(b)) dimnames(a)[c(2L, 1L, 3L)] else batch_names(a, b)
  if (!is.null(names) && !all(lengths(names) == 0L)) dimnames(out) <- names
  out
}

#' @rdname mt_solve_batch
#' @export
mt_chol_batch <- function(a, schedule = "stealing", threads = NULL) {
  da <- check_squares(a, "a")
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  a <- as_double(a)
  out <- new_array(da)
  n <- da[[1L]]
  one <- if (n > batch_order) function(a) mt_chol(a, threads = threads) else chol
  doubtful <- if (n > batch_order) {
    seq_len(da[[3L]])
  } else if (length(out)) {
    in_slices(function(state) {
      rs_chol_batch(a, n, da[[3L]], schedule, out, state, threads)
    })
  }
  for (i in doubtful) {
    out[(i - 1) * n^2 + seq_len(n^2)] <- of_matrix(i, one(layer(a, i)))
  }
  if (!is.null(dimnames(a))) dimnames(out) <- dimnames(a)
  out
}

#' @rdname mt_solve_batch
#' @export
mt_lm_batch <- function(x, y, tol = 1e-07, schedule = "stealing", threads = NULL) {
  dx <- dim(x)
  if (!is_plain_number(x) || !length(dx) %in% 2:3) {
    stop_argument("x", "a numeric matrix or three-dimensional array", x, sys.call())
  }
  dy <- dim(y)
  good <- is_plain_number(y) && length(dy) == 2L && dy[[1L]] == dx[[1L]] &&
    (length(dx) == 2L || dy[[2L]] == dx[[3L]])
  if (!good) {
    must <- sprintf("a numeric matrix with %d rows and a column for each matrix of `x`", dx[[1L]])
    stop_argument("y", must, y, sys.call())
  }
  tol <- check_tolerance(tol)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  shared <- length(dx) == 2L
  n <- dx[[1L]]
  p <- dx[[2L]]
  k <- dy[[2L]]
  x <- as_double(x)
  y <- as_double(y)
  b <- new_array(c(p, k))
  r <- new_array(c(n, k))
  rank <- rep(p, k)
  doubtful <- if (n < p || n == 0L || p == 0L || is_extreme(x, n, threads) || is_extreme(y, n, threads)) {
    seq_len(k)
  } else if (k > 0L) {
    in_slices(function(state) {
      rs_lm_batch(x, y, c(n, p, k), shared, tol, schedule, b, r, state, threads)
    })
  }
  for (i in doubtful) {
    fit <- of_matrix(i, stats::lm.fit(if (shared) x else layer(x, i), y[, i], tol = tol))
    b[, i] <- fit$coefficients
    r[, i] <- fit$residuals
    rank[[i]] <- fit$rank
  }
  of_y <- dimnames(y)
  of_x <- dimnames(x)
  if (!is.null(of_x[[2L]]) || !is.null(of_y[[2L]])) dimnames(b) <- list(of_x[[2L]], of_y[[2L]])
  if (!is.null(of_y)) dimnames(r) <- of_y
  list(coefficients = b, residuals = r, rank = rank, df.residual = n - rank)
}

check_squares <- function(a, argument, call = sys.call(-1L)) {
  d <- dim(a)
  if (!is_plain_number(a) || length(d) != 3L || d[[1L]] != d[[2L]]) {
    stop_argument(argument, "a numeric n x n x k array", a, call)
  }
  d
}

# Matrix `i` of a three-dimensional array, also if it has one row or column.
layer <- function(a, i) {
  d <- dim(a)
  matrix(a[, , i], d[[1L]], d[[2L]], dimnames = dimnames(a)[1:2])
}

# Names as solve() gives them, and those of the batch.
batch_names <- function(a, b) {
  of_b <- dimnames(b)
  each <- of_b[[length(dim(b))]]
  if (is.null(each)) each <- dimnames(a)[[3L]]
  c(
    list(dimnames(a)[[2L]]), if (length(dim(b)) == 3L) list(of_b[[2L]]), list(each)
  )
}

# An error of base R about matrix `i` says which one it was.
of_matrix <- function(i, value, call = sys.call(-1L)) {
  tryCatch(value, error = function(e) {
    abort_rustle(
      sprintf("Matrix %d: %s", i, conditionMessage(e)),
      class = "rustle_error_batch", index = i, parent = e, call = call
    )
  })
}
