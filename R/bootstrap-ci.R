#' Bootstrap confidence intervals
#'
#' Intervals for all components of a bootstrapped statistic at once.
#'
#' With \eqn{t} the estimate, \eqn{t^*}{t*} its replicates and \eqn{q_p} their quantiles:
#' * `"norm"`: \eqn{t} minus the bias, plus and minus a normal quantile times the
#'   standard error;
#' * `"basic"`: \eqn{(2t - q_{1-\alpha/2}, 2t - q_{\alpha/2})};
#' * `"stud"`: bootstrap-t, which needs a variance for the estimate and each replicate;
#' * `"perc"`: \eqn{(q_{\alpha/2}, q_{1-\alpha/2})};
#' * `"bc"`: bias-corrected (Efron 1981), from the share of replicates below \eqn{t};
#' * `"bca"`: the same, accelerated (Efron 1987) by the skewness of the influence values;
#' * `"abc"`: approximate bootstrap (DiCiccio and Efron 1992), computed without replicates
#'   by [boot::abc.ci()], for statistics that are functions of weights.
#'
#' The quantile at \eqn{p} is the order statistic \eqn{(R + 1)p}, interpolated on the
#' normal scale (Davison and Hinkley 1997, equation 5.8), as in [boot::boot.ci()].
#'
#' @param x A `rustle_boot` from [bootstrap()], or a `boot` object.
#' @param conf Confidence levels between 0 and 1.
#' @param type Types of intervals, see Details. `"all"`: those of `norm`, `basic`, `perc`
#'   and `bca` that are valid for the resampling scheme, and `stud` when variances are
#'   given.
#' @param index Which components: numbers or names. All by default.
#' @param h,hdot,hinv A transformation, its derivative and its inverse, vectorized.
#'   Intervals are computed on the scale of `h`; without `hinv` they stay on it.
#' @param simultaneous `TRUE` gives bands that hold for all components of `index` together
#'   (sup-t; Montiel Olea and Plagborg-Moller 2019).
#' @param variance For `stud`: the components (numbers or names, as many as `index`) that
#'   are the variances of those of `index` (by default of all others). When `type` names
#'   `stud`, there are two components and neither this nor `index` is given, the second is
#'   taken for the variance of the first. Or the variances of a nested bootstrap, see
#'   [boot_variance()].
#' @param var.t0,var.t For `stud` instead of `variance`: variances of the estimates, and an
#'   R-row matrix with those of the replicates. `var.t0` is also used by `norm`.
#' @param L For `bca`: influence values, a matrix with a row per observation and a column
#'   per component of `index` (a vector for one). By default those of the object, or the
#'   jackknife: n calls of the statistic on the plan's workers.
#' @param ... Further arguments of the statistic, for the jackknife and `abc`. `level` and
#'   `parm` are taken for `conf` and `index`, whose names they are in [confint()].
#' @return A data frame of class `rustle_boot_ci` with a row per component, type and level
#'   and columns `term`, `type`, `conf`, `lower`, `upper`, and `lower.mcse` and `upper.mcse`:
#'   the Monte Carlo standard errors of the ends, see there (the larger one is printed). Ends are `NA` where there is no
#'   interval.
#' @section Monte Carlo error: How much an end would vary with other replicates of the same
#'   data, were there again R of them, by the delta method: of quantiles
#'   \eqn{\sqrt{p(1-p)/R}} times the slope of the quantile function, which is taken over one
#'   such error on both sides of p; for `bc` and `bca` with the covariance of the quantile and
#'   the share of replicates below \eqn{t}; for `norm` that of mean and standard deviation. The
#'   acceleration and the levels of bands count as known, and replicates as independent, which
#'   is too much for balanced and antithetic ones. It is 0 for `abc`, which has no replicates.
#'   Ends between the most extreme replicates vary by more than it says. [enough()] goes on until
#'   it is small.
#' @section Validity: [bootstrap_validity()] is the table of what is valid, adapted or
#'   refused. Replicates of `sim = "permutation"` follow the null hypothesis, and those with
#'   importance weights another distribution: no intervals. `bca` and `abc` suppose
#'   independent observations: they are refused for parametric, residual, wild and block
#'   schemes (`bca` may be had by giving `L`), and for m out of n, whose other intervals
#'   are rescaled by \eqn{\sqrt{m/n}}; studentized ones need not be.
#' @section Errors: `rustle_error_argument` for wrong arguments; `rustle_error_interval`
#'   for a type that is not valid for the scheme. Warnings of class
#'   `rustle_warning_interval`: an estimate or replicates that are `NA` or infinite, how many
#'   and, where it can be seen, why (such replicates are left out); all replicates equal, or none (or all) below the estimate,
#'   which makes the ends `NA`; levels for which R is small, `R < 10 / (1 - conf)`, so that
#'   ends are extreme order statistics.
#' @section Where it differs from boot.ci: The jackknife instead of a regression gives the
#'   influence values of `bca`; with strata of unequal sizes the acceleration is that of
#'   Davison and Hinkley (1997, section 5.3.2).
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their
#'   Application*, chapter 5. Cambridge University Press.
#'
#'   DiCiccio, T. J. and Efron, B. (1992) More accurate confidence intervals in exponential
#'   families. *Biometrika* 79, 231-245.
#'
#'   DiCiccio, T. J. and Efron, B. (1996) Bootstrap confidence intervals. *Statistical
#'   Science* 11, 189-228.
#'
#'   Efron, B. (1981) Nonparametric standard errors and confidence intervals. *Canadian Journal
#'   of Statistics* 9, 139-158.
#'
#'   Efron, B. (1987) Better bootstrap confidence intervals. *Journal of the American
#'   Statistical Association* 82, 171-185.
#'
#'   Montiel Olea, J. L. and Plagborg-Moller, M. (2019) Simultaneous confidence bands.
#'   *Journal of Applied Econometrics* 34, 1-17.
#' @seealso [bootstrap()] and [boot()] for the replicates; [bootstrap_validity()] for what
#'   is valid; `confint()` of [bootstrap-methods] for a matrix; [boot.ci()] of \pkg{boot}.
#' @examples
#' set.seed(1)
#' ratio <- function(d, w) c(ratio = sum(d$x * w) / sum(d$u * w), u = sum(d$u * w))
#' b <- boot(boot::city, ratio, R = 999, stype = "w")
#' boot_ci(b, conf = c(0.9, 0.95))
#' #> Bootstrap intervals from 999 replicates
#' #>   term  type conf   lower   upper  mcse
#' #>  ratio  norm 0.90  1.1163   1.826 0.018
#' #>  ratio  norm 0.95  1.0483   1.894 0.020
#' #>  ratio basic 0.90  1.0535   1.742 0.018
#' #>  ratio basic 0.95  0.9557   1.775 0.042
#' #>  ratio  perc 0.90  1.2990   1.987 0.018
#' #>  ratio  perc 0.95  1.2655   2.085 0.042
#' #>  ratio   bca 0.90  1.2882   1.938 0.033
#' #>  ratio   bca 0.95  1.2477   2.047 0.028
#' #>      u  norm 0.90 37.6231  91.562 0.860
#' #>      u  norm 0.95 32.4565  96.729 0.950
#' #>      u basic 0.90 36.1000  91.800 1.300
#' #>      u basic 0.95 30.8000  95.300 1.900
#' #>      u  perc 0.90 36.2000  91.900 1.300
#' #>      u  perc 0.95 32.7000  97.200 1.900
#' #>      u   bca 0.90 41.2000  96.732 2.500
#' #>      u   bca 0.95 36.2000 104.861 3.200
#' boot_ci(b, type = "perc", simultaneous = TRUE)
#' #> Simultaneous bootstrap intervals from 999 replicates
#' #>   term type conf lower   upper  mcse
#' #>  ratio perc 0.95  1.24   2.178 0.048
#' #>      u perc 0.95 31.00 101.800 2.000
#' @export
boot_ci <- function(x, conf = 0.95, type = "all", index = NULL, h = NULL, hdot = NULL,
                    hinv = NULL, simultaneous = FALSE, variance = NULL, var.t0 = NULL,
                    var.t = NULL, L = NULL, ...) {
  check_required("x")
  draws <- as_draws(x)
  check_statistic_dots(..., .takes = c("level", "parm"), .x = x)
  dots <- list(...)
  # `level` and `parm` are confint()'s names for `conf` and `index`; they are accepted unless
  # they are arguments of the statistic.
  synonyms <- setdiff(intersect(c("level", "parm"), names(dots)), if (is.function(x$statistic)) names(formals(args(x$statistic))))
  for (name in synonyms) {
    ours <- c(level = "conf", parm = "index")[[name]]
    given <- if (name == "level") missing(conf) else missing(index)
    if (!given) stop_argument(name, sprintf("left out where `%s` is given", ours), dots[[name]], sys.call())
    if (name == "level") conf <- check_levels(dots$level, "level") else index <- check_index(dots$parm, draws, "parm")
  }
  dots <- dots[!names(dots) %in% synonyms]
  conf <- check_levels(conf)
  wanted <- check_wanted(draws, type, index, variance, var.t0, var.t, L, h, hdot, hinv)
  scale <- wanted$scale
  chosen <- wanted$index
  variances <- wanted$variances
  type <- wanted$type
  simultaneous <- check_simultaneous(simultaneous, type, chosen, sys.call())
  acceleration <- if ("bca" %in% type) {
    accelerations(do.call(function(...) chosen_influence(L, chosen, x, draws, ...), dots, quote = TRUE), draws)
  }
  notes <- new_notes(why_missing(draws$data, x$failures))
  parts <- lapply(type, function(kind) {
    terms <- if (kind == "stud") variances$index else chosen
    levels <- if (simultaneous) band_levels(kind, conf, terms, draws, variances) else conf
    ends <- lapply(terms, function(k) {
      if (kind == "abc") return(do.call(function(...) abc_ends(x, draws, k, conf, simultaneous, scale, ...), dots, quote = TRUE))
      level <- if (simultaneous && kind == "norm") band_multipliers(conf, terms, draws) else levels
      one_component(kind, k, level, draws, scale, variances, acceleration[[as.character(k)]], notes)
    })
    list(
      k = rep(terms, each = length(conf)), type = rep(kind, length(terms) * length(conf)),
      conf = rep(conf, length(terms)), lower = unlist(lapply(ends, `[[`, "lower")),
      upper = unlist(lapply(ends, `[[`, "upper")), lower.mcse = unlist(lapply(ends, `[[`, "lower.mcse")),
      upper.mcse = unlist(lapply(ends, `[[`, "upper.mcse"))
    )
  })
  warn_few_replicates(draws, conf, type, notes)
  notes$warn()
  all <- function(part) unlist(lapply(parts, `[[`, part))
  order <- order(all("k"), match(all("type"), type), all("conf"))
  # Made by hand: data.frame() would take longer than the intervals.
  out <- list(
    term = draws$terms[all("k")], type = all("type"), conf = all("conf"), lower = all("lower"),
    upper = all("upper"), lower.mcse = all("lower.mcse"), upper.mcse = all("upper.mcse")
  )
  structure(
    lapply(out, `[`, order), class = c("rustle_boot_ci", "data.frame"),
    row.names = .set_row_names(length(order)), R = draws$R, t0 = stats::setNames(draws$t0, draws$terms),
    simultaneous = simultaneous, call = sys.call()
  )
}

