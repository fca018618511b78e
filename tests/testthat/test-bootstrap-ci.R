# Oracles: boot::boot.ci() and boot::abc.ci() on boot's objects, its printed figures, and
# the definitions.

ratio <- function(d, w) sum(d$x * w) / sum(d$u * w)

city_boot <- function(R = 999) {
  set.seed(1)
  boot::boot(boot::city, ratio, R = R, stype = "w")
}

# The ends that boot.ci() gives, in our order: type, then level.
boot_ends <- function(b, conf, types, ...) {
  ci <- boot::boot.ci(b, conf = conf, type = types, ...)
  parts <- list(norm = ci$normal[, 2:3], basic = ci$basic[, 4:5], stud = ci$student[, 4:5], perc = ci$percent[, 4:5], bca = ci$bca[, 4:5])
  unname(do.call(rbind, lapply(parts[types], matrix, ncol = 2)))
}

# Centred, as Efron has them.
jack <- function(b, k = 1) {
  L <- boot::empinf(b, index = k, type = "jack")
  L - mean(L)
}

ends <- function(ci) unname(as.matrix(ci[c("lower", "upper")]))

# As bootstrap() makes one.
fake <- function(t0, t, data = seq_len(20), sim = "rustle_ordinary", ..., R = nrow(t)) {
  colnames(t) <- names(t0)
  structure(class = "rustle_boot", list(
    t0 = t0, t = t, R = R, data = data, seed = 1, statistic = "mean", sim = sim, call = NULL,
    stype = "i", strata = rep(1, NROW(data)), weights = NULL,
    failures = data.frame(replicate = integer(), message = character()), engine = "native", threads = 2, ...
  ))
}

test_that("norm, basic, perc and bca are those of boot.ci(), which prints the city figures", {
  b <- city_boot()
  conf <- c(0.9, 0.95)
  L <- boot::empinf(b)
  ours <- boot_ci(b, conf, c("norm", "basic", "perc", "bca"), L = L)
  expect_identical(names(ours), c("term", "type", "conf", "lower", "upper", "lower.mcse", "upper.mcse"))
  expect_equal(ends(ours), boot_ends(b, conf, c("norm", "basic", "perc", "bca")), tolerance = 1e-12)
  printed <- rbind(
    c(1.116, 1.826), c(1.048, 1.894), c(1.054, 1.742), c(0.956, 1.775), c(1.299, 1.987),
    c(1.266, 2.085), c(1.292, 1.957), c(1.254, 2.058)
  )
  expect_equal(ends(ours), printed, tolerance = 5e-4)
})

test_that("ends agree with boot.ci() for every R and level, also between order statistics", {
  for (R in c(250, 500, 999)) {
    b <- city_boot(R)
    for (conf in c(0.5, 0.8, 0.9, 0.93)) {
      types <- c("norm", "basic", "perc")
      expect_equal(ends(boot_ci(b, conf, types)), boot_ends(b, conf, types), tolerance = 1e-12)
      L <- jack(b)
      expect_equal(ends(boot_ci(b, conf, "bca")), boot_ends(b, conf, "bca", L = L), tolerance = 1e-12)
    }
  }
})

test_that("all components at once, each with its own influence values", {
  x <- boot::bigcity
  both <- function(d, i) c(cor = cor(d$u[i], d$x[i]), ratio = sum(d$x[i]) / sum(d$u[i]))
  set.seed(1)
  b <- boot::boot(x, both, R = 999)
  ours <- boot_ci(b, type = c("bca", "perc"))
  expect_identical(ours$term, rep(c("cor", "ratio"), each = 2))
  for (k in 1:2) {
    L <- jack(b, k)
    expect_equal(
      ends(boot_ci(b, type = c("perc", "bca"), index = k)),
      boot_ends(b, 0.95, c("perc", "bca"), index = k, L = L), tolerance = 1e-12
    )
    expect_equal(ends(ours)[ours$term == names(b$t0)[[k]], ], ends(boot_ci(b, type = c("perc", "bca"), index = k)))
  }
  # A stored matrix of influence values serves every component.
  L <- cbind(jack(b, 1), jack(b, 2))
  made <- fake(b$t0, b$t, x, L = L)
  expect_equal(ends(boot_ci(made, type = c("perc", "bca"))), ends(ours))
  expect_equal(boot_ci(made, index = "ratio", type = "bca")$lower, ours$lower[4L])
})

