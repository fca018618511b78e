# Cholesky and LU factors, and what is made of them.

#' Factor and solve on several threads
#'
#' `mt_chol()`, `mt_chol2inv()`, `mt_solve()`, `mt_determinant()` and `mt_det()` are
#' [chol()], [chol2inv()], [solve()], [determinant()] and [det()] on threads.
#'
#' Arguments, dimnames and errors are those of base R. `mt_solve()` estimates the
#' reciprocal condition number as LAPACK does, and refuses singular systems with the
#' errors of `solve()`. Factors are computed in blocks that depend on the order of the
#' matrix alone: the result has the same bits for every number of threads.
#'
#' Passed on to base R are: complex matrices and objects with a class, matrices of
#' order 16 at most, matrices with missing or infinite elements or of extreme scale (see
#' [linalg_info()]), and matrices for which
#' the factorization fails, so that values and errors in these cases are base's.
#'
#' @param x,a A square matrix, numeric (double), integer or logical. `mt_chol()` uses
#'   the upper triangle only; `mt_chol2inv()` takes the upper factor.
#' @param pivot `TRUE` factors with pivoting, as in [chol()], for semidefinite matrices.
#' @param LINPACK Obsolete in base R: if given, the call is passed on to it.
#' @param size Number of columns of `x` that hold the factor.
#' @param b A vector or matrix with as many rows as `a`; missing: the identity, which
#'   gives the inverse.
#' @param tol For `mt_solve()` the reciprocal condition number below which `a` is called
#'   singular; for `mt_chol()` the tolerance of `pivot = TRUE`, as in [chol()].
#' @param logarithm `TRUE` (default) gives the logarithm of the modulus.
#' @param ... For base R's methods, where the call is passed on; else not used.
#' @inheritParams mt_matmul
#' @return As base R's: the upper factor, with attributes `pivot` and `rank` if
#'   `pivot = TRUE`; the inverse; the solution; for `mt_determinant()` a list of class
#'   `det`; for `mt_det()` a number.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`.
#' @section Interrupts: Honoured between blocks, within 200 ms at order 6000, but not while the matrix is
#'   copied at the start.
#' @examples
#' set.seed(1)
#' a <- crossprod(matrix(rnorm(4e3), 80))
#' all.equal(mt_solve(a, 1:50, threads = 2), solve(a, 1:50))
#' #> [1] TRUE
#' r <- mt_chol(a)
#' all.equal(mt_chol2inv(r), solve(a))
#' #> [1] TRUE
#' mt_det(a)
#' #> [1] 5.612021e+87
#' @seealso [mt_qr()], [with_threads()].
#' @export
mt_chol <- function(x, pivot = FALSE, LINPACK = FALSE, tol = -1, ..., threads = NULL) {
  if (nargs() == 1L && length(x) <= tiny_length) return(chol(x))
  if (...length() && !is.object(x)) check_dots(...)
  threads_given(threads)
  n <- square_order(x)
  plain <- missing(LINPACK) && missing(tol) && !...length()
  if (is.null(n) || n <= small_order || !isFALSE(pivot) || !plain || !in_range(x, threads = threads)) {
    if (plain) return(chol(x, pivot = pivot))
    return(if (missing(LINPACK)) chol(x, pivot = pivot, tol = tol, ...) else chol(x, pivot, LINPACK, tol, ...))
  }
  threads <- thread_count(threads)
  of <- x
  x <- as_double(x)
  out <- rs_matrix(n, n)
  if (is.null(in_slices(function(state) rs_chol(x, out, state, threads)))) {
    return(chol(of))
  }
  # As in base R, all that `x` has.
  attributes(out) <- attributes(of)
  out
}

#' @rdname mt_chol
#' @export
mt_chol2inv <- function(x, size = NCOL(x), LINPACK = FALSE, threads = NULL) {
  if (!missing(LINPACK)) return(chol2inv(x, size, LINPACK))
  if (is.null(threads) && length(x) <= tiny_length) return(chol2inv(x, size))
  threads_given(threads)
  d <- plain_dim(x)
  good <- !is.null(d) && is.numeric(size) && length(size) == 1L && !is.na(size) &&
    size > small_order && size == floor(size) && size <= min(d) && in_range(x, threads = threads) &&
    all(diag(x)[seq_len(size)] != 0)
  if (!good) return(chol2inv(x, size))
  threads <- thread_count(threads)
  x <- as_double(x)
  out <- rs_matrix(size, size)
  in_slices(function(state) rs_chol2inv(x, out, state, threads))
  out
}

