# Jobs on threads: the tasks of a function that compiles. R runs what is left over: tasks that
# were given up, and functions that do not compile, where the plan has them run: in this
# session, or on the workers of a plan that has some (compiled-workers.R).

# So many tasks are run first. When more than this share of them is given up, R runs all others;
# and all that are left as soon as it is the share of those that have ended.
probe_tasks <- 64L
probe_share <- 0.2

run_on_threads <- function(job, plan) {
  # As in run_sequential(): what they define may count for the function.
  for (package in job$packages) library(package, character.only = TRUE)
  run_compiled(job, plan, NULL)
}

# The way a plan runs its jobs: its executor's, or before it threads for what compiles.
run_of_plan <- function(plan) {
  run <- plan$executor$run
  # That of threads begins with run_compiled() itself.
  if (plan$executor$in_session || !compiles(plan)) return(run)
  function(job, plan) run_compiled(job, plan, run)
}

# rest: what runs the job where the machine does not; NULL: run_sequential().
run_compiled <- function(job, plan, rest) {
  setting <- compiled_setting(plan)
  if (setting == "never") return(run_interpreted(job, plan, rest, "the plan says so"))
  refused <- if (setting != "require") refused_before(job, plan)
  if (!is.null(refused)) return(run_interpreted(job, plan, rest, refused$why, refused$pace))
  begun <- rs_now()
  compiled <- compile_job(job, plan, setting)
  if (is.null(compiled$program)) {
    if (setting == "require") stop_not_compiled(compiled, frame_for_machine(job)[["FUN"]], job$origin)
    return(run_interpreted(job, plan, rest, compiled$why, compiled$pace))
  }
  given <- plan
  # A BLAS with threads of its own solves one equation after the other: several threads that wait
  # for it are slower than one.
  if (compiled$solves && rs_compiled_blas_waits()) plan$workers <- 1L
  launched <- rs_now()
  found <- run_on_machine(compiled, job, plan)
  stopped <- found$stopped
  slower <- found$slower
  ended <- rs_now()
  keep_what_ran(compiled, job, found)
  if (!is.null(job$finish)) {
    found <- job$finish(found)
    if (is.null(found)) {
      return(run_interpreted(job, given, rest, "its values are not as many numbers as the first one"))
    }
  }
  reasons <- found$reasons
  # What has not ended when the machine was stopped is R's, but was not given up.
  given_up <- reasons != "the end of the call"
  ran <- if (is.null(found$vector)) length(found$values) else length(found$vector)
  left <- c(found$bailed, if (ran < job$n) seq.int(ran + 1L, job$n))
  if (length(left) == job$n && !given$executor$in_session) {
    why <- if (stopped) "too many of the first tasks had to be run again by R" else "its tasks had to be run again by R"
    return(run_interpreted(job, given, rest, why))
  }
  told <- new_told(job$n - length(left), count_reasons(reasons[given_up]), stopped = stopped, slower = slower)
  # If the rest fails, explain_compiled() tells all the same what ran before.
  note_run(frame_for_machine(job)$FUN, told)
  outcome <- if (!length(left)) {
    outcome_of_machine(found, job)
  } else if (given$executor$in_session || may_stay(job, compiled) && are_quick(left, found$seconds, told$tasks)) {
    run_left(job, plan, found, left)
  } else {
    run_left_on_workers(job, given, rest, values_of_machine(found, job$n), left)
  }
  if (is.null(outcome)) return(run_interpreted(job, given, rest, "its values do not fit the template of the call"))
  outcome$report <- if (length(left) && outcome$report$executor != "sequential") {
    with_time_on_threads(outcome$report, launched)
  } else {
    new_report(job, plan, list(done = job$n, launched = launched, seats = seats_of_threads(job, plan, launched, ended)))
  }
  if (!length(left) && setting == "auto" && given$executor$in_session && is.null(job$compiled)) {
    note_turn_of_machine(compiled$key, frame_for_machine(job)$FUN, job$n, rs_now() - begun, found$seconds, compiled$from[[2L]])
  }
  outcome$report$compiled <- told
  outcome
}

