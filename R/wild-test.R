#' Wild bootstrap tests
#'
#' @description
#' Tests linear hypotheses about the coefficients of a linear model whose errors are
#' heteroskedastic or correlated within clusters, by the wild (cluster) bootstrap, with
#' confidence intervals by inversion of the test. With few clusters, or clusters of very
#' different sizes, it is more reliable than a t test with clustered standard errors.
#'
#' Three recipes cover most uses:
#' * `wild_test(fit, "x = 0", cluster = ~ firm, seed = 1)`: one hypothesis, with its interval;
#' * `wild_test(fit, c("x1 = 0", "x2 = 0"), cluster = ~ firm, seed = 1)`: two, jointly;
#' * `wild_test(fit, "x = 0", cluster = ~ firm, weights = "webb", type = "31", seed = 1)`: few
#'   clusters, of different sizes.
#'
#' @details
#' A replicate multiplies the residuals of each cluster by one random weight, adds them to the
#' fitted values, fits again and computes the statistic again. This is not done observation
#' by observation: all that a replicate needs are sums over clusters, so its cost does not
#' depend on the number of observations (Roodman and others 2019).
#'
#' @param model A model fitted by [lm()] or [mt_lm()], whose prior weights, offset, subset and
#'   missing values count as they do in the fit, or a formula, which is fitted by `lm()`. Or a
#'   logit or probit model fitted by [glm()], or a model with instruments: a formula
#'   `y ~ regressors | instruments`, in which exogenous regressors are in both parts, or a fit of
#'   `ivreg()` of \pkg{AER}; see below.
#' @param null The null hypothesis: a character vector of equations about coefficients, such
#'   as `"x = 0"` or `"x1 - 2 * x2 = 0.5"`; without a right-hand side it is 0. Several are
#'   tested jointly. Or `list(R =, r =)` for `R %*% coef == r`, `R` a q x k matrix.
#' @param cluster Clusters of the errors: a formula over the data of the model, such as
#'   `~ firm` or `~ firm + year` for two-way clustering; or a vector or data frame with an
#'   element or row for each row that the model has used. `NULL`: errors are independent,
#'   with standard errors that are robust to heteroskedasticity.
#' @param R Number of replicates; or [enough()], to go on until the Monte Carlo error of the ends of the
#'   interval (of the p-value, where there is none) is small. [extend()] adds replicates to a result.
#' @param weights Law of the weights, of mean 0 and variance 1: `"rademacher"` (-1 and 1),
#'   `"webb"` (six points), `"mammen"` (two points, third moment 1), `"normal"`, or `"gamma"`
#'   (third moment 1). With Rademacher weights and G clusters all 2^G combinations of signs
#'   are used if there are at most `R`.
#' @param type `"11"`; `"31"`: residuals are transformed by the jackknife, without the cluster that
#'   shares their weight, before they are multiplied; `"13"`: standard errors, of the data and of
#'   replicates, are those of the jackknife (CV3); `"33"`: both. With several clusterings the
#'   variance adds and subtracts those of the jackknife (MacKinnon, Nielsen and Webb 2024). Numbered as by
#'   MacKinnon, Nielsen and Webb (2023).
#' @param impose `TRUE`: replicates obey the null hypothesis (restricted, WCR; recommended).
#'   `FALSE`: they are made of the unrestricted estimates, and tested for these (WCU).
#' @param alternative `"two.sided"`: |t| is compared; `"equal.tailed"`: twice the smaller of
#'   the shares in the tails; `"greater"`, `"less"`. For joint hypotheses `"two.sided"`.
#' @param conf Level of the confidence interval, `NULL` for none.
#' @param boot_cluster Clusters that share a weight, as `cluster`; of several variables their
#'   intersections. `NULL`: `cluster`, of several the one with fewest clusters.
#' @param effects Fixed effects that are projected out of a model without them: a formula
#'   such as `~ firm`, a vector or a data frame.
#' @param count_effects `FALSE`: fixed effects do not count as coefficients in the
#'   finite-sample factor, as is usual when they are within clusters.
#' @param method `"refit"`: replicates fit the model again. `"score"`: the score bootstrap of
#'   Kline and Santos (2012), which multiplies the scores of clusters under the null hypothesis and fits
#'   nothing again; variances are of scores less their mean. Glm have `"score"` only. `"ar"`: the
#'   Anderson-Rubin test of all endogenous coefficients of a model with instruments.
#' @param estimator Of models with instruments: `"2sls"`, two-stage least squares; `"liml"`, limited information
#'   maximum likelihood; `"fuller"`, its modification with constant `fuller` (Fuller 1977: 1 makes
#'   it almost unbiased); or the k of a k-class estimator.
#' @param fuller The constant of Fuller's estimator.
#' @param adjust Finite-sample factor of the variance: `"each"`: (n - 1) / (n - k) and G / (G -
#'   1), in the terms of a variance with several clusterings G of the term; `"min"`: the
#'   smallest G for all terms; `"clusters"`: G / (G - 1) only; `"none"`. The jackknife has (G - 1) / G
#'   instead.
#' @param plus_one `TRUE`: the p-value is (b + 1) / (R + 1), so never 0; `FALSE`, and always when the
#'   replicates are all combinations of signs: b / R, as in Stata's `boottest`.
#' @param data For a formula: the data frame with its variables.
#' @param seed,threads As for [bootstrap()]. Results do not depend on the number of threads.
#' @return An object of class `rustle_wild` and `htest`: `statistic` (t, or F for joint
#'   hypotheses; of scores with `method = "score"`), `parameter` (degrees of
#'   freedom with which an asymptotic test would compare it), `p.value`, `mcse` (its Monte Carlo
#'   standard error), `estimate`,
#'   `std.error`, `null.value`, `conf.int` (the ends of the interval; of a set of several
#'   pieces its outermost ends), `conf.set` (a matrix with a row `lower`, `upper` for each
#'   piece), `conf.mcse` (Monte Carlo standard errors of these ends), `R` (replicates used), `enumerated` (are they all combinations of signs?),
#'   `degenerate` (replicates without a positive variance, which are left out), `clusters`
#'   (their numbers), `boot_clusters`, `parts` (of the variance with several clusterings: signs,
#'   numbers of clusters, factors), `singular` (clusters without which a coefficient is not
#'   identified, with the jackknife), and `draws`, the numbers that are kept of each
#'   replicate: with one hypothesis and `impose = TRUE` these five are the numerator's constant
#'   and slope and the variance's constant, slope and square in `estimate - null`.
#'   There are methods for `print()`, `confint()`, `plot()` (p-values as a function of the
#'   null value, of two hypotheses their contours), `tidy()` and `glance()`; [wild_curve()] gives p-values.
#' @section P-values: Replicates count when their statistic is strictly beyond that of the data.
#'   Statistics that are equal to 10 digits are equal: with Rademacher weights the draws of
#'   equal signs repeat the data.
#' @section Intervals: With `impose = TRUE` each null value has its own replicates. All have the
#'   same weights, and the numerator of a replicate is linear and its variance quadratic in the
#'   null value, so a trial costs a few operations per replicate. The set of values that are not
#'   rejected is searched between 1000 standard errors below and above the estimate. It may
#'   have several pieces, or be unbounded: where p-values cannot fall below 1 - `conf`, for
#'   one-sided alternatives, and for scores, whose statistic is bounded.
#' @section Logit and probit: The model is fitted under the null hypothesis, and the score bootstrap
#'   is used (`method`). The variance has no factor with n - k: `adjust = "each"` is G / (G - 1).
#'   `type`, `effects` and `impose = FALSE` are of linear models only. An interval of one hypothesis
#'   fits the model anew for each of about a hundred null values: it is made when `conf` is
#'   given, or by `confint()`. A null value that leads to probabilities of 0 or 1 is rejected.
#' @section Instruments: With instruments `"refit"` is the wild restricted efficient
#'   bootstrap of Davidson and MacKinnon (2010): residuals of the structural equation, which `estimator` fits under
#'   the null hypothesis, and of the first stage with these as a further regressor, get the same
#'   weights. Each replicate is estimated in the same way, LIML and Fuller with a k of its own
#'   (the result has that of the data as `kappa`); scores are those of the regressors that the instruments predict. The statistic is
#'   compared with a normal distribution by asymptotic tests, of several hypotheses (`chisq`, Wald's) with a
#'   chi-squared one; the variance has the factor G / (G - 1) alone.
#'   An interval needs new replicates for each of about a hundred null values. `method = "ar"`
#'   tests all endogenous coefficients by the regression of `y` less the endogenous regressors with
#'   these coefficients on the instruments, whatever the strength of the instruments; its set of null
#'   values that are not rejected may be empty or unbounded. `type` other than `"11"` is of `"ar"` only.
#'   Of the `effects` one within bootstrap clusters is projected out by its means, and each level of another
#'   is a regressor: as many as there are coefficients in all, so these should be moderate.
#' @section Warnings: `rustle_warning_few_clusters` when there are so few clusters that
#'   statistics have few different values (less than 10 with two-point weights, less than 5
#'   else), and when a regressor varies between clusters only and
#'   two or less of them have another value than the rest: then the bootstrap is known to
#'   fail, by rejecting hardly ever (MacKinnon and Webb 2017).
#'   `rustle_warning_degenerate` when replicates are left out. `rustle_warning_clusters` when each cluster is one
#'   observation, or clusters are singular with the jackknife.
#' @section Errors: `rustle_error_argument` for wrong arguments, among them: a `null` that is not
#'   about coefficients of the model, collinear columns, weights of 0, fewer than two clusters, `NA` in
#'   clusters, fewer replicates than `conf` needs (1 / (1 - `conf`) - 1, twice as many for equal
#'   tails). Also `rustle_error_rows`: the data of the model have changed, so that its
#'   clusters cannot be found. `rustle_error_degenerate`: the variance of the tested
#'   coefficients is 0. `rustle_error_separation`: a logit or probit model separates its
#'   response.
#' @references Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008) Bootstrap-based
#'   improvements for inference with clustered errors. *Review of Economics and Statistics* 90,
#'   414-427. Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2011) Robust inference with
#'   multiway clustering. *Journal of Business & Economic Statistics* 29, 238-249. Davidson, R. and
#'   MacKinnon, J. G. (2010) Wild bootstrap tests for IV regression. *Journal of Business &
#'   Economic Statistics* 28, 128-144. Fuller, W. A. (1977) Some properties of a modification of the
#'   limited information estimator. *Econometrica* 45, 939-953. Kline, P. and
#'   Santos, A. (2012) A score based approach to wild bootstrap inference. *Journal of Econometric Methods* 1,
#'   23-41. MacKinnon, J. G. and Webb, M. D. (2017) Wild bootstrap inference for wildly
#'   different cluster sizes. *Journal of Applied Econometrics* 32, 233-254. MacKinnon, J. G.,
#'   Nielsen, M. Ø. and Webb, M. D. (2023) Fast and reliable jackknife and bootstrap methods
#'   for cluster-robust inference. *Journal of Applied Econometrics* 38, 671-694. MacKinnon, J. G.,
#'   Nielsen, M. Ø. and Webb, M. D. (2024) Jackknife inference with two-way clustering. Roodman, D.,
#'   MacKinnon, J. G., Nielsen, M. Ø. and Webb, M. D. (2019) Fast and wild: bootstrap inference
#'   in Stata using boottest. *Stata Journal* 19, 4-60. Webb, M. D. (2023) Reworking wild
#'   bootstrap-based inference for clustered errors. *Canadian Journal of Economics* 56, 839-858.
#' @examples
#' set.seed(1)
#' d <- data.frame(g = rep(1:14, each = 6), x = rnorm(84))
#' d$y <- 0.3 * d$x + rnorm(14)[d$g] + rnorm(84)
#' fit <- lm(y ~ x, d)
#' wild_test(fit, "x = 0", cluster = ~ g, R = 999, weights = "webb", seed = 1, threads = 1)
#' #>
#' #> 	Wild cluster bootstrap test
#' #>
#' #> data: fit, 84 observations, 14 clusters (g)
#' #> replicates: 999, Webb weights
#' #> null hypothesis: x = 0
#' #> t = 2.734, p-value = 0.02803 (two-sided)
#' #> estimate: x = 0.3128
#' #> 95 percent confidence interval: [0.0572, 0.5658]
#' #> Monte Carlo standard errors: p-value 0.0052, lower 0.011, upper 0.01
#' @seealso [boot_lm()], [vcov_boot()].
#' @export
wild_test <- function(model, null, cluster = NULL, R = 9999,
                      weights = c("rademacher", "webb", "mammen", "normal", "gamma"),
                      type = c("11", "31", "13", "33"), impose = TRUE,
                      alternative = c("two.sided", "equal.tailed", "greater", "less"), conf = 0.95,
                      boot_cluster = NULL, effects = NULL, count_effects = TRUE, method = c("refit", "score", "ar"),
                      adjust = c("each", "min", "clusters", "none"), plus_one = FALSE, data = NULL,
                      estimator = c("2sls", "liml", "fuller"), fuller = 1, seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("model", "null")
  conf_given <- !missing(conf)
  one <- function(x, argument) {
    choices <- eval(formals(wild_test)[[argument]])
    check_choice(if (identical(x, choices)) choices[[1L]] else x, choices, argument, origin)
  }
  weights <- one(weights, "weights")
  type <- one(type, "type")
  alternative <- one(alternative, "alternative")
  adjust <- one(adjust, "adjust")
  given <- !identical(method, c("refit", "score", "ar"))
  method <- one(method, "method")
  impose <- check_flag(impose, "impose", call = origin)
  count_effects <- check_flag(count_effects, "count_effects", call = origin)
  plus_one <- check_flag(plus_one, "plus_one", call = origin)
  if (inherits(R, "rustle_enough")) {
    asked <- match.call()
    asked$R <- R$start
    return(go_on_test(eval(asked, parent.frame()), R))
  }
  R <- check_count(R, "R", call = origin)
  check_seed(seed, origin)
  threads <- thread_count(threads, origin)
  check_level_of_test(conf, R, alternative, origin)
  estimated <- !missing(estimator) || !missing(fuller)
  estimator <- read_estimator(estimator, fuller, origin)
  asked <- list(
    cluster = cluster, R = R, weights = weights, type = type, impose = impose, alternative = alternative,
    conf = conf, conf_given = conf_given, boot_cluster = boot_cluster, adjust = adjust, plus_one = plus_one, seed = seed, threads = threads
  )
  if (estimated && !has_instruments(model)) {
    stop_argument("estimator", "left out for a model without instruments", estimator$name, origin)
  }
  name <- if (inherits(model, "formula")) deparse1(model) else deparse1(substitute(model))
  if (inherits(model, "glm")) {
    if (!is.null(data)) stop_argument("data", "NULL for a fitted model, which has its own", data, origin)
    if (!is.null(effects)) stop_argument("effects", "NULL for a glm, whose formula has the fixed effects as factors", effects, origin)
    if (given && method != "score") stop_argument("method", "\"score\" for a glm", method, origin)
    return(score_test(model, null, asked, name, origin))
  }
  if (has_instruments(model)) {
    if (method == "score") stop_argument("method", "\"refit\" or \"ar\" for a model with instruments", method, origin)
    asked["effects"] <- list(effects)
    asked$method <- method
    asked$estimator <- estimator
    return(instruments_test(model, null, asked, data, name, origin))
  }
  model <- read_model(model, data, effects, count_effects, origin)
  null <- read_hypotheses(null, model$names, origin)
  if (length(null$r) > 1L && alternative != "two.sided") {
    stop_argument("alternative", "\"two.sided\" for joint hypotheses", alternative, origin)
  }
  if (method == "ar") stop_argument("method", "\"refit\" or \"score\" for a model without instruments", method, origin)
  score <- method == "score"
  if (score && type != "11") stop_argument("type", "\"11\" with method = \"score\"", type, origin)
  if (score && !impose) stop_argument("impose", "TRUE with method = \"score\"", impose, origin)
  groups <- read_clusters(model, asked, origin)
  warn_few_treated(model, null, groups)
  test <- prepare_test(model, null, groups$parts, groups$boot, type, impose, threads, origin)
  if (score) {
    if (test$q > 1L) test <- at_null(test)
    test <- score_of_test(test)
    asked$score <- TRUE
  }
  check_variance(test$V, test, origin)
  finish_test(test, null, groups, asked, name, origin)
}

