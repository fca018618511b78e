# The short way of a repeated call. A function that has compiled and run is noted with all that its
# program rests on (src/rust/src/compiled/again.rs): a later call of it with other numbers, where
# nothing of that has changed, is run at the very beginning of the family's function, before any other
# code of ours. What there is to tell of it is made when somebody asks.

# On loading: where the notes of the last call are, which the next one must find empty.
open_again <- function() {
  inputs$call <- inputs$failure <- inputs$why <- reports$last <- last_compiled$fun <- last_compiled$told <- NULL
  unpack(rs_again_open(list(
    frames = list(inputs, inputs, inputs, reports, last_compiled, last_compiled),
    names = c("call", "failure", "why", "last", "fun", "told")
  )))
}

# The rest of a call that has begun the short way and takes longer: found is what rs_again() has
# returned. NULL where it has to go the long way after all.
rest_of_again <- function(found, X, simple) {
  over <- FALSE
  on.exit(if (!over) rs_again_leave(found))
  in_slices(function(state) list(value = NULL, state = if (!rs_again_step(found)) TRUE), note = function() NULL)
  over <- TRUE
  rs_again_end(found, X, simple)
}

# The shape that sapply() gives to values.
shape_again <- function(found) if (is.list(found)) simplify2array(found, higher = FALSE) else found

# A call whose tasks have streams of random numbers (future.seed = TRUE): the values, or NULL.
seeded_again <- function(FUN, X, call, simple) {
  if (!rs_again_knows(FUN, X)) return(NULL)
  streams <- streams_of_future(TRUE, length(X))
  if (streams$seed[[1L]] != 10407L) return(NULL)
  found <- rs_again(FUN, X, call, simple, NULL, streams$seed)
  if (is.null(found)) return(NULL)
  # The state moves, be it that the call is interrupted.
  moves <- TRUE
  on.exit(if (moves) restore_random_state(streams$after))
  if (typeof(found) == "externalptr") found <- rest_of_again(found, X, simple)
  moves <- !is.null(found)
  found
}

# A call of parLapply() or its like without a cluster, on the plan's workers: the values, or NULL. With
# L'Ecuyer-CMRG the random state would move.
cluster_again <- function(FUN, X, call, simple, schedule) {
  if (!rs_again_knows(FUN, X) || !is.null(parallel::getDefaultCluster()) || random_kinds()[[1L]] == "L'Ecuyer-CMRG") return(NULL)
  found <- rs_again(FUN, X, call, simple, schedule, NULL)
  if (typeof(found) == "externalptr") rest_of_again(found, X, simple) else found
}

# Options with which R warns of what is right all the same: nothing is compiled then.
warning_options <- c("check.bounds", "warnPartialMatchArgs", "warnPartialMatchDollar", "warnPartialMatchAttr")

# Options that a call reads on its long way, which must be as they were.
options_again <- c(
  "future.disposable", "future.globals.onReference", "rustle.timings", "rustle.memory", "rustle.report", "rustle.rerun",
  "rustle.progress", "rustle.debug", "digits", "OutDec", "matprod", warning_options
)

# Notes what was compiled for a job, of which every task has run on threads, `seconds` each.
note_again <- function(compiled, job, seconds) {
  if (!is_noted_job(compiled, job) || !is_noted_plan(in_force$plan)) return()
  frame <- job$frame
  fun <- frame$FUN
  closures <- lapply(compiled$from[[2L]], closure_again)
  home <- if (!isTRUE(in_force$late)) frame_of_stack()
  if (any(lengths(closures) == 0L) || is.null(home)) return()
  plan <- in_force$plan
  policy <- policy_of_plan(plan)
  frames <- list(in_force, checkpoints, checkpoints, previews, machine, machine, home)
  names <- c("plan", "at", "inside", "on", "bail", "eager", "stack")
  unpack(rs_again_note(fun, frame$X, list(
    program = compiled$program, draws = compiled$draws, rest = list(NULL, compiled$from), plan = plan, held = held_by_key(fun),
    closures = closures, tables = method_tables(),
    options = options_again, set = lapply(options_again, getOption),
    frames = frames, names = names, values = unname(Map(function(frame, name) frame[[name]], frames, names)),
    schedule = policy$schedule, chunk = as.double(policy$chunk), threads = as.double(plan$workers), seconds = seconds
  )))
}

