# What the names in the code of a closure mean, and the closures that it calls: these are
# compiled where they are called (lower/inline.rs in src/rust/crates/compiled).

# So many closures are looked at for one that is compiled.
most_closures <- 40L

# A list with an element for the closure and for each that it calls, directly or not:
# `body`, `formals` (a list), `variables`, `reasons`, `functions` (R's own ones) and `calls` (for
# names of functions the place of their closure in the list, from 0) and `same` (those that are
# R's own under other names); for compiled-again.R also what names were `asked` for as functions,
# those that are `free`, and the formals as they are (`kept`). given: the arguments
# that the closure is called with.
read_closures <- function(fun, given) {
  known <- list(fun)
  read <- list()
  while (length(read) < length(known)) {
    k <- length(read) + 1L
    one <- read_closure(known[[k]], if (k == 1L) given else character())
    for (name in names(one$closures)) {
      called <- one$closures[[name]]
      at <- which(vapply(known, identical, NA, called))
      why <- if (length(at)) {
        if (at == 1L) sprintf("`%s()` calls itself", name)
      } else if (length(known) == most_closures) {
        sprintf("`%s()` is one of too many functions that are called", name)
      } else if (rs_is_watched(called)) {
        sprintf("`%s()` is being debugged or traced", name)
      } else {
        why_foreign(called, name)
      }
      if (!is.null(why)) {
        one$reasons[[paste0(name, "()")]] <- why
        next
      }
      if (!length(at)) {
        known <- c(known, called)
        at <- length(known)
      }
      one$calls[[name]] <- at - 1L
    }
    one$closures <- NULL
    one$opaque <- k > 1L && is_opaque(known[[k]])
    read[[k]] <- one
  }
  read
}

read_closure <- function(fun, given) {
  env <- environment(fun)
  words <- words_of_closure(fun, given)
  variables <- variables_of_closure(words$free, env)
  # A name may be a function that is handed on.
  handed <- words$free
  if (length(handed)) handed <- handed[!handed %in% c(names(variables$values), names(variables$reasons))]
  all_own <- words$known && !length(handed) && all(rs_compiled_same(find_functions(words$functions, env), words$homes)) &&
    !length(primitives_refused(words$functions)) && !length(generics_with_methods(words$generics, env)) &&
    (!"data.frame" %in% words$functions || frames_untouched(env))
  functions <- if (all_own) list(own = words$functions) else own_functions(union(words$functions, handed), env)
  list(
    body = words$body, formals = if (identical(given, character())) words$formals else words$left_out,
    variables = variables$values, reasons = c(variables$reasons, functions$reasons), functions = functions$own,
    same = functions$same, calls = list(), closures = functions$closures,
    asked = words$functions, free = words$free, kept = words$kept
  )
}

# What a closure's code says by itself, kept from one call to the next: `body`, `formals` (a list),
# `left_out` (of these), and the `functions` and other `variables` that it names; `free`, of these
# those that it may read before it assigns them; `homes`, what its functions are where all of them
# are R's own (`known`), and the `generics` among them. Written here only.
words_known <- new.env(parent = emptyenv())

words_of_closure <- function(fun, given) {
  key <- rs_code_key(fun)
  if (!is.null(key)) {
    key <- paste(c(key, given), collapse = " ")
    known <- words_known[[key]]
    if (!is.null(known)) return(known)
    if (length(words_known) >= 200L) rm(list = names(words_known), envir = words_known)
  }
  homes <- machine_homes()
  kept <- formals(fun)
  formals <- as.list(kept)
  left_out <- formals[!names(formals) %in% c(given, "...")]
  words <- rs_compiled_names(c(list(body(fun)), unname(left_out)))
  own <- match(words$functions, names(homes))
  # `kept`: the key holds for as long as what it is made of lives.
  words <- list(
    body = body(fun), formals = formals, left_out = left_out, functions = words$functions,
    variables = words$variables[!words$variables %in% names(formals)], free = words$free[!words$free %in% names(formals)],
    kept = kept, known = !anyNA(own), homes = unname(homes[own]), generics = generics_called(words$functions)
  )
  if (!is.null(key)) words_known[[key]] <- words
  words
}