# Checks `...` for the statistic of a result: it may hold arguments that the statistic has,
# and those that it was given when the replicates were made.
check_statistic_dots <- function(..., .takes, .x, .own = names(formals(sys.function(-1L))), .call = sys.call(-1L)) {
  of_statistic <- setdiff(names(.x$call), c(names(formals(bootstrap)), names(formals(boot)), names(formals(tsboot)), ""))
  check_dots(
    ..., .takes = c(.takes, of_statistic), .fun = if (is.function(.x$statistic)) .x$statistic,
    .any = is.null(.x$call) || quote(...) %in% as.list(.x$call), .own = .own, .call = .call
  )
}

interval_types <- c("norm", "basic", "stud", "perc", "bc", "bca", "abc")

# Both ends for one component, a row per level. For bands of type norm `conf` holds
# multipliers of the standard error (class "multiplier").
one_component <- function(kind, k, conf, draws, scale, variances, a, notes) {
  t0 <- draws$t0[[k]]
  kept <- is.finite(draws$t[, k])
  # A studentized replicate of m out of n is divided by the standard error of m observations.
  t <- if (kind == "stud") draws$raw[kept, k] else draws$t[kept, k]
  none <- rep(NA_real_, length(conf))
  nothing <- list(lower = none, upper = none, lower.mcse = none, upper.mcse = none)
  # Replicates that are NaN or infinite are left out too.
  what <- function(v) if (all(is.na(v))) "NA" else "not finite"
  if (!is.finite(t0)) {
    notes$add("The estimate of %s is %s: no interval.%s", draws$terms[[k]], what(t0), notes$why)
    return(nothing)
  }
  if (!all(kept)) {
    notes$add(
      "%d of %.0f replicates of %s are %s: %s.%s", sum(!kept), draws$R, draws$terms[[k]], what(draws$t[!kept, k]),
      if (length(t) < 2L) "no interval" else "intervals leave them out", notes$why
    )
  }
  if (length(t) < 2L) return(nothing)
  if (all(abs(t - t[[1L]]) <= 1e-8 * abs(t[[1L]]))) {
    notes$add("All replicates of %s are equal: no interval.", draws$terms[[k]])
    return(nothing)
  }
  alpha <- (1 - unclass(conf)) / 2
  ht0 <- scale$h(t0)
  ht <- scale$h(t)
  # Ends and errors at probabilities of quantiles, lower and upper together, so that `values`
  # are sorted once.
  at <- function(low, high, values = ht, bias = NULL) {
    values <- sort(values)
    p <- c(low, high)
    q <- normal_quantile(values, p, function() notes$extreme(draws$terms[[k]]))
    side <- rep(1:2, each = length(low))
    list(ends = unname(split(q, side)), errors = unname(split(quantile_error(values, p, bias), side)))
  }
  found <- switch(kind,
    norm = {
      given <- variances$norm[match(k, variances$index)]
      known <- length(given) && !is.na(given)
      se <- if (known) sqrt(given) * abs(scale$hdot(t0)) else stats::sd(ht)
      z <- if (inherits(conf, "multiplier")) unclass(conf) else stats::qnorm(1 - alpha)
      centre <- 2 * ht0 - mean(ht)
      list(ends = list(centre - z * se, centre + z * se), errors = normal_error(ht, if (known) 0 * z else z))
    },
    basic = {
      out <- at(1 - alpha, alpha)
      out$ends <- lapply(out$ends, function(q) 2 * ht0 - q)
      out
    },
    stud = {
      j <- match(k, variances$index)
      z <- (ht - ht0) / (abs(scale$hdot(t)) * sqrt(variances$t[kept, j]))
      z <- z[is.finite(z)]
      se <- sqrt(variances$t0[[j]]) * abs(scale$hdot(t0))
      out <- at(1 - alpha, alpha, z)
      list(ends = lapply(out$ends, function(q) ht0 - se * q), errors = lapply(out$errors, `*`, se))
    },
    perc = at(alpha, 1 - alpha),
    bc = , bca = {
      below <- mean(t < t0)
      z0 <- stats::qnorm(below)
      if (kind == "bc") a <- 0
      if (!is.finite(z0) || !is.finite(a)) {
        what <- if (is.finite(a)) "none or all of its replicates are below the estimate" else "its acceleration is not finite"
        notes$add("No %s interval for %s: %s.", if (kind == "bc") "BC" else "BCa", draws$terms[[k]], what)
        return(nothing)
      }
      adjust <- function(p) {
        z <- z0 + stats::qnorm(p)
        stats::pnorm(z0 + z / (1 - a * z))
      }
      tails <- c(alpha, 1 - alpha)
      z <- z0 + stats::qnorm(tails)
      # How the probability moves with the share below the estimate, and that share.
      bias <- list(slope = stats::dnorm(z0 + z / (1 - a * z)) * (1 + 1 / (1 - a * z)^2) / stats::dnorm(z0), below = below)
      at(adjust(alpha), adjust(1 - alpha), bias = bias)
    }
  )
  interval_of(found$ends, found$errors, scale)
}

