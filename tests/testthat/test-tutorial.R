# The classic example of tutorials, leave-one-out cross-validation of a random forest, as
# it is written for future.apply, parallel and foreach. Each script runs twice, as it is
# and with its packages replaced by rustle: predictions, random numbers and the state
# afterwards must be the same, and those of lapply() where a task sets its own seed.

skip_on_cran()
skip_without_fork()
skip_if_not_installed("randomForest")

# A forest for every flower: with the seed of the task, or with the numbers it is given.
# (Where a session has no random state, future.apply leaves another generator behind.)
preparation <- quote({
  set.seed(1)
  library(randomForest)
  flowers <- datasets::iris[seq(1, 150, by = 4), ]
  folds <- seq_len(nrow(flowers))
  left_out <- function(i) {
    fit <- randomForest(Species ~ ., data = flowers[-i, ], ntree = 30)
    predict(fit, flowers[i, ])
  }
  left_out_seeded <- function(i) {
    set.seed(i, kind = "Mersenne-Twister", normal.kind = "Inversion")
    left_out(i)
  }
})

# Evaluates `code` (an expression in braces, or its text) after the preparation in a
# fresh R process; its variable `out` comes back.
run_tutorial <- function(code) {
  script <- withr::local_tempfile(fileext = ".R")
  answer <- withr::local_tempfile(fileext = ".rds")
  text <- c(deparse_body(preparation), code, sprintf("saveRDS(out, %s)", deparse(answer)))
  writeLines(text, script)
  run_script(script, answer, 120, character(), character(), FALSE)$value
}

replace_packages <- function(text, changes) {
  for (before in names(changes)) {
    expect_true(any(grepl(before, text, fixed = TRUE)))
    text <- gsub(before, changes[[before]], text, fixed = TRUE)
  }
  text
}

with_lapply <- local({
  value <- NULL
  function() {
    if (is.null(value)) value <<- run_tutorial("out <- lapply(folds, left_out_seeded)")
    value
  }
})

# `code`, and the same with `changes`.
expect_same_tutorial <- function(code, changes) {
  text <- deparse_body(code)
  theirs <- run_tutorial(text)
  ours <- run_tutorial(replace_packages(text, changes))
  expect_identical(ours, theirs)
  expect_identical(ours$seeded, with_lapply())
  expect_length(ours$streams, 38L)
  # Forests that draw other numbers than those with fixed seeds.
  expect_type(ours$state, "double")
}

test_that("future_lapply() with multicore and multisession", {
  skip_if_not_installed("future.apply")
  for (strategy in c("multicore", "multisession")) {
    expect_same_tutorial(
      bquote({
        library(future.apply)
        plan(.(as.name(strategy)), workers = 2)
        seeded <- future_lapply(folds, left_out_seeded, future.seed = TRUE)
        set.seed(42)
        streams <- future_lapply(folds, left_out, future.seed = TRUE)
        error <- mean(future_sapply(folds, left_out, future.seed = 1) != flowers$Species)
        out <- list(seeded = seeded, streams = streams, error = error, state = runif(1))
        plan(sequential)
      }),
      c("library(future.apply)" = "library(rustle)")
    )
  }
})

test_that("mclapply()", {
  expect_same_tutorial(
    quote({
      library(parallel)
      options(mc.cores = min(2, detectCores()))
      seeded <- mclapply(folds, left_out_seeded)
      RNGkind("L'Ecuyer-CMRG")
      set.seed(42)
      streams <- mclapply(folds, left_out)
      dynamic <- mclapply(folds, left_out, mc.preschedule = FALSE)
      out <- list(seeded = seeded, streams = streams, dynamic = dynamic, state = runif(1))
    }),
    c("library(parallel)" = "library(rustle)")
  )
})

test_that("parLapply() on a cluster", {
  expect_same_tutorial(
    quote({
      library(parallel)
      cl <- makeCluster(2)
      clusterEvalQ(cl, library(randomForest))
      clusterExport(cl, c("flowers", "left_out"))
      seeded <- parLapply(cl, folds, left_out_seeded)
      clusterSetRNGStream(cl, 42)
      streams <- parLapply(cl, folds, left_out)
      balanced <- parLapplyLB(cl, folds, left_out_seeded)
      error <- mean(parSapply(cl, folds, left_out_seeded) != flowers$Species)
      stopCluster(cl)
      set.seed(1)
      out <- list(seeded = seeded, streams = streams, balanced = balanced, error = error, state = runif(1))
    }),
    c("library(parallel)" = "library(rustle)")
  )
})

test_that("parLapply() without a cluster runs on the plan", {
  out <- run_tutorial(deparse_body(quote({
    library(rustle)
    plan(multicore, workers = 2)
    on_plan <- parLapply(NULL, folds, left_out_seeded)
    balanced <- parLapplyLB(NULL, folds, left_out_seeded)
    RNGkind("L'Ecuyer-CMRG")
    set.seed(42)
    streams <- parLapply(NULL, folds, left_out)
    plan(sequential)
    set.seed(42)
    again <- parLapply(NULL, folds, left_out)
    out <- list(on_plan = on_plan, balanced = balanced, same = identical(streams, again))
  })))
  expect_identical(out$on_plan, with_lapply())
  expect_identical(out$balanced, with_lapply())
  expect_true(out$same)
})

test_that("foreach() with %dopar% and %dorng%", {
  skip_if_not_installed("foreach")
  skip_if_not_installed("doRNG")
  expect_same_tutorial(
    quote({
      library(foreach)
      registerDoSEQ()
      suppressMessages(library(doRNG))
      seeded <- suppressWarnings(foreach(i = folds, .packages = "randomForest") %dopar% left_out_seeded(i))
      set.seed(42)
      streams <- foreach(i = folds, .packages = "randomForest") %dorng% left_out(i)
      error <- foreach(i = folds, .combine = "+", .options.RNG = 7) %dorng% (left_out(i) != flowers$Species[i])
      out <- list(seeded = seeded, streams = streams, error = error, state = NULL)
      set.seed(1)
      out$state <- runif(1)
    }),
    c("registerDoSEQ()" = "library(rustle)\nplan(multicore, workers = 2)\nregisterDoRustle()")
  )
})
