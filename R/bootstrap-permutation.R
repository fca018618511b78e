#' Permutation test
#'
#' Tests the difference of two samples, the symmetry of paired differences, or the
#' independence of two variables, by all permutations or by some at random. Which null
#' hypothesis is tested depends on the statistic, see below; the result prints it.
#'
#' @param x,y Numeric vectors. For the difference of means also matrices with the same
#'   columns, for correlations also a matrix `x`: each column is tested, with p-values
#'   adjusted by the maximum over the columns.
#'   Or a formula: `response ~ group`, the first level of the group as `x` and the second
#'   as `y` (`cbind(a, b) ~ group` for several columns); for correlations `y ~ x`, or
#'   `y ~ x1 + x2`.
#' @param statistic `"mean"`, `"median"`: the difference of means or medians (of `x` less
#'   `y`); `"cor"` or `"spearman"`: a correlation of `x` and `y`, of which `y` is permuted; or a
#'   function of two samples that gives one number, computed on the workers of the plan.
#' @param alternative `"two.sided"`, `"greater"` or `"less"`. Two-sided: permutations whose
#'   absolute statistic is at least as large.
#' @param R Number of random permutations, when not all are looked at; or [enough()], to go on until the
#'   Monte Carlo errors of the p-values are at most its `width`. [extend()] adds permutations to a result.
#' @param exact `"auto"`: all permutations if there are at most 2e7 (of a function: at most
#'   `R`); `TRUE`; `FALSE`. There are n! of a response of n observations.
#' @param strata Strata of the observations of `c(x, y)`, of the pairs of a correlation;
#'   permutations stay within them.
#' @param paired `TRUE` for pairs: the signs of `x - y` are changed. Of means only.
#' @param studentize `TRUE` divides the difference of means by its standard error, variances
#'   unequal; `FALSE` does not. `NULL`: `TRUE` for means of two samples (of at least two
#'   observations each), except within strata; for several columns also there and for
#'   pairs, so that their maximum compares like with like.
#' @param seed,threads As for [bootstrap()].
#' @param data The data of a formula; without them its variables are looked up where it
#'   was written. It may be the second argument. Observations must be complete; strata
#'   are in their order.
#' @return An object of class `rustle_permutations` and `htest`, of several columns printed as a
#'   table. `null.hypothesis` says what is tested; `null.value` is there where that is a
#'   difference in means of 0; `statistic` and `p.value` have an element per column;
#'   `mcse` is the Monte Carlo standard error of `p.value`; `adjusted` holds the adjusted p-values of several columns; `parameter` the number of
#'   permutations; `exact` says whether they are all; `permuted` is what `plot()` needs
#'   to make the permutations again. A p-value from random permutations
#'   is (b + 1) / (R + 1), so it is never 0.
#' @section Null hypothesis:
#' * Means of two samples, studentized (the default): the means are equal. The test is
#'   exact if the distributions are equal, and where they differ, in variance or shape, it
#'   keeps its level asymptotically (Janssen 1997, Chung and Romano 2013). Hence the default:
#'   groups that are compared often differ in more than their means.
#' * Means with `studentize = FALSE`, medians, functions: the distributions are equal. What
#'   is rejected may be another difference than that of the statistic: with unequal
#'   variances and sizes, a test of equal means at 0.05 may reject more than a third of
#'   the time.
#' * Pairs: the differences are symmetric about 0.
#' * Correlations: the variables are independent. Dependent ones without correlation are
#'   rejected more often than the level says.
#' * With `strata`: the distributions are equal, or the variables independent, within strata.
#' @section Errors: `rustle_error_argument` for wrong arguments, also when `exact = TRUE` needs
#'   more than 1e9 permutations (1e6 of a function).
#' @references Chung, E. and Romano, J. P. (2013) Exact and asymptotically robust permutation
#'   tests. *Annals of Statistics* 41, 484-507. Westfall, P. H. and Young, S. S. (1993) *Resampling-Based Multiple Testing*.
#'   Wiley. Janssen, A. (1997) Studentized permutation tests for non-i.i.d. hypotheses.
#'   *Statistics and Probability Letters* 36, 9-21. Phipson, B. and Smyth, G. K. (2010)
#'   Permutation P-values should never be zero. *Statistical Applications in Genetics and
#'   Molecular Biology* 9, 39.
#' @seealso [bootstrap()] with `sim = "permutation"`; [wild_test()] for regressions;
#'   [stats::t.test()].
#' @examples
#' treatment <- c(94, 197, 16, 38, 99, 141, 23)
#' control <- c(52, 104, 146, 10, 51, 30, 40, 27, 46)
#' permutation_test(treatment, control)$p.value
#' #> [1] 0.3070804
#' permutation_test(mpg ~ am, data = mtcars, seed = 1)$p.value
#' #> [1] 0.0012
#' permutation_test(cars$speed, cars$dist, statistic = "cor", R = 199, seed = 1)$p.value
#' #> [1] 0.005
#' @order 1
#' @export
permutation_test <- function(x, y, statistic = "mean", alternative = c("two.sided", "greater", "less"),
                             R = 9999, exact = "auto", strata = NULL, paired = FALSE,
                             studentize = NULL, seed = NULL, threads = NULL, data = NULL) {
  origin <- sys.call()
  check_required("x")
  samples <- if (inherits(x, "formula")) {
    # As in t.test(): the data may be the second argument.
    if (!isFALSE(paired)) stop_argument("paired", "FALSE for a formula", paired, origin)
    samples_of_formula(x, if (is.null(data) && !missing(y)) y else data, statistic, strata, origin)
  } else {
    if (!is.null(data)) stop_argument("data", "NULL, or given with a formula as `x`", data, origin)
    check_required("y")
    list(x = x, y = y, strata = strata, names = paste(deparse1(written(substitute(x), "x")), "and", deparse1(written(substitute(y), "y"))))
  }
  first <- samples$x
  second <- samples$y
  alternatives <- c("two.sided", "greater", "less")
  alternative <- check_choice(
    if (identical(alternative, alternatives)) "two.sided" else alternative, alternatives, "alternative", origin
  )
  if (inherits(R, "rustle_enough")) {
    asked <- match.call()
    asked$R <- R$start
    return(go_on_permutations(eval(asked, parent.frame()), R, origin))
  }
  R <- check_count(R, "R")
  paired <- check_flag(paired, "paired")
  studentize <- check_flag(studentize, "studentize", null = TRUE)
  check_seed(seed, origin)
  named <- c("mean", "median", "cor", "spearman")
  if (!is.function(statistic)) statistic <- check_choice(statistic, named, "statistic", origin)
  if (!identical(exact, "auto")) exact <- check_flag(exact, "exact")
  check_sample(first, "x", origin)
  check_sample(second, "y", origin)
  threads <- thread_count(threads, origin)
  mean <- identical(statistic, "mean")
  if (paired && !mean) stop_argument("paired", "FALSE for all but the difference of means", TRUE, origin)
  if (isTRUE(studentize) && !mean) stop_argument("studentize", "FALSE for all but the difference of means", TRUE, origin)
  if (is.function(statistic)) {
    check_arguments_of(statistic, c("x", "y"), "statistic", origin)
    return(test_by_function(first, second, statistic, alternative, R, exact, samples$strata, seed, samples$names, origin))
  }
  first <- as.matrix(first)
  second <- as.matrix(second)
  if (is.null(studentize)) {
    studentize <- mean && min(nrow(first), nrow(second)) > 1L && (ncol(first) > 1L || !paired && is.null(samples$strata))
  }
  test <- if (statistic %in% c("cor", "spearman")) {
    correlation_test(first, second, statistic, samples$strata, alternative, origin)
  } else {
    if (ncol(first) != ncol(second)) stop_argument("y", sprintf("of %d columns as `x`", ncol(first)), second, origin)
    if (!mean && ncol(first) > 1L) stop_argument("x", "a vector for medians", first, origin)
    group_test(first, second, statistic, samples$strata, paired, studentize, alternative, origin)
  }
  found <- run_permutations(test, R, exact, seed, threads, origin)
  permutation_result(found, first, second, statistic, samples, paired, studentize, alternative)
}

