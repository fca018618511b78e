# Jobs on threads: the tasks of a function that compiles. R runs what is left over: tasks that
# were given up in this session, functions that do not compile where the plan has them run: in this
# session, or on the workers of a plan that has asked for threads by its setting `compiled`.

# So many tasks are run first. When more than this share of them is given up, R runs all others.
probe_tasks <- 64L
probe_share <- 0.2

run_on_threads <- function(job, plan) {
  # As in run_sequential(): what they define may count for the function.
  for (package in job$packages) library(package, character.only = TRUE)
  run_compiled(job, plan, function(job, plan) run_sequential(job, in_session(plan)))
}

# The way a plan runs its jobs: its executor's, or before it threads for what compiles.
run_of_plan <- function(plan) {
  run <- plan$executor$run
  if (!plan$executor$name %in% c("multicore", "multisession") || is.null(plan$settings$compiled)) return(run)
  function(job, plan) run_compiled(job, plan, run)
}

# rest: what runs the job where the machine does not.
run_compiled <- function(job, plan, rest) {
  setting <- plan$settings$compiled
  compiled <- if (identical(setting, "never")) not_compiled("the plan says so") else compile_job(job, plan)
  if (is.null(compiled$program)) {
    if (identical(setting, "require")) stop_not_compiled(compiled, job)
    return(run_interpreted(job, plan, rest, compiled$why, compiled$pace))
  }
  given <- plan
  # A BLAS with threads of its own solves one equation after the other: several threads that wait
  # for it are slower than one.
  if (compiled$solves && rs_compiled_blas_waits()) plan$workers <- 1L
  launched <- rs_now()
  first <- run_program(compiled, job, plan, 0L, min(probe_tasks, job$n))
  found <- list(first)
  stopped <- length(first$bailed) > probe_share * min(probe_tasks, job$n)
  if (!stopped && job$n > probe_tasks) found[[2L]] <- run_program(compiled, job, plan, probe_tasks, job$n)
  ended <- rs_now()
  keep_what_ran(compiled, job, found)
  # Workers run all of it: they are many, and know no part of a job.
  alone <- isTRUE(job$isolated) && any(lengths(lapply(found, `[[`, "bailed")) > 0L)
  if (alone || stopped && !plan$executor$in_session) {
    why <- if (stopped) "too many of the first tasks had to be run again by R" else "tasks had to be run again by R, which here are forked"
    return(run_interpreted(job, given, rest, why))
  }
  if (!is.null(job$finish)) {
    found <- lapply(found, job$finish)
    if (any(vapply(found, is.null, NA))) {
      return(run_interpreted(job, given, rest, "its values are not as many numbers as the first one"))
    }
  }
  bailed <- unlist(lapply(found, `[[`, "bailed"))
  reasons <- unlist(lapply(found, `[[`, "reasons"))
  left <- c(bailed, if (stopped && job$n > probe_tasks) seq.int(probe_tasks + 1L, job$n))
  told <- list(
    tasks = job$n - length(left), bailed = length(bailed), reasons = count_reasons(reasons), why = NULL,
    stopped = stopped
  )
  # If the rest fails, explain_compiled() tells all the same what ran before.
  note_run(frame_for_machine(job)$FUN, told)
  outcome <- if (length(left)) run_left(job, plan, found, left) else outcome_of_parts(found, job)
  if (is.null(outcome)) return(run_interpreted(job, given, rest, "its values do not fit the template of the call"))
  report <- new_report(job, plan, list(done = job$n, launched = launched, seats = seats_of_threads(job, plan, launched, ended)))
  report$compiled <- told
  outcome$report <- report
  outcome
}

# pace: where it was too small for threads, the key under which that is known.
run_interpreted <- function(job, plan, rest, why, pace = NULL) {
  told <- list(tasks = 0L, bailed = 0L, reasons = no_reasons, why = why, stopped = FALSE)
  fun <- frame_for_machine(job)[["FUN"]]
  if (is.function(fun)) note_run(fun, told)
  begun <- if (!is.null(pace)) rs_now()
  outcome <- rest(job, plan)
  if (!is.null(pace)) forget_slow(pace, rs_now() - begun)
  if (!is.null(outcome$report)) outcome$report$compiled <- told
  outcome
}

