# Pictures of a report (report.R): the timeline, the times of tasks, and the parts.

# Colours that people see who cannot tell red from green (Okabe and Ito 2008), grey for waiting.
part_colours <- c(
  tasks = "#0072B2", prepare = "#E69F00", starting = "#F0E442", first = "#D9C27E", claims = "#56B4E9", moving = "#009E73",
  relay = "#CC79A7", last = "#CFCFCF", lost = "#D55E00", unused = "#A9A9A9"
)

# Bins of time across the timeline, and rows of workers: what is more is put together.
most_bins <- 400L
most_rows <- 128L

#' Pictures of a report
#'
#' `plot()` draws what workers did when, waiting in grey, with a histogram of the times of tasks
#' and the parts of the time of all workers; `ggplot2::autoplot()` draws one of the three with ggplot2.
#'
#' The histogram has a logarithmic axis where the longest task takes more than 30 times the median.
#' The timeline has a row per worker. Its width is cut into bins; the height of the colour in a
#' bin is the share of it in which the worker evaluated tasks. So many tasks
#' are put together and not drawn over each other, and the picture takes as long for a hundred
#' thousand of them as for ten. Above 128 workers, neighbours share a row.
#'
#' @name report-plot
#' @rdname report-plot
#' @param x,object A report of [job_report()].
#' @param which Which to draw: `"timeline"`, `"tasks"` (the histogram) and `"parts"`; `NULL` (default):
#'   all three, on a device smaller than 5 x 4 inches the timeline. For `autoplot()` one of them.
#' @param main,... A title, and arguments of [graphics::plot.default()] for the timeline (`plot()`);
#'   `autoplot()`: not used.
#' @return `plot()`: `x`, invisibly. `autoplot()`: a ggplot.
#' @examples
#' x <- future_sapply(1:200, function(i) mean(runif(1e3)), future.seed = TRUE)
#' plot(job_report())
#' @seealso [job_report()], [plot.rustle_timings()].
#' @export
plot.rustle_report <- function(x, which = NULL, main = "", ...) {
  # On a small device three could not be read.
  room <- all(graphics::par("din") >= c(5, 4))
  which <- if (is.null(which)) c("timeline", if (room) c("tasks", "parts")) else check_pictures(which)
  if (length(which) > 1L) {
    old <- graphics::par(no.readonly = TRUE)
    on.exit(graphics::par(old))
    below <- setdiff(which, "timeline")
    if ("timeline" %in% which) {
      graphics::layout(rbind(rep(1L, length(below)), seq_along(below) + 1L), heights = c(1.2, 1))
    } else {
      graphics::layout(t(seq_along(below)))
    }
  }
  for (one in c("timeline", "tasks", "parts")) {
    if (!one %in% which) next
    switch(one, timeline = draw_timeline(x, main, ...), tasks = draw_task_times(x), parts = draw_parts(x))
  }
  invisible(x)
}

check_pictures <- function(which, call = sys.call(-1L)) {
  all <- c("timeline", "tasks", "parts")
  if (!is.character(which) || !length(which) || !all(which %in% all)) {
    stop_argument("which", "some of \"timeline\", \"tasks\", \"parts\"", which, call)
  }
  unique(which)
}

# The share of each bin of time in which a row of workers evaluated tasks: list(share (rows x
# bins), rows (the workers of each), edges).
timeline_of <- function(x, bins = most_bins, rows = most_rows) {
  workers <- x$workers
  row_of <- if (workers <= rows) seq_len(workers) else ceiling(seq_len(workers) * rows / workers)
  rows <- max(row_of)
  width <- max(x$wall, 1e-9) / bins
  share <- matrix(0, rows, bins)
  spans <- x$spans
  if (NROW(spans)) {
    from <- pmin(pmax(spans$start, 0), x$wall) / width
    to <- pmin(pmax(spans$end, 0), x$wall) / width
    row <- row_of[pmin(spans$worker, workers)]
    first <- pmin(floor(from), bins - 1)
    last <- pmin(floor(to), bins - 1)
    # What lies in the first and the last bin of a span, and the whole ones between.
    within <- first == last
    add <- function(row, bin, amount) {
      sums <- tapply(amount, factor((bin) * rows + row, seq_len(rows * bins)), sum, default = 0)
      share <<- share + matrix(as.vector(sums), rows, bins)
    }
    add(row[within], first[within], (to - from)[within])
    add(row[!within], first[!within], (first + 1 - from)[!within])
    add(row[!within], last[!within], (to - last)[!within])
    long <- which(last - first > 1)
    steps <- matrix(0, rows, bins + 1L)
    for (k in long) {
      steps[row[[k]], first[[k]] + 2] <- steps[row[[k]], first[[k]] + 2] + 1
      steps[row[[k]], last[[k]] + 1] <- steps[row[[k]], last[[k]] + 1] - 1
    }
    share <- share + t(apply(steps, 1L, cumsum))[, seq_len(bins), drop = FALSE]
  }
  share <- pmin(share / tabulate(row_of, rows), 1)
  list(share = share, rows = unname(split(seq_len(workers), row_of)), edges = seq(0, bins) * width)
}

