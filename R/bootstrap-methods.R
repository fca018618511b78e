#' Methods for bootstrap results
#'
#' What can be asked of a `rustle_boot`, the result of [bootstrap()] and its relatives.
#'
#' * `print()` and `summary()`: estimate, bias and standard error of each component;
#' * `coef()`: the estimates, `vcov()`: the covariance matrix of the replicates,
#'   `confint()`: a matrix of interval ends, `quantile()`: quantiles of the replicates by
#'   the rule of [boot_ci()], a row per component;
#' * `as.data.frame()`: the replicates, a row each; `x[i]`: the components `i`, `x[r, i]`:
#'   the replicates `r` of the components `i`; `c()`: the replicates of several results,
#'   which must be of the same statistic, scheme and data, with different seeds;
#' * `plot()`: for each component a histogram with its density, the estimate (solid) and the
#'   interval (dashed), beside it a normal quantile plot where there is room, and with
#'   `jack = TRUE` the jackknife-after-bootstrap; `autoplot()` histograms by \pkg{ggplot2};
#' * `tidy()` and `glance()` of \pkg{generics}, as \pkg{broom} has them.
#'
#' Replicates of m out of n are rescaled by \eqn{\sqrt{m/n}} around the estimate, except
#' in `as.data.frame()` and `x[...]`. Replicates with values that are not finite are left
#' out where they matter: by component, in `vcov()` by row.
#'
#' @param x,object A `rustle_boot`.
#' @param digits Number of significant digits.
#' @param parm Components: numbers or names. All by default.
#' @param level,conf.level Confidence level.
#' @param type,conf.method Type of interval, see [boot_ci()]. `NULL`: `"bca"` where
#'   influence values are there and the scheme allows it, else `"perc"`.
#' @param conf.int `TRUE` adds the interval: columns `conf.low` and `conf.high`.
#' @param probs Probabilities.
#' @param index Components: numbers or names, such as `c("wt", "hp")`. All by default; with
#'   `jack = TRUE` the first.
#' @param quantiles `TRUE` draws quantile plots, `FALSE` none; `NULL`: where there is room.
#' @param jack `TRUE` adds the jackknife-after-bootstrap plot, see [jack_after_boot()].
#' @param nclass Number of cells of the histogram, about.
#' @param row.names,optional As in [as.data.frame()].
#' @param i,j With one index the components; with two, replicates and components.
#' @param ... For `confint()` and `tidy()`, arguments of [boot_ci()]; for `plot()`,
#'   graphical parameters; for `c()`, further results.
#' @return As Details say; `tidy()` a data frame with columns `term`, `statistic`, `bias` and
#'   `std.error`, `glance()` one with a row for the result.
#' @seealso [bootstrap()]; [boot_ci()] for intervals and their plot; [jack_after_boot()];
#'   [as_boot()].
#' @examples
#' b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 2)
#' b
#' #> Bootstrap (ordinary), 999 replicates of mean, 12 observations
#' #> Computed by native code, 2 threads
#' #>
#' #>  term estimate   bias std.error
#' #>  mean    108.1 -2.045     36.93
#' confint(b)
#' #>         2.5 %   97.5 %
#' #> mean 56.80128 220.8608
#' vcov(b)
#' #>         mean
#' #> mean 1363.89
#' quantile(b, c(0.05, 0.95))
#' #>      5%      95%
#' #> mean 53 170.0833
#' plot(b)
#' @name bootstrap-methods
NULL

#' @rdname bootstrap-methods
#' @export
print.rustle_boot <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  s <- summary.rustle_boot(x)
  cat(wrapped(describe_boot(x)), "\n", sep = "")
  print(plain_frame(s)[c("term", "estimate", "bias", "std.error")], digits = digits, row.names = FALSE, ...)
  failed <- length(unique(x$failures$replicate))
  if (failed) cat(sprintf("\n%d of %.0f replicates failed: see $failures.\n", failed, nrow(x$t)))
  missing <- sum(rowSums(!is.finite(x$t[, is.finite(x$t0), drop = FALSE])) > 0) - sum(is.na(x$t[unique(x$failures$replicate), 1L]))
  if (missing > 0) cat(sprintf("\n%d of %.0f replicates are not finite.\n", missing, nrow(x$t)))
  invisible(x)
}

