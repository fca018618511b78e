# Plots of bootstrap results.

#' @rdname bootstrap-methods
#' @export
plot.rustle_boot <- function(x, index = NULL, jack = FALSE, nclass = NULL, conf.level = 0.95, type = NULL,
                             quantiles = NULL, ...) {
  draws <- as_draws(x)
  jack <- check_flag(jack, "jack")
  chosen <- check_index(index, draws)
  conf.level <- check_one_level(conf.level, "conf.level")
  quantiles <- check_flag(quantiles, "quantiles", null = TRUE)
  if (jack && is.null(index)) chosen <- 1L
  if (jack && length(chosen) != 1L) stop_argument("index", "one component", index, sys.call())
  # This stops when there are no frequencies, so it comes before anything is drawn.
  after <- if (jack) jack_after_boot(x, chosen)
  ends <- ends_to_draw(x, chosen, conf.level, type)
  # Quantile plots stand beside the histograms where both are large enough to be read.
  if (is.null(quantiles)) quantiles <- jack || attr(panel_grid(length(chosen), 2L), "side") >= 1.2
  grid <- panel_grid(length(chosen), 1L + quantiles)
  old <- graphics::par(no.readonly = TRUE)
  on.exit({ graphics::layout(1L); graphics::par(old[c("mar", "mgp", "tcl", "cex")]) })
  panels <- matrix(seq_len(prod(grid) * (1L + quantiles)), grid[[1L]], byrow = TRUE)
  graphics::layout(if (jack) rbind(1:2, c(3L, 3L)) else panels, heights = if (jack) c(1, 1.4) else rep.int(1, nrow(panels)))
  narrow_margins()
  for (k in chosen) {
    t <- draws$t[is.finite(draws$t[, k]), k]
    draw_histogram(t, draws$t0[[k]], draws$terms[[k]], nclass, ends[match(k, chosen), ], ...)
    if (quantiles) draw_quantiles(t, draws$terms[[k]], ...)
  }
  if (jack) plot(after)
  invisible(x)
}

# The interval of each component, a row each, or NA where the scheme has none. The warnings of
# boot_ci() belong to boot_ci().
ends_to_draw <- function(x, chosen, conf, type, ...) {
  none <- matrix(NA_real_, length(chosen), 2L)
  ci <- tryCatch(
    withCallingHandlers(
      boot_ci(x, conf = conf, type = default_interval(x, type), index = chosen, ...),
      rustle_warning_interval = function(w) invokeRestart("muffleWarning")
    ),
    rustle_error_interval = function(e) if (is.null(type)) NULL else stop(e)
  )
  if (is.null(ci)) none else cbind(ci$lower, ci$upper)
}

# Histogram and density of the replicates, the estimate (solid) and the interval (dashed).
draw_histogram <- function(t, t0, term, nclass, ends, main = term, xlab = "replicates", ...) {
  if (is.null(nclass)) nclass <- min(max(ceiling(length(t) / 25), 10), 30)
  cells <- graphics::hist(t, breaks = nclass, plot = FALSE)
  density <- if (length(unique(t)) > 10L) stats::density(t)
  # White gaps would hide narrow bars.
  gaps <- if (graphics::par("fin")[[1L]] / length(cells$mids) > 0.1) "white" else ink$light
  graphics::plot(
    cells, freq = FALSE, main = main, cex.main = fitting_size(main, 1), xlab = xlab, ylab = "density", col = ink$light, border = gaps,
    ylim = c(0, max(cells$density, density$y)), ...
  )
  if (!is.null(density)) graphics::lines(density, col = ink$dark)
  graphics::abline(v = t0, lwd = 2, col = ink$mark)
  graphics::abline(v = ends[is.finite(ends)], lwd = 1.5, lty = 2L, col = ink$mark)
}

draw_quantiles <- function(t, term, main = "", ylab = "replicates", ...) {
  stats::qqnorm(t, main = main, ylab = ylab, xlab = "normal quantiles", pch = 20L, cex = 0.6, col = ink$medium, ...)
  if (length(t) > 1L) graphics::abline(mean(t), stats::sd(t), lty = 2L)
}

