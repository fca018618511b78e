# What was drawn is known from what a function of the data saw.

test_that("frequencies and indices are those that the statistic saw", {
  x <- c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8)
  seen <- function(sim, ...) bootstrap(x, function(d, i) i, R = 15, sim = sim, seed = 3, workers = 1, ...)
  for (sim in c("ordinary", "balanced", "permutation")) {
    b <- seen(sim)
    expect_equal(boot_array(b, indices = TRUE), b$t, ignore_attr = TRUE)
    counts <- t(apply(b$t, 1, tabulate, 12))
    expect_equal(boot_array(b), counts, ignore_attr = TRUE)
    expect_equal(boot_array(b, c(9, 2)), counts[c(9, 2), ], ignore_attr = TRUE)
  }
  b <- seen("ordinary", strata = rep(1:3, 4))
  expect_equal(boot_array(b, indices = TRUE), b$t, ignore_attr = TRUE)
  b <- seen("block", l = 4)
  expect_equal(boot_array(b, indices = TRUE), b$t, ignore_attr = TRUE)
})

test_that("native replicates are those of their frequencies", {
  x <- c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8)
  for (arguments in list(list(), list(sim = "balanced"), list(strata = rep(1:2, 6)), list(sim = "poisson"), list(m = 5))) {
    b <- do.call(bootstrap, c(list(x, "mean", R = 50, seed = 1, threads = 2), arguments))
    counts <- boot_array(b)
    expect_equal(as.vector(counts %*% x) / rowSums(counts), as.vector(b$t))
  }
  balanced <- bootstrap(x, "mean", R = 50, sim = "balanced", seed = 1)
  expect_equal(colSums(boot_array(balanced)), rep(50, 12))
  clusters <- bootstrap(x, "mean", R = 50, cluster = rep(1:4, 3), seed = 1)
  counts <- boot_array(clusters)
  expect_equal(as.vector(counts %*% x) / rowSums(counts), as.vector(clusters$t))
  expect_identical(counts[, 1], counts[, 5])
})

test_that("replicates that were drawn again, chosen, or put together are found", {
  x <- 1:8
  fails <- function(d, i) if (i[[1]] == 3) stop("three") else i
  b <- suppressWarnings(bootstrap(x, fails, R = 40, seed = 2, on_error = "redraw", workers = 1))
  expect_gt(nrow(b$failures), 0)
  expect_equal(boot_array(b, indices = TRUE), b$t, ignore_attr = TRUE)
  part <- b[c(30, 4, 11), ]
  expect_equal(boot_array(part, indices = TRUE), part$t, ignore_attr = TRUE)
  a <- bootstrap(x, function(d, i) i, R = 10, seed = 1, workers = 1)
  d <- bootstrap(x, function(d, i) i, R = 7, seed = 5, workers = 1)
  both <- c(a, d)
  expect_equal(boot_array(both, indices = TRUE), both$t, ignore_attr = TRUE)
  expect_equal(boot_array(both[c(15, 2), ], indices = TRUE), both$t[c(15, 2), ], ignore_attr = TRUE)
})

test_that("objects of boot work too, and wrong requests are errors", {
  set.seed(1)
  b <- boot::boot(1:9, function(d, i) mean(d[i]), R = 20)
  expect_identical(boot_array(b), boot::boot.array(b))
  expect_identical(boot_array(b, 3:4, indices = TRUE), boot::boot.array(b, TRUE)[3:4, ])
  ours <- bootstrap(1:9, "mean", R = 20, seed = 1)
  for (r in list(0, 21, NA, "a", 1.5)) expect_argument_error(boot_array(ours, r), "r")
  expect_argument_error(boot_array(ours, indices = NA), "indices")
  expect_argument_error(boot_array(1:3), "x")
  expect_error(boot_array(bootstrap(1:9, "mean", R = 9, sim = "bayesian", seed = 1)), class = "rustle_error_interval")
  expect_error(
    boot_array(bootstrap(1:9, "mean", R = 9, sim = "poisson", seed = 1), indices = TRUE), class = "rustle_error_interval"
  )
})
