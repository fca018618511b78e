# Objects as bootstrap() makes them, by hand: methods are judged by what is in them.

made <- function(R = 400, p = 2, seed = 1, t0 = c(mean = 0.5, sd = 2)[seq_len(p)], ...) {
  set.seed(seed)
  t <- matrix(rnorm(R * p, rep(t0, each = R)), R, dimnames = list(NULL, names(t0)))
  fields <- list(
    t0 = t0, t = t, R = R, data = seq_len(20), seed = seed, statistic = "mean", sim = "rustle_ordinary",
    call = quote(bootstrap(x)), stype = "i", strata = rep(1, 20), weights = NULL,
    failures = data.frame(replicate = integer(), message = character()), engine = "native", threads = 2
  )
  given <- list(...)
  fields[names(given)] <- given
  structure(fields, class = "rustle_boot")
}

test_that("coef(), vcov(), summary() and as.data.frame() say what t0 and t say", {
  b <- made()
  expect_identical(coef(b), b$t0)
  expect_equal(vcov(b), cov(b$t))
  s <- summary(b)
  expect_equal(s$bias, unname(colMeans(b$t) - b$t0))
  expect_equal(s$std.error, unname(apply(b$t, 2, sd)))
  expect_equal(as.matrix(as.data.frame(b)), b$t, ignore_attr = TRUE)
  expect_named(as.data.frame(b), c("mean", "sd"))
  b$t[3, 1] <- NA
  expect_equal(vcov(b), cov(b$t[-3, ]))
  expect_equal(summary(b)$replicates, c(399, 400))
  # Without names.
  plain <- made(t0 = c(0, 1))
  expect_named(coef(plain), c("t1", "t2"))
})

test_that("confint() is boot_ci() as a matrix, bca where it can be", {
  b <- made()
  ci <- boot_ci(b, 0.9, "perc")
  expect_equal(confint(b, level = 0.9), cbind(ci$lower, ci$upper), ignore_attr = TRUE)
  expect_identical(dimnames(confint(b)), list(c("mean", "sd"), c("2.5 %", "97.5 %")))
  expect_equal(confint(b, "sd"), confint(b)["sd", , drop = FALSE])
  expect_equal(confint(b, 2), confint(b)["sd", , drop = FALSE])
  L <- scale(matrix(rexp(40) - 1, 20), scale = FALSE)
  ci <- boot_ci(b, type = "bca", L = L)
  expect_equal(confint(made(L = L)), cbind(ci$lower, ci$upper), ignore_attr = TRUE)
  expect_equal(confint(made(L = L, sim = "rustle_wild")), confint(b))
  expect_argument_error(confint(b, level = 2), "level")
  expect_argument_error(confint(b, type = "all"), "type")
})

test_that("quantile() uses the rule of intervals", {
  b <- made()
  q <- quantile(b, c(0.025, 0.975))
  ci <- boot_ci(b, type = "perc")
  expect_equal(q, cbind(ci$lower, ci$upper), ignore_attr = TRUE)
  expect_identical(dimnames(q), list(c("mean", "sd"), c("2.5%", "97.5%")))
  expect_argument_error(quantile(b, 2), "probs")
})

test_that("`[` keeps components, or replicates of components", {
  b <- made(L = matrix(1:40, 20), failures = data.frame(replicate = c(2L, 5L), message = c("a", "b")))
  expect_identical(b["sd"]$t, b$t[, 2, drop = FALSE])
  expect_identical(b[2]$t0, b$t0[2])
  expect_identical(b[-1], b[2])
  expect_identical(b[c(FALSE, TRUE)], b[2])
  expect_identical(b[2]$L, b$L[, 2, drop = FALSE])
  expect_identical(b[2]$failures, b$failures)
  part <- b[c(5, 9), "mean"]
  expect_identical(part$t, b$t[c(5, 9), 1, drop = FALSE])
  expect_identical(part$R, 2L)
  expect_identical(part$failures$replicate, 1L)
  expect_identical(part$replicates, c(5L, 9L))
  expect_identical(part[2, ]$replicates, 9L)
  expect_identical(b[1:10, ]$t, b$t[1:10, ])
  expect_argument_error(b[3], "i")
  expect_argument_error(b["none"], "i")
  expect_argument_error(b[500, 1], "i")
})

