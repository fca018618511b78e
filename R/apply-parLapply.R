#' Apply a function to each element on a cluster or on the plan's workers
#'
#' [parallel::parLapply()], [parallel::parLapplyLB()], [parallel::parSapply()] and
#' [parallel::parSapplyLB()]. On a cluster, or the default that is registered (see
#' [parallel::setDefaultCluster()]), these are parallel's own functions, except that a lost
#' node loses nothing. Without one, where parallel stops, tasks run on the workers of the
#' [plan()].
#'
#' @param cl A cluster, on which parallel's own functions run; `NULL`: the registered default
#'   cluster, else the workers of the plan; a whole number: so many workers of the
#'   plan's kind (under `plan(sequential)` forked ones, or new ones for this call where
#'   there is no forking). Under plans that run as futures so many of the plan's
#'   workers, which cannot be more than it has.
#' @param X A vector or an object that [as.list()] makes one.
#' @param fun,FUN A function, or the name of one.
#' @param ... Further arguments of the function, of any names, evaluated once.
#' @param simplify,USE.NAMES As in [base::sapply()].
#' @param chunk.size Tasks per chunk, on average; chunks go to whoever is idle. By
#'   default, or when not positive, one contiguous block for each worker;
#'   `parLapplyLB()` and `parSapplyLB()`: one task at a time.
#' @return `parLapply()`: a list with the values, in order, with the names of `X`.
#'   `parSapply()`: as [base::sapply()].
#' @section Plans: All plans. With `cl = NULL` under `plan(sequential)` tasks run in
#'   the session. The plan's `retries`, `timeout`, `progress` and `worker_threads` hold
#'   as in [future_lapply()]; its `schedule` does not.
#' @section Reproducibility: On the plan's workers. With `RNGkind("L'Ecuyer-CMRG")`
#'   every task has a random number stream of its own, and the caller's
#'   `.Random.seed` moves on, as with `future.seed = TRUE` of [future_lapply()]: after
#'   `set.seed()` the numbers are the same for all plans, workers and chunks, and
#'   another call draws others. With other kinds every worker seeds itself, as those
#'   of a new cluster do: no two workers draw the same numbers, and no call repeats
#'   them. (In the session tasks then draw from its own state.)
#' @section Errors: On the plan's workers. When tasks fail, the error of the first is
#'   raised after all tasks have run, with its own class, message and call; field
#'   `task` is its index, and `failed` has those of all that failed. Lost workers are
#'   replaced as in [future_lapply()], and then `rustle_error_worker_lost`.
#'   `rustle_error_argument` for wrong arguments, before anything has started.
#' @section Lost nodes of a cluster: When a node of a cluster of sockets is lost, a message of
#'   class `rustle_message_node_lost` says so, and its unfinished work runs on another node,
#'   from the state of the random numbers that the lost node had: the result is that of the
#'   healthy cluster. What a node alone was given (by [parallel::clusterApply()], not by
#'   [clusterExport()]) is lost. Work that was lost more than the plan's `retries` times is
#'   `rustle_error_worker_lost`. A link that is cut without a sign is not noticed.
#'   With `options(rustle.cluster = FALSE)`, and on clusters of other connections (MPI), it is
#'   all parallel's own code, and one lost node ends the call; there is no [job_report()] either.
#' @section Errors of tasks on a cluster: They have the message and the class that parallel gives them, and
#'   beyond that the fields `task` (the first that failed), `failed` (the first of each chunk) and
#'   `trace`: [rerun_task()] and [task_trace()] take them.
#' @section Where it differs from parallel: On a cluster in nothing but this. On the plan's
#'   workers, where parallel has nothing to compare with but a cluster of its own:
#'
#'   | | a cluster of parallel | the plan's workers | why |
#'   |---|---|---|---|
#'   | error of a task | `"2 nodes produced errors; first error: ..."` | the first error itself, with its class and call, `task` and `failed` | it can be handled by class, and found |
#'   | other tasks of the chunk | do not run | run | tasks are independent |
#'   | extra arguments with the names of formals of inner functions, as `x` or `FUN` | "matched by multiple actual arguments" | reach the function | |
#'   | output, messages, warnings of tasks | lost | relayed in task order | |
#'   | lost worker | error in `unserialize()`; the cluster is gone (here: see Lost nodes of a cluster) | it is replaced and its tasks run again | |
#'   | `clusterApply()`, `chunk.size` | rounds with a barrier | whoever is idle takes the next | no worker waits |
#'   | `parLapplyLB()` without `chunk.size` | two chunks per node | one task at a time | balance; a claim costs no message |
#'   | what workers keep between calls | yes | `plan(multisession)`: what [clusterExport()] and its like have given; other plans: nothing, these functions stop | forked workers see the session as it is |
#'   | random numbers | states of the workers | see Reproducibility | |
#'   | `parRapply()`, `parCapply()` with values of several lengths | in older versions of R the shape depends on the chunks | the shape of one chunk | the same for all workers |
#' @seealso [clusterApply()], [clusterCall()]; [future_lapply()]; `?"rustle-plans"`.
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' str(parLapply(NULL, c(a = 1, b = 4), sqrt))
#' #> List of 2
#' #>  $ a: num 1
#' #>  $ b: num 2
#' parSapplyLB(NULL, 1:4, function(i, x) i * x, x = 10)
#' #> [1] 10 20 30 40
#' plan(oplan)
#' @export
parLapply <- function(cl = NULL, X, fun, ..., chunk.size = NULL) {
  if (nargs() == 3L && !missing(cl) && is.null(cl) && !missing(X) && !missing(fun)) {
    found <- cluster_again(fun, X, sys.call(), FALSE, "static")
    if (!is.null(found)) return(found)
  }
  plan <- cluster_plan(cl)
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "elements", FALSE, length(X), function(cl) {
      parallel::parLapply(cl, X, fun, ..., chunk.size = chunk.size)
    }))
  }
  fun <- check_function(fun, "fun", parent.frame())
  outcome <- par_lapply(plan, X, fun, open_frame(...), chunk.size, FALSE, parent.frame(), sys.call())
  simplify_outcome(outcome, outcome$names, FALSE)
}

