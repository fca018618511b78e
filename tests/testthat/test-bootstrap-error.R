# Oracle: the spread of the ends over seeds.

test_that("Monte Carlo errors of the ends are their spread over seeds", {
  R <- 999
  types <- c("norm", "basic", "perc", "bc", "bca")
  x <- boot::aircondit$hours
  all <- lapply(1:150, function(seed) {
    boot_ci(bootstrap(x, "mean", R = R, seed = seed, threads = 1), conf = 0.9, type = types)
  })
  for (end in c("lower", "upper")) {
    spread <- apply(sapply(all, `[[`, end), 1, sd)
    told <- rowMeans(sapply(all, `[[`, paste0(end, ".mcse")))
    expect_lt(max(abs(told / spread - 1)), 0.3)
  }
})

test_that("errors are on the scale of the ends", {
  b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 1)
  plain <- boot_ci(b, type = "perc")
  logs <- boot_ci(b, type = "perc", h = log, hinv = exp, hdot = function(t) 1 / t)
  expect_equal(logs$lower.mcse, plain$lower.mcse, tolerance = 0.05)
  halves <- boot_ci(b, type = c("norm", "perc"), h = function(t) -t / 2)
  whole <- boot_ci(b, type = c("norm", "perc"))
  expect_equal(halves$lower.mcse, whole$upper.mcse / 2)
  expect_equal(halves$upper.mcse, whole$lower.mcse / 2)
})

test_that("with a known variance the normal interval has the error of the bias alone", {
  b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 1)
  ci <- boot_ci(b, type = "norm", var.t0 = 1000)
  expect_equal(ci$lower.mcse, sd(b$t) / sqrt(999))
  expect_equal(ci$upper.mcse, ci$lower.mcse)
})

test_that("BC is BCa without acceleration", {
  b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 1)
  bc <- boot_ci(b, conf = c(0.8, 0.9), type = "bc")
  # Influence values without skewness.
  L <- rep(c(-1, 1), 6)
  expect_equal(bc$lower, boot_ci(b, conf = c(0.8, 0.9), type = "bca", L = L)$lower)
  z0 <- qnorm(mean(b$t < b$t0))
  expect_equal(bc$upper[[1]], quantile(b, pnorm(2 * z0 + qnorm(0.9)))[[1]])
  # It needs no influence values, so it suits schemes that have none.
  m <- bootstrap(lynx, "mean", R = 399, sim = "block", l = 5, seed = 1)
  expect_true(is.finite(boot_ci(m, type = "bc")$lower))
})
