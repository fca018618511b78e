#' Run foreach loops on the plan
#'
#' After `registerDoRustle()`, `foreach(...) %dopar% expr` runs on the workers of
#' the current [plan()]: the plan in force when a loop starts, not when the backend was
#' registered. Every iteration is a task. Values, order, combining and errors are
#' those of foreach's `%do%`; output, messages and warnings of tasks are relayed as by
#' [future_lapply()].
#'
#' Every argument of `foreach::foreach()` works, nested loops (`%:%`) and conditions
#' (`when()`) too: all iterations of nested loops are tasks of one job. Iterators
#' are read to their end before the first task starts, as the loop needs them whole;
#' values are combined when all have arrived.
#'
#' A loop takes `.options.rustle`, a list of
#'
#' * `seed`: as `future.seed` of [future_lapply()], and with the same numbers:
#'   `TRUE`, a whole number or a L'Ecuyer-CMRG seed gives each task a random number
#'   stream of its own. `FALSE` (default) warns when a task draws random numbers;
#'   `NULL` does not look.
#' * `schedule`: one of `"stealing"`, `"static"`, `"cyclic"`, `"dynamic"`,
#'   `"guided"`; default: that of the plan.
#' * `chunk_size`: tasks per claim of the dynamic schedule (which it implies when no
#'   schedule is named), least number of the guided one.
#'
#' `%dorng%` and `registerDoRNG()` of doRNG work, with the numbers that doRNG gives
#' with every other backend.
#'
#' @param workers `NULL` (default): the plan. A whole number of at least 1: loops run
#'   on this many forked workers whatever the plan's strategy (where forking is
#'   not possible, on as many R processes, started for each loop); the plan's
#'   settings hold. Nested loops in a worker run there, one after another, unless the
#'   plan has another level.
#' @return `NULL`, invisibly. Where rustle is attached, foreach and iterators are attached
#'   too, just behind it, as doParallel does.
#' @section Plans: With forked workers tasks see the session as it is. For workers
#'   that share no memory, variables that the loop's expression uses are found and
#'   sent, with those named in `.export` and without those named in `.noexport`.
#' @section Errors: With `.errorhandling = "stop"` the failing task with the lowest
#'   index decides and later tasks are cancelled. The error is foreach's
#'   (`task 3 failed - "..."`), with the index in `task` and the error of the task in
#'   `parent`. `"remove"` and `"pass"` are as in foreach. A lost worker is handled as
#'   in [future_lapply()] whatever `.errorhandling` says: `rustle_error_worker_lost`.
#'   `rustle_error_argument` for wrong options, before anything has started;
#'   `rustle_error_package` when foreach is not installed.
#' @section Where it differs from doParallel and `%do%`: In a nested loop `task` and the
#'   error message count all tasks, from 1; foreach counts those of the inner loop.
#'   An error of `.combine` ends the loop whatever function it is; foreach prints that
#'   of a function of two arguments and goes on without the values.
#'   Assignments in the loop's expression are never seen outside. A task that
#'   draws random numbers without `seed` or `%dorng%` gives one warning, as with
#'   doFuture.
#' @seealso [future_lapply()]; [plan()]; `?"rustle-seeds"` for `%dorng%`.
#' @examplesIf requireNamespace("foreach", quietly = TRUE)
#' registerDoRustle() # also attaches foreach
#' oplan <- plan(multicore, workers = 2)
#' foreach(i = 1:3, .combine = c) %dopar% sqrt(i)
#' #> [1] 1.000000 1.414214 1.732051
#' foreach(i = 1:2, .combine = rbind) %:% foreach(j = 1:3, .combine = c) %dopar% (i * j)
#' #>          [,1] [,2] [,3]
#' #> result.1    1    2    3
#' #> result.2    2    4    6
#' x <- foreach(i = 1:3, .options.rustle = list(seed = 42)) %dopar% rnorm(1)
#' identical(x, future_lapply(1:3, function(i) rnorm(1), future.seed = 42))
#' #> [1] TRUE
#' plan(oplan)
#' registerDoSEQ()
#' @export
registerDoRustle <- function(workers = NULL) {
  workers <- check_count(workers, "workers", null = TRUE)
  if (!requireNamespace("foreach", quietly = TRUE)) {
    abort_rustle(
      "registerDoRustle() needs the package 'foreach', which is not installed.",
      class = "rustle_error_package", package = "foreach", call = sys.call()
    )
  }
  data <- list(workers = workers, pid = Sys.getpid())
  foreach::setDoPar(fun = do_rustle, data = data, info = rustle_backend_info)
  attach_foreach()
  invisible()
}

