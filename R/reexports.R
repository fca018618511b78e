# What library(future.apply) would have attached besides its own functions, so
# that a script keeps working. These are future's own functions; plan() is ours.

#' @importFrom future %->%
#' @export
future::`%->%`

#' @importFrom future %<-%
#' @export
future::`%<-%`

#' @importFrom future %conditions%
#' @export
future::`%conditions%`

#' @importFrom future %globals%
#' @export
future::`%globals%`

#' @importFrom future %label%
#' @export
future::`%label%`

#' @importFrom future %lazy%
#' @export
future::`%lazy%`

#' @importFrom future %packages%
#' @export
future::`%packages%`

#' @importFrom future %plan%
#' @export
future::`%plan%`

#' @importFrom future %seed%
#' @export
future::`%seed%`

#' @importFrom future %stdout%
#' @export
future::`%stdout%`

#' @importFrom future %tweak%
#' @export
future::`%tweak%`

#' @importFrom future as.FutureGlobals
#' @export
future::as.FutureGlobals

#' @importFrom future availableCores
#' @export
future::availableCores

#' @importFrom future availableWorkers
#' @export
future::availableWorkers

#' @importFrom future backtrace
#' @export
future::backtrace

#' @importFrom future cluster
#' @export
future::cluster

#' @importFrom future future
#' @export
future::future

#' @importFrom future futureAssign
#' @export
future::futureAssign

#' @importFrom future futureCall
#' @export
future::futureCall

#' @importFrom future futureOf
#' @export
future::futureOf

#' @importFrom future futures
#' @export
future::futures

#' @importFrom future futureSessionInfo
#' @export
future::futureSessionInfo

#' @importFrom future getGlobalsAndPackages
#' @export
future::getGlobalsAndPackages

#' @importFrom future makeClusterPSOCK
#' @export
future::makeClusterPSOCK

#' @importFrom future multicore
#' @export
future::multicore

#' @importFrom future multisession
#' @export
future::multisession

#' @importFrom future nbrOfFreeWorkers
#' @export
future::nbrOfFreeWorkers

#' @importFrom future resetWorkers
#' @export
future::resetWorkers

#' @importFrom future resolve
#' @export
future::resolve

#' @importFrom future resolved
#' @export
future::resolved

#' @importFrom future sequential
#' @export
future::sequential

#' @importFrom future supportsMulticore
#' @export
future::supportsMulticore

#' @importFrom future tweak
#' @export
future::tweak

#' @importFrom future value
#' @export
future::value
