# Distances between rows.

#' Distances between the rows of a matrix on several threads
#'
#' [dist()] on threads, with the cosine distance besides.
#'
#' Terms are added in the order of the columns, as `dist()` does: the results have its
#' bits (with `"minkowski"`, those of the same powers), for every number of threads and
#' every schedule. As there, terms that are `NaN` because of missing values are left
#' out, and sums are then scaled up by the part of columns that was left; without any,
#' the distance is `NA`.
#'
#' `"cosine"` is one minus the cosine of the angle between two rows, over the columns
#' in which both have a value; `NaN` for a row of zeros. `"canberra"` and `"binary"`
#' are passed on to `dist()`.
#'
#' @param x A matrix, numeric (double), integer or logical, or what [as.matrix()] makes one
#'   of, such as data frames and time series. Strings are passed on to `dist()`, which
#'   takes them for numbers or, with a warning, for missing values.
#' @param method The distance: `"euclidean"`, `"maximum"`, `"manhattan"`,
#'   `"minkowski"`, `"cosine"`, `"canberra"` or `"binary"`, or the beginning of one name.
#' @param diag,upper Whether printing shows the diagonal and the upper triangle.
#' @param p The power of `"minkowski"`, positive.
#' @inheritParams mt_rowSums
#' @return An object of class `dist`, as from [dist()]: the lower triangle of the
#'   distances, column after column, with attributes `Size`, `Labels` and so on.
#' @section Errors: `rustle_error_argument` for an argument that is none of these.
#' @section Interrupts: Honoured within 200 ms.
#' @examples
#' x <- matrix(rnorm(2e3), 100)
#' d <- mt_dist(x, threads = 2)
#' all.equal(c(d), c(dist(x)))
#' #> [1] TRUE
#' plot(hclust(mt_dist(x, "cosine")))
#' @seealso [mt_cor()]; [with_threads()] for the number of threads; [linalg_info()] for how it is computed.
#' @export
mt_dist <- function(x, method = "euclidean", diag = FALSE, upper = FALSE, p = 2,
                    schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && is_tiny(x)) {
    out <- stats::dist(x)
    call <- sys.call()
    # What match.call() would make of it, in a fraction of the time.
    simple <- length(call) == 2L && !identical(call[[2L]], quote(...))
    if (simple) names(call) <- c("", "x")
    attr(out, "call") <- if (simple) call else match.call()
    return(out)
  }
  methods <- c("euclidean", "maximum", "manhattan", "canberra", "binary", "minkowski", "cosine")
  found <- if (is.character(method) && length(method) == 1L) pmatch(method, methods) else NA
  if (is.na(found)) {
    must <- paste0("one of ", paste0("\"", methods, "\"", collapse = ", "))
    stop_argument("method", must, method, sys.call())
  }
  method <- methods[[found]]
  schedule <- check_choice(schedule, schedules, "schedule")
  if (method == "minkowski" && !(is.numeric(p) && length(p) == 1L && !is.na(p) && p > 0)) {
    stop_argument("p", "a positive number", p, sys.call())
  }
  threads <- thread_count(threads)
  call <- match.call()
  passed_on <- function() {
    out <- warned_as_user(stats::dist(x, method, diag, upper, p))
    attr(out, "call") <- call
    out
  }
  if (method %in% c("canberra", "binary") || (method == "minkowski" && is.infinite(p))) {
    return(passed_on())
  }
  # What is no matrix becomes one, and what has a class loses it, as in dist().
  x <- plain_matrix(as.matrix(x))
  if (is.null(plain_dim(x))) {
    if (method != "cosine") return(passed_on())
    if (!is.character(x)) stop_argument("x", "numbers", x, sys.call())
    x <- warned_as_user(`storage.mode<-`(x, "double"))
  }
  n <- nrow(x)
  # Memory that nobody has touched: threads do.
  half <- n %% 2L == 0L
  out <- if (n < 2L) numeric() else rs_matrix(if (half) n / 2 else n, if (half) n - 1 else (n - 1) / 2)
  labels <- dimnames(x)[[1L]]
  x <- as_double(x)
  in_slices(function(state) {
    rs_distances(x, method, as.double(p), schedule, out, state, threads)
  })
  attributes(out) <- c(
    list(Size = n), if (!is.null(labels)) list(Labels = labels),
    list(Diag = diag, Upper = upper, method = method),
    if (method == "minkowski") list(p = p),
    list(call = call, class = "dist")
  )
  out
}
