#' Apply functions on a cluster or on the plan's workers
#'
#' [parallel::clusterApply()], [parallel::clusterApplyLB()], [parallel::clusterMap()]
#' and [parallel::clusterSplit()]. On a cluster, or the default that is registered
#' (see [parallel::setDefaultCluster()]), these are parallel's own functions. Without
#' one, where parallel stops, tasks run on the workers of the [plan()].
#'
#' @inheritParams parLapply
#' @param x A vector: a task for each element, which is `fun`'s first argument.
#' @param fun A function, or the name of one.
#' @param ... For `clusterMap()` vectors to go over together; else further arguments
#'   of `fun`, of any names, evaluated once.
#' @param MoreArgs A list of further arguments of `fun`, or `NULL`.
#' @param RECYCLE `TRUE` (default): vectors are recycled to the longest; `FALSE`:
#'   tasks end with the shortest.
#' @param SIMPLIFY,USE.NAMES As in [base::mapply()].
#' @param .scheduling `"static"`: worker w gets the tasks w, w + workers, ...;
#'   `"dynamic"`: tasks go to whoever is idle.
#' @param seq A vector to cut into contiguous pieces, one for each worker.
#' @return `clusterApply()` and `clusterApplyLB()`: a list of the values, in order,
#'   without names (`NULL` when `x` is empty, as in parallel). `clusterMap()`: as
#'   [base::mapply()]. `clusterSplit()`: a list of pieces of `seq`.
#' @inheritSection parLapply Plans
#' @inheritSection parLapply Errors
#' @inheritSection parLapply Reproducibility
#' @section Where it differs from parallel: On the plan's workers `clusterApply()` has
#'   no rounds: a task starts as soon as a worker is idle. More in [parLapply()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' str(clusterApply(NULL, 1:3, function(i) i^2))
#' clusterMap(NULL, function(x, y) x + y, c(a = 1, b = 2), 3:4, SIMPLIFY = TRUE)
#' clusterSplit(NULL, 1:5)
#' plan(oplan)
#' @export
clusterApply <- function(cl = NULL, x, fun, ...) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(parallel::clusterApply(cl, x, fun, ...))
  fun <- check_function(fun, "fun", parent.frame())
  if (length(x) == 0L) return(NULL)
  frame <- list2env(list(X = x, FUN = fun), open_frame(...))
  run_cluster(plan, new_policy("dynamic", 1L), frame, length(x), parent.frame(), sys.call())$values
}

#' @rdname clusterApply
#' @export
clusterApplyLB <- function(cl = NULL, x, fun, ...) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(parallel::clusterApplyLB(cl, x, fun, ...))
  fun <- check_function(fun, "fun", parent.frame())
  if (length(x) == 0L) return(NULL)
  frame <- list2env(list(X = x, FUN = fun), open_frame(...))
  run_cluster(plan, new_policy("dynamic", 1L), frame, length(x), parent.frame(), sys.call())$values
}

#' @rdname clusterApply
#' @export
clusterMap <- function(cl = NULL, fun, ..., MoreArgs = NULL, RECYCLE = TRUE, SIMPLIFY = FALSE,
                       USE.NAMES = TRUE, .scheduling = c("static", "dynamic")) {
  call <- sys.call()
  plan <- cluster_plan(cl)
  if (is.null(plan)) {
    return(parallel::clusterMap(
      cl, fun, ..., MoreArgs = MoreArgs, RECYCLE = RECYCLE, SIMPLIFY = SIMPLIFY,
      USE.NAMES = USE.NAMES, .scheduling = .scheduling
    ))
  }
  fun <- check_function(fun, "fun", parent.frame())
  MoreArgs <- check_more_args(MoreArgs)
  RECYCLE <- check_loose_flag(RECYCLE, "RECYCLE")
  check_simplify(SIMPLIFY, "SIMPLIFY")
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  choices <- c("static", "dynamic")
  if (identical(.scheduling, choices)) .scheduling <- "static"
  .scheduling <- check_choice(.scheduling, choices, ".scheduling")
  X <- list(...)
  if (!length(X)) stop_argument("...", "at least one vector", NULL, call)
  n <- if (RECYCLE) check_lengths(X) else min(lengths(X))
  if (n == 0L) return(NULL)
  if (RECYCLE && !all(lengths(X) == n)) X <- lapply(X, rep, length.out = n)
  names <- if (USE.NAMES) element_names(X[[1L]][seq_len(n)])
  frame <- do.call(open_frame, as.list(MoreArgs), quote = TRUE)
  list2env(list(X = X, FUN = fun), frame)
  outcome <- run_cluster(
    plan, new_policy(if (.scheduling == "static") "cyclic" else "dynamic", 1L), frame, n,
    parent.frame(), call,
    task = mapply_call(X), forced = length(X), shape = if (!isFALSE(SIMPLIFY)) "scalar",
    slice = function(tasks) list(X = lapply(X, function(x) x[tasks]))
  )
  simplify_outcome(outcome, names, SIMPLIFY)
}

