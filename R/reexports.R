# What library(future.apply) would have attached besides its own functions, so
# that a script keeps working. These are future's own functions.

#' Functions of future
#'
#' Attached with rustle as they are with future.apply; see their pages in future.
#' `plan()` is [our own][plan()].
#'
#' @name reexports
#' @keywords internal
#' @aliases future value resolved
#' @importFrom future %->% %<-% %conditions% %globals% %label% %lazy% %packages%
#'   %plan% %seed% %stdout% %tweak% as.FutureGlobals availableCores
#'   availableWorkers backtrace cluster future futureAssign futureCall futureOf
#'   futures futureSessionInfo getGlobalsAndPackages makeClusterPSOCK multicore
#'   multisession nbrOfFreeWorkers nbrOfWorkers resetWorkers resolve resolved
#'   sequential supportsMulticore tweak value
#' @export %->% %<-% %conditions% %globals% %label% %lazy% %packages% %plan%
#' @export %seed% %stdout% %tweak% as.FutureGlobals availableCores
#' @export availableWorkers backtrace cluster future futureAssign futureCall
#' @export futureOf futures futureSessionInfo getGlobalsAndPackages
#' @export makeClusterPSOCK multicore multisession nbrOfFreeWorkers nbrOfWorkers
#' @export resetWorkers resolve resolved sequential supportsMulticore tweak value
NULL