test_that("studentized intervals and transformations are those of boot.ci()", {
  mean_var <- function(d, i) { m <- mean(d$hours[i]); n <- length(i); v <- (n - 1) * var(d$hours[i]) / n^2; c(m, v) }
  set.seed(1)
  b <- boot::boot(boot::aircondit, mean_var, R = 999)
  types <- c("norm", "basic", "stud", "perc")
  expected <- boot_ends(b, 0.95, types)
  ours <- boot_ci(b, type = types, index = 1, variance = 2, var.t0 = NULL)
  expect_equal(ends(ours), expected, tolerance = 1e-12)
  expect_equal(ends(boot_ci(b, type = "stud")), expected[3L, , drop = FALSE], tolerance = 1e-12)
  given <- boot_ci(b, type = "stud", index = 1, var.t0 = b$t0[2L], var.t = b$t[, 2L])
  expect_equal(ends(given), expected[3L, , drop = FALSE], tolerance = 1e-12)
  expect_equal(
    ends(boot_ci(b, type = "norm", index = 1, var.t0 = 1300)),
    boot_ends(b, 0.95, "norm", index = 1, var.t0 = 1300), tolerance = 1e-12
  )
  logs <- boot_ends(b, 0.95, types, h = log, hdot = function(x) 1 / x, hinv = exp)
  ours <- boot_ci(b, type = types, index = 1, variance = 2, h = log, hdot = function(x) 1 / x, hinv = exp)
  expect_equal(ends(ours), logs, tolerance = 1e-12)
  stay <- boot_ci(b, type = types, index = 1, variance = 2, h = log, hdot = function(x) 1 / x)
  expect_equal(ends(stay), log(logs), tolerance = 1e-12)
  # A decreasing transformation keeps the ends in order.
  turned <- boot_ci(b, type = "perc", index = 1, h = function(x) 1 / x)
  expect_lt(turned$lower, turned$upper)
})

test_that("abc intervals are the published ones", {
  b <- city_boot(50)
  expect_equal(
    ends(boot_ci(b, c(0.9, 0.95), "abc")),
    rbind(c(1.293671, 1.948801), c(1.261824, 2.078085)), tolerance = 1e-6
  )
  mean_of_weights <- function(d, w) sum(d$hours * w)
  set.seed(1)
  air <- boot::boot(boot::aircondit, mean_of_weights, R = 50, stype = "w")
  expect_equal(ends(boot_ci(air, 0.95, "abc")), cbind(57.19276316, 226.71727217), tolerance = 1e-7)
  city <- boot::boot(boot::bigcity, function(d, w) boot::corr(d, w), R = 20, stype = "w")
  expect_equal(
    ends(boot_ci(city, c(0.9, 0.95), "abc")),
    rbind(c(0.95815, 0.99173), c(0.94937, 0.99307)), tolerance = 1e-5
  )
  gravity <- boot::gravity[as.numeric(boot::gravity$series) >= 7, ]
  difference <- function(d, w) {
    one <- as.numeric(d$series) == 7
    sum(d$g[one] * w[one]) / sum(w[one]) - sum(d$g[!one] * w[!one]) / sum(w[!one])
  }
  set.seed(1)
  b <- boot::boot(gravity, difference, R = 20, stype = "w", strata = gravity$series)
  expect_equal(b$t0, -2.846153846, tolerance = 1e-9)
  expect_equal(ends(boot_ci(b, 0.95, "abc")), cbind(-6.70758, -0.39394), tolerance = 1e-5)
})

test_that("acceleration: the skewness of influence values, by strata as published", {
  expect_equal(accelerations(cbind(`1` = boot::aircondit$hours - mean(boot::aircondit$hours)), list(strata = 1))[[1L]], 0.0937980739, tolerance = 1e-9)
  l <- c(3, -1, -2, 5, -5)
  strata <- c(1, 1, 1, 2, 2)
  n <- c(3, 3, 3, 2, 2)
  expected <- sum(l^3 / n^3) / (6 * sum(l^2 / n^2)^1.5)
  expect_equal(accelerations(cbind(`1` = l), list(strata = strata))[[1L]], expected)
})

law <- data.frame(
  LSAT = c(576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594),
  GPA = c(
    3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96
  )
)

