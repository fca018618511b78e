# Sorting and ordering.

#' Sort and order vectors on several threads
#'
#' `mt_sort()` is [sort()] and `mt_order()` is [order()] with `method = "radix"`, on threads.
#'
#' Strings are compared byte by byte in UTF-8, as in the C locale and as the radix
#' method does: upper case before lower case. (`order()` itself uses the current locale
#' for strings unless it is told `method = "radix"`.) Equal elements keep their order.
#' Of zeros, `mt_sort()` puts the negative ones first; `mt_order()` takes them as equal.
#' The result has the same bits for every number of threads and every schedule.
#'
#' Passed on to base R are factors and other objects with a class, complex vectors,
#' vectors of 2^31 or more elements, and other methods.
#'
#' @param x A vector: double, integer, logical or character.
#' @param decreasing `TRUE` sorts the largest first; for `mt_order()` possibly one value for each
#'   key, and strings such as `"TRUE"` count.
#' @param na.last Where missing values go: `TRUE` last, `FALSE` first, `NA` nowhere.
#' @param ... For `mt_sort()`, the arguments `partial`, `method` and `index.return` of [sort()];
#'   with `index.return = TRUE` the places come along. For `mt_order()`, the keys: vectors
#'   of the same length. Where elements of one key are equal the next decides.
#' @param method `"radix"`, or `"auto"` or `"shell"` as in [order()], which compare strings as
#'   the locale has it.
#' @inheritParams mt_rowSums
#' @return `mt_sort()`: the elements in order, with their names, without other attributes; with
#'   `index.return = TRUE` a list of these, `x`, and their places, `ix`;
#'   `mt_order()`: the places of the elements in order, integers from 1.
#' @section Errors: `rustle_error_argument` for an argument that is none of these; base
#'   R's for keys of different lengths and for other types of `x`.
#' @section Interrupts: Honoured within 200 ms up to some 100 million elements, but for
#'   what is done at once: R's copies of vectors with missing values or attributes, the copy of
#'   all strings, and making and writing the result (0.3 to 0.8 s for 100 million numbers on a busy
#'   machine).
#' @references W. D. Frazer and A. C. McKellar (1970), Samplesort: a sampling approach to
#'   minimal storage tree sorting, Journal of the ACM 17, 496-507.
#' @examples
#' x <- rnorm(1e5)
#' identical(mt_sort(x, threads = 2), sort(x))
#' #> [1] TRUE
#' identical(mt_order(x, decreasing = TRUE), order(x, decreasing = TRUE))
#' #> [1] TRUE
#' mt_order(mtcars$cyl, mtcars$mpg, decreasing = c(FALSE, TRUE))[1:5]
#' #> [1] 20 18 19 28 26
#' @seealso [mt_rowQuantiles()]; [with_threads()] for the number of threads; [linalg_info()].
#' @export
mt_sort <- function(x, decreasing = FALSE, na.last = NA, ..., schedule = "stealing", threads = NULL) {
  if (nargs() == 1L && length(x) <= tiny_length && is.double(x) && is.null(attributes(x))) {
    # Of zeros the negative ones come first, as below.
    if (all(x != 0, na.rm = TRUE)) return(sort.int(x, method = "radix"))
  }
  decreasing <- check_flag(decreasing, "decreasing")
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  schedule <- check_choice(schedule, schedules, "schedule")
  threads <- thread_count(threads)
  how <- if (...length()) sort_arguments(list(...), sys.call())
  radix <- is.null(how$method) || identical(how$method, "radix")
  if (!sortable(x) || !radix || !is.null(how$partial)) {
    return(sort(x, decreasing = decreasing, na.last = na.last, ...))
  }
  if (isTRUE(how$index.return)) return(sort_with_places(x, decreasing, na.last, schedule, threads))
  # In base R an array of one extent stays one.
  if (length(dim(x)) == 1L) return(x[place(x, decreasing, na.last, schedule, threads)])
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

# Further arguments of sort(), under their full names.
sort_arguments <- function(given, call) {
  known <- c("partial", "method", "index.return")
  names <- names(given)
  if (is.null(names)) names <- rep("", length(given))
  found <- known[pmatch(names, known)]
  bad <- nzchar(names) & is.na(found)
  if (any(bad)) {
    must <- paste0("arguments of sort(): ", paste0("`", known, "`", collapse = ", "))
    stop_argument("...", must, NULL, call, sprintf("`%s`", names[bad][[1L]]))
  }
  found[is.na(found)] <- setdiff(known, found)[seq_len(sum(is.na(found)))]
  names(given) <- found
  given
}

# As sort() has it: places among what is there, if missing values go nowhere.
sort_with_places <- function(x, decreasing, na.last, schedule, threads) {
  if (is.na(na.last)) {
    if (anyNA(x)) x <- x[!is.na(x)]
    na.last <- TRUE
  }
  by <- place(x, decreasing, na.last, schedule, threads)
  list(x = x[by], ix = by)
}

#' @rdname mt_sort
#' @export
mt_order <- function(..., na.last = TRUE, decreasing = FALSE, method = "radix", schedule = "stealing",
                     threads = NULL) {
  if (nargs() == 1L && ...length() == 1L && length(..1) <= tiny_length && is.double(..1) && !is.object(..1)) {
    return(order(..1, method = "radix"))
  }
  by_default <- missing(method)
  method <- check_choice(method, c("radix", "auto", "shell"), "method")
  na.last <- check_flag(na.last, "na.last", na = TRUE)
  schedule <- check_choice(schedule, schedules, "schedule")
  keys <- list(...)
  decreasing <- check_directions(decreasing)
  threads <- thread_count(threads)
  strings <- any(vapply(keys, is.character, NA))
  ours <- length(keys) && all(vapply(keys, sortable, NA)) && all(lengths(keys) == length(keys[[1L]])) &&
    (method == "radix" || (method == "auto" && !strings))
  if (!ours) {
    # Of complex numbers and of nothing base knows no radix sort.
    if (by_default && !all(vapply(keys, has_radix, NA))) method <- "auto"
    return(order(..., na.last = na.last, decreasing = decreasing, method = method))
  }
  if (length(keys) == 1L) return(place(keys[[1L]], decreasing, na.last, schedule, threads))
  place_by_all(keys, rep_len(decreasing, length(keys)), na.last, schedule, threads)
}

check_directions <- function(decreasing, call = sys.call(-1L)) {
  flags <- if (is.atomic(decreasing)) as.logical(decreasing)
  if (!length(flags) || anyNA(flags)) {
    stop_argument("decreasing", "TRUE or FALSE, one for all keys or one for each", decreasing, call)
  }
  flags
}

# Sorted by the last key first: what is equal by one keeps its order by those behind.
place_by_all <- function(keys, decreasing, na.last, schedule, threads) {
  there <- NULL
  if (is.na(na.last) && any(vapply(keys, anyNA, NA))) {
    there <- which(!Reduce(`|`, lapply(keys, function(key) as.vector(is.na(key)))))
    keys <- lapply(keys, function(key) as.vector(key)[there])
  }
  by <- NULL
  for (k in rev(seq_along(keys))) {
    key <- as.vector(keys[[k]])
    at <- place(if (is.null(by)) key else key[by], decreasing[[k]], na.last, schedule, threads)
    by <- if (is.null(by)) at else by[at]
  }
  if (is.null(there)) by else there[by]
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

has_radix <- function(key) is.factor(key) || is.numeric(key) || is.logical(key) || is.character(key)
