test_that("functions and native statistics see the same blocks", {
  x <- log(lynx)
  for (sim in c("fixed", "geom")) {
    native <- tsbootstrap(x, "mean", R = 20, l = 19, sim = sim, seed = 2)
    plain <- tsbootstrap(x, mean, R = 20, l = 19, sim = sim, seed = 2)
    expect_equal(unname(native$t), unname(plain$t))
  }
  lag <- tsbootstrap(x, function(x) acf(x, 1, plot = FALSE)$acf[2], R = 20, l = 19, seed = 2)
  expect_equal(lag$t0[[1L]], acf(x, 1, plot = FALSE)$acf[2])
})

test_that("blocks stay inside the series unless they may go round its end", {
  jumps <- function(endcorr) {
    out <- tsbootstrap(1:50, function(x) x, R = 50, l = 10, endcorr = endcorr, seed = 1)$t
    sum(out[, -50] == 50 & out[, -1] == 1 & rep((seq_len(49) %% 10 != 0), each = 50))
  }
  expect_identical(jumps(FALSE), 0L)
  expect_gt(jumps(TRUE), 0L)
})

test_that("a model simulates series", {
  made <- function(x, n, args) rnorm(n, args$mean)
  out <- tsbootstrap(1:20, length, R = 5, sim = "model", n.sim = 7, ran.gen = made, ran.args = list(mean = 3), seed = 1)
  expect_identical(as.vector(out$t), rep(7, 5))
  expect_argument_error(tsbootstrap(1:9, mean), "l")
  expect_argument_error(tsbootstrap("a", mean, l = 2), "series")
})
