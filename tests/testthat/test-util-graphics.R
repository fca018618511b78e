# What the plots draw is on record in util-pictures.md. After a change run tools/pictures, with
# a directory for the pictures, and look at them.

test_that("every plot draws what is on record", {
  skip_if_not_installed("ggplot2", "3.4.0")
  skip_if(getRversion() >= "4.4.0", "density() has other values since R 4.4")
  recorded <- readLines(test_path("util-pictures.md"), encoding = "UTF-8")[-1L]
  texts <- texts_of_pictures()
  headings <- function(lines) grep("^## ", lines, value = TRUE)
  expect_identical(headings(texts), headings(recorded))
  by_picture <- function(lines) split(lines, cumsum(grepl("^## ", lines)))
  for (k in seq_along(by_picture(texts))) {
    expect_identical(by_picture(texts)[[k]], by_picture(recorded)[[k]], info = "run tools/pictures and look at the pictures")
  }
})

test_that("every result class with plot() has autoplot(), and the reverse", {
  methods <- function(generic) {
    found <- grep(paste0("^", generic, "[.]rustle_"), ls(asNamespace("rustle"), all.names = TRUE), value = TRUE)
    sub(paste0(generic, "."), "", found, fixed = TRUE)
  }
  expect_identical(methods("plot"), methods("autoplot"))
})

test_that("plots leave the margins and panels as they were, and keep those of the user", {
  withr::local_pdf(NULL)
  old <- graphics::par(c("mar", "mgp", "tcl", "mfrow"))
  for (draw in picture_cases()$base) draw()
  expect_identical(graphics::par(c("mar", "mgp", "tcl", "mfrow")), old)
  graphics::par(mar = c(4, 4, 1, 1))
  expect_identical(narrow_margins(), list())
})

test_that("plots can be drawn on a small device", {
  withr::local_pdf(NULL, width = 4, height = 3)
  for (draw in picture_cases()$base) expect_no_error(draw())
})

test_that("labels that would overlap a more important one are left out", {
  expect_identical(spaced_labels(c(1, 1.4, 2, NA, 5), rep(0.5, 5)), c(1L, 3L, 5L))
  expect_identical(spaced_labels(c(1, 2), c(1, 1)), 1:2)
  expect_identical(spaced_labels(c(1, 2), c(1, 1), gap = 0.1), 1L)
})

test_that("numbers below panels side by side are few enough for a small device", {
  skip_if_not_installed("ggplot2", "3.4.0")
  b <- bootstrap(mtcars, stat_lm(mpg ~ wt + hp), R = 999, seed = 1)
  for (picture in list(ggplot2::autoplot(b), ggplot2::autoplot(boot_ci(b, type = "perc")))) {
    panels <- ggplot2::ggplot_build(picture)$layout$panel_params
    expect_length(panels, 3L)
    for (panel in panels) {
      shown <- panel$x$get_labels()
      expect_identical(sum(!is.na(shown)), 2L)
    }
  }
})

test_that("panels fill the device", {
  expect_identical(as.numeric(panel_grid(3, device = c(3, 9))), c(3, 1))
  expect_identical(as.numeric(panel_grid(3, device = c(12, 3))), c(1, 3))
  expect_identical(as.numeric(panel_grid(4, device = c(6, 5))), c(2, 2))
})

test_that("a graphical method refuses arguments that it does not know", {
  ci <- boot_ci(bootstrap(1:20, "mean", R = 99, seed = 1), type = "norm")
  expect_argument_error(plot(ci, colour = "red"), "colour")
  expect_argument_error(ggplot2::autoplot(ci, level = 0.9), "level")
})
