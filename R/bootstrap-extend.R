# More replicates for a result, as many as are asked for or as are needed.

#' More replicates
#'
#' `extend()` adds replicates to a result: it becomes what the call would have given with the
#' larger `R`, bit for bit, because each replicate has a stream of its own. `R = enough()` in
#' [bootstrap()] and its relatives goes on until intervals no longer depend on which replicates
#' were drawn.
#'
#' @param x A result of [bootstrap()], [boot_lm()], [tsbootstrap()], [wild_test()],
#'   [bootstrap_influence()], [permutation_test()], [spa_test()], [step_m()], [model_confidence_set()] or
#'   [validate_boot()]; or of [boot()], [tsboot()] or [censboot()], which are run again from their seed.
#' @param R Number of replicates that the result shall have, those that it has among them.
#' @param threads As for [bootstrap()]. Functions run on the workers of the current [plan()].
#' @param width The largest Monte Carlo standard error of an end (see [boot_ci()]), as a share of
#'   the width of its interval; of [wild_test()] without an interval, of [permutation_test()] and of
#'   comparisons of losses, the largest of a p-value; of [validate_boot()] the largest of an estimate, as a share of it.
#' @param type,conf,index The intervals that shall be so sure, as in [boot_ci()]: one type of
#'   `"norm"`, `"basic"`, `"perc"`, `"bc"` and `"bca"`, and one level. [wild_test()] and
#'   [bootstrap_influence()] have intervals and levels of their own.
#' @param start Number of replicates to begin with.
#' @param limit Number of replicates at which it ends in any case.
#' @return `extend()`: the result with `R` replicates. `enough()`: a rule of class
#'   `rustle_enough`; a result that was made with it has a field `enough`: a list with `width`
#'   (the largest error that is left, as a share), `reached` and `R` (the numbers of replicates
#'   on the way). Where the limit ends it, there is a warning of class
#'   `rustle_warning_replicates`.
#' @details The error falls with the root of R, so the next number of replicates is
#'   \eqn{R (e / width)^2}, at least half as many again and at most eight times as many, and one
#'   less than a multiple of 1000, so that ends are order statistics. R depends on the
#'   replicates alone: results have the same bits for any threads and workers. For a
#'   95 % percentile interval of a normal statistic `width = 0.01` takes about 4,500 replicates.
#' @section Errors: `rustle_error_argument`: for an `R` below the present number, for a result
#'   whose replicates depend on each other or on their number (`"balanced"`, `"antithetic"`,
#'   `rng = "R"`), that `c()` or `[` has made, without data (`keep_data = FALSE`), or whose
#'   statistic has another value on the data now.
#' @section boot: [boot()], [tsboot()] and [censboot()] draw the resamples of all replicates together, as those of
#'   \pkg{boot} do: with a larger `R` the first replicates are others. `extend()` repeats their call from its
#'   seed, as does `R = enough()` on the way; other arguments of the call are looked up where
#'   `extend()` is called.
#' @references Davidson, R. and MacKinnon, J. G. (2000) Bootstrap tests: how many bootstraps?
#'   *Econometric Reviews* 19, 55-68. Andrews, D. W. K. and Buchinsky, M. (2000) A three-step
#'   method for choosing the number of bootstrap repetitions. *Econometrica* 68, 23-51.
#' @seealso [bootstrap()]; [boot_ci()] and [boot_p()], whose Monte Carlo errors tell whether it is
#'   worth it.
#' @examples
#' b <- bootstrap(cars, "cor", R = 199, seed = 1, threads = 2)
#' identical(extend(b, 999)$t, bootstrap(cars, "cor", R = 999, seed = 1, threads = 2)$t)
#' #> [1] TRUE
#' b <- bootstrap(cars, "cor", R = enough(width = 0.02), seed = 1, threads = 2)
#' b$R
#' #> [1] 3999
#' boot_ci(b, type = "perc")
#' #> Bootstrap intervals from 3999 replicates
#' #>  term type conf  lower  upper   mcse
#' #>   cor perc 0.95 0.7006 0.8834 0.0036
#' @export
extend <- function(x, R, threads = NULL) {
  origin <- sys.call()
  check_required("x", "R")
  again <- inherits(x, c("rustle_wild", "rustle_influence"))
  permuted <- inherits(x, "rustle_permutations")
  losses <- inherits(x, "rustle_losses")
  if (inherits(x, "rustle_validation")) {
    R <- check_count(R, "R")
    if (R < x$R) stop_argument("R", sprintf("at least the number of replicates that there are (%d)", x$R), R, origin)
    return(more_resamples(x, x$run, R, origin))
  }
  if (inherits(x, "boot") && !inherits(x, "rustle_boot")) return(boot_again(x, check_count(R, "R"), parent.frame(), origin))
  if (!inherits(x, "rustle_boot") && !again && !permuted && !losses) {
    stop_argument("x", "a result of bootstrap(), wild_test(), bootstrap_influence(), permutation_test() or boot()", x, origin)
  }
  R <- check_count(R, "R")
  if (losses) return(more_losses(x, R, threads, origin))
  if (permuted) return(more_permutations(x, R, thread_count(threads, origin), origin))
  if (again) {
    if (!is.null(threads)) x$threads <- thread_count(threads, origin)
    return(draw_whole(x, R, origin))
  }
  run <- x$run
  # The responses of bootMer() are drawn together.
  if (is.null(run) && identical(x$rng, "R")) check_extends(list(scheme = list(independent = FALSE), options = list(rng = "R"), sim = sub("^rustle_", "", x$sim)), "x", origin)
  wrong <- if (is.null(run)) {
    "that bootstrap() has made"
  } else if (!is.null(x$replicates) || is.list(x$stream) || ncol(as.matrix(x$t)) != length(x$t0)) {
    "whole, not one that c() or `[` has made"
  } else if (is.null(x$data)) {
    "with its data (`keep_data = TRUE`)"
  }
  if (!is.null(wrong)) stop_argument("x", sprintf("a result %s", wrong), x, origin, was = "another one")
  if (R < x$R) stop_argument("R", sprintf("at least the number of replicates that there are (%d)", x$R), R, origin)
  run$options[c("progress", "influence")] <- list(FALSE, "none")
  design <- list(strata = x$strata, cluster = x$cluster, weights = x$weights, m = x$m, l = run$l, relabel = run$relabel)
  run$dots$exact <- NULL
  read <- read_boot(
    x$data, x$statistic, R, sub("^rustle_", "", x$sim), run$stype, design, run$options, run$parametric, run$dots,
    current_plan(), threads, origin
  )
  check_extends(read, "x", origin)
  job <- prepare_boot(read)
  if (!same_statistic(job, read, x$t0)) {
    stop_argument("x", "a result whose statistic has the same value on the data now", x, origin, was = "one with another value")
  }
  job$t0 <- x$t0
  job <- draw_again(job, x$stream)
  x$enough <- NULL
  out <- more_replicates(x, job, R)
  warn_not_finite(list(t = out$t, lost = out$run$lost), out$t0, out$data)
  out
}

