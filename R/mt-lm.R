# Linear models.

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
#' @param x A design matrix, numeric (double), integer or logical.
#' @param y The response: a vector, or a matrix with a column per response.
#' @param weights A vector of weights that are not negative, or `NULL`.
#' @param tol Tolerance of the rank, as in [mt_qr()].
#' @param qr For `mt_lm_fit()`, `TRUE` adds `qr` and `effects`, and takes longer. `mt_lm()`
#'   computes both as `lm()` does, and `FALSE` only leaves out `qr`.
#' @inheritParams mt_matmul
#' @return `mt_lm_fit()`: a list of `coefficients`, `residuals`, `fitted.values` (vectors,
#'   or matrices with a column per response), `rank`, `pivot`, `df.residual` and `R` (the upper
#'   triangle, with its columns in the order of `pivot`); with `qr = TRUE`
#'   also `effects` and `qr`, as [lm.fit()] has them. `mt_lm()`: an object of class
#'   `c("mt_lm", "lm")`, or `c("mt_lm", "mlm", "lm")` for several responses.
#' @section Errors: Those of base R; `rustle_error_argument` for `threads`, `qr` and `tol`.
#' @section Interrupts: Honoured within 200 ms.
#' @references J. Demmel, L. Grigori, M. Hoemmen and J. Langou (2012), Communication-optimal
#'   parallel and sequential QR and LU factorizations, SIAM Journal on Scientific Computing 34.
#'
#'   Y. Yamamoto, Y. Nakatsukasa, Y. Yanagisawa and T. Fukaya (2015), Roundoff error analysis
#'   of the CholeskyQR2 algorithm, Electronic Transactions on Numerical Analysis 44.
#' @examples
#' x <- cbind(1, matrix(rnorm(2000), 500))
#' y <- rnorm(500)
#' all.equal(mt_lm_fit(x, y, threads = 2)$coefficients, unname(lm.fit(x, y)$coefficients))
#' summary(mt_lm(mpg ~ wt + hp, mtcars, threads = 2))
#' @seealso [mt_qr()], [with_threads()].
#' @export
mt_lm_fit <- function(x, y, weights = NULL, tol = 1e-07, qr = FALSE, threads = NULL) {
  if (nargs() == 2L && is_tiny(x) && is_tiny_response(y, nrow(x))) return(fit_tiny(x, y))
  threads <- thread_count(threads)
  qr <- check_flag(qr, "qr")
  if (!(is.numeric(tol) && length(tol) == 1L && is.finite(tol) && tol >= 0)) {
    stop_argument("tol", "a number of at least 0", tol, user_call())
  }
  if (!fit_is_ours(x, y, weights, threads)) return(fit_by_base(x, y, weights, tol, qr))
  values <- as_double(x)
  response <- if (is.matrix(y)) as_double(y) else matrix(as.double(y), ncol = 1L)
  root <- if (!is.null(weights)) sqrt(as.double(weights))
  fit <- if (qr) {
    fit_reflections(values, response, root, tol, threads)
  } else {
    fit_triangle(values, response, root, tol, threads)
  }
  if (is.null(fit)) return(fit_by_base(x, y, weights, tol, qr))
  fit$df.residual <- nrow(x) - sum(weights == 0) - fit$rank
  shape_fit(fit, x, y)
}

#' @rdname mt_lm_fit
#' @param formula,data,subset,na.action,contrasts,offset As in [lm()].
#' @param model,singular.ok As in [lm()].
#' @param ... Not used: base R's `method`, `x` and `y` are not offered.
#' @export
mt_lm <- function(formula, data, weights, subset, na.action, model = TRUE, qr = TRUE,
                  singular.ok = TRUE, contrasts = NULL, offset, tol = 1e-07, ..., threads = NULL) {
  if (...length()) {
    unknown <- names(list(...))
    stop_argument("...", "empty", if (is.null(unknown)) list(...) else unknown, sys.call())
  }
  call <- match.call()
  threads <- thread_count(threads)
  model <- check_flag(model, "model")
  qr <- check_flag(qr, "qr")
  singular.ok <- check_flag(singular.ok, "singular.ok")
  # lm() knows how to find a model frame, and where to look for its variables.
  asked <- call[c(1L, match(
    c("formula", "data", "weights", "subset", "na.action", "offset"), names(call), 0L
  ))]
  asked[[1L]] <- quote(stats::lm)
  asked$method <- "model.frame"
  frame <- eval(asked, parent.frame())
  terms <- attr(frame, "terms")
  y <- stats::model.response(frame, "numeric")
  weights <- as.vector(stats::model.weights(frame))
  if (!is.null(weights) && !is.numeric(weights)) stop("'weights' must be a numeric vector")
  offset <- stats::model.offset(frame)
  several <- is.matrix(y)
  # Nothing to compute.
  if (stats::is.empty.model(terms) || (length(weights) && isTRUE(all(weights == 0)))) {
    asked$method <- "qr"
    asked$contrasts <- call$contrasts
    fit <- eval(asked, parent.frame())
    fit$call <- call
    if (!model) fit$model <- NULL
    class(fit) <- c("mt_lm", class(fit))
    return(fit)
  }
  x <- stats::model.matrix(terms, frame, contrasts)
  if (!several && !is.null(offset)) offset <- as.vector(offset)
  response <- if (is.null(offset)) y else y - offset
  fit <- mt_lm_fit(x, response, weights, tol = tol, qr = TRUE, threads = threads)
  if (!singular.ok && fit$rank < ncol(x)) stop("singular fit encountered")
  if (!is.null(offset)) fit$fitted.values <- fit$fitted.values + offset
  # In the orders of lm.fit() and lm.wfit().
  out <- if (is.null(weights)) {
    fit[c("coefficients", "residuals", "effects", "rank", "fitted.values")]
  } else {
    c(fit[c("coefficients", "residuals", "fitted.values", "effects")], list(weights = weights), fit["rank"])
  }
  out <- c(out, list(assign = attr(x, "assign")))
  out <- c(out, if (qr) fit["qr"], fit["df.residual"])
  out$na.action <- attr(frame, "na.action")
  out$offset <- offset
  out$contrasts <- attr(x, "contrasts")
  out$xlevels <- stats::.getXlevels(terms, frame)
  out$call <- call
  out$terms <- terms
  if (model) out$model <- frame
  class(out) <- c("mt_lm", if (several) "mlm", "lm")
  out
}
