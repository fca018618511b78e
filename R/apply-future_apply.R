#' Apply a function over the margins of an array, in parallel
#'
#' [base::apply()] on the workers of the current [plan()], with the arguments of
#' `future.apply::future_apply()`.
#'
#' @inheritParams future_lapply
#' @param X An array, a matrix or a data frame.
#' @param MARGIN The dimensions over which `FUN` is applied: numbers or names of
#'   dimensions.
#' @param FUN A function, or the name of one, called with one slice of `X`.
#' @param simplify `FALSE` returns a list; as in [base::apply()].
#' @return As [base::apply()].
#' @section Errors: As [future_lapply()].
#' @seealso [future_lapply()] for the arguments; [mt_rowSums()] for sums and means of rows;
#'   [parApply()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' x <- matrix(1:6, 2, dimnames = list(c("a", "b"), NULL))
#' future_apply(x, 1, sum)
#' #>  a  b
#' #>  9 12
#' future_apply(x, c(1, 2), function(v) v / 2)
#' #>   [,1] [,2] [,3]
#' #> a  0.5  1.5  2.5
#' #> b  1.0  2.0  3.0
#' plan(oplan)
#' @export
future_apply <- function(X, MARGIN, FUN, ..., simplify = TRUE, future.envir = parent.frame(),
                         future.stdout = TRUE, future.conditions = "condition",
                         future.globals = TRUE, future.packages = NULL, future.seed = FALSE,
                         future.scheduling = 1.0, future.chunk.size = NULL,
                         future.label = "future_apply-%d") {
  FUN <- check_function(FUN, "FUN", parent.frame())
  simplify <- check_flag(simplify, "simplify")
  options <- future_options("future_apply-%d", if (simplify) "scalar")
  slices <- margin_slices(X, MARGIN)
  # When there is no slice, base R calls FUN once to learn the type of its values.
  if (is.null(slices)) {
    forget_call(without_tasks)
    return(apply(X, MARGIN, FUN, ..., simplify = simplify))
  }
  frame <- function() list2env(list(newX = slices$newX, d = slices$dim, dn = slices$dimnames, FUN = FUN), open_frame(...))
  outcome <- run_future_call(options, slices$n, slices$call, frame, over = slices$over)
  if (!is.null(outcome$vector)) return(shape_margin(X, MARGIN, outcome$vector))
  as_apply(X, MARGIN, outcome$values, simplify)
}

# The shape that apply() gives to one scalar for each slice.
shape_margin <- function(X, MARGIN, vector) {
  X <- as_plain_array(X)
  names <- dimnames(X)
  margin <- if (is.character(MARGIN)) match(MARGIN, names(names)) else as.integer(MARGIN)
  if (length(margin) > 1L) return(array(vector, dim(X)[margin], names[margin]))
  if (length(names[[margin]])) names(vector) <- names[[margin]]
  vector
}

# `X` as a matrix with a column for each slice (or a list of them), the number of slices,
# how they are found (`over`, see new_job()) and the call of a task; NULL when there is
# no slice.
margin_slices <- function(X, MARGIN, call = sys.call(-1L)) {
  dims <- dim(X)
  if (!length(dims)) stop_argument("X", "an array with dimensions", X, call)
  X <- as_plain_array(X)
  dims <- dim(X)
  names <- dimnames(X)
  margin <- if (is.character(MARGIN)) match(MARGIN, names(names)) else MARGIN
  good <- is.numeric(margin) && length(margin) && !anyNA(margin) &&
    all(margin >= 1 & margin <= length(dims)) && !anyDuplicated(as.integer(margin))
  if (!good) {
    must <- sprintf("numbers between 1 and %d or names of dimensions of `X`", length(dims))
    stop_argument("MARGIN", must, MARGIN, call)
  }
  margin <- as.integer(margin)
  inside <- setdiff(seq_along(dims), margin)
  if (prod(dims[margin]) == 0) return(NULL)
  newX <- aperm(X, c(inside, margin))
  dim(newX) <- c(prod(dims[inside]), prod(dims[margin]))
  whole <- length(inside) < 2L
  if (whole && length(names[inside])) dimnames(newX) <- c(names[inside], list(NULL))
  n <- ncol(newX)
  # Columns of a class are taken by its own method, which workers may not have.
  classed <- is.object(newX)
  if (classed) newX <- lapply(seq_len(n), function(i) newX[, i])
  one <- if (classed) quote(newX[[i]]) else quote(newX[, i])
  list(
    newX = newX, n = n, over = c(newX = if (classed) "elements" else "columns"),
    dim = dims[inside], dimnames = names[inside],
    call = if (whole) bquote(FUN(.(one), ...)) else bquote(FUN(array(.(one), d, dn), ...))
  )
}

# Lets base::apply() give the values their shape: it runs over an array with the same
# margins and one element per slice. It cannot know the name of the dimension inside of a
# slice, which is added here.
as_apply <- function(X, MARGIN, values, simplify) {
  X <- as_plain_array(X)
  names <- dimnames(X)
  margin <- if (is.character(MARGIN)) match(MARGIN, names(names)) else as.integer(MARGIN)
  dims <- dim(X)
  first <- utils::head(names[setdiff(seq_along(dims), margin)], 1L)
  dims[-margin] <- 1L
  if (!is.null(names)) {
    names[-margin] <- list(NULL)
    if (!is.null(names(names))) names(names)[-margin] <- ""
  }
  at <- 0L
  out <- apply(array(0L, dims, names), margin, function(x) values[[at <<- at + 1L]], simplify = simplify)
  grown <- !is.list(out) && length(dim(out)) == length(margin) + 1L
  if (grown && length(names(first)) && length(names(values[[1L]])) == length(first[[1L]])) {
    names(dimnames(out))[[1L]] <- names(first)
  }
  out
}

# `X` as apply() sees it. A data frame has row names where its matrix has none.
as_plain_array <- function(X) {
  if (!is.object(X)) X else if (length(dim(X)) == 2L) as.matrix(X) else as.array(X)
}
