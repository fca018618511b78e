# Covariances and correlations.

#' Covariances and correlations on several threads
#'
#' `mt_cor()` and `mt_cov()` are [cor()] and [cov()] on threads.
#'
#' Columns are centered by their means, which are corrected once, and multiplied as by
#' [mt_crossprod()]; with `use = "pairwise.complete.obs"` every pair has its own means
#' and sums. Base R adds in extended precision: the results differ by some units of the
#' last place of one (of the product of the standard deviations, for covariances). They
#' have the same bits for every number of threads and every schedule. Values of `use`,
#' dimnames, errors and the warning about a standard deviation of zero are base R's.
#'
#' Passed on to base R are Kendall's method, Spearman's covariances, infinite values and
#' columns of extreme scale (see [linalg_info()]),
#' fewer than three rows and what is no numeric vector, matrix or data frame.
#'
#' @param x,y Matrices, vectors or data frames, numeric or logical. `y = NULL` stands
#'   for `x`.
#' @param use What to do about missing values: see [cor()].
#' @param method `"pearson"`, `"spearman"` (Pearson's correlation of the ranks) or
#'   `"kendall"`.
#' @inheritParams mt_rowSums
#' @return A matrix with a row for each column of `x` and a column for each of `y`; a
#'   number for two vectors.
#' @section Errors: Those of base R; `rustle_error_argument` for `schedule` and `threads`.
#' @section Interrupts: Honoured within 200 ms up to some 10 million rows.
#' @examples
#' x <- matrix(rnorm(5e3), 100)
#' all.equal(mt_cor(x, threads = 2), cor(x))
#' #> [1] TRUE
#' mt_cor(mtcars$mpg, mtcars$wt, method = "spearman")
#' #> [1] -0.886422
#' @seealso [mt_crossprod()], [with_threads()].
#' @export
mt_cor <- function(x, y = NULL, use = "everything",
                   method = c("pearson", "kendall", "spearman"),
                   schedule = "stealing", threads = NULL) {
  if (nargs() == 2L - missing(threads) && is_tiny(x)) {
    threads_given(threads)
    return(warned_as_user(stats::cor(x)))
  }
  method <- match.arg(method)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  out <- covariance(x, y, use, method, TRUE, schedule, threads)
  if (is.null(out)) warned_as_user(stats::cor(x, y, use, method)) else out
}

#' @rdname mt_cor
#' @export
mt_cov <- function(x, y = NULL, use = "everything",
                   method = c("pearson", "kendall", "spearman"),
                   schedule = "stealing", threads = NULL) {
  if (nargs() == 2L - missing(threads) && is_tiny(x)) {
    threads_given(threads)
    return(stats::cov(x))
  }
  method <- match.arg(method)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  out <- if (method == "pearson") {
    covariance(x, y, use, method, FALSE, schedule, threads)
  }
  if (is.null(out)) warned_as_user(stats::cov(x, y, use, method)) else out
}