# Order statistic (R + 1) p, interpolated on the normal scale between neighbours.
# `extreme` is called when it lies beyond the first or last.
normal_quantile <- function(t, p, extreme = function() NULL) {
  R <- length(t)
  t <- sort(t)
  rank <- (R + 1) * p
  # (R + 1) p may differ by rounding from the whole number that it should be.
  whole <- abs(rank - round(rank)) < 1e-8
  rank[whole] <- round(rank[whole])
  low <- floor(rank)
  if (any(low < 1 | rank > R)) extreme()
  j <- pmin(pmax(low, 1), R - 1)
  left <- stats::qnorm(j / (R + 1))
  right <- stats::qnorm((j + 1) / (R + 1))
  weight <- (stats::qnorm(rank / (R + 1)) - left) / (right - left)
  weight <- pmin(pmax(weight, 0), 1)
  weight[whole & low == j] <- 0
  t[j] + weight * (t[j + 1] - t[j])
}

# The acceleration a of each component. With strata the influence of an observation counts by the
# size of its stratum: l / n_s (Davison and Hinkley 1997, section 5.3.2).
accelerations <- function(L, draws) {
  # With one stratum all values would be divided by the same number, which cancels out.
  sizes <- if (length(draws$strata) == nrow(L) && any(draws$strata != draws$strata[[1L]])) {
    as.vector(stats::ave(numeric(nrow(L)), draws$strata, FUN = length))
  } else {
    1
  }
  a <- apply(L / sizes, 2L, function(l) sum(l * l * l) / (6 * sum(l * l)^1.5))
  stats::setNames(as.list(a), colnames(L))
}

