# Linear models.

#' @rdname mt_lm_fit
#' @param formula,data,subset,na.action As in [lm()].
#' @param model,contrasts As in [lm()].
#' @param ... Not used.
#' @export
mt_lm <- function(formula, data, subset, weights, na.action, method = "qr", model = TRUE, x = FALSE,
                  y = FALSE, qr = TRUE, singular.ok = TRUE, contrasts = NULL, offset, ...,
                  tol = 1e-07, threads = NULL) {
  check_no_more(match.call(expand.dots = FALSE)$..., sys.call())
  call <- match.call()
  threads <- thread_count(threads)
  keep <- c(
    model = check_flag(model, "model"), x = check_flag(x, "x"), y = check_flag(y, "y"), qr = check_flag(qr, "qr")
  )
  singular.ok <- check_flag(singular.ok, "singular.ok")
  # lm() knows how to find a model frame, and where to look for its variables.
  asked <- call[c(1L, match(
    c("formula", "data", "subset", "weights", "na.action", "offset"), names(call), 0L
  ))]
  asked[[1L]] <- quote(stats::lm)
  asked$method <- "model.frame"
  frame <- eval(asked, parent.frame())
  if (identical(method, "model.frame")) return(frame)
  check_method(method)
  fit <- fit_frame(frame, tol, singular.ok, contrasts, threads)
  if (is.null(fit)) {
    # There is nothing to compute.
    asked$method <- "qr"
    asked[c("x", "y", "contrasts")] <- list(keep[["x"]], keep[["y"]], call$contrasts)
    fit <- eval(asked, parent.frame())
    if (!keep[["model"]]) fit$model <- NULL
    fit$call <- call
    return(fit)
  }
  out <- fit$fit
  out$call <- call
  out$terms <- attr(frame, "terms")
  if (keep[["model"]]) out$model <- frame
  if (keep[["x"]]) out$x <- fit$x
  if (keep[["y"]]) out$y <- fit$y
  if (!keep[["qr"]]) out$qr <- NULL
  out
}

# The fit of a model frame, but for what lm() adds in the end, its model matrix `x` and its
# response `y`; NULL when no coefficient is to be computed.
fit_frame <- function(frame, tol, singular.ok, contrasts, threads) {
  terms <- attr(frame, "terms")
  y <- stats::model.response(frame, "numeric")
  weights <- as.vector(stats::model.weights(frame))
  if (!is.null(weights) && !is.numeric(weights)) stop(simpleError("'weights' must be a numeric vector", user_call()))
  offset <- stats::model.offset(frame)
  several <- is.matrix(y)
  if (stats::is.empty.model(terms) || (length(weights) && isTRUE(all(weights == 0)))) return()
  x <- stats::model.matrix(terms, frame, contrasts)
  if (!several && !is.null(offset)) offset <- as.vector(offset)
  fit <- mt_lm_fit(
    x, y, offset, tol = tol, singular.ok = singular.ok, weights = weights, qr = TRUE, threads = threads
  )
  # In the orders of lm.fit() and lm.wfit().
  out <- if (is.null(weights)) {
    fit[c("coefficients", "residuals", "effects", "rank", "fitted.values")]
  } else {
    c(fit[c("coefficients", "residuals", "fitted.values", "effects")], list(weights = weights), fit["rank"])
  }
  out <- c(out, list(assign = attr(x, "assign")), fit[c("qr", "df.residual")])
  class(out) <- c(if (several) "mlm", "lm")
  out$na.action <- attr(frame, "na.action")
  out$offset <- offset
  out$contrasts <- attr(x, "contrasts")
  out$xlevels <- stats::.getXlevels(terms, frame)
  list(fit = out, x = x, y = y)
}
