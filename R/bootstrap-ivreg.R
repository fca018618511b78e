# Two-stage least squares, natively.

#' @rdname statistics
#' @export
stat_ivreg <- function(formula, weights = NULL, offset = NULL) {
  origin <- sys.call()
  check_required("formula")
  if (!has_instruments(formula)) stop_argument("formula", "a formula y ~ regressors | instruments", formula, origin)
  check_model_column(weights, "weights", origin)
  check_model_column(offset, "offset", origin)
  parts <- parts_of_formula(formula)
  new_statistic("ivreg", formula = formula, weights = weights, offset = offset, compile = function(use) {
    compile_ivreg(use$model(parts$both, weights, offset), parts)
  })
}

# list(both, regressors, instruments), formulas with a response: `both` with all variables.
parts_of_formula <- function(formula) {
  scope <- environment(formula)
  part <- function(rhs) stats::as.formula(call("~", formula[[2L]], rhs), env = scope)
  sides <- formula[[3L]]
  list(both = part(call("+", sides[[2L]], sides[[3L]])), regressors = part(sides[[2L]]), instruments = part(sides[[3L]]))
}

compile_ivreg <- function(frame, parts) {
  y <- response_of_lm(list(y = stats::model.response(frame), offset = stats::model.offset(frame)))
  prior <- prior_weights(frame)
  root <- if (is.null(prior)) 1 else sqrt(prior)
  X <- stats::model.matrix(parts$regressors, frame)
  Z <- stats::model.matrix(parts$instruments, frame)
  names <- colnames(X)
  if (ncol(Z) < ncol(X)) {
    abort_rustle(
      sprintf("`formula` must have an instrument for each endogenous regressor: it has %d columns and %d instruments.", ncol(X), ncol(Z)),
      "rustle_error_argument", argument = "formula"
    )
  }
  X <- root * X
  y <- root * y
  instruments <- basis_of(root * Z)
  # The regressors in a basis in which what the instruments explain of them is orthonormal.
  explained <- basis_of(crossprod(instruments$q, X))
  beta <- drop(explained$back %*% crossprod(explained$q, crossprod(instruments$q, y)))
  native <- list(
    source = "two_stage", q = as.double(instruments$q), x = as.double(X %*% explained$back),
    residuals = as.double(y - X %*% beta), beta = as.double(beta), back = as.double(explained$back)
  )
  compiled_statistic(native, names)
}
