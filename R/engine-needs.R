# What code needs beyond itself: the variables that it uses (globals) and the packages that
# they come from, found as future finds them (package globals), and those that a forked worker
# would find as well: functions that a string in the code names, and what is named by functions in
# a list, by formulas and by quoted code among the globals. To walk code takes
# milliseconds: which names it uses is remembered; where these stand, and their values, are
# looked up at every call.

# What is known of code, by the identity of its parts (rs_code_key()), which the entry
# keeps alive.
known_code <- new.env(parent = emptyenv())
known_code_most <- 500L

# Functions of which codetools reads the arguments in a way of their own, as long as they
# are those of base. Where one of these names means something else, code is walked anew.
special_functions <- c(
  "::", ":::", "{", "@", "@<-", "<-", "<<-", "=", "~", "$", "$<-", "assign", "bquote", "detach", "expression",
  "for", "function", "if", "library", "local", "quote", "Quote", "require", "substitute", "with"
)

# The names that code (a function or language) uses and does not define, by the methods that
# future uses.
names_in_code <- function(code, envir) {
  find <- function(method) {
    globals::findGlobals(
      code, envir = envir, dotdotdot = "return", method = method, tweak = future_tweak(), unlist = TRUE
    )
  }
  method <- getOption("future.globals.method", getOption("future.globals.method.default", "ordered"))
  # Not every version of globals, and not all code, takes "dfs"; future then does without.
  names <- tryCatch(find(method), error = function(e) find("ordered"))
  # The arguments `...` are in the environment of code that has them.
  grep("^[.][.]([.]|[0-9]+)$", names, value = TRUE, invert = TRUE)
}

# How future rewrites code before it looks for globals (`%<-%` and others).
future_tweak <- function() {
  tweak <- formals(future::getGlobalsAndPackages)$tweak
  if (is.symbol(tweak)) tweak <- get0(as.character(tweak), environment(future::getGlobalsAndPackages), mode = "function")
  if (is.function(tweak)) tweak
}

# What is known of code that stands in `envir`: list(code, names, strings, special, size), in bytes.
know_code <- function(code, envir) {
  key <- rs_code_key(code)
  known <- if (!is.null(key)) known_code[[key]]
  if (!is.null(known)) {
    for (k in known$special) if (!is.null(rs_locate(known$names[[k]], envir))) known <- key <- NULL
    if (!is.null(known)) return(known)
  }
  names <- names_in_code(code, envir)
  special <- which(names %in% special_functions)
  strings <- setdiff(strings_in(code), names)
  known <- list(
    code = code, names = names, strings = strings[nzchar(strings) & nchar(strings, "bytes") < 100L], special = special,
    size = as.numeric(utils::object.size(code))
  )
  # Read where such a name means something else, code is known there only.
  if (!is.null(key) && is.null(rs_locate(names[special], envir))) {
    if (length(known_code) >= known_code_most) rm(list = ls(known_code, all.names = TRUE), envir = known_code)
    known_code[[key]] <- known
  }
  known
}

# The character constants in code.
strings_in <- function(x) {
  if (is.character(x)) return(x[!is.na(x)])
  if (is.function(x)) x <- c(as.list(formals(x)), list(body(x)))
  if (!is.call(x) && !is.list(x) && !is.expression(x) && !is.pairlist(x)) return(NULL)
  unique(unlist(lapply(as.list(x), function(e) if (!missing(e)) strings_in(e)), use.names = FALSE))
}

# Those among strings that are functions of the global environment: do.call("f"), sapply(x, "f").
called_by_string <- function(strings) {
  named <- if (length(strings)) intersect(strings, names(globalenv()))
  if (!length(named)) return(character())
  Filter(function(name) exists(name, envir = globalenv(), mode = "function", inherits = FALSE), named)
}

# The names of the functions that strings in data name, lists of any depth.
functions_named_among <- function(...) {
  names <- names(globalenv())
  named <- if (length(names)) names[rs_named_among(list(...), names)]
  if (length(named)) lapply(called_by_string(named), as.name)
}