abc_ends <- function(x, draws, k, conf, simultaneous, scale, ...) {
  f <- draws$of_weights()
  ends <- vapply(conf, function(level) {
    out <- boot::abc.ci(
      draws$data, function(d, w, ...) as.vector(f(d, w, ...)), index = k,
      strata = draws$strata, conf = level, ...
    )
    sort(scale$hinv(scale$h(out[2:3])))
  }, numeric(2L))
  list(lower = ends[1L, ], upper = ends[2L, ], lower.mcse = 0 * conf, upper.mcse = 0 * conf)
}

# Bands. The levels at which the pointwise intervals of all components hold together
# in a fraction `conf` of the replicates: a replicate is inside when its rank in every
# component is.
band_levels <- function(kind, conf, terms, draws, variances) {
  if (kind == "norm") return(conf)
  shares <- band_shares(kind, terms, draws, variances)
  if (is.null(shares)) return(conf)
  R <- length(shares)
  1 - vapply(conf, function(level) sort(shares)[max(1L, floor((1 - level) * R + 1e-8))], 0)
}

# Of each replicate the smallest two-sided share of replicates beyond it, among the components.
band_shares <- function(kind, terms, draws, variances) {
  if (kind == "norm") {
    largest <- largest_of_replicates(terms, draws)
    return(if (!is.null(largest)) 2 * stats::pnorm(-largest))
  }
  values <- (if (kind == "stud") draws$raw else draws$t)[, terms, drop = FALSE]
  if (kind == "stud") {
    values <- (values - rep(draws$t0[terms], each = nrow(values))) / sqrt(variances$t)
  }
  values <- complete_replicates(values, draws$t0[terms])
  if (!nrow(values) || !ncol(values)) return(NULL)
  R <- nrow(values)
  ranks <- apply(values, 2L, rank)
  2 * do.call(pmin, c(as.data.frame(ranks), as.data.frame(R + 1 - ranks))) / (R + 1)
}

