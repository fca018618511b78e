# What functions find on workers.

test_that("workers that share no memory have the globals of functions, also of those that ours call", {
  assign("rustle_test_shift", function(v) mean(v) + 100, globalenv())
  withr::defer(rm("rustle_test_shift", envir = globalenv()))
  at_home <- function(f) {
    environment(f) <- globalenv()
    f
  }
  d <- data.frame(id = rep(1:5, each = 3), x = (1:15 * 4) %% 11 + 0)
  fit <- lm(mpg ~ wt, mtcars)
  runs <- list(
    function() bootstrap(d, at_home(function(d, i) rustle_test_shift(d$x[i])), R = 6, seed = 1)$t,
    function() bootstrap(d, at_home(function(d, i) rustle_test_shift(d$x[i])), R = 6, seed = 1, cluster = d$id)$t,
    function() bootstrap(d$x, at_home(function(x) rustle_test_shift(x)), R = 6, seed = 1, sim = "parametric", ran.gen = at_home(function(d, m) d + rustle_test_shift(d)))$t,
    function() tsbootstrap(lynx, at_home(function(s) rustle_test_shift(s)), R = 6, l = 10, seed = 1)$t,
    function() tsbootstrap(lynx, mean, R = 2, sim = "model", ran.gen = at_home(function(s, n, a) rustle_test_shift(s)), seed = 1)$t,
    function() boot_lm(fit, R = 6, f = at_home(function(m) rustle_test_shift(coef(m))), seed = 1)$t,
    function() permutation_test(d$x[1:8], d$x[9:15], at_home(function(x, y) rustle_test_shift(x) - mean(y)), R = 20, seed = 1)$p.value,
    function() jackknife(d, at_home(function(d, i) rustle_test_shift(d$x[i])), cluster = d$id)$t,
    function() as.data.frame(boot_ci(bootstrap(d, at_home(function(d, i) rustle_test_shift(d$x[i])), R = 999, seed = 1, workers = 1), type = "bca"))
  )
  oracle <- lapply(runs, function(run) run())
  local_plan("multisession", workers = 2)
  for (k in seq_along(runs)) expect_equal(runs[[k]](), oracle[[k]], info = k)
})

test_that("a replicate that is stopped for its time has failed like any other", {
  skip_without_fork()
  skip_on_cran()
  local_plan("multicore", workers = 2L, timeout = 1)
  slow <- function(d, i) {
    if (i[[1L]] == 1L) Sys.sleep(20)
    mean(d[i])
  }
  quick <- function(d, i) if (i[[1L]] == 1L) stop("slow") else mean(d[i])
  x <- c(3, 1, 4, 1, 5)
  x_first <- function(f) bootstrap(x, function(d, i) if (identical(i, 1:5)) mean(d) else f(d, i), R = 16, seed = 2, on_error = "na")
  # Both warn of their failures.
  late <- suppressWarnings(x_first(slow))
  oracle <- suppressWarnings(x_first(quick))
  expect_true(anyNA(oracle$t))
  expect_identical(late$t, oracle$t)
  expect_match(late$failures$message, "more than 1 s", fixed = TRUE)
})
