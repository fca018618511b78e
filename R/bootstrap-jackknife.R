#' Jackknife
#'
#' Leaves out one observation, or one cluster, after another.
#'
#' @param data,statistic As for [bootstrap()]; a function gets the data and indices.
#' @param cluster A vector of clusters, which are left out whole.
#' @param ... Further arguments of a function; for a native statistic `na.rm`.
#' @param threads Threads of a native statistic, as for [bootstrap()].
#' @return A list of class `rustle_jackknife`: `t0`; `t`, the statistics without each
#'   observation or cluster, n x p; `estimate`, `t0` less the bias; `bias`; `se`; `n`, the
#'   number of observations or clusters; `L`, influence values. `vcov()` gives the
#'   covariance, (n - 1) / n times the sum of squares about the mean of `t`.
#' @section Errors: `rustle_error_argument`; `rustle_error_statistic` when the statistic
#'   fails without an observation, field `replicate` is its number.
#' @references Efron, B. and Tibshirani, R. J. (1993) *An Introduction to the Bootstrap*,
#'   chapter 11. Chapman & Hall.
#' @examples
#' j <- jackknife(cars, stat_lm(dist ~ speed))
#' j$se
#' vcov(j)
#' @export
jackknife <- function(data, statistic, cluster = NULL, ..., threads = NULL) {
  call <- match.call()
  origin <- sys.call()
  check_required("data")
  check_data(data, missing(statistic), "jackknife", origin)
  check_boot_dots(statistic, ..., own = names(formals()), takes = character(), call = origin)
  job <- boot_job(
    data, statistic, 1L, "ordinary", NULL, list(cluster = cluster),
    list(
      blocktype = "fixed", wild = "rademacher", wtype = "exp", on_error = "stop",
      influence = "none", rng = "stream", progress = FALSE
    ),
    list(), list(...), 1, NULL, threads, origin
  )
  if (is.list(cluster)) stop_argument("cluster", "one way", cluster, origin)
  n <- job$n
  groups <- if (is.null(cluster)) as.list(seq_len(n)) else unname(split(seq_len(n), factor(cluster)))
  if (length(groups) < 2L) stop_argument("data", "at least two observations or clusters", data, origin)
  t <- if (job$native) native_without(job, if (!is.null(cluster)) groups) else function_without(job, groups)
  failed <- which(!stats::complete.cases(t))
  if (job$native && length(failed) && !anyNA(job$t0)) {
    stop_statistic(failed[[1L]], "it has no value", NULL, origin, left_out = TRUE)
  }
  colnames(t) <- names(job$t0)
  g <- length(groups)
  mean <- colMeans(t)
  bias <- (g - 1) * (mean - job$t0)
  squares <- crossprod(t - rep(mean, each = g))
  structure(
    list(
      t0 = job$t0, t = t, estimate = job$t0 - bias, bias = bias,
      se = sqrt((g - 1) / g * diag(squares)), n = g, vcov = (g - 1) / g * squares,
      L = (g - 1) * (rep(job$t0, each = g) - t), call = call
    ),
    class = "rustle_jackknife"
  )
}

# An R function without each group, on the workers.
function_without <- function(job, groups) {
  frame <- list2env(list(
    X = groups, FUN = function(rows, compute, data, n, dots, formula) {
      kept <- if (formula) replace(rep(1, n), rows, 0) else seq_len(n)[-rows]
      if (formula) kept <- kept / sum(kept)
      as.double(do.call(compute, c(list(data, kept), dots), quote = TRUE))
    },
    compute = job$compute, data = job$data, n = job$n, formula = job$kind == "formula",
    dots = if (job$kind == "function") job$dots else list()
  ), parent = topenv())
  sent <- as.list(frame)[c("compute", "data", "n", "dots", "formula")]
  work <- new_job(
    quote(FUN(X[[i]], compute, data, n, dots, formula)), frame, length(groups),
    policy_of_plan(job$plan), worker_streams(job),
    relay = new_relay(NA, list(classes = "condition", exclude = NULL)), origin = job$call,
    slice = function(tasks) c(sent, list(X = groups[tasks]))
  )
  outcome <- tryCatch(keep_random_seed(run_job(work, job$plan)), error = function(e) {
    if (is.null(e$task)) stop(e)
    stop_statistic(e$task, conditionMessage(e), e, job$call, left_out = TRUE)
  })
  wrong <- which(lengths(outcome$values) != length(job$t0))
  if (length(wrong)) {
    stop_statistic(
      wrong[[1L]],
      sprintf("%d values, but %d on the data", length(outcome$values[[wrong[[1L]]]]), length(job$t0)),
      NULL, job$call, left_out = TRUE
    )
  }
  do.call(rbind, outcome$values)
}

#' @export
vcov.rustle_jackknife <- function(object, ...) {
  check_dots(..., .takes = "complete")
  object$vcov
}

#' @export
coef.rustle_jackknife <- function(object, ...) {
  check_dots(..., .takes = "complete")
  object$t0
}

#' @export
print.rustle_jackknife <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat(sprintf("Jackknife, %d groups left out one by one\n\n", x$n))
  table <- cbind(t0 = x$t0, bias = x$bias, se = x$se)
  print(table, digits = digits)
  invisible(x)
}
