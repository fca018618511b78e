# What is told below the error of a task when R shows it: the sequential call would have found a
# variable that a worker was not sent.

# A line, or NULL. message: that of R, in the language of the session.
hint_of_error <- function(message, plan = current_plan()) {
  if (plan$executor$shares_memory) return()
  name <- name_not_found(message)
  if (is.null(name) || !exists(name, globalenv())) return()
  sprintf(
    paste(
      "`%s` is in this session, but the workers of plan(%s) are sent what the code of FUN names, and it does not name that.",
      "Say future.globals = structure(TRUE, add = \"%s\")%s."
    ),
    name, plan$executor$name, name,
    if (plan$executor$keeps) sprintf(" or, for functions without it, clusterExport(NULL, \"%s\")", name) else ""
  )
}

# The variable or function that R has not found.
name_not_found <- function(message) {
  for (text in c("object '%s' not found", "could not find function \"%s\"")) {
    parts <- strsplit(gettext(text, domain = "R"), "%s", fixed = TRUE)[[1L]]
    if (length(parts) == 1L) parts[[2L]] <- ""
    ends <- startsWith(message, parts[[1L]]) && endsWith(message, parts[[2L]])
    name <- if (ends) substr(message, nchar(parts[[1L]]) + 1L, nchar(message) - nchar(parts[[2L]]))
    if (!is.null(name) && nzchar(name)) return(name)
  }
}
