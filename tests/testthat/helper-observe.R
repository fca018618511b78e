# The one recorder of what a call did: claims of conformance, differential tests,
# examples and all other tests compare what it returns.

# Evaluates `expr` with `.Random.seed` set to `seed` first (NULL: none there, NA: as
# it is) and returns a list:
#   value                        NULL after an error
#   class, message, call, task   of the error; NULL without one
#   warnings, messages           their texts, in order
#   conditions                   warnings, messages and custom() ones in their order:
#                                lists of class, message, call, and `at`, the number of
#                                bytes that were printed before
#   output                       the lines that were printed
#   text                         the same as one string
#   seed                         the random state afterwards
# The caller's random state is as it was, and what is written to standard error is
# thrown away. Needs base R alone: it runs in other R processes too.
observe <- function(expr, seed = NA) {
  here <- function() globalenv()[[".Random.seed"]]
  put <- function(s) {
    if (is.null(s)) {
      suppressWarnings(rm(".Random.seed", envir = globalenv()))
    } else {
      assign(".Random.seed", s, envir = globalenv())
    }
  }
  before <- here()
  on.exit(put(before))
  if (!identical(seed, NA)) put(seed)

  # In memory: what a forked process prints by itself cannot reach it, as it could
  # reach a file; and long lines are quick, as they are not in a textConnection().
  printed <- rawConnection(raw(0L), "w")
  depth <- sink.number()
  sink(printed)
  on.exit({
    while (sink.number() > depth) sink()
    close(printed)
  }, add = TRUE)
  errors <- file(nullfile(), "w")
  outer <- sink.number(type = "message")
  sink(errors, type = "message")
  on.exit({
    sink(getConnection(outer), type = "message")
    close(errors)
  }, add = TRUE)

  conditions <- list()
  keep <- function(c) {
    conditions[[length(conditions) + 1L]] <<- list(
      class = class(c), message = conditionMessage(c), call = conditionCall(c), at = seek(printed, where = NA)
    )
  }
  result <- withCallingHandlers(
    tryCatch(list(value = expr), error = function(e) list(error = e)),
    warning = function(w) { keep(w); invokeRestart("muffleWarning") },
    message = function(m) { keep(m); invokeRestart("muffleMessage") },
    custom = keep
  )
  text <- rawToChar(rawConnectionValue(printed))
  error <- result$error
  failed <- !is.null(error)
  of <- function(class) {
    as.character(unlist(lapply(conditions, function(c) if (class %in% c$class) c$message)))
  }
  list(
    value = result$value, class = if (failed) class(error), message = if (failed) conditionMessage(error),
    call = if (failed) conditionCall(error), task = if (is.list(error)) error$task,
    warnings = of("warning"), messages = of("message"), conditions = conditions,
    output = if (nzchar(text)) strsplit(text, "\n", fixed = TRUE)[[1L]] else character(),
    text = text, seed = here()
  )
}

# Did the observed call end with an error?
has_failed <- function(seen) !is.null(seen$message)

# What a call printed and signalled, as strings: `output`, `conditions` in their
# order, an error last, and `all` of them interleaved.
log_of <- function(expr) as_log(observe(expr))

as_log <- function(seen) {
  kinds <- c("warning", "message", "custom")
  shown <- function(kind, message) sprintf("<%s %s>", kind, trimws(message))
  conditions <- vapply(seen$conditions, function(c) shown(intersect(kinds, c$class)[[1L]], c$message), "")
  at <- vapply(seen$conditions, `[[`, 0, "at")
  bytes <- charToRaw(seen$text)
  if (has_failed(seen)) {
    conditions <- c(conditions, shown("error", seen$message))
    at <- c(at, length(bytes))
  }
  piece <- function(from, to) rawToChar(bytes[seq_len(to - from) + from])
  pieces <- mapply(piece, c(0, at), c(at, length(bytes)))
  list(output = seen$text, conditions = conditions, all = paste0(pieces, c(conditions, ""), collapse = ""))
}
