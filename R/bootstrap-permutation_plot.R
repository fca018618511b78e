# The picture of a permutation test: the distribution of its statistic under permutation.

#' @rdname permutation_test
#' @param object,main,xlab,nclass,... The test, labels, the number of cells of the histogram, and
#'   further graphical parameters. `plot()` draws the distribution of the statistic under
#'   permutation, a panel per column, with the observed value (for a two-sided test also
#'   its negative): of all permutations, or of up to 20,000 at random. `autoplot()` draws the
#'   same by \pkg{ggplot2}.
#' @export
plot.rustle_permutations <- function(x, main = NULL, xlab = NULL, nclass = 40L, ...) {
  check_dots(..., .takes = graphical_names)
  nclass <- check_count(nclass, "nclass")
  values <- permuted_values(x)
  draw_panels(ncol(values), function(k) {
    observed <- x$statistic[[k]]
    range <- range(values[, k], observed, if (x$alternative == "two.sided") -observed)
    cells <- permutation_cells(values[, k], range, nclass)
    label <- if (!is.null(xlab)) xlab else permutation_labels(x)[[k]]
    title <- if (!is.null(main)) main else sprintf("observed %s, p = %s", format_each(observed), format_each(x$p.value[[k]], 2L))
    graphics::hist(
      values[, k], breaks = cells, freq = FALSE, main = title, cex.main = fitting_size(title, 0.95), xlab = label, ylab = "density",
      col = ink$light, border = "white", ...
    )
    graphics::abline(v = observed, lwd = 2, col = ink$mark)
    if (x$alternative == "two.sided") graphics::abline(v = -observed, lwd = 2, lty = 2L, col = ink$mark)
  })
  invisible(x)
}

# Cells that a few distinct values lie in the middle of.
permutation_cells <- function(values, range, nclass) {
  distinct <- sort(unique(signif(values, 10)))
  if (length(distinct) > 1L && length(distinct) <= nclass) {
    step <- min(diff(distinct))
    if (diff(range) / step <= 4 * nclass) return(seq(range[[1L]] - step / 2, range[[2L]] + step, by = step))
  }
  pad <- if (diff(range) > 0) 1e-9 * diff(range) else 0.5
  seq(range[[1L]] - pad, range[[2L]] + pad, length.out = nclass + 1L)
}

format_each <- function(x, digits = 3L) vapply(x, format, "", digits = digits)

permutation_labels <- function(x) {
  names <- names(x$statistic)
  if (is.null(names)) sprintf("statistic of column %d", seq_along(x$statistic)) else names
}

# Values of the statistic, a row per permutation: all, or as many of the test's own random
# ones, or others at random where all were too many. About half a second of work at most.
permuted_values <- function(x) {
  if (!is.null(x$permuted[["t"]])) return(as.matrix(x$permuted[["t"]]))
  test <- x$permuted$test
  most <- min(20000, max(999, floor(5e7 / length(test$x))))
  words <- x$permuted$words
  if (x$exact && x$parameter > most) words <- stream_words(1)
  values <- unpack(rs_permutation_values(test, words, as.double(min(x$parameter, most))))
  matrix(values, ncol = test$columns, byrow = TRUE)
}

#' @rdname permutation_test
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_permutations <- function(object, nclass = 40L, ...) {
  check_dots(...)
  values <- permuted_values(object)
  parted <- if (ncol(values) > 1L) "%s %s\np = %s" else "%s %s, p = %s"
  of <- sprintf(parted, permutation_labels(object), format_each(object$statistic), format_each(object$p.value, 2L))
  of <- factor(of, unique(of))
  frame <- data.frame(of = rep(of, each = nrow(values)), value = as.vector(values))
  observed <- data.frame(of = of, value = unname(object$statistic))
  .data <- NULL # the pronoun of ggplot2
  mirrored <- if (object$alternative == "two.sided") {
    ggplot2::geom_vline(data = observed, ggplot2::aes(xintercept = -.data[["value"]]), colour = ink$mark, linetype = 2L)
  }
  ggplot2::ggplot(frame, ggplot2::aes(x = .data[["value"]])) +
    ggplot2::geom_histogram(bins = nclass, fill = ink$light, colour = "white", linewidth = 0.1) +
    ggplot2::geom_vline(data = observed, ggplot2::aes(xintercept = .data[["value"]]), colour = ink$mark) +
    mirrored +
    ggplot2::facet_wrap("of", scales = "free") +
    few_breaks(length(of)) +
    ggplot2::labs(x = NULL, y = "permutations")
}
