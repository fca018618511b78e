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