# Up to how many permutations all are tried: by default; when `exact = TRUE` asks for it;
# and for a statistic that is an R function. Round numbers, not measured.
all_by_default <- 2e7
all_at_most <- 1e9
all_calls_at_most <- 1e6

# Runs the test in Rust: list(observed, all, tried, counts, test, words). `all`: were all
# permutations tried? test and words: what makes the same permutations again.
run_permutations <- function(test, R, exact, seed, threads, call) {
  observed <- unpack(rs_permutation_observed(test), call)
  warn_one_permutation(observed$total)
  all <- observed$total <= max(all_by_default, R)
  if (!identical(exact, "auto")) all <- exact
  if (all && observed$total > all_at_most) {
    stop_argument("exact", sprintf("FALSE or \"auto\" for %g permutations", observed$total), TRUE, call)
  }
  words <- if (!all) stream_words(seed)
  tried <- if (all) observed$total else R
  list(
    observed = observed$observed, all = all, tried = tried,
    counts = count_permutations(test, words, tried, threads, call), test = test, words = words
  )
}

# Each stratum is of one group, or one observation.
warn_one_permutation <- function(total) {
  if (total == 1) {
    warn_rustle("Within `strata` nothing can be exchanged, so that the p-value is 1 whatever the data are.", "rustle_warning_degenerate")
  }
}

