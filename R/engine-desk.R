# The desk of a persistent worker: what it must have as the session has it at each job.
# session_desk() notes it in the session, lay_desk() applies it in the worker. What a task
# changes is put back by clear_desk() (engine-desk_clear.R).
#
# A desk is a list:
#   directory    the working directory; NULL where that has been removed
#   libraries    .libPaths()
#   environment  variables that differ from those at the start, or did once; NA: removed
#   locale       by category
#   mask         what file permissions are taken away from new files (umask)
#   options      those that can travel
#   packages     attached ones in the order of search(): the library of each by its name
#   definitions  methods and classes of the session (engine-definitions.R)
#   kinds        of random number generators, as RNGkind() has them
#
# Not on it:
# * Options that belong to the process: those of own_options().
# * Options that hold something that only the session has: an external pointer (and so a
#   connection), a weak reference, or an environment that a front end has attached.
# * attach()ed lists and data frames. Variables in them are found as globals.
# * Changes within an environment that an option holds: it is sent as it was when the
#   option was set.

own_options <- function() {
  c(
    names(worker_options), "prompt", "continue", "echo", "error", "topLevelEnvironment",
    "device", "device.ask.default"
  )
}

# The record of the desk, written in this file only:
#   start    the environment variables when the package was loaded
#   touched  names of those that have differed since
#   seen     what the last desk was made from, and `desk` itself
#   glance   what tells at a glance that nothing has changed since
desks <- new.env(parent = emptyenv())

remember_environment <- function() {
  desks$start <- environment_variables()
  desks$touched <- character()
}

# The desk of this session: the same object as long as nothing has changed. It is asked for
# at every job, so what is looked at first takes microseconds only.
session_desk <- function() {
  glance <- list(
    rs_desk_glance(get_random_seed(), FALSE), .libPaths(), as.vector(.Options, "list"), search(), session_definitions()
  )
  if (!is.null(glance[[1L]]) && identical(glance, desks$glance)) return(desks$desk)
  desk <- desk_seen()
  desks$glance <- glance
  desk
}

# The same, looked at part by part. R reads the kinds of generators from the random state.
desk_seen <- function() {
  seen <- list(
    directory = getwd(), libraries = .libPaths(), environment = rs_environment_hash(),
    locale = Sys.getlocale(), mask = Sys.umask(NA), options = as.list(.Options),
    search = search(), definitions = session_definitions(), kinds = read_random_kinds()
  )
  before <- desks$seen
  if (identical(seen, before)) return(desks$desk)
  new <- function(part, make) {
    if (identical(seen[[part]], before[[part]])) desks$desk[[if (part == "search") "packages" else part]] else make()
  }
  desk <- list(
    directory = seen$directory, libraries = seen$libraries,
    environment = new("environment", changed_variables),
    locale = new("locale", locale_categories), mask = seen$mask,
    options = new("options", function() travelling_options(seen$options, before$options)),
    packages = new("search", installed_packages_attached), definitions = seen$definitions, kinds = seen$kinds
  )
  if (!identical(desk, desks$desk)) desks$desk <- desk
  desks$seen <- seen
  desks$desk
}

# In the worker: applies what differs from `last`, the desk that was laid before; NULL in
# a new worker. What cannot be done there is a warning at the end, when the rest is done.
lay_desk <- function(desk, last = NULL) {
  warnings <- list()
  changed <- Filter(function(part) !identical(desk[[part]], last[[part]]), names(desk_parts))
  withCallingHandlers({
    for (part in changed) desk_parts[[part]](desk[[part]], last[[part]])
    # A package sets options when it is loaded; those of the session count.
    if ("packages" %in% changed) lay_options(desk$options, NULL)
  }, warning = function(w) {
    warnings[[length(warnings) + 1L]] <<- w
    invokeRestart("muffleWarning")
  })
  for (w in warnings) warning(w)
  invisible()
}