test_that("the law school data: jackknife, acceleration, ABC and BCa as published", {
  set.seed(1)
  b <- boot::boot(law, function(d, i) cor(d$LSAT[i], d$GPA[i]), R = 10000)
  expect_equal(b$t0, 0.776374491289, tolerance = 1e-11)
  draws <- as_draws(b)
  L <- jackknife_values(draws)[, 1L]
  expect_equal(-mean(L), -0.00647362304592, tolerance = 1e-10)
  expect_equal(sqrt(var(L) / 15), 0.142518618602, tolerance = 1e-10)
  L <- chosen_influence(NULL, 1L, b, draws)
  expect_equal(accelerations(L, draws)[["1"]], -0.0756715649379, tolerance = 1e-10)
  w <- boot::boot(law, function(d, w) boot::corr(d, w), R = 20, stype = "w")
  # Numerical derivatives: five figures.
  expect_equal(
    ends(boot_ci(w, c(0.9, 0.95), "abc")),
    rbind(c(0.442818, 0.921449), c(0.337970, 0.942070)), tolerance = 5e-5
  )
  # At R = 1e5; the standard error of a quantile at R = 1e4 is sqrt(p (1 - p) / R) over the
  # density, here below 0.006 (lower) and 0.0006 (upper end).
  ci <- boot_ci(b, type = c("perc", "bca"))
  expect_lt(max(abs(ci$lower - c(0.458, 0.318))), 4 * 0.006)
  expect_lt(max(abs(ci$upper - c(0.962, 0.941))), 4 * 0.0006 + 5e-4)
  expect_equal(sd(b$t), 0.13362, tolerance = 4 / sqrt(2 * 10000))
})

test_that("the examples of boot.ci() in sequence print what boot's manual prints", {
  skip_without_fork()
  gravity <- boot::gravity[as.numeric(boot::gravity$series) >= 7, ]
  difference <- function(d, f) {
    one <- seq_len(table(as.numeric(d$series))[[1L]])
    m1 <- sum(d[one, 1] * f[one]) / sum(f[one])
    m2 <- sum(d[-one, 1] * f[-one]) / sum(f[-one])
    s1 <- sum(d[one, 1]^2 * f[one]) - m1^2 * sum(f[one])
    s2 <- sum(d[-one, 1]^2 * f[-one]) - m2^2 * sum(f[-one])
    c(m1 - m2, (s1 + s2) / (sum(f) - 2))
  }
  failure <- function(d, i) {
    n <- length(i)
    c(mean(d$hours[i]), (n - 1) * var(d$hours[i]) / n^2)
  }
  under_plan(list("multicore", workers = 2), {
    set.seed(1)
    invisible(boot(boot::city, ratio, R = 999, stype = "w", sim = "ordinary"))
    grav <- boot(gravity, difference, R = 999, stype = "f", strata = gravity[, 2])
    air <- boot(boot::aircondit, failure, R = 999)
  })
  expect_equal(
    ends(boot_ci(grav, type = c("norm", "stud"))), rbind(c(-5.897, 0.190), c(-7.370, -0.052)), tolerance = 1e-4
  )
  types <- c("norm", "basic", "stud", "perc")
  expect_equal(
    ends(boot_ci(air, type = types, variance = 2)),
    rbind(c(32.2, 184.5), c(21.2, 169.4), c(45.6, 295.8), c(46.8, 195.0)), tolerance = 3e-4
  )
  expect_equal(
    ends(boot_ci(air, type = types, variance = 2, h = log, hdot = function(x) 1 / x)),
    rbind(c(4.015, 5.491), c(4.093, 5.521), c(3.922, 5.808), c(3.845, 5.273)), tolerance = 2e-4
  )
})

test_that("the jackknife on workers is that of empinf(), for indices, frequencies and weights", {
  skip_without_fork()
  d <- boot::city
  f <- list(
    i = function(d, i, a) c(sum(d$x[i]) / sum(d$u[i]), mean(d$x[i]) + a),
    f = function(d, f, a) c(sum(d$x * f) / sum(d$u * f), sum(d$x * f) / sum(f) + a),
    w = function(d, w, a) c(sum(d$x * w) / sum(d$u * w), sum(d$x * w) / sum(w) + a)
  )
  for (stype in names(f)) {
    set.seed(1)
    b <- boot::boot(d, f[[stype]], R = 300, stype = stype, strata = rep(1:2, c(4, 6)), a = 3)
    ours <- under_plan(list("multicore", workers = 2), jackknife_values(as_draws(b), a = 3))
    for (k in 1:2) {
      expect_equal(
        ours[, k],
        boot::empinf(data = d, statistic = f[[stype]], stype = stype, index = k, type = "jack", strata = rep(1:2, c(4, 6)), a = 3),
        tolerance = 1e-10
      )
    }
    here <- under_plan(list("sequential"), boot_ci(b, 0.8, "bca", a = 3))
    expect_equal(under_plan(list("multicore", workers = 2), boot_ci(b, 0.8, "bca", a = 3)), here, ignore_attr = "call")
  }
})

