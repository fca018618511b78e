#' Does a function compile?
#'
#' Says whether a function can run on threads ([threads]), the types that were found, and what
#' became of the tasks of its last call; or which expression of it cannot be compiled, and why.
#'
#' @param fun A function, as it would be given to [future_lapply()].
#' @param ... Arguments as examples: an element of the data first, then further arguments by
#'   their names. Their types count, not their values. By default the element is `1L`.
#' @return An object of class `rustle_compiled`, a list: `compiled` (`TRUE` or `FALSE`), `types` (a
#'   character vector: the types of each variable, in turn), `draws` (does it draw random numbers?), `why`
#'   (the reason, `NULL` when compiled), `expression` (of the function; `NULL` when it is about the
#'   whole), `place` (file and line, where sources are kept), and `run`: what became of its last call under
#'   a plan that compiles, as `compiled` of [job_report()]; `NULL` when another function was called since.
#' @section Errors: `rustle_error_argument` when `fun` is not a function.
#' @examples
#' explain_compiled(function(n) mean(rnorm(n)), 100)
#' #> Compiled: its tasks run on threads under plan(threads), multicore and
#' #>   multisession, if they have streams of random numbers (future.seed).
#' #>   n: double
#' explain_compiled(function(i) paste(i))
#' explain_compiled(function(x, k) sum(x^k), c(1, 2, 3), k = 2)
#' #> Compiled: its tasks run on threads under plan(threads), multicore and
#' #>   multisession.
#' #>   x: double vector
#' #>   k: double
#' @seealso [threads], [job_report()].
#' @export
explain_compiled <- function(fun, ...) {
  if (missing(fun)) stop_missing("fun", sys.call())
  fun <- check_function(fun, "fun", parent.frame(), sys.call())
  arguments <- list(...)
  item <- if (length(arguments)) arguments[[1L]] else 1L
  key <- key_of_call(fun, arguments[-1L], NULL)
  compiled <- compile_closure(fun, list(item), arguments[-1L], key = key)
  # It may be one that calls have kept.
  let_go(compiled, fun, key)
  settle_again()
  ran <- identical(last_compiled$fun, fun)
  structure(
    list(
      compiled = !is.null(compiled$program), types = compiled$types, draws = isTRUE(compiled$draws), why = compiled$why,
      expression = expression_at(fun, compiled$path), place = place_in_source(fun, compiled$path),
      run = if (ran) last_compiled$told
    ),
    class = "rustle_compiled"
  )
}

# The expression at a path in the body of a function; NULL where there is no path.
expression_at <- function(fun, path) {
  if (is.null(path) || typeof(fun) != "closure") return(NULL)
  code <- body(fun)
  for (k in path) {
    # An argument that is left out is shown with its call.
    if (identical(code[[k]], quote(expr = ))) break
    code <- code[[k]]
  }
  code
}

# "file:line" of the statement in which the expression at a path stands.
place_in_source <- function(fun, path) {
  if (is.null(path)) return(NULL)
  code <- body(fun)
  at <- attr(fun, "srcref")
  for (k in path) {
    lines <- attr(code, "srcref")
    if (is.list(lines) && k <= length(lines)) at <- lines[[k]]
    code <- code[[k]]
  }
  if (is.null(at)) return(NULL)
  file <- attr(at, "srcfile")$filename
  line <- sprintf("line %d", as.integer(at)[[1L]])
  if (length(file) && nzchar(file)) paste0(basename(file), ", ", line) else line
}

#' @rdname explain_compiled
#' @param x What `explain_compiled()` has returned.
#' @export
print.rustle_compiled <- function(x, ...) {
  if (x$compiled) {
    cat(wrapped(sprintf(
      "Compiled: its tasks run on threads under plan(threads), multicore and multisession%s.",
      if (x$draws) ", if they have streams of random numbers (future.seed)" else ""
    )))
    if (length(x$types)) cat(sprintf("  %s: %s\n", format(names(x$types)), x$types), sep = "")
  } else {
    cat(wrapped(sprintf("Not compiled: %s.", x$why)))
    if (!is.null(x$expression)) {
      code <- deparse(x$expression, width.cutoff = 60L)
      cat(sprintf("  in: %s%s\n", code[[1L]], if (length(code) > 1L) " ..." else ""))
    }
    if (!is.null(x$place)) cat(sprintf("  at: %s\n", x$place))
  }
  if (!is.null(x$run)) cat(wrapped(paste("Its last call.", describe_run(x$run))))
  invisible(x)
}
