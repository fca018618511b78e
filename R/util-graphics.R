# What the plots of this package share: colours, margins and the layout of panels.

# The colours differ in lightness as well, so that they can be told apart in black and white
# and by the colour-blind; lines also differ in type.
ink <- list(dark = "#004488", medium = "#4477AA", light = "#88CCEE", idle = "#EBEBEB", mark = "#BB5500")

# For curves that are compared: Okabe and Ito's colours, which the colour-blind can tell apart.
curve_colours <- c("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
curve_symbols <- c(19L, 17L, 15L, 1L, 2L, 0L)

# Narrow margins, unless the user has set some. R's own leave a third of a small device
# blank. Returns what par() needs to undo it.
narrow_margins <- function(left = 3.3, top = 1.8) {
  default <- isTRUE(all.equal(graphics::par("mar"), c(5.1, 4.1, 4.1, 2.1)))
  if (!default) return(list())
  graphics::par(mar = c(3.1, left, top, 0.8), mgp = c(1.9, 0.6, 0), tcl = -0.3)
}

# Rows and columns for `n` panels of `width` pictures side by side, so that the smallest side
# of a picture is as long as the device allows. Attribute `side`: that length in inches.
panel_grid <- function(n, width = 1L, device = graphics::par("din")) {
  columns <- seq_len(n)
  rows <- ceiling(n / columns)
  side <- pmin(device[[1L]] / (columns * width) / 1.3, device[[2L]] / rows)
  best <- which.max(side)
  structure(c(rows[[best]], columns[[best]]), side = side[[best]])
}

# Calls `draw(k)` for each of n panels.
draw_panels <- function(n, draw, left = 3.3) {
  grid <- panel_grid(n)
  old <- narrow_margins(left)
  split <- graphics::par(mfrow = c(1L, 1L))
  if (n > 1L) split <- graphics::par(mfrow = as.integer(grid))
  on.exit({ graphics::par(split); graphics::par(old) })
  for (k in seq_len(n)) draw(k)
}

# The size of a title, or with side = 2 of the name of the vertical axis, of the next panel: `most`,
# or less where it would be cut.
fitting_size <- function(text, most, side = 1L) {
  if (!is.character(text) || !any(nzchar(text))) return(most)
  middle <- mean(graphics::par("plt")[2L * side - 1:0])
  room <- 2 * min(middle, 1 - middle) * graphics::par("fin")[[side]]
  # Letters of a title, which is bold, are two thirds as wide as R's box of a letter.
  width <- max(nchar(text)) * 0.66 * graphics::par("cin")[[1L]] * graphics::par("cex")
  min(most, room / width)
}

# Which of the labels at `at`, in order of importance, can be drawn without overlapping one
# that is more important. gap: in units of the axis.
spaced_labels <- function(at, width, gap = 0) {
  kept <- integer()
  for (k in seq_along(at)) {
    if (is.na(at[[k]])) next
    if (all(abs(at[[k]] - at[kept]) >= (width[[k]] + width[kept]) / 2 + gap)) kept <- c(kept, k)
  }
  kept
}

# ggplot2: few numbers below panels that stand side by side, so that they do not run into one
# another.
few_breaks <- function(panels) {
  if (panels < 2L) return(NULL)
  # Of many panels each has room for two.
  breaks <- function(limits) {
    at <- pretty(limits, 3L)
    at <- at[at >= limits[[1L]] & at <= limits[[2L]]]
    if (panels > 2L && length(at) > 2L) range(at) else at
  }
  marks <- ggplot2::scale_x_continuous(breaks = breaks, guide = ggplot2::guide_axis(check.overlap = TRUE))
  list(marks, ggplot2::theme(panel.spacing = ggplot2::unit(1.1, "lines")))
}
