# Functions of R with further arguments in compiled closures, beside the interpreter.

expect_functions <- function(fun, X = list(c(2.5, -1, 4, 0.25), c(1, 2, 3), c(0.1, 0.7)), kept = length(X)) {
  oracle <- observe_program(fun, X)
  ours <- observe_program(fun, X, list("threads", workers = 2))
  expect_true(identical(ours, oracle, num.eq = FALSE), label = deparse1(body(fun)))
  expect_null(last_compiled$told$why, label = deparse1(body(fun)))
  expect_identical(last_compiled$told$tasks, kept, label = deparse1(body(fun)))
}
why_not <- function(fun, x = 1) explain_compiled(fun, x)$why

test_that("sequences are R's", {
  numbers <- list(1, 4, 0.3, -2.5)
  expect_functions(function(x) seq(0, 1, by = 0.1) * x, numbers)
  expect_functions(function(x) seq(x, 10, by = 0.37), numbers)
  expect_functions(function(x) seq(x, -10, -0.7), numbers)
  expect_functions(function(x) seq(0, x, length.out = 7), numbers)
  expect_functions(function(x) seq(x, by = 0.1, length = 5), numbers)
  expect_functions(function(n) c(seq(2L, 20L, by = n), seq(n), seq(1, n), seq(n, 1L)), list(1L, 3L, 7L))
  expect_functions(function(x) seq(x) + seq(length.out = length(x)))
  # R's other ways, and what it refuses.
  expect_functions(function(x) seq(x, 1, by = 0.5), list(0, 1, 2), kept = 1L)
  expect_functions(function(x) seq(0, 1, length.out = x), list(3, 0, 2), kept = 2L)
  expect_match(why_not(function(n) seq(0L, n, length.out = 3L), 1L), "doubles only")
})

test_that("rounding to digits, logarithms of a base, trimmed means and differences of a lag are R's", {
  expect_functions(function(x) round(x * 1.2345, 2))
  expect_functions(function(x) c(signif(x * 1.2345, 3), signif(x / 7)))
  expect_functions(function(x) round(x, 16), kept = 0L)
  expect_functions(function(x) log(abs(x), 2) + log(abs(x), base = 7))
  expect_functions(function(x) log(x, 10), kept = 2L)
  expect_functions(function(x) mean(x, trim = 0.1) + mean(c(x, 100, 7, 3), trim = 0.25) + mean(x, 0.5))
  expect_functions(function(x) diff(x, lag = 2))
  expect_functions(function(n) diff(c(n, 5L, 2L, 9L), 2L), list(1L, 3L))
  expect_functions(function(x) diff(x, 0), kept = 0L)
  expect_functions(function(x) list(round(matrix(x, 2) / 3, 2), range(matrix(x, 2))), list(c(1, 2.5, 3, 4), c(0.3, 0.1)))
})

test_that("range(), tabulate(), rep(each = ) and places of the best are R's", {
  expect_functions(function(x) range(x))
  expect_functions(function(x) range(x, 1.5))
  expect_functions(function(n) range(c(n, 3L)), list(1L, 5L))
  expect_functions(function(x) tabulate(order(x), 4))
  expect_functions(function(x) tabulate(order(x)[1:2]))
  expect_functions(function(x) tabulate(c(x, 2), 3L))
  expect_functions(function(x) rep(x, each = 2))
  expect_functions(function(n) rep(c(n, 2L), each = n), list(1L, 3L))
  expect_functions(function(n) c(which.max(c(n, 3L, 3L)), which.min(c(n, 3L))), list(1L, 5L))
})

test_that("na.rm changes nothing where nothing is missing, and R runs what has missing values", {
  data <- list(c(1, 2.5, 4), c(2, NA, 1), c(3, 3, 0))
  expect_functions(function(x) c(
    sum(x, na.rm = TRUE), mean(x, na.rm = TRUE), var(x, na.rm = TRUE), sd(x, na.rm = TRUE), median(x, na.rm = TRUE),
    min(x, na.rm = TRUE), max(x, na.rm = TRUE), range(x, na.rm = TRUE), mean(x, trim = 0.1, na.rm = TRUE)
  ), data, kept = 2L)
  expect_match(why_not(function(x) sum(x, na.rm = x > 1)), "TRUE or FALSE")
})

