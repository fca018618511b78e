# What library(parallel) would have attached besides the functions that are ours:
# parallel's own. Functions about forking are not there on Windows, and those for
# makers of clusters only in new versions of R.

#' Functions of parallel
#'
#' Attached with rustle as they are with parallel. They are parallel's own and are
#' described in its manual: `help(package = "parallel")`.
#'
#' @name reexports-parallel
#' @keywords internal
#' @rawRd
#' \alias{closeNode}
#' \alias{detectCores}
#' \alias{getDefaultCluster}
#' \alias{makeCluster}
#' \alias{makeForkCluster}
#' \alias{makePSOCKcluster}
#' \alias{mc.reset.stream}
#' \alias{mcaffinity}
#' \alias{mccollect}
#' \alias{mcparallel}
#' \alias{nextRNGStream}
#' \alias{nextRNGSubStream}
#' \alias{recvData}
#' \alias{recvOneData}
#' \alias{registerClusterType}
#' \alias{sendData}
#' \alias{setDefaultCluster}
#' \alias{splitIndices}
#' \alias{stopCluster}
#' @seealso [mclapply()], [parLapply()], [clusterCall()] for those of our own.
#' @importFrom parallel detectCores
#' @importFrom parallel getDefaultCluster
#' @importFrom parallel makeCluster
#' @importFrom parallel makeForkCluster
#' @importFrom parallel makePSOCKcluster
#' @importFrom parallel nextRNGStream
#' @importFrom parallel nextRNGSubStream
#' @importFrom parallel setDefaultCluster
#' @importFrom parallel splitIndices
#' @importFrom parallel stopCluster
#' @export detectCores
#' @export getDefaultCluster
#' @export makeCluster
#' @export makeForkCluster
#' @export makePSOCKcluster
#' @export nextRNGStream
#' @export nextRNGSubStream
#' @export setDefaultCluster
#' @export splitIndices
#' @export stopCluster
#' @rawNamespace if (.Platform$OS.type != "windows") {
#'   importFrom(parallel, mc.reset.stream, mcaffinity, mccollect, mcparallel)
#'   export(mc.reset.stream, mcaffinity, mccollect, mcparallel)
#' }
#' @rawNamespace if ("registerClusterType" %in% getNamespaceExports("parallel")) {
#'   importFrom(parallel, closeNode, recvData, recvOneData, registerClusterType, sendData)
#'   export(closeNode, recvData, recvOneData, registerClusterType, sendData)
#' }
NULL
