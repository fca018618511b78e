#' Smooth a series, its columns in parallel
#'
#' [stats::kernapply()] with the columns of a matrix or of a multivariate time
#' series smoothed on the workers of the current [plan()].
#'
#' @param x A numeric vector, a matrix, or a time series.
#' @param k A smoothing kernel: see [stats::kernel()].
#' @param circular Does the series continue at its beginning? Default `FALSE`.
#' @param ... For the columns of a matrix, the `future.*` arguments of
#'   [future_lapply()].
#' @return As [stats::kernapply()].
#' @section Errors: As [future_lapply()], and those of [stats::kernapply()].
#' @seealso [future_lapply()] for the arguments; [stats::kernapply()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' k <- kernel("daniell", 2)
#' identical(future_kernapply(EuStockMarkets, k), kernapply(EuStockMarkets, k))
#' #> [1] TRUE
#' plan(oplan)
#' @importFrom stats kernapply
#' @export
future_kernapply <- function(x, ...) UseMethod("future_kernapply")

#' @rdname future_kernapply
#' @export
future_kernapply.default <- function(x, k, circular = FALSE, ...) {
  check_dots(..., .takes = future_arguments())
  if (!is.numeric(x) || length(dim(x)) > 2L) {
    stop_argument("x", "a numeric vector, a matrix or a time series", x, sys.call())
  }
  if (!stats::is.tskernel(k)) stop_argument("k", "a kernel made by kernel()", k, sys.call())
  if (!is.matrix(x)) return(kernapply(x, k, circular = circular))
  future_apply(x, 2L, function(column) kernapply(column, k, circular = circular), ...)
}

#' @rdname future_kernapply
#' @export
future_kernapply.ts <- function(x, k, circular = FALSE, ...) {
  check_dots(..., .takes = future_arguments())
  if (!stats::is.tskernel(k)) stop_argument("k", "a kernel made by kernel()", k, sys.call())
  if (!is.matrix(x)) return(kernapply(x, k, circular = circular))
  smooth <- future_apply(
    as.matrix(x), 2L, function(column) kernapply(as.vector(column), k, circular = circular), ...
  )
  if (!is.matrix(smooth)) smooth <- matrix(smooth, ncol = ncol(x), dimnames = list(NULL, colnames(x)))
  # The times of the smoothed series are those of any of its columns.
  times <- stats::tsp(kernapply(x[, 1L], k, circular = circular))
  stats::ts(smooth, start = times[[1L]], end = times[[2L]], frequency = times[[3L]])
}