# One or two lines: scheme, replicates, data, and what computed it.
describe_boot <- function(x) {
  draws <- as_draws(x)
  of <- if (is.character(x$statistic) || inherits(x$statistic, "rustle_statistic")) {
    sprintf(" of %s", format(x$statistic))
  } else if (inherits(x$statistic, "formula")) {
    sprintf(" of %s", paste(deparse(x$statistic), collapse = " "))
  } else {
    ""
  }
  count <- if (is.numeric(x$threads)) sprintf(" %.0f", x$threads) else ""
  several <- if (identical(as.numeric(x$threads), 1)) "" else "s"
  by <- if (identical(x$engine, "workers")) {
    sprintf("%s worker%s", count, several)
  } else if (is.character(x$engine)) {
    sprintf(" %s code,%s thread%s", x$engine, count, several)
  }
  sprintf(
    "Bootstrap (%s%s), %.0f replicates%s, %.0f observation%s%s%s", if (is.null(x$scheme_name)) draws$variant else x$scheme_name,
    if (inherits(x, "rustle_boot") && length(x$l) == 1L) sprintf(" of length %.0f", x$l) else "", draws$R, of, draws$n,
    if (draws$n == 1) "" else "s", describe_drawn_clusters(draws$cluster),
    if (length(by)) sprintf("\nComputed by%s", by) else ""
  )
}

# The number of clusters is what the error depends on.
describe_drawn_clusters <- function(cluster) {
  if (is.null(cluster)) return("")
  counts <- vapply(if (is.list(cluster)) cluster else list(cluster), function(g) length(unique(g)), 0L)
  sprintf(" in %s clusters", paste(counts, collapse = " and "))
}

#' @rdname bootstrap-methods
#' @export
summary.rustle_boot <- function(object, ...) {
  check_dots(...)
  draws <- as_draws(object)
  of <- function(f) apply(draws$t, 2L, function(t) f(t[is.finite(t)]))
  out <- data.frame(
    term = draws$terms, estimate = draws$t0, bias = of(mean) - draws$t0,
    std.error = of(stats::sd), median = of(stats::median), replicates = of(length)
  )
  structure(out, class = c("rustle_boot_summary", "data.frame"), description = describe_boot(object))
}

#' @rdname bootstrap-methods
#' @export
print.rustle_boot_summary <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  if (!is.null(attr(x, "description"))) cat(wrapped(attr(x, "description")), "\n", sep = "")
  print(plain_frame(x), digits = digits, row.names = FALSE, ...)
  invisible(x)
}

plain_frame <- function(x) data.frame(unclass(x)[names(x)], check.names = FALSE)

#' @rdname bootstrap-methods
#' @export
coef.rustle_boot <- function(object, ...) {
  check_dots(..., .takes = "complete")
  draws <- as_draws(object)
  stats::setNames(draws$t0, draws$terms)
}

#' @rdname bootstrap-methods
#' @export
vcov.rustle_boot <- function(object, ...) {
  check_dots(..., .takes = "complete")
  draws <- as_draws(object)
  t <- draws$t[rowSums(!is.finite(draws$t)) == 0, , drop = FALSE]
  out <- stats::cov(t)
  dimnames(out) <- list(draws$terms, draws$terms)
  out
}

#' @rdname bootstrap-methods
#' @export
confint.rustle_boot <- function(object, parm = NULL, level = 0.95, type = NULL, ...) {
  # R's own confint() may pass `parm` on although it is missing.
  if (missing(parm)) parm <- NULL
  check_interval_dots(..., x = object)
  type <- default_interval(object, type)
  level <- check_one_level(level, "level")
  ci <- boot_ci(object, conf = level, type = type, index = parm, ...)
  ends <- (1 + c(-1, 1) * level) / 2
  matrix(
    c(ci$lower, ci$upper), ncol = 2L,
    dimnames = list(ci$term, paste(format(100 * ends, trim = TRUE, digits = 3), "%"))
  )
}

# `...` that boot_ci() gets from a method, which gives it conf, type and index itself.
check_interval_dots <- function(..., x, own = names(formals(sys.function(-1L))), call = sys.call(-1L)) {
  takes <- setdiff(names(formals(boot_ci)), c("x", "conf", "type", "index", "..."))
  check_statistic_dots(..., .takes = takes, .x = x, .own = own, .call = call)
}

check_one_level <- function(level, argument, call = sys.call(-1L)) {
  good <- is.numeric(level) && length(level) == 1L && !is.na(level) && level > 0 && level < 1
  if (!good) stop_argument(argument, "a level between 0 and 1", level, call)
  level
}

