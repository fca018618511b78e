#' Variances of replicates by a nested bootstrap
#'
#' Each replicate is bootstrapped itself, which gives the variances that studentized intervals
#' need where no formula has them.
#'
#' @param x A result of [bootstrap()] with `sim = "ordinary"`, `"balanced"` or `"antithetic"`.
#' @param R Replicates of each replicate; 25 to 100 are enough.
#' @param seed A whole number, or `NULL`: R's generator moves.
#' @param threads As for [bootstrap()]. R functions run on the workers of the [plan()].
#' @return A list of class `rustle_boot_variance`: `var.t0`, the variances of the estimates (those of the
#'   replicates), and `var.t`, a matrix of `x$R` rows with those of each replicate; as [boot_ci()] and
#'   [boot_p()] take them by `variance`.
#' @details Observations, or clusters where `x` has them, are drawn with replacement, within strata, from
#'   what a replicate has drawn. A native statistic is computed for the frequencies that result, in
#'   Rust; `x$R` times `R` statistics are computed in all. Studentized intervals have errors of the order 1 / n
#'   where percentile ones have 1 / sqrt(n) (Hall 1988).
#' @section Errors: `rustle_error_argument` for other results: those of other schemes, with
#'   importance weights or clusters in two ways, without data, and of functions that see new labels
#'   of clusters (`relabel`).
#' @references Davison, A. C. and Hinkley, D. V. (1997) *Bootstrap Methods and Their Application*,
#'   section 3.9. Cambridge University Press. Hall, P. (1988) Theoretical comparison of bootstrap confidence
#'   intervals. *Annals of Statistics* 16, 927-953.
#' @seealso [boot_ci()] for the intervals; [bootstrap()]; [statistics] for native ones.
#' @examples
#' b <- bootstrap(cars, "cor", R = 199, seed = 1, threads = 1)
#' v <- boot_variance(b, R = 25, seed = 1, threads = 1)
#' boot_ci(b, type = "stud", variance = v)
#' #> Bootstrap intervals from 199 replicates
#' #>  term type conf  lower  upper mcse
#' #>   cor stud 0.95 0.6711 0.8876 0.01
#' # With Fisher's transformation.
#' boot_ci(b,
#'   type = "stud", variance = v,
#'   h = atanh, hdot = function(r) 1 / (1 - r^2), hinv = tanh
#' )
#' #> Bootstrap intervals from 199 replicates
#' #>  term type conf  lower upper  mcse
#' #>   cor stud 0.95 0.6712 0.885 0.011
#' @export
boot_variance <- function(x, R = 50, seed = NULL, threads = NULL) {
  origin <- sys.call()
  check_required("x")
  if (!inherits(x, "rustle_boot")) stop_argument("x", "a result of bootstrap()", x, origin)
  R <- check_count(R, "R", min = 2)
  check_seed(seed, origin)
  threads <- thread_count(threads, origin)
  draws <- as_draws(x)
  refuse <- function(was) stop_argument("x", "a result of cases that were drawn with replacement", x, origin, was = was)
  if (!draws$sim %in% c("ordinary", "balanced", "antithetic")) refuse(sprintf("one of sim = \"%s\"", draws$sim))
  if (draws$variant == "weighted") refuse("one with importance weights")
  if (is.null(x$data)) refuse("one without its data (keep_data = FALSE)")
  if (length(x$relabel)) refuse("one of a function that sees new labels of clusters")
  cluster <- if (is.list(x$cluster)) unlist(x$cluster[if (length(x$cluster) == 1L) 1L], use.names = FALSE) else x$cluster
  if (is.list(x$cluster) && is.null(cluster)) refuse("one with clusters in two ways")
  unit <- if (is.null(cluster)) seq_len(draws$n) else match(cluster, unique(cluster))
  first <- match(seq_len(max(unit)), unit)
  strata <- split(seq_along(first), draws$strata[first])
  # Frequencies of observations, a column for each replicate of a replicate.
  again <- function(frequencies) {
    out <- matrix(0, draws$n, R)
    units <- matrix(0, length(first), R)
    for (rows in strata) {
      own <- frequencies[first[rows]]
      if (sum(own) > 0) units[rows, ] <- stats::rmultinom(R, sum(own), own)
    }
    out[] <- units[unit, ]
    out
  }
  compute <- if (identical(x$engine, "native")) nested_native(x, draws, R, again, threads, origin) else nested_function(x, draws, again, origin)
  var.t <- matrix(NA_real_, draws$R, length(draws$t0), dimnames = list(NULL, draws$terms))
  work <- function() {
    # Some replicates at a time.
    size <- max(1, floor(2e6 / (R * draws$n)))
    for (some in split(seq_len(draws$R), ceiling(seq_len(draws$R) / size))) {
      var.t[some, ] <<- compute(boot_array(x, some))
    }
  }
  if (is.null(seed)) work() else keep_random_seed({
    set.seed(seed %% .Machine$integer.max, "Mersenne-Twister", "Inversion", "Rejection")
    work()
  })
  var.t0 <- apply(draws$t, 2L, function(t) stats::var(t[is.finite(t)]))
  structure(list(var.t0 = stats::setNames(var.t0, draws$terms), var.t = var.t, R = R), class = "rustle_boot_variance")
}

