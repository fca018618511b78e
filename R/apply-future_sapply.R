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
#' @param n Number of replications, at least 0; a fraction is dropped.
#' @param expr The expression to evaluate.
#' @return As [base::sapply()], [base::vapply()] and [base::replicate()].
#' @section Errors: As [future_lapply()]; `future_vapply()` also fails as
#'   [base::vapply()] does when a value does not fit the template.
#' @seealso [future_lapply()] for the arguments; [study()] for simulations.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' future_sapply(c("a", "bb"), nchar)
#' #>  a bb
#' #>  1  2
#' future_vapply(1:3, function(i) i / 2, numeric(1))
#' #> [1] 0.5 1.0 1.5
#' dim(future_replicate(3, rnorm(2)))
#' #> [1] 2 3
#' plan(oplan)
#' @export
future_sapply <- function(X, FUN, ..., simplify = TRUE, USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.label = "future_sapply-%d") {
  if (nargs() == 2L && !missing(X) && !missing(FUN)) {
    found <- .Call(wrap__rs_again, FUN, X, sys.call(), TRUE, NULL, NULL)
    if (typeof(found) == "externalptr") found <- rest_of_again(found, X, TRUE)
    if (!is.null(found)) return(shape_again(found))
  } else if (nargs() == 3L && ...length() == 1L && !missing(X) && !missing(FUN) && identical(...names(), "future.seed") && isTRUE(..1)) {
    found <- seeded_again(FUN, X, sys.call(), TRUE)
    if (!is.null(found)) return(shape_again(found))
  }
  check_simplify(simplify)
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  outcome <- lapply_outcome(
    ..., rustle.X = X, rustle.FUN = FUN, future.envir = future.envir, future.label = future.label,
    rustle.shape = if (!isFALSE(simplify)) "scalar"
  )
  names <- outcome$names
  if (USE.NAMES && is.character(X) && is.null(names)) names <- X
  simplify_outcome(outcome, names, simplify)
}

#' @rdname future_sapply
#' @export
future_vapply <- function(X, FUN, FUN.VALUE, ..., USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.label = "future_vapply-%d") {
  if (nargs() == 3L && !missing(X) && !missing(FUN) && !missing(FUN.VALUE) && is_scalar_template(FUN.VALUE)) {
    found <- .Call(wrap__rs_again, FUN, X, sys.call(), TRUE, NULL, NULL)
    if (typeof(found) == "externalptr") found <- rest_of_again(found, X, TRUE)
    if (is.atomic(found) && typeof(found) == typeof(FUN.VALUE)) return(found)
  }
  USE.NAMES <- check_flag(USE.NAMES, "USE.NAMES")
  if (missing(X)) stop_missing("X", sys.call())
  if (missing(FUN.VALUE)) stop_missing("FUN.VALUE", sys.call())
  if (!is_template(FUN.VALUE)) {
    stop_argument("FUN.VALUE", "a vector that each value looks like", FUN.VALUE, sys.call())
  }
  elements <- as_elements(X)
  shape <- list(template = FUN.VALUE, check = value_check(FUN.VALUE, sys.call()))
  outcome <- lapply_outcome(
    ..., rustle.X = elements, rustle.FUN = FUN, future.envir = future.envir, future.label = future.label,
    rustle.shape = shape
  )
  names <- if (USE.NAMES) element_names(elements)
  values <- outcome$values
  if (is.null(outcome$vector)) outcome[c("vector", "first")] <- as_numbers(values, shape)
  if (!is.null(outcome$vector)) return(shape_vector(outcome, FUN.VALUE, names, USE.NAMES))
  fit_values(with_names(values, names), FUN.VALUE, USE.NAMES)
}

# Values that have passed the check, as one vector, and the first of them. NULL when the
# template is not of numbers, or values have another type than it.
as_numbers <- function(values, shape) {
  template <- shape_spec(shape)
  if (is.null(template) || !length(values)) return(list(NULL, NULL))
  out <- unlist(values, use.names = FALSE)
  if (!is.null(attributes(out)) || length(out) != template$length * length(values)) return(list(NULL, NULL))
  storage.mode(out) <- typeof(shape$template)
  list(out, values[[1L]])
}

is_scalar_template <- function(x) {
  typeof(x) %in% c("double", "integer", "logical") && length(x) == 1L && is.null(attributes(x))
}

# Is this a template that vapply() accepts?
is_template <- function(x) {
  typeof(x) %in% c("logical", "integer", "double", "complex", "character", "raw", "list") &&
    (is.vector(unclass(x)) || is.array(x))
}

# The result of vapply() from the values as one vector. Rows are named as the template, or
# as the first value when the template has no names.
shape_vector <- function(outcome, FUN.VALUE, names, use_names) {
  out <- outcome$vector
  k <- length(FUN.VALUE)
  if (k == 1L) return(with_names(out, names))
  dim(out) <- c(k, length(out) %/% k)
  if (!use_names) return(out)
  rows <- names(FUN.VALUE)
  if (is.null(rows)) rows <- names(outcome$first)
  if (!is.null(rows) || !is.null(names)) dimnames(out) <- list(rows, names)
  out
}

# A function that raises vapply()'s error when a value does not fit the template.
value_check <- function(FUN.VALUE, call) {
  force(call)
  type <- typeof(FUN.VALUE)
  n <- length(FUN.VALUE)
  plain <- is.null(dim(FUN.VALUE))
  function(value, task) {
    if (plain && typeof(value) == type && !is.object(value) && length(value) == n) return()
    tryCatch(vapply(list(value), identity, FUN.VALUE), error = function(e) {
      message <- sub("[[1]]", sprintf("[[%.0f]]", task), conditionMessage(e), fixed = TRUE)
      stop(simpleError(message, call))
    })
    NULL
  }
}
environment(value_check) <- baseenv()

# vapply()'s own shape.
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
  # base R passes `n` to integer(), so the same values are accepted.
  n <- check_count(if (is.numeric(n)) trunc(n) else n, "n", min = 0)
  check_simplify(simplify)
  # The expression does not get `...`, which has arguments of the engine only.
  check_dots(..., .takes = future_arguments())
  FUN <- eval.parent(substitute(function(...) expr))
  future_sapply(
    integer(n), FUN, ..., simplify = simplify, future.seed = future.seed,
    future.envir = future.envir, future.label = future.label
  )
}
