# What library(future.apply) would have attached besides its own functions, so
# that a script keeps working. These are future's own functions; plan() is ours.

#' @export
future::`%->%`

#' @export
future::`%<-%`

#' @export
future::`%conditions%`

#' @export
future::`%globals%`

#' @export
future::`%label%`

#' @export
future::`%lazy%`

#' @export
future::`%packages%`

#' @export
future::`%plan%`

#' @export
future::`%seed%`

#' @export
future::`%stdout%`

#' @export
future::`%tweak%`

#' @export
future::as.FutureGlobals

#' @export
future::availableCores

#' @export
future::availableWorkers

#' @export
future::backtrace

#' @export
future::cluster

#' @export
future::future

#' @export
future::futureAssign

#' @export
future::futureCall

#' @export
future::futureOf

#' @export
future::futures

#' @export
future::futureSessionInfo

#' @export
future::getGlobalsAndPackages

#' @export
future::makeClusterPSOCK

#' @export
future::multicore

#' @export
future::multisession

#' @export
future::nbrOfFreeWorkers

#' @export
future::nbrOfWorkers

#' @export
future::resetWorkers

#' @export
future::resolve

#' @export
future::resolved

#' @export
future::sequential

#' @export
future::supportsMulticore

#' @export
future::tweak

#' @export
future::value
