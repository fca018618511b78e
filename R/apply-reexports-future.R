# What library(future.apply) would have attached besides its own functions, so
# that a script keeps working. These are future's own functions; plan() and
# nbrOfWorkers() are ours, and cluster() is in R/plan-cluster.R. (roxygen's own form for re-exports links to pages of
# future that have moved between its versions.)

#' Functions of future
#'
#' Attached with rustle as they are with future.apply. They are future's own and
#' are described in its manual: `help(package = "future")`.
#'
#' @name reexports
#' @keywords internal
#' @rawRd
#' \alias{\%->\%}
#' \alias{\%<-\%}
#' \alias{\%conditions\%}
#' \alias{\%globals\%}
#' \alias{\%label\%}
#' \alias{\%lazy\%}
#' \alias{\%packages\%}
#' \alias{\%plan\%}
#' \alias{\%seed\%}
#' \alias{\%stdout\%}
#' \alias{\%tweak\%}
#' \alias{as.FutureGlobals}
#' \alias{availableCores}
#' \alias{availableWorkers}
#' \alias{backtrace}
#' \alias{cluster}
#' \alias{future}
#' \alias{futureAssign}
#' \alias{futureCall}
#' \alias{futureOf}
#' \alias{futures}
#' \alias{futureSessionInfo}
#' \alias{getGlobalsAndPackages}
#' \alias{makeClusterPSOCK}
#' \alias{multicore}
#' \alias{multisession}
#' \alias{nbrOfFreeWorkers}
#' \alias{resetWorkers}
#' \alias{resolve}
#' \alias{resolved}
#' \alias{sequential}
#' \alias{supportsMulticore}
#' \alias{tweak}
#' \alias{value}
#' @seealso [plan()]; [future_lapply()].
#' @importFrom future %->%
#' @importFrom future %<-%
#' @importFrom future %conditions%
#' @importFrom future %globals%
#' @importFrom future %label%
#' @importFrom future %lazy%
#' @importFrom future %packages%
#' @importFrom future %plan%
#' @importFrom future %seed%
#' @importFrom future %stdout%
#' @importFrom future %tweak%
#' @importFrom future as.FutureGlobals
#' @importFrom future availableCores
#' @importFrom future availableWorkers
#' @importFrom future backtrace
#' @importFrom future future
#' @importFrom future futureAssign
#' @importFrom future futureCall
#' @importFrom future futureOf
#' @importFrom future futures
#' @importFrom future futureSessionInfo
#' @importFrom future getGlobalsAndPackages
#' @importFrom future makeClusterPSOCK
#' @importFrom future multicore
#' @importFrom future multisession
#' @importFrom future nbrOfFreeWorkers
#' @importFrom future resetWorkers
#' @importFrom future resolve
#' @importFrom future resolved
#' @importFrom future sequential
#' @importFrom future supportsMulticore
#' @importFrom future tweak
#' @importFrom future value
#' @export %->%
#' @export %<-%
#' @export %conditions%
#' @export %globals%
#' @export %label%
#' @export %lazy%
#' @export %packages%
#' @export %plan%
#' @export %seed%
#' @export %stdout%
#' @export %tweak%
#' @export as.FutureGlobals
#' @export availableCores
#' @export availableWorkers
#' @export backtrace
#' @export cluster
#' @export future
#' @export futureAssign
#' @export futureCall
#' @export futureOf
#' @export futures
#' @export futureSessionInfo
#' @export getGlobalsAndPackages
#' @export makeClusterPSOCK
#' @export multicore
#' @export multisession
#' @export nbrOfFreeWorkers
#' @export resetWorkers
#' @export resolve
#' @export resolved
#' @export sequential
#' @export supportsMulticore
#' @export tweak
#' @export value
NULL
