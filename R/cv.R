#' Cross-validation on the workers of the plan
#'
#' Fits a learner without each fold in turn and predicts the fold: one task per fold and
#' repetition, on the workers of the current [plan()]. Linear models need no refits: their
#' cross-validated residuals have a closed form.
#'
#' @param x Data: a data frame or matrix whose rows are observations. Or a fitted model of
#'   class `lm` or `glm`, which is fitted again to the data that its call names.
#' @param fit A function that fits. When `response` names a column: `fit(train, ...)`, with
#'   rows of `x`, all columns. When `response` is a vector: `fit(x, y, ...)`. Functions whose
#'   first argument is a formula are wrapped: `function(train) lm(y ~ ., train)`.
#' @param predict A function `predict(model, newdata)` that returns a vector (or factor, or
#'   a matrix) with a value (row) per row of `newdata`. The default is [stats::predict()], for
#'   models of class `glm` with `type = "response"`.
#' @param response The name of a column of `x`, or a vector with a value per row.
#' @param K Number of folds, or `"loo"`: leave-one-out. See [folds()].
#' @param reps,strata,cluster As in [folds()]; strata and clusters may be formulas of columns, such as `~ g`.
#' @param folds Instead of these, the folds themselves: what [folds()] returns, a vector of
#'   fold numbers, or a list with the observations of each fold.
#' @param loss A function of observed and predicted values that returns a number, or one of
#'   `"mse"`, `"rmse"`, `"mae"` and `"misclassification"`. By default `"mse"` for numbers,
#'   `"misclassification"` otherwise, which compares classes: see Classes.
#' @param adjust `TRUE` also computes the bias-adjusted estimate (Davison and Hinkley 1997,
#'   equation 6.48), for which every fit predicts all observations.
#' @param lambda For `lm`: penalties of ridge regression, one estimate each, with the
#'   columns as they are and the intercept not penalized.
#' @param exact `TRUE` uses the closed form for `lm`, which takes the columns of the design
#'   as given: terms that depend on other rows, such as quantiles as knots, are not computed
#'   anew. `FALSE` fits again.
#' @param on_error `"stop"`, or `"na"`: a fold that fails is missing and listed in
#'   `failures`.
#' @param seed A whole number: folds and random numbers of the learner depend on it alone,
#'   and the state of R's generator does not move. `NULL`: R's generator says. Every fit has
#'   a stream of its own, so the result does not depend on the workers.
#' @param ... Further arguments of `fit`. Others are refused; those after `...` are given by
#'   their full names.
#' @return A list of class `rustle_cv`: `estimate` (the loss, averaged over folds by their
#'   size and over repetitions), `std.error` (of that average over the folds of one repetition;
#'   folds share most of their training data, so it is rather too small, Bengio and Grandvalet
#'   2004), `adjusted` (with `adjust`), `losses` (a data frame with a
#'   row per fold: `rep`, `fold`, `n` (observations that count), `loss`), `predictions` (a
#'   data frame with a row per observation and repetition: `observation`, the row of the
#'   data, `rep`, `fold`, `observed`, `predicted`; a matrix stays one), `failures`, `folds`,
#'   `loss`, `left_out` (the number of rows left out for missing values). With several `lambda`, `estimate` is a
#'   vector and `losses` and `predictions` have a column `lambda`.
#' @section Classes: For `"misclassification"` predictions must be values of the response, or
#'   a matrix of numbers with a column named after each class, of which the largest counts.
#'   Probabilities of a `glm` of family binomial, predicted by default, count as the second
#'   class above 0.5, and a message says so. Other numbers are an error which asks for `loss`:
#'   whether they are probabilities, and of which class, cannot be seen.
#' @section Missing values: Rows whose response is missing are left out before folds are
#'   made, as [stats::lm()] leaves them out; a message says how many. Where a prediction is
#'   missing the loss leaves the observation out, with a warning of class
#'   `rustle_warning_missing`. `strata`, `cluster` and `folds` may be given for all rows.
#' @section Errors: `rustle_error_fold` when a fit or prediction fails (fields `fold`, `rep`,
#'   `parent`) or returns another number of predictions; `rustle_error_argument` for wrong
#'   arguments, for predictions that the named loss cannot be computed of, and for a `loss`
#'   that does not return one number.
#' @section Method: For least squares with hat matrix H the residuals of fold k without
#'   it are \eqn{(I - H_{kk})^{-1} e_k}, for one observation \eqn{e_i / (1 - h_i)} (Allen
#'   1974); for ridge regression H is that of the penalized fit.
#' @references Allen, D. M. (1974) The relationship between variable selection and data
#'   augmentation and a method for prediction. *Technometrics* 16, 125-127.
#'
#'   Bengio, Y. and Grandvalet, Y. (2004) No unbiased estimator of the variance of K-fold
#'   cross-validation. *Journal of Machine Learning Research* 5, 1089-1105.
#'
#'   Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their Application*,
#'   section 6.4. Cambridge University Press.
#'
#'   Stone, M. (1974) Cross-validatory choice and assessment of statistical predictions.
#'   *Journal of the Royal Statistical Society B* 36, 111-147.
#' @seealso [folds()] for folds alone; [bootstrap()]; [study()]; [mt_lm()].
#' @examples
#' fit <- lm(mpg ~ wt + hp, mtcars)
#' cv(fit, K = "loo")
#' #> Leave-one-out cross-validation of 32 observations
#' #> mse: 7.703 (standard error 2.16)
#' cv(fit, K = "loo", lambda = c(0, 1, 10))$estimate
#' #>        0        1       10
#' #> 7.703321 7.728186 9.178242
#'
#' oplan <- plan(multicore, workers = 2)
#' cv(mtcars, function(train) loess(mpg ~ wt, train, surface = "direct"),
#'   response = "mpg", K = 5, seed = 1
#' )
#' #> 5-fold cross-validation of 32 observations
#' #> mse: 8.633 (standard error 1.39)
#' plan(oplan)
#' @order 1
#' @export
cv <- function(x, fit = NULL, predict = stats::predict, response = NULL, K = 10, ..., reps = 1,
               strata = NULL, cluster = NULL, folds = NULL, loss = NULL, adjust = FALSE,
               lambda = NULL, exact = TRUE, on_error = c("stop", "na"), seed = NULL) {
  check_required("x")
  check_dots(..., .fun = if (is.character(fit)) get0(fit[[1L]], parent.frame(), mode = "function") else fit, .role = "`fit`")
  adjust <- check_flag(adjust, "adjust")
  exact <- check_flag(exact, "exact")
  on_error <- check_choice(on_error[1L], c("stop", "na"), "on_error")
  seed <- check_count(seed, "seed", min = -.Machine$integer.max, null = TRUE)
  learner <- as_learner(x, fit, if (missing(predict)) NULL else predict, response, list(...), parent.frame())
  n <- length_of(learner$y)
  strata <- rows_of_learner(strata, learner, "strata", sys.call())
  cluster <- rows_of_learner(cluster, learner, "cluster", sys.call())
  rule <- check_loss(loss, learner$y)
  closed <- learner$linear && exact && !adjust
  penalty <- check_lambda(lambda, learner$linear, closed)
  made <- if (is.null(folds)) {
    with_call(sys.call(), rustle_folds(n, K, reps, strata, cluster, seed))
  } else {
    folds_of_kept(folds, n, learner, sys.call())
  }
  runs <- which_folds(made)
  do.call(tell_left_out, learner$left_out)
  parts <- if (closed) {
    closed_form(x, made, runs, penalty)
  } else {
    run_folds(learner, made, runs, adjust, on_error, seed, sys.call())
  }
  parts$learner <- learner
  new_cv(parts, runs, made, learner$y, rule, penalty, adjust, sys.call())
}