# In this order: packages look at everything that stands before them.
desk_parts <- list(
  libraries = function(libraries, last) {
    # R looks at every part of each path.
    if (!identical(.libPaths(), libraries)) .libPaths(libraries, include.site = FALSE)
  },
  environment = function(variables, last) {
    same <- vapply(names(variables), function(name) identical(variables[name], last[name]), NA)
    set_variables(variables[!same])
  },
  locale = function(locale, last) set_locale(locale),
  mask = function(mask, last) Sys.umask(mask),
  directory = function(directory, last) {
    if (is.null(directory)) return()
    tryCatch(setwd(directory), error = function(e) {
      warn_rustle(
        sprintf("A worker cannot enter the working directory of the session, %s.", directory),
        "rustle_warning_directory"
      )
    })
  },
  options = function(options, last) lay_options(options, last),
  packages = function(packages, last) lay_packages(packages, names(last)),
  definitions = function(definitions, last) lay_definitions(definitions, last),
  kinds = function(kinds, last) lay_kinds(kinds)
)

# Options --------------------------------------------------------------------------------

# `before`: the options of the desk before, of which it is known whether they can travel.
travelling_options <- function(options, before) {
  known <- names(desks$desk$options)
  own <- own_options()
  travels <- function(name) {
    if (name %in% own) return(FALSE)
    value <- options[[name]]
    if (identical(value, before[[name]])) name %in% known else can_travel(value)
  }
  out <- options[vapply(names(options), travels, NA)]
  out[order(names(out), method = "radix")]
}

# Can a copy of `x` in another process do what `x` does? serialize() shows its hook all
# environments and pointers that `x` holds, at any depth.
can_travel <- function(x) {
  if (is.atomic(x) && is.null(attributes(x))) return(TRUE)
  bound <- FALSE
  hook <- function(reference) {
    if (!is.environment(reference) || is_of_front_end(reference)) bound <<- TRUE
    # Something else than NULL is written in place of the reference: all is known.
    if (bound) "bound"
  }
  tryCatch(serialize(x, NULL, refhook = hook), error = function(e) bound <<- TRUE)
  !bound
}

# Front ends attach their tools to the search path, such as "tools:rstudio".
is_of_front_end <- function(environment) {
  name <- attr(environment, "name")
  is.character(name) && startsWith(name[[1L]], "tools:")
}

# Options of the desk before that the session has no more are removed. Others that the
# worker has are those of its packages.
lay_options <- function(options, last) {
  now <- as.list(.Options)
  differs <- !vapply(names(options), function(name) identical(options[[name]], now[[name]]), NA)
  set_options(c(options[differs], empty_list(setdiff(names(last), names(options)))))
}

# A value that was valid in the session may not be so here, with another version of R: then
# the others are set all the same.
set_options <- function(options) {
  if (!length(options)) return(invisible())
  tryCatch(suppressWarnings(base::options(options)), error = function(e) {
    for (k in seq_along(options)) try(suppressWarnings(base::options(options[k])), silent = TRUE)
  })
  invisible()
}

# A list of NULLs with these names.
empty_list <- function(names) stats::setNames(vector("list", length(names)), names)

# Environment variables -------------------------------------------------------------------

environment_variables <- function() {
  unclass(Sys.getenv())
}

changed_variables <- function() {
  now <- environment_variables()
  start <- desks$start
  both <- intersect(names(now), names(start))
  differ <- c(setdiff(names(now), both), setdiff(names(start), both), both[now[both] != start[both]])
  # The temporary directory is the session's own; R sets the other while it loads a package.
  touched <- setdiff(union(desks$touched, differ), c("R_SESSION_TMPDIR", "_R_NS_LOAD_"))
  desks$touched <- sort(touched, method = "radix")
  # For no names, Sys.getenv() gives all.
  if (!length(touched)) return(character())
  Sys.getenv(desks$touched, unset = NA, names = TRUE)
}

# A variable that is NA is removed.
set_variables <- function(variables) {
  gone <- is.na(variables)
  if (any(gone)) Sys.unsetenv(names(variables)[gone])
  if (!all(gone)) do.call(Sys.setenv, as.list(variables[!gone]))
  invisible()
}