# Without trial values: residuals at the null hypothesis.
at_null <- function(test) {
  test$U <- cbind(test$U[, 1L] + test$U[, -1L, drop = FALSE] %*% test$delta)
  test$d <- 0L
  test
}

# Clusters of the errors and of the bootstrap: list(clusters, parts, boot).
read_clusters <- function(model, asked, call) {
  jackknife <- substr(asked$type, 2L, 2L) == "3"
  clusters <- if (is.null(asked$cluster)) {
    list(list(group = seq_len(model$n), count = model$n, name = ""))
  } else {
    group_columns(asked$cluster, model, "cluster", call)
  }
  for (g in clusters) {
    if (g$count < 2L) stop_argument("cluster", "two clusters or more", asked$cluster, call, was = "one cluster")
    if (!is.null(asked$cluster) && g$count == model$n) {
      warn_rustle("Each cluster is one observation, as with `cluster = NULL`.", "rustle_warning_clusters")
    }
  }
  boot <- if (is.null(asked$boot_cluster)) {
    clusters[[which.min(vapply(clusters, `[[`, 0, "count"))]]
  } else {
    group_columns(asked$boot_cluster, model, "boot_cluster", call, together = TRUE)[[1L]]
  }
  if (boot$count < 2L) stop_argument("boot_cluster", "two clusters or more", asked$boot_cluster, call, was = "one cluster")
  parts <- variance_parts(clusters, model, asked$adjust, jackknife)
  if (asked$type != "11" && !is.null(model$effect)) {
    # The jackknife leaves out whole levels only.
    left_out <- c(if (jackknife) parts, if (substr(asked$type, 1L, 1L) == "3") list(boot))
    if (!all(vapply(left_out, function(g) is_nested(model$effect, g), NA))) {
      stop_argument("type", "\"11\" for effects that are not within clusters (or write these into the model)", asked$type, call)
    }
  }
  warn_few_clusters(boot, asked$weights, if (is.null(asked$cluster) && is.null(asked$boot_cluster)) "observations" else "clusters")
  list(clusters = clusters, parts = parts, boot = boot, robust = is.null(asked$cluster))
}