# `strata` or `cluster` at the rows that a learner has: columns of its data, or a vector of these rows
# or of all.
rows_of_learner <- function(v, learner, argument, call) {
  if (inherits(v, "formula")) return(columns_of_rows(v, learner$x, argument, call))
  if (length(learner$kept) && is.atomic(v) && length(v) == learner$rows) v[learner$kept] else v
}

# Folds that the user gave: for all rows, or for the rows that are used.
folds_of_kept <- function(folds, n, learner, call) {
  of <- if (is.list(folds)) length(unlist(folds)) else NROW(folds)
  if (!length(learner$kept) || of != learner$rows) return(as_folds(folds, n, call))
  made <- as_folds(folds, learner$rows, call)
  structure(unclass(made)[learner$kept, , drop = FALSE], class = "rustle_folds", K = attr(made, "K"))
}

# folds() under a name that the argument of cv() does not hide.
rustle_folds <- function(n, K, reps, strata, cluster, seed) folds(n, K, reps, strata, cluster, seed)

length_of <- function(y) NROW(y)

# list(x, y, fit, predict, linear): `fit(rows)` style is left to the workers.
as_learner <- function(x, fit, predict, response, extra, envir, call = sys.call(-1L)) {
  if (inherits(x, "lm") && is.null(fit)) return(model_learner(x, call))
  if (!(is.data.frame(x) || is.matrix(x)) || nrow(x) < 2L) {
    stop_argument("x", "a data frame or matrix with at least two rows, or a fitted lm or glm", x, call)
  }
  fit <- check_function(fit, "fit", envir, call)
  default <- is.null(predict)
  predict <- if (is.null(predict)) predict_response else check_function(predict, "predict", envir, call)
  named <- is.character(response) && length(response) == 1L && response %in% colnames(x)
  if (!named && (is.null(response) || NROW(response) != nrow(x))) {
    must <- sprintf("the name of a column of `x`, or a vector of length %d", nrow(x))
    stop_argument("response", must, response, call)
  }
  check_arguments_of(fit, if (named) "train" else c("x", "y"), "fit", call)
  check_arguments_of(predict, c("model", "newdata"), "predict", call)
  # lm() takes a data frame for a formula, of its first column.
  if (named && identical(names(formals(fit))[1L], "formula")) {
    abort_rustle(
      sprintf(
        "`fit` is called as fit(train, ...), but this function has `formula` first: give function(train) fit(%s ~ ., train).",
        response
      ),
      "rustle_error_argument", argument = "fit", value = fit, call = call
    )
  }
  rows <- nrow(x)
  used <- without_missing(x, if (!named) response else if (is.data.frame(x)) x[[response]] else x[, response])
  if (NROW(used$y) < 2L) stop_argument("response", "known for at least two rows", response, call)
  list(
    x = used$x, y = used$y, apart = !named, fit = fit, predict = predict, extra = extra, linear = FALSE,
    default = default, kept = used$kept, rows = rows,
    left_out = list(rows - NROW(used$y), rows, "their response is missing"),
    hint = sprintf(
      " `fit` is called as %s of `x`, `predict` as predict(model, newdata).",
      if (named) "fit(train, ...) with rows" else "fit(x, y, ...) with rows"
    )
  )
}