permutation_result <- function(found, x, y, statistic, samples, paired, studentize, alternative) {
  single <- ncol(x) == 1L
  label <- function(v) stats::setNames(v, colnames(x))
  correlation <- statistic %in% c("cor", "spearman")
  center <- if (statistic == "mean") colMeans else function(x) apply(x, 2L, stats::median)
  estimate <- if (correlation) found$observed else if (paired) colMeans(x - y) else c(center(x), center(y))
  value <- switch(statistic,
    mean = if (studentize) "t" else "difference", median = "difference", cor = "correlation", spearman = "rho"
  )
  if (single) {
    groups <- paste(statistic, if (is.null(samples$levels)) c("of x", "of y") else paste("in group", samples$levels))
    names(estimate) <- if (correlation) value else if (paired) "mean of the differences" else groups
    names(found$observed) <- value
  }
  what <- switch(statistic,
    mean = if (paired) "paired differences" else "two means", median = "two medians", cor = "a correlation",
    spearman = "a rank correlation"
  )
  out <- structure(
    list(
      statistic = if (single) found$observed else label(found$observed),
      parameter = c(permutations = found$tried), p.value = NULL, mcse = NULL,
      adjusted = if (!single) label(found$counts$maximal), estimate = estimate,
      # A null hypothesis that is not about a number has no null value.
      null.value = if (studentize && !paired && is.null(samples$strata)) c("difference in means" = 0),
      null.hypothesis = null_hypothesis(statistic, paired, studentize, !is.null(samples$strata)),
      alternative = alternative,
      method = sprintf(
        "%s permutation test of %s%s", if (found$all) "Exact" else "Monte Carlo", what,
        if (studentize) ", studentized" else ""
      ),
      data.name = samples$names, exact = found$all, permuted = found[c("test", "words")]
    ),
    class = c("rustle_permutations", "htest")
  )
  with_counts(out, label(found$counts$single), found$counts$maximal)
}

# The p-values of numbers of permutations that are as extreme as the data.
with_counts <- function(x, single, maximal = NULL) {
  tried <- x$parameter[["permutations"]]
  p <- if (x$exact) function(b) b / tried else function(b) (b + 1) / (tried + 1)
  x$p.value <- p(single)
  x$mcse <- if (x$exact) 0 * single else error_of_share(p(single), tried)
  if (!is.null(x$adjusted)) x$adjusted[] <- p(maximal)
  x
}

# More random permutations: those that there were are the first of them.
more_permutations <- function(x, R, threads, call) {
  if (x$exact) return(x)
  tried <- x$parameter[["permutations"]]
  x$enough <- NULL
  if (R < tried) stop_argument("R", sprintf("at least the number of permutations that there are (%.0f)", tried), R, call)
  x$parameter[["permutations"]] <- R
  boot <- x$permuted$boot
  if (!is.null(boot)) {
    boot <- with_call(call, extend(boot, R))
    x$permuted <- list(t = boot$t, boot = boot)
    return(with_counts(x, extreme_of(boot, x$alternative)))
  }
  before <- function(p) round(p * (tried + 1) - 1)
  new <- count_permutations(x$permuted$test, x$permuted$words, R, threads, call, from = tried)
  with_counts(x, before(x$p.value) + new$single, if (!is.null(x$adjusted)) before(x$adjusted) + new$maximal)
}

