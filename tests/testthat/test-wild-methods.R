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

test_that("the result tells fixed effects, and sides only of statistics that have them", {
  set.seed(1)
  d <- data.frame(g = rep(1:12, each = 5), x = rnorm(60), z = rnorm(60), y = rnorm(60))
  fit <- lm(y ~ x + z, d)
  test <- function(null, ...) quiet_wild(fit, null, ~ g, R = 99, seed = 1, ...)
  expect_output(print(test("x")), "(two-sided)", fixed = TRUE)
  expect_false(any(grepl("sided", capture.output(print(test(c("x", "z")))))))
  expect_output(print(test("x", effects = ~ g)), "fixed effects: 12 projected out, counted as coefficients")
  expect_output(print(test("x", effects = ~ g, count_effects = FALSE)), "12 projected out, not counted")
  d$y <- d$y + 3 * d$x
  fit <- lm(y ~ x + z, d)
  expect_output(print(test("x"), digits = 3), "p-value < 0.01", fixed = TRUE)
  expect_output(print(test("x", effects = ~ g, adjust = "none")), "12 projected out\n")
})

test_that("the contours of two hypotheses hold the set that is not rejected", {
  set.seed(2)
  d <- data.frame(g = rep(1:8, each = 2), p = rep(0:1, 8), s = rnorm(16))
  d$y <- d$s + rnorm(8)[d$g] + rnorm(16)
  x <- quiet_wild(lm(y ~ p + s, d), c("p = 0", "s = 1"), ~ g, R = 499, weights = "webb", seed = 1)
  curve <- wild_curve(x, n = 9)
  edge <- curve$null1 %in% range(curve$null1) | curve$null2 %in% range(curve$null2)
  expect_lt(max(curve$p.value[edge]), 0.05)
  # Four standard errors were not enough.
  four <- expand.grid(lapply(1:2, function(i) x$estimate[[i]] + 4 * x$std.error[[i]] * seq(-1, 1, length.out = 9)))
  on_edge <- four[[1L]] %in% range(four[[1L]]) | four[[2L]] %in% range(four[[2L]])
  expect_gt(max(wild_curve(x, at = as.matrix(four)[on_edge, ])$p.value), 0.05)
})