# Covariances or correlations, or NULL for what base R shall do.
covariance <- function(x, y, use, method, correlation, schedule, threads) {
  uses <- c("all.obs", "complete.obs", "pairwise.complete.obs", "everything", "na.or.complete")
  use <- if (is.character(use) && length(use) == 1L) uses[pmatch(use, uses)]
  vectors <- length(dim(x)) < 2L && length(dim(y)) < 2L
  x <- columns(x)
  if (!is.null(y)) {
    y <- columns(y)
    # Not a matrix that our code takes, such as a table.
    if (is.null(y)) return(NULL)
  }
  shapes <- is.matrix(x) && nrow(x) > 2L && ncol(x) > 0L && (is.null(y) || (is.matrix(y) && nrow(y) == nrow(x)))
  if (length(use) != 1L || is.na(use) || !shapes || method == "kendall" || (vectors && is.null(y))) {
    return(NULL)
  }
  if (is_extreme(x, threads = threads) || (!is.null(y) && is_extreme(y, threads = threads))) {
    return(NULL)
  }
  finite <- !anyNA(x) && !anyNA(y)
  by_pairs <- use == "pairwise.complete.obs"
  if (!finite) {
    if (use == "all.obs") return(NULL)
    if (use %in% c("complete.obs", "na.or.complete")) {
      there <- if (is.null(y)) stats::complete.cases(x) else stats::complete.cases(x, y)
      if (sum(there) < 3L) return(NULL)
      x <- x[there, , drop = FALSE]
      if (!is.null(y)) y <- y[there, , drop = FALSE]
      finite <- TRUE
    }
  }
  x <- as_double(x)
  if (!is.null(y)) y <- as_double(y)
  pairs <- !finite && by_pairs
  out <- if (pairs) {
    pairwise(x, y, if (correlation) method else "covariance", schedule, threads)
  } else {
    if (method == "spearman") {
      x <- ranked(x, schedule, threads)
      if (!is.null(y)) y <- ranked(y, schedule, threads)
    }
    products(x, y, correlation, schedule, threads)
  }
  if (anyNA(out) && any(is.nan(out))) {
    if (correlation) warning(simpleWarning("the standard deviation is zero", user_call()))
    out[is.nan(out)] <- NA
  }
  # A column is one with itself, in base R even if it is constant or has missing values,
  # but not by pairs.
  if (correlation && is.null(y)) diag(out)[!by_pairs | !is.na(diag(out))] <- 1
  if (vectors) return(out[[1L]])
  names <- list(colnames(x), colnames(if (is.null(y)) x else y))
  if (!all(lengths(names) == 0L)) dimnames(out) <- names
  out
}

# A matrix of what cor() takes; anything else as it is.
columns <- function(x) {
  if (is.data.frame(x)) x <- as.matrix(x)
  number <- is.double(x) || is.integer(x) || is.logical(x)
  if (number && !is.object(x) && length(dim(x)) < 2L) x <- matrix(c(x), ncol = 1L)
  if (is.null(plain_dim(x))) NULL else x
}

# Products of centered columns. NaN: a column is constant; NA: it has a missing value.
products <- function(x, y, correlation, schedule, threads) {
  x <- centered(x, correlation, schedule, threads)
  y <- if (!is.null(y)) centered(y, correlation, schedule, threads)
  none <- list(NULL)
  out <- if (nrow(x$data) * ncol(x$data) <= tiny_length) {
    crossprod(x$data, y$data)
  } else {
    product(1L, x$data, y$data, threads, none, none)
  }
  other <- if (is.null(y)) x else y
  if (correlation) {
    out[out > 1] <- 1
    out[out < -1] <- -1
    out[x$lengths %in% 0, ] <- NaN
    out[, other$lengths %in% 0] <- NaN
  } else {
    out <- out / (nrow(x$data) - 1)
  }
  out[is.na(x$lengths), ] <- NA
  out[, is.na(other$lengths)] <- NA
  out
}

centered <- function(x, unit, schedule, threads) {
  out <- rs_matrix(nrow(x), ncol(x))
  lengths <- numeric(ncol(x))
  in_slices(function(state) rs_centered(x, unit, schedule, out, lengths, state, threads))
  list(data = out, lengths = lengths)
}

ranked <- function(x, schedule, threads) {
  out <- rs_matrix(nrow(x), ncol(x))
  in_slices(function(state) rs_ranks(x, schedule, out, state, threads))
  dimnames(out) <- dimnames(x)
  out
}

pairwise <- function(x, y, measure, schedule, threads) {
  out <- rs_matrix(ncol(x), ncol(if (is.null(y)) x else y))
  in_slices(function(state) rs_pairwise(x, y, measure, schedule, out, state, threads))
  if (is.null(y)) {
    below <- lower.tri(out)
    out[below] <- t(out)[below]
  }
  out
}
