test_that("pieces, values and names are parallel's for every length and number of cores", {
  skip_without_fork()
  shown <- function(x, ...) paste(length(x), paste(names(x), collapse = ""), x)
  for (cores in 1:5) {
    for (n in some_or(unique(c(1L, cores, cores + 1L, 7L, 23L)), c(1:7, 23L))) {
      expect_as_original("pvec", stats::setNames(seq_len(n), letters[seq_len(n)]), shown, mc.cores = cores)
      expect_as_original("pvec", seq_len(n) + 0.5, sqrt, mc.cores = cores)
    }
  }
})

test_that("vectors of all types, and values of classes, are as in parallel", {
  skip_without_fork()
  for (v in list(
    c(TRUE, NA, FALSE), c("a", NA, "c"), complex(3, 1:3, 1), as.raw(1:3), list(1, "b", NULL, 4), list(a = 1, b = 2)
  )) {
    expect_as_original("pvec", v, identity, mc.cores = 2)
  }
  expect_as_original("pvec", 1:5, function(x) as.Date("2024-01-01") + x, mc.cores = 2)
  expect_as_original("pvec", 1:5, function(x) factor(letters[x]), mc.cores = 2)
  expect_as_original("pvec", 1:5, function(x, p, ...) x^p, p = 2, mc.cores = 2)
  expect_as_original("pvec", 1:5, "sqrt", mc.cores = 2)
})

test_that("arguments in dots may have the names of our own variables", {
  skip_without_fork()
  expect_as_original("pvec", 1:5, function(x, X, i, n) x + X + i + n, X = 1, i = 10, n = 100, mc.cores = 2)
})

test_that("a function that folds gives what it gives in parallel, with the warning", {
  skip_without_fork()
  expect_as_original("pvec", 1:10, sum, mc.cores = 3)
  expect_as_original("pvec", 1:4, function(x) NULL, mc.cores = 2)
  expect_as_original("pvec", 1:4, function(x) c(x, x), mc.cores = 2)
})

test_that("an empty vector and one core call the function in the session", {
  skip_without_fork()
  expect_identical(pvec(integer(), sqrt, mc.cores = 2), numeric())
  expect_identical(pvec(1:3, function(x) x * 0L + Sys.getpid(), mc.cores = 1), rep(Sys.getpid(), 3))
  expect_identical(pvec(c(4, 9), "sqrt", mc.cores = 1), c(2, 3))
  expect_as_original("pvec", 1:3, function(x) stop("here"), mc.cores = 1)
})

test_that("the numbers are parallel's, and the caller's state stays", {
  skip_without_fork()
  for (cores in 1:4) {
    for (n in c(2L, 3L, 9L)) {
      for (set_seed in c(TRUE, FALSE)) {
        expect_as_original(
          "pvec", seq_len(n), function(x) x + runif(length(x)), mc.cores = cores, mc.set.seed = set_seed,
          seed = test_seeds()$lecuyer
        )
      }
      expect_as_original(
        "pvec", seq_len(n), function(x) x + runif(length(x)), mc.cores = cores, mc.set.seed = FALSE,
        seed = test_seeds()$mersenne
      )
    }
  }
  got <- observe(pvec(1:6, function(x) runif(length(x)), mc.cores = 3), test_seeds()$mersenne)
  expect_identical(got$seed, test_seeds()$mersenne)
  expect_identical(anyDuplicated(got$value), 0L)
})

test_that("the plan changes neither numbers nor pieces", {
  skip_without_fork()
  draw <- function(x) x + runif(length(x))
  state <- test_seeds()$lecuyer
  parts <- c("value", "seed")
  for (plan in few_plans()) {
    oracle <- observe(parallel::pvec(1:7, draw, mc.cores = 3), state)[parts]
    expect_identical(under_plan(plan, observe(pvec(1:7, draw, mc.cores = 3), state))[parts], oracle)
    oracle <- observe(parallel::mcmapply(draw, 1:7, mc.cores = 3), state)[parts]
    expect_identical(under_plan(plan, observe(mcmapply(draw, 1:7, mc.cores = 3), state))[parts], oracle)
  }
})

test_that("each piece has a process of its own", {
  skip_without_fork()
  pids <- pvec(1:7, function(x) rep(Sys.getpid(), length(x)), mc.cores = 3)
  expect_identical(match(pids, pids), c(1L, 1L, 1L, 4L, 4L, 6L, 6L))
  expect_false(Sys.getpid() %in% pids)
})

test_that("the error of the first piece is raised after all have run, with its class", {
  skip_without_fork()
  directory <- withr::local_tempdir()
  error <- tryCatch(pvec(1:6, function(x) {
    file.create(file.path(directory, x[[1L]]))
    if (x[[1L]] > 1L) stop(structure(class = c("mine", "error", "condition"), list(message = paste("piece", x[[1L]]), call = NULL)))
    x
  }, mc.cores = 3), error = identity)
  expect_s3_class(error, "mine")
  expect_identical(conditionMessage(error), "piece 3")
  expect_identical(error$task, 2L)
  expect_identical(error$failed, 2:3)
  expect_setequal(list.files(directory), c("1", "3", "5"))
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  FUN <- function(x) ran <<- TRUE
  expect_argument_error(pvec(factor("a"), FUN), "v")
  expect_argument_error(pvec(NULL, FUN), "v")
  expect_argument_error(pvec(matrix(1:4, 2), FUN), "v")
  expect_argument_error(pvec(1:3, FUN, mc.cores = 0), "mc.cores")
  expect_argument_error(pvec(1:3, FUN, mc.set.seed = NA), "mc.set.seed")
  expect_argument_error(pvec(1:3, FUN, mc.silent = "no"), "mc.silent")
  expect_argument_error(pvec(1:3, FUN, mc.cleanup = "yes"), "mc.cleanup")
  expect_argument_error(pvec(1:3, 3), "FUN")
  expect_false(ran)
})

test_that("a killed worker never makes the result shorter", {
  skip_unless_faults()
  run <- run_r({
    out <- list()
    RNGkind("L'Ecuyer-CMRG")
    work <- function(tag, at) {
      function(x) {
        u <- runif(length(x))
        if (any(x %in% at) && first_time(paste0(tag, x[[1L]]))) die(9L)
        x + u
      }
    }
    for (cores in 2:4) {
      set.seed(5)
      whole <- parallel::pvec(1:11, work("none", 0L), mc.cores = cores)
      set.seed(5)
      tag <- paste0("cores", cores)
      out[[tag]] <- identical(pvec(1:11, work(tag, c(1L, 8L)), mc.cores = cores), whole)
    }
    lost <- tryCatch(pvec(1:4, function(x) if (3L %in% x) die(9L) else x, mc.cores = 2L), error = identity)
    out$lost <- inherits(lost, "rustle_error_worker_lost") && identical(as.integer(lost$tasks), 2L)
    out$children <- none_left()
  })
  expect_all_true(run$value)
})
