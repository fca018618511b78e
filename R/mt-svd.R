# Singular values and principal components.

#' Singular values and principal components on several threads
#'
#' `mt_svd()` is [svd()] and `mt_prcomp()` is [prcomp()], on faer.
#'
#' Singular vectors are determined up to their sign, and up to a rotation where singular
#' values are equal: they may differ from base R's in this. Without left
#' singular vectors (`nu = 0`, as `mt_prcomp()` has it) a matrix with twice as many rows as
#' columns is first reduced to its triangle, in blocks of rows on all threads.
#'
#' Passed on to base R are: complex matrices and objects with a class, matrices with at
#' most 16 rows or columns, with missing or infinite elements or of extreme scale (see
#' [linalg_info()]), and those for which
#' the iteration does not converge.
#'
#' @param x A matrix, numeric (double), integer or logical.
#' @param nu,nv Numbers of left and right singular vectors wanted, from 0 to the number of rows
#'   and columns.
#' @param LINPACK Obsolete in base R: if given, the call is passed on to it.
#' @inheritParams mt_matmul
#' @return A list with `d`, and `u` and `v` where they were wanted; for `mt_prcomp()`
#'   an object of class "prcomp".
#' @section Reproducibility: The same bits for every number of threads, except where
#'   both extents are 1000 or more and `mt_svd()` runs on more than one thread: there faer cuts
#'   its sums by the number of threads, as nothing else was seen to gain.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`.
#' @section Interrupts: Not honoured before the decomposition has ended.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(4000), 100)
#' all.equal(mt_svd(x, threads = 2)$d, svd(x)$d)
#' #> [1] TRUE
#' summary(mt_prcomp(x, rank. = 3, threads = 2))
#' #> Importance of first k=3 (out of 40) components:
#' #>                            PC1     PC2     PC3
#' #> Standard deviation     1.65945 1.60934 1.52488
#' #> Proportion of Variance 0.06415 0.06033 0.05416
#' #> Cumulative Proportion  0.06415 0.12447 0.17864
#' @seealso [mt_eigen()], [mt_qr()].
#' @export
mt_svd <- function(x, nu = min(n, p), nv = min(n, p), LINPACK = FALSE, threads = NULL) {
  if (!missing(LINPACK)) return(svd(x, nu, nv, LINPACK))
  if (is.null(threads) && length(x) <= tiny_length && !is.object(x)) {
    n <- NROW(x)
    p <- NCOL(x)
    return(svd(x, nu, nv))
  }
  threads_given(threads)
  d <- plain_dim(x)
  if (is.null(d)) {
    x <- as.matrix(x)
    d <- dim(x)
  }
  n <- d[[1L]]
  p <- d[[2L]]
  wanted <- function(k, most) is.numeric(k) && length(k) == 1L && !is.na(k) && k >= 0 && k <= most
  good <- !is.null(plain_dim(x)) && min(d) > small_order && wanted(nu, n) && wanted(nv, p) &&
    in_range(x, threads = threads)
  if (!good) return(svd(x, nu, nv))
  threads <- thread_count(threads)
  nu <- as.integer(nu)
  nv <- as.integer(nv)
  order <- min(d)
  values <- as_double(x)
  if (nu == 0L && n >= 2L * p) values <- triangle_of(values, threads)
  sizes <- rs_matrix(order, 1L)
  room <- function(size, wanted) if (wanted) rs_matrix(size, if (wanted > order) size else order)
  u <- room(n, nu)
  v <- room(p, nv)
  if (!rs_svd(values, sizes, u, v, threads)) return(svd(x, nu, nv))
  out <- list(d = as.vector(sizes))
  if (nu) out$u <- if (ncol(u) == nu) u else u[, seq_len(nu), drop = FALSE]
  if (nv) out$v <- if (ncol(v) == nv) v else v[, seq_len(nv), drop = FALSE]
  out
}

#' @rdname mt_svd
#' @export
mt_prcomp <- function(x, ...) UseMethod("mt_prcomp")

#' @rdname mt_svd
#' @param retx `TRUE` returns the scores.
#' @param center,scale. As in [prcomp()]: logical values or vectors with an element per column.
#' @param tol Components whose standard deviation is at most `tol` times the first are left
#'   out; `NULL` keeps all.
#' @param rank. The largest number of components wanted; `NULL`: all.
#' @export
mt_prcomp.default <- function(x, retx = TRUE, center = TRUE, scale. = FALSE, tol = NULL, rank. = NULL,
                              ..., threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) return(stats::prcomp(x))
  check_dots(...)
  threads <- thread_count(threads)
  x <- scale(as.matrix(x), center = center, scale = scale.)
  center <- attr(x, "scaled:center")
  scaled <- attr(x, "scaled:scale")
  if (any(scaled == 0)) stop("cannot rescale a constant/zero column to unit variance")
  attr(x, "scaled:center") <- attr(x, "scaled:scale") <- NULL
  n <- nrow(x)
  most <- min(dim(x))
  k <- if (is.null(rank.)) most else {
    if (!(is.numeric(rank.) && length(rank.) == 1L && is.finite(rank.) && rank. > 0)) {
      stop_argument("rank.", "a whole number of at least 1 or NULL", rank., user_call())
    }
    min(as.integer(rank.), most)
  }
  s <- mt_svd(x, nu = 0L, nv = k, threads = threads)
  deviations <- s$d / sqrt(max(1, n - 1))
  if (!is.null(tol)) {
    large <- max(1L, sum(deviations > tol * deviations[[1L]]))
    if (large < k) {
      k <- large
      s$v <- s$v[, seq_len(k), drop = FALSE]
    }
  }
  components <- paste0("PC", seq_len(k))
  rotation <- s$v
  dimnames(rotation) <- list(colnames(x), components)
  out <- list(
    sdev = deviations, rotation = rotation, center = if (is.null(center)) FALSE else center,
    scale = if (is.null(scaled)) FALSE else scaled
  )
  if (retx) out$x <- mt_matmul(x, rotation, threads = threads)
  class(out) <- "prcomp"
  out
}

#' @rdname mt_svd
#' @param formula,data,subset,na.action A formula without a response, whose variables are
#'   the columns, and where they are found: see [prcomp()].
#' @param ... For the method for formulas, the arguments of the other one; else none are taken.
#' @export
mt_prcomp.formula <- function(formula, data = NULL, subset, na.action, ..., threads = NULL) {
  call <- match.call()
  call[[1L]] <- quote(mt_prcomp)
  if (attr(stats::terms(formula, data = data), "response") > 0L) stop("response not allowed in formula")
  asked <- call[c(1L, match(c("formula", "data", "subset", "na.action"), names(call), 0L))]
  asked[[1L]] <- quote(stats::model.frame)
  frame <- eval(asked, parent.frame())
  if (!all(vapply(frame, is.numeric, NA))) stop("PCA applies only to numerical variables")
  terms <- attr(frame, "terms")
  attr(terms, "intercept") <- 0L
  out <- mt_prcomp.default(stats::model.matrix(terms, frame), ..., threads = threads)
  out$call <- call
  missing <- attr(frame, "na.action")
  if (!is.null(missing)) {
    out$na.action <- missing
    if (!is.null(out$x)) out$x <- stats::napredict(missing, out$x)
  }
  out
}
