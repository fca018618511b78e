# Sums, means, variances, medians and quantiles of rows and columns.

#' Row and column sums, means, variances, medians and quantiles on several threads
#'
#' `mt_rowSums()`, `mt_colSums()`, `mt_rowMeans()` and `mt_colMeans()` are
#' [rowSums()] and its kin; the others do for rows and columns what [var()], [median()]
#' and [quantile()] do for a vector.
#'
#' Sums are compensated: they are as good as if they were computed in twice the
#' precision, which holds for base R's too, on processors that have extended
#' precision. Both agree but for the last bit. Means are rounded once: that of equal
#' elements is their value. Variances take two passes, and are 0 for equal elements. Sums are cut
#' by the shape of the matrix, and results have the same bits for every number of
#' threads and every schedule.
#'
#' As in base R, a sum is `NA` or `NaN` as the first of these in it is; medians,
#' quantiles and variances are `NA` for either.
#'
#' @param x A matrix, numeric (double), integer or logical, or a data frame of such
#'   columns; tables and time series lose their class. For sums and means, arrays and `dims` other than 1 are passed on to base R.
#' @param na.rm `TRUE` leaves out `NA` and `NaN`.
#' @param dims As in [rowSums()].
#' @param probs Probabilities between 0 and 1; `NULL` is none.
#' @param type The kind of quantile, 1 to 9: see [quantile()]. Types 1 to 3 are those of
#'   R without its newer argument `fuzz`, which rounds `n * probs`.
#' @param drop `TRUE` gives a vector when there is one probability, or one row or column.
#' @param schedule How blocks of rows or columns are handed to the threads:
#'   `"stealing"` (the default), `"static"`, `"cyclic"`, `"dynamic"` or `"guided"`. Only
#'   the time depends on it.
#' @inheritParams mt_matmul
#' @return A double vector with one element for each row or column, named as these are;
#'   for quantiles a matrix with a row for each and a column for each probability, named
#'   as `quantile()` does. Variances of fewer than two elements are `NA`, medians and
#'   quantiles of none as well.
#' @section Errors: `rustle_error_argument` for an argument that is none of these; for
#'   sums and means of other than matrices, base R's.
#' @section Interrupts: Honoured within 200 ms; for medians and quantiles between
#'   rows or columns.
#' @references R. J. Hyndman and Y. Fan (1996), Sample quantiles in statistical packages,
#'   American Statistician 50, 361-365.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(2e4), 200)
#' all.equal(mt_rowSums(x, threads = 2), rowSums(x))
#' #> [1] TRUE
#' mt_colQuantiles(x[, 1:3], probs = c(0.05, 0.95))
#' #>             5%      95%
#' #> [1,] -1.471588 1.599626
#' #> [2,] -1.871547 1.595975
#' #> [3,] -1.769613 1.643821
#' @seealso [mt_sort()], [mt_cor()]; [with_threads()] for the number of threads; [linalg_info()].
#' @export
mt_rowSums <- function(x, na.rm = FALSE, dims = 1L, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) return(rowSums(x))
  moments(x, na.rm, dims, schedule, threads, 1L, 0L, rowSums)
}

#' @rdname mt_rowSums
#' @export
mt_colSums <- function(x, na.rm = FALSE, dims = 1L, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) return(colSums(x))
  moments(x, na.rm, dims, schedule, threads, 2L, 0L, colSums)
}

#' @rdname mt_rowSums
#' @export
mt_rowMeans <- function(x, na.rm = FALSE, dims = 1L, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) return(rowMeans(x))
  moments(x, na.rm, dims, schedule, threads, 1L, 1L, rowMeans)
}

#' @rdname mt_rowSums
#' @export
mt_colMeans <- function(x, na.rm = FALSE, dims = 1L, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) return(colMeans(x))
  moments(x, na.rm, dims, schedule, threads, 2L, 1L, colMeans)
}

#' @rdname mt_rowSums
#' @export
mt_rowVars <- function(x, na.rm = FALSE, schedule = "stealing", threads = NULL) {
  variances(x, na.rm, schedule, threads, 1L)
}

#' @rdname mt_rowSums
#' @export
mt_colVars <- function(x, na.rm = FALSE, schedule = "stealing", threads = NULL) {
  variances(x, na.rm, schedule, threads, 2L)
}

#' @rdname mt_rowSums
#' @export
mt_rowMedians <- function(x, na.rm = FALSE, schedule = "stealing", threads = NULL) {
  medians(x, na.rm, schedule, threads, 1L)
}

