# What a task is known by: hashes of content, the same in every session. Never of addresses,
# byte code, source references or the way in which R happens to store a vector.

# list(key, keys, call, n, parts): `key` of the call, `keys` of its tasks (raw, 16 rows), its
# first words, and the hashes of what went into `key`, named as the user knows them.
identity_of_job <- function(job) {
  tryCatch(identify_job(job), stackOverflowError = function(e) {
    abort_rustle(
      "What the call uses is nested too deeply for a checkpoint, which must read all of it.", "rustle_error_checkpoint",
      call = job$origin
    )
  })
}

identify_job <- function(job) {
  frame <- job$frame
  names <- setdiff(ls(frame, all.names = TRUE), c("FUN", "i", "...", names(job$over)))
  code <- hash_function(frame$FUN)
  streams <- job$streams
  per_task <- streams$streams %in% c("substream", "stream", "share", "same", "keep")
  given <- job$globals
  parts <- c(
    list(`the function` = code$code),
    if (length(code$globals)) stats::setNames(code$globals, paste("the variable", names(code$globals))),
    list(
      `its arguments` = content_hash(list(job$call, frame_dots(frame), mget(names, envir = frame), job$packages)),
      `a function that its arguments name` = hash_named(list(frame_dots(frame), mget(names, envir = frame))),
      `methods and classes of the session` = hash_definitions(),
      `the globals given` = if (is.list(given)) content_hash(given[sort(names(given))]),
      `the seed` = content_hash(list(
        streams$streams, if (streams$streams != "list") streams$seed,
        if (streams$streams %in% c("keep", "same")) get_random_seed(),
        if (job$shares) job$n
      ))
    )
  )
  key <- content_hash(parts)
  elements <- job$prints
  if (is.null(elements)) {
    elements <- lapply(names(job$over), function(name) prints_of(frame[[name]], job$over[[name]], job$n))
    elements <- unlist(elements, recursive = FALSE)
  }
  for (name in names(job$over)) elements <- c(elements, named_by_elements(frame[[name]], job$over[[name]], job$n))
  if (per_task) elements <- c(elements, list(seq_len(job$n)))
  if (streams$streams == "list") elements <- c(elements, list(vapply(streams$seed, content_hash, "")))
  keys <- unpack(rs_task_keys(key, elements, job$n))
  list(
    key = key, keys = matrix(keys, 16L), call = first_words(job), n = job$n, parts = Filter(Negate(is.null), parts)
  )
}

# NULL, or the hash of the functions that strings in `x` name: do.call(method, ...).
hash_named <- function(x) {
  named <- as.character(functions_named_among(x))
  if (length(named)) content_hash(mget(sort(named, method = "radix"), envir = globalenv()))
}

# The same for each element of the data of a job: an empty list, or one of a vector of length n.
named_by_elements <- function(x, how, n) {
  if (how == "columns" || !length(functions_named_among(x))) return(list())
  element <- if (how == "elements") function(k) x[[k]] else function(k) lapply(x, function(v) v[[(k - 1L) %% length(v) + 1L]])
  list(vapply(seq_len(n), function(k) paste(hash_named(element(k)), collapse = ""), ""))
}

first_words <- function(job) {
  words <- if (is.null(job$origin)) job$call else job$origin
  text <- paste(trimws(deparse(words, width.cutoff = 60L, nlines = 2L)), collapse = " ")
  if (nchar(text) > 60L) paste0(substr(text, 1L, 57L), "...") else text
}

# What stands for the elements of the data of a job: a list of vectors of length n.
prints_of <- function(x, how, n) {
  one <- function(x) {
    if (is.atomic(x) && !is.object(x) && typeof(x) %in% c("integer", "double", "logical", "character")) {
      attributes(x) <- NULL
      return(x)
    }
    vapply(seq_len(n), function(k) content_hash(x[[k]]), "")
  }
  switch(how,
    elements = list(one(x)), vectors = lapply(x, function(x) one(rep_len(x, n))),
    columns = list(vapply(seq_len(n), function(k) content_hash(x[, k]), ""))
  )
}

