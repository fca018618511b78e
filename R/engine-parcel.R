# What of a job travels to a worker that shares no memory with the session: made here,
# for every executor of that kind.
#
# The rule: such a worker has R with its base packages, and the packages that the parcel
# names; nothing else may be taken for granted, this package least of all. Hence
#
# * What finds the data of a task is evaluated in the session, where the methods are:
#   elements of a vector that has a class are taken by `[[` and sent as a list.
# * FUN travels with its environment, the globals that it uses go to the worker's global
#   environment, and packages that these come from are attached; so for functions among
#   the data and the arguments. Code of a loop travels with what it names, in place of
#   the frame that it is in (`code` of a job).
# * Methods and classes of the session are on its desk; a worker without one gets them as
#   `definitions` (engine-definitions.R). What they need travels as globals.
# * Functions of ours that run there use base R only and have base's environment. Where
#   tasks must call this package, the job says so (`ours`), and a worker without the
#   package raises an error that says so. Functions of ours travel without source text.
# * Settings that a forked worker would inherit are set: the kinds of random number
#   generator, the option future.globals.maxSize, and our foreach backend where this
#   package is installed.
#
# A parcel is a list: what all chunks share, made once (`worker`, for run_parcel(); and
# `globals`, `packages`, `envir`), and `data`, of which load_tasks() takes what belongs to a
# chunk.

# desks: do all workers have the session's desk?
job_parcel <- function(job, desks = FALSE) {
  needs <- job_needs(job)
  definitions <- if (!desks) session_definitions()
  list(
    worker = list(
      call = forced_call(job), FUN = needs$FUN, variables = needs$variables, dots = needs$dots,
      stop_early = job$on_error == "stop", check = needs$check,
      kinds = RNGkind(), options = list(future.globals.maxSize = getOption("future.globals.maxSize")),
      requires = if (job$ours) "rustle", backend = needs$backend,
      trace = if (isTRUE(job$relay$traces)) without_source(calls_of_task),
      definitions = definitions, lay = if (!is.null(definitions)) without_source(lay_definitions)
    ),
    globals = needs$globals, packages = needs$packages, envir = needs$envir, data = needs$data
  )
}

# What of it is looked up in the session: list(FUN, variables, dots, data, check, globals,
# packages, envir, backend).
job_needs <- function(job) {
  frame <- job$frame
  data <- plain_data(job)
  others <- names(frame)
  others <- others[!others %in% c("FUN", "i", "...", names(data))]
  variables <- if (length(others)) mget(others, envir = frame) else no_variables
  dots <- frame_dots(frame)
  needs <- if (is.null(job$code)) {
    needs_of_function(job, c(code_among(data, variables, dots), functions_named_among(data, variables, dots)))
  } else {
    needs_of_code(job, c(code_among(data), functions_named_among(data)))
  }
  needs <- with_needs_of_definitions(needs, job$globals)
  list(
    FUN = without_source(needs$FUN), variables = variables, dots = dots, data = data,
    check = without_source(job_check(job)), globals = needs$globals,
    packages = if (length(job$packages) || length(needs$packages)) unique(c(job$packages, needs$packages)) else character(),
    envir = needs$envir, backend = is_our_backend()
  )
}

no_variables <- structure(list(), names = character())

# On a worker that has this package: the frame in which tasks are evaluated, as it was in the
# session. sent: a list with FUN, variables and dots of the parcel.
parcel_frame <- function(sent, data) {
  # Names and calls among the arguments are data; a missing argument stays one.
  quoted <- lapply(sent$dots, function(d) if (is.language(d) && !identical(d, quote(expr = ))) call("quote", d) else d)
  frame <- if (length(quoted)) do.call(dots_frame, quoted) else dots_frame()
  frame$FUN <- sent$FUN
  if (length(sent$variables)) list2env(sent$variables, envir = frame)
  list2env(data, envir = frame)
}

# What run_parcel() needs for some tasks.
load_tasks <- function(parcel, job, tasks) {
  list(tasks = tasks, data = cut_data(parcel$data, job$over, tasks), seeds = task_seeds(job$streams, tasks))
}

