test_that("clusters are those of the rows that the fit has used", {
  d <- wild_data()
  d$y[c(5, 17)] <- NA
  d$x1[40] <- NA
  part <- d$x2 < 2
  used <- which(part & !is.na(d$y) & !is.na(d$x1))
  oracle <- quiet_wild(lm(y ~ x1 + x2, d[used, ]), "x1 = 0.1", d$t[used], R = 199, seed = 1)
  expect_same <- function(fit, cluster = ~ t) {
    expect_identical(quiet_wild(fit, "x1 = 0.1", cluster, R = 199, seed = 1)$draws, oracle$draws)
  }
  expect_same(lm(y ~ x1 + x2, d, subset = x2 < 2))
  expect_same(lm(y ~ x1 + x2, d, subset = which(part)))
  expect_same(lm(y ~ x1 + x2, d, subset = x2 < 2, na.action = na.exclude))
  expect_same(mt_lm(y ~ x1 + x2, d, subset = x2 < 2, threads = 1))
  expect_same(lm(y ~ x1 + x2, d, subset = x2 < 2), d$t[used])
  expect_same(lm(y ~ x1 + x2, d, subset = x2 < 2), data.frame(t = d$t[used]))
  expect_same(lm(y ~ x1 + x2, d, subset = x2 < 2), ~ factor(t))
  kept <- d[part, ]
  expect_identical(quiet_wild(y ~ x1 + x2, "x1 = 0.1", ~ t, data = kept, R = 199, seed = 1)$draws, oracle$draws)
  # Within a function, with data of its own.
  f <- function(own) lm(y ~ x1 + x2, own, subset = x2 < 2)
  fit <- f(d)
  error <- tryCatch(quiet_wild(fit, "x1 = 0.1", ~ t, R = 199, seed = 1), error = identity)
  if (inherits(error, "error")) expect_s3_class(error, "rustle_error") else expect_identical(error$draws, oracle$draws)
})

test_that("clusters that do not fit the rows are an error, not another p-value", {
  d <- wild_data()
  d$y[5] <- NA
  fit <- lm(y ~ x1 + x2, d)
  expect_argument_error(wild_test(fit, "x1", d$f), "cluster")
  expect_argument_error(wild_test(fit, "x1", d["f"]), "cluster")
  expect_argument_error(wild_test(fit, "x1", boot_cluster = d$f), "boot_cluster")
  # The data have changed since the fit.
  d <- d[order(d$x1), ]
  error <- expect_argument_error(wild_test(fit, "x1", ~ f), "cluster")
  expect_s3_class(error, "rustle_error_rows")
  d <- d[1:50, ]
  expect_s3_class(expect_argument_error(wild_test(fit, "x1", ~ f), "cluster"), "rustle_error_rows")
})

test_that("clusters that cannot be used are refused", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d)
  d$missing <- replace(d$f, 7, NA)
  fit <- lm(y ~ x1 + x2, d)
  error <- expect_argument_error(wild_test(fit, "x1", ~ missing), "cluster")
  expect_identical(error$rows, 7L)
  expect_argument_error(wild_test(fit, "x1", rep(1, 120)), "cluster")
  expect_argument_error(wild_test(fit, "x1", y ~ f), "cluster")
  expect_argument_error(wild_test(fit, "x1", sum), "cluster")
  expect_argument_error(wild_test(fit, "x1", ~ nowhere), "cluster")
  expect_argument_error(wild_test(fit, "x1", ~ f, boot_cluster = rep(1, 120)), "boot_cluster")
  expect_argument_error(wild_test(fit, "x1", ~ f, effects = matrix(1, 2, 2)), "effects")
})

test_that("a clustering within another changes nothing", {
  d <- wild_data()
  d$state <- match(d$f, letters) %/% 3
  fit <- lm(y ~ x1 + x2, d)
  one <- quiet_wild(fit, "x1", ~ state, R = 199, weights = "webb", seed = 1)
  both <- quiet_wild(fit, "x1", ~ state + f, R = 199, weights = "webb", seed = 1)
  expect_identical(both$draws, one$draws)
  expect_identical(nrow(both$parts), 1L)
})

test_that("fits without their frame are checked against their data", {
  d <- wild_data()
  fit <- lm(y ~ x1 + x2, d, model = FALSE, qr = FALSE)
  oracle <- quiet_wild(lm(y ~ x1 + x2, d), "x1", ~ t, R = 99, seed = 1)
  expect_equal(quiet_wild(fit, "x1", ~ t, R = 99, seed = 1)$draws, oracle$draws)
  d$x1 <- rev(d$x1)
  expect_s3_class(expect_argument_error(wild_test(fit, "x1", ~ t), "model"), "rustle_error_rows")
})

test_that("rows whose subset is NA are left out, as lm() does it", {
  d <- wild_data()
  d$some <- ifelse(d$x2 > 2, NA, d$x1 > -1)
  fit <- lm(y ~ x1 + x2, d, subset = some)
  kept <- d[which(d$some), ]
  for (cluster in list(~ t, ~ t + f)) {
    a <- quiet_wild(fit, "x1", cluster, R = 199, seed = 1)
    b <- quiet_wild(lm(y ~ x1 + x2, kept), "x1", cluster, R = 199, seed = 1)
    expect_equal(a[c("statistic", "p.value", "conf.int")], b[c("statistic", "p.value", "conf.int")])
  }
  expect_equal(boot_lm(fit, R = 5, cluster = ~ t, seed = 1)$t, boot_lm(lm(y ~ x1 + x2, kept), R = 5, cluster = ~ t, seed = 1)$t)
})
