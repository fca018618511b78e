# Linear models.

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