# Would calls under this plan, and as things are, do nothing but run a program?
is_noted_plan <- function(plan) {
  settings <- plan$settings
  !is.null(plan) && can_look_at_bindings() && compiles(plan) && is.null(why_for_workers(list(globals = TRUE), plan)) && !plan$own_workers && is.null(settings$log) &&
    is.null(settings$checkpoint) && is.null(checkpoints$at) && !isTRUE(checkpoints$inside) && !isTRUE(previews$on) &&
    !isTRUE(machine$bail) && !wants_progress(plan) && !wants_timings() && wants_report() && !isFALSE(getOption("rustle.rerun")) &&
    !isTRUE(getOption("rustle.debug")) && is.null(getOption("future.disposable"))
}

# R 4.5 has no way that packages may use to see a binding as it is (rustle_bound() in entrypoint.c).
can_look_at_bindings <- function() {
  version <- getRversion()
  version < "4.5.0" || version >= "4.6.0"
}

# One function of each element of a vector of numbers, and of nothing else.
is_noted_job <- function(compiled, job) {
  frame <- job$frame
  matched <- compiled$from[[1L]]
  is.null(job$machine) && is.atomic(frame$X) && rs_again_wants(frame$FUN, frame$X, FALSE) && !compiled$solves && !length(matched$constants) &&
    identical(matched$item, names(formals(frame$FUN))[1L])
}

# What names mean in the code of a closure, from what read_closure() has found: its `own` functions of
# R, those `called` that stand at `places` in the list, and calls of `nothing`; `variables`, names that
# are `handed` on as functions, and `absent` ones. NULL where that is not all.
closure_again <- function(one) {
  values <- one$variables
  # Data frames have methods, and other code runs in place of R's own for stand-ins.
  if ("data.frame" %in% one$functions || any(names(one$calls) %in% names(stand_ins()))) return(NULL)
  if (length(one$reasons) || length(one$same) || !all(vapply(values, is_noted_value, NA))) return(NULL)
  handed <- one$free[!one$free %in% names(values)]
  asked <- setdiff(c(one$asked, handed), "function")
  own <- asked[asked %in% one$functions]
  called <- names(one$calls)
  nothing <- asked[!asked %in% c(own, called)]
  generics <- generics_called(own)
  known <- if (length(generics)) machine$methods
  # Of these R itself has methods for numbers, in the tables that are looked at.
  if (any(generics %in% known$base)) return(NULL)
  list(
    body = one$body, formals = one$kept, own = machine_homes()[own], called = as.character(called), places = as.double(unlist(one$calls)),
    nothing = nothing, variables = values, handed = handed[!handed %in% nothing], absent = handed[handed %in% nothing],
    defaults = if (length(generics)) stats::setNames(known$defaults[generics], paste0(generics, ".default")),
    methods = as.character(unlist(known$methods[generics]))
  )
}

is_noted_value <- function(x) {
  is.null(x) || typeof(x) %in% c("double", "integer", "logical") && (is.null(attributes(x)) || identical(names(attributes(x)), "dim"))
}

# Calls that have gone the short way are told of as others are: of the last one is kept what
# rerun_task(), job_report() and explain_compiled() ask for.
settle_again <- function() {
  last <- rs_again_last()
  if (is.null(last)) return(invisible())
  pass_again()
  begun <- last$told[[2L]]
  ended <- last$told[[3L]]
  plan <- last$plan
  n <- length(last$x)
  start <- .POSIXct(last$told[[4L]])
  policy <- if (is.null(last$schedule)) policy_of_plan(plan) else new_policy(last$schedule)
  streams <- no_streams(check = TRUE)
  if (!is.null(last$seed)) streams <- list(streams = "substream", seed = last$seed, after = NULL, check = FALSE)
  job <- new_job(
    lapply_call, list2env(list(X = last$x, FUN = last$fun), dots_frame()), n, policy, streams,
    relay = new_relay(TRUE, list(classes = "condition")), envir = globalenv(), label = "future_lapply-%d", origin = last$call
  )
  job$id <- inputs$id
  keep_call(job, plan, NULL, start, moved = FALSE)
  if (is.nan(ended)) return(invisible())
  told <- new_told(n)
  note_run(last$fun, told)
  seats <- seats_of_threads(job, plan, begun, ended)
  seats$peak[] <- last$told[[5L]]
  report <- new_report(job, plan, list(done = n, launched = begun, seats = seats))
  report$compiled <- told
  report[c("start", "end", "called", "ended", "job", "opening")] <- list(start, start + (ended - begun), begun, ended, job$id, 0)
  keep_report(report, counted = TRUE)
}

# They are over and not the last ones any more: they count, and nothing is kept of them.
pass_again <- function() {
  passed <- rs_again_drop()
  if (passed > 0) {
    count_calls(passed)
    count_reports(passed)
  }
}