# The content of an object in 32 hexadecimal digits, with all that can be reached from it.
content_hash <- function(x) {
  met <- new_met()
  own <- hash_own(x, met)
  if (!length(met$all)) return(own)
  rs_hash(charToRaw(enc2utf8(paste(c(own, hashes_met(met)), collapse = " "))))
}

# A list of `code`, the hash of formals and body, and `globals`, those of the variables that it
# names, by name: from the frames in which it was made, and from the global environment. What
# packages have is known by name.
hash_function <- function(f) {
  if (is.primitive(f)) return(list(code = content_hash(f), globals = list()))
  met <- new_met()
  code <- hash_code(list(as.list(formals(f)), body(f)), met)
  list(code = paste(c(code, hashes_met(met)), collapse = " "), globals = lapply(values_named(names_in_function(f), environment(f)), content_hash))
}

# Environments and functions that are met, in the order in which they are: they may hold each
# other, and themselves. An element has `envir`, and of a function `code`, its body in a list.
new_met <- function() list2env(list(all = list()), envir = new.env(parent = emptyenv()))

# What stands for it: its place among those met. Its content has its turn in hashes_met().
place_among <- function(met, envir, code = NULL, f = NULL) {
  for (k in seq_along(met$all)) {
    other <- met$all[[k]]
    if (identical(other$envir, envir) && identical(other$code, code)) return(paste("met", k))
  }
  met$all[[length(met$all) + 1L]] <- list(envir = envir, code = code, f = f)
  paste("met", length(met$all))
}

# One after the other, as they may be a chain of any length.
hashes_met <- function(met) {
  hashes <- character()
  while (length(hashes) < length(met$all)) {
    one <- met$all[[length(hashes) + 1L]]
    values <- if (is.null(one$code)) values_in(one$envir) else values_named(names_in_function(one$f), one$envir)
    own <- vapply(values, hash_own, "", met)
    around <- if (is.null(one$code)) hash_own(parent.env(one$envir), met)
    hashes <- c(hashes, rs_hash(charToRaw(enc2utf8(paste(c(names(values), own, around), collapse = " ")))))
  }
  hashes
}

# The content of an object but for that of the environments and functions that are met in it.
hash_own <- function(x, met) {
  type <- typeof(x)
  own <- switch(type,
    NULL = "NULL",
    closure = paste(hash_code(list(as.list(formals(x)), body(x)), met), place_among(met, environment(x), list(body(x)), x)),
    builtin = , special = paste(deparse(x), collapse = ""),
    environment = if (is.null(end <- end_of_environments(x))) place_among(met, x) else end,
    list = , expression = , pairlist = {
      paste(type, length(x), paste(vapply(as.list(x), hash_own, "", met), collapse = ""))
    },
    language = if (inherits(x, "formula")) hash_formula(x, met) else hash_code(x, met),
    symbol = hash_code(x, met),
    logical = , integer = , double = , character = , raw = paste(type, rs_hash_atomic(x)),
    complex = paste(type, rs_hash_atomic(Re(x)), rs_hash_atomic(Im(x))),
    S4 = "S4", externalptr = "pointer", weakref = "weak", bytecode = "code",
    type
  )
  more <- attributes(x)
  if (type == "closure") more$srcref <- NULL
  if (type %in% c("language", "symbol", "environment", "expression")) more[c("srcref", "srcfile", "wholeSrcref")] <- NULL
  if (inherits(x, "formula")) more$.Environment <- NULL
  if (length(more)) {
    more <- more[order(names(more), method = "radix")]
    own <- paste(own, paste(names(more), vapply(more, hash_own, "", met), collapse = " "))
  }
  rs_hash(charToRaw(enc2utf8(own)))
}

hash_code <- function(x, met) rs_hash(serialize(plain_code(x, met), NULL, xdr = FALSE, version = 2L))

# What functions that are given a formula find by it: variables by their names.
hash_formula <- function(x, met) {
  envir <- environment(x)
  found <- if (is.environment(envir)) values_named(all.names(x, unique = TRUE), envir)
  paste(c(hash_code(x, met), names(found), vapply(found, hash_own, "", met)), collapse = " ")
}

