# How calls of parallel's functions are compared with parallel.

# Ours and parallel's function `name` do the same: values, errors, state afterwards.
expect_as_original <- function(name, ..., seed = NA, parts = c("value", "class", "message", "seed", "warnings")) {
  oracle <- observe(getExportedValue("parallel", name)(...), seed)
  ours <- observe(getExportedValue("rustle", name)(...), seed)
  expect_identical(ours[parts], oracle[parts])
}

# A cluster of two R processes for the tests of a file, started when first asked for.
test_cluster <- local({
  made <- NULL
  function() {
    skip_on_cran()
    if (is.null(made)) {
      made <<- parallel::makePSOCKcluster(2L)
      withr::defer({ parallel::stopCluster(made); made <<- NULL }, teardown_env())
    }
    made
  }
})

# The function `name` on the workers of every plan (of some, in turn) gives what parallel's gives on
# a cluster with the same arguments.
expect_as_cluster <- function(name, ..., plans = few_plans()) {
  original <- observe(getExportedValue("parallel", name)(test_cluster(), ...))
  expect_null(original$message)
  oracle <- original$value
  plans <- in_turn(plans, name)
  for (plan in names(plans)) {
    got <- under_plan(plans[[plan]], observe(getExportedValue("rustle", name)(NULL, ...)))
    expect_null(got$message)
    expect_identical(got$value, oracle, info = paste(name, "under", plan))
  }
  invisible(oracle)
}

# Plans whose workers share no memory with us.
other_plans <- function() list(multisession = list("multisession", workers = 2L))
