same_apply <- function(...) {
  expect_every_way(
    function() future_apply(...), observe(apply(...)), n = 1L, plans = in_turn(few_plans(), "apply"),
    chunkings = list(), parts = c("value", "class", "message", "call", "seed")
  )
}

test_that("future_apply() is apply() over every margin", {
  m <- matrix(1:6, 2, dimnames = list(r = c("a", "b"), c = LETTERS[1:3]))
  same_apply(m, 1, sum)
  same_apply(m, 2, range)
  same_apply(m, c(1, 2), identity)
  same_apply(m, c(2, 1), function(x) c(x, 1))
  same_apply(m, "r", identity)
  same_apply(m, 1, names)
  same_apply(m, 1, function(x) if (x[[1]] == 1) 1 else 1:2)
  same_apply(m, 1, function(x) NULL)
  same_apply(m, 1, sum, simplify = FALSE)
  same_apply(m, 1, quantile, probs = c(0.1, 0.9))
  same_apply(m, 2, function(x) stop("no ", x[[1]]))
  a <- array(1:24, 2:4, dimnames = list(NULL, c("x", "y", "z"), NULL))
  same_apply(a, 3, dim)
  same_apply(a, c(1, 3), sum)
  same_apply(a, c(3, 1), identity)
  same_apply(a, 2, function(x) x)
  same_apply(iris[1:4, 1:4], 1, sum)
  same_apply(iris[1:3, ], 1, function(row) row[["Species"]])
  same_apply(array(1:3, 3), 1, sqrt)
})

test_that("future_apply() is apply() where there is nothing", {
  same_apply(matrix(0, 0, 3), 1, sum)
  same_apply(matrix(0, 0, 3), 2, sum)
  same_apply(matrix(0, 3, 0), 1, length)
})

test_that("future_apply() draws the numbers of future.apply", {
  skip_without_fork()
  m <- matrix(1:6, 3)
  oracle <- under_future(future.apply::future_apply(m, 1, function(v) rnorm(2, v), future.seed = 3))
  expect_every_way(
    function(...) future_apply(m, 1, function(v) rnorm(2, v), future.seed = 3, ...),
    observe(oracle), n = 3L, plans = few_plans(), parts = "value"
  )
})

test_that("wrong arguments are refused by name", {
  expect_argument_error(future_apply(1:3, 1, sum), "X")
  for (margin in list(0, 3, NA, "a", integer(), c(1, 1), 1.2 + 5)) {
    expect_argument_error(future_apply(matrix(1:4, 2), margin, sum), "MARGIN")
  }
  expect_argument_error(future_apply(matrix(1:4, 2), 1, 2), "FUN")
  expect_argument_error(future_apply(matrix(1:4, 2), 1, sum, simplify = NA), "simplify")
})

test_that("automatic row names of a data frame name nothing, as in apply()", {
  skip_without_fork()
  frame <- data.frame(a = 1:3, b = c(2.5, 1, 0))
  local_plan("multicore", workers = 2)
  expect_identical(future_apply(frame, 1, sum), apply(frame, 1, sum))
  expect_identical(future_apply(frame, 1, range), apply(frame, 1, range))
})