# A function of a matrix of frequencies, a row for each replicate: their variances.
nested_native <- function(x, draws, R, again, threads, call) {
  statistic <- x$statistic
  compiled <- if (inherits(statistic, "formula")) native_formula(statistic, x$data, FALSE, call) else compile_statistic(statistic, x$data, FALSE, call)
  engine <- unpack(open_boot(plain_spec(draws$n, compiled$compiled$native)), call)
  p <- length(draws$t0)
  function(frequencies) {
    weights <- do.call(cbind, lapply(seq_len(nrow(frequencies)), function(r) again(frequencies[r, ])))
    out <- rows_in_slices(ncol(weights), p, call, function(done) rs_boot_weighted(engine, as.double(weights), done, threads))
    out$t[out$status != 0L, ] <- NA_real_
    variances_of_blocks(out$t, R)
  }
}

nested_function <- function(x, draws, again, call) {
  statistic <- x$statistic
  if (inherits(statistic, "formula")) {
    job <- list(kind = "formula", statistic = statistic)
    statistic <- statistic_function(job)
    stype <- "w"
    sizes <- rep(draws$n, draws$n)
  } else {
    stype <- x$stype[[1L]]
    sizes <- tabulate(draws$strata)[draws$strata]
  }
  data <- x$data
  dots <- if (is.null(x$run$dots)) list() else x$run$dots
  p <- length(draws$t0)
  one <- calls_user(function(counts) {
    second <- switch(stype, i = rep(seq_along(counts), counts), f = as.integer(counts), w = counts / sizes)
    value <- tryCatch(do.call(statistic, c(list(data, second), dots), quote = TRUE), error = function(e) NULL)
    if (length(value) == p) as.double(value) else rep(NA_real_, p)
  }, statistic)
  function(frequencies) {
    counts <- lapply(seq_len(nrow(frequencies)), function(r) again(frequencies[r, ]))
    values <- future_lapply(counts, function(some) apply(some, 2L, one), future.seed = NULL)
    do.call(rbind, lapply(values, function(v) variances_of_blocks(matrix(v, ncol = p, byrow = TRUE), length(v) / p)))
  }
}

# Variances of each `R` rows.
variances_of_blocks <- function(t, R) {
  block <- rep(seq_len(nrow(t) / R), each = R)
  out <- vapply(seq_len(ncol(t)), function(j) {
    vapply(split(t[, j], block), function(v) stats::var(v[is.finite(v)]), 0)
  }, double(nrow(t) / R))
  matrix(out, nrow(t) / R)
}

#' @export
print.rustle_boot_variance <- function(x, ...) {
  cat(sprintf("Variances of %d replicates, each by %.0f of its own\n", nrow(x$var.t), x$R))
  print(rbind("standard error" = sqrt(x$var.t0), "median of replicates" = sqrt(apply(x$var.t, 2L, stats::median, na.rm = TRUE))), ...)
  invisible(x)
}
