# The oracle is boot::boot(), serial, with the same seed: the object, and the random
# state that the call leaves behind.

# `ours` and `original` are quoted calls of boot(), tsboot() or censboot() without
# package; they are the same call.
expect_as_boot <- function(call, plans = few_boot_plans(), seed = 1) {
  skip_without_fork()
  envir <- parent.frame()
  name <- as.character(call[[1L]])
  original <- call
  original[[1L]] <- call("::", quote(boot), as.name(name))
  ours <- call
  ours[[1L]] <- call("::", quote(rustle), as.name(name))
  set.seed(seed)
  expected <- eval(original, envir)
  state <- globalenv()[[".Random.seed"]]
  expected$call <- NULL
  plans <- in_turn(plans, name)
  for (plan in names(plans)) {
    set.seed(seed)
    got <- under_plan(plans[[plan]], eval(ours, envir))
    expect_identical(globalenv()[[".Random.seed"]], state, info = plan)
    expect_identical(got$call[[1L]], ours[[1L]], info = plan)
    got$call <- NULL
    expect_identical(got, expected, info = plan)
  }
  invisible(expected)
}

few_boot_plans <- function() {
  c(
    test_plans()[c("sequential", "stealing 2", "stealing 3", "cyclic 2", "dynamic 2")],
    list(threads = list("threads", workers = 2)), if (!on_cran()) few_session_plans()[1L]
  )
}

mean_of <- function(d, i) mean(d[i])
weighted <- function(d, w) c(m = sum(d * w), s = sum(d^2 * w))

test_that("arguments and defaults are those of boot", {
  for (name in c("boot", "tsboot", "censboot")) {
    expect_identical(
      formals(getExportedValue("rustle", name)), formals(getExportedValue("boot", name))
    )
  }
})

test_that("t is that of serial boot() for every sim and stype, with strata", {
  x <- boot::aircondit$hours
  groups <- rep(1:2, c(5, 7))
  for (sim in c("ordinary", "balanced", "antithetic")) {
    expect_as_boot(bquote(boot(x, mean_of, R = 21, sim = .(sim))))
    for (stype in c("f", "w")) {
      expect_as_boot(
        bquote(boot(x, weighted, R = 20, sim = .(sim), stype = .(stype), strata = groups)),
        few_boot_plans()[1:2]
      )
    }
  }
  expect_as_boot(quote(boot(x, function(d, i) sum(d * d[i]), R = 20, sim = "permutation", strata = groups)))
  expect_as_boot(quote(boot(x, mean_of, R = 20, sim = "antithetic", L = x - mean(x))), few_boot_plans()[1:2])
})

test_that("t is that of serial boot() for data frames, matrices, m, weights and simple", {
  d <- boot::city
  ratio <- function(d, w) sum(d$x * w) / sum(d$u * w)
  expect_as_boot(quote(boot(d, ratio, R = 30, stype = "w")))
  expect_as_boot(quote(boot(as.matrix(d), function(m, i) cor(m[i, ])[1, 2], R = 30)))
  pred <- function(d, i, j, a) c(mean(d$x[i]), d$u[j] * a)
  expect_as_boot(quote(boot(d, pred, R = 30, m = 2, a = 3)))
  expect_as_boot(quote(boot(d, pred, R = 10, m = c(1, 2), a = 3, strata = rep(1:2, 5))))
  x <- d$x
  expect_as_boot(quote(boot(x, mean_of, R = 30, weights = 1:10)))
  expect_as_boot(quote(boot(x, mean_of, R = c(5, 12), weights = rbind(1:10, rep(1, 10)), sim = "balanced")))
  expect_as_boot(quote(boot(x, mean_of, R = 30, simple = TRUE)))
  expect_as_boot(quote(boot(x, mean_of, R = 30, simple = TRUE, strata = rep(1:2, 5))))
})

test_that("t is that of serial boot() for simulated data", {
  x <- boot::aircondit$hours
  draw <- function(d, mle) rexp(length(d), 1 / mle)
  expect_as_boot(quote(boot(x, mean, R = 30, sim = "parametric", ran.gen = draw, mle = mean(x))))
  both <- function(d, trim) c(mean(d, trim = trim), var(d))
  expect_as_boot(quote(boot(x, both, R = 30, sim = "parametric", ran.gen = draw, mle = mean(x), trim = 0.1)))
})

