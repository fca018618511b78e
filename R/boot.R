#' Bootstrap resampling on the workers of the plan
#'
#' `boot()` is [boot::boot()], its replicates run by the workers of the current
#' [plan()]. Arguments, the returned object and its numbers are those of a serial
#' `boot::boot()` for the same `set.seed()`, whatever the plan: for every `sim` and
#' `stype`, with strata, importance weights, predictions and simulated data.
#'
#' Resamples (and data from `ran.gen`) are drawn in this session, in boot's order: by boot's own
#' code, or with R's generators "Mersenne-Twister" and "L'Ecuyer-CMRG" by compiled code, which
#' is several times faster, once its numbers have been compared with boot's in this session. Workers call the statistic. A statistic that draws random numbers
#' itself is noticed, and the job runs again in this session, with a message of class
#' `rustle_message_serial`: there is no other way to boot's numbers. For statistics
#' that threads can compute, [bootstrap()] is many times faster.
#'
#' @param data A vector, matrix or data frame; rows are observations.
#' @param statistic A function of the data and of indices, frequencies or weights
#'   (`stype`), then of the indices for predictions if `m > 0`, then of `...`. With
#'   `sim = "parametric"` a function of the data and `...`. Weights sum to 1 (in each
#'   stratum), as in boot.
#' @param R Number of replicates, a whole number, or [enough()]; with a matrix of weights one number
#'   for each of its rows.
#' @param sim `"ordinary"`, `"parametric"`, `"balanced"`, `"permutation"` or
#'   `"antithetic"`.
#' @param stype What the second argument of `statistic` is: `"i"` (indices), `"f"`
#'   (frequencies) or `"w"` (weights).
#' @param strata,L,m,weights,ran.gen,mle As in [boot::boot()].
#' @param simple `TRUE` draws the indices of one replicate at a time, which needs less
#'   memory.
#' @param ... Further named arguments of `statistic`.
#' @param parallel When not given, the plan decides. `"no"` means in this session;
#'   `"multicore"` and `"snow"` mean the plan's workers, or `ncpus` of them.
#' @param ncpus Number of workers, at least 1; when given, it overrides the plan.
#' @param cl A cluster made by \pkg{parallel}; the call then runs boot's own code on it.
#' @return An object of class `"boot"`, as [boot::boot()] returns it: [boot::boot.ci()],
#'   [boot::boot.array()], [boot::jack.after.boot()] and `plot()` work on it.
#' @section Memory: Resamples that wait: option `rustle.boot_bytes`, 256 MB, at a time. What boot's
#'   code draws has in addition its index matrix (4 n R bytes, not with `simple = TRUE`): that is
#'   with `weights` or `m`, antithetic resamples in strata, and resamples of more than
#'   8 times that option (balanced ones: of more than that option). [bootstrap()] needs neither.
#' @section Errors: An error of the statistic in a replicate stops the call with a
#'   condition of class `rustle_error_statistic` (and the classes of the error): the
#'   message has the number of the replicate and that of the statistic, field
#'   `replicate` the number, field `parent` the error. So does a statistic that does
#'   not return numbers, or not as many as for the data. `rustle_error_argument` for
#'   wrong arguments, before anything has started.
#' @section Where it differs from boot: With workers boot returns other numbers than
#'   without for `simple = TRUE` and `sim = "parametric"`, and after an error in a
#'   replicate a character `t`; we do not. What the statistic assigns by `<<-` stays in
#'   the worker. Values that do not fit are an error, not recycled.
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their
#'   Application*. Cambridge University Press.
#' @seealso [tsboot()], [censboot()], [boot_ci()], [reexports_boot].
#' @examples
#' ratio <- function(d, w) sum(d$x * w) / sum(d$u * w)
#' oplan <- plan(multicore, workers = 2)
#' set.seed(1)
#' b <- boot(boot::city, ratio, R = 200, stype = "w")
#' b
#' #>
#' #> ORDINARY NONPARAMETRIC BOOTSTRAP
#' #>
#' #>
#' #> Call:
#' #> boot(data = boot::city, statistic = ratio, R = 200, stype = "w")
#' #>
#' #>
#' #> Bootstrap Statistics :
#' #>     original     bias    std. error
#' #> t1* 1.520313 0.07698494    0.266939
#' boot.ci(b, type = "bca")
#' #> BOOTSTRAP CONFIDENCE INTERVAL CALCULATIONS
#' #> Based on 200 bootstrap replicates
#' #>
#' #> CALL :
#' #> boot.ci(boot.out = b, type = "bca")
#' #>
#' #> Intervals :
#' #> Level       BCa
#' #> 95%   ( 1.267,  2.008 )
#' #> Calculations and Intervals on Original Scale
#' #> Some BCa intervals may be unstable
#' plan(oplan)
#' @export
boot <- function(data, statistic, R, sim = "ordinary", stype = c("i", "f", "w"),
                 strata = rep(1, n), L = NULL, m = 0, weights = NULL,
                 ran.gen = function(d, p) d, mle = NULL, simple = FALSE, ...,
                 parallel = c("no", "multicore", "snow"),
                 ncpus = getOption("boot.ncpus", 1L), cl = NULL) {
  if (inherits(R, "rustle_enough")) return(boot_until(match.call(), R, parent.frame()))
  origin <- match.call()
  given <- given_arguments(match.call(expand.dots = FALSE))
  chosen <- names(origin)
  statistic <- check_function(statistic, "statistic", parent.frame())
  n <- check_observations(data)
  sim <- check_choice(sim, c("ordinary", "parametric", "balanced", "permutation", "antithetic"), "sim")
  if ("stype" %in% given) check_choice(stype[1L], c("i", "f", "w"), "stype")
  check_replicates(R, weights, sim)
  if (sim != "parametric") {
    if ("strata" %in% given) check_boot_strata(strata, n)
    check_boot_weights(weights, n)
  }
  # boot() first computes influence values by n + 1 calls, and then the statistic of the data.
  extra <- if (sim == "antithetic" && is.null(L)) n + 1L else 0L
  replay <- new_replay(
    "boot", environment(), given, leading = as.integer(sim != "parametric"),
    before = 1L + extra, origin = origin
  )
  if (uses_cluster(parallel, cl, chosen)) return(run_on_cluster(replay))
  run_replay(replay, plan_of_boot(parallel, ncpus, chosen, environment()))
}

