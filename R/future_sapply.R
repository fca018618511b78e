#' Apply a function to each element and simplify, in parallel
#'
#' [base::sapply()], [base::vapply()] and [base::replicate()] on the workers of the
#' current [plan()]: [future_lapply()] with the shapes of their originals.
#' `future_replicate()` draws random numbers, so its `future.seed` is `TRUE`.
#'
#' @inheritParams future_lapply
#' @param ... Further arguments of `FUN`, and the `future.*` arguments of
#'   [future_lapply()].
#' @param simplify,USE.NAMES As in [base::sapply()].
#' @param FUN.VALUE A template of each value, as in [base::vapply()].
#' @param n Number of replications, a whole number of at least 0.
#' @param expr The expression to evaluate.
#' @return As [base::sapply()], [base::vapply()] and [base::replicate()].
#' @section Errors: As [future_lapply()]; `future_vapply()` also fails as
#'   [base::vapply()] does when a value does not fit the template.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' future_sapply(c("a", "bb"), nchar)
#' future_vapply(1:3, function(i) i / 2, numeric(1))
#' dim(future_replicate(3, rnorm(2)))
#' plan(oplan)
#' @export
future_sapply <- function(X, FUN, ..., simplify = TRUE, USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.label = "future_sapply-%d") {
  check_simplify(simplify)
  USE.NAMES <- check_flag(USE.NAMES, "USE.NAMES")
  outcome <- lapply_outcome(
    X, FUN, ..., future.envir = future.envir, future.label = future.label,
    rustle.shape = if (!isFALSE(simplify)) "scalar"
  )
  names <- names(X)
  if (USE.NAMES && is.character(X) && is.null(names)) names <- X
  simplify_outcome(outcome, names, simplify)
}

check_simplify <- function(simplify, argument = "simplify", call = sys.call(-1L)) {
  good <- isTRUE(simplify) || isFALSE(simplify) || identical(simplify, "array")
  if (!good) stop_argument(argument, "TRUE, FALSE or \"array\"", simplify, call)
}

# What sapply() and mapply() make of the values.
simplify_outcome <- function(outcome, names, simplify) {
  if (!is.null(outcome$vector)) {
    names(outcome$vector) <- names
    return(outcome$vector)
  }
  values <- outcome$values
  names(values) <- names
  if (isFALSE(simplify) || !length(values)) return(values)
  simplify2array(values, higher = identical(simplify, "array"))
}

#' @rdname future_sapply
#' @export
future_vapply <- function(X, FUN, FUN.VALUE, ..., USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.label = "future_vapply-%d") {
  USE.NAMES <- check_flag(USE.NAMES, "USE.NAMES")
  if (missing(FUN.VALUE) || !is.vector(unclass(FUN.VALUE)) && !is.array(FUN.VALUE)) {
    value <- if (missing(FUN.VALUE)) NULL else FUN.VALUE
    stop_argument("FUN.VALUE", "a vector that each value looks like", value, sys.call())
  }
  elements <- as_elements(X)
  outcome <- lapply_outcome(
    elements, FUN, ..., future.envir = future.envir, future.label = future.label,
    rustle.shape = list(template = FUN.VALUE)
  )
  names <- if (USE.NAMES) element_names(elements)
  if (!is.null(outcome$vector)) return(shape_vector(outcome, FUN.VALUE, names))
  values <- outcome$values
  names(values) <- names
  fit_values(values, FUN.VALUE, USE.NAMES)
}

# The names of the result: those of the elements, or the elements themselves.
element_names <- function(X) if (is.null(names(X)) && is.character(X)) X else names(X)

# What vapply() makes of numbers: the names of rows are those of the template, else
# those of the first value.
shape_vector <- function(outcome, FUN.VALUE, names) {
  out <- outcome$vector
  k <- length(FUN.VALUE)
  if (k == 1L) {
    names(out) <- names
    return(out)
  }
  dim(out) <- c(k, length(out) %/% k)
  rows <- names(FUN.VALUE)
  if (is.null(rows)) rows <- names(outcome$first)
  if (!is.null(rows) || !is.null(names)) dimnames(out) <- list(rows, names)
  out
}

# vapply()'s own checks and shape; its messages speak of FUN and X.
fit_values <- function(X, FUN.VALUE, USE.NAMES) {
  FUN <- function(x) x
  vapply(X, FUN, FUN.VALUE, USE.NAMES = USE.NAMES)
}

#' @rdname future_sapply
#' @param future.seed As in [future_lapply()].
#' @export
future_replicate <- function(n, expr, simplify = "array", future.seed = TRUE, ...,
                             future.envir = parent.frame(),
                             future.label = "future_replicate-%d") {
  n <- check_count(n, "n", min = 0)
  check_simplify(simplify)
  FUN <- eval.parent(substitute(function(...) expr))
  future_sapply(
    integer(n), FUN, ..., simplify = simplify, future.seed = future.seed,
    future.envir = future.envir, future.label = future.label
  )
}