# Locale ----------------------------------------------------------------------------------

# LC_CTYPE first: names of others may need it.
locale_names <- c(
  "LC_CTYPE", "LC_COLLATE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES", "LC_PAPER",
  "LC_MEASUREMENT"
)

# Names of locales by category; "" where the system has no such category.
locale_categories <- function() vapply(locale_names, Sys.getlocale, "")

set_locale <- function(locale) {
  for (category in names(locale)) {
    wanted <- locale[[category]]
    if (!nzchar(wanted) || Sys.getlocale(category) == wanted) next
    # R warns of LC_NUMERIC.
    if (nzchar(suppressWarnings(Sys.setlocale(category, wanted)))) next
    warn_rustle(
      sprintf("A worker has no locale \"%s\", which the session uses for %s.", wanted, category),
      "rustle_warning_locale"
    )
  }
}

# Packages --------------------------------------------------------------------------------

# Attached packages from the top, without base: the library of each by its name.
attached_packages <- function() {
  packages <- setdiff(substring(grep("^package:", search(), value = TRUE), 9L), "base")
  paths <- vapply(packages, function(package) {
    path <- attr(as.environment(paste0("package:", package)), "path")
    if (is.null(path)) "" else path
  }, "")
  stats::setNames(dirname(paths), packages)
}

# Those that a worker can attach too.
installed_packages_attached <- function() {
  packages <- attached_packages()
  installed <- file.exists(file.path(packages, names(packages), "Meta", "package.rds"))
  for (package in names(packages)[!installed]) {
    if (!first_time(paste0("not_installed_", package))) next
    warn_rustle(
      sprintf(
        "The package '%s' is attached here but not installed (as by load_all()): workers are without it.",
        package
      ),
      "rustle_warning_package"
    )
  }
  packages[installed]
}

# What a worker has attached before its first desk.
start_packages <- c("rustle", "stats", "graphics", "grDevices", "utils", "datasets", "methods")

# Attaches `packages` in their order. Of the others those are detached that were on the desk
# before (`last`, names). Those that the setup of the plan has attached stay.
lay_packages <- function(packages, last) {
  if (is.null(last)) last <- start_packages
  for (package in setdiff(last, names(packages))) detach_package(package)
  below <- "Autoloads"
  for (package in rev(names(packages))) {
    entry <- paste0("package:", package)
    at <- match(entry, search())
    floor <- match(below, search())
    if (!is.na(at) && at > floor) {
      detach_package(package)
      at <- NA
    }
    if (!is.na(at) || attach_package(package, packages[[package]], match(below, search()))) below <- entry
  }
}

detach_package <- function(package) {
  at <- match(paste0("package:", package), search())
  if (is.na(at)) return(invisible())
  suppressWarnings(suppressMessages(detach(pos = at, force = TRUE)))
}

# At position `pos` of the search path. TRUE when it is there; if not, there is a warning.
attach_package <- function(package, library, pos) {
  # The session has attached it, whatever its policy about conflicts.
  before <- options(conflicts.policy = NULL)
  on.exit(options(before))
  failed <- tryCatch({
    suppressWarnings(suppressMessages(base::library(
      package, pos = pos, lib.loc = c(library, .libPaths()), character.only = TRUE,
      warn.conflicts = FALSE, quietly = TRUE
    )))
    NULL
  }, error = conditionMessage)
  if (is.null(failed)) return(TRUE)
  warn_rustle(
    sprintf("The package '%s' cannot be attached in a worker as it is in the session: %s", package, failed),
    "rustle_warning_package"
  )
  FALSE
}

# Random numbers --------------------------------------------------------------------------

# NULL: the state of the session is none. Generators of a user ("user-supplied") are in
# compiled code, which a worker may not have. There is no state then: a task must not start
# from one that other workers have too.
lay_kinds <- function(kinds) {
  if (is.null(kinds) || identical(kinds, read_random_kinds())) return(invisible())
  try(set_random_kinds(kinds), silent = TRUE)
  set_random_seed(NULL)
}
