# What the package exports, as a whole.

test_that("no exported name masks one of packages that are attached beside it", {
  # `cluster` does what survival's does (test-plan-cluster.R).
  drop_ins <- list(survival = "cluster")
  for (package in c("ggplot2", "dplyr", "data.table", "survival", "Matrix", "MASS")) {
    if (!requireNamespace(package, quietly = TRUE)) next
    both <- intersect(getNamespaceExports("rustle"), getNamespaceExports(package))
    expect_identical(setdiff(both, drop_ins[[package]]), character(), info = package)
  }
  # Of versions that are not here.
  newer <- c("stat_align", "stat_connect", "stat_manual", "stat_sum", "stat_quantile", "stat_summary", "stat_ecdf")
  expect_identical(intersect(getNamespaceExports("rustle"), newer), character())
})
