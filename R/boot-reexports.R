# What library(boot) would have attached besides boot(), tsboot() and censboot(),
# which are ours: boot's own functions. Its data sets are reached as boot::city.

#' Functions of boot
#'
#' Attached with rustle as they are with boot. They are boot's own, work on what
#' [boot()], [tsboot()] and [censboot()] return, and are described in its manual:
#' `help(package = "boot")`. Those that resample, such as `tilt.boot()` and
#' `cv.glm()`, run in this session. One is missing, because its name looks like a method
#' of [exp()], which `R CMD check` does not let another package export: say
#' `boot::exp.tilt()`. So are the data sets: say `boot::city`.
#'
#' @name reexports_boot
#' @keywords internal
#' @rawRd
#' \alias{EEF.profile}
#' \alias{EL.profile}
#' \alias{abc.ci}
#' \alias{boot.array}
#' \alias{boot.ci}
#' \alias{control}
#' \alias{corr}
#' \alias{cum3}
#' \alias{cv.glm}
#' \alias{empinf}
#' \alias{envelope}
#' \alias{freq.array}
#' \alias{glm.diag}
#' \alias{glm.diag.plots}
#' \alias{imp.moments}
#' \alias{imp.prob}
#' \alias{imp.quantile}
#' \alias{imp.weights}
#' \alias{inv.logit}
#' \alias{jack.after.boot}
#' \alias{k3.linear}
#' \alias{lik.CI}
#' \alias{linear.approx}
#' \alias{logit}
#' \alias{nested.corr}
#' \alias{norm.ci}
#' \alias{saddle}
#' \alias{saddle.distn}
#' \alias{simplex}
#' \alias{smooth.f}
#' \alias{tilt.boot}
#' \alias{var.linear}
#' @seealso [boot()], [tsboot()], [censboot()] for those of our own; [as_boot()].
#' @importFrom boot EEF.profile
#' @importFrom boot EL.profile
#' @importFrom boot abc.ci
#' @importFrom boot boot.array
#' @importFrom boot boot.ci
#' @importFrom boot control
#' @importFrom boot corr
#' @importFrom boot cum3
#' @importFrom boot cv.glm
#' @importFrom boot empinf
#' @importFrom boot envelope
#' @importFrom boot freq.array
#' @importFrom boot glm.diag
#' @importFrom boot glm.diag.plots
#' @importFrom boot imp.moments
#' @importFrom boot imp.prob
#' @importFrom boot imp.quantile
#' @importFrom boot imp.weights
#' @importFrom boot inv.logit
#' @importFrom boot jack.after.boot
#' @importFrom boot k3.linear
#' @importFrom boot lik.CI
#' @importFrom boot linear.approx
#' @importFrom boot logit
#' @importFrom boot nested.corr
#' @importFrom boot norm.ci
#' @importFrom boot saddle
#' @importFrom boot saddle.distn
#' @importFrom boot simplex
#' @importFrom boot smooth.f
#' @importFrom boot tilt.boot
#' @importFrom boot var.linear
#' @export EEF.profile
#' @export EL.profile
#' @export abc.ci
#' @export boot.array
#' @export boot.ci
#' @export control
#' @export corr
#' @export cum3
#' @export cv.glm
#' @export empinf
#' @export envelope
#' @export freq.array
#' @export glm.diag
#' @export glm.diag.plots
#' @export imp.moments
#' @export imp.prob
#' @export imp.quantile
#' @export imp.weights
#' @export inv.logit
#' @export jack.after.boot
#' @export k3.linear
#' @export lik.CI
#' @export linear.approx
#' @export logit
#' @export nested.corr
#' @export norm.ci
#' @export saddle
#' @export saddle.distn
#' @export simplex
#' @export smooth.f
#' @export tilt.boot
#' @export var.linear
NULL
