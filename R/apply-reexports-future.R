# What library(future.apply) would have attached besides its own functions, so
# that a script keeps working. These are future's own functions; plan() and
# nbrOfWorkers() are ours, and cluster() is in R/plan-cluster.R. (roxygen's own form for re-exports links to pages of
# future that have moved between its versions.) future is loaded when the first of them is asked for: that takes
# longer than to load all of this package, whose workers and native functions do without.

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

late_imports <- c(
  "%->%", "%<-%", "%conditions%", "%globals%", "%label%", "%lazy%", "%packages%", "%plan%",
  "%seed%", "%stdout%", "%tweak%", "as.FutureGlobals", "availableCores", "availableWorkers",
  "backtrace", "future", "futureAssign", "futureCall", "futureOf", "futures", "futureSessionInfo",
  "getGlobalsAndPackages", "makeClusterPSOCK", "multicore", "multisession", "nbrOfFreeWorkers",
  "resetWorkers", "resolve", "resolved", "sequential", "supportsMulticore", "tweak", "value"
)

# Makes them what importFrom() would have made, but for when they are looked up. In .onLoad(): the
# imports of a namespace are locked after it.
import_late <- function(imports = parent.env(topenv())) {
  promise <- function(name) delayedAssign(name, getExportedValue("future", name), assign.env = imports)
  for (name in late_imports) promise(name)
}
