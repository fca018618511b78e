#' Apply a function to several vectors on forked workers
#'
#' [parallel::mcmapply()] and [parallel::mcMap()] under rustle's scheduler, as
#' [mclapply()]: the same arguments, shapes and random numbers.
#'
#' @inheritParams mclapply
#' @param FUN,f A function, or the name of one.
#' @param ... Vectors to go over together, recycled to the longest; for `mcMap()`
#'   also the `mc.*` arguments of `mcmapply()`.
#' @param MoreArgs A list of further arguments of `FUN`, or `NULL`.
#' @param SIMPLIFY,USE.NAMES As in [base::mapply()].
#' @return As [base::mapply()] and [base::Map()]. When a task fails, its element is a
#'   `try-error` object, a warning tells how many there are, and nothing is simplified.
#' @section Plans: As [mclapply()].
#' @section Errors: `rustle_error_argument` for wrong arguments (also for vectors of
#'   length zero among others), before anything has started; lost workers as
#'   [mclapply()].
#' @section Where it differs from parallel: As [mclapply()]: an error spoils its own
#'   task only, and a lost worker is replaced.
#' @examples
#' mcmapply(rep, 1:4, 4:1, mc.cores = 2)
#' mcMap(function(x, y) x + y, c(a = 1, b = 2), 3:4)
#' @export
mcmapply <- function(FUN, ..., MoreArgs = NULL, SIMPLIFY = TRUE, USE.NAMES = TRUE,
                     mc.preschedule = TRUE, mc.set.seed = TRUE, mc.silent = FALSE,
                     mc.cores = getOption("mc.cores", 2L), mc.cleanup = TRUE,
                     affinity.list = NULL) {
  call <- sys.call()
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (!is.null(MoreArgs) && !is.list(MoreArgs)) stop_argument("MoreArgs", "a list or NULL", MoreArgs, call)
  check_simplify(SIMPLIFY, "SIMPLIFY")
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  X <- list(...)
  n <- check_lengths(X)
  mc <- check_mc(n, mc.preschedule, mc.set.seed, mc.silent, mc.cores, mc.cleanup, affinity.list)
  if (!length(X)) return(list())
  first <- X[[1L]]
  if (!all(lengths(X) == n)) X <- lapply(X, rep, length.out = n)
  failed <- integer()
  if (n < 2L || !mc$forks) {
    if (!is.null(mc$affinity) && n == 1L) {
      before <- parallel::mcaffinity()
      on.exit(parallel::mcaffinity(before))
      parallel::mcaffinity(mc$affinity[[1L]])
    }
    values <- .mapply(FUN, X, MoreArgs)
  } else {
    streams <- streams_of_mclapply(mc$set_seed, mc$preschedule)
    outcome <- run_mc(mapply_one_call, mapply_one_frame(FUN, X, MoreArgs), n, mc, streams, call)
    values <- as_try_errors(outcome)
    failed <- outcome$failed
  }
  simplify_as(name_after(values, first, USE.NAMES), if (length(failed)) FALSE else SIMPLIFY)
}

#' @rdname mcmapply
#' @export
mcMap <- function(f, ...) {
  f <- check_function(f, "f", parent.frame())
  mcmapply(f, ..., SIMPLIFY = FALSE, mc.silent = TRUE)
}

# A task is a mapply() of its own over one element of each vector, as in parallel:
# FUN sees the same call.
mapply_one_frame <- function(FUN, X, MoreArgs) {
  one <- function(i) .mapply(FUN, lapply(X, function(x) x[i]), MoreArgs)[[1L]]
  environment()
}

mapply_one_call <- quote(one(i))

# The number of tasks of vectors that are gone over together.
check_lengths <- function(X, call = sys.call(-1L)) {
  lengths <- lengths(X)
  n <- max(lengths, 0L)
  if (n > 0L && min(lengths) == 0L) {
    stop_argument("...", "vectors that are all empty or none", X[[which.min(lengths)]], call)
  }
  n
}

# The names that mapply() gives to values of tasks over `X`.
name_after <- function(values, X, use) {
  if (!use) return(values)
  names <- names(X)
  if (is.null(names) && is.character(X)) names <- X
  if (!is.null(names)) names(values) <- names
  values
}

# `simplify`: TRUE, FALSE or "array".
simplify_as <- function(values, simplify) {
  if (isFALSE(simplify) || !length(values)) return(values)
  simplify2array(values, higher = identical(simplify, "array"))
}
