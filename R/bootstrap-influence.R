# Multiplier bootstrap of influence functions.

#' Bootstrap of influence functions
#'
#' For an estimator with influence values \eqn{\psi_i} (p numbers per observation, mean 0), whose
#' error is about their mean, the multiplier bootstrap draws \eqn{n^{-1} \sum_i v_i \psi_i} with
#' random \eqn{v_i} of mean 0 and variance 1: no model is fitted again. It gives bands that hold for
#' all p components together, as event studies need them.
#'
#' @param psi A matrix (or data frame) of influence values: a row per observation, a column per
#'   component. A vector is one component.
#' @param estimate The estimates, one per column. By default 0, for bands around 0.
#' @param R,seed,threads As for [bootstrap()]; with `R = enough()` replicates are added until the ends of the
#'   simultaneous bands are sure enough, and [extend()] adds more.
#' @param cluster Clusters of the observations: one multiplier each. A vector.
#' @param weights Law of the multipliers: `"rademacher"` (-1 and 1), `"mammen"` (two points, third
#'   moment 1), `"webb"` (six points) or `"norm"`.
#' @param conf Confidence level.
#' @return A `rustle_boot` (see [bootstrap-methods]) of class `rustle_influence` with `t0` (the
#'   estimates), `t` (an R x p matrix: estimates plus draws), and
#'   * `bands`: a data frame with a row per component and columns `term`, `estimate`,
#'     `std.error`, `lower`, `upper` (pointwise), `band.lower`, `band.upper` (simultaneous) and
#'     `p.value`, adjusted for all components together, and `p.mcse`, its Monte Carlo standard error;
#'   * `critical`: the numbers of standard errors of the simultaneous bands, and `critical.mcse`,
#'     its Monte Carlo standard error; `conf`, `n`, `clusters`.
#'
#'   `confint()` gives the bands (`simultaneous = FALSE`: the pointwise intervals), `boot_ci()`,
#'   `boot_p()`, `vcov()` and `plot()` use the replicates.
#' @details The standard error is that of the multipliers' law, known without draws:
#'   \eqn{n^{-1} (\sum_g S_g^2)^{1/2}}, \eqn{S_g} the sum of a cluster's values. A band is the
#'   estimate plus and minus `critical` of these, the quantile of the largest absolute
#'   standardized draw among components (sup-t); the p-value of a component is the share of
#'   draws whose largest exceeds its own, with one added to both counts. Components without
#'   variance, such as a reference period, have a band of no width and count for nothing.
#'   Replicate r depends on the seed and r alone; sums of multipliers are taken from tables, so
#'   that a replicate costs a fraction of n p additions.
#' @section Errors: `rustle_error_argument` for missing or infinite values, for fewer than two
#'   clusters, for wrong lengths, and for fewer replicates than `conf` needs (1 / (1 - `conf`) - 1). A warning of class `rustle_warning_influence` where the
#'   mean of a column is not near 0 (beyond four of its standard errors): these would be no
#'   influence values.
#' @references Callaway, B. and Sant'Anna, P. H. C. (2021) Difference-in-differences with multiple
#'   time periods. *Journal of Econometrics* 225, 200-230. Chernozhukov, V., Chetverikov, D. and
#'   Kato, K. (2013) Gaussian approximations and multiplier bootstrap for maxima of sums of
#'   high-dimensional random vectors. *Annals of Statistics* 41, 2786-2819. Montiel Olea, J. L.
#'   and Plagborg-Moller, M. (2019) Simultaneous confidence bands. *Journal of Applied
#'   Econometrics* 34, 1-17.
#' @seealso [bootstrap()]; [jackknife()] for influence values; [boot_ci()].
#' @examples
#' fit <- lm(mpg ~ wt + hp + qsec, mtcars)
#' psi <- nobs(fit) * residuals(fit) * model.matrix(fit) %*% summary(fit)$cov.unscaled
#' bootstrap_influence(psi, coef(fit), R = 999, seed = 1, threads = 2)
#' #> Multiplier bootstrap of influence values, 999 replicates, 32 observations
#' #> Simultaneous 95% bands: 2.236 standard errors (Monte Carlo error 0.053)
#' #>
#' #>         term estimate std.error    lower     upper band.lower band.upper
#' #>  (Intercept) 27.61053  5.841542 16.18450 39.036552   14.54706   40.67400
#' #>           wt -4.35880  0.765437 -5.79887 -2.918728   -6.07055   -2.64705
#' #>           hp -0.01782  0.009861 -0.03794  0.002299   -0.03987    0.00423
#' #>         qsec  0.51083  0.341775 -0.13079  1.152454   -0.25348    1.27515
#' #>  p.value  p.mcse
#' #>    0.001 0.00100
#' #>    0.001 0.00100
#' #>    0.149 0.01127
#' #>    0.308 0.01461
#' #>
#' #> lower, upper: pointwise 95%; band.: simultaneous; p.value: of the null
#' #>   hypothesis 0, adjusted for all components together
#' @export
bootstrap_influence <- function(psi, estimate = NULL, R = 9999, cluster = NULL,
                                weights = c("rademacher", "mammen", "webb", "norm"), conf = 0.95,
                                seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("psi")
  if (is.data.frame(psi)) psi <- as.matrix(psi)
  if (is.numeric(psi) && is.null(dim(psi))) psi <- as.matrix(psi)
  if (!is.numeric(psi) || length(dim(psi)) != 2L || nrow(psi) < 2L || !ncol(psi)) {
    stop_argument("psi", "a numeric matrix with at least two rows", psi, origin)
  }
  if (!all(is.finite(range(psi)))) {
    stop_argument("psi", "without missing or infinite values", psi, origin, was = sprintf("with %d of them", sum(!is.finite(psi))))
  }
  n <- nrow(psi)
  p <- ncol(psi)
  rule <- if (inherits(R, "rustle_enough")) R
  R <- if (is.null(rule)) check_count(R, "R") else rule$start
  laws <- c("rademacher", "mammen", "webb", "norm")
  weights <- check_choice(if (identical(weights, laws)) laws[[1L]] else weights, laws, "weights")
  conf <- check_one_level(conf, "conf")
  check_level_of_test(conf, R, "two.sided", origin)
  check_seed(seed, origin)
  if (is.null(estimate)) estimate <- double(p)
  if (!is.numeric(estimate) || length(estimate) != p || anyNA(estimate)) {
    stop_argument("estimate", sprintf("%d numbers, one for each column of `psi`", p), estimate, origin)
  }
  names <- if (!is.null(names(estimate))) names(estimate) else colnames(psi)
  if (is.null(names)) names <- paste0("t", seq_len(p))
  estimate <- stats::setNames(as.double(estimate), names)
  threads <- thread_count(threads, origin)
  check_memory(as.double(R) * p * 8, origin)
  if (is.list(cluster)) stop_argument("cluster", "one vector", cluster, origin)
  groups <- check_cluster(cluster, n, origin)[[1L]]
  sums <- psi
  storage.mode(sums) <- "double"
  if (!is.null(groups)) sums <- group_sums(sums, rep(1, n), groups, max(groups), threads)
  std.error <- sqrt(colSums(sums^2)) / n
  # Rounding error of sums that cancel.
  std.error[std.error <= 1e-14 * colSums(abs(sums)) / n] <- 0
  far <- which(abs(colMeans(psi)) > 4 * std.error & std.error > 0)
  if (length(far)) {
    warn_rustle(
      sprintf(
        "Influence values have mean 0: the mean of %s is more than four standard errors away from it.",
        enumerate_names(names[far], 5L)
      ),
      "rustle_warning_influence"
    )
  }
  before <- get_random_seed()
  words <- stream_words(seed)
  spec <- list(
    law = if (weights == "norm") "normal" else weights, seed = as.double(words), restrictions = p, trials = 0,
    variance = list(), clusters = nrow(sums), linear = as.double(sums) / n, squares = double()
  )
  out <- new_rustle_boot(
    t0 = estimate, t = matrix(0, 0L, p), R = R, data = NULL, seed = before, stream = words, statistic = NULL,
    sim = "multiplier", call = match.call(), stype = NULL, cluster = cluster, engine = "native", threads = threads,
    n = n, clusters = if (!is.null(groups)) max(groups), conf = conf, std.error = std.error,
    spec = spec
  )
  class(out) <- c("rustle_influence", class(out))
  out <- draw_bands(out, R, origin)
  if (is.null(rule)) return(out)
  # The error of the bands' ends, as a share of their width.
  go_on_until(out, rule, function(x) x$critical.mcse / (2 * x$critical), function(x, R) draw_bands(x, R, origin))
}

