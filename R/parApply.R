#' Apply a function over margins of an array on a cluster or on the plan's workers
#'
#' [parallel::parApply()], [parallel::parRapply()] and [parallel::parCapply()]. On a
#' cluster, or the default that is registered, these are parallel's own functions.
#' Without one, where parallel stops, tasks run on the workers of the [plan()].
#'
#' @inheritParams parLapply
#' @param X An array, or an object that [as.array()] or [as.matrix()] makes one.
#' @param x A matrix or a data frame.
#' @param MARGIN The dimensions to go over: their numbers, or names of `dimnames(X)`.
#' @return `parApply()`: as [base::apply()]. `parRapply()` and `parCapply()`: the
#'   values for the rows or columns as one vector, as the installed version of
#'   parallel combines them.
#' @inheritSection parLapply Plans
#' @inheritSection parLapply Errors
#' @inheritSection parLapply Reproducibility
#' @section Where it differs from parallel: See the table of [parLapply()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' parApply(NULL, matrix(1:6, 2), 1, range)
#' parCapply(NULL, matrix(1:6, 2), sum)
#' plan(oplan)
#' @export
parApply <- function(cl = NULL, X, MARGIN, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (is.null(plan)) return(parallel::parApply(cl, X, MARGIN, FUN, ..., chunk.size = chunk.size))
  X <- check_array(X, "X")
  MARGIN <- check_margin(MARGIN, X)
  par_apply(plan, X, MARGIN, FUN, open_frame(...), chunk.size, parent.frame(), sys.call())
}

#' @rdname parApply
#' @export
parRapply <- function(cl = NULL, x, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(parallel::parRapply(cl, x, FUN, ..., chunk.size = chunk.size))
  FUN <- check_function(FUN, "FUN", parent.frame())
  x <- check_array(x, "x", dimensions = 2L)
  par_apply(plan, x, 1L, FUN, open_frame(...), chunk.size, parent.frame(), sys.call(), shape_flat)
}

#' @rdname parApply
#' @export
parCapply <- function(cl = NULL, x, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(parallel::parCapply(cl, x, FUN, ..., chunk.size = chunk.size))
  FUN <- check_function(FUN, "FUN", parent.frame())
  x <- check_array(x, "x", dimensions = 2L)
  par_apply(plan, x, 2L, FUN, open_frame(...), chunk.size, parent.frame(), sys.call(), shape_flat)
}

# apply() itself cuts the array and shapes the answer: first with a function that
# keeps what it is given, then with one that hands out the values.
par_apply <- function(plan, X, MARGIN, FUN, frame, chunk_size, envir, origin, shape = shape_array) {
  n <- prod(dim(X)[MARGIN])
  policy <- policy_of_cluster(n, plan, chunk_size, FALSE, origin)
  if (n == 0L) {
    # It calls FUN once, for the type of the answer.
    frame$FUN <- FUN
    return(apply(X, MARGIN, eval(quote(function(x) FUN(x, ...)), frame)))
  }
  k <- 0L
  elements <- vector("list", n)
  apply(X, MARGIN, function(x) {
    k <<- k + 1L
    elements[[k]] <<- x
    NULL
  })
  shape(run_cluster(plan, policy, elements, FUN, frame, envir, origin), X, MARGIN)
}

shape_array <- function(values, X, MARGIN) {
  # parallel does not carry the names of dimnames over to the values' dimension, nor
  # names of dimnames that are all NULL.
  if (!is.null(names(dimnames(X)))) names(dimnames(X))[-MARGIN] <- ""
  k <- 0L
  out <- apply(X, MARGIN, function(x) values[[k <<- k + 1L]])
  bare <- length(dim(out)) > length(MARGIN) && all(vapply(dimnames(out), is.null, NA))
  if (bare) dimnames(out) <- NULL
  out
}

# One vector, as the parallel of this R makes it: new versions ask apply() for a list.
shape_flat <- function(values, X, MARGIN) {
  if (!any(grepl("simplify", deparse(body(parallel::parRapply)), fixed = TRUE))) {
    return(c(shape_array(values, X, MARGIN)))
  }
  names(values) <- dimnames(X)[[MARGIN]]
  unlist(values, recursive = FALSE)
}

check_array <- function(X, argument, dimensions = NULL, call = sys.call(-1L)) {
  count <- length(dim(X))
  if (count == 0L || (!is.null(dimensions) && count != dimensions)) {
    stop_argument(argument, if (is.null(dimensions)) "an array" else "a matrix or a data frame", X, call)
  }
  if (!is.object(X)) X else if (count == 2L) as.matrix(X) else as.array(X)
}

check_margin <- function(MARGIN, X, call = sys.call(-1L)) {
  known <- if (is.character(MARGIN)) names(dimnames(X)) else seq_along(dim(X))
  good <- (is.numeric(MARGIN) || is.character(MARGIN)) && length(MARGIN) > 0L &&
    all(MARGIN %in% known) && !anyDuplicated(MARGIN)
  if (!good) stop_argument("MARGIN", "numbers or names of dimensions of `X`", MARGIN, call)
  match(MARGIN, known)
}