# Runs on workers like make_fold(), so it uses base R only.
predict_response <- function(model, newdata) {
  if (inherits(model, "glm")) stats::predict(model, newdata, type = "response") else stats::predict(model, newdata)
}
environment(predict_response) <- baseenv()

# A model is fitted again by its own call to rows of its data.
model_learner <- function(model, call) {
  frame <- stats::model.frame(model)
  linear <- identical(class(model), "lm") && all(stats::weights(model) > 0)
  rows <- tryCatch(rows_of_fit(model, call, "x"), rustle_error_argument = function(e) {
    # The closed form of a linear model needs no data.
    if (!linear) stop(e)
    list(data = frame, again = NULL, home = baseenv(), all = nrow(frame), kept = seq_len(nrow(frame)), error = e)
  })
  again <- rows$again
  home <- rows$home
  list(
    x = rows$data, y = if (inherits(model, "glm")) model$y else stats::model.response(frame), apart = FALSE,
    fit = function(train) eval(again, list(.rustle_data = train), home),
    predict = function(model, newdata) stats::predict(model, newdata, type = "response"),
    extra = list(), default = TRUE, kept = if (length(rows$kept) < rows$all) rows$kept, rows = rows$all,
    left_out = list(length(model$na.action), nrow(frame) + length(model$na.action), "so did the model, for missing values"),
    linear = linear, error = rows$error
  )
}

