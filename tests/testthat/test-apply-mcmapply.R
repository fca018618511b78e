pairs <- function(x, y, ...) list(x, y, ...)

test_that("values, names and shapes are parallel's", {
  skip_without_fork()
  for (cores in c(1L, 2L, 3L, 5L)) {
    for (preschedule in c(TRUE, FALSE)) {
      same <- function(...) {
        expect_as_original("mcmapply", ..., mc.cores = cores, mc.preschedule = preschedule)
      }
      same(`+`, 1:7, 7:1)
      same(`+`, 1:6, c(a = 1, b = 2))
      same(pairs, c(a = 1, b = 2, c = 3), 1)
      same(pairs, c("u", "v"), y = 1:4, SIMPLIFY = FALSE)
      same(pairs, c("u", "v"), y = 1:4, SIMPLIFY = FALSE, USE.NAMES = FALSE)
      same(pairs, 1:4, MoreArgs = list(y = "m", 5))
      same(rep, 1:4, 4:1)
      same("rep", times = 1:3, MoreArgs = list(x = 42))
      same(function(x) x + 1:2, 1:3)
      same(function(x) matrix(x, 2, 2), 1:3, SIMPLIFY = "array")
      same(function(x) matrix(x, 2, 2), 1:3)
      same(function(x) NULL, 1:3)
      same(function(x) if (x == 2) NULL else x, 1:3)
    }
  }
})

test_that("no vectors, empty ones and single elements are as in parallel", {
  skip_without_fork()
  expect_as_original("mcmapply", pairs)
  expect_as_original("mcmapply", identity, integer())
  expect_as_original("mcmapply", identity, character())
  expect_as_original("mcmapply", pairs, integer(), list())
  expect_as_original("mcmapply", pairs, c(a = 1), 2, mc.cores = 2)
  expect_as_original("mcmapply", function(x) stop("alone"), 1, mc.cores = 2)
})

test_that("vectors of all classes are cut as in parallel", {
  skip_without_fork()
  for (X in list(
    factor(c("u", "v", "u")), as.Date("2024-01-01") + 0:2, list(1, "b", NULL),
    data.frame(a = 1:2, b = 3:4, c = 5:6), expression(a, b + 1, 3), as.POSIXct("2024-01-01", tz = "UTC") + 0:2, c(TRUE, NA, FALSE)
  )) {
    expect_as_original("mcmapply", function(x, y) list(class(x), x, y), X, 1:3, SIMPLIFY = FALSE, mc.cores = 2)
    expect_as_original("mcmapply", function(x, y) list(class(y), y), 1:6, X, SIMPLIFY = FALSE, mc.cores = 2)
  }
})

test_that("FUN sees the call that it sees in parallel", {
  skip_without_fork()
  expect_as_original("mcmapply", function(x, ...) sys.call(), x = 1:3, y = 4:6, SIMPLIFY = FALSE, mc.cores = 2)
  expect_as_original("mcmapply", function(x, ...) match.call(), 1:3, z = 4:6, MoreArgs = list(k = 1), SIMPLIFY = FALSE, mc.cores = 2)
  expect_as_original("mcmapply", function(x, y) substitute(x), 1:3, 4:6, SIMPLIFY = FALSE, mc.cores = 2)
})

test_that("the numbers are parallel's", {
  skip_without_fork()
  draw <- function(x, n) list(runif(n), sample(x, 2L), RNGkind())
  for (cores in c(1L, 2L, 3L)) {
    for (preschedule in c(TRUE, FALSE)) {
      for (n in c(1L, 2L, 5L)) {
        expect_as_original(
          "mcmapply", draw, seq_len(n) + 5L, n = 2, SIMPLIFY = FALSE, mc.cores = cores,
          mc.preschedule = preschedule, seed = test_seeds()$lecuyer
        )
        expect_as_original(
          "mcmapply", draw, seq_len(n) + 5L, n = 2, mc.cores = cores, mc.set.seed = FALSE,
          mc.preschedule = preschedule, seed = test_seeds()$mersenne
        )
      }
    }
  }
  got <- observe(mcmapply(function(x) runif(1), 1:6, mc.cores = 3), test_seeds()$mersenne)
  expect_identical(got$seed, test_seeds()$mersenne)
  expect_identical(anyDuplicated(got$value), 0L)
})

