test_that("folds hold every observation once and differ in size by at most one", {
  for (n in c(5L, 10L, 23L, 100L)) {
    for (K in c(2L, 3L, 5L)) {
      f <- folds(n, K, reps = 3)
      expect_identical(dim(f), c(n, 3L))
      for (r in 1:3) {
        sizes <- tabulate(f[, r], K)
        expect_identical(sum(sizes), n)
        expect_lte(diff(range(sizes)), 1L)
      }
    }
  }
  expect_identical(as.vector(folds(7, "loo")), 1:7)
  expect_identical(as.vector(folds(7, 7)), 1:7)
})

test_that("strata are spread evenly, and sizes still differ by at most one", {
  strata <- rep(c("a", "b", "c"), c(7, 11, 23))
  f <- folds(41, 5, strata = strata, seed = 1)
  counts <- table(strata, f)
  expect_true(all(apply(counts, 1L, function(x) diff(range(x))) <= 1L))
  expect_lte(diff(range(table(f))), 1L)
})

test_that("clusters stay together, within strata too", {
  cluster <- rep(letters[1:12], c(1, 9, 3, 4, 4, 2, 6, 5, 5, 1, 2, 8))
  f <- folds(50, 4, cluster = cluster, reps = 2, seed = 1)
  for (r in 1:2) expect_true(all(tapply(f[, r], cluster, function(x) length(unique(x))) == 1L))
  # The largest cluster bounds how much sizes can differ.
  expect_lte(diff(range(table(f[, 1L]))), 9)
  strata <- cluster %in% letters[1:6]
  g <- folds(50, 3, strata = strata, cluster = cluster, seed = 1)
  expect_true(all(tapply(g[, 1L], cluster, function(x) length(unique(x))) == 1L))
  expect_true(all(table(strata, g) > 0L))
  expect_identical(attr(folds(50, "loo", cluster = cluster), "K"), 12L)
})

test_that("a seed decides alone and leaves R's generator where it was", {
  set.seed(1)
  state <- globalenv()[[".Random.seed"]]
  a <- folds(20, 4, seed = 7)
  expect_identical(globalenv()[[".Random.seed"]], state)
  set.seed(2)
  expect_identical(folds(20, 4, seed = 7), a)
  expect_false(identical(folds(20, 4, seed = 8), a))
  set.seed(1)
  b <- folds(20, 4)
  set.seed(1)
  expect_identical(folds(20, 4), b)
})

test_that("every observation is as likely in every fold", {
  set.seed(1)
  counts <- table(factor(folds(10, 3, reps = 3000)[1L, ], 1:3))
  expect_gt(stats::chisq.test(counts)$p.value, 1e-4)
})

test_that("wrong arguments of folds() are errors", {
  set.seed(1)
  expect_argument_error(folds(0), "n")
  expect_argument_error(folds(5, 6), "K")
  for (K in list(1, 2.5, NA, "all", NULL)) expect_argument_error(folds(5, K), "K")
  expect_argument_error(folds(5, 2, reps = 0), "reps")
  expect_argument_error(folds(5, 2, strata = 1:4), "strata")
  expect_argument_error(folds(5, 2, cluster = c(1, NA, 1, 2, 2)), "cluster")
  expect_argument_error(folds(5, 3, cluster = c(1, 1, 1, 2, 2)), "K")
  expect_argument_error(folds(5, 2, cluster = rep(1, 5)), "cluster")
  expect_argument_error(folds(5, 2, cluster = mean), "cluster")
  expect_warning(folds(5, 2, cluster = 1:5), class = "rustle_warning_clusters")
  expect_argument_error(folds(4, 2, cluster = c(1, 1, 2, 2), strata = c(1, 2, 1, 1)), "cluster")
  expect_argument_error(folds(5, 2, seed = "a"), "seed")
})

test_that("folds convert to a list and a data frame, which make the same folds again", {
  f <- folds(10, K = 3, seed = 1)
  expect_identical(as.list(f), split(1:10, as.vector(unclass(f))))
  expect_identical(cv(lm(dist ~ speed, cars[1:10, ]), folds = as.list(f))$estimate, cv(lm(dist ~ speed, cars[1:10, ]), folds = f)$estimate)
  twice <- folds(10, K = 3, reps = 2, seed = 1)
  expect_identical(names(as.list(twice)), c("rep1.fold1", "rep1.fold2", "rep1.fold3", "rep2.fold1", "rep2.fold2", "rep2.fold3"))
  expect_identical(sort(unlist(as.list(twice)[4:6], use.names = FALSE)), 1:10)
  frame <- as.data.frame(twice)
  expect_identical(frame, data.frame(observation = rep(1:10, 2), rep = rep(1:2, each = 10), fold = as.vector(unclass(twice))))
})
