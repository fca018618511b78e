# Generated programs: the interpreter is the oracle, for values, types, attributes, errors,
# warnings and the random state afterwards.

test_that("generated programs do under plan(threads) what they do in the interpreter", {
  seeds <- seq_len(if (long_tests()) 4000L else 100L)
  found <- expect_programs(seeds)
  # The comparison is worth something only if programs compile and tasks are not given up.
  expect_gt(found[["compiled"]], length(seeds) / 5)
  expect_gt(found[["kept"]], length(seeds) / 2)
})

test_that("programs whose tasks are all given up do the same", {
  withr::defer(machine$bail <- FALSE)
  machine$bail <- TRUE
  found <- expect_programs(1:20)
  expect_identical(found[["kept"]], 0L)
})

test_that("a program that differs is shown without what it does not need to", {
  whole <- function(x) {
    a <- x
    b <- a + 1
    for (k in 1:3) b <- b * k
    stop("here")
    b
  }
  smaller <- shrink_program(whole, function(fun) "stop" %in% all.names(body(fun)))
  expect_identical(body(smaller), quote({
    stop("here")
  }), ignore_srcref = TRUE)
  expect_false(program_differs(function(x) x + 1))
})
