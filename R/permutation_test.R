#' Permutation test
#'
#' Tests whether two samples come from one distribution, or paired differences from a
#' symmetric one, by all permutations or by some at random.
#'
#' @param x,y Numeric vectors; for the difference of means also matrices with the same
#'   columns, each of which is tested, with p-values adjusted by the maximum over the
#'   columns.
#' @param statistic `"mean"`: the difference of means (of `x` less `y`); `"cor"` or
#'   `"spearman"`: a correlation of `x` and `y`, of which `y` is permuted; or a function of two
#'   samples that gives one number, computed on the workers of the plan.
#' @param alternative `"two.sided"`, `"greater"` or `"less"`. Two-sided: permutations whose
#'   absolute statistic is at least as large.
#' @param R Number of random permutations, when not all are looked at.
#' @param exact `"auto"`: all permutations if there are at most 2e7, or at most `R`; `TRUE`;
#'   `FALSE`.
#' @param strata Strata of the observations of `c(x, y)`; permutations stay within them.
#' @param paired `TRUE` for pairs: the signs of `x - y` are changed.
#' @param studentize `TRUE` divides the difference by its standard error, variances unequal.
#'   The null hypothesis is then that the means are equal: the test keeps its level
#'   asymptotically even if the variances differ (Janssen 1997). `FALSE`: that the
#'   distributions are equal; with unequal variances and sizes, its level for equal means
#'   can be far off. By default `TRUE` for several columns only.
#' @param seed,threads As for [bootstrap()].
#' @return An object of class `htest`. `statistic` and `p.value` have an element per column;
#'   `adjusted` holds the adjusted p-values of several columns; `parameter` the number of
#'   permutations; `exact` says whether they are all. A p-value from random permutations
#'   is (b + 1) / (R + 1), so it is never 0.
#' @section Errors: `rustle_error_argument` for wrong arguments, also when `exact = TRUE` needs
#'   more than 1e9 permutations.
#' @references Westfall, P. H. and Young, S. S. (1993) *Resampling-Based Multiple Testing*.
#'   Wiley. Janssen, A. (1997) Studentized permutation tests for non-i.i.d. hypotheses.
#'   *Statistics and Probability Letters* 36, 9-21. Phipson, B. and Smyth, G. K. (2010)
#'   Permutation P-values should never be zero. *Statistical Applications in Genetics and
#'   Molecular Biology* 9, 39.
#' @examples
#' treatment <- c(94, 197, 16, 38, 99, 141, 23)
#' control <- c(52, 104, 146, 10, 51, 30, 40, 27, 46)
#' permutation_test(treatment, control)$p.value
#' permutation_test(cars$speed, cars$dist, statistic = "cor", R = 199, seed = 1)$p.value
#' @export
permutation_test <- function(x, y, statistic = "mean", alternative = c("two.sided", "greater", "less"),
                             R = 9999, exact = "auto", strata = NULL, paired = FALSE,
                             studentize = NCOL(x) > 1L, seed = NULL, threads = NULL) {
  origin <- sys.call()
  names <- paste(deparse1(substitute(x)), "and", deparse1(substitute(y)))
  alternatives <- c("two.sided", "greater", "less")
  alternative <- check_choice(
    if (identical(alternative, alternatives)) "two.sided" else alternative, alternatives, "alternative", origin
  )
  R <- check_count(R, "R")
  paired <- check_flag(paired, "paired")
  studentize <- check_flag(studentize, "studentize")
  check_seed(seed, origin)
  if (!is.function(statistic)) statistic <- check_choice(statistic, c("mean", "cor", "spearman"), "statistic", origin)
  if (!identical(exact, "auto")) exact <- check_flag(exact, "exact")
  check_sample(x, "x", origin)
  check_sample(y, "y", origin)
  threads <- thread_count(threads, origin)
  if (!identical(statistic, "mean")) {
    if (paired || !is.null(strata) && is.function(statistic)) {
      stop_argument(if (paired) "paired" else "strata", "used with the difference of means only", TRUE, origin)
    }
    return(test_by_replicates(x, y, statistic, alternative, R, exact, strata, seed, threads, names, origin))
  }
  x <- as.matrix(x)
  y <- as.matrix(y)
  if (ncol(x) != ncol(y)) stop_argument("y", sprintf("of %d columns as `x`", ncol(x)), y, origin)
  test <- mean_test(x, y, strata, paired, studentize, alternative, origin)
  observed <- unpack(rs_permutation_observed(test), origin)
  all <- observed$total <= max(2e7, R)
  if (!identical(exact, "auto")) all <- exact
  if (all && observed$total > 1e9) {
    stop_argument("exact", sprintf("FALSE or \"auto\" for %g permutations", observed$total), TRUE, origin)
  }
  words <- if (!all) stream_words(seed)
  tried <- if (all) observed$total else R
  counts <- count_permutations(test, words, tried, threads, origin)
  p <- if (all) function(b) b / tried else function(b) (b + 1) / (tried + 1)
  label <- function(v) stats::setNames(v, colnames(x))
  estimate <- if (paired) colMeans(x - y) else c(colMeans(x), colMeans(y))
  if (ncol(x) == 1L) {
    names(estimate) <- if (paired) "mean of the differences" else c("mean of x", "mean of y")
    names(observed$observed) <- if (studentize) "t" else "difference"
  }
  structure(
    list(
      statistic = if (ncol(x) == 1L) observed$observed else label(observed$observed),
      parameter = c(permutations = tried), p.value = label(p(counts$single)),
      adjusted = if (ncol(x) > 1L) label(p(counts$maximal)), estimate = estimate,
      null.value = c("difference in means" = 0), alternative = alternative,
      method = sprintf(
        "%s permutation test%s%s", if (all) "Exact" else "Monte Carlo",
        if (paired) " of paired differences" else " of two means", if (studentize) ", studentized" else ""
      ),
      data.name = names, exact = all
    ),
    class = "htest"
  )
}