test_that("simultaneous bands hold for all components in a share conf of the replicates", {
  set.seed(1)
  z <- matrix(rnorm(1999 * 5), 1999) %*% chol(0.6 + diag(0.4, 5))
  b <- fake(setNames(rep(0, 5), letters[1:5]), z)
  for (conf in c(0.8, 0.95)) {
    for (type in c("norm", "perc")) {
      ci <- boot_ci(b, conf, type, simultaneous = TRUE)
      inside <- apply(z, 1L, function(row) all(row >= ci$lower - 1e-12 & row <= ci$upper + 1e-12))
      expect_gte(mean(inside), conf - if (type == "norm") 0.01 else 0)
      expect_lte(mean(inside), conf + 0.01)
      one <- boot_ci(b, conf, type)
      expect_true(all(ci$lower < one$lower & ci$upper > one$upper))
    }
  }
  # One component: bands are the intervals.
  single <- b
  single$t0 <- b$t0[1L]
  single$t <- b$t[, 1L, drop = FALSE]
  for (type in c("perc", "basic")) {
    expect_equal(
      ends(boot_ci(single, 0.95, type, simultaneous = TRUE)), ends(boot_ci(single, 0.95, type)), tolerance = 1e-10
    )
  }
})

test_that("the quantile rule: order statistics at (R + 1) p, normal interpolation between", {
  t <- c(5, 1, 4, 2, 3, 9, 7, 8, 6)
  expect_identical(normal_quantile(t, c(0.1, 0.5, 0.9)), c(1, 5, 9))
  # Between 2 and 3 of 9: the share of the way on the normal scale.
  p <- 0.25
  share <- (qnorm(p) - qnorm(0.2)) / (qnorm(0.3) - qnorm(0.2))
  expect_equal(normal_quantile(t, p), 2 + share)
  far <- 0
  expect_identical(normal_quantile(t, c(0.01, 0.99), function() far <<- far + 1), c(1, 9))
  expect_identical(far, 1)
})

test_that("degenerate replicates are NA with a warning that names the component", {
  t <- cbind(a = rep(3, 300), b = seq(1, 2, length.out = 300))
  b <- fake(c(a = 3, b = 0), t, L = matrix(rnorm(40), 20))
  expect_warning(ci <- boot_ci(b, type = "perc"), "replicates of a are equal", class = "rustle_warning_interval")
  expect_identical(is.na(ci$lower), c(TRUE, FALSE))
  # Every replicate is above the estimate of b.
  expect_warning(ci <- boot_ci(b, index = "b", type = "bca"), "No BCa interval for b", class = "rustle_warning_interval")
  expect_true(is.na(ci$lower) && is.na(ci$upper))
  flat <- fake(c(b = 1.5), t[, 2L, drop = FALSE], L = matrix(0, 20, 1))
  expect_warning(ci <- boot_ci(flat, type = "bca"), "acceleration is not finite", class = "rustle_warning_interval")
  # Replicates that failed are left out.
  holes <- t[, 2L, drop = FALSE]
  holes[1:50] <- NA
  expect_warning(left <- boot_ci(fake(c(b = 1.5), holes), type = "perc"), "50 of 300 replicates of b are NA", class = "rustle_warning_interval")
  expect_equal(ends(left), ends(boot_ci(fake(c(b = 1.5), t[51:300, 2L, drop = FALSE]), type = "perc")))
})

test_that("few replicates warn of extreme order statistics", {
  b <- fake(c(a = 0), cbind(rnorm(99)))
  expect_warning(boot_ci(b, 0.95, "perc"), "Extreme order statistics", class = "rustle_warning_interval")
  expect_warning(boot_ci(b, 0.9, "perc"), "Extreme order statistics", class = "rustle_warning_interval")
  expect_silent(boot_ci(b, 0.95, "norm"))
  expect_silent(boot_ci(fake(c(a = 0), cbind(rnorm(200))), 0.95, "perc"))
})

