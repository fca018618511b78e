without_call <- function(x) {
  attr(x, "call") <- NULL
  x
}

methods <- c("euclidean", "maximum", "manhattan")

test_that("distances have dist()'s bits for all threads and schedules", {
  set.seed(1)
  for (shape in list(c(2, 3), c(40, 1), c(300, 7), c(700, 4), c(33, 400), c(600, 65))) {
    x <- random(shape[[1L]], shape[[2L]])
    for (method in methods) {
      one <- without_call(mt_dist(x, method, threads = 1))
      expect_identical(one, without_call(dist(x, method)))
      for (schedule in c("stealing", "static", "cyclic", "dynamic", "guided")) {
        expect_identical(without_call(mt_dist(x, method, threads = 2, schedule = schedule)), one)
      }
    }
    # Powers are the C library's, perhaps with another version: 2 units.
    for (p in c(0.5, 1, 3, 4.5)) {
      expect_equal(without_call(mt_dist(x, "minkowski", p = p, threads = 2)),
        without_call(dist(x, "minkowski", p = p)), tolerance = 1e-14)
    }
  }
})

test_that("missing values are left out and sums scaled as dist() does", {
  set.seed(2)
  x <- random(300, 9)
  x[sample(length(x), 700)] <- NA
  x[sample(length(x), 50)] <- NaN
  x[sample(length(x), 20)] <- Inf
  x[sample(length(x), 20)] <- -Inf
  x[7, ] <- NA
  for (method in methods) {
    expect_identical(without_call(mt_dist(x, method, threads = 2)), without_call(dist(x, method)))
  }
  expect_equal(without_call(mt_dist(x, "minkowski", p = 3)), without_call(dist(x, "minkowski", p = 3)))
})

test_that("cosine distances are those of the formula", {
  set.seed(3)
  x <- random(50, 6)
  cosine <- function(a, b) {
    there <- !is.na(a) & !is.na(b)
    if (!any(there)) return(NA)
    1 - sum(a[there] * b[there]) / sqrt(sum(a[there]^2) * sum(b[there]^2))
  }
  oracle <- function(x) {
    d <- outer(seq_len(nrow(x)), seq_len(nrow(x)), Vectorize(function(i, j) cosine(x[i, ], x[j, ])))
    c(as.dist(d))
  }
  # Sums of few products, all of size one.
  expect_equal(c(mt_dist(x, "cosine", threads = 2)), oracle(x), tolerance = 1e-14)
  x[sample(length(x), 60)] <- NA
  x[3, ] <- NA
  expect_equal(c(mt_dist(x, "cosine")), oracle(x), tolerance = 1e-14)
  expect_identical(c(mt_dist(rbind(c(0, 0), 1:2), "cosine")), NaN)
})

test_that("attributes, small and odd input are dist()'s", {
  x <- matrix(1:12, 4, dimnames = list(letters[1:4], NULL))
  for (y in list(x, x > 3, as.data.frame(x), x[, 0], x[0, ], x[1, , drop = FALSE], 1:5, x[1:2, ])) {
    for (method in c(methods, "canberra", "binary", "euc")) {
      expect_identical(without_call(mt_dist(y, method)), without_call(dist(y, method)))
    }
  }
  ours <- mt_dist(x, "minkowski", TRUE, TRUE, p = 3)
  expect_equal(without_call(ours), without_call(dist(x, "minkowski", TRUE, TRUE, p = 3)))
  expect_identical(names(attributes(ours)), names(attributes(dist(x, "minkowski", TRUE, TRUE, p = 3))))
  expect_identical(as.matrix(mt_dist(x)), as.matrix(dist(x)))
  expect_identical(hclust(mt_dist(x))$merge, hclust(dist(x))$merge)
})

test_that("wrong arguments are named", {
  x <- matrix(1:4, 2)
  expect_argument_error(mt_dist(x, "far"), "method")
  expect_argument_error(mt_dist(x, "m"), "method")
  expect_argument_error(mt_dist(x, "minkowski", p = 0), "p")
  expect_argument_error(mt_dist(list(1, 2), "cosine"), "x")
  expect_argument_error(mt_dist(x, schedule = 1), "schedule")
  expect_argument_error(mt_dist(x, threads = NA), "threads")
})

test_that("what dist() makes a matrix of is taken", {
  set.seed(5)
  inputs <- list(
    table = table(mtcars$cyl, mtcars$gear), ts = ts(random(7, 2)), mts = EuStockMarkets[1:30, ],
    mts = window(EuStockMarkets, 1998), factors = head(iris, 12), array1 = array(c(3, 1, 2), 3),
    array3 = array(rnorm(24), c(2, 3, 4)), strings = matrix(c("1", "2", "x", "4"), 2), list = list(1, 3),
    flags = matrix(c(TRUE, FALSE, NA, TRUE), 2), one = 5, logicals = data.frame(a = c(TRUE, FALSE), b = 1:2)
  )
  call_less <- function(d) {
    attr(d, "call") <- NULL
    d
  }
  for (method in c("euclidean", "manhattan", "maximum")) {
    for (x in inputs) expect_like_base(call_less(mt_dist(x, method, threads = 2)), call_less(dist(x, method)))
  }
  expect_equal(c(mt_dist(EuStockMarkets[1:30, ], "cosine")), c(mt_dist(unclass(EuStockMarkets)[1:30, ], "cosine")))
  expect_identical(shown_call(mt_dist(iris), "warning"), "mt_dist")
  expect_identical(shown_call(mt_dist(iris, "cosine"), "warning"), "mt_dist")
  x <- random(4, 3)
  expect_like_base(mt_dist(x, "minkowski", p = Inf), dist(x, "minkowski", p = Inf))
})