test_that("types of t are those of boot", {
  x <- 1:9
  expect_type(expect_as_boot(quote(boot(x, function(d, i) d[i][1] > 3, R = 9)))$t, "logical")
  expect_type(expect_as_boot(quote(boot(x, function(d, i) d[i][1], R = 9)))$t, "integer")
  expect_type(expect_as_boot(quote(boot(x, function(d, i) d[i][1] + 1i, R = 9)))$t, "complex")
  expect_as_boot(quote(boot(x, function(d, i) matrix(d[i][1:4], 2), R = 9)))
  expect_as_boot(quote(boot(x, function(d, i) if (i[1] > 5) 1L else 0.5, R = 9)))
})

test_that("other generators and a missing state give boot's numbers", {
  x <- boot::aircondit$hours
  old <- RNGkind()
  withr::defer(suppressWarnings(do.call(RNGkind, as.list(old))))
  for (kind in c("L'Ecuyer-CMRG", "Wichmann-Hill")) {
    RNGkind(kind)
    expect_as_boot(quote(boot(x, mean_of, R = 20)), few_boot_plans()[1:2])
  }
  suppressWarnings(RNGkind(sample.kind = "Rounding"))
  expect_as_boot(quote(boot(x, mean_of, R = 20)), few_boot_plans()[1:2])
  rm(".Random.seed", envir = globalenv())
  b <- under_plan(few_boot_plans()[[2L]], boot(x, mean_of, R = 20))
  assign(".Random.seed", b$seed, envir = globalenv())
  expect_identical(b$t, boot::boot(x, mean_of, R = 20)$t)
})

test_that("the functions of boot work on the object", {
  skip_without_fork()
  ratio <- function(d, w) sum(d$x * w) / sum(d$u * w)
  set.seed(1)
  original <- boot::boot(boot::city, ratio, R = 999, stype = "w")
  set.seed(1)
  ours <- under_plan(few_boot_plans()[[2L]], boot(boot::city, ratio, R = 999, stype = "w"))
  same <- function(f) expect_identical(f(ours), f(original))
  same(boot::boot.array)
  same(function(b) boot::boot.array(b, indices = TRUE))
  same(function(b) boot::empinf(b))
  same(function(b) boot::boot.ci(b, type = c("norm", "basic", "perc", "bca"))[-2L][-1L][-2L])
  same(function(b) boot::imp.weights(b))
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  expect_silent(plot(ours))
  expect_silent(plot(ours, jack = TRUE))
  expect_silent(boot::jack.after.boot(ours))
  expect_identical(c(ours, ours)$t, c(original, original)$t)
  printed <- utils::capture.output(print(ours))
  expect_true("ORDINARY NONPARAMETRIC BOOTSTRAP" %in% printed)
  # Davison and Hinkley's city data: what boot's manual prints for this seed.
  expect_equal(mean(ours$t) - ours$t0, 0.04902441, tolerance = 1e-6)
  expect_equal(sd(ours$t), 0.2158325, tolerance = 1e-6)
})

test_that("a statistic that draws random numbers is noticed and runs serially", {
  skip_without_fork()
  x <- boot::aircondit$hours
  noisy <- function(d, i) mean(d[i]) + rnorm(1)
  # Draws in one replicate only.
  rarely <- function(d, i) if (i[[1L]] == 12L) runif(1) else mean(d[i])
  moved <- function(d) mean(d) + runif(1)
  cases <- list(
    quote(boot(x, noisy, R = 20)), quote(boot(x, rarely, R = 50)),
    quote(boot(x, noisy, R = 20, simple = TRUE)), quote(boot(x, noisy, R = 10, sim = "antithetic")),
    quote(boot(x, moved, R = 20, sim = "parametric", ran.gen = function(d, p) sample(d, replace = TRUE))),
    quote(tsboot(ts(x), moved, R = 10, l = 3, sim = "geom"))
  )
  for (case in cases) {
    expect_message(expect_as_boot(case, few_boot_plans()[2L]), class = "rustle_message_serial")
    expect_silent(expect_as_boot(case, few_boot_plans()[1L]))
  }
})

