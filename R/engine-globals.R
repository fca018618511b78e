# `future.globals`: what it may be, and how a list of them takes effect.

reserved_globals <- c("...future.FUN", "...future.elements_ii", "...future.seeds_ii")

# Checks `future.globals`; a named list comes back as it is.
check_globals <- function(globals, argument, call = sys.call(-1L)) {
  must <- "TRUE, FALSE, a character vector of names or a named list"
  if (is.logical(globals)) {
    if (length(globals) != 1L || is.na(globals)) stop_argument(argument, must, globals, call)
  } else if (is.list(globals)) {
    names <- names(globals)
    if (length(globals) && (is.null(names) || !all(nzchar(names)))) {
      stop_argument(argument, must, globals, call)
    }
    if (any(names %in% reserved_globals)) {
      stop_argument(argument, "without the reserved names of future.apply", globals, call)
    }
  } else if (!is.character(globals)) {
    stop_argument(argument, must, globals, call)
  } else if (any(globals %in% reserved_globals)) {
    stop_argument(argument, "without the reserved names of future.apply", globals, call)
  }
  globals
}

# A named list overrides what tasks, and the functions that they call, find in the
# global environment, under every plan as on sessions of their own. (Rewriting the
# environment of FUN would cost its byte code and its own variables.)
set_globals <- function(globals) {
  if (is.list(globals)) list2env(globals, envir = globalenv())
}

# The same in this session, while `expr` is evaluated. hidden: names that are not found meanwhile.
with_globals <- function(globals, expr, hidden = character()) {
  names <- c(if (is.list(globals)) names(globals), hidden)
  there <- names[vapply(names, exists, NA, envir = globalenv(), inherits = FALSE)]
  if (!length(there) && (!is.list(globals) || !length(globals))) return(expr)
  before <- mget(there, envir = globalenv())
  on.exit({
    rm(list = intersect(setdiff(names, there), ls(globalenv(), all.names = TRUE)), envir = globalenv())
    list2env(before, envir = globalenv())
  })
  rm(list = intersect(hidden, there), envir = globalenv())
  set_globals(globals)
  expr
}
