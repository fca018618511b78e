# Checks `...` of functions that do not pass all of it on. An argument that nothing takes is
# an error, before work starts, and the error names the argument that was probably meant.

# takes: names that are allowed besides. fun: a function of the user that gets the other
# arguments, named by `role` in messages; any: may they also go to the `...` of `fun`?
# own: arguments of the function that was called.
check_dots <- function(..., .takes = character(), .fun = NULL, .role = "the statistic", .any = TRUE,
                       .own = names(formals(sys.function(-1L))), .call = sys.call(-1L)) {
  if (!...length()) return(invisible())
  names <- ...names()
  if (is.null(names)) names <- character(...length())
  names[is.na(names)] <- ""
  own <- setdiff(c(.own, .takes), "...")
  for (k in seq_along(names)) {
    name <- names[[k]]
    if (name %in% .takes || is.function(.fun) && takes_argument(.fun, name, own, .any)) next
    stop_unknown_argument(name, own, setdiff(.own, "..."), if (is.function(.fun)) .role, .call)
  }
  invisible()
}

# May the function get an argument of this name? Where it takes anything (`any`), names that
# can only mean an argument of ours are still refused.
takes_argument <- function(fun, name, own = character(), any = TRUE) {
  with_formals <- args(fun)
  if (is.null(with_formals)) return(TRUE)
  known <- names(formals(with_formals))
  if (!nzchar(name)) return(length(known) > 1L)
  if (name %in% known || sum(startsWith(known, name)) == 1L) return(TRUE)
  ours <- name %in% c("nboot", "nfolds", "conf.level") && length(intersect(alias_of(name), own))
  "..." %in% known && any && !ours
}

stop_unknown_argument <- function(name, known, own, role, call) {
  f <- name_of_call(call)
  nearest <- if (nzchar(name)) nearest_name(name, known)
  who <- if (is.null(role)) sprintf("%s has no argument", f) else sprintf("Neither %s nor %s has an argument", f, role)
  message <- if (!nzchar(name)) {
    sprintf("%s has no more arguments without a name: one is left over.", f)
  } else if (is.null(nearest)) {
    sprintf("%s `%s`: %s has %s.", who, name, f, paste0("`", own, "`", collapse = ", "))
  } else {
    sprintf("%s `%s`; the nearest is `%s`.", who, name, nearest)
  }
  abort_rustle(
    message, "rustle_error_argument", argument = if (nzchar(name)) name else "...", nearest = nearest, call = call
  )
}

# Arguments of the engine that any function of the future family passes on.
future_arguments <- function() grep("^future[.]", names(formals(future_lapply)), value = TRUE)

# The name of the function in a call, such as "cv()", or words for a call without a name.
name_of_call <- function(call) {
  f <- if (is.call(call)) call[[1L]]
  if (is.call(f) && length(f) == 3L) f <- f[[3L]]
  # Methods are called by the name of the generic function.
  if (is.symbol(f)) sprintf("%s()", sub("[.](rustle_[a-z_]+|default|ts|formula)$", "", as.character(f))) else "the function"
}

# The names that other packages and functions have for arguments of ours.
alias_of <- function(name) {
  other_names <- c(
    alpha = "conf", alpha = "level", alpha = "conf.level", level = "conf", level = "conf.level", conf = "conf.level", conf.level = "conf", confidence = "conf", parm = "index", conf = "level",
    index = "parm", nfolds = "K", n_folds = "K", v = "K", folds = "K", B = "R", nboot = "R", nrep = "R", reps = "R", times = "R",
    mc.cores = "workers", ncpus = "workers", cores = "workers", nthreads = "threads", conf.method = "type", clusters = "cluster"
  )
  unname(other_names[names(other_names) == name])
}

# The name in `known` that was probably meant, or NULL.
nearest_name <- function(name, known) {
  alias <- intersect(alias_of(name), known)
  if (length(alias)) return(alias[[1L]])
  longer <- known[startsWith(tolower(known), tolower(name))]
  if (length(longer) && nchar(name) > 1L) return(longer[[which.min(nchar(longer))]])
  letters_of <- function(x) vapply(strsplit(tolower(x), ""), function(l) paste(sort(l), collapse = ""), "")
  exchanged <- known[letters_of(known) == letters_of(name)]
  if (length(exchanged)) return(exchanged[[1L]])
  distance <- as.vector(utils::adist(tolower(name), tolower(known)))
  best <- which.min(distance)
  if (length(best) && distance[[best]] <= max(0, (nchar(name) - 1) %/% 2)) known[[best]]
}