test_that("a failing replicate is an error with its number and message", {
  skip_without_fork()
  x <- boot::aircondit$hours
  set.seed(1)
  first <- boot::boot.array(boot::boot(x, mean_of, R = 40), indices = TRUE)[, 1L]
  wanted <- first[[17L]]
  replicate <- which(first == wanted)[[1L]]
  own <- structure(class = c("my_error", "error", "condition"), list(message = "singular", call = NULL))
  fails <- function(d, i) if (i[[1L]] == wanted && !identical(i, seq_along(d))) stop(own) else 1
  for (plan in few_boot_plans()) {
    set.seed(1)
    e <- expect_error(under_plan(plan, boot(x, fails, R = 40)), class = "rustle_error_statistic")
    expect_s3_class(e, "my_error")
    expect_identical(e$replicate, replicate)
    expect_identical(conditionMessage(e), sprintf("Replicate %d failed: singular", replicate))
    expect_identical(e$parent$message, "singular")
  }
  # The data themselves: the statistic's own error.
  for (plan in few_boot_plans()[1:2]) {
    expect_error(under_plan(plan, boot(x, function(d, i) stop(own), R = 5)), class = "my_error")
    gen <- function(d, p) stop("no data")
    expect_error(under_plan(plan, boot(x, mean, R = 5, sim = "parametric", ran.gen = gen)), "^no data$")
  }
})

test_that("values that do not fit are an error with the replicate", {
  skip_without_fork()
  x <- 1:6
  bad <- list(
    function(d, i) letters[i],
    function(d, i) if (identical(i, seq_along(d))) c(1, 2) else 1,
    function(d, i) if (identical(i, seq_along(d))) 1 else list(1),
    function(d, i) numeric(),
    function(d, i) NULL
  )
  for (plan in few_boot_plans()[1:2]) {
    for (statistic in bad) {
      expect_error(under_plan(plan, boot(x, statistic, R = 5)), class = "rustle_error_statistic")
    }
    e <- expect_error(under_plan(plan, boot(x, bad[[2L]], R = 5)), "2 before, 1 in replicate 1")
    expect_identical(e$replicate, 1L)
  }
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  f <- function(d, i) { ran <<- TRUE; 1 }
  set.seed(1)
  expect_argument_error(boot(1:5, "no such function", R = 5), "statistic")
  expect_argument_error(boot(numeric(), f, R = 5), "data")
  for (R in list(2.5, -1, NA, "5", NULL, c(1, 2), Inf)) expect_argument_error(boot(1:5, f, R = R), "R")
  expect_argument_error(boot(1:5, f, R = 5, weights = rbind(1:5, 1:5)), "R")
  expect_argument_error(boot(1:5, f, R = 5, sim = "wild"), "sim")
  expect_argument_error(boot(1:5, f, R = 5, stype = "x"), "stype")
  expect_argument_error(boot(1:5, f, R = 5, strata = 1:4), "strata")
  for (w in list(1:4, c(-1, 1, 1, 1, 1), rep(0, 5), letters[1:5], c(NA, 1:4))) {
    expect_argument_error(boot(1:5, f, R = 5, weights = w), "weights")
  }
  expect_argument_error(boot(1:5, f, R = 5, parallel = "threads"), "parallel")
  for (ncpus in list(0, 1.5, NA, "2", NULL)) expect_argument_error(boot(1:5, f, R = 5, ncpus = ncpus), "ncpus")
  for (l in list(NULL, 0, 7, NA, "2", 1:2)) {
    expect_argument_error(tsboot(ts(1:6), f, R = 5, l = l, sim = "fixed"), "l")
  }
  expect_argument_error(tsboot(ts(1:6), f, R = 5, sim = "blocks"), "sim")
  expect_argument_error(censboot(1:6, f, R = 5), "data")
  expect_argument_error(censboot(boot::aml, f, R = 5, sim = "wild"), "sim")
  expect_false(ran)
})

test_that("parallel, ncpus and cl choose the workers", {
  skip_without_fork()
  where <- function(d, i) Sys.getpid()
  here <- Sys.getpid()
  set.seed(1)
  workers <- function(...) setdiff(unique(boot(1:5, where, R = 40, ...)$t[, 1L]), here)
  under_plan(list("sequential"), {
    expect_length(workers(), 0L)
    expect_gt(length(workers(ncpus = 2)), 0L)
    expect_gt(length(workers(ncpus = 2, parallel = "snow")), 0L)
    expect_length(workers(ncpus = 1), 0L)
    withr::with_options(list(boot.parallel = "multicore", boot.ncpus = 2L), expect_gt(length(workers()), 0L))
  })
  under_plan(list("multicore", workers = 2), {
    expect_gt(length(workers()), 0L)
    expect_length(workers(parallel = "no"), 0L)
    expect_length(workers(ncpus = 1), 0L)
    expect_gt(length(workers(parallel = "multicore")), 0L)
  })
  expect_length(workers(parallel = "no", ncpus = 2), 0L)
})

