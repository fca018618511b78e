#' Folds for cross-validation
#'
#' Assigns observations to folds at random, of sizes that differ as little as possible.
#'
#' @param n Number of observations, or something with as many rows.
#' @param K Number of folds, from 2 to `n` (with clusters, their number); `"loo"` leaves
#'   one observation (or cluster) out at a time, in order, without random numbers.
#' @param reps Number of repetitions, each with an assignment of its own.
#' @param strata A vector or factor of length `n`: every fold gets its share of each value.
#' @param cluster A vector or factor of length `n`: observations of a cluster stay
#'   together. With `strata`, every cluster must lie in one stratum.
#' @param seed A whole number: the folds depend on it alone and the state of R's generator
#'   does not move. `NULL`: R's generator draws.
#' @return An integer matrix of class `rustle_folds` with `n` rows and `reps` columns: the
#'   fold of each observation. Attribute `K`. `as.list()` gives the observations of each
#'   fold, repetition after repetition, for a loop of your own; `as.data.frame()` a row per
#'   observation and repetition, with columns `observation`, `rep` and `fold`.
#' @section Errors: `rustle_error_argument` for wrong arguments, such as more folds than
#'   observations.
#' @seealso [cv()], [cv_select()] and [conformal()], which take them; `vignette("cross-validation")`.
#' @examples
#' table(folds(10, K = 3, seed = 1))
#' #>
#' #> 1 2 3
#' #> 3 3 4
#' species <- folds(150, K = 5, strata = iris$Species, seed = 1)
#' table(species, iris$Species)
#' #>
#' #> species setosa versicolor virginica
#' #>       1     10         10        10
#' #>       2     10         10        10
#' #>       3     10         10        10
#' #>       4     10         10        10
#' #>       5     10         10        10
#' # By hand: the error of each fold.
#' sapply(as.list(folds(nrow(cars), K = 5, seed = 1)), function(out) {
#'   fit <- lm(dist ~ speed, cars[-out, ])
#'   mean((cars$dist[out] - predict(fit, cars[out, ]))^2)
#' })
#' #>         1         2         3         4         5
#' #> 112.92390 236.23168 341.60046  58.10533 529.62039
#' @export
folds <- function(n, K = 10, reps = 1, strata = NULL, cluster = NULL, seed = NULL) {
  check_required("n")
  n <- if (is.numeric(n) && length(n) == 1L && is.null(dim(n))) check_count(n, "n", min = 2) else NROW(n)
  reps <- check_count(reps, "reps")
  seed <- check_count(seed, "seed", min = -.Machine$integer.max, null = TRUE)
  strata <- check_fold_groups(strata, n, "strata")
  cluster <- check_fold_groups(cluster, n, "cluster")
  units <- if (is.null(cluster)) n else max(cluster)
  K <- check_folds(K, units)
  size <- if (is.null(cluster)) rep(1L, n) else tabulate(cluster, units)
  group <- strata
  if (!is.null(strata) && !is.null(cluster)) {
    group <- as.vector(tapply(strata, cluster, function(s) if (length(unique(s)) == 1L) s[[1L]] else NA))
    if (anyNA(group)) stop_argument("cluster", "within strata: each cluster in one stratum", cluster, sys.call())
  }
  draw <- function() {
    out <- vapply(seq_len(reps), function(r) {
      if (K == units) return(seq_len(units))
      if (is.null(cluster)) deal(n, K, group) else balance_folds(size, K, group)
    }, integer(units))
    matrix(out, ncol = reps)
  }
  if (is.null(seed)) note_state()
  by_unit <- if (is.null(seed)) draw() else keep_random_seed({ set.seed(seed); draw() })
  out <- if (is.null(cluster)) by_unit else by_unit[cluster, , drop = FALSE]
  structure(out, class = "rustle_folds", K = K)
}

# Deals units to folds in turn, stratum after stratum, so that sizes differ by at most one.
deal <- function(n, K, strata) {
  order <- sample.int(n)
  if (!is.null(strata)) order <- order[order(strata[order])]
  out <- integer(n)
  out[order] <- rep_len(sample.int(K), n)
  out
}

