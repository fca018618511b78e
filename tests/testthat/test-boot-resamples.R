# Resamples that this package draws: the oracle is boot::boot(), serial, with the same seed.

expect_boot <- function(call, plans, seed = 1) {
  envir <- parent.frame()
  name <- call[[1L]]
  run <- function(package) {
    set.seed(seed)
    call[[1L]] <- call("::", package, name)
    out <- eval(call, envir)
    out$call <- NULL
    list(out = out, after = get_random_seed())
  }
  expected <- run(quote(boot))
  for (plan in plans) {
    got <- under_plan(plan, run(quote(rustle)))
    expect_identical(got, expected, info = paste(plan[[1L]], deparse(call)))
  }
}

boot_plans <- function() {
  c(
    list(list("sequential"), list("threads", workers = 2L)),
    if (parallelly::supportsMulticore()) list(list("multicore", workers = 2L)), if (!on_cran()) few_session_plans()[1L]
  )
}

test_that("objects and random state are those of boot, for strata of all kinds and every stype", {
  x <- c(2.5, 1, 8, 3, 9, 4, 4, 7, 0.5)
  all_strata <- list(
    rep(1, 9), c(1, 3, 2, 3, 1, 1, 3, 1, 3), c(2, 1, 3, 1, 2, 2, 3, 1, 3), 1:9, c(1.5, 1.5, 2, 2, 1.2, 1.2, 1.7, 1.9, 1.3),
    factor(c("b", "a", "b", "a", "a", "c", "c", "c", "a"), levels = c("c", "none", "b", "a"))
  )
  for (strata in all_strata) {
    expect_boot(bquote(boot(x, function(d, i) d[i], R = 23, strata = .(strata))), boot_plans()[1:2])
    expect_boot(bquote(boot(x, function(d, f) f, R = 23L, stype = "f", strata = .(strata))), boot_plans()[1:2])
    expect_boot(bquote(boot(x, function(d, w) w, R = 23, stype = "w", strata = .(strata))), boot_plans()[1:2])
  }
  groups <- all_strata[[2L]]
  for (stype in c("i", "f", "w")) {
    expect_boot(bquote(boot(x, function(d, i, by) c(sum(d * i) / by, i), R = 23, stype = .(stype), strata = groups, by = 3)), boot_plans())
  }
  expect_boot(quote(boot(x, function(d, i) sum(d[i]), R = 1)), boot_plans())
  expect_boot(quote(boot(5, function(d, i) c(d[i], runif(1)), R = 4)), boot_plans()[1L])
  expect_boot(quote(boot(list(1, 2, 3), function(d, i) unlist(d[i]), R = 4)), boot_plans())
  expect_boot(quote(boot(mtcars, function(d, i) coef(lm(mpg ~ wt, d[i, ])), R = 9)), boot_plans())
})

test_that("balanced and antithetic resamples and permutations are those of boot", {
  x <- c(2.5, 1, 8, 3, 9, 4, 4, 7, 0.5)
  some_strata <- list(rep(1, 9), c(1, 3, 2, 3, 1, 1, 3, 1, 4), 1:9, factor(c("b", "a", "b", "a", "a", "c", "c", "c", "a")))
  for (strata in some_strata) for (sim in c("balanced", "permutation")) for (R in c(2, 23)) {
    expect_boot(bquote(boot(x, function(d, i) d[i], R = .(R), sim = .(sim), strata = .(strata))), boot_plans()[1:2])
    expect_boot(bquote(boot(x, function(d, f) f, R = .(R), sim = .(sim), stype = "f", strata = .(strata))), boot_plans()[2L])
  }
  groups <- rep(c(2, 1, 3), 3)
  for (sim in c("balanced", "permutation")) for (stype in c("i", "f", "w")) {
    expect_boot(bquote(boot(x, function(d, i, by) c(sum(d * i) / by, i), R = 23, sim = .(sim), stype = .(stype), strata = groups, by = 3)), boot_plans()[2:3])
  }
  # Influence values with ties, and those that boot computes.
  for (L in list(x, c(1, 1, 3, 3, 3, 2, 1, 0, 0), rep(2L, 9))) for (R in c(1, 2, 24, 25)) {
    expect_boot(bquote(boot(x, function(d, i) d[i], R = .(R), sim = "antithetic", L = .(L))), boot_plans()[1:2])
  }
  for (stype in c("i", "f", "w")) {
    expect_boot(bquote(boot(x, function(d, i) sum(d * i) / sum(i), R = 23, sim = "antithetic", stype = .(stype))), boot_plans()[1:3])
  }
  expect_boot(quote(boot(5, function(d, i) d[i], R = 4, sim = "permutation")), boot_plans()[1:2])
  expect_boot(quote(boot(mtcars, function(d, i) coef(lm(mpg ~ wt[i], d)), R = 9, sim = "permutation")), boot_plans()[-(1:3)])
  expect_boot(quote(boot(x, function(d, i) c(mean(d[i]), rnorm(1)), R = 7, sim = "balanced")), boot_plans()[1L])
})