go_on_permutations <- function(x, rule, call) {
  x$R <- x$parameter[["permutations"]]
  x <- go_on_until(x, rule, function(x) max(x$mcse), function(x, R) {
    x <- more_permutations(x, R, thread_count(NULL, call), call)
    x$R <- R
    x
  }, "the largest Monte Carlo error of a p-value is %s")
  x$R <- NULL
  x
}

null_hypothesis <- function(statistic, paired, studentize, stratified) {
  what <- if (paired) {
    "the differences are symmetric about 0"
  } else if (is.character(statistic) && statistic %in% c("cor", "spearman")) {
    "the variables are independent"
  } else if (studentize && !stratified) {
    "the means are equal"
  } else {
    "the distributions are equal"
  }
  if (stratified) paste(what, "within strata") else what
}

# A print method of our own, because that of class "htest" would name a wrong null hypothesis.
#' @export
print.rustle_permutations <- function(x, digits = getOption("digits"), ...) {
  cat("\n", paste0("\t", x$method), "\n\n", wrapped(paste("data:", x$data.name)), sep = "")
  several <- length(x$p.value) > 1L
  signif <- function(v) format(v, digits = max(1L, digits - 2L))
  cat(
    if (!several) sprintf("%s = %s, ", names(x$statistic), signif(x$statistic)),
    sprintf("permutations = %.0f", x$parameter),
    if (!several) sprintf(", p-value = %s", format.pval(x$p.value, digits = max(1L, digits - 3L))),
    if (!several && x$mcse > 0) sprintf(" (Monte Carlo error %s)", format(x$mcse, digits = 2L)), "\n", sep = ""
  )
  direction <- switch(x$alternative,
    two.sided = "two-sided", greater = "a larger statistic", less = "a smaller statistic"
  )
  cat(wrapped(paste("null hypothesis:", x$null.hypothesis)), "alternative: ", direction, "\n", sep = "")
  if (!several) {
    if (length(x$estimate)) {
      cat("sample estimates:\n")
      print(x$estimate, digits = digits, ...)
    }
    cat("\n")
    return(invisible(x))
  }
  cat("\n")
  table <- cbind(statistic = x$statistic, p.value = x$p.value, mcse = x$mcse, adjusted = x$adjusted)
  if (is.null(rownames(table))) rownames(table) <- paste0("[,", seq_len(nrow(table)), "]")
  print(table, digits = max(1L, digits - 2L), ...)
  invisible(x)
}

check_sample <- function(x, argument, call) {
  good <- is.numeric(x) && length(x) && all(is.finite(x))
  if (!good) stop_argument(argument, "finite numbers", x, call)
}

# What Rust needs; see src/rust/crates/bootstrap/src/permutation.rs.
permutation_spec <- function(x, design, center, strata, tail, sizes = NULL, y = NULL, studentize = FALSE) {
  list(
    x = as.double(t(x)), columns = as.double(ncol(x)), design = design, center = center, strata = strata,
    sizes = as.double(sizes), y = y, studentize = studentize, tail = tail
  )
}

group_test <- function(x, y, statistic, strata, paired, studentize, alternative, call) {
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
  permutation_spec(
    z, if (paired) "signs" else "groups", statistic, rows, alternative, sizes, studentize = studentize
  )
}

# A correlation is the sum of products of scaled columns.
correlation_test <- function(x, y, statistic, strata, alternative, call) {
  if (ncol(y) != 1L) stop_argument("y", "a vector, for a correlation", y, call)
  n <- nrow(x)
  if (nrow(y) != n) stop_argument("y", sprintf("of length %d, for a correlation", n), y, call)
  scaled <- function(v, argument) {
    if (all(v == v[[1L]])) stop_argument(argument, "different numbers, for a correlation", v, call)
    if (statistic == "spearman") v <- rank(v)
    v <- v - mean(v)
    # Squares of huge numbers overflow.
    v <- v / max(abs(v))
    v / sqrt(sum(v^2))
  }
  rows <- check_strata(strata, n, "strata", call)
  permutation_spec(
    apply(x, 2L, scaled, "x"), "order", "mean", if (is.null(rows)) list(seq_len(n)) else rows, alternative,
    y = scaled(as.vector(y), "y")
  )
}