# Assigns units of different sizes to folds: the largest first, each to the fold that is
# smallest in its stratum (and among equals smallest overall).
balance_folds <- function(size, K, strata) {
  if (is.null(strata)) strata <- rep(1L, length(size))
  out <- integer(length(size))
  total <- integer(K)
  for (s in unique(strata)) {
    here <- integer(K)
    units <- which(strata == s)
    units <- units[sample.int(length(units))]
    for (u in units[order(-size[units])]) {
      at <- order(here, total, sample.int(K))[[1L]]
      out[[u]] <- at
      here[[at]] <- here[[at]] + size[[u]]
      total[[at]] <- total[[at]] + size[[u]]
    }
  }
  out
}

check_folds <- function(K, units, call = sys.call(-1L)) {
  if (identical(K, "loo")) return(units)
  good <- is.numeric(K) && length(K) == 1L && is.finite(K) && K == floor(K) && K >= 2 && K <= units
  if (!good) stop_argument("K", sprintf("a whole number from 2 to %d, or \"loo\"", units), K, call)
  as.integer(K)
}

# Codes 1, 2, ... in order of appearance.
check_fold_groups <- function(x, n, argument, call = sys.call(-1L)) {
  if (is.null(x)) return(NULL)
  good <- is.atomic(x) && length(x) == n
  missing <- if (good) sum(is.na(x)) else 0
  if (!good || missing > 0) {
    stop_argument(
      argument, sprintf("a vector or factor of length %d without NA", n), x, call,
      was = if (missing > 0) sprintf("with %.0f NA", missing)
    )
  }
  out <- match(x, unique(x))
  if (argument == "cluster") {
    if (max(out) < 2L) stop_argument(argument, "of at least two clusters", x, call, was = "one cluster")
    if (max(out) == n) warn_rustle("Each cluster is one observation, as with `cluster = NULL`.", "rustle_warning_clusters")
  }
  out
}

# Folds that the user made: a vector or matrix of fold numbers, or a list with the
# observations of each fold.
as_folds <- function(x, n, call = sys.call(-1L)) {
  if (inherits(x, "rustle_folds") && nrow(x) == n) return(x)
  if (is.list(x)) {
    all <- unlist(x)
    if (is.numeric(all) && identical(sort(as.integer(all)), seq_len(n))) {
      fold <- integer(n)
      fold[as.integer(all)] <- rep(seq_along(x), lengths(x))
      return(structure(matrix(fold, n), class = "rustle_folds", K = length(x)))
    }
  } else if (is.atomic(x) && NROW(x) == n && !anyNA(x)) {
    codes <- apply(as.matrix(x), 2L, function(f) match(f, sort(unique(f))))
    if (all(apply(codes, 2L, max) > 1L)) {
      return(structure(matrix(as.integer(codes), n), class = "rustle_folds", K = max(codes)))
    }
  }
  must <- sprintf("what folds() returns for %d observations, fold numbers, or a list with the observations of each fold", n)
  stop_argument("folds", must, x, call)
}

#' @rdname folds
#' @param x Folds.
#' @param ... Ignored.
#' @export
print.rustle_folds <- function(x, ...) {
  sizes <- tabulate(unclass(x)[, 1L])
  cat(sprintf(
    "%d folds of %d observations (%s), %d repetition%s\n", attr(x, "K"), nrow(x),
    if (min(sizes) == max(sizes)) sprintf("%d each", max(sizes)) else sprintf("sizes %d to %d", min(sizes), max(sizes)), ncol(x), if (ncol(x) == 1L) "" else "s"
  ))
  invisible(x)
}

#' @rdname folds
#' @export
as.list.rustle_folds <- function(x, ...) {
  K <- attr(x, "K")
  all <- lapply(seq_len(ncol(x)), function(r) {
    out <- split(seq_len(nrow(x)), factor(unclass(x)[, r], seq_len(K)))
    if (ncol(x) > 1L) names(out) <- sprintf("rep%d.fold%s", r, names(out))
    out
  })
  unlist(all, recursive = FALSE)
}

#' @rdname folds
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.rustle_folds <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(
    observation = rep(seq_len(nrow(x)), ncol(x)), rep = rep(seq_len(ncol(x)), each = nrow(x)),
    fold = as.vector(unclass(x)), row.names = row.names
  )
}