# Runs on the worker: base R only. Returns list(values, failed, began, ended): `failed` are
# positions in `load$tasks`, the last two moments of the worker's clock, in seconds.
run_parcel <- function(parcel, load) {
  for (package in parcel$requires) {
    if (!requireNamespace(package, quietly = TRUE)) {
      stop(structure(
        class = c("rustle_error_package", "rustle_error", "error", "condition"),
        list(
          message = sprintf("A worker of the plan needs the package '%s', which is not installed there.", package),
          call = NULL, package = package
        )
      ))
    }
  }
  if (parcel$backend && requireNamespace("foreach", quietly = TRUE) && requireNamespace("rustle", quietly = TRUE)) {
    if (!foreach::getDoParRegistered()) rustle::registerDoRustle()
  }
  options <- options(parcel$options)
  on.exit(options(options))
  # In a process that was forked, or in the session itself, they are there.
  if (!all(parcel$definitions$names %in% names(globalenv()))) {
    parcel$lay(parcel$definitions)
    on.exit(parcel$lay(NULL, parcel$definitions), add = TRUE)
  }
  FUN <- parcel$FUN
  tasks <- load$tasks
  seeds <- load$seeds
  kinds <- parcel$kinds
  # Without streams, set.seed() in a task must seed the generator that the session uses. If
  # no task has drawn random numbers, the state is put back as it was, because future checks
  # whether it has changed.
  set_kinds <- function(kinds, seed) {
    suppressWarnings(RNGkind(kinds[[1L]], kinds[[2L]], kinds[[3L]]))
    rm(".Random.seed", envir = globalenv())
    if (!is.null(seed)) assign(".Random.seed", seed, envir = globalenv())
  }
  before <- globalenv()[[".Random.seed"]]
  own <- RNGkind()
  if (is.null(seeds) && !identical(own, kinds) && kinds[[1L]] != "user-supplied") {
    set_kinds(kinds, NULL)
    on.exit(if (is.null(globalenv()[[".Random.seed"]])) set_kinds(own, before), add = TRUE)
  }
  check <- parcel$check
  # Nothing but `...`: arguments may have any name. So may the variables of the job: their
  # frame is not that of this loop.
  run <- function(...) {
    marks <- list(worker = sys.function())
    frame <- list2env(c(parcel$variables, load$data), envir = new.env(parent = environment()))
    values <- vector("list", length(tasks))
    failed <- integer()
    began <- as.numeric(Sys.time())
    for (k in seq_along(tasks)) {
      trace <- NULL
      if (!is.null(seeds)) assign(".Random.seed", seeds[[k]], envir = globalenv())
      assign("i", k, envir = frame)
      # stop() fails the task even when it is called with a condition that is not an error.
      value <- withRestarts(
        tryCatch(
          withCallingHandlers({
            value <- list(eval(parcel$call, frame))
            if (!is.null(check)) check(value[[1L]], tasks[[k]])
            value
          }, condition = function(condition) {
            handler <- sys.nframe()
            fails <- !inherits(condition, "error") && stopping()
            if (!fails && !inherits(condition, "error")) return()
            trace <<- if (!is.null(parcel$trace)) tryCatch(parcel$trace(marks, handler), error = function(e) NULL)
            if (fails) invokeRestart("rustle_fail", condition)
          }),
          error = identity
        ),
        rustle_fail = identity
      )
      if (inherits(value, "condition")) {
        if (is.list(value) && is.null(value$trace)) value$trace <- trace
        failed <- c(failed, k)
        values[[k]] <- value
        if (parcel$stop_early) break
      } else {
        values[k] <- value
      }
    }
    list(values = values, failed = failed, began = began, ended = as.numeric(Sys.time()))
  }
  stopping <- function() {
    for (k in seq_len(sys.nframe())) if (identical(sys.function(k), stop)) return(TRUE)
    FALSE
  }
  # Names and calls among the arguments are data; a missing argument stays one.
  quoted <- lapply(parcel$dots, function(d) if (is.language(d) && !identical(d, quote(expr = ))) call("quote", d) else d)
  do.call(run, quoted)
}
environment(run_parcel) <- baseenv()

# The call of a task as R code. It forces the same arguments as the loop in Rust.
forced_call <- function(job) {
  as.call(c(list(quote(forceAndCall), job$forced), as.list(job$call)))
}

# The data of all tasks, for workers without the methods of their classes.
plain_data <- function(job) {
  elements <- function(x) if (is.object(x)) lapply(seq_len(job$n), function(k) x[[k]]) else x
  over <- job$over
  if (length(over) == 1L && over == "elements") {
    data <- list(elements(job$frame[[names(over)]]))
    names(data) <- names(over)
    return(data)
  }
  data <- lapply(names(over), function(name) {
    x <- job$frame[[name]]
    if (over[[name]] == "vectors") lapply(x, elements) else if (over[[name]] == "elements") elements(x) else x
  })
  names(data) <- names(over)
  data
}

# The part of plain_data()'s result that some tasks need.
cut_data <- function(data, over, tasks) {
  Map(function(x, how) {
    switch(how,
      elements = x[tasks], vectors = lapply(x, function(v) v[tasks]), columns = x[, tasks, drop = FALSE]
    )
  }, data, over[names(data)])
}