check_level_of_test <- function(conf, R, alternative, call) {
  if (is.null(conf)) return(invisible())
  good <- is.numeric(conf) && length(conf) == 1L && !is.na(conf) && conf > 0 && conf < 1
  if (!good) stop_argument("conf", "a level between 0 and 1, or NULL", conf, call)
  needed <- ceiling((if (alternative == "equal.tailed") 2 else 1) / (1 - conf) - 1 - 1e-9)
  if (R < needed) {
    stop_argument("R", sprintf("at least %.0f for an interval of level %s", needed, format(conf)), R, call)
  }
}

check_variance <- function(V, test, call) {
  u <- test$U[, 1L]
  size <- if (identical(test$w, 1)) crossprod(u) else crossprod(u, test$w * u)
  scale <- diag(crossprod(test$C)) * size[[1L]] / test$model$n
  least <- if (all(is.finite(V))) min(eigen(V, symmetric = TRUE, only.values = TRUE)$values) else 0
  if (least <= 1e-13 * min(scale)) stop_degenerate(V, call)
}

stop_degenerate <- function(V, call) {
  abort_rustle(
    "`null` must be about coefficients whose estimate has a positive variance; with these clusters it has none.",
    class = c("rustle_error_degenerate", "rustle_error_argument"), argument = "null", variance = V, call = call
  )
}