test_that("a table of schemes and types says valid or refused", {
  t <- cbind(a = rnorm(400))
  L <- matrix(rnorm(20), 20)
  all <- c("norm", "basic", "perc", "bca")
  allowed <- function(sim, ...) {
    Filter(function(type) {
      tryCatch({ boot_ci(fake(c(a = 0), t, sim = paste0("rustle_", sim), L = L, ...), type = type); TRUE },
        rustle_error_interval = function(e) FALSE)
    }, all)
  }
  for (sim in c("ordinary", "balanced", "antithetic", "poisson")) expect_identical(allowed(sim), all)
  for (sim in c("parametric", "bayesian", "residual", "wild", "block")) expect_identical(allowed(sim), all[-4L])
  expect_identical(allowed("permutation"), character())
  expect_identical(allowed("ordinary", m = 5), all[-4L])
  # Given influence values say that the user knows.
  expect_s3_class(boot_ci(fake(c(a = 0), t, sim = "rustle_wild"), type = "bca", L = L), "rustle_boot_ci")
  expect_identical(unique(boot_ci(fake(c(a = 0), t, sim = "rustle_wild"))$type), c("norm", "basic", "perc"))
  set.seed(1)
  tilted <- boot::boot(1:9, function(d, i) mean(d[i]), R = 300, weights = 1:9)
  expect_error(boot_ci(tilted, type = "perc"), "imp.quantile", class = "rustle_error_interval")
  series <- boot::tsboot(lynx, mean, R = 300, l = 5, sim = "fixed")
  expect_error(boot_ci(series, type = "bca"), class = "rustle_error_interval")
  expect_identical(unique(boot_ci(series)$type), c("norm", "basic", "perc"))
  expect_error(boot_ci(fake(c(a = 0), t), type = "abc"), class = "rustle_error_interval")
})

test_that("m out of n is rescaled", {
  t <- cbind(a = rnorm(400))
  small <- boot_ci(fake(c(a = 0), t, m = 5), type = c("norm", "basic", "perc"))
  full <- boot_ci(fake(c(a = 0), t), type = c("norm", "basic", "perc"))
  expect_equal(ends(small), ends(full) * sqrt(5 / 20))
})

test_that("studentized replicates of m out of n are not rescaled", {
  x <- boot_data()$x
  f <- function(d, i) c(mean = mean(d[i]), variance = var(d[i]) / length(i))
  b <- bootstrap(x, f, R = 999, seed = 1, m = 10)
  root <- sort((b$t[, 1L] - b$t0[[1L]]) / sqrt(b$t[, 2L]))
  expected <- b$t0[[1L]] - sqrt(b$t0[[2L]]) * root[c(975, 25)]
  ci <- function(...) ends(boot_ci(b, 0.95, "stud", index = 1, ...))
  expect_equal(ci(variance = 2)[1L, ], expected)
  expect_equal(ci(var.t0 = b$t0[[2L]], var.t = b$t[, 2L])[1L, ], expected)
  expect_equal(ci(variance = 2, simultaneous = TRUE)[1L, ], expected, tolerance = 0.02)
})

test_that("wrong arguments of boot_ci() are errors", {
  b <- fake(c(a = 0, b = 1), cbind(rnorm(300), rexp(300)))
  set.seed(1)
  expect_argument_error(boot_ci(1:3), "x")
  for (conf in list(0, 1, 95, NA, "0.95", NULL, numeric())) expect_argument_error(boot_ci(b, conf), "conf")
  for (type in list("student", NA, 1, character())) expect_argument_error(boot_ci(b, type = type), "type")
  for (index in list(3, 0, "c", NA, c(1, 1))) expect_argument_error(boot_ci(b, index = index), "index")
  expect_argument_error(boot_ci(b, type = "stud", index = 1), "variance")
  expect_argument_error(boot_ci(b, type = "stud", index = 1, variance = 3), "variance")
  expect_argument_error(boot_ci(b, type = "stud", index = 2, variance = 1), "variance")
  expect_argument_error(boot_ci(b, type = "stud", index = 1, var.t0 = 1), "var.t")
  expect_argument_error(boot_ci(b, type = "stud", index = 1, variance = 2, h = log), "hdot")
  expect_argument_error(boot_ci(b, h = 3), "h")
  expect_argument_error(boot_ci(b, type = "bca"), "L")
  expect_argument_error(boot_ci(b, type = "bca", L = 1:3), "L")
  expect_argument_error(boot_ci(b, simultaneous = NA), "simultaneous")
})

