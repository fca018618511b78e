# The linear model of a test, as a list:
#   X           design, n x k, not multiplied by weights, fixed effects projected out: a matrix, or a
#               list of its columns, which then are those of the model frame and no copy
#   back        k x k: sqrt(w) * X %*% back has orthonormal columns
#   coef, names coefficients
#   residual    residuals, not multiplied by weights
#   w           prior weights or NULL
#   n, k        rows used; coefficients, those of the fixed effects that count among them
#   rows        function(formula, argument): the variables of a formula at the rows used
#   effect      NULL, or the fixed effect that is projected out: a list(group, count)

read_model <- function(model, data, effects, count_effects, call) {
  if (inherits(model, "formula")) {
    if (length(model) != 3L) stop_argument("model", "a formula with a response, or a fitted model", model, call)
    if (!is.null(data) && !is.data.frame(data)) stop_argument("data", "a data frame or NULL", data, call)
    model <- fit_formula(model, data, call)
  } else if (!is.null(data)) {
    stop_argument("data", "NULL for a fitted model, which has its own", data, call)
  }
  if (!is_plain_fit(model) || inherits(model, "glm")) {
    stop_argument("model", "a formula, or a model with one response fitted by lm(), mt_lm() or glm()", model, call)
  }
  check_aliased(model, call)
  w <- check_model_weights(model$weights, call)
  frame <- stats::model.frame(model)
  X <- design_of_fit(model, frame)
  # A fit that has not kept its frame: that of its data now must be the same.
  if (is.null(model$model)) check_fitted(model, whole_design(X), call)
  rows <- function(formula, argument) rows_of_model(model, frame, formula, argument, call)
  out <- list(
    names = design_names(X), w = w, n = nrow(frame), k = length(design_names(X)), rows = rows, frame = frame,
    effect = NULL, absorbed = 0L
  )
  if (out$n <= out$k) stop_argument("model", "a model with more observations than coefficients", model, call)
  if (!is.null(effects)) return(absorb(out, model, whole_design(X), effects, count_effects, call))
  q <- if (is.null(model$qr)) qr(if (is.null(w)) whole_design(X) else sqrt(w) * whole_design(X)) else model$qr
  back <- matrix(0, out$k, out$k)
  back[q$pivot, ] <- backsolve(qr.R(q), diag(out$k))
  out$X <- X
  out$back <- back
  out$coef <- unname(stats::coef(model))
  out$residual <- as.vector(model$residuals)
  check_exact(out$residual, model$fitted.values, call)
  out
}

# The design. Where each term is a numeric column model.matrix(), and a matrix of them, would take the
# longest part of a test of a million rows.
design_of_fit <- function(model, frame) {
  terms <- stats::terms(model)
  labels <- attr(terms, "term.labels")
  # model$x would be model$xlevels.
  plain <- is.null(model[["x"]]) && length(labels) > 0L && all(attr(terms, "order") == 1L) && all(labels %in% names(frame)) &&
    all(vapply(frame[labels], function(v) is.double(v) && !is.object(v) && is.null(dim(v)), NA))
  if (!plain) return(stats::model.matrix(model))
  c(if (attr(terms, "intercept")) list("(Intercept)" = rep(1, nrow(frame))), unclass(frame)[labels])
}

design_names <- function(X) if (is.list(X)) names(X) else colnames(X)

whole_design <- function(X) if (is.list(X)) do.call(cbind, X) else X

design_column <- function(X, j) if (is.list(X)) X[[j]] else X[, j]

# X %*% by
design_times <- function(X, by, threads = 1L) {
  n <- if (is.list(X)) length(X[[1L]]) else nrow(X)
  X <- if (is.list(X)) lapply(X, as_doubles) else as_doubles(X)
  matrix(unpack(rs_wild_product(X, as.double(by), n, threads)), n)
}

check_fitted <- function(model, X, call) {
  offset <- if (is.null(model$offset)) 0 else model$offset
  same <- nrow(X) == length(model$fitted.values) && isTRUE(all.equal(
    as.vector(X %*% stats::coef(model)) + offset, as.vector(model$fitted.values), check.attributes = FALSE
  ))
  if (same) return(invisible())
  abort_rustle(
    "`model` has not kept its model frame, and its data have changed since it was fitted.",
    class = c("rustle_error_rows", "rustle_error_argument"), argument = "model", call = call
  )
}

# A fit whose call says where its data are, for rows_of_model().
fit_formula <- function(formula, data, call) {
  fit <- tryCatch(
    stats::lm(formula, data = if (is.null(data)) environment(formula) else data),
    error = function(e) {
      abort_rustle(
        sprintf("`model` must be a formula that lm() can fit: %s.", conditionMessage(e)),
        class = "rustle_error_argument", argument = "model", value = formula, call = call
      )
    }
  )
  fit$rustle_data <- data
  fit
}