test_that("a cluster runs boot's own code", {
  cl <- parallel::makeCluster(1L)
  withr::defer(parallel::stopCluster(cl))
  x <- boot::aircondit$hours
  f <- function(d, i) c(mean(d[i]), Sys.getpid())
  environment(f) <- globalenv()
  set.seed(1)
  b <- boot(x, f, R = 10, cl = cl)
  set.seed(1)
  expect_identical(b$t[, 1L], boot::boot(x, f, R = 10)$t[, 1L])
  expect_identical(b$t[1L, 2L], as.numeric(parallel::clusterCall(cl, Sys.getpid)[[1L]]))
  expect_identical(b$statistic, f)
})

test_that("on workers that share no memory the numbers are the same", {
  x <- boot::aircondit$hours
  shift <- 2
  f <- function(d, i, a) mean(d[i]) + a + shift
  old <- rustle::plan(future::multisession, workers = 2)
  withr::defer(rustle::plan(old))
  set.seed(1)
  b <- boot(x, f, R = 12, a = 1)
  set.seed(1)
  expect_identical(b$t, boot::boot(x, f, R = 12, a = 1)$t)
})

test_that("output, messages and warnings of the statistic arrive in order", {
  skip_without_fork()
  f <- function(d, i) { warning("careful ", i[[1L]]); cat("."); mean(d[i]) }
  run <- function(boot) {
    set.seed(1)
    said <- character()
    out <- utils::capture.output(withCallingHandlers(boot(1:5, f, R = 6), warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }))
    list(said, out)
  }
  expect_identical(
    under_plan(list("multicore", workers = 2), run(function(...) invisible(rustle::boot(...)))),
    run(function(...) invisible(boot::boot(...)))
  )
})

test_that("replicates that wait for workers are bounded in memory, with the same numbers", {
  skip_without_fork()
  x <- boot::aircondit$hours
  f <- function(d, i) if (mean(d[i]) > 170) stop("large") else mean(d[i])
  withr::local_options(rustle.boot_bytes = 2000)
  expect_as_boot(quote(boot(x, mean_of, R = 55)), few_boot_plans()[2L])
  set.seed(1)
  t <- boot::boot(x, mean_of, R = 200)$t
  set.seed(1)
  e <- expect_error(under_plan(few_boot_plans()[[2L]], boot(x, f, R = 200)), class = "rustle_error_statistic")
  expect_identical(e$replicate, which(t > 170)[[1L]])
})

test_that("calls by do.call(), from functions and in workers work", {
  skip_without_fork()
  x <- boot::aircondit$hours
  wrapper <- function(data, ...) boot(data, ...)
  under_plan(list("multicore", workers = 2), {
    set.seed(1)
    t <- wrapper(x, mean_of, R = 10, stype = "i")$t
    set.seed(1)
    expect_identical(t, boot::boot(x, mean_of, R = 10)$t)
    set.seed(1)
    expect_identical(do.call(boot, list(x, mean_of, R = 10))$t, t)
    nested <- future_lapply(1:2, function(k) { set.seed(1); boot(x, mean_of, R = 10)$t }, future.seed = NULL)
    expect_identical(nested, list(t, t))
  })
})

test_that("tsboot() equals boot's for every sim, with post-blackening", {
  series <- log(lynx)
  f <- function(s, lag = 1) c(mean(s), acf(s, plot = FALSE)$acf[lag + 1L])
  shift <- function(s, n.sim, args) s + args
  expect_as_boot(quote(tsboot(series, f, R = 12, l = 20, sim = "geom")))
  expect_as_boot(quote(tsboot(series, f, R = 12, l = 20, sim = "fixed", lag = 3)))
  expect_as_boot(quote(tsboot(series, f, R = 12, l = 20, sim = "fixed", endcorr = FALSE, n.sim = 50, orig.t = FALSE)))
  expect_as_boot(quote(tsboot(series, f, R = 12, sim = "scramble")))
  expect_as_boot(quote(tsboot(series, f, R = 12, sim = "scramble", norm = FALSE)))
  expect_as_boot(quote(tsboot(series, f, R = 12, l = 10, sim = "fixed", ran.gen = shift, ran.args = 5)))
  model <- function(s, n.sim, args) arima.sim(list(ar = args), n.sim)
  expect_as_boot(quote(tsboot(series, f, R = 12, sim = "model", ran.gen = model, ran.args = 0.5)))
  expect_as_boot(quote(tsboot(cbind(series, rev(series)), function(s) cor(s)[1, 2], R = 12, l = 9, sim = "geom")))
})

