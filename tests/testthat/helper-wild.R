# Wild bootstrap tests in plain R: every replicate is fitted.

# The public data set of the examples of Stata's boottest.
collapsed <- function() {
  data.frame(
    year = rep(1983:1990, each = 2L), selfemployed = rep(0:1, 8L),
    hasinsurance = c(
      0.875507831573486, 0.71044260263443, 0.87950325012207, 0.737829744815826, 0.87178510427475,
      0.707013249397278, 0.870948255062103, 0.712002336978912, 0.87239944934845, 0.719017386436462,
      0.858654201030731, 0.766577541828156, 0.8543781042099, 0.742061257362366, 0.847078144550323, 0.745741784572601
    ),
    post = rep(0:1, c(10L, 6L)), post_self = rep(0:1, c(10L, 6L)) * rep(0:1, 8L)
  )
}
collapsed_fit <- function() {
  d <- collapsed()
  lm(hasinsurance ~ selfemployed + post + post_self, d)
}

# The National Longitudinal Survey of Young Women, 1988, as Stata has it: rows with union,
# industry and tenure; `known`: hours, grade and occupation too.
nlsw88 <- function() readRDS(test_path("wild-nlsw88.rds"))

wild_data <- function(n = 120) {
  set.seed(2)
  d <- data.frame(
    f = sample(letters[1:9], n, TRUE), t = sample(1:12, n, TRUE), x1 = rnorm(n), x2 = rexp(n), w = runif(n, 0.5, 2)
  )
  d$s <- as.integer(interaction(d$f, d$x1 > 0))
  d$y <- 1 + 0.3 * d$x1 + rnorm(9)[match(d$f, letters)] + rnorm(n) * d$x2
  d
}

# Few clusters, on purpose.
quiet_wild <- function(...) suppressWarnings(wild_test(..., threads = 1L), classes = "rustle_warning")

# The weights of the first `count` replicates, clusters x count.
wild_weights <- function(law, seed, clusters, count) {
  handle <- rs_wild_open(list(
    seed = stream_words(seed), variance = list(), restrictions = 1, trials = 0,
    clusters = as.double(clusters), linear = double(clusters), squares = double(), law = law
  ))$ok
  vapply(seq_len(count) - 1, function(r) rs_wild_weights(handle, r)$ok, double(clusters))
}

# list(t, ts, se): statistics of the data and of replicates with weights V, one row per
# bootstrap cluster in order of appearance.
plain_wild <- function(y, X, Rm, r, clusters, boot, V, type = "11", impose = TRUE, adjust = "each", w = NULL) {
  if (!is.null(w)) {
    y <- sqrt(w) * y
    X <- sqrt(w) * X
  }
  Rm <- rbind(Rm)
  n <- nrow(X)
  k <- ncol(X)
  A <- solve(crossprod(X))
  subsets <- lapply(seq_len(2^length(clusters) - 1), function(s) which(bitwAnd(s, 2^(seq_along(clusters) - 1)) > 0))
  groups <- lapply(subsets, function(s) as.integer(interaction(clusters[s], drop = TRUE)))
  least <- min(vapply(clusters, function(g) length(unique(g)), 0L))
  fit <- function(y) {
    b <- drop(A %*% crossprod(X, y))
    u <- drop(y - X %*% b)
    M <- 0
    for (i in seq_along(subsets)) {
      g <- groups[[i]]
      G <- length(unique(g))
      sign <- if (length(subsets[[i]]) %% 2) 1 else -1
      if (substr(type, 2, 2) == "3") {
        for (h in unique(g)) {
          others <- g != h
          without <- MASS::ginv(crossprod(X[others, , drop = FALSE])) %*% crossprod(X[others, , drop = FALSE], y[others])
          M <- M + sign * (G - 1) / G * tcrossprod(Rm %*% (without - b))
        }
      } else {
        f <- switch(adjust,
          each = G / (G - 1) * (n - 1) / (n - k), min = least / (least - 1) * (n - 1) / (n - k), clusters = G / (G - 1), none = 1
        )
        M <- M + sign * f * Rm %*% A %*% crossprod(rowsum(X * u, g)) %*% A %*% t(Rm)
      }
    }
    list(b = b, M = M)
  }
  statistic <- function(o, r) {
    e <- drop(Rm %*% o$b) - r
    # Variances of several clusterings may be negative: such replicates are left out.
    if (nrow(Rm) == 1L) e / sqrt(if (o$M > 0) drop(o$M) else NA) else drop(e %*% solve(o$M, e)) / nrow(Rm)
  }
  o <- fit(y)
  b <- o$b
  if (impose) b <- drop(b - A %*% t(Rm) %*% solve(Rm %*% A %*% t(Rm), Rm %*% b - r))
  u <- drop(y - X %*% b)
  if (substr(type, 1, 1) == "3") {
    At <- if (impose) A - A %*% t(Rm) %*% solve(Rm %*% A %*% t(Rm)) %*% Rm %*% A else A
    H <- X %*% At %*% t(X)
    for (h in unique(boot)) {
      i <- boot == h
      u[i] <- MASS::ginv(diag(sum(i)) - H[i, i]) %*% u[i]
    }
  }
  v <- V[match(boot, unique(boot)), , drop = FALSE]
  at <- if (impose) r else drop(Rm %*% b)
  ts <- apply(v, 2L, function(v) statistic(fit(drop(X %*% b) + u * v), at))
  list(t = statistic(o, r), ts = ts, se = sqrt(diag(o$M)))
}

# Statistics of the replicates of a result with one hypothesis.
wild_statistics <- function(x, r = x$null.value) {
  delta <- unname(x$estimate - r)
  d <- x$draws
  if (ncol(d) == 2L) return(d[, 1L] / sqrt(d[, 2L]))
  variance <- d[, 3L] + d[, 4L] * delta + d[, 5L] * delta^2
  (d[, 1L] + d[, 2L] * delta) / sqrt(ifelse(variance > 0, variance, NA))
}

# wild_test() and plain_wild() agree.
expect_as_plain <- function(fit, null, Rm, r, cluster, clusters, boot = NULL, boot_values = NULL, type = "11", impose = TRUE,
                            adjust = "each", weights = "mammen", w = NULL, X = model.matrix(fit), effects = NULL) {
  skip_if_not_installed("MASS")
  x <- quiet_wild(
    fit, null, cluster, R = 70, weights = weights, type = type, impose = impose, adjust = adjust, boot_cluster = boot,
    seed = 3, conf = 0.9, effects = effects
  )
  counts <- vapply(clusters, function(g) length(unique(g)), 0L)
  if (is.null(boot_values)) boot_values <- clusters[[which.min(counts)]]
  V <- wild_weights(weights, 3, length(unique(boot_values)), 70L)
  o <- plain_wild(model.response(model.frame(fit)), X, Rm, r, clusters, boot_values, V, type, impose, adjust, w)
  # The plain code inverts cross products; the data are well conditioned.
  expect_equal(unname(x$statistic), unname(o$t), tolerance = 1e-10)
  expect_equal(unname(x$std.error), unname(o$se), tolerance = 1e-10)
  if (length(r) == 1L) {
    expect_equal(wild_statistics(x), unname(o$ts), tolerance = 1e-9)
    expect_identical(x$p.value, mean(abs(o$ts) > abs(o$t) * (1 + 1e-10), na.rm = TRUE))
  } else if (x$degenerate == 0) {
    expect_identical(x$p.value, mean(o$ts > o$t * (1 + 1e-10)))
  }
  invisible(x)
}
