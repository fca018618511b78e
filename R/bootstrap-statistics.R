# Statistics that Rust computes: what users ask for. R/bootstrap-compile.R makes
# numbers and programs of it.

new_statistic <- function(name, ..., compile) {
  structure(list(name = name, arguments = list(...), compile = compile), class = "rustle_statistic")
}

#' Statistics for native bootstrap replicates
#'
#' What [bootstrap()] and its relatives compute in Rust, on threads, without a call of
#' R per replicate. The names `"mean"`, `"sum"`, `"var"`, `"sd"`, `"median"`, `"iqr"`,
#' `"mad"`, `"gini"`, `"proportion"`, `"cor"`, `"spearman"`, `"cov"`, `"ratio"` stand for
#' the statistic with its defaults.
#'
#' @param columns Names or numbers of the columns of the data, one component each.
#'   `NULL`: all of them; a plain vector is one column.
#' @param x,y,u,group,time,status Names or numbers of single columns. Without them the
#'   first columns of the data, in the order of the arguments.
#' @param probs Probabilities.
#' @param type Definition of the quantile, 1 to 9, as for [stats::quantile()].
#' @param trim Share that is cut off at each end, 0 to 0.5.
#' @param constant Factor of the median absolute deviation.
#' @param method `"pearson"` or `"spearman"`.
#' @param stat `"mean"` or `"median"`.
#' @param at Times.
#' @param until The time up to which the area is taken.
#' @param formula A model formula; `.` stands for the other columns.
#' @param family A family: a name, function or object of `binomial`, `poisson`, `Gamma`,
#'   `inverse.gaussian`, `gaussian`, `quasibinomial`, `quasipoisson` or `quasi`, with any of the links
#'   `logit`, `probit`, `cauchit`, `cloglog`, `log`, `identity`, `sqrt`, `inverse` and `1/mu^2`.
#' @param weights,offset Prior weights, and an offset besides those in the formula: the name of a
#'   column or a one-sided formula, such as `~ w`. Both are resampled with their rows.
#' @param effects Fixed effects that are projected out: names of columns, or a one-sided formula such as
#'   `~ firm + year`. The coefficients are those of the regressors, without the intercept.
#' @param start Starting values, as for [stats::nls()]; they may be left out for self-starting models.
#' @param ... Of `stat_nls()`: `algorithm`, `control`, `lower` and `upper` of [stats::nls()].
#' @param ties How deaths at the same time are treated: `"efron"` or `"breslow"`.
#' @param psi,k `"huber"` or `"bisquare"`, and its constant (1.345 and 4.685 by default: 95 %
#'   efficiency for normal errors).
#' @return An object of class `rustle_statistic`.
#' @details `stat_ratio()` is `sum(x) / sum(u)`. `stat_diff()` is the statistic of the
#'   rows with the first level of `group` (in sorted order, or that of the factor) less
#'   that of the second, and its name says so: `difference of means (a - b)`. `stat_auc()` is the probability that `x` is larger for the
#'   second level than for the first, half for ties. `stat_gini()` is the plug-in
#'   coefficient, without n / (n - 1). `stat_km()` is the product-limit estimate at
#'   times `at`, `stat_rmst()` the area under it; `status` is coded as for
#'   `survival::Surv()`: `TRUE` or 1 for an event, `FALSE` or 0 for a censored time, or,
#'   when its maximum in the data is 2, 2 for an event and 1 for a censored time.
#'
#'   For fractional weights (`sim = "bayesian"`) the j-th order statistic is the
#'   smallest value with cumulative weight of at least j; quantiles, trimmed means and
#'   deviations follow from that with their usual definitions.
#'
#'   `stat_lm()` factors the design once and computes the change of the coefficients in
#'   its orthogonal basis, which is as accurate as a fresh QR factorization of every
#'   resample. A resample that loses rank fails (see `on_error` of [bootstrap()]), where
#'   `lm()` would give `NA` coefficients. `stat_glm()` iterates from the estimate of the
#'   full sample until the likelihood cannot rise; a resample for which that does not
#'   end (separated groups) fails.
#'   For other than canonical links these are steps of Fisher's scoring, and a step to impossible
#'   means is halved; where steps go too far, the fit begins again with steps that may not lower the
#'   likelihood. A response of two columns, successes and failures, is as for [stats::glm()].
#'
#'   With `effects` the design is taken within the levels of the effect that has most, by the
#'   means of the levels in each resample; levels of others are columns, of which those that are not
#'   drawn are left out. `stat_glm()` then finds, in each step, the effect of each level of the largest
#'   one by itself, so that the coefficients are those of `glm()` with a dummy variable for each level (with few
#'   observations in each level these are not consistent; Abrevaya 1997 is an example). Levels whose
#'   responses are all 0 (or all 1), in the data or in a resample, have an infinite effect and say nothing about
#'   the coefficients: they are left out, in the data with a warning of class
#'   `rustle_warning_effects`. `stat_ivreg()` is two-stage least squares of a formula `y ~ regressors |
#'   instruments`, with exogenous regressors in both parts, from factors of the full sample too. `stat_nls()` is not
#'   native: it is `nls()` on the workers of the plan, from the estimate of the full sample, with
#'   the resample as weights.
#'
#'   `stat_coxph()` are the coefficients of a proportional hazards model of
#'   `survival::Surv(time, status)`, right-censored, with `strata()` in the formula: Newton's
#'   method from the estimate of the full sample. An observation that is drawn twice counts as
#'   two deaths or two at risk; fractional weights count as the weights of `survival::coxph()`.
#'   `stat_rlm()` are those of `MASS::rlm()` with `scale.est = "MAD"`, iterated until nothing
#'   changes, from the estimate of the full sample (a resample's `"bisquare"` equation may have
#'   several solutions), that from least squares.
#' @references Abrevaya, J. (1997) The equivalence of two estimators of the fixed-effects logit model.
#'   *Economics Letters* 55, 41-43. Breslow, N. (1974) Covariance analysis of censored survival data. *Biometrics* 30,
#'   89-99. Efron, B. (1977) The efficiency of Cox's likelihood function for censored data. *JASA*
#'   72, 557-565. Huber, P. J. (1981) *Robust Statistics*. Wiley. McCullagh, P. and Nelder, J. A.
#'   (1989) *Generalized Linear Models*, 2nd ed. Chapman & Hall.
#'
#'   Hyndman, R. J. and Fan, Y. (1996) Sample quantiles in statistical
#'   packages. *The American Statistician* 50, 361-365.
#' @seealso [bootstrap()], [jackknife()] and [cv()] use them; [boot_ci()].
#' @examples
#' bootstrap(mtcars, stat_cor("mpg", "wt"), R = 200, seed = 1)$t0
#' #>        cor
#' #> -0.8676594
#' bootstrap(mtcars, stat_lm(mpg ~ wt + hp), R = 200, seed = 1)$t0
#' #> (Intercept)          wt          hp
#' #> 37.22727012 -3.87783074 -0.03177295
#' # A rate, with the logarithm of the exposure as offset.
#' if (requireNamespace("MASS", quietly = TRUE)) {
#'   rates <- stat_glm(Claims ~ Age, "poisson", offset = ~ log(Holders))
#'   bootstrap(MASS::Insurance, rates, R = 200, seed = 1)$t0
#' }
#' #> (Intercept)       Age.L       Age.Q       Age.C
#' #> -1.83794323 -0.36464703 -0.02829993 -0.01867081
#' @order 1
#' @name statistics
NULL

