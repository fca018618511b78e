draws <- function(i) list(i, rnorm(2), sample(10L, 3L), RNGkind())

# Ours and parallel's mclapply() do the same: values, errors, state afterwards.
expect_as_parallel <- function(..., seed = NA, parts = c("value", "class", "message", "call", "seed", "warnings")) {
  skip_without_fork()
  oracle <- observe(parallel::mclapply(...), seed)
  ours <- observe(mclapply(...), seed)
  expect_identical(ours[parts], oracle[parts])
}

test_that("values come in the order of X with its names, for both values of mc.preschedule", {
  for (cores in 1:5) {
    for (preschedule in c(TRUE, FALSE)) {
      for (n in c(0L, 1L, 2L, 7L)) {
        X <- stats::setNames(seq_len(n), letters[seq_len(n)])
        expect_as_parallel(X, function(i, p) if (i == 2L) NULL else i^p, p = 2, mc.cores = cores, mc.preschedule = preschedule)
      }
    }
  }
})

test_that("X may be anything that lapply() takes", {
  for (X in list(
    NULL, list(), list2env(list(a = 1, b = 2)), data.frame(x = 1:3, y = 4:6), expression(a, b),
    factor(c("u", "v")), as.Date("2024-01-01") + 0:2, pairlist(a = 1, b = 2), c("a", "b")
  )) {
    expect_as_parallel(X, function(x) list(class(x), x), mc.cores = 2)
  }
})

test_that("FUN may be a string and dots may be missing", {
  expect_as_parallel(c(4, 9), "sqrt", mc.cores = 2)
  expect_as_parallel(list(matrix(1:4, 2), matrix(5:8, 2)), "[", , 1, mc.cores = 2)
})

test_that("with L'Ecuyer-CMRG the numbers are parallel's, for every number of cores and tasks", {
  state <- test_seeds()$lecuyer
  for (cores in 1:5) {
    for (preschedule in c(TRUE, FALSE)) {
      for (n in c(1L, 2L, 3L, 7L)) {
        expect_as_parallel(seq_len(n), draws, mc.cores = cores, mc.preschedule = preschedule, seed = state)
      }
    }
  }
})

test_that("the numbers of many tasks are parallel's", {
  skip_on_cran()
  state <- test_seeds()$lecuyer
  expect_as_parallel(1:300, function(i) runif(2), mc.cores = 3, seed = state)
  expect_as_parallel(1:100, function(i) runif(2), mc.cores = 3, mc.preschedule = FALSE, seed = state)
})

test_that("a second call draws the same numbers again, as in parallel", {
  skip_without_fork()
  twice <- observe(
    list(mclapply(1:4, runif, mc.cores = 2), mclapply(1:4, runif, mc.cores = 2)), test_seeds()$lecuyer
  )
  expect_identical(twice$value[[1L]], twice$value[[2L]])
})

test_that("the plan's schedule does not change mclapply()'s numbers", {
  skip_without_fork()
  state <- test_seeds()$lecuyer
  oracle <- observe(parallel::mclapply(1:7, draws, mc.cores = 3), state)
  for (plan in few_plans()) {
    ours <- under_plan(plan, observe(mclapply(1:7, draws, mc.cores = 3), state))
    expect_identical(ours[c("value", "seed")], oracle[c("value", "seed")])
  }
})

test_that("other kinds leave the state alone and no two workers draw the same", {
  skip_without_fork()
  for (state in c(test_seeds()[c("mersenne", "wichmann")], list(NULL))) {
    for (preschedule in c(TRUE, FALSE)) {
      got <- observe(mclapply(1:6, function(i) runif(1), mc.cores = 3, mc.preschedule = preschedule), state)
      expect_identical(got$seed, state)
      expect_identical(anyDuplicated(unlist(got$value)), 0L)
    }
  }
})

test_that("mc.set.seed = FALSE starts everybody from the caller's state, as in parallel", {
  for (state in test_seeds()) {
    for (preschedule in c(TRUE, FALSE)) {
      for (cores in 1:3) {
        expect_as_parallel(
          1:5, draws, mc.cores = cores, mc.preschedule = preschedule, mc.set.seed = FALSE, seed = state
        )
      }
    }
  }
})