check_sample <- function(x, argument, call) {
  good <- is.numeric(x) && length(x) && all(is.finite(x))
  if (!good) stop_argument(argument, "finite numbers", x, call)
}

# What Rust needs; see src/rust/crates/bootstrap/src/permutation.rs.
mean_test <- function(x, y, strata, paired, studentize, alternative, call) {
  if (paired) {
    if (nrow(x) != nrow(y)) stop_argument("y", sprintf("of length %d, for pairs", nrow(x)), y, call)
    if (!is.null(strata)) stop_argument("strata", "NULL for pairs, which are their own strata", strata, call)
    z <- x - y
    rows <- sizes <- NULL
  } else {
    z <- rbind(x, y)
    z <- z - rep(colMeans(z), each = nrow(z))
    rows <- check_strata(strata, nrow(z), "strata", call)
    if (is.null(rows)) rows <- list(seq_len(nrow(z)))
    sizes <- vapply(rows, function(r) sum(r <= nrow(x)), 0)
  }
  if (studentize && min(nrow(x), nrow(y)) < 2L) {
    stop_argument("studentize", "FALSE for samples of one observation", TRUE, call)
  }
  list(
    x = as.double(t(z)), columns = as.double(ncol(z)), strata = rows, sizes = as.double(sizes),
    studentize = as.double(studentize), tail = alternative
  )
}

count_permutations <- function(test, words, total, threads, call) {
  single <- maximal <- 0
  done <- 0
  while (done < total) {
    out <- unpack(rs_permutation(test, words, done, total, threads, boot_slice), call)
    single <- single + out$single
    maximal <- maximal + out$maximal
    done <- done + out$done
    rs_check_interrupt()
  }
  list(single = single, maximal = maximal)
}

# Statistics other than differences of means: replicates of bootstrap(sim = "permutation").
test_by_replicates <- function(x, y, statistic, alternative, R, exact, strata, seed, threads, names, call) {
  if (isTRUE(exact)) stop_argument("exact", "\"auto\" or FALSE for this statistic", exact, call)
  if (is.matrix(x) || is.matrix(y)) stop_argument("x", "a vector for this statistic", x, call)
  if (is.function(statistic)) {
    first <- seq_along(x)
    f <- function(d, i) statistic(d[i[first]], d[i[-first]])
    b <- bootstrap(c(x, y), f, R, sim = "permutation", seed = seed, progress = FALSE)
    label <- "statistic"
    scale <- abs(b$t0)
  } else {
    if (length(x) != length(y)) stop_argument("y", sprintf("of length %d, for a correlation", length(x)), y, call)
    method <- if (statistic == "cor") "pearson" else "spearman"
    b <- bootstrap(
      data.frame(x = x, y = y), stat_cor("x", "y", method), R, sim = "permutation", strata = strata,
      seed = seed, threads = threads, progress = FALSE
    )
    label <- if (statistic == "cor") "correlation" else "rho"
    scale <- 1
  }
  if (length(b$t0) != 1L) stop_argument("statistic", "a function that gives one number", statistic, call)
  towards <- switch(alternative, two.sided = abs, greater = identity, less = function(v) -v)
  extreme <- sum(towards(b$t[, 1L]) >= towards(b$t0) - 1e-10 * (abs(b$t0) + scale))
  structure(
    list(
      statistic = stats::setNames(unname(b$t0), label), parameter = c(permutations = R),
      p.value = (extreme + 1) / (R + 1), alternative = alternative,
      method = "Monte Carlo permutation test", data.name = names, exact = FALSE
    ),
    class = "htest"
  )
}
