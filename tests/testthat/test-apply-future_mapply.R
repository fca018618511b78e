same_mapply <- function(ours, oracle, ...) {
  expect_every_way(
    ours, observe(oracle), plans = in_turn(few_plans(), "mapply"), chunkings = list(),
    parts = c("value", "class", "message", "seed"), ...
  )
}

test_that("future_mapply() recycles, names and simplifies as mapply() does", {
  same <- function(...) same_mapply(function() future_mapply(...), mapply(...), n = 1L)
  same(rep, 1:3, 3:1)
  same(function(x, y) x + y, c(a = 1, b = 2), 1:2)
  same(function(x, y) x, letters[1:4], 1:2)
  same(rep, times = 1:4, x = 4:1)
  same(rep, times = 1:4, MoreArgs = list(x = 42))
  same(function(x, y) 1, 1:2, integer())
  same(identity, c(a = "x"), USE.NAMES = FALSE)
  same(function(x, y) c(x, y), 1:3, 4:6, SIMPLIFY = FALSE)
  same(function(x, y) matrix(x, 2, y), 1:3, 2, SIMPLIFY = "array")
  same("sum", 1:3, 4:6)
  same(function(d, f) class(d), list(iris, 1), factor(c("u", "v")))
  same(function(when) format(when), as.Date("2020-01-01") + 0:2)
  same(function(x, y) if (x == 2) stop("two") else x, 1:3, 1:3)
})

test_that("a length that is no multiple is recycled without a warning, as future.apply does", {
  expect_silent(values <- future_mapply(rep, 1:3, 1:2))
  expect_identical(values, under_future(future.apply::future_mapply(rep, 1:3, 1:2)))
})

test_that("future_mapply() draws the numbers of future.apply", {
  skip_without_fork()
  for (seed in list(TRUE, 7L)) {
    set.seed(1)
    before <- globalenv()[[".Random.seed"]]
    call <- function(f) f(function(n, mean) rnorm(n, mean), c(a = 1, b = 2, c = 3), 10, future.seed = seed)
    oracle <- observe(under_future(call(future.apply::future_mapply)), before)
    expect_every_way(
      function(...) future_mapply(function(n, mean) rnorm(n, mean), c(a = 1, b = 2, c = 3), 10, future.seed = seed, ...),
      oracle, n = 3L, plans = few_plans(), seed = before, parts = c("value", "seed")
    )
  }
})

test_that("future_Map(), future_.mapply() and future_Filter() are their originals", {
  same_mapply(
    function() future_Map(function(x, y) x, c("p", "q"), 1:2), Map(function(x, y) x, c("p", "q"), 1:2)
  )
  same_mapply(function() future_Map("+", 1:3, 4:6), Map("+", 1:3, 4:6))
  same_mapply(
    function() future_.mapply(function(x, y, z) x + y * z, list(1:2, y = 3:4), list(z = 2)),
    .mapply(function(x, y, z) x + y * z, list(1:2, y = 3:4), list(z = 2))
  )
  same_mapply(function() future_.mapply(function(x) x, list(list()), NULL), .mapply(function(x) x, list(list()), NULL))
  x <- list(a = 1, b = 2, c = NA, d = 4)
  same_mapply(function() future_Filter(function(e) e > 1, x), Filter(function(e) e > 1, x), n = 4L)
  same_mapply(function() future_Filter(is.na, integer()), Filter(is.na, integer()), n = 1L)
})

test_that("mapply calls find globals on workers that share no memory", {
  skip_on_cran()
  local_plan("multisession", workers = 2)
  offset <- 10
  expect_identical(
    future_mapply(function(x, y) x + y + offset, c(a = 1, b = 2, c = 3), 1, future.chunk.size = 1),
    c(a = 12, b = 13, c = 14)
  )
  expect_identical(future_apply(matrix(1:6, 2), 1, function(v) v + offset), apply(matrix(1:6, 2), 1, `+`, 10))
})

test_that("wrong arguments are refused by name", {
  expect_argument_error(future_mapply("no_such_function", 1:2), "FUN")
  expect_argument_error(future_mapply(sum, 1:2, MoreArgs = 3), "MoreArgs")
  expect_argument_error(future_mapply(sum, 1:2, SIMPLIFY = NA), "SIMPLIFY")
  expect_argument_error(future_mapply(sum, 1:2, USE.NAMES = "yes"), "USE.NAMES")
  expect_argument_error(future_mapply(sum, 1:2, future.seed = "a"), "future.seed")
  expect_argument_error(future_Map(1, 1:2), "f")
  expect_argument_error(future_Filter(1, 1:2), "f")
  expect_argument_error(future_.mapply(sum, 1:2, NULL), "dots")
})

test_that("empty results have the names that future.apply gives", {
  empty <- list(
    list("A", character()), list(c(a = "A"), character()), list(character(), "A"), list(c(a = 1, b = 2), NULL),
    list("A", NULL), list(NULL), list(character()), list(x = "A", y = character()), list(1:2, numeric()),
    list(c("u", "v"), list()), list(factor(character()), "b")
  )
  for (arguments in empty) {
    for (more in list(list(), list(USE.NAMES = FALSE), list(SIMPLIFY = FALSE), list(SIMPLIFY = "array"))) {
      all <- c(list(paste), arguments, more)
      oracle <- under_future(do.call(future.apply::future_mapply, all))
      for (plan in few_plans()[c(1, 3)]) {
        expect_identical(under_plan(plan, do.call(future_mapply, all)), oracle, info = deparse(all[-1L]))
      }
    }
    all <- c(list(paste), arguments)
    expect_identical(do.call(future_Map, all), under_future(do.call(future.apply::future_Map, all)))
  }
})
