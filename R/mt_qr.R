#' QR decomposition on several threads
#'
#' `mt_qr()` is [qr()] with LINPACK's pivoting, on threads. Its result is used by
#' [qr.coef()], [qr.qy()], [qr.Q()], [qr.solve()] and others as any "qr" object.
#'
#' Reflections are made in blocks without pivoting. If no column would have been moved by
#' R's limited pivoting, this is the result. Otherwise the triangle alone is pivoted (which has
#' the column norms of `x`), and `x` is factored once more with its columns in that
#' order. Elements of `qraux` behind the rank, which nothing reads, are the norms of what is
#' left of these columns. The result has the same bits for every number of threads.
#'
#' Passed on to base R are: complex matrices and objects with a class, matrices with
#' fewer rows than columns, with at most 16 columns or 512 elements, and with missing
#' or infinite elements.
#'
#' @param x A matrix, numeric (double), integer or logical.
#' @param tol Columns whose norm falls below `tol` times what it was are moved to the
#'   end, as linearly dependent on those before.
#' @param ... Further arguments of [qr()], with which the call is passed on to it.
#' @inheritParams mt_matmul
#' @return An object of class "qr": `qr`, `rank`, `qraux` and `pivot`.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`.
#' @section Interrupts: Honoured between blocks of 32 columns.
#' @examples
#' x <- matrix(rnorm(4000), 100)
#' q <- mt_qr(x, threads = 2)
#' all.equal(qr.R(q), qr.R(qr(x)))
#' @seealso [mt_lm_fit()], [mt_solve()].
#' @export
mt_qr <- function(x, tol = 1e-07, ..., threads = NULL) {
  if (is.null(threads) && length(x) <= 64L) return(qr(x, tol = tol, ...))
  threads_given(threads)
  d <- plain_dim(x)
  good <- !is.null(d) && d[[1L]] >= d[[2L]] && d[[2L]] > 16L && prod(d) > 512 && !...length() &&
    is.numeric(tol) && length(tol) == 1L && !is.na(tol) && all_finite(x)
  if (!good) return(qr(x, tol = tol, ...))
  threads <- thread_count(threads)
  values <- as_double(x)
  p <- d[[2L]]
  found <- qr_reflections(values, p, threads)
  rank <- p
  pivot <- seq_len(p)
  if (!all_independent(found$qr[pivot, , drop = FALSE], tol)) {
    of <- pivot_triangle(found$qr, p, tol)
    rank <- of$rank
    pivot <- of$pivot
    found <- qr_reflections(values[, pivot, drop = FALSE], rank, threads)
  }
  names <- dimnames(x)
  if (!is.null(names)) {
    if (!is.null(names[[2L]])) names[[2L]] <- names[[2L]][pivot]
    dimnames(found$qr) <- names
  }
  structure(list(qr = found$qr, rank = rank, qraux = found$qraux, pivot = pivot), class = "qr")
}

qr_reflections <- function(x, rank, threads) {
  out <- rs_matrix(nrow(x), ncol(x))
  aux <- in_slices(function(value, state) rs_qr(x, rank, out, state, threads))
  list(qr = out, qraux = aux)
}

# Would limited pivoting leave all columns where they are? The norm of column j of X is
# that of column j of the triangle R, and |R[j, j]| what is left of it.
all_independent <- function(triangle, tol) {
  triangle[lower.tri(triangle)] <- 0
  norms <- sqrt(colSums(triangle^2))
  all(abs(diag(triangle)) >= tol * norms & norms > 0 & is.finite(norms))
}

# Rank and pivot of a matrix whose triangle is the upper one of `x`.
pivot_triangle <- function(x, p, tol) {
  triangle <- x[seq_len(p), seq_len(p), drop = FALSE]
  triangle[lower.tri(triangle)] <- 0
  qr(unname(triangle), tol = tol)[c("rank", "pivot", "qr")]
}
