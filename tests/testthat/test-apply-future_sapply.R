test_that("future_sapply() simplifies and names as sapply() does", {
  same <- function(X, FUN, ...) {
    dots <- list(...)
    expect_every_way(
      function(...) do.call(future_sapply, c(list(X, FUN), dots, list(...)), quote = TRUE),
      observe(sapply(X, FUN, ...)), n = length(X), plans = in_turn(few_plans(), "sapply"), chunkings = list(),
      parts = c("value", "class", "message", "seed")
    )
  }
  same(1:5, function(i) i^2)
  same(c(a = 1, b = 2), function(i) c(x = i, y = -i))
  same(letters[1:3], toupper)
  same(letters[1:3], toupper, USE.NAMES = FALSE)
  same(1:3, seq_len)
  same(1:3, function(i) NULL)
  same(1:3, function(i) matrix(i, 2, 2), simplify = "array")
  same(1:3, function(i) matrix(i, 2, 2))
  same(1:3, sqrt, simplify = FALSE)
  same(list(), length)
  same(character(), nchar)
  same(c(a = "x"), nchar)
  same(factor(c("u", "v")), as.character)
  same(data.frame(x = 1:3, y = 4:6), range)
  same(list(1, "a"), function(x) x + 1)
})

test_that("future_sapply() takes the future.* arguments", {
  skip_without_fork()
  oracle <- under_future(future.apply::future_sapply(1:6, rnorm, n = 2, future.seed = 3))
  expect_every_way(
    function(...) future_sapply(1:6, rnorm, n = 2, future.seed = 3, ...),
    observe(oracle), n = 6L, plans = few_plans(), parts = "value"
  )
})

test_that("future_vapply() has the values, names, shape and errors of vapply()", {
  same <- function(X, FUN, FUN.VALUE, ..., parts = c("value", "class")) {
    dots <- list(...)
    expect_every_way(
      function(...) do.call(future_vapply, c(list(X, FUN, FUN.VALUE), dots, list(...)), quote = TRUE),
      observe(vapply(X, FUN, FUN.VALUE, ...)), n = length(X), plans = few_plans()[c(1, 3, 4)],
      chunkings = list(), parts = parts
    )
  }
  same(1:5, function(i) i / 2, 1)
  same(1:5, function(i) i, 1)
  same(c(a = 1, b = 2), function(i) c(x = i, y = -i), c(u = 0, v = 0))
  same(c(a = 1, b = 2), function(i) c(x = i, y = -i), c(0, 0))
  same(1:3, function(i) c(x = i, y = -i), c(u = 0, v = 0), USE.NAMES = FALSE)
  same(1:3, function(i) c(x = i, y = -i), c(0, 0), USE.NAMES = FALSE)
  same(letters[1:3], nchar, 1L)
  same(letters[1:3], nchar, 1L, USE.NAMES = FALSE)
  same(letters[1:3], function(s) c(p = 1, q = 2), numeric(2))
  same(c(a = 1, b = 2), function(i) c(p = 1, q = 2), c(u = 0, v = 0), USE.NAMES = FALSE)
  same(c(a = 1, b = 2), function(i) c(p = 1, q = 2), c(0, 0), USE.NAMES = FALSE)
  same(letters[1:2], function(s) matrix(1:4, 2), matrix(0L, 2, 2))
  same(1:2, function(s) matrix(1:4, 2, dimnames = list(c("a", "b"), NULL)), matrix(0L, 2, 2))
  same(1:3, function(i) i > 1, NA)
  same(1:3, function(i) letters[i], "")
  same(1:3, function(i) list(i), list(0))
  same(1:3, function(i) complex(real = i), 0i)
  same(1:3, function(i) as.raw(i), raw(1))
  same(list(), length, 1L)
  same(character(), nchar, 1L)
  same(character(), nchar, integer(2))
  same(NULL, nchar, character(0))
  same(1:3, function(i) integer(0), integer(0))
  same(factor(c("u", "v")), as.character, "")
  same(1:3, function(i) if (i == 2) "a" else 1, 1, parts = c("value", "class", "message"))
  same(1:3, function(i) seq_len(i), 1L, parts = c("value", "class", "message"))
})

test_that("future_vapply()'s error of a value that does not fit is vapply()'s", {
  FUN <- function(i) if (i == 2) "a" else 1
  ours <- with_plan("sequential", tryCatch(future_vapply(1:3, FUN, 1), error = conditionMessage))
  expect_identical(ours, tryCatch(vapply(1:3, FUN, 1), error = conditionMessage))
})