# Runs the tasks: list(values, vector, bailed, reasons, as of rs_compiled_values(); seconds, ended, of all that
# have run; stopped, slower). `stopped`: so many were given up, or `slower`: R is so much faster, that R runs the
# rest, which is not among the values, or waits in them.
run_on_machine <- function(compiled, job, plan) {
  progress <- new_progress(job, min(plan$workers, job$n), plan)
  on.exit(progress$close())
  probe <- min(probe_tasks, job$n)
  tried <- tasks_of_trial(compiled, job, plan)
  stopped <- slower <- FALSE
  if (tried > 0L) {
    ran <- run_program(compiled, job, plan, 0L, tried, progress)
    slower <- compiled_setting(plan) != "require" && is_slower(ran, compiled, job)
  }
  if (!slower) {
    ran <- run_program(compiled, job, plan, tried, probe, progress)
    stopped <- ran$stopped || ran$given_up > probe_share * probe
  }
  if (!slower && !stopped && job$n > probe) {
    ran <- run_program(compiled, job, plan, probe, job$n, progress)
    stopped <- ran$stopped
  }
  progress$close(ran$ended)
  c(rs_compiled_values(compiled$program, !is.null(job$shape)), list(
    seconds = ran$seconds, ended = ran$ended, stopped = stopped, slower = slower
  ))
}

# What became of a job: `tasks` ran on threads, and `bailed` were given up there, for these `reasons`; `why` it was not
# compiled; see run_on_machine() for the others.
new_told <- function(tasks, reasons = no_reasons, why = NULL, stopped = FALSE, slower = FALSE) {
  list(tasks = tasks, bailed = sum(reasons), reasons = reasons, why = why, stopped = stopped, slower = slower)
}

# The same of a job that R runs as a whole: but for `why`.
told_of_r <- new_told(0L, integer(), why = "")

# pace: where it was too small for threads, the key under which that is known. The jobs that come here may take no
# time themselves, so neither may this: it does what frame_for_machine() and note_run() do.
run_interpreted <- function(job, plan, rest, why, pace = NULL) {
  told <- told_of_r
  told$why <- why
  frame <- if (is.null(job$machine)) job$frame else job$machine
  fun <- frame[["FUN"]]
  if (is.function(fun)) {
    last_compiled$fun <- fun
    last_compiled$told <- told
  }
  # new_report() has it from there.
  job$told <- told
  turn <- turn_of_r$now
  if (!is.null(turn)) turn_of_r$now <- NULL
  timed <- !is.null(turn) || !is.null(pace)
  if (timed) begun <- rs_now()
  outcome <- if (is.null(rest)) run_sequential(job, in_session(plan)) else rest(job, plan)
  if (timed) {
    seconds <- rs_now() - begun
    # What fails ends early.
    if (!is.null(turn) && !length(outcome$failed)) note_turn(turn, 2L, seconds)
    forget_slow(pace, seconds)
  }
  if (!is.null(outcome$report) && is.null(outcome$report$compiled)) outcome$report$compiled <- told
  outcome
}

# Notes for the next call of the same function what it has taken, and its program; or lets go of that
# and of the variables that it had.
keep_what_ran <- function(compiled, job, found) {
  if (!is.null(job$compiled)) return()
  frame <- frame_for_machine(job)
  done <- !length(found$bailed)
  seconds <- found$seconds / job$n
  if (done && !is.null(compiled$key)) keep_pace(compiled, frame, seconds)
  if (!keep_program(compiled$key, frame$FUN, compiled)) {
    close_compiled(compiled)
  } else if (done) {
    note_again(compiled, job, seconds)
  }
}

# The function and the elements as they were before a family has wrapped them, where it says so
# (`machine` of a job, a frame as lapply_frame() makes it): R runs the wrapped ones. `finish` of
# such a job makes of the machine's values those of the wrapped function; `compiled` is what was
# compiled of it before there was a job, to see if it can be.
frame_for_machine <- function(job) if (is.null(job$machine)) job$frame else job$machine

# A frame for calls FUN(columns[[1]][[i]], columns[[2]][[i]], ..., more) of vectors of one length, by
# the names of `columns`; NULL where the further arguments have names that the frame has itself.
several_frame <- function(FUN, columns, more = NULL) {
  if (any(c("X", "FUN") %in% names(more))) return(NULL)
  frame <- do.call(lapply_frame, c(list(columns, FUN), more), quote = TRUE)
  frame$several <- TRUE
  frame
}

