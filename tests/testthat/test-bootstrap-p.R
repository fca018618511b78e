# Oracles: the intervals themselves (a p-value is 1 less the level at which an end is the null
# value), counts of replicates, and the spread of p-values over seeds.

draws_of <- function(R = 1999, seed = 1) bootstrap(boot::aircondit$hours, "mean", R = R, seed = seed, threads = 1)

test_that("the interval at the level 1 - p ends at the null value, for every type", {
  x <- boot::city
  b <- bootstrap(x, ~ c(ratio = sum(.w * x) / sum(.w * u)), R = 1999, seed = 2, threads = 1)
  for (null in c(1.25, 1.4, 1.75, 1.9)) {
    for (type in c("norm", "basic", "perc", "bc", "bca", "abc")) {
      p <- boot_p(b, null, type = type)
      # Below this the ends are those of the most extreme replicates.
      if (p$p.value < 0.003) next
      ci <- suppressWarnings(boot_ci(b, conf = 1 - p$p.value, type = type))
      end <- if (null < (ci$lower + ci$upper) / 2) ci$lower else ci$upper
      expect_equal(end, null, tolerance = 1e-6, info = paste(type, null))
    }
  }
})

test_that("studentized p-values invert studentized intervals", {
  f <- function(d, i) c(mean(d[i]), var(d[i]) / length(i))
  b <- bootstrap(boot::aircondit$hours, f, R = 999, seed = 3)
  p <- boot_p(b, null = 70, type = "stud")
  ci <- boot_ci(b, conf = 1 - p$p.value, type = "stud")
  expect_equal(ci$lower, 70, tolerance = 1e-6)
  expect_identical(p$term, "t1")
})

test_that("percentile p-values of replicates count them", {
  t <- c(1:9) / 10
  b <- structure(class = "rustle_boot", list(
    t0 = c(x = 0.45), t = matrix(t, dimnames = list(NULL, "x")), R = 9L, data = 1:5, sim = "rustle_ordinary", stype = "i",
    strata = rep(1, 5), statistic = "mean", failures = data.frame(replicate = integer(), message = character())
  ))
  # The null value is the second of nine: shares 2/10 and 8/10.
  expect_equal(boot_p(b, 0.2)$p.value, 0.4)
  expect_equal(boot_p(b, 0.2, alternative = "greater")$p.value, 0.2)
  expect_equal(boot_p(b, 0.2, alternative = "less")$p.value, 0.8)
  # Beyond all: what nine replicates can tell.
  expect_equal(boot_p(b, -1)$p.value, 0.2)
  expect_equal(boot_p(b, -1)$mcse, 2 * sqrt(0.1 * 0.9 / 9))
  expect_equal(boot_p(b, 2, alternative = "less")$p.value, 0.1)
  expect_equal(boot_p(b, 0.5)$p.value, 1)
  # Ties: the least and the largest rank.
  b$t[] <- c(1, 2, 2, 2, 3, 4, 5, 6, 7)
  expect_equal(boot_p(b, 2, alternative = "greater")$p.value, 0.4)
  expect_equal(boot_p(b, 2, alternative = "less")$p.value, 0.8)
})

test_that("a decreasing transformation exchanges nothing but the scale", {
  b <- draws_of()
  expect_equal(
    boot_p(b, 80, h = function(t) -t, hdot = function(t) 0 * t - 1, alternative = "greater", type = c("norm", "basic", "perc"))$p.value,
    boot_p(b, 80, alternative = "greater", type = c("norm", "basic", "perc"))$p.value
  )
})

test_that("the Monte Carlo error is the spread over seeds", {
  R <- 999
  types <- c("norm", "basic", "perc", "bc")
  all <- lapply(1:150, function(seed) boot_p(draws_of(R, seed), 70, type = types))
  p <- sapply(all, `[[`, "p.value")
  told <- rowMeans(sapply(all, `[[`, "mcse"))
  spread <- apply(p, 1, sd)
  # The standard error of a standard deviation of 150 values is 6 %.
  expect_lt(max(abs(told / spread - 1)), 0.25)
})