test_that("L'Ecuyer-CMRG without a state gets one, as in parallel", {
  skip_without_fork()
  old <- RNGkind("L'Ecuyer-CMRG")
  on.exit(do.call(RNGkind, as.list(old)))
  ours <- observe(mclapply(1:3, draws, mc.cores = 2), NULL)
  RNGkind("L'Ecuyer-CMRG")
  oracle <- observe(parallel::mclapply(1:3, draws, mc.cores = 2), NULL)
  expect_identical(is.null(ours$seed), is.null(oracle$seed))
  expect_identical(ours$seed[1L], oracle$seed[1L])
})

test_that("calls inside calls draw parallel's numbers", {
  nested <- function(f) {
    f(1:3, function(i) f(1:2, function(j) runif(1), mc.cores = 2), mc.cores = 2)
  }
  skip_without_fork()
  for (state in test_seeds()["lecuyer"]) {
    expect_identical(observe(nested(mclapply), state)$value, observe(nested(parallel::mclapply), state)$value)
  }
})

test_that("mc.allow.recursive = FALSE runs inner calls in the worker", {
  skip_without_fork()
  inner <- function(i) {
    pids <- unlist(mclapply(1:2, function(j) Sys.getpid(), mc.cores = 2, mc.allow.recursive = FALSE))
    all(pids == Sys.getpid())
  }
  expect_identical(mclapply(1:2, inner, mc.cores = 2), list(TRUE, TRUE))
})

test_that("without mc.preschedule try-error elements and the warning are parallel's", {
  skip_without_fork()
  FUN <- function(i) if (i %in% c(2L, 5L)) stop("no ", i) else i
  for (cores in 2:4) {
    ours <- observe(mclapply(1:6, FUN, mc.cores = cores, mc.preschedule = FALSE))
    oracle <- observe(parallel::mclapply(1:6, FUN, mc.cores = cores, mc.preschedule = FALSE))
    expect_identical(ours$warnings, oracle$warnings)
    expect_identical(lapply(ours$value, class), lapply(oracle$value, class))
    for (i in c(2L, 5L)) {
      ours_error <- attr(ours$value[[i]], "condition")
      oracle_error <- attr(oracle$value[[i]], "condition")
      expect_identical(as.character(ours$value[[i]]), sprintf("Error in FUN(X[[i]], ...) : no %d\n", i))
      expect_identical(class(ours_error), class(oracle_error))
      expect_identical(conditionMessage(ours_error), conditionMessage(oracle_error))
      expect_identical(conditionCall(ours_error), quote(FUN(X[[i]], ...)))
      expect_identical(ours_error$task, i)
    }
    expect_identical(ours$value[-c(2L, 5L)], oracle$value[-c(2L, 5L)])
  }
})

test_that("the warning about failures has the call, as parallel's", {
  skip_without_fork()
  fail <- function(i) if (i == 2L) stop("no") else i
  told <- function(expr) {
    call <- NULL
    withCallingHandlers(expr, warning = function(w) { call <<- conditionCall(w); invokeRestart("muffleWarning") })
    call
  }
  ours <- told(mclapply(1:3, fail, mc.cores = 2, mc.preschedule = FALSE))
  expect_identical(ours, quote(mclapply(1:3, fail, mc.cores = 2, mc.preschedule = FALSE)))
  oracle <- told(parallel::mclapply(1:3, fail, mc.cores = 2, mc.preschedule = FALSE))
  expect_identical(ours[-1L], oracle[-1L])
  expect_identical(told(mclapply(1:3, fail, mc.cores = 2)), quote(mclapply(1:3, fail, mc.cores = 2)))
  expect_identical(told(mcmapply(fail, 1:3, mc.cores = 2)), quote(mcmapply(fail, 1:3, mc.cores = 2)))
})

test_that("with mc.preschedule only the tasks that failed are try-errors", {
  skip_without_fork()
  for (cores in 2:5) {
    ours <- observe(mclapply(1:9, function(i) if (i == 4L) stop("four") else i, mc.cores = cores))
    failed <- vapply(ours$value, inherits, NA, "try-error")
    expect_identical(which(failed), 4L)
    expect_identical(ours$value[-4L], as.list(c(1:3, 5:9)))
    expect_length(ours$warnings, 1L)
  }
})

test_that("an error does not move the numbers of later tasks of its share", {
  skip_without_fork()
  state <- test_seeds()$lecuyer
  with_error <- observe(mclapply(1:8, function(i) { x <- runif(1); if (i == 3L) stop("x"); x }, mc.cores = 2), state)
  without <- observe(mclapply(1:8, function(i) runif(1), mc.cores = 2), state)
  expect_identical(with_error$value[-3L], without$value[-3L])
})

