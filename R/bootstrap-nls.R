# Nonlinear least squares: an R function that begins where the full sample has ended.

#' @rdname statistics
#' @export
stat_nls <- function(formula, start, weights = NULL, ...) {
  origin <- sys.call()
  check_required("formula")
  check_dots(..., .fun = stats::nls)
  if (!inherits(formula, "formula") || length(formula) != 3L) stop_argument("formula", "a formula with a response, such as y ~ a * x^b", formula, origin)
  if (missing(start)) start <- NULL
  check_model_column(weights, "weights", origin)
  dots <- list(...)
  own <- setdiff(names(dots), c("algorithm", "control", "lower", "upper", "trace", "model"))
  if (length(own)) stop_argument(own[[1L]], "left out: stat_nls() gives it itself", dots[[own[[1L]]]], origin)
  out <- new_statistic("nls", formula = formula, weights = weights, compile = NULL)
  out$closure <- function(data, stype, call) nls_closure(data, formula, start, weights, dots, stype, call)
  out
}

nls_closure <- function(data, formula, start, weights, dots, stype, call) {
  data <- as.data.frame(data)
  # Variables from elsewhere are drawn with the rows.
  own <- outside_columns(list(formula), data, environment(formula))
  own <- own[setdiff(names(own), names(start))]
  data[names(own)] <- own
  data$.rustle_prior <- if (is.null(weights)) 1 else model_column(weights, data, "weights", call)
  if (anyNA(data$.rustle_prior)) stop_argument("weights", "without NA", data$.rustle_prior, call, was = sprintf("with %d NA", sum(is.na(data$.rustle_prior))))
  check_prior_weights(data$.rustle_prior, call)
  fit <- function(data, start) {
    arguments <- c(list(formula, data = data, weights = data$.rustle_prior), if (!is.null(start)) list(start = start), dots)
    stats::coef(do.call(stats::nls, arguments, quote = TRUE))
  }
  estimate <- tryCatch(fit(data, start), error = function(e) {
    abort_rustle(
      sprintf("The model of `formula` has no estimate on the data: %s.", sub("[.]$", "", conditionMessage(e))),
      "rustle_error_argument", argument = "formula", parent = e, call = call
    )
  })
  # As start: vectors of an indexed parameter by name.
  again <- if (is.null(start)) as.list(estimate) else utils::relist(estimate, lapply(start, as.double))
  prior <- data$.rustle_prior
  # All that the formula calls or reads, for workers that do not share memory.
  inside <- eval(call("function", NULL, formula[[3L]]), environment(formula))
  calls_user(switch(stype,
    i = function(data, i = seq_len(nrow(data))) {
      data[names(own)] <- own
      data$.rustle_prior <- prior
      fit(data[i, , drop = FALSE], again)
    },
    function(data, w) {
      data[names(own)] <- own
      data$.rustle_prior <- prior * w / mean(w)
      fit(data[w != 0, , drop = FALSE], again)
    }
  ), inside)
}