warn_few_clusters <- function(boot, weights, of) {
  two <- weights %in% c("rademacher", "mammen")
  if (boot$count >= (if (two) 10L else 5L)) return(invisible())
  values <- if (weights == "rademacher") {
    sprintf("|t| has at most %.0f different values", 2^(boot$count - 1))
  } else {
    "t has few different values"
  }
  warn_rustle(
    sprintf(
      "There are %.0f %s only, so %s.%s", boot$count, of, values,
      if (two && boot$count >= 5L) " Webb's weights have more." else " No bootstrap is reliable with so few."
    ),
    "rustle_warning_few_clusters"
  )
}

# A regressor that is constant within clusters and differs in one or two of them.
warn_few_treated <- function(model, null, groups) {
  clusters <- groups$clusters[[1L]]
  used <- which(colSums(null$R != 0) > 0)
  if (groups$robust || length(groups$clusters) > 1L || length(used) != 1L) return(invisible())
  others <- few_treated(design_column(model$X, used), clusters)
  if (others > 0L) {
    warn_rustle(
      sprintf(
        "`%s` differs from its other values in %d of %.0f clusters only: the test hardly ever rejects.",
        model$names[[used]], others, clusters$count
      ),
      "rustle_warning_few_clusters"
    )
  }
}

# In how many clusters x has another value than in the rest, if it varies between clusters only and these are
# one or two; else 0.
few_treated <- function(x, clusters) {
  # Most regressors vary within the first clusters.
  some <- seq_len(min(1000L, length(x)))
  if (any(x[some] != x[match(clusters$group[some], clusters$group[some])])) return(0L)
  first <- x[match(seq_len(clusters$count), clusters$group)]
  if (clusters$count < 5L || any(x != first[clusters$group])) return(0L)
  others <- clusters$count - max(tabulate(match(first, unique(first))))
  if (others <= 2L) as.integer(others) else 0L
}

