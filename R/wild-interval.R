# P-values of a wild test as a function of the null value, and its inversion.

#' P-values of a wild bootstrap test
#'
#' The p-value as a function of the null value: what `plot()` draws and what a confidence
#' interval is cut from.
#'
#' @param x A result of [wild_test()] with one or two hypotheses, for two with
#'   `impose = TRUE` and not by scores.
#' @param at Null values: of one hypothesis a numeric vector, of two a matrix with two columns.
#'   `NULL`: `n` values (for two a grid of `n` x `n`) around the estimate, as far as values that are not
#'   rejected lie, within 20 standard errors.
#' @param n Number of values.
#' @return A data frame with columns `null` (for two hypotheses `null1` and `null2`) and
#'   `p.value`.
#' @section Errors: `rustle_error_argument` for wrong arguments.
#' @seealso [wild_test()]; its `plot()` draws the curve; [boot_ci()] for intervals of replicates.
#' @examples
#' fit <- lm(dist ~ speed, cars)
#' test <- wild_test(fit, "speed = 3", R = 499, seed = 1, threads = 1)
#' wild_curve(test, at = c(3, 4, 5))
#' #>   null    p.value
#' #> 1    3 0.02605210
#' #> 2    4 0.86973948
#' #> 3    5 0.01202405
#' @export
wild_curve <- function(x, at = NULL, n = if (length(x$estimate) > 1L) 25 else 201) {
  if (!inherits(x, "rustle_wild")) stop_argument("x", "a result of wild_test()", x, sys.call())
  q <- length(x$estimate)
  if (q > 2L) stop_argument("x", "a test of one or two hypotheses", x, sys.call(), was = sprintf("of %d", q))
  if (q > 1L && !has_curve(x)) {
    kind <- if (is.null(x$powers) && startsWith(x$method, "Score")) "one by the score bootstrap" else "one that does not impose it"
    stop_argument("x", "a test of one hypothesis, or one that refits models under the null hypothesis", x, sys.call(), was = kind)
  }
  n <- check_count(n, "n", min = 2)
  if (is.null(at)) {
    at <- if (q == 1L) as.matrix(default_curve(x, n)) else default_grid(x, n)
  } else {
    good <- is.numeric(at) && NCOL(at) == q && NROW(at) > 0L && all(is.finite(at))
    if (!good) stop_argument("at", if (q == 1L) "finite numbers" else "a matrix of two columns", at, sys.call())
    at <- matrix(as.double(at), ncol = q)
  }
  p <- p_of_counts(x, counts_at(x, at))
  if (q == 1L) return(data.frame(null = at[, 1L], p.value = p))
  data.frame(null1 = at[, 1L], null2 = at[, 2L], p.value = p)
}

# Are there replicates for other null values?
has_curve <- function(x) !is.null(x$recount) || !x$generalized && (length(x$estimate) == 1L || x$trials > 0L)

# How far trial values go at a time.
spread_of <- function(x) if (is.null(x$std.error)) x$scale else x$std.error

default_curve <- function(x, n) {
  ends <- x$conf.int
  if (is.null(ends)) ends <- c(-Inf, Inf)
  reach <- 3 * spread_of(x)
  low <- if (is.finite(ends[[1L]])) ends[[1L]] - 0.3 * (x$estimate - ends[[1L]]) else x$estimate - reach
  high <- if (is.finite(ends[[2L]])) ends[[2L]] + 0.3 * (ends[[2L]] - x$estimate) else x$estimate + reach
  seq(min(low, x$null.value), max(high, x$null.value), length.out = n)
}

# As far that the set of values that are not rejected is inside, where that is not much further than usual. Where
# each null value has replicates of its own nothing is tried.
default_grid <- function(x, n) {
  grid <- function(reach) {
    span <- function(i) x$estimate[[i]] + reach * x$std.error[[i]] * seq(-1, 1, length.out = n)
    as.matrix(expand.grid(span(1L), span(2L)))
  }
  if (!is.null(x$recount)) return(grid(4))
  alpha <- 1 - if (is.null(x$conf)) 0.95 else x$conf
  z <- seq(-1, 1, length.out = 41L)
  edge <- rbind(cbind(z, -1), cbind(z, 1), cbind(-1, z), cbind(1, z))
  for (reach in c(4, 6, 9, 13, 20)) {
    border <- cbind(x$estimate[[1L]] + reach * x$std.error[[1L]] * edge[, 1L], x$estimate[[2L]] + reach * x$std.error[[2L]] * edge[, 2L])
    if (all(p_of_counts(x, counts_at(x, border)) < alpha)) return(grid(reach))
  }
  grid(4)
}