#' @rdname statistics
#' @export
stat_mean <- function(columns = NULL) {
  new_statistic("mean", columns = columns, compile = function(use) {
    moment_statistic(use$whole(columns), 1L, function(x, c, S, scale) bquote(.(c) + .(S[[1L]]) / N))
  })
}

#' @rdname statistics
#' @export
stat_sums <- function(columns = NULL) {
  new_statistic("sum", columns = columns, compile = function(use) {
    moment_statistic(use$whole(columns), 1L, function(x, c, S, scale) bquote(.(c) * N + .(S[[1L]])))
  })
}

#' @rdname statistics
#' @export
stat_var <- function(columns = NULL) {
  new_statistic("var", columns = columns, compile = function(use) {
    moment_statistic(use$many(columns), 2L, function(x, c, S, scale) variance_expr(S[[1L]], S[[2L]], scale))
  })
}

#' @rdname statistics
#' @export
stat_sd <- function(columns = NULL) {
  new_statistic("sd", columns = columns, compile = function(use) {
    moment_statistic(use$many(columns), 2L, function(x, c, S, scale) {
      sd <- call("sqrt", variance_expr(S[[1L]], S[[2L]], 1))
      if (scale == 1) sd else call("*", scale, sd)
    })
  })
}

#' @rdname statistics
#' @export
stat_proportion <- function(columns = NULL) {
  new_statistic("proportion", columns = columns, compile = function(use) {
    x <- use$many(columns)
    if (!all(unlist(x) %in% c(0, 1))) {
      abort_rustle("A proportion needs logical values, or 0 and 1.", "rustle_error_argument", argument = "data")
    }
    moment_statistic(x, 1L, function(x, c, S, scale) bquote(.(c) + .(S[[1L]]) / N))
  })
}