# Bins in which there was work as boxes: a data frame (row, from, to, share). Neighbours of one height
# are one box, so that no seams are seen.
boxes_of <- function(bins) {
  at <- which(bins$share > 0.005, arr.ind = TRUE)
  at <- at[order(at[, 1L], at[, 2L]), , drop = FALSE]
  share <- bins$share[at]
  n <- nrow(at)
  if (!n) return(data.frame(row = integer(), from = numeric(), to = numeric(), share = numeric()))
  begins <- c(TRUE, diff(at[, 1L]) != 0 | diff(at[, 2L]) != 1 | abs(diff(share)) > 0.01)
  first <- which(begins)
  last <- c(first[-1L] - 1L, n)
  data.frame(row = at[first, 1L], from = bins$edges[at[first, 2L]], to = bins$edges[at[last, 2L] + 1L], share = share[first])
}

draw_timeline <- function(x, main = "", xlab = "seconds", ylab = "worker", ...) {
  bins <- timeline_of(x)
  rows <- nrow(bins$share)
  old <- graphics::par(mar = c(3.2, 3.3, if (nzchar(main)) 3.4 else 2, 1), mgp = c(1.9, 0.6, 0))
  on.exit(graphics::par(old))
  graphics::plot.default(
    NULL, xlim = c(0, max(x$wall, 1e-9)), ylim = c(rows + 0.5, 0.5), xaxs = "i", yaxs = "i", yaxt = "n", bty = "n",
    main = "", xlab = xlab, ylab = ylab, ...
  )
  if (nzchar(main)) graphics::title(main, line = 2)
  ticks <- pretty(c(1L, x$workers), min(x$workers, 8L))
  ticks <- unique(c(1L, ticks[ticks >= 1L & ticks <= x$workers & ticks == floor(ticks)]))
  at <- if (rows == x$workers) ticks else ticks * rows / x$workers
  graphics::axis(2L, at = at, labels = ticks, las = 1L, lwd = 0)
  height <- if (rows > 40L) 0.5 else 0.4
  graphics::rect(0, seq_len(rows) - height, x$wall, seq_len(rows) + height, col = part_colours[["last"]], border = NA)
  boxes <- boxes_of(bins)
  graphics::rect(
    boxes$from, boxes$row + height - 2 * height * boxes$share, boxes$to, boxes$row + height,
    col = part_colours[["tasks"]], border = NA
  )
  # Few tasks can be told apart.
  if (NROW(x$spans) && NROW(x$spans) <= 200L * max(1, rows / 8) && rows <= 40L) {
    edge <- x$spans$end
    graphics::segments(edge, x$spans$worker - height, edge, x$spans$worker + height, col = "white", lwd = 0.5)
  }
  # One line above the picture. The axis of workers runs downwards.
  line <- rows / graphics::par("pin")[[2L]] * graphics::par("csi")
  graphics::legend(
    x$wall / 2, 0.5 - 0.1 * line, c("tasks", "waiting"), fill = part_colours[c("tasks", "last")], border = NA, bty = "n",
    horiz = TRUE, xpd = NA, xjust = 0.5, yjust = 0, cex = 0.9
  )
}

draw_task_times <- function(x) {
  old <- graphics::par(mar = c(3.2, 4, 2, 1), mgp = c(1.9, 0.6, 0))
  on.exit(graphics::par(old))
  times <- task_seconds(x)
  if (!length(times)) {
    graphics::plot.new()
    graphics::text(0.5, 0.5, "no times of tasks")
    return(invisible())
  }
  unit <- unit_of(max(times))
  wide <- are_wide(times)
  graphics::hist(
    if (wide) log10(times / unit$size) else times / unit$size, breaks = 30L, col = part_colours[["tasks"]], border = "white",
    main = "Times of tasks", cex.main = 1, xlab = time_label(unit, wide),
    ylab = "", xaxt = if (wide) "n" else "s", yaxt = "n"
  )
  if (wide) {
    at <- grDevices::axisTicks(graphics::par("usr")[1:2], log = TRUE, nint = 4L)
    graphics::axis(1L, log10(at), format(at, trim = TRUE, drop0trailing = TRUE))
  }
  counts <- whole_breaks(graphics::par("usr")[3:4])
  graphics::axis(2L, counts, las = 1L)
  # Beside the numbers, however long they are.
  room <- max(graphics::strwidth(counts, "inches")) / graphics::par("csi") + 0.7
  graphics::title(ylab = "tasks", line = min(max(1.9, room), 2.9))
}

# Are the longest tasks so much longer that the others would be one bar?
are_wide <- function(times) length(times) > 0L && min(times) > 0 && max(times) > 30 * stats::median(times)

time_label <- function(unit, wide) if (wide) paste(unit$name, "(logarithmic)") else unit$name

