# Looking at the nodes of plan(cluster) (engine-cluster-nodes.R).

#' Nodes of a cluster plan
#'
#' `node_status()` tells which nodes `plan(cluster)` has, on which hosts, what they have done, and
#' of those that were lost, why.
#'
#' Nodes start with the first call that needs them and end with the plan. One that rustle has
#' started and that was lost is started again by the next call. Versions are told because numbers
#' may depend on them; the first call tells those that differ from the session's.
#'
#' @return A data frame of class `rustle_node_status` with a row for each node and the columns
#'   * `node`: its number, as in messages and in [job_report()];
#'   * `host`: the name that it gives itself;
#'   * `pid`: the process id of its R session, there;
#'   * `cores`: workers that a call has on it;
#'   * `state`: `"idle"`, `"busy"` while a call has tasks there, or `"lost"`;
#'   * `reason`: why it was lost, `NA` where it was not;
#'   * `tasks`: tasks of calls of this plan that it has finished;
#'   * `losses`: how many times it was lost;
#'   * `R`, `rustle`: versions there; `NA` without rustle, whose tasks run on processes of base R.
#'
#'   Without nodes, or under another plan, the data frame has no rows.
#' @examples
#' node_status()
#' \donttest{
#' oplan <- plan(cluster, workers = 2)
#' future_sapply(1:4, sqrt)
#' #> [1] 1.000000 1.414214 1.732051 2.000000
#' node_status()[c("node", "cores", "state", "losses")]
#' #>  node cores state losses
#' #>     1     1  idle      0
#' #>     2     1  idle      0
#' plan(oplan)
#' }
#' @seealso [plan()] for `cluster`, [add_workers()]; [worker_status()] for the workers of
#'   `multisession`, [status()] for runs on Slurm; `?"rustle-plans"`.
#' @export
node_status <- function() {
  nodes <- nodes_there()
  of <- function(field, type) unname(vapply(nodes, function(node) node[[field]], type))
  state <- function(node) {
    if (!is.null(node$lost)) "lost" else if (length(node$chunks)) "busy" else "idle"
  }
  structure(
    data.frame(
      node = as.integer(of("id", 0)), host = of("host", ""), pid = of("pid", 1L), cores = of("cores", 1L),
      state = vapply(nodes, state, ""), reason = vapply(nodes, function(node) if (is.null(node$lost)) NA_character_ else node$lost, ""),
      tasks = of("tasks", 0), losses = of("losses", 1L), R = of("version", ""), rustle = of("package", "")
    ),
    class = c("rustle_node_status", "data.frame")
  )
}

#' @export
print.rustle_node_status <- function(x, ...) {
  if (!nrow(x)) {
    cat("no nodes are up\n")
    return(invisible(x))
  }
  shown <- x
  class(shown) <- "data.frame"
  if (!is.null(shown$reason) && all(is.na(shown$reason))) shown$reason <- NULL
  print(shown, row.names = FALSE)
  invisible(x)
}

# For the print of a plan: "2 of 3".
nodes_up <- function() {
  state <- node_status()$state
  if (any(state == "lost")) sprintf("%d of %d", sum(state != "lost"), length(state)) else as.character(length(state))
}
