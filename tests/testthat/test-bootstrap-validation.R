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
  # Ends in digits that are given, whose shares of the replicates have standard errors.
  ci <- boot_ci(b, c(0.9, 0.95), c("perc", "bca"))
  end <- function(type, conf) unlist(ci[ci$type == type & ci$conf == conf, c("lower", "upper")], use.names = FALSE)
  share <- function(ends) vapply(ends, function(e) mean(b$t <= e), 0)
  close <- function(ends, given) {
    expect_true(all(share(given - 5e-4) - share(ends) < 4 * sqrt(2 * 0.05 * 0.95 / 1e5)))
    expect_true(all(share(ends) - share(given + 5e-4) < 4 * sqrt(2 * 0.05 * 0.95 / 1e5)))
  }
  close(end("perc", 0.95), c(0.458, 0.962))
  close(end("bca", 0.95), c(0.318, 0.941))
  close(end("bca", 0.9), c(0.419, 0.926))
})

test_that("aircondit: basic intervals of log replicates from the exponential model are the exact ones", {
  x <- boot::aircondit$hours
  simulate <- function(data, mle) rexp(length(data), 1 / mle)
  b <- bootstrap(x, function(x) mean(x), R = 19999, sim = "parametric", ran.gen = simulate, mle = mean(x), seed = 1)
  ends <- unlist(boot_ci(b, 0.95, "basic", h = log, hdot = function(t) 1 / t, hinv = exp)[c("lower", "upper")])
  # Their levels, by the gamma distribution of a mean of 12.
  expect_equal(12 * mean(x) / qgamma(c(0.975, 0.025), 12), c(65.8976457, 209.1741455), tolerance = 1e-8)
  levels <- pgamma(12 * mean(x) / ends, 12)
  expect_lt(max(abs(levels - c(0.975, 0.025))), 4 * sqrt(0.025 * 0.975 / 19999))
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
  skewness <- function(t) mean((t - mean(t))^3) / mean((t - mean(t))^2)^1.5
  parts <- vapply(split(many$t, rep(1:20, each = 1e4)), skewness, 0)
  expect_lt(abs(mean(parts) - 1.604353807), 4 * sd(parts) / sqrt(20))
  # Quantiles of a distribution with atoms: no more than p below, no less than p up to it.
  p <- c(0.025, 0.05, 0.95, 0.975)
  points <- c(1.251116071, 1.285714286, 1.968045113, 2.106976744)
  for (k in 1:4) {
    error <- 4 * sqrt(p[[k]] * (1 - p[[k]]) / 2e5)
    expect_lt(mean(many$t < points[[k]] - 1e-8), p[[k]] + error)
    expect_gt(mean(many$t <= points[[k]] + 1e-8), p[[k]] - error)
  }
})

test_that("gravity: the stratified difference of means and its exact standard error", {
  g <- boot::gravity[as.numeric(boot::gravity$series) >= 7, ]
  g$series <- droplevels(g$series)
  b <- bootstrap(g, stat_diff("mean", "g", "series"), R = 50000, strata = g$series, seed = 1)
  expect_equal(b$t0[[1L]], -2.846153846, tolerance = 1e-9)
  expect_sd(b$t, 1.546723378)
  # Influence values of the stratified difference give the same: sum of l^2 / n_s^2.
  inf <- bootstrap(g, stat_diff("mean", "g", "series"), R = 1, strata = g$series, influence = "inf", seed = 1)$L[, 1L]
  expect_equal(sqrt(sum(inf^2) / 13^2), 1.546723378, tolerance = 1e-8)
  # Known for natively computed weights as for boot's.
  ends <- unlist(boot_ci(b, 0.95, "abc")[c("lower", "upper")], use.names = FALSE)
  expect_equal(ends, c(-6.70758, -0.39394), tolerance = 1e-5)
})

