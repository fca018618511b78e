# What the plots of this package draw, in a form that can be compared between versions of R
# and systems: what was drawn, in which order, how many of it, where, and which text.

# A drawing for each class of result, in base graphics and by ggplot2. All are small and have
# a seed.
picture_cases <- function() {
  three <- bootstrap(mtcars, stat_lm(mpg ~ wt + hp), R = 999, seed = 1, threads = 1)
  ordinary <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 1)
  ridge <- cv(stats::lm(mpg ~ ., mtcars), K = 8, lambda = c(0, 1, 10, 100, 1000), seed = 1)
  repeated <- cv(stats::lm(mpg ~ wt, mtcars), K = 8, reps = 3, seed = 1)
  two <- permutation_test(mpg ~ am, data = mtcars, R = 1999, seed = 1, exact = FALSE, threads = 1)
  columns <- permutation_test(cbind(mpg, wt, hp) ~ am, data = mtcars, R = 499, seed = 1, threads = 1)
  few <- permutation_test(c(1, 3, 5, 9), c(2, 4, 6, 8, 7), statistic = "median")
  left <- jackknife(mtcars, stat_lm(mpg ~ wt + hp), threads = 1)
  times <- seq(0.01, 0.4, length.out = 40)
  curves <- compare_schedules(times, workers = 2^(0:5), threads = 1)
  bars <- compare_schedules(times, workers = 8, threads = 1)
  static <- simulate_schedule(times, workers = 2, schedule = "static")
  wild <- wild_test(stats::lm(dist ~ speed, datasets::cars), "speed = 3", R = 199, seed = 1, threads = 1)
  joint <- wild_test(stats::lm(mpg ~ wt + hp, mtcars), c("wt", "hp"), R = 199, seed = 1, threads = 1)
  both <- boot_ci(three, conf = c(0.8, 0.95), type = c("norm", "perc"))
  line <- stats::lm(mpg ~ wt + hp, mtcars)
  psi <- stats::nobs(line) * stats::residuals(line) * stats::model.matrix(line) %*% summary(line)$cov.unscaled
  many <- stats::lm(mpg ~ factor(carb) + factor(gear), mtcars)
  psi_many <- stats::nobs(many) * stats::residuals(many) * stats::model.matrix(many) %*% summary(many)$cov.unscaled
  results <- list(
    influence_many = bootstrap_influence(psi_many, stats::coef(many), R = 499, seed = 1, threads = 1),
    influence = bootstrap_influence(psi, stats::coef(line), R = 499, seed = 1, threads = 1),
    boot = three, boot_one = ordinary, boot_ci = both,
    boot_ci_one = boot_ci(ordinary), boot_ci_same = boot_ci(three, type = "perc", index = "wt"), cv_lambda = ridge,
    cv_reps = repeated, permutation = two, permutation_columns = columns, permutation_median = few,
    jackknife = left, jack_after_boot = jack_after_boot(three, "wt"), schedules = curves,
    schedules_bars = bars, simulation = static, timings = static$timings, wild = wild, wild_joint = joint
  )
  base <- lapply(results, function(x) function() plot(x))
  base$boot_chosen <- function() plot(three, index = c("wt", "hp"))
  base$boot_jack <- function() plot(three, "wt", jack = TRUE)
  list(base = base, ggplot2 = lapply(results, function(x) function() ggplot2::autoplot(x)))
}

# The device in memory, 6 x 4 inches, on which nothing depends on fonts of the system.
drawn_base <- function(draw) {
  grDevices::pdf(NULL, width = 6, height = 4)
  on.exit(grDevices::dev.off())
  grDevices::dev.control("enable")
  withr::with_preserve_seed(draw())
  calls <- grDevices::recordPlot()[[1L]]
  lines <- lapply(calls, function(call) {
    arguments <- as.list(call[[2L]])
    name <- arguments[[1L]]
    name <- sub("^C_", "", if (is.list(name)) name$name else as.character(name))
    # Clipping, layout and parameters differ between versions of R.
    if (!name %in% c("plot_window", "plotXY", "rect", "segments", "abline", "text", "title", "axis", "mtext", "polygon", "contour")) return(NULL)
    of <- vapply(arguments[-1L], numbers_of, "")
    text <- unlist(lapply(arguments[-1L], texts_of))
    said <- c(of[nzchar(of)], if (length(text)) sprintf("\"%s\"", text))
    if (length(said)) paste0("* ", name, ": ", paste(said, collapse = "; "))
  })
  unlist(lines)
}

# How many numbers, and between which, for vectors of numbers that say where.
numbers_of <- function(x) {
  if (is.list(x) && all(c("x", "y") %in% names(x))) {
    return(paste("x", numbers_of(x$x), "y", numbers_of(x$y)))
  }
  if (!is.numeric(x) || !length(x) || is.factor(x) || all(is.na(x))) return("")
  if (length(x) == 1L) return("")
  sprintf("%d in %s", length(x), paste(format(signif(range(x[is.finite(x)]), 2), trim = TRUE), collapse = " to "))
}

# Words; colours, types of lines and other codes have none.
texts_of <- function(x) {
  if (is.expression(x) || is.list(x)) return(unlist(lapply(as.list(x), texts_of)))
  if (!is.character(x)) return(NULL)
  x <- x[nzchar(x) & !is.na(x)]
  x[!x %in% grDevices::colors() & !grepl("^#", x) & nchar(x) > 1L & !x %in% c("xy", "dashed", "dotted", "solid")]
}

drawn_ggplot2 <- function(draw) {
  grDevices::pdf(NULL, width = 6, height = 4)
  on.exit(grDevices::dev.off())
  picture <- draw()
  built <- ggplot2::ggplot_build(picture)
  layers <- vapply(seq_along(picture$layers), function(k) {
    geom <- grep("^Geom", class(picture$layers[[k]]$geom), value = TRUE)[[1L]]
    # How many rows a computed layer has is ggplot2's affair.
    if (geom %in% c("GeomBar", "GeomDensity", "GeomContour")) return(paste("*", geom))
    sprintf("* %s: %d rows", geom, nrow(ggplot2::layer_data(picture, k)))
  }, "")
  labels <- picture$labels[c("x", "y", "title")]
  panels <- nrow(built$layout$layout)
  c(layers, sprintf("* %d panel%s; \"%s\"", panels, if (panels == 1L) "" else "s", paste(unlist(labels), collapse = "\"; \"")))
}

# All drawings as text.
texts_of_pictures <- function() {
  cases <- picture_cases()
  of <- function(kind, draw) {
    unlist(lapply(names(cases[[kind]]), function(name) c("", paste("##", name, kind), "", draw(cases[[kind]][[name]]))))
  }
  c(of("base", drawn_base), of("ggplot2", drawn_ggplot2))
}
