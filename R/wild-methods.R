# Methods for results of wild_test().

#' @export
print.rustle_wild <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat("\n\t", x$method, "\n\n", wrapped(paste0("data: ", x$data.name, ", ", x$n, " observations", describe_clusters(x))), sep = "")
  if (x$absorbed > 0) cat("fixed effects: ", describe_absorbed(x), "\n", sep = "")
  law <- c(
    rademacher = "Rademacher", webb = "Webb", mammen = "Mammen", normal = "normal", gamma = "gamma"
  )[[x$weights]]
  cat(
    "replicates: ", format(x$R, big.mark = ","), if (x$enumerated) ", all combinations of signs" else sprintf(", %s weights", law),
    if (x$type != "11") sprintf(", type %s", x$type), if (x$degenerate > 0) sprintf(", %.0f degenerate", x$degenerate), "\n", sep = ""
  )
  shown <- paste(names(x$statistic), "=", format(unname(x$statistic), digits = digits))
  # Only (b + 1) / (R + 1) can tell of less than one replicate.
  p <- format.pval(x$p.value, digits = digits, eps = if (x$plus_one && !x$enumerated) .Machine$double.eps else 1 / x$R)
  # format.pval() has no space with few digits.
  p <- sub("^< *", "< ", p)
  null <- names(x$null.value)
  bare <- !grepl("=", null, fixed = TRUE)
  null[bare] <- paste(null[bare], "=", format(unname(x$null.value[bare]), digits = digits))
  cat(wrapped(paste("null hypothesis:", paste(null, collapse = ", "))))
  cat(shown, ", p-value ", if (startsWith(p, "<")) p else paste("=", p), direction_of(x), "\n", sep = "")
  if (!is.null(x$estimate)) {
    cat(wrapped(paste("estimate:", paste(names(x$estimate), "=", format(unname(x$estimate), digits = digits), collapse = ", "))))
  }
  if (!is.null(x$conf.set)) {
    kind <- if (nrow(x$conf.set) > 1L) "set" else "interval"
    cat(format(100 * x$conf, digits = 3), " percent confidence ", kind, ": ", format_set(x$conf.set, digits), "\n", sep = "")
  }
  errors <- c("p-value" = x$mcse, lower = x$conf.mcse[1L], upper = x$conf.mcse[length(x$conf.mcse)])
  if (x$enumerated) errors <- NULL
  errors <- errors[!is.na(errors)]
  if (length(errors)) {
    cat("Monte Carlo standard errors: ", paste(names(errors), format(signif(errors, 2L), trim = TRUE, drop0trailing = TRUE), collapse = ", "), "\n", sep = "")
  }
  if (nrow(x$parts) > 1L) {
    signs <- ifelse(x$parts$factor < 0, "- ", "+ ")
    factors <- format(abs(x$parts$factor), digits = 4)
    parts <- sprintf("%s%s (%.0f, factor %s)", signs, x$parts$clusters, x$parts$count, factors)
    cat(wrapped(paste("variance:", paste(parts, collapse = " "))))
  }
  cat("\n")
  invisible(x)
}

direction_of <- function(x) {
  # F and chi-squared statistics have no sides.
  if (!names(x$statistic) %in% c("t", "z")) return("")
  switch(x$alternative,
    two.sided = " (two-sided)", equal.tailed = " (equal tails)", greater = " (greater)", less = " (less)"
  )
}

describe_absorbed <- function(x) {
  # With instruments, and by the jackknife, the variance has no factor of degrees of freedom.
  counted <- if (is.null(x$recount) && x$adjust %in% c("each", "min") && substr(x$type, 2L, 2L) == "1") {
    if (x$k > ncol(x$hypotheses$R)) ", counted as coefficients" else ", not counted as coefficients"
  }
  paste0(format(x$absorbed, big.mark = ","), " projected out", counted)
}