#' @rdname mt_chol
#' @export
mt_solve <- function(a, b, tol = .Machine$double.eps, LINPACK = FALSE, ..., threads = NULL) {
  if (nargs() == 1L && length(a) <= tiny_length) return(solve(a))
  if (...length() && !is.object(a)) check_dots(...)
  if (!missing(LINPACK)) {
    return(if (missing(b)) solve(a, tol = tol, LINPACK = LINPACK, ...) else solve(a, b, tol, LINPACK, ...))
  }
  if (is.null(threads) && length(a) <= tiny_length) {
    return(if (missing(b)) solve(a, tol = tol, ...) else solve(a, b, tol = tol, ...))
  }
  threads_given(threads)
  n <- square_order(a)
  whole <- missing(b)
  base <- function() if (whole) solve(a, tol = tol, ...) else solve(a, b, tol = tol, ...)
  if (is.null(n) || n <= small_order || !is.double(tol) || length(tol) != 1L || is.na(tol) || ...length()) {
    return(base())
  }
  vector <- FALSE
  rhs <- NULL
  if (!whole) {
    vector <- is.null(dim(b)) && (is.double(b) || is.integer(b) || is.logical(b)) && !is.object(b)
    d <- if (vector) c(length(b), 1L) else plain_dim(b)
    if (is.null(d) || d[[1L]] != n || d[[2L]] == 0L) return(base())
    rhs <- if (vector) matrix(as.double(b), ncol = 1L) else as_double(b)
  }
  if (!in_range(a, threads = threads) || !(whole || in_range(rhs, threads = threads))) return(base())
  threads <- thread_count(threads)
  x <- as_double(a)
  lu <- rs_matrix(n, n)
  out <- rs_matrix(n, if (whole) n else ncol(rhs))
  done <- in_slices(function(state) rs_solve(x, rhs, tol, lu, out, state, threads))
  if (is.null(done)) return(base())
  rows <- colnames(a)
  if (vector) {
    dim(out) <- NULL
    if (!is.null(rows)) names(out) <- rows
    return(out)
  }
  cols <- if (whole) rownames(a) else colnames(b)
  if (!is.null(rows) || !is.null(cols)) dimnames(out) <- list(rows, cols)
  out
}

#' @rdname mt_chol
#' @export
mt_determinant <- function(x, logarithm = TRUE, ..., threads = NULL) {
  if (...length() && !is.object(x)) check_dots(...)
  if (is.null(threads) && length(x) <= tiny_length) return(determinant(x, logarithm = logarithm, ...))
  threads_given(threads)
  n <- square_order(x)
  good <- !is.null(n) && n > small_order && (isTRUE(logarithm) || isFALSE(logarithm)) &&
    in_range(x, threads = threads)
  if (!good) return(determinant(x, logarithm = logarithm, ...))
  threads <- thread_count(threads)
  x <- as_double(x)
  lu <- rs_matrix(n, n)
  value <- in_slices(function(state) rs_determinant(x, lu, state, threads))
  # As base has it: a singular matrix has sign 1.
  if (is.null(value)) value <- c(-Inf, 1, 0)
  # Nor has a product that underflows the sign of the logarithm's.
  else if (!logarithm && value[[3L]] == 0) return(determinant(x, logarithm = FALSE))
  modulus <- structure(value[[if (logarithm) 1L else 3L]], logarithm = logarithm)
  structure(list(modulus = modulus, sign = as.integer(value[[2L]])), class = "det")
}

#' @rdname mt_chol
#' @export
mt_det <- function(x, ..., threads = NULL) {
  if (...length() && !is.object(x)) check_dots(...)
  if (is.null(threads) && length(x) <= tiny_length) return(det(x, ...))
  z <- mt_determinant(x, logarithm = TRUE, ..., threads = threads)
  c(z$sign * exp(z$modulus))
}