# Is our foreach backend the one of this session?
is_our_backend <- function() {
  isNamespaceLoaded("foreach") && foreach::getDoParRegistered() && identical(foreach::getDoParName(), "doRustle")
}

# Is this a function that was made in our namespace?
is_ours <- function(f) {
  if (typeof(f) != "closure") return(FALSE)
  home <- environment(f)
  if (identical(home, globalenv()) || identical(home, .BaseNamespaceEnv)) return(FALSE)
  identical(topenv(home), topenv())
}

# A function of this package, or NULL, without the text that it was parsed from. (The
# environment of ours is our namespace or base's.) A function of the user is left as it is.
without_source <- function(f) {
  if (is.null(attr(f, "srcref"))) return(f)
  if (is_ours(f) || identical(topenv(environment(f)), baseenv())) utils::removeSource(f) else f
}

# list(FUN, globals, packages, envir): what travels with FUN. code: functions and language
# that travel anyhow, and need their globals too.
needs_of_function <- function(job, code) {
  home <- if (is.null(job$envir)) globalenv() else job$envir
  FUN <- job$frame$FUN
  if (!identical(job$globals, TRUE)) return(needs_as_given(job, FUN, home))
  # A function of our namespace needs the package, no globals.
  found <- find_globals(if (!is_ours(FUN)) list(FUN), home)
  check_size(found, FUN, home)
  packages <- found$packages
  if (!length(found$names) && !length(code)) return(list(FUN = FUN, globals = no_variables, packages = packages, envir = home))
  globals <- sent_globals(found, found$outer)
  if (length(code)) {
    more <- find_globals(code, home)
    new <- sent_globals(more, more$outer | more$near)
    globals <- c(globals, new[setdiff(names(new), names(globals))])
    packages <- c(packages, more$packages)
  }
  list(FUN = FUN, globals = globals, packages = packages, envir = home)
}

# The same where the user says what the globals are.
needs_as_given <- function(job, FUN, home) {
  envir <- list2env(list(FUN = FUN), parent = home)
  given <- is.list(job$globals)
  found <- globals_of_future(if (is_ours(FUN)) NULL else quote(FUN()), envir, globals = job$globals)
  globals <- as_plain_list(found$globals)
  # FUN is in the parcel already. In a list that the user gave, `FUN` is a variable of theirs.
  if (!given) globals$FUN <- NULL
  list(FUN = FUN, globals = globals, packages = if (given) character() else found$packages, envir = home)
}

# The same for the code of a loop: FUN gets an environment with the variables that it names,
# instead of everything around the loop. Variables of the global environment go to the
# worker's, where other functions that travel look for them.
needs_of_code <- function(job, code) {
  FUN <- job$frame$FUN
  envir <- environment(FUN)
  export <- job$code$export
  noexport <- job$code$noexport
  absent <- Filter(function(name) !exists(name, envir), export)
  if (length(absent)) {
    stop_argument(".export", "the names of variables that exist", absent[[1L]], job$origin)
  }
  found <- find_globals(c(list(body(FUN)), code), envir)
  check_size(found, body(FUN), envir)
  ignored <- found$names %in% c(names(formals(FUN)), noexport)
  globals <- sent_globals(found, found$outer & !ignored)
  own <- sent_globals(found, !found$outer & found$near & !ignored)
  for (name in setdiff(export, c(names(globals), names(own), noexport))) {
    value <- list(get(name, envir))
    if (exists(name, globalenv(), inherits = FALSE) && identical(globalenv()[[name]], value[[1L]])) {
      globals[name] <- value
    } else {
      own[name] <- value
    }
  }
  dots <- exists("...", envir) && "..." %in% all.names(body(FUN))
  home <- if (dots) eval(as.call(list(forced_frame, quote(...))), envir) else new.env(parent = globalenv())
  list2env(own, envir = home)
  # The source text would travel as well.
  FUN <- utils::removeSource(FUN)
  environment(FUN) <- home
  list(FUN = FUN, globals = globals, packages = found$packages, envir = home)
}

# Some of find_globals()'s result as a named list; of two variables with one name the first.
sent_globals <- function(found, which) {
  if (!length(found$names)) return(no_variables)
  values <- found$values[which]
  names(values) <- found$names[which]
  if (anyDuplicated(names(values))) values[!duplicated(names(values))] else values
}

# A frame that has the arguments `...` of another, evaluated, and nothing else.
forced_frame <- function(...) {
  list(...)
  environment()
}
environment(forced_frame) <- globalenv()

as_plain_list <- function(globals) {
  out <- as.list(globals)
  attributes(out) <- list(names = names(out))
  out
}