#' @rdname parLapply
#' @export
parLapplyLB <- function(cl = NULL, X, fun, ..., chunk.size = NULL) {
  if (nargs() == 3L && !missing(cl) && is.null(cl) && !missing(X) && !missing(fun)) {
    found <- cluster_again(fun, X, sys.call(), FALSE, "dynamic")
    if (!is.null(found)) return(found)
  }
  plan <- cluster_plan(cl)
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "elements", TRUE, length(X), function(cl) {
      parallel::parLapplyLB(cl, X, fun, ..., chunk.size = chunk.size)
    }))
  }
  fun <- check_function(fun, "fun", parent.frame())
  outcome <- par_lapply(plan, X, fun, open_frame(...), chunk.size, TRUE, parent.frame(), sys.call())
  simplify_outcome(outcome, outcome$names, FALSE)
}

#' @rdname parLapply
#' @export
parSapply <- function(cl = NULL, X, FUN, ..., simplify = TRUE, USE.NAMES = TRUE,
                      chunk.size = NULL) {
  if (nargs() == 3L && !missing(cl) && is.null(cl) && !missing(X) && !missing(FUN)) {
    found <- cluster_again(FUN, X, sys.call(), TRUE, "static")
    if (!is.null(found)) return(shape_again(found))
  }
  plan <- cluster_plan(cl)
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "elements", FALSE, length(X), function(cl) {
      parallel::parSapply(cl, X, FUN, ..., simplify = simplify, USE.NAMES = USE.NAMES, chunk.size = chunk.size)
    }))
  }
  par_sapply(plan, X, FUN, open_frame(...), simplify, USE.NAMES, chunk.size, FALSE, parent.frame(), sys.call())
}

#' @rdname parLapply
#' @export
parSapplyLB <- function(cl = NULL, X, FUN, ..., simplify = TRUE, USE.NAMES = TRUE,
                        chunk.size = NULL) {
  if (nargs() == 3L && !missing(cl) && is.null(cl) && !missing(X) && !missing(FUN)) {
    found <- cluster_again(FUN, X, sys.call(), TRUE, "dynamic")
    if (!is.null(found)) return(shape_again(found))
  }
  plan <- cluster_plan(cl)
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (is.null(plan)) {
    return(on_links(cl, sys.call(), "elements", TRUE, length(X), function(cl) {
      parallel::parSapplyLB(cl, X, FUN, ..., simplify = simplify, USE.NAMES = USE.NAMES, chunk.size = chunk.size)
    }))
  }
  par_sapply(plan, X, FUN, open_frame(...), simplify, USE.NAMES, chunk.size, TRUE, parent.frame(), sys.call())
}

# `balance`: the LB functions.
par_lapply <- function(plan, X, FUN, frame, chunk_size, balance, envir, origin, shape = NULL) {
  X <- as_elements(X)
  n <- length(X)
  policy <- policy_of_cluster(n, plan, chunk_size, balance, origin)
  list2env(list(X = X, FUN = FUN), frame)
  outcome <- run_cluster(plan, policy, frame, n, envir, origin, shape = shape)
  # Where there is no task there are no names, as in parallel.
  c(outcome, list(names = if (n) names(X)))
}

par_sapply <- function(plan, X, FUN, frame, simplify, use_names, chunk_size, balance, envir, origin) {
  check_simplify(simplify, call = origin)
  use_names <- check_loose_flag(use_names, "USE.NAMES", origin)
  shape <- if (!isFALSE(simplify)) "scalar"
  outcome <- par_lapply(plan, X, FUN, frame, chunk_size, balance, envir, origin, shape)
  names <- outcome$names
  if (use_names && is.character(X) && is.null(names)) names <- X
  simplify_outcome(outcome, names, simplify)
}
