# Which matrices our kernels take.

is_plain_number <- function(x) (is.double(x) || is.integer(x) || is.logical(x)) && !is.object(x)

# The extents of a matrix that our kernels take; NULL for what is left to base R.
plain_dim <- function(x) {
  if ((is.double(x) || is.integer(x) || is.logical(x)) && !is.object(x)) {
    d <- dim(x)
    if (length(d) == 2L) d
  }
}

# The order of a square matrix that our kernels take, or NULL.
square_order <- function(x) {
  d <- plain_dim(x)
  if (!is.null(d) && d[[1L]] == d[[2L]]) d[[1L]]
}

# Makes a double matrix of what plain_dim() accepts.
as_double <- function(x) {
  if (!is.double(x)) storage.mode(x) <- "double"
  x
}

new_array <- function(dim) {
  out <- numeric(prod(dim))
  dim(out) <- dim
  out
}

# A matrix that our kernels take, also of a data frame.
check_numeric_matrix <- function(x, argument, call) {
  was <- NULL
  if (is.data.frame(x)) {
    number <- vapply(x, function(v) (is.numeric(v) || is.logical(v)) && !is.factor(v), NA)
    if (all(number)) {
      x <- as.matrix(x)
    } else {
      at <- match(FALSE, number)
      was <- sprintf(
        "a data frame whose column `%s` is %s", names(x)[[at]],
        if (is.factor(x[[at]])) "a factor" else describe(x[[at]])
      )
    }
  }
  x <- plain_matrix(x)
  if (!is.null(was) || is.null(plain_dim(x))) {
    stop_argument(argument, "a numeric or logical matrix", x, call, was)
  }
  x
}

# A matrix of numbers without its class: tables, time series and others.
plain_matrix <- function(x) {
  numbers <- is.double(x) || is.integer(x) || is.logical(x)
  if (is.object(x) && !isS4(x) && is.matrix(x) && numbers && !inherits(x, c("factor", "integer64"))) {
    x <- unclass(x)
    attributes(x) <- attributes(x)[c("dim", if (!is.null(dimnames(x))) "dimnames")]
  }
  x
}

# The range of scales that our kernels take. Its ends leave room for the squares of
# what rounding leaves of a column, 1e-16 of it, and for sums of squares.
smallest_scale <- 1e-130
largest_scale <- 1e130

# Has every element a value, and no column a scale outside of the range, when its rows
# are multiplied by `weights`?
in_range <- function(x, weights = NULL, threads = NULL) {
  if (!is.double(x) && !is.null(weights)) storage.mode(x) <- "double"
  scale <- scale_of(x, NROW(x), weights, threads)
  !scale$gaps && !is_extreme(scale = scale)
}

# The largest absolute element of the column for which it is smallest, and of all;
# whether there are gaps, which do not count.
scale_of <- function(x, rows = NROW(x), weights = NULL, threads = NULL) {
  if (!is.double(x)) return(list(smallest = 1, largest = 1, gaps = anyNA(x)))
  # Waking threads takes longer than looking at a few numbers.
  threads <- if (length(x) < threaded_length) 1L else thread_count(threads)
  rs_scale(x, rows, weights, threads)
}

is_extreme <- function(x, rows = NROW(x), threads = NULL, scale = scale_of(x, rows, threads = threads)) {
  scale$smallest < smallest_scale || scale$largest > largest_scale
}

# A call of base R is over before ours has looked at its arguments.
is_tiny <- function(x) length(x) <= tiny_length && is.double(x) && is.matrix(x) && !is.object(x) && !anyNA(x)