# Replicates without NA of the components that have intervals at all.
complete_replicates <- function(values, t0) {
  values <- values[, is.finite(t0) & colSums(is.finite(values)) > 1, drop = FALSE]
  values[rowSums(!is.finite(values)) == 0, , drop = FALSE]
}

band_multipliers <- function(conf, terms, draws) {
  largest <- largest_of_replicates(terms, draws)
  if (is.null(largest)) return(conf)
  structure(stats::quantile(largest, conf, names = FALSE), class = "multiplier")
}

# Of each replicate the largest number of standard errors, among the components.
largest_of_replicates <- function(terms, draws) {
  values <- complete_replicates(draws$t[, terms, drop = FALSE], draws$t0[terms])
  spread <- apply(values, 2L, stats::sd)
  values <- values[, which(spread > 0), drop = FALSE]
  if (ncol(values)) apply(abs(scale(values)), 1L, max)
}

# Those of abc have no replicates that could hold together.
check_simultaneous <- function(simultaneous, type, chosen, call) {
  simultaneous <- check_flag(simultaneous, "simultaneous", call = call)
  if (simultaneous && "abc" %in% type && length(chosen) > 1L) {
    stop_argument("type", "other than \"abc\" for simultaneous intervals of several components", "abc", call)
  }
  simultaneous
}

