#' Give workers of a cluster something to keep
#'
#' [parallel::clusterCall()], [parallel::clusterEvalQ()], [parallel::clusterExport()]
#' and [parallel::clusterSetRNGStream()], for clusters made by
#' [parallel::makeCluster()] and its like. Workers of the [plan()] keep nothing
#' between calls, so without a cluster these functions stop and say what to do instead.
#'
#' @param cl A cluster, or `NULL` for the registered default cluster.
#' @param fun A function, or the name of one, called once on each worker.
#' @param ... Further arguments of `fun`.
#' @param expr An expression to evaluate on each worker.
#' @param varlist Names of variables to copy to each worker.
#' @param envir The environment of these variables.
#' @param iseed A seed for [set.seed()], or `NULL`.
#' @return As the functions of parallel: `clusterCall()` and `clusterEvalQ()` a list with
#'   the value of each worker, the others `NULL`, invisibly.
#' @section Errors: `rustle_error_no_cluster` when `cl` is a number of workers, or `NULL`
#'   and no default is registered; `rustle_error_argument` when it is anything else.
#' @section Where it differs from parallel: In the class and the text of that error.
#' @examples
#' try(clusterEvalQ(NULL, library(stats)))
#' @export
clusterCall <- function(cl = NULL, fun, ...) {
  need_cluster(cl, "clusterCall", "clusterApply() runs a function on the workers of the plan.")
  parallel::clusterCall(cl, fun, ...)
}

#' @rdname clusterCall
#' @export
clusterEvalQ <- function(cl = NULL, expr) {
  need_cluster(cl, "clusterEvalQ", paste(
    "Forked workers have what the session has: evaluate it in the session,",
    "or in the function of the tasks."
  ))
  parallel::clusterCall(cl, eval, substitute(expr), env = .GlobalEnv)
}

#' @rdname clusterCall
#' @export
clusterExport <- function(cl = NULL, varlist, envir = .GlobalEnv) {
  need_cluster(cl, "clusterExport", paste(
    "Workers of the plan find the variables of the session without it:",
    "leave the call out."
  ))
  parallel::clusterExport(cl, varlist, envir)
}

#' @rdname clusterCall
#' @export
clusterSetRNGStream <- function(cl = NULL, iseed = NULL) {
  need_cluster(cl, "clusterSetRNGStream", paste(
    "For random numbers that can be repeated, say RNGkind(\"L'Ecuyer-CMRG\") and",
    "set.seed() in the session: every task has a stream then."
  ))
  parallel::clusterSetRNGStream(cl, iseed)
}

need_cluster <- function(cl, what, instead, call = sys.call(-1L)) {
  if (has_cluster(cl, call)) return(invisible())
  abort_rustle(
    sprintf(
      "%s() needs workers that keep what they are given, and there is no cluster: `cl` is %s. %s",
      what, if (is.null(cl)) "NULL and no default is registered" else "a number", instead
    ),
    class = "rustle_error_no_cluster", cl = cl, call = call
  )
}

# The plan of a call with `cl`; NULL when there is a cluster, so that parallel's own function
# runs the call.
cluster_plan <- function(cl, call = sys.call(-1L)) {
  if (has_cluster(cl, call)) return(NULL)
  plan <- current_plan()
  if (is.null(cl)) return(plan)
  resized <- resize_plan(plan, as.integer(cl))
  if (is.null(resized)) {
    must <- sprintf("a cluster, NULL or a number of at most %d, the workers of the plan", plan$workers)
    stop_argument("cl", must, cl, call)
  }
  resized
}

has_cluster <- function(cl, call = sys.call(-1L)) {
  if (is.null(cl)) return(!is.null(parallel::getDefaultCluster()))
  if (inherits(cl, "cluster")) return(TRUE)
  number <- is.numeric(cl) && length(cl) == 1L && !is.na(cl) && cl >= 1 && cl == floor(cl)
  if (!number) stop_argument("cl", "a cluster, a number of workers or NULL", cl, call)
  FALSE
}

# Runs the n tasks of a call of the family, whose data are in `frame`. An error of a task
# does not stop the others; the first error is raised afterwards.
run_cluster <- function(plan, policy, frame, n, envir, origin, task = lapply_call,
                        forced = 1L, shape = NULL, over = c(X = "elements")) {
  if (n == 0L) return(new_outcome(list()))
  job <- new_job(
    task, frame, n, policy, streams_of_cluster(n),
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", envir = envir,
    origin = origin, forced = forced, shape = shape, over = over
  )
  outcome <- run_job(job, plan)
  stop_first_failure(outcome)
  outcome
}
