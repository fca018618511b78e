#' Validation by the bootstrap
#'
#' How large the loss of a learner's predictions is for new observations: each resample fits the
#' learner again, on the workers of the current [plan()], and predicts all observations.
#'
#' @param x,fit,predict,response,loss,on_error,seed,... As for [cv()].
#' @param R Number of resamples.
#' @param strata,cluster As for [bootstrap()], for resampling: strata, or whole clusters (one
#'   vector).
#' @return A list of class `rustle_validation`: `estimates`, a data frame with columns `method`,
#'   `estimate` and `mcse` (Monte Carlo standard error) and the rows
#'   * `apparent`: the loss on the data that were fitted;
#'   * `optimism`: the apparent loss plus the mean over resamples of the loss on all data
#'     less that on the resample (Efron 1983; Harrell 2015);
#'   * `out_of_bag`: the loss of observations (clusters) by the fits without them;
#'   * `.632`: 0.368 times apparent plus 0.632 times out-of-bag (Efron 1983);
#'   * `.632+`: with more weight on the latter the more the learner overfits (Efron and
#'     Tibshirani 1997);
#'
#'   `resamples`, a data frame with columns `train`, `all` and `out_of_bag` (losses of a
#'   resample), `no_information` (the loss when responses and predictions are unrelated),
#'   `overfitting` (the relative rate, 0 to 1), `failures`, `loss`.
#' @details For `"mse"`, `"mae"` and `"misclassification"` the out-of-bag loss is the mean over
#'   observations of the mean loss of their predictions by fits without them; for `"rmse"` and
#'   functions that of the loss of each resample's observations that are left out, by their
#'   number. The no-information loss pairs every response with every prediction (beyond 200
#'   observations with 200 of them).
#' @section Errors: As for [cv()].
#' @references Efron, B. (1983) Estimating the error rate of a prediction rule. *JASA* 78, 316-331.
#'   Efron, B. and Tibshirani, R. (1997) Improvements on cross-validation: the .632+ bootstrap
#'   method. *JASA* 92, 548-560. Harrell, F. E. (2015) *Regression Modeling Strategies*, 2nd ed.,
#'   section 5.3. Springer.
#' @seealso [cv()]; [cv_select()] where the learner was chosen; [conformal()] for intervals.
#' @examples
#' validate_boot(lm(mpg ~ wt + hp + qsec, mtcars), R = 50, seed = 1)
#' #> Validation by 50 resamples of 32 observations (mse)
#' #>      method estimate   mcse
#' #>    apparent    5.814 0.0000
#' #>    optimism    7.383 0.2382
#' #>  out_of_bag    8.217 0.4393
#' #>        .632    7.333 0.2776
#' #>       .632+    7.356 0.2819
#' @export
validate_boot <- function(x, fit = NULL, predict = stats::predict, response = NULL, loss = NULL, R = 200, ...,
                          strata = NULL, cluster = NULL, on_error = c("stop", "na"), seed = NULL) {
  origin <- sys.call()
  check_required("x")
  check_dots(..., .fun = fit, .role = "`fit`")
  on_error <- check_choice(on_error[1L], c("stop", "na"), "on_error")
  R <- check_count(R, "R")
  check_seed(seed, origin)
  learner <- as_learner(x, fit, if (missing(predict)) NULL else predict, response, list(...), parent.frame())
  do.call(tell_left_out, learner$left_out)
  n <- NROW(learner$y)
  strata <- rows_of_learner(strata, learner, "strata", origin)
  cluster <- rows_of_learner(cluster, learner, "cluster", origin)
  groups <- check_resampled(n, R, strata, cluster, origin)
  rule <- check_loss(loss, learner$y)
  words <- stream_words(seed)
  drawn <- drawn_rows(n, R, groups, words)
  # The first is the data themselves.
  splits <- lapply(c(list(seq_len(n)), drawn), function(rows) list(learner = 1L, train = rows, test = seq_len(n)))
  number <- as.integer((words[[1L]] * 1566083941 + words[[2L]]) %% .Machine$integer.max)
  parts <- run_splits(list(learner), splits, NULL, on_error, number, "validation", origin)
  new_validation(parts, drawn, learner, rule, R, origin)
}

