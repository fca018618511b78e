#' Apply functions on a cluster or on the plan's workers
#'
#' [parallel::clusterApply()], [parallel::clusterApplyLB()], [parallel::clusterMap()]
#' and [parallel::clusterSplit()]. On a cluster, or the default that is registered
#' (see [parallel::setDefaultCluster()]), these are parallel's own functions, except that a
#' lost node loses nothing. Without one, where parallel stops, tasks run on the workers of the [plan()].
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
#' @inheritSection parLapply Lost nodes of a cluster
#' @inheritSection parLapply Errors of tasks on a cluster
#' @inheritSection parLapply Reproducibility
#' @section Where it differs from parallel: On the plan's workers `clusterApply()` has
#'   no rounds: a task starts as soon as a worker is idle. More in [parLapply()].
#' @seealso [parLapply()] for lists in blocks; [clusterCall()] for what a cluster's workers
#'   keep; [plan()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' str(clusterApply(NULL, 1:3, function(i) i^2))
#' #> List of 3
#' #>  $ : num 1
#' #>  $ : num 4
#' #>  $ : num 9
#' clusterMap(NULL, function(x, y) x + y, c(a = 1, b = 2), 3:4, SIMPLIFY = TRUE)
#' #> a b
#' #> 4 6
#' clusterSplit(NULL, 1:5)
#' #> [[1]]
#' #> [1] 1 2
#' #>
#' #> [[2]]
#' #> [1] 3 4 5
#' plan(oplan)
#' @export
clusterApply <- function(cl = NULL, x, fun, ...) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(on_links(cl, sys.call(), "one", FALSE, length(x), function(cl) parallel::clusterApply(cl, x, fun, ...)))
  fun <- check_function(fun, "fun", parent.frame())
  if (length(x) == 0L) {
    forget_call(without_tasks)
    return(NULL)
  }
  frame <- list2env(list(X = x, FUN = fun), open_frame(...))
  policy <- if (keeps_streams(plan)) new_policy("cyclic") else new_policy("dynamic", 1L)
  run_cluster(plan, policy, frame, length(x), parent.frame(), sys.call())$values
}

#' @rdname clusterApply
#' @export
clusterApplyLB <- function(cl = NULL, x, fun, ...) {
  plan <- cluster_plan(cl)
  if (is.null(plan)) return(on_links(cl, sys.call(), "one", TRUE, length(x), function(cl) parallel::clusterApplyLB(cl, x, fun, ...)))
  fun <- check_function(fun, "fun", parent.frame())
  if (length(x) == 0L) {
    forget_call(without_tasks)
    return(NULL)
  }
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
    return(on_links(cl, call, "one", identical(.scheduling, "dynamic"), (if (isFALSE(RECYCLE)) min else max)(lengths(list(...))), function(cl) {
      parallel::clusterMap(
        cl, fun, ..., MoreArgs = MoreArgs, RECYCLE = RECYCLE, SIMPLIFY = SIMPLIFY,
        USE.NAMES = USE.NAMES, .scheduling = .scheduling
      )
    }))
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
  if (n == 0L) {
    forget_call(without_tasks)
    return(NULL)
  }
  if (RECYCLE && !all(lengths(X) == n)) X <- lapply(X, rep, length.out = n)
  names <- if (USE.NAMES) element_names(X[[1L]])[seq_len(n)]
  frame <- do.call(open_frame, as.list(MoreArgs), quote = TRUE)
  list2env(list(X = X, FUN = fun), frame)
  outcome <- run_cluster(
    plan, new_policy(if (.scheduling == "static") "cyclic" else "dynamic", 1L), frame, n,
    parent.frame(), call,
    task = mapply_call(X), forced = length(X), shape = if (!isFALSE(SIMPLIFY)) "scalar",
    over = c(X = "vectors"), machine = function() {
      # Methods of `[` are for whoever runs the tasks.
      if (!any(vapply(X, is.object, NA))) several_frame(fun, lapply(X, `[`, seq_len(n)), MoreArgs)
    }
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