# Numbers of replicates beyond the statistic of the data, at null values `r`, a row each.
counts_at <- function(x, r) {
  q <- length(x$estimate)
  if (!is.null(x$recount)) {
    each <- lapply(seq_len(nrow(r)), function(i) x$recount(r[i, ]))
    return(lapply(stats::setNames(nm = names(each[[1L]])), function(name) vapply(each, `[[`, 0, name)))
  }
  delta <- matrix(rep(x$estimate, each = nrow(r)), nrow(r)) - r
  # One call must not keep R from looking for interrupts for long.
  each <- max(1, floor(2e7 / nrow(x$draws)))
  pieces <- split(seq_len(nrow(r)), ceiling(seq_len(nrow(r)) / each))
  parts <- lapply(pieces, function(i) {
    d <- delta[i, , drop = FALSE]
    out <- if (q == 1L) {
      rs_wild_count(x$draws, nrow(x$draws), x$floor, d[, 1L], statistic_at(x, d[, 1L]), x$threads)
    } else {
      trials <- x$trials
      observed <- if (x$generalized) x$statistic else rowSums(d * t(solve(x$vcov, t(d)))) / q
      rs_wild_joint(x$draws, as.double(c(nrow(x$draws), q, trials)), if (trials) as.double(t(d)) else double(), observed, x$threads)
    }
    unpack(out)
  })
  if (length(parts) == 1L) return(parts[[1L]])
  lapply(stats::setNames(nm = names(parts[[1L]])), function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE))
}

# The statistic of the data, whose variance depends on the null value when it is that of
# scores under the null hypothesis.
statistic_at <- function(x, delta) {
  if (x$generalized) return(x$statistic)
  if (is.null(x$powers)) return(delta / x$std.error)
  delta / sqrt(x$powers[[1L]] + delta * (x$powers[[2L]] + delta * x$powers[[3L]]))
}

p_of_counts <- function(x, counts) {
  share <- if (x$plus_one && !x$enumerated) {
    function(b) (b + 1) / (counts$valid + 1)
  } else {
    function(b) b / counts$valid
  }
  if (length(x$estimate) > 1L) return(share(counts$beyond))
  switch(x$alternative,
    two.sided = share(counts$beyond), equal.tailed = pmin(1, 2 * share(pmin(counts$below, counts$above))),
    greater = share(counts$above), less = share(counts$below)
  )
}

# Where the null value is looked for, in standard errors from the estimate.
trial_values <- function(coarse) {
  half <- if (coarse) c(seq(0.5, 4, 0.5), 4 * 4^(1:3), 1000) else c(seq(0.25, 6, 0.25), 6 * 2^(1:7), 1000)
  sort(c(-half, 0, half))
}

# The null values whose p-value is at least 1 - level: a matrix with a row for each piece.
invert_test <- function(x, level) {
  alpha <- 1 - level
  at <- function(z) x$estimate - z * spread_of(x)
  # A p-value equal to alpha does not reject.
  kept <- function(z) p_of_counts(x, counts_at(x, as.matrix(at(z)))) >= alpha * (1 - 1e-9)
  # Where each trial has replicates of its own there are fewer trials, and four digits less.
  coarse <- !is.null(x$recount)
  z <- trial_values(coarse)
  inside <- kept(z)
  # The estimate itself is never rejected by a symmetric test; by others it may be.
  change <- which(inside[-1L] != inside[-length(inside)])
  low <- z[change]
  high <- z[change + 1L]
  left <- inside[change]
  while (length(low) && max(high - low) > if (coarse) 1e-4 else 1e-8) {
    middle <- (low + high) / 2
    same <- kept(middle) == left
    low <- ifelse(same, middle, low)
    high <- ifelse(same, high, middle)
  }
  edges <- ifelse(left, low, high)
  if (inside[[1L]]) edges <- c(-Inf, edges)
  if (inside[[length(inside)]]) edges <- c(edges, Inf)
  if (!length(edges)) {
    return(matrix(NA_real_, 1L, 2L, dimnames = list(NULL, c("lower", "upper"))))
  }
  # In standard errors below the estimate: the last is the smallest null value.
  pieces <- matrix(at(edges), ncol = 2L, byrow = TRUE)[, 2:1, drop = FALSE]
  pieces <- pieces[order(pieces[, 1L]), , drop = FALSE]
  colnames(pieces) <- c("lower", "upper")
  pieces
}