default_interval <- function(x, type, argument = "type", call = sys.call(-1L)) {
  if (!is.null(type)) return(check_choice(type, interval_types, argument, call))
  draws <- as_draws(x)
  if (!is.null(draws$L) && "bca" %in% valid_intervals(draws)) "bca" else "perc"
}

#' @rdname bootstrap-methods
#' @export
quantile.rustle_boot <- function(x, probs = c(0.025, 0.05, 0.5, 0.95, 0.975), ...) {
  check_dots(...)
  good <- is.numeric(probs) && length(probs) && !anyNA(probs) && all(probs >= 0 & probs <= 1)
  if (!good) stop_argument("probs", "probabilities", probs, sys.call())
  draws <- as_draws(x)
  out <- vapply(seq_along(draws$terms), function(k) {
    t <- draws$t[is.finite(draws$t[, k]), k]
    if (length(t) < 2L) rep(NA_real_, length(probs)) else normal_quantile(t, probs)
  }, numeric(length(probs)))
  out <- matrix(out, ncol = length(probs), byrow = TRUE)
  dimnames(out) <- list(draws$terms, paste0(format(100 * probs, trim = TRUE, digits = 3), "%"))
  out
}

#' @rdname bootstrap-methods
#' @export
as.data.frame.rustle_boot <- function(x, row.names = NULL, optional = FALSE, ...) {
  t <- as.matrix(x$t)
  colnames(t) <- term_names(x, ncol(t))
  as.data.frame(t, row.names = row.names, optional = optional, ...)
}

#' @rdname bootstrap-methods
#' @export
`[.rustle_boot` <- function(x, i, j, ...) {
  draws <- as_draws(x)
  two <- nargs() - ...length() > 2L
  terms <- if (two) { if (missing(j)) NULL else j } else { if (missing(i)) NULL else i }
  if (is.logical(terms)) terms <- which(rep_len(terms, length(draws$terms)))
  if (is.numeric(terms) && length(terms) && all(terms < 0)) terms <- seq_along(draws$terms)[terms]
  terms <- check_index(terms, draws, if (two) "j" else "i")
  x$t0 <- x$t0[terms]
  x$t <- x$t[, terms, drop = FALSE]
  if (NCOL(x$L) == length(draws$terms) && !is.null(x$L)) x$L <- as.matrix(x$L)[, terms, drop = FALSE]
  if (two && !missing(i)) {
    rows <- seq_len(nrow(x$t))[i]
    if (anyNA(rows)) stop_argument("i", sprintf("replicates from 1 to %d", nrow(x$t)), i, sys.call())
    x$t <- x$t[rows, , drop = FALSE]
    x$R <- length(rows)
    # After a choice of rows the replicates are no longer the first ones of the seed.
    x$replicates <- if (is.null(x$replicates)) rows else x$replicates[rows]
    if (NROW(x$failures)) {
      x$failures <- x$failures[x$failures$replicate %in% rows, , drop = FALSE]
      x$failures$replicate <- match(x$failures$replicate, rows)
    }
  }
  x
}

#' @rdname bootstrap-methods
#' @export
c.rustle_boot <- function(...) {
  all <- list(...)
  first <- all[[1L]]
  if (length(all) == 1L) return(first)
  same <- function(x) {
    inherits(x, "rustle_boot") && isTRUE(all.equal(x$t0, first$t0)) &&
      identical(x$sim, first$sim) && isTRUE(all.equal(x$data, first$data)) &&
      identical(x$m, first$m)
  }
  for (other in all[-1L]) {
    if (!same(other)) {
      stop_argument("...", "bootstrap results of the same statistic, scheme and data", other, sys.call())
    }
  }
  keys <- lapply(all, function(x) if (is.null(x$stream)) x$seed else x$stream)
  if (anyDuplicated(unlist(lapply(keys, list), recursive = FALSE))) {
    stop_argument("...", "results with different seeds: equal seeds repeat the same replicates", first, sys.call())
  }
  before <- c(0, cumsum(vapply(all, function(x) nrow(x$t), 0)))
  failures <- lapply(seq_along(all), function(k) {
    f <- all[[k]]$failures
    if (NROW(f)) f$replicate <- f$replicate + before[[k]]
    f
  })
  first$t <- do.call(rbind, lapply(all, `[[`, "t"))
  first$R <- nrow(first$t)
  first$seed <- lapply(all, `[[`, "seed")
  if (!is.null(first$stream)) {
    # boot_array() needs to know which stream each replicate has.
    if (any(vapply(all, function(x) is.list(x$stream) || !is.null(x$replicates), NA))) {
      stop_argument("...", "whole results, none of which c() or `[` has made", first, sys.call())
    }
    first$stream <- lapply(all, `[[`, "stream")
    first$parts <- vapply(all, function(x) nrow(x$t), 0L)
  }
  first$failures <- do.call(rbind, failures)
  first
}