# Replicates of a prepared test, and the result.
finish_test <- function(test, null, groups, asked, name, call) {
  boot <- groups$boot
  count <- replicates_of(boot, asked)
  words <- if (!count$all) stream_words(asked$seed)
  made <- spec_of_test(test, asked$weights, words)
  q <- test$q
  df <- if (groups$robust) test$model$n - test$model$k else min(vapply(groups$clusters, `[[`, 0, "count")) - 1
  out <- structure(
    list(
      statistic = NULL, parameter = NULL, p.value = NULL, estimate = stats::setNames(test$estimate, null$terms),
      null.value = stats::setNames(null$r, null$labels), std.error = sqrt(diag(test$V)), alternative = asked$alternative,
      method = name_of_test(asked, groups, q), data.name = name, hypotheses = null, vcov = test$V,
      powers = test$polynomial, trials = test$d, R = count$R, enumerated = count$all, weights = asked$weights, type = asked$type,
      impose = asked$impose, plus_one = asked$plus_one, generalized = isTRUE(test$generalized), n = test$model$n, k = test$model$k,
      conf = asked$conf,
      clusters = if (!groups$robust) stats::setNames(vapply(groups$clusters, `[[`, 0, "count"), vapply(groups$clusters, `[[`, "", "name")),
      boot_clusters = stats::setNames(boot$count, boot$name), parts = describe_parts(groups$parts), singular = test$singular,
      adjust = asked$adjust, absorbed = test$model$absorbed, draws = NULL, floor = made$floor, threads = asked$threads,
      seed = asked$seed, words = words, spec = made$spec, call = call
    ),
    class = c("rustle_wild", "htest")
  )
  delta <- test$delta
  out$statistic <- if (q == 1L) c(t = delta / out$std.error) else c(F = sum(delta * solve(test$V, delta)) / q)
  out$parameter <- if (q == 1L) c(df = df) else c(df1 = q, df2 = df)
  out <- draw_test(out, asked$R)
  tell_degenerate(out)
  out
}