describe_clusters <- function(x) {
  if (is.null(x$clusters)) return("")
  named <- ifelse(nzchar(names(x$clusters)), paste0(" (", names(x$clusters), ")"), "")
  boot <- if (length(x$clusters) > 1L || x$boot_clusters != x$clusters[[1L]]) {
    sprintf("; weights of %.0f%s", x$boot_clusters, if (nzchar(names(x$boot_clusters))) sprintf(" (%s)", names(x$boot_clusters)) else "")
  }
  paste0(", ", paste0(x$clusters, " clusters", named, collapse = ", "), boot)
}

format_set <- function(set, digits) {
  if (anyNA(set)) return("empty")
  paste(sprintf("[%s, %s]", format(set[, 1L], digits = digits, trim = TRUE), format(set[, 2L], digits = digits, trim = TRUE)), collapse = " and ")
}

#' Methods for wild bootstrap tests
#'
#' @param object,x A result of [wild_test()].
#' @param parm Not used: there is one hypothesis.
#' @param level Confidence level; by default that of the test, or 0.95.
#' @param conf.int `FALSE` leaves the interval out.
#' @param n Number of null values, see [wild_curve()].
#' @param xlab,ylab Labels.
#' @param ... For `plot()`, graphical parameters.
#' @return `confint()`: a matrix with a row for each piece of the confidence set, see
#'   [wild_test()]. `tidy()`: a data frame with a row, `term`, `estimate`, `std.error`, `null.value`,
#'   `statistic`, `p.value`, `conf.low`, `conf.high` (of joint hypotheses a row for each, with
#'   the joint statistic and p-value, no interval); `glance()`: one with the sizes of the test. `plot()` draws [wild_curve()] and returns it invisibly.
#' @section Errors: `rustle_error_argument` for wrong arguments, and where a test has no interval:
#'   joint hypotheses. Of logit and probit models each trial value is a fit, so that intervals and
#'   curves take longer.
#' @seealso [wild_test()], [wild_curve()].
#' @examples
#' fit <- lm(dist ~ speed, cars)
#' test <- wild_test(fit, "speed = 3", R = 499, seed = 1, threads = 1)
#' confint(test, level = 0.9)
#' #>          lower    upper
#' #> speed 3.261557 4.568231
#' plot(test)
#' @name wild-methods
#' @aliases confint.rustle_wild
NULL

#' @rdname wild-methods
#' @export
confint.rustle_wild <- function(object, parm, level = if (is.null(object$conf)) 0.95 else object$conf, ...) {
  check_dots(...)
  if (length(object$estimate) != 1L || !has_curve(object)) {
    stop_argument("object", "a test of one hypothesis", object, sys.call(), was = sprintf("of %d", length(object$estimate)))
  }
  check_level_of_test(check_one_level(level, "level"), object$R, object$alternative, sys.call())
  out <- if (identical(level, object$conf)) object$conf.set else invert_test(object, level)
  rownames(out) <- rep(names(object$estimate), nrow(out))
  out
}

#' @rdname wild-methods
#' @export
plot.rustle_wild <- function(x, n = if (length(x$estimate) > 1L) 25 else 201, xlab = NULL, ylab = NULL, ...) {
  curve <- wild_curve(x, n = n)
  alpha <- 1 - if (is.null(x$conf)) 0.95 else x$conf
  of <- names(x$estimate)
  old <- narrow_margins()
  on.exit(graphics::par(old))
  if (length(of) == 2L) {
    a <- unique(curve$null1)
    b <- unique(curve$null2)
    levels <- sort(unique(c(alpha, 0.01, 0.1, 0.25, 0.5, 0.75)))
    # The hypothesis is in the picture, too.
    graphics::contour(
      a, b, matrix(curve$p.value, length(a)), levels = levels, lwd = ifelse(levels == alpha, 2.5, 1), col = ink$dark,
      vfont = NULL, labcex = 0.7, xlim = range(a, x$null.value[[1L]]), ylim = range(b, x$null.value[[2L]]), xlab = if (is.null(xlab)) of[[1L]] else xlab, ylab = if (is.null(ylab)) of[[2L]] else ylab, ...
    )
    graphics::points(x$estimate[[1L]], x$estimate[[2L]], pch = 19L)
    graphics::points(x$null.value[[1L]], x$null.value[[2L]], pch = 4L)
    return(invisible(curve))
  }
  graphics::plot.default(
    curve$null, curve$p.value, type = "l", col = ink$medium, lwd = 2, ylim = c(0, 1),
    xlab = if (is.null(xlab)) sprintf("null value of %s", of) else xlab, ylab = if (is.null(ylab)) "p-value" else ylab, ...
  )
  graphics::abline(h = alpha, lty = 2L)
  ends <- x$conf.set[is.finite(x$conf.set)]
  if (length(ends)) graphics::abline(v = ends, lty = 3L)
  graphics::points(x$null.value, x$p.value, pch = 19L)
  invisible(curve)
}