count_permutations <- function(test, words, total, threads, call, from = 0) {
  single <- maximal <- 0
  if (from >= total) return(list(single = single, maximal = maximal))
  in_slices(function(done) {
    if (is.null(done)) done <- from
    out <- unpack(rs_permutation(test, words, done, total, threads), call)
    single <<- single + out$single
    maximal <<- maximal + out$maximal
    done <- done + out$done
    list(value = list(single = single, maximal = maximal), state = if (done < total) done)
  })
}

# A function of two samples: all choices of the first sample, or replicates of
# bootstrap(sim = "permutation").
test_by_function <- function(x, y, statistic, alternative, R, exact, strata, seed, names, call) {
  if (is.matrix(x) || is.matrix(y)) stop_argument("x", "a vector for this statistic", x, call)
  z <- c(x, y)
  first <- seq_along(x)
  rows <- check_strata(strata, length(z), "strata", call)
  if (is.null(rows)) rows <- list(seq_along(z))
  total <- prod(vapply(rows, function(r) choose(length(r), sum(r <= length(x))), 0))
  warn_one_permutation(total)
  all <- if (identical(exact, "auto")) total <= R else exact
  if (all && total > all_calls_at_most) {
    stop_argument("exact", sprintf("FALSE or \"auto\" for %g permutations of a function", total), TRUE, call)
  }
  f <- calls_user(function(d, i) statistic(d[i[first]], d[i[-first]]), statistic)
  b <- if (all) {
    indices <- lapply(all_choices(rows, length(x)), function(chosen) c(chosen, seq_along(z)[-chosen]))
    enumerate_function(z, f, indices, seed, call)
  } else {
    with_call(call, bootstrap(z, f, R, sim = "permutation", strata = strata, seed = seed, progress = FALSE))
  }
  if (length(b$t0) != 1L) stop_argument("statistic", "a function that gives one number", statistic, call)
  if (!is.finite(b$t0) || anyNA(b$t)) {
    stop_argument("statistic", "a function that gives a number for every permutation", b$t0, call)
  }
  out <- structure(
    list(
      statistic = stats::setNames(unname(b$t0), "statistic"), parameter = c(permutations = nrow(b$t)), p.value = NULL, mcse = NULL,
      null.hypothesis = null_hypothesis(NULL, FALSE, FALSE, !is.null(strata)), alternative = alternative,
      method = sprintf("%s permutation test", if (all) "Exact" else "Monte Carlo"), data.name = names,
      exact = all, permuted = list(t = b$t, boot = if (!all) b)
    ),
    class = c("rustle_permutations", "htest")
  )
  with_counts(out, extreme_of(b, alternative))
}

# How many permuted values of a function are at least as extreme as that of the data.
extreme_of <- function(b, alternative) {
  towards <- switch(alternative, two.sided = abs, greater = identity, less = function(v) -v)
  sum(towards(b$t[, 1L]) >= towards(b$t0[[1L]]) - 2e-10 * abs(b$t0[[1L]]))
}

# Rows of the first sample, as a list: all choices within the strata.
all_choices <- function(strata, size) {
  choices <- list(integer())
  for (rows in strata) {
    m <- sum(rows <= size)
    # combn() chooses positions, not rows: given a single row number n it would choose from
    # 1 to n.
    here <- lapply(utils::combn(length(rows), m, simplify = FALSE), function(k) rows[k])
    choices <- unlist(lapply(choices, function(a) lapply(here, function(b) c(a, b))), recursive = FALSE)
  }
  choices
}

# f(data, indices) for each of the given indices, as boot_job() would compute it.
enumerate_function <- function(data, f, indices, seed, call) {
  job <- boot_job(
    data, f, length(indices), "permutation", "i", call = call, seed = if (is.null(seed)) 0 else seed
  )
  job$scheme$spec <- list(kind = "given", indices = as.integer(unlist(indices)))
  job$scheme["strata"] <- list(NULL)
  list(t0 = job$t0, t = handle_failures(run_boot_workers(job), job)$t)
}
