#' Resamples of a bootstrap
#'
#' Draws the resamples of a result again, from the streams of its replicates: only those
#' that are asked for, and nothing of them is ever stored.
#'
#' @param x A `rustle_boot` or `boot` object.
#' @param r Replicates, whole numbers; all by default.
#' @param indices `TRUE` gives the indices of the observations, in the order in which an R
#'   function sees them, instead of their frequencies.
#' @return An integer matrix with a row per replicate: how often each observation occurs,
#'   or the indices.
#' @section Errors: `rustle_error_argument` when there are no such replicates;
#'   `rustle_error_interval` when the scheme has no frequencies (`"bayesian"`, `"wild"`,
#'   `"parametric"`) or no indices (also `"poisson"`, clusters);
#'   `rustle_error_memory` when the matrix would not fit.
#' @seealso [bootstrap()], whose resamples these are; [boot::boot.array()]; [jack_after_boot()].
#' @examples
#' b <- bootstrap(boot::aircondit$hours, "mean", R = 999, seed = 1, threads = 2)
#' counts <- boot_array(b, 1:3)
#' rowSums(counts)
#' #> [1] 12 12 12
#' all.equal(as.vector(counts %*% b$data) / 12, as.vector(b$t[1:3, ]))
#' #> [1] TRUE
#' @export
boot_array <- function(x, r = NULL, indices = FALSE) {
  check_required("x")
  draws <- as_draws(x)
  indices <- check_flag(indices, "indices")
  if (is.null(r)) r <- seq_len(draws$R)
  good <- is.numeric(r) && length(r) && all(r %in% seq_len(draws$R))
  if (!good) stop_argument("r", sprintf("replicates from 1 to %d", draws$R), r, sys.call())
  check_memory(4 * length(r) * draws$n, sys.call())
  if (!inherits(x, "rustle_boot")) return(boot::boot.array(x, indices)[r, , drop = FALSE])
  if (draws$own) return(boot::boot.array(as_boot(x), indices)[r, , drop = FALSE])
  if (is.list(x$stream)) return(array_of_parts(x, r, indices))
  form <- x$scheme$form
  if (is.null(form) || draws$sim == "parametric" || !form %in% c("i", if (!indices) "f")) {
    abort_rustle(
      sprintf("Resamples of sim = \"%s\" have no %s.", draws$sim, if (indices) "indices" else "frequencies"),
      class = "rustle_error_interval", argument = "x", value = draws$sim, call = sys.call()
    )
  }
  resample <- new_resampler(
    engine_spec(x$scheme, draws$n, x$stream), if (indices) "i" else "f", x$scheme$strata,
    !is.null(x$scheme$strata), FALSE
  )
  which <- if (is.null(x$replicates)) r else x$replicates[r]
  # A replicate that was drawn again comes from its last attempt. The attempts before have
  # failed, and each is a row of `failures`: their number tells which attempt it was.
  attempts <- vapply(r, function(k) {
    if (anyNA(x$t[k, ])) 0 else as.numeric(sum(x$failures$replicate == k))
  }, 0)
  rows <- lapply(seq_along(r), function(k) as.integer(resample(which[[k]], attempts[[k]])))
  matrix(unlist(rows), length(r), byrow = TRUE)
}

# boot_array() of results that c() put together.
array_of_parts <- function(x, r, indices) {
  which <- if (is.null(x$replicates)) r else x$replicates[r]
  ends <- cumsum(x$parts)
  rows <- lapply(which, function(k) {
    part <- findInterval(k - 1, ends) + 1L
    one <- x
    one$stream <- x$stream[[part]]
    one$replicates <- k - c(0, ends)[[part]]
    one$t <- x$t[match(k, which), , drop = FALSE]
    one$failures <- one$failures[0L, , drop = FALSE]
    boot_array(one, 1L, indices)
  })
  do.call(rbind, rows)
}
