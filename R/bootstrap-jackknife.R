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
#'   number of observations or clusters; `units`, which of these; `L`, influence values. `vcov()` gives the
#'   covariance, (n - 1) / n times the sum of squares about the mean of `t`.
#' @section Errors: `rustle_error_argument`; `rustle_error_statistic` when the statistic
#'   fails without an observation, field `replicate` is its number.
#' @references Efron, B. and Tibshirani, R. J. (1993) *An Introduction to the Bootstrap*,
#'   chapter 11. Chapman & Hall.
#' @seealso [bootstrap()]; [jack_after_boot()]; [boot_ci()], whose `bca` uses the influence
#'   values.
#' @examples
#' j <- jackknife(cars, stat_lm(dist ~ speed))
#' j$se
#' #> (Intercept)       speed
#' #>    5.872183    0.423240
#' vcov(j)
#' #>             (Intercept)      speed
#' #> (Intercept)   34.482536 -2.3420816
#' #> speed         -2.342082  0.1791321
#' @order 1
#' @export
jackknife <- function(data, statistic, cluster = NULL, ..., threads = NULL) {
  call <- match.call()
  origin <- sys.call()
  check_required("data")
  check_data(data, missing(statistic), "jackknife", origin)
  check_boot_dots(statistic, ..., own = names(formals()), takes = character(), call = origin)
  job <- boot_job(
    data, statistic, 1L, design = list(cluster = cluster), dots = list(...), threads = threads, call = origin,
    seed = 1
  )
  if (is.list(cluster)) stop_argument("cluster", "one way", cluster, origin)
  groups <- cluster_rows(cluster, job$n)
  g <- if (is.null(groups)) job$n else length(groups)
  if (g < 2L) stop_argument("data", "at least two observations or clusters", data, origin)
  t <- if (job$native) native_without(job, groups) else function_without(job, groups)
  failed <- which(!stats::complete.cases(t))
  if (job$native && length(failed) && !anyNA(job$t0)) {
    stop_statistic(failed[[1L]], "it has no value", NULL, origin, left_out = TRUE)
  }
  colnames(t) <- names(job$t0)
  mean <- colMeans(t)
  bias <- (g - 1) * (mean - job$t0)
  squares <- crossprod(t - rep(mean, each = g))
  structure(
    list(
      t0 = job$t0, t = t, estimate = job$t0 - bias, bias = bias,
      se = sqrt((g - 1) / g * diag(squares)), n = g, vcov = (g - 1) / g * squares,
      L = jackknife_influence(job$t0, t, g), call = call,
      units = if (is.null(groups)) "observations" else "clusters"
    ),
    class = "rustle_jackknife"
  )
}

# Leaving out, of R functions. Native statistics: native_without() in R/bootstrap-native.R.

# A function of j that gives the statistic without observation j, or without group j of
# `groups` (a list of rows). The statistic sees what is left as indices, frequencies or
# weights, which sum to 1 in each stratum; `strata` says where each observation belongs.
# It runs on workers: see R/engine-parcel.R.
make_left_out <- function(statistic, data, stype, strata, groups, ...) {
  list(statistic, data, stype, strata, groups, ...)
  n <- length(strata)
  function(j) {
    f <- rep(1L, n)
    rows <- if (is.null(groups)) j else groups[[j]]
    f[rows] <- 0L
    second <- switch(stype,
      i = seq_len(n)[-rows], f = f, w = f / tapply(f, strata, sum)[as.character(strata)]
    )
    as.double(statistic(data, as.vector(second), ...))
  }
}
environment(make_left_out) <- baseenv()

# `leave(j)` for each j up to `count`, on the workers of the plan, as a list.
# ours: the statistic calls this package, see new_job().
values_without <- function(leave, count, plan, streams = no_streams(), stdout = TRUE, call = NULL, ours = FALSE) {
  work <- new_job(
    lapply_call, lapply_frame(seq_len(count), leave), count, policy_of_plan(plan), streams,
    new_relay(stdout, list(classes = "condition", exclude = NULL)), label = "jackknife-%d", origin = call,
    ours = ours
  )
  keep_random_seed(run_job(work, plan)$values)
}

# A function of a job without each group (NULL: each observation), a row for each.
function_without <- function(job, groups) {
  strata <- rep(1L, job$n)
  # The weights of a formula belong to all observations.
  if (job$kind != "formula") for (s in seq_along(job$rows)) strata[job$rows[[s]]] <- s
  dots <- if (job$kind == "function") job$dots
  leave <- do.call(make_left_out, c(list(job$compute, job$data, job$stype, strata, groups), dots), quote = TRUE)
  count <- if (is.null(groups)) job$n else length(groups)
  values <- tryCatch(values_without(leave, count, job$plan, worker_streams(job), NA, job$call, job$kind != "function"), error = function(e) {
    if (is.null(e$task)) stop(e)
    stop_statistic(e$task, conditionMessage(e), e, job$call, left_out = TRUE)
  })
  p <- length(job$t0)
  wrong <- which(lengths(values) != p)
  if (length(wrong)) {
    reason <- sprintf("%d values, but %d on the data", length(values[[wrong[[1L]]]]), p)
    stop_statistic(wrong[[1L]], reason, NULL, job$call, left_out = TRUE)
  }
  do.call(rbind, values)
}

# Influence values of a function by the jackknife, a row per observation or cluster.
function_jackknife <- function(job) {
  cluster <- job$design$cluster
  if (job$sim == "parametric" || (is.list(cluster) && length(cluster) > 1L)) return(NULL)
  groups <- cluster_rows(cluster, job$n)
  L <- jackknife_influence(job$t0, function_without(job, groups), jackknife_sizes(job, groups))
  colnames(L) <- names(job$t0)
  L
}

# (n - 1)(t0 - t without i), a row per observation or cluster: `sizes` n is the size of the
# stratum of each observation, or the number of clusters, which are left out whole (Davison
# & Hinkley 1997, section 2.7).
jackknife_influence <- function(t0, t, sizes) {
  # One component is not copied, because with many observations it may fill most of the
  # memory.
  t0 <- if (length(t0) == 1L) t0[[1L]] else rep(t0, each = nrow(t))
  (sizes - 1) * (t0 - t)
}

jackknife_sizes <- function(job, groups) {
  if (!is.null(groups)) return(length(groups))
  if (is.null(job$rows)) return(job$n)
  sizes <- integer(job$n)
  for (rows in job$rows) sizes[rows] <- length(rows)
  sizes
}

stratum_sizes <- function(strata) as.vector(stats::ave(numeric(length(strata)), strata, FUN = length))

# Rows of each cluster, or NULL.
cluster_rows <- function(cluster, n) {
  if (is.list(cluster)) cluster <- cluster[[1L]]
  if (!is.null(cluster)) unname(split(seq_len(n), factor(cluster)))
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
  cat(sprintf("Jackknife, %d %s left out one by one\n\n", x$n, x$units))
  table <- cbind(t0 = x$t0, bias = x$bias, se = x$se)
  print(table, digits = digits)
  invisible(x)
}
