#' Conformal prediction intervals
#'
#' Intervals for new responses that hold for any learner and any distribution, when observations
#' can be exchanged: from the residuals of fits that have not seen them, on the workers of the
#' current [plan()].
#'
#' @param x,fit,predict,response,strata,cluster,seed,... As for [cv()]; the response is a number.
#' @param newdata Rows to predict, with the columns of `x` that `predict` needs. `NULL`: those of `x`, for
#'   which the intervals are too sure.
#' @param method `"cv+"`, `"jackknife+"` (the same with one observation per fold) or `"split"`: one fit to a part of
#'   the data, residuals from the rest.
#' @param level Coverage that is asked for.
#' @param K Number of folds, for `"cv+"`; of `"split"`, one of `K` folds keeps its residuals (2 by default).
#' @param folds Instead of `K`, `strata` and `cluster` the folds themselves, as for [cv()]: those of a result of `cv()`
#'   (`$folds`), for instance. `"split"` keeps the residuals of the first.
#' @return A data frame of class `rustle_conformal` with a row per row of `newdata` and columns
#'   `predicted` (the median of the fits' predictions; the prediction, for `"split"`), `lower` and
#'   `upper`, which are infinite where there are too few observations for the level.
#' @details Coverage is at least `level` for `"split"`. For `"jackknife+"` it is at least
#'   \eqn{2 level - 1} whatever happens, and close to `level` for learners that are stable; for `"cv+"`
#'   less by \eqn{1 / n + \sqrt{2 / n}} at most (Barber et al. 2021). With clusters whole clusters are held out.
#' @section Errors: As for [cv()].
#' @references Barber, R. F., Candes, E. J., Ramdas, A. and Tibshirani, R. J. (2021) Predictive inference with
#'   the jackknife+. *Annals of Statistics* 49, 486-507. Lei, J., G'Sell, M., Rinaldo, A., Tibshirani, R. J.
#'   and Wasserman, L. (2018) Distribution-free predictive inference for regression. *JASA* 113, 1094-1111.
#' @seealso [cv()]; [folds()]; [validate_boot()].
#' @examples
#' conformal(lm(dist ~ speed, cars), newdata = data.frame(speed = c(5, 15)), K = 5, seed = 1)
#' #> Conformal intervals (cv+), level 0.9
#' #>   predicted  lower upper
#' #> 1     2.801 -24.15 28.62
#' #> 2    40.951  15.41 69.24
#' @export
conformal <- function(x, fit = NULL, predict = stats::predict, response = NULL, newdata = NULL,
                      method = c("cv+", "jackknife+", "split"), level = 0.9, K = NULL, ...,
                      strata = NULL, cluster = NULL, folds = NULL, seed = NULL) {
  origin <- sys.call()
  check_required("x")
  check_dots(..., .fun = fit, .role = "`fit`")
  methods <- c("cv+", "jackknife+", "split")
  method <- check_choice(if (identical(method, methods)) methods[[1L]] else method, methods, "method")
  level <- check_one_level(level, "level")
  seed <- check_count(seed, "seed", min = -.Machine$integer.max, null = TRUE)
  learner <- as_learner(x, fit, if (missing(predict)) NULL else predict, response, list(...), parent.frame())
  check_numeric_response(learner, origin)
  if (is.null(newdata)) newdata <- learner$x
  if (!(is.data.frame(newdata) || is.matrix(newdata)) || !nrow(newdata)) stop_argument("newdata", "a data frame or matrix with rows", newdata, origin)
  if (method == "jackknife+" && !is.null(K)) stop_argument("K", "NULL for `method = \"jackknife+\"`, whose folds have one observation", K, origin)
  K <- if (method == "jackknife+") "loo" else if (is.null(K)) (if (method == "split") 2L else 10L) else K
  do.call(tell_left_out, learner$left_out)
  y <- as.double(learner$y)
  n <- length(y)
  strata <- rows_of_learner(strata, learner, "strata", origin)
  cluster <- rows_of_learner(cluster, learner, "cluster", origin)
  fold <- if (is.null(folds)) with_call(origin, rustle_folds(n, K, 1L, strata, cluster, seed)) else one_repetition(folds, n, learner, method, origin)
  fold <- fold[, 1L]
  held <- if (method == "split") 1L else sort(unique(fold))
  splits <- lapply(held, function(k) list(learner = 1L, train = which(fold != k), test = which(fold == k), new = TRUE))
  parts <- run_splits(list(learner), splits, newdata, "stop", seed, "conformal", origin)
  numbers <- vapply(c(parts$predicted, parts$new), function(p) is.numeric(p) && NCOL(p) == 1L, NA)
  if (!all(numbers)) stop_argument("predict", "a function that gives a number for each row", c(parts$predicted, parts$new)[[which(!numbers)[[1L]]]], origin)
  m <- nrow(newdata)
  if (any(lengths(parts$new) != m)) stop_argument("predict", sprintf("a function that gives a number for each of %d rows", m), parts$new[[1L]], origin)
  tested <- unlist(lapply(splits, `[[`, "test"))
  residual <- abs(y[tested] - unlist(parts$predicted))
  # A row per observation that was held out: what the fit without it says of the new rows.
  means <- do.call(rbind, parts$new)[rep(seq_along(splits), lengths(lapply(splits, `[[`, "test"))), , drop = FALSE]
  count <- length(residual)
  # The rank among residuals and that of the new observation; 1e-9: levels such as 0.9 are rounded.
  rank <- ceiling(level * (count + 1) - 1e-9)
  at <- function(v) if (anyNA(v)) NA_real_ else if (rank > count) Inf else sort(v, partial = rank)[[rank]]
  out <- data.frame(
    predicted = apply(means, 2L, stats::median),
    lower = -apply(residual - means, 2L, at), upper = apply(residual + means, 2L, at)
  )
  structure(out, class = c("rustle_conformal", "data.frame"), method = method, level = level, row.names = rownames(newdata))
}

# Folds that the user gave, such as those of cv().
one_repetition <- function(folds, n, learner, method, call) {
  if (method == "jackknife+") stop_argument("folds", "NULL for `method = \"jackknife+\"`, whose folds have one observation", folds, call)
  made <- folds_of_kept(folds, n, learner, call)
  if (ncol(made) > 1L) stop_argument("folds", "of one repetition", folds, call, was = sprintf("of %d", ncol(made)))
  made
}

#' @rdname conformal
#' @param digits Number of significant digits.
#' @export
print.rustle_conformal <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  if (!is.null(attr(x, "method"))) cat(sprintf("Conformal intervals (%s), level %s\n", attr(x, "method"), format(attr(x, "level"))))
  print(data.frame(unclass(x)[names(x)], row.names = attr(x, "row.names")), digits = digits, ...)
  invisible(x)
}