#' @rdname clusterApply
#' @export
clusterSplit <- function(cl = NULL, seq) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(parallel::clusterSplit(cl, seq))
  lapply(parallel::splitIndices(length(seq), plan$workers), function(i) seq[i])
}

# FUN(name = X[[1L]][[i]], X[[2L]][[i]], ...)
mapply_call <- function(X) {
  arguments <- lapply(seq_along(X), function(k) bquote(X[[.(k)]][[i]]))
  names(arguments) <- names(X)
  as.call(c(list(quote(FUN)), arguments, list(quote(...))))
}

# The plan of a call with `cl`; NULL when there is a cluster and the call is
# parallel's own affair.
cluster_plan <- function(cl, call = sys.call(-1L)) {
  if (has_cluster(cl, call)) return(NULL)
  plan <- current_plan()
  if (is.null(cl)) return(plan)
  workers <- as.integer(cl)
  if (plan$kind == "multicore" || (plan$kind == "sequential" && workers > 1L && supports_fork())) {
    return(multicore_plan(workers))
  }
  if (workers == plan$workers) return(plan)
  # Workers of other kinds are future's. Not all of them need be used; more would take
  # another plan of future's, at which the workers of this one and their futures end.
  if (workers > plan$workers && plan$kind != "sequential") {
    must <- sprintf("a cluster, NULL or a number of at most %d, the workers of the plan", plan$workers)
    stop_argument("cl", must, cl, call)
  }
  plan$resize <- plan$kind == "sequential"
  plan$limit <- workers
  plan$kind <- "future"
  plan$workers <- workers
  plan
}

# Evaluates `expr`, a function of the plan, on local workers that live for that long,
# under a plan that has none.
with_local_workers <- function(plan, expr) {
  done <- FALSE
  nodes <- parallelly::makeClusterPSOCK(plan$workers)
  on.exit(stop_nodes(nodes, done))
  on.exit(set_stack(plan$stack, plan$settings, init = FALSE, cleanup = FALSE), add = TRUE, after = FALSE)
  strategy <- future::tweak(future::cluster, workers = nodes)
  set_stack(list(strategy), plan$settings, init = FALSE, cleanup = FALSE)
  out <- expr(current_plan())
  done <- TRUE
  out
}

# A worker that is in the middle of a task would finish it first.
stop_nodes <- function(nodes, idle) {
  pids <- lapply(nodes, function(node) node$session_info$process$pid)
  try(parallel::stopCluster(nodes), silent = TRUE)
  if (!idle) for (pid in pids) tools::pskill(pid)
}

has_cluster <- function(cl, call = sys.call(-1L)) {
  if (is.null(cl)) return(!is.null(parallel::getDefaultCluster()))
  if (inherits(cl, "cluster")) return(TRUE)
  number <- is.numeric(cl) && length(cl) == 1L && !is.na(cl) && cl >= 1 && cl == floor(cl)
  if (!number) stop_argument("cl", "a cluster, a number of workers or NULL", cl, call)
  FALSE
}

# Runs the n tasks of a call of the family, whose data are in `frame`. Errors do not
# end it; the first is raised afterwards.
run_cluster <- function(plan, policy, frame, n, envir, origin, task = lapply_call,
                        forced = 1L, shape = NULL,
                        slice = function(tasks) list(X = frame$X[tasks])) {
  if (n == 0L) return(new_outcome(list()))
  job <- new_job(
    task, frame, n, policy, streams_of_cluster(n),
    relay = new_relay(TRUE, list(classes = "condition")), on_error = "keep", envir = envir,
    origin = origin, forced = forced, shape = shape, slice = slice
  )
  run <- function(plan) run_job(job, plan)
  outcome <- if (isTRUE(plan$resize)) with_local_workers(plan, run) else run(plan)
  stop_first_failure(outcome)
  outcome
}

# With L'Ecuyer-CMRG tasks have streams, and the caller's state moves, as with
# `future.seed = TRUE`; with other kinds workers start without a seed.
streams_of_cluster <- function(n) {
  if (RNGkind()[[1L]] == "L'Ecuyer-CMRG") streams_of_future(TRUE, n) else no_streams()
}

# When tasks failed whose errors did not end the job: raises the first.
stop_first_failure <- function(outcome, what = "task") {
  failed <- outcome$failed
  if (!length(failed)) return(invisible())
  error <- outcome$values[[failed[[1L]]]]
  if (is.list(error)) error$failed <- failed
  more <- if (length(failed) > 1L) sprintf("; %d of them failed", length(failed)) else ""
  raise_of_task(error, failed[[1L]], length(outcome$values), what, more)
}
