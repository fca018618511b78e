#' Give workers something to keep
#'
#' [parallel::clusterCall()], [parallel::clusterEvalQ()], [parallel::clusterExport()]
#' and [parallel::clusterSetRNGStream()], for the workers of `plan(multisession)` and for
#' clusters made by [parallel::makeCluster()] and its like. Forked workers keep nothing
#' between calls, so under `plan(multicore)`, and without workers, these functions stop and say
#' what to do instead.
#'
#' @param cl `NULL` for the registered default cluster, or where there is none the workers of
#'   the plan; or a cluster.
#' @param fun A function, or the name of one, called once on each worker.
#' @param ... Further arguments of `fun`.
#' @param expr An expression to evaluate in the global environment of each worker.
#' @param varlist Names of variables to copy to the global environment of each worker.
#' @param envir The environment of these variables.
#' @param iseed A seed for [set.seed()], or `NULL`.
#' @return As the functions of parallel: `clusterCall()` and `clusterEvalQ()` a list with
#'   the value of each worker, the others `NULL`, invisibly.
#' @section Workers of the plan: What is done in these workers is done again in each that
#'   replaces one or is added, before its first task, and ends with the plan. (A
#'   call that failed in one worker is not done again.) What tasks change is put back after
#'   their call, what these functions have made included. A database, a model or
#'   whatever else all workers need is better made by the `setup` of the [plan()].
#'
#'   After `clusterSetRNGStream()` the functions of parallel ([parLapply()], [clusterApply()]
#'   and their relatives) draw from the random states of the workers, which go on from call to
#'   call, so that numbers are those of a cluster of as many workers. (Not with `chunk.size`,
#'   and not the functions with `LB` in their name, where it is left to chance which worker has
#'   which task, as on a cluster.) A worker that replaces another begins its
#'   stream anew. [future_lapply()] and its relatives have `future.seed` for this, and
#'   [mclapply()] its own streams.
#' @section Errors: `rustle_error_no_cluster` when `cl` is a number of workers, or `NULL`,
#'   no default is registered and the workers of the plan keep nothing;
#'   `rustle_error_argument` when it is anything else; an error in a worker is raised here when
#'   all have ended.
#' @section Where it differs from parallel: In the class and the text of these errors.
#'   On the workers of the plan output and conditions are relayed.
#' @seealso [clusterApply()], [parLapply()]; [worker_status()]; `?"rustle-plans"`.
#' @examples
#' try(clusterEvalQ(NULL, library(stats)))
#' \donttest{
#' oplan <- plan(multisession, workers = 2)
#' clusterExport(NULL, "letters", baseenv())
#' clusterEvalQ(NULL, letters[[1]])
#' #> [[1]]
#' #> [1] "a"
#' #>
#' #> [[2]]
#' #> [1] "a"
#' plan(oplan)
#' }
#' @export
clusterCall <- function(cl = NULL, fun, ...) {
  plan <- keeping_plan(cl, "clusterCall", "clusterApply() runs a function on the workers of the plan.")
  if (is.null(plan)) return(parallel::clusterCall(cl, fun, ...))
  fun <- check_function(fun, "fun", parent.frame())
  on_each_worker(plan, "call", sys.call(), fun = fun, arguments = list(...))
}

#' @rdname clusterCall
#' @export
clusterEvalQ <- function(cl = NULL, expr) {
  plan <- keeping_plan(cl, "clusterEvalQ", paste(
    "Forked workers have what the session has: evaluate it in the session,",
    "or in the function of the tasks."
  ))
  if (is.null(plan)) return(parallel::clusterCall(cl, eval, substitute(expr), env = .GlobalEnv))
  on_each_worker(plan, "eval", sys.call(), code = substitute(expr))
}

#' @rdname clusterCall
#' @export
clusterExport <- function(cl = NULL, varlist, envir = .GlobalEnv) {
  plan <- keeping_plan(cl, "clusterExport", paste(
    "Workers of the plan find the variables of the session without it:",
    "leave the call out."
  ))
  if (is.null(plan)) return(parallel::clusterExport(cl, varlist, envir))
  if (!is.character(varlist) || anyNA(varlist)) {
    stop_argument("varlist", "names of variables", varlist, sys.call())
  }
  absent <- Filter(function(name) !exists(name, envir), varlist)
  if (length(absent)) stop_argument("varlist", "names of variables that exist", absent[[1L]], sys.call())
  values <- sapply(varlist, get, envir = envir, simplify = FALSE)
  on_each_worker(plan, "export", sys.call(), values = values)
  invisible()
}