# list(strata = list of rows, cluster = numbers), either NULL.
check_resampled <- function(n, R, strata, cluster, call) {
  if (!is.null(strata) && !is.null(cluster)) {
    abort_rustle("`strata` and `cluster` cannot be given together.", "rustle_error_argument", argument = "strata", call = call)
  }
  if (is.list(cluster)) stop_argument("cluster", "one vector", cluster, call)
  check_memory(4 * as.double(n) * R, call)
  list(strata = check_strata(strata, n, "strata", call), cluster = check_cluster(cluster, n, call)[[1L]])
}

# Rows of each resample.
drawn_rows <- function(n, R, groups, words) {
  members <- if (!is.null(groups$cluster)) unname(split(seq_len(n), groups$cluster))
  units <- if (is.null(members)) n else length(members)
  scheme <- list(spec = list(kind = "ordinary", size = units), strata = groups$strata)
  resample <- new_resampler(engine_spec(scheme, units, words), "i", groups$strata, !is.null(groups$strata), FALSE)
  lapply(seq_len(R), function(r) {
    drawn <- as.integer(resample(r))
    if (is.null(members)) drawn else unlist(members[drawn])
  })
}

new_validation <- function(parts, drawn, learner, loss, R, call) {
  y <- learner$y
  n <- NROW(y)
  lose <- choose_loss(loss, y, parts$predicted, parts$probability, call)
  of <- function(p, rows) lose(pick_rows(y, rows), pick_rows(p, rows))
  all <- seq_len(n)
  apparent <- of(parts$predicted[[1L]], all)[[1L]]
  replicates <- parts$predicted[-1L]
  outside <- lapply(drawn, function(rows) setdiff(all, rows))
  losses <- vapply(seq_len(R), function(r) {
    left <- if (length(outside[[r]])) of(replicates[[r]], outside[[r]]) else c(NA, 0)
    c(of(replicates[[r]], drawn[[r]])[[1L]], of(replicates[[r]], all)[[1L]], left)
  }, double(4L))
  additive <- loss$name %in% c("mse", "mae", "misclassification")
  out_of_bag <- if (additive) {
    sums <- counts <- double(n)
    for (r in seq_len(R)) {
      for (i in outside[[r]]) {
        value <- of(replicates[[r]], i)
        if (value[[2L]] == 0) next
        sums[[i]] <- sums[[i]] + value[[1L]]
        counts[[i]] <- counts[[i]] + 1
      }
    }
    mean(sums[counts > 0] / counts[counts > 0])
  } else {
    used <- losses[4L, ] > 0
    stats::weighted.mean(losses[3L, used], losses[4L, used])
  }
  shifts <- unique(round(seq(1, n, length.out = min(n, 200))))
  no_information <- mean(vapply(shifts, function(s) {
    lose(y, pick_rows(parts$predicted[[1L]], (all + s - 1) %% n + 1))[[1L]]
  }, 0))
  bounded <- min(out_of_bag, no_information)
  rate <- if (bounded > apparent && no_information > apparent) (bounded - apparent) / (no_information - apparent) else 0
  weight <- 0.632 / (1 - 0.368 * rate)
  optimism <- losses[2L, ] - losses[1L, ]
  error_of <- function(v) stats::sd(v, na.rm = TRUE) / sqrt(sum(!is.na(v)))
  error <- error_of(losses[3L, ])
  structure(class = "rustle_validation", list(
    estimates = data.frame(
      method = c("apparent", "optimism", "out_of_bag", ".632", ".632+"),
      estimate = c(
        apparent, apparent + mean(optimism, na.rm = TRUE), out_of_bag, 0.368 * apparent + 0.632 * out_of_bag,
        (1 - weight) * apparent + weight * bounded
      ),
      mcse = c(0, error_of(optimism), error, 0.632 * error, weight * error)
    ),
    resamples = data.frame(train = losses[1L, ], all = losses[2L, ], out_of_bag = losses[3L, ]),
    no_information = no_information, overfitting = rate,
    failures = data.frame(resample = parts$failures$split - 1L, message = parts$failures$message), loss = loss$name, R = R, n = n
  ))
}

#' @rdname validate_boot
#' @param digits Number of significant digits.
#' @export
print.rustle_validation <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat(sprintf("Validation by %d resamples of %d observations (%s)\n", x$R, x$n, x$loss))
  print(x$estimates, digits = digits, row.names = FALSE)
  if (nrow(x$failures)) cat(nrow(x$failures), "fits failed: see $failures.\n")
  invisible(x)
}

#' @rdname validate_boot
#' @exportS3Method generics::tidy
tidy.rustle_validation <- function(x, ...) {
  x$estimates
}