test_that("one core, one task: errors are errors and warnings are the session's, as in parallel", {
  FUN <- function(i) { warning("w"); stop("e") }
  expect_as_parallel(1:3, FUN, mc.cores = 1)
  expect_as_parallel(1, FUN, mc.cores = 2)
  # On two cores the caller's handlers get warnings here; parallel runs them in the worker.
  expect_as_parallel(
    1:2, function(i) { warning("w"); message("m"); i }, mc.cores = 2, parts = c("value", "class", "seed")
  )
  expect_as_parallel(1:2, function(i) Sys.getpid(), mc.cores = 1)
})

test_that("mc.cores defaults to the option, and overrides the plan", {
  skip_without_fork()
  count <- function(...) length(unique(unlist(mclapply(1:6, function(i) Sys.getpid(), ...))))
  withr::with_options(list(mc.cores = 3L), expect_identical(count(), 3L))
  expect_identical(with_plan("sequential", count(mc.cores = 2)), 2L)
  expect_identical(with_plan("multicore", workers = 3, count(mc.cores = 2)), 2L)
  expect_identical(count(mc.cores = 2.9), 2L)
})

test_that("shares are cyclic, each with its own process", {
  skip_without_fork()
  for (cores in 2:5) {
    pids <- unlist(mclapply(1:11, function(i) Sys.getpid(), mc.cores = cores))
    expect_length(unique(pids), cores)
    expect_identical(match(pids, pids), rep_len(seq_len(cores), 11L))
  }
})

test_that("in a worker mc.cores is 1", {
  skip_without_fork()
  expect_identical(mclapply(1:2, function(i) getOption("mc.cores"), mc.cores = 2), list(1L, 1L))
})

test_that("affinity.list gives parallel's values, on the CPUs that it names", {
  skip_without_fork()
  skip_if(is.null(parallel::mcaffinity()), "no CPU affinity here")
  cpus <- utils::head(parallel::mcaffinity(), 2L)
  skip_if(max(cpus) > 8L)
  affinity <- as.list(rep_len(cpus, 5L))
  FUN <- function(i) parallel::mcaffinity()
  before <- parallel::mcaffinity()
  ours <- mclapply(1:5, FUN, mc.preschedule = FALSE, affinity.list = affinity)
  expect_identical(ours, affinity)
  expect_identical(mclapply(1:5, FUN, mc.preschedule = FALSE, affinity.list = unlist(affinity)), affinity)
  expect_identical(parallel::mcaffinity(), before)
  expect_as_parallel(1:5, sqrt, mc.preschedule = FALSE, affinity.list = affinity)
  expect_as_parallel(1:5, sqrt, mc.cores = 2, affinity.list = affinity)
})

test_that("the session's options and directory stay as they are", {
  skip_without_fork()
  before <- list(getOption("digits"), getwd())
  mclapply(1:4, function(i) { options(digits = 3); setwd(tempdir()) }, mc.cores = 2)
  expect_identical(list(getOption("digits"), getwd()), before)
})

test_that("mc.silent drops output, and only then", {
  skip_on_cran()
  skip_without_fork()
  run <- function(silent) {
    code <- sprintf(
      "library(rustle); invisible(mclapply(1:4, function(i) cat(sprintf('<%%d>', i)), mc.cores = 2, mc.silent = %s))",
      silent
    )
    out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = TRUE, stderr = FALSE)
    paste(out, collapse = "")
  }
  expect_identical(run(TRUE), "")
  loud <- run(FALSE)
  for (i in 1:4) expect_match(loud, sprintf("<%d>", i), fixed = TRUE)
})

test_that("mc.cleanup takes TRUE, FALSE and a signal", {
  skip_without_fork()
  for (cleanup in list(TRUE, FALSE, tools::SIGTERM, tools::SIGKILL)) {
    expect_identical(mclapply(1:3, identity, mc.cores = 2, mc.cleanup = cleanup), as.list(1:3))
  }
})

test_that("what parallel takes for a flag or a number is taken", {
  expect_as_parallel(1:4, sqrt, mc.cores = "2")
  expect_as_parallel(1:4, sqrt, mc.cores = 2, mc.preschedule = 0)
  expect_as_parallel(1:4, sqrt, mc.cores = 2, mc.silent = 0L)
})

