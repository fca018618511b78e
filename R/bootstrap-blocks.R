# Block lengths that follow from the data, and the maximum entropy bootstrap.

#' Block length for the bootstrap of a series
#'
#' The length that makes the mean squared error of the bootstrap variance of a mean smallest,
#' estimated from the autocovariances (Politis and White 2004, with the correction of Patton,
#' Politis and White 2009). [tsbootstrap()] and `bootstrap(sim = "block")` use it where `l` is not
#' given.
#'
#' @param series A numeric vector, matrix or data frame (a row per time), or a time series.
#' @return A matrix with a row per series and columns `stationary` (the mean length for
#'   `"geom"`) and `circular` (for blocks of one length).
#' @details Autocorrelations are negligible from lag m on, where \eqn{\max(5, \log_{10} n)} of them
#'   in a row lie within \eqn{2 \sqrt{\log_{10} n / n}} (with the normal quantile 1.96 for 2); the
#'   sums of the method have a flat-top window of width 2 m. A length is at most
#'   \eqn{\min(3 \sqrt n, n / 3)} and at least 1. It is about the variance of a mean: in a series with cycles, such as
#'   [datasets::lynx], autocovariances of both signs cancel and it may be 1 although neighbours depend on each other; for
#'   other statistics give `l`. Of several series [tsbootstrap()] takes the largest,
#'   rounded.
#' @section Errors: `rustle_error_argument` for missing or infinite values and for fewer than 10
#'   times.
#' @references Politis, D. N. and White, H. (2004) Automatic block-length selection for the
#'   dependent bootstrap. *Econometric Reviews* 23, 53-70. Patton, A., Politis, D. N. and White,
#'   H. (2009) Correction. *Econometric Reviews* 28, 372-375.
#' @seealso [tsbootstrap()] and [bootstrap()], which use it.
#' @examples
#' block_length(nhtemp)
#' #>      stationary circular
#' #> [1,]   5.404836 6.186993
#' tsbootstrap(nhtemp, "mean", R = 200, sim = "geom", seed = 1)
#' #> Bootstrap (block of length 5), 200 replicates of mean, 60 observations
#' #> Computed by native code, 2 threads
#' #>
#' #>  term estimate     bias std.error
#' #>  mean    51.16 -0.01422    0.2629
#' @export
block_length <- function(series) {
  check_required("series")
  columns <- series_columns(series, "series", sys.call())
  out <- t(vapply(columns, block_lengths, double(2L)))
  dimnames(out) <- list(if (length(columns) > 1L) names(columns), c("stationary", "circular"))
  out
}

series_columns <- function(series, argument, call) {
  if (is.data.frame(series)) {
    numbers <- vapply(series, is.numeric, NA)
    columns <- as.list(series)[numbers]
  } else if (is.numeric(series)) {
    x <- if (length(dim(series)) == 2L) series else matrix(as.vector(series))
    columns <- lapply(seq_len(ncol(x)), function(k) as.vector(x[, k]))
    names(columns) <- colnames(x)
  } else {
    columns <- list()
  }
  if (!length(columns)) stop_argument(argument, "a numeric series, or several as columns", series, call)
  if (is.null(names(columns))) names(columns) <- paste0("x", seq_along(columns))
  n <- length(columns[[1L]])
  if (n < 10L) stop_argument(argument, "of at least 10 times", series, call, was = sprintf("of %d", n))
  bad <- vapply(columns, function(x) sum(!is.finite(x)), 0L)
  if (any(bad > 0L)) {
    stop_argument(argument, "without missing or infinite values", series, call, was = sprintf("with %d of them", sum(bad)))
  }
  lapply(columns, as.double)
}

# c(stationary, circular) of one series.
block_lengths <- function(x) {
  n <- length(x)
  # Rounding error of a constant series is no variance.
  if (diff(range(x)) <= 1e-12 * max(abs(x))) return(c(1, 1))
  run <- max(5, ceiling(log10(n)))
  most <- min(ceiling(sqrt(n)) + run, n - 1)
  gamma <- stats::acf(x, lag.max = most, type = "covariance", plot = FALSE)$acf[, 1L, 1L]
  rho <- gamma[-1L] / gamma[[1L]]
  large <- abs(rho) >= stats::qnorm(0.975) * sqrt(log10(n) / n)
  # The first lag from which so many are small in a row.
  starts <- seq_len(max(1, most - run + 1))
  quiet <- vapply(starts, function(j) !any(large[j:min(j + run - 1, most)]), NA)
  lag <- if (any(quiet)) which(quiet)[[1L]] else if (any(large)) max(which(large)) else 1L
  M <- min(2 * lag, most)
  k <- seq_len(M)
  window <- pmin(1, 2 * (1 - k / M))
  g <- 2 * sum(window * k * gamma[k + 1])
  spectrum <- gamma[[1L]] + 2 * sum(window * gamma[k + 1])
  length_of <- function(factor) (2 * g^2 / (factor * spectrum^2))^(1 / 3) * n^(1 / 3)
  pmax(1, pmin(c(length_of(2), length_of(4 / 3)), ceiling(min(3 * sqrt(n), n / 3))))
}

# The block length of `sim = "block"` where none is given.
automatic_block <- function(data, rule, call) {
  columns <- tryCatch(series_columns(data, "l", call), error = function(e) NULL)
  if (is.null(columns)) {
    stop_argument("l", "a block length for `sim = \"block\"`, where the data are no numeric series of at least 10 times", NULL, call)
  }
  lengths <- vapply(columns, block_lengths, double(2L))
  max(1L, min(as.integer(round(max(lengths[if (rule == "geom") 1L else 2L, ]))), length(columns[[1L]])))
}

# One series of the maximum entropy bootstrap (Vinod 2006): uniform numbers go through the
# quantile function of a density that is constant between the midpoints of the sorted values and
# keeps their means, and are put in the order of the ranks of the series.
maximum_entropy_series <- function(x, u = stats::runif(length(x))) {
  n <- length(x)
  order <- order(x)
  sorted <- x[order]
  trimmed <- mean(abs(diff(x)), trim = 0.1)
  cuts <- c(sorted[[1L]] - trimmed, (sorted[-1L] + sorted[-n]) / 2, sorted[[n]] + trimmed)
  # The mean of each interval: half its own value, a quarter of each neighbour.
  means <- (c(sorted[[1L]], sorted[-n]) + 2 * sorted + c(sorted[-1L], sorted[[n]])) / 4
  u <- sort(u) * n
  at <- pmin(floor(u) + 1, n)
  drawn <- cuts[at] + (u - (at - 1)) * (cuts[at + 1] - cuts[at]) + means[at] - (cuts[at] + cuts[at + 1]) / 2
  out <- x
  out[order] <- sort(drawn)
  out
}
environment(maximum_entropy_series) <- baseenv()
