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

# Functions as simulation studies have them, written here: a second 20, of which it is told in the same way.
studies <- local({
  n <- 20L
  y <- c(0.3, 1.2, -0.5, 0.8, 2.1, -1.3, 0.4, 1.9, 0.7, -0.2, 1.1, 0.6, -0.9, 1.4, 0.1, 2.3, -0.4, 0.5, 1.6, 0.2)
  X <- cbind(1, rev(y), cos(1:20))
  dat <- data.frame(y = y, x = rev(y) + y / 2, z = sin(1:20), grp = rep(0:1, 10), id = rep(1:5, 4))
  settings <- list(n = 30, effect = 0.4, method = "welch")
  grid <- expand.grid(n = c(10, 20), rho = c(0.1, 0.5))
  list(
    list(function(i) { x <- rnorm(n, 1); m <- mean(x); s <- sd(x) / sqrt(n); data.frame(rep = i, est = m, se = s, covered = m - 1.96 * s < 1 & m + 1.96 * s > 1) }, NULL),
    list(function(i) { x <- rnorm(settings$n); y <- rnorm(settings$n, settings$effect); t.test(x, y)$p.value < 0.05 }, NULL),
    list(function(i) { a <- rnorm(25); b <- rnorm(25, 0.5); t <- (mean(b) - mean(a)) / sqrt((var(a) + var(b)) / 25); p <- 2 * pt(-abs(t), df = 48); c(t = t, p = p, reject = p < 0.05) }, NULL),
    list(function(i) { d <- dat; d$grp <- sample(d$grp); mean(d$y[d$grp == 1]) - mean(d$y[d$grp == 0]) }, NULL),
    list(function(i) { b <- dat[sample(nrow(dat), replace = TRUE), ]; coef(lm(y ~ x, data = b)) }, "`coef[(][)]`"),
    list(function(i) { b <- dat[sample(nrow(dat), replace = TRUE), ]; M <- cbind(1, b$x, b$z); as.vector(solve(t(M) %*% M, t(M) %*% b$y)) }, NULL),
    list(function(i) {
      theta <- numeric(50); cur <- 0; acc <- 0
      ll <- function(m) sum(dnorm(y, m, 1, log = TRUE)) + dnorm(m, 0, 10, log = TRUE)
      for (k in 1:50) { prop <- cur + rnorm(1, 0, 0.3); if (log(runif(1)) < ll(prop) - ll(cur)) { cur <- prop; acc <- acc + 1 }; theta[k] <- cur }
      list(mean = mean(theta), sd = sd(theta), accept = acc / 50)
    }, NULL),
    list(function(i) {
      out <- matrix(NA, nrow = 30, ncol = 2); colnames(out) <- c("x", "y"); x <- 0; y <- 0
      for (k in 1:30) { x <- rnorm(1, 0.6 * y, 0.8); y <- rnorm(1, 0.6 * x, 0.8); out[k, ] <- c(x, y) }
      colMeans(out)
    }, NULL),
    list(function(i) { S <- 99; I <- 1; R <- 0; while (I > 0) { inf <- rbinom(1, S, 1 - exp(-0.3 * I / 100)); rec <- rbinom(1, I, 0.1); S <- S - inf; I <- I + inf - rec; R <- R + rec }; data.frame(id = i, final = R) }, NULL),
    list(function(i) { path <- 100 * exp(cumsum(-0.0002 + 0.028 * rnorm(50))); exp(-0.03) * max(mean(path) - 105, 0) }, NULL),
    list(function(S, K = 100, type = "call") { d1 <- log(S / K) / 0.25 + 0.2; d2 <- d1 - 0.25; if (type == "call") S * pnorm(d1) - K * 0.98 * pnorm(d2) else K * 0.98 * pnorm(-d2) - S * pnorm(-d1) }, NULL),
    list(function(k) { test <- rep(1:5, length.out = 20) == k; b <- solve(crossprod(X[!test, ]), crossprod(X[!test, ], y[!test])); mean((y[test] - X[test, ] %*% b)^2) }, NULL),
    list(function(lambda) { b <- solve(crossprod(X) + lambda * diag(ncol(X)), crossprod(X, y)); list(lambda = lambda, coef = drop(b), rss = sum((y - X %*% b)^2)) }, NULL),
    list(function(i) { pos <- matrix(0, 5, 2); for (s in 1:9) { step <- sample(4, 5, replace = TRUE); for (a in 1:5) { d <- switch(step[a], c(1, 0), c(-1, 0), c(0, 1), c(0, -1)); pos[a, ] <- pos[a, ] + d } }; mean(sqrt(rowSums(pos^2))) }, NULL),
    list(function(i, method = "trim") { x <- rt(30, 3); est <- switch(method, mean = mean(x), median = median(x), trim = mean(x, trim = 0.1), stop("unknown")); c(est = est) }, NULL),
    list(function(i) { x <- rexp(30); est <- c(mean = mean(x), median = median(x), sd = sd(x)); est - c(1, log(2), 1) }, NULL),
    list(function(i) { x <- rnorm(30); b <- replicate(50, mean(sample(x, replace = TRUE))); ci <- quantile(b, c(0.025, 0.975)); ci[1] <= 0 && 0 <= ci[2] }, NULL),
    list(function(i) { e <- rnorm(60); x <- numeric(60); x[1] <- e[1]; for (t in 2:60) x[t] <- 0.7 * x[t - 1] + e[t]; x <- x[-(1:20)]; cor(x[-1], x[-length(x)]) }, NULL),
    list(function(k) { p <- grid[k, ]; x <- rnorm(p$n); y <- p$rho * x + sqrt(1 - p$rho^2) * rnorm(p$n); data.frame(n = p$n, rho = p$rho, est = cor(x, y)) }, NULL),
    list(function(i) { ids <- sample(unique(dat$id), replace = TRUE); b <- do.call(rbind, lapply(ids, function(k) dat[dat$id == k, ])); mean(b$y) }, "not in the subset")
  )
})

test_that("functions of simulation studies are compiled, or R is told why, and do the same", {
  left <- vapply(studies, function(study) !is.null(study[[2L]]), NA)
  do.call(expect_all_on_threads, c(lapply(studies[!left], `[[`, 1L), list(X = list(1, 2, 3))))
  for (study in studies[left]) expect_match(explain_compiled(study[[1L]], 1)$why, study[[2L]])
  # The share that the help page tells.
  expect_identical(sum(vapply(studies, function(study) is.null(study[[2L]]), NA)), 18L)
  expect_length(studies, 20L)
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
