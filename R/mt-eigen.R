#' Eigenvalues and eigenvectors on several threads
#'
#' `mt_eigen()` is [eigen()] on faer.
#'
#' Values come in the order of `eigen()`: decreasing, for matrices that are not symmetric
#' by modulus. Vectors have length 1; their sign (of complex ones the phase is fixed as in LAPACK: the
#' largest element is real) may differ from base R's. Values and vectors are complex where
#' an imaginary part is not negligible, as in base.
#'
#' Passed on to base R are: complex matrices and objects with a class, matrices of order
#' 16 at most, with missing or infinite elements or of extreme scale (see
#' [linalg_info()]), and those for which the iteration does not converge.
#'
#' @param x A square matrix, numeric (double), integer or logical.
#' @param symmetric `TRUE`: only the lower triangle is used. Missing: found out with
#'   [isSymmetric()].
#' @param only.values `TRUE`: no eigenvectors.
#' @param EISPACK Obsolete in base R: if given, the call is passed on to it.
#' @inheritParams mt_matmul
#' @return A list of class "eigen" with `values` and `vectors`.
#' @section Reproducibility: The same bits for every number of threads, except for
#'   symmetric matrices of order 1000 or more on more than one thread: there faer cuts its
#'   sums by the number of threads. Matrices that are not symmetric run on one thread.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`.
#' @section Interrupts: Not honoured before the decomposition has ended.
#' @examples
#' x <- crossprod(matrix(rnorm(2000), 50))
#' all.equal(mt_eigen(x, threads = 2)$values, eigen(x)$values)
#' #> [1] TRUE
#' @seealso [mt_svd()], [mt_chol()]; [with_threads()]; [linalg_info()].
#' @export
mt_eigen <- function(x, symmetric, only.values = FALSE, EISPACK = FALSE, threads = NULL) {
  if (!missing(EISPACK)) return(eigen(x, symmetric, only.values, EISPACK))
  if (is.null(threads) && length(x) <= tiny_length && !is.object(x)) return(eigen(x, symmetric, only.values))
  threads_given(threads)
  n <- square_order(x)
  flag <- function(x) is.logical(x) && length(x) == 1L && !is.na(x)
  good <- !is.null(n) && n > small_order && flag(only.values) && (missing(symmetric) || flag(symmetric)) &&
    in_range(x, threads = threads)
  if (!good) return(eigen(x, symmetric, only.values))
  values <- unname(as_double(x))
  if (missing(symmetric)) symmetric <- isSymmetric.matrix(values)
  found <- if (symmetric) {
    eigen_symmetric(values, n, only.values, thread_count(threads))
  } else {
    eigen_general(values, n, only.values)
  }
  if (is.null(found)) return(eigen(x, symmetric, only.values))
  if (only.values) found else structure(found, class = "eigen")
}

eigen_symmetric <- function(x, n, only.values, threads) {
  values <- rs_matrix(n, 1L)
  vectors <- if (!only.values) rs_matrix(n, n)
  if (!rs_eigen_symmetric(x, values, vectors, threads)) return()
  # faer's values ascend.
  order <- n:1
  list(values = values[order], vectors = if (!only.values) vectors[, order, drop = FALSE])
}

eigen_general <- function(x, n, only.values) {
  parts <- rs_matrix(n, 2L)
  vectors <- if (!only.values) rs_matrix(n, n)
  if (!rs_eigen_general(x, parts, vectors)) return()
  re <- parts[, 1L]
  im <- parts[, 2L]
  # What La_rg() takes for complex.
  if (any(abs(im) > 10 * .Machine$double.eps * abs(re))) {
    values <- complex(real = re, imaginary = im)
    if (!only.values) vectors <- complex_vectors(vectors, im)
  } else {
    values <- re
    if (!only.values) vectors <- sweep(vectors, 2L, sqrt(colSums(vectors^2)), "/")
  }
  order <- sort.list(Mod(values), decreasing = TRUE)
  list(values = values[order], vectors = if (!only.values) vectors[, order, drop = FALSE])
}

# From the columns (real part, imaginary part) of conjugate pairs to complex vectors of
# length 1 whose largest element is real.
complex_vectors <- function(vectors, im) {
  n <- ncol(vectors)
  first <- logical(n)
  j <- 1L
  while (j < n) {
    if (im[[j]] != 0) {
      first[[j]] <- TRUE
      j <- j + 1L
    }
    j <- j + 1L
  }
  out <- matrix(complex(real = vectors), n)
  at <- which(first)
  if (length(at)) {
    pair <- matrix(complex(real = vectors[, at], imaginary = vectors[, at + 1L]), n)
    out[, at] <- pair
    out[, at + 1L] <- Conj(pair)
  }
  size <- sqrt(colSums(Mod(out)^2))
  largest <- out[cbind(max.col(t(Mod(out)), "first"), seq_len(n))]
  phase <- ifelse(im == 0, 1 + 0i, Conj(largest) / Mod(largest))
  sweep(out, 2L, phase / size, "*")
}