#' Jackknife after bootstrap
#'
#' How much each observation matters for the bootstrap distribution, without new
#' resamples: the replicates in which an observation does not occur are a bootstrap of
#' the other observations (Efron 1992).
#'
#' @param x A `rustle_boot` or `boot` object of cases drawn at random.
#' @param index A component: number or name.
#' @param probs Probabilities of the quantiles that are followed.
#' @param ... Ignored.
#' @return A data frame of class `rustle_jack_after_boot` with a row per observation:
#'   `observation`, `replicates` (those without it), `influence` (n - 1 times the mean of
#'   all replicates minus the mean of those), `std.error` of these, and a column per
#'   quantile of these minus their mean. Attributes `quantiles` (of all replicates,
#'   centred) and `std.error` (the jackknife's standard error of the bootstrap standard
#'   error). `plot()` draws the quantiles over the standardized influence.
#' @section Errors: `rustle_error_interval` for schemes that do not leave observations out
#'   at random; `rustle_error_argument` for wrong arguments.
#' @references Efron, B. (1992) Jackknife-after-bootstrap standard errors and influence
#'   functions. *Journal of the Royal Statistical Society B* 54, 83-127.
#' @seealso [bootstrap()]; [jackknife()] for the influence without replicates.
#' @examples
#' set.seed(1)
#' b <- boot(boot::city, function(d, i) sum(d$x[i]) / sum(d$u[i]), R = 500)
#' j <- jack_after_boot(b)
#' j[1:3, 1:4]
#' #>  observation replicates influence std.error
#' #>            1        182    -1.102     0.251
#' #>            2        185    -0.589     0.255
#' #>            3        179    -0.525     0.261
#' plot(j)
#' @export
jack_after_boot <- function(x, index = 1L, probs = c(0.05, 0.1, 0.16, 0.5, 0.84, 0.9, 0.95)) {
  check_required("x")
  draws <- as_draws(x)
  k <- check_index(index, draws)
  if (length(k) != 1L) stop_argument("index", "one component", index, sys.call())
  good <- is.numeric(probs) && length(probs) && !anyNA(probs) && all(probs > 0 & probs < 1)
  if (!good) stop_argument("probs", "probabilities between 0 and 1", probs, sys.call())
  if (!draws$sim %in% c("ordinary", "balanced", "antithetic", "poisson")) {
    abort_rustle(
      sprintf("The jackknife after the bootstrap is not for sim = \"%s\".", draws$sim),
      class = "rustle_error_interval", argument = "x", value = draws$sim, call = sys.call()
    )
  }
  used <- boot_array(x) > 0
  t <- draws$t[, k]
  kept <- is.finite(t)
  t <- t[kept]
  used <- used[kept, , drop = FALSE]
  rows <- lapply(seq_len(ncol(used)), function(j) {
    without <- t[!used[, j]]
    c(length(without), mean(without), stats::sd(without), if (length(without) > 1L) {
      normal_quantile(without - mean(without), probs)
    } else {
      rep(NA_real_, length(probs))
    })
  })
  rows <- do.call(rbind, rows)
  quantiles <- rows[, -(1:3), drop = FALSE]
  colnames(quantiles) <- paste0("q", format(100 * probs, trim = TRUE, digits = 3))
  n <- ncol(used)
  out <- data.frame(
    observation = seq_len(n), replicates = rows[, 1L],
    influence = (n - 1) * (mean(t) - rows[, 2L]), std.error = rows[, 3L], quantiles
  )
  centred <- rows[, 3L] - mean(rows[, 3L])
  structure(
    out, class = c("rustle_jack_after_boot", "data.frame"), term = draws$terms[[k]],
    quantiles = normal_quantile(t - mean(t), probs), std.error = sqrt((n - 1) / n * sum(centred^2))
  )
}

#' @rdname jack_after_boot
#' @param digits Number of significant digits.
#' @export
print.rustle_jack_after_boot <- function(x, digits = 3L, ...) {
  frame <- plain_frame(x)
  if (nrow(frame) <= 10L || is.null(frame$influence)) {
    print(frame, digits = digits, row.names = FALSE, ...)
    return(invisible(x))
  }
  cat(sprintf(
    "Jackknife after the bootstrap of %s, %d observations\nstandard error of the standard error: %s\n\n",
    attr(x, "term"), nrow(frame), format(attr(x, "std.error"), digits = digits)
  ))
  cat("Largest influence:\n")
  largest <- order(-abs(frame$influence))[1:5]
  columns <- intersect(c("observation", "replicates", "influence", "std.error"), names(frame))
  print(frame[largest, columns], digits = digits, row.names = FALSE, ...)
  cat("as.data.frame() has all of them, with quantiles; plot() draws them.\n")
  invisible(x)
}

#' @export
as.data.frame.rustle_jack_after_boot <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(plain_frame(x), row.names = row.names, optional = optional, ...)
}