#' @rdname statistics
#' @export
stat_cov <- function(x = NULL, y = NULL) {
  new_statistic("cov", x = x, y = y, compile = function(use) compile_pair(use$pair(x, y), "cov"))
}

#' @rdname statistics
#' @export
stat_cor <- function(x = NULL, y = NULL, method = c("pearson", "spearman")) {
  method <- check_choice(method[[1L]], c("pearson", "spearman"), "method", sys.call())
  name <- if (method == "pearson") "cor" else "spearman"
  new_statistic(name, x = x, y = y, compile = function(use) {
    pair <- use$pair(x, y)
    if (method == "pearson") compile_pair(pair, "cor") else compile_spearman(pair)
  })
}

#' @rdname statistics
#' @export
stat_ratio <- function(x = NULL, u = NULL) {
  new_statistic("ratio", x = x, u = u, compile = function(use) compile_ratio(use$pair(x, u)))
}

#' @rdname statistics
#' @export
stat_diff <- function(stat = c("mean", "median"), x = NULL, group = NULL) {
  stat <- check_choice(stat[[1L]], c("mean", "median"), "stat", sys.call())
  new_statistic(paste("difference of", paste0(stat, "s")), x = x, group = group, compile = function(use) {
    x <- use$one(x, 1L, "x")
    group <- use$levels(group, 2L, "group")
    if (stat == "mean") compile_mean_difference(x, group) else compile_median_difference(x, group)
  })
}

#' @rdname statistics
#' @export
stat_quantiles <- function(probs = c(0.25, 0.5, 0.75), type = 7, columns = NULL) {
  if (!is.numeric(probs) || !length(probs) || anyNA(probs) || any(probs < 0 | probs > 1)) {
    stop_argument("probs", "numbers from 0 to 1", probs, sys.call())
  }
  check_quantile_type(type, sys.call())
  new_statistic("quantile", probs = probs, type = type, columns = columns, compile = function(use) {
    x <- use$many(columns)
    scans <- lapply(probs, function(p) list(scan = "quantile", prob = p, type = type))
    out <- scan_statistic(x, scans)
    each <- paste0(vapply(100 * probs, format, "", digits = 7), "%")
    out$names <- if (length(x) > 1L) paste(rep(names(x), each = length(probs)), each) else each
    out
  })
}

check_quantile_type <- function(type, call) {
  if (!is.numeric(type) || length(type) != 1L || !type %in% 1:9) {
    stop_argument("type", "a whole number from 1 to 9", type, call)
  }
}

#' @rdname statistics
#' @export
stat_median <- function(columns = NULL) {
  new_statistic("median", columns = columns, compile = function(use) {
    scan_statistic(use$many(columns), list(list(scan = "quantile", prob = 0.5, type = 7)))
  })
}