test_that("null values have the names of their components", {
  b <- boot_lm(lm(dist ~ speed, cars), R = 199, seed = 1)
  plain <- boot_p(b, c(-10, 3))
  expect_equal(boot_p(b, c(speed = 3, "(Intercept)" = -10)), plain)
  expect_equal(boot_p(b, c("(Intercept)" = -10, speed = 3)), plain)
  expect_equal(boot_p(b, c(speed = 3), index = "speed")$p.value, plain$p.value[[2L]])
  # A single value may come with any name.
  expect_equal(boot_p(b, c(slope = 3), index = 2)$p.value, plain$p.value[[2L]])
  for (null in list(c(q = 1), c(speed = 3), c(speed = 3, speed = 2), c(speed = 3, dist = 2))) {
    expect_argument_error(boot_p(b, null), "null")
  }
})

test_that("wrong arguments are told", {
  b <- draws_of(99)
  expect_error(boot_p(1), class = "rustle_error_argument")
  expect_error(boot_p(b, NA), class = "rustle_error_argument")
  expect_error(boot_p(b, 1:2), class = "rustle_error_argument")
  expect_error(boot_p(b, type = "tilt"), class = "rustle_error_argument")
  expect_error(boot_p(b, alternative = "both"), class = "rustle_error_argument")
  expect_error(boot_p(b, index = 2), class = "rustle_error_argument")
  expect_error(boot_p(bootstrap(cars, "cor", R = 99, sim = "permutation", seed = 1)), class = "rustle_error_interval")
  flat <- bootstrap(rep(1, 5), "mean", R = 99, seed = 1)
  expect_warning(p <- boot_p(flat), class = "rustle_warning_interval")
  expect_true(is.na(p$p.value))
})

# Oracles: the simultaneous intervals, and counts of ranks.
test_that("simultaneous p-values invert simultaneous intervals", {
  b <- bootstrap(mtcars, stat_lm(mpg ~ wt + hp + qsec), R = 1999, seed = 1, threads = 1)
  nulls <- b$t0 * c(1.4, 0.45, 0.3, 0.1)
  for (type in c("norm", "basic", "perc", "bc", "bca")) {
    p <- boot_p(b, nulls, type = type, simultaneous = TRUE)
    alone <- boot_p(b, nulls, type = type)
    expect_true(all(p$p.value >= alone$p.value))
    for (k in which(p$p.value > 0.01)) {
      inside <- function(level) {
        ci <- suppressWarnings(boot_ci(b, conf = level, type = type, simultaneous = TRUE))[k, ]
        ci$lower <= nulls[[k]] && nulls[[k]] <= ci$upper
      }
      expect_true(inside(1 - p$p.value[[k]] + 0.002), info = paste(type, k))
      expect_false(inside(1 - p$p.value[[k]] - 0.002), info = paste(type, k))
    }
  }
  # Each null value one of the replicates: ranks are whole numbers.
  at <- 40L
  nulls <- apply(b$t, 2L, function(t) sort(t)[[at]])
  ranks <- apply(b$t, 2L, rank)
  least <- apply(pmin(ranks, 2000 - ranks), 1L, min)
  p <- boot_p(b, nulls, simultaneous = TRUE)
  expect_equal(p$p.value, rep((1 + sum(least <= at)) / 2000, 4L))
  expect_equal(p$mcse, sqrt(p$p.value * (1 - p$p.value) / 1999))
  expect_output(print(p), "Simultaneous")
  # One component is adjusted for itself.
  expect_equal(boot_p(b, 30, index = 1, simultaneous = TRUE)$p.value, boot_p(b, 30, index = 1)$p.value, tolerance = 0.002)
  expect_argument_error(boot_p(b, simultaneous = TRUE, alternative = "less"), "alternative")
  expect_argument_error(boot_p(b, simultaneous = TRUE, type = "abc"), "type")
  expect_argument_error(boot_p(b, simultaneous = 1), "simultaneous")
})

test_that("adjusted p-values keep the probability of any false rejection", {
  # Eight means that are 0, of normal numbers with a common part.
  any_rejected <- function(seed) {
    set.seed(seed)
    x <- matrix(rnorm(60 * 8), 60) + rnorm(60)
    b <- bootstrap(x, "mean", R = 199, seed = seed, threads = 1, influence = "none")
    c(adjusted = min(boot_p(b, simultaneous = TRUE)$p.value), alone = min(boot_p(b)$p.value)) <= 0.1
  }
  rates <- rowMeans(vapply(1:200, any_rejected, c(adjusted = NA, alone = NA)))
  expect_lt(abs(rates[["adjusted"]] - 0.1), 4 * sqrt(0.09 / 200))
  expect_gt(rates[["alone"]], 0.2)
})