test_that("tsboot() reaches the exact standard deviations of the lynx series", {
  skip_without_fork()
  # The exact ones, and four standard errors (sd / sqrt(2 R)) of the simulated.
  series <- log(lynx)
  set.seed(1)
  R <- 4000
  geom <- tsboot(series, mean, R = R, l = 20, sim = "geom", ncpus = 2)
  fixed <- tsboot(series, mean, R = R, l = 19, sim = "fixed", ncpus = 2)
  expect_equal(sd(geom$t), 0.1182311148, tolerance = 4 / sqrt(2 * R))
  expect_equal(sd(fixed$t), 0.1298243436, tolerance = 4 / sqrt(2 * R))
})

test_that("censboot() equals boot's for every sim", {
  skip_if_not_installed("survival")
  aml <- boot::aml
  Surv <- survival::Surv
  f <- function(d, q = 0.5) quantile(d[d[, 2L] == 1, 1L], q)
  expect_as_boot(quote(censboot(aml, f, R = 12)))
  expect_as_boot(quote(censboot(aml, f, R = 12, strata = aml$group, q = 0.3)))
  surv <- survival::survfit(Surv(time, cens) ~ group, data = aml)
  cens <- survival::survfit(Surv(time - 0.001 * cens, 1 - cens) ~ group, data = aml)
  expect_as_boot(quote(censboot(aml, f, R = 12, F.surv = surv, G.surv = cens, strata = aml$group, sim = "cond")))
  # The weird bootstrap passes the strata, too.
  g <- function(d, s) tapply(d[, 1L], s, mean)
  expect_as_boot(quote(censboot(aml[, 1:2], g, R = 12, F.surv = surv, strata = aml$group, sim = "weird")))
  cox <- survival::coxph(Surv(time, cens) ~ group, data = aml)
  fitted <- survival::survfit(cox)
  overall <- survival::survfit(Surv(time - 0.001 * cens, 1 - cens) ~ 1, data = aml)
  expect_as_boot(quote(censboot(aml, f, R = 12, F.surv = fitted, G.surv = overall, cox = cox, sim = "model")))
})

test_that("library(rustle) attaches the functions of boot", {
  exports <- getNamespaceExports("boot")
  functions <- Filter(function(f) is.function(getExportedValue("boot", f)), exports)
  attached <- as.environment("package:rustle")
  # Its name looks like a method of exp(): R CMD check takes it for a mistake.
  expect_identical(setdiff(functions, ls(attached)), "exp.tilt")
  for (f in setdiff(functions, c("boot", "tsboot", "censboot", "exp.tilt"))) {
    expect_identical(get(f, attached), getExportedValue("boot", f))
  }
})

test_that("a statistic of numbers runs on threads where the plan has them", {
  x <- c(3.2, 1.5, 4.75, -2, 8, 0.1, 5.5, 2.25)
  plans <- list(threads = list("threads", workers = 2))
  if (!on_cran()) plans$multisession <- list("multisession", workers = 2)
  calls <- list(
    quote(boot(x, mean_of, R = 40)), quote(boot(x, weighted, R = 40, stype = "w")),
    quote(boot(x, weighted, R = 40, stype = "f")),
    quote(boot(x, function(d, i, k) c(mean(d[i]), k * var(d[i])), R = 40, k = 2))
  )
  for (call in calls) {
    for (plan in names(plans)) {
      last_compiled$told <- NULL
      expect_as_boot(call, plans[plan])
      expect_identical(last_compiled$told$tasks, 40L, info = paste(plan, deparse(call)[[1L]]))
    }
  }
  # What draws, fails or warns is R's affair.
  expect_as_boot(quote(boot(x, function(d, i) mean(d[i]) + rnorm(1), R = 10)), plans["threads"])
  suppressWarnings(expect_as_boot(quote(boot(x, function(d, i) sqrt(d[i][1]), R = 40)), plans["threads"]))
  # It is told why, and an error where it must compile.
  drawing <- function(d, i) mean(d[i]) + rnorm(1)
  wordy <- function(d, i) nchar(mean(d[i]))
  under_plan(plans$threads, {
    boot(x, drawing, R = 10)
    expect_match(job_report()$compiled$why, "random numbers")
    boot(x, wordy, R = 10)
    expect_match(job_report()$compiled$why, "nchar")
    expect_match(explain_compiled(wordy, x, i = 1:8)$run$why, "nchar")
  })
  for (plan in plans) {
    under_plan(c(plan, compiled = "require"), {
      for (statistic in list(drawing, wordy)) expect_error(boot(x, statistic, R = 10), class = "rustle_error_not_compiled")
      expect_error(boot(x, function(d) mean(d), R = 10, sim = "parametric"), class = "rustle_error_not_compiled")
    })
  }
})
