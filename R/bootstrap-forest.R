# Plots of intervals and of jackknife values.

#' @rdname boot_ci
#' @param xlab,main Labels. `plot()` draws the intervals below one another, each with its
#'   estimate, levels below the highest as thicker lines; components whose lengths differ more than
#'   25-fold get a panel each. `autoplot()` draws the same by \pkg{ggplot2}.
#' @export
plot.rustle_boot_ci <- function(x, xlab = NULL, main = NULL, ...) {
  check_dots(..., .takes = graphical_names)
  rows <- forest_rows(x)
  if (is.null(xlab)) xlab <- levels_of_intervals(attr(rows, "levels"))
  panels <- if (forest_split(rows)) split(rows, factor(rows$term, unique(rows$term))) else list(rows)
  longest <- max(nchar(rows$label))
  draw_panels(length(panels), left = min(1.2 + 0.45 * longest, 9), function(k) {
    one <- length(unique(panels[[k]]$term)) == 1L
    title <- if (is.null(main) && one) panels[[k]]$term[[1L]] else main
    draw_forest(panels[[k]], xlab, title, ...)
  })
  invisible(x)
}

# How they are told below the axis, the highest first.
levels_of_intervals <- function(levels) {
  sprintf("%s%% interval%s", paste(format(100 * levels, trim = TRUE), collapse = "%, "), if (length(levels) > 1L) "s" else "")
}

# Names of graphical parameters that methods pass on to the functions of graphics.
graphical_names <- c(
  "sub", "cex", "cex.axis", "cex.lab", "cex.main", "las", "bty", "xlim", "ylim", "ylab", "col", "pch", "lty", "lwd", "log", "asp"
)

# A line per component and type, with all its levels: data frame(term, label, estimate,
# at) and the ends as matrices, a column per level, from the highest level down.
forest_rows <- function(x) {
  frame <- as.data.frame(x)
  key <- paste(frame$term, frame$type, sep = "\r")
  keys <- unique(key)
  levels <- sort(unique(frame$conf), decreasing = TRUE)
  first <- match(keys, key)
  terms <- frame$term[first]
  ends <- function(side) {
    out <- vapply(levels, function(level) {
      of <- frame[frame$conf == level, ]
      of[[side]][match(keys, paste(of$term, of$type, sep = "\r"))]
    }, numeric(length(keys)))
    matrix(out, length(keys))
  }
  several <- length(unique(terms)) > 1L
  estimates <- attr(x, "t0")
  out <- data.frame(
    term = terms, label = frame$type[first],
    estimate = if (is.null(names(estimates))) NA_real_ else unname(estimates[terms])
  )
  if (several && !anyDuplicated(terms)) out$label <- terms
  out$lower <- ends("lower")
  out$upper <- ends("upper")
  attr(out, "levels") <- levels
  out
}

# Do the components need axes of their own?
forest_split <- function(rows) {
  width <- rowSums(as.matrix(rows$upper[, 1L] - rows$lower[, 1L]))
  width <- width[is.finite(width) & width > 0]
  length(unique(rows$term)) > 1L && length(width) && max(width) > 25 * min(width)
}

draw_forest <- function(rows, xlab, main, xlim = NULL, ylab = "", col = ink$dark, cex.main = fitting_size(main, 1.2), ...) {
  n <- nrow(rows)
  # A gap between components, and their names above their types.
  headed <- any(rows$label != rows$term) && length(unique(rows$term)) > 1L
  group <- match(rows$term, unique(rows$term))
  at <- seq_len(n) + if (headed) group else 0
  all <- c(rows$lower, rows$upper, rows$estimate)
  finite <- all[is.finite(all)]
  if (is.null(xlim)) xlim <- if (length(finite)) range(finite) else c(0, 1)
  graphics::plot.default(
    NULL, xlim = xlim, ylim = c(max(at) + 0.5, 0.5), yaxt = "n", xlab = xlab, ylab = ylab,
    main = if (is.null(main)) "" else main, cex.main = cex.main, bty = "n", ...
  )
  edge <- graphics::par("usr")[1:2]
  if (xlim[[1L]] < 0 && xlim[[2L]] > 0) graphics::abline(v = 0, lty = 3L, col = "grey50")
  for (level in seq_len(ncol(rows$lower))) {
    lower <- rows$lower[, level]
    upper <- rows$upper[, level]
    graphics::segments(
      pmax(lower, edge[[1L]]), at, pmin(upper, edge[[2L]]), at, lwd = if (level == 1L) 1.5 else 2.5 + 2 * level,
      col = col, lend = 1L
    )
    if (level > 1L) next
    for (side in 1:2) {
      end <- if (side == 1L) lower else upper
      finite <- is.finite(end)
      graphics::segments(end[finite], at[finite] - 0.15, end[finite], at[finite] + 0.15, col = col, lwd = 1.5)
      if (any(is.infinite(end))) graphics::text(edge[[side]], at[is.infinite(end)], if (side == 1L) "<" else ">")
    }
    missing <- is.na(lower) & is.na(upper)
    if (any(missing)) graphics::text(mean(xlim), at[missing], "none", cex = 0.8)
  }
  graphics::points(rows$estimate, at, pch = 21L, bg = "white", col = col, cex = 1.1)
  graphics::axis(2L, at = at, labels = rows$label, las = 1L, tick = FALSE, mgp = c(3, 0.2, 0), gap.axis = -1)
  if (headed) {
    heads <- unique(rows$term)
    graphics::axis(2L, at = at[match(heads, rows$term)] - 1, labels = heads, las = 1L, tick = FALSE, mgp = c(3, 0.2, 0), font = 2L, gap.axis = -1)
  }
}

