# Least squares.

#' Fit linear models on several threads
#'
#' `mt_lm_fit()` solves least squares problems as [lm.fit()] and [lm.wfit()] do, and
#' `mt_lm()` fits linear models as [lm()] does, on threads.
#'
#' `mt_lm_fit()` finds the triangle of the QR decomposition without its reflections, and
#' computes residuals as `y - x %*% coefficients`. Where `x` is very tall (2048 rows, 8 rows
#' for each of at most 256 columns) and no column is nearly dependent on those before, the
#' triangle comes from two cross products ("CholeskyQR2"), of which the second is refined
#' and refines the coefficients; else blocks of rows are reduced to triangles, which are
#' joined in a fixed tree ("tall-skinny QR"). Signs of the rows of `R` are arbitrary.
#' Columns that depend on those before, by R's limited pivoting with `tol`, have `NA`
#' coefficients. With `qr = TRUE` the reflections are computed too, as `lm.fit()` keeps them
#' (see [mt_qr()]): that takes longer, and [influence()], [anova()] and others need them.
#'
#' `mt_lm()` takes its model frame from `lm()` and keeps the reflections as `lm()` does: the methods for
#' "lm" work on the result. Weights must not be negative; observations with weight 0 do
#' not count, but have fitted values and residuals.
#'
#' Results have the same bits for every number of threads. Passed on to base R's
#' `lm.fit()` and `lm.wfit()` are designs of up to 512 elements, with fewer rows than
#' columns or without columns, those of extreme scale (see [linalg_info()]), and (at once:
#' they are errors) missing or infinite numbers. So are designs with a column of which
#' elimination leaves `tol` times its norm but for a thousandth: rounding decides on their rank,
#' which hence is that of `lm.fit()`, with `qr = TRUE` and without. It may
#' still differ where columns before that one are nearly dependent themselves.
#'
#' @param x A design matrix, numeric (double), integer or logical; for `mt_lm()` a flag: `TRUE` keeps
#'   the model matrix in the result.
#' @param y The response: a vector, or a matrix with a column per response; for `mt_lm()` a flag:
#'   `TRUE` keeps the response.
#' @param offset,singular.ok As in [lm.fit()].
#' @param method `"qr"`; `mt_lm()` has `"model.frame"` besides, as [lm()]. Others give a warning.
#' @param weights A vector of weights that are not negative, or `NULL`.
#' @param tol Tolerance of the rank, as in [mt_qr()].
#' @param qr For `mt_lm_fit()`, `TRUE` adds `qr` and `effects`, and takes longer. `mt_lm()`
#'   computes both as `lm()` does, and `FALSE` only leaves out `qr`.
#' @inheritParams mt_matmul
#' @return `mt_lm_fit()`: a list of `coefficients`, `residuals`, `fitted.values` (vectors for one
#'   response, else matrices with a column per response), `rank`, `pivot`, `df.residual` and `R` (the upper
#'   triangle, with its columns in the order of `pivot`); with `qr = TRUE`
#'   also `effects` and `qr`, as [lm.fit()] has them. `mt_lm()`: an object of class
#'   `"lm"`, or `c("mlm", "lm")` for several responses, with the components of [lm()].
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`, flags, `tol` and
#'   arguments that neither function has.
#' @section Interrupts: Honoured within 200 ms.
#' @references J. Demmel, L. Grigori, M. Hoemmen and J. Langou (2012), Communication-optimal
#'   parallel and sequential QR and LU factorizations, SIAM Journal on Scientific Computing 34.
#'
#'   Y. Yamamoto, Y. Nakatsukasa, Y. Yanagisawa and T. Fukaya (2015), Roundoff error analysis
#'   of the CholeskyQR2 algorithm, Electronic Transactions on Numerical Analysis 44.
#' @examples
#' x <- cbind(1, matrix(rnorm(2000), 500))
#' y <- rnorm(500)
#' all.equal(mt_lm_fit(x, y, threads = 2)$coefficients, lm.fit(x, y)$coefficients)
#' #> [1] TRUE
#' summary(mt_lm(mpg ~ wt + hp, mtcars, threads = 2))
#' @seealso [mt_qr()], [with_threads()].
#' @export
mt_lm_fit <- function(x, y, offset = NULL, method = "qr", tol = 1e-07, singular.ok = TRUE, ...,
                      weights = NULL, qr = FALSE, threads = NULL) {
  if (nargs() == 2L && is_tiny(x) && is_tiny_response(y, nrow(x))) return(fit_tiny(x, y))
  check_no_more(match.call(expand.dots = FALSE)$..., sys.call())
  threads <- thread_count(threads)
  qr <- check_flag(qr, "qr")
  singular.ok <- check_flag(singular.ok, "singular.ok")
  if (!(is.numeric(tol) && length(tol) == 1L && is.finite(tol) && tol >= 0)) {
    stop_argument("tol", "a number of at least 0", tol, user_call())
  }
  check_method(method)
  by_base <- function() fit_by_base(x, y, offset, tol, singular.ok, weights, qr)
  left <- without_offset(y, offset)
  if (is.null(left) || !fit_is_ours(x, left, weights, threads)) return(by_base())
  values <- as_double(x)
  response <- if (is.matrix(left)) as_double(left) else matrix(as.double(left), ncol = 1L)
  root <- if (!is.null(weights)) sqrt(as.double(weights))
  fit <- if (qr) {
    fit_reflections(values, response, root, tol, threads)
  } else {
    fit_triangle(values, response, root, tol, threads)
  }
  if (is.null(fit)) return(by_base())
  if (!singular.ok && fit$rank < ncol(x)) stop(simpleError("singular fit encountered", user_call()))
  fit$df.residual <- nrow(x) - sum(weights == 0) - fit$rank
  fit <- shape_fit(fit, x, left, weights)
  if (!is.null(offset)) fit$fitted.values <- fit$fitted.values + offset
  fit
}

# The response that lm.fit() sees: a vector if it has one column, and without its offset.
# NULL: base R shall tell what is wrong.
without_offset <- function(y, offset) {
  if (is.matrix(y) && ncol(y) == 1L) y <- drop(y)
  if (is.null(offset)) return(y)
  numbers <- is_plain_number(y) && is_plain_number(offset) && length(offset) == length(y)
  if (numbers && (is.null(dim(offset)) || identical(dim(offset), dim(y)))) y - offset
}

check_method <- function(method) {
  if (!identical(method, "qr")) {
    text <- sprintf("method = '%s' is not supported. Using 'qr'", paste(format(method), collapse = ""))
    warning(simpleWarning(text, user_call()))
  }
}

# The dots, unevaluated, of functions whose originals have some that go nowhere.
check_no_more <- function(dots, call) {
  if (!length(dots)) return()
  name <- c(names(dots)[nzchar(names(dots))], deparse(dots[[1L]]))[[1L]]
  stop_argument("...", "empty", NULL, call, sprintf("`%s`", name))
}

fit_is_ours <- function(x, y, weights, threads) {
  d <- plain_dim(x)
  if (length(x) <= small_size) return(FALSE)
  plain <- function(v) (is.double(v) || is.integer(v) || is.logical(v)) && !is.object(v)
  if (is.null(d) || d[[2L]] == 0L || !plain(y)) return(FALSE)
  of_y <- if (is.null(dim(y))) c(length(y), 1L) else dim(y)
  if (length(of_y) != 2L || of_y[[1L]] != d[[1L]] || of_y[[2L]] == 0L) return(FALSE)
  rows <- d[[1L]]
  if (!is.null(weights)) {
    if (!(is.numeric(weights) && !is.object(weights) && length(weights) == rows)) return(FALSE)
    if (!all(is.finite(weights)) || any(weights < 0)) return(FALSE)
    rows <- sum(weights != 0)
  }
  root <- if (!is.null(weights)) sqrt(as.double(weights))
  rows >= d[[2L]] && in_range(x, root, threads) && in_range(y, root, threads)
}

fit_by_base <- function(x, y, offset, tol, singular.ok, weights, qr) {
  x <- as.matrix(x)
  fit <- if (is.null(weights)) {
    stats::lm.fit(x, y, offset, tol = tol, singular.ok = singular.ok)
  } else {
    stats::lm.wfit(x, y, weights, offset, tol = tol, singular.ok = singular.ok)
  }
  k <- seq_len(min(dim(x)))
  found <- fit$qr
  triangle <- if (is.null(found)) matrix(0, 0L, 0L) else found$qr[seq_len(min(dim(found$qr))), , drop = FALSE]
  triangle[row(triangle) > col(triangle)] <- 0
  dimnames(triangle) <- if (!is.null(colnames(triangle))) list(NULL, colnames(triangle))
  names <- c("coefficients", "residuals", "fitted.values", "rank", "df.residual")
  out <- c(fit[names], list(pivot = if (is.null(found)) integer() else found$pivot, R = triangle))
  more <- if (qr) intersect(c("effects", "qr"), names(fit))
  out[more] <- fit[more]
  in_order(out)
}

is_tiny_response <- function(y, n) {
  is.double(y) && is.null(attributes(y)) && length(y) == n && n > 0L && all(is.finite(y))
}

# lm.fit()'s own routine, without what it does around it.
fit_tiny <- function(x, y) {
  if (!ncol(x) || !all(is.finite(x))) return(fit_by_base(x, y, NULL, 1e-07, TRUE, NULL, FALSE))
  found <- stats::.lm.fit(x, y, 1e-07)
  p <- ncol(x)
  rank <- found$rank
  pivot <- found$pivot
  labels <- dimnames(x)[[2L]]
  coefficients <- found$coefficients
  if (rank < p) coefficients[(rank + 1L):p] <- NA
  coefficients[pivot] <- coefficients
  names(coefficients) <- if (is.null(labels)) paste0("x", seq_len(p)) else labels
  triangle <- found$qr[seq_len(min(dim(x))), , drop = FALSE]
  triangle[row(triangle) > col(triangle)] <- 0
  dimnames(triangle) <- if (!is.null(labels)) list(NULL, labels[pivot])
  list(
    coefficients = coefficients, residuals = found$residuals, fitted.values = y - found$residuals,
    rank = rank, pivot = pivot, df.residual = nrow(x) - rank, R = triangle
  )
}

# From the triangle of (x, y): R and Q'y. NULL: rounding decides on the rank.
fit_triangle <- function(x, y, root, tol, threads) {
  p <- ncol(x)
  k <- seq_len(p)
  whole <- triangle_of(x, threads, y, root)
  triangle <- whole[k, k, drop = FALSE]
  effects <- whole[k, -k, drop = FALSE]
  rank <- p
  pivot <- k
  of <- rank_of_triangle(triangle, tol)
  if (is.null(of)) return()
  if (of$moved) {
    # The triangle is a least squares problem of its own, with the same solution.
    rank <- of$rank
    pivot <- of$pivot
    effects <- qr.qty(of$qr, effects)
    triangle <- of$qr$qr
    triangle[lower.tri(triangle)] <- 0
  }
  solved <- solve_triangle(triangle, effects, rank)
  complete_fit(x, y, solved, triangle, rank, pivot, threads)
}

# With the reflections of x, as lm.fit() has them.
fit_reflections <- function(x, y, root, tol, threads) {
  p <- ncol(x)
  scaled <- x
  response <- y
  used <- seq_len(nrow(x))
  if (!is.null(root)) {
    used <- which(root != 0)
    scaled <- if (length(used) == nrow(x)) x * root else x[used, , drop = FALSE] * root[used]
    response <- y[used, , drop = FALSE] * root[used]
  }
  found <- qr_of_model(scaled, tol, threads)
  effects <- effects_of(found, unname(response), threads)
  k <- seq_len(p)
  triangle <- unname(found$qr[k, , drop = FALSE])
  triangle[lower.tri(triangle)] <- 0
  solved <- solve_triangle(triangle, effects[k, , drop = FALSE], found$rank)
  fit <- complete_fit(x, y, solved, triangle, found$rank, found$pivot, threads)
  fit$effects <- effects
  found$tol <- tol
  fit$qr <- structure(unclass(found)[c("qr", "qraux", "pivot", "tol", "rank")], class = "qr")
  fit
}

# mt_qr() of a matrix that is in range and not wide, of whatever size.
qr_of_model <- function(x, tol, threads) {
  if (worth_reflections(dim(x))) qr_by_reflections(x, tol, threads) else qr(x, tol = tol)
}

# qr.qty(), which reads all reflections twice on one thread.
effects_of <- function(qr, y, threads) {
  # LINPACK makes no reflection of the last row.
  rank <- min(qr$rank, nrow(y) - 1L)
  if (rank == 0L || length(qr$qr) < 2^15) return(qr.qty(qr, y))
  out <- rs_matrix(nrow(y), ncol(y))
  in_slices(function(state) rs_effects(qr$qr, qr$qraux, rank, y, out, state, threads))
  out
}

# Coefficients of the columns up to the rank, with zeros behind.
solve_triangle <- function(triangle, effects, rank) {
  out <- matrix(0, ncol(triangle), ncol(effects))
  k <- seq_len(rank)
  if (rank) {
    out[k, ] <- backsolve(triangle[k, k, drop = FALSE], effects[k, , drop = FALSE])
  }
  out
}

complete_fit <- function(x, y, solved, triangle, rank, pivot, threads) {
  coefficients <- matrix(0, ncol(x), ncol(y))
  coefficients[pivot, ] <- solved
  fitted <- rs_matrix(nrow(x), ncol(y))
  residuals <- rs_matrix(nrow(x), ncol(y))
  in_slices(function(state) {
    rs_fitted(x, y, coefficients, fitted, residuals, state, threads)
  })
  coefficients[pivot[-seq_len(rank)], ] <- NA
  if (!rank) coefficients[] <- NA
  list(
    coefficients = coefficients, residuals = residuals, fitted.values = fitted,
    rank = rank, pivot = pivot, R = triangle
  )
}

# Names and shapes as lm.fit() gives them; other attributes as arithmetic with `y` keeps them.
shape_fit <- function(fit, x, y, weights) {
  names <- colnames(x)
  several <- is.matrix(y)
  labels <- if (is.null(names)) paste0("x", seq_len(ncol(x))) else names
  if (!is.null(names)) colnames(fit$R) <- names[fit$pivot]
  dropped <- any(weights == 0)
  kept <- attributes(y)
  more <- if (length(weights) == length(y) && !dropped) attributes(weights)
  kept <- c(kept, more[setdiff(names(more), c(names(kept), if (several) "names"))])
  for (part in c("residuals", "fitted.values")) attributes(fit[[part]]) <- kept
  coefficients <- fit$coefficients
  fit$coefficients <- if (several) {
    `dimnames<-`(coefficients, list(labels, colnames(y)))
  } else {
    stats::setNames(coefficients[, 1L], labels)
  }
  if (!is.null(fit$qr)) {
    behind <- rep.int("", max(0L, nrow(fit$qr$qr) - fit$rank))
    labels <- c(labels[fit$pivot[seq_len(fit$rank)]], behind)
    # Elements of weight zero are not among the effects, so that no attribute fits them.
    if (!dropped) attributes(fit$effects) <- kept
    if (several) {
      dimnames(fit$effects) <- list(labels, colnames(y))
    } else {
      dim(fit$effects) <- NULL
      names(fit$effects) <- labels
    }
  }
  in_order(fit)
}

in_order <- function(fit) {
  order <- c(
    "coefficients", "residuals", "fitted.values", "rank", "pivot", "df.residual", "R", "effects", "qr"
  )
  fit[intersect(order, names(fit))]
}