check_aliased <- function(model, call) {
  aliased <- names(which(is.na(stats::coef(model))))
  if (!length(aliased)) return(invisible())
  abort_rustle(
    sprintf("`model` must have no collinear columns (it has: %s).", paste(aliased, collapse = ", ")),
    class = "rustle_error_argument", argument = "model", aliased = aliased, call = call
  )
}

check_model_weights <- function(w, call) {
  if (is.null(w)) return(NULL)
  if (!all(is.finite(w) & w > 0)) {
    stop_argument("model", "a model whose weights are above 0", w, call, was = "one with weights of 0; leave their rows out")
  }
  if (all(w == w[[1L]])) NULL else as.vector(w)
}

# Residuals that are rounding error leave nothing to resample.
check_exact <- function(residual, fitted, call) {
  # crossprod() makes no squares of all numbers.
  size <- crossprod(residual)[[1L]]
  fitted <- crossprod(fitted)[[1L]]
  if (size <= 1e-24 * (fitted + size)) {
    abort_rustle(
      "`model` must have residuals; this one fits its response exactly.",
      class = c("rustle_error_degenerate", "rustle_error_argument"), argument = "model", call = call
    )
  }
}

# Projects fixed effects out: the one with most levels by means, others as columns. The
# coefficients and residuals are those of the model with dummy variables.
absorb <- function(out, model, X, effects, count_effects, call) {
  factors <- group_columns(effects, out, "effects", call)
  counts <- vapply(factors, `[[`, 0, "count")
  most <- which.max(counts)
  effect <- factors[[most]]
  y <- stats::model.response(out$frame, "numeric")
  offset <- stats::model.offset(out$frame)
  if (!is.null(offset)) y <- y - offset
  X <- X[, out$names != "(Intercept)", drop = FALSE]
  if (!ncol(X)) stop_argument("model", "a model with regressors beside the fixed effects", model, call)
  own <- colnames(X)
  columns <- lapply(factors[-most], function(f) outer(f$group, seq_len(f$count)[-1L], `==`) + 0)
  all <- do.call(cbind, c(list(X, y), columns))
  before <- sqrt(colSums(X^2))
  all <- demean(all, effect, out$w)
  p <- ncol(X)
  y <- all[, p + 1L]
  X <- all[, -(p + 1L), drop = FALSE]
  root <- if (is.null(out$w)) 1 else sqrt(out$w)
  # What is left of a column within the effects is rounding error.
  constant <- which(sqrt(colSums(X[, seq_len(p), drop = FALSE]^2)) <= 1e-10 * before)
  X[, constant] <- 0
  q <- qr(root * X, tol = 1e-7)
  kept <- sort(q$pivot[seq_len(q$rank)])
  lost <- union(setdiff(seq_len(p), kept), constant)
  if (length(lost)) stop_absorbed(own[lost], call)
  if (q$rank < ncol(X)) {
    X <- X[, kept, drop = FALSE]
    q <- qr(root * X)
  }
  k <- ncol(X)
  back <- matrix(0, k, k)
  back[q$pivot, ] <- backsolve(qr.R(q), diag(k))
  out$X <- X
  out$back <- back
  out$coef <- as.vector(back %*% (t(back) %*% crossprod(X, (if (is.null(out$w)) 1 else out$w) * y)))
  out$residual <- as.vector(y - X %*% out$coef)
  out$names <- own
  out$absorbed <- effect$count + k - p
  out$effect <- effect
  out$k <- p + if (count_effects) out$absorbed else 0L
  if (out$n <= out$k) stop_argument("effects", "fewer than there are observations", effects, call)
  check_exact(out$residual, y, call)
  out
}

# Columns less their (weighted) means by group.
demean <- function(x, effect, w) {
  sums <- group_sums(x, if (is.null(w)) rep(1, nrow(x)) else w, effect$group, effect$count)
  size <- if (is.null(w)) tabulate(effect$group, effect$count) else rowsum(w, effect$group)[, 1L]
  means <- sums / size
  # Levels whose weights are all 0 have no mean.
  means[size == 0, ] <- 0
  x - means[effect$group, , drop = FALSE]
}

# Sums of `x * factor` by group, a groups x columns matrix; columns of `factor` within those of `x`, a
# matrix or a list of columns.
group_sums <- function(x, factor, group, count, threads = 1L) {
  x <- if (is.list(x)) lapply(x, as_doubles) else as_doubles(x)
  out <- unpack(rs_wild_sums(x, as_doubles(factor), group, count, threads))
  matrix(out, count)
}

# as.double() would copy a matrix.
as_doubles <- function(x) if (is.double(x)) x else as.double(x)