test_that("c() adds replicates of the same bootstrap with other seeds", {
  a <- made(seed = 1)
  b <- made(seed = 2, R = 100, failures = data.frame(replicate = 7L, message = "x"))
  both <- c(a, b)
  expect_identical(both$t, rbind(a$t, b$t))
  expect_identical(both$R, 500L)
  expect_identical(both$seed, list(1, 2))
  expect_equal(both$failures$replicate, 407)
  expect_identical(c(a), a)
  others <- list(a, made(seed = 2, t0 = c(mean = 3, sd = 1)), made(seed = 2, sim = "rustle_wild"))
  for (other in others) expect_argument_error(c(a, other), "...")
  expect_argument_error(c(a, 3), "...")
})

test_that("print() shows estimate, bias, error and failures", {
  expect_output(print(made()), "Bootstrap \\(ordinary\\), 400 replicates of mean, 20 observations")
  expect_output(print(made()), "Computed by native code, 2 threads")
  expect_output(print(made(engine = "workers", threads = 1L)), "Computed by 1 worker\n", fixed = TRUE)
  failed <- made(failures = data.frame(replicate = c(3L, 3L, 8L), message = "singular"))
  expect_output(print(failed), "2 of 400 replicates failed")
  expect_output(print(summary(made())), "std.error")
})

test_that("what is printed is within 80 columns, with a long formula too", {
  withr::local_options(width = 80)
  long <- stats::reformulate(c("wt + hp + qsec + drat + gear + carb + vs", "log(disp)"), "mpg")
  b <- bootstrap(mtcars[rep(1:32, 2), ], stat_lm(long), R = 199, seed = 1, threads = 1)
  fit <- lm(mpg ~ wt + hp + qsec + drat, mtcars)
  wild <- wild_test(fit, names(coef(fit))[-1L], R = 199, seed = 1, threads = 1)
  psi <- nobs(fit) * residuals(fit) * model.matrix(fit) %*% summary(fit)$cov.unscaled
  results <- list(
    b, summary(b), wild, bootstrap_influence(psi, coef(fit), R = 499, seed = 1, cluster = mtcars$carb, threads = 1),
    simulate_schedule(times = rep(0.123, 4000), workers = 64), enough(),
    permutation_test(mtcars[["mpg"]][mtcars[["am"]] == 1], mtcars[["mpg"]][mtcars[["am"]] == 0 & mtcars[["gear"]] < 5])
  )
  for (x in results) {
    wide <- nchar(utils::capture.output(print(x)), "width")
    expect_lte(max(wide), 80, label = class(x)[[1L]])
  }
})

test_that("tidy() and glance() are found by generics", {
  skip_if_not_installed("generics")
  b <- made()
  out <- generics::tidy(b)
  expect_named(out, c("term", "statistic", "bias", "std.error"))
  ci <- boot_ci(b, 0.9, "basic")
  out <- generics::tidy(b, conf.int = TRUE, conf.level = 0.9, conf.method = "basic")
  expect_equal(out$conf.low, ci$lower)
  expect_equal(out$conf.high, ci$upper)
  g <- generics::glance(b)
  expect_identical(nrow(g), 1L)
  expect_equal(g[c("R", "n", "terms", "failures")], data.frame(R = 400, n = 20, terms = 2, failures = 0))
  expect_argument_error(generics::tidy(b, conf.int = TRUE, conf.method = "best"), "conf.method")
})