#' @rdname bootstrap-methods
#' @exportS3Method generics::tidy
tidy.rustle_boot <- function(x, conf.int = FALSE, conf.level = 0.95, conf.method = NULL, ...) {
  check_interval_dots(..., x = x)
  conf.int <- check_flag(conf.int, "conf.int")
  s <- summary(x)
  out <- data.frame(term = s$term, statistic = s$estimate, bias = s$bias, std.error = s$std.error)
  if (conf.int) {
    type <- default_interval(x, conf.method, "conf.method")
    ci <- boot_ci(x, conf = check_one_level(conf.level, "conf.level"), type = type, ...)
    at <- match(out$term, ci$term)
    out$conf.low <- ci$lower[at]
    out$conf.high <- ci$upper[at]
  }
  out
}

#' @rdname bootstrap-methods
#' @exportS3Method generics::glance
glance.rustle_boot <- function(x, ...) {
  check_dots(...)
  draws <- as_draws(x)
  or <- function(value, other) if (is.null(value)) other else value
  data.frame(
    R = draws$R, n = draws$n, sim = draws$sim, terms = length(draws$terms),
    engine = or(x$engine, NA_character_), threads = or(x$threads, NA_real_),
    failures = length(unique(x$failures$replicate))
  )
}

#' Convert to a boot object
#'
#' For functions of \pkg{boot} that read `t0`, `t` and `L`. The functions that draw the
#' resamples again ([boot::boot.array()], [boot::jack.after.boot()], and
#' [boot::boot.ci()] for `bca` without `L`) only work when the indices were those of boot
#' (`rng = "R"`); for others they stop, because `sim` keeps the prefix `rustle_`.
#'
#' @param x A `rustle_boot`.
#' @param index The component to keep: a number or name. Needed for influence values when
#'   there are several, because boot has room for those of one component only.
#' @return An object of class `"boot"`, with influence values `L` (centred) if `x` has them
#'   and there is one component.
#' @section Errors: `rustle_error_argument` when `x` is no `rustle_boot` or has no
#'   component `index`.
#' @seealso [bootstrap()]; [boot.ci()] and other functions of \pkg{boot} that take the
#'   result.
#' @examples
#' b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 2)
#' boot.ci(as_boot(b), type = c("perc", "bca"))
#' #> BOOTSTRAP CONFIDENCE INTERVAL CALCULATIONS
#' #> Based on 999 bootstrap replicates
#' #>
#' #> CALL :
#' #> boot.ci(boot.out = as_boot(b), type = c("perc", "bca"))
#' #>
#' #> Intervals :
#' #> Level     Percentile            BCa
#' #> 95%   ( 46.1, 187.2 )   ( 56.8, 220.9 )
#' #> Calculations and Intervals on Original Scale
#' #> Some BCa intervals may be unstable
#' @export
as_boot <- function(x, index = NULL) {
  check_required("x")
  if (inherits(x, "boot") && !inherits(x, "rustle_boot")) return(x)
  if (!inherits(x, "rustle_boot")) stop_argument("x", "a result of class \"rustle_boot\"", x, sys.call())
  if (!is.null(index)) {
    if (length(index) != 1L) stop_argument("index", "one component", index, sys.call())
    x <- x[index]
  }
  draws <- as_draws(x)
  own <- draws$own
  # boot.array() sets .Random.seed to `seed` before it finds out that it cannot draw our
  # indices again. So `seed` of our results is the present state, which then does not change.
  # As boot(), which makes a state where there is none.
  if (!own && is.null(get_random_seed())) stats::runif(1L)
  seed <- if (own) x$seed else get_random_seed()
  out <- list(
    t0 = x$t0, t = unname(draws$t), R = draws$R, data = x$data, seed = seed,
    statistic = x$statistic, sim = if (own) draws$sim else paste0("rustle_", draws$sim),
    call = x$call, stype = if (is.null(x$stype)) "i" else x$stype, strata = draws$strata,
    weights = if (is.null(x$weights)) 1 / tabulate(draws$strata)[draws$strata] else x$weights
  )
  if (!is.null(x$L) && length(draws$terms) == 1L) {
    out$L <- as.vector(centred_influence(as.matrix(x$L), draws))
  }
  structure(out, class = "boot", boot_type = "boot")
}
