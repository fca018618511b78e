#' Apply a function to several vectors, in parallel
#'
#' [base::mapply()], [base::Map()] and [base::.mapply()] on the workers of the
#' current [plan()], with the arguments of `future.apply`.
#'
#' @inheritParams future_lapply
#' @param FUN,f A function, or the name of one; called with the first elements of
#'   all vectors, then with the second ones, and so on.
#' @param ... Vectors, recycled to the longest; names are names of arguments. For
#'   `future_Map()` and `future_.mapply()` the `future.*` arguments too.
#' @param dots A list of vectors.
#' @param MoreArgs A list of further arguments of `FUN`, the same in every call.
#' @param SIMPLIFY,USE.NAMES As in [base::mapply()].
#' @return As [base::mapply()], [base::Map()] and [base::.mapply()].
#' @section Errors: As [future_lapply()].
#' @section Where it differs from base R: As with future.apply, there is no warning
#'   when the length of the longest vector is not a multiple of another's.
#' @seealso [future_lapply()] for the arguments; [mcmapply()]; [clusterMap()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' future_mapply(rep, 1:3, 3:1)
#' #> [[1]]
#' #> [1] 1 1 1
#' #>
#' #> [[2]]
#' #> [1] 2 2
#' #>
#' #> [[3]]
#' #> [1] 3
#' future_Map(function(x, y) x + y, c(a = 1, b = 2), 3:4)
#' #> $a
#' #> [1] 4
#' #>
#' #> $b
#' #> [1] 6
#' future_.mapply(function(x, y) x * y, list(1:2, y = 3:4), NULL)
#' #> [[1]]
#' #> [1] 3
#' #>
#' #> [[2]]
#' #> [1] 8
#' plan(oplan)
#' @export
future_mapply <- function(FUN, ..., MoreArgs = NULL, SIMPLIFY = TRUE, USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.stdout = TRUE,
                          future.conditions = "condition", future.globals = TRUE,
                          future.packages = NULL, future.seed = FALSE,
                          future.scheduling = 1.0, future.chunk.size = NULL,
                          future.label = "future_mapply-%d") {
  FUN <- check_function(FUN, "FUN", parent.frame())
  check_simplify(SIMPLIFY, "SIMPLIFY")
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  MoreArgs <- check_more_args(MoreArgs)
  options <- future_options("future_mapply-%d", if (!isFALSE(SIMPLIFY)) "scalar")
  dots <- list(...)
  outcome <- run_mapply(options, FUN, dots, MoreArgs)
  names <- if (USE.NAMES && length(dots)) element_names(dots[[1L]])
  # When one vector is empty there are no tasks, though the first may have elements.
  if (!is.null(names) && !length(outcome$values) && is.null(outcome$vector)) names <- character()
  simplify_outcome(outcome, names, SIMPLIFY)
}

# One task for each element of the recycled vectors in `dots`.
run_mapply <- function(options, FUN, dots, MoreArgs) {
  lengths <- vapply(dots, length, 1)
  n <- if (length(dots) && all(lengths > 0)) max(lengths) else 0L
  if (n == 0L) {
    forget_call(without_tasks)
    return(new_outcome(list()))
  }
  short <- lengths < n
  dots[short] <- lapply(dots[short], function(x) {
    again <- rep_len(seq_along(x), n)
    # Methods of `[` may drop the class.
    if (is.object(x)) lapply(again, function(k) x[[k]]) else x[again]
  })
  elements <- lapply(seq_along(dots), function(k) bquote(dots[[.(k)]][[i]]))
  names(elements) <- names(dots)
  # As in mapply(), further arguments stand in the call as they are.
  call <- as.call(c(list(quote(FUN)), elements, MoreArgs))
  frame <- function() mapply_frame(FUN, dots)
  machine <- function(frame) several_frame(FUN, dots, MoreArgs)
  run_future_call(options, n, call, frame, forced = length(dots), over = c(dots = "vectors"), machine = machine)
}

# The frame in which mapply() would evaluate FUN(dots[[1L]][[i]], ...).
mapply_frame <- function(FUN, dots) environment()

#' @rdname future_mapply
#' @export
future_Map <- function(f, ..., future.envir = parent.frame(), future.label = "future_Map-%d") {
  f <- check_function(f, "f", parent.frame())
  future_mapply(
    FUN = f, ..., SIMPLIFY = FALSE, future.envir = future.envir, future.label = future.label
  )
}

#' @rdname future_mapply
#' @export
future_.mapply <- function(FUN, dots, MoreArgs, ..., future.label = "future_.mapply-%d") {
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (missing(dots)) stop_missing("dots", sys.call())
  if (missing(MoreArgs)) stop_missing("MoreArgs", sys.call())
  if (!is.null(dots) && !is.list(dots)) stop_argument("dots", "a list of vectors", dots, sys.call())
  # The call has symbols in it and not the vectors themselves, which may be large.
  frame <- list2env(list(FUN = FUN, dots = dots, MoreArgs = MoreArgs), parent = parent.frame())
  vectors <- lapply(seq_along(dots), function(k) bquote(dots[[.(k)]]))
  names(vectors) <- names(dots)
  more <- list(MoreArgs = quote(MoreArgs), SIMPLIFY = FALSE, USE.NAMES = FALSE)
  call <- as.call(c(quote(rustle::future_mapply), list(FUN = quote(FUN)), vectors, more, list(...), list(future.label = future.label)))
  eval(call, frame)
}

#' Keep the elements that satisfy a condition, in parallel
#'
#' [base::Filter()] with the condition evaluated on the workers of the current
#' [plan()].
#'
#' @param f A function of one element, or the name of one, that gives a logical
#'   scalar.
#' @param x A vector.
#' @param ... Further arguments of `f` and the `future.*` arguments of
#'   [future_lapply()].
#' @return The elements of `x` for which `f` is `TRUE`.
#' @section Errors: As [future_lapply()].
#' @seealso [future_lapply()] for the arguments, [future_mapply()].
#' @examples
#' future_Filter(function(x) x > 1, c(a = 1, b = 2, c = NA))
#' #> b
#' #> 2
#' @export
future_Filter <- function(f, x, ...) {
  f <- check_function(f, "f", parent.frame())
  x[which(as.logical(unlist(future_lapply(x, f, ...))))]
}