#' @rdname wild-methods
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_wild <- function(object, n = if (length(object$estimate) > 1L) 25 else 201, ...) {
  check_dots(...)
  curve <- wild_curve(object, n = n)
  alpha <- 1 - if (is.null(object$conf)) 0.95 else object$conf
  of <- names(object$estimate)
  .data <- NULL # the pronoun of ggplot2
  if (length(of) == 2L) {
    at <- data.frame(null1 = c(object$estimate[[1L]], object$null.value[[1L]]), null2 = c(object$estimate[[2L]], object$null.value[[2L]]))
    return(
      ggplot2::ggplot(curve, ggplot2::aes(x = .data[["null1"]], y = .data[["null2"]])) +
        ggplot2::geom_contour(ggplot2::aes(z = .data[["p.value"]]), colour = ink$light, breaks = c(0.01, 0.1, 0.25, 0.5, 0.75)) +
        ggplot2::geom_contour(ggplot2::aes(z = .data[["p.value"]]), colour = ink$dark, breaks = alpha, linewidth = 1) +
        ggplot2::geom_point(data = at, shape = c(19L, 4L)) +
        ggplot2::labs(x = of[[1L]], y = of[[2L]], subtitle = sprintf("p = 0.01, 0.1, 0.25, 0.5, 0.75; thick: %s", format(alpha)))
    )
  }
  ggplot2::ggplot(curve, ggplot2::aes(x = .data[["null"]], y = .data[["p.value"]])) +
    ggplot2::geom_line(colour = ink$medium) +
    ggplot2::geom_hline(yintercept = alpha, linetype = 2L) +
    ggplot2::geom_vline(xintercept = object$conf.set[is.finite(object$conf.set)], linetype = 3L) +
    ggplot2::geom_point(data = data.frame(null = unname(object$null.value), p.value = object$p.value)) +
    ggplot2::labs(x = sprintf("null value of %s", of), y = "p-value") +
    # Half of the last number stands beside the panel.
    ggplot2::theme(plot.margin = ggplot2::margin(5.5, 12, 5.5, 5.5))
}

#' @rdname wild-methods
#' @exportS3Method generics::tidy
tidy.rustle_wild <- function(x, conf.int = TRUE, ...) {
  check_dots(...)
  conf.int <- check_flag(conf.int, "conf.int")
  term <- x$hypotheses$terms
  or <- function(value) if (is.null(value)) rep(NA_real_, length(term)) else unname(value)
  out <- data.frame(
    term = term, estimate = or(x$estimate), std.error = or(x$std.error), null.value = unname(x$null.value),
    statistic = unname(x$statistic), p.value = x$p.value
  )
  if (conf.int) {
    out$conf.low <- if (is.null(x$conf.int)) NA_real_ else x$conf.int[[1L]]
    out$conf.high <- if (is.null(x$conf.int)) NA_real_ else x$conf.int[[2L]]
  }
  out
}

#' @rdname wild-methods
#' @exportS3Method generics::glance
glance.rustle_wild <- function(x, ...) {
  check_dots(...)
  data.frame(
    statistic = unname(x$statistic), p.value = x$p.value, mcse = x$mcse, R = x$R, n = x$n,
    clusters = if (is.null(x$clusters)) NA_real_ else min(x$clusters), boot_clusters = unname(x$boot_clusters),
    weights = x$weights, type = x$type, impose = x$impose, enumerated = x$enumerated, degenerate = x$degenerate,
    alternative = x$alternative, method = x$method
  )
}
