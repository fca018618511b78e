# Matrix products.

#' Multiply matrices on several threads
#'
#' `mt_matmul(x, y)` and `x %mt*% y` are `x %*% y`, `mt_crossprod()` and
#' `mt_tcrossprod()` are [crossprod()] and [tcrossprod()], on threads.
#'
#' Arguments, dimnames, missing values and errors are those of base R. Products are cut
#' into blocks by their shapes alone, and partial sums are added in a fixed order:
#' the result has the same bits for every number of threads. Against base R, sums are
#' rounded in another order. Vectors, complex and tiny matrices (at most 512 products
#' of numbers), and objects with a class, are passed on to base R.
#'
#' @param x,y Matrices that are numeric (double), integer or logical; integers and
#'   logicals are converted to double. `y = NULL` stands for `x`.
#' @param ... For base R's methods, to which the call is then passed on.
#' @param threads Number of threads; by default see [with_threads()].
#' @return A double matrix: `nrow(x)` x `ncol(y)`, `ncol(x)` x `ncol(y)`
#'   (`mt_crossprod()`) or `nrow(x)` x `nrow(y)` (`mt_tcrossprod()`).
#' @section Errors: Those of base R for arguments that are not conformable or not
#'   numeric; `rustle_error_argument` for `threads`.
#' @section Interrupts: Honoured within 200 ms.
#' @examples
#' x <- matrix(rnorm(2e4), 200)
#' all.equal(mt_crossprod(x, threads = 2), crossprod(x))
#' #> [1] TRUE
#' y <- x %mt*% t(x)
#' @seealso [mt_solve()], [mt_lm_fit()]; [with_threads()] for the number of threads; [linalg_info()] for how it is
#'   computed; `vignette("linear-algebra")`.
#' @export
mt_matmul <- function(x, y, threads = NULL) {
  if (is.null(threads) && length(x) <= tiny_length && length(y) <= tiny_length) return(x %*% y)
  dx <- plain_dim(x)
  dy <- plain_dim(y)
  if (is.null(dx) || is.null(dy) || dx[[2L]] != dy[[1L]] || tiny(dx[[1L]], dx[[2L]], dy[[2L]])) {
    if (!is.null(threads)) thread_count(threads)
    return(x %*% y)
  }
  product(0L, x, y, thread_count(threads), dimnames(x)[1L], dimnames(y)[2L])
}

#' @rdname mt_matmul
#' @usage x \%mt*\% y
#' @export
`%mt*%` <- function(x, y) mt_matmul(x, y)

#' @rdname mt_matmul
#' @export
mt_crossprod <- function(x, y = NULL, ..., threads = NULL) {
  if (...length()) {
    if (!is.object(x) && !is.object(y)) check_dots(...)
    return(crossprod(x, y, ...))
  }
  if (is.null(threads) && length(x) <= tiny_length && length(y) <= tiny_length) return(crossprod(x, y))
  dx <- plain_dim(x)
  dy <- if (is.null(y)) dx else plain_dim(y)
  if (is.null(dx) || is.null(dy) || dx[[1L]] != dy[[1L]] || tiny(dx[[2L]], dx[[1L]], dy[[2L]])) {
    if (!is.null(threads)) thread_count(threads)
    return(crossprod(x, y))
  }
  of_y <- dimnames(if (is.null(y)) x else y)[2L]
  product(1L, x, y, thread_count(threads), dimnames(x)[2L], of_y)
}

#' @rdname mt_matmul
#' @export
mt_tcrossprod <- function(x, y = NULL, ..., threads = NULL) {
  if (...length()) {
    if (!is.object(x) && !is.object(y)) check_dots(...)
    return(tcrossprod(x, y, ...))
  }
  if (is.null(threads) && length(x) <= tiny_length && length(y) <= tiny_length) return(tcrossprod(x, y))
  dx <- plain_dim(x)
  dy <- if (is.null(y)) dx else plain_dim(y)
  if (is.null(dx) || is.null(dy) || dx[[2L]] != dy[[2L]] || tiny(dx[[1L]], dx[[2L]], dy[[1L]])) {
    if (!is.null(threads)) thread_count(threads)
    return(tcrossprod(x, y))
  }
  of_y <- dimnames(if (is.null(y)) x else y)[1L]
  product(2L, x, y, thread_count(threads), dimnames(x)[1L], of_y)
}

product <- function(kind, x, y, threads, rownames, colnames) {
  x <- as_double(x)
  if (!is.null(y)) y <- as_double(y)
  other <- if (is.null(y)) x else y
  nrow <- if (kind == 1L) ncol(x) else nrow(x)
  ncol <- if (kind == 2L) nrow(other) else ncol(other)
  out <- rs_matrix(nrow, ncol)
  in_slices(function(state) rs_product(kind, x, y, out, state, threads))
  if (!is.null(rownames[[1L]]) || !is.null(colnames[[1L]])) {
    none <- list(NULL)
    dimnames(out) <- c(
      if (is.null(rownames)) none else rownames, if (is.null(colnames)) none else colnames
    )
  }
  out
}

# Below, a call of R's own is over before ours has begun. (The functions themselves
# begin with a shorter test for up to 64 elements, where microseconds count.)
tiny <- function(...) prod(...) <= small_size
