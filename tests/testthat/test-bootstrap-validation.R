# Figures that are known: published, exact, or by enumeration. Monte Carlo figures are
# within 4 standard errors.

law <- data.frame(
  LSAT = c(576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
  GPA = c(3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96)
)

# A standard deviation from R replicates, relative to its standard error.
expect_sd <- function(t, sd, sims = 4) {
  k <- mean((t - mean(t))^4) / var(as.vector(t))^2
  error <- sd * sqrt((k - 1) / (4 * length(t)))
  expect_lt(abs(sd(t) - sd), sims * error)
}

test_that("law school data: correlation, its jackknife and its replicates", {
  b <- bootstrap(law, "cor", R = 1e5, seed = 1)
  expect_equal(b$t0[[1L]], 0.776374491289, tolerance = 1e-11)
  L <- b$L[, 1L]
  expect_equal(sqrt(sum(L^2) / (15 * 14) - sum(L)^2 / (15^2 * 14)), 0.142518618602, tolerance = 1e-10)
  expect_equal(mean(L) * -1, -0.00647362304592, tolerance = 1e-9)
  inf <- bootstrap(law, "cor", R = 1, influence = "inf")$L[, 1L]
  # The figures are of boot's numerical derivative with step 0.001 / n, ours are exact.
  expect_equal(sqrt(sum(inf^2)) / 15, 0.124265246961, tolerance = 3e-4)
  expect_equal(sum(inf^3) / (6 * sum(inf^2)^1.5), -0.0816826926172, tolerance = 3e-4)
  z <- scale(as.matrix(law)) / sqrt(14 / 15)
  r <- b$t0[[1L]]
  expect_equal(inf, z[, 1L] * z[, 2L] - r * (z[, 1L]^2 + z[, 2L]^2) / 2)
  d <- L - mean(L)
  expect_equal(sum(d^3) / (6 * sum(d^2)^1.5), -0.0756715649379, tolerance = 1e-9)
  # Themselves from 1e5 replicates: twice the variance.
  expect_sd(b$t, 0.13362, 4 * sqrt(2))
  expect_lt(abs(mean(b$t) - b$t0 + 0.0052), 4 * sqrt(2) * 0.1336 / sqrt(1e5))
})

test_that("aircondit: exact moments of the mean, and of the Bayesian bootstrap", {
  x <- boot::aircondit$hours
  b <- bootstrap(x, "mean", R = 1e5, seed = 2, exact = TRUE, influence = "inf")
  expect_equal(b$t0[[1L]], 108.0833333, tolerance = 1e-9)
  expect_equal(b$exact$se[[1L]], 37.652552358, tolerance = 1e-10)
  expect_sd(b$t, 37.652552358)
  expect_equal(sum(b$L^3) / (6 * sum(b$L^2)^1.5), 0.0937980739, tolerance = 1e-8)
  expect_lt(abs(mean((b$t - mean(b$t))^3) / sd(b$t)^3 - 0.562788443), 0.05)
  bayes <- bootstrap(x, "mean", R = 1e5, sim = "bayesian", seed = 2)
  expect_sd(bayes$t, 36.17540217)
})

test_that("city: the ratio, boot's replicates, its influence values and its moments", {
  f <- ~ sum(.w * x) / sum(.w * u)
  set.seed(1)
  b <- bootstrap(boot::city, f, R = 999, rng = "R", influence = "inf")
  expect_equal(b$t0[[1L]], 1.5203125)
  expect_equal(mean(b$t) - b$t0[[1L]], 0.04902441, tolerance = 1e-6)
  expect_equal(sd(b$t), 0.2158325, tolerance = 1e-6)
  known <- c(
    -1.04367815, -0.58417763, -0.37092459, -0.18958996, 0.03164142, 0.10544878, 0.09236345,
    0.20365074, 1.02178280, 0.73381132
  )
  # Of the numerical derivative that boot takes.
  expect_equal(b$L[, 1L], known, tolerance = 1e-3)
  expect_equal(sum(b$L^2) / 100, 0.0324870139, tolerance = 1e-3)
  many <- bootstrap(boot::city, stat_ratio("x", "u"), R = 2e5, seed = 1)
  # By enumeration of all 92378 resamples.
  expect_lt(abs(mean(many$t) - 1.5203125 - 0.03947360004), 4 * 0.2215 / sqrt(2e5))
  expect_sd(many$t, 0.221498053)
})

test_that("mouse data: exact moments of means and medians", {
  treatment <- c(94, 197, 16, 38, 99, 141, 23)
  control <- c(52, 104, 146, 10, 51, 30, 40, 27, 46)
  se <- function(x, statistic) bootstrap(x, statistic, R = 1, exact = TRUE)$exact$se[[1L]]
  expect_equal(se(treatment, "mean"), 23.3635234, tolerance = 1e-8)
  expect_equal(se(control, "mean"), 13.3488593, tolerance = 1e-8)
  expect_equal(se(treatment, "median"), 37.8346744, tolerance = 1e-8)
  expect_equal(se(control, "median"), 13.0758700, tolerance = 1e-7)
  exact <- bootstrap(treatment, "median", R = 50000, seed = 1, exact = TRUE)
  expect_equal(round(exact$exact$prob[[1L]], 5), c(0.01015, 0.09812, 0.23863, 0.30620, 0.23863, 0.09812, 0.01015))
  seen <- table(factor(exact$t, exact$exact$values[[1L]]))
  expect_gt(chisq.test(seen, p = exact$exact$prob[[1L]])$p.value, 1e-5)
  both <- data.frame(x = c(treatment, control), g = rep(c("t", "c"), c(7, 9)))
  both$g <- factor(both$g, c("t", "c"))
  b <- bootstrap(both, stat_diff("mean"), R = 1e5, strata = both$g, seed = 1)
  expect_equal(b$t0[[1L]], 30.63492063, tolerance = 1e-9)
  expect_sd(b$t, 26.90810791)
})

test_that("an even sample has exact quantiles too", {
  x <- c(1, 2, 4, 8, 16, 32)
  all <- as.matrix(expand.grid(rep(list(x), 6)))
  sorted <- apply(all, 1L, sort)
  for (p in c(0.5, 0.3)) {
    values <- apply(sorted, 2L, quantile, p, type = 7, names = FALSE)
    e <- bootstrap(x, stat_quantile(p), R = 1, exact = TRUE)$exact
    expect_equal(e$mean[[1L]], mean(values))
    expect_equal(e$se[[1L]], sqrt(mean((values - mean(values))^2)))
  }
})

test_that("lynx: stationary and circular blocks have their exact variances", {
  x <- as.vector(log(lynx))
  geom <- bootstrap(x, "mean", R = 50000, sim = "block", l = 20, blocktype = "geom", seed = 1)
  expect_sd(geom$t, 0.1182311148)
  circular <- bootstrap(x, "mean", R = 50000, sim = "block", l = 19, blocktype = "circular", seed = 1)
  expect_sd(circular$t, 0.1298243436)
})

test_that("cars: wild and residual bootstrap have their closed covariances", {
  hc0 <- matrix(c(30.712347229, -2.0735933979, -2.0735933979, 0.1589464406), 2)
  for (law in c("rademacher", "mammen", "webb", "norm")) {
    b <- bootstrap(cars, stat_lm(dist ~ speed), R = 50000, sim = "wild", wild = law, seed = 1)
    expect_sd(b$t[, 1L], sqrt(hc0[1, 1]))
    expect_sd(b$t[, 2L], sqrt(hc0[2, 2]))
    expect_equal(cor(b$t)[1, 2], cov2cor(hc0)[1, 2], tolerance = 0.01)
  }
  b <- bootstrap(cars, stat_lm(dist ~ speed), R = 50000, sim = "residual", seed = 1)
  expect_sd(b$t[, 1L], sqrt(43.849452982))
  expect_sd(b$t[, 2L], sqrt(0.1657448329))
  # Delete-1 jackknife: (n - 1) / n HC3.
  L <- bootstrap(cars, stat_lm(dist ~ speed), R = 1)$L / 49
  expect_equal(
    unname(49 / 50 * crossprod(L)),
    matrix(c(34.482564804, -2.3420791505, -2.3420791505, 0.1791323123), 2), tolerance = 1e-8
  )
})

test_that("ill-conditioned designs lose no more digits than a QR factorization of each resample", {
  # Against exact arithmetic the reference measurements say 2e-11 for the first and 6e-14
  # for the second design; lm.fit() itself is as far off as 5e-11.
  year <- rep(1947:1962, length.out = 200)
  d <- data.frame(y = sin(seq_len(200) * 2) + year / 100, year = year)
  native <- bootstrap(d, stat_lm(y ~ year + I(year^2)), R = 20, seed = 1)
  plain <- bootstrap(d, function(d, i) {
    # Centred, then transformed back: well conditioned.
    a <- coef(lm(y ~ I(year - 1954) + I((year - 1954)^2), d[i, ]))
    c(a[[1L]] - 1954 * a[[2L]] + 1954^2 * a[[3L]], a[[2L]] - 2 * 1954 * a[[3L]], a[[3L]])
  }, R = 20, seed = 1)
  relative <- sqrt(rowSums((native$t - plain$t)^2) / rowSums(plain$t^2))
  expect_lt(max(relative), 1e-8)
})

test_that("identities of linear statistics hold", {
  x <- boot_data()$x
  n <- length(x)
  b <- bootstrap(x, "mean", R = 1000, sim = "balanced", seed = 1)
  expect_equal(mean(b$t), b$t0[[1L]], tolerance = 1e-13)
  expect_equal(sqrt(sum(b$L^2) / (n * (n - 1))), sd(x) / sqrt(n))
  expect_equal(b$L[, 1L], x - mean(x), tolerance = 1e-9)
  # Jackknife bias of the plug-in variance.
  v <- bootstrap(x, ~ sum(.w * .x^2) / 40 - (sum(.w * .x) / 40)^2, R = 1)
  expect_equal(v$t0[[1L]] + mean(v$L), var(x))
  p <- bootstrap(boot_data(), stat_cor("x", "y"), sim = "permutation", R = 1e5, seed = 1)
  expect_lt(abs(mean(p$t)), 4 / sqrt(39 * 1e5))
  expect_lt(abs(var(p$t[, 1L]) * 39 - 1), 4 * sqrt(2 / 1e5))
  # An observation is absent with probability (1 - 1/n)^n; counts are multinomial.
  counts <- bootstrap(x, function(x, f) f, R = 4000, stype = "f", seed = 1)$t
  expect_lt(abs(mean(counts == 0) - (1 - 1 / n)^n), 4 * sqrt(0.23 / (4000 * n)))
  expect_gt(chisq.test(colSums(counts))$p.value, 1e-5)
})
