# Monte Carlo errors of ends of intervals and of p-values: how much they would vary with other
# replicates of the same data. Delta method, replicates independent.

# The slope of the quantile function of the sorted values `t` at p, over one standard error of
# the share of values below on both sides.
quantile_slope <- function(t, p) {
  least <- 1 / (length(t) + 1)
  d <- sqrt(p * (1 - p) / length(t))
  low <- pmin(pmax(p - d, least), 1 - 2 * least)
  high <- pmax(pmin(p + d, 1 - least), low + least)
  q <- normal_quantile(t, c(low, high))
  (q[-seq_along(p)] - q[seq_along(p)]) / (high - low)
}

# Errors of quantiles of the sorted values `t`. bias: NULL, or list(slope, below) when the
# probabilities themselves move by `slope` times the error of the share `below`.
quantile_error <- function(t, p, bias = NULL) {
  variance <- p * (1 - p)
  if (!is.null(bias)) {
    share <- bias$below
    variance <- variance + bias$slope^2 * share * (1 - share) - 2 * bias$slope * (pmin(p, share) - p * share)
  }
  quantile_slope(t, p) * sqrt(pmax(variance, 0) / length(t))
}

# Errors of -mean(t) - z sd(t) and of -mean(t) + z sd(t).
normal_error <- function(t, z) {
  spread <- stats::sd(t)
  u <- (t - mean(t)) / spread
  skewness <- mean(u^3)
  kurtosis <- mean(u^4)
  error <- function(z) spread * sqrt(pmax(1 + z^2 / 4 * (kurtosis - 1) + z * skewness, 0) / length(t))
  list(error(z), error(-z))
}

# The interval on the user's scale. Under a decreasing transformation the lower end becomes the
# upper one.
interval_of <- function(ends, errors, scale) {
  moved <- Map(function(end, error) abs(scale$hinv(end + error) - scale$hinv(end - error)) / 2, ends, errors)
  ends <- lapply(ends, scale$hinv)
  turned <- !is.na(ends[[1L]]) & !is.na(ends[[2L]]) & ends[[1L]] > ends[[2L]]
  pick <- function(parts, first) ifelse(xor(turned, first), parts[[1L]], parts[[2L]])
  list(
    lower = pick(ends, TRUE), upper = pick(ends, FALSE), lower.mcse = pick(moved, TRUE),
    upper.mcse = pick(moved, FALSE)
  )
}

# Of p-values that are shares of R replicates. One of 0 is as uncertain as the least that R
# replicates can tell.
error_of_share <- function(p, R) {
  share <- pmax(p, 1 / (R + 1))
  sqrt(share * (1 - share) / R)
}
