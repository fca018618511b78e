#' Bootstrap of a time series
#'
#' Replicates of a statistic of series that are put together from blocks, or simulated.
#'
#' @param series A numeric vector or matrix (a row per time), or a time series.
#' @param statistic A function of a series, or a native statistic (see [statistics]), for
#'   which the order within the series does not matter.
#' @param R,seed,threads,... As for [bootstrap()]; `...` are further arguments of a
#'   function.
#' @param l Length of the blocks, on average for `"geom"`. `NULL`: that of [block_length()]; it is
#'   `l` in the result.
#' @param sim `"fixed"`: blocks of length `l` (Kuensch 1989), which go round the end of the
#'   series if `endcorr` is `TRUE` (circular blocks); `"geom"`: blocks of geometric length
#'   (stationary bootstrap, Politis and Romano 1994), which always do; `"model"`:
#'   `ran.gen(series, n.sim, ran.args)`; `"maxent"`: the maximum entropy bootstrap (Vinod 2006),
#'   for one series that need not be stationary: it keeps the ranks of the times.
#' @param endcorr Do blocks go round the end?
#' @param n.sim,ran.gen,ran.args Length of simulated series, and what makes them; of
#'   `sim = "model"` only.
#' @return An object of class `rustle_boot`, as from [bootstrap()]; `series` is in `data`.
#' @details [tsboot()] is the drop-in for boot's function, with boot's numbers.
#'   For `"maxent"` a density that is constant between the midpoints of the sorted values, and
#'   keeps the mean of the series, gives n numbers, which get the order of the series. No
#'   further adjustments of its spread or of the central limit theorem are made.
#' @references Vinod, H. D. (2006) Maximum entropy ensembles for time series inference in economics.
#'   *Journal of Asian Economics* 17, 955-978. Vinod, H. D. and Lopez-de-Lacalle, J. (2009) Maximum
#'   entropy bootstrap for time series. *Journal of Statistical Software* 29(5). Kuensch, H. R. (1989) The jackknife and the bootstrap for general stationary
#'   observations. *Annals of Statistics* 17, 1217-1241. Politis, D. N. and Romano, J. P.
#'   (1994) The stationary bootstrap. *JASA* 89, 1303-1313.
#' @seealso [tsboot()] for the call of \pkg{boot}; [boot_ci()]; [bootstrap()].
#' @examples
#' b <- tsbootstrap(log(lynx), "mean", R = 500, l = 20, sim = "geom", seed = 1)
#' sd(b$t)
#' #> [1] 0.1098582
#' tsbootstrap(lynx, function(x) acf(x, 1, plot = FALSE)$acf[2], R = 50, l = 20, seed = 1)$t0
#' #>         t
#' #> 0.7108187
#' @export
tsbootstrap <- function(series, statistic, R = 999, l = NULL, sim = c("fixed", "geom", "model", "maxent"), ...,
                        endcorr = TRUE, n.sim = NULL, ran.gen = NULL, ran.args = NULL,
                        seed = NULL, threads = NULL) {
  origin <- sys.call()
  call <- match.call()
  check_required("series")
  check_data(series, missing(statistic), "tsbootstrap", origin)
  # What bootstrap() would take for its own.
  passed <- c("on_error", "workers", "influence", "progress", "keep_data", arguments_of_boot)
  check_boot_dots(statistic, ..., own = names(formals()), takes = passed, call = origin)
  sims <- c("fixed", "geom", "model", "maxent")
  sim <- check_choice(if (identical(sim, sims)) "fixed" else sim, sims, "sim", origin)
  endcorr <- check_flag(endcorr, "endcorr")
  if (!is.numeric(series) || !length(series)) stop_argument("series", "a numeric series", series, origin)
  length <- NROW(series)
  if (sim == "model") {
    n.sim <- if (is.null(n.sim)) length else check_count(n.sim, "n.sim")
    if (!is.function(ran.gen)) stop_argument("ran.gen", "a function for `sim = \"model\"`", ran.gen, origin)
    check_arguments_of(ran.gen, c("series", "n.sim", "ran.args"), "ran.gen", origin)
    out <- with_call(origin, bootstrap(
      series, statistic, R, sim = "parametric", seed = seed, threads = threads, ...,
      ran.gen = calls_user(function(data, mle) ran.gen(data, n.sim, mle), ran.gen), mle = ran.args
    ))
  } else if (sim == "maxent") {
    if (NCOL(series) != 1L || length < 3L || !all(is.finite(series))) {
      stop_argument("series", "one series of at least 3 finite numbers for `sim = \"maxent\"`", series, origin)
    }
    if (!is.null(l)) stop_argument("l", "NULL for `sim = \"maxent\"`, which has no blocks", l, origin)
    out <- with_call(origin, bootstrap(
      if (is.function(statistic)) series else unclass_series(series), statistic, R, sim = "parametric", seed = seed,
      threads = threads, ..., ran.gen = function(data, mle) maximum_entropy_series(data)
    ))
    out$scheme_name <- "maximum entropy"
  } else {
    of_series <- statistic
    if (is.function(statistic)) {
      check_arguments_of(statistic, "series", "statistic", origin)
      parameters <- stats::tsp(series)
      of_series <- calls_user(function(data, i, ...) {
        x <- if (is.matrix(data)) data[i, , drop = FALSE] else as.vector(data)[i]
        if (!is.null(parameters)) x <- stats::ts(x, start = parameters[[1L]], frequency = parameters[[3L]])
        statistic(x, ...)
      }, statistic)
    }
    rule <- if (sim == "geom") "geom" else if (endcorr) "circular" else "fixed"
    out <- with_call(origin, bootstrap(
      if (is.function(statistic)) series else unclass_series(series), of_series, R, sim = "block", l = l,
      blocktype = rule, seed = seed, threads = threads, ...
    ))
  }
  out$call <- call
  out
}

unclass_series <- function(series) {
  if (is.matrix(series)) {
    stats::tsp(series) <- NULL
    return(unclass(series))
  }
  as.vector(series)
}