test_that("a value that does not fit is an error of its task: later ones are cancelled", {
  skip_without_fork()
  ran <- withr::local_tempfile()
  cases <- list(
    list(function(i) if (i >= 2L) "a" else 1, 1), list(function(i) seq_len(i), 1L), list(function(i) i / 2, 1L),
    list(function(i) if (i >= 2L) 1 else "a", ""), list(function(i) if (i >= 2L) 1:3 else 1:2, integer(2)),
    list(function(i) if (i >= 2L) quote(x) else list(1), list(1)), list(function(i) if (i >= 2L) NULL else 1i, 1i),
    list(function(i) matrix(1, i, i), matrix(1)), list(function(i) if (i >= 2L) factor("a") else 1, "a")
  )
  plans <- list(
    list("sequential"), list("multicore", workers = 1), list("multicore", workers = 1, schedule = "dynamic"),
    list("multisession", workers = 2)
  )
  for (plan in plans[if (on_cran()) 1:3 else 1:4]) under_plan(plan, for (case in cases) {
    FUN <- function(i) { cat(i, "", file = ran, append = TRUE); case[[1L]](i) }
    oracle <- tryCatch(vapply(1:9, FUN, case[[2L]]), error = identity)
    unlink(ran)
    # One chunk: workers that do not share memory hear of it between chunks.
    error <- tryCatch(future_vapply(1:9, FUN, case[[2L]], future.scheduling = 0), error = identity)
    expect_identical(conditionMessage(error), conditionMessage(oracle))
    expect_identical(conditionCall(error)[[1L]], quote(future_vapply))
    last <- error$task
    expect_identical(scan(ran, quiet = TRUE), as.numeric(seq_len(last)))
  })
  # The lowest index decides, whoever is first.
  local_plan("multicore", workers = 2)
  error <- tryCatch(
    future_vapply(1:2, function(i) { if (i == 1L) Sys.sleep(0.2); letters[i] }, 1, future.chunk.size = 1), error = identity
  )
  expect_identical(error$task, 1L)
  expect_match(conditionMessage(error), "FUN(X[[1]])", fixed = TRUE)
})

test_that("future_replicate() has future.apply's numbers and shapes", {
  same <- function(...) {
    for (seed in test_seeds()[1:2]) {
      oracle <- observe(under_future(future.apply::future_replicate(...)), seed)
      for (plan in few_plans()) {
        ours <- under_plan(plan, observe(future_replicate(...), seed))
        expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")], info = paste(plan, collapse = " "))
      }
    }
  }
  skip_without_fork()
  same(4, rnorm(2))
  same(3, runif(1), simplify = FALSE)
  same(0, rnorm(2))
  same(1, matrix(rexp(4), 2))
  same(3, rnorm(2), future.seed = 9)
})

test_that("a fraction of replications is dropped, as in replicate()", {
  expect_identical(future_replicate(2.7, 1), c(1, 1))
})

test_that("future_replicate()'s expression is evaluated where it was written", {
  skip_without_fork()
  f <- function(k) with_plan("multicore", future_replicate(3, k + 1), workers = 2)
  expect_identical(f(2), c(3, 3, 3))
})

test_that("wrong arguments of the family stop before anything runs", {
  ran <- FALSE
  FUN <- function(i) ran <<- TRUE
  expect_argument_error(future_sapply(1:3, FUN, simplify = NA), "simplify")
  expect_argument_error(future_sapply(1:3, FUN, USE.NAMES = NA), "USE.NAMES")
  expect_argument_error(future_sapply(1:3, 5), "FUN")
  expect_argument_error(future_vapply(1:3, FUN), "FUN.VALUE")
  expect_argument_error(future_vapply(1:3, FUN, sum), "FUN.VALUE")
  expect_argument_error(future_vapply(1:3, FUN, 1, USE.NAMES = "yes"), "USE.NAMES")
  expect_argument_error(future_vapply(1:3, FUN, expression(a)), "FUN.VALUE")
  expect_argument_error(future_replicate(-1, FUN(1)), "n")
  expect_argument_error(future_replicate("3", FUN(1)), "n")
  expect_argument_error(future_replicate(3, FUN(1), simplify = 2), "simplify")
  expect_argument_error(future_sapply(1:3, FUN, future.chunk.size = 0), "future.chunk.size")
  expect_false(ran)
})