# Which of the names are R's own functions where the closure was written: list(own = names,
# reasons = why others are not, by "name()", closures = those that are others' closures).
own_functions <- function(names, env) {
  homes <- machine_homes()
  found <- find_functions(names, env)
  there <- lengths(found) > 0L
  same <- rs_compiled_same(found, unname(homes[names]))
  own <- names[same & there]
  reasons <- closures <- renamed <- list()
  for (k in which(there & !same)) {
    name <- names[[k]]
    one <- found[[k]]
    foreign <- foreign_known[[name]]
    if (!is.null(foreign) && identical(foreign$fun, one)) {
      reasons[[paste0(name, "()")]] <- foreign$why
      next
    }
    other <- if (is.function(one)) own_name(one, homes)
    stand_in <- if (is.function(one)) stand_in_for(name, one, env)
    if (!is.null(stand_in)) {
      closures[[name]] <- stand_in
    } else if (is.character(one)) {
      reasons[[paste0(name, "()")]] <- one
    } else if (length(other)) {
      # R's own, though what has that name here may be another function.
      renamed[[name]] <- other
    } else if (typeof(one) == "closure" && !is.object(one) && !name %in% machine_syntax) {
      closures[[name]] <- one
    } else if (name %in% names(homes)) {
      reasons[[paste0(name, "()")]] <- sprintf("`%s()` is not R's own function here", name)
    }
  }
  # `stats::f` is what it says, unless somebody has another `::`.
  for (name in grep("^(stats|base)::", names, value = TRUE)) {
    parts <- strsplit(name, "::", fixed = TRUE)[[1L]]
    plain <- identical(get0("::", envir = env, mode = "function"), baseenv()[["::"]])
    if (plain && parts[[2L]] %in% setdiff(machine_functions[[parts[[1L]]]], machine_syntax)) renamed[[name]] <- parts[[2L]]
  }
  meant <- if (length(renamed)) c(stats::setNames(own, own), unlist(renamed)) else stats::setNames(own, own)
  why <- primitives_refused(unique(unname(meant)))
  changed <- generics_with_methods(generics_called(meant), env)
  if (length(changed)) {
    for (name in unique(unname(meant))) {
      own_generics <- intersect(generics_called(name), changed)
      if (length(own_generics)) why[[name]] <- sprintf("`%s()` has a method for numbers that is not R's own", own_generics[[1L]])
    }
  }
  if ("data.frame" %in% meant && !frames_untouched(env)) why[["data.frame"]] <- "there are methods for data frames that are not R's own"
  if (!length(why)) return(list(own = own, reasons = reasons, closures = closures, same = renamed))
  refused <- names(meant)[meant %in% names(why)]
  for (name in refused) reasons[[paste0(name, "()")]] <- why[[meant[[name]]]]
  list(own = setdiff(own, refused), reasons = reasons, closures = closures, same = renamed[setdiff(names(renamed), refused)])
}

# The name of R's own function that a function is, however it is called here.
own_name <- function(fun, homes) {
  at <- which(rs_compiled_same(rep(list(fun), length(homes)), unname(homes)))
  utils::head(setdiff(names(homes)[at], machine_syntax), 1L)
}

# For each name what find_function() finds. Only what stands in frames of functions has to be
# looked at with care.
find_functions <- function(names, env) {
  waiting <- rs_waiting(names, env, TRUE)
  if (is.null(waiting)) return(find_evaluated(names, env))
  found <- vector("list", length(names))
  found[!waiting] <- find_evaluated(names[!waiting], env)
  found[waiting] <- why_waiting(names[waiting])
  found
}

# R evaluates the code of what these are bound to each time that it looks, or when it is first wanted.
why_waiting <- function(names) sprintf("`%s` is an active binding, or has not been evaluated yet", names)

find_evaluated <- function(names, env) {
  here <- function(names) unname(mget(names, envir = env, mode = "function", ifnotfound = list(NULL), inherits = TRUE))
  at <- if (is_function_frame(env)) rs_locate(names, env)
  if (is.null(at)) return(here(names))
  careful <- vapply(at, function(x) !is.null(x) && is_function_frame(x), NA)
  found <- vector("list", length(names))
  found[!careful] <- here(names[!careful])
  for (k in which(careful)) {
    one <- find_function(names[[k]], env)
    if (!is.null(one)) found[[k]] <- one
  }
  found
}

# The function that a call of `name` calls, or why that cannot be told; NULL where there is none.
# Variables that are no functions do not count, but R evaluates arguments to see it.
find_function <- function(name, env) {
  while (is_function_frame(env)) {
    if (exists(name, envir = env, inherits = FALSE)) {
      if (bindingIsActive(as.name(name), env)) return(sprintf("`%s` is an active binding", name))
      promise <- promise_in_frame(name, env)
      if (!is.null(promise) && identical(promise[[2L]], quote(expr = ))) return(sprintf("`%s` is an argument without a value", name))
      unknown <- !is.null(promise) && !(is.call(promise[[2L]]) && identical(promise[[2L]][[1L]], quote(`function`)))
      why <- if (unknown) unsafe_promise(promise[[2L]], name, env)
      if (!is.null(why)) return(why)
      value <- get0(name, envir = env, inherits = FALSE)
      if (is.function(value)) return(value)
    }
    env <- parent.env(env)
  }
  if (!is.null(rs_waiting(name, env, TRUE))) return(why_waiting(name))
  get0(name, envir = env, mode = "function")
}

# Functions of packages that cannot be compiled, by name: `fun` and `why`. Written here only.
foreign_known <- new.env(parent = emptyenv())

# As why_unknown(); of packages, whose functions stay as they are, it is kept.
why_foreign <- function(fun, name) {
  why <- why_unknown(fun, name)
  # Those that have a stand-in are refused for a while only, as long as somebody has a method of theirs.
  if (!is.null(why) && isNamespace(environment(fun)) && is.null(stand_ins()[[name]])) {
    if (length(foreign_known) >= 200L) rm(list = names(foreign_known), envir = foreign_known)
    foreign_known[[name]] <- list(fun = fun, why = why)
  }
  why
}

# Why a closure that is called cannot be compiled, where that is seen at once: functions in it
# that are neither the machine's nor closures. NULL where it is not.
why_unknown <- function(fun, name) {
  words <- words_of_closure(fun, character())
  env <- environment(fun)
  known <- c(words$variables, names(words$formals), names(machine_homes()), "function")
  for (word in words$functions[!sub("^(stats|base)::", "", words$functions) %in% known]) {
    called <- find_function(word, env)
    if (typeof(called) == "closure") next
    if (name %in% names(machine_homes())) return(sprintf("`%s()` is not R's own function here", name))
    what <- sprintf("`%s()` is not in the subset", name)
    if (isNamespace(topenv(env)) || identical(topenv(env), baseenv())) return(what)
    return(sprintf("in `%s()`: `%s()` is not in the subset", name, word))
  }
  NULL
}
