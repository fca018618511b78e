# Closures of the kinds that 20 public scripts hand to mclapply(), future_sapply(), sapply() or
# boot(), written anew: what each does there, and why it is compiled or not. (The scripts were
# taken as a search for "mclapply(1:", "future_sapply(1:", "sapply(1:nsim" and "boot(data = "
# listed them.)

scripts <- local({
  table <- data.frame(start = c(1, 4), end = c(3, 9), weight = c(0.2, 0.7), id = c("a", "b"))
  weights <- c(0.3, 0.1, 0.6)
  fits <- list(list(aic = 1.5, beta = c(1, 2)), list(aic = 2.5, beta = c(0, 1)))
  m <- matrix(c(1.5, 2, 0.5, 3, 1, 2), 3L)
  means <- c(1.5, 2)
  index <- c(1L, 2L)
  tables <- list(c(1, 2), c(3, 4))
  permuted <- c(0.1, 0.7, 0.4, 0.9)
  effort <- c(1, 3, 2)
  values <- c(2.5, 3, 1.5, 4)
  numbers <- c(4, 1, 3)
  x <- 0.8
  statistic <- function(v, w) fit_somehow(v, w)
  list(
    # A Bayesian model, a chain per task.
    list(function(i) sampler(fits, seed = 1, chains = 1, chain_id = i), 1L, "`sampler[(][)]`"),
    # Files that are read and filtered.
    list(function(k) { d <- read.csv(paste0("run", k, ".csv")); nrow(d[d$depth > 500, ]) }, 1L, "`read.csv[(][)]`"),
    # Folds of a cross-validation that say where they are.
    list(function(k) { message(paste("fold", k)); keep <- setdiff(1:3, k); statistic(m[keep, ], k) }, 1L, "every task would be given up"),
    # A program of the system, for each image.
    list(function(i) system2("convert", c(table$id[[i]], "out")), 1L, "`system2[(][)]`"),
    # Rows of tables, by names.
    list(function(i) { part <- table; names(part)[1] <- "from"; weighted.mean(part$weight, part$end) }, 1L, "part of a part"),
    # A helper of the script for each row of a matrix.
    list(function(i) statistic(m[i, ], weights), 1L, "`statistic[(][)]`"),
    # A check of each line of a dictionary, errors caught.
    list(function(i) tryCatch(table$start[[i]] > 0, error = function(e) NA), 1L, NULL),
    # Predictions with random terms, drawn into a data frame.
    list(function(i) { table[, "term"] <- sample(weights, 2, replace = TRUE); rbinom(2, 1, table$term) }, 1L, NULL),
    # Genomic intervals.
    list(function(i) subsetByOverlaps(fits[[i]], fits), 1L, "`subsetByOverlaps[(][)]`"),
    # A function of rows by apply().
    list(function(i) apply(m[i, , drop = FALSE], 1, function(r) max(r)), 1L, NULL),
    # Draws of another package.
    list(function(g) rinvgamma(500, alpha = means[g] / 2, beta = 1), 1L, "`rinvgamma[(][)]`"),
    # Overlaps of groups that are looked up by names.
    list(function(i) { id <- as.character(table[i, 1]); which(table$id == id) }, 1L, "`as.character[(][)]`"),
    # A permutation of the columns of a matrix.
    list(function(i) { s <- m[sample(1:3), ]; statistic(s[, 1], s[, 2]) }, 1L, "`statistic[(][)]`"),
    # A statistic with lm() of the resampled rows, for boot().
    list(function(i) coef(lm(weight ~ start, data = table[i, ]))[2], 1L, "`coef[(][)]`"),
    # Elements of a list of fits.
    list(function(i) c(fits[[i]]$aic, fits[[i]]$beta[1]), 1L, NULL),
    # Interpolation.
    list(function(i) approx(effort, means[c(1, 2, i)], n = 5)$y, 1L, "`approx[(][)]`"),
    # A table of counts by two indices.
    list(function(i) tables[[index[i]]][2], 1L, NULL),
    # The terms of the distribution of Kolmogorov's statistic.
    list(function(k) ((-1)^(k - 1)) * exp(-2 * (k^2) * (x^2)), 1L, NULL),
    # A distribution function of permuted statistics.
    list(function(t) mean(permuted < t), 0.5, NULL),
    # A mean of resampled values, for boot().
    list(function(data, indices) { d <- data[indices]; return(mean(d)) }, values, NULL, numbers)
  )
})

test_that("what scripts hand over is compiled where it is numbers only, and else R is told why", {
  for (script in scripts) {
    told <- do.call(explain_compiled, c(script[c(1L, 2L)], script[-(1:3)]))
    if (is.null(script[[3L]])) {
      expect_null(told$why, label = deparse1(body(script[[1L]])))
    } else {
      expect_match(told$why, script[[3L]], label = deparse1(body(script[[1L]])))
    }
  }
  expect_length(scripts, 20L)
  # The share that the help page tells.
  compiled <- vapply(scripts, function(script) is.null(script[[3L]]), NA)
  expect_identical(sum(compiled), 8L)
})