#' @rdname boot_ci
#' @param object Intervals.
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_boot_ci <- function(object, ...) {
  check_dots(...)
  frame <- as.data.frame(object)
  frame$term <- factor(frame$term, unique(frame$term))
  frame$type <- factor(frame$type, rev(unique(frame$type)))
  estimates <- attr(object, "t0")
  frame$estimate <- if (is.null(names(estimates))) NA_real_ else unname(estimates[as.character(frame$term)])
  # The longer interval of a higher level is drawn first, as a thinner line.
  frame$thick <- match(frame$conf, sort(unique(frame$conf), decreasing = TRUE))
  frame <- frame[order(frame$thick), ]
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(frame, ggplot2::aes(y = .data[["type"]])) +
    lapply(split(frame, frame$thick), function(rows) {
      ggplot2::geom_linerange(
        data = rows, ggplot2::aes(xmin = .data[["lower"]], xmax = .data[["upper"]]), colour = ink$dark,
        linewidth = 0.3 + 0.5 * rows$thick[[1L]], na.rm = TRUE
      )
    }) +
    ggplot2::geom_point(ggplot2::aes(x = .data[["estimate"]]), shape = 21L, fill = "white", colour = ink$dark, na.rm = TRUE) +
    ggplot2::facet_wrap("term", scales = "free_x") +
    few_breaks(length(unique(frame$term))) +
    ggplot2::labs(x = levels_of_intervals(sort(unique(frame$conf), decreasing = TRUE)), y = NULL)
}

#' @rdname jackknife
#' @param x,object A jackknife.
#' @param index Components: numbers or names. All by default.
#' @param labels How many of the most influential observations or clusters are named. `plot()`
#'   draws the influence values, a panel per component, with the bias and the standard
#'   error in its title; `autoplot()` the same by \pkg{ggplot2}.
#' @export
plot.rustle_jackknife <- function(x, index = NULL, labels = 3L, ...) {
  check_dots(..., .takes = graphical_names)
  terms <- jackknife_terms(x)
  chosen <- check_index(index, list(terms = terms))
  labels <- check_count(labels, "labels", min = 0)
  draw_panels(length(chosen), function(j) {
    k <- chosen[[j]]
    values <- x$L[, k]
    # Above and below is room for a label, of which height is known when the panel has begun.
    graphics::plot.new()
    line <- min(1.6 * graphics::strheight("0", cex = 0.75), 0.3)
    limits <- range(0, values, na.rm = TRUE)
    limits <- limits + c(-1, 1) * diff(limits) * line / (1 - 2 * line) * (labels > 0 & limits != 0)
    graphics::par(new = TRUE)
    main <- sprintf("%s, se %s", terms[[k]], format(x$se[[k]], digits = 3))
    graphics::plot.default(
      seq_along(values), values, type = "h", col = ink$medium, xlab = sub("s$", "", x$units), ylab = "influence",
      main = main, cex.main = fitting_size(main, 0.95),
      xlim = c(0, length(values) + 1), ylim = limits, ...
    )
    graphics::abline(h = 0, col = "grey50")
    at <- largest_apart(values, labels)
    graphics::text(at, values[at], at, pos = ifelse(values[at] < 0, 1L, 3L), offset = 0.2, cex = 0.75, xpd = NA)
  })
  invisible(x)
}

# The most influential observations whose names do not overlap.
largest_apart <- function(values, labels, width = graphics::strwidth(largest, cex = 0.75)) {
  largest <- utils::head(order(-abs(values)), labels)
  largest[spaced_labels(largest, width)]
}

jackknife_terms <- function(x) term_names(list(t0 = x$t0), length(x$t0))

#' @rdname jackknife
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_jackknife <- function(object, index = NULL, labels = 3L, ...) {
  check_dots(...)
  terms <- jackknife_terms(object)
  chosen <- check_index(index, list(terms = terms))
  frame <- data.frame(
    term = factor(rep(terms[chosen], each = nrow(object$L)), terms[chosen]),
    unit = rep(seq_len(nrow(object$L)), length(chosen)), influence = as.vector(object$L[, chosen])
  )
  labels <- check_count(labels, "labels", min = 0)
  # A panel is not wider than 30 names of three digits.
  named <- lapply(chosen, function(k) largest_apart(object$L[, k], labels, rep_len(nrow(object$L) / 15, labels)))
  named <- data.frame(
    term = factor(rep(terms[chosen], lengths(named)), terms[chosen]), unit = unlist(named),
    influence = unlist(Map(function(at, k) object$L[at, k], named, chosen))
  )
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(frame, ggplot2::aes(x = .data[["unit"]], xend = .data[["unit"]], y = .data[["influence"]], yend = 0)) +
    ggplot2::geom_hline(yintercept = 0, colour = "grey50") +
    ggplot2::geom_segment(colour = ink$medium) +
    (if (nrow(named)) {
      ggplot2::geom_text(
        data = named, ggplot2::aes(label = .data[["unit"]], vjust = ifelse(.data[["influence"]] < 0, 1.3, -0.3)), size = 2.8
      )
    }) +
    ggplot2::scale_y_continuous(expand = ggplot2::expansion(0.1)) +
    ggplot2::facet_wrap("term", scales = "free_y") +
    ggplot2::labs(x = sub("s$", "", object$units), y = "influence")
}