#' @rdname statistics
#' @export
stat_iqr <- function(type = 7, columns = NULL) {
  check_quantile_type(type, sys.call())
  new_statistic("iqr", type = type, columns = columns, compile = function(use) {
    x <- use$many(columns)
    scans <- lapply(c(0.25, 0.75), function(p) list(scan = "quantile", prob = p, type = type))
    out <- scan_statistic(x, scans)
    exprs <- lapply(seq_along(x), function(k) {
      bquote(.(as.name(paste0("S", 2 * k))) - .(as.name(paste0("S", 2 * k - 1))))
    })
    with_program(out, exprs, names(x))
  })
}

#' @rdname statistics
#' @export
stat_mad <- function(constant = 1.4826, columns = NULL) {
  if (!is.numeric(constant) || length(constant) != 1L || !is.finite(constant)) {
    stop_argument("constant", "a number", constant, sys.call())
  }
  new_statistic("mad", constant = constant, columns = columns, compile = function(use) {
    x <- use$many(columns)
    exprs <- lapply(seq_along(x), function(k) bquote(.(constant) * .(as.name(paste0("S", k)))))
    with_program(scan_statistic(x, list(list(scan = "mad"))), exprs, names(x))
  })
}

#' @rdname statistics
#' @export
stat_trimmed <- function(trim = 0.1, columns = NULL) {
  if (!is.numeric(trim) || length(trim) != 1L || is.na(trim) || trim < 0 || trim > 0.5) {
    stop_argument("trim", "a number from 0 to 0.5", trim, sys.call())
  }
  new_statistic("trimmed mean", trim = trim, columns = columns, compile = function(use) {
    scan_statistic(use$many(columns), list(list(scan = "trimmed", trim = trim)))
  })
}

#' @rdname statistics
#' @export
stat_gini <- function(columns = NULL) {
  new_statistic("gini", columns = columns, compile = function(use) {
    smooth_scan(scan_statistic(use$many(columns), list(list(scan = "gini"))))
  })
}

#' @rdname statistics
#' @export
stat_auc <- function(x = NULL, group = NULL) {
  new_statistic("auc", x = x, group = group, compile = function(use) {
    compile_auc(use$one(x, 1L, "x"), use$levels(group, 2L, "group"))
  })
}

#' @rdname statistics
#' @export
stat_km <- function(time = NULL, status = NULL, at) {
  if (missing(at)) at <- NULL
  if (!is.numeric(at) || !length(at) || anyNA(at)) stop_argument("at", "times", at, sys.call())
  new_statistic("survival", time = time, status = status, at = at, compile = function(use) {
    event <- use$event(status)
    scans <- lapply(at, function(a) list(scan = "survival", event = event, at = a))
    out <- smooth_scan(scan_statistic(list(use$one(time, 1L, "time")), scans))
    out$names <- paste0("S(", format(at, trim = TRUE), ")")
    out
  })
}

#' @rdname statistics
#' @export
stat_rmst <- function(time = NULL, status = NULL, until) {
  if (missing(until)) until <- NULL
  if (!is.numeric(until) || length(until) != 1L || is.na(until)) stop_argument("until", "a time", until, sys.call())
  new_statistic("restricted mean survival", time = time, status = status, until = until, compile = function(use) {
    event <- use$event(status)
    smooth_scan(scan_statistic(
      list(use$one(time, 1L, "time")), list(list(scan = "rmst", event = event, at = until))
    ))
  })
}

# The statistics that a name stands for.
named_statistics <- function() {
  list(
    mean = stat_mean, sum = stat_sums, var = stat_var, sd = stat_sd, median = stat_median,
    iqr = stat_iqr, mad = stat_mad, gini = stat_gini, proportion = stat_proportion,
    cor = stat_cor, spearman = function() stat_cor(method = "spearman"), cov = stat_cov,
    ratio = stat_ratio, auc = stat_auc
  )
}

#' @export
format.rustle_statistic <- function(x, ...) {
  given <- Filter(Negate(is.null), x$arguments)
  if (!length(given)) return(x$name)
  shown <- vapply(given, function(a) paste(deparse(a), collapse = " "), "")
  sprintf("%s (%s)", x$name, paste(names(shown), shown, sep = " = ", collapse = ", "))
}

#' @export
print.rustle_statistic <- function(x, ...) {
  cat("statistic: ", format(x), "\n", sep = "")
  invisible(x)
}