# Code without the places that it came from; what in it is no code stands there by its hash.
plain_code <- function(x, met) {
  if (is.call(x) || is.list(x) || is.expression(x) || is.pairlist(x)) {
    at <- setdiff(names(attributes(x)), "names")
    for (name in at) attr(x, name) <- NULL
    # The fourth part of `function(x) body` is where it was written.
    if (is.call(x) && identical(x[[1L]], quote(`function`)) && length(x) == 4L) x <- x[-4L]
    for (k in seq_along(x)) {
      e <- x[[k]]
      # NULL counts as a pairlist, and to assign it would remove the element.
      if (missing(e) || is.null(e)) next
      if (is.call(e) || is.list(e) || is.pairlist(e)) x[[k]] <- plain_code(e, met)
      if (is.function(e) || is.environment(e) || isS4(e)) x[[k]] <- hash_own(e, met)
      # A copy: R marks constants in code that it has evaluated, as that of UseMethod().
      if (is.atomic(e)) x[[k]] <- if (is.null(attributes(e))) e[seq_along(e)] else hash_own(e, met)
    }
  }
  x
}

# Names that the code of a function may look up around it: those that workers are sent, and those
# in quoted code, which is evaluated by others.
names_in_function <- function(f) {
  code <- list(body(f), as.list(formals(f)))
  words <- unlist(lapply(code, words_of))
  dots <- !"..." %in% names(formals(f)) && any(grepl("^[.][.]([.](elt|length|names)?|[0-9]+)$", words))
  # It warns of code that it takes for strange.
  known <- suppressWarnings(know_code(f, environment(f)))
  unique(c(known$names, called_by_string(known$strings), unlist(lapply(code, quoted_words)), if (dots) "..."))
}

# All names in code, as all.names() finds them, but of lists as well.
words_of <- function(x) if (is.list(x)) unlist(lapply(x, words_of)) else all.names(x, unique = TRUE)

quoting <- c("quote", "bquote", "expression", "substitute", "~", "alist")

quoted_words <- function(x) {
  if (is.call(x) && is.symbol(x[[1L]]) && as.character(x[[1L]]) %in% quoting) return(all.names(x, unique = TRUE))
  if (!is.call(x) && !is.list(x) && !is.pairlist(x)) return(NULL)
  unlist(lapply(as.list(x), function(e) if (!missing(e)) quoted_words(e)))
}

# A list of those variables that are found from `envir`, by name; with those that code among
# their values names.
values_named <- function(names, envir) {
  values <- list()
  known <- character()
  while (length(names <- setdiff(names, c(known, "")))) {
    known <- c(known, names)
    found <- list()
    for (name in names) {
      at <- frame_of_variable(name, envir)
      if (!is.null(at)) found[name] <- list(value_of(name, at))
    }
    values <- c(values, found)
    names <- unlist(lapply(Filter(is.language, unname(found)), all.names, unique = TRUE))
  }
  if (length(values)) values[sort(names(values), method = "radix")] else values
}

values_in <- function(envir) {
  names <- sort(ls(envir, all.names = TRUE, sorted = FALSE), method = "radix")
  stats::setNames(lapply(names, value_of, envir), names)
}

# Arguments that were left out, and those that fail, have no value.
value_of <- function(name, envir) {
  tryCatch(if (name == "...") eval(quote(list(...)), envir) else get(name, envir), error = function(e) quote(expr = ))
}

# The environment that has a variable, unless that is a package's; NULL too when there is none.
frame_of_variable <- function(name, envir) {
  while (!identical(envir, emptyenv())) {
    if (isNamespace(envir) || identical(envir, baseenv())) return(NULL)
    if (exists(name, envir, inherits = FALSE)) return(envir)
    if (identical(envir, globalenv())) return(NULL)
    envir <- parent.env(envir)
  }
  NULL
}

# Where environments are known by name: the global one, packages and nothing.
end_of_environments <- function(x) {
  if (identical(x, globalenv())) return("global")
  name <- environmentName(x)
  if (isNamespace(x) || identical(x, baseenv()) || identical(x, emptyenv()) || startsWith(name, "package:")) name
}
