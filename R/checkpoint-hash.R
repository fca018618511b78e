# What a task is known by: hashes of content, the same in every session. Never of addresses,
# byte code, source references or the way in which R happens to store a vector.

# list(key, keys, call, n, parts): `key` of the call, `keys` of its tasks (raw, 16 rows), its
# first words, and the hashes of what went into `key`, named as the user knows them.
identity_of_job <- function(job) {
  frame <- job$frame
  names <- setdiff(ls(frame, all.names = TRUE), c("FUN", "i", "...", names(job$over)))
  code <- hash_function(frame$FUN, new_seen())
  streams <- job$streams
  per_task <- streams$streams %in% c("substream", "stream", "share", "same", "keep")
  given <- job$globals
  parts <- c(
    list(`the function` = code$code),
    if (length(code$globals)) stats::setNames(code$globals, paste("the variable", names(code$globals))),
    list(
      `its arguments` = content_hash(list(job$call, frame_dots(frame), mget(names, envir = frame), job$packages)),
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
  if (per_task) elements <- c(elements, list(seq_len(job$n)))
  if (streams$streams == "list") elements <- c(elements, list(vapply(streams$seed, content_hash, "")))
  keys <- unpack(rs_task_keys(key, elements, job$n))
  list(
    key = key, keys = matrix(keys, 16L), call = first_words(job), n = job$n, parts = Filter(Negate(is.null), parts)
  )
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

# Environments that are being hashed: they may hold themselves.
new_seen <- function() list2env(list(all = list()), envir = new.env(parent = emptyenv()))

# The content of an object in 32 hexadecimal digits.
content_hash <- function(x, seen = new_seen()) {
  type <- typeof(x)
  own <- switch(type,
    NULL = "NULL",
    closure = {
      f <- hash_function(x, seen)
      paste(c(f$code, names(f$globals), unlist(f$globals)), collapse = " ")
    },
    builtin = , special = paste(deparse(x), collapse = ""),
    environment = hash_environment(x, seen),
    list = , expression = , pairlist = {
      paste(type, length(x), paste(vapply(as.list(x), content_hash, "", seen), collapse = ""))
    },
    language = , symbol = rs_hash(serialize(plain_code(x), NULL, xdr = FALSE, version = 2L)),
    logical = , integer = , double = , character = , raw = paste(type, rs_hash_atomic(x)),
    complex = paste(type, rs_hash_atomic(Re(x)), rs_hash_atomic(Im(x))),
    S4 = "S4", externalptr = "pointer", weakref = "weak", bytecode = "code",
    type
  )
  more <- attributes(x)
  if (type == "closure") more$srcref <- NULL
  if (type %in% c("language", "symbol", "environment", "expression")) more[c("srcref", "srcfile", "wholeSrcref")] <- NULL
  if (length(more)) {
    more <- more[order(names(more), method = "radix")]
    own <- paste(own, paste(names(more), vapply(more, content_hash, "", seen), collapse = " "))
  }
  rs_hash(charToRaw(enc2utf8(own)))
}

# A list of `code`, the hash of formals and body, and `globals`, those of the variables that it
# names, by name: from the frames in which it was made, and from the global environment. What
# packages have is known by name.
hash_function <- function(f, seen) {
  if (is.primitive(f)) return(list(code = content_hash(f, seen), globals = list()))
  code <- rs_hash(serialize(plain_code(list(as.list(formals(f)), body(f))), NULL, xdr = FALSE, version = 2L))
  # It warns of code that it takes for strange.
  names <- suppressWarnings(codetools::findGlobals(f, merge = TRUE))
  globals <- list()
  if (already_seen(f, environment(f), seen)) return(list(code = code, globals = globals))
  for (name in sort(unique(names), method = "radix")) {
    at <- frame_of_variable(name, environment(f))
    if (is.null(at)) next
    globals[[name]] <- content_hash(tryCatch(at[[name]], error = function(e) NULL), seen)
  }
  list(code = code, globals = globals)
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

# Has this function been met on the way here? Functions may call each other.
already_seen <- function(f, envir, seen) {
  for (other in seen$all) if (identical(other[[2L]], envir) && identical(other[[1L]], body(f))) return(TRUE)
  seen$all <- c(seen$all, list(list(body(f), envir)))
  FALSE
}

hash_environment <- function(x, seen) {
  if (identical(x, globalenv())) return("global")
  if (isNamespace(x) || identical(x, baseenv()) || identical(x, emptyenv())) return(environmentName(x))
  for (other in seen$all) if (identical(other[[2L]], x) && is.null(other[[1L]])) return("seen")
  seen$all <- c(seen$all, list(list(NULL, x)))
  names <- sort(ls(x, all.names = TRUE, sorted = FALSE), method = "radix")
  paste("environment", paste(names, vapply(names, function(name) {
    tryCatch(content_hash(get(name, x), seen), error = function(e) "missing")
  }, ""), collapse = " "))
}

# Code without the places that it came from.
plain_code <- function(x) {
  if (is.call(x) || is.list(x) || is.expression(x) || is.pairlist(x)) {
    at <- setdiff(names(attributes(x)), "names")
    for (name in at) attr(x, name) <- NULL
    for (k in seq_along(x)) {
      e <- x[[k]]
      # NULL counts as a pairlist, and to assign it would remove the element.
      if (!missing(e) && !is.null(e) && (is.call(e) || is.list(e) || is.pairlist(e))) x[[k]] <- plain_code(e)
    }
  }
  x
}
