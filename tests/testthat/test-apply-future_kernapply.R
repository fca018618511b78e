test_that("future_kernapply() is kernapply(), for vectors, matrices and series", {
  k <- stats::kernel("daniell", 2)
  for (x in list(EuStockMarkets, EuStockMarkets[, 1], as.vector(EuStockMarkets[, 1]))) {
    for (circular in c(TRUE, FALSE)) {
      expect_every_way(
        function() future_kernapply(x, k, circular = circular),
        observe(stats::kernapply(x, k, circular = circular)), n = 1L,
        plans = few_plans()[1:3], chunkings = list(), parts = c("value", "class")
      )
    }
  }
  m <- matrix(rnorm(40), 20, dimnames = list(NULL, c("a", "b")))
  expect_identical(future_kernapply(m, k), apply(m, 2, stats::kernapply, k))
  expect_identical(future_kernapply(m, k, future.chunk.size = 1), future_kernapply(m, k))
})

test_that("wrong arguments are refused by name", {
  k <- stats::kernel("daniell", 2)
  expect_argument_error(future_kernapply("a", k), "x")
  expect_argument_error(future_kernapply(k, k), "x")
  expect_argument_error(future_kernapply(1:20, 3), "k")
  expect_argument_error(future_kernapply(stats::ts(1:20), 3), "k")
})