# Where values that are missing may come from, as a sentence, or "".
why_missing <- function(data, failures = NULL) {
  if (NROW(failures)) return(sprintf(" The statistic failed (first: %s).", sub("[.]$", "", failures$message[[1L]])))
  count <- if (is.data.frame(data)) {
    vapply(data, function(v) sum(is.na(v)), 0)
  } else if (is.atomic(data) && !is.null(data)) {
    if (is.matrix(data)) colSums(is.na(data)) else sum(is.na(data))
  }
  if (!any(count > 0)) return("")
  names <- names(count)
  shown <- count[count > 0]
  of <- if (is.null(names)) sum(shown) else enumerate_names(sprintf("%s: %.0f", names(shown), shown), 5L)
  sprintf(" The data have missing values (%s).", of)
}

# Collects the warnings of one call, so that each is given once. why: see why_missing().
new_notes <- function(why = "") {
  texts <- character()
  extremes <- character()
  list(
    why = why,
    add = function(format, ...) texts <<- unique(c(texts, sprintf(format, ...))),
    extreme = function(term) extremes <<- unique(c(extremes, term)),
    extremes = function() extremes,
    warn = function() for (text in texts) warn_interval(text)
  )
}

warn_interval <- function(text) warn_rustle(text, "rustle_warning_interval")

warn_few_replicates <- function(draws, conf, type, notes) {
  if (!any(c("basic", "perc", "bc", "bca", "stud") %in% type)) return()
  few <- draws$R < 10 / (1 - conf) * (1 - 1e-12)
  if (any(few)) {
    notes$add(
      "Extreme order statistics: %.0f replicates are few for conf = %s.", draws$R,
      paste(format(conf[few]), collapse = ", ")
    )
  } else if (length(notes$extremes())) {
    notes$add(
      "Extreme order statistics are the ends of intervals for %s.",
      paste(notes$extremes(), collapse = ", ")
    )
  }
}

#' @rdname boot_ci
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.rustle_boot_ci <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(unclass(x)[names(x)], row.names = row.names)
}

#' @rdname boot_ci
#' @param digits Number of significant digits.
#' @export
print.rustle_boot_ci <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  kind <- if (isTRUE(attr(x, "simultaneous"))) "Simultaneous bootstrap intervals" else "Bootstrap intervals"
  cat(kind, if (!is.null(attr(x, "R"))) sprintf(" from %.0f replicates", attr(x, "R")), "\n", sep = "")
  frame <- as.data.frame(x)
  both <- c("lower.mcse", "upper.mcse")
  if (all(both %in% names(frame))) {
    # One column: the end that is less sure.
    frame$mcse <- signif(pmax(frame$lower.mcse, frame$upper.mcse), 2L)
    frame[both] <- NULL
  }
  print(frame, digits = digits, row.names = FALSE, ...)
  invisible(x)
}