test_that("abc intervals of native correlations are the published ones", {
  ends <- function(b) as.matrix(as.data.frame(boot_ci(b, c(0.9, 0.95), "abc"))[c("lower", "upper")])
  city <- bootstrap(boot::bigcity, "cor", R = 1, seed = 1)
  expect_equal(unname(ends(city)), rbind(c(0.95815, 0.99173), c(0.94937, 0.99307)), tolerance = 1e-5)
  school <- bootstrap(law, "cor", R = 1, seed = 1)
  expect_equal(unname(ends(school)), rbind(c(0.442818, 0.921449), c(0.337970, 0.942070)), tolerance = 5e-5)
  air <- bootstrap(boot::aircondit$hours, "mean", R = 1, seed = 1)
  expect_equal(unname(ends(air))[2L, ], c(57.19276316, 226.71727217), tolerance = 1e-7)
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
  # All resamples: each multiset of six places as often as it has orders.
  places <- utils::combn(11, 6) - 0:5
  times <- apply(places, 2L, function(k) factorial(6) / prod(factorial(tabulate(k, 6))))
  expect_equal(sum(times), 6^6)
  for (p in c(0.5, 0.3)) {
    values <- rep(apply(places, 2L, function(k) quantile(x[k], p, type = 7, names = FALSE)), times)
    e <- bootstrap(x, stat_quantiles(p), R = 1, exact = TRUE)$exact
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

test_that("Longley's data: coefficients of resamples to 12 digits", {
  # In exact rational arithmetic, of the numbers as they are in binary: all of the data
  # (as NIST certifies them) and four resamples, those of boot's indices for seed 1.
  exact <- rbind(
    c(-3482.2586345958207, 0.015061872271373723, -0.03581917929259134, -0.020202298038168268,
      -0.010332268671735879, -0.051104105653577467, 1.8291514646135529),
    c(-3969.2904971276839, 0.03922185617263646, -0.05672022770231349, -0.024538005634400457,
      -0.011038119160760074, 0.083837617738991052, 2.0739376734961592),
    c(-3226.3545491156165, 0.026136005570998037, -0.03531680429368806, -0.020569167467135545,
      -0.010253031100982263, 0.038847968831476815, 1.6921789335452997),
    c(-7474.0816018489468, 0.29535991416205598, -0.21379901066585827, -0.025859446902528151,
      -0.024420521575280945, 0.49915505924422104, 3.8627777530827951),
    c(-3567.9688576667572, 0.023759274524377386, -0.019719199716496598, -0.019713436938795483,
      -0.012515709080768263, -0.35133016845046783, 1.8876154956212421)
  )
  model <- stat_lm(Employed ~ GNP.deflator + GNP + Unemployed + Armed.Forces + Population + Year)
  b <- bootstrap(longley, model, R = 4, seed = 1, rng = "R")
  ours <- rbind(b$t0, b$t)
  expect_lt(max(sqrt(rowSums((ours - exact)^2) / rowSums(exact^2))), 1e-12)
  expect_equal(unname(ours), exact, tolerance = 1e-11)
})

test_that("balanced resamples hold every observation R times; a linear statistic has one influence", {
  counts <- bootstrap(1:15, function(x, f) f, R = 20, stype = "f", sim = "balanced", seed = 1)$t
  expect_true(all(colSums(counts) == 20))
  x <- boot::aircondit$hours
  exact <- x - mean(x)
  expect_equal(bootstrap(x, "mean", R = 1, influence = "inf", seed = 1)$L[, 1L], exact, tolerance = 1e-9)
  set.seed(1)
  b <- boot::boot(x, function(x, w) sum(x * w), R = 99, stype = "w")
  expect_equal(boot::empinf(b), exact, tolerance = 1e-8)
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
  # The count of one observation is binomial, and those of two have their joint law.
  seen <- table(factor(pmin(counts[, 1L], 4), 0:4))
  expect_gt(chisq.test(seen, p = c(dbinom(0:3, n, 1 / n), pbinom(3, n, 1 / n, lower.tail = FALSE)))$p.value, 1e-5)
  expect_lt(abs(cor(counts[, 1L], counts[, 2L]) + 1 / (n - 1)), 4 / sqrt(4000))
  poisson <- bootstrap(x, function(x, f) f, R = 2000, stype = "f", sim = "poisson", seed = 1)$t
  expect_lt(abs(mean(poisson == 0) - exp(-1)), 4 * sqrt(exp(-1) * (1 - exp(-1)) / (2000 * n)))
})
