#' Cross-validation of a choice among learners
#'
#' The loss of the learner that cross-validation chooses is too small in that cross-validation: it
#' was chosen for that. `cv_select()` says which learner is chosen and what loss the whole
#' procedure has for new data, by nested cross-validation or by the bootstrap bias
#' correction, which needs no further fits.
#'
#' @param x A data frame or matrix, as for [cv()].
#' @param fits A named list of functions that fit, as `fit` of [cv()].
#' @param predict A function `predict(model, newdata)`, or a list with one for each of `fits`.
#' @param response,K,reps,strata,cluster,folds,loss,seed As for [cv()]; `folds` are the outer ones. With repetitions the nested loss is the mean over
#'   them.
#' @param method `"nested"`: in each fold the learner is chosen by cross-validation of the other
#'   folds (Varma and Simon 2006). `"bias_corrected"`: rows of out-of-fold losses are resampled; the
#'   best learner of a resample has the loss of the rows that are left out (Tsamardinos, Greasidou
#'   and Borboudakis 2018).
#' @param inner Number of folds within the other folds, for `"nested"`.
#' @param R Number of resamples, for `"bias_corrected"`.
#' @return A list of class `rustle_cv_select`: `estimate` (the loss of the procedure), `mcse` (its Monte Carlo
#'   standard error: of the resamples, or of the mean over repetitions, `NA` for one), `chosen` (the
#'   name of the learner with the least cross-validated loss on all data), `losses` (of each
#'   learner, as chosen by: a data frame with columns `learner` and `loss`), `outer` (nested: a data
#'   frame with a row per repetition and fold: `rep`, `fold`, `n`, `chosen`, `loss`), `loss`.
#' @section Errors: As for [cv()]; with `"bias_corrected"` the loss must be `"mse"`, `"mae"` or
#'   `"misclassification"`, which are means over observations.
#' @references Tsamardinos, I., Greasidou, E. and Borboudakis, G. (2018) Bootstrapping the out-of-sample
#'   predictions for efficient and accurate cross-validation. *Machine Learning* 107, 1895-1922. Varma, S.
#'   and Simon, R. (2006) Bias in error estimation when using cross-validation for model selection.
#'   *BMC Bioinformatics* 7, 91.
#' @seealso [cv()] for one learner; [validate_boot()].
#' @examples
#' fits <- list(
#'   line = function(train) lm(dist ~ speed, train),
#'   curve = function(train) lm(dist ~ poly(speed, 3), train)
#' )
#' cv_select(cars, fits, response = "dist", K = 5, inner = 4, seed = 1)
#' #> Choice among 2 learners: curve
#' #> mse of the procedure (nested cross-validation): 271.2
#' #>
#' #>  learner  loss
#' #>     line 255.7
#' #>    curve 253.8
#' @export
cv_select <- function(x, fits, predict = stats::predict, response = NULL, method = c("nested", "bias_corrected"),
                      K = 10, inner = 5, reps = 1, R = 1000, strata = NULL, cluster = NULL, loss = NULL, seed = NULL,
                      folds = NULL) {
  origin <- sys.call()
  check_required("x", "fits")
  methods <- c("nested", "bias_corrected")
  method <- check_choice(if (identical(method, methods)) "nested" else method, methods, "method")
  good <- is.list(fits) && length(fits) >= 2L && all(vapply(fits, is.function, NA))
  if (!good) stop_argument("fits", "a list of at least two functions", fits, origin)
  names <- if (is.null(names(fits))) paste0("fit", seq_along(fits)) else names(fits)
  names <- make.unique(names)
  # A default that is missing() is told apart, so that models of glm() predict probabilities.
  predicts <- if (missing(predict)) {
    vector("list", length(fits))
  } else if (is.function(predict)) {
    rep(list(predict), length(fits))
  } else {
    predict
  }
  if (!is.list(predicts) || length(predicts) != length(fits)) stop_argument("predict", "a function, or a list with one for each of `fits`", predict, origin)
  R <- check_count(R, "R")
  inner <- check_count(inner, "inner", min = 2)
  seed <- check_count(seed, "seed", min = -.Machine$integer.max, null = TRUE)
  learners <- Map(function(fit, predict) {
    as_learner(x, fit, predict, response, list(), parent.frame(), call = origin)
  }, fits, predicts)
  first <- learners[[1L]]
  y <- first$y
  n <- NROW(y)
  rule <- check_loss(loss, y)
  if (method == "bias_corrected" && !rule$name %in% c("mse", "mae", "misclassification")) {
    stop_argument("loss", "\"mse\", \"mae\" or \"misclassification\" for `method = \"bias_corrected\"`", rule$name, origin)
  }
  do.call(tell_left_out, first$left_out)
  strata <- rows_of_learner(strata, first, "strata", origin)
  cluster <- rows_of_learner(cluster, first, "cluster", origin)
  made <- if (is.null(folds)) with_call(origin, rustle_folds(n, K, reps, strata, cluster, seed)) else folds_of_kept(folds, n, first, origin)
  runs <- which_folds(made)
  splits <- list()
  add <- function(learner, train, test, ...) splits[[length(splits) + 1L]] <<- list(learner = learner, train = train, test = test, ...)
  for (k in seq_len(nrow(runs))) {
    held <- made[, runs$rep[[k]]] == runs$fold[[k]]
    for (j in seq_along(fits)) add(j, which(!held), which(held), run = k, part = 0L)
    if (method != "nested") next
    rest <- which(!held)
    inside <- with_call(origin, rustle_folds(
      length(rest), inner, 1L, if (!is.null(strata)) strata[rest], if (!is.null(cluster)) cluster[rest], if (!is.null(seed)) seed + k
    ))[, 1L]
    for (part in sort(unique(inside))) {
      for (j in seq_along(fits)) add(j, rest[inside != part], rest[inside == part], run = k, part = part)
    }
  }
  parts <- run_splits(learners, splits, NULL, "stop", seed, "select", origin)
  lose <- choose_loss(rule, y, parts$predicted, parts$probability, origin)
  table <- data.frame(
    learner = vapply(splits, `[[`, 0L, "learner"), run = vapply(splits, `[[`, 0L, "run"), part = vapply(splits, `[[`, 0L, "part"),
    t(vapply(seq_along(splits), function(k) lose(pick_rows(y, splits[[k]]$test), parts$predicted[[k]]), c(loss = 0, n = 0)))
  )
  outer <- table[table$part == 0L, ]
  losses <- vapply(seq_along(fits), function(j) mean_loss(outer[outer$learner == j, ]), 0)
  out <- list(estimate = NULL, chosen = names[[which.min(losses)]], losses = data.frame(learner = names, loss = losses), loss = rule$name)
  if (method == "nested") {
    chosen <- vapply(seq_len(nrow(runs)), function(k) {
      within <- table[table$run == k & table$part > 0L, ]
      which.min(vapply(seq_along(fits), function(j) mean_loss(within[within$learner == j, ]), 0))
    }, 0L)
    at <- match(paste(seq_len(nrow(runs)), chosen), paste(outer$run, outer$learner))
    out$outer <- data.frame(
      rep = runs$rep, fold = runs$fold, n = as.integer(outer$n[at]), chosen = names[chosen], loss = outer$loss[at]
    )
    out$estimate <- mean_loss(out$outer)
    # That of the folds that were drawn: known from repetitions only.
    each <- vapply(split(out$outer, out$outer$rep), mean_loss, 0)
    out$mcse <- if (length(each) > 1L) stats::sd(each) / sqrt(length(each)) else NA_real_
  } else {
    of_resamples <- corrected_choice(splits, parts, y, lose, length(fits), n, R, max(runs$rep), runs, seed)
    of_resamples <- of_resamples[!is.na(of_resamples)]
    out$estimate <- mean(of_resamples)
    out$mcse <- stats::sd(of_resamples) / sqrt(length(of_resamples))
  }
  structure(c(out, list(method = method)), class = "rustle_cv_select")
}

