# Plots of cross-validation.

#' @rdname cv
#' @param object,main,xlab,ylab A result and labels. `plot()` draws the loss of each fold and the
#'   average with one standard error to each side; with several `lambda` a line over them,
#'   and dotted the smallest average plus its standard error. `autoplot()` draws the same by
#'   \pkg{ggplot2}.
#' @export
plot.rustle_cv <- function(x, main = NULL, xlab = NULL, ylab = x$loss, ...) {
  check_dots(..., .takes = graphical_names)
  points <- cv_points(x)
  old <- narrow_margins()
  on.exit(graphics::par(old))
  many <- !is.null(x$lambda)
  low <- x$estimate - x$std.error
  high <- x$estimate + x$std.error
  graphics::plot.default(
    points$at, points$loss, xlim = if (many) range(points$at) + c(-0.3, 0.3) else range(points$at, max(points$at) + 1),
    ylim = range(points$loss, low, high, na.rm = TRUE), xaxt = "n", col = "grey45", pch = 1L, cex = 0.7,
    xlab = if (!is.null(xlab)) xlab else if (many) "lambda" else "fold", ylab = ylab,
    main = if (!is.null(main)) main else cv_title(x),
    cex.main = 0.95, ...
  )
  at <- if (many) seq_along(x$lambda) else max(points$at) + 1
  graphics::axis(1L, at = if (many) at else pretty(seq_len(max(points$at))), labels = if (many) format(x$lambda, trim = TRUE) else TRUE)
  if (many) graphics::lines(at, x$estimate, col = ink$dark, lwd = 1.5)
  graphics::segments(at, low, at, high, col = ink$dark, lwd = 3, lend = 1L)
  graphics::points(at, x$estimate, pch = 21L, bg = "white", col = ink$dark, cex = 1.2)
  if (many) {
    best <- which.min(x$estimate)
    graphics::abline(h = high[[best]], lty = 3L)
  } else {
    graphics::abline(h = x$estimate, lty = 3L)
    graphics::mtext("mean", 1L, line = 0.4, at = at, cex = 0.8 * graphics::par("cex"))
  }
  invisible(x)
}

cv_title <- function(x) {
  sprintf("%d folds%s", attr(x$folds, "K"), if (ncol(x$folds) > 1L) sprintf(", %d repetitions", ncol(x$folds)) else "")
}

# A row per fold and candidate: where it is drawn, and its loss. Penalties are drawn at equal
# distances, as 0 has no logarithm.
cv_points <- function(x) {
  losses <- x$losses[x$losses$n > 0L, ]
  at <- if (is.null(x$lambda)) losses$fold else match(losses$lambda, x$lambda)
  data.frame(at = at, losses)
}

#' @rdname cv
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_cv <- function(object, ...) {
  check_dots(...)
  points <- cv_points(object)
  many <- !is.null(object$lambda)
  labels <- if (many) format(object$lambda, trim = TRUE) else c(seq_len(max(points$at)), "mean")
  means <- data.frame(
    at = factor(if (many) labels else "mean", labels), loss = unname(object$estimate),
    lower = unname(object$estimate - object$std.error), upper = unname(object$estimate + object$std.error)
  )
  dotted <- if (many) means$upper[[which.min(means$loss)]] else means$loss
  points$at <- factor(labels[points$at], labels)
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(points, ggplot2::aes(x = .data[["at"]], y = .data[["loss"]])) +
    ggplot2::geom_point(shape = 1L, colour = "grey45") +
    ggplot2::geom_hline(yintercept = dotted, linetype = 3L) +
    (if (many) ggplot2::geom_line(data = means, group = 1L, colour = ink$dark)) +
    ggplot2::geom_pointrange(
      data = means, ggplot2::aes(ymin = .data[["lower"]], ymax = .data[["upper"]]), colour = ink$dark, shape = 21L, fill = "white",
      na.rm = TRUE
    ) +
    ggplot2::labs(x = if (many) "lambda" else "fold", y = object$loss, title = cv_title(object))
}