check_lambda <- function(lambda, linear, closed, call = sys.call(-1L)) {
  if (is.null(lambda)) return(NULL)
  good <- is.numeric(lambda) && length(lambda) && all(is.finite(lambda)) && all(lambda >= 0)
  if (!good) stop_argument("lambda", "penalties of at least 0", lambda, call)
  if (!linear || !closed) {
    stop_argument("lambda", "NULL, or given with a model of class lm, exact = TRUE and adjust = FALSE", lambda, call)
  }
  as.vector(lambda)
}

# A row per repetition and fold.
which_folds <- function(folds) {
  per_rep <- lapply(seq_len(ncol(folds)), function(r) sort(unique(folds[, r])))
  data.frame(rep = rep(seq_along(per_rep), lengths(per_rep)), fold = unlist(per_rep))
}

# A task per fold. Returns list(predictions, everywhere, failures), lists by run.
run_folds <- function(learner, folds, runs, adjust, on_error, seed, call) {
  if (!is.null(learner$error)) stop(learner$error)
  task <- make_fold(
    learner$x, learner$y, learner$apart, learner$fit, learner$predict, learner$extra,
    unclass(folds), runs$rep, runs$fold, adjust, learner$default
  )
  plan <- current_plan()
  streams <- streams_of_future(if (is.null(seed)) TRUE else seed, nrow(runs), "seed")
  # With a seed the caller's generator does not move.
  if (!is.null(seed)) streams$after <- NULL
  job <- new_job(
    lapply_call, lapply_frame(seq_len(nrow(runs)), task), nrow(runs), policy_of_plan(plan), streams,
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", label = "cv-%d"
  )
  outcome <- if (is.null(seed)) run_job(job, plan) else keep_random_seed(run_job(job, plan))
  values <- outcome$values
  failures <- data.frame(rep = integer(), fold = integer(), message = character())
  for (k in seq_along(values)) {
    value <- values[[k]]
    failed <- k %in% outcome$failed
    if (failed) value <- with_task(value, k, outcome$job)
    expected <- sum(folds[, runs$rep[[k]]] == runs$fold[[k]])
    text <- if (failed) {
      conditionMessage(value)
    } else if (NROW(value$predicted) != expected) {
      sprintf("%d predictions for %d observations", NROW(value$predicted), expected)
    }
    if (is.null(text)) next
    if (on_error == "stop") stop_fold(runs, k, text, if (failed) value, call, learner$hint)
    failures <- rbind(failures, data.frame(rep = runs$rep[[k]], fold = runs$fold[[k]], message = text))
    values[[k]] <- list(predicted = rep(NA, expected), everywhere = NULL, probability = NA)
  }
  list(
    predicted = lapply(values, `[[`, "predicted"), everywhere = lapply(values, `[[`, "everywhere"),
    failures = failures, failed = paste(failures$rep, failures$fold),
    probability = isTRUE(all(vapply(values, `[[`, NA, "probability"), na.rm = TRUE))
  )
}

stop_fold <- function(runs, k, text, parent, call, hint = NULL) {
  where <- if (max(runs$rep) > 1L) sprintf("Fold %d of repetition %d", runs$fold[[k]], runs$rep[[k]]) else sprintf("Fold %d", runs$fold[[k]])
  abort_rustle(
    if (is.null(hint)) sprintf("%s failed: %s", where, text) else sprintf("%s failed: %s.%s", where, sub("[.]$", "", text), hint), class = "rustle_error_fold",
    fold = runs$fold[[k]], rep = runs$rep[[k]], parent = parent, call = call
  )
}

# Runs on workers, which may not have rustle: base R only.
make_fold <- function(x, y, apart, fit, predict, extra, folds, reps, which, adjust, default) {
  rows <- function(x, kept) if (length(dim(x))) x[kept, , drop = FALSE] else x[kept]
  function(k) {
    out <- folds[, reps[[k]]] == which[[k]]
    arguments <- list(rows(x, !out))
    if (apart) arguments[[2L]] <- rows(y, !out)
    names(extra) <- if (length(extra)) names(extra)
    model <- do.call(fit, c(arguments, extra), quote = TRUE)
    list(
      predicted = predict(model, rows(x, out)),
      everywhere = if (adjust) predict(model, x),
      # Only the family tells that these are probabilities of the second class.
      probability = default && inherits(model, "glm") && isTRUE(model$family$family %in% c("binomial", "quasibinomial"))
    )
  }
}
environment(make_fold) <- baseenv()