#' @rdname jack_after_boot
#' @export
plot.rustle_jack_after_boot <- function(x, ...) {
  old <- narrow_margins()
  on.exit(graphics::par(old))
  at <- standardized_influence(x)
  lines <- as.matrix(as.data.frame(unclass(x))[startsWith(names(x), "q")])
  limits <- range(lines, attr(x, "quantiles"), na.rm = TRUE)
  # Below the curves is room for two lines of names: of which height is known when the panel
  # has begun.
  graphics::plot.new()
  part <- min(0.9 * graphics::par("cin")[[2L]] * graphics::par("cex") / graphics::par("pin")[[2L]], 0.2)
  line <- diff(limits) * part / (1 - 2 * part)
  graphics::par(new = TRUE)
  graphics::plot.default(
    NULL, xlim = range(at, na.rm = TRUE), ylim = limits - c(2 * line, 0),
    xlab = "standardized jackknife value", ylab = "", ...
  )
  name <- sprintf("centred quantiles of %s", attr(x, "term"))
  graphics::title(ylab = name, cex.lab = fitting_size(name, graphics::par("cex.lab"), 2L))
  graphics::abline(h = attr(x, "quantiles"), lty = 3L)
  sorted <- order(at)
  graphics::matlines(at[sorted], lines[sorted, , drop = FALSE], lty = 1L, col = ink$medium)
  # The extreme observations are named first; those whose names would overlap move to a second
  # line, or have none.
  waiting <- order(-abs(at))
  for (k in 1:2) {
    width <- graphics::strwidth(x$observation[waiting], cex = 0.7)
    kept <- waiting[spaced_labels(at[waiting], width, graphics::strwidth("1", cex = 0.5))]
    graphics::text(at[kept], limits[[1L]] - k * line, x$observation[kept], cex = 0.7)
    waiting <- setdiff(waiting, kept)
  }
  invisible(x)
}

standardized_influence <- function(x) {
  spread <- stats::sd(x$influence)
  x$influence / if (isTRUE(spread > 0)) spread else 1
}

#' @rdname jack_after_boot
#' @param object As `x`: what `jack_after_boot()` returns.
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_jack_after_boot <- function(object, ...) {
  check_dots(...)
  quantiles <- names(object)[startsWith(names(object), "q")]
  at <- standardized_influence(object)
  frame <- data.frame(
    at = rep(at, length(quantiles)), quantile = factor(rep(quantiles, each = length(at)), quantiles),
    value = unlist(unclass(object)[quantiles], use.names = FALSE)
  )
  all <- data.frame(value = attr(object, "quantiles"))
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(frame, ggplot2::aes(x = .data[["at"]], y = .data[["value"]], group = .data[["quantile"]])) +
    ggplot2::geom_hline(data = all, ggplot2::aes(yintercept = .data[["value"]]), linetype = 3L) +
    ggplot2::geom_line(colour = ink$medium) +
    ggplot2::geom_rug(data = data.frame(at = at), ggplot2::aes(x = .data[["at"]]), inherit.aes = FALSE, sides = "b", length = ggplot2::unit(5, "pt")) +
    # The extreme observations are named; what would overlap has no name. Spaces keep names apart.
    ggplot2::geom_text(
      data = data.frame(at = at, name = object$observation)[order(-abs(at)), ],
      ggplot2::aes(x = .data[["at"]], label = paste0(" ", .data[["name"]], " ")), y = -Inf, vjust = -1.3, size = 2.8, check_overlap = TRUE, inherit.aes = FALSE
    ) +
    ggplot2::scale_y_continuous(expand = ggplot2::expansion(c(0.15, 0.05))) +
    ggplot2::labs(x = "standardized jackknife value", y = sprintf("centred quantiles of %s", attr(object, "term")))
}

#' @rdname bootstrap-methods
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_boot <- function(object, index = NULL, conf.level = 0.95, type = NULL, nclass = 30, ...) {
  check_interval_dots(..., x = object)
  draws <- as_draws(object)
  chosen <- check_index(index, draws)
  ends <- ends_to_draw(object, chosen, check_one_level(conf.level, "conf.level"), type, ...)
  terms <- factor(draws$terms[chosen], draws$terms[chosen])
  replicates <- data.frame(
    term = rep(terms, each = draws$R), value = as.vector(draws$t[, chosen])
  )
  replicates <- replicates[is.finite(replicates$value), ]
  marks <- data.frame(term = terms, value = draws$t0[chosen])
  ends <- data.frame(term = rep(terms, 2L), value = as.vector(ends))
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(replicates, ggplot2::aes(x = .data[["value"]])) +
    ggplot2::geom_histogram(ggplot2::aes(y = ggplot2::after_stat(.data[["density"]])), bins = nclass, fill = ink$light, colour = "white", linewidth = 0.1) +
    ggplot2::geom_vline(data = marks, ggplot2::aes(xintercept = .data[["value"]]), colour = ink$mark) +
    ggplot2::geom_vline(data = ends, ggplot2::aes(xintercept = .data[["value"]]), linetype = 2L, colour = ink$mark, na.rm = TRUE) +
    ggplot2::geom_density(colour = ink$dark) +
    ggplot2::facet_wrap("term", scales = "free") +
    few_breaks(length(chosen)) +
    ggplot2::labs(x = NULL, y = "density of the replicates")
}
