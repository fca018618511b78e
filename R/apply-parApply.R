#' Apply a function over margins of an array on a cluster or on the plan's workers
#'
#' [parallel::parApply()], [parallel::parRapply()] and [parallel::parCapply()]. On a
#' cluster, or the default that is registered, these are parallel's own functions,
#' except that a lost node loses nothing. Without one, where parallel stops, tasks run on the workers of the [plan()].
#'
#' @inheritParams parLapply
#' @param X An array, or an object that [as.array()] or [as.matrix()] makes one.
#' @param x A matrix or a data frame.
#' @param FUN A function, or the name of one.
#' @param MARGIN The dimensions to go over: their numbers, or names of `dimnames(X)`.
#' @return `parApply()`: as [base::apply()]. `parRapply()` and `parCapply()`: the
#'   values for the rows or columns as one vector, as the installed version of
#'   parallel combines them.
#' @inheritSection parLapply Plans
#' @inheritSection parLapply Errors
#' @inheritSection parLapply Lost nodes of a cluster
#' @inheritSection parLapply Errors of tasks on a cluster
#' @inheritSection parLapply Reproducibility
#' @section Where it differs from parallel: See the table of [parLapply()].
#' @seealso [parLapply()] for the cluster argument; [future_apply()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' parApply(NULL, matrix(1:6, 2), 1, range)
#' #>      [,1] [,2]
#' #> [1,]    1    2
#' #> [2,]    5    6
#' parCapply(NULL, matrix(1:6, 2), sum)
#' #> [1]  3  7 11
#' plan(oplan)
#' @export
parApply <- function(cl = NULL, X, MARGIN, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "elements", FALSE, prod(dim(X)[if (is.character(MARGIN)) match(MARGIN, names(dimnames(X))) else MARGIN]), function(cl) {
      parallel::parApply(cl, X, MARGIN, FUN, ..., chunk.size = chunk.size)
    }))
  }
  par_apply(plan, X, MARGIN, FUN, open_frame(...), chunk.size, parent.frame(), sys.call(), shape_array)
}

#' @rdname parApply
#' @export
parRapply <- function(cl = NULL, x, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "slices", FALSE, nrow(x), function(cl) {
      parallel::parRapply(cl, x, FUN, ..., chunk.size = chunk.size)
    }))
  }
  FUN <- check_function(FUN, "FUN", parent.frame())
  check_matrix(x, "x")
  par_apply(plan, x, 1L, FUN, open_frame(...), chunk.size, parent.frame(), sys.call(), shape_flat)
}

#' @rdname parApply
#' @export
parCapply <- function(cl = NULL, x, FUN, ..., chunk.size = NULL) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "slices", FALSE, ncol(x), function(cl) {
      parallel::parCapply(cl, x, FUN, ..., chunk.size = chunk.size)
    }))
  }
  FUN <- check_function(FUN, "FUN", parent.frame())
  check_matrix(x, "x")
  par_apply(plan, x, 2L, FUN, open_frame(...), chunk.size, parent.frame(), sys.call(), shape_flat)
}

# shape: a function that turns the values into the answer.
par_apply <- function(plan, X, MARGIN, FUN, frame, chunk_size, envir, origin, shape) {
  slices <- margin_slices(X, MARGIN, origin)
  n <- if (is.null(slices)) 0L else slices$n
  policy <- policy_of_cluster(n, plan, chunk_size, FALSE, origin)
  if (n == 0L) {
    forget_call(without_tasks)
    # apply() calls FUN once, to learn the type of the answer.
    frame$FUN <- FUN
    return(apply(X, MARGIN, eval(quote(function(x) FUN(x, ...)), frame)))
  }
  list2env(list(FUN = FUN, newX = slices$newX, d = slices$dim, dn = slices$dimnames), frame)
  outcome <- run_cluster(
    plan, policy, frame, n, envir, origin, task = slices$call, over = slices$over
  )
  shape(outcome$values, as_plain_array(X), MARGIN)
}

# parallel does not carry the names of dimnames over to the values' dimension, nor
# names of dimnames that are all NULL.
shape_array <- function(values, X, MARGIN) {
  out <- as_apply(X, MARGIN, values, TRUE)
  grown <- length(dim(out)) > length(MARGIN)
  if (grown && length(names(dimnames(out)))) names(dimnames(out))[[1L]] <- ""
  if (grown && all(vapply(dimnames(out), is.null, NA))) dimnames(out) <- NULL
  out
}

# The values as one vector, as the installed version of parallel makes it: newer versions
# ask apply() for a list.
shape_flat <- function(values, X, MARGIN) {
  if (!any(grepl("simplify", deparse(body(parallel::parRapply)), fixed = TRUE))) {
    return(c(shape_array(values, X, MARGIN)))
  }
  names(values) <- dimnames(X)[[MARGIN]]
  unlist(values, recursive = FALSE)
}

check_matrix <- function(x, argument, call = sys.call(-1L)) {
  if (length(dim(x)) != 2L) stop_argument(argument, "a matrix or a data frame", x, call)
}
