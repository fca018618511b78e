# Plots of bootstrap results.

#' @rdname bootstrap-methods
#' @export
plot.rustle_boot <- function(x, index = 1L, jack = FALSE, nclass = NULL, ...) {
  draws <- as_draws(x)
  jack <- check_flag(jack, "jack")
  k <- check_index(index, draws)
  if (length(k) != 1L) stop_argument("index", "one component", index, sys.call())
  # This stops when there are no frequencies, so it comes before anything is drawn.
  after <- if (jack) jack_after_boot(x, k)
  t <- draws$t[is.finite(draws$t[, k]), k]
  old <- graphics::par(no.readonly = TRUE)
  on.exit({ graphics::layout(1L); graphics::par(old[c("mar", "mgp", "cex")]) })
  graphics::layout(if (jack) rbind(1:2, c(3L, 3L)) else matrix(1:2, 1L))
  draw_histogram(t, draws$t0[[k]], draws$terms[[k]], nclass, ...)
  stats::qqnorm(
    t, main = "", ylab = draws$terms[[k]], xlab = "Quantiles of standard normal",
    pch = 20L, col = "#4477AA", ...
  )
  if (length(t) > 1L) graphics::abline(mean(t), stats::sd(t), lty = 2L)
  if (jack) plot(after)
  invisible(x)
}

draw_histogram <- function(t, t0, term, nclass, ...) {
  if (is.null(nclass)) nclass <- min(max(ceiling(length(t) / 25), 10), 100)
  graphics::hist(
    t, breaks = nclass, freq = FALSE, main = "", xlab = term, col = "#88CCEE", border = "white", ...
  )
  graphics::abline(v = t0, lty = 2L)
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
#' @examples
#' set.seed(1)
#' b <- boot(boot::city, function(d, i) sum(d$x[i]) / sum(d$u[i]), R = 500)
#' jack_after_boot(b)
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
  spread <- stats::sd(x$influence)
  at <- x$influence / if (spread > 0) spread else 1
  lines <- as.matrix(as.data.frame(unclass(x))[startsWith(names(x), "q")])
  limits <- range(lines, attr(x, "quantiles"), na.rm = TRUE)
  graphics::plot.default(
    NULL, xlim = range(at, na.rm = TRUE), ylim = limits - c(0.15, 0) * diff(limits),
    xlab = "standardized jackknife value", ylab = sprintf("centred quantiles of %s", attr(x, "term")), ...
  )
  graphics::abline(h = attr(x, "quantiles"), lty = 3L)
  sorted <- order(at)
  graphics::matlines(at[sorted], lines[sorted, , drop = FALSE], lty = 1L, col = "#4477AA")
  # When there are many observations, only those with extreme values get a label.
  named <- if (length(at) <= 40L) sorted else unique(c(utils::head(sorted, 5L), utils::tail(sorted, 5L)))
  graphics::text(at[named], limits[[1L]] - 0.1 * diff(limits), x$observation[named], cex = 0.7)
  invisible(x)
}

#' @rdname bootstrap-methods
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_boot <- function(object, conf.level = 0.95, type = NULL, nclass = 30, ...) {
  check_interval_dots(..., x = object)
  draws <- as_draws(object)
  terms <- factor(draws$terms, draws$terms)
  replicates <- data.frame(
    term = rep(terms, each = draws$R), value = as.vector(draws$t)
  )
  replicates <- replicates[is.finite(replicates$value), ]
  marks <- data.frame(term = terms, value = draws$t0)
  ci <- boot_ci(object, conf = check_one_level(conf.level, "conf.level"), type = default_interval(object, type), ...)
  ends <- data.frame(
    term = factor(rep(ci$term, 2L), draws$terms), value = c(ci$lower, ci$upper)
  )
  .data <- NULL # the pronoun of ggplot2
  ggplot2::ggplot(replicates, ggplot2::aes(x = .data[["value"]])) +
    ggplot2::geom_histogram(bins = nclass, fill = "#88CCEE", colour = "white") +
    ggplot2::geom_vline(data = marks, ggplot2::aes(xintercept = .data[["value"]])) +
    ggplot2::geom_vline(data = ends, ggplot2::aes(xintercept = .data[["value"]]), linetype = 2L, na.rm = TRUE) +
    ggplot2::facet_wrap("term", scales = "free") +
    ggplot2::labs(x = NULL, y = "replicates")
}
