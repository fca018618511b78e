# P-values by inversion of intervals.

#' P-values from bootstrap replicates
#'
#' The p-value of a null value is the smallest \eqn{\alpha} for which the interval of
#' confidence \eqn{1 - \alpha} does not contain it, so tests and intervals of [boot_ci()] never
#' disagree. Of one-sided alternatives the interval has one end.
#'
#' @param x A `rustle_boot` from [bootstrap()] and its relatives, or a `boot` object.
#' @param null Null values: one number, or one for each component of `index`. Names for several components
#'   must be theirs; the order is then no matter.
#' @param type Types of intervals to invert, as in [boot_ci()].
#' @param alternative `"two.sided"`, `"greater"` (the parameter is above its null value) or
#'   `"less"`.
#' @param simultaneous `TRUE`: p-values are adjusted for all components of `index` together, by inversion of the
#'   simultaneous intervals of [boot_ci()]. They keep the probability of any false rejection.
#' @param index,h,hdot,variance,var.t0,var.t,L,... As in [boot_ci()]. With `h` replicates and
#'   null value are compared on its scale, which only matters for `norm`, `basic` and `stud`.
#' @return A data frame of class `rustle_boot_p` with a row per component and type and columns
#'   `term`, `type`, `estimate`, `null`, `p.value` and `mcse`, the Monte Carlo standard error
#'   of the p-value (see [boot_ci()]). A null value beyond all replicates has the p-value at which
#'   intervals end at the last of them: `1 / (R + 1)`, twice that for two sides, which is the
#'   least that R replicates can tell. `NA` where there is no interval.
#'   An adjusted p-value is the share of replicates whose most extreme component is at least as extreme as
#'   the null value is by its own p-value, with one added to both counts (min-p; Westfall and Young 1993).
#' @section Errors: As for [boot_ci()]; `rustle_error_argument` for a `null` that is not finite
#'   or not of length 1 or the number of components.
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their
#'   Application*, section 4.4 and chapter 5. Cambridge University Press. Efron, B. and
#'   Tibshirani, R. J. (1993) *An Introduction to the Bootstrap*, section 15.4. Chapman & Hall. Westfall, P. H.
#'   and Young, S. S. (1993) *Resampling-Based Multiple Testing*. Wiley.
#' @seealso [boot_ci()] for the intervals; [wild_test()] and [permutation_test()] for tests under
#'   the null hypothesis; [extend()] for more replicates.
#' @examples
#' b <- bootstrap(mtcars, stat_lm(mpg ~ wt + hp), R = 999, seed = 1, threads = 2)
#' boot_p(b)
#' #> Bootstrap p-values from 999 replicates
#' #>         term type estimate null p.value  mcse
#' #>  (Intercept) perc 37.22727    0   0.002 0.002
#' #>           wt perc -3.87783    0   0.002 0.002
#' #>           hp perc -0.03177    0   0.002 0.002
#' boot_p(b, null = -5, index = "wt", type = c("perc", "bca"))
#' #> Bootstrap p-values from 999 replicates
#' #>  term type estimate null p.value    mcse
#' #>    wt perc   -3.878   -5  0.1246 0.01529
#' #>    wt  bca   -3.878   -5  0.1098 0.02098
#' @export
boot_p <- function(x, null = 0, type = "perc", alternative = c("two.sided", "greater", "less"), index = NULL,
                   h = NULL, hdot = NULL, variance = NULL, var.t0 = NULL, var.t = NULL, L = NULL, simultaneous = FALSE, ...) {
  check_required("x")
  draws <- as_draws(x)
  check_statistic_dots(..., .takes = character(), .x = x)
  sides <- c("two.sided", "greater", "less")
  alternative <- check_choice(if (identical(alternative, sides)) sides[[1L]] else alternative, sides, "alternative")
  wanted <- check_wanted(draws, type, index, variance, var.t0, var.t, L, h, hdot)
  scale <- wanted$scale
  chosen <- wanted$index
  variances <- wanted$variances
  type <- wanted$type
  simultaneous <- check_simultaneous(simultaneous, type, chosen, sys.call())
  if (simultaneous && alternative != "two.sided") stop_argument("alternative", "\"two.sided\" with simultaneous = TRUE", alternative, sys.call())
  good <- is.numeric(null) && length(null) %in% c(1L, length(chosen)) && all(is.finite(null))
  if (!good) {
    must <- if (length(chosen) == 1L) "one finite number" else sprintf("one finite number, or one for each of %d components", length(chosen))
    stop_argument("null", must, null, sys.call())
  }
  null <- nulls_of_components(null, draws$terms[chosen], length(chosen), sys.call())
  acceleration <- if ("bca" %in% type) accelerations(chosen_influence(L, chosen, x, draws, ...), draws)
  rows <- list()
  for (at in seq_along(chosen)) {
    k <- chosen[[at]]
    for (kind in type) {
      if (kind == "stud" && !k %in% variances$index) next
      tails <- if (kind == "abc") {
        abc_tails(x, draws, k, null[[at]], ...)
      } else {
        tails_of(kind, k, null[[at]], draws, scale, variances, acceleration[[as.character(k)]])
      }
      rows[[length(rows) + 1L]] <- list(k = k, type = kind, null = null[[at]], p = p_of_tails(tails, alternative))
    }
  }
  if (simultaneous) {
    shares <- lapply(stats::setNames(nm = type), function(kind) {
      if (kind != "abc") band_shares(kind, if (kind == "stud") variances$index else chosen, draws, variances)
    })
    rows <- lapply(rows, function(row) {
      if (!is.null(shares[[row$type]])) row$p <- adjusted_p(row$p, shares[[row$type]])
      row
    })
  }
  get <- function(part, as) vapply(rows, `[[`, as, part)
  p <- vapply(rows, `[[`, double(2L), "p")
  if (anyNA(p[1L, ])) {
    warn_interval(sprintf(
      "No p-value for %s: no interval.%s", enumerate_names(unique(draws$terms[get("k", 0L)[is.na(p[1L, ])]])),
      why_missing(draws$data, x$failures)
    ))
  }
  structure(
    data.frame(
      term = draws$terms[get("k", 0L)], type = get("type", ""), estimate = draws$t0[get("k", 0L)],
      null = get("null", 0), p.value = p[1L, ], mcse = p[2L, ]
    ),
    class = c("rustle_boot_p", "data.frame"), alternative = alternative, R = draws$R, simultaneous = simultaneous
  )
}

