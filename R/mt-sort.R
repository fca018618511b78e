# Sorting and ordering.

#' Sort and order vectors on several threads
#'
#' `mt_sort(x)` is `sort(x, method = "radix")`, `mt_order(x)` is
#' `order(x, method = "radix")`, on threads.
#'
#' Strings are compared byte by byte in UTF-8, as in the C locale and as the radix
#' method does: upper case before lower case. (`order()` itself uses the current locale
#' for strings unless it is told `method = "radix"`.) Equal elements keep their order.
#' Of zeros, `mt_sort()` puts the negative ones first; `mt_order()` takes them as equal.
#' The result has the same bits for every number of threads and every schedule.
#'
#' Passed on to base R are factors and other objects with a class, complex vectors and
#' vectors of 2^31 or more elements.
#'
#' @param x A vector: double, integer, logical or character.
#' @param decreasing `TRUE` sorts the largest first.
#' @param na.last Where missing values go: `TRUE` last, `FALSE` first, `NA` nowhere.
#' @inheritParams mt_rowSums
#' @return `mt_sort()`: the elements in order, with their names, without other attributes;
#'   `mt_order()`: their places, integers from 1.
#' @section Errors: `rustle_error_argument` for an argument that is none of these; base
#'   R's for other types of `x`.
#' @section Interrupts: Honoured within 200 ms up to some 100 million elements, but for
#'   what is done at once: R's copies of vectors with missing values or attributes, the copy of
#'   all strings, and writing the result.
#' @references W. D. Frazer and A. C. McKellar (1970), Samplesort: a sampling approach to
#'   minimal storage tree sorting, Journal of the ACM 17, 496-507.
#' @examples
#' x <- rnorm(1e5)
#' identical(mt_sort(x, threads = 2), sort(x))
#' identical(mt_order(x, decreasing = TRUE), order(x, decreasing = TRUE))
#' @seealso [with_threads()].
#' @export
mt_sort <- function(x, decreasing = FALSE, na.last = NA, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && length(x) <= 64L && is.double(x) && is.null(attributes(x))) {
    # Of zeros the negative ones come first, as below.
    if (all(x != 0, na.rm = TRUE)) return(sort.int(x, method = "radix"))
  }
  decreasing <- check_flag(decreasing, "decreasing")
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  if (!sortable(x)) return(sort(x, decreasing = decreasing, na.last = na.last))
  if (!is.null(names(x)) || is.character(x)) {
    by <- place(x, decreasing, na.last, schedule, threads)
    return(if (is.null(names(x))) c(x)[by] else stats::setNames(as.vector(x)[by], names(x)[by]))
  }
  x <- as.vector(x)
  missing <- if (anyNA(x)) is.na(x)
  values <- if (is.null(missing)) x else x[!missing]
  out <- if (is.double(x)) numeric(length(values)) else integer(length(values))
  run_sort(if (is.logical(x)) as.integer(values) else values, FALSE, decreasing, schedule, out, threads)
  if (is.logical(x)) out <- as.logical(out)
  if (is.null(missing) || is.na(na.last)) return(out)
  if (na.last) c(out, x[missing]) else c(x[missing], out)
}

#' @rdname mt_sort
#' @export
mt_order <- function(x, decreasing = FALSE, na.last = TRUE, schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && length(x) <= 64L && is.double(x) && !is.object(x)) {
    return(order(x, method = "radix"))
  }
  if (!isTRUE(decreasing) && !isFALSE(decreasing)) {
    must <- "TRUE or FALSE (the one key is `x`, where order() takes several)"
    stop_argument("decreasing", must, decreasing, sys.call())
  }
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  if (!sortable(x)) {
    return(order(x, decreasing = decreasing, na.last = na.last, method = "radix"))
  }
  place(x, decreasing, na.last, schedule, threads)
}

# What our kernels sort: not worth it for a few.
sortable <- function(x) {
  kind <- is.double(x) || is.integer(x) || is.logical(x) || is.character(x)
  kind && !is.object(x) && length(x) < 2^31
}

place <- function(x, decreasing, na.last, schedule, threads) {
  missing <- if (anyNA(x)) as.vector(is.na(x))
  values <- if (is.null(missing)) as.vector(x) else x[!missing]
  if (is.logical(values)) values <- as.integer(values)
  if (is.character(values)) values <- enc2utf8(values)
  out <- integer(length(values))
  run_sort(values, TRUE, decreasing, schedule, out, threads)
  if (is.null(missing)) return(out)
  out <- which(!missing)[out]
  if (is.na(na.last)) out else if (na.last) c(out, which(missing)) else c(which(missing), out)
}

# Into the new vector `out`.
run_sort <- function(values, order, decreasing, schedule, out, threads) {
  in_slices(function(state) {
    rs_sort(values, order, decreasing, schedule, out, state, threads)
  })
}
