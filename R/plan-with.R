#' Use a plan for a while
#'
#' `with_plan()` evaluates an expression under a plan; `local_plan()` sets one
#' until the calling function returns. Both restore the plan before.
#'
#' @param strategy,... As for [plan()].
#' @param expr An expression.
#' @param .local_envir The frame at whose end the old plan comes back.
#' @return The value of `expr`; for `local_plan()` the plan before, invisibly.
#' @seealso [plan()]; [with_threads()]; [with_checkpoint()].
#' @examples
#' with_plan(multicore, future_sapply(1:4, sqrt), workers = 2)
#' #> [1] 1.000000 1.414214 1.732051 2.000000
#' @export
with_plan <- function(strategy, expr, ...) {
  if (missing(strategy) || missing(expr)) {
    abort_rustle(
      "`with_plan()` needs a strategy and an expression, as in with_plan(multicore, f(x), workers = 2).",
      "rustle_error_argument", argument = if (missing(expr)) "expr" else "strategy", call = sys.call()
    )
  }
  called <- called_strategy(substitute(strategy), parent.frame())
  old <- with_call(sys.call(), {
    if (is.null(called)) plan(strategy, ...) else do.call(plan, c(called, list(...)))
  })
  on.exit(plan(old))
  expr
}

#' @rdname with_plan
#' @export
local_plan <- function(strategy, ..., .local_envir = parent.frame()) {
  if (missing(strategy)) stop_missing("strategy", sys.call())
  called <- called_strategy(substitute(strategy), parent.frame())
  old <- with_call(sys.call(), {
    if (is.null(called)) plan(strategy, ...) else do.call(plan, c(called, list(...)))
  })
  restore <- as.call(list(function() plan(old)))
  do.call(base::on.exit, list(restore, add = TRUE, after = FALSE), envir = .local_envir)
  invisible(old)
}