#' @rdname mt_rowSums
#' @export
mt_colMedians <- function(x, na.rm = FALSE, schedule = "stealing", threads = NULL) {
  medians(x, na.rm, schedule, threads, 2L)
}

#' @rdname mt_rowSums
#' @export
mt_rowQuantiles <- function(x, probs = seq(0, 1, 0.25), na.rm = FALSE, type = 7L, drop = TRUE,
                            schedule = "stealing", threads = NULL) {
  quantiles(x, probs, na.rm, type, drop, schedule, threads, 1L)
}

#' @rdname mt_rowSums
#' @export
mt_colQuantiles <- function(x, probs = seq(0, 1, 0.25), na.rm = FALSE, type = 7L, drop = TRUE,
                            schedule = "stealing", threads = NULL) {
  quantiles(x, probs, na.rm, type, drop, schedule, threads, 2L)
}

# Sums and means: what is no plain matrix is passed on to `base`.
moments <- function(x, na.rm, dims, schedule, threads, margin, moment, base,
                    call = sys.call(-1L)) {
  schedule <- check_choice(schedule, schedules, "schedule", call)
  threads_given(threads, call)
  d <- plain_dim(x)
  flag <- isTRUE(na.rm) || isFALSE(na.rm)
  if (is.null(d) || !flag || !identical(as.double(dims), 1) || prod(d) <= small_rows_size) {
    return(base(x, na.rm = na.rm, dims = dims))
  }
  out <- numeric(d[[margin]])
  run_moments(x, margin, moment, na.rm, schedule, out, thread_count(threads, call))
  named_as(out, x, margin)
}

run_moments <- function(x, margin, moment, na.rm, schedule, out, threads) {
  x <- as_double(x)
  in_slices(function(state) {
    rs_moments(x, margin, moment, na.rm, schedule, out, state, threads)
  })
}

variances <- function(x, na.rm, schedule, threads, margin, call = sys.call(-1L)) {
  x <- check_numeric_matrix(x, "x", call)
  na.rm <- check_flag(na.rm, "na.rm", call = call)
  schedule <- check_choice(schedule, schedules, "schedule", call)
  out <- numeric(dim(x)[[margin]])
  run_moments(x, margin, 2L, na.rm, schedule, out, thread_count(threads, call))
  named_as(out, x, margin)
}

medians <- function(x, na.rm, schedule, threads, margin, call = sys.call(-1L)) {
  x <- check_numeric_matrix(x, "x", call)
  na.rm <- check_flag(na.rm, "na.rm", call = call)
  schedule <- check_choice(schedule, schedules, "schedule", call)
  out <- numeric(dim(x)[[margin]])
  run_quantiles(x, margin, 0.5, 7L, na.rm, schedule, out, thread_count(threads, call))
  named_as(out, x, margin)
}

quantiles <- function(x, probs, na.rm, type, drop, schedule, threads, margin,
                      call = sys.call(-1L)) {
  x <- check_numeric_matrix(x, "x", call)
  # quantile() lets probabilities be out by so much.
  slack <- 100 * .Machine$double.eps
  if (is.null(probs)) probs <- numeric()
  if (!is.numeric(probs) || anyNA(probs) || any(probs < -slack | probs > 1 + slack)) {
    stop_argument("probs", "probabilities between 0 and 1", probs, call)
  }
  probs <- pmin(pmax(as.double(probs), 0), 1)
  na.rm <- check_flag(na.rm, "na.rm", call = call)
  type <- check_count(type, "type", call = call)
  if (type > 9L) stop_argument("type", "a whole number from 1 to 9", type, call)
  drop <- check_flag(drop, "drop", call = call)
  schedule <- check_choice(schedule, schedules, "schedule", call)
  n <- dim(x)[[margin]]
  # One column of quantiles for each row or column, turned at the end.
  out <- rs_matrix(length(probs), n)
  run_quantiles(x, margin, probs, type, na.rm, schedule, out, thread_count(threads, call))
  out <- t(out)
  labels <- if (length(probs)) paste0(formatC(100 * probs, format = "fg", width = 1, digits = 7L), "%")
  dimnames(out) <- list(dimnames(x)[[margin]], labels)
  if (drop) drop(out) else out
}

run_quantiles <- function(x, margin, probs, type, na.rm, schedule, out, threads) {
  x <- as_double(x)
  in_slices(function(state) {
    rs_quantiles(x, margin, probs, type, na.rm, schedule, out, state, threads)
  })
}

named_as <- function(out, x, margin) {
  names <- dimnames(x)[[margin]]
  if (!is.null(names)) names(out) <- names
  out
}