#' @rdname boot_p
#' @param digits Number of significant digits.
#' @export
print.rustle_boot_p <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  side <- attr(x, "alternative")
  cat(
    if (isTRUE(attr(x, "simultaneous"))) "Simultaneous bootstrap p-values" else "Bootstrap p-values", if (!is.null(attr(x, "R"))) sprintf(" from %.0f replicates", attr(x, "R")),
    if (!is.null(side) && side != "two.sided") sprintf(" (alternative: %s)", side), "\n", sep = ""
  )
  print(plain_frame(x), digits = digits, row.names = FALSE, ...)
  invisible(x)
}

# c(p, error) of one component and the shares of band_shares(). The last digits of shares may differ.
adjusted_p <- function(p, shares) {
  if (is.na(p[[1L]])) return(p)
  adjusted <- max(p[[1L]], (1 + sum(shares <= p[[1L]] * (1 + 1e-12))) / (length(shares) + 1))
  c(adjusted, error_of_share(adjusted, length(shares)))
}

# c(p, error) of tails: list(greater = c(p, error), less = ): one-sided p-values.
p_of_tails <- function(tails, alternative) {
  if (is.null(tails)) return(c(NA_real_, NA_real_))
  if (alternative != "two.sided") return(tails[[alternative]])
  least <- if (tails$greater[[1L]] <= tails$less[[1L]]) tails$greater else tails$less
  c(min(1, 2 * least[[1L]]), if (least[[1L]] >= 0.5) 0 else 2 * least[[2L]])
}

# A null value for each component. A name that is none of theirs would be tested elsewhere than it says.
nulls_of_components <- function(null, components, count, call) {
  given <- names(null)
  if (is.null(given) || is.null(components) || count == 1L) return(rep_len(as.double(null), count))
  if (length(null) != length(components) || anyDuplicated(given) || !all(given %in% components)) {
    stop_argument(
      "null", sprintf("named by the components, each once, or without names (they are: %s)", enumerate_names(components)), null, call,
      was = sprintf("with names %s", enumerate_names(given))
    )
  }
  as.double(null[components])
}

# The largest tail probability at which the lower end of the interval is not above the null
# value (`greater`), and the upper end not below it (`less`); each with its Monte Carlo
# error. NULL: there is no interval.
tails_of <- function(kind, k, null, draws, scale, variances, a) {
  t0 <- draws$t0[[k]]
  t <- if (kind == "stud") draws$raw[, k] else draws$t[, k]
  kept <- is.finite(t)
  t <- t[kept]
  if (!is.finite(t0) || length(t) < 2L || all(abs(t - t[[1L]]) <= 1e-8 * abs(t[[1L]]))) return(NULL)
  ht <- scale$h(t)
  ht0 <- scale$h(t0)
  x <- scale$h(null)
  of_shares <- function(values, x, swap) {
    values <- sort(values[is.finite(values)])
    share <- shares_below(values, x)
    tail <- function(p) {
      p <- max(p, 1 / (length(values) + 1))
      c(p, sqrt(p * (1 - p) / length(values)))
    }
    low <- tail(share[[2L]])
    high <- tail(1 - share[[1L]])
    if (swap) list(greater = high, less = low) else list(greater = low, less = high)
  }
  out <- switch(kind,
    norm = normal_tails(ht, ht0, x, variances$norm[match(k, variances$index)], abs(scale$hdot(t0))),
    perc = of_shares(ht, x, FALSE),
    basic = of_shares(ht, 2 * ht0 - x, TRUE),
    stud = {
      j <- match(k, variances$index)
      z <- (ht - ht0) / (abs(scale$hdot(t)) * sqrt(variances$t[kept, j]))
      of_shares(z, (ht0 - x) / (sqrt(variances$t0[[j]]) * abs(scale$hdot(t0))), TRUE)
    },
    bc = corrected_tails(t, t0, null, 0),
    bca = corrected_tails(t, t0, null, a)
  )
  # A decreasing transformation exchanges the sides; corrected intervals have none.
  decreasing <- !kind %in% c("bc", "bca") && scale$h(max(t)) < scale$h(min(t))
  if (decreasing && !is.null(out)) out[c("greater", "less")] <- out[c("less", "greater")]
  out
}