# Notes for the next call of the same function what it has taken, and its program.
keep_what_ran <- function(compiled, job, found) {
  if (is.null(compiled$key) || !is.null(job$compiled)) return()
  frame <- frame_for_machine(job)
  seconds <- sum(vapply(found, `[[`, 0, "seconds"))
  done <- all(lengths(lapply(found, `[[`, "bailed")) == 0L)
  if (done) keep_pace(compiled$key, frame, seconds / job$n)
  if (keep_program(compiled$key, frame$FUN, compiled) && done) note_again(compiled, job, seconds / job$n)
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

# Does a plan run what compiles on threads?
compiles <- function(plan) {
  setting <- plan$settings$compiled
  if (plan$executor$name == "threads") !identical(setting, "never") else setting %in% c("auto", "require")
}

# A program for a job, or why there is none; see compile_closure().
compile_job <- function(job, plan) {
  if (!plan$executor$in_session && (is.finite(plan$settings$timeout) || !is.null(plan$settings$log))) {
    return(not_compiled("the plan has a timeout or a log, which are for workers"))
  }
  ours <- !is.null(job$machine) || identical(job$call, lapply_call) && identical(job$over, c(X = "elements"))
  if (!ours || !is.null(job$affinity)) return(not_compiled("only calls of one function for each element of one vector are compiled"))
  if (is.list(job$globals) && length(job$globals)) return(not_compiled("the call gives globals of its own"))
  if (job$relay$unforced) return(not_compiled("an argument cannot be evaluated outside of the function"))
  frame <- frame_for_machine(job)
  several <- isTRUE(frame$several)
  dots <- frame_dots(frame)
  key <- key_of_call(frame$FUN, dots, if (several) names(frame$X))
  if (!identical(plan$settings$compiled, "require")) {
    why <- verdict_of(frame$FUN, key)
    if (is.null(why)) why <- too_small(key, job, plan)
    if (!is.null(why)) return(why)
  }
  compiled <- compile_closure(frame$FUN, frame$X, dots, job$compiled, several, key)
  compiled$key <- key
  if (is.null(compiled$program) || !compiled$draws) return(compiled)
  streams <- job$streams
  if (job$shares) return(not_compiled("it draws random numbers, and tasks of one worker share a stream"))
  if (!streams$streams %in% c("substream", "stream")) {
    return(not_compiled("it draws random numbers, and the tasks have no streams (`future.seed = TRUE` gives them some)"))
  }
  if (streams$seed[[1L]] != 10407L) return(not_compiled("the kinds of random numbers are not R's defaults"))
  compiled
}

# Runs the tasks after `from` up to `to`.
run_program <- function(compiled, job, plan, from, to) {
  program <- compiled$program
  threads <- as.double(min(plan$workers, to - from))
  policy <- job$policy
  unpack(rs_compiled_begin(program, as.double(from), as.double(to), list(
    streams = job$streams$streams, seed = job$streams$seed,
    schedule = if (is.null(policy$ends)) policy$schedule else "dynamic",
    chunk = as.double(policy$chunk), threads = threads, bail = isTRUE(machine$bail)
  )))
  in_slices(function(state) {
    done <- unpack(rs_compiled_step(program, threads))
    list(value = NULL, state = if (!done) TRUE)
  }, note = function() NULL)
  c(rs_compiled_values(program, !is.null(job$shape)), list(seconds = unpack(rs_compiled_seconds(program))))
}

# The outcome where every task is done; NULL where values do not fit the job's template, which
# R must then tell.
outcome_of_parts <- function(found, job) {
  template <- if (is.list(job$shape)) job$shape$template
  if (length(found) == 1L && is.null(template)) {
    return(new_outcome(found[[1L]]$values, vector = found[[1L]]$vector))
  }
  vectors <- lapply(found, `[[`, "vector")
  whole <- !any(vapply(vectors, is.null, NA)) && length(unique(vapply(vectors, typeof, ""))) == 1L
  if (whole && is.null(template)) return(new_outcome(NULL, vector = unlist(vectors)))
  if (whole && typeof(template) == typeof(vectors[[1L]]) && length(template) == 1L && is.null(attributes(template))) {
    return(new_outcome(NULL, vector = unlist(vectors), first = vectors[[1L]][[1L]]))
  }
  values <- values_of_parts(found)
  if (fit_template(values, template)) new_outcome(values)
}

values_of_parts <- function(found) {
  do.call(c, lapply(found, function(part) if (is.null(part$vector)) part$values else as.list(part$vector)))
}

fit_template <- function(values, template) {
  is.null(template) || all(vapply(values, function(value) {
    typeof(value) == typeof(template) && length(value) == length(template)
  }, NA))
}

# Tasks `left`, which are all but those that `found` has values of, in this session.
run_left <- function(job, plan, found, left) {
  values <- values_of_parts(found)
  length(values) <- job$n
  template <- if (is.list(job$shape)) job$shape$template
  if (!fit_template(values[-left], template)) return(NULL)
  job$policy$order <- left
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

compiled_of_report <- function(x) {
  if (!is.null(x$compiled)) cat(wrapped(describe_run(x$compiled)))
}

# What ran where, in a sentence or two.
describe_run <- function(told) {
  if (!is.null(told$why)) return(sprintf("Not compiled: %s.", told$why))
  if (!told$bailed) return(sprintf("Compiled: all %.0f tasks ran on threads.", told$tasks))
  sprintf(
    "Compiled: %.0f tasks ran on threads, %.0f had to be run again by R (%s)%s.", told$tasks, told$bailed,
    paste0(names(told$reasons), ": ", told$reasons, collapse = "; "),
    if (told$stopped) "; as these were too many of the first ones, R ran all others, too" else ""
  )
}

stop_not_compiled <- function(compiled, job) {
  abort_rustle(
    sprintf("The function cannot be compiled: %s.", compiled$why), "rustle_error_not_compiled",
    why = compiled$why, expression = expression_at(frame_for_machine(job)[["FUN"]], compiled$path), call = job$origin
  )
}
