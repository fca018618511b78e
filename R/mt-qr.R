#' QR decomposition on several threads
#'
#' `mt_qr()` is [qr()] with LINPACK's pivoting, on threads. Its result is used by
#' [qr.coef()], [qr.qy()], [qr.Q()], [qr.solve()] and others as any "qr" object.
#'
#' Reflections are made without pivoting: those of matrices with at least 8 times as many
#' rows as columns, and at least 2048, from two cross products (see [mt_lm_fit()] and
#' Ballard and others, below) unless they are nearly singular, others in blocks. If no column would have been moved by
#' R's limited pivoting, this is the result. Otherwise the triangle alone is pivoted (which has
#' the column norms of `x`), and `x` is factored once more with its columns in that
#' order. Elements of `qraux` behind the rank, which nothing reads, are the norms of what is
#' left of these columns. The result has the same bits for every number of threads.
#'
#' Passed on to base R are: complex matrices and objects with a class, matrices with
#' fewer rows than columns, with at most 16 columns (and fewer than 65,536 elements) or 512
#' elements, with missing
#' or infinite elements or of extreme scale (see [linalg_info()]), and those with a column
#' that is so near to `tol`, or to a combination of those before, that rounding decides.
#'
#' @param x A matrix, numeric (double), integer or logical.
#' @param tol Columns whose norm falls below `tol` times what it was are moved to the
#'   end, as linearly dependent on those before.
#' @param LAPACK `TRUE`: the pivoting of LAPACK, by base R.
#' @param ... Further arguments of [qr()], with which the call is passed on to it.
#' @inheritParams mt_matmul
#' @return An object of class "qr": `qr`, `rank`, `qraux` and `pivot`.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`.
#' @section Interrupts: Honoured between blocks of 32 columns.
#' @examples
#' x <- matrix(rnorm(4000), 100)
#' q <- mt_qr(x, threads = 2)
#' all.equal(qr.R(q), qr.R(qr(x)))
#' #> [1] TRUE
#' @references G. Ballard, J. Demmel, L. Grigori, M. Jacquelin, H. D. Nguyen and E.
#'   Solomonik, Reconstructing Householder vectors from tall-skinny QR, Journal of Parallel
#'   and Distributed Computing 85 (2015).
#' @seealso [mt_lm_fit()], [mt_solve()].
#' @export
mt_qr <- function(x, tol = 1e-07, LAPACK = FALSE, ..., threads = NULL) {
  if (nargs() == 1L && length(x) <= tiny_length) return(qr(x))
  if (...length() && !is.object(x)) check_dots(...)
  threads_given(threads)
  if (!isFALSE(LAPACK)) return(qr(x, tol = tol, LAPACK = LAPACK, ...))
  if (is.null(threads) && length(x) <= tiny_length) return(qr(x, tol = tol, ...))
  d <- plain_dim(x)
  good <- !is.null(d) && d[[1L]] >= d[[2L]] && worth_reflections(d) && !...length() &&
    is.numeric(tol) && length(tol) == 1L && !is.na(tol) && in_range(x, threads = threads)
  if (!good) return(qr(x, tol = tol, ...))
  qr_by_reflections(x, tol, thread_count(threads))
}

# Of a matrix that is in range, not wide and worth it.
qr_by_reflections <- function(x, tol, threads) {
  values <- as_double(x)
  p <- ncol(x)
  found <- qr_reflections(values, p, threads)
  rank <- p
  pivot <- seq_len(p)
  of <- rank_of_triangle(found$qr[pivot, , drop = FALSE], tol)
  if (is.null(of)) return(qr(x, tol = tol))
  if (of$moved) {
    if (p <= small_order) return(qr(x, tol = tol))
    rank <- of$rank
    pivot <- of$pivot
    found <- qr_reflections(values[, pivot, drop = FALSE], rank, threads)
  }
  if (!length(found$qraux)) return(qr(x, tol = tol))
  # One name for the matrix: attributes are then set without a copy.
  aux <- found$qraux
  out <- found$qr
  found <- NULL
  names <- dimnames(x)
  if (!is.null(names)) {
    if (!is.null(names[[2L]])) names[[2L]] <- names[[2L]][pivot]
    dimnames(out) <- names
  }
  # Those of a model matrix.
  more <- attributes(x)
  more <- more[!names(more) %in% c("dim", "dimnames")]
  for (name in names(more)) attr(out, name) <- more[[name]]
  structure(list(qr = out, rank = rank, qraux = aux, pivot = pivot), class = "qr")
}

# For a few columns base R is faster, unless they are long.
worth_reflections <- function(d) d[[2L]] > small_order && prod(d) > small_size || d[[2L]] > 1L && prod(d) >= long_size

# Without `qraux` if some column is so near to the others that it has no reflection.
qr_reflections <- function(x, rank, threads) {
  out <- rs_matrix(nrow(x), ncol(x))
  aux <- in_slices(function(state) rs_qr(x, rank, out, state, threads))
  list(qr = out, qraux = aux)
}

# The triangle R of the QR of `x`, and of further columns, without Q.
triangle_of <- function(x, threads, y = NULL, weights = NULL) {
  in_slices(function(state) rs_triangle(x, y, weights, state, threads))
}

# Rank and pivot by limited pivoting of a matrix X with this triangle R: the norm of
# column j of X is that of column j of R, and |R[j, j]| what is left of it when those
# before are eliminated. `moved`: R is not the triangle as pivoted, which is in `qr`.
# NULL: a column is so near to `tol` that rounding decides.
rank_of_triangle <- function(triangle, tol) {
  p <- ncol(triangle)
  triangle <- unname(triangle)
  triangle[lower.tri(triangle)] <- 0
  norms <- sqrt(colSums(triangle^2))
  left <- function(size, columns) ifelse(norms[columns] > 0, size / norms[columns], 0)
  near <- function(left) abs(left - tol) <= 1e-3 * tol + 64 * .Machine$double.eps
  all <- seq_len(p)
  unmoved <- left(abs(diag(triangle)), all)
  # Behind the first dependent column these are not what they would be with it moved.
  until <- match(TRUE, unmoved < tol, nomatch = p)
  if (any(near(unmoved[seq_len(until)]))) return()
  if (all(unmoved >= tol)) return(list(rank = p, pivot = all, moved = FALSE))
  found <- qr(triangle, tol = tol)
  pivoted <- found$qr
  pivoted[lower.tri(pivoted)] <- 0
  first <- found$pivot[seq_len(found$rank)]
  # A column that was moved to the end had met the kept ones before it.
  size <- vapply(all, function(k) {
    met <- if (k <= found$rank) k - 1L else sum(first < found$pivot[[k]])
    sqrt(sum(pivoted[all > met, k]^2))
  }, 0)
  if (any(near(left(size, found$pivot)))) return()
  list(rank = found$rank, pivot = found$pivot, moved = TRUE, qr = found)
}