# The inverse of normal_quantile() of the sorted values: the least and the largest probability
# whose quantile is x; 0 or 1 beyond the values.
shares_below <- function(t, x) {
  R <- length(t)
  first <- findInterval(x, t, left.open = TRUE)
  last <- findInterval(x, t)
  # Between the values numbered j and j + 1.
  between <- function(j) {
    if (j < 1L) return(0)
    if (j >= R) return(1)
    left <- stats::qnorm(j / (R + 1))
    right <- stats::qnorm((j + 1) / (R + 1))
    stats::pnorm(left + (x - t[[j]]) / (t[[j + 1L]] - t[[j]]) * (right - left))
  }
  if (last == first) return(rep(between(first), 2L))
  c(first + 1, last) / (R + 1)
}

normal_tails <- function(ht, ht0, x, given, slope) {
  spread <- stats::sd(ht)
  known <- length(given) && !is.na(given)
  se <- if (known) sqrt(given) * slope else spread
  z <- (2 * ht0 - mean(ht) - x) / se
  u <- (ht - mean(ht)) / spread
  # Of z: that of the mean, and of the standard deviation unless it is known.
  variance <- if (known) (spread / se)^2 else 1 + z^2 / 4 * (mean(u^4) - 1) + z * mean(u^3)
  error <- stats::dnorm(z) * sqrt(max(variance, 0) / length(ht))
  list(greater = c(stats::pnorm(-z), error), less = c(stats::pnorm(z), error))
}

corrected_tails <- function(t, t0, null, a) {
  R <- length(t)
  below <- mean(t < t0)
  z0 <- stats::qnorm(below)
  if (!is.finite(z0) || !is.finite(a)) return(NULL)
  shares <- shares_below(sort(t), null)
  level <- function(u) {
    # At a null value beyond all replicates, that of the last of them.
    u <- min(max(u, 1 / (R + 1)), R / (R + 1))
    w <- stats::qnorm(u) - z0
    # Beyond this the corrected level does not come.
    if (1 + a * w <= 0) return(c(as.numeric(w > 0), 0))
    z <- w / (1 + a * w) - z0
    by_share <- stats::dnorm(z) / (1 + a * w)^2 / stats::dnorm(stats::qnorm(u))
    by_bias <- -stats::dnorm(z) * (1 + 1 / (1 + a * w)^2) / stats::dnorm(z0)
    variance <- by_share^2 * u * (1 - u) + by_bias^2 * below * (1 - below) +
      2 * by_share * by_bias * (min(u, below) - u * below)
    c(stats::pnorm(z), sqrt(max(variance, 0) / R))
  }
  low <- level(shares[[2L]])
  high <- level(shares[[1L]])
  list(greater = low, less = c(1 - high[[1L]], high[[2L]]))
}

# The interval of type abc has no formula for its inverse: the level is looked for.
abc_tails <- function(x, draws, k, null, ...) {
  ends <- function(level) {
    out <- abc_ends(x, draws, k, level, FALSE, list(h = identity, hinv = identity), ...)
    c(out$lower, out$upper)
  }
  middle <- mean(ends(1e-6))
  side <- if (null < middle) 1L else 2L
  beyond <- function(level) (ends(level)[[side]] - null) * if (side == 1L) 1 else -1
  most <- 1 - 1e-9
  level <- if (beyond(most) > 0) most else if (beyond(1e-6) <= 0) 1e-6 else {
    # On the scale on which ends move evenly.
    root <- stats::uniroot(function(z) beyond(1 - 2 * stats::pnorm(-z)), stats::qnorm(c((1 + 1e-6) / 2, (1 + most) / 2)), tol = 1e-10)$root
    1 - 2 * stats::pnorm(-root)
  }
  tail <- (1 - level) / 2
  if (side == 1L) list(greater = c(tail, 0), less = c(1 - tail, 0)) else list(greater = c(1 - tail, 0), less = c(tail, 0))
}