test_that("numbers of statistics that draw in the session come after those of the resamples", {
  x <- c(2.5, 1, 8, 3, 9)
  expect_boot(quote(boot(x, function(d, i) c(mean(d[i]), rnorm(1)), R = 7)), boot_plans()[1L])
})

test_that("kinds of random numbers, and numbers of more than 16 bits", {
  withr::local_preserve_seed()
  withr::defer(suppressWarnings(RNGkind("default", "default", "default")))
  large <- as.double(1:70000)
  x <- as.double(1:20)
  for (kind in c("Mersenne-Twister", "L'Ecuyer-CMRG", "Wichmann-Hill", "Marsaglia-Multicarry")) {
    for (sample in c("Rejection", "Rounding")) for (normal in c("Inversion", "Box-Muller")) {
      suppressWarnings(RNGkind(kind, normal, sample))
      expect_boot(quote(boot(x, function(d, i) d[i], R = 40)), boot_plans()[1:2])
      if (normal == "Inversion" && kind == "Mersenne-Twister") for (sim in c("balanced", "permutation", "antithetic")) {
        expect_boot(bquote(boot(x, function(d, i) d[i], R = 40, sim = .(sim), L = rep(1:4, 5))), boot_plans()[1L])
      }
    }
  }
  for (sample in c("Rejection", "Rounding")) {
    suppressWarnings(RNGkind("Mersenne-Twister", "Inversion", sample))
    expect_boot(quote(boot(large, function(d, i) c(i[1:3], sum(d[i])), R = 2)), boot_plans()[1L])
    # A power of two, which Rejection takes whole.
    expect_boot(quote(boot(large[1:65536], function(d, i) c(i[1:3], sum(d[i])), R = 2)), boot_plans()[1L])
    for (sim in c("balanced", "permutation")) {
      expect_boot(bquote(boot(large[1:40000], function(d, i) c(i[1:3], sum(d[i] * d)), R = 3, sim = .(sim))), boot_plans()[1L])
    }
  }
})

test_that("resamples that do not fit into memory at once are drawn in parts, or by boot", {
  x <- as.double(1:32)
  for (bytes in c(2000, 600)) {
    withr::local_options(rustle.boot_bytes = bytes)
    expect_boot(quote(boot(x, function(d, i) c(mean(d[i]), i), R = 33, strata = rep(1:2, 16))), boot_plans())
    for (sim in c("balanced", "permutation", "antithetic")) {
      expect_boot(bquote(boot(x, function(d, i) c(mean(d[i]), i), R = 33, sim = .(sim), L = x)), boot_plans()[1:2])
    }
  }
})

# The number of calls of what draws resamples here.
draws_here <- function(expr) {
  n <- 0L
  ours <- asNamespace("rustle")
  suppressMessages(trace("rs_resample", function() n <<- n + 1L, print = FALSE, where = ours))
  on.exit(suppressMessages(untrace("rs_resample", where = ours)))
  force(expr)
  n
}

test_that("what is not known to have boot's numbers is drawn by boot's code", {
  x <- as.double(1:32)
  f <- function(d, i) mean(d[i])
  draws_as_boot({ set.seed(1); get_random_seed() })
  expect_identical(draws_here(boot(x, f, R = 9)), 1L)
  withr::with_options(list(rustle.boot_bytes = 1100), expect_identical(draws_here(boot(x, f, R = 9)), 2L))
  withr::with_options(list(rustle.boot_bytes = 100), expect_identical(draws_here(boot(x, f, R = 9)), 0L))
  for (sim in c("balanced", "permutation", "antithetic")) {
    draws_as_boot({ set.seed(1); get_random_seed() }, sim)
    expect_identical(draws_here(boot(x, f, R = 9, sim = sim, L = x)), 1L)
  }
  others <- list(
    quote(boot(x, f, R = 9, sim = "balanced", weights = 1:32)), quote(boot(x, f, R = 9, simple = TRUE)), quote(boot(x, f, R = 9, weights = 1:32)),
    quote(boot(x, function(d, i, j) mean(d[i]), R = 9, m = 1)), quote(boot(x, function(d, w) sum(d * w), R = 9, stype = "w", strata = rep(1:3, c(10, 10, 12)))),
    quote(boot(x, f, R = 0)), quote(tsboot(ts(x), mean, R = 9, l = 3, sim = "fixed"))
  )
  for (other in others) expect_identical(draws_here(eval(other)), 0L, info = deparse(other))
  # A version of boot with other numbers.
  kind <- paste(get_random_seed()[[1L]], "ordinary")
  assign(kind, FALSE, envir = compared)
  withr::defer(rm(list = kind, envir = compared))
  expect_identical(draws_here(boot(x, f, R = 9)), 0L)
  expect_boot(quote(boot(x, f, R = 20)), boot_plans())
})

test_that("an argument of the statistic may have any name", {
  x <- as.double(1:9)
  f <- function(d, i, l, ro, a, X) sum(d[i]) * l + ro + a + X
  expect_boot(quote(boot(x, f, R = 9, l = 2, ro = 3, a = 4, X = 5)), boot_plans())
  expect_boot(quote(tsboot(ts(x), function(t, le, FU) sum(t) * le + FU, R = 9, l = 3, sim = "fixed", le = 2, FU = 1)), boot_plans())
})
