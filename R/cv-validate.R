#' Validation by the bootstrap
#'
#' How large the loss of a learner's predictions is for new observations: each resample fits the
#' learner again, on the workers of the current [plan()], and predicts all observations.
#'
#' @param x,fit,predict,response,loss,on_error,seed,... As for [cv()].
#' @param R Number of resamples; with `R = enough()` some are added until the Monte Carlo error of each estimate is
#'   a small share of it (begin with few: `start`), and [extend()] adds more.
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
  rule <- if (inherits(R, "rustle_enough")) R
  count <- if (is.null(rule)) check_count(R, "R") else rule$start
  check_seed(seed, origin)
  learner <- as_learner(x, fit, if (missing(predict)) NULL else predict, response, list(...), parent.frame())
  do.call(tell_left_out, learner$left_out)
  n <- NROW(learner$y)
  strata <- rows_of_learner(strata, learner, "strata", origin)
  cluster <- rows_of_learner(cluster, learner, "cluster", origin)
  groups <- check_resampled(n, count, strata, cluster, origin)
  run <- list(learner = learner, loss = check_loss(loss, learner$y), groups = groups, on_error = on_error, words = stream_words(seed))
  out <- more_resamples(NULL, run, count, origin)
  if (is.null(rule)) return(out)
  go_on_until(
    out, rule, function(x) max((x$estimates$mcse / abs(x$estimates$estimate))[-1L]),
    function(x, R) more_resamples(x, x$run, R, origin), "the Monte Carlo error of an estimate is %s of it"
  )
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

# Rows of each resample from `first` on.
drawn_rows <- function(n, R, groups, words, first = 1L) {
  members <- if (!is.null(groups$cluster)) unname(split(seq_len(n), groups$cluster))
  units <- if (is.null(members)) n else length(members)
  scheme <- list(spec = list(kind = "ordinary", size = units), strata = groups$strata)
  resample <- new_resampler(engine_spec(scheme, units, words), "i", groups$strata, !is.null(groups$strata), FALSE)
  lapply(seq.int(first, length.out = R - first + 1L), function(r) {
    drawn <- as.integer(resample(r))
    if (is.null(members)) drawn else unlist(members[drawn])
  })
}

# The result with R resamples, from that with fewer or from NULL. `run`: what is needed for more, and
# what the resamples so far have given: list(apparent, no_information, lose, losses, sums, counts).
more_resamples <- function(x, run, R, call) {
  learner <- run$learner
  n <- NROW(learner$y)
  done <- if (is.null(x)) 0L else x$R
  drawn <- drawn_rows(n, R, run$groups, run$words, done + 1L)
  all <- seq_len(n)
  # The first is the data themselves.
  splits <- lapply(c(if (!done) list(all), drawn), function(rows) list(learner = 1L, train = rows, test = all))
  number <- as.integer((run$words[[1L]] * 1566083941 + run$words[[2L]]) %% .Machine$integer.max)
  parts <- if (length(splits)) run_splits(list(learner), splits, NULL, run$on_error, number, "validation", call, if (done) done + 1L else 0L)
  y <- learner$y
  replicates <- parts$predicted
  if (!done) {
    whole <- parts$predicted[[1L]]
    replicates <- replicates[-1L]
    lose <- choose_loss(run$loss, y, parts$predicted, parts$probability, call)
    shifts <- unique(round(seq(1, n, length.out = min(n, 200))))
    run$lose <- function(p, rows) lose(pick_rows(y, rows), pick_rows(p, rows))
    run$apparent <- run$lose(whole, all)[[1L]]
    run$no_information <- mean(vapply(shifts, function(s) lose(y, pick_rows(whole, (all + s - 1) %% n + 1))[[1L]], 0))
    run$sums <- run$counts <- double(n)
  }
  of <- run$lose
  # Losses that are means over observations are those of each observation.
  additive <- run$loss$name %in% c("mse", "mae", "misclassification")
  for (r in seq_along(drawn)) {
    outside <- setdiff(all, drawn[[r]])
    left <- if (length(outside)) of(replicates[[r]], outside) else c(NA, 0)
    run$losses <- cbind(run$losses, c(of(replicates[[r]], drawn[[r]])[[1L]], of(replicates[[r]], all)[[1L]], left))
    if (!additive) next
    for (i in outside) {
      value <- of(replicates[[r]], i)
      if (value[[2L]] == 0) next
      run$sums[[i]] <- run$sums[[i]] + value[[1L]]
      run$counts[[i]] <- run$counts[[i]] + 1
    }
  }
  failures <- if (length(splits)) {
    data.frame(resample = parts$failures$split - if (done) -done else 1L, message = parts$failures$message)
  }
  new_validation(run, additive, rbind(x$failures, failures), R, n)
}

new_validation <- function(run, additive, failures, R, n) {
  losses <- run$losses
  apparent <- run$apparent
  no_information <- run$no_information
  out_of_bag <- if (additive) {
    mean((run$sums / run$counts)[run$counts > 0])
  } else {
    used <- losses[4L, ] > 0
    stats::weighted.mean(losses[3L, used], losses[4L, used])
  }
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
    no_information = no_information, overfitting = rate, failures = failures, loss = run$loss$name, R = R, n = n, run = run
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