test_that("influence values that are given fit the observations", {
  b <- bootstrap(boot::city, "ratio", R = 99, seed = 1)
  expect_argument_error(boot_ci(b, type = "bca", L = 1:3), "L")
})

test_that("as.data.frame() and print()", {
  ci <- boot_ci(city_boot(), type = c("perc", "norm"), conf = c(0.9, 0.95))
  plain <- as.data.frame(ci)
  expect_identical(class(plain), "data.frame")
  expect_identical(names(plain), c("term", "type", "conf", "lower", "upper", "lower.mcse", "upper.mcse"))
  expect_identical(plain$type, c("norm", "norm", "perc", "perc"))
  expect_output(print(ci), "999 replicates")
})

test_that("abc intervals of native statistics and formulas are those of their functions", {
  x <- boot::aircondit$hours
  b <- bootstrap(x, "mean", R = 20, seed = 1, threads = 1)
  expect_equal(ends(boot_ci(b, 0.95, "abc")), cbind(57.19276316, 226.71727217), tolerance = 1e-7)
  city <- list(
    bootstrap(boot::city, stat_ratio("x", "u"), R = 20, seed = 1, threads = 1),
    bootstrap(boot::city, ~ sum(.w * x) / sum(.w * u), R = 20, seed = 1, threads = 1),
    # Not linear in .w inside the sum: computed on workers.
    bootstrap(boot::city, ~ sum(x * .w) / sum(abs(.w) * u), R = 20, seed = 1)
  )
  for (b in city) {
    expect_equal(ends(boot_ci(b, 0.9, "abc")), cbind(1.293671, 1.948801), tolerance = 1e-6)
  }
  both <- bootstrap(law, stat_cor(), R = 20, seed = 1, threads = 1)
  expect_equal(ends(boot_ci(both, 0.95, "abc")), cbind(0.337970, 0.942070), tolerance = 5e-5)
  fitted <- function(d, w) { d$.weights <- w; coef(lm(dist ~ speed, d, weights = .weights)) }
  b <- bootstrap(cars, stat_lm(dist ~ speed), R = 20, seed = 1, threads = 1)
  # lm() takes no negative weights, which wide intervals reach.
  expect_equal(
    ends(boot_ci(b, 0.5, "abc"))[2L, ], boot::abc.ci(cars, fitted, index = 2, conf = 0.5)[2:3],
    # boot's derivative is numerical, with a step that depends on its version.
    tolerance = 1e-5
  )
  expect_true(all(is.finite(ends(boot_ci(b, 0.95, "abc")))))
  # In a small sample they make the cross products indefinite.
  few <- withr::with_seed(2, data.frame(x = rnorm(11), u = rexp(11), e = rt(11, 2)))
  few$y <- few$x + few$e
  X <- cbind(1, few$x, few$u)
  signed <- function(d, w) as.vector(solve(crossprod(X, w * X), crossprod(X, w * d$y)))
  b <- bootstrap(few, stat_lm(y ~ x + u), R = 20, seed = 1, threads = 1)
  expect_equal(
    ends(boot_ci(b, 0.99, "abc", index = 3))[1L, ], sort(boot::abc.ci(few, signed, index = 3, conf = 0.99)[2:3]),
    tolerance = 1e-5
  )
  logistic <- function(d, w) {
    d$.weights <- w * nrow(d)
    coef(suppressWarnings(glm(ulcer ~ log(thickness), binomial, d, weights = .weights, epsilon = 1e-14)))
  }
  b <- bootstrap(boot::melanoma, stat_glm(ulcer ~ log(thickness)), R = 20, seed = 1, threads = 1)
  expect_equal(
    ends(boot_ci(b, 0.5, "abc", index = 2))[1L, ],
    boot::abc.ci(boot::melanoma, logistic, index = 2, conf = 0.5)[2:3], tolerance = 5e-4
  )
  expect_error(boot_ci(bootstrap(x, "median", R = 20, seed = 1), type = "abc"), class = "rustle_error_interval")
  series <- boot::gravity[as.numeric(boot::gravity$series) >= 7, ]
  series$series <- factor(series$series)
  b <- bootstrap(series, stat_diff("mean", "g", "series"), R = 20, strata = series$series, seed = 1, threads = 1)
  expect_equal(b$t0[[1L]], -2.846153846, tolerance = 1e-9)
  expect_equal(ends(boot_ci(b, 0.95, "abc")), cbind(-6.70758, -0.39394), tolerance = 1e-5)
})

