# Checks of arguments: each returns the value in its canonical form or stops
# with `rustle_error_argument`. They run before anything has started.

# Arguments without a default, of the function that calls this.
check_required <- function(..., .call = sys.call(-1L)) {
  for (name in c(...)) {
    if (eval.parent(call("missing", as.name(name)))) stop_missing(name, .call)
  }
}

# `f` is called with as many arguments as `of` names, such as c("data", "i").
check_arguments_of <- function(f, of, argument, call) {
  with_formals <- args(f)
  known <- names(formals(with_formals))
  if (is.null(with_formals) || "..." %in% known || length(known) >= length(of)) return()
  abort_rustle(
    sprintf(
      "`%s` must be a function(%s), not one of %s.", argument, paste(of, collapse = ", "),
      if (length(known)) sprintf("`%s` alone", paste(known, collapse = "`, `")) else "no arguments"
    ),
    "rustle_error_argument", argument = argument, value = f, call = call
  )
}

check_count <- function(x, argument, min = 1, null = FALSE, call = sys.call(-1L)) {
  if (null && is.null(x)) return(NULL)
  good <- is.numeric(x) && length(x) == 1L && !is.na(x) && is.finite(x) &&
    x >= min && x == floor(x) && x <= .Machine$integer.max
  if (!good) {
    stop_argument(argument, sprintf("a whole number of at least %d", min), x, call)
  }
  as.integer(x)
}

check_flag <- function(x, argument, na = FALSE, null = FALSE, call = sys.call(-1L)) {
  if (null && is.null(x)) return(NULL)
  good <- is.logical(x) && length(x) == 1L && (na || !is.na(x))
  if (!good) {
    stop_argument(argument, if (na) "TRUE, FALSE or NA" else "TRUE or FALSE", x, call)
  }
  as.logical(x)
}

# A flag as parallel takes it: anything that counts as one.
check_loose_flag <- function(x, argument, call = sys.call(-1L)) {
  good <- (is.logical(x) || is.numeric(x)) && length(x) == 1L && !is.na(x)
  if (!good) stop_argument(argument, "TRUE or FALSE", x, call)
  as.logical(x)
}

check_seconds <- function(x, argument, call = sys.call(-1L)) {
  good <- is.numeric(x) && length(x) == 1L && !is.na(x) && x > 0
  if (!good) stop_argument(argument, "a positive number of seconds", x, call)
  # Times above 95 years mean no limit: nanoseconds in 64 bits must not overflow.
  if (x > 3e9) Inf else as.double(x)
}

check_tolerance <- function(tol, call = user_call()) {
  good <- is.numeric(tol) && length(tol) == 1L && !is.na(tol) && tol >= 0
  if (!good) stop_argument("tol", "a number of at least 0", tol, call)
  as.double(tol)
}

check_choice <- function(x, choices, argument, call = sys.call(-1L)) {
  good <- is.character(x) && length(x) == 1L && x %in% choices
  if (!good) {
    must <- paste0("one of ", paste0("\"", choices, "\"", collapse = ", "))
    stop_argument(argument, must, x, call)
  }
  x
}

check_function <- function(FUN, argument, envir, call = sys.call(-1L)) {
  if (missing(FUN)) stop_missing(argument, call)
  if (is.function(FUN)) return(FUN)
  if (is.character(FUN) && length(FUN) == 1L && !is.na(FUN)) {
    found <- get0(FUN, envir = envir, mode = "function")
    if (is.null(found)) {
      stop_argument(argument, "the name of a function that exists", FUN, call)
    }
    return(found)
  }
  if (is.symbol(FUN)) return(match.fun(FUN))
  stop_argument(argument, "a function or the name of one", FUN, call)
}

# `future.conditions` as list(classes, exclude); classes NULL: no interception.
check_conditions <- function(x, argument, call = sys.call(-1L)) {
  if (is.null(x)) return(list(classes = NULL, exclude = NULL))
  if (!is.character(x) || anyNA(x)) {
    stop_argument(argument, "a character vector of condition classes or NULL", x, call)
  }
  exclude <- attr(x, "exclude")
  if (!is.null(exclude) && (!is.character(exclude) || anyNA(exclude))) {
    stop_argument(sprintf("%s attribute \"exclude\"", argument), "a character vector of condition classes", exclude, call)
  }
  list(classes = as.character(x), exclude = exclude)
}

check_packages <- function(x, argument, call = sys.call(-1L)) {
  if (is.null(x)) return(character())
  if (!is.character(x) || anyNA(x) || !all(nzchar(x))) {
    stop_argument(argument, "a character vector of package names or NULL", x, call)
  }
  unique(x)
}

check_environment <- function(x, argument, call = sys.call(-1L)) {
  if (!is.environment(x)) stop_argument(argument, "an environment", x, call)
  x
}

check_label <- function(x, argument, call = sys.call(-1L)) {
  good <- length(x) == 1L && !is.na(x) && (is.logical(x) || is.character(x))
  if (!good) stop_argument(argument, "a string, TRUE or FALSE", x, call)
  x
}
