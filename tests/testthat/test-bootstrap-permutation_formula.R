# The formula form gives what the two samples give.

same_test <- function(a, b) {
  for (field in c("statistic", "p.value", "parameter", "adjusted", "exact", "method", "null.value")) {
    expect_identical(a[[field]], b[[field]])
  }
}

test_that("response ~ group is the first level less the second, as in t.test()", {
  a <- mtcars$mpg[mtcars$am == 0]
  b <- mtcars$mpg[mtcars$am == 1]
  p <- permutation_test(mpg ~ am, data = mtcars, R = 500, exact = FALSE, seed = 1)
  same_test(p, permutation_test(a, b, R = 500, exact = FALSE, seed = 1))
  t <- t.test(mpg ~ am, data = mtcars)
  expect_identical(p$data.name, t$data.name)
  expect_equal(p$estimate, t$estimate)
  expect_named(p$estimate, names(t$estimate))
  same_test(
    permutation_test(mpg ~ am, mtcars, alternative = "less", R = 99, exact = FALSE, seed = 2),
    permutation_test(a, b, alternative = "less", R = 99, exact = FALSE, seed = 2)
  )
  d <- transform(mtcars, am = factor(am, c(1, 0)))
  same_test(permutation_test(mpg ~ am, d, "median", R = 99, exact = FALSE, seed = 2), permutation_test(b, a, "median", R = 99, exact = FALSE, seed = 2))
  f <- function(x, y) diff(range(x)) - diff(range(y))
  same_test(permutation_test(mpg ~ am, mtcars, f, R = 20, seed = 2), permutation_test(a, b, f, R = 20, seed = 2))
  # Without data.
  y <- c(3, 1, 4, 1.5, 9); g <- c("u", "v", "u", "v", "v")
  same_test(permutation_test(y ~ g), permutation_test(c(3, 4), c(1, 1.5, 9)))
  expect_match(conditionMessage(expect_argument_error(permutation_test(y ~ nothing), "x")), "object 'nothing' not found")
  h <- g[-1]
  expect_argument_error(permutation_test(y ~ h), "x")
})

test_that("strata are in the order of the data; several columns are tested", {
  a <- mtcars$am == 0
  both <- c(mtcars$cyl[a], mtcars$cyl[!a])
  same_test(
    permutation_test(mpg ~ am, data = mtcars, strata = mtcars$cyl),
    permutation_test(mtcars$mpg[a], mtcars$mpg[!a], strata = both)
  )
  x <- as.matrix(mtcars[c("mpg", "hp")])
  same_test(
    permutation_test(cbind(mpg, hp) ~ am, data = mtcars, R = 99, exact = FALSE, seed = 1),
    permutation_test(x[a, ], x[!a, ], R = 99, exact = FALSE, seed = 1)
  )
})

test_that("y ~ x is a correlation", {
  for (statistic in c("cor", "spearman")) {
    p <- permutation_test(dist ~ speed, cars, statistic, R = 99, seed = 1)
    same_test(p, permutation_test(cars$speed, cars$dist, statistic, R = 99, seed = 1))
    expect_identical(p$data.name, "speed and dist")
  }
  same_test(
    permutation_test(mpg ~ wt + hp, mtcars, "cor", R = 99, seed = 1),
    permutation_test(as.matrix(mtcars[c("wt", "hp")]), mtcars$mpg, "cor", R = 99, seed = 1)
  )
})

test_that("formulas that name no samples are refused", {
  refused <- function(argument, ...) expect_argument_error(permutation_test(...), argument)
  refused("x", mpg ~ cyl, data = mtcars)
  refused("x", mpg ~ am + vs, data = mtcars)
  refused("x", ~mpg, data = mtcars)
  refused("x", mpg ~ 1, data = mtcars)
  refused("data", mpg ~ am, data = 3)
  refused("data", 1:3, 2:4, data = mtcars)
  refused("paired", mpg ~ am, data = mtcars, paired = TRUE)
  refused("data", am ~ mpg, data = transform(mtcars, am = letters[1 + am]), statistic = "cor")
  error <- refused("formula", mpg ~ nothing, data = mtcars)
  expect_match(conditionMessage(error), "'nothing' not found")
  expect_match(conditionMessage(error), "mpg, cyl")
  error <- refused("data", mpg ~ am, data = transform(mtcars, mpg = replace(mpg, 2, NA)))
  expect_match(conditionMessage(error), "mpg has 1 missing")
})