test_that("parts that are left out, filled or repeated by vectors are R's", {
  times <- c(2L, 0L, 3L)
  masks <- list(c(TRUE, FALSE, TRUE), TRUE)
  m <- matrix(c(1.5, 2, 0.5, 3, 1, 2), 3L)
  expect_functions(function(x) { x[-1] <- 0; x[-c(1, 9)] <- x[1] + 1; x[-length(x)] <- 7; x })
  expect_functions(function(x) { k <- 2L; x[-k] <- 1L; x[] <- x[2] * 2; x })
  expect_functions(function(x) { m[] <- x[1]; m[-1, 2] <- 5; m[] <- 1:3; m })
  expect_functions(function(x) { k <- 1:3; k[-2] <- x[1]; k })
  expect_functions(function(x) c(rep(x[1:2], c(2, 3)), rep(c(0, 1), times = c(length(x), 2)), rep(x[1:3], times = times), rep(1:2, c(1.9, 2))), X = list(c(2.5, -1, 4, 0.25), c(1, 2, 3)))
  expect_functions(function(x) list(x[c(TRUE, FALSE)], x[c(0, 2)], x[logical(0)], x[match(x, 2, 0L)]))
  # What R warns of, or refuses.
  expect_functions(function(x) { x[-1] <- c(1, 2, 3, 4, 5); x }, kept = 0L)
  expect_functions(function(x) rep(x, c(1, 2)), X = list(c(1, 2), c(1, 2, 3), 4), kept = 1L)
  expect_functions(function(x) rep(c(1, 2), c(x, 1)), X = list(2, -1), kept = 1L)
  expect_functions(function(x) { x[c(-1, 2)] <- 0; x }, kept = 0L)
  expect_functions(function(x) { x[] <- numeric(0); x }, kept = 0L)
})

test_that("integers are rounded, and have medians and quantiles, as this version of R does it", {
  probs <- c(0.1, 0.5, 0.975)
  p <- 0.3
  whole <- list(c(3L, 1L, 2L, 5L), c(4L, 4L, 1L, 0L, 2L, 9L))
  expect_functions(function(k) list(floor(k), ceiling(k[1]), trunc(k), round(k), floor(k > 2)), whole)
  expect_functions(function(k) list(median(k), quantile(k), quantile(k, 1 / 3, names = FALSE), quantile(k, probs, type = 1), quantile(k, 0.5, type = 3)), whole)
  # In the middle stands an integer.
  expect_functions(function(k) median(k), list(c(3L, 1L, 2L), c(3L, 4L), 7L), kept = 1L)
  expect_functions(function(x) list(quantile(x, probs), quantile(x, p, type = 6), quantile(x, c(0.25, p), names = FALSE)))
  local({
    probs <- c(0.2, 0.4)
    again <- function(x) quantile(x, probs)
    expect_functions(again)
    probs <- c(0.25, 0.45)
    expect_functions(again)
  })
  expect_match(why_not(function(k) quantile(k, type = 5), 1:4), "types 1, 3 and 7")
  expect_match(why_not(function(x) quantile(x, c(0.5, 2))), "names = FALSE")
  expect_match(why_not(function(x) { q <- x; quantile(x, q) }, 0.5), "names = FALSE")
  expect_functions(function(x) list(tabulate(x), var(x, rev(x)), diff(x, differences = 2), diff(x, 1, 3)), list(c(2.5, 1, 4, 1.25), c(1, 2, 3, 9)))
})

test_that("diagonals are assigned, and negative binomial numbers of a mean drawn, as by R", {
  m <- matrix(c(1.5, 2, 0.5, 3, 1, 2), 3L)
  whole <- matrix(1:4, 2L)
  expect_functions(function(x) { diag(m) <- x[1]; s <- crossprod(m); diag(s) <- diag(s) + 0.1; diag(whole) <- c(x[1], 7); list(m, s, whole) })
  expect_functions(function(x) { k <- matrix(0L, 2, 3); diag(k) <- 2L; s <- matrix(NA, 2, 2); s[] <- x[1]; diag(s) <- 1; list(k, s) })
  # As many numbers as the diagonal has, or one.
  expect_functions(function(x) { diag(m) <- x; m }, list(c(1, 2), c(1, 2, 3), 4), kept = 1L)
  expect_functions(function(x) list(row(m), col(whole), m[lower.tri(m)], upper.tri(crossprod(m), diag = TRUE), sum(crossprod(m)[upper.tri(crossprod(m))])))
  local({
    `diag<-` <- function(x, value) 3
    expect_match(why_not(function(x) { diag(m) <- x; m }), "not R's own")
  })
  expect_all_on_threads(function(x) rnbinom(3, 2, mu = x), function(x) rnbinom(5, size = c(0.5, x), mu = c(3, 0, 30)), function(x) rnbinom(1, mu = 4, size = x))
  expect_match(why_not(function(x) rnbinom(2, 3, 0.5, mu = 1)), "both `prob` and `mu`")
})
