#' Apply a function to groups, in parallel
#'
#' [base::tapply()], [base::by()] and [base::eapply()] on the workers of the current
#' [plan()]: one task for each group or variable.
#'
#' @inheritParams future_lapply
#' @param X A vector that can be split.
#' @param INDEX,INDICES A factor, or a list of factors, of the length of `X` or the
#'   number of rows of `data`.
#' @param data A data frame, or what [as.data.frame()] makes one.
#' @param env An environment.
#' @param FUN A function, or (not for `future_by()`) the name of one; `NULL` gives the
#'   group of each element, as in [base::tapply()].
#' @param ... Further arguments of `FUN` and the `future.*` arguments of
#'   [future_lapply()].
#' @param default,simplify As in [base::tapply()] and [base::by()].
#' @param all.names,USE.NAMES As in [base::eapply()].
#' @return As [base::tapply()], [base::by()] and [base::eapply()].
#' @section Errors: As [future_lapply()]. The name of a function in place of the function is
#'   a `defunctError` of `future_by()`, as in future.apply.
#' @seealso [future_lapply()] for the arguments; [base::tapply()], [base::by()].
#' @examples
#' oplan <- plan(multicore, workers = 2)
#' future_tapply(warpbreaks$breaks, warpbreaks$tension, mean)
#' #>        L        M        H
#' #> 36.38889 26.38889 21.66667
#' future_by(warpbreaks, warpbreaks$tension, function(d) coef(lm(breaks ~ wool, d)))
#' #> warpbreaks$tension: L
#' #> (Intercept)       woolB
#' #>    44.55556   -16.33333
#' #> ------------------------------------------------------------
#' #> warpbreaks$tension: M
#' #> (Intercept)       woolB
#' #>   24.000000    4.777778
#' #> ------------------------------------------------------------
#' #> warpbreaks$tension: H
#' #> (Intercept)       woolB
#' #>   24.555556   -5.777778
#' future_eapply(list2env(list(a = 1:3, b = 4)), sum)
#' #> $b
#' #> [1] 4
#' #>
#' #> $a
#' #> [1] 6
#' plan(oplan)
#' @export
future_tapply <- function(X, INDEX, FUN = NULL, ..., default = NA, simplify = TRUE,
                          future.envir = parent.frame(), future.label = "future_tapply-%d") {
  if (is.null(FUN)) return(tapply(X, INDEX))
  FUN <- check_function(FUN, "FUN", parent.frame())
  simplify <- check_flag(simplify, "simplify")
  if (is.null(dim(X))) check_groups(INDEX, length(X), "INDEX")
  split_with(
    ..., rustle.original = function(f) tapply(X, INDEX, f, default = default, simplify = simplify),
    rustle.FUN = FUN, rustle.call = sys.call(), future.envir = future.envir, future.label = future.label
  )
}

check_groups <- function(groups, n, argument, call = sys.call(-1L)) {
  if (inherits(groups, "formula")) return()
  lengths <- if (is.list(groups)) lengths(groups) else length(groups)
  if (!length(lengths) || any(lengths != n)) {
    stop_argument(argument, sprintf("a factor of length %d, or a list of such factors", n), groups, call)
  }
}

# `rustle.original` is a function of base R that splits data, applies its argument to each
# part and gives the results their shape. It runs twice: first to find the parts, which
# become tasks, and then to give the values of the tasks their shape.
split_with <- function(..., rustle.original, rustle.FUN, rustle.call, future.envir, future.label) {
  parts <- list()
  rustle.original(function(x, ...) {
    parts[length(parts) + 1L] <<- list(x)
    NULL
  })
  values <- lapply_outcome(
    ..., rustle.X = parts, rustle.FUN = rustle.FUN, rustle.call = rustle.call,
    future.envir = future.envir, future.label = future.label
  )$values
  at <- 0L
  rustle.original(function(x, ...) values[[at <<- at + 1L]])
}

#' @rdname future_tapply
#' @export
future_by <- function(data, INDICES, FUN, ..., simplify = TRUE, future.envir = parent.frame()) {
  UseMethod("future_by")
}

#' @rdname future_tapply
#' @export
future_by.default <- function(data, INDICES, FUN, ..., simplify = TRUE,
                              future.envir = parent.frame()) {
  out <- by_outcome(data, INDICES, FUN, ..., simplify = simplify, future.envir = future.envir)
  # by() makes a data frame of a matrix first, and names the data after that.
  named <- !is.null(dimnames(out)) && (is.data.frame(data) || !length(dim(data)))
  if (named && !is.list(INDICES)) names(dimnames(out)) <- deparse(written(substitute(INDICES), "INDICES"))[[1L]]
  attr(out, "call") <- match.call()
  out
}

#' @rdname future_tapply
#' @export
future_by.data.frame <- future_by.default

by_outcome <- function(data, INDICES, FUN, ..., simplify, future.envir,
                       future.label = "future_by-%d") {
  call <- sys.call(-1L)
  if (!is.function(FUN)) {
    must <- "a function (its name is not accepted here)"
    stop_argument("FUN", must, FUN, call, class = if (is.character(FUN)) "defunctError")
  }
  simplify <- check_flag(simplify, "simplify", call = call)
  check_groups(INDICES, NROW(data), "INDICES", call)
  split_with(
    ..., rustle.original = function(f) by(data, INDICES, f, simplify = simplify),
    rustle.FUN = FUN, rustle.call = call, future.envir = future.envir, future.label = future.label
  )
}

#' @rdname future_tapply
#' @export
future_eapply <- function(env, FUN, ..., all.names = FALSE, USE.NAMES = TRUE,
                          future.envir = parent.frame(), future.label = "future_eapply-%d") {
  FUN <- check_function(FUN, "FUN", parent.frame())
  if (missing(env)) stop_missing("env", sys.call())
  if (!is.environment(env)) stop_argument("env", "an environment", env, sys.call())
  all.names <- check_loose_flag(all.names, "all.names")
  USE.NAMES <- check_loose_flag(USE.NAMES, "USE.NAMES")
  names <- ls(envir = env, all.names = all.names, sorted = FALSE)
  X <- mget(names, envir = env, inherits = FALSE)
  values <- lapply_outcome(
    ..., rustle.X = X, rustle.FUN = FUN, future.envir = future.envir, future.label = future.label
  )$values
  with_names(values, if (USE.NAMES) names)
}