# A program for a job, or why there is none; see compile_closure(). First what costs least to see: to
# leave a job to R is right for whatever reason. So are faults of the compiler (in tests they are faults).
compile_job <- function(job, plan, setting = compiled_setting(plan)) {
  seen <- look_at_call(job, plan, setting)
  if (is.null(seen$frame)) return(seen)
  if (isTRUE(machine$eager)) return(compile_call(seen, job, plan, setting))
  tryCatch(compile_call(seen, job, plan, setting), error = function(e) {
    if (is_time_limit(e)) stop(e)
    not_compiled(sprintf("a fault of the compiler, which please report (%s)", conditionMessage(e)))
  })
}

# The parts of the call that may be compiled: list(frame, several, columns, dots, key); or as not_compiled().
look_at_call <- function(job, plan, setting) {
  if (job$relay$unforced) return(not_compiled("an argument cannot be evaluated outside of the function"))
  frame <- if (is.null(job$machine)) job$frame else job$machine
  several <- isTRUE(frame$several)
  columns <- if (several) frame$X else list(frame$X)
  for (column in columns) {
    why <- unfit_elements(column)
    if (!is.null(why)) return(not_compiled(why))
  }
  # All else is about code.
  if (typeof(frame$FUN) != "closure") {
    why <- why_for_workers(job, plan)
    if (is.null(why)) why <- why_no_job(job)
    return(not_compiled(if (is.null(why)) why_no_closure else why))
  }
  dots <- frame_dots(frame)
  key <- key_of_call(frame$FUN, dots, if (several) names(columns))
  known <- setting != "require" && is.null(job$compiled)
  why <- if (known) verdict_of(frame$FUN, key, c(columns, dots))
  if (!is.null(why)) return(why)
  # Others were asked for before (refused_before()).
  why <- if (known && !is.null(key) && is.null(.Call(wrap__rs_call_key, frame))) why_quicker(key, job, plan, frame)
  if (!is.null(why)) return(why)
  why <- why_for_workers(job, plan)
  if (!is.null(why)) return(not_compiled(why))
  list(frame = frame, several = several, columns = columns, dots = dots, key = key)
}

compile_call <- function(seen, job, plan, setting) {
  fun <- seen$frame$FUN
  why <- why_no_job(job)
  if (is.null(why)) why <- why_at_once(fun, job, plan)
  if (!is.null(why)) return(not_compiled(why))
  # Known before there was a job.
  if (!is.null(job$compiled) && is.null(job$compiled$program)) return(job$compiled)
  if (setting != "require") {
    why <- too_small(seen$key, job, plan)
    if (!is.null(why)) return(why)
    why <- why_slower(seen$key, plan)
    if (!is.null(why)) return(not_compiled(why))
  }
  compiled <- compile_closure(fun, seen$frame$X, seen$dots, job$compiled, seen$several, seen$key)
  compiled$key <- seen$key
  if (is.null(compiled$program)) return(compiled)
  why <- why_blas_waits(compiled$products, plan)
  if (is.null(why) && compiled$draws) why <- why_no_draws(job)
  if (is.null(why)) return(compiled)
  # Of one that was compiled before there was a job somebody else takes care.
  if (is.null(job$compiled)) let_go(compiled, fun, seen$key)
  not_compiled(why)
}

# Why a job is not one of the machine, whatever its function is.
why_no_job <- function(job) {
  if (isTRUE(job$journal)) return("the call has a checkpoint")
  if (.Call(wrap__rs_set_options, warning_options)) for (option in warning_options) {
    if (isTRUE(getOption(option))) return(sprintf("with options(%s = TRUE) R warns of what threads do not see", option))
  }
  ours <- !is.null(job$machine) || identical(job$call, lapply_call) && identical(job$over, c(X = "elements"))
  if (!ours || !is.null(job$affinity)) return("only calls of one function for each element of one vector are compiled")
  if (is.list(job$globals) && length(job$globals)) return("the call gives globals of its own")
  NULL
}

