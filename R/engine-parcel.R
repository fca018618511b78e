# What a function needs on a worker that does not share our memory: its globals
# and packages, in all forms of `future.globals`.

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

# The same in this session, while `expr` is evaluated.
with_globals <- function(globals, expr) {
  if (!is.list(globals) || !length(globals)) return(expr)
  there <- vapply(names(globals), exists, NA, envir = globalenv(), inherits = FALSE)
  before <- mget(names(globals)[there], envir = globalenv())
  on.exit({
    rm(list = intersect(names(globals)[!there], ls(globalenv(), all.names = TRUE)), envir = globalenv())
    list2env(before, envir = globalenv())
  })
  set_globals(globals)
  expr
}

# list(globals =, packages =) of a job: those of FUN, its arguments and the
# functions among the elements.
find_globals <- function(job) {
  envir <- new.env(parent = if (is.null(job$envir)) globalenv() else job$envir)
  frame <- job$frame
  envir$FUN <- frame$FUN
  globals <- job$globals
  if (is.list(globals)) return(list(globals = c(globals, list(FUN = envir$FUN)), packages = job$packages))
  found <- future::getGlobalsAndPackages(quote(FUN()), envir = envir, globals = globals)
  all <- as_plain_list(found$globals)
  packages <- c(job$packages, found$packages)
  if (isTRUE(globals)) {
    dots <- frame_dots(frame)
    missing <- vapply(seq_along(dots), function(k) identical(dots[[k]], quote(expr = )), NA)
    data <- c(Filter(is.list, job$slice(seq_len(job$n))), list(dots[!missing]))
    for (arguments in Filter(holds_code, data)) {
      more <- future::getGlobalsAndPackages(arguments, envir = envir, globals = TRUE)
      new <- as_plain_list(more$globals)
      all <- c(all, new[setdiff(names(new), names(all))])
      packages <- c(packages, more$packages)
    }
  }
  all$FUN <- envir$FUN
  list(globals = all, packages = unique(packages))
}

as_plain_list <- function(globals) {
  out <- as.list(globals)
  attributes(out) <- list(names = names(out))
  out
}

holds_code <- function(x) {
  any(rapply(as.list(x), function(e) is.function(e) || is.language(e), how = "unlist"))
}