# The result with R replicates.
draw_bands <- function(x, R, call) {
  check_memory(as.double(R) * length(x$t0) * 8, call)
  x$t <- run_wild(x$spec, R, x$threads, call) + rep(x$t0, each = R)
  colnames(x$t) <- names(x$t0)
  x$R <- R
  with_bands(x)
}

# Adds bands, critical value and p-values of the level `conf`.
with_bands <- function(x) {
  R <- x$R
  std.error <- x$std.error
  used <- which(std.error > 0)
  terms <- names(x$t0)
  z <- abs(x$t - rep(x$t0, each = R)) / rep(std.error, each = R)
  largest <- if (length(used)) do.call(pmax, lapply(used, function(k) z[, k])) else double(R)
  order <- min(R, ceiling((R + 1) * x$conf))
  quantile_of <- function(v) sort(v, partial = order)[[order]]
  x$critical <- quantile_of(largest)
  x$critical.mcse <- if (length(used) && R > 2L) quantile_error(sort(largest), x$conf) else NA_real_
  point <- rep(0, length(x$t0))
  point[used] <- vapply(used, function(k) quantile_of(z[, k]), 0)
  own <- abs(x$t0) / std.error
  p <- vapply(own, function(t) (1 + sum(largest >= t)) / (R + 1), 0)
  p[std.error == 0] <- NA_real_
  x$bands <- data.frame(
    term = terms, estimate = unname(x$t0), std.error = unname(std.error), lower = unname(x$t0 - point * std.error),
    upper = unname(x$t0 + point * std.error), band.lower = unname(x$t0 - x$critical * std.error),
    band.upper = unname(x$t0 + x$critical * std.error), p.value = unname(p), p.mcse = unname(error_of_share(p, R))
  )
  if (R < 10 / (1 - x$conf) * (1 - 1e-12)) {
    warn_interval(sprintf("Extreme order statistics: %.0f replicates are few for conf = %s.", R, format(x$conf)))
  }
  x
}

