# Two jobs on real data, each once sequentially and once in parallel, with the
# same random numbers. Called by tools/demo.

suppressPackageStartupMessages(library(rustle))
suppressPackageStartupMessages(library(randomForest))

workers <- max(1L, parallelly::availableCores())
say <- function(...) cat(sprintf(...), "\n", sep = "")

rows <- list()
compare <- function(job, how, reference, parallel, same) {
  rows[[length(rows) + 1L]] <<- data.frame(
    job = job,
    tasks = length(reference$value),
    how = how,
    sequential = sprintf("%.1f s", reference$seconds),
    parallel = sprintf("%.1f s", parallel$seconds),
    speedup = sprintf("%.2f", reference$seconds / parallel$seconds),
    identical = if (same) "yes" else "NO"
  )
  same
}

timed <- function(expr) {
  gc()
  seconds <- system.time(value <- expr)[["elapsed"]]
  say("    %.1f s", seconds)
  list(value = value, seconds = seconds)
}

# 1. Leave-one-out cross-validation of a random forest -------------------------

pima <- MASS::Pima.tr
left_out <- function(i) {
  forest <- randomForest(type ~ ., data = pima[-i, ], ntree = 500)
  predict(forest, pima[i, ])
}
folds <- seq_len(nrow(pima))

say("\nrustle %s on R %s, %d workers", packageVersion("rustle"), getRversion(), workers)
say("\n1. Leave-one-out cross-validation of a random forest of 500 trees,")
say("   diabetes in %d women (MASS::Pima.tr)", nrow(pima))

say("  plan(sequential); future_lapply(folds, left_out, future.seed = TRUE)")
plan(sequential)
set.seed(42)
loo_seq <- timed(future_lapply(folds, left_out, future.seed = TRUE))

say("  plan(multicore, workers = %d); the same call", workers)
plan(multicore, workers = workers)
set.seed(42)
loo_par <- timed(future_lapply(folds, left_out, future.seed = TRUE))
ok <- compare(
  "random forest, leave-one-out", "future_lapply", loo_seq, loo_par,
  identical(loo_seq$value, loo_par$value)
)

wrong <- unlist(loo_par$value) != pima$type
say("  Predictions are identical: %s. Misclassified: %.1f %%", ok, 100 * mean(wrong))

# The first call also starts the workers, and sends them the data.
say("  plan(multisession, workers = %d); the same call", workers)
plan(multisession, workers = workers)
set.seed(42)
loo_ses <- timed(future_lapply(folds, left_out, future.seed = TRUE))
ok <- compare(
  "random forest, leave-one-out", "future_lapply, multisession", loo_seq, loo_ses,
  identical(loo_seq$value, loo_ses$value)
) && ok
plan(multicore, workers = workers)

say("  mclapply(folds, left_out, mc.cores = %d)", workers)
RNGkind("L'Ecuyer-CMRG")
set.seed(42)
loo_mc <- timed(mclapply(folds, left_out, mc.cores = workers))
say("  parallel::mclapply(), the original, for its random numbers")
set.seed(42)
loo_original <- timed(parallel::mclapply(folds, left_out, mc.cores = workers))
ok <- compare(
  "random forest, leave-one-out", "mclapply", loo_seq, loo_mc,
  identical(loo_mc$value, loo_original$value)
) && ok
RNGkind("default")

# 2. Bootstrap of a regression -------------------------------------------------

boston <- MASS::Boston
replicate_fit <- function(r) {
  again <- boston[sample.int(nrow(boston), replace = TRUE), ]
  coef(MASS::rlm(medv ~ rm + lstat + ptratio + dis + nox, again, maxit = 50))
}

say("\n2. Bootstrap of a robust regression, 2,000 replicates,")
say("   house values in %d tracts (MASS::Boston)", nrow(boston))

say("  plan(sequential); future_lapply(1:2000, replicate_fit, future.seed = TRUE)")
plan(sequential)
set.seed(42)
boot_seq <- timed(future_lapply(1:2000, replicate_fit, future.seed = TRUE))

say("  plan(multicore, workers = %d); the same call", workers)
plan(multicore, workers = workers)
set.seed(42)
boot_par <- timed(future_lapply(1:2000, replicate_fit, future.seed = TRUE))
ok <- compare(
  "robust regression, bootstrap", "future_lapply", boot_seq, boot_par,
  identical(boot_seq$value, boot_par$value)
) && ok
plan(sequential)

estimates <- do.call(rbind, boot_par$value)
interval <- t(apply(estimates, 2L, quantile, c(0.025, 0.975)))
say("  95 %% percentile intervals of the coefficients:")
print(round(interval, 3))

# ------------------------------------------------------------------------------

say("\nWhat it did, with %d workers:\n", workers)
options(width = 120)
print(do.call(rbind, rows), row.names = FALSE, right = FALSE)
say("\n`identical`: parallel against sequential; for mclapply, against parallel::mclapply().")
if (workers == 1L) {
  say("This machine offers one core: no speed-up is to be expected here.")
}
if (!ok) {
  say("\nThe results differ: please report this.")
  quit("no", status = 1L)
}