test_that("plots are drawn and leave the layout as it was", {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  before <- graphics::par("mfrow")
  b <- made()
  expect_identical(expect_silent(plot(b, "sd")), b)
  expect_identical(graphics::par("mfrow"), before)
  expect_argument_error(plot(b, 3), "index")
  expect_argument_error(plot(b, c("mean", "sd"), jack = TRUE), "index")
  margins <- graphics::par("mar")
  expect_silent(plot(b, c("sd", "mean")))
  expect_identical(graphics::par("mar"), margins)
  skip_if_not_installed("ggplot2")
  p <- ggplot2::autoplot(b)
  expect_s3_class(p, "ggplot")
  built <- ggplot2::ggplot_build(p)
  expect_identical(sum(built$data[[1L]]$count), 800)
  expect_equal(built$data[[2L]]$xintercept, unname(b$t0))
})

test_that("jackknife after bootstrap: from the replicates without each observation", {
  f <- function(d, i) sum(d$x[i]) / sum(d$u[i])
  set.seed(1)
  b <- boot(boot::city, f, R = 600)
  out <- jack_after_boot(b)
  counts <- boot::boot.array(b)
  without <- b$t[counts[, 4L] == 0, 1L]
  expect_identical(out$replicates[[4L]], as.numeric(length(without)))
  expect_equal(out$influence[[4L]], 9 * (mean(b$t) - mean(without)))
  expect_equal(out$q5[[4L]], normal_quantile(without - mean(without), 0.05))
  se <- vapply(1:10, function(j) sd(b$t[counts[, j] == 0, 1L]), 0)
  expect_equal(attr(out, "std.error"), sqrt(9 / 10 * sum((se - mean(se))^2)))
  # The influence is near that of the jackknife.
  expect_gt(cor(out$influence, jackknife_values(as_draws(b))[, 1L]), 0.95)
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  expect_silent(plot(out))
  set.seed(1)
  simulated <- boot(1:9, mean, R = 20, sim = "parametric", ran.gen = function(d, p) rnorm(9))
  expect_error(jack_after_boot(simulated), class = "rustle_error_interval")
  expect_argument_error(jack_after_boot(b, 2), "index")
  expect_argument_error(jack_after_boot(b, probs = 1), "probs")
})

test_that("as_boot() makes a boot object whose functions are right or stop", {
  L <- scale(cbind(rnorm(20), rexp(20) - 1), scale = FALSE)
  b <- made(L = L)
  for (k in 1:2) {
    one <- as_boot(b, k)
    expect_s3_class(one, "boot")
    expect_equal(one$L, L[, k])
    ci <- boot::boot.ci(one, type = c("norm", "basic", "perc", "bca"))
    ours <- boot_ci(b, index = k, type = c("norm", "basic", "perc", "bca"))
    expect_equal(
      cbind(ours$lower, ours$upper),
      rbind(ci$normal[2:3], ci$basic[4:5], ci$percent[4:5], ci$bca[4:5]), ignore_attr = TRUE
    )
  }
  expect_identical(as_boot(b, "sd")$t0, b$t0["sd"])
  # With two components there is no room for both.
  expect_null(as_boot(b)$L)
  # Foreign indices are never made up.
  expect_error(boot::boot.array(as_boot(b)))
  expect_error(suppressWarnings(boot::boot.ci(as_boot(b), type = "bca")))
  expect_identical(as_boot(made(rng = "R"))$sim, "ordinary")
  set.seed(1)
  original <- boot::boot(1:9, function(d, i) mean(d[i]), R = 9)
  expect_identical(as_boot(original), original)
  expect_argument_error(as_boot(3), "x")
})