# The result with this many replicates, or with all combinations of signs.
draw_test <- function(x, R) {
  count <- replicates_of(list(count = x$boot_clusters[[1L]]), list(weights = x$weights, R = R))
  x$R <- count$R
  x$enumerated <- count$all
  if (count$all) {
    x["words"] <- list(NULL)
    x$spec["seed"] <- list(NULL)
  }
  x$draws <- run_wild(x$spec, count$R, x$threads, x$call)
  x <- count_test(x, counts_at(x, matrix(x$null.value, 1L)))
  if (length(x$estimate) == 1L && !is.null(x$conf)) x <- with_interval(x, x$conf)
  x
}

# The p-value of counts of replicates, and what it is worth.
count_test <- function(x, counts) {
  if (counts$valid == 0) {
    abort_rustle(
      "No replicate has a positive variance.", class = "rustle_error_degenerate", argument = "cluster", call = x$call
    )
  }
  x$p.value <- p_of_counts(x, counts)
  x$mcse <- error_of_wild(x, x$p.value, counts$valid)
  x$degenerate <- x$R - counts$valid
  x
}

with_interval <- function(x, level) {
  x$conf <- level
  x$conf.set <- invert_test(x, level)
  x$conf.int <- structure(range(x$conf.set), conf.level = level)
  x$conf.mcse <- error_of_ends(x, level)
  x
}

