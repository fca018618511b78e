#' Bag of little bootstraps
#'
#' Standard errors and percentile intervals of a statistic of large data, from resamples
#' of full size of small subsets of them: every computation touches one subset only.
#'
#' @param data,statistic As for [bootstrap()]; a function gets the rows of a subset and
#'   frequencies that sum to n.
#' @param gamma Subsets have n^gamma rows, drawn without replacement; 0.5 to 1.
#' @param s Number of subsets.
#' @param R Number of resamples of each subset.
#' @param conf Level of the intervals.
#' @param ... Further arguments of a function; for a native statistic `na.rm`. With
#'   `on_error = "na"` resamples that fail are left out.
#' @param seed,threads As for [bootstrap()].
#' @return A list of class `rustle_blb`: `t0`, the statistic on the data (native statistics) or
#'   the mean over the subsets; `se`; `ci`, a p x 2 matrix; `mcse`, a p x 3 matrix with the Monte Carlo standard
#'   errors of `se` and of both ends (of subsets and resamples; `NA` for one subset); `subsets`, an s x p matrix with the
#'   standard errors of the subsets, which show whether `s` and `gamma` are large enough;
#'   `b`, the rows of a subset.
#' @details Standard errors are averaged over the subsets. So are the ends of the intervals,
#'   as differences from the value of their subset. A formula sees weights that sum to
#'   the rows of the subset.
#' @references Kleiner, A., Talwalkar, A., Sarkar, P. and Jordan, M. I. (2014) A scalable
#'   bootstrap for massive data. *JRSS B* 76, 795-816.
#' @seealso [bootstrap()] for data that fit a full bootstrap; [boot_ci()].
#' @examples
#' set.seed(1)
#' x <- rexp(20000)
#' b <- blb(x, "mean", s = 5, R = 50, seed = 1)
#' c(b$se, sd(x) / sqrt(20000))
#' #>        mean
#' #> 0.006675167 0.007049447
#' @export
blb <- function(data, statistic, gamma = 0.7, s = 20, R = 100, conf = 0.95, ..., seed = NULL, threads = NULL) {
  origin <- sys.call()
  call <- match.call()
  check_required("data")
  check_data(data, missing(statistic), "blb", origin)
  check_boot_dots(statistic, ..., own = names(formals()), takes = c("on_error", arguments_of_boot), call = origin)
  good <- is.numeric(gamma) && length(gamma) == 1L && !is.na(gamma) && gamma >= 0.5 && gamma <= 1
  if (!good) stop_argument("gamma", "a number from 0.5 to 1", gamma, origin)
  good <- is.numeric(conf) && length(conf) == 1L && !is.na(conf) && conf > 0 && conf < 1
  if (!good) stop_argument("conf", "a number between 0 and 1", conf, origin)
  s <- check_count(s, "s")
  R <- check_count(R, "R", min = 2)
  check_seed(seed, origin)
  n <- NROW(data)
  if (n < 2L) stop_argument("data", "at least two observations", data, origin)
  kind <- statistic_kind(statistic, origin)
  if (kind == "function") check_second_argument(statistic, "f", origin)
  if (kind == "name") statistic <- named_statistics()[[statistic]]()
  # Events may be coded 0 and 1, or 1 and 2. All the data decide which, because a subset may
  # contain one code only.
  if (inherits(statistic, "rustle_statistic")) statistic$coding <- new.env()
  # The statistic of all the data is cheap when it is native. It is computed here, so that
  # wrong arguments stop the call before any resampling.
  t0 <- if (kind != "function") {
    observed <- function(..., on_error) {
      bootstrap(data, statistic, 1L, ..., seed = 0, threads = 1L, influence = "none", on_error = "na", progress = FALSE, keep_data = FALSE)$t0
    }
    suppressWarnings(with_call(origin, observed(...)))
  }
  words <- stream_words(seed)
  handle <- unpack(open_boot(engine_spec(list(spec = list(kind = "permutation")), n, words)), origin)
  seeds <- keep_random_seed({
    set.seed((words[[1L]] + words[[2L]]) %% .Machine$integer.max)
    floor(stats::runif(s) * 2^52)
  })
  b <- ceiling(n^gamma)
  parts <- lapply(seq_len(s), function(j) {
    rows <- unpack(rs_boot_resample(handle, j - 1, 0, "i"), origin)[seq_len(b)]
    subset <- if (is.data.frame(data) || is.matrix(data)) data[rows, , drop = FALSE] else data[rows]
    out <- with_call(origin, bootstrap(
      subset, statistic, R, stype = "f", m = n, ..., seed = seeds[[j]], threads = threads,
      influence = "none", progress = FALSE, keep_data = FALSE
    ))
    ends <- apply(out$t, 2L, stats::quantile, (1 + c(-conf, conf)) / 2, names = FALSE, na.rm = TRUE)
    list(t0 = out$t0, se = apply(out$t, 2L, stats::sd, na.rm = TRUE), ends = t(ends) - out$t0)
  })
  if (is.null(t0)) t0 <- Reduce(`+`, lapply(parts, `[[`, "t0")) / s
  subsets <- do.call(rbind, lapply(parts, `[[`, "se"))
  colnames(subsets) <- names(t0)
  ends <- Reduce(`+`, lapply(parts, `[[`, "ends")) / s
  ci <- t0 + ends
  # Subsets do not depend on each other but for the rows that they share.
  error_of <- function(get) {
    each <- vapply(parts, get, double(length(get(parts[[1L]]))))
    matrix(apply(rbind(each), 1L, stats::sd) / sqrt(s), length(t0))
  }
  mcse <- cbind(error_of(function(part) part$se), error_of(function(part) part$ends))
  dimnames(mcse) <- list(names(t0), c("se", "lower", "upper"))
  dimnames(ci) <- list(names(t0), paste0(format(100 * (1 + c(-conf, conf)) / 2, trim = TRUE), "%"))
  structure(
    list(
      t0 = t0, se = colMeans(subsets), ci = ci, mcse = mcse, subsets = subsets, b = b, n = n, s = s, R = R,
      gamma = gamma, conf = conf, call = call
    ),
    class = "rustle_blb"
  )
}

#' @export
print.rustle_blb <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat(sprintf("Bag of little bootstraps: %d subsets of %.0f of %.0f rows, %d resamples each\n\n", x$s, x$b, x$n, x$R))
  print(cbind(t0 = x$t0, se = x$se, x$ci, mcse = apply(x$mcse, 1L, max)), digits = digits)
  invisible(x)
}

#' @export
coef.rustle_blb <- function(object, ...) {
  check_dots(..., .takes = "complete")
  object$t0
}