test_that("wrong arguments stop before anything has started", {
  ran <- FALSE
  FUN <- function(i) ran <<- TRUE
  for (cores in list(0, -1, NA, "many", NULL, c(2, 3), list(2))) {
    expect_argument_error(suppressWarnings(mclapply(1:2, FUN, mc.cores = cores)), "mc.cores")
  }
  expect_argument_error(mclapply(1:2, FUN, mc.preschedule = NA), "mc.preschedule")
  expect_argument_error(mclapply(1:2, FUN, mc.set.seed = NULL), "mc.set.seed")
  expect_argument_error(mclapply(1:2, FUN, mc.silent = "no"), "mc.silent")
  expect_argument_error(mclapply(1:2, FUN, mc.allow.recursive = c(TRUE, TRUE)), "mc.allow.recursive")
  expect_argument_error(mclapply(1:2, FUN, mc.cleanup = "yes"), "mc.cleanup")
  expect_argument_error(mclapply(1:2, FUN, mc.preschedule = FALSE, affinity.list = c("1", "2")), "affinity.list")
  expect_argument_error(mclapply(1:2, FUN, mc.preschedule = FALSE, affinity.list = list(1, 0)), "affinity.list")
  expect_argument_error(mclapply(1:2, FUN, mc.preschedule = FALSE, affinity.list = list(1, "a")), "affinity.list")
  expect_argument_error(mclapply(1:2, FUN, mc.preschedule = FALSE, affinity.list = list(1, NA)), "affinity.list")
  expect_argument_error(mclapply(1:2, 3), "FUN")
  expect_argument_error(mclapply(1:2, "no such function"), "FUN")
  expect_false(ran)
})

test_that("where forking is not safe all of them give what parallel gives, on workers that stand by", {
  skip_on_cran()
  skip_without_fork()
  first_time("mclapply_sessions")
  state <- test_seeds()$lecuyer
  named <- stats::setNames(1:7, letters[1:7])
  fail <- function(i) if (i == 3L) stop("three") else i
  calls <- expression(
    mclapply(named, draws, mc.cores = 3), mclapply(1:7, draws, mc.cores = 3, mc.preschedule = FALSE),
    mclapply(1:4, draws, mc.cores = 2, mc.set.seed = FALSE),
    mclapply(1:4, function(i) { cat("said ", i, "\n"); i }, mc.cores = 2, mc.silent = TRUE),
    mclapply(1:2, function(i) i, mc.cores = 2, mc.preschedule = FALSE, affinity.list = c(1, 1)),
    mclapply(1:5, function(i) i, mc.cores = 8, mc.cleanup = FALSE),
    mclapply(1:4, fail, mc.cores = 4, mc.preschedule = FALSE),
    pvec(named, function(v) v + runif(length(v)), mc.cores = 3), pvec(1:9, sqrt, mc.cores = 2, mc.set.seed = FALSE),
    mcmapply(function(x, y) x + y + runif(1), named, 7:1, mc.cores = 3),
    mcmapply(rep, 1:4, 4:1, mc.cores = 2, mc.preschedule = FALSE),
    mcMap(function(x, y) c(x, y, runif(1)), named, 7:1)
  )
  parts <- c("value", "class", "message", "seed", "output")
  run <- function(package) {
    own <- list2env(mget(c("mclapply", "mcmapply", "mcMap", "pvec"), asNamespace(package)), parent = environment())
    lapply(calls, function(call) observe(eval(call, own), state)[parts])
  }
  oracle <- run("parallel")
  withr::local_options(parallelly.fork.enable = FALSE)
  ours <- run("rustle")
  for (k in seq_along(calls)) {
    # The calls in the conditions of try-errors differ as they do on forks.
    same <- function(seen) { if (is.list(seen$value)) seen$value <- lapply(seen$value, function(v) if (inherits(v, "try-error")) as.character(v) else v); seen }
    expect_identical(same(ours[[k]]), same(oracle[[k]]), info = deparse(calls[[k]])[[1L]])
  }
  # They were on other processes than forks.
  parent <- function(...) as.integer(strsplit(sub("^.*\\) ", "", readLines("/proc/self/stat", warn = FALSE)), " ")[[1L]][[2L]])
  if (file.exists("/proc/self/stat")) expect_false(Sys.getpid() %in% unlist(mclapply(1:4, parent, mc.cores = 2)))
  withr::local_options(rustle.mclapply.sessions = FALSE)
  expect_identical(unlist(mclapply(1:2, function(i) Sys.getpid(), mc.cores = 2)), rep(Sys.getpid(), 2L))
})
