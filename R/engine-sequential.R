# Tasks in this process, in order: what every other executor is compared with.
# Output and conditions are not captured, for there is nobody to relay them to;
# those that the caller does not want are dropped.

# values: those of tasks that are done; the order of the policy then has the other tasks.
run_sequential <- function(job, plan, values = vector("list", job$n)) {
  for (package in job$packages) library(package, character.only = TRUE)
  before <- get_random_seed()
  call <- job$call
  forced <- job$forced
  failed <- integer()
  if (job$on_error == "keep") {
    note <- function(e) recorder$trace <- calls_here(job$relay, e, sys.nframe())
    keep <- function(value) {
      tryCatch(withCallingHandlers(value, error = note), error = function(e) {
        failed <<- c(failed, job$frame[["i"]][[1L]])
        with_trace(e, take_noted("trace"))
      })
    }
    call <- as.call(list(keep, forced_call(job)))
    forced <- 0L
  }
  progress <- new_progress(job, 1L, plan)
  if (wants_progress(plan)) {
    on.exit(progress$close())
    done <- 0
    tick <- function(value) {
      force(value)
      done <<- done + 1
      progress$update(done, 1L)
      value
    }
    call <- as.call(list(tick, if (forced > 0L) forced_call(job) else call))
    forced <- 0L
  }
  here <- unpack(rs_here_open(list(
    streams = if (job$streams$streams == "clear") "keep" else job$streams$streams,
    seed = job$streams$seed, shape = shape_spec(job$shape), forced = as.double(forced),
    spans = wanted_spans(), memory = wants_memory()
  )))
  evaluate <- function() {
    with_next_level(plan, rs_run_here(call, job$frame, values, job$policy$order, here, job_check(job)))
  }
  launched <- rs_now()
  memory <- rs_peak_memory()
  relaying(job$relay, with_globals(job$globals, withCallingHandlers(evaluate(), error = function(e) {
    # A calling handler: traceback(), recover() and browser() see the task's frames.
    raise_of_task(with_trace(e, calls_here(job$relay, e, sys.nframe())), job$frame[["i"]][[1L]], job)
  })))
  progress$close(job$n)
  if (job$streams$check && !identical(before, get_random_seed())) warn_rng_misuse(job, 1L)
  counted <- rs_here_report(here)
  report <- new_report(job, plan, list(
    done = job$n, launched = launched, spans = counted$spans,
    seats = seat_of_session(launched, rs_now(), counted$busy, memory)
  ))
  new_outcome(values, if (length(failed)) sort(failed) else failed, report = report)
}

# What rs_job_report() says of workers, of tasks that ran in this session. The most memory is
# that of its whole life.
seat_of_session <- function(launched, ended, busy, memory) {
  list(
    starting = 0, first = 0, claims = max(0, ended - launched - busy), tasks = busy, moving = 0, lost = 0,
    mark = ended, peak = rs_peak_memory(), base = memory
  )
}