#' @rdname clusterCall
#' @export
clusterSetRNGStream <- function(cl = NULL, iseed = NULL) {
  plan <- keeping_plan(cl, "clusterSetRNGStream", paste(
    "For random numbers that can be repeated, say RNGkind(\"L'Ecuyer-CMRG\") and",
    "set.seed() in the session: every task has a stream then."
  ))
  if (is.null(plan)) return(parallel::clusterSetRNGStream(cl, iseed))
  seed <- if (is.null(iseed)) {
    keep_random_seed(lecuyer_of_state(reuse = FALSE))
  } else {
    lecuyer_of_number(iseed, "iseed", sys.call())
  }
  seeds <- Reduce(function(seed, k) parallel::nextRNGStream(seed), seq_len(plan$workers - 1L), seed, accumulate = TRUE)
  on_each_worker(plan, "seeds", sys.call(), seeds = seeds)
  keep <- keep_in_force()
  keep$streams <- TRUE
  invisible()
}

# The plan whose workers keep what they are given; NULL when there is a cluster.
keeping_plan <- function(cl, what, instead, call = sys.call(-1L)) {
  if (has_cluster(cl, call)) return(NULL)
  plan <- current_plan()
  if (is.null(cl) && plan$executor$keeps) return(plan)
  abort_rustle(
    sprintf(
      paste(
        "%s() needs workers that keep what they are given, as those of plan(multisession) do,",
        "and there is no cluster: `cl` is %s. %s"
      ),
      what, if (is.null(cl)) "NULL and no default is registered" else "a number", instead
    ),
    class = "rustle_error_no_cluster", cl = cl, call = call
  )
}

# The plan of a call with `cl`; NULL when there is a cluster, so that parallel's own function
# runs the call.
cluster_plan <- function(cl, call = sys.call(-1L)) {
  if (has_cluster(cl, call)) return(if (isTRUE(previews$on)) plan_like_cluster(cl))
  plan <- current_plan()
  if (is.null(cl)) return(plan)
  resized <- resize_plan(plan, as.integer(cl))
  if (is.null(resized)) {
    must <- sprintf("a cluster, NULL or a number of at most %d, the workers of the plan", plan$workers)
    stop_argument("cl", must, cl, call)
  }
  resized
}

# A plan of as many nodes, for preview_job(), which runs nothing on it.
plan_like_cluster <- function(cl) {
  if (is.null(cl)) cl <- parallel::getDefaultCluster()
  plan <- current_plan()
  new_plan(executor("cluster"), length(cl), plan$settings, plan$stack)
}

has_cluster <- function(cl, call = sys.call(-1L)) {
  if (is.null(cl)) return(!is.null(parallel::getDefaultCluster()))
  if (inherits(cl, "cluster")) return(TRUE)
  number <- is.numeric(cl) && length(cl) == 1L && !is.na(cl) && cl >= 1 && cl == floor(cl)
  if (!number) stop_argument("cl", "a cluster, a number of workers or NULL", cl, call)
  FALSE
}

# Runs the n tasks of a call of the family, whose data are in `frame`. An error of a task
# does not stop the others; the first error is raised afterwards. machine: as in run_future_call(), without
# an argument.
run_cluster <- function(plan, policy, frame, n, envir, origin, task = lapply_call,
                        forced = 1L, shape = NULL, over = c(X = "elements"), machine = NULL) {
  if (n == 0L) {
    forget_call(without_tasks)
    return(new_outcome(list()))
  }
  # Which worker has which task tells its numbers then.
  own <- keeps_streams(plan)
  if (own && policy$schedule == "static") {
    policy$ends <- as.integer(cumsum(lengths(parallel::splitIndices(n, min(n, plan$workers)))))
  }
  job <- new_job(
    task, frame, n, policy, if (own) own_streams() else streams_of_cluster(n),
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", envir = envir,
    origin = origin, forced = forced, shape = shape, over = over,
    shares = own && policy$schedule %in% c("static", "cyclic")
  )
  if (!is.null(machine) && compiles(plan)) job$machine <- machine()
  outcome <- run_job(job, plan)
  stop_first_failure(outcome)
  outcome
}
