# What a task leaves behind on the desk of a persistent worker is put back before the next
# job: note_desk() before a job, clear_desk() after it.
#
# Put back: sinks, graphics devices, connections, the search path, working directory,
# library paths, umask, locale, options, environment variables, everything in the global
# environment with the random state and the kinds of generators, the plan, parallel's default
# cluster, and time limits.
#
# Left as tasks made them:
# * Loaded packages and what they keep in their namespaces: to load them again would cost
#   every job. New options and environment variables stay too if a package that was loaded in
#   that job knows their names: they may be the package's.
# * What is within an environment or behind a pointer that was there before the job.
# * S3 methods and S4 classes that a task has defined, and functions of packages that it
#   has traced or replaced.

# What must be as it is now when the job is over. The caller may use it for many jobs, as
# long as clear_desk() returns TRUE and nothing but jobs has run since.
note_desk <- function() {
  # future sets options when it is loaded: now, if ever.
  stack_of_future()
  lapply(desk_readers, function(read) read())
}

# Puts back what `noted` (of note_desk()) tells. FALSE when something cannot be put back:
# the worker must be replaced then. It raises no error.
clear_desk <- function(noted) {
  tryCatch({
    setTimeLimit()
    setSessionTimeLimit()
    now <- note_desk()
    if (identical(now, noted)) return(!environmentIsLocked(globalenv()))
    changed <- names(not_as_before(now, noted))
    for (part in intersect(names(clearing), changed)) clearing[[part]](noted, now)
    !environmentIsLocked(globalenv()) && is_cleared(noted, changed)
  }, error = function(e) FALSE, interrupt = function(e) FALSE)
}

# A few objects that are identical as long as nothing has changed of what is noted: not the
# other way round, a state that was put back may look new.
glance_desk <- function() {
  base <- baseenv()
  words <- rs_desk_glance(get_random_seed(), TRUE)
  if (is.null(words) || environmentIsLocked(globalenv())) return(NULL)
  list(
    words, base[[".Devices"]], base[[".Device"]], getAllConnections(), search(), .libPaths(), as.list(.Options),
    if (length(names(globalenv()))) read_globals(), noted_stack(), in_force$settings,
    parallel::getDefaultCluster(), loadedNamespaces()
  )
}

# By part, what is compared. Few microseconds each.
desk_readers <- list(
  sinks = function() rs_sinks(),
  # Is it still our connection that takes the output of tasks?
  output = function() rs_output_arrives(),
  messages = function() sink.number(type = "message"),
  devices = function() open_devices(),
  device = function() grDevices::dev.cur(),
  connections = function() getAllConnections(),
  search = function() search(),
  directory = function() getwd(),
  libraries = function() .libPaths(),
  mask = function() Sys.umask(NA),
  locale = function() noted_locale(),
  options = function() as.list(.Options),
  variables = function() noted_variables(),
  globals = function() read_globals(),
  # A state tells its kinds.
  kinds = function() if (is.null(get_random_seed())) RNGkind(),
  stack = function() noted_stack(),
  settings = function() in_force$settings,
  cluster = function() parallel::getDefaultCluster(),
  namespaces = function() loadedNamespaces()
)

# The same note, but the random state is to stay as it is now.
with_state_now <- function(noted) {
  noted$globals[".Random.seed"] <- list(get_random_seed())
  if (is.null(get_random_seed())) noted$globals[".Random.seed"] <- NULL
  noted["kinds"] <- list(desk_readers$kinds())
  noted
}

# Is everything as it was, but for what may stay?
is_cleared <- function(noted, changed) {
  same <- function(part) {
    now <- desk_readers[[part]]()
    before <- noted[[part]]
    switch(part,
      namespaces = TRUE,
      options = all_as_before(now, before) && !length(left_behind(now, before, noted)),
      variables = all_as_before(now$all, before$all) && !length(left_behind(now$all, before$all, noted)),
      globals = all_as_before(now, before) && length(now) == length(before),
      identical(now, before)
    )
  }
  all(vapply(changed, same, NA))
}

all_as_before <- function(now, before) !length(not_as_before(now, before))

# The new names of `now` that no package knows which the job has loaded.
left_behind <- function(now, before, noted) {
  new <- added(now, before)
  if (length(new)) setdiff(new, names_of_packages(new, setdiff(loadedNamespaces(), noted$namespaces))) else new
}

# Those of `names` that occur anywhere in these namespaces, or begin with the name of one. A
# name that a package puts together otherwise when it is loaded is not found.
names_of_packages <- function(names, packages) {
  known <- logical(length(names))
  for (package in packages) {
    known <- known | startsWith(names, paste0(package, ".")) | startsWith(names, paste0(package, "_"))
    if (all(known)) break
    # All names and texts of code and data, as bytes.
    bytes <- tryCatch(
      serialize(as.list.environment(asNamespace(package), all.names = TRUE), NULL, xdr = FALSE),
      error = function(e) NULL
    )
    if (is.null(bytes)) return(names)
    known <- known | vapply(names, function(name) length(grepRaw(name, bytes, fixed = TRUE)) > 0L, NA)
  }
  names[known]
}