test_that("the table of schemes is that of bootstrap_validity()", {
  table <- bootstrap_validity(statistic = "sums")
  for (k in seq_len(nrow(table))) {
    row <- table[k, ]
    draws <- list(variant = row$sim, sim = row$sim, cluster = if (row$sim == "cluster") 1:2)
    refused <- !is.null(refused_interval(row$type, draws))
    # What the scheme refuses for the statistic has no replicates to judge.
    if (validity_of_statistic(row$sim, "sums")[[1L]] == "refused") next
    if (row$sim == "cluster" && row$type == "abc") next
    expect_identical(refused, row$status == "refused", info = paste(row$sim, row$type))
  }
})

test_that("a statistic that meets NA is told: how many replicates, and why", {
  warned <- function(expr) paste(capture_warnings(expr), collapse = " | ")
  all_na <- function(d, i) mean(d$Ozone[i])
  said <- warned(b <- bootstrap(airquality, all_na, R = 50, seed = 1))
  expect_match(said, "NA on the data (component t). The data have missing values (Ozone: 37, Solar.R: 7).", fixed = TRUE)
  said <- warned(ci <- boot_ci(b, type = "perc"))
  expect_match(said, "The estimate of t is NA: no interval. The data have missing values (Ozone: 37, Solar.R: 7).", fixed = TRUE)
  expect_no_match(said, "equal")
  expect_true(is.na(ci$lower))
  # Of a few: one observation is missing, so a resample has it with probability 1 - (1 - 1/n)^n.
  x <- c(1:30 / 7, NA)
  few <- function(d, i) if (all(i == seq_along(d))) mean(d, na.rm = TRUE) else mean(d[i])
  b <- suppressWarnings(bootstrap(x, few, R = 200, seed = 1))
  lost <- sum(is.na(b$t))
  for (type in c("norm", "basic", "perc")) {
    expect_match(warned(ci <- boot_ci(b, conf = 0.8, type = type)), sprintf("%d of 200 replicates of t are NA: intervals leave them out. The data have missing values (1).", lost), fixed = TRUE)
    expect_true(is.finite(ci$lower))
  }
  all_lost <- b
  all_lost$t[] <- NA
  expect_match(warned(boot_ci(all_lost, type = "perc")), "200 of 200 replicates of t are NA: no interval")
  infinite <- b
  infinite$t[1:3] <- Inf
  infinite$data <- NULL
  expect_match(warned(boot_ci(infinite, type = "perc", conf = 0.8)), "replicates of t are not finite: intervals leave them out.", fixed = TRUE)
  failing <- function(d, i) if (anyNA(d[i]) && !all(i == seq_along(d))) stop("it met NA") else 1 + mean(d[i], na.rm = TRUE)
  b <- suppressWarnings(bootstrap(x, failing, R = 200, seed = 1, on_error = "na"))
  expect_match(warned(boot_ci(b, conf = 0.8, type = "perc")), "The statistic failed (first: it met NA).", fixed = TRUE)
  # Constant replicates are what they were.
  constant <- bootstrap(x, function(d, i) 1, R = 50, seed = 1)
  expect_match(warned(boot_ci(constant, type = "perc")), "All replicates of t are equal")
  # Results of boot, bands and other readers.
  expect_match(warned(boot_ci(boot(airquality, all_na, R = 50), type = "norm")), "The estimate of t1 is NA", fixed = TRUE)
  two <- function(d, i) c(a = mean(d$Ozone[i]), b = mean(d$Wind[i]))
  b <- suppressWarnings(bootstrap(airquality, two, R = 200, seed = 1))
  said <- warned(bands <- boot_ci(b, conf = 0.8, type = c("norm", "perc"), simultaneous = TRUE))
  expect_match(said, "The estimate of a is NA")
  expect_identical(is.na(bands$lower), bands$term == "a")
  expect_match(warned(confint(b)), "The estimate of a is NA")
})