# The losses of the best learner of each resample on the rows that are left out.
corrected_choice <- function(splits, parts, y, lose, learners, n, R, reps, runs, seed) {
  each <- array(NA_real_, c(n, learners, reps))
  for (k in seq_along(splits)) {
    rows <- splits[[k]]$test
    for (i in seq_along(rows)) {
      each[rows[[i]], splits[[k]]$learner, runs$rep[[splits[[k]]$run]]] <-
        lose(pick_rows(y, rows[[i]]), pick_rows(parts$predicted[[k]], i))[[1L]]
    }
  }
  each <- apply(each, c(1L, 2L), mean, na.rm = TRUE)
  draw <- function() {
    vapply(seq_len(R), function(r) {
      rows <- sample.int(n, replace = TRUE)
      best <- which.min(colMeans(each[rows, , drop = FALSE], na.rm = TRUE))
      mean(each[-rows, best], na.rm = TRUE)
    }, 0)
  }
  if (is.null(seed)) draw() else keep_random_seed({ set.seed(seed); draw() })
}

#' @rdname cv_select
#' @param digits Number of significant digits.
#' @param ... Ignored.
#' @export
print.rustle_cv_select <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat(sprintf(
    "Choice among %d learners: %s\n%s of the procedure (%s): %s%s\n\n", nrow(x$losses), x$chosen, x$loss,
    if (x$method == "nested") "nested cross-validation" else "bias-corrected", format(x$estimate, digits = digits),
    if (is.na(x$mcse)) "" else sprintf(" (Monte Carlo error %s)", format(x$mcse, digits = 2L))
  ))
  print(x$losses, digits = digits, row.names = FALSE)
  invisible(x)
}