# Attaches foreach, as library(doParallel) does, for scripts that have no other line for it.
# It is attached behind rustle, where it would be if rustle depended on it, so that it masks
# nothing that was attached later.
attach_foreach <- function() {
  for (package in c("iterators", "foreach")) {
    at <- match("package:rustle", search())
    if (!is.na(at) && !paste0("package:", package) %in% search()) {
      attachNamespace(package, pos = at + 1L)
    }
  }
}

# Answers for getDoParWorkers(), getDoParName() and getDoParVersion().
rustle_backend_info <- function(data, item) {
  switch(item,
    workers = if (is_registered_here(data)) data$workers else current_plan()$workers,
    name = "doRustle",
    version = utils::packageDescription("rustle", fields = "Version")
  )
}

# A registration with workers holds in the process that made it. In a worker the nested plan
# decides instead.
is_registered_here <- function(data) !is.null(data$workers) && data$pid == Sys.getpid()

# The backend: foreach calls it for `obj %dopar% expr` in `envir`.
do_rustle <- function(obj, expr, envir, data) {
  call <- call("%dopar%", quote(foreach(...)), expr)
  if (!inherits(obj, "foreach")) stop_argument("obj", "a foreach object", obj, call)
  options <- check_foreach_options(obj$options, call)
  packages <- check_packages(obj$packages, ".packages", call)
  plan <- if (is_registered_here(data)) plan_of_number(data$workers, environment()) else current_plan()
  it <- iterators::iter(obj)
  tasks <- as.list(it)
  values <- list()
  n <- length(tasks)
  if (n > 0L) {
    body <- foreach_body(expr, unique(names(tasks[[1L]])), envir)
    frame <- foreach_frame(body, tasks)
    streams <- streams_of_foreach(options, n, names(tasks[[1L]]), call)
    job <- new_job(
      foreach_call(frame), frame, n, policy_of_foreach(options, plan), streams,
      relay = new_relay(TRUE, list(classes = "condition")),
      on_error = if (all(error_handling(obj) == "stop")) "stop" else "keep",
      packages = packages, label = "foreach-%d", origin = call,
      forced = length(formals(body)), over = foreach_columns(frame),
      code = list(export = obj$export, noexport = obj$noexport)
    )
    job$machine <- machine_of_foreach(body, frame, n)
    if (isTRUE(obj$verbose)) say_job(job, plan)
    values <- run_foreach(job, plan, call)
    combine_values(it, values)
    bad <- which(vapply(values, inherits, NA, "error"))
    if (identical(obj$errorHandling, "stop") && !is.null(foreach::getErrorValue(it))) {
      stop_foreach(values[[bad[[1L]]]], bad[[1L]], call)
    }
  }
  with_values(values, foreach::getResult(it))
}

foreach_options <- c("seed", "schedule", "chunk_size")

# `.options.rustle`; loops in a nest may have one each, the outer one wins.
check_foreach_options <- function(all, call) {
  given <- unname(all[names(all) == "rustle"])
  for (options in given) {
    good <- is.list(options) && (!length(options) || !is.null(names(options))) &&
      all(names(options) %in% foreach_options) && !anyDuplicated(names(options))
    if (!good) {
      must <- "a list with elements named \"seed\", \"schedule\", \"chunk_size\""
      unknown <- setdiff(names(options), foreach_options)
      shown <- if (length(unknown)) unknown[[1L]] else options
      stop_argument(".options.rustle", must, shown, call)
    }
  }
  merge <- function(inner, outer) { inner[names(outer)] <- outer; inner }
  options <- Reduce(merge, rev(given), list())
  if (!is.null(options$schedule)) {
    check_choice(options$schedule, schedules, ".options.rustle$schedule", call)
  }
  options["chunk_size"] <- list(
    check_count(options$chunk_size, ".options.rustle$chunk_size", null = TRUE, call = call)
  )
  options
}

policy_of_foreach <- function(options, plan) {
  policy <- policy_of_plan(plan)
  size <- options$chunk_size
  if (!is.null(size)) {
    policy$chunk <- size
    if (!policy$schedule %in% c("dynamic", "guided")) policy$schedule <- "dynamic"
  }
  if (!is.null(options$schedule)) policy$schedule <- options$schedule
  policy
}

