test_that("everything that parallel exports is exported, with its arguments", {
  for (name in getNamespaceExports("parallel")) {
    expect_true(name %in% getNamespaceExports("rustle"), info = name)
    if (name %in% getNamespaceExports("rustle")) {
      expect_identical(formals(getExportedValue("rustle", name)), formals(getExportedValue("parallel", name)), info = name)
    }
  }
})

test_that("what is not ours is parallel's own", {
  for (name in c(
    "detectCores", "getDefaultCluster", "makeCluster", "makeForkCluster", "makePSOCKcluster", "nextRNGStream",
    "nextRNGSubStream", "setDefaultCluster", "splitIndices", "stopCluster",
    if (.Platform$OS.type != "windows") c("mc.reset.stream", "mcaffinity", "mccollect", "mcparallel")
  )) {
    expect_identical(getExportedValue("rustle", name), getExportedValue("parallel", name), info = name)
  }
})
