# What the session defines and code does not name: methods of S3 generics, and the classes and
# methods of S4 and of reference classes. A forked worker has them; one that shares no memory
# with the session is given them, as a part of the desk (engine-desk.R) or of a parcel. Without
# them a task would find another method than in the session, and nobody would notice.
#
# Those of the global environment are meant: what packages define comes with them, and what stands
# in the environment of a function travels with it. What the methods need themselves travels
# as globals.

# What was seen of the global environment, written here only: its `names`; which of them are
# `methods` of S3 or their generics, and which hold classes and generics of S4 (`formal`); the `parts` that these are
# made of; and `packed`, list(key, names, bytes).
definitions_seen <- new.env(parent = emptyenv())

# NULL where the session defines nothing, or list(key, names, bytes): the same object as long as
# nothing has changed. It is asked for at every call.
session_definitions <- function() {
  look_for_definitions()
  names <- c(definitions_seen$methods, definitions_seen$formal)
  if (!length(names)) return(NULL)
  values <- mget(names, envir = globalenv())
  # Tables of methods and reference classes are changed in place.
  parts <- list(values, lapply(values[definitions_seen$formal], parts_within))
  if (!identical(parts, definitions_seen$parts)) {
    bytes <- serialize(values, NULL, xdr = FALSE)
    definitions_seen$packed <- list(key = rs_hash(bytes), names = names, bytes = bytes)
    definitions_seen$parts <- parts
  }
  definitions_seen$packed
}

look_for_definitions <- function() {
  names <- names(globalenv())
  if (identical(names, definitions_seen$names)) return()
  tables <- names[startsWith(names, ".__T__")]
  # Generics of the session: the name of a table ends with the package that the generic is of.
  generics <- sub("^[.]__T__(.*):[.]GlobalEnv$", "\\1", tables[endsWith(tables, ":.GlobalEnv")])
  definitions_seen$formal <- c(names[startsWith(names, ".__C__")], tables, intersect(generics, names))
  dotted <- setdiff(grep(".[.].", names, value = TRUE), definitions_seen$formal)
  methods <- dotted[vapply(dotted, is_s3_method, NA)]
  # Their generics too, without which nobody would know them for methods.
  generics <- Filter(is_function_here, intersect(unlist(lapply(methods, starts_of)), names))
  definitions_seen$methods <- union(methods, generics)
  definitions_seen$names <- names
}

# What a generic may be called of which this is the name of a method.
starts_of <- function(name) substring(name, 1L, gregexpr(".", name, fixed = TRUE)[[1L]] - 1L)

is_s3_method <- function(name) {
  groups <- c("Ops", "Math", "Summary", "Complex", "matrixOps")
  may_be <- function(start) start %in% groups || exists(start, envir = globalenv(), mode = "function")
  any(vapply(starts_of(name), may_be, NA)) && is_function_here(name) &&
    isTRUE(tryCatch(utils::isS3method(name, envir = globalenv()), error = function(e) FALSE))
}

# Is it a function of the global environment? Nobody has asked for the value of an active binding.
is_function_here <- function(name) !bindingIsActive(as.name(name), globalenv()) && is.function(globalenv()[[name]])

# What a table of methods, or a class, holds in environments.
parts_within <- function(definition) {
  if (is.environment(definition)) return(as.list(definition, all.names = TRUE))
  own <- attributes(definition)
  if (is.environment(own$refMethods)) c(as.list(own$refMethods, all.names = TRUE), as.list(own$fieldPrototypes, all.names = TRUE))
}

# The functions of the session among all that.
functions_of_definitions <- function() {
  values <- mget(c(definitions_seen$methods, definitions_seen$formal), envir = globalenv())
  validity <- lapply(values[definitions_seen$formal], function(value) attributes(value)$validity)
  found <- c(values, validity, unlist(lapply(values[definitions_seen$formal], parts_within), recursive = FALSE))
  Filter(is_of_session, found)
}

is_of_session <- function(f) typeof(f) == "closure" && identical(topenv(environment(f)), globalenv())

# Adds to list(globals, packages), what travels with a job, what the session's definitions need.
# given: what the user said of globals; FALSE, that there are none.
with_needs_of_definitions <- function(needs, given) {
  definitions <- session_definitions()
  if (is.null(definitions) || isFALSE(given)) return(needs)
  if (!is.list(given)) needs$globals <- needs$globals[!names(needs$globals) %in% definitions$names]
  found <- find_globals(functions_of_definitions(), globalenv())
  more <- sent_globals(found, found$outer)
  needs$globals <- c(needs$globals, more[setdiff(names(more), c(names(needs$globals), definitions$names))])
  needs$packages <- unique(c(needs$packages, found$packages))
  needs
}

# In a worker: what session_definitions() has found there, in place of those that were given before (`last`).
# Base R alone. Package methods looks at classes and methods in an environment when it is told.
lay_definitions <- function(definitions, last = NULL) {
  tell <- function(names, attach) {
    if (!any(startsWith(names, ".__"))) return()
    # A class may extend one of a package that is not there.
    tryCatch(methods::cacheMetaData(globalenv(), attach, searchWhere = globalenv()), error = function(e) {
      warning("A worker cannot take a class or a method of the session: ", conditionMessage(e), call. = FALSE)
    })
  }
  home <- globalenv()
  if (!is.null(last)) {
    tell(last$names, FALSE)
    rm(list = intersect(last$names, names(home)), envir = home)
  }
  if (is.null(definitions)) return(invisible())
  list2env(unserialize(definitions$bytes), envir = home)
  tell(definitions$names, TRUE)
}
environment(lay_definitions) <- baseenv()

# Methods that only show something are no part of what values depend on.
showing <- "^(print|plot|str|lines|points|hist|autoplot)[.]"

# For a checkpoint: NULL where the session defines nothing. Tables keep what generics have looked
# up for subclasses as well, which depends on what was called before.
hash_definitions <- function() {
  look_for_definitions()
  bare <- function(f) {
    attributes(f) <- NULL
    f
  }
  essence <- function(value) {
    if (is.environment(value)) {
      methods <- Filter(function(m) identical(attr(m, "target"), attr(m, "defined")), as.list(value, all.names = TRUE, sorted = TRUE))
      return(lapply(methods, bare))
    }
    own <- attributes(value)
    if (is.function(value)) return(list(bare(value), as.character(own$signature), own$valueClass))
    within <- Filter(is_of_session, parts_within(value))
    list(
      lapply(own$slots, as.character), names(own$contains), own$virtual, own$validity, if (is.null(own$refMethods)) own$prototype,
      lapply(within[order(as.character(names(within)), method = "radix")], bare)
    )
  }
  s3 <- grep(showing, definitions_seen$methods, value = TRUE, invert = TRUE)
  if (!length(s3) && !length(definitions_seen$formal)) return(NULL)
  values <- function(names) mget(sort(names, method = "radix"), envir = globalenv())
  content_hash(list(values(s3), lapply(values(definitions_seen$formal), essence)))
}
