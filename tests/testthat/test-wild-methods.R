test_that("results print what was tested", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  x <- quiet_wild(fit, "x1 = 0.2", ~ f + t, R = 199, weights = "webb", seed = 1)
  out <- paste(capture.output(print(x)), collapse = "\n")
  for (part in c("Wild cluster bootstrap test", "9 clusters (f), 12 clusters (t); weights of 9 (f)", "Webb", "x1 = 0.2", "p-value", "95 percent", "- f x t")) {
    expect_match(out, part, fixed = TRUE)
  }
  expect_output(print(quiet_wild(fit, "x1 = 0.2", ~ f, R = 9999)), "512, all combinations of signs")
  expect_output(print(quiet_wild(fit, "x1 = 99", ~ t, R = 999, seed = 1)), "p-value < 0.001")
  # All of 512 replicates within: less than one in 512, not less than the smallest number.
  all <- quiet_wild(fit, "x1 = 99", ~ f, R = 9999, plus_one = TRUE)
  expect_identical(all$p.value, 0)
  expect_output(print(all), "p-value < 0.002", fixed = TRUE)
  expect_output(print(quiet_wild(fit, "x1", ~ f, R = 99, seed = 1)), "null hypothesis: x1 = 0", fixed = TRUE)
})

test_that("confint(), tidy() and glance() have the interval, the test and its sizes", {
  skip_if_not_installed("generics")
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  x <- quiet_wild(fit, "x1 = 0.2", ~ t, R = 999, weights = "webb", seed = 1)
  expect_identical(unname(confint(x)), unname(x$conf.set))
  narrow <- confint(x, level = 0.5)
  expect_true(narrow[[1L]] > x$conf.int[[1L]] && narrow[[2L]] < x$conf.int[[2L]])
  row <- generics::tidy(x)
  expect_identical(row$term, "x1")
  expect_identical(c(row$conf.low, row$conf.high), c(x$conf.int))
  expect_identical(row$p.value, x$p.value)
  expect_identical(nrow(generics::tidy(quiet_wild(fit, c("x1", "x2"), ~ t, R = 99))), 2L)
  expect_named(generics::tidy(x, conf.int = FALSE), c("term", "estimate", "std.error", "null.value", "statistic", "p.value"))
  expect_identical(generics::glance(x)$clusters, 12)
})

test_that("plots give the curve that they draw", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  x <- quiet_wild(fit, "x1 = 0.2", ~ t, R = 199, seed = 1)
  curve <- plot(x, n = 11)
  expect_identical(curve, wild_curve(x, n = 11))
  expect_identical(names(plot(quiet_wild(fit, c("x1", "x2"), ~ t, R = 199, seed = 1), n = 4)), c("null1", "null2", "p.value"))
})