test_that("an error spoils its own task, which is parallel's try-error, and nothing is simplified", {
  skip_without_fork()
  FUN <- function(x, y) if (x >= 2L) stop("no ", x) else x + y
  environment(FUN) <- globalenv()
  without_task <- function(values) {
    lapply(values, function(value) {
      if (inherits(value, "try-error")) {
        error <- attr(value, "condition")
        error[c("task", "job", "trace")] <- NULL
        attr(value, "condition") <- error
      }
      value
    })
  }
  oracle <- observe(parallel::mcmapply(FUN, c(a = 1L, b = 2L, c = 3L), y = 4, mc.cores = 2, mc.preschedule = FALSE))
  for (preschedule in c(TRUE, FALSE)) {
    ours <- observe(mcmapply(FUN, c(a = 1L, b = 2L, c = 3L), y = 4, mc.cores = 2, mc.preschedule = preschedule))
    expect_identical(without_task(ours$value), oracle$value)
    expect_identical(attr(ours$value$c, "condition")$task, 3L)
    expect_identical(ours$warnings, oracle$warnings)
  }
  expect_as_original("mcmapply", FUN, 1:3, 4, mc.cores = 1)
})

test_that("mcMap() is parallel's", {
  skip_without_fork()
  expect_as_original("mcMap", `+`, c(u = 1, v = 2), 3:4)
  expect_as_original("mcMap", "paste", c("a", "b", "c"), 1:3, sep = "-", mc.cores = 3)
  expect_as_original("mcMap", function(x) runif(1), 1:4, mc.cores = 2, seed = test_seeds()$lecuyer)
  expect_as_original("mcMap", identity, character())
})

test_that("affinity.list reaches the tasks, and a single one", {
  skip_without_fork()
  skip_if(is.null(parallel::mcaffinity()), "no CPU affinity here")
  before <- parallel::mcaffinity()
  skip_if(max(before) > 8L)
  cpu <- before[[1L]]
  FUN <- function(x) parallel::mcaffinity()
  expect_identical(mcmapply(FUN, 1:3, mc.preschedule = FALSE, affinity.list = rep(list(cpu), 3)), rep(cpu, 3))
  expect_identical(mcmapply(FUN, 1, affinity.list = list(cpu)), cpu)
  expect_identical(parallel::mcaffinity(), before)
  expect_as_original("mcmapply", `+`, 1:3, 1, mc.cores = 2, affinity.list = rep(list(cpu), 3))
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  FUN <- function(...) ran <<- TRUE
  expect_argument_error(mcmapply(FUN, 1:2, integer()), "...")
  expect_argument_error(mcmapply(FUN, 1:2, MoreArgs = 3), "MoreArgs")
  expect_argument_error(mcmapply(FUN, 1:2, SIMPLIFY = NA), "SIMPLIFY")
  expect_argument_error(mcmapply(FUN, 1:2, USE.NAMES = "a"), "USE.NAMES")
  expect_argument_error(mcmapply(FUN, 1:2, mc.cores = 0), "mc.cores")
  expect_argument_error(mcmapply(FUN, 1:2, mc.cleanup = "yes"), "mc.cleanup")
  expect_argument_error(mcmapply(FUN, 1:2, mc.preschedule = NA), "mc.preschedule")
  expect_argument_error(mcmapply(FUN, 1:2, mc.preschedule = FALSE, affinity.list = list(1)), "affinity.list")
  expect_argument_error(mcmapply("no such function", 1:2), "FUN")
  expect_argument_error(mcMap(3, 1:2), "f")
  expect_argument_error(mcMap(FUN, 1:2, mc.cores = -1), "mc.cores")
  expect_false(ran)
})

test_that("a killed worker costs no value and changes no number", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    RNGkind("L'Ecuyer-CMRG")
    draw <- function(tag, at) {
      function(x, y) {
        u <- runif(1)
        if (x %in% at && first_time(paste0(tag, x))) die(9L)
        c(x, y, u)
      }
    }
    for (preschedule in c(TRUE, FALSE)) {
      set.seed(3)
      whole <- parallel::mcmapply(draw("none", 0L), 1:9, 9:1, mc.cores = 3L, mc.preschedule = preschedule)
      set.seed(3)
      tag <- paste0("p", preschedule)
      out[[tag]] <- identical(
        mcmapply(draw(tag, c(2L, 6L)), 1:9, 9:1, mc.cores = 3L, mc.preschedule = preschedule), whole
      )
    }
    plan(sequential, retries = 0L)
    lost <- tryCatch(mcmapply(function(x, y) if (x == 2L) die(9L) else x, 1:4, 1, mc.cores = 2L), error = identity)
    out$lost <- inherits(lost, "rustle_error_worker_lost") && 2L %in% lost$tasks && lost$signal == 9L
    out$children <- none_left()
  })
  expect_all_true(run$value)
})