# The residuals of each fold from a fit without it, computed from the hat matrix of the
# (penalized) fit to all data.
closed_form <- function(model, folds, runs, lambda) {
  x <- stats::model.matrix(model)
  kept <- model$qr$pivot[seq_len(model$rank)]
  penalized <- attr(x, "assign")[kept] != 0L
  x <- x[, kept, drop = FALSE]
  y <- stats::model.response(stats::model.frame(model))
  offset <- if (is.null(model$offset)) 0 else model$offset
  root <- sqrt(if (is.null(model$weights)) rep(1, nrow(x)) else model$weights)
  z <- root * (y - offset)
  singular <- FALSE
  without <- function(penalty) {
    rows <- diag(sqrt(penalty) * penalized, ncol(x))
    q <- qr.Q(qr(rbind(root * x, if (penalty > 0) rows)))[seq_len(nrow(x)), , drop = FALSE]
    e <- z - as.vector(q %*% crossprod(q, z))
    lapply(seq_len(nrow(runs)), function(k) {
      out <- which(folds[, runs$rep[[k]]] == runs$fold[[k]])
      left <- diag(length(out)) - tcrossprod(q[out, , drop = FALSE])
      gone <- min(eigen(left, TRUE, only.values = TRUE)$values) < 1e-10
      singular <<- singular || gone
      residual <- if (gone) rep(NA_real_, length(out)) else solve(left, e[out]) / root[out]
      as.vector(y[out] - residual)
    })
  }
  predicted <- lapply(if (is.null(lambda)) 0 else lambda, without)
  if (singular) {
    warn_rustle(
      "Without some folds the model has no unique fit: their predictions are NA, and left out of the loss.",
      "rustle_warning_fold"
    )
  }
  list(
    predicted = unlist(predicted, recursive = FALSE), told = singular, probability = FALSE,
    failures = data.frame(rep = integer(), fold = integer(), message = character())
  )
}

new_cv <- function(parts, runs, folds, y, loss, lambda, adjust, call) {
  penalties <- max(1L, length(lambda))
  all_runs <- runs[rep(seq_len(nrow(runs)), penalties), ]
  if (!is.null(lambda)) all_runs$lambda <- rep(lambda, each = nrow(runs))
  out <- lapply(seq_len(nrow(all_runs)), function(k) {
    which(folds[, all_runs$rep[[k]]] == all_runs$fold[[k]])
  })
  lose <- choose_loss(loss, y, parts$predicted, parts$probability, call)
  lost <- vapply(seq_along(out), function(k) lose(pick_rows(y, out[[k]]), parts$predicted[[k]]), c(0, 0))
  missing <- lengths(out) - lost[2L, ]
  missing[paste(all_runs$rep, all_runs$fold) %in% parts$failed] <- 0
  if (any(missing > 0) && !isTRUE(parts$told)) warn_no_prediction(sum(missing), sum(lengths(out)))
  all_runs$n <- as.integer(lost[2L, ])
  all_runs$loss <- lost[1L, ]
  rownames(all_runs) <- NULL
  estimate <- if (is.null(lambda)) {
    mean_loss(all_runs)
  } else {
    stats::setNames(vapply(lambda, function(l) mean_loss(all_runs[all_runs$lambda == l, ]), 0), format(lambda))
  }
  of_lambda <- if (is.null(lambda)) list(all_runs) else lapply(lambda, function(l) all_runs[all_runs$lambda == l, ])
  std.error <- vapply(of_lambda, error_of_loss, 0)
  if (!is.null(lambda)) names(std.error) <- names(estimate)
  times <- lengths(out)
  # Numbers of rows in the full data, even when some rows are left out.
  row_of <- if (is.null(parts$learner$kept)) seq_len(nrow(folds)) else parts$learner$kept
  predictions <- data.frame(
    observation = row_of[unlist(out)], rep = rep(all_runs$rep, times), fold = rep(all_runs$fold, times)
  )
  if (!is.null(lambda)) predictions$lambda <- rep(all_runs$lambda, times)
  predictions$observed <- pick_rows(y, unlist(out))
  predictions$predicted <- bind_predictions(parts$predicted)
  structure(class = "rustle_cv", list(
    estimate = estimate, std.error = std.error, adjusted = if (adjust) adjusted_loss(parts, all_runs, y, lose, estimate),
    losses = all_runs, predictions = predictions[order(predictions$rep, predictions$observation), ],
    failures = parts$failures, folds = folds, loss = loss$name, lambda = lambda,
    left_out = parts$learner$left_out[[1L]],
    cut = loss$name == "misclassification" && parts$probability
  ))
}

