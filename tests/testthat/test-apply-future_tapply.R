same_groups <- function(ours, oracle) {
  expect_every_way(
    ours, observe(oracle), n = 1L, plans = in_turn(few_plans(), "tapply"), chunkings = list(),
    parts = c("value", "class", "message", "seed")
  )
}

test_that("future_tapply() is tapply()", {
  same <- function(...) same_groups(function() future_tapply(...), tapply(...))
  two <- list(a = rep(1:2, 3), b = c(1, 3, 1, 3, 1, 3))
  same(1:6, rep(1:2, 3), sum)
  same(1:6, two, sum)
  same(1:6, two, sum, default = 0L)
  same(1:6, rep(1:2, 3), range)
  same(1:6, rep(1:2, 3), sum, simplify = FALSE)
  same(1:6, rep(1:2, 3))
  same(1:6, factor(rep("u", 6), levels = c("t", "u")), mean, trim = 0.1)
  same(integer(), integer(), sum)
  same(1:6, rep(1:2, 3), function(x) if (x[[1]] == 2) stop("two") else 1)
})

test_that("future_by() is by(), for data frames and others", {
  strip <- function(x) structure(x, call = NULL)
  same_groups(
    function() strip(future_by(warpbreaks, warpbreaks$tension, function(d) mean(d$breaks))),
    strip(by(warpbreaks, warpbreaks$tension, function(d) mean(d$breaks)))
  )
  same_groups(
    function() strip(future_by(warpbreaks[, 1], warpbreaks[, -1], summary)),
    strip(by(warpbreaks[, 1], warpbreaks[, -1], summary))
  )
  same_groups(
    function() strip(future_by(as.matrix(iris[1:4]), iris$Species, nrow, simplify = FALSE)),
    strip(by(as.matrix(iris[1:4]), iris$Species, nrow, simplify = FALSE))
  )
  skip_if_not_installed("future.apply")
  expect_identical(
    future_by(warpbreaks[, 1:2], warpbreaks[, "tension"], summary),
    under_future(future.apply::future_by(warpbreaks[, 1:2], warpbreaks[, "tension"], summary))
  )
})

test_that("future_eapply() is eapply() up to the order, which is that of future.apply", {
  env <- list2env(list(b = 1:3, a = 2, .hidden = 5))
  same_groups(
    function() future_eapply(env, sum), under_future(future.apply::future_eapply(env, sum))
  )
  same_groups(
    function() future_eapply(env, sum, all.names = TRUE, USE.NAMES = FALSE),
    under_future(future.apply::future_eapply(env, sum, all.names = TRUE, USE.NAMES = FALSE))
  )
  sorted <- function(x) x[order(names(x))]
  expect_identical(sorted(future_eapply(env, sum)), sorted(eapply(env, sum)))
  for (named in c(TRUE, FALSE)) {
    expect_identical(future_eapply(new.env(), sum, USE.NAMES = named), eapply(new.env(), sum, USE.NAMES = named))
  }
})

test_that("random numbers in groups are those of future.apply", {
  oracle <- under_future(future.apply::future_tapply(1:6, rep(1:3, 2), function(x) rnorm(1), future.seed = 5))
  expect_every_way(
    function(...) future_tapply(1:6, rep(1:3, 2), function(x) rnorm(1), future.seed = 5, ...),
    observe(oracle), n = 3L, plans = few_plans(), parts = "value"
  )
})

test_that("wrong arguments are refused by name", {
  expect_argument_error(future_tapply(1:4, 1:3, sum), "INDEX")
  expect_argument_error(future_tapply(1:4, list(), sum), "INDEX")
  expect_argument_error(future_tapply(1:4, 1:4, 5), "FUN")
  expect_argument_error(future_tapply(1:4, 1:4, sum, simplify = "no"), "simplify")
  expect_argument_error(future_by(warpbreaks, 1:3, nrow), "INDICES")
  expect_argument_error(future_by(warpbreaks, warpbreaks$wool, "nrow"), "FUN")
  expect_argument_error(future_eapply(list(a = 1), sum), "env")
  expect_argument_error(future_eapply(new.env(), sum, all.names = NA), "all.names")
})