test_that("results of bootstrap() print, convert and plot", {
  b <- bootstrap(boot::city, stat_ratio("x", "u"), R = 999, seed = 1, threads = 2)
  expect_output(print(b), "999 replicates of ratio")
  expect_output(print(bootstrap(1:9, ~ sum(.w * .x) / 9, R = 9, seed = 1)), "sum\\(.w \\* .x\\)/9")
  expect_equal(vcov(b)[1, 1], var(b$t[, 1]))
  converted <- as_boot(b)
  ours <- boot_ci(b, type = c("norm", "basic", "perc", "bca"))
  ci <- boot::boot.ci(converted, type = c("norm", "basic", "perc", "bca"))
  expect_equal(
    cbind(ours$lower, ours$upper),
    rbind(ci$normal[2:3], ci$basic[4:5], ci$percent[4:5], ci$bca[4:5]), ignore_attr = TRUE
  )
  expect_error(boot::boot.array(converted))
  # A function has its influence values computed when they are asked for.
  f <- bootstrap(boot::city, function(d, i) sum(d$x[i]) / sum(d$u[i]), R = 999, seed = 1)
  expect_null(f$L)
  expect_equal(boot_ci(f, type = "bca")$lower, boot_ci(b, type = "bca")$lower, tolerance = 1e-8)
  after <- jack_after_boot(b)
  without <- b$t[boot_array(b)[, 3] == 0, 1]
  expect_equal(after$std.error[[3]], sd(without))
  both <- c(b, bootstrap(boot::city, stat_ratio("x", "u"), R = 101, seed = 2, threads = 2))
  expect_identical(nrow(both$t), 1100L)
  expect_argument_error(c(b, b), "...")
})

test_that("with rng = \"R\" a converted object is boot's own", {
  x <- boot::aircondit$hours
  set.seed(1)
  b <- bootstrap(x, "mean", R = 99, rng = "R")
  set.seed(1)
  original <- boot::boot(x, function(d, i) mean(d[i]), R = 99)
  converted <- as_boot(b)
  expect_equal(converted$t, original$t)
  expect_identical(boot::boot.array(converted), boot::boot.array(original))
  expect_identical(boot_array(b), boot::boot.array(original))
  # Some of its replicates are no longer the first of their seed.
  expect_error(boot::boot.array(as_boot(b[10:20, ])))
})

test_that("a jackknife after the bootstrap prints what stands out", {
  b <- bootstrap(mtcars, "mean", R = 300, seed = 1)["mpg"]
  j <- jack_after_boot(b)
  shown <- capture.output(print(j))
  expect_lt(length(shown), 15L)
  largest <- order(-abs(j$influence))[1:5]
  printed <- utils::read.table(text = shown[5:10], header = TRUE)
  expect_identical(printed$observation, largest)
  expect_equal(printed$influence, j$influence[largest], tolerance = 0.01)
  expect_identical(nrow(as.data.frame(j)), 32L)
  expect_output(print(j[1:3, ]), "replicates")
})

test_that("as_boot() in a session without a random state leaves one that R takes", {
  withr::with_preserve_seed({
    b <- bootstrap(1:10, function(d, i) mean(d[i]), R = 20, seed = 3)
    rm(".Random.seed", envir = globalenv())
    # boot puts this back.
    expect_type(as_boot(b)$seed, "integer")
  })
})

test_that("results tell clusters, fixed effects and the maximum entropy bootstrap", {
  fit <- lm(mpg ~ wt, mtcars)
  expect_output(print(boot_lm(fit, R = 5, seed = 1, cluster = ~ carb)), "32 observations\\s+in\\s+6\\s+clusters")
  expect_output(print(bootstrap(mtcars, "mean", R = 5, seed = 1, cluster = ~ cyl + gear)), "in\\s+3\\s+and\\s+3\\s+clusters")
  expect_output(print(boot_lm(fit, R = 5, seed = 1, effects = ~ cyl)), "effects =\\s+\"cyl\"")
  series <- tsbootstrap(nhtemp, "mean", R = 5, sim = "maxent", seed = 1)
  expect_output(print(extend(series, 9)), "maximum entropy")
  psi <- matrix(sin(1:40), 20)
  expect_output(print(bootstrap_influence(psi, R = 199, seed = 1)), "adjusted for\\s+all")
  d <- transform(mtcars, w = 0)
  expect_error(bootstrap(d, stat_lm(mpg ~ wt, weights = "w"), R = 5), "all 0", class = "rustle_error_argument")
})