# The mean over folds, weighted by their observations that are not missing.
mean_loss <- function(losses) {
  counted <- losses[losses$n > 0L, ]
  if (nrow(counted)) stats::weighted.mean(counted$loss, counted$n) else NA_real_
}

# The standard error of the mean over the folds of one repetition. More repetitions split the
# same data, so that they do not divide it further: their variances are averaged.
error_of_loss <- function(losses) {
  variances <- vapply(split(losses, losses$rep), function(of) {
    of <- of[of$n > 0L, ]
    if (nrow(of) < 2L) return(NA_real_)
    stats::weighted.mean((of$loss - mean_loss(of))^2, of$n) / (nrow(of) - 1)
  }, 0)
  sqrt(mean(variances))
}

bind_predictions <- function(predicted) {
  wide <- vapply(predicted, function(p) length(dim(p)) == 2L, NA)
  if (any(wide)) {
    # Folds that failed have a row of NA for each observation.
    columns <- ncol(predicted[[which(wide)[[1L]]]])
    return(do.call(rbind, lapply(predicted, function(p) if (length(dim(p)) == 2L) as.matrix(p) else matrix(p, length(p), columns))))
  }
  if (any(vapply(predicted, is.factor, NA))) {
    all <- unique(unlist(lapply(predicted, levels)))
    return(factor(unlist(lapply(predicted, as.character)), all))
  }
  unlist(predicted, use.names = FALSE)
}

# The loss of the fit to all data on all data, minus what the fits without a fold lose
# there, corrects for the smaller training sets.
adjusted_loss <- function(parts, runs, y, lose, estimate) {
  learner <- parts$learner
  arguments <- list(learner$x)
  if (learner$apart) arguments[[2L]] <- y
  model <- do.call(learner$fit, c(arguments, learner$extra), quote = TRUE)
  full <- lose(y, learner$predict(model, learner$x))[[1L]]
  each <- vapply(parts$everywhere, function(p) if (is.null(p)) NA_real_ else lose(y, p)[[1L]], 0)
  estimate + full - stats::weighted.mean(each, runs$n, na.rm = TRUE)
}

#' @rdname cv
#' @param digits Number of significant digits.
#' @export
print.rustle_cv <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  K <- attr(x$folds, "K")
  n <- nrow(x$folds)
  reps <- ncol(x$folds)
  cat(sprintf(
    "%s cross-validation of %d observations%s\n", if (K == n) "Leave-one-out" else sprintf("%d-fold", K),
    n, if (reps > 1L) sprintf(", %d repetitions", reps) else ""
  ))
  if (isTRUE(x$left_out > 0)) cat(sprintf("%d rows with missing values are left out\n", x$left_out))
  if (is.null(x$lambda)) {
    cat(
      x$loss, ": ", format(x$estimate, digits = digits), " (standard error ", format(x$std.error, digits = min(3L, digits)), ")", if (isTRUE(x$cut)) ", probabilities are cut at 0.5", "\n",
      sep = ""
    )
  } else {
    print(data.frame(lambda = x$lambda, loss = unname(x$estimate), std.error = unname(x$std.error)), digits = digits, row.names = FALSE)
  }
  if (!is.null(x$adjusted)) cat("adjusted: ", format(x$adjusted, digits = digits), "\n", sep = "")
  if (reps > 1L && is.null(x$lambda)) {
    by_rep <- vapply(split(x$losses, x$losses$rep), mean_loss, 0)
    cat("standard deviation over repetitions: ", format(stats::sd(by_rep), digits = digits), "\n", sep = "")
  }
  if (nrow(x$failures)) cat(nrow(x$failures), "folds failed: see $failures.\n")
  invisible(x)
}

#' @rdname cv
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.rustle_cv <- function(x, row.names = NULL, optional = FALSE, ...) {
  x$predictions
}