# Runs the tasks after `from` up to `to`: list(ended, given_up, seconds, stopped), of these and all before. Where
# too many are given up the others are ended, which is `stopped`, and bail for the reason "the end of the call".
run_program <- function(compiled, job, plan, from, to, progress) {
  program <- compiled$program
  threads <- as.double(min(plan$workers, to - from))
  policy <- job$policy
  unpack(rs_compiled_begin(program, as.double(from), as.double(to), list(
    streams = job$streams$streams, seed = job$streams$seed,
    schedule = if (is.null(policy$ends)) policy$schedule else "dynamic",
    chunk = as.double(policy$chunk), threads = threads, bail = isTRUE(machine$bail), behind = from > 0L
  )))
  least <- min(probe_tasks, job$n)
  stopped <- in_slices(function(state) {
    if (unpack(rs_compiled_step(program, threads))) return(list(value = FALSE))
    counts <- unpack(rs_compiled_counts(program))
    progress$update(counts[[1L]], threads)
    if (counts[[2L]] <= probe_share * max(counts[[1L]], least)) return(list(value = NULL, state = TRUE))
    unpack(rs_compiled_stop(program))
    list(value = TRUE)
  }, note = function() NULL)
  counts <- unpack(rs_compiled_counts(program))
  list(ended = counts[[1L]], given_up = counts[[2L]], seconds = unpack(rs_compiled_seconds(program)), stopped = stopped)
}

# The outcome where every task is done; NULL where values do not fit the job's template, which
# R must then tell.
outcome_of_machine <- function(found, job) {
  template <- if (is.list(job$shape)) job$shape$template
  vector <- found$vector
  if (is.null(template)) return(new_outcome(found$values, vector = vector))
  if (typeof(template) == typeof(vector) && length(template) == 1L && is.null(attributes(template))) {
    return(new_outcome(NULL, vector = vector, first = vector[[1L]]))
  }
  values <- values_of_machine(found)
  if (fit_template(values, template)) new_outcome(values)
}

# n: the length of the list.
values_of_machine <- function(found, n = NULL) {
  values <- if (is.null(found$vector)) found$values else as.list(found$vector)
  if (!is.null(n)) length(values) <- n
  values
}

fit_template <- function(values, template) {
  is.null(template) || all(vapply(values, function(value) {
    typeof(value) == typeof(template) && length(value) == length(template)
  }, NA))
}

# Tasks `left`, which are all but those that `found` has values of, in this session.
run_left <- function(job, plan, found, left) {
  values <- values_of_machine(found, job$n)
  template <- if (is.list(job$shape)) job$shape$template
  if (!fit_template(values[-left], template)) return(NULL)
  job$policy$order <- sort(left)
  run_sequential(job, in_session(plan), values)
}

no_reasons <- integer()

# How many tasks were given up for each reason, the most frequent first.
count_reasons <- function(reasons) {
  kinds <- unique(reasons)
  counts <- tabulate(match(reasons, kinds), length(kinds))
  names(counts) <- kinds
  if (length(counts) > 1L) counts[order(counts, decreasing = TRUE)] else counts
}

# What rs_job_report() says of workers, of threads.
seats_of_threads <- function(job, plan, launched, ended) {
  n <- min(plan$workers, job$n)
  each <- function(x) rep(x, n)
  list(
    starting = each(0), first = each(0), claims = each(0), tasks = each(ended - launched), moving = each(0), lost = each(0),
    mark = each(ended), peak = each(rs_peak_memory()), base = each(NA_real_)
  )
}

# The record of the last function that went through here, and what became of its tasks. Written
# here only: `fun`, `told`.
last_compiled <- new.env(parent = emptyenv())

note_run <- function(fun, told) {
  last_compiled$fun <- fun
  last_compiled$told <- told
}

# Most functions do not compile: where that is nothing that was asked for, it is no news.
compiled_of_report <- function(x) {
  quiet <- !is.null(x$compiled$why) && x$plan %in% c("multicore", "multisession")
  if (!is.null(x$compiled) && !quiet) cat(wrapped(describe_run(x$compiled)))
}

# What ran where, in a sentence or two.
describe_run <- function(told) {
  if (!is.null(told$why)) return(sprintf("Not compiled: %s.", told$why))
  if (told$slower) return(sprintf("Compiled: %.0f tasks ran on threads; R, which was faster, ran all others.", told$tasks))
  if (!told$bailed) return(sprintf("Compiled: all %.0f tasks ran on threads.", told$tasks))
  sprintf(
    "Compiled: %.0f tasks ran on threads, %.0f had to be run again by R (%s)%s.", told$tasks, told$bailed,
    paste0(names(told$reasons), ": ", told$reasons, collapse = "; "),
    if (told$stopped) "; as these were too many of the first ones, R ran all others, too" else ""
  )
}

stop_not_compiled <- function(compiled, fun, origin) {
  abort_rustle(
    sprintf("The function cannot be compiled: %s.", compiled$why), "rustle_error_not_compiled",
    why = compiled$why, expression = expression_at(fun, compiled$path), call = origin
  )
}
