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
#' @seealso [mclapply()] for the arguments; [future_mapply()].
#' @examples
#' mcmapply(rep, 1:4, 4:1, mc.cores = 2)
#' #> [[1]]
#' #> [1] 1 1 1 1
#' #>
#' #> [[2]]
#' #> [1] 2 2 2
#' #>
#' #> [[3]]
#' #> [1] 3 3
#' #>
#' #> [[4]]
#' #> [1] 4
#' mcMap(function(x, y) x + y, c(a = 1, b = 2), 3:4)
#' #> $a
#' #> [1] 4
#' #>
#' #> $b
#' #> [1] 6
#' @export
mcmapply <- function(FUN, ..., MoreArgs = NULL, SIMPLIFY = TRUE, USE.NAMES = TRUE,
                     mc.preschedule = TRUE, mc.set.seed = TRUE, mc.silent = FALSE,
                     mc.cores = getOption("mc.cores", 2L), mc.cleanup = TRUE,
                     affinity.list = NULL) {
  call <- sys.call()
  FUN <- check_function(FUN, "FUN", parent.frame())
  MoreArgs <- check_more_args(MoreArgs)
  check_simplify(SIMPLIFY, "SIMPLIFY")
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  X <- list(...)
  n <- check_lengths(X)
  mc <- check_mc(n, mc.preschedule, mc.set.seed, mc.silent, mc.cores, mc.cleanup, affinity.list)
  if (!length(X)) {
    forget_call(without_tasks)
    return(list())
  }
  names <- if (USE.NAMES) element_names(X[[1L]])
  if (!all(lengths(X) == n)) X <- lapply(X, rep, length.out = n)
  if (n >= 2L && mc$forks) {
    streams <- streams_of_mclapply(mc$set_seed, mc$preschedule)
    frame <- mapply_one_frame(FUN, X, MoreArgs)
    shape <- if (!isFALSE(SIMPLIFY)) "scalar"
    machine <- function() several_frame(FUN, X, MoreArgs)
    outcome <- run_mc(mapply_one_call, frame, n, mc, streams, call, shape, over = c(X = "vectors"), machine = machine)
    outcome$values <- as_try_errors(outcome, call)
    if (length(outcome$failed)) SIMPLIFY <- FALSE
  } else {
    if (n == 1L && mc$forks && !is.null(mc$affinity)) {
      before <- parallel::mcaffinity()
      on.exit(parallel::mcaffinity(before))
      parallel::mcaffinity(mc$affinity[[1L]])
    }
    forget_call(ran_as_base)
    outcome <- new_outcome(.mapply(FUN, X, MoreArgs))
  }
  simplify_outcome(outcome, names, SIMPLIFY)
}

#' @rdname mcmapply
#' @export
mcMap <- function(f, ...) {
  f <- check_function(f, "f", parent.frame())
  mcmapply(f, ..., SIMPLIFY = FALSE, mc.silent = TRUE)
}

# A task calls mapply() over one element of each vector, as in parallel, so that FUN sees
# the same call (sys.call()) as there.
mapply_one_frame <- function(FUN, X, MoreArgs) {
  one <- function(i) .mapply(FUN, lapply(X, function(x) x[i]), MoreArgs)[[1L]]
  environment()
}

mapply_one_call <- quote(one(i))