check_observations <- function(data, argument = "data", call = sys.call(-1L)) {
  n <- NROW(data)
  if (!n) stop_argument(argument, "data with at least one observation", data, call)
  n
}

# R must be one whole number, or one for each row of a matrix of weights; 0 is allowed, as
# in boot.
check_replicates <- function(R, weights = NULL, sim = "ordinary", call = sys.call(-1L)) {
  many <- is.matrix(weights) && sim %in% c("ordinary", "balanced")
  size <- if (many) nrow(weights) else 1L
  good <- is.numeric(R) && length(R) == size && all(is.finite(R)) && all(R >= 0) && all(R == floor(R))
  if (!good) {
    must <- if (many) sprintf("%d whole numbers, one for each row of `weights`", size) else "a whole number of at least 0"
    stop_argument("R", must, R, call)
  }
}

check_boot_strata <- function(strata, n, call = sys.call(-1L)) {
  if (length(strata) != n || anyNA(strata)) {
    stop_argument("strata", sprintf("a vector or factor of length %d without NA", n), strata, call)
  }
}

check_boot_weights <- function(weights, n, call = sys.call(-1L)) {
  if (is.null(weights)) return()
  columns <- if (is.matrix(weights)) ncol(weights) else length(weights)
  good <- is.numeric(weights) && columns == n && all(is.finite(weights)) && all(weights >= 0) &&
    all(if (is.matrix(weights)) rowSums(weights) > 0 else sum(weights) > 0)
  if (!good) {
    must <- sprintf("%d numbers of at least 0 with a positive sum (a matrix: in each row)", n)
    stop_argument("weights", must, weights, call)
  }
}