# Marks for counts of tasks.
whole_breaks <- function(limits) unique(floor(pretty(pmax(limits, 0), 4L)))

# In which a time is told: list(name, size in seconds).
unit_of <- function(seconds) {
  if (seconds < 1e-3) return(list(name = "microseconds", size = 1e-6))
  if (seconds < 1) return(list(name = "milliseconds", size = 1e-3))
  list(name = "seconds", size = 1)
}

draw_parts <- function(x) {
  together <- colSums(x$parts)
  share <- together / sum(together)
  share <- share[share >= 0.0005 | names(share) == "tasks"]
  share <- rev(share[order(names(share) != "tasks", -share)])
  labels <- report_parts[names(share)]
  # Labels stand above their bars, where there is room at every size.
  old <- graphics::par(mar = c(3.2, 1, 2, 1), mgp = c(1.9, 0.6, 0))
  on.exit(graphics::par(old))
  n <- length(share)
  graphics::plot.default(
    NULL, xlim = c(0, 100), ylim = c(0.4, max(n, 3) + 0.6), yaxt = "n", bty = "n", xaxs = "i", ylab = "",
    xlab = "% of the workers' time", main = "Where the time went", cex.main = 1
  )
  at <- seq_len(n) + max(0, 3 - n)
  graphics::rect(0, at - 0.4, 100, at - 0.02, col = "#F4F4F4", border = NA)
  graphics::rect(0, at - 0.4, 100 * share, at - 0.02, col = part_colours[names(share)], border = NA)
  # As large as there is room for between two bars.
  size <- min(0.85, 0.55 / (1.5 * graphics::strheight("Xg")))
  graphics::text(0, at + 0.27, sprintf("%s %.1f%%", labels, 100 * share), adj = c(0, 0.5), cex = size, xpd = NA)
}

#' @rdname report-plot
#' @exportS3Method ggplot2::autoplot
autoplot.rustle_report <- function(object, which = "timeline", ...) {
  which <- check_choice(which, c("timeline", "tasks", "parts"), "which")
  switch(which, timeline = gg_timeline(object), tasks = gg_tasks(object), parts = gg_parts(object))
}

gg_timeline <- function(x) {
  bins <- timeline_of(x)
  rows <- nrow(bins$share)
  boxes <- boxes_of(bins)
  wait <- data.frame(xmin = 0, xmax = x$wall, ymin = seq_len(rows) - 0.4, ymax = seq_len(rows) + 0.4, what = "waiting")
  work <- data.frame(
    xmin = boxes$from, xmax = boxes$to, ymin = boxes$row + 0.4 - 0.8 * boxes$share, ymax = boxes$row + 0.4,
    what = rep("tasks", nrow(boxes))
  )
  ticks <- pretty(c(1L, x$workers), min(x$workers, 8L))
  ticks <- unique(c(1L, ticks[ticks >= 1L & ticks <= x$workers & ticks == floor(ticks)]))
  gg_rects(rbind(wait, work)) +
    ggplot2::scale_y_reverse(breaks = ticks * rows / x$workers, labels = ticks) +
    ggplot2::scale_fill_manual(NULL, values = c(tasks = part_colours[["tasks"]], waiting = part_colours[["last"]])) +
    ggplot2::labs(x = "seconds", y = "worker")
}

# Columns are named by `.data`, which ggplot2 knows.
gg_rects <- function(data) {
  ggplot2::ggplot(data) +
    ggplot2::geom_rect(do.call(ggplot2::aes, lapply(c(xmin = "xmin", xmax = "xmax", ymin = "ymin", ymax = "ymax", fill = "what"), as.name))) +
    ggplot2::theme_minimal() +
    ggplot2::theme(legend.position = "top", panel.grid.minor = ggplot2::element_blank())
}

gg_tasks <- function(x) {
  times <- task_seconds(x)
  unit <- unit_of(max(times, 0))
  wide <- are_wide(times)
  ggplot2::ggplot(data.frame(time = times / unit$size)) +
    ggplot2::geom_histogram(do.call(ggplot2::aes, list(x = as.name("time"))), bins = 30, fill = part_colours[["tasks"]], colour = "white") +
    (if (wide) ggplot2::scale_x_log10()) +
    ggplot2::scale_y_continuous(breaks = whole_breaks) +
    ggplot2::theme_minimal() +
    ggplot2::labs(x = time_label(unit, wide), y = "tasks")
}

gg_parts <- function(x) {
  s <- summary(x)$parts
  s <- s[s$share >= 0.0005, ]
  s$y <- rev(seq_len(nrow(s)))
  data <- data.frame(xmin = 0, xmax = 100 * s$share, ymin = s$y - 0.35, ymax = s$y + 0.35, what = s$part)
  gg_rects(data) +
    ggplot2::scale_fill_manual(NULL, values = part_colours, guide = "none") +
    ggplot2::scale_y_continuous(breaks = s$y, labels = s$what) +
    ggplot2::labs(x = "% of the workers' time", y = NULL)
}