#' @rdname extend
#' @export
enough <- function(width = 0.01, type = "perc", conf = 0.95, index = NULL, start = 1999, limit = 99999) {
  good <- is.numeric(width) && length(width) == 1L && !is.na(width) && width > 0 && width < 1
  if (!good) stop_argument("width", "a share between 0 and 1", width, sys.call())
  type <- check_choice(type, c("norm", "basic", "perc", "bc", "bca"), "type")
  conf <- check_one_level(conf, "conf")
  start <- check_count(start, "start", min = 100)
  limit <- check_count(limit, "limit", min = start)
  structure(
    list(width = width, type = type, conf = conf, index = index, start = start, limit = limit), class = "rustle_enough"
  )
}

#' @rdname extend
#' @param ... Ignored.
#' @export
print.rustle_enough <- function(x, ...) {
  cat(wrapped(sprintf(
    "Replicates until the Monte Carlo error of %s intervals (%s) is at most %s of their width: from %d, at most %d",
    x$type, format(x$conf), format(x$width), x$start, x$limit
  )))
  invisible(x)
}

# Tests and bands whose replicates cost little: all are computed, and the first are those that
# there were.
draw_whole <- function(x, R, call) {
  if (R < x$R && !isTRUE(x$enumerated)) {
    stop_argument("R", sprintf("at least the number of replicates that there are (%d)", x$R), R, call)
  }
  if (isTRUE(x$enumerated)) return(x)
  x$enough <- NULL
  if (inherits(x, "rustle_influence")) return(draw_bands(x, R, call))
  if (is.null(x$rerun)) draw_test(x, R) else x$rerun(R)
}

# A wild test whose interval, or p-value where it has none, is as sure as the rule wants it.
go_on_test <- function(x, rule) {
  error_of <- function(x) {
    if (is.null(x$conf.set)) return(x$mcse)
    inside <- is.finite(rowSums(x$conf.set))
    if (!any(inside)) return(x$mcse)
    max((x$conf.mcse / (x$conf.set[, 2L] - x$conf.set[, 1L]))[inside, ])
  }
  interval <- !is.null(x$conf.set) && any(is.finite(rowSums(x$conf.set)))
  go_on_until(
    x, rule, error_of, function(x, R) draw_whole(x, R, x$call),
    if (interval) error_of_an_end else "the Monte Carlo error of the p-value is %s"
  )
}

error_of_an_end <- "the Monte Carlo error of an end is %s of the width of its interval"

# More replicates until error_of() says that it is at most `width`: the field `enough`, and a
# warning where the limit ends it, with what is said of the error.
go_on_until <- function(x, rule, error_of, more, says = error_of_an_end) {
  tried <- x$R
  repeat {
    share <- error_of(x)
    # Where nothing has an interval more replicates do not help.
    if (!is.finite(share) || share <= rule$width || x$R >= rule$limit || isTRUE(x$enumerated)) break
    R <- x$R * min(max((share / rule$width)^2, 1.5), 8)
    R <- min(ceiling((R + 1) / 1000) * 1000 - 1, rule$limit)
    x <- more(x, as.integer(R))
    tried <- c(tried, x$R)
  }
  x$enough <- list(width = share, reached = share <= rule$width, R = tried)
  if (is.finite(share) && share > rule$width) {
    warn_rustle(
      sprintf(paste0("%d replicates are the limit: ", says, "."), as.integer(x$R), format(share, digits = 2)),
      "rustle_warning_replicates"
    )
  }
  x
}

