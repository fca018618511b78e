# The wild cluster bootstrap test on one thread: N = 10,000, k = 20, R = 99,999, with interval,
# against the same algorithm in plain vectorised R (products with matrices of weights, ten
# thousand replicates at a time); and with a million rows against a crossprod of the design.
# The bars of G = 50, 500 and 1000 are the ratios to the published times of an R package on
# its author's machine (0.62, 8.7 and 40 s). tools/bench reads this file after cases.R.

wild_numbers <- local({
  made <- list()
  function(G, N = 1e4L, k = 20L) {
    key <- paste(G, N)
    if (is.null(made[[key]])) {
      set.seed(1)
      X <- matrix(rnorm(N * (k - 1L)), N)
      g <- sample(G, N, TRUE)
      d <- data.frame(y = rowSums(X) / 10 + rnorm(G)[g] + rnorm(N), X)
      made[[key]] <<- list(fit = lm(y ~ ., d), g = g, X = cbind(1, X))
    }
    made[[key]]
  }
})

wild_ours <- function(G, N = 1e4L, R = 99999L) {
  function() {
    d <- wild_numbers(G, N)
    wild_test(d$fit, "X1 = 0", d$g, R = R, seed = 1, threads = 1L)
  }
}

wild_plain <- function(G, R = 99999L) {
  function() {
    d <- wild_numbers(G)
    X <- d$X
    A <- chol2inv(qr.R(d$fit$qr))
    a <- A[, 2L]
    C <- drop(X %*% a)
    sums <- function(u) rowsum(X * u, d$g)
    S <- list(sums(residuals(d$fit)), sums(C / a[[2L]]))
    B <- sums(C) %*% A
    s <- lapply(S, function(S) drop(S %*% a))
    adjust <- G / (G - 1) * (nrow(X) - 1) / (nrow(X) - ncol(X))
    numbers <- NULL
    while (NROW(numbers) < R) {
      V <- matrix(2 * (runif(G * min(1e4, R - NROW(numbers))) > 0.5) - 1, G)
      J <- Map(function(S, s) s * V - B %*% crossprod(S, V), S, s)
      numbers <- rbind(numbers, cbind(
        drop(s[[1L]] %*% V), drop(s[[2L]] %*% V), adjust * colSums(J[[1L]]^2), adjust * 2 * colSums(J[[1L]] * J[[2L]]),
        adjust * colSums(J[[2L]]^2)
      ))
    }
    se <- sqrt(adjust * sum(s[[1L]]^2))
    p <- function(z) {
      delta <- z * se
      nu <- numbers[, 1L] + delta * numbers[, 2L]
      mean(nu^2 > z^2 * (numbers[, 3L] + delta * (numbers[, 4L] + delta * numbers[, 5L])))
    }
    ends <- vapply(c(-1, 1), function(side) uniroot(function(z) p(side * z) - 0.05, c(0.1, 20), tol = 1e-6)$root, 0)
    list(p(coef(d$fit)[[2L]] / se), ends)
  }
}

wild_case <- function(G, bar) {
  case(sprintf("wild G = %d, N = 1e4, k = 20, R = 99999, interval", G), "the algorithm in R", bar, wild_ours(G), wild_plain(G), 3L)
}

cases <- list(
  wild_case(50L, 0.06 / 0.62), wild_case(500L, 0.6 / 8.7), wild_case(1000L, 1.5 / 40),
  case("wild G = 50, N = 1e6, k = 20, R = 9999, interval", "crossprod of the design", 4,
    wild_ours(50L, 1e6L, 9999L), function() crossprod(wild_numbers(50L, 1e6L)$X), 9L)
)