# doRNG gives each task its seed as a variable, and the loop's expression sets it. When such
# tasks run in the session, its random state is put back afterwards, so that they leave no
# more behind than tasks on workers.
streams_of_foreach <- function(options, n, variables, call) {
  if (".doRNG.stream" %in% variables) {
    if (!is.null(options$seed) && !isFALSE(options$seed)) {
      stop_argument(".options.rustle$seed", "left out with %dorng%, which has its own", options$seed, call)
    }
    return(no_streams(after = random_state()))
  }
  seed <- if ("seed" %in% names(options)) options$seed else FALSE
  streams <- streams_of_future(seed, n, ".options.rustle$seed", call)
  streams$advice <- list(
    package = "foreach",
    cure = paste(
      "specify '.options.rustle = list(seed = TRUE)', or use '%dorng%' of the package",
      "'doRNG' in place of '%dopar%'"
    ),
    disable = "'.options.rustle = list(seed = NULL)'"
  )
  streams
}

# The loop's expression as a function of its variables.
foreach_body <- function(expr, variables, envir) {
  # The same loop, met again, has the same formals, by which the compiler knows its code (rs_code_key()).
  key <- paste(c("of", variables), collapse = " ")
  arguments <- formals_of_loops[[key]]
  if (is.null(arguments)) {
    arguments <- rep(list(quote(expr = )), length(variables))
    names(arguments) <- variables
    arguments <- as.pairlist(arguments)
    note_known(formals_of_loops, key, arguments)
  }
  eval(call("function", arguments, expr), envir)
}

# The formals of the functions that loops become, by their variables. Written there only.
formals_of_loops <- new.env(parent = emptyenv())

# The frame of the job: FUN and, for each variable, the list of its values.
foreach_frame <- function(FUN, tasks) {
  frame <- new.env(parent = baseenv())
  frame$FUN <- FUN
  variables <- names(formals(FUN))
  given <- names(tasks[[1L]])
  for (k in seq_along(variables)) {
    # When nested loops have variables of the same name, the outer one counts, as in foreach.
    frame[[column_name(k)]] <- lapply(tasks, `[[`, match(variables[[k]], given))
  }
  frame
}

column_name <- function(k) sprintf("variable_%d", k)

foreach_columns <- function(frame) {
  names <- column_name(seq_along(formals(frame$FUN)))
  stats::setNames(rep("elements", length(names)), names)
}

# FUN(variable_1[[i]], variable_2[[i]])
foreach_call <- function(frame) {
  values <- lapply(seq_along(formals(frame$FUN)), function(k) {
    call("[[", as.name(column_name(k)), quote(i))
  })
  as.call(c(list(quote(FUN)), values))
}

# The same loop as calls of one function for the elements of vectors, which may be compiled. Without a
# variable (times()) nothing is read.
machine_of_foreach <- function(body, frame, n) {
  count <- length(formals(body))
  if (count > 1L) {
    columns <- lapply(seq_len(count), function(k) frame[[column_name(k)]])
    return(several_frame(body, stats::setNames(columns, names(formals(body)))))
  }
  if (count == 1L) return(lapply_frame(frame[[column_name(1L)]], body))
  formals(body) <- as.pairlist(alist(... = ))
  lapply_frame(seq_len(n), body)
}

# `.errorhandling` of every loop in a nest.
error_handling <- function(obj) {
  c(
    obj$errorHandling,
    if (inherits(obj$e1, "foreach")) error_handling(obj$e1),
    if (inherits(obj$e2, "foreach")) error_handling(obj$e2)
  )
}

run_foreach <- function(job, plan, call) {
  tryCatch({
    outcome <- run_job(job, plan)
    values <- outcome$values
    # Errors as values are those that foreach itself would give.
    for (task in outcome$failed) values[[task]] <- without_trace(values[[task]])
    values
  }, error = function(e) {
    # Only errors of tasks have a field `task`; others come from us or from handlers.
    task <- if (is.list(e)) e[["task"]]
    if (is.null(task) || inherits(e, "RngFutureError")) stop(e)
    stop_foreach(e, task, call)
  })
}

stop_foreach <- function(error, task, call) {
  stop(structure(
    class = c("simpleError", "error", "condition"),
    list(
      message = sprintf("task %d failed - \"%s\"", task, conditionMessage(error)),
      call = call[[3L]], task = task, parent = error
    )
  ))
}

# foreach's own code combines the values. Its accumulators hide some errors, and keep no
# values after an error; here every error ends the loop and carries the values.
combine_values <- function(it, values) {
  with_values(values, {
    accumulate <- foreach::makeAccum(it)
    for (task in seq_along(values)) accumulate(values[task], task)
  })
}

with_values <- function(values, expr) {
  tryCatch(expr, error = function(e) {
    if (is.list(e)) e$values <- values
    stop(e)
  })
}

say_job <- function(job, plan) {
  cat(sprintf(
    "rustle: %d tasks on %d %s, schedule %s\n", job$n, plan$workers,
    ngettext(plan$workers, "worker", "workers"), job$policy$schedule
  ))
}
