# For all families: the elements of the data, the calls of tasks, the shape of the answer.

# The data as lapply() would convert them.
as_elements <- function(X) {
  if (!is.vector(X) || is.object(X)) as.list(X) else X
}

# The names of the result: those of the elements, or the elements themselves.
element_names <- function(X) if (is.null(names(X)) && is.character(X)) X else names(X)

# FUN(name = X[[1L]][[i]], X[[2L]][[i]], ...)
mapply_call <- function(X) {
  arguments <- lapply(seq_along(X), function(k) bquote(X[[.(k)]][[i]]))
  names(arguments) <- names(X)
  as.call(c(list(quote(FUN)), arguments, list(quote(...))))
}

# The number of tasks of a call over several vectors.
check_lengths <- function(X, call = sys.call(-1L)) {
  lengths <- lengths(X)
  n <- max(lengths, 0L)
  if (n > 0L && min(lengths) == 0L) {
    stop_argument("...", "vectors that are all empty or none", X[[which.min(lengths)]], call)
  }
  n
}

check_more_args <- function(MoreArgs, call = sys.call(-1L)) {
  if (!is.null(MoreArgs) && !is.list(MoreArgs)) {
    stop_argument("MoreArgs", "a list or NULL", MoreArgs, call)
  }
  MoreArgs
}

check_simplify <- function(simplify, argument = "simplify", call = sys.call(-1L)) {
  good <- isTRUE(simplify) || isFALSE(simplify) || identical(simplify, "array")
  if (!good) stop_argument(argument, "TRUE, FALSE or \"array\"", simplify, call)
}

# The values as sapply() and mapply() return them.
simplify_outcome <- function(outcome, names, simplify) {
  if (!is.null(outcome$vector)) {
    return(with_names(outcome$vector, names))
  }
  values <- with_names(outcome$values, names)
  if (isFALSE(simplify) || !length(values)) return(values)
  simplify2array(values, higher = identical(simplify, "array"))
}

# Values of a job have no names, but an empty list may. To give none to what has none would copy it.
with_names <- function(values, names) {
  if (!is.null(names) || !is.null(attr(values, "names"))) names(values) <- names
  values
}
