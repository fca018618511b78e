#' Bootstrap censored data on the workers of the plan
#'
#' `censboot()` is [boot::censboot()], its replicates run by the workers of the current
#' [plan()]. The object and its numbers are those of a serial `boot::censboot()` for the
#' same `set.seed()`, for every `sim`: data are resampled in this session, statistics are
#' computed by workers.
#'
#' @inheritParams boot
#' @param data A data frame or matrix with a column of times and one of censoring
#'   indicators.
#' @param statistic A function of such data, then (`sim = "weird"` with strata) of the
#'   strata, then of `...`.
#' @param R Number of replicates, a whole number, or [enough()].
#' @param F.surv,G.surv,cox,index As in [boot::censboot()].
#' @param strata A vector, or a matrix with two columns, as in [boot::censboot()].
#' @param sim `"ordinary"`, `"model"`, `"weird"` or `"cond"`.
#' @return An object of class `"boot"`, as [boot::censboot()] returns it.
#' @section Errors: As [boot()].
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their
#'   Application*, section 3.5. Cambridge University Press.
#'
#'   Efron, B. (1981) Censored data and the bootstrap. *Journal of the American
#'   Statistical Association* 76, 312-319.
#' @seealso [bootstrap()] with [stat_km()] for survival in Rust; [boot()]; [boot_ci()].
#' @examples
#' longest <- function(d) max(d$time[d$cens == 1])
#' set.seed(1)
#' b <- censboot(boot::aml, longest, R = 100, index = c(1, 2), ncpus = 2)
#' table(b$t)
#' #>
#' #> 33 34 43 45 48
#' #>  1  1  7 24 67
#' @export
censboot <- function(data, statistic, R, F.surv, G.surv, strata = matrix(1, n, 2),
                     sim = "ordinary", cox = NULL, index = c(1, 2), ...,
                     parallel = c("no", "multicore", "snow"),
                     ncpus = getOption("boot.ncpus", 1L), cl = NULL) {
  if (inherits(R, "rustle_enough")) return(boot_until(match.call(), R, parent.frame()))
  origin <- match.call()
  given <- given_arguments(match.call(expand.dots = FALSE))
  chosen <- names(origin)
  statistic <- check_function(statistic, "statistic", parent.frame())
  n <- check_observations(data)
  if (NCOL(data) < 2L) stop_argument("data", "data with columns of times and censoring indicators", data, sys.call())
  sim <- check_choice(sim, c("ordinary", "model", "weird", "cond"), "sim")
  check_replicates(R)
  if ("strata" %in% given && NROW(strata) != n) {
    stop_argument("strata", sprintf("a vector of length %d, or a matrix with as many rows", n), strata, sys.call())
  }
  replay <- new_replay("censboot", environment(), given, leading = 0L, before = 1L, origin = origin)
  if (uses_cluster(parallel, cl, chosen)) return(run_on_cluster(replay))
  run_replay(replay, plan_of_boot(parallel, ncpus, chosen, environment()))
}
