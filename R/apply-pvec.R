#' Apply a vectorised function to pieces of a vector on forked workers
#'
#' [parallel::pvec()] under rustle's scheduler: the same arguments, pieces and random
#' numbers. A worker that dies is replaced, so the result is never shorter for it.
#'
#' @inheritParams mclapply
#' @param v A vector.
#' @param FUN A function, or the name of one, called as `FUN(piece, ...)`; its value
#'   should have the length of the piece.
#' @details `v` is cut into `mc.cores` contiguous pieces whose lengths differ by one at
#'   most; each piece is a task with a worker and a random number stream of its own.
#'   With no more elements than cores, the pieces are the elements, without names.
#' @return The values of the pieces, combined by [c()]. When that does not have the
#'   length of `v`, a warning says so.
#' @section Plans: As [mclapply()]. With one core, or no element, it is `FUN(v, ...)`.
#' @section Errors: `rustle_error_argument` for wrong arguments, before anything has
#'   started. When pieces fail, the error of the first is raised after all have run,
#'   with its own class, message and call; field `task` is the number of the piece,
#'   `failed` has all of them. Lost workers as [mclapply()].
#' @section Where it differs from parallel: There, the values of a lost worker are
#'   missing in the result, and an error becomes one of its elements, with a warning.
#' @seealso [mclapply()]; [future_lapply()].
#' @examples
#' pvec(c(a = 1, b = 4, c = 9), sqrt, mc.cores = 2)
#' #> a b c
#' #> 1 2 3
#' @export
pvec <- function(v, FUN, ..., mc.set.seed = TRUE, mc.silent = FALSE,
                 mc.cores = getOption("mc.cores", 2L), mc.cleanup = TRUE) {
  call <- sys.call()
  if (!is.vector(v)) stop_argument("v", "a vector", v, call)
  FUN <- check_function(FUN, "FUN", parent.frame())
  n <- length(v)
  mc <- check_mc(n, TRUE, mc.set.seed, mc.silent, mc.cores, mc.cleanup)
  if (n == 0L || !mc$forks) {
    forget_call(ran_as_base)
    return(FUN(v, ...))
  }
  streams <- streams_of_mclapply(mc$set_seed, mc$preschedule)
  pieces <- cut_vector(v, mc$cores)
  frame <- open_frame(...)
  frame$FUN <- FUN
  frame$X <- pieces
  outcome <- run_mc(lapply_call, frame, length(pieces), mc, streams, call)
  stop_first_failure(outcome, "piece")
  values <- do.call(c, outcome$values, quote = TRUE)
  if (length(values) != n) {
    warning("some results may be missing, folded or caused an error")
  }
  values
}

# Cuts a vector into pieces of equal length, or with the first ones longer by one.
cut_vector <- function(v, pieces) {
  n <- length(v)
  if (n <= pieces) return(as.list(v))
  sizes <- n %/% pieces + (seq_len(pieces) <= n %% pieces)
  ends <- cumsum(sizes)
  Map(function(from, to) v[from:to], ends - sizes + 1L, ends)
}