#' @rdname bootstrap_influence
#' @param x,object A result.
#' @param digits Number of significant digits.
#' @param ... Ignored.
#' @export
print.rustle_influence <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat(wrapped(sprintf(
    "Multiplier bootstrap of influence values, %.0f replicates, %.0f observations%s\nSimultaneous %s%% bands: %s standard errors (Monte Carlo error %s)",
    x$R, x$n, if (is.null(x$clusters)) "" else sprintf(" in %.0f clusters", x$clusters), format(100 * x$conf),
    format(x$critical, digits = 4), format(x$critical.mcse, digits = 2)
  )), "\n", sep = "")
  print(x$bands, digits = digits, row.names = FALSE)
  several <- nrow(x$bands) > 1L
  cat(wrapped(sprintf(
    "\nlower, upper: pointwise %s%%; band.: simultaneous; p.value: of the null hypothesis 0%s", format(100 * x$conf), if (several) ", adjusted for all components together" else ""
  )), sep = "")
  invisible(x)
}

#' @rdname bootstrap_influence
#' @param parm Components: numbers or names. All by default.
#' @param level `NULL`: the level of the result.
#' @param simultaneous `FALSE` for pointwise intervals.
#' @export
confint.rustle_influence <- function(object, parm = NULL, level = NULL, simultaneous = TRUE, ...) {
  if (missing(parm)) parm <- NULL
  check_dots(...)
  simultaneous <- check_flag(simultaneous, "simultaneous")
  at <- check_index(parm, as_draws(object), "parm")
  if (!is.null(level)) {
    object$conf <- check_one_level(level, "level")
    check_level_of_test(object$conf, object$R, "two.sided", sys.call())
    object <- with_bands(object)
  }
  ends <- object$bands[at, if (simultaneous) c("band.lower", "band.upper") else c("lower", "upper")]
  tails <- (1 + c(-1, 1) * object$conf) / 2
  matrix(
    unlist(ends), ncol = 2L, dimnames = list(object$bands$term[at], paste(format(100 * tails, trim = TRUE, digits = 3), "%"))
  )
}