# The Monte Carlo standard error of a p-value; 0 where all combinations of signs were tried.
error_of_wild <- function(x, p, valid) {
  if (x$enumerated) return(0 * p)
  sides <- if (x$alternative == "equal.tailed") 2 else 1
  sides * error_of_share(pmin(p / sides, 1), valid)
}

# Those of the ends of the confidence set: the error of the p-value there over the slope of
# the curve. A matrix as the set; NA for ends that are infinite.
error_of_ends <- function(x, level) {
  out <- 0 * x$conf.set
  out[!is.finite(out)] <- NA
  ends <- x$conf.set[is.finite(x$conf.set)]
  if (x$enumerated || !length(ends)) return(out)
  # Wide enough that the replicates between the two are many.
  half <- 0.3 * spread_of(x)
  p <- p_of_counts(x, counts_at(x, as.matrix(c(ends - half, ends + half))))
  slope <- abs(p[length(ends) + seq_along(ends)] - p[seq_along(ends)]) / (2 * half)
  out[is.finite(out)] <- error_of_wild(x, 1 - level, x$R - x$degenerate) / slope
  out
}

tell_degenerate <- function(x) {
  if (x$degenerate > 0) {
    warn_rustle(
      sprintf("%.0f of %.0f replicates have no positive variance and are left out.", x$degenerate, x$R),
      "rustle_warning_degenerate"
    )
  }
  if (x$singular > 0L) {
    warn_rustle(
      sprintf(
        "Without %s some coefficients are not identified; the jackknife uses generalized inverses there.",
        if (x$singular == 1L) "one cluster" else sprintf("each of %d clusters", x$singular)
      ),
      "rustle_warning_clusters"
    )
  }
}

name_of_test <- function(asked, groups, q) {
  sprintf(
    "%s %sbootstrap%s test%s", if (isTRUE(asked$score)) "Score" else "Wild", if (groups$robust) "" else "cluster ", if (asked$impose) "" else " (null not imposed)",
    if (q > 1L) " of joint hypotheses" else ""
  )
}

describe_parts <- function(parts) {
  data.frame(
    clusters = vapply(parts, `[[`, "", "name"), count = vapply(parts, `[[`, 0, "count"),
    factor = vapply(parts, `[[`, 0, "factor")
  )
}