# The globals of pieces of code that stand in `envir` (functions: in their own environment),
# those of the functions among them, and so on: list(names, values, outer, near, packages,
# size). Nothing of a package is among them. A variable that stands before the global
# environment travels with the function that it belongs to; outer: those for which that is
# not so. near: those that pieces without an environment use. size: of everything, in
# bytes, by estimate. A name may be there twice, for two variables.
find_globals <- function(pieces, envir) {
  if (length(pieces) == 1L && typeof(pieces[[1L]]) == "closure") {
    # Most functions use functions of packages alone.
    start <- environment(pieces[[1L]])
    known <- know_code(pieces[[1L]], start)
    none <- !length(known$names) || is.null(rs_locate(known$names, start))
    if (none && (!length(known$strings) || !length(called_by_string(known$strings)))) {
      return(list(
        names = character(), values = list(), outer = logical(), near = logical(), packages = character(), size = known$size
      ))
    }
  }
  names <- character()
  values <- where <- seen <- list()
  outer <- near <- logical()
  packages <- NULL
  size <- 0
  todo <- lapply(pieces, function(code) {
    if (is.function(code)) list(code, environment(code), FALSE) else list(code, envir, TRUE)
  })
  while (length(todo)) {
    code <- todo[[1L]][[1L]]
    start <- todo[[1L]][[2L]]
    bare <- todo[[1L]][[3L]]
    todo <- todo[-1L]
    if (is.null(start)) next
    known <- know_code(code, start)
    size <- size + known$size
    words <- c(known$names, called_by_string(known$strings))
    homes <- rs_locate(words, start)
    for (k in seq_along(homes)) {
      home <- homes[[k]]
      if (is.null(home)) next
      name <- words[[k]]
      same <- which(names == name)
      if (length(same) && any(vapply(where[same], identical, NA, home))) next
      global <- identical(home, globalenv())
      if (global) {
        value <- get(name, home, inherits = FALSE)
        package <- NULL
      } else {
        # An argument that was not given is no global.
        value <- tryCatch(list(get(name, home, inherits = FALSE)), error = function(e) NULL)
        if (is.null(value)) next
        value <- value[[1L]]
        package <- package_of(home)
      }
      closure <- typeof(value) == "closure"
      packages <- c(packages, if (closure) package_of(environment(value)) else package)
      if (!is.null(package)) next
      names <- c(names, name)
      values <- c(values, list(value))
      where <- c(where, list(home))
      outer <- c(outer, global || is_attached(home))
      near <- c(near, bare)
      if (!closure) {
        size <- size + estimated_size(value)
        # Functions in a list, a formula, quoted code: tasks call and evaluate them.
        more <- c(code_among(value), functions_named_among(value))
        fresh <- !vapply(more, function(code) any(vapply(seen, identical, NA, code)), NA)
        seen <- c(seen, more[fresh])
        todo <- c(todo, lapply(more[fresh], function(code) list(code, home_of_code(code, home), FALSE)))
      } else if (!any(vapply(seen, identical, NA, value))) {
        seen <- c(seen, list(value))
        todo <- c(todo, list(list(value, environment(value), FALSE)))
      }
    }
  }
  list(names = names, values = values, outer = outer, near = near, packages = only_attached(packages), size = size)
}

# Where the variables of code are that a variable in `home` holds.
home_of_code <- function(code, home) {
  own <- if (is.function(code)) environment(code) else attr(code, ".Environment")
  if (is.environment(own)) own else home
}

is_attached <- function(envir) {
  name <- attr(envir, "name")
  is.character(name) && length(name) == 1L && name %in% search()
}

# Functions of the user and language in lists, at any depth.
code_among <- function(...) {
  if (!rs_holds_code(list(...))) return(list())
  collect <- function(x) {
    if (!rs_holds_code(x) || identical(x, quote(expr = )) || is_ours(x)) return(list())
    if (!is.list(x) && !is.expression(x)) return(list(x))
    unlist(lapply(unclass(as.list(x)), collect), recursive = FALSE, use.names = FALSE)
  }
  collect(list(...))
}

# The package whose environment (as attached) or namespace this is, or NULL.
package_of <- function(envir) {
  name <- environmentName(envir)
  if (name == "" || name == "R_GlobalEnv" || name == "base") return(NULL)
  name <- sub("^(package|imports):", "", name)
  if (isNamespaceLoaded(name)) name
}

only_attached <- function(packages) {
  if (!length(packages)) return(character())
  packages <- unique(packages)
  packages[paste0("package:", packages) %in% search() & packages != "base"]
}

# Raises future's own error when what was found exceeds the option future.globals.maxSize.
check_size <- function(found, code, envir) {
  most <- getOption("future.globals.maxSize", 500 * 1024^2)
  # future's measure decides. Its versions differ in what they count of functions, which is
  # not much beside data.
  if (found$size + 2e6 <= most) return()
  if (is.function(code)) {
    envir <- list2env(list(FUN = code), parent = envir)
    code <- quote(FUN())
  }
  globals_of_future(code, envir, globals = TRUE, maxSize = most)
  invisible()
}

# What future finds. Of references we tell ourselves when objects travel: future knows neither
# serializers nor places.
globals_of_future <- function(code, envir, ...) {
  old <- options(future.globals.onReference = "ignore")
  on.exit(options(old))
  future::getGlobalsAndPackages(code, envir = envir, ...)
}

# In bytes; as future sees it, environments in lists count, and those of functions do not.
estimated_size <- function(x) {
  if (is.atomic(x) && !is.character(x) && is.null(attributes(x))) return(48 + 8 * length(x) * (1 + is.complex(x)))
  if (is.environment(x)) {
    if (isNamespace(x) || identical(x, globalenv())) return(0)
    # What cannot be evaluated has no size.
    return(sum(vapply(ls(x, all.names = TRUE), function(name) {
      tryCatch(as.numeric(utils::object.size(get(name, x))), error = function(e) 0)
    }, 0)))
  }
  size <- as.numeric(utils::object.size(x))
  if (is.list(x) && rs_holds_environment(x)) {
    size <- size + sum(vapply(Filter(is.environment, unclass(x)), estimated_size, 0))
  }
  size
}
