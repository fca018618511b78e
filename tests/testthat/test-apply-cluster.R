test_that("with a cluster these are parallel's functions", {
  cl <- test_cluster()
  nodes <- unlist(clusterCall(cl, Sys.getpid))
  expect_length(unique(nodes), 2L)
  expect_identical(clusterCall(cl, "sum", 1, 2), list(3, 3))
  here <- environment()
  exported <- 42
  expect_null(clusterExport(cl, "exported", here))
  expect_identical(clusterEvalQ(cl, exported + 1), list(43, 43))
  clusterSetRNGStream(cl, 7)
  ours <- parSapply(cl, 1:4, function(i) runif(1))
  parallel::clusterSetRNGStream(cl, 7)
  expect_identical(parallel::parSapply(cl, 1:4, function(i) runif(1)), ours)
  setDefaultCluster(cl)
  withr::defer(setDefaultCluster(NULL))
  expect_identical(clusterEvalQ(expr = exported), list(42, 42))
  expect_setequal(unlist(clusterCall(fun = Sys.getpid)), nodes)
})

test_that("without a cluster they say so, before anything is evaluated", {
  calls <- list(
    clusterCall = function(cl) clusterCall(cl, stop("evaluated")),
    clusterEvalQ = function(cl) clusterEvalQ(cl, stop("evaluated")),
    clusterExport = function(cl) clusterExport(cl, stop("evaluated")),
    clusterSetRNGStream = function(cl) clusterSetRNGStream(cl, stop("evaluated"))
  )
  before <- globalenv()[[".Random.seed"]]
  for (plan in list("sequential", "multicore")) {
    local_plan(plan)
    for (name in names(calls)) {
      for (cl in list(NULL, 2)) {
        error <- expect_error(calls[[name]](cl), class = "rustle_error_no_cluster")
        expect_s3_class(error, "rustle_error")
        expect_match(conditionMessage(error), paste0(name, "() needs workers that keep"), fixed = TRUE)
        expect_identical(as.character(conditionCall(error)[[1L]]), name)
      }
      expect_argument_error(calls[[name]]("two"), "cl")
    }
  }
  expect_identical(globalenv()[[".Random.seed"]], before)
})
