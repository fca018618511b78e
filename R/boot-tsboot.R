#' Bootstrap time series on the workers of the plan
#'
#' `tsboot()` is [boot::tsboot()], its replicates run by the workers of the current
#' [plan()]. The object and its numbers are those of a serial `boot::tsboot()` for the
#' same `set.seed()`, for every `sim`, with post-blackening too: series are resampled
#' or simulated in this session, statistics are computed by workers.
#'
#' @inheritParams boot
#' @param tseries A univariate or multivariate time series.
#' @param statistic A function of a time series of length `n.sim`, then of `...`.
#' @param R Number of replicates, a whole number, or [enough()].
#' @param l Length of blocks (`sim = "fixed"`) or their mean length (`"geom"`): a whole
#'   number from 1 to the length of the series.
#' @param sim `"model"`, `"fixed"`, `"geom"` or `"scramble"`.
#' @param endcorr,n.sim,orig.t,ran.gen,ran.args,norm As in [boot::tsboot()].
#' @return An object of class `"boot"`, as [boot::tsboot()] returns it.
#' @section Errors: As [boot()].
#' @references Kuensch, H. R. (1989) The jackknife and the bootstrap for general
#'   stationary observations. *Annals of Statistics* 17, 1217-1241.
#'
#'   Politis, D. N. and Romano, J. P. (1994) The stationary bootstrap. *Journal of the
#'   American Statistical Association* 89, 1303-1313.
#' @seealso [tsbootstrap()] for native statistics and more schemes; [boot()]; [boot_ci()].
#' @examples
#' set.seed(1)
#' b <- tsboot(log(lynx), mean, R = 200, l = 20, sim = "geom", ncpus = 2)
#' sd(b$t)
#' #> [1] 0.1207218
#' @export
tsboot <- function(tseries, statistic, R, l = NULL, sim = "model", endcorr = TRUE,
                   n.sim = NROW(tseries), orig.t = TRUE,
                   ran.gen = function(tser, n.sim, args) tser, ran.args = NULL, norm = TRUE,
                   ..., parallel = c("no", "multicore", "snow"),
                   ncpus = getOption("boot.ncpus", 1L), cl = NULL) {
  if (inherits(R, "rustle_enough")) return(boot_until(match.call(), R, parent.frame()))
  origin <- match.call()
  given <- given_arguments(match.call(expand.dots = FALSE))
  chosen <- names(origin)
  statistic <- check_function(statistic, "statistic", parent.frame())
  n <- check_observations(tseries, "tseries")
  sim <- check_choice(sim, c("model", "fixed", "geom", "scramble"), "sim")
  check_replicates(R)
  if (sim %in% c("fixed", "geom")) check_block_length(l, n)
  check_count(n.sim, "n.sim")
  orig.t <- check_flag(orig.t, "orig.t")
  replay <- new_replay(
    "tsboot", environment(), given, leading = 0L, before = as.integer(orig.t), origin = origin
  )
  if (uses_cluster(parallel, cl, chosen)) return(run_on_cluster(replay))
  run_replay(replay, plan_of_boot(parallel, ncpus, chosen, environment()))
}

check_block_length <- function(l, n, call = sys.call(-1L)) {
  good <- is.numeric(l) && length(l) == 1L && is.finite(l) && l >= 1 && l <= n
  if (!good) stop_argument("l", sprintf("a number from 1 to %d, the length of the series", n), l, call)
}