#' @rdname bootstrap_influence
#' @exportS3Method generics::tidy
tidy.rustle_influence <- function(x, ...) {
  check_dots(...)
  x$bands
}

#' @rdname bootstrap_influence
#' @details `plot()` draws each estimate with its pointwise interval (dark and thick) and its
#'   simultaneous band (light, with ends); components whose lengths differ more than 25-fold get a panel
#'   each. `autoplot()` draws the same by \pkg{ggplot2}.
#' @export
plot.rustle_influence <- function(x, ...) {
  rows <- band_rows(x)
  apart <- forest_split(rows)
  panels <- if (apart) split(rows, seq_len(nrow(rows))) else list(rows)
  draw_panels(length(panels), function(k) {
    b <- panels[[k]]
    at <- seq_len(nrow(b))
    # Names that have no room beside one another are turned.
    wide <- max(nchar(b$term)) * graphics::par("cin")[[1L]] * graphics::par("cex")
    turned <- !apart && wide > graphics::par("pin")[[1L]] / length(at)
    mar <- graphics::par("mar")
    if (turned) graphics::par(mar = replace(mar, 1L, min(1 + 0.55 * max(nchar(b$term)), 8)))
    graphics::plot.default(
      at, b$estimate, xlim = range(at) + c(-0.5, 0.5), ylim = range(b$lower, b$upper, if (!apart) 0), xaxt = "n",
      xlab = "", ylab = "estimate", type = "n", main = if (apart) b$term else "", cex.main = fitting_size(b$term, 0.95), ...
    )
    if (!apart) graphics::axis(1L, at, b$term, las = if (turned) 2L else 1L)
    graphics::par(mar = mar)
    graphics::abline(h = 0, lty = 3L)
    graphics::arrows(at, b$lower[, 1L], at, b$upper[, 1L], code = 3L, angle = 90, length = 0.04, col = ink$medium, lwd = 1.5)
    graphics::segments(at, b$lower[, 2L], at, b$upper[, 2L], col = ink$dark, lwd = 4, lend = 1L)
    graphics::points(at, b$estimate, pch = 21L, bg = "white", col = ink$dark)
  })
  invisible(x)
}

# As forest_rows(): the band, then the pointwise interval.
band_rows <- function(x) {
  b <- x$bands
  out <- data.frame(term = b$term, estimate = b$estimate)
  out$lower <- cbind(b$band.lower, b$lower)
  out$upper <- cbind(b$band.upper, b$upper)
  out
}

#' @rdname bootstrap_influence
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_influence <- function(object, ...) {
  check_dots(...)
  b <- object$bands
  b$term <- factor(b$term, unique(b$term))
  .data <- NULL # the pronoun of ggplot2
  apart <- forest_split(band_rows(object))
  ggplot2::ggplot(b, ggplot2::aes(x = .data[["term"]], y = .data[["estimate"]])) +
    (if (!apart) ggplot2::geom_hline(yintercept = 0, linetype = 3L)) +
    ggplot2::geom_errorbar(ggplot2::aes(ymin = .data[["band.lower"]], ymax = .data[["band.upper"]]), colour = ink$medium, width = 0.1) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = .data[["lower"]], ymax = .data[["upper"]]), colour = ink$dark, linewidth = 1.5) +
    ggplot2::geom_point(shape = 21L, fill = "white", colour = ink$dark) +
    (if (!apart && sum(nchar(object$bands$term)) > 40L) ggplot2::theme(axis.text.x = ggplot2::element_text(angle = 90, hjust = 1, vjust = 0.5))) +
    (if (apart) ggplot2::facet_wrap("term", scales = "free")) +
    (if (apart) ggplot2::theme(axis.text.x = ggplot2::element_blank(), axis.ticks.x = ggplot2::element_blank())) +
    ggplot2::labs(x = NULL, y = "estimate")
}