# Has the statistic its value of before? One that draws random numbers never has.
same_statistic <- function(job, read, before) {
  if (isTRUE(all.equal(job$t0, before))) return(TRUE)
  if (job$native || length(job$t0) != length(before)) return(FALSE)
  with_seed <- function(seed) {
    keep_random_seed({
      set.seed(seed)
      prepare_boot(read)$t0
    })
  }
  random <- with_seed(1) != with_seed(2)
  isTRUE(all.equal(job$t0[!random], before[!random]))
}

# Replicates that do not depend on how many there are.
check_extends <- function(job, argument, call) {
  if (job$scheme$independent && job$options$rng == "stream") return()
  stop_argument(
    argument, if (argument == "R") "a number where replicates depend on each other" else "of replicates that do not depend on each other",
    job$sim, call, was = sprintf("of sim = \"%s\", rng = \"%s\"", job$sim, job$options$rng)
  )
}

# As draw_boot(), with the streams of an earlier run.
draw_again <- function(job, stream) {
  job$stream <- stream
  if (!job$native) return(job)
  spec <- engine_spec(job$scheme, job$n, stream, job$engine_native)
  job$handle <- unpack(open_boot(spec, if (is.null(job$engine_native)) job$plain), job$call)
  job
}

more_replicates <- function(x, job, R) {
  before <- nrow(x$t)
  if (R == before) return(x)
  check_memory(as.double(R) * length(job$t0) * 8, job$call)
  job$R <- R
  handled <- handle_failures(compute_replicates(job, before), job, before)
  x$t <- rbind(x$t, handled$t)
  x$R <- R
  x$run$lost <- x$run$lost + handled$lost
  if (NROW(handled$failures)) x$failures <- rbind(x$failures, handled$failures)
  x
}

# The result of boot(), tsboot() or censboot() with more replicates. These draw all resamples together, so
# the whole call is repeated from its seed.
boot_again <- function(x, R, frame, call) {
  wrong <- function(was) stop_argument("x", "a whole result of boot(), tsboot() or censboot()", x, call, was = was)
  name <- if (is.call(x$call)) utils::tail(as.character(x$call[[1L]]), 1L) else ""
  if (!name %in% c("boot", "tsboot", "censboot")) wrong("one that another function has made")
  if (is.numeric(x$call$R) && !identical(as.double(x$call$R), as.double(x$R))) wrong("one that c() has made")
  if (length(x$R) != 1L) wrong("one with weights of several kinds")
  if (R < x$R) stop_argument("R", sprintf("at least the number of replicates that there are (%d)", x$R), R, call)
  if (is.null(x$seed)) wrong("one without its seed")
  scope <- new.env(parent = frame)
  asked <- x$call
  asked[[1L]] <- switch(name, boot = boot, tsboot = tsboot, censboot = censboot)
  # Data and statistic are in the result; they may have other values, or none, where this is called.
  data <- if (name == "tsboot") "tseries" else "data"
  scope$.rustle_data <- x$data
  scope$.rustle_statistic <- x$statistic
  asked[[data]] <- quote(.rustle_data)
  asked$statistic <- quote(.rustle_statistic)
  asked$R <- as.double(R)
  out <- keep_random_seed({
    assign(".Random.seed", x$seed, globalenv())
    eval(asked, scope)
  })
  if (!isTRUE(all.equal(out$t0, x$t0))) {
    stop_argument("x", "a result whose statistic has the same value on the data now", x, call, was = "one with another value")
  }
  out$call <- x$call
  out$call$R <- as.double(R)
  out
}

# boot(R = enough()) and relatives: `asked` is their call.
boot_until <- function(asked, rule, frame) {
  asked$R <- rule$start
  more <- function(x, R) boot_again(x, R, frame, asked)
  go_on_until(eval(asked, frame), rule, error_of_ends_of(rule), more)
}

# The result once `rule` is content.
go_on <- function(x, job, rule) {
  x <- go_on_until(x, rule, error_of_ends_of(rule), function(x, R) more_replicates(x, job, R))
  warn_not_finite(list(t = x$t, lost = x$run$lost), x$t0, job$data)
  x
}

# A function of a result: the largest error of an end as a share of its interval.
error_of_ends_of <- function(rule) function(x) {
  ci <- withCallingHandlers(
    boot_ci(x, conf = rule$conf, type = rule$type, index = rule$index),
    rustle_warning_interval = function(w) invokeRestart("muffleWarning")
  )
  share <- pmax(ci$lower.mcse, ci$upper.mcse) / (ci$upper - ci$lower)
  suppressWarnings(max(share[is.finite(share)]))
}