# By part: function(noted, now). In this order: a sink writes to a connection, and a
# device or a package may use one.
clearing <- list(
  sinks = function(noted, now) for (k in seq_len(max(0L, now$sinks - noted$sinks))) sink(),
  messages = function(noted, now) {
    if (noted$messages == 2L) sink(type = "message") else sink(getConnection(noted$messages), type = "message")
  },
  devices = function(noted, now) {
    for (device in setdiff(now$devices, noted$devices)) grDevices::dev.off(device)
  },
  # dev.set() would open a new one where there is none.
  device = function(noted, now) if (noted$device %in% open_devices()) grDevices::dev.set(noted$device),
  search = function(noted, now) clear_search(noted$search),
  connections = function(noted, now) {
    for (number in setdiff(getAllConnections(), noted$connections)) try(close(getConnection(number)), silent = TRUE)
  },
  directory = function(noted, now) setwd(noted$directory),
  libraries = function(noted, now) .libPaths(noted$libraries, include.site = FALSE),
  mask = function(noted, now) Sys.umask(noted$mask),
  locale = function(noted, now) set_locale(noted$locale$categories),
  stack = function(noted, now) put_back_stack(noted$stack, noted$settings),
  settings = function(noted, now) put_in_force(stack_of_future(), noted$settings),
  cluster = function(noted, now) parallel::setDefaultCluster(noted$cluster),
  # A package that was loaded meanwhile needs its options.
  options = function(noted, now) {
    new <- left_behind(now$options, noted$options, noted)
    set_options(c(not_as_before(now$options, noted$options), empty_list(as.character(new))))
  },
  variables = function(noted, now) {
    before <- noted$variables$all
    after <- now$variables$all
    set_variables(not_as_before(after, before))
    Sys.unsetenv(left_behind(after, before, noted))
  },
  globals = function(noted, now) {
    rm(list = added(now$globals, noted$globals), envir = globalenv())
    put_globals(not_as_before(now$globals, noted$globals))
    read_random_kinds()
  },
  kinds = function(noted, now) {
    if (is.null(noted$kinds)) return()
    set_random_kinds(noted$kinds)
    set_random_seed(NULL)
  }
)

added <- function(now, before) setdiff(names(now), names(before))

# The elements of `before` that are not so now.
not_as_before <- function(now, before) {
  differs <- logical(length(before))
  names <- names(before)
  for (k in seq_along(before)) differs[[k]] <- !identical(now[names[[k]]], before[k])
  before[differs]
}

# The numbers of dev.list() in a fifth of its time.
open_devices <- function() which(nzchar(unlist(get0(".Devices", baseenv(), inherits = FALSE))))[-1L]

# Global variables as a list. Active bindings are not read, for that would call their
# functions, which are noted instead.
read_globals <- function() {
  names <- names(globalenv())
  active <- vapply(names, function(name) bindingIsActive(as.name(name), globalenv()), NA, USE.NAMES = FALSE)
  if (any(active)) return(read_each_global(names))
  # delayedAssign() may have made what fails when it is read.
  tryCatch(as.list.environment(globalenv(), all.names = TRUE), error = function(e) read_each_global(names))
}

read_each_global <- function(names) {
  read <- function(name) {
    if (bindingIsActive(as.name(name), globalenv())) {
      return(structure(list(activeBindingFunction(as.name(name), globalenv())), class = "rustle_active"))
    }
    tryCatch(get(name, globalenv(), inherits = FALSE), error = function(e) structure(list(), class = "rustle_unread"))
  }
  sapply(names, read, simplify = FALSE)
}

put_globals <- function(values) {
  for (name in names(values)) {
    value <- values[[name]]
    if (exists(name, globalenv(), inherits = FALSE)) rm(list = name, envir = globalenv())
    if (inherits(value, "rustle_active")) {
      makeActiveBinding(name, value[[1L]], globalenv())
    } else if (inherits(value, "rustle_unread")) {
      stop("what could not be read cannot be put back")
    } else {
      # In a worker: what the session of the worker had before a task changed it.
      home <- globalenv()
      assign(name, value, envir = home)
    }
  }
}

# The search path as `before` tells: what is new is detached, packages that are gone are
# attached again. An attach()ed list that is gone cannot be had again.
clear_search <- function(before) {
  # One name may be there several times; they are counted from below.
  numbered <- function(entries) rev(make.unique(rev(entries)))
  for (at in rev(which(!numbered(search()) %in% numbered(before)))) {
    suppressWarnings(suppressMessages(detach(pos = at, force = TRUE)))
  }
  for (k in rev(seq_along(before))) {
    if (before[[k]] %in% search() || !startsWith(before[[k]], "package:")) next
    attach_package(substring(before[[k]], 9L), NULL, match(before[[k + 1L]], search()))
  }
}

# The environment variables and the locale are noted with all their parts, which are looked
# up again only when something has changed. `noted`: written by these two functions only.
noted <- new.env(parent = emptyenv())

noted_variables <- function() {
  hash <- rs_environment_hash()
  if (!identical(noted$variables$hash, hash)) noted$variables <- list(hash = hash, all = environment_variables())
  noted$variables
}

noted_locale <- function() {
  text <- Sys.getlocale()
  if (!identical(noted$locale$text, text)) noted$locale <- list(text = text, categories = locale_categories())
  noted$locale
}
